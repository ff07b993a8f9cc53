"""The second part of `make bench`: how long snapshots of a made book take.

The chapters are of the book's own kind: modules with constants, functions, imports, and
classes that are opened again. Times are the least of five runs in this process.
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from book.chapters import Book
from book.snapshot import after, write

CELL = '''#| export part{module}.module{module}
import math

from .helpers import helper_{index}

SCALE_{index} = 0.5  # a constant


class Layer:
    """A layer, opened again and again."""

    def method_{chapter}_{index}(self, x):
        # why this is here
        return SCALE_{index} * math.exp(x) + helper_{index}(x)


def function_{chapter}_{index}(x, *, scale=1.0):
    """Return x, scaled."""
    total = 0.0
    for value in range(3):
        total += value * scale * x
    return total
'''


def made_book(root: Path, chapters: int, cells: int) -> Book:
    """Write a book of so many chapters with so many export cells each."""
    names = []
    for n in range(chapters):
        sources = [CELL.format(module=i % 10, chapter=n, index=i) for i in range(cells)]
        made = [
            {"cell_type": "code", "id": f"c{i}", "metadata": {}, "outputs": [], "source": s}
            | {"execution_count": i + 1}
            for i, s in enumerate(sources)
        ]
        notebook = {"cells": made, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
        path = root / "chapters" / "1-made" / f"1.{n + 1}-made.ipynb"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(notebook, indent=1))
        names.append(f"- file: chapters/1-made/{path.stem}")
    (root / "_toc.yml").write_text("format: jb-book\nchapters:\n" + "\n".join(names))
    return Book(root)


def least(function, runs=5) -> float:
    """The least time of some runs, in seconds."""
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return min(times)


def snapshot(root: Path) -> None:
    with tempfile.TemporaryDirectory() as target:
        write(after(Book(root)).files(), Path(target))


def main():
    for chapters in (15, 30, 60):
        with tempfile.TemporaryDirectory() as folder:
            made_book(Path(folder), chapters, 40)
            seconds = least(lambda: snapshot(Path(folder)))
            print(
                f"{chapters} chapters, {40 * chapters} export cells: last snapshot in "
                f"{seconds:.2f} s, {1000 * seconds / chapters:.1f} ms a chapter"
            )
    load = "import time; t = time.perf_counter(); shell.run_cell('%load_ext book'); "
    script = (
        "from IPython.core.interactiveshell import InteractiveShell; shell = InteractiveShell(); "
        + load
        + "shell.run_cell('%chapter 2.2'); print(time.perf_counter() - t)"
    )
    run = [sys.executable, "-c", script]
    times = [float(subprocess.check_output(run, text=True).split()[-1]) for _ in range(5)]
    print(f"%load_ext book and %chapter 2.2: {min(times):.3f} s")


if __name__ == "__main__":
    main()
