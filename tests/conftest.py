"""A scratch book for each test: a folder with a table of contents and notebooks of its own."""

import json
import warnings

import numpy as np
import pytest
from book.chapters import Book


@pytest.fixture
def quiet():
    """PyTorch warns of what is deprecated there, NumPy of NaN: neither is what is tested here."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        yield


class Scratch:
    """A book in a folder, written by a test."""

    def __init__(self, root):
        self.root = root
        (root / "chapters").mkdir(exist_ok=True)

    def chapter(self, number, *cells, part="1-a"):
        """Write a notebook of code cells (Markdown, if they begin with #) and list it."""
        path = self.root / "chapters" / part / f"{number}-a.ipynb"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(notebook(cells)))
        return self.toc()

    def toc(self, extra=()):
        files = sorted((self.root / "chapters").glob("*/*.ipynb"))
        names = [str(file.relative_to(self.root).with_suffix("")) for file in files]
        lines = ["format: jb-book", "root: index", "parts:", "  - caption: A", "    chapters:"]
        lines += [f"      - file: {name}" for name in [*names, *extra]]
        (self.root / "_toc.yml").write_text("\n".join(lines))
        return self

    @property
    def book(self):
        return Book(self.root)


def notebook(cells):
    made = []
    for index, source in enumerate(cells):
        if source.startswith("# "):
            cell = {"cell_type": "markdown", "metadata": {}, "source": source}
            made.append(cell | {"id": f"c{index}"})
        else:
            cell = {"cell_type": "code", "metadata": {}, "source": source, "outputs": []}
            made.append(cell | {"execution_count": index + 1, "id": f"c{index}"})
    return {"cells": made, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}


@pytest.fixture
def scratch(tmp_path):
    return Scratch(tmp_path)
