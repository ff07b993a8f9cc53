"""mytorch against PyTorch: values, gradients, dtypes, names, errors, printing, optimizers.

Each line of a list runs on both; what PyTorch answers is the expected result, so a line cannot
misremember PyTorch.
"""

import inspect
import itertools

import mytorch
import numpy as np
import pytest

from like_torch import alike, check_like_torch
from table import PLAIN, ROWS, Row, array, derivatives, fixed, leaf

torch = pytest.importorskip("torch", reason="PyTorch is a test dependency: requirements-test.txt")

DTYPES = ("float32", "float64", "float16", "int64", "int32", "int16", "uint8", "bool")


pytestmark = pytest.mark.usefixtures("quiet")


@pytest.mark.parametrize("row", [*ROWS, *PLAIN], ids=lambda row: row.name)
def test_values_and_three_derivatives(row):
    row.for_all(check_like_torch)


# Numbers where rules are made: zeros, ties, infinities, NaN

INF, NAN = float("inf"), float("nan")
ODD = np.array([0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 2.5, -2.5, INF, -INF, NAN])
LEFT, RIGHT = (x.ravel() for x in np.meshgrid(ODD, ODD))
BY_NAME = {row.name: row for row in [*ROWS, *PLAIN]}
ONE_ODD = "neg abs exp log sqrt sin cos tanh sigmoid relu clamp".split()
ONE_ODD += ["clamp min", "clamp max", "a ** 0", "a ** 1", "a ** 2", "a ** 3.0", "a ** -1"]
ONE_ODD += ["2 ** a", "3 / a", "a % 0.7", "where number"]
ONE_ODD += "tan asin acos atan sinh cosh log2 log10 log1p expm1 rsqrt reciprocal square".split()
ONE_ODD += "sign floor ceil trunc round erf clamp_min clamp_max isnan isinf isfinite".split()
ONE_ODD += ["logical_not number", "masked_fill", "nonzero", "count_nonzero", "argsort", "cumsum -1"]


def check_odd(row, arrays):
    """Values everywhere; gradients too, but not where an input is NaN."""
    ours, theirs = [derivatives(m, row, arrays, 1) for m in (mytorch, torch)]
    alike(ours[0][0], theirs[0][0], row.name)
    nan = np.any([np.isnan(a) for a in arrays], axis=0)
    for x, y in zip(ours[1], theirs[1], strict=False):
        alike_where(~nan, x, y, row.name)


def alike_where(mask, x, y, hint):
    x, y = (np.zeros(mask.shape) if t is None else array(t) for t in (x, y))
    np.testing.assert_allclose(x[mask], y[mask], rtol=1e-8, err_msg=hint)


@pytest.mark.parametrize("name", ONE_ODD)
def test_odd_numbers(name):
    check_odd(BY_NAME[name], [ODD])


@pytest.mark.parametrize("name", ["add", "mul", "div", "maximum", "minimum", "a // b"])
def test_pairs_of_odd_numbers(name):
    check_odd(BY_NAME[name], [LEFT, RIGHT])


@pytest.mark.parametrize("name", ["pow", "remainder"])
def test_pairs_of_finite_odd_numbers(name):
    """0 ** 0, 0 ** 2, (-1) ** 0.5, remainders by negative numbers; a gradient at each."""
    keep = np.isfinite(LEFT) & np.isfinite(RIGHT) & ~((LEFT == 0) & (RIGHT < 0))
    keep &= (RIGHT != 0) | (name == "pow")
    check_odd(BY_NAME[name], [LEFT[keep], RIGHT[keep]])


TIES = [
    Row("max", lambda m, a: a.max(), fixed()),
    Row("min", lambda m, a: a.min(), fixed()),
    Row("max 0", lambda m, a: a.max(0).values, fixed()),
    Row("min 1", lambda m, a: a.min(1).values, fixed()),
    Row("max index", lambda m, a: a.max(1).indices, fixed()),
    Row("clamp at min", lambda m, a: m.clamp(a, a * 1, a + 1), fixed()),
    Row("clamp at max", lambda m, a: m.clamp(a, a - 1, a * 1), fixed()),
    Row("amax", lambda m, a: a.amax(1), fixed()),
    Row("amin", lambda m, a: m.amin(a, (0, 1)), fixed()),
    Row("argmax", lambda m, a: a.argmax(), fixed()),
    Row("argmin 0", lambda m, a: a.argmin(0), fixed()),
    Row("logsumexp", lambda m, a: a.logsumexp(1), fixed()),
    Row("std", lambda m, a: (a * 0 + 1).std(1), fixed()),
    Row("var of one", lambda m, a: a[0, 0].var(), fixed()),
    Row("var of nothing", lambda m, a: a[:0].var(0), fixed()),
    Row("mean of nothing", lambda m, a: a[:, :0].mean(1), fixed()),
    Row("mean of no number", lambda m, a: a[:0].mean(), fixed()),
    Row("logsumexp of nothing", lambda m, a: a[:, :0].logsumexp(1), fixed()),
    Row("sum of nothing", lambda m, a: a[:0].sum(0), fixed()),
    Row("prod of nothing", lambda m, a: a[:0].prod() + a[:0].prod(0).sum(), fixed()),
    Row("cumprod of nothing", lambda m, a: a[:, :0].cumprod(1), fixed()),
    Row("norm of nothing", lambda m, a: a[:0].norm(), fixed()),
    Row("norm", lambda m, a: (a - a).norm(dim=1), fixed()),
    Row("norm 1", lambda m, a: a.norm(1, dim=1), fixed()),
    Row("norm 0.5", lambda m, a: a.norm(0.5, dim=1), fixed()),
    Row("norm 1.5", lambda m, a: (a - a).norm(1.5, dim=1), fixed()),
    Row("norm 3", lambda m, a: (a - a).norm(3, dim=1), fixed()),
    Row("norm inf", lambda m, a: a.norm(INF, dim=1), fixed()),
    Row("normalize zeros", lambda m, a: m.nn.functional.normalize(a - a), fixed()),
    Row("prod", lambda m, a: a.prod(1), fixed()),
    Row("sort", lambda m, a: a.sort(1).values, fixed()),
    Row("stable order", lambda m, a: m.sort(a, stable=True, dim=1).indices, fixed()),
    Row("descending", lambda m, a: m.sort(a, stable=True, dim=1, descending=True)[1], fixed()),
    Row("topk", lambda m, a: a.detach().topk(2, 1).values, fixed()),
    Row("topk least", lambda m, a: a.detach().topk(2, 1, largest=False).values, fixed()),
    Row("all of nothing", lambda m, a: (a[:0] > 0).all(), fixed()),
    Row("any of nothing", lambda m, a: (a[:0] > 0).any(), fixed()),
]


@pytest.mark.parametrize("row", TIES, ids=lambda row: row.name)
@pytest.mark.parametrize("kind", ["ties", "infinite", "nan"])
def test_ties_and_infinities_in_reductions(row, kind):
    values = np.array([[1.0, 3.0, 3.0], [0.0, 0.0, 3.0]])
    if kind == "infinite":
        values[0] = -INF
        values[1, 2] = INF
    if kind == "nan":
        values[1, 1] = NAN
    call = row.call
    if kind == "nan" and row.name in ("amax", "amin"):  # their gradient is 0 / 0 in PyTorch
        row = Row(row.name, lambda m, a: call(m, a.detach()), fixed())
    check_odd(row, [values])


