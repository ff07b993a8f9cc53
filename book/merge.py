"""Merge export cells, by their syntax tree, into modules that read as if written in one go.

A cell is cut into units: a function, a class, an assignment, a statement, each with the
comments above it. A unit has keys, the names it is responsible for; a unit replaces those
whose keys it covers and otherwise goes to the end. Text is moved, never re-written.
"""

import ast
import re
from dataclasses import dataclass, field, replace
from functools import cached_property

from book import BookError
from book.imports import Import, render_imports, wrapped
from book.syntax import (
    ACCESSORS,
    DEFINITIONS,
    binds,
    calls,
    closing,
    header_parts,
    is_docstring,
    keys_of,
    names_in,
    needs,
    triple_quoted,
)


@dataclass(eq=False)
class Unit:
    """One statement of a module or of a class, with its comments."""

    nodes: list[ast.stmt]
    text: str
    gap: int
    origins: tuple  # the cells that wrote it, oldest first
    members: "Body | None" = None  # of a class; then text is its header

    @cached_property
    def keys(self) -> frozenset[str]:
        return frozenset(key for node in self.nodes for key in keys_of(node))

    @cached_property
    def binds(self) -> frozenset[str]:
        return frozenset(name for node in self.nodes for name in binds(node))

    @cached_property
    def needs(self) -> frozenset[str]:
        """Names that must exist when the module is imported."""
        return self._executed(needs) - self.binds

    @cached_property
    def calls(self) -> frozenset[str]:
        """Names that are called when the module is imported: what they need must exist too."""
        return self._executed(calls)

    def _executed(self, question) -> frozenset[str]:
        header = (question(node, self.members is not None) for node in self.nodes)
        inner = (member._executed(question) for member in self.members or [])
        return frozenset().union(*header, *inner)

    @cached_property
    def inside(self) -> frozenset[str]:
        """Names that calling it looks up."""
        if self.members is not None:
            return frozenset().union(*(m.inside for m in self.members if "__init__" in m.keys))
        return frozenset(
            name
            for node in self.nodes
            for child in getattr(node, "body", [])
            for name in needs(child, False)
        )

    def uses(self, name: str) -> bool:
        """Whether ``name`` occurs in it; the text is asked first, the tree only then."""
        if any(member.uses(name) for member in self.members or []):
            return True
        if name not in self.text:
            return False
        parts = self.nodes if self.members is None else header_parts(self.nodes[-1])
        return any(name in names_in(part) for part in parts)

    @cached_property
    def names(self) -> frozenset[str]:
        """The names it defines, for a reader: not the variable of a loop."""
        return self.keys & self.binds

    @property
    def spaced(self) -> bool:
        """Whether blank lines set it apart, as a function or a class."""
        return isinstance(self.nodes[-1], DEFINITIONS)


class Body(list):
    """The units of a module or a class in order, found by their keys."""

    def __init__(self, units=()):
        super().__init__()
        self.by_key: dict[str, list[Unit]] = {}
        for unit in units:
            self.put(len(self), unit)

    def put(self, place: int, unit: Unit) -> None:
        self.insert(place, unit)
        for key in unit.keys:
            self.by_key.setdefault(key, []).append(unit)

    def drop(self, unit: Unit) -> None:
        self.remove(unit)
        for key in unit.keys:
            self.by_key[key].remove(unit)

    def sharing(self, unit: Unit) -> list[Unit]:
        """The units that are responsible for a name that ``unit`` is responsible for."""
        return list(
            {id(old): old for key in unit.keys for old in self.by_key.get(key, [])}.values()
        )


@dataclass
class Change:
    """What one cell did: names it added, names it replaced, names it imports."""

    module: str
    added: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    imports: list[Import] = field(default_factory=list)

    def note(self, name: str, is_new: bool) -> None:
        names = self.added if is_new else self.changed
        if name not in names:
            names.append(name)


