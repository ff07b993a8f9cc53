"""Merging at random: well-formatted cells make a well-formatted module that does the same."""

import subprocess
import sys
import types
from random import Random

from book import BookError
from book.chapters import Cell
from book.snapshot import Package

START = "#| export tensor\nimport functools\nimport os\n\nTABLE = {}\n\n\nclass Base:\n    pass"
MEMBERS = """
    attribute_{n} = {m}  # beside {m}
|
    # above {m}
    typed_{n}: int = {m}
|
    def method_{n}(self):
        # inside {m}
        return {m}
        # behind {m}
|
    @property
    # between {m}
    def property_{n}(self):
        return "# class A: {m}"

    @property_{n}.setter
    def property_{n}(self, value): ...
|
    # above {m}

    class Inner_{n}:
        @staticmethod
        def method(x={m}):
            def inner():
                return x

            return inner()
"""
UNITS = '''
LIMIT_{n} = {m}  # beside {m}
|
# above {m}
first_{n}, second_{n} = {m}, [
    "{m}",  # inside {m}
]
|
TABLE["{n}"] = {m}
|
# above {m}
import math  # beside {m}

PI_{n} = math.pi
|
from collections import OrderedDict, deque as queue

QUEUE_{n} = OrderedDict, queue
|
def function_{n}(x={m}, *, y=None):
    """Return {m}."""
    return x
|
@functools.cache  # beside {m}
# between {m}
def cached_{n}():
    return """
# no comment
class A:
{m}"""
|
async def later_{n}():
    return os.sep, {m}
|
if TABLE is not None:

    def either_{n}():
        return {m}
else:

    def either_{n}():
        return -{m}
|
for i in range(3):
    TABLE[i] = {m}
    # behind {m}
|
# above {m}
class Class_{n}(Base):  # beside {m}
    """Class {m}."""

{members}
|
class Class_{n}:  # beside {m}
{members}
|
class Empty_{n}(Base): ...
|
# alone {m}
'''


def filled(random, templates, most):
    """Some of the templates, each at most once, filled in."""
    texts = []
    for text in random.sample(templates.split("|"), random.randint(1, most)):
        while "{members}" in text:
            text = text.replace("{members}", filled(random, MEMBERS, 4))
        n, m = random.choice("ab"), str(random.randrange(10**9))
        texts.append(text.strip("\n").replace("{n}", n).replace("{m}", m))
    return "\n\n\n".join(texts)


def run(cells):
    """The namespace after running cells in order, where a class may be opened again."""
    namespace = {}
    for cell in cells:
        before = dict(namespace)
        exec(cell, namespace)
        for name, old in before.items():
            if isinstance(old, type) and namespace[name] is not old:
                reopen(old, namespace[name])
                namespace[name] = old
    return namespace


def reopen(old, new):
    for name, value in vars(new).items():
        inner = vars(old).get(name)
        if isinstance(value, type) and isinstance(inner, type):
            reopen(inner, value)
        elif name not in ("__dict__", "__weakref__") and (name, value) != ("__doc__", None):
            setattr(old, name, value)


def seen(value):
    """What there is to see of an object, whatever its identity."""
    value = getattr(value, "__wrapped__", value)
    if isinstance(value, type):
        value = vars(value)
    if isinstance(value, property):
        return seen(value.fget), seen(value.fset)
    if isinstance(value, types.FunctionType):
        constants = [c for c in value.__code__.co_consts if not isinstance(c, types.CodeType)]
        return constants, value.__defaults__, value.__kwdefaults__, value.__doc__
    if isinstance(value, (dict, types.MappingProxyType)):
        hidden = ("__dict__", "__weakref__", "__builtins__", "__annotations__")
        return {str(k): seen(v) for k, v in value.items() if k not in hidden}
    return repr(value)


def formatted(folder, texts):
    for i, text in enumerate(texts):
        (folder / f"{i:04}.py").write_text(f"#| export tensor\n{text}")
    ruff("format", folder)
    return [(folder / f"{i:04}.py").read_text().rstrip("\n") for i in range(len(texts))]


def ruff(*command):
    line = [sys.executable, "-m", "ruff", *map(str, command), "--isolated"]
    result = subprocess.run(line, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout


def test_random_cells_make_a_module_that_does_the_same_and_passes_ruff(tmp_path):
    random = Random(0)
    cells = iter(formatted(tmp_path, [filled(random, UNITS, 5) for _ in range(800)]))
    for book in range(200):
        package, run_so_far = Package(), []
        for number, cell in enumerate([START, *(next(cells) for _ in range(4))]):
            try:
                package.add(Cell("2.1", number, "code", cell))
            except BookError as error:
                assert "defined twice in one cell" in str(error)
            else:
                run_so_far.append(cell)
        text = package.files()["mytorch/tensor.py"]
        (tmp_path / f"{book:04}.py").write_text(text)
        merged, expected = run([text]), run(run_so_far)
        for name in (set(expected) - {"__doc__", "math", "i"}) & set(merged):
            assert seen(merged[name]) == seen(expected[name]), (name, text)
        assert set(expected) <= {*merged, "math", "os", "functools", "OrderedDict", "queue"}
        again = package.copy()
        again.add(Cell("2.1", 9, "code", run_so_far[-1]))
        assert again.files()["mytorch/tensor.py"] == text
        for note in [line for line in run_so_far[-1].splitlines() if line.strip()[:2] == "# "]:
            assert note in text
    for leftover in range(200, 800):
        (tmp_path / f"{leftover:04}.py").unlink()
    ruff("format", "--check", "--diff", tmp_path)
    ruff("check", "--select", "E,F,I", tmp_path)
