"""The page "mytorch beside PyTorch": `python tests/same.py --write` makes book/front/same.md.

It needs PyTorch, which the book is built without; so the page is committed, and test_same.py
compares. The reasons are in same.toml: a difference without one is an error.
"""

import functools
import inspect
import re
import sys
import tomllib
import types
from collections import Counter
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

import mytorch
import mytorch.utils.checkpoint
import mytorch.utils.hooks
import mytorch.utils.viz
import numpy as np
from book import ROOT
from book.chapters import Book
from book.snapshot import after
from book.sphinx_ext import module_name

from both import PROGRAMS, both, distance
from signatures import differences, resolve, shown, theirs

PAGE = ROOT / "book" / "front" / "same.md"
NAMESPACES = """mytorch mytorch.Tensor mytorch.nn mytorch.nn.functional mytorch.nn.init
mytorch.nn.utils mytorch.optim mytorch.optim.lr_scheduler mytorch.autograd
mytorch.autograd.functional mytorch.utils mytorch.utils.data
mytorch.utils.checkpoint mytorch.utils.hooks mytorch.utils.viz""".split()
ABSENT, UNTOLD = "not in PyTorch", "PyTorch does not tell its arguments"


# The public names


def public_names():
    """Yield (namespace, path, object) for every public name, each thing once."""
    seen = {}
    for space in NAMESPACES:
        owner = resolve(space)
        for name in members(space, owner):
            path = f"{space}.{name}"
            found = getattr(owner, name, None)  # None: `data`, which only objects have
            if callable(found):
                other = resolve(in_torch(path)) if exists(path) else None
                if id(found) in seen and other in (None, seen[id(found)]):
                    continue  # torch.autograd.no_grad is torch.no_grad
                seen[id(found)] = other
            yield space, path, found
            if isinstance(found, type) and found is not mytorch.Tensor:
                for inner in members(path, found):
                    yield space, f"{path}.{inner}", getattr(found, inner)


def members(path, owner):
    """List the public names of a class or a module, but for the modules in it.

    Of a module without `__all__`: what it defines, and what it has that PyTorch's has, too.
    """
    if isinstance(owner, type):
        names = {*vars(owner), "data"} if owner is mytorch.Tensor else set(vars(owner))
    else:
        things = vars(owner).items()
        listed = getattr(owner, "__all__", None)
        listed = listed or [n for n, v in things if is_own(owner, v) or exists(f"{path}.{n}")]
        names = {n for n in listed if not is_foreign(getattr(owner, n))}
    return sorted((n for n in names if not n.startswith("_")), key=lambda n: (n.lower(), n))


def is_foreign(value):
    """Whether a thing that a module has is of no concern: a module, or another library's."""
    home = getattr(value, "__module__", None) or "mytorch"
    return isinstance(value, types.ModuleType) or not home.startswith("mytorch")


def is_own(module, value):
    named = isinstance(value, (types.FunctionType, type))
    return named and value.__module__ == module.__name__


def in_torch(path):
    return re.sub("^mytorch", "torch", path)


def exists(path):
    """Whether PyTorch has a name."""
    try:
        resolve(in_torch(path))
    except AttributeError:
        return False
    return True


# What differs, and why


@dataclass
class Row:
    """A public name: what differs from PyTorch, for which reasons, and where it is explained."""

    space: str
    path: str
    call: str
    what: list[str]
    chapters: list[str]
    why: list[int] = field(default_factory=list)

    @property
    def name(self):
        return self.path.removeprefix("mytorch.")


@functools.cache
def rows():
    """Return a row for every public name."""
    numbered, origins = reasons(), chapters_of_definitions()
    made = []
    for space, path, found in public_names():
        row = Row(space, path, call(path, found), compare(path, found), origins(path, found))
        row.why = [reason_for(row, what, numbered) for what in row.what]
        made.append(row)
    return made