@pytest.mark.parametrize("name", ["max", "min"])
def test_the_gradient_of_an_extreme_goes_to_nan(name):
    row = Row(name, lambda m, a: getattr(a, name)(), fixed())
    values = np.array([1.0, NAN, 3.0])
    ours, theirs = (derivatives(m, row, [values], 1)[1][0] for m in (mytorch, torch))
    alike(ours, theirs)


# Dtypes


def outcome(call, m):
    """The result of a call, or the class of its error."""
    try:
        return call(m)
    except Exception as error:  # whatever PyTorch raises is what we expect
        return type(error)


def same_outcome(call, hint, values=True, superset=False):
    """What PyTorch answers: a tensor, another value, or an error (or more than PyTorch has)."""
    ours, theirs = outcome(call, mytorch), outcome(call, torch)
    if isinstance(theirs, type) and (superset or "bool" in hint.lower()):
        return  # what PyTorch has not implemented for bool need not be an error here
    if isinstance(theirs, type):
        assert isinstance(ours, type), f"{hint}: PyTorch raises {theirs.__name__}, not so mytorch"
        assert issubclass(ours, theirs), f"{hint}: {ours.__name__} for PyTorch's {theirs.__name__}"
    elif isinstance(theirs, torch.Tensor):
        assert not isinstance(ours, type), f"{hint}: {ours.__name__}; PyTorch has {theirs!r}"
        assert dtype_name(ours) == dtype_name(theirs), f"{hint}: dtype"
        if values:
            alike(ours, theirs, hint, rtol=1e-3 if dtype_name(ours) == "float16" else 1e-6)
    else:
        assert ours == theirs, hint


def dtype_name(t):
    return str(t.dtype).rpartition(".")[2]


OPERANDS = [*DTYPES, *(f"0-d {name}" for name in DTYPES), "number 2.5", "number 3", "number bool"]
BINARY = {
    "add": lambda m, a, b: a + b,
    "sub": lambda m, a, b: a - b,
    "mul": lambda m, a, b: a * b,
    "div": lambda m, a, b: a / b,
    "floor_divide": lambda m, a, b: a // b,
    "remainder": lambda m, a, b: a % b,
    "pow": lambda m, a, b: a**b,
    "lt": lambda m, a, b: a < b,
    "eq": lambda m, a, b: a == b,
    "maximum": lambda m, a, b: m.maximum(a, b),
    "where": lambda m, a, b: m.where(m.tensor([True, False]), a, b),
}


def operand(m, kind):
    """A tensor of two positive numbers, a 0-d tensor, or a Python number."""
    if kind.startswith("number"):
        return {"2.5": 2.5, "3": 3, "bool": True}[kind.split()[1]]
    values = 2 if kind.startswith("0-d") else [3, 1]
    return m.tensor(values, dtype=getattr(m, kind.split()[-1]))


@pytest.mark.parametrize("name", BINARY)
def test_type_promotion(name):
    """All pairs of dtypes, with and without dimensions, and Python numbers."""
    wrong = []
    for left, right in itertools.product(OPERANDS, OPERANDS):
        if left.startswith("number") and right.startswith("number"):
            continue
        if name == "pow" and left.endswith("bool") and right.endswith("bool"):
            continue  # NumPy has 8-bit integers there

        def call(m, left=left, right=right):
            return BINARY[name](m, operand(m, left), operand(m, right))

        try:
            same_outcome(call, f"{left} {name} {right}", superset=name == "maximum")
        except AssertionError as error:
            wrong.append(str(error).strip().splitlines()[0])
    assert not wrong, "\n" + "\n".join(wrong)


@pytest.mark.parametrize("right", ["float32", "float64", "0-d float32", "0-d float64"])
@pytest.mark.parametrize("left", ["float32", "float64"])
@pytest.mark.parametrize("name", ["add", "sub", "mul", "div", "pow", "maximum", "where"])
def test_gradients_have_their_inputs_dtype(name, left, right):
    """A float64 neighbor must not make the gradient of float32 weights float64."""

    def grads(m):
        a, b = (operand(m, kind).requires_grad_() for kind in (left, right))
        BINARY[name](m, a, b).sum().backward()
        return a.grad, b.grad

    for x, y in zip(grads(mytorch), grads(torch), strict=True):
        alike(x, y, rtol=1e-5)


MORE_THAN_PYTORCH = ("round decimals", "lerp", "bincount")  # it has not all dtypes
ANY_OF_EQUALS = ("topk indices",)
OVERFLOWS = ("a ** -1",)  # OverflowError for uint8


@pytest.mark.parametrize("row", [*ROWS, *PLAIN], ids=lambda row: row.name)
def test_every_operation_keeps_dtypes_as_pytorch_does(row):
    """Every row with every dtype: float32 stays float32, in the gradient too."""
    *_, shapes = [s for s in row.shapes[0] if all(0 not in t for t in s)] or row.shapes[0]
    arrays = [np.abs(a) + 1 for a in row.arrays(shapes, ["plain"] * 3)]
    wrong, free = [], row.name.startswith(MORE_THAN_PYTORCH)
    for dtype in DTYPES:
        cast = [np.asarray(a.astype(dtype)) for a in arrays]
        if row.name.startswith("einsum") and dtype in ("bool", "uint8", "int16", "int32"):
            continue  # PyTorch sums up in int64, but only in some of the equations
        if row.name in OVERFLOWS and dtype == "uint8":
            continue

        def call(m, cast=cast):
            return row.call(m, *[m.from_numpy(a) for a in cast])

        try:
            values = dtype == "int64" and row.name not in ANY_OF_EQUALS
            hint = f"{row.name} of {dtype}"
            same_outcome(call, hint, values, superset=free or dtype == "float16")
        except AssertionError as error:
            wrong.append(str(error).strip())
    assert not wrong, "\n" + "\n".join(wrong)
    if row.differentiable and row.name != "sum dtype":
        levels = derivatives(mytorch, row, [np.asarray(a.astype("float32")) for a in arrays], 2)
        found = {array(t).dtype.name for level in levels for t in level if t is not None}
        assert found == {"float32"}


CASTS = [
    lambda m, t: t.float(),
    lambda m, t: t.double(),
    lambda m, t: t.long(),
    lambda m, t: t.bool(),
    lambda m, t: t.to(m.float64),
    lambda m, t: t.to(dtype=m.int64),
    lambda m, t: t.clone(),
    lambda m, t: t.detach(),
    lambda m, t: m.tensor(t.tolist()),
    lambda m, t: m.from_numpy(t.numpy()),
    lambda m, t: m.zeros_like(t),
    lambda m, t: m.ones_like(t, dtype=m.float64),
]


@pytest.mark.parametrize("number", range(len(CASTS)))
@pytest.mark.parametrize("dtype", DTYPES)
def test_casts(number, dtype):
    values = [[0.0, 1.7 if dtype == "uint8" else -1.7, 2.5]]
    same_outcome(
        lambda m: CASTS[number](m, m.tensor(values, dtype=getattr(m, dtype))),
        f"cast {number} from {dtype}",
    )


def test_a_cast_passes_the_gradient_back_in_the_old_dtype():
    def grad(m):
        x = m.tensor([1.5, 2.5], requires_grad=True)
        (x.double() ** 2).sum().backward()
        return x.grad

    alike(grad(mytorch), grad(torch))


def test_casting_to_the_same_dtype_returns_the_tensor_itself():
    x = mytorch.tensor([1.0])
    assert x.float() is x and x.to(mytorch.float32) is x and x.double() is not x


# Creation

