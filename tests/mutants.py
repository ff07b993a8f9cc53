"""Do the tests bite? Break each pullback, and the engine, in turn; list what no test notices.

    python tests/mutants.py              # every pullback, what it calls, the engine: minutes
    python tests/mutants.py mul sum      # only the operations of these names
    python tests/mutants.py --pullbacks mul sum     # only their pullbacks, and helpers of these
    python tests/mutants.py --differences mul sum   # by finite differences alone: quicker

A mutant is a function of `mytorch` with one small fault: a sign flipped, a term or a factor
dropped, a reduction skipped, None returned. It is made from the syntax tree, compiled, and put into
the live function (`__code__`), so that nothing is imported anew; then the tests that ran the
function when it was whole run again, the quickest first, until one fails. None may survive.
"""

import ast
import contextlib
import copy
import functools
import gc
import inspect
import io
import signal
import sys
import time
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, FunctionType

import mytorch
import numpy as np
import pytest
import torch
from hypothesis import Phase, settings

import table

FOLDER = Path(mytorch.__file__).parent
HERE = Path(__file__).parent
LIMIT = 20  # seconds for one test: a broken engine may walk forever
FUNCTION = (ast.FunctionDef, ast.Lambda)
FORCED = []
CACHED = [f for f in gc.get_objects() if type(f) is functools._lru_cache_wrapper]
CACHED = [f for f in CACHED if (f.__module__ or "").startswith("mytorch")]
# Changes that change nothing a test could see, and why
EQUIVALENT = {
    "added_at: any((is_array(i) and i.dtype.kind == 'i' for i in index)) -> "
    "(is_array(i) and i.dtype.kind == 'i' for i in index)": "add.at is right always, but slower",
    "operand: Tensor(x) -> x": "an array is wrapped again by the operation",
    "converted: any((isinstance(x, Tensor) for x in operands)) -> "
    "(isinstance(x, Tensor) for x in operands)": "only the error's text differs",
    "converted: isinstance(x, Tensor) -> Tensor": "only the error's text differs",
    "pow: input + np.zeros_like(y) -> input - np.zeros_like(y)": "a zero",
    "pow: 1 -> 2": "multiplied by an exponent of zero",
    "spread: axes(input, dim) -> dim": "NumPy takes a list there, too",
    "refuse_misfit: list(result.shape) -> result.shape": "an error's text",
    "refuse_misfit: list(t.shape) -> t.shape": "an error's text",
    "cat: ' and '.join(map(str, shapes)) -> map(str, shapes)": "an error's text",
    "promoted: common is None -> common is not None": "the slow way round, to the same dtype",
    "cat: map(tuple, shapes) -> shapes": "only unpacked, as a tuple is",
    "numeric_jacobian: 1 -> 2": "NumPy takes -2 for -1",
    "gather: 1 -> 2": "NumPy takes -2 for -1",
    "added_at: add_rows if len(index) == 1 else np.add.at -> np.add.at": "right, but slower",
    "added_at: len(index) -> index": "add.at is right always, but slower",
    "add_rows: width >= 512 -> width < 512": "both ways are right for all rows, one is slower",
    "add_rows: 512 -> 513": "both ways are right for all rows",
    "add_rows: isinstance(out, np.ndarray) -> np.ndarray": "a loop is right on a GPU, but slower",
    "places: index if apart == 1 else index * apart -> index * apart": "times 1",
    "erf_powers: 2000 -> 2001": "a point more",
    "erf_powers: x * (1 - y * y) -> 1 - y * y": "another weight, as good",
    "erf_powers: y * y -> y": "another weight, as good",
    "erf_values: 5 -> 6": "tanh is 1 long before",
    "exact_jacobian: 1 -> 2": "NumPy takes -2 for -1",
    "exact_jacobian: np.ndindex(y.shape) if y.requires_grad else () -> np.ndindex(y.shape)": (
        "grad refuses what has no gradient, where rows of zeros would be compared"
    ),
    "cat: list(t.shape) -> t.shape": "an error's text",
    "cat: tuple(tensors) -> tensors": "a list does as well",
    "gradgradcheck: True -> False": "a graph kept or not",
    "listed: tuple(x) -> x": "a list does as well",
    "numeric_jacobian: 0 -> 1": "the width of a matrix without rows",
    "exact_jacobian: np.stack(rows) -> rows": "allclose takes a list",
    "contract: len(operands) > 1 -> len(operands) < 1": "only the speed differs",
    "contract: 1 -> 2": "only the speed differs",
    "change: any(map(needs_grad, (*args, *named.values()))) -> "
    "map(needs_grad, (*args, *named.values()))": "a copy that nobody needed",
    "_fill: np.zeros_like(g) -> -np.zeros_like(g)": "a zero",
    "backward: g if v.is_leaf else g.clone() -> g.clone()": "a copy that nobody needed",
    "grad: g if create_graph or v.is_leaf else np.copy(g) -> np.copy(g)": (
        "a copy that nobody needed"
    ),
    "reshape: tuple(shape) -> shape": "a list does as well",
    "hooked: result if is_tensor else result.data -> result": "the slow way round",
    "erf: erf(input) if isinstance(input, Tensor) else erf_values(input) -> erf_values(input)": (
        "a second run is for its pullback alone"
    ),
    "erf: erf(input) -> input": "a second run is for its pullback alone",
    "summed: x.ndim - 1 -> x.ndim": "sum is right always, but slower",
    "summed: x.ndim - 1 -> x.ndim + 1": "sum is right always, but slower",
    "convolution_simple: 1 -> 2": "NumPy takes -2 for -1",
    "_max_pool: isinstance(g, Tensor) -> Tensor": "the way of second derivatives: only slower",
    "spaced: 16 -> 17": "a gap of another width",
    "cuts: 512 -> 513": "pieces are right at any length",
    "cuts: 1 -> 2": "of what costs nothing",
    "packed: x if x.flags.c_contiguous else np.copy(x, order='C') -> x": "right, but slower",
    "packed: x if x.flags.c_contiguous else np.copy(x, order='C') -> np.copy(x, order='C')": (
        "a copy that nobody needed"
    ),
    "packed: np.copy(x, order='C') -> x": "right, but slower",
    "put_sums: 3 -> 4": "an array that is made anew, or is larger than needed",
    "handed_back: 0 -> 1": "adding to zeros is right always, but slower",
    "handed_back: k - 1 -> k": "adding to zeros is right always, but slower",
    "handed_back: k - 1 -> k + 1": "adding to zeros is right always, but slower",
    "pieces: (some.stop - some.start) * x.shape[1] -> some.stop - some.start": "any size is right",
    "pieces: (some.stop - some.start) * x.shape[1] -> x.shape[1]": "any size is right",
    "pieces: 1 -> 2": "any size is right",
    "pieces: some.stop - some.start -> some.stop": "any size is right",
    "pieces: some.stop - some.start -> some.start": "any size is right",
    "pieces: some.stop - some.start -> some.stop + some.start": "any size is right",
    "pieces: x.shape[1] * x.shape[2] -> x.shape[1]": "any size is right",
    "pieces: x.shape[1] * x.shape[2] -> x.shape[2]": "any size is right",
    "_cumprod: g -> None": "the gradient of nothing",
    "_cumprod: g -> -g": "the gradient of nothing",
}


