"""Run chapters and store their outputs."""

import base64
import hashlib
import os
import re
import tempfile
from pathlib import Path

from book import BookError
from book.chapters import Chapter
from book.snapshot import write_file

ONE_THREAD = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL")}
ADDRESS = re.compile(r"0x[0-9a-f]{6,}")  # where an object lies in memory
SETUP = """\
import sys

if "google.colab" in sys.modules:  # Colab opens the notebook alone: fetch the book around it
    ![ -d /content/book-repository ] || git clone -q --depth 1 {url} /content/book-repository
    sys.path.insert(0, "/content/book-repository")
%load_ext book
%chapter {number}"""


def setup_cell(number: str, url: str) -> str:
    """The first code cell of a chapter, the same in all but its number."""
    return SETUP.format(number=number, url=url)


def run_chapter(chapter: Chapter) -> int:
    """Execute a chapter top to bottom and store its outputs; return the number of cells.

    Raises BookError, with the stored notebook as it was, if a cell fails.
    """
    import nbformat
    from nbclient import NotebookClient
    from nbclient.exceptions import CellControlSignal, DeadKernelError

    os.environ.update(ONE_THREAD)
    notebook = nbformat.from_dict(_tidy(chapter.notebook))
    with tempfile.TemporaryDirectory(prefix="chapter-") as folder:
        quiet = ["--log-level=ERROR"]
        client = NotebookClient(notebook, timeout=600, kernel_name="python3", extra_arguments=quiet)
        try:
            client.execute(cwd=folder)
        except (CellControlSignal, DeadKernelError) as error:
            text = re.sub(r"\x1b\[[0-9;]*m", "", str(error))
            raise BookError(f"chapter {chapter.number} stops with an error\n{text}") from None
    _join_streams(notebook)
    write_file(chapter.path, nbformat.writes(_tidy(notebook)) + "\n")
    _store_opening(Chapter(chapter.number, chapter.path))
    return len(notebook.cells)


def _tidy(notebook: dict) -> dict:
    """Keep what matters: names by content, no trace of the machine, answers folded away."""
    seen: dict[str, int] = {}
    for cell in notebook["cells"]:
        cell["source"] = source = "".join(cell["source"])
        key = hashlib.sha256(source.encode()).hexdigest()[:8]
        seen[key] = seen.get(key, 0) + 1
        cell["id"] = f"{key}-{seen[key]}"
        kept = {"tags": cell["metadata"].get("tags", [])}
        if source.startswith("#| answer") or "hide-input" in kept["tags"]:
            kept["jupyter"] = {"source_hidden": True}
        cell["metadata"] = {name: value for name, value in kept.items() if value}
        if cell["cell_type"] == "code":
            cell.setdefault("outputs", [])
            cell.setdefault("execution_count", None)
        for output in cell.get("outputs", []):
            output.get("metadata", {}).clear()
            if plain := output.get("data", {}).get("text/plain"):
                output["data"]["text/plain"] = ADDRESS.sub("0x...", "".join(plain))
    notebook["metadata"] = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    notebook["nbformat"], notebook["nbformat_minor"] = 4, 5
    return notebook


def _join_streams(notebook: dict) -> None:
    """What a cell prints is one output; progress bars (on stderr) are not stored."""
    for cell in notebook["cells"]:
        if cell["cell_type"] != "code":
            continue
        outputs = []
        for output in stored(cell["outputs"]):
            if output["output_type"] == "stream" and outputs and "text" in outputs[-1]:
                outputs[-1]["text"] += output["text"]
                continue
            outputs.append(output)
        cell["outputs"] = outputs


def stored(outputs: list) -> list:
    """What is kept of a cell's outputs: not its progress bars, which go to stderr."""
    return [output for output in outputs if output.get("name") != "stderr"]


def opening_picture(chapter: Chapter) -> tuple[Path, bytes] | None:
    """The file of the picture at a chapter's top, and the output it is to be the same as."""
    for cell in chapter.cells:
        if "opening" not in cell.tags:
            continue
        folder = chapter.path.parent / "images"
        for kind, decode in (("image/png", base64.b64decode), ("image/svg", str.encode)):
            for data in cell.mime(kind):
                suffix = "png" if kind == "image/png" else "svg"
                return folder / f"{chapter.number}.{suffix}", decode("".join(data))
    return None


def _store_opening(chapter: Chapter) -> None:
    if found := opening_picture(chapter):
        path, data = found
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