@dataclass
class Module:
    """A module of the package, grown cell by cell."""

    name: str
    doc: str | None = None
    imports: list[Import] = field(default_factory=list)
    exports: list[str] | None = None  # __all__
    units: Body = field(default_factory=Body)
    chapters: list[str] = field(default_factory=list)
    rendered: tuple | None = None  # until the next merge

    @property
    def is_init(self) -> bool:
        return self.name.split(".")[-1] == "__init__"

    def copy(self) -> "Module":
        units = Body(map(_copy, self.units))
        exports = None if self.exports is None else list(self.exports)
        imports, chapters = list(self.imports), list(self.chapters)
        return Module(self.name, self.doc, imports, exports, units, chapters)

    def merge(self, source: str, where: str, chapter: str, origin: object) -> Change:
        """Merge one cell. Raises BookError, with the module as it was, if that cannot be."""
        self.rendered = None
        cell = _Cell(source, where, origin, self.name)
        self._refuse_collisions(cell, where)
        change = Change(self.name, imports=cell.imports)
        if cell.doc:
            self.doc = cell.doc
        for item in cell.imports:
            self._import(item)
        if cell.exports is not None:
            self.exports = list(dict.fromkeys([*(self.exports or []), *cell.exports]))
        for unit in cell.units:
            _insert(self.units, unit, change)
        if chapter not in self.chapters:
            self.chapters.append(chapter)
        return change

    def _import(self, item: Import) -> None:
        """Import a name once; the comments of a later import of it replace earlier ones."""
        same = [i for i, old in enumerate(self.imports) if old.same == item.same]
        if not same:
            self.imports.append(item)
        elif item.above or item.beside:
            self.imports[same[0]] = item

    def _refuse_collisions(self, cell: "_Cell", where: str) -> None:
        bound = {item.bound: item.target for item in self.imports}
        for item in cell.imports:
            if bound.setdefault(item.bound, item.target) != item.target:
                raise BookError(f"{where}: {item.bound} is imported already, from elsewhere")
            if any(item.bound in old.names for old in self.units.by_key.get(item.bound, [])):
                raise BookError(f"{where}: {item.bound} is imported and defined in {self.name}")
        for unit in cell.units:
            for name in unit.names:
                if name in bound:
                    raise BookError(f"{where}: {name} is imported and defined in {self.name}")
                kinds = {_kind(old) for old in self.units.by_key.get(name, [])}
                if {"class", "value"} <= {*kinds, _kind(unit)}:
                    raise BookError(f"{where}: {name} is a class and something else in {self.name}")

    def render(self) -> tuple[str, list[tuple[Unit, int, int]]]:
        """Return the module's text and the lines (first, last) of each unit in it."""
        if self.rendered is None:
            self.rendered = self._render()
        return self.rendered

    def _render(self) -> tuple[str, list[tuple[Unit, int, int]]]:
        imports = render_imports(self._used_imports())
        blocks = [block for block in (self._docstring(), imports, self._all()) if block]
        text = "\n\n".join(blocks)
        spans, previous = [], None
        for unit in _ordered(self.units):
            blank = _blank_lines(previous, unit, 2)
            body = text_of(unit)
            text += "\n" * (blank + 1) + body if text else body
            last = text.count("\n") + 1
            spans.append((unit, last - body.count("\n"), last))
            previous = unit
        return (text + "\n" if text else ""), spans

    def _docstring(self) -> str:
        if not self.chapters:
            return self.doc or ""
        *others, last = self.chapters
        where = f"chapters {', '.join(others)} and {last}" if others else f"chapter {last}"
        if not self.doc:
            return f'"""Written in {where}."""'
        start = self.doc[:-3].rstrip()
        return f'{start}\n\nWritten in {where}.\n"""'

    def _used_imports(self) -> list[Import]:
        if self.is_init:
            return self.imports
        exports = self.exports or []
        return [
            item
            for item in self.imports
            if item.section == 0
            or item.bound in exports
            or "F401" in item.beside
            or any(unit.uses(item.bound) for unit in self.units)
        ]

    def _all(self) -> str:
        if self.exports is None:
            return ""
        return wrapped("__all__ = [", [f'"{name}"' for name in self.exports], "]")


