"""The page "mytorch beside PyTorch", the reasons on it, and the comparison behind it."""

import inspect

import mytorch
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is a test dependency: requirements-test.txt")

import same  # noqa: E402
from signatures import MISTAKEN, differences, theirs  # noqa: E402

WRITE = "run `python tests/same.py --write`, and look at what it changes"


def test_every_difference_has_a_reason_and_every_reason_a_difference():
    assert not same.complaints(), "\n".join(same.complaints())


def test_the_page_is_up_to_date():
    text = same.PAGE.read_text(encoding="utf-8")
    measured = same.measured_before(text)
    assert len(measured) == len(same.PROGRAMS), f"{same.PAGE.name} lacks a program: {WRITE}"
    assert same.page(measured) == text, f"{same.PAGE.name} is out of date: {WRITE}"
    assert all(float(apart) <= 1e-5 for _, apart in measured)


def outcome(code, m):
    try:
        return eval(code, {"torch": m})
    except Exception as error:  # its class is what is compared
        return type(error)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("known", same.read()["behavior"], ids=lambda known: known["title"])
def test_a_known_disagreement_is_still_one(known):
    assert outcome(known["code"], mytorch) != outcome(known["code"], torch)


def test_the_names_are_those_that_programs_use():
    found = {row.name for row in same.rows()}
    names = """sum Tensor.sum Tensor.add_ Tensor.T Tensor.data nn.Linear nn.Module.state_dict
    nn.functional.relu nn.init.zeros_ nn.utils.clip_grad_norm_ optim.Adam optim.Optimizer.step
    optim.lr_scheduler.StepLR autograd.grad autograd.Function.apply autograd.functional.jacobian
    utils.data.DataLoader utils.checkpoint.checkpoint utils.hooks.RemovableHandle utils.summary
    utils.viz.make_dot Generator Generator.manual_seed float32 long"""
    assert set(names.split()) <= found
    assert len(found) == len(same.rows())
    everything = {*mytorch.__all__, *mytorch.nn.__all__, *mytorch.optim.__all__}
    modules = """autograd nn optim utils ops random functional init modules lr_scheduler models
    transforms""".split()
    missing = everything - {name.split(".")[-1] for name in found} - set(modules)
    assert not missing


def public(name):
    """A function that says that it is mytorch's."""

    def made(input, dim=0):
        pass

    made.__module__ = "mytorch.ops.reduction"
    made.__name__ = made.__qualname__ = name
    return made


@pytest.fixture
def fresh():
    """The rows are made anew, before and after."""
    same.rows.cache_clear()
    yield
    same.rows.cache_clear()


@pytest.mark.usefixtures("fresh")
def test_a_new_difference_is_found(monkeypatch):
    monkeypatch.setattr(mytorch, "sum", public("sum"))
    monkeypatch.setattr(mytorch, "__all__", [*mytorch.__all__, "summe"])
    monkeypatch.setattr(mytorch, "summe", public("summe"), raising=False)
    found = "\n".join(same.complaints())
    assert "sum: `dim=0`, not `None`" not in found  # PyTorch's forms have no default for dim
    assert "\nsum: `dim` may be left out (0): there is no reason" in f"\n{found}"
    assert "\nsum: no `keepdim`: there is no reason" in f"\n{found}"
    assert "\nsumme: not in PyTorch: there is no reason" in f"\n{found}"
    assert "\nsumme: no chapter writes it" in f"\n{found}"


@pytest.mark.usefixtures("fresh")
def test_a_reason_that_nothing_needs_is_found(monkeypatch):
    reasons = [
        {"what": ["no `out`", "no `wings`"], "why": "."},
        {"what": ["no `p`"], "names": ["bernoulli", "sum"], "why": "."},
    ]
    monkeypatch.setattr(same, "read", lambda: {"group": [{"title": "", "reason": reasons}]})
    found = [line for line in same.complaints() if "same.toml, reason" in line]
    assert found == [
        "tests/same.toml, reason 1: nothing has 'no `wings`' any more",
        "tests/same.toml, reason 2: it no longer concerns 'sum'",
    ]