def compare(path, found):
    """List in words how a name differs from PyTorch's."""
    if not exists(path):
        return [ABSENT]
    mine, other = signature(found), resolve(in_torch(path))
    if (mine is None) is callable(other):
        return ["an attribute, not a function" if mine is None else "a function, not an attribute"]
    if mine is None:
        return []
    overloads = theirs(in_torch(path))
    return differences(mine, overloads, is_method(path)) if overloads else [UNTOLD]


def signature(found):
    """Return how a thing is called, or None for an attribute."""
    try:
        return inspect.signature(found)
    except (TypeError, ValueError):  # an attribute; a class of errors
        return None


def is_method(path):
    """Whether the first argument of a name is the object before the dot."""
    owner, _, name = path.rpartition(".")
    holder = resolve(owner)
    if not isinstance(holder, type):
        return False
    return not isinstance(inspect.getattr_static(holder, name), (staticmethod, classmethod))


def call(path, found):
    """Return a name as it is called: `sum(input, dim=None)`."""
    name = path.removeprefix("mytorch.")
    if (mine := signature(found)) is None:
        return name
    ps = list(mine.parameters.values())[is_method(path) :]
    plain = [p.replace(default=Plain(p.default)) if p.default is not p.empty else p for p in ps]
    return name + str(inspect.Signature(plain))


class Plain:
    """A default that is printed without an address."""

    def __init__(self, value):
        self.value = value

    def __repr__(self):
        return shown(self.value)


def reason_for(row, what, numbered):
    """Return the number of the first reason that fits, or 0."""
    return next((n for n, reason in numbered.items() if applies(reason, row, what)), 0)


def applies(reason, row, what):
    in_name = any(fnmatchcase(row.name, name) for name in reason.get("names", ["*"]))
    return in_name and any(fnmatchcase(what, pattern) for pattern in reason["what"])


@functools.cache
def read():
    """Return what same.toml says."""
    return tomllib.loads(Path(__file__).with_name("same.toml").read_text(encoding="utf-8"))


def reasons():
    """Return {number: reason}, counted through all groups."""
    return dict(enumerate((r for group in read()["group"] for r in group["reason"]), 1))


def complaints():
    """List the differences without a reason, and the reasons without a difference."""
    found = [f"{r.name}: {w}" for r in rows() for w, n in zip(r.what, r.why, strict=True) if not n]
    found = [f"{line}: there is no reason for it in tests/same.toml" for line in found]
    met = [(r, w, n) for r in rows() for w, n in zip(r.what, r.why, strict=True)]
    for number, reason in reasons().items():
        here = [(r, w) for r, w, n in met if n == number]
        for pattern in reason["what"]:
            if not any(fnmatchcase(w, pattern) for _, w in here):
                found.append(f"tests/same.toml, reason {number}: nothing has {pattern!r} any more")
        for name in reason.get("names", []):
            if not any(fnmatchcase(r.name, name) for r, _ in here):
                found.append(f"tests/same.toml, reason {number}: it no longer concerns {name!r}")
    return found + [f"{r.name}: no chapter writes it" for r in rows() if not r.chapters]


# The chapters that explain a name


def chapters_of_definitions():
    """Return a function from a name to the numbers of the chapters that wrote it."""
    table = {}
    for module in after(Book()).modules.values():
        for unit in module.units:
            for name in unit.names:
                table[module_name(module), name] = unit
            for part in unit.members or []:
                for inner in part.names:
                    for name in unit.names:
                        table[module_name(module), f"{name}.{inner}"] = part

    def origins(path, found):
        unit = next((table[key] for key in places(path, found) if key in table), None)
        return list(dict.fromkeys(number for number, _ in unit.origins)) if unit else []

    return origins


