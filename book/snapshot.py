"""The package as it stands after a chapter: replayed from the notebooks, written, compared."""

import contextlib
import difflib
import gc
import io
import os
import shutil
import tempfile
import zipfile
from pathlib import Path, PurePosixPath

from book import BookError
from book.chapters import Book, Cell, Chapter
from book.merge import Change, Module

PACKAGE = "mytorch"
MARK = "Written in chapter"


class Package:
    """All modules of mytorch, grown by one export cell after the other."""

    def __init__(self):
        self.modules: dict[str, Module] = {}
        self.shared: set[str] = set()  # modules that a copy has, too

    def copy(self) -> "Package":
        """A package that grows on its own; a module is copied as soon as one changes it."""
        twin = Package()
        twin.modules = dict(self.modules)
        self.shared, twin.shared = set(self.modules), set(self.modules)
        return twin

    def add(self, cell: Cell) -> Change | None:
        """Merge a cell; cells that are not exported do nothing and return None.

        Raises BookError, with the package as it was, if the cell is not valid.
        """
        directive = cell.directive
        if directive is None or directive.name != "export":
            return None
        name = directive.argument
        self._refuse_twins(name, cell.where)
        module = self.modules.get(name)
        if module is None or directive.fresh:
            module = Module(name)
        elif name in self.shared:
            module = module.copy()
        # The directive's line stays, empty: line numbers are those of the cell.
        source = cell.source.lstrip().partition("\n")[2]
        change = module.merge("\n" + source, cell.where, cell.chapter, (cell.chapter, cell.index))
        self.modules[name] = module
        self.shared.discard(name)
        return change

    def _refuse_twins(self, name: str, where: str) -> None:
        parts = name.removesuffix(".__init__").split(".")
        parents = {".".join(parts[:i]) for i in range(1, len(parts))}
        inside = (other.startswith(f"{name}.") for other in self.modules)
        if parents & set(self.modules) or any(inside):
            raise BookError(f"{where}: {name} cannot be a module and a package at once")

    def files(self) -> dict[str, str]:
        """Path -> text of every file of the package, each folder with its ``__init__.py``."""
        if not self.modules:
            return {f"{PACKAGE}/__init__.py": ""}
        with _no_collecting():
            texts = {module_path(name): m.render()[0] for name, m in self.modules.items()}
        folders = {parent for path in texts for parent in PurePosixPath(path).parents}
        for folder in folders - {PurePosixPath(".")}:
            texts.setdefault(f"{folder}/__init__.py", "")
        return dict(sorted(texts.items()))


def module_path(name: str) -> str:
    """``nn.functional`` -> ``mytorch/nn/functional.py``."""
    return f"{PACKAGE}/{name.replace('.', '/')}.py"


def replay(chapters: list[Chapter], package: Package | None = None) -> Package:
    """Return the package that the export cells of ``chapters`` write. Nothing is executed."""
    package = package or Package()
    with _no_collecting():
        for chapter in chapters:
            for cell in chapter.cells:
                package.add(cell)
    return package


@contextlib.contextmanager
def _no_collecting():
    """Let nobody look for garbage among live syntax trees: it takes a third of the time."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


def after(book: Book, number: str | None = None) -> Package:
    """The package after chapter ``number``, or after the last one."""
    if number is None:
        return replay(book.chapters)
    return replay([*book.before(number), book.chapter(number)])


def write(files: dict[str, str], folder: Path) -> None:
    """Write a package into ``folder``, all of it or nothing.

    Raises BookError if that cannot be, or if it would replace what is no snapshot.
    """
    target = folder / PACKAGE
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _refuse_strangers(target)
        with tempfile.TemporaryDirectory(prefix=f".{PACKAGE}-", dir=folder) as place:
            for path, text in files.items():
                file = Path(place, path)
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(text, encoding="utf-8", newline="\n")
            _swap(Path(place, PACKAGE), target, Path(place, "old"))
    except OSError as error:
        raise BookError(f"cannot write {target}: {error.strerror or error}") from None


def _refuse_strangers(target: Path) -> None:
    if target.is_symlink() or (target.exists() and not target.is_dir()):
        raise BookError(f"{target} is no folder: move it away")
    for file in sorted(target.rglob("*")):
        if file.is_dir() or "__pycache__" in file.parts:
            continue
        text = file.read_text("utf-8", errors="replace") if file.suffix == ".py" else "no code"
        if MARK not in text and (text or file.name != "__init__.py"):
            raise BookError(f"{target} holds {file.name}, which no chapter wrote: move it away")


def _swap(new: Path, target: Path, old: Path) -> None:
    """Put ``new`` in the place of ``target``; an interruption leaves one or the other."""
    if not target.exists():
        os.replace(new, target)
        return
    try:
        os.replace(target, old)
        os.replace(new, target)
    except BaseException:
        if old.exists() and not target.exists():
            os.replace(old, target)
        raise


def write_file(path: Path, text: str) -> None:
    """Replace one file atomically: a reader sees the old text or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    try:
        with open(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
        with contextlib.suppress(FileNotFoundError):
            shutil.copymode(path, name)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


def diff(old: dict[str, str], new: dict[str, str]) -> str:
    """The unified difference of two packages; empty if they are the same."""
    lines = []
    for path in sorted({*old, *new}):
        before, now = old.get(path), new.get(path)
        if before == now:
            continue
        names = ("/dev/null" if before is None else path, "/dev/null" if now is None else path)
        texts = ((before or "").splitlines(), (now or "").splitlines())
        lines += list(difflib.unified_diff(*texts, *names, lineterm="")) or [f"new file {path}"]
    return "\n".join(lines)


def archive(files: dict[str, str]) -> bytes:
    """A package as a zip, the same bytes for the same files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as bundle:
        for path, text in files.items():
            bundle.writestr(zipfile.ZipInfo(path), text, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()
