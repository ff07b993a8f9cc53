"""The book in a kernel: what you run is what is written, and objects live on."""

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from random import Random

import pytest
from book import ROOT
from IPython.core.interactiveshell import InteractiveShell

from test_merge_random import START, UNITS, filled, run, seen

PACKAGE_CELLS = (
    "#| export tensor\nimport math\n\n\nclass Tensor:\n    count = 0\n\n"
    "    def __init__(self, data):\n        self.data = data\n        Tensor.count += 1\n\n"
    "    def item(self):\n        return self.data\n\n\ndef half(x):\n    return x / 2",
    "#| export ops\nfrom .tensor import Tensor, half\n\n\nclass Kind(Tensor):\n"
    '    def item(self):\n        return ("kind", super().item())\n\n\n'
    "def quarter(x):\n    return half(x) / 2",
)


class Kernel:
    """A shell with the extension, in the book of one test."""

    def __init__(self, scratch, chapter):
        self.shell = InteractiveShell()
        self.run("%load_ext book")
        self.shell.book.root = scratch.root
        self.run(f"%chapter {chapter}")

    def run(self, source, cell_id=None):
        result = self.shell.run_cell(textwrap.dedent(source).strip("\n"), cell_id=cell_id)
        result.raise_error()
        return result.result

    def fails(self, source, cell_id=None):
        result = self.shell.run_cell(textwrap.dedent(source).strip("\n"), cell_id=cell_id)
        return result.error_in_exec

    def text(self, name="tensor"):
        return (self.shell.book.folder / "mytorch" / f"{name}.py").read_text()


def take_mytorch():
    """Take mytorch and its modules out of those that are imported; return them."""
    names = [n for n in sys.modules if n.partition(".")[0] == "mytorch"]
    return {name: sys.modules.pop(name) for name in names}


@pytest.fixture(autouse=True)
def another_mytorch():
    """Let a test import a mytorch of its own; give the others theirs back."""
    others = take_mytorch()
    yield
    take_mytorch()
    sys.modules.update(others)
    sys.meta_path[:] = [f for f in sys.meta_path if type(f).__name__ != "SnapshotFinder"]


@pytest.fixture
def kernel(scratch):
    scratch.chapter("1.1", *PACKAGE_CELLS).chapter("1.2", "x = 1")
    return Kernel(scratch, "1.2")


GROWN = """
    #| export tensor
    class Tensor:
        def item(self):
            return self.data + 100

        @property
        def twice(self):
            return 2 * self.data
"""


def test_an_instance_made_before_its_class_grew_has_the_new_methods(kernel):
    kernel.run("from mytorch.tensor import Tensor\nt = Tensor(3)\nbefore = Tensor")
    kernel.run(GROWN)
    assert kernel.run("t.item(), t.twice, isinstance(t, Tensor), before is Tensor") == (
        103,
        6,
        True,
        True,
    )


def test_subclasses_in_other_modules_and_super_see_the_new_code(kernel):
    kernel.run("from mytorch.ops import Kind\nk = Kind(1)")
    kernel.run(GROWN)
    assert kernel.run("k.item(), Kind(2).item(), k.twice") == (("kind", 101), ("kind", 102), 2)


def test_super_works_in_methods_that_came_later(kernel):
    kernel.run("from mytorch.ops import Kind\nk = Kind(1)")
    kernel.run(
        "#| export ops\nclass Kind:\n    def item(self):\n        return super().item() + 0.5"
    )
    assert kernel.run("k.item()") == 1.5


def test_imported_names_see_the_new_function(kernel):
    kernel.run("from mytorch.ops import quarter\nfrom mytorch.tensor import half as h")
    kernel.run("#| export tensor\ndef half(x):\n    return x / 20")
    assert kernel.run("h(20), quarter(20), half(20)") == (1, 0.5, 1)


