"""What a chapter must have, and what of it is missing: named by chapter and cell."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from urllib.parse import unquote

from book import ROOT, BookError
from book.chapters import Book, Cell, Chapter
from book.execute import opening_picture, setup_cell
from book.snapshot import PACKAGE, Package, after, diff

LONGEST_EXPORT = 25
FEWEST_EXERCISES = 3
OPENING = ("**Question.**", "**You will have**", "**Builds on**", "**Runs in**", "![")
IN_PYTORCH = "### The same in PyTorch"
CLOSING = ("## Exercises", "## Summary", "## Next", "## References")
FENCED = re.compile(r"^(```|~~~).*?^\1|`[^`\n]*`", re.S | re.M)
LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^()\s]+(?:\([^()]*\))?[^()\s]*)\)")


def check(book: Book, chapters: list[Chapter]) -> list[str]:
    """Return the findings, a line each, in the order of the book."""
    findings = [*_package(book), *_readme(book)]
    package = Package()
    for chapter in book.chapters:
        unused = list(_exports(chapter, package))  # grows the package, chapter by chapter
        if chapter in chapters:
            for part in (_opening, _cells, _exercises, _pictures, _links, _in_pytorch, _closing):
                findings += part(chapter)
            findings += [*_setup(chapter, book), *unused]
    return findings


def _package(book: Book) -> Iterator[str]:
    files = (ROOT / PACKAGE).rglob("*.py")
    now = {str(file.relative_to(ROOT).as_posix()): file.read_text("utf-8") for file in files}
    for line in diff(now, after(book).files()).splitlines():
        if line.startswith(("--- ", "new file")):
            name = line.split()[-1]
            yield f"{PACKAGE}/ is out of date ({name}): run `python -m book write`"


def _readme(book: Book) -> Iterator[str]:
    text = (ROOT / "README.md").read_text("utf-8")
    for chapter in book.chapters:
        notebook = chapter.path.relative_to(ROOT).as_posix()
        page = pages_address(book) + notebook.replace(".ipynb", ".html")
        for link in (notebook, page):
            if f"]({link})" not in text:
                yield f"README.md: the table of chapters lacks a link to {link}"


def pages_address(book: Book) -> str:
    """Where GitHub Pages publishes the book of this repository."""
    owner, name = book.address.rstrip("/").split("/")[-2:]
    return f"https://{owner}.github.io/{name}/"


def _opening(chapter: Chapter) -> Iterator[str]:
    if not chapter.cells:
        yield f"chapter {chapter.number}: there are no cells"
        return
    first = chapter.cells[0]
    if not first.source.startswith(f"# {chapter.number} "):
        yield f"{first.where}: begin with the title, `# {chapter.number} ...`"
    for part in OPENING:
        if part not in first.source:
            name = "a picture of the result" if part == "![" else part
            yield f"{first.where}: the opening lacks {name}"
    if not (found := opening_picture(chapter)):
        yield f"chapter {chapter.number}: no cell with a picture has the tag `opening`"
    elif not found[0].is_file() or found[0].read_bytes() != found[1]:
        yield f"chapter {chapter.number}: {found[0].name} is not what its cell shows: `run` it"


def _in_pytorch(chapter: Chapter) -> Iterator[str]:
    if chapter.number.startswith("1."):
        return  # part 1 has nothing to compare yet
    notes = list(pytorch_notes(chapter))
    if not notes:
        yield f"chapter {chapter.number}: there is no `{IN_PYTORCH}` with a block of Python"
    elif not any("assert" in note for note in notes):
        yield f"chapter {chapter.number}: `{IN_PYTORCH}` asserts nothing"


def pytorch_notes(chapter: Chapter) -> Iterator[str]:
    """The code under `### The same in PyTorch`, which a test runs with PyTorch."""
    for cell in chapter.cells:
        if cell.kind == "markdown" and IN_PYTORCH in cell.source:
            note = cell.source.partition(IN_PYTORCH)[2]
            yield from re.findall(r"^```python\n(.*?)^```", note, re.S | re.M)


def _closing(chapter: Chapter) -> Iterator[str]:
    texts = [cell for cell in chapter.cells if cell.kind == "markdown"]
    lines = {line.strip(): cell for cell in texts for line in cell.source.splitlines()}
    for heading in CLOSING:
        if heading not in lines:
            yield f"chapter {chapter.number}: there is no `{heading}`"
    if "## References" in lines:
        yield from _references(lines["## References"])


def _references(cell: Cell) -> Iterator[str]:
    known = _plain((ROOT / "book" / "front" / "references.bib").read_text("utf-8"))
    for line in re.findall(r"^[-*] .*(?:\n  .*)*", cell.source, re.M):
        titles = re.findall(r"\*([^*]+)\*", line)
        if not re.search(r"\b(1[5-9]|20)\d\d\b", line) or not titles:
            yield f"{cell.where}: a reference has authors, year and *title*: {line[:60]}"
        elif not any(_plain(title) in known for title in titles):
            yield f"{cell.where}: references.bib lacks {titles[0]!r}"


def _plain(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", " ", text.lower()).strip()


def _setup(chapter: Chapter, book: Book) -> Iterator[str]:
    code = [cell for cell in chapter.cells if cell.kind == "code"]
    wanted = setup_cell(chapter.number, book.address)
    if not code or code[0].source != wanted:
        where = code[0].where if code else f"chapter {chapter.number}"
        yield f"{where}: the first code cell is not the set-up cell: `python -m book write`"


def write_setup_cells(book: Book) -> int:
    """Give every chapter the set-up cell that its number and the address ask for."""
    import nbformat

    from book.snapshot import write_file

    changed = 0
    for chapter in book.chapters:
        wanted = setup_cell(chapter.number, book.address)
        notebook = nbformat.from_dict(chapter.notebook)
        code = [cell for cell in notebook.cells if cell.cell_type == "code"]
        if not code or "%load_ext book" not in "".join(code[0].source):
            raise BookError(f"chapter {chapter.number} has no set-up cell (`%load_ext book`)")
        if "".join(code[0].source) != wanted:
            code[0].source = wanted
            write_file(chapter.path, nbformat.writes(notebook) + "\n")
            changed += 1
    return changed


def _cells(chapter: Chapter) -> Iterator[str]:
    count = 0
    for cell in chapter.cells:
        if cell.kind != "code" or not cell.source.strip():
            continue
        count += 1
        if cell.execution_count is None:
            yield f"{cell.where}: never run"
        elif cell.execution_count != count:
            yield f"{cell.where}: run out of order ([{cell.execution_count}], not [{count}])"
        if cell.directive and cell.directive.name == "export":
            if (length := code_lines(cell.source)) > LONGEST_EXPORT:
                yield f"{cell.where}: {length} lines of code, {LONGEST_EXPORT} is the most"


def code_lines(source: str) -> int:
    """How many lines of a cell are code: not blank, not comment, not docstring."""
    lines = source.splitlines()
    skipped = {i for i, line in enumerate(lines, 1) if not line.strip() or line.strip()[0] == "#"}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            if ast.get_docstring(node, clean=False) is not None:
                skipped |= set(range(node.body[0].lineno, node.body[0].end_lineno + 1))
    return len(lines) - len(skipped)


def _exercises(chapter: Chapter) -> Iterator[str]:
    parts = {
        kind: {cell.directive.argument: cell for cell in chapter.marked(kind)}
        for kind in ("exercise", "check", "answer")
    }
    if (count := len(parts["exercise"])) < FEWEST_EXERCISES:
        yield f"chapter {chapter.number}: {count} exercises, {FEWEST_EXERCISES} are the fewest"
    for number, cell in parts["exercise"].items():
        for kind in ("check", "answer"):
            if number not in parts[kind]:
                yield f"{cell.where}: exercise {number} has no {kind}"
    for cell in parts["check"].values():
        if not _prints(cell).startswith("Not yet: "):
            yield f"{cell.where}: the blank stub does not fail this check with a hint"
        yield from _asserts(cell)
    for cell in parts["answer"].values():
        if not _prints(cell).rstrip().endswith("Correct."):
            yield f"{cell.where}: the answer does not pass its check"


def _asserts(cell: Cell) -> Iterator[str]:
    try:
        tree = ast.parse(cell.source)
    except SyntaxError as error:
        yield f"{cell.where}: line {error.lineno}: {error.msg}"
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Assert) and node.msg is None:
            yield f"{cell.where}: line {node.lineno}: an assert without a message"


def _prints(cell: Cell) -> str:
    return "".join("".join(output.get("text", "")) for output in cell.outputs)


def _exports(chapter: Chapter, package: Package) -> Iterator[str]:
    shown = "\n".join(
        cell.source
        for cell in chapter.cells
        if not (cell.directive and cell.directive.name == "export")
    )
    words = set(re.findall(r"\w+", shown))
    for cell in chapter.cells:
        if not (change := package.add(cell)):
            continue
        for name in change.added:
            own = name.rpartition(".")[2]
            if not any(p.startswith("_") for p in name.split(".")) and own not in words:
                yield f"{cell.where}: {name} is exported but never explained or shown in use"


def _pictures(chapter: Chapter) -> Iterator[str]:
    for cell in chapter.cells:
        told = cell.directive and cell.directive.name == "alt"
        if cell.mime("image/") and not told:
            yield f"{cell.where}: a picture without `#| alt: ...`"


def _links(chapter: Chapter) -> Iterator[str]:
    for cell in chapter.cells:
        if cell.kind != "markdown":
            continue
        for mark, text, target in LINK.findall(FENCED.sub("", cell.source)):
            if mark and not text.strip():
                yield f"{cell.where}: the picture {target} has no alternative text"
            if not _resolves(chapter.path, target):
                yield f"{cell.where}: {target} does not resolve"


def _resolves(page: Path, target: str) -> bool:
    if re.match(r"[a-z]+:", target):
        return True
    name, _, anchor = unquote(target).partition("#")
    file = (page.parent / name).resolve() if name else page
    return file.exists() and (not anchor or anchor in _anchors(file))


@cache
def _anchors(file: Path) -> set[str]:
    """The anchors of a page: its headings, as GitHub and MyST make them."""
    if file.suffix == ".ipynb":
        cells = Chapter("", file).cells
        text = "\n".join(cell.source for cell in cells if cell.kind == "markdown")
    else:
        text = file.read_text(encoding="utf-8")
    headings = re.findall(r"^#+ +(.*)$", text, re.M)
    return {re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for title in headings}
