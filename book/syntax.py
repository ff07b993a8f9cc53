"""Questions to the syntax tree of a statement: what it defines, what it needs."""

import ast
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
        for target in targets:
            parts = target.elts if isinstance(target, (ast.Tuple, ast.List)) else [target]
            yield from map(ast.unparse, parts)
    elif isinstance(node, (ast.ClassDef, ast.If, ast.Try)):
        names = list(binds(node))
        yield from names or [ast.unparse(node)]
    else:
        yield ast.unparse(node)


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
    if not any("property" in decorator for decorator in decorators):
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
    return (n.id for n in ast.walk(node) if isinstance(n, ast.Name))


def needs(node: ast.stmt, header_only: bool):
    """The names that executing a statement looks up at once."""
    if isinstance(node, DEFINITIONS):
        for part in header_parts(node):
            yield from needs(part, False)
        if isinstance(node, ast.ClassDef) and not header_only:
            for child in node.body:
                yield from needs(child, False)
    elif isinstance(node, ast.Name):
        yield node.id
    elif not isinstance(node, ast.Lambda):
        for child in ast.iter_child_nodes(node):
            yield from needs(child, False)


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


def is_docstring(node: ast.stmt) -> bool:
    value = getattr(node, "value", None)
    constant = isinstance(node, ast.Expr) and isinstance(value, ast.Constant)
    return constant and isinstance(value.value, str)


def triple_quoted(node: ast.Expr, text: str) -> str:
    if text.endswith('"""'):
        return text
    body = textwrap.dedent(node.value.value).replace("\\", "\\\\").replace('"""', "'''")
    return f'"""{body}"""'
