"""The imports of a module: gathered at the top, once, in the order that ruff (isort) keeps."""

import sys
from dataclasses import dataclass

COLUMNS = 88


@dataclass(frozen=True)
class Import:
    """One imported name. A statement with a comment of its own stays a line of its own."""

    module: str  # with its leading dots
    name: str | None  # None: `import module`
    alias: str | None
    above: str = ""
    beside: str = ""

    @property
    def bound(self) -> str:
        return self.alias or self.name or self.module.split(".")[0]

    @property
    def target(self) -> tuple:
        dotted = self.name is None and self.alias is None
        return (self.module.split(".")[0] if dotted else self.module, self.name)

    @property
    def same(self) -> tuple:
        """What it imports under which name, whatever its comments."""
        return self.bound, self.module, self.name

    @property
    def section(self) -> int:
        if self.module == "__future__":
            return 0
        if self.module.startswith("."):
            return 3
        return 1 if self.module.split(".")[0] in sys.stdlib_module_names else 2

    def __str__(self):
        return f"{self.name or self.module}" + (f" as {self.alias}" if self.alias else "")


def render_imports(imports: list[Import]) -> str:
    sections: dict[int, list[tuple]] = {}
    groups: dict[tuple, list[Import]] = {}
    for item in imports:
        own_line = item.name is None or item.above or item.beside
        key = (item.module, str(item) if own_line else None, item.name is None)
        groups.setdefault(key, []).append(item)
    for (module, _, plain), items in groups.items():
        dots = len(module) - len(module.lstrip("."))
        key = (not plain, -dots, module.lstrip(".").lower(), _member_key(items[0]))
        sections.setdefault(items[0].section, []).append((key, _import_line(items, plain)))
    blocks = ["\n".join(line for _, line in sorted(sections[s])) for s in sorted(sections)]
    return "\n\n".join(blocks)


def _import_line(items: list[Import], plain: bool) -> str:
    first = items[0]
    above = first.above + "\n" if first.above else ""
    if plain:
        return f"{above}import {first}{first.beside}"
    names = [str(item) for item in sorted(set(items), key=_member_key)]
    start = f"from {first.module} import "
    line = start + ", ".join(names)
    if len(line) <= COLUMNS or first.beside:
        return above + line + first.beside
    return above + wrapped(start + "(", names, ")")


def _member_key(item: Import) -> tuple:
    """Constants, then classes, then the rest; each by the alphabet."""
    name = item.name or item.module
    kind = 0 if name.isupper() and len(name) > 1 else 1 if name[:1].isupper() else 2
    return kind, name.lower(), name, item.alias or ""


def wrapped(start: str, items: list[str], end: str) -> str:
    line = start + ", ".join(items) + end
    if len(line) <= COLUMNS:
        return line
    return start + "\n" + "".join(f"    {item},\n" for item in items) + end