def places(path, found):
    """Yield (module, name) where a thing may have been defined, the likeliest first."""
    owner, _, last = path.rpartition(".")
    holder, found = resolve(owner), getattr(found, "fget", found)
    module = getattr(found, "__module__", None)
    if isinstance(found, np.dtype):
        yield "mytorch.dtypes", found.name
    if isinstance(holder, type):
        yield holder.__module__, f"{holder.__qualname__}.{last}"
    yield module, last
    if last.endswith("_"):  # made by a loop, from the form without an underscore
        yield "mytorch.ops.inplace", "NAMES"
    yield module, getattr(found, "__qualname__", None)
    if isinstance(holder, type):
        yield holder.__module__, f"{holder.__qualname__}.__init__"


# The page


def page(measured):
    """Return the page; `measured`: [(program, steps, largest difference)]."""
    parts = [HEAD.format(**counts()), reasons_list(), behaviors(), programs(measured)]
    parts += ["## The names", NAMES_HEAD, *map(section, NAMESPACES)]
    return "\n\n".join(part.strip() for part in parts if part) + "\n"


HEAD = """
# mytorch beside PyTorch

Every name of `mytorch` means what PyTorch's means. This page holds the two against each other,
name by name. A program makes it from both libraries, and a test fails once it is no longer true.

**{total} names: {same} have PyTorch's signature, with the same arguments in the same order and
the same defaults, and {common} more lack nothing but `out`, or what chooses a device.** {apart}
differ in an argument or two beyond that, {absent} are not in PyTorch, and of {untold} PyTorch does
not say what they take. Each difference has its reason below.
"""

NAMES_HEAD = """
What differs comes first; the number behind it is that of its reason above. Behind a click are the
names that lack only `out` or a device, and those that are called as in PyTorch.

A signature is the same if its arguments have the same names, the same order and the same
defaults, and can be given by position or by name as in PyTorch. Annotations are not compared.
PyTorch lists several forms of many names (`sum(input)`, `sum(input, dim)`): what agrees with one
of them agrees, and an argument that only some of them have may be left out. Forms that PyTorch has
deprecated are not counted. Attributes that an object gets when it is made (`linear.in_features`)
are not listed.
"""


def counts():
    """Count the rows of each kind."""
    kinds = Counter(kind(row) for row in rows())
    return {"total": len(rows())} | {name: kinds[name] for name in KINDS}


KINDS = ("same", "common", "apart", "untold", "absent")


def kind(row):
    """Tell what a row is: the same, but for what is common, apart, absent, or not told."""
    if row.what in ([ABSENT], [UNTOLD]):
        return "absent" if row.what == [ABSENT] else "untold"
    if not row.what:
        return "same"
    return "common" if all(reasons()[n].get("common") for n in row.why) else "apart"


def reasons_list():
    """Return the reasons as a numbered list, group by group."""
    lines, numbers = ["## What differs, and why"], iter(reasons())
    for group in read()["group"]:
        lines += ["", f"### {group['title']}", ""]
        lines += [listed(next(numbers), reason) for reason in group["reason"]]
    return "\n".join(lines)


def listed(number, reason):
    """Return one reason: its number, what differs, at which names, and why."""
    pairs = [(r, w) for r in rows() for w, n in zip(r.what, r.why, strict=True) if n == number]
    what = list(dict.fromkeys(w for _, w in pairs))
    names = list(dict.fromkeys(f"`{r.name}`" for r, _ in pairs))
    return f"{number}. **{some(what, 6)}** ({some(names, 4)}). {one_line(reason['why'])}"


def some(items, most):
    """Join the first few items; say how many there are if there are more."""
    if len(items) <= most:
        return "; ".join(items)
    return "; ".join(items[: most - 1]) + f" and {len(items) - most + 1} more"


def one_line(text):
    return " ".join(text.split())


def behaviors():
    lines = ["## What behaves otherwise", "", BEHAVIOR_HEAD.strip(), ""]
    for known in read()["behavior"]:
        title, theirs, ours, why = (one_line(known[k]) for k in BEHAVIOR)
        lines.append(f"- **{title}.** PyTorch: {theirs}. mytorch: {ours}. {why}")
    return "\n".join(lines)