class _Cell:
    """An export cell cut into its docstring, imports, ``__all__`` and units."""

    def __init__(self, source: str, where: str, origin: object, module: str):
        self.doc, self.imports, self.exports = None, [], None
        self.where, self.origins = where, (origin,)
        try:
            tree = ast.parse(source)
            compile(tree, where, "exec", dont_inherit=True)  # finds a `return` outside a function
        except SyntaxError as error:
            text = f"{where}: line {error.lineno or 1}: {error.msg}"
            raise BookError(f"{text} (in a cell exported to {module})") from None
        except ValueError as error:  # a null, or half of a character
            raise BookError(f"{where}: {error} (in a cell exported to {module})") from None
        if "\f" in source or "\r" in source:
            raise BookError(f"{where}: a form feed or carriage return in an export cell")
        self.lines = source.split("\n")
        self.units = []
        units = self.cut(tree.body, 0, len(self.lines))
        if units and is_docstring(units[0].nodes[0]):
            self.doc = triple_quoted(units[0].nodes[0], units.pop(0).text)
        for unit in units:
            self._sort(unit)
        self._refuse_twins(self.units)

    def cut(self, body: list[ast.stmt], start: int, stop: int) -> list[Unit]:
        """Cut the statements between two line numbers into units, comments with them."""
        units, column = [], body[0].col_offset if body else 0
        for node in body:
            decorators = getattr(node, "decorator_list", [])
            first = min(part.lineno for part in [node, *decorators]) - 1
            if first < start:
                raise BookError(
                    f"{self.where}: line {first + 1}: put each statement on a line of its own"
                )
            start = self._give_back(units, column, start, first)
            blank = next((i for i in range(start, first) if self.lines[i].strip()), first)
            text = "\n".join(self.lines[blank : node.end_lineno])
            units.append(Unit([node], text, blank - start if units else 1, self.origins))
            if isinstance(node, ast.ClassDef):
                self._open(units[-1], blank)
            start = node.end_lineno
        start = self._give_back(units, column, start, stop)
        rest = "\n".join(self.lines[start:stop])
        if rest.strip():  # a comment at the end of the cell stands for itself
            note = ast.Expr(ast.Constant(rest.strip().encode()))
            gap = len(rest) - len(rest.lstrip("\n")) if units else 1
            units.append(Unit([note], rest.strip(), gap, self.origins))
        return self._join(units)

    def _give_back(self, units, column, start, stop) -> int:
        """Comments deeper than the statements around them belong to what is above."""
        last = start
        for i in range(start, stop):
            line = self.lines[i]
            if line.strip() and len(line) - len(line.lstrip()) > column:
                last = i + 1
        if last == start or not units:
            return start
        unit = units[-1]
        while unit.members:
            unit = unit.members[-1]
        unit.text += "\n" + "\n".join(self.lines[start:last])
        return last

    def _open(self, unit: Unit, blank: int) -> None:
        """Take a class apart into its header and its members."""
        (node,) = unit.nodes
        head, body = self._header_end(node), node.body[0]
        unit.text = "\n".join(self.lines[blank : head + 1])
        if head == body.lineno - 1:  # the body stands on the line of the header
            cut = body.col_offset
            line = self.lines[head].encode()
            unit.text = "\n".join([*self.lines[blank:head], line[:cut].decode().rstrip()])
            self.lines[head] = " " * (node.col_offset + 4) + line[cut:].decode()
            body.col_offset = node.col_offset + 4
            head -= 1
        if body.col_offset != node.col_offset + 4:
            raise BookError(f"{self.where}: line {body.lineno}: indent with four spaces")
        unit.members = Body(self.cut(node.body, head + 1, node.end_lineno))
        self._refuse_twins(unit.members)

    def _header_end(self, node: ast.ClassDef) -> int:
        """The line of the colon behind a class's name and bases."""
        parts = [*node.bases, *(keyword.value for keyword in node.keywords)]
        line, column = node.lineno, node.col_offset
        if parts:
            line, column = max((part.end_lineno, part.end_col_offset) for part in parts)
        rest = self.lines[line - 1].encode()[column:].decode()
        while ":" not in rest.split("#")[0]:
            line += 1
            rest = self.lines[line - 1]
        return line - 1

    def _join(self, units: list[Unit]) -> list[Unit]:
        """Overloads of one name, by decorator or under `if`, are one unit."""
        joined: list[Unit] = []
        for unit in units:
            before = joined[-1] if joined else None
            twins = before and before.keys & unit.keys
            if twins and (_is_overload(before) or _is_block(before) or _is_block(unit)):
                text = before.text + "\n" * (unit.gap + 1) + unit.text
                nodes = before.nodes + unit.nodes
                joined[-1] = Unit(nodes, text, before.gap, self.origins)
            else:
                joined.append(unit)
        return joined

    def _refuse_twins(self, units: list[Unit]) -> None:
        seen: set[str] = set()
        for unit in units:
            if twins := unit.names & seen:
                raise BookError(f"{self.where}: {min(twins)} is defined twice in one cell")
            seen |= unit.keys

    def _sort(self, unit: Unit) -> None:
        """Put a unit where it belongs: imports, ``__all__``, or the rest."""
        node = unit.nodes[0]
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            self._import(node, unit)
        elif names := self._exports(node):
            self.exports = [*(self.exports or []), *names]
        else:
            self.units.append(unit)

    def _import(self, node, unit: Unit) -> None:
        lines = unit.text.split("\n")
        above = "\n".join(line for line in lines if line.startswith("#"))
        own = [line for line in lines if line and not line.startswith("#")]
        beside = "  " + own[-1][own[-1].index("#") :] if "#" in own[-1] else ""
        if any("#" in line for line in own[:-1]):
            raise BookError(f"{self.where}: put a comment above an import, not inside it")
        for alias in node.names:
            if alias.name == "*":
                raise BookError(f"{self.where}: name what you import; `*` hides it")
            alias_name = alias.asname if alias.asname != alias.name else None
            if isinstance(node, ast.Import):
                item = Import(alias.name, None, alias_name, above, beside)
            else:
                module = "." * node.level + (node.module or "")
                item = Import(module, alias.name, alias_name, above, beside)
            self.imports.append(item)

    def _exports(self, node) -> list[str] | None:
        """The names in ``__all__ = [...]`` or ``__all__ += [...]``."""
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        if not isinstance(target, ast.Name) or target.id != "__all__":
            return None
        try:
            names = list(ast.literal_eval(node.value))
            assert names and all(isinstance(name, str) for name in names)
        except (ValueError, TypeError, AssertionError):
            raise BookError(f"{self.where}: write __all__ as a list of names") from None
        return names