def test_a_decorated_function_is_updated_where_it_was_imported(kernel):
    kernel.run("""
        #| export deco
        def double(f):
            def call(*args):
                return 2 * f(*args)
            return call


        @double
        def one():
            return 1
    """)
    kernel.run("from mytorch.deco import one as mine")
    kernel.run("#| export deco\n@double\ndef one():\n    return 10")
    assert kernel.run("mine()") == 20


def test_what_cannot_change_in_place_is_replaced_where_it_was_imported(kernel):
    kernel.run("#| export tensor\nLIMIT = 1000\nTABLE = {'a': 1}")
    kernel.run("from mytorch.tensor import LIMIT, TABLE")
    kernel.run("#| export tensor\nLIMIT = 2000\nTABLE = {'b': 1}")
    assert kernel.run("LIMIT, TABLE") == (2000, {"b": 1})


def test_running_a_cell_twice_is_the_same_as_once(kernel):
    cell = """
        #| export tensor
        TABLE = []


        def register(f):
            TABLE.append(f)


        register(half)
    """
    kernel.run(cell, "a")
    text = kernel.text()
    kernel.run(cell, "a")
    assert kernel.text() == text and text.count("register(half)") == 1


def test_a_class_keeps_its_state_when_another_cell_opens_it(kernel):
    kernel.run("from mytorch.tensor import Tensor\nTensor(1), Tensor(2)")
    kernel.run(GROWN)
    assert kernel.run("Tensor.count") == 2


ALIASES = """
    #| export tensor
    import functools
    from typing import Final

    def relu(x):
        return "relu"


    relu.note = "kept"
    relu6 = relu
    TABLE = {}
    OTHER = TABLE
    LENGTH = len
    FAST: Final = True


    class A:
        def __add__(self, other):
            return "add"

        __radd__ = __add__
        relu = relu


    if FAST:

        def either():
            return 1
    else:

        def either():
            return 2


    @functools.cache
    def cached():
        return 1
"""


@pytest.mark.parametrize(
    ("cell", "ask", "answer"),
    [
        ("def relu6(x):\n    return 6", "relu(1), relu6(1)", ("relu", 6)),
        ("class A:\n    def __radd__(self, x):\n        return 1", "A() + 0, 0 + A()", ("add", 1)),
        ("class A:\n    relu = half", "A.relu(2), relu(2)", (1, "relu")),
        ("class A:\n    x = 1", "relu.note", "kept"),
        ("OTHER = {1: 1}", "TABLE, OTHER", ({}, {1: 1})),
        ("TABLE = {1: 1}", "TABLE, OTHER", ({1: 1}, {1: 1})),
        ("LENGTH = max", "len([4, 5]), size([4, 5]), LENGTH([4, 5])", (2, 2, 5)),
        ("import os\n\n\ndef new():\n    return os", "either()", 1),
        ("import os\n\nOS = os\n\n", "getsource(cached)[:22]", "@functools.cache\ndef c"),
    ],
)
def test_what_has_two_names_or_one_form_keeps_its_own_code(kernel, cell, ask, answer):
    kernel.run(ALIASES)
    kernel.run("size = len\nfrom inspect import getsource\nimport mytorch.tensor as m")
    kernel.run("from mytorch.tensor import *")
    kernel.run(f"#| export tensor\n{cell}")
    assert kernel.run(ask) == answer


@pytest.mark.parametrize(
    ("first", "make", "then", "ask", "answer"),
    [
        (
            "class S:\n    __slots__ = ('a',)",
            "s = S(); s.a = 3",
            "class S:\n    def f(self):\n        return self.a",
            "s.f(), isinstance(s, S)",
            (3, True),
        ),
        (
            "import enum\n\n\nclass E(enum.Enum):\n    A = 1",
            "x = E.A",
            "class E:\n    B = 2",
            "[e.name for e in E]",
            ["A", "B"],
        ),
        (
            "from dataclasses import dataclass\n\n\n@dataclass\nclass P:\n    x: int",
            "p = P(1)",
            "class P:\n    y: int = 5",
            "repr(p), P(1, 2).y, p == P(1)",
            ("P(x=1, y=5)", 2, True),
        ),
    ],
)
def test_classes_of_other_kinds_grow(kernel, first, make, then, ask, answer):
    kernel.run(f"#| export tensor\n{first}")
    kernel.run(make)
    kernel.run(f"#| export tensor\n{then}")
    assert kernel.run(ask) == answer


