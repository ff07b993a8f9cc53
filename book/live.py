"""The book in a kernel: ``%chapter``, export cells that update the live package, exercises.

``%chapter 2.2`` puts the package of the chapters before 2.2 in place as ``mytorch``. Running
an export cell then merges it, executes what it brought, and updates what was there: a class
keeps its identity and a function its own, so that whoever holds them sees the new code.
(IPython's autoreload gives objects of a new class their place instead; then ``isinstance``
and zero-argument ``super()`` of what was made before go wrong.)
"""

import atexit
import importlib
import importlib.abc
import importlib.util
import linecache
import os
import shutil
import sys
import tempfile
from importlib.machinery import SourceFileLoader
from pathlib import Path

from book import ROOT, BookError, use_pinned_dot
from book.chapters import Book, Cell, parse_directive
from book.snapshot import PACKAGE, Package, module_path, replay, write, write_file
from book.update import namespaces, update

STYLE = ROOT / "book" / "matplotlibrc"
RUN_BY_THE_BOOK = ("export", "check", "answer")


class Live:
    """What the extension adds to one kernel."""

    def __init__(self, shell):
        self.shell, self.number, self.root = shell, None, ROOT
        shell.register_magic_function(self.chapter, "line", "chapter")
        shell.input_transformers_cleanup.append(hand_to_the_book)
        shell.events.register("pre_run_cell", self.remember)
        shell.set_custom_exc((BookError,), show_error)
        os.environ.setdefault("MATPLOTLIBRC", str(STYLE))
        if "matplotlib" in sys.modules:  # it has read its settings already
            sys.modules["matplotlib"].rc_file(STYLE)
        use_pinned_dot()

    def remember(self, info) -> None:
        """Note which cell runs, so that an edited cell takes the place of what it was."""
        self.source, self.cell_id = info.raw_cell, getattr(info, "cell_id", None)
        # What a failed cell left for its traceback is no longer what the file says.
        if self.number:
            for path in [p for p in linecache.cache if p.startswith(str(self.folder))]:
                del linecache.cache[path]

    def chapter(self, line: str) -> None:
        """Put the package as it stands before a chapter in place: ``%chapter 2.2``."""
        number = line.strip()
        if number == self.number:
            return  # running the cell twice keeps what the chapter has written so far
        base = replay(Book(self.root).before(number))
        folder = Path(tempfile.mkdtemp(prefix=f"{PACKAGE}-{number}-")).resolve()
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        write(base.files(), folder)
        self.number, self.folder, self.base, self.package = number, folder, base, base
        self.first: dict[str, Cell] = {}  # the chapter's cells in the order of their first run
        self.last: list[str] = []  # and of their last
        self.checks: dict[str, str] = {}
        for name in [name for name in sys.modules if name.partition(".")[0] == PACKAGE]:
            del sys.modules[name]
        sys.meta_path[:] = [f for f in sys.meta_path if not isinstance(f, SnapshotFinder)]
        sys.meta_path.insert(0, SnapshotFinder(folder, number))

    def export(self) -> None:
        """Write an export cell into the snapshot and into the live package."""
        __tracebackhide__ = True
        directive = self._directive()
        key = self.cell_id or self.source
        number = self.first[key].index if key in self.first else len(self.first) + 1
        cell = Cell(self.number, number, "code", self.source)
        first = {**self.first, key: cell}
        last = [*(old for old in self.last if old != key), key]
        package = self._grow(first, last)
        self._update(package, directive.argument, (cell.chapter, cell.index))
        self.package, self.first, self.last = package, first, last
        self._publish(package, directive.argument, cell)

    def _grow(self, first: dict[str, Cell], last: list[str]) -> Package:
        """Each definition stands where its cell first put it, as its last run left it."""
        package = self.base.copy()
        for cell in [*first.values(), *self._again(first, last)]:
            try:
                package.add(cell)
            except BookError as error:
                raise BookError(str(error).replace(cell.where, "this cell")) from None
        return package

    def _again(self, first: dict[str, Cell], last: list[str]) -> list[Cell]:
        """The cells in the order of their last run, but none that a later `fresh` undid."""
        cells: list[Cell] = []
        for cell in [first[key] for key in last]:
            if not cell.directive.fresh:
                cells.append(cell)
                continue
            module = cell.directive.argument
            cells = [
                old for old in cells if old.directive.argument != module or old.index > cell.index
            ]
        return cells

    def _update(self, package: Package, target: str, origin) -> None:
        __tracebackhide__ = True
        others = namespaces(PACKAGE, self.shell.user_ns)
        names = sorted({*package.modules, *self.package.modules}, key=lambda n: n != target)
        for name in names:
            old, new = self.package.modules.get(name), package.modules.get(name)
            if old is new and name != target:
                continue
            path = self.folder / module_path(name)
            if new is None:
                path.unlink()
                sys.modules.pop(import_name(name), None)
            elif name == target or old is None or old.render()[0] != new.render()[0]:
                self._update_one(name, path, old, new, origin, others)
        for path, text in package.files().items():
            if not (self.folder / path).exists():
                write_file(self.folder / path, text)

    def _update_one(self, name, path, old, new, origin, others) -> None:
        __tracebackhide__ = True
        live = sys.modules.get(import_name(name))
        if old is not None and live is not None:
            write_file(path, update(live, old, new, origin, path, others))
            return
        before = path.read_text(encoding="utf-8") if path.exists() else None
        for folder in [p for p in path.parents if self.folder in p.parents]:
            if not (folder / "__init__.py").exists():
                write_file(folder / "__init__.py", "")
        text = new.render()[0]
        write_file(path, text)
        try:
            if live is not None:  # an empty __init__ that gets its first lines
                importlib.reload(live)
            else:
                importlib.import_module(import_name(name))
        except BaseException:
            write_file(path, before) if before is not None else path.unlink()
            # The traceback shows lines of what was tried.
            linecache.cache[str(path)] = (len(text), None, text.splitlines(True), str(path))
            raise

    def _publish(self, package: Package, target: str, cell: Cell) -> None:
        """The names that a cell defines are in the notebook at once."""
        module = package.modules[target]
        origin = (cell.chapter, cell.index)
        names = {n for u in module.units if u.origins[-1] == origin for n in u.names}
        names |= {item.bound for item in Package().add(cell).imports}
        live = vars(sys.modules[import_name(target)])
        self.shell.user_ns.update({name: live[name] for name in names if name in live})

    def check(self) -> None:
        """Run the check of an exercise on what the reader has written."""
        self.checks[self._directive().argument] = self.source
        print(verdict(self.source, self.shell.user_ns))

    def answer(self) -> None:
        """Run an answer beside the reader's own attempt, and hold it to the same check."""
        __tracebackhide__ = True
        number = self._directive().argument
        if number not in self.checks:
            raise BookError(f"run the check of exercise {number} first")
        namespace = dict(self.shell.user_ns)
        run(self.source, namespace)
        run(self.checks[number], namespace)
        print("Correct.")

    def _directive(self):
        if self.number is None:
            raise BookError("run the set-up cell at the top of the notebook first")
        return parse_directive(self.source, "this cell")


