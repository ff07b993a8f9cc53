"""Chapters: their order in _toc.yml, their notebooks, the directives of their cells."""

import json
import keyword
import re
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import yaml

from book import ROOT, BookError

# 2.3b: a chapter that was split in two
FILE_NAME = re.compile(r"(\d+\.\d+[a-z]?)-[a-z0-9-]+")
DIRECTIVES = {"export", "alt", "exercise", "check", "answer"}


@dataclass(frozen=True)
class Directive:
    """The first line of a cell, taken apart: ``#| export nn.modules fresh``."""

    name: str
    argument: str
    fresh: bool = False


def parse_directive(source: str, where: str) -> Directive | None:
    """Return the directive in a cell's first line, or None if it has none."""
    line = source.lstrip().split("\n", 1)[0]
    if not line.startswith("#|"):
        return None
    name, _, argument = line[2:].strip().partition(" ")
    name, argument = name.rstrip(":"), argument.strip()
    if name not in DIRECTIVES:
        known = ", ".join(sorted(DIRECTIVES))
        raise BookError(f"{where}: unknown directive {name!r}; known are {known}")
    if name == "export":
        return _export(argument, where)
    if not argument:
        raise BookError(f"{where}: `#| {name}` needs a word or a number after it")
    return Directive(name, argument)


def _export(argument: str, where: str) -> Directive:
    module, *options = argument.split() or [""]
    parts = module.split(".")
    good = all(re.fullmatch(r"[a-z_][a-z0-9_]*", part) for part in parts)
    if not good or any(map(keyword.iskeyword, parts)) or "__init__" in parts[:-1]:
        hint = "write it like tensor, nn.functional or __init__"
        raise BookError(f"{where}: {module!r} is no module name; {hint}")
    if options not in ([], ["fresh"]):
        unknown = " ".join(options)
        raise BookError(f"{where}: unknown option {unknown!r}; `fresh` is the only one")
    return Directive("export", module, fresh=bool(options))


@dataclass(frozen=True)
class Cell:
    """One cell of a notebook; ``index`` counts from 1 over all its cells."""

    chapter: str
    index: int
    kind: str
    source: str
    metadata: dict = field(default_factory=dict, repr=False)
    outputs: list = field(default_factory=list, repr=False)
    execution_count: int | None = None

    @property
    def where(self) -> str:
        return f"chapter {self.chapter}, cell {self.index}"

    @property
    def tags(self) -> list[str]:
        return self.metadata.get("tags", [])

    @cached_property
    def directive(self) -> Directive | None:
        return parse_directive(self.source, self.where) if self.kind == "code" else None

    def mime(self, prefix: str) -> list:
        """The data of all outputs whose type begins with ``prefix``."""
        data = [output.get("data", {}) for output in self.outputs]
        return [v for d in data for kind, v in d.items() if kind.startswith(prefix)]


@dataclass(frozen=True)
class Chapter:
    """A notebook in the order of the book."""

    number: str
    path: Path

    @cached_property
    def notebook(self) -> dict:
        try:
            notebook = json.loads(self.path.read_text(encoding="utf-8"))
            assert all(map(_is_cell, notebook["cells"]))
        except OSError as error:
            raise BookError(f"chapter {self.number}: {self.path}: {error.strerror}") from None
        except (ValueError, KeyError, TypeError, AssertionError):
            raise BookError(
                f"chapter {self.number}: {self.path} is not a notebook, or damaged"
            ) from None
        return notebook

    @cached_property
    def cells(self) -> list[Cell]:
        return [
            Cell(
                chapter=self.number,
                index=index,
                kind=cell["cell_type"],
                source="".join(cell["source"]),
                metadata=cell.get("metadata", {}),
                outputs=cell.get("outputs", []),
                execution_count=cell.get("execution_count"),
            )
            for index, cell in enumerate(self.notebook["cells"], start=1)
        ]

    @property
    def title(self) -> str:
        first = self.cells[0].source if self.cells else ""
        return first.lstrip("# ").split("\n", 1)[0]

    def marked(self, name: str) -> list[Cell]:
        """The cells that carry the directive ``name``."""
        return [cell for cell in self.cells if cell.directive and cell.directive.name == name]


def _is_cell(cell) -> bool:
    source = isinstance(cell["source"], (str, list)) and isinstance(cell["cell_type"], str)
    return source and isinstance(cell.get("metadata", {}), dict)


class Book:
    """All chapters, in the order of ``_toc.yml``."""

    def __init__(self, root: Path = ROOT):
        self.root = root
        listed = [root / f"{file}.ipynb" for file in _files(root / "_toc.yml")]
        self.chapters = [Chapter(_number(path), path) for path in listed]
        self._complain(set(listed))

    def _complain(self, listed: set[Path]) -> None:
        seen: dict[str, Path] = {}
        for chapter in self.chapters:
            name = chapter.path.relative_to(self.root)
            if not chapter.path.is_file():
                raise BookError(f"_toc.yml lists {name}, which is not there")
            if chapter.number in seen:
                other = seen[chapter.number].relative_to(self.root)
                raise BookError(f"two chapters are numbered {chapter.number}: {other} and {name}")
            seen[chapter.number] = chapter.path
        for path in sorted((self.root / "chapters").glob("*/*.ipynb")):
            if path not in listed:
                raise BookError(f"{path.relative_to(self.root)} is missing from _toc.yml")

    @property
    def numbers(self) -> list[str]:
        return [chapter.number for chapter in self.chapters]

    def chapter(self, number: str) -> Chapter:
        for chapter in self.chapters:
            if chapter.number == number:
                return chapter
        known = ", ".join(self.numbers)
        raise BookError(f"there is no chapter {number}; there are {known}")

    def before(self, number: str) -> list[Chapter]:
        """The chapters that come before chapter ``number``."""
        return self.chapters[: self.chapters.index(self.chapter(number))]

    @cached_property
    def address(self) -> str:
        """Where the book's repository is: ``https://github.com/owner/name``."""
        try:
            url = _yaml(self.root / "_config.yml")["repository"]["url"]
            assert re.fullmatch(r"https?://.+/.+/.+", url)
        except (KeyError, TypeError, AssertionError):
            raise BookError("_config.yml: say `repository: url: https://...`") from None
        return url


def _yaml(path: Path) -> dict:
    try:
        return yaml.load(
            path.read_text(encoding="utf-8"),
            getattr(yaml, "CSafeLoader", yaml.SafeLoader),
        )
    except OSError as error:
        raise BookError(f"{path.name}: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise BookError(f"{path.name} is not valid YAML: {' '.join(str(error).split())}") from None


def _files(toc: Path) -> list[str]:
    """Every chapter file that the table of contents lists, in order."""

    def walk(node):
        if isinstance(node, dict):
            if str(node.get("file", "")).startswith("chapters/"):
                yield node["file"].removesuffix(".ipynb")
            for value in node.values():
                yield from walk(value)
        elif isinstance(node, list):
            for value in node:
                yield from walk(value)

    return list(walk(_yaml(toc)))


def _number(path: Path) -> str:
    match = FILE_NAME.fullmatch(path.stem)
    if not match:
        raise BookError(f"{path.name}: name a chapter like 2.3-tensors.ipynb")
    return match[1]