def test_a_method_taken_out_of_an_inner_class_is_gone(kernel):
    kernel.run("#| export tensor\nclass A:\n    class B:\n        x = 1", "a")
    kernel.run("#| export tensor\nclass A:\n    class B:\n        y = 1", "b")
    kernel.run("#| export tensor\nz = 1", "b")
    assert kernel.run("A.B.x, hasattr(A.B, 'y')") == (1, False)


def test_a_definition_that_becomes_an_import_is_there(kernel):
    kernel.run("#| export other\ndef f():\n    return 'other'")
    kernel.run("#| export tensor\ndef f():\n    return 'own'", "a")
    kernel.run("#| export tensor\nfrom .other import f\n\n\ndef g():\n    return f()", "a")
    assert kernel.run("f(), g()") == ("other", "other")


def test_fresh_undoes_the_cells_above_it_and_not_those_below(kernel):
    fresh = "#| export tensor fresh\ndef second():\n    return 1"
    kernel.run("#| export tensor\ndef first():\n    return 1", "a")
    kernel.run(fresh, "b")
    kernel.run("#| export tensor\ndef third():\n    return 1", "c")
    kernel.run(fresh, "b")
    assert [name in kernel.text() for name in ("first", "second", "third")] == [False, True, True]


def test_source_is_right_after_a_cell_that_failed(kernel):
    kernel.run("import inspect\nfrom mytorch.tensor import half")
    kernel.fails("#| export tensor\nimport os\nimport sys\n\n1 / 0\nos, sys")
    assert kernel.run("inspect.getsource(half)") == "def half(x):\n    return x / 2\n"


@pytest.mark.parametrize("seed", range(8))
def test_random_cells_leave_the_live_module_as_its_file_says(kernel, seed):
    def without_origin(tree):
        hidden = ("__module__", "__qualname__")
        if isinstance(tree, dict):
            return {k: without_origin(v) for k, v in tree.items() if k not in hidden}
        return tree

    random = Random(seed)
    kernel.run(START.replace("tensor", "made"), "start")
    for _ in range(6):  # three cells, edited and run in any order
        source = f"#| export made\n{filled(random, UNITS, 3)}"
        kernel.shell.run_cell(source, cell_id=random.choice("abc"))
        live, file = vars(sys.modules["mytorch.made"]), run([kernel.text("made")])
        # A loop's effects on a table stay when the loop is gone.
        for name in [n for n in file if n[:2] != "__" and n not in ("i", "TABLE", "math")]:
            if not isinstance(file[name], type(sys)):
                assert without_origin(seen(live[name])) == without_origin(seen(file[name]))


def test_an_edited_cell_takes_the_place_of_what_it_was(kernel):
    kernel.run("#| export tensor\ndef first():\n    return 1\n\n\ndef old():\n    return 1", "a")
    kernel.run("#| export tensor\ndef second():\n    return first()", "b")
    kernel.run("#| export tensor\ndef first():\n    return 2\n\n\ndef new():\n    return 1", "a")
    assert kernel.run("second()") == 2
    assert "def old" not in kernel.text() and "def new" in kernel.text()
    assert kernel.run("import mytorch.tensor as m\nhasattr(m, 'old')") is False


def test_cells_run_in_any_order_and_the_last_run_counts(kernel):
    slow = "#| export tensor\ndef norm(x):\n    return 'slow'"
    fast = "#| export tensor\ndef norm(x):\n    return 'fast'"
    kernel.run(slow, "a")
    kernel.run(fast, "b")
    assert kernel.run("norm(1)") == "fast"
    kernel.run(slow, "a")
    assert kernel.run("norm(1)") == "slow" and "slow" in kernel.text()