CREATION = [
    lambda m: m.tensor(3),
    lambda m: m.tensor(2.5),
    lambda m: m.tensor(True),
    lambda m: m.tensor([]),
    lambda m: m.tensor([1, 2.5]),
    lambda m: m.tensor([[1, 2], [3, 4]]),
    lambda m: m.tensor([True, False]),
    lambda m: m.tensor([True, 2]),
    lambda m: m.tensor((1.0, 2.0), dtype=m.float64),
    lambda m: m.tensor([1.9, -1.9], dtype=m.int64),
    lambda m: m.tensor(np.arange(3.0)),
    lambda m: m.tensor(np.float64(2.5)),
    lambda m: m.tensor(np.float32(2.5)),
    lambda m: m.tensor(np.int64(3)),
    lambda m: m.tensor(np.arange(3)),
    lambda m: m.tensor(np.array([True])),
    lambda m: m.tensor([m.tensor(1.0), m.tensor(2.0)]),
    lambda m: m.from_numpy(np.arange(6.0).reshape(2, 3)[:, ::2]),
    lambda m: m.zeros(2, 3),
    lambda m: m.zeros((2, 3)),
    lambda m: m.zeros([2]),
    lambda m: m.zeros(()),
    lambda m: m.zeros(0, 2, dtype=m.int64),
    lambda m: m.ones(2, dtype=m.bool),
    lambda m: m.ones(2, 1),
    lambda m: m.full((2, 2), 7),
    lambda m: m.full((2,), 7.5),
    lambda m: m.full((), True),
    lambda m: m.full((2,), 7, dtype=m.float32),
    lambda m: m.arange(5),
    lambda m: m.arange(1, 4),
    lambda m: m.arange(0.0, 1.0, 0.25),
    lambda m: m.arange(5, 0, -2),
    lambda m: m.arange(3, dtype=m.float32),
    lambda m: m.arange(start=1, end=3),
    lambda m: m.arange(2.5),
    lambda m: m.linspace(0, 1, 5),
    lambda m: m.linspace(0, 1, steps=1),
    lambda m: m.linspace(-1, 1, 4, dtype=m.float64),
    lambda m: m.eye(3),
    lambda m: m.eye(2, 3, dtype=m.int64),
    lambda m: m.zeros_like(m.ones(2, 3, dtype=m.int64)),
    lambda m: m.zeros_like(m.ones(2), dtype=m.float64),
    lambda m: m.ones_like(m.zeros(0, 3)),
    lambda m: m.ones_like(input=m.tensor(True)),
    lambda m: m.tensor([1, 2]).requires_grad_(False),
    lambda m: m.tensor([1.5, 2.5], dtype=m.float16),
    lambda m: m.tensor([1.5, 2.5], dtype=m.half),
    lambda m: m.tensor([1, 2], dtype=m.int),
    lambda m: m.zeros(2, dtype=m.long),
    lambda m: m.ones(2, dtype=m.short),
    lambda m: m.ones(2, dtype=m.double) + m.ones(2, dtype=m.float),
    lambda m: m.full_like(m.ones(2, 3), 7),
    lambda m: m.full_like(m.arange(3), 1.5),
    lambda m: m.full_like(m.arange(3), 1.5, dtype=m.float64),
    lambda m: m.empty(0, 3),
    lambda m: m.empty((0,), dtype=m.int32),
    lambda m: m.empty_like(m.zeros(0, 2)),
    lambda m: m.randperm(0),
    lambda m: m.randperm(5).sort().values,
    lambda m: m.randperm(5, dtype=m.int32).sort().values,
    lambda m: m.randint(3, 4, (2, 2)),
    lambda m: m.randint(1, size=(2,)),
    lambda m: m.randint_like(m.ones(2, dtype=m.float64), 1),
    lambda m: m.randint_like(m.ones(2, dtype=m.int32), 4, 5),
    lambda m: m.rand_like(m.ones(2, dtype=m.float64)) * 0,
    lambda m: m.randn_like(m.ones(2, 3)) * 0,
    lambda m: m.rand(2, dtype=m.float16) * 0,
    lambda m: m.normal(2.0, 0.0, (2, 2)),
    lambda m: m.normal(m.ones(2, 1), m.zeros(3)),
    lambda m: m.normal(m.ones(2, dtype=m.float64), 0.0),
    lambda m: m.normal(3.0, m.zeros(2)),
    lambda m: m.bernoulli(m.tensor([0.0, 1.0, 1.0])),
    lambda m: m.tensor([1.0, 0.0], dtype=m.float64).bernoulli(),
    lambda m: m.multinomial(m.tensor([0.0, 0.0, 2.0]), 3, replacement=True),
    lambda m: m.multinomial(m.tensor([[0.0, 3.0], [1.0, 0.0]]), 1),
    lambda m: m.multinomial(m.ones(3), 3).sort().values,
    lambda m: m.broadcast_to(m.arange(3), (2, 3)),
    lambda m: m.meshgrid(m.arange(2), m.arange(3), indexing="ij")[1],
    lambda m: m.zeros(0, 2).chunk(3)[2],
    lambda m: m.zeros(0, 2).split(3)[0],
    lambda m: m.zeros(0, 2).split(0)[0],
    lambda m: m.tensor(0.0).nonzero(),
    lambda m: m.tensor(5.0).nonzero(),
]


@pytest.mark.parametrize("number", range(len(CREATION)))
def test_creation(number):
    same_outcome(CREATION[number], inspect.getsource(CREATION[number]).strip())


@pytest.mark.parametrize("name", ["zeros", "ones", "randn", "rand"])
def test_creation_with_requires_grad(name):
    t = getattr(mytorch, name)(2, 3, requires_grad=True)
    assert t.requires_grad and t.grad_fn is None and t.is_leaf


def test_creation_from_arrays_copies_or_shares():
    """`tensor` copies; `from_numpy` and `numpy()` share memory."""
    values = np.zeros(2)
    copied, shared = mytorch.tensor(values), mytorch.from_numpy(values)
    values[0] = 1
    assert copied.tolist() == [0, 0] and shared.tolist() == [1, 0]
    shared.numpy()[1] = 2
    assert values.tolist() == [1, 2]


def test_random_numbers():
    """The streams are not PyTorch's, but dtype, shape, range and moments are; seeds repeat."""
    mytorch.manual_seed(0)
    normal, uniform = mytorch.randn(200, 100), mytorch.rand((200, 100))
    dice = mytorch.randint(1, 7, (2000,))
    assert dtype_name(normal) == dtype_name(uniform) == "float32" and dtype_name(dice) == "int64"
    assert abs(normal.mean().item()) < 0.03 and abs(normal.std().item() - 1) < 0.03
    assert 0 <= uniform.min().item() and uniform.max().item() < 1
    assert abs(uniform.mean().item() - 0.5) < 0.01
    assert sorted(set(dice.tolist())) == [1, 2, 3, 4, 5, 6]
    assert set(mytorch.randint(2, size=(100,)).tolist()) == {0, 1}
    mytorch.manual_seed(0)
    assert mytorch.randn(200, 100).tolist() == normal.tolist()
    assert mytorch.randn(()).ndim == 0 and dtype_name(mytorch.rand(2, dtype=mytorch.float64))


@pytest.fixture
def other_default():
    """A default dtype for one test."""
    for m in (mytorch, torch):
        m.set_default_dtype(m.float64)
    yield
    for m in (mytorch, torch):
        m.set_default_dtype(m.float32)


