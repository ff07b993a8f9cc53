"""Bring a live module in line with its new source, in place.

Only what changed is executed, at its lines in the new file. Then the objects that were
there take over what the new ones have, so that every name, instance and subclass that
refers to them sees the new code.
"""

import ast
import linecache
import sys
import types
from pathlib import Path

from book.merge import Module, Unit

MISSING = object()
PLAIN = (int, float, complex, str, bytes, bool, tuple, type(None))


def update(live: types.ModuleType, old: Module, new: Module, origin, path: Path, others) -> str:
    """Execute in ``live`` what ``new`` has and ``old`` had not, or what ``origin`` wrote.

    ``others`` are namespaces that may hold what was replaced. Returns the new text.
    If executing raises, the module is as it was and the exception goes on.
    """
    __tracebackhide__ = True
    text, spans = new.render()
    lines = text.splitlines(keepends=True)
    linecache.cache[str(path)] = (len(text), None, lines, str(path))  # for a traceback
    known = {unit.keys: unit for unit in old.units}
    chosen = [unit for unit in new.units if _is_news(unit, known.get(unit.keys), origin)]
    code = _compile(text, path, [(a, b) for unit, a, b in spans if unit in chosen])
    before = dict(live.__dict__)
    try:
        exec(code, live.__dict__)
    except BaseException:
        live.__dict__.clear()
        live.__dict__.update(before)
        raise
    live.__doc__ = ast.get_docstring(ast.parse(text))
    for unit in chosen:
        for name in unit.names:
            twin = known.get(unit.keys)
            _take_over(live.__dict__, before, name, unit, twin, origin, others)
    gone = {n for unit in old.units for n in unit.names} - {n for u in new.units for n in u.names}
    for name in gone:
        live.__dict__.pop(name, None)
    _renumber(live, compile(text, str(path), "exec", dont_inherit=True))
    return text


def _is_news(unit: Unit, old: Unit | None, origin) -> bool:
    return old is None or unit.origins[-1] == origin or _source(unit) != _source(old)


def _source(unit: Unit) -> tuple:
    return unit.text, *(member.text for member in unit.members or [])


def _compile(text: str, path: Path, spans: list[tuple[int, int]]):
    """The imports of a module and the statements in some of its lines, as they stand there."""
    tree = ast.parse(text)
    tree.body = [
        node
        for node in tree.body
        if isinstance(node, (ast.Import, ast.ImportFrom))
        or any(first <= node.lineno <= last for first, last in spans)
        or _is_all(node)
    ]
    return compile(tree, str(path), "exec", dont_inherit=True)


def _is_all(node: ast.stmt) -> bool:
    return isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"


def _take_over(namespace, before, name, unit, twin, origin, others) -> None:
    """Let the object that had the name before become what the new one is."""
    old, new = before.get(name, MISSING), namespace.get(name, MISSING)
    if old is MISSING or new is MISSING or old is new:
        return
    if isinstance(old, type) and isinstance(new, type):
        same = _update_class(old, new, unit.members or [], (twin and twin.members) or [], origin)
    else:
        same = _update_function(old, new)
    if same:
        namespace[name] = old
    elif not isinstance(old, PLAIN):
        for other in others:
            for key in [key for key, value in other.items() if value is old]:
                other[key] = new
    else:
        for other in others:
            if other.get(name, MISSING) is old:
                other[name] = new


def _update_function(old, new) -> bool:
    """Make function ``old`` run the code of ``new``; False if its form does not allow it."""
    if not (isinstance(old, types.FunctionType) and isinstance(new, types.FunctionType)):
        return False
    if old.__globals__ is not new.__globals__:
        return False
    if old.__code__.co_freevars != new.__code__.co_freevars:
        return False
    cells = [_content(cell) for cell in new.__closure__ or ()]
    if any(content is old for content in cells):  # the new one wraps the old one
        return False
    old.__code__ = new.__code__
    for name in ("__defaults__", "__kwdefaults__", "__doc__", "__annotations__"):
        setattr(old, name, getattr(new, name))
    old.__dict__.clear()
    old.__dict__.update(new.__dict__)
    for cell, content in zip(old.__closure__ or (), cells, strict=True):
        if content is not MISSING:
            cell.cell_contents = content
    return True


def _content(cell):
    try:
        return cell.cell_contents
    except ValueError:  # an empty cell
        return MISSING


def _update_class(old: type, new: type, members, earlier, origin) -> bool:
    """Give class ``old`` what ``new`` has; False if its layout does not allow it."""
    if type(old) is not type(new) or vars(old).get("__slots__") != vars(new).get("__slots__"):
        return False
    if old.__bases__ != new.__bases__:
        try:
            old.__bases__ = new.__bases__
        except TypeError:
            return False
    _point_super_at(old, new)
    known = {member.keys: member for member in earlier}
    kept = {
        name
        for member in members
        if not _is_news(member, known.get(member.keys), origin)
        for name in member.names
    }
    for name, value in list(vars(new).items()):
        now = vars(old).get(name, MISSING)
        if name in ("__dict__", "__weakref__", "_abc_impl") or _update_function(now, value):
            continue
        if now is MISSING or name not in kept or hasattr(value, "__get__"):
            setattr(old, name, value)
    for name in {n for m in earlier for n in m.names} - {n for m in members for n in m.names}:
        if name in vars(old):
            delattr(old, name)
    return True


def _point_super_at(old: type, new: type) -> None:
    """Methods find their class, for ``super()``, in a cell: let it hold the old class."""
    for function in _functions(vars(new).values()):
        for cell in function.__closure__ or ():
            if _content(cell) is new:
                cell.cell_contents = old


def _functions(values):
    """All functions in some objects: bare, decorated, in properties and in classes."""
    seen, stack = set(), list(values)
    while stack:
        value = stack.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, types.FunctionType):
            yield value
            stack += [_content(cell) for cell in value.__closure__ or ()]
        elif isinstance(value, property):
            stack += [value.fget, value.fset, value.fdel]
        elif isinstance(value, (staticmethod, classmethod)):
            stack.append(value.__func__)


def _renumber(live: types.ModuleType, code: types.CodeType) -> None:
    """Give functions that were not executed again their lines in the new file."""
    table: dict[str, list[types.CodeType]] = {}
    stack = [code]
    while stack:
        for inner in stack.pop().co_consts:
            if isinstance(inner, types.CodeType):
                table.setdefault(inner.co_qualname, []).append(inner)
                stack.append(inner)
    own = [v for v in vars(live).values() if getattr(v, "__module__", None) == live.__name__]
    inside = [m for value in own if isinstance(value, type) for m in vars(value).values()]
    for function in _functions([*own, *inside]):
        now = function.__code__
        if now.co_filename != code.co_filename:
            continue
        for twin in table.get(now.co_qualname, []):
            if twin.co_code == now.co_code and twin.co_names == now.co_names:
                if twin.co_freevars == now.co_freevars:
                    function.__code__ = twin


def namespaces(package: str, user: dict) -> list[dict]:
    """The namespaces that may hold a name of the package: its modules and the notebook."""
    modules = [m for name, m in list(sys.modules.items()) if name.partition(".")[0] == package]
    return [user, *(vars(module) for module in modules)]