BEHAVIOR = ("title", "torch", "mytorch", "why")

BEHAVIOR_HEAD = """
The differences that we know of where the arguments agree. A test runs an example of each under
both libraries, and fails when they do the same.
"""

PROGRAMS_HEAD = """
## Programs that run under both

These are ordinary PyTorch programs. A test runs each twice with the same weights and data: as it
stands, and with nothing changed but its import lines (`import mytorch as torch`). The losses of
all steps must agree to 1e-5; of a loss above 1, relative to it. The last column is the largest
difference that was measured when this page was made.
"""


def programs(measured):
    lines = [PROGRAMS_HEAD.strip(), "", "| program | losses | apart by |", "|---|---:|---:|"]
    for path, (steps, apart) in zip(PROGRAMS, measured, strict=True):
        about = inspect.cleandoc(path.read_text(encoding="utf-8").split('"""')[1])
        link = f"{{download}}`{path.stem} <../../tests/programs/{path.name}>`"
        lines.append(f"| {link}: {one_line(about)} | {steps} | {apart} |")
    return "\n".join(lines)


def measure():
    """Run the programs; return [(number of losses, largest difference)] as text."""
    found = []
    for path in PROGRAMS:
        losses = both(path)
        apart = max(distance(b, a) for a, b in zip(*losses, strict=True))
        found.append((str(len(losses[0])), f"{apart:.0e}"))
    return found


def measured_before(text):
    """Return what `measure` found when a page was written."""
    return re.findall(r"^\| \{download\}.* \| (\d+) \| ([\de+-]+) \|$", text, re.M)


def section(space):
    """Return the part of the page for one namespace: differences, then the rest behind a click."""
    here = [row for row in rows() if row.space == space]
    if not here:
        return ""
    kinds = {name: [row for row in here if kind(row) == name] for name in KINDS}
    lines = [f"### {space}", ""]
    if kinds["apart"]:
        lines += ["| in mytorch | what differs | chapter |", "|---|---|---|"]
        lines += [f"| `{row.call}` | {told(row)} | {links(row)} |" for row in kinds["apart"]]
    for row_kind, what in (("untold", UNTOLD), ("absent", ABSENT)):
        for number in sorted({row.why[0] for row in kinds[row_kind]}):
            group = by_chapter(row for row in kinds[row_kind] if row.why == [number])
            lines += ["", f"{what[0].upper()}{what[1:]} ({number}). {' '.join(group)}"]
    for row_kind, title in (
        ("common", "lack only `out` (1) or a device (2)"),
        ("same", "are the same"),
    ):
        if some_rows := kinds[row_kind]:
            lines += ["", f":::{{dropdown}} {len(some_rows)} of {len(here)} {title}"]
            lines += [*(f"{group}\n" for group in by_chapter(some_rows)), ":::"]
    return "\n".join(lines)


def told(row):
    return "; ".join(f"{what} ({n})" for what, n in zip(row.what, row.why, strict=True))


def links(row):
    return ", ".join(map(chapter_link, row.chapters))


@functools.cache
def chapter_link(number):
    path = Book().chapter(number).path.relative_to(ROOT).as_posix()
    return f"[{number}](../../{path})"


def by_chapter(some_rows):
    """Yield names with the chapters that explain them, in the order of the book."""
    groups = {}
    for row in some_rows:
        groups.setdefault(tuple(row.chapters), []).append(f"`{row.call}`")
    order = Book().numbers
    for numbers in sorted(groups, key=lambda key: [order.index(n) for n in key]):
        where = ", ".join(map(chapter_link, numbers))
        yield f"{where}: {', '.join(groups[numbers])}."


def main():
    if sys.argv[1:] not in ([], ["--write"]):
        sys.exit(__doc__)
    if found := complaints():
        sys.exit("\n".join(found))
    if sys.argv[1:]:
        PAGE.write_text(page(measure()), encoding="utf-8")
    print(counts())


if __name__ == "__main__":
    main()
