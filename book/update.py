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

from book.merge import Module, Unit, text_of

MISSING = object()
PLAIN = (int, float, complex, str, bytes, bool, tuple, type(None), types.ModuleType)
SLOTS = (types.MemberDescriptorType, types.GetSetDescriptorType)  # of one class and no other


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
    kept = {n for unit in new.units for n in unit.names} | {item.bound for item in new.imports}
    for name in {n for unit in old.units for n in unit.names} - kept:
        live.__dict__.pop(name, None)
    _renumber(live, compile(text, str(path), "exec", dont_inherit=True))
    return text


def _is_news(unit: Unit, old: Unit | None, origin) -> bool:
    return old is None or unit.origins[-1] == origin or text_of(unit) != text_of(old)


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
    # What has another name as well (relu6 = relu) belongs to the first.
    own = name == next(key for key, value in before.items() if value is old)
    if isinstance(old, type) and isinstance(new, type):
        earlier = (twin and twin.members) or []
        same = own and _update_class(old, new, unit.members or [], earlier, origin)
    else:
        same = own and _update_function(old, new)
    if same:
        namespace[name] = old
        return
    made_here = getattr(old, "__module__", None) in (None, namespace["__name__"])
    anywhere = own and made_here and not isinstance(old, PLAIN)
    for other in others:
        for key in [k for k, value in other.items() if value is old and (anywhere or k == name)]:
            other[key] = new


def _update_function(old, new) -> bool:
    """Make function ``old`` run the code of ``new``; False if its form does not allow it."""
    if not (isinstance(old, types.FunctionType) and isinstance(new, types.FunctionType)):
        return False
    if old is new:
        return True
    if old.__globals__ is not new.__globals__ or old.__qualname__ != new.__qualname__:
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
    if type(old).__setattr__ is not type.__setattr__:  # an Enum guards its members
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
        if isinstance(value, SLOTS) or name == "_abc_impl" or _update_function(now, value):
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
        elif inner := getattr(value, "__wrapped__", None):  # a static or a cached one
            stack.append(inner)


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
            if _same_code(twin, now):
                function.__code__ = twin


def _same_code(one: types.CodeType, other: types.CodeType) -> bool:
    """Whether two pieces of code do the same, whatever their lines."""
    if not isinstance(one, types.CodeType) or not isinstance(other, types.CodeType):
        return type(one) is type(other) and one == other
    parts = ("co_code", "co_names", "co_freevars", "co_varnames")
    return (
        all(getattr(one, part) == getattr(other, part) for part in parts)
        and len(one.co_consts) == len(other.co_consts)
        and all(map(_same_code, one.co_consts, other.co_consts))
    )


def namespaces(package: str, user: dict) -> list[dict]:
    """The namespaces that may hold a name of the package: its modules and the notebook."""
    modules = [m for name, m in list(sys.modules.items()) if name.partition(".")[0] == package]
    return [user, *(vars(module) for module in modules)]