def test_a_method_taken_out_of_its_cell_is_gone(kernel):
    kernel.run("from mytorch.tensor import Tensor\nt = Tensor(1)")
    kernel.run(GROWN, "a")
    kernel.run("#| export tensor\nclass Tensor:\n    extra = 1", "a")
    assert kernel.run("hasattr(t, 'twice'), t.item(), t.extra") == (False, 1, 1)


def test_fresh_starts_the_live_module_over(kernel):
    kernel.run("import mytorch.tensor as m")
    kernel.run("#| export tensor fresh\ndef only():\n    return 1")
    assert kernel.run("hasattr(m, 'half'), m.only(), only()") == (False, 1, 1)
    assert "half" not in kernel.text()


def test_names_of_a_cell_are_in_the_notebook_at_once(kernel):
    kernel.run("#| export extra\nimport math\n\nTAU = math.tau\n\n\ndef f():\n    return TAU")
    assert kernel.run("f() == TAU == math.tau")


def test_init_exports_are_the_same_objects(kernel):
    kernel.run("#| export __init__\nfrom .tensor import Tensor\n\n__all__ = ['Tensor']")
    kernel.run(GROWN)
    assert kernel.run("import mytorch\nmytorch.Tensor(1).item(), mytorch.__all__") == (
        101,
        ["Tensor"],
    )


def test_source_and_tracebacks_show_the_snapshots_file(kernel):
    kernel.run("import inspect\nfrom mytorch.tensor import half")
    kernel.run("#| export tensor\nimport os\nimport sys\n\n\ndef where():\n    return os, sys")
    assert kernel.run("inspect.getsource(half)") == "def half(x):\n    return x / 2\n"
    error = kernel.fails("half('a')")
    frame = error.__traceback__
    while frame.tb_next:
        frame = frame.tb_next
    path = Path(frame.tb_frame.f_code.co_filename)
    assert path == kernel.shell.book.folder / "mytorch" / "tensor.py"
    assert path.read_text().splitlines()[frame.tb_lineno - 1] == "    return x / 2"


@pytest.mark.parametrize(
    "bad", ["def f(:", "1 / 0", "class half:\n    pass", "import nothing_there"]
)
def test_a_cell_that_fails_changes_nothing(kernel, bad):
    kernel.run("from mytorch.tensor import Tensor, half")
    text, names = kernel.text(), kernel.run("import mytorch.tensor as m\nset(vars(m))")
    assert kernel.fails(f"#| export tensor\n{bad}\n\n\nuse = nothing_there") is not None
    assert kernel.text() == text
    assert kernel.run("set(vars(m))") == names
    assert kernel.run("half(2)") == 1


def test_a_new_module_that_fails_leaves_no_file(kernel):
    assert kernel.fails("#| export brand.new\nx = 1 / 0") is not None
    assert not (kernel.shell.book.folder / "mytorch" / "brand" / "new.py").exists()
    kernel.run("#| export brand.new\nx = 1")
    assert kernel.run("from mytorch.brand.new import x\nx") == 1


def test_a_plotting_library_that_is_there_already_gets_the_books_style(scratch):
    import matplotlib

    matplotlib.rcdefaults()
    scratch.chapter("1.1", "x = 1")
    Kernel(scratch, "1.1")
    assert matplotlib.rcParams["axes.spines.top"] is False


def test_later_chapters_do_not_exist(scratch):
    scratch.chapter("1.1", "x = 1").chapter("1.2", *PACKAGE_CELLS)
    kernel = Kernel(scratch, "1.2")
    error = kernel.fails("import mytorch.tensor")
    assert isinstance(error, ImportError) and "not written yet in chapter 1.2" in str(error)
    assert kernel.run("import mytorch\nmytorch.__file__").startswith(str(kernel.shell.book.folder))