class TooLong(BaseException):
    """A mutant that does not stop: noticed, too."""


# Faults


def swap(operator):
    """The same operation with another operator."""
    return lambda node: ast.BinOp(node.left, operator(), node.right)


BINARY = {
    ast.Add: [lambda n: n.left, lambda n: n.right, swap(ast.Sub)],
    ast.Sub: [lambda n: n.left, lambda n: n.right, swap(ast.Add)],
    ast.Mult: [lambda n: n.left, lambda n: n.right],
    ast.Div: [lambda n: n.left, swap(ast.Mult)],
    ast.Pow: [lambda n: n.left],
    ast.MatMult: [lambda n: n.left, lambda n: n.right],
    ast.BitAnd: [lambda n: n.left, lambda n: n.right],
    ast.BitOr: [lambda n: n.left, lambda n: n.right],
}
FLIPPED = {ast.Gt: ast.Lt, ast.Lt: ast.Gt, ast.GtE: ast.Lt, ast.LtE: ast.Gt}
FLIPPED |= {ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Is: ast.IsNot, ast.IsNot: ast.Is}


def faults(node):
    """Yield (what is done, the node that takes the place of `node`)."""
    if isinstance(node, ast.BinOp):
        for change in BINARY.get(type(node.op), []):
            yield "operand or operator", change(node)
    elif isinstance(node, ast.UnaryOp):
        yield "sign or not", node.operand
    elif isinstance(node, ast.Call):
        for argument in node.args[:3]:
            if not isinstance(argument, ast.Starred | ast.Constant):
                yield "call skipped", argument
    elif isinstance(node, ast.Compare) and type(node.ops[0]) in FLIPPED:
        flipped = [FLIPPED[type(node.ops[0])](), *node.ops[1:]]
        yield "comparison", ast.Compare(node.left, flipped, node.comparators)
    elif isinstance(node, ast.IfExp):
        yield "branch", node.body
        yield "branch", node.orelse
    elif isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield "flag", ast.Constant(not node.value)
    elif isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        yield "number", ast.Constant(node.value + 1)