def signature(text):
    return inspect.signature(eval(f"lambda {text}: 0"))  # a constant of this file


@pytest.mark.parametrize(
    "mine, others, found",
    [
        ("a, b=1", ["a, b=1"], []),
        ("a, b=1", ["a, b=1.0"], []),
        ("a, b=0", ["a, b=False"], ["`b=0`, not `False`"]),
        ("a, b=1", ["a, b=2"], ["`b=1`, not `2`"]),
        ("a, b", ["a, b=2"], ["`b` must be given"]),
        ("a, b=2", ["a, b"], ["`b` may be left out (2)"]),
        ("a, b=None", ["a, b", "a"], []),
        ("a, b=3", ["a, b", "a"], ["`b` may be left out (3)"]),
        ("a, b=None", ["a, b"], ["`b` may be left out (None)"]),
        ("a", ["a, *, out=None"], ["no `out`"]),
        ("a, b=0", ["a"], ["also `b`"]),
        ("x", ["a"], ["no `a`", "also `x`"]),
        ("b, a", ["a, b"], ["`b` is argument 1, not 2", "`a` is argument 2, not 1"]),
        ("a, c=0", ["a, b=0, c=0"], ["no `b`", "`c` is argument 2, not 3"]),
        ("a, *, b=0", ["a, b=0"], ["`b` by keyword only"]),
        ("a, b=0", ["a, *, b=0"], ["`b` by position too"]),
        ("a, /", ["a"], ["`a` by position only"]),
        ("a", ["a, /"], ["`a` by keyword too"]),
        ("*sizes", ["*size", "size"], ["no `size`"]),
        ("input", ["self"], []),
        ("a, b=0, c=None", ["a, c", "a, b=0"], ["`c` is argument 3, not 2"]),
    ],
)
def test_differences(mine, others, found):
    assert differences(signature(mine), [signature(o) for o in others]) == found


def test_of_a_method_the_object_is_not_compared():
    assert differences(signature("self, a"), [signature("input, a")], bound=True) == []
    assert differences(signature("this, a"), [signature("input, b")], bound=True) == [
        "no `b`",
        "also `a`",
    ]


def test_overloads_come_from_stubs_where_inspect_is_blind():
    forms = [str(form) for form in theirs("torch.sum")]
    assert "(input, *, dtype=None)" in forms
    assert "(input, dim, keepdim=False, *, dtype=None, out=None)" in forms
    assert [str(form) for form in theirs("torch.nn.functional.gelu")] == [
        "(input, approximate='none')"  # `...` in the stub; the default is in the schema
    ]
    assert [str(form) for form in theirs("torch.Tensor.add")][0].startswith("(self, other")
    assert all("alpha, other" not in str(form) for form in theirs("torch.add"))  # deprecated
    assert theirs("torch.nn.Tanh") == []


@pytest.mark.parametrize(
    "call",
    [
        lambda **named: torch.zeros(1).requires_grad_(**named),
        lambda **named: torch.finfo(**named),
        lambda **named: torch.iinfo(**named),
    ],
)
def test_stubs_that_are_mistaken(call):
    """What we hold to be a mistake in PyTorch's stubs is one: PyTorch itself is asked."""
    name = call.__code__.co_names[-1]
    values = {"mode": True, "dtype": torch.int8 if name == "iinfo" else torch.float32}
    for wrong, right in MISTAKEN[name].items():
        call(**{right: values[wrong]})
        with pytest.raises(TypeError):
            call(**{wrong: values[wrong]})


def test_the_programs_are_on_the_page():
    text = same.PAGE.read_text(encoding="utf-8")
    for path in same.PROGRAMS:
        assert f"{{download}}`{path.stem} <../../tests/programs/{path.name}>`" in text