DEFAULTS = [
    lambda m: m.tensor(2.5),
    lambda m: m.tensor([1.5]),
    lambda m: m.tensor([1, 2]),
    lambda m: m.zeros(2),
    lambda m: m.ones(2),
    lambda m: m.eye(2),
    lambda m: m.full((2,), 1.5),
    lambda m: m.arange(0.0, 1.0, 0.5),
    lambda m: m.linspace(0, 1, 3),
    lambda m: m.rand(2) * 0,
    lambda m: m.randn(2) * 0,
    lambda m: m.empty(2) * 0 == 0,
    lambda m: m.arange(3) / 2,
    lambda m: m.arange(3) + 0.5,
    lambda m: m.arange(3).exp(),
    lambda m: m.arange(3).logsumexp(0),
    lambda m: m.tensor([1.0], dtype=m.float32) + 1.5,
    lambda m: m.normal(0.0, 0.0, (2,)),
    lambda m: m.where(m.tensor([True]), 1.5, 2.5),
    lambda m: repr(m.ones(2)).replace("mytorch", "torch"),
    lambda m: repr(m.ones(2).float()).replace("mytorch", "torch"),
    lambda m: str(m.get_default_dtype()).rpartition(".")[2],
]


@pytest.mark.parametrize("number", range(len(DEFAULTS)))
def test_another_default_dtype(number, other_default):
    same_outcome(DEFAULTS[number], inspect.getsource(DEFAULTS[number]).strip())


def test_generators_repeat_themselves():
    """A seed gives the same numbers, a state goes on from where it was; streams are separate."""
    draws = [
        lambda g: mytorch.rand(3, generator=g),
        lambda g: mytorch.randn(3, generator=g),
        lambda g: mytorch.rand(3, generator=g, dtype=mytorch.float16),
        lambda g: mytorch.randint(100, (5,), generator=g),
        lambda g: mytorch.randperm(10, generator=g),
        lambda g: mytorch.normal(mytorch.zeros(3), 1.0, generator=g),
        lambda g: mytorch.normal(0.0, 1.0, (3,), generator=g),
        lambda g: mytorch.bernoulli(mytorch.full((20,), 0.5), generator=g),
        lambda g: mytorch.multinomial(mytorch.ones(9), 4, generator=g),
        lambda g: mytorch.multinomial(mytorch.ones(9), 4, True, generator=g),
        lambda g: mytorch.rand_like(mytorch.ones(3), generator=g),
        lambda g: mytorch.randn_like(mytorch.ones(3), generator=g),
        lambda g: mytorch.randint_like(mytorch.ones(5), 100, generator=g),
    ]
    for draw in draws:
        g = mytorch.Generator()
        assert g.initial_seed() == torch.Generator().initial_seed()
        assert g.manual_seed(5) is g and g.initial_seed() == 5
        mytorch.rand(1, generator=g, dtype=mytorch.float32)  # half a draw is left over
        state = g.get_state()
        first = draw(g).tolist()
        mytorch.manual_seed(1)
        untouched = mytorch.get_rng_state().tolist()
        assert draw(g).tolist() != first
        assert g.set_state(state) is g and draw(g).tolist() == first
        assert mytorch.get_rng_state().tolist() == untouched, "another generator's business"
        other = mytorch.Generator()
        other.set_state(state)
        assert draw(other).tolist() == first and other.initial_seed() == 5
        assert other.manual_seed(6).get_state().tolist() != state.tolist()


def test_the_default_generator():
    before = mytorch.manual_seed(3)
    assert before is mytorch.default_generator and mytorch.initial_seed() == 3
    state = mytorch.get_rng_state()
    assert state.dtype == mytorch.uint8
    first = mytorch.rand(4).tolist()
    mytorch.set_rng_state(state)
    assert mytorch.rand(4).tolist() == first
    assert mytorch.seed() == mytorch.initial_seed() != 3
    assert mytorch.rand(4).tolist() != first
    assert (
        mytorch.manual_seed(-1).initial_seed() == torch.Generator().manual_seed(-1).initial_seed()
    )


def test_what_is_drawn_is_distributed_as_it_should_be():
    mytorch.manual_seed(0)
    weights = mytorch.tensor([[1.0, 2.0, 0.0, 1.0], [0.0, 0.0, 5.0, 5.0]])
    drawn = mytorch.multinomial(weights, 20_000, replacement=True)
    shares = np.stack([np.bincount(row, minlength=4) / 20_000 for row in drawn.numpy()])
    expected = weights.numpy() / weights.sum(1, keepdim=True).numpy()
    np.testing.assert_allclose(shares, expected, atol=0.02)
    assert (shares[expected == 0] == 0).all()
    pairs = mytorch.multinomial(weights[0].expand(20_000, 4), 2).numpy()
    assert (pairs[:, 0] != pairs[:, 1]).all() and not (pairs == 2).any()
    np.testing.assert_allclose(np.bincount(pairs[:, 0]) / 20_000, [0.25, 0.5, 0, 0.25], atol=0.02)
    second = np.bincount(pairs[pairs[:, 0] == 1, 1], minlength=4) / (pairs[:, 0] == 1).sum()
    np.testing.assert_allclose(second, [0.5, 0, 0, 0.5], atol=0.03)
    coins = mytorch.full((20_000,), 0.3).bernoulli()
    assert set(coins.tolist()) == {0, 1} and abs(coins.mean().item() - 0.3) < 0.02
    mean, std = mytorch.tensor([0.0, 10.0]), mytorch.tensor([[1.0], [0.1]])
    normal = mytorch.stack([mytorch.normal(mean, std) for _ in range(4000)])
    np.testing.assert_allclose(normal.mean(0).numpy(), [[0, 10]] * 2, atol=0.1)
    np.testing.assert_allclose(normal.std(0).numpy(), [[1, 1], [0.1, 0.1]], rtol=0.1)
    orders = {tuple(mytorch.randperm(3).tolist()) for _ in range(200)}
    assert len(orders) == 6


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_finfo(dtype):
    for m in (mytorch, torch):
        m.info = m.finfo(getattr(m, dtype))
    for name in ("bits", "eps", "max", "min", "tiny", "smallest_normal", "resolution", "dtype"):
        assert getattr(mytorch.info, name) == getattr(torch.info, name), name
    assert type(mytorch.info.eps) is float and mytorch.finfo().bits == torch.finfo().bits
    for m in (mytorch, torch):
        del m.info


@pytest.mark.parametrize("dtype", ["uint8", "int8", "int16", "int32", "int64"])
def test_iinfo(dtype):
    ours, theirs = (m.iinfo(getattr(m, dtype)) for m in (mytorch, torch))
    assert (ours.bits, ours.min, ours.max, ours.dtype) == (
        theirs.bits,
        theirs.min,
        theirs.max,
        theirs.dtype,
    )


# Attributes, methods and their results that are no tensors