def wrong_results(node):
    """What a pullback may return instead, if `node` is the gradient of one input."""
    if isinstance(node, ast.Constant) and node.value is None:
        return
    yield "None returned", ast.Constant(None)
    if not isinstance(node, ast.Lambda):  # one of a later moment has a result of its own
        yield "sign flipped", ast.UnaryOp(ast.USub(), copy.deepcopy(node))


def returned(function):
    """The expressions that a pullback returns, each input's gradient by itself."""
    if isinstance(function, ast.Lambda):
        values = [function.body]
    else:
        nodes = [n for n in own(function) if isinstance(n, ast.Return) and n.value is not None]
        values = [n.value for n in nodes]
    for value in values:
        yield from value.elts if isinstance(value, ast.Tuple) else [value]


def own(function):
    """The nodes of a function, without the functions inside it."""
    body = function.body if isinstance(function.body, list) else [function.body]
    stack = list(body)
    while stack:
        node = stack.pop()
        yield node
        guard = isinstance(node, ast.Raise) or getattr(node, "arg", None) == "strict"
        if not isinstance(node, FUNCTION) and not guard:  # an error's text is no arithmetic
            stack.extend(ast.iter_child_nodes(node))


# Where a mutant lives


@dataclass
class Mutant:
    """One fault: which live functions, their new code, and which code must run to meet it."""

    codes: list  # (function, its new code); several where a decorator made closures
    line: int
    place: tuple  # (file, name of the innermost function)
    what: str
    was: str
    now: str
    killed_by: str = ""
    tried: int = 0

    @property
    def change(self):
        return f"{self.place[1].partition('.')[0]}: {self.was} -> {self.now}"

    def __str__(self):
        file = Path(self.place[0]).relative_to(FOLDER.parent)
        return f"{file}:{self.line} {self.place[1]}: {self.what}: {self.was}  ->  {self.now}"


@dataclass
class Source:
    """A module of mytorch: its syntax tree, and its live functions by qualified name."""

    path: Path
    tree: ast.Module = field(init=False)

    def __post_init__(self):
        self.tree = ast.parse(self.path.read_text(encoding="utf-8"))
        self.live = {}
        for found in gc.get_objects():
            if type(found) is FunctionType and found.__code__.co_filename == str(self.path):
                code = found.__code__
                self.live.setdefault(key(code), []).append(found)

    def functions(self):
        """(qualified name, node, class or None) of every function that is not inside another."""
        for node in self.tree.body:
            if isinstance(node, ast.FunctionDef):
                yield node.name, node, None
            elif isinstance(node, ast.ClassDef):
                for inner in node.body:
                    if isinstance(inner, ast.FunctionDef):
                        yield f"{node.name}.{inner.name}", inner, node

    def mutants(self, wanted):
        for name, outer, owner in self.functions():
            for inner, qualified in inside(outer, name):
                if wanted(self, name, inner is not outer):
                    yield from self.faulty(shell(outer, owner), inner, qualified)

    def faulty(self, outer, inner, qualified):
        """Every fault in `inner` alone, compiled into the whole of `outer`."""
        pullback = "." in qualified.partition(".<locals>")[1]
        for node in own(inner):
            changes = list(faults(node))
            if pullback and any(node is value for value in returned(inner)):
                changes += list(wrong_results(node))
            for what, new in changes:
                pairs = self.compiled(outer, node, new)
                if pairs:
                    place = (str(self.path), qualified)
                    was, now = ast.unparse(node), ast.unparse(new)
                    yield Mutant(pairs, node.lineno, place, what, was, now)

    def compiled(self, outer, node, new):
        """The live functions that differ with `new` in the place of `node`, and their code."""
        Replace(node, new).visit(outer)
        try:
            module = compile(ast.fix_missing_locations(outer), str(self.path), "exec")
        except SyntaxError:  # a starred expression has no sign
            return []
        finally:
            Replace(new, node).visit(outer)
        pairs = [(f, code) for code in codes(module) for f in self.live.get(key(code), [])]
        if any(f.__code__.co_freevars != code.co_freevars for f, code in pairs):
            return []  # a closure cannot lose a variable
        return [(f, code) for f, code in pairs if f.__code__ != code]


