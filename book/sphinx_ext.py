"""What the rendered book adds to the notebooks: captions, folds, the package after a chapter.

All of it happens while Sphinx reads a page, so that what is added is in the page's contents
list, in the search and in the index like anything else. Notebooks stay as they are.
"""

import ast
import re
import shutil
import zlib
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

from docutils import nodes
from sphinx.transforms import SphinxTransform

from book import ROOT
from book.chapters import Book, Chapter, parse_directive
from book.merge import Change, Module, Unit
from book.snapshot import PACKAGE, Package, archive, diff, module_path

NAMES_PAGE = "book/front/names"
SHORT = 40  # a diff of so many lines needs no click
MATHJAX = ("tex-chtml.js", "output/chtml/fonts", "input/tex/extensions")
MACHINERY = ("*.py", "static/*")


@dataclass
class Page:
    """A chapter, the package's files before and after it, and what each export cell did."""

    chapter: Chapter
    before: dict[str, str]
    after: dict[str, str] = field(default_factory=dict)
    changes: dict[int, Change] = field(default_factory=dict)

    @property
    def touched(self) -> list[str]:
        """The files that this chapter writes or changes."""
        return [path for path, text in self.after.items() if self.before.get(path) != text]


def replay_book(app) -> None:
    """Replay the chapters once a build: docname -> Page, and the package at the end."""
    book, package = Book(Path(app.srcdir)), Package()
    app.book_pages, app.book_package, files = {}, package, {}
    for chapter in book.chapters:
        page = Page(chapter, files)
        for cell in chapter.cells:
            if change := package.add(cell):
                page.changes[cell.index] = change
        files = page.after = package.files() if package.modules else {}
        name = chapter.path.relative_to(book.root).with_suffix("").as_posix()
        app.book_pages[name] = page


class BookTransform(SphinxTransform):
    """A transform that knows which chapter it is at work on."""

    def apply(self, **kwargs):
        if str(self.document["source"]).endswith("<translated>"):
            return  # a translated paragraph on its own, not a page
        pages = self.app.book_pages
        if self.env.docname in pages or self.env.docname == NAMES_PAGE:
            self.extend(pages.get(self.env.docname))

    def extend(self, page: Page | None):
        raise NotImplementedError

    def append(self, *sections: nodes.section) -> None:
        """Add sections at the end of the page, inside its first heading."""
        top = next(self.document.findall(nodes.section), self.document)
        for section in sections:
            for node in section.findall(nodes.Element):
                node.source, node.line = self.document["source"], 0
            top += section


class fold(nodes.General, nodes.Element):
    """Something behind a click."""


def open_fold(translator, node):
    start = "<details open" if node.get("open") else "<details"
    summary = translator.encode(node["summary"])
    translator.body.append(f'{start} class="{node["kind"]}"><summary>{summary}</summary>\n')


def close_fold(translator, node):
    translator.body.append("</details>\n")


class Cells(BookTransform):
    """Turn the directives of a chapter's cells into what a reader of the page needs."""

    default_priority = 400

    def extend(self, page: Page | None):
        boxes = self.document.findall(nodes.container)
        for cell in [box for box in boxes if box.get("nb_element") == "cell_code"]:
            drop_widgets(cell)
            code = next(cell.findall(nodes.literal_block), None)
            if page and code is not None:
                self.present(page, cell, code)

    def present(self, page: Page, cell: nodes.container, code: nodes.literal_block) -> None:
        index, source = cell["cell_index"] + 1, code.astext()
        code["language"] = "ipython3"  # knows % and !
        if "%load_ext book" in source:
            hide(cell, "set-up", "Set-up")
        directive = parse_directive(source, f"chapter {page.chapter.number}, cell {index}")
        if directive is None:
            return
        rest = source.lstrip().partition("\n")[2].strip("\n")
        code.rawsource, code[:] = rest, [nodes.Text(rest)]
        cell["classes"].append(directive.name)
        if directive.name == "export":
            code["language"] = "python"
            cell["ids"].append(f"cell-{index}")
            caption = export_caption(page.changes[index], directive.fresh)
            if "prompt_show" in cell:  # folded: say what is behind the click
                text = "".join(part.astext() for part in caption)
                cell["prompt_show"], cell["prompt_hide"] = text, text
            put_caption(code, *caption)
        elif directive.name == "alt":
            for image in cell.findall(nodes.image):
                image["alt"] = directive.argument
        elif directive.name == "answer":
            hide(cell, "answer", f"Answer to exercise {directive.argument}")
        else:
            words = {"exercise": "Your turn: exercise ", "check": "Check of exercise "}
            put_caption(code, nodes.Text(words[directive.name] + directive.argument))