def _insert(units: Body, unit: Unit, change: Change, prefix: str = "") -> None:
    """Put a unit into its place, instead of what it replaces."""
    shared = sorted(units.sharing(unit), key=units.index)
    covered = [old for old in shared if old.keys <= unit.keys]
    partly = [old for old in shared if old not in covered]
    for name in sorted(unit.names):
        change.note(prefix + name, not shared)
    if covered and unit.members is not None and covered[0].members is not None:
        _reopen(covered[0], unit, change, prefix)
        return
    place = _beside(units, unit)
    if covered and not (partly and units.index(partly[-1]) > units.index(covered[0])):
        place = units.index(covered[0])
        unit.gap = covered[0].gap
    place -= sum(units.index(old) < place for old in covered)
    unit.origins = (*(origin for old in covered for origin in old.origins), *unit.origins)
    for old in covered:
        units.drop(old)
    units.put(place, unit)


def _beside(units: Body, unit: Unit) -> int:
    """The place of a new unit: behind its property, else at the end."""
    key = min(unit.keys)
    if len(unit.keys) == 1 and key.rpartition(".")[2] in ACCESSORS:
        own = key.partition(".")[0]
        names = [own, *(f"{own}.{accessor}" for accessor in ACCESSORS)]
        family = [old for name in names for old in units.by_key.get(name, [])]
        return max((units.index(old) + 1 for old in family), default=len(units))
    return len(units)