def hand_to_the_book(lines: list[str]) -> list[str]:
    """Turn a cell with a directive that the book runs into a call that does so."""
    source = "".join(lines)
    if not source.lstrip().startswith("#|"):
        return lines
    try:
        directive = parse_directive(source, "this cell")
    except BookError as error:  # raised when the cell runs, not while it is read
        return [f"raise __import__('book').BookError({str(error)!r})\n"]
    if directive.name not in RUN_BY_THE_BOOK:
        return lines
    return [f"get_ipython().book.{directive.name}()\n"]


def verdict(check: str, namespace: dict) -> str:
    """What a check says of an attempt: one line for the reader."""
    try:
        run(check, dict(namespace))
    except AssertionError as error:
        return f"Not yet: {error}"
    except NotImplementedError as error:
        return f"Not yet: {error or 'there is nothing here so far'}"
    except Exception as error:
        return f"Not yet: your code stops with {type(error).__name__}: {error}"
    return "Correct."


def run(source: str, namespace: dict) -> None:
    """Execute a cell's source so that a traceback shows its lines."""
    __tracebackhide__ = True
    name = get_ipython().compile.cache(source)  # noqa: F821 (IPython's own)
    exec(compile(source, name, "exec"), namespace)


def show_error(shell, kind, error, traceback, tb_offset=None):
    """Bad input is answered in one line; it is an error to the frontend and to nbval."""
    shell._showtraceback(kind, error, [str(error)])


def import_name(name: str) -> str:
    """``nn.__init__`` -> ``mytorch.nn``."""
    return f"{PACKAGE}.{name}".removesuffix(".__init__")


class SnapshotFinder(importlib.abc.MetaPathFinder):
    """Find ``mytorch`` in the snapshot and nowhere else: later chapters do not exist."""

    def __init__(self, folder: Path, number: str):
        self.folder, self.number = folder, number

    def find_spec(self, fullname, path=None, target=None):
        if fullname.partition(".")[0] != PACKAGE:
            return None
        place = self.folder.joinpath(*fullname.split("."))
        if (place / "__init__.py").is_file():
            return _spec(fullname, place / "__init__.py", [str(place)])
        if place.with_suffix(".py").is_file():
            return _spec(fullname, place.with_suffix(".py"), None)
        raise ModuleNotFoundError(
            f"No module named {fullname!r}: it is not written yet in chapter {self.number}",
            name=fullname,
        )


def _spec(fullname: str, path: Path, places: list[str] | None):
    loader = Loader(fullname, str(path))
    return importlib.util.spec_from_file_location(
        fullname, path, loader=loader, submodule_search_locations=places
    )


class Loader(SourceFileLoader):
    """Compile from the source each time: a byte-code file could be older by a keystroke."""

    def get_code(self, fullname):
        return self.source_to_code(self.get_data(self.path), self.path)