FACTS = [
    lambda m, t: tuple(t.shape),
    lambda m, t: t.shape[0],
    lambda m, t: t.shape == (2, 3),
    lambda m, t: t.ndim,
    lambda m, t: t.dim(),
    lambda m, t: tuple(t.size()),
    lambda m, t: t.size(-1),
    lambda m, t: t.size(dim=0),
    lambda m, t: t.numel(),
    lambda m, t: t.tolist(),
    lambda m, t: t[0, 0].item(),
    lambda m, t: type(t[0, 0].item()),
    lambda m, t: float(t[1, 1]),
    lambda m, t: int(t[1, 1]),
    lambda m, t: bool(t[1, 1] > 0),
    lambda m, t: len(t),
    lambda m, t: [row.tolist() for row in t],
    lambda m, t: t.requires_grad,
    lambda m, t: t.is_leaf,
    lambda m, t: t.grad_fn,
    lambda m, t: t.numpy().tolist(),
    lambda m, t: t.dtype == m.float32,
    lambda m, t: t.dtype is m.float32,
    lambda m, t: t.long().tolist(),
    lambda m, t: t.sum().item(),
    lambda m, t: f"{t[0, 1].item():.2f}",
    lambda m, t: hash(t) == hash(t),
    lambda m, t: t in {t: 1},
    lambda m, t: list(range(10))[t[0, 0].long()],
    lambda m, t: f"{t[0, 1]:.2f}",
    lambda m, t: np.asarray(t).tolist(),
    lambda m, t: m.equal(t, t.clone()),
    lambda m, t: m.equal(t, t.double()),
    lambda m, t: m.equal(t, t[0]),
    lambda m, t: t.equal(t + 1),
    lambda m, t: m.allclose(t, t + 1e-7),
    lambda m, t: m.allclose(t, t + 1e-3),
    lambda m, t: t.allclose(t + 0.5, atol=1),
    lambda m, t: t.allclose(t * 1.5, rtol=0.1),
    lambda m, t: m.allclose(t / 0, t / 0),
    lambda m, t: m.allclose(t * float("nan"), t * float("nan")),
    lambda m, t: m.allclose(t * float("nan"), t * float("nan"), equal_nan=True),
    lambda m, t: t.is_contiguous(),
    lambda m, t: t.T.is_contiguous(),
    lambda m, t: t.T.contiguous().is_contiguous(),
    lambda m, t: t.contiguous() is t,
    lambda m, t: t.is_floating_point(),
    lambda m, t: t.long().is_floating_point(),
    lambda m, t: t.half().dtype == m.float16,
    lambda m, t: t.int().dtype == m.int32,
    lambda m, t: t.abs().byte().tolist(),
    lambda m, t: t.type_as(t.double()).dtype == m.float64,
    lambda m, t: t.to(m.ones(1, dtype=m.int32)).dtype == m.int32,
    lambda m, t: len(t.split(1)),
    lambda m, t: type(t.split(1)).__name__,
    lambda m, t: [list(p.shape) for p in t.split(2, dim=1)],
    lambda m, t: [list(p.shape) for p in m.split(tensor=t, split_size_or_sections=[1, 2], dim=1)],
    lambda m, t: [list(p.shape) for p in t.chunk(2, dim=1)],
    lambda m, t: [list(p.shape) for p in t.unbind(1)],
    lambda m, t: [x.tolist() for x in (t > 2).nonzero(as_tuple=True)],
    lambda m, t: t.sort(dim=1).indices.tolist(),
    lambda m, t: t.sort(1, descending=True)[0].tolist(),
    lambda m, t: m.sort(t, stable=True).values.tolist(),
    lambda m, t: [x.tolist() for x in t.topk(2)],
    lambda m, t: dtype_name((t > 2).sum(dtype=m.int32)),
    lambda m, t: dtype_name(t.sum(1, dtype=m.int8)),
    lambda m, t: [dtype_name(f(t, 1, dtype=m.int32)) for f in (m.cumsum, m.prod, m.cumprod)],
    lambda m, t: [x.tolist() for x in m.unique(t > 0, return_inverse=True, return_counts=True)],
    lambda m, t: [x.tolist() for x in t.long().unique(dim=0, return_counts=True)],
]


@pytest.mark.parametrize("number", range(len(FACTS)))
def test_facts(number):
    def call(m):
        return FACTS[number](m, m.tensor([[1.0, 2.0, 3.0], [4.0, -5.0, 6.0]]))

    assert outcome(call, mytorch) == outcome(call, torch), inspect.getsource(FACTS[number])


def test_numpy_on_the_left():
    """An array times a tensor is one tensor, not an array of tensors."""
    t = mytorch.tensor([1.0, 2.0], dtype=mytorch.float64, requires_grad=True)
    for y in (np.array([3.0, 4.0]) * t, np.float64(2) * t, t * np.array(2.0)):
        assert isinstance(y, mytorch.Tensor) and y.shape == (2,) and y.requires_grad


# Assignment

ASSIGNMENTS = [
    lambda m, t: t.__setitem__(0, 1),
    lambda m, t: t.__setitem__((0, 1), 2.9),
    lambda m, t: t.__setitem__((slice(None), 1), m.tensor([7, 8])),
    lambda m, t: t.__setitem__(t > 2, 0),
    lambda m, t: t.__setitem__(m.tensor([1, 0]), t.clone()),
    lambda m, t: t.__setitem__((Ellipsis, None), 4),
    lambda m, t: t.__setitem__(-1, m.tensor([1.5, 2.5, 3.5])),
    lambda m, t: t.__setitem__((slice(None), m.tensor([0, 0])), 9),
]


@pytest.mark.parametrize("dtype", ["float32", "int64"])
@pytest.mark.parametrize("number", range(len(ASSIGNMENTS)))
def test_assignment(number, dtype):
    def call(m):
        t = m.arange(6, dtype=getattr(m, dtype)).reshape(2, 3)
        ASSIGNMENTS[number](m, t)
        return t

    same_outcome(call, inspect.getsource(ASSIGNMENTS[number]))


IN_PLACE = [
    lambda m, t: t.__iadd__(1),
    lambda m, t: t.__isub__(m.tensor([1.0, 2.0, 3.0])),
    lambda m, t: t.__imul__(2.5),
    lambda m, t: t.__itruediv__(2),
]


def test_one_integer_in_a_tensor_picks_a_view():
    for m in (torch, mytorch):
        x = m.zeros(2, 2)
        x[m.tensor(1)].add_(1)
        assert x.tolist() == [[0, 0], [1, 1]]


@pytest.mark.parametrize("number", range(len(IN_PLACE)))
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_in_place_arithmetic(number, dtype):
    """The same tensor, the same memory, the same dtype."""

    def call(m):
        t = m.ones(2, 3, dtype=getattr(m, dtype))
        memory = t.numpy()
        assert IN_PLACE[number](m, t) is t
        assert memory.tolist() == t.tolist()
        return t

    same_outcome(call, inspect.getsource(IN_PLACE[number]))


# Names of arguments (test_same.py compares all signatures with PyTorch's)

METHODS = [n for n in mytorch.__all__ if inspect.isfunction(getattr(mytorch, n))]
METHODS = [n for n in METHODS if hasattr(mytorch.Tensor, n) and n not in ("where", "split")]


@pytest.mark.parametrize("name", METHODS)
def test_a_function_is_a_method_too(name):
    """`x.sum(dim=1)` is `torch.sum(x, dim=1)`: the same names and defaults."""
    method = inspect.signature(getattr(mytorch.Tensor, name)).parameters
    if any(p.kind is p.VAR_POSITIONAL for p in method.values()):
        return  # x.reshape(2, 3)
    function = inspect.signature(getattr(mytorch, name)).parameters
    assert list(method)[1:] == list(function)[1:]
    assert [p.default for p in method.values()] == [p.default for p in function.values()]


