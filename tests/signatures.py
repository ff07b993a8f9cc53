"""Signatures of mytorch and of PyTorch, and what differs between the two.

Annotations are not compared. PyTorch's are taken from `inspect` where that can see them, and
else from the stubs (.pyi) that it ships; those list the overloads of a name one by one.
"""

import ast
import functools
import inspect
import re
from inspect import Parameter, Signature
from pathlib import Path

import mytorch
import torch

ROOTS = {"mytorch": mytorch, "torch": torch}
EMPTY = Parameter.empty
BY_POSITION = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
VARIADIC = (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)
STUBS = {"torch": "_VariableFunctions", "torch.nn.functional": "_nn"}
BEHIND = {torch.unique: torch.functional._unique_impl}  # behind a dispatcher
# Where PyTorch's stubs name an argument otherwise than PyTorch does: a test calls PyTorch itself
MISTAKEN = {
    "requires_grad_": {"mode": "requires_grad"},
    "finfo": {"dtype": "type"},
    "iinfo": {"dtype": "type"},
}


class Unknown:
    """A default that is an expression, or `...`: shown as it stands, equal to itself only."""

    def __init__(self, text):
        self.text = text

    def __repr__(self):
        return self.text


def theirs(path):
    """Return the list of PyTorch's overloads of a dotted name; [] if it does not tell them."""
    owner, _, name = path.rpartition(".")
    found = resolve(path)
    try:
        signature = inspect.signature(BEHIND.get(found, found))
        return stubbed(owner, name) if is_opaque(signature) else [signature]
    except (ValueError, TypeError):
        return stubbed(owner, name)


def is_opaque(signature):
    """Whether a signature says nothing: (*args, **kwargs)."""
    kinds = {p.kind for p in signature.parameters.values() if p.name not in ("self", "cls")}
    return kinds == set(VARIADIC)


def resolve(path):
    """Return what a dotted name stands for. Raises AttributeError."""
    first, *rest = path.split(".")
    return functools.reduce(getattr, rest, ROOTS[first])


def stubbed(owner, name):
    """Return the overloads that PyTorch's stubs list."""
    if owner in STUBS:
        nodes = stub(STUBS[owner]).get(name) or stub("_VariableFunctions").get(name)
    else:
        owner = {"torch.Tensor": "TensorBase"}.get(owner, owner.rpartition(".")[2])
        nodes = stub("__init__").get(f"{owner}.{name}")
    if nodes:
        return [signature_of(node, name) for node in nodes if is_current(node, nodes)]
    made = [signature_of(node, name) for node in stub("__init__").get(f"{name}.__init__", [])]
    return [s.replace(parameters=list(s.parameters.values())[1:]) for s in made]  # no `self`


@functools.cache
def stub(file):
    """Return {name: [definitions]} of a stub file; methods as Class.name."""
    path = Path(torch.__file__).parent / "_C" / f"{file}.pyi"
    table = {}
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        inner = node.body if isinstance(node, ast.ClassDef) else [node]
        prefix = f"{node.name}." if isinstance(node, ast.ClassDef) else ""
        for f in inner:
            if isinstance(f, ast.FunctionDef):
                table.setdefault(prefix + f.name, []).append(f)
    return table


def is_current(node, nodes):
    """Whether an overload is neither deprecated nor of PyTorch's experiment, named dimensions."""
    first = [a.arg for f in nodes for a in f.args.args[:1]]
    deprecated = "input" in first and node.args.args and node.args.args[0].arg == "self"
    return not deprecated and all(a.arg != "names" for a in node.args.args + node.args.kwonlyargs)


def signature_of(node, name):
    """Return the signature of a definition in a stub."""
    a, made = node.args, []
    plain = [*a.posonlyargs, *a.args]
    defaults = [None] * (len(plain) - len(a.defaults)) + a.defaults
    for i, (p, default) in enumerate(zip(plain, defaults, strict=True)):
        made.append((p.arg, BY_POSITION[i >= len(a.posonlyargs)], default))
    if a.vararg:
        made.append((a.vararg.arg, Parameter.VAR_POSITIONAL, None))
    for p, default in zip(a.kwonlyargs, a.kw_defaults, strict=True):
        made.append((p.arg, Parameter.KEYWORD_ONLY, default))
    names = MISTAKEN.get(name, {})
    found = [
        Parameter(names.get(arg, arg), kind, default=value(default, name, arg))
        for arg, kind, default in made
    ]
    return Signature(found, __validate_parameters__=False)


