"""A new chapter: everything that it must have, to be filled in."""

import re
from pathlib import Path

from book import BookError
from book.chapters import FILE_NAME, Book
from book.execute import setup_cell
from book.snapshot import write_file

CELLS = [
    (
        "markdown",
        """\
# {number} {title}

**Question.** What does this chapter answer?

**You will have** what, at the end?

![What the picture shows](images/{number}.png)

**Builds on** links to the chapters before. **Runs in** about ... s.""",
    ),
    ("setup", ""),
    (
        "markdown",
        "## A first step\n\nAn idea, the few lines that are it, and at once something to see.",
    ),
    ("code", '#| export example\ndef example():\n    """Say what it gives."""\n    return 42'),
    ("code", "example()"),
    ("markdown", "### The same in PyTorch\n\n```python\nimport torch\n```"),
    ("markdown", "## Exercises\n\n### Exercise 1: ..."),
    ("code", "#| exercise 1\nvalue = ...  # your code here"),
    ("code", '#| check 1\nassert value == 42, "value is 42: say where to look"'),
    ("code", "#| answer 1\nvalue = 42"),
    ("markdown", "## Summary\n\nOne paragraph."),
    ("markdown", "## Next\n\nOne paragraph."),
    ("markdown", "## References\n\n- Authors (year), *Title*."),
]


def new_chapter(book: Book, part: str, title: str) -> Path:
    """Write a chapter from the template and list it in ``_toc.yml``; return its path.

    Raises BookError if ``part`` is not named like 2-networks or the title has no letters.
    """
    import nbformat
    from nbformat import v4

    match = re.fullmatch(r"(\d+)-[a-z0-9-]+", part)
    slug = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")
    if not match or not slug:
        raise BookError(f'name a part like 2-networks and a title like "Tensors", not {part!r}')
    pairs = [n.rstrip("abcdefghijklmnopqrstuvwxyz").split(".") for n in book.numbers]
    taken = [int(chapter) for part_number, chapter in pairs if part_number == match[1]]
    number = f"{match[1]}.{max(taken, default=0) + 1}"
    path = book.root / "chapters" / part / f"{number}-{slug}.ipynb"
    assert FILE_NAME.fullmatch(path.stem)
    setup = setup_cell(number, book.address)
    makers = {"markdown": v4.new_markdown_cell, "code": v4.new_code_cell}
    cells = [
        v4.new_code_cell(setup)
        if kind == "setup"
        else makers[kind](text.replace("{number}", number).replace("{title}", title))
        for kind, text in CELLS
    ]
    toc = _listed(book.root / "_toc.yml", part, f"chapters/{part}/{path.stem}", title)
    write_file(path, nbformat.writes(v4.new_notebook(cells=cells)) + "\n")
    write_file(book.root / "_toc.yml", toc)
    return path


def _listed(toc: Path, part: str, file: str, title: str) -> str:
    """The table of contents with one more line, behind the last chapter of the part."""
    lines = toc.read_text(encoding="utf-8").splitlines()
    last = [i for i, line in enumerate(lines) if f"file: chapters/{part}/" in line]
    if last:
        indent = lines[last[-1]].partition("-")[0]
        lines.insert(last[-1] + 1, f"{indent}- file: {file}")
    else:
        end = [i for i, line in enumerate(lines) if "file: chapters/" in line]
        number, _, name = part.partition("-")
        caption = f'  - caption: "Part {number}. {name.capitalize().replace("-", " ")}"'
        at = end[-1] + 1 if end else len(lines)
        lines[at:at] = [caption, "    chapters:", f"      - file: {file}"]
    return "\n".join(lines) + "\n"
