"""Merging: cells become modules that read as if written in one go."""

import subprocess
import sys
import textwrap

import pytest
from book import BookError
from book.chapters import Cell
from book.snapshot import Package


def grow(*cells, module="tensor"):
    """Merge cells, one a chapter (2.1, 2.2, ...), and return the package."""
    package = Package()
    for number, source in enumerate(cells, start=1):
        source = textwrap.dedent(source).strip("\n")
        if not source.startswith("#|"):
            source = f"#| export {module}\n{source}"
        package.add(Cell(f"2.{number}", 1, "code", source))
    return package


def body(*cells, module="tensor"):
    """The module's text without its docstring."""
    text = grow(*cells, module=module).files()[f"mytorch/{module}.py"]
    return text.split('"""', 2)[2].strip("\n")


def code(text):
    return textwrap.dedent(text).strip("\n")


def test_a_new_function_goes_to_the_end():
    assert body("def f():\n    return 1", "def g():\n    return 2") == code("""
        def f():
            return 1


        def g():
            return 2
    """)


def test_a_function_that_is_there_is_replaced_in_its_place():
    cells = ("def f():\n    return 1\n\n\ndef g():\n    return 2", "def f():\n    return 3")
    assert body(*cells) == code("""
        def f():
            return 3


        def g():
            return 2
    """)


def test_methods_are_added_to_a_class_and_replaced():
    first = """
        class Tensor:
            \"\"\"A tensor.\"\"\"

            rank = 0

            def __init__(self, data):
                self.data = data

            def item(self):
                return 1
    """
    second = """
        class Tensor:
            rank = 1

            def item(self):
                return self.data

            async def wait(self):
                return self
    """
    assert (
        grow(first, second).files()["mytorch/tensor.py"]
        == code("""
        \"\"\"Written in chapters 2.1 and 2.2.\"\"\"


        class Tensor:
            \"\"\"A tensor.\"\"\"

            rank = 1

            def __init__(self, data):
                self.data = data

            def item(self):
                return self.data

            async def wait(self):
                return self
    """)
        + "\n"
    )


def test_a_reopened_class_keeps_its_bases_unless_it_names_new_ones():
    kept = body("class A(Exception):\n    x = 1", "class A:\n    y = 2")
    assert kept == "class A(Exception):\n    x = 1\n\n    y = 2"
    changed = body("class A(Exception):\n    x = 1", "class A(ValueError):\n    y = 2")
    assert changed == "class A(ValueError):\n    x = 1\n\n    y = 2"


def test_comments_in_a_reopened_header_take_the_place_of_older_ones():
    text = body("# why\nclass A(f('#:')):  # old\n    x = 1", "class A:  # new\n    y = 2")
    assert text == "# why\nclass A(f('#:')):  # new\n    x = 1\n\n    y = 2"
    nested = "class A:\n    # why\n\n    class B:\n        x = 1"
    assert body(nested, nested) == nested


def test_a_stub_is_written_as_ruff_writes_it():
    assert body("class E(Exception): ...  # why") == "class E(Exception): ...  # why"
    assert body("class E: ...", "class E:\n    x = 1") == "class E:\n    x = 1"
    assert "..." not in body('class E:\n    """E."""\n\n    ...', "class E:\n    x = 1")


def test_a_placeholder_body_goes_when_members_come():
    cells = ("class A:\n    pass", "class A:\n    def f(self):\n        return 1")
    assert body(*cells) == "class A:\n    def f(self):\n        return 1"


def test_getter_and_setter_of_a_property_are_replaced_one_by_one():
    first = """
        class T:
            @property
            def grad(self):
                return 1

            def other(self):
                return 0
    """
    setter = """
        class T:
            @grad.setter
            def grad(self, value):
                self.value = value
    """
    getter = """
        class T:
            @property
            def grad(self):
                return 2
    """
    text = body(first, setter, getter)
    assert text.index("return 2") < text.index("@grad.setter") < text.index("def other")
    assert "return 1" not in text
    plain = body(first, setter, "class T:\n    def grad(self):\n        return 3")
    assert "setter" not in plain and "property" not in plain
    cached = "class T:\n    @functools.cached_property\n    def grad(self):\n        return 3"
    assert "setter" not in body(first, setter, cached)