def value(node, name, argument):
    """Return a default as a value; for `...`, what the operator's schema says."""
    if node is None:
        return EMPTY
    try:
        found = ast.literal_eval(node)
    except ValueError:
        return Unknown(ast.unparse(node))
    if found is not ...:
        return found
    for schema in torch._C._jit_get_schemas_for_operator(f"aten::{name}"):
        for known in schema.arguments:
            if known.name == argument and known.has_default_value():
                return known.default_value
    return Unknown("...")


# What differs


def differences(mine, overloads, bound=False):
    """List, in words, what a caller of PyTorch's overloads meets in `mine`.

    bound: both are methods, and their first parameter is the object itself.
    """
    mine = parameters(mine, bound)
    others = [parameters(o, bound) for o in overloads]
    known = {name: None for other in others for name in other}
    found = [f"no `{name}`" for name in known if name not in mine]
    for name, p in mine.items():
        same = [o[name] for o in others if name in o]
        if not same:
            found.append(f"also `{name}`")
        elif p.kind not in VARIADIC:
            optional = any(name not in o for o in others)
            found += [*in_kind(p, same), *in_default(p, same, optional)]
    return [*found, *in_place(mine, others)]


def parameters(signature, bound):
    """Return {name: parameter}; all that are called `*sizes` or so share the name `*`.

    A stub's `self` in a function is what PyTorch's own messages call `input`.
    """
    ps = list(signature.parameters.values())[bound:]
    ps = [p.replace(name="input") if p.name == "self" else p for p in ps]
    stars = {Parameter.VAR_POSITIONAL: "*", Parameter.VAR_KEYWORD: "**"}
    return {stars.get(p.kind, p.name): p for p in ps}


def in_kind(p, same):
    """Say how else than in PyTorch an argument is handed over."""
    kinds = {other.kind for other in same}
    if p.kind in kinds:
        return []
    if p.kind is Parameter.KEYWORD_ONLY:
        return [f"`{p.name}` by keyword only"]
    if kinds == {Parameter.KEYWORD_ONLY}:
        return [f"`{p.name}` by position too"]
    named = Parameter.POSITIONAL_OR_KEYWORD in kinds
    return [f"`{p.name}` by position only" if named else f"`{p.name}` by keyword too"]


def in_default(p, same, optional):
    """Say how a default differs; one overload that agrees is enough.

    optional: an overload does without the argument, which None stands for.
    """
    if any(equal(p.default, other.default) for other in same):
        return []
    given = [other.default for other in same if other.default is not EMPTY]
    if p.default is EMPTY:
        return [f"`{p.name}` must be given"]
    if not given:
        missing = optional and p.default is None
        return [] if missing else [f"`{p.name}` may be left out ({p.default!r})"]
    return [f"`{p.name}={shown(p.default)}`, not `{shown(given[0])}`"]


def equal(x, y):
    """Whether two defaults are the same; 0 and 0.0 are, 0 and False are not."""
    if x is EMPTY or y is EMPTY or isinstance(x, bool) is not isinstance(y, bool):
        return x is y
    return x == y or shown(x) == shown(y)


def shown(default):
    """A default as a reader writes it: no addresses."""
    text = getattr(default, "__name__", None) or repr(default)
    return re.sub(r" object at 0x\w+", "", text)


def in_place(mine, others):
    """List the arguments that stand at another place than in every overload."""
    found = []
    places = [{n: i for i, n in enumerate(positional(other))} for other in others]
    for i, name in enumerate(positional(mine)):
        known = [p[name] for p in places if name in p]
        if known and i not in known:
            found.append(f"`{name}` is argument {i + 1}, not {known[0] + 1}")
    return found


def positional(ps):
    return [name for name, p in ps.items() if p.kind in BY_POSITION]