def drop_widgets(cell: nodes.container) -> None:
    """Take out progress bars: without a kernel they are a line of noise."""
    boxes = cell.findall(nodes.container)
    for view in [box for box in boxes if "widget-view" in box.get("mime_type", "")]:
        view.parent.parent.remove(view.parent)


def hide(node: nodes.Element, kind: str, summary: str) -> None:
    box = fold(kind=kind, summary=summary)
    node.replace_self(box)
    box += node


def put_caption(code: nodes.literal_block, *parts: nodes.Node) -> None:
    caption = nodes.paragraph("", "", *parts, classes=["cell-caption"], translatable=False)
    code.parent.insert(code.parent.index(code), caption)


def export_caption(change: Change, fresh: bool) -> list[nodes.Node]:
    """``mytorch/tensor.py`` adds Tensor.tanh; changes Tensor.backward."""
    named = [*change.added, *change.changed]
    # A class that is opened again is no news where its methods are named.
    changed = [n for n in change.changed if not any(m.startswith(f"{n}.") for m in named)]
    parts, end = [literal(module_path(change.module))], ""
    if fresh:
        parts.append(nodes.Text(" starts over"))
        end = ";"
    for verb, names in (("adds", change.added), ("changes", changed)):
        if names:
            parts.append(nodes.Text(f"{end} {verb} "))
            parts += join([literal(name) for name in names], ", ")
            end = ";"
    return parts


def literal(text: str) -> nodes.literal:
    return nodes.literal("", text)


def join(items: list[nodes.Node], separator: str) -> list[nodes.Node]:
    return [part for item in items for part in (nodes.Text(separator), item)][1:]


class PackageAfter(BookTransform):
    """Show the package as the chapter leaves it, and what the chapter changed in it."""

    default_priority = 750

    def extend(self, page: Page | None):
        if page is None:
            return
        for other in self.app.book_pages.values():
            self.env.note_dependency(str(other.chapter.path))
            if other is page:
                break
        section = new_section("package-after", "The package after this chapter")
        section += tree(page) if page.touched else unchanged(page)
        section += self.downloads(page)
        self.append(section, *([changes(page)] if page.touched else []))

    def downloads(self, page: Page) -> nodes.paragraph:
        up = "../" * self.env.docname.count("/")
        links = [link("This chapter's notebook", f"{up}_sources/{self.env.docname}.ipynb")]
        if page.after:
            name = f"{PACKAGE} after chapter {page.chapter.number} (zip)"
            links.insert(0, link(name, f"{up}{snapshot_path(page)}"))
        parts = [nodes.Text("Download: "), *join(links, " · ")]
        return nodes.paragraph("", "", *parts, classes=["downloads"])


def new_section(name: str, title: str) -> nodes.section:
    return nodes.section("", nodes.title("", title), ids=[name], names=[name])


def link(text: str, uri: str) -> nodes.reference:
    return nodes.reference("", text, refuri=uri, internal=True)


def snapshot_path(page: Page) -> str:
    return f"snapshots/{PACKAGE}-{page.chapter.number}.zip"