def test_the_set_up_cell_may_run_again(kernel):
    kernel.run(GROWN)
    kernel.run("%chapter 1.2")
    assert kernel.run("Tensor(1).item()") == 101


def test_bad_directives_are_one_line(kernel, capsys):
    kernel.fails("#| exprot tensor\nx = 1")
    kernel.fails("#| export ../x\nx = 1")
    lines = capsys.readouterr().out.strip().splitlines()
    assert lines[0].startswith("this cell: unknown directive 'exprot'")
    assert lines[1].startswith("this cell: '../x' is no module name")
    assert len(lines) == 2


def test_a_blank_stub_gets_a_hint_and_an_answer_stays_apart(kernel, capsys):
    kernel.run("#| exercise 1\ndef mean(values):\n    ...")
    kernel.run("#| check 1\nassert mean([2, 4]) == 3, 'add them up'")
    kernel.run("#| answer 1\ndef mean(values):\n    return sum(values) / len(values)")
    assert capsys.readouterr().out == "Not yet: add them up\nCorrect.\n"
    assert kernel.run("mean([2, 4])") is None
    kernel.run("def mean(values):\n    return 1 / 0")
    kernel.run("#| check 1\nassert mean([2, 4]) == 3, 'add them up'")
    assert "stops with ZeroDivisionError" in capsys.readouterr().out


def test_a_wrong_answer_fails(kernel):
    kernel.run("#| check 1\nassert False, 'never'")
    assert isinstance(kernel.fails("#| answer 1\nx = 1"), AssertionError)


def test_two_kernels_of_different_chapters_at_once(scratch, tmp_path):
    """Real kernels, started together: each sees its own chapter's package."""
    script = (
        "import sys, time; from IPython.core.interactiveshell import InteractiveShell as S\n"
        "from pathlib import Path; s = S(); s.run_cell('%load_ext book')\n"
        f"s.book.root = Path({str(scratch.root)!r})\n"
        "s.run_cell('%chapter ' + sys.argv[1]); sys.stdin.readline()\n"
        "r = s.run_cell('import mytorch.tensor as t; t.Tensor(1).item()')\n"
        "print(r.result if r.success else type(r.error_in_exec).__name__)\n"
    )
    scratch.chapter("1.1", *PACKAGE_CELLS).chapter("1.2", textwrap.dedent(GROWN).strip())
    scratch.chapter("1.3", "x = 1")
    kernels = [
        subprocess.Popen(
            [sys.executable, "-c", script, number],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT), "IPYTHONDIR": str(tmp_path)},
        )
        for number in ("1.1", "1.2", "1.3")
    ]
    answers = [kernel.communicate("\n")[0].strip().splitlines()[-1] for kernel in kernels]
    assert answers == ["ModuleNotFoundError", "1", "101"]


def test_the_set_up_cell_makes_a_colab_session_work(tmp_path):
    """Colab has the notebook alone: the set-up cell fetches the book from its address."""
    from book.execute import setup_cell

    url = "https://example.org/book"
    clone = tmp_path / "content" / "book-repository"
    source = setup_cell("1.1", url).replace("/content", str(tmp_path / "content"))
    config = tmp_path / ".gitconfig"
    config.write_text(f'[url "file://{ROOT}"]\n\tinsteadOf = {url}\n[safe]\n\tdirectory = *\n')
    if not (ROOT / ".git").exists():
        pytest.skip("needs the book's git repository to clone from")
    script = (
        "import sys, types\nsys.modules['google.colab'] = types.ModuleType('google.colab')\n"
        f"sys.path = [p for p in sys.path if p not in ('', {str(ROOT)!r})]\n"
        "from IPython.core.interactiveshell import InteractiveShell as S\n"
        f"r = S().run_cell({json.dumps(source)}); import book; print(r.success, book.__file__)\n"
    )
    env = {**os.environ, "HOME": str(tmp_path), "IPYTHONDIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=tmp_path, env=env
    )
    assert done.stdout.strip().endswith(f"True {clone / 'book' / '__init__.py'}"), done