def test_arguments_by_name():
    """Every argument called by its name, in PyTorch and here."""
    calls = [
        lambda m, a: m.add(input=a, other=a),
        lambda m, a: m.pow(input=a, exponent=2),
        lambda m, a: m.clamp(input=a, min=0, max=1),
        lambda m, a: m.where(condition=a > 0, input=a, other=a),
        lambda m, a: m.where(a > 0, 1.0, 0.0),
        lambda m, a: m.cat([a, a.double(), a.long()]),
        lambda m, a: m.cat([a, a.long()]),
        lambda m, a: m.reshape(input=a, shape=(3, 2)),
        lambda m, a: m.permute(input=a, dims=(1, 0)),
        lambda m, a: m.transpose(input=a, dim0=0, dim1=1),
        lambda m, a: m.unsqueeze(input=a, dim=0),
        lambda m, a: m.flatten(input=a, start_dim=0, end_dim=1),
        lambda m, a: m.cat(tensors=[a, a], dim=1),
        lambda m, a: m.stack(tensors=[a, a], dim=1),
        lambda m, a: m.sum(input=a, dim=0, keepdim=True),
        lambda m, a: m.var(input=a, dim=0, unbiased=False),
        lambda m, a: m.var(a, dim=0, correction=0),
        lambda m, a: m.var(a, unbiased=False),
        lambda m, a: m.max(input=a, dim=0).values,
        lambda m, a: m.min(a, dim=0, keepdim=True).indices,
        lambda m, a: m.matmul(input=a, other=a.T),
        lambda m, a: m.logsumexp(input=a, dim=1),
        lambda m, a: m.argmax(input=a, dim=1, keepdim=True),
        lambda m, a: a.reshape((3, 2)),
        lambda m, a: a.view(-1),
        lambda m, a: a.view((2, 3)),
        lambda m, a: a.expand(2, 2, 3),
        lambda m, a: a.permute((1, 0)),
        lambda m, a: a.to(dtype=m.float64),
        lambda m, a: m.squeeze(a[None], dim=(0, 1)),
    ]
    for call in calls:
        source = inspect.getsource(call).strip()
        same_outcome(lambda m, call=call: call(m, m.arange(6.0).reshape(2, 3)), source)


# Errors: the class and the words, as PyTorch has them


def ints(m, *values):
    return m.tensor(values, dtype=m.int64)


ERRORS_OF_2_3B = [
    ("same number of dimensions", lambda m, a: a.gather(1, ints(m, 0))),
    (
        "index 5 is out of bounds for dimension 1 with size 3",
        lambda m, a: a.gather(1, ints(m, [5])),
    ),
    ("index -1 is out of bounds", lambda m, a: a.gather(1, ints(m, [-1]))),
    ("Expected dtype int32/int64", lambda m, a: a.gather(1, a)),
    ("no larger than self", lambda m, a: a.gather(1, ints(m, [0], [0], [0]))),
    ("Dimension out of range", lambda m, a: a.gather(2, ints(m, [0]))),
    ("out of bounds", lambda m, a: a.scatter(1, ints(m, [3]), 1.0)),
    ("no larger", lambda m, a: a.scatter(1, ints(m, [1, 1]), m.ones(1, 1))),
    ("self.dtype to be equal to src.dtype", lambda m, a: a.scatter(1, ints(m, [1]), ints(m, [1]))),
    (
        "self.dtype to be equal to src.dtype",
        lambda m, a: a.scatter_add(1, ints(m, [1]), a.double()),
    ),
    ("out of", lambda m, a: a.index_select(1, ints(m, 3))),
    ("supposed to be a vector", lambda m, a: a.index_select(1, ints(m, [0]))),
    ("", lambda m, a: a.index_select(1, m.ones(1))),
    ("Number of indices .2. should be", lambda m, a: a.index_add(1, ints(m, 0, 0), a)),
    ("same", lambda m, a: a.index_add(1, ints(m, 0, 0, 0), a.double())),
    ("boolean masks", lambda m, a: a.masked_fill(ints(m, 0, 0, 0), 1.0)),
    ("0-dim", lambda m, a: a.masked_fill(a > 0, m.ones(2))),
    ("", lambda m, a: a.masked_select(a)),
    ("sum exactly to 2", lambda m, a: a.split([1, 2])),
    ("split_size", lambda m, a: a.split(0)),
    ("split_sizes", lambda m, a: a.split([-1, 4], 1)),
    ("must match", lambda m, a: a.masked_select(m.ones(2) > 0)),
    ("must match", lambda m, a: a.take_along_dim(ints(m, 0, 0, 0)[:, None], 1)),
    ("", lambda m, a: a.take_along_dim(ints(m, 0), 1)),
    ("minlength should be >= 0", lambda m, a: ints(m, 0).bincount(minlength=-1)),
    ("same length as input", lambda m, a: ints(m, 0).bincount(m.ones(2))),
    ("indexing must be", lambda m, a: m.meshgrid(a[0], a[0], indexing="zz")),
    ("Expected 0D or 1D tensor", lambda m, a: m.meshgrid(a, indexing="ij")),
    ("Dimension out of range", lambda m, a: m.ones(()).argsort(1)),
    ("Dimension out of range", lambda m, a: m.ones(()).topk(1, 1)),
    ("greater than 0", lambda m, a: a.chunk(0)),
    ("Dimension out of range", lambda m, a: a.unbind(2)),
    ("can not be smaller", lambda m, a: a.repeat(2)),
    ("don't multiply up", lambda m, a: a.unflatten(1, (2, 2))),
    ("at least 2 dimensions", lambda m, a: a[0].tril()),
    ("at least 2 dimensions", lambda m, a: m.triu(a[0])),
    ("", lambda m, a: a.flip(2)),
    ("", lambda m, a: m.flip(a, (0, 0))),
    ("shifts and dimensions must align", lambda m, a: m.roll(a, (1, 2))),
    ("shifts and dimensions must align", lambda m, a: m.roll(a, (1, 2), (0,))),
    ("same number of dims|same length", lambda m, a: m.movedim(a, (0, 1), (1,))),
    ("Supports 1D or 2D", lambda m, a: m.diag(a[None])),
    ("non-negative", lambda m, a: a.repeat_interleave(-1)),
    ("same size as input along dim", lambda m, a: a.repeat_interleave(ints(m, 1, 2, 3), 0)),
    ("out of range", lambda m, a: a.topk(4)),
    ("out of range", lambda m, a: a.topk(-1)),
    ("Dimension out of range", lambda m, a: a.sort(2)),
    ("Dimension out of range", lambda m, a: a.cumsum(2)),
    ("Dimension out of range", lambda m, a: a.prod(2)),
    ("Dimension out of range", lambda m, a: a.cumprod(-3)),
    ("floating point", lambda m, a: a.long().norm()),
    ("1D tensors expected", lambda m, a: m.dot(a, a)),
    ("same number of elements", lambda m, a: m.dot(a[0], a[0, :2])),
    ("", lambda m, a: m.dot(a[0], a[0].double())),
    ("Expected 1-D argument self", lambda m, a: m.outer(a, a[0])),
    ("", lambda m, a: m.mv(a, m.ones(2))),
    ("", lambda m, a: m.mm(a, a[0])),
    ("cannot be multiplied", lambda m, a: m.mm(a, a)),
    ("3D", lambda m, a: m.bmm(a, a)),
    (
        "Expected size for first two dimensions",
        lambda m, a: m.bmm(a[None], a[None].repeat(2, 1, 1)),
    ),
    ("", lambda m, a: m.trace(a[None])),
    ("fewer operands", lambda m, a: m.einsum("ij,jk", a)),
    ("more operands", lambda m, a: m.einsum("ij", a, a)),
    ("does not match the number of dimensions", lambda m, a: m.einsum("ijk", a)),
    ("the number of subscripts in the equation", lambda m, a: m.einsum("ijk...", a)),
    ("output subscript k does not appear", lambda m, a: m.einsum("ij->k", a)),
    ("output subscript i appears more than once", lambda m, a: m.einsum("ij->ii", a)),
    ("subscript j has size 2 for operand 1", lambda m, a: m.einsum("ij,jk", a, a)),
    ("subscript i", lambda m, a: m.einsum("ii", a)),
    ("invalid subscript", lambda m, a: m.einsum("i1", a)),
    ("einsum", lambda m, a: m.einsum("i...j...", a)),
    ("expected scalar type", lambda m, a: m.einsum("ij,kj", a, a.double())),
    ("divisible by 2", lambda m, a: m.nn.functional.pad(a, (1,))),
    ("two times the input dimension", lambda m, a: m.nn.functional.pad(a, (1,) * 6)),
    ("less than the corresponding", lambda m, a: m.nn.functional.pad(a, (3, 0), "reflect")),
    ("wrapping around more than once", lambda m, a: m.nn.functional.pad(a, (4, 0), "circular")),
    ("", lambda m, a: m.nn.functional.pad(a, (-2, -2))),
    ("", lambda m, a: m.nn.functional.pad(a, (5, -4))),
    ("", lambda m, a: m.nn.functional.pad(a, (-4, 5))),
    ("Unrecognised padding mode x", lambda m, a: m.nn.functional.pad(a, (1, 1), "x")),
    ("doesn't take in value", lambda m, a: m.nn.functional.pad(a, (1, 1), "replicate", 3.0)),
    ("non-negative", lambda m, a: m.bincount(ints(m, -1))),
    ("1-d non-negative", lambda m, a: m.bincount(a.long())),
    ("", lambda m, a: m.bincount(a[0]), RuntimeError),
    ("did not match", lambda m, a: m.allclose(a, a.double())),
    ("", lambda m, a: m.set_default_dtype(m.int64)),
    ("", lambda m, a: m.rand(2, dtype=m.int64)),
    ("", lambda m, a: m.randn_like(a.long())),
    ("", lambda m, a: m.randint(3, 3, (2,))),
    ("negative dimension", lambda m, a: m.randperm(-1)),
    ("std >= 0.0", lambda m, a: m.normal(a, -1.0)),
    ("", lambda m, a: m.normal(0.0, 1.0)),
    ("must match", lambda m, a: m.normal(m.zeros(2), m.ones(3))),
    ("p_in >= 0", lambda m, a: m.bernoulli(m.tensor([2.0]))),
    ("without replacement", lambda m, a: m.multinomial(m.ones(2), 3)),
    ("n_sample <= 0", lambda m, a: m.multinomial(m.ones(2), 0)),
    ("sum of probabilities <= 0", lambda m, a: m.multinomial(m.zeros(2), 1)),
    ("1 or 2 dim", lambda m, a: m.multinomial(m.ones(1, 1, 1), 1)),
    ("element < 0", lambda m, a: m.multinomial(m.tensor([-1.0, 2.0]), 1)),
    ("floating-point", lambda m, a: m.multinomial(m.arange(3), 1)),
    ("ByteTensor", lambda m, a: m.Generator().set_state(m.zeros(3))),
    ("size", lambda m, a: m.Generator().set_state(m.zeros(3, dtype=m.uint8))),
]