def unchanged(page: Page) -> nodes.paragraph:
    more = "it stands as before" if page.after else "it is still empty"
    parts = [nodes.Text("This chapter writes nothing into "), literal(PACKAGE)]
    return nodes.paragraph("", "", *parts, nodes.Text(f": {more}."))


def tree(page: Page, folder: str = "") -> nodes.bullet_list:
    """The files of the package, folder by folder; new and changed ones are marked."""
    items = nodes.bullet_list(classes=["tree"])
    inside = [path[len(folder) :].split("/") for path in page.after if path.startswith(folder)]
    for name in dict.fromkeys(parts[0] + "/" * (len(parts) > 1) for parts in inside):
        line = nodes.paragraph("", "", literal(name))
        item = nodes.list_item("", line)
        if name.endswith("/"):
            item += tree(page, folder + name)
        elif folder + name in page.touched:
            kind = "changed" if folder + name in page.before else "new"
            line += [nodes.Text(" "), nodes.inline("", kind, classes=["state", kind])]
            line += nodes.Text(f" {size(page, folder + name)}")
        items += item
    return items


def size(page: Page, path: str) -> str:
    """How much was written: ``12 lines``, or ``+12 −3`` in a file that was there."""
    lines = file_diff(page, path)
    plus, minus = (sum(line.startswith(sign) for line in lines) for sign in "+-")
    if path in page.before:
        return f"+{plus} \N{MINUS SIGN}{minus}"
    return f"{plus} line{'s' * (plus != 1)}" if plus else "empty"


def file_diff(page: Page, path: str) -> list[str]:
    """The difference in one file, without the two lines that name it."""
    old = {path: page.before[path]} if path in page.before else {}
    return diff(old, {path: page.after[path]}).split("\n")[2:]


def changes(page: Page) -> nodes.section:
    section = new_section("package-changes", "What this chapter changed")
    diffs = {path: file_diff(page, path) for path in page.touched}
    short = sum(map(len, diffs.values())) <= SHORT
    for path, lines in diffs.items():
        if lines:  # a new file may be empty
            kind = "" if path in page.before else "new, "
            section += fold(kind="diff", summary=f"{path} ({kind}{size(page, path)})", open=short)
            text = "\n".join(lines)
            section[-1] += nodes.literal_block(text, text, language="diff")
    return section


class Names(BookTransform):
    """Fill the page that leads from every public name to the chapters that write it."""

    default_priority = 750

    def extend(self, page: Page | None):
        if page is not None:
            return
        self.docnames = {p.chapter.number: name for name, p in self.app.book_pages.items()}
        for other in self.app.book_pages.values():
            self.env.note_dependency(str(other.chapter.path))
        modules = {module_name(m): m for m in self.app.book_package.modules.values()}
        for name in sorted(modules):
            if entries := self.entries(modules[name].units):
                section = new_section(name, name)
                section += nodes.definition_list("", *entries, classes=["names"])
                self.append(section)

    def entries(self, units: list[Unit], prefix: str = "") -> list[nodes.definition_list_item]:
        names = [(name, unit) for unit in units for name in sorted(unit.names)]
        public = [(n, u) for n, u in names if not n.startswith("_")]
        entries = [self.entry(prefix + n, u) for n, u in sorted(public, key=lambda p: p[0].lower())]
        dunder = [(n, u) for n, u in names if n.startswith("__") and n != "__init__"]
        special = [self.link(literal(n), u) for n, u in dunder if prefix]
        if special:
            term = nodes.term("", f"{prefix[:-1]}: special methods")
            about = nodes.definition("", nodes.paragraph("", "", *join(special, ", ")))
            entries.append(nodes.definition_list_item("", term, about))
        return entries

    def entry(self, name: str, unit: Unit) -> nodes.definition_list_item:
        chapters = {chapter: index for chapter, index in reversed(unit.origins)}
        first, *later = reversed(chapters.items())
        term = nodes.term("", "", self.link(literal(name), unit), nodes.Text(f"chapter {first[0]}"))
        for origin in later:
            term += [nodes.Text(", changed in "), self.link(nodes.Text(origin[0]), unit, origin)]
        about = nodes.definition("", nodes.paragraph("", "", *prose(summary(unit))))
        if inner := self.entries(unit.members or [], f"{name}."):
            about += nodes.definition_list("", *inner, classes=["names"])
        return nodes.definition_list_item("", term, about)

    def link(self, label: nodes.Node, unit: Unit, origin: tuple | None = None) -> nodes.reference:
        """A link to a cell that wrote the unit, by default the first."""
        chapter, index = origin or unit.origins[0]
        page = self.app.builder.get_relative_uri(self.env.docname, self.docnames[chapter])
        return nodes.reference("", "", label, refuri=f"{page}#cell-{index}", internal=True)