def test_decorated_and_async_functions():
    cells = (
        "import functools\n\n\n@functools.cache\ndef f():\n    return 1",
        "async def f():\n    return 2",
    )
    assert body(*cells) == "async def f():\n    return 2"
    assert body(*cells[:1]).startswith("import functools\n\n\n@functools.cache\ndef f():")


def test_a_statement_is_there_once_however_often_its_cell_runs():
    cell = "TABLE = {}\nTABLE['f'] = 1\nregister(TABLE)"
    assert body(cell, cell) == "TABLE = {}\nTABLE['f'] = 1\nregister(TABLE)"
    assert body(cell, "TABLE['f'] = 2") == "TABLE = {}\nTABLE['f'] = 2\nregister(TABLE)"


def test_loops_with_the_same_variable_are_two_statements():
    cells = ("for name in 'ab':\n    use(name)", "for name in 'cd':\n    drop(name)")
    assert body(*cells).count("for name") == 2


def test_an_augmented_assignment_does_not_replace_the_assignment():
    assert body("x = 1", "x += 2") == "x = 1\n\nx += 2"


def test_an_assignment_that_reads_its_target_does_not_replace_it():
    assert body("x = 1", "x = x + 1") == "x = 1\n\nx = x + 1"
    assert body("T = {}", "T = {**T, 'a': 1}").startswith("T = {}\n")
    assert body("a = 1\nb = 2", "a, b = b, a").startswith("a = 1\nb = 2\n")
    assert body("f = lambda n: n", "f = lambda n: f(n)") == "f = lambda n: f(n)"


def test_overloads_under_if_are_one_definition():
    block = """
        if FAST:
            def f():
                return 1
        else:
            def f():
                return 2
    """
    text = body("FAST = True", block)
    assert text.count("def f") == 2
    assert body("FAST = True", block, "def f():\n    return 3").count("def f") == 1
    slow_then_fast = "def f():\n    return 2\n\n\nif FAST:\n    def f():\n        return 1"
    assert body("FAST = True", slow_then_fast, slow_then_fast).count("def f") == 2


def test_typing_overloads_stay_together():
    cell = """
        from typing import overload


        @overload
        def f(x: int) -> int: ...
        @overload
        def f(x: str) -> str: ...
        def f(x):
            return x
    """
    text = body(cell, cell)
    assert text.count("def f") == 3
    assert body(cell, "def f(x):\n    return 2") == "def f(x):\n    return 2"


def test_singledispatch_implementations_do_not_replace_each_other():
    cell = """
        @f.register
        def _(x: int):
            return 1


        @f.register
        def _(x: str):
            return 2
    """
    assert body(cell, cell).count("def _") == 2


def test_constants_are_replaced_in_place():
    assert body("EPS = 1e-8\nMAX = 3", "EPS = 1e-5") == "EPS = 1e-5\nMAX = 3"
    assert body("a, b = 1, 2", "a = 5") == "a, b = 1, 2\n\na = 5"
    assert body("n: int = 1", "n: int = 2") == "n: int = 2"


def test_imports_gather_at_the_top_sorted_and_once():
    first = """
        from .ops import tanh
        import numpy as np
        from . import zeros
        import math
        from ..nn import Linear

        def f():
            return math, np, Linear, tanh, zeros, exp, Any
    """
    second = "from .ops import exp\nimport numpy as np\nfrom typing import Any"
    assert body(first, second).startswith(
        code("""
        import math
        from typing import Any

        import numpy as np

        from ..nn import Linear
        from . import zeros
        from .ops import exp, tanh


        def f():
    """)
    )


def test_an_import_that_nothing_uses_goes_but_not_from_init():
    assert body("import math\n\nx = math.pi", "x = 3") == "x = 3"
    assert "from .tensor import Tensor" in body("from .tensor import Tensor", module="__init__")


