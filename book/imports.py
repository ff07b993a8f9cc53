"""The imports of a module: gathered at the top, once, in the order that ruff (isort) keeps."""

import re
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
        own_line = item.name is None or item.alias
        groups.setdefault((item.module, own_line and str(item)), []).append(item)
    for (module, _), items in groups.items():
        items.sort(key=_member_key)
        dots = len(module) - len(module.lstrip("."))
        plain = items[0].name is None
        key = (not plain, -dots, _natural(module.lstrip(".")), _member_key(items[0]))
        sections.setdefault(items[0].section, []).append((key, _import_line(items)))
    blocks = []
    for section in sorted(sections):
        first, *rest = [line for _, line in sorted(sections[section])]
        blocks.append(first + "".join("\n" + "\n" * (line[0] == "#") + line for line in rest))
    return "\n\n".join(blocks)


def _import_line(items: list[Import]) -> str:
    """One statement for what is imported from one module, with all comments."""
    above = "".join(dict.fromkeys(item.above + "\n" for item in items if item.above))
    module, beside = items[0].module, items[0].beside
    if items[0].name is None:
        return f"{above}import {items[0]}{beside}"
    line = f"from {module} import {', '.join(map(str, items))}"
    if all(item.beside == beside for item in items) and (len(line) <= COLUMNS or beside):
        return above + line + beside
    lines = "".join(f"    {item},{item.beside}\n" for item in items)
    return f"{above}from {module} import (\n{lines})"


def _member_key(item: Import) -> tuple:
    """Constants, then classes, then the rest; each by the alphabet."""
    name = item.name or item.module
    kind = 0 if name.isupper() and len(name) > 1 else 1 if name[:1].isupper() else 2
    return kind, _natural(name), name, item.alias or ""


def _natural(name: str) -> list:
    """A sorting key that puts ``layer2`` before ``layer10``."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name.lower())]


def wrapped(start: str, items: list[str], end: str) -> str:
    line = start + ", ".join(items) + end
    if len(line) <= COLUMNS:
        return line
    return start + "\n" + "".join(f"    {item},\n" for item in items) + end