class Replace(ast.NodeTransformer):
    """Put one node in another's place, by identity; leave the rest of the tree as it is."""

    def __init__(self, old, new):
        self.old, self.new = old, new

    def visit(self, node):
        if node is self.old:
            return ast.copy_location(self.new, node)
        return node if node is self.new else super().visit(node)


def key(code):
    return code.co_qualname, code.co_firstlineno


def codes(code):
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from codes(constant)


def inside(function, name):
    """The function and all functions in it, with the qualified names of their code."""
    yield function, name
    for node in own(function):
        if isinstance(node, FUNCTION):
            inner = getattr(node, "name", "<lambda>")
            yield from inside(node, f"{name}.<locals>.{inner}")


def shell(function, owner):
    """A module that holds the function alone, inside its class if it has one."""
    if owner is not None:
        function = ast.ClassDef(owner.name, [], [], [function], [])
    return ast.Module([function], [])


# Running the tests


@dataclass
class Check:
    name: str
    run: object
    places: set = field(default_factory=set)
    seconds: float = 0.0

    def passes(self):
        """Run it within the limit; any exception is a failure."""
        signal.signal(signal.SIGALRM, stop)
        signal.setitimer(signal.ITIMER_REAL, LIMIT)
        try:
            with quiet():
                self.run()
        except (Exception, TooLong, pytest.fail.Exception):
            return False
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
        return True

    def watch(self):
        """Run it once on whole code; remember which functions of mytorch it ran, and its time."""

        def profiler(frame, event, arg):
            code = frame.f_code
            if event == "call" and code.co_filename.startswith(str(FOLDER)):
                self.places.add((code.co_filename, code.co_qualname))

        forget()
        sys.setprofile(profiler)
        try:
            passed = self.passes()
        finally:
            sys.setprofile(None)
        if not passed:
            return False
        start = time.perf_counter()
        passed = self.passes()
        self.seconds = time.perf_counter() - start
        return passed


def stop(signum, frame):
    raise TooLong


@contextlib.contextmanager
def quiet():
    """Neither warnings nor hypothesis's report of a failing example."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            yield


class Collect:
    """A pytest plugin that takes the tests and runs none."""

    def __init__(self):
        self.checks = []

    def pytest_runtestloop(self, session):
        for item in session.items:
            params = item.callspec.params if hasattr(item, "callspec") else {}
            names = [n for n in inspect.signature(item.obj).parameters if n not in params]
            if names == ["torch"]:  # the only fixture that is no more than a module
                names, params = [], {**params, "torch": torch}
            if not names and "mutant" not in item.name:
                self.checks.append(Check(item.name, lambda f=item.obj, p=params: f(**p)))
        return True


def checks_of_the_tests():
    plugin = Collect()
    names = "ops autograd torch cross_entropy losses modules dropout conv alexnet norm".split()
    files = [str(HERE / f"test_{name}.py") for name in names]
    with contextlib.redirect_stdout(io.StringIO()):
        pytest.main(["-q", "-p", "no:cacheprovider", *files], plugins=[plugin])
    return plugin.checks


def checks_of_the_table(names):
    """Finite differences alone, for some rows: enough for a test of the tests."""
    for row in table.ROWS:
        if row.name in names:
            for check in (table.check_gradient, table.check_second):
                yield Check(row.name, lambda row=row, check=check: row.for_all(check))


def watched(checks):
    """The checks that pass on whole code, the quickest first."""
    good = []
    for check in checks:
        if check.watch():
            good.append(check)
        else:
            print(f"fails on whole code, left out: {check.name}", file=sys.stderr)
    return sorted(good, key=lambda check: check.seconds)


def survives(mutant, checks):
    """Put the fault in, run what meets it until something fails, take it out."""
    whole = [(function, function.__code__) for function, _ in mutant.codes]
    for check in checks:
        if mutant.place not in check.places:
            continue
        mutant.tried += 1
        put(mutant.codes)
        try:
            passed = check.passes()
        finally:
            put(whole)
            record_again()
        if not passed:
            mutant.killed_by = check.name
            return False
    return True


def put(pairs):
    for function, code in pairs:
        function.__code__ = code
    forget()


def forget():
    """Empty the caches of mytorch's functions: what they hold came from other code."""
    for function in CACHED:
        function.cache_clear()