ERRORS = [
    ("size of tensor a .3. must match the size of tensor b .2.", lambda m, a: a + m.ones(2, 2)),
    ("non-singleton dimension 1", lambda m, a: a * m.ones(2)),
    ("mat1 and mat2 shapes cannot be multiplied .2x3 and 2x3.", lambda m, a: a @ m.ones(2, 3)),
    ("", lambda m, a: m.ones(3) @ m.ones(2)),
    ("", lambda m, a: m.tensor(1.0) @ a),
    ("", lambda m, a: m.ones(2, 2, 3) @ m.ones(3, 3, 2)),
    (
        "Dimension out of range .expected to be in range of .-2, 1., but got 2",
        lambda m, a: a.sum(2),
    ),
    ("Dimension out of range", lambda m, a: a.mean(dim=-3)),
    ("Dimension out of range", lambda m, a: a.max(5)),
    ("Dimension out of range", lambda m, a: a.transpose(0, 2)),
    ("Dimension out of range", lambda m, a: a.unsqueeze(4)),
    ("Dimension out of range", lambda m, a: a.squeeze(2)),
    ("Dimension out of range", lambda m, a: a.flatten(0, 3)),
    ("Dimension out of range", lambda m, a: m.cat([a, a], 2)),
    ("Dimension out of range", lambda m, a: a.size(2)),
    ("dim 0 appears multiple times", lambda m, a: a.sum((0, 0))),
    ("shape '.4, 2.' is invalid for input of size 6", lambda m, a: a.reshape(4, 2)),
    ("shape '.-1, 4.' is invalid for input of size 6", lambda m, a: a.view(-1, 4)),
    ("only one dimension can be inferred", lambda m, a: a.reshape(-1, -1)),
    ("view size is not compatible", lambda m, a: a.T.view(6)),
    ("", lambda m, a: a.permute(0, 0)),
    ("", lambda m, a: a.permute(0)),
    ("", lambda m, a: a.expand(3, 3)),
    ("", lambda m, a: a.expand(3)),
    ("index 5 is out of bounds for dimension 0 with size 2", lambda m, a: a[5]),
    ("out of bounds", lambda m, a: a[:, m.tensor([3])]),
    ("too many indices", lambda m, a: a[0, 0, 0]),
    ("", lambda m, a: a[m.tensor([True, False, True])]),
    ("", lambda m, a: a[m.tensor([0.5])]),
    ("", lambda m, a: m.stack([a, a[0]])),
    ("", lambda m, a: m.stack([])),
    ("", lambda m, a: m.cat([])),
    ("Sizes of tensors must match", lambda m, a: m.cat([a, m.ones(3, 2)])),
    ("matrices", lambda m, a: a[0].mT),
    ("", lambda m, a: a[:0].argmin()),
    ("", lambda m, a: a[:0].min(0)),
    ("", lambda m, a: m.tensor([1]) % 0, ZeroDivisionError),
    ("", lambda m, a: a[:0].max()),
    ("", lambda m, a: a[:0].argmax()),
    ("", lambda m, a: a[:0].max(0)),
    ("", lambda m, a: a.clamp()),
    ("", lambda m, a: a.long().mean()),
    ("floating point", lambda m, a: m.tensor([1], requires_grad=True)),
    ("floating point", lambda m, a: a.long().requires_grad_()),
    ("[Bb]oolean value of Tensor with more than one value is ambiguous", lambda m, a: bool(a)),
    ("cannot be converted to Scalar", lambda m, a: a.item()),
    ("", lambda m, a: float(a), RuntimeError),
    ("iteration over a 0-d tensor", lambda m, a: list(m.tensor(1.0))),
    ("", lambda m, a: len(m.tensor(1.0))),
    ("", lambda m, a: m.tensor([[1, 2], [3]])),
    ("", lambda m, a: m.tensor("one")),
    ("", lambda m, a: m.tensor([1, "one"])),
    ("", lambda m, a: m.zeros(-1), ValueError),
    ("", lambda m, a: m.arange(0, 3, -1), ValueError),
    ("", lambda m, a: m.arange(0, 3, 0), ZeroDivisionError),
    ("", lambda m, a: a + "one"),
    ("", lambda m, a: a + None),
    ("", lambda m, a: "one" * a),
    ("", lambda m, a: a @ 2),
    ("Integers to negative integer powers are not allowed", lambda m, a: m.arange(3) ** -1),
    ("", lambda m, a: -(a > 0), TypeError),
    ("", lambda m, a: (a > 0) - (a > 0), TypeError),
    ("", lambda m, a: m.tensor([1]) // 0, ZeroDivisionError),
    ("", lambda m, a: m.tensor([1, 2], dtype=m.int64) @ m.ones(2)),
    ("requires grad", lambda m, a: a.requires_grad_().numpy()),
    ("does not require grad", lambda m, a: a.sum().backward()),
    (
        "can be implicitly created only for scalar outputs",
        lambda m, a: a.requires_grad_().backward(),
    ),
    ("can't retain_grad", lambda m, a: a.retain_grad()),
    (
        "Mismatch in shape",
        lambda m, a: (a.requires_grad_() * 2).backward(m.ones(3)),
    ),
    ("leaf Variable that requires grad", lambda m, a: a.requires_grad_().__iadd__(1)),
    ("leaf Variable", lambda m, a: a.requires_grad_().__setitem__(0, 1)),
    ("", lambda m, a: m.ones(3).__iadd__(a)),
    ("", lambda m, a: m.arange(3).__iadd__(0.5)),
    ("", lambda m, a: m.arange(3).__itruediv__(2)),
    ("", lambda m, a: a.__setitem__(0, m.ones(2))),
    ("", lambda m, a: a.__setitem__(5, 0)),
    *[(words, call, *also) for words, call, *also in ERRORS_OF_2_3B],
    ("", lambda m, a: m.optim.SGD([])),
    ("", lambda m, a: m.optim.SGD([a], lr=-1)),
    ("", lambda m, a: m.optim.Adam([a], lr=-1.0)),
    ("", lambda m, a: m.optim.Adam([a], betas=(1.0, 0.9))),
    ("", lambda m, a: m.optim.Adam([a], eps=-1)),
]


@pytest.mark.parametrize("number", range(len(ERRORS)))
def test_errors(number):
    """PyTorch's class of error, one below it, or the one listed; its words where they help."""
    words, call, *also = ERRORS[number]
    found = []
    for m in (torch, mytorch):
        with pytest.raises(Exception, match=words) as info:
            call(m, m.arange(6.0).reshape(2, 3))
        found.append(info.type)
        assert str(info.value), "an error says what to do"
    assert issubclass(found[1], (found[0], *also)), f"{found[1]}, not {found[0]}"


# Printing

PRINTED = [
    lambda m: m.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True),
    lambda m: m.tensor(1.5),
    lambda m: m.tensor(3),
    lambda m: m.tensor(True),
    lambda m: m.tensor([1, -20, 300]),
    lambda m: m.tensor([True, False]),
    lambda m: m.tensor([]),
    lambda m: m.zeros(0, 3),
    lambda m: m.zeros(2, 0, dtype=m.int64),
    lambda m: m.tensor([1.0, 2.5, -3.25]),
    lambda m: m.tensor([0.1, 0.22222, 100.0]),
    lambda m: m.tensor([1e-5, 1.0]),
    lambda m: m.tensor([1e5, 1.5]),
    lambda m: m.tensor([1e10, 1.0]),
    lambda m: m.tensor([12345678.0]),
    lambda m: m.tensor([123456789.0]),
    lambda m: m.tensor([float("nan"), 1.0, float("inf")]),
    lambda m: m.tensor([float("-inf"), 1.5]),
    lambda m: m.tensor([1.0], dtype=m.float64),
    lambda m: m.tensor([0.0, -0.0]),
    lambda m: m.tensor([1 / 3], dtype=m.float64),
    lambda m: m.tensor(1 / 3, requires_grad=True),
    lambda m: m.arange(24.0).reshape(2, 3, 4),
    lambda m: m.arange(30),
    lambda m: m.arange(30.0) / 7,
    lambda m: m.arange(2000),
    lambda m: m.arange(4000.0).reshape(40, 100),
    lambda m: m.arange(4000).reshape(2, 1000, 2),
    lambda m: m.ones(2, requires_grad=True) + 1,
    lambda m: m.ones(2, requires_grad=True) * 2.5,
    lambda m: m.ones(2, requires_grad=True).sum(),
    lambda m: m.ones(2, requires_grad=True).exp(),
    lambda m: -m.ones(2, requires_grad=True),
    lambda m: m.ones(2, requires_grad=True) / 3,
    lambda m: m.ones(2, requires_grad=True).mean(),
    lambda m: m.ones(2, requires_grad=True).detach(),
    lambda m: m.ones(2, 2)[0],
]