def test_comments_of_imports_stay_with_them():
    text = body("# for the tape\nimport weakref  # no cycles\n\nx = weakref.ref")
    assert text == "# for the tape\nimport weakref  # no cycles\n\nx = weakref.ref"


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (
            ["from x import b as c, a\n\nuse(a, c)"],
            "from x import a\nfrom x import b as c",
        ),
        (
            ["import os\n\nuse(os)", "# why\nimport re\n\nuse(re)"],
            "import os\n\n# why\nimport re",
        ),
        (
            ["# one\nfrom x import a, b\n\nuse(a, b)", "# two\nfrom x import c\n\nuse(c)"],
            "# one\n# two\nfrom x import a, b, c",
        ),
        (
            ["from x import a  # one\n\nuse(a)", "from x import b\n\nuse(b)"],
            "from x import (\n    a,  # one\n    b,\n)",
        ),
        (
            ["from .layer10 import A10, A2\nfrom .layer2 import b\n\nuse(A2, A10, b)"],
            "from .layer2 import b\nfrom .layer10 import A2, A10",
        ),
        (["import os\n\nuse(os)", "import os  # why"], "import os  # why"),
        (["from . import ops  # noqa: F401\n\nuse()"], "from . import ops  # noqa: F401"),
        (["from .x import A\n\n\ndef f(a: 'list[A]'): ..."], "from .x import A"),
    ],
)
def test_imports_are_as_ruff_wants_them(cells, expected):
    assert body(*cells).startswith(expected + "\n\n")


def test_long_imports_are_wrapped():
    names = [f"operation_{i:02}" for i in range(12)]
    text = body(f"from .ops import {', '.join(names)}\n\nx = [{', '.join(names)}]")
    assert text.startswith("from .ops import (\n    operation_00,\n")


def test_comments_and_blank_lines_survive_to_the_letter():
    cell = code("""
        # why f
        def f(x):  # here
            # inside

            y = x   # odd   spacing
            return y
            # at its end


        LIMIT = 1  # beside

        OTHER = "# no comment"
        # the last word
    """)
    assert body(cell) == cell


def test_a_trailing_comment_stays_behind_the_class_when_it_grows():
    text = body("class A:\n    x = 1\n\n\n# after", "class A:\n    y = 2")
    assert text == "class A:\n    x = 1\n\n    y = 2\n\n\n# after"


def test_the_body_of_a_class_may_stand_on_its_line():
    assert body("class E(Exception): pass") == "class E(Exception):\n    pass"
    assert "x: int = 1" in body("class E: x: int = 1", "class E:\n    y = 2")


def test_multi_line_strings_are_untouched():
    cell = 'TEXT = """\nclass A:\n# not a comment\n\n\n  odd\n"""'
    assert body(cell) == cell


def test_fresh_starts_the_module_over():
    package = grow("def f():\n    return 1", "#| export tensor fresh\ndef g():\n    return 2")
    text = package.files()["mytorch/tensor.py"]
    assert "def f" not in text and "chapter 2.2" in text and "2.1" not in text


def test_the_docstring_says_which_chapters_wrote_the_module():
    text = grow('"""Tensors."""\nx = 1', "y = 2", "z = 3").files()["mytorch/tensor.py"]
    assert text.startswith('"""Tensors.\n\nWritten in chapters 2.1, 2.2 and 2.3.\n"""\n\nx = 1')
    assert "'one'" not in grow("'one'\nx = 1").files()["mytorch/tensor.py"]


def test_all_grows():
    text = body(
        "from .tensor import Tensor\n\n__all__ = ['Tensor']",
        "from .tensor import zeros\n\n__all__ += ['zeros']",
        module="__init__",
    )
    assert text == 'from .tensor import Tensor, zeros\n\n__all__ = ["Tensor", "zeros"]'


def test_folders_are_packages():
    files = grow("x = 1", module="nn.functional").files()
    assert list(files) == [
        "mytorch/__init__.py",
        "mytorch/nn/__init__.py",
        "mytorch/nn/functional.py",
    ]


