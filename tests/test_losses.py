"""Losses of chapter 2.5: against finite differences, PyTorch, their simple twins, and on ducks."""

import inspect
import re
import warnings

import mytorch
import numpy as np
import pytest
from mytorch.nn import functional as F

from table import Row, array, check_duck, check_gradient, check_second, derivatives, fixed, leaf

BCE, LOGITS = "binary_cross_entropy", "binary_cross_entropy_with_logits"
NAMES = ["mse_loss", "l1_loss", "huber_loss", "smooth_l1_loss", BCE, LOGITS]
REDUCTIONS = ["none", "mean", "sum"]


def real(rng, shape):
    """Numbers away from the corners that a difference must not step across."""
    return rng.choice([-2.3, -1.7, -0.4, -0.15, 0.2, 0.35, 1.9, 2.6], shape) + rng.uniform(
        0, 0.02, shape
    )


def inside(rng, shape):
    """Probabilities that a step of a difference leaves between 0 and 1."""
    return rng.uniform(0.1, 0.9, shape)


def of(m):
    return m.nn.functional


SHAPES = [((), ()), ((4,), (4,)), ((2, 3), (2, 3)), ((2, 1, 3), (2, 1, 3))]
PAIR, TRIPLE = fixed(*SHAPES), fixed(*[(s, s, s) for s, _ in SHAPES])
BROADCAST = fixed(((2, 3), (2, 3), (3,)), ((2, 3), (2, 3), (2, 1)), ((2,), (2,), ()))


def errors_apart(m, a, b, name, **options):
    """A loss whose errors are at no corner: neither 0 nor delta apart."""
    return getattr(of(m), name)(a, b * 0.1, **options)


ROWS = [
    Row(
        f"{name} {reduction}",
        lambda m, a, b, name=name, r=reduction: errors_apart(m, a, b, name, reduction=r),
        PAIR,
        real,
    )
    for name in NAMES[:4]
    for reduction in REDUCTIONS
]
ROWS += [
    Row(
        f"{name} {reduction}",
        lambda m, a, b, name=name, r=reduction: getattr(of(m), name)(a, b, reduction=r),
        PAIR,
        inside,
    )
    for name in (BCE, LOGITS)
    for reduction in REDUCTIONS
]
ROWS += [
    Row(
        f"{name} weight {reduction}",
        lambda m, a, b, w, name=name, r=reduction: errors_apart(
            m, a, b, name, reduction=r, weight=w
        ),
        TRIPLE,
        real,
    )
    for name in NAMES[:3]
    for reduction in REDUCTIONS
]
ROWS += [
    Row(
        f"{name} weight {reduction}",
        lambda m, a, b, w, name=name, r=reduction: getattr(of(m), name)(a, b, w, reduction=r),
        BROADCAST,
        inside,
    )
    for name in (BCE, LOGITS)
    for reduction in REDUCTIONS
]
ROWS += [
    Row("huber 0.5", lambda m, a, b: errors_apart(m, a, b, "huber_loss", delta=0.7), PAIR, real),
    Row("smooth 2", lambda m, a, b: errors_apart(m, a, b, "smooth_l1_loss", beta=2.1), PAIR, real),
    Row("smooth 0", lambda m, a, b: errors_apart(m, a, b, "smooth_l1_loss", beta=0), PAIR, real),
    Row("logsigmoid", lambda m, a: of(m).logsigmoid(a * 4), fixed(((),), ((5,),), ((2, 3),))),
    Row(
        "logits far",
        lambda m, a, b: getattr(of(m), LOGITS)((a - 0.5) * 40, b, reduction="none"),
        PAIR,
        inside,
    ),
]
POSITIVE = Row(
    "pos_weight",
    lambda m, a, b, w: getattr(of(m), LOGITS)(a * 4 - 2, b, pos_weight=w, reduction="none"),
    BROADCAST,
    inside,
)
every_row = pytest.mark.parametrize("row", [*ROWS, POSITIVE], ids=lambda row: row.name)