@pytest.mark.parametrize("number", range(len(PRINTED)))
def test_printing(number):
    ours, theirs = (repr(PRINTED[number](m)) for m in (mytorch, torch))
    assert ours.replace("mytorch.", "torch.") == theirs


# Optimizers

SHAPES_OF_PARAMETERS = [(3, 2), (2,), (), (1, 2, 2)]
OPTIMIZERS = {
    "SGD": lambda m, ps: m.optim.SGD(ps, lr=0.1),
    "SGD default": lambda m, ps: m.optim.SGD(ps),
    "Adam": lambda m, ps: m.optim.Adam(ps, lr=0.1),
    "Adam default": lambda m, ps: m.optim.Adam(ps),
    "Adam betas": lambda m, ps: m.optim.Adam(ps, lr=0.05, betas=(0.5, 0.7)),
    "Adam eps": lambda m, ps: m.optim.Adam(ps, lr=0.05, eps=0.1),
    "Adam decay": lambda m, ps: m.optim.Adam(ps, lr=0.05, weight_decay=0.3),
}


def train(m, make, dtype):
    """Twenty steps on a bowl; one parameter is outside the loss and has no gradient."""
    rng = np.random.default_rng(0)
    draws = [np.asarray(rng.standard_normal(s)).astype(dtype) for s in SHAPES_OF_PARAMETERS]
    params = [leaf(m, values.copy()) for values in draws]
    optimizer = make(m, params)
    before = [array(p) for p in params]
    for step in range(20):
        optimizer.zero_grad()
        assert all(p.grad is None for p in params)
        loss = sum(((p - k) ** 2 * (k + step % 3)).sum() for k, p in enumerate(params[:-1], 1))
        loss.backward()
        optimizer.step()
    assert all(array(p) is not None and p.is_leaf and p.requires_grad for p in params)
    return params, before, draws


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizers_walk_as_pytorchs(name, dtype):
    ours, theirs = (train(m, OPTIMIZERS[name], dtype)[0] for m in (mytorch, torch))
    for p, q in zip(ours, theirs, strict=True):
        alike(p, q, name, rtol=1e-6 if dtype == "float64" else 2e-5, atol=1e-7)


@pytest.mark.parametrize("name", ["relu", "clamp", "hardtanh", "where", "max"])
def test_an_infinite_gradient_stays_where_it_belongs(name):
    def run(m):
        x = m.tensor([[-1.0, 0.0, 2.0], [1.5, -3.0, 0.5]], requires_grad=True)
        y = {
            "relu": lambda: m.relu(x),
            "clamp": lambda: x.clamp(-0.5, 1.0),
            "hardtanh": lambda: m.nn.functional.hardtanh(x),
            "where": lambda: m.where(x > 0, x, x * 2),
            "max": lambda: x.max(1)[0],
        }[name]()
        y.backward(m.full(tuple(y.shape), float("inf")))
        return x.grad.tolist()

    assert run(mytorch) == run(torch)