def record_again():
    """Turn recording on, should a broken `no_grad` have left it off."""
    if not mytorch.is_grad_enabled():
        FORCED.append(mytorch.enable_grad())  # kept: a context that is collected would undo itself
        FORCED[-1].__enter__()


def sources(modules=("ops/*.py",)):
    paths = [path for pattern in modules for path in sorted(FOLDER.glob(pattern))]
    return [Source(path) for path in paths if path.name != "__init__.py"]


def survivors(mutants, checks, report=lambda *args: None):
    left = []
    for done, mutant in enumerate(mutants):
        if survives(mutant, checks):
            left.append(mutant)
        report(done, left)
    return left


@contextlib.contextmanager
def no_shrinking():
    """A counterexample is enough: nobody reads it, it need not be small."""
    before, table.QUICK = table.QUICK, settings(table.QUICK, phases=[Phase.generate])
    try:
        yield
    finally:
        table.QUICK = before


def report(total):
    def say(done, left):
        if sys.stderr.isatty() or done % 50 == 0:
            print(f"\r{done}/{total}, {len(left)} left", end="", file=sys.stderr, flush=True)

    return say


def gradient_helpers(found):
    """The functions that pullbacks call, and those that these call."""
    bodies = {name: node for source in found for name, node, _ in source.functions()}
    inner = [n for name, node in bodies.items() for n, _ in inside(node, name) if n is not node]
    names, left = set(), inner
    while left:
        called = {n.id for node in left for n in ast.walk(node) if isinstance(n, ast.Name)}
        new = {name for name in called & set(bodies) - names if not is_operation(bodies[name])}
        names, left = names | new, [bodies[name] for name in new]
    return names


def is_operation(node):
    return bool(node.decorator_list)


def chosen(names, found, pullbacks=False):
    """What to break: the named functions, or all pullbacks, what they call, and the engine."""
    helpers = gradient_helpers(found)

    def wanted(source, name, nested):
        if names:
            return name.lstrip("_") in names and (not pullbacks or nested or name in helpers)
        engine = source.path.name == "autograd.py" and "check" not in name
        return nested or engine or name in helpers

    return wanted


def main(names):
    start = time.perf_counter()
    options = {name for name in names if name.startswith("--")}
    found = sources(("ops/*.py", "autograd.py", "nn/functional.py"))
    wanted = chosen([n for n in names if n not in options], found, "--pullbacks" in options)
    mutants = [m for source in found for m in source.mutants(wanted)]
    possible = {m.change for source in found for m in source.mutants(lambda *any: True)}
    unneeded = sorted(set(EQUIVALENT) - possible)
    mutants = [m for m in mutants if m.change not in EQUIVALENT]
    with no_shrinking():
        rows = {row.name for row in table.ROWS if "--differences" in options}
        checks = watched(checks_of_the_table(rows) if rows else checks_of_the_tests())
        took = time.perf_counter() - start
        print(f"{len(checks)} tests watched in {took:.0f} s", file=sys.stderr)
        left = survivors(mutants, checks, report(len(mutants)))
    for mutant in left:
        print(f"SURVIVES ({mutant.tried} tests) {mutant}")
    for change in unneeded:
        print(f"UNNEEDED in EQUIVALENT: {change}")
    took = time.perf_counter() - start
    print(f"{len(mutants)} mutants, {len(left)} survive; {len(checks)} tests; {took:.0f} s")
    return 1 if left or unneeded else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