def _reopen(old: Unit, new: Unit, change: Change, prefix: str) -> None:
    """Add the members of a class that is opened again to the class that is there."""
    (node,) = new.nodes
    name = node.name
    if node.bases or node.keywords or node.decorator_list:
        old.text, old.nodes = new.text, new.nodes
        for cached in ("keys", "binds"):
            old.__dict__.pop(cached, None)
    else:
        old.text = _commented(old.text, new.text)
    for member in new.members:
        if _is_filler(member):
            continue
        if is_docstring(member.nodes[0]):
            if is_docstring(old.members[0].nodes[0]):
                old.members.drop(old.members[0])
            old.members.put(0, member)
        else:
            _insert(old.members, member, change, f"{prefix}{name}.")
    described = is_docstring(old.members[0].nodes[0])
    for filler in filter(_is_filler, old.members[described : described + 1]):
        if len(old.members) > described + 1:
            old.members.drop(filler)
    old.origins = (*old.origins, *new.origins)
    for cached in ("needs", "calls", "inside"):
        old.__dict__.pop(cached, None)


def _commented(header: str, plain: str) -> str:
    """A class's header with the comments of a plain one, where that has any."""
    above, (*_, last) = _split(plain)
    kept, rest = _split(header)
    if "#" in last:
        rest[-1] = re.fullmatch(r"(.*):(\s*#.*)?", rest[-1])[1] + last[last.index(":") :]
    return "\n".join([*(above or kept), *rest])


def _split(header: str) -> tuple[list[str], list[str]]:
    """The comments above a class, and its header."""
    lines = header.split("\n")
    first = next(i for i, line in enumerate(lines) if line.strip() and line.strip()[0] != "#")
    return lines[:first], lines[first:]


def _copy(unit: Unit) -> Unit:
    members = None if unit.members is None else Body(map(_copy, unit.members))
    return replace(unit, members=members)


def text_of(unit: Unit) -> str:
    """A unit's text; a class is put together from its header and its members."""
    if unit.members is None:
        return unit.text
    text, previous = unit.text, None
    bare = "#" not in text.rpartition("\n")[2]
    stub = unit.members[0].text.strip() if bare and len(unit.members) == 1 else ""
    if stub.startswith("...") and "\n" not in stub:  # as ruff writes it
        return f"{text} {stub}"
    for member in _ordered(unit.members):
        blank = 0
        if previous and is_docstring(previous.nodes[0]):
            blank = 1
        elif previous:
            blank = _blank_lines(previous, member, 1)
        text += "\n" * (blank + 1) + text_of(member)
        previous = member
    return text


def _blank_lines(above: Unit | None, below: Unit, most: int) -> int:
    if below.spaced or (above and isinstance(closing(above.nodes[-1]), DEFINITIONS)):
        return most
    return min(below.gap, most) if above else 1


def _ordered(units: list[Unit]) -> list[Unit]:
    """Keep the order, but put first what a unit needs at import and would find too late."""
    places: dict[str, list[int]] = {}
    for i, unit in enumerate(units):
        for name in unit.binds:
            places.setdefault(name, []).append(i)
    order: dict[int, Unit] = {}
    started: set[int] = set()

    def needed(unit):
        names, stack, seen = set(unit.needs), [*unit.calls], set()
        while stack:  # what is called needs what it uses
            name = stack.pop()
            if name in places and name not in seen:
                seen.add(name)
                inside = {inner for i in places[name] for inner in units[i].inside}
                names |= inside
                stack += inside
        return names

    def visit(i):
        if i in started:
            return
        started.add(i)
        for name in sorted(needed(units[i]) & places.keys()):
            if places[name][0] > i:
                visit(places[name][0])
        order[i] = units[i]

    for i in range(len(units)):
        visit(i)
    return list(order.values())


def _kind(unit: Unit) -> str:
    if _is_block(unit):
        return "either"
    return "class" if isinstance(unit.nodes[-1], ast.ClassDef) else "value"


def _is_block(unit: Unit) -> bool:
    return isinstance(unit.nodes[-1], (ast.If, ast.Try))


def _is_overload(unit: Unit) -> bool:
    node = unit.nodes[-1]
    return any(ast.unparse(d).endswith("overload") for d in getattr(node, "decorator_list", []))


def _is_filler(unit: Unit) -> bool:
    """``pass`` or ``...``: a body with nothing in it."""
    node = unit.nodes[0]
    ellipsis = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    return isinstance(node, ast.Pass) or (ellipsis and node.value.value is ...)