def test_what_a_definition_needs_at_import_comes_first():
    text = body(
        "def tanh(x):\n    return x",
        "@op\ndef tanh(x):\n    return x\n\n\ndef op(f):\n    return f",
    )
    assert text.index("def op") < text.index("def tanh")


@pytest.mark.parametrize(
    "cells",
    [
        (
            "def op(f):\n    return f\n\n\n@op\ndef tanh(x):\n    return x",
            "def wrap(f):\n    return f\n\n\ndef op(f):\n    return wrap(f)",
        ),
        (
            "class A:\n    x = 1",
            "ZERO = A()",
            "def g():\n    return 0\n\n\nclass A:\n    def __init__(self):\n        g()",
        ),
        (
            "def op(f):\n    def call(x):\n        return Tensor(f(x))\n\n    return call",
            "@op\ndef add(x):\n    return x\n\n\nclass Tensor:\n    add = add",
        ),
    ],
)
def test_what_is_called_at_import_finds_what_it_needs(cells):
    exec(body(*cells), {})


def test_a_change_names_what_it_added_and_what_it_changed():
    package = grow("class A:\n    def f(self):\n        return 1\n\n\nx = 1")
    cell = "#| export tensor\nclass A:\n    def f(self): ...\n    def g(self): ...\n\ny = 1"
    change = package.add(Cell("2.2", 1, "code", cell))
    assert (change.added, change.changed) == (["A.g", "y"], ["A", "A.f"])


@pytest.mark.parametrize(
    ("cell", "says"),
    [
        ("def f(:\n    pass", "line 2: invalid syntax"),
        ("from math import *", "name what you import"),
        ("x = 1\nreturn x", "line 3: 'return' outside function"),
        ("x = '\ud800'", "surrogates not allowed"),
        ("from math import old", "old is imported and defined"),
        ("x = 1; y = 2", "a line of its own"),
        ("def f(): ...\ndef f(): ...", "f is defined twice"),
        ("class A:\n  x = 1", "indent with four spaces"),
        ("import numpy as np\nimport math as np", "np is imported already"),
        ("from math import pi\npi = 3", "pi is imported and defined"),
        ("class old:\n    pass", "old is a class and something else"),
        ("__all__ = names()", "__all__ as a list of names"),
        ("#| export ../x\ny = 1", "'../x' is no module name"),
        ("#| export Tensor!\ny = 1", "'Tensor!' is no module name"),
        ("#| export class\ny = 1", "'class' is no module name"),
        ("#| export\ny = 1", "'' is no module name"),
        ("#| export tensor afresh\ny = 1", "unknown option 'afresh'"),
        ("#| exprot tensor\ny = 1", "unknown directive 'exprot'"),
        ("#| export tensor.inner\ny = 1", "a module and a package at once"),
    ],
)
def test_bad_cells_are_named_in_one_line_and_change_nothing(cell, says):
    package = grow("old = 1")
    before = package.files()
    source = cell if cell.startswith("#|") else f"#| export tensor\n{cell}"
    with pytest.raises(BookError) as error:
        package.add(Cell("2.9", 14, "code", source))
    message = str(error.value)
    assert message.startswith("chapter 2.9, cell 14: ") and says in message
    assert "\n" not in message
    assert package.files() == before


def test_what_is_merged_passes_ruff(tmp_path):
    cells = (
        '"""Doc."""\nimport math\n\nimport numpy as np\n\nEPS = 1e-8',
        "class A:\n    def f(self):\n        return np.exp(EPS)",
        "class A:\n    # why\n    def g(self):\n        return math.pi\n\n\ntable = {1: A}",
    )
    file = tmp_path / "module.py"
    file.write_text(grow(*cells).files()["mytorch/tensor.py"])
    for command in (["check", "--select", "E,F,I"], ["format", "--check"]):
        line = [sys.executable, "-m", "ruff", *command, "--isolated", str(file)]
        result = subprocess.run(line, capture_output=True, text=True)
        assert result.returncode == 0, result.stdout