@every_row
def test_gradient_is_what_differences_say(row):
    row.for_all(check_gradient)


@every_row
def test_second_derivative_is_what_differences_say(row):
    row.for_all(check_second)


@every_row
def test_on_an_array_that_does_not_mix_with_numpy(row):
    row.for_all(check_duck)


# Extreme logits: exact values and gradients, in float32, without a warning


def exact(z, y):
    """The loss and its slope in float64, from the label's side, where nothing cancels."""
    t = np.where(y == 1, -z, z).astype(float)
    return np.logaddexp(0, t), np.where(y == 1, -1, 1) / (1 + np.exp(np.minimum(-t, 709)))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("label", [0, 1])
def test_logits_of_any_size(dtype, label):
    z = np.concatenate([np.linspace(-85, 85, 1001), [-1e4, -200, 200, 1e4, 0.0]]).astype(dtype)
    y = np.full_like(z, label)
    t = mytorch.tensor(z, requires_grad=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        loss = F.binary_cross_entropy_with_logits(t, mytorch.tensor(y), reduction="none")
        loss.sum().backward()
    value, slope = exact(z, y)
    close = {"rtol": 4 * np.finfo(dtype).eps, "atol": np.finfo(dtype).tiny}
    np.testing.assert_allclose(loss.detach().numpy(), value, **close)
    np.testing.assert_allclose(t.grad.numpy(), slope, **close)


def test_logsigmoid_of_any_size():
    z = np.array([-1e4, -100, -17, 0, 17, 80, 1e4], dtype=np.float32)
    t = mytorch.tensor(z, requires_grad=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        y = F.logsigmoid(t)
        y.sum().backward()
    np.testing.assert_allclose(y.detach().numpy(), -np.logaddexp(0, -z.astype(float)), rtol=1e-6)
    np.testing.assert_allclose(
        t.grad.numpy(), np.exp(-np.logaddexp(0, z.astype(float))), rtol=1e-6, atol=1e-44
    )


@pytest.mark.parametrize("label", [0.0, 0.3, 1.0])
def test_curvature_at_a_logit_of_zero(label):
    """Models start there; a body written with |z| has no second derivative at 0."""
    z = mytorch.tensor([0.0], requires_grad=True)
    for pos_weight, expected in [(None, 0.25), (mytorch.tensor([3.0]), 0.25 * (1 + 2 * label))]:
        loss = F.binary_cross_entropy_with_logits(z, mytorch.tensor([label]), pos_weight=pos_weight)
        (g,) = mytorch.autograd.grad(loss, z, create_graph=True)
        (second,) = mytorch.autograd.grad(g.sum(), z)
        assert second.item() == pytest.approx(expected)


def test_probabilities_of_zero_and_one():
    p = mytorch.tensor([0.0, 1.0, 1.0, 0.0], requires_grad=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        loss = F.binary_cross_entropy(p, mytorch.tensor([1.0, 0.0, 1.0, 0.0]), reduction="none")
        loss.sum().backward()
    assert loss.tolist() == [100, 100, 0, 0]
    assert p.grad.tolist() == pytest.approx([-1e12, 1e12, 0, 0])


def test_a_tiny_probability_keeps_its_digits():
    p = mytorch.tensor([1e-9])
    assert F.binary_cross_entropy(p, mytorch.tensor([0.0])).item() == pytest.approx(1e-9)


def test_an_outlier_does_not_overflow():
    d = mytorch.tensor([1e30, -1e30], requires_grad=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        loss = F.huber_loss(d, mytorch.zeros(2), reduction="none", delta=2.0)
        loss.sum().backward()
    assert loss.tolist() == pytest.approx([2e30, 2e30]) and d.grad.tolist() == [2, -2]


# Fused against simple


def logits_simple(z, y, pos_weight=1):
    return -(pos_weight * y * F.logsigmoid(z) + (1 - y) * F.logsigmoid(-z))


def huber_simple(a, b, delta):
    d = (a - b).abs()
    return mytorch.where(d <= delta, d * d / 2, delta * (d - delta / 2))


def twins():
    rng = np.random.default_rng(0)
    z, y = rng.normal(size=(5, 4)) * 5, rng.uniform(size=(5, 4))
    z[0] = 0
    z[1, :2] = 20, -20
    return [
        (lambda *x: F.binary_cross_entropy_with_logits(*x, reduction="none"), logits_simple, z, y),
        (lambda *x: F.huber_loss(*x, "none", 1.5), lambda *x: huber_simple(*x, 1.5), z, y),
    ]


@pytest.mark.parametrize("fused, simple, z, y", twins(), ids=["logits", "huber"])
def test_fused_is_its_twin(fused, simple, z, y):
    rows = [Row("", lambda m, a, b, f=f: f(a, b), PAIR) for f in (fused, simple)]
    ours, theirs = (derivatives(mytorch, row, [z, y], 2) for row in rows)
    for xs, ys in zip(ours, theirs, strict=True):
        for a, b in zip(xs, ys, strict=True):
            np.testing.assert_allclose(array(a), array(b), rtol=1e-9, atol=1e-12)


def test_the_node_is_one():
    """One step on the tape: it costs a fraction of its twin."""
    z = mytorch.zeros(3, requires_grad=True)
    y = F.binary_cross_entropy_with_logits(z, mytorch.ones(3), reduction="none")
    assert y.grad_fn.inputs[0] is z


@pytest.mark.parametrize("name", NAMES)
def test_float32_stays(name):
    a, b = (mytorch.tensor([0.2, 0.7], requires_grad=grad) for grad in (True, False))
    for options in ({}, {"weight": mytorch.tensor([1.0, 2.0])}):
        if name == "smooth_l1_loss" and options:
            continue
        a.grad = None
        loss = getattr(F, name)(a, b, **options)
        loss.backward()
        assert loss.dtype == a.grad.dtype == mytorch.float32


@pytest.mark.parametrize("name", NAMES)
def test_arrays_are_left_alone(name):
    a, b = np.array([0.2, 0.7]), np.array([1.0, 0.0])
    getattr(F, name)(leaf(mytorch, a), leaf(mytorch, b)).backward()
    assert a.tolist() == [0.2, 0.7] and b.tolist() == [1, 0]


# PyTorch

torch = pytest.importorskip("torch", reason="PyTorch is a test dependency: requirements-test.txt")


def check_torch(row, arrays):
    """Value and gradients; second derivatives too."""
    ours, theirs = (derivatives(m, row, arrays, 2) for m in (mytorch, torch))
    for level, (xs, ys) in enumerate(zip(ours, theirs, strict=True)):
        for i, (x, y) in enumerate(zip(xs, ys, strict=True)):
            hint = f"{row.name}, order {level}, leaf {i}"
            if x is None or y is None:  # PyTorch sometimes returns the zeros that None stands for
                assert not any(array(t).any() for t in (x, y) if t is not None), hint
                continue
            x, y = array(x), array(y)
            np.testing.assert_allclose(x, y, rtol=1e-9, atol=1e-12, err_msg=hint)
            assert x.dtype == y.dtype, hint


FREE = [row for row in ROWS if not row.name.startswith((f"{BCE} weight", f"{LOGITS} weight"))]


@pytest.mark.parametrize("row", FREE, ids=lambda row: row.name)
def test_values_and_derivatives_are_pytorchs(row):
    row.for_all(check_torch)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("weights", [{BCE: "weight"}, {LOGITS: "weight"}, {LOGITS: "pos_weight"}])
def test_weights_are_pytorchs(weights, reduction):
    """These may not need a gradient there, so the rows of the table do not serve."""
    ((name, argument),) = weights.items()
    rng = np.random.default_rng(0)
    p, y, w = rng.uniform(size=(4, 3)), rng.uniform(size=(4, 3)), rng.uniform(0.2, 9, 3)

    def call(m, a, b):
        return getattr(of(m), name)(a, b, reduction=reduction, **{argument: m.from_numpy(w)})

    check_torch(Row(argument, call, PAIR), [p, y])


def torch_alike(line):
    """Run a line on both; the result, or the type and the beginning of the error."""
    found, size = [], re.compile(r"torch\.Size\((.*?)\)")
    for m in (mytorch, torch):
        scope = {"m": m, "F": of(m), "nn": m.nn, "t": m.tensor}
        try:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                result = eval(line, scope)
            result = array(result).astype(float)
            warned = [str(w.message) for w in caught if w.category is UserWarning]
            found.append((result, [size.sub(r"\1", text) for text in warned]))
        except Exception as error:
            found.append((type(error), size.sub(r"\1", str(error))))
    return found


ERRORS = [
    "F.mse_loss(t([1.0]), t([2.0]), reduction='all')",
    "F.binary_cross_entropy(t([0.5]), t([1.0]), reduction='all')",
    "F.mse_loss(t([1.0, 2.0]), t([1.0, 2.0]), weight=t([1.0]))",
    "F.l1_loss(t([1.0, 2.0]), t([1.0, 2.0]), weight=t([1.0]))",
    "F.huber_loss(t([1.0, 2.0]), t([1.0, 2.0]), weight=t([1.0]))",
    "F.huber_loss(t([1.0]), t([1.0]), delta=0.0)",
    "F.huber_loss(t([1.0]), t([1.0]), delta=-1.0)",
    "F.smooth_l1_loss(t([1.0]), t([1.0]), beta=-1.0)",
    "F.binary_cross_entropy(t([1.1]), t([1.0]))",
    "F.binary_cross_entropy(t([-0.1]), t([1.0]))",
    "F.binary_cross_entropy(t([float('nan')]), t([1.0]))",
    "F.binary_cross_entropy(t([0.5]), t([1.5]))",
    "F.binary_cross_entropy(t([0.5]), t([[1.0]]))",
    "F.binary_cross_entropy_with_logits(t([0.5]), t([[1.0]]))",
    "F.binary_cross_entropy_with_logits(t([[0.5, 2.0]]), t([[1.0, 0.0]]), t([[1.0], [2.0]]))",
    "F.mse_loss(t([1.0, 2.0, 3.0]), t([1.0, 2.0]))",
]


@pytest.mark.parametrize("line", ERRORS)
def test_errors_are_pytorchs(line):
    (ours, message), (theirs, expected) = torch_alike(line)
    assert ours is theirs
    assert message[:40] == expected[:40]


@pytest.mark.parametrize(
    "line, start",
    [
        ("F.binary_cross_entropy(t([0.5]), t([1]))", "Found dtype"),
        ("F.binary_cross_entropy_with_logits(t([0.5]), t([1]))", "result type"),
        ("F.binary_cross_entropy(t([[0.5]]), t([[1.0]]), t([[1.0], [2.0]]))", "output with shape"),
    ],
)
def test_errors_of_pytorchs_type(line, start):
    (ours, message), (theirs, expected) = torch_alike(line)
    assert ours is theirs is RuntimeError
    assert message.startswith(start) and expected.startswith(start)


LINES = [
    "F.mse_loss(t([[1.0], [2.0]]), t([1.0, 3.0]))",
    "F.l1_loss(t([[1.0], [2.0]]), t([1.0, 3.0]), reduction='none')",
    "F.huber_loss(t([[1.0], [2.0]]), t([1.0, 3.0]), 'sum', 0.5)",
    "F.smooth_l1_loss(t([[1.0], [2.0]]), t([1.0, 3.0]))",
    "F.mse_loss(t([1.0]), t([2.0], dtype=m.float64))",
    "F.mse_loss(t([1.0]), t([2]))",
    "F.l1_loss(t([1]), t([3]), reduction='none')",
    "F.mse_loss(t([]), t([]), reduction='sum')",
    "F.binary_cross_entropy_with_logits(t([]), t([]), reduction='sum')",
    "F.binary_cross_entropy_with_logits(t([0.5]), t([1.0], dtype=m.float64))",
    "F.huber_loss(t([1.0, -1.0, 0.0]), t([0.0, 0.0, 0.0]), 'none', 1.0)",
    "F.binary_cross_entropy_with_logits(t([float('inf'), -float('inf')]), t([0.0, 1.0]))",
    "F.binary_cross_entropy_with_logits(t([-1e4, 1e4]), t([1.0, 0.0]), reduction='none')",
    "nn.BCEWithLogitsLoss(t([1.0, 2.0]))(t([0.5, 2.0]), t([1.0, 0.0]))",
    "nn.BCEWithLogitsLoss(pos_weight=t([1.0, 2.0]))(t([[0.5, 2.0]]), t([[1.0, 0.5]]))",
    "nn.BCELoss(t([1.0, 2.0]), reduction='sum')(t([0.5, 0.2]), t([1.0, 0.0]))",
    "nn.HuberLoss('sum', 0.5)(t([1.0, 0.2]), t([0.0, 0.0]))",
    "nn.SmoothL1Loss(beta=0.5, reduction='none')(t([1.0, 0.2]), t([0.0, 0.0]))",
    "nn.MSELoss(reduction='sum')(t([1.0, 0.2]), t([0.0, 0.0]))",
    "nn.L1Loss()(t([1.0, 0.2]), t([0.0, 0.0]))",
    "nn.LogSigmoid()(t([-1e4, -1.0, 0.0, 1e4]))",
]


@pytest.mark.parametrize("line", LINES)
def test_lines_give_what_pytorch_gives(line):
    (ours, warned), (theirs, expected) = torch_alike(line)
    np.testing.assert_allclose(ours, theirs, rtol=1e-6)
    assert warned == expected


CORNERS = np.array([-2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0])


@pytest.mark.parametrize("name", NAMES[:4])
def test_gradients_at_corners(name):
    grads = []
    for m in (mytorch, torch):
        x = leaf(m, CORNERS.copy())
        getattr(of(m), name)(x, m.zeros(7, dtype=m.float64), reduction="sum").backward()
        grads.append(array(x.grad))
    np.testing.assert_allclose(*grads)


OLD = ("size_average", "reduce")


@pytest.mark.parametrize("name", NAMES)
def test_arguments_are_pytorchs_in_its_order(name):
    """Those left out are deprecated there; what follows them is passed by name."""
    ours, theirs = (inspect.signature(getattr(of(m), name)).parameters for m in (mytorch, torch))
    assert list(ours) == [p for p in theirs if p not in OLD]
    after = [p for i, p in enumerate(theirs) if any(old in list(theirs)[:i] for old in OLD)]
    for p in ours.values():
        assert p.default == theirs[p.name].default
        assert (p.kind is p.KEYWORD_ONLY) == (p.name in after)


MODULES = ["MSELoss", "L1Loss", "HuberLoss", "SmoothL1Loss", "BCELoss", "BCEWithLogitsLoss"]


@pytest.mark.parametrize("name", MODULES)
def test_modules_are_pytorchs(name):
    ours, theirs = (inspect.signature(getattr(m.nn, name)).parameters for m in (mytorch, torch))
    assert list(ours) == [p for p in theirs if p not in OLD]
    assert all(p.default == theirs[p.name].default for p in ours.values())
    assert repr(getattr(mytorch.nn, name)()) == repr(getattr(torch.nn, name)())
    assert not list(getattr(mytorch.nn, name)().parameters())


def test_weights_are_buffers():
    made = []
    for m in (mytorch, torch):
        loss = m.nn.BCEWithLogitsLoss(m.tensor([1.0]), pos_weight=m.tensor([2.0]))
        made.append((list(loss.state_dict()), list(m.nn.BCELoss().state_dict())))
    assert made[0] == made[1] == (["weight", "pos_weight"], [])


def test_delta_is_a_number():
    (ours, message), (theirs, expected) = torch_alike("nn.HuberLoss(delta='1')")
    assert ours is theirs is TypeError and message == expected