def module_name(module: Module) -> str:
    return f"{PACKAGE}.{module.name}".removesuffix(".__init__")


def summary(unit: Unit) -> str:
    """The first paragraph of a definition's docstring."""
    node = unit.nodes[-1]
    if unit.members:  # of a class; it may have come with any of the cells that opened it
        node = ast.Module([unit.members[0].nodes[0]], [])
    documented = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Module)
    text = ast.get_docstring(node) if isinstance(node, documented) else None
    return " ".join((text or "").partition("\n\n")[0].split())


def prose(text: str) -> list[nodes.Node]:
    """A line of a docstring: what stands between backquotes is code."""
    parts = re.split(r"`+([^`]+)`+", text)
    return [literal(part) if i % 2 else nodes.Text(part) for i, part in enumerate(parts)]


def finish(app, error) -> None:
    """Put the files in place that no page brings along; drop pages of chapters that are gone."""
    if error or app.builder.format != "html":
        return
    out = Path(app.outdir)
    shutil.copytree(Path(app.srcdir, "book", "static"), out / "_static", dirs_exist_ok=True)
    copy_mathjax(out / "_static" / "mathjax")
    write_snapshots(out / "snapshots", app.book_pages.values())
    for page in [*out.glob("chapters/**/*.html"), *out.glob("book/**/*.html")]:
        if page.relative_to(out).with_suffix("").as_posix() not in app.env.found_docs:
            page.unlink()


def copy_mathjax(target: Path) -> None:
    """The part of MathJax that the pages load: 2 MB of 10."""
    source = Path(find_spec("sphinx-mathjax-offline").origin).parent / "static" / "mathjax"
    for name in MATHJAX:
        if (target / name).exists():
            continue
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        copy = shutil.copytree if (source / name).is_dir() else shutil.copy
        copy(source / name, target / name)


def write_snapshots(folder: Path, pages) -> None:
    folder.mkdir(exist_ok=True)
    bundles = {folder.parent / snapshot_path(page): page.after for page in pages if page.after}
    for path in set(folder.iterdir()) - set(bundles):
        path.unlink()
    for path, files in bundles.items():
        path.write_bytes(archive(files))


def machinery() -> int:
    """A number for what makes the pages: when it changes, every page is made again."""
    files = sorted(f for pattern in MACHINERY for f in (ROOT / "book").glob(pattern))
    return zlib.crc32(b"".join(file.read_bytes() for file in files))


def setup(app):
    """What Sphinx calls."""
    app.add_node(fold, html=(open_fold, close_fold))
    for transform in (Cells, PackageAfter, Names):
        app.add_transform(transform)
    app.add_css_file("book.css")
    # The theme complains in the console of a first-time reader if nobody says this.
    app.add_js_file(None, body='document.documentElement.dataset.mode ||= "auto"')
    app.connect("builder-inited", replay_book)
    app.connect("build-finished", finish)
    safe = {"parallel_read_safe": True, "parallel_write_safe": True}
    return {"env_version": machinery(), **safe}
