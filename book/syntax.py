"""Questions to the syntax tree of a statement: what it defines, what it needs."""

import ast
import re
import textwrap

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
DEFINITIONS = (*FUNCTIONS, ast.ClassDef)
ACCESSORS = ("setter", "deleter", "getter")


def keys_of(node: ast.stmt):
    """The names that a statement is responsible for: what a later one of them replaces."""
    if isinstance(node, FUNCTIONS):
        yield from _function_keys(node)
    elif isinstance(node, (ast.Assign, ast.AnnAssign)):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        parts = [p for t in targets for p in getattr(t, "elts", [t])]
        keys = {ast.unparse(part) for part in parts}
        # `x = x + 1` is no new x: it needs the old one.
        yield from {ast.unparse(node)} if node.value and _reads(node.value, keys) else keys
    elif isinstance(node, (ast.ClassDef, ast.If, ast.Try)):
        names = list(binds(node))
        yield from names or [ast.unparse(node)]
    else:
        yield ast.unparse(node)


def _reads(value: ast.expr, keys: set[str]) -> bool:
    places = (ast.Name, ast.Attribute, ast.Subscript)
    return any(isinstance(n, places) and ast.unparse(n) in keys for n in executed(value, False))


def _function_keys(node):
    decorators = [ast.unparse(d) for d in node.decorator_list]
    for decorator in decorators:
        if decorator in {f"{node.name}.{accessor}" for accessor in ACCESSORS}:
            yield decorator
            return
    if node.name == "_":  # the implementations of a singledispatch function
        yield f"_ {decorators} {ast.unparse(node.args)}"
        return
    yield node.name
    if "property" not in decorators:
        yield from (f"{node.name}.{accessor}" for accessor in ACCESSORS)


def binds(node: ast.AST):
    """The names that a statement binds in its own scope."""
    if isinstance(node, DEFINITIONS):
        yield node.name
    elif isinstance(node, ast.Name) and isinstance(node.ctx, (ast.Store, ast.Del)):
        yield node.id
    elif isinstance(node, ast.alias):
        yield node.asname or node.name.split(".")[0]
    elif not isinstance(
        node, (ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
    ):
        for child in ast.iter_child_nodes(node):
            yield from binds(child)


def names_in(node: ast.AST):
    """All names that occur in it, those in annotations that are strings as well."""
    for part in ast.walk(node):
        if isinstance(part, ast.Name):
            yield part.id
        for annotation in (getattr(part, "annotation", None), getattr(part, "returns", None)):
            for quoted in ast.walk(annotation) if annotation else []:
                if isinstance(quoted, ast.Constant) and isinstance(quoted.value, str):
                    yield from re.findall(r"\w+", quoted.value)


def executed(node: ast.AST, header_only: bool):
    """What of a statement runs at once: not the bodies of functions."""
    yield node
    if isinstance(node, DEFINITIONS):
        parts = [*header_parts(node)]
        if isinstance(node, ast.ClassDef) and not header_only:
            parts += node.body
    else:
        parts = [] if isinstance(node, ast.Lambda) else ast.iter_child_nodes(node)
    for part in parts:
        yield from executed(part, False)


def needs(node: ast.stmt, header_only: bool):
    """The names that executing a statement looks up at once."""
    return (n.id for n in executed(node, header_only) if isinstance(n, ast.Name))


def calls(node: ast.stmt, header_only: bool):
    """The names that executing a statement calls at once: as decorators, too."""
    for part in executed(node, header_only):
        called = [part.func] if isinstance(part, ast.Call) else getattr(part, "decorator_list", [])
        yield from (function.id for function in called if isinstance(function, ast.Name))


def header_parts(node):
    """What of a definition is evaluated when it is defined."""
    yield from node.decorator_list
    if isinstance(node, ast.ClassDef):
        yield from node.bases
        yield from node.keywords
        return
    arguments = node.args
    yield from arguments.defaults
    yield from (default for default in arguments.kw_defaults if default)
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    every += [a for a in (arguments.vararg, arguments.kwarg) if a]
    yield from (argument.annotation for argument in every if argument.annotation)
    if node.returns:
        yield node.returns


def closing(node: ast.stmt) -> ast.stmt:
    """The statement that a block ends with: a definition, after which ruff wants a space."""
    while not isinstance(node, DEFINITIONS):
        parts = ("finalbody", "orelse", "handlers", "cases", "body")
        last = next((part[-1] for name in parts if (part := getattr(node, name, None))), None)
        if not isinstance(last, ast.AST):  # a lambda's body is no list
            return node
        node = last
    return node


def is_docstring(node: ast.stmt) -> bool:
    value = getattr(node, "value", None)
    constant = isinstance(node, ast.Expr) and isinstance(value, ast.Constant)
    return constant and isinstance(value.value, str)


def triple_quoted(node: ast.Expr, text: str) -> str:
    if text.endswith('"""'):
        return text
    body = textwrap.dedent(node.value.value).replace("\\", "\\\\").replace('"""', "'''")
    return f'"""{body}"""'
