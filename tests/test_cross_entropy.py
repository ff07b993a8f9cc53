"""Softmax, cross-entropy and their kin: against PyTorch, differences, their simple twins, ducks."""

import itertools
import warnings

import mytorch
import mytorch.nn.functional as F
import numpy as np
import pytest
from mytorch.autograd import gradcheck, gradgradcheck
from mytorch.ops import softmax as bodies

from duck import Duck
from table import OnDucks, Row, check_duck, check_gradient, check_second, fixed, same

torch = pytest.importorskip("torch", reason="PyTorch is a test dependency: requirements-test.txt")
TF = torch.nn.functional
LIBRARIES = ((mytorch, F), (torch, TF))
INF, NAN = float("inf"), float("nan")
SHAPES = [(4,), (5, 4), (3, 4, 2), (2, 4, 3, 2), (0, 4)]


@pytest.fixture(autouse=True)
def quiet():
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        yield


def alike(ours, theirs, hint="", rtol=1e-9, atol=1e-11):
    """The same shape, dtype and values, NaN included."""
    x, y = ours.detach().numpy(), theirs.detach().numpy()
    assert x.shape == y.shape and x.dtype == y.dtype, (
        f"{hint}: {x.dtype}{x.shape} {y.dtype}{y.shape}"
    )
    np.testing.assert_allclose(x, y, rtol=rtol, atol=atol, err_msg=hint)


def rows_of(shape):
    return shape[:1] + shape[2:] if len(shape) > 1 else ()


def scores(shape, seed=0, scale=3.0):
    return scale * np.random.default_rng(seed).standard_normal(shape)


def class_numbers(shape, kind=np.int64, seed=1):
    c = shape[0] if len(shape) == 1 else shape[1]
    return np.asarray(np.random.default_rng(seed).integers(0, c, rows_of(shape)), kind)


def probabilities(shape, seed=2):
    x = np.exp(scores(shape, seed))
    return x / x.sum(axis=min(1, len(shape) - 1), keepdims=True)


WEIGHT = np.array([0.5, 1.0, 2.0, 0.25])


def derivatives(library, function, leaves, constants=()):
    """The value, first gradients by the fused way and by create_graph, and second ones."""
    tensors = [library.from_numpy(np.array(a)).requires_grad_() for a in leaves]
    fixed = [library.from_numpy(np.array(a)) for a in constants]
    y = function(*tensors, *fixed)
    shape = tuple(y.shape)
    g = library.from_numpy(np.asarray(np.cos(np.arange(np.prod(shape)).reshape(shape)) + 2.0))
    fused = library.autograd.grad(function(*tensors, *fixed), tensors, g)
    first = library.autograd.grad(y, tensors, g, create_graph=True)
    total = sum((t**3).sum() + (t**2).sum() for t in first)
    second = library.autograd.grad(total, tensors)
    return [y, *fused, *first, *second]


def compare(function, leaves, constants=(), hint="", **tolerance):
    """`function(library, functional)` returns what to call; hold both libraries side by side."""
    ours, theirs = (derivatives(m, function(m, f), leaves, constants) for m, f in LIBRARIES)
    for i, (x, y) in enumerate(zip(ours, theirs, strict=True)):
        alike(x, y, f"{hint} part {i}", **tolerance)


# Softmax and log-softmax

NAMES = ["softmax", "log_softmax"]


@pytest.mark.parametrize("name", [*NAMES, "softmin"])
@pytest.mark.parametrize("shape", [(), (5,), (3, 4), (2, 3, 4), (0, 3), (3, 0)])
def test_softmax_like_torch(name, shape):
    for dim in range(-max(len(shape), 1), max(len(shape), 1)):
        compare(
            lambda m, f, dim=dim: lambda x: getattr(f, name)(x, dim), [scores(shape)], hint=f"{dim}"
        )
        if name != "softmin":
            for call in (
                lambda m, f, dim=dim: lambda x: getattr(m, name)(x, dim=dim),
                lambda m, f, dim=dim: lambda x: getattr(x, name)(dim),
            ):
                compare(call, [scores(shape)])


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("scale", [0.01, 1, 30, 1000])
def test_softmax_keeps_the_dtype_and_digits(name, dtype, scale):
    """Small scores go without a shift, large ones with it; float16 sums must not overflow."""
    x = scores((7, 300), scale=scale).astype(dtype)
    g = scores((7, 300), seed=5).astype(dtype)
    results = []
    for m in (mytorch, torch):
        leaf = m.from_numpy(x.copy()).requires_grad_()
        y = getattr(m, name)(leaf, 1)
        y.backward(m.from_numpy(g))
        results.append((y, leaf.grad))
    loose = {"float16": (2e-2, 1e-2), "float32": (2e-5, 2e-6), "float64": (1e-12, 1e-12)}[dtype]
    for ours, theirs in zip(*results, strict=True):
        alike(
            ours,
            theirs,
            f"{name} {dtype}",
            rtol=loose[0],
            atol=loose[1] * (max(scale, 1) if "log" in name else 1),
        )


@pytest.mark.parametrize("name", NAMES)
def test_extreme_scores(name):
    cases = [[1e30, 0.0, -1e30], [-1e30, -1e30, -2e30], [0, 0, -INF], [-INF] * 3, [INF, 0, 1]]
    cases += [[NAN, 0, 1], [88.0, 87.0, 1.0], [89.0, 1.0, 1.0], [-100.0, -101.0, -103.0]]
    for values in cases:
        x = np.array([values], np.float32)
        for a, b in zip(
            *[derivatives_once(m, lambda t: getattr(t, name)(1), x) for m in (mytorch, torch)],
            strict=True,
        ):
            alike(a, b, f"{name} {values}", rtol=1e-5, atol=1e-6)


def derivatives_once(m, function, x):
    leaf = m.from_numpy(x.copy()).requires_grad_()
    y = function(leaf)
    y.backward(m.from_numpy(np.linspace(1, 2, x.size, dtype=x.dtype).reshape(x.shape)))
    return y, leaf.grad


@pytest.mark.parametrize("name", NAMES)
def test_dtype_argument(name):
    for m in (mytorch, torch):
        whole = m.tensor([1, 2, 4])
        assert str(getattr(m, name)(whole, 0, dtype=m.float64).dtype).endswith("float64")
        assert str(getattr(whole, name)(0, dtype=m.float32).dtype).endswith("float32")
        for bad in (
            lambda m=m, t=whole: getattr(m, name)(t, 0),
            lambda m=m: getattr(m, name)(m.ones(2), 0, dtype=m.int64),
        ):
            with pytest.raises(NotImplementedError, match="not implemented for"):
                bad()
        with pytest.raises(
            IndexError,
            match=r"Dimension out of range \(expected to be in range of \[-1, 0\], but got 1\)",
        ):
            getattr(m, name)(m.ones(3), 1)
        for missing in (
            lambda m=m: getattr(m, name)(m.ones(2)),
            lambda m=m: getattr(m, name)(m.ones(2, 2), (0, 1)),
        ):
            with pytest.raises(TypeError):
                missing()


@pytest.mark.parametrize("scale", [1, 100])
def test_the_shift_is_left_out_only_where_nothing_is_lost(scale):
    x = scores((6, 5), scale=scale)
    x[0] = -200  # a row whose exponentials are too small for float32, among others that are not
    for dtype in (np.float32, np.float64):
        y, total = bodies.exponentials(x.astype(dtype), 1)
        expected = np.exp(x - x.max(1, keepdims=True))
        expected /= expected.sum(1, keepdims=True)
        np.testing.assert_allclose(y / total, expected, rtol=1e-4, atol=1e-30)
        assert y.dtype == total.dtype == dtype
    plain, total = bodies.exponentials(np.zeros((2, 3), np.float32), 1)
    assert (plain == 1).all() and (total == 3).all()
    shifted, _ = bodies.exponentials(np.full((2, 3), -6.0, np.float32), 1)
    assert (shifted == 1).all()  # sums below 0.01: shifted


# Twins: fused and simple

TWINS = {
    "softmax": (lambda x: mytorch.softmax(x, 1), lambda x: bodies.softmax_simple(x, 1)),
    "log_softmax": (lambda x: mytorch.log_softmax(x, 1), lambda x: bodies.log_softmax_simple(x, 1)),
    "cross_entropy": (
        lambda x: bodies._cross_entropy(x, PLACES[x.shape], 1),
        lambda x: bodies.cross_entropy_simple(x, PLACES[x.shape], 1),
    ),
}
PLACES = {s: class_numbers(s) for s in ((5, 4), (3, 4, 2), (2, 4, 3, 2))}


@pytest.mark.parametrize("name", TWINS)
@pytest.mark.parametrize("shape", PLACES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("scale", [1, 200])
def test_fused_is_as_its_simple_twin(name, shape, dtype, scale):
    found = []
    for function in TWINS[name]:
        x = mytorch.tensor(scores(shape, scale=scale).astype(dtype), requires_grad=True)
        y = function(x)
        g = mytorch.tensor(scores(y.shape, 7).astype(dtype))
        found.append((y, *mytorch.autograd.grad(y, x, g)))
    for a, b in zip(*found, strict=True):
        assert a.dtype == b.dtype == np.dtype(dtype)
        np.testing.assert_allclose(
            a.detach().numpy(),
            b.detach().numpy(),
            rtol=2e-5,
            atol=2e-6 if dtype == "float32" else 1e-12,
        )


@pytest.mark.parametrize("name", TWINS)
@pytest.mark.parametrize("index", [0, 1])
def test_gradients_of_both_twins(name, index):
    for shape in PLACES:
        x = mytorch.tensor(scores(shape, scale=1), requires_grad=True)
        assert gradcheck(TWINS[name][index], x)
        if len(shape) < 4:
            assert gradgradcheck(TWINS[name][index], x)


def test_the_gradient_is_p_minus_y_and_the_jacobian_diag_p_minus_pp():
    z = mytorch.tensor(scores((4,)), requires_grad=True)
    p = z.softmax(0)
    jacobian = np.stack(
        [mytorch.autograd.grad(p[k], z, retain_graph=True)[0].numpy() for k in range(4)]
    )
    q = p.detach().numpy()
    np.testing.assert_allclose(jacobian, np.diag(q) - np.outer(q, q), atol=1e-15)
    F.cross_entropy(z, mytorch.tensor(2)).backward()
    np.testing.assert_allclose(z.grad.numpy(), q - np.eye(4)[2], atol=1e-15)


def test_walking_back_twice_gives_the_same():
    """A body that works in place must not spoil what it keeps."""
    for function in (pair[0] for pair in TWINS.values()):
        x = mytorch.tensor(scores((5, 4)), requires_grad=True)
        y = function(x)
        g = mytorch.tensor(scores(y.shape, 3))
        once, twice = (mytorch.autograd.grad(y, x, g, retain_graph=True)[0].numpy() for _ in "ab")
        assert np.array_equal(once, twice) and np.array_equal(g.numpy(), scores(y.shape, 3))
        assert np.array_equal(x.detach().numpy(), scores((5, 4)))


# The table's checks: differences to second order, and ducks


def target_for(m, x):
    numbers = class_numbers(tuple(x.shape))
    return m.tensor(numbers)


SOME = same(least=1)
CLASSES = fixed(((5, 4),), ((3, 4, 2),), ((4,),), ((2, 1),))
FOUR = fixed(((5, 4),), ((3, 4, 2),), ((6, 4),))
PAIRS = fixed(((5, 4), (5, 4)), ((3, 4, 2), (3, 4, 2)), ((4,), (4,)))
ROWS = [
    Row("softmax", lambda m, a: m.softmax(a, -1), SOME),
    Row("softmax 0", lambda m, a: m.softmax(a, 0), SOME),
    Row("softmax shifted", lambda m, a: m.softmax(a - 300, -1), SOME),
    Row("log_softmax", lambda m, a: m.log_softmax(a, 0), SOME),
    Row("log_softmax -1", lambda m, a: m.log_softmax(a, -1), SOME),
    Row("cross_entropy", lambda m, a: F.cross_entropy(a, target_for(m, a)), CLASSES),
    Row(
        "cross_entropy none",
        lambda m, a: F.cross_entropy(a, target_for(m, a), reduction="none", ignore_index=0),
        CLASSES,
    ),
    Row(
        "cross_entropy weighted, smoothed",
        lambda m, a: F.cross_entropy(
            a, target_for(m, a), m.tensor(WEIGHT), label_smoothing=0.2, ignore_index=0
        ),
        FOUR,
    ),
    Row(
        "cross_entropy probabilities",
        lambda m, a, b: F.cross_entropy(a, b.softmax(min(1, b.ndim - 1)), label_smoothing=0.1),
        PAIRS,
    ),
    Row("nll_loss", lambda m, a: F.nll_loss(a, target_for(m, a), reduction="sum"), CLASSES),
    Row("kl_div", lambda m, a, b: F.kl_div(a, b.exp(), reduction="batchmean"), PAIRS),
    Row("kl_div log", lambda m, a, b: F.kl_div(a, b, log_target=True, reduction="sum"), PAIRS),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
@pytest.mark.parametrize("check", [check_gradient, check_second, check_duck])
def test_table(row, check):
    row.for_all(check)


def test_one_hot_on_ducks():
    rows = F.one_hot(OnDucks().tensor([1, 0, 2]))
    assert isinstance(rows.data, Duck) and rows.data.inner.tolist() == np.eye(3)[[1, 0, 2]].tolist()
    with pytest.raises(IndexError, match="Target 5 is out of bounds."):
        F.cross_entropy(OnDucks().tensor([[1.0, 2.0]]), OnDucks().tensor([5]))


# Cross-entropy: all options together

OPTIONS = list(
    itertools.product((None, WEIGHT), (-100, 1, 77), ("none", "mean", "sum"), (0.0, 0.2, 1.0))
)


@pytest.mark.parametrize("shape", SHAPES)
def test_class_numbers_like_torch(shape):
    for weight, ignore, reduction, smoothing in OPTIONS:
        target = class_numbers(shape)
        if ignore == 77 and target.ndim:  # a number that is no class, yet ignored
            target[:1] = 77
        named = {"ignore_index": ignore, "reduction": reduction, "label_smoothing": smoothing}

        def call(m, f, weight=weight, target=target, named=named):
            w = None if weight is None else m.from_numpy(weight.copy())
            return lambda x: f.cross_entropy(x, m.from_numpy(target.copy()), w, **named)

        compare(call, [scores(shape)], hint=f"{shape} {named} {weight}")


@pytest.mark.parametrize("shape", SHAPES)
def test_probabilities_like_torch(shape):
    for weight, ignore, reduction, smoothing in OPTIONS:
        if ignore != -100:
            continue
        named = {"reduction": reduction, "label_smoothing": smoothing}

        def call(m, f, weight=weight, named=named):
            w = None if weight is None else m.from_numpy(weight.copy())
            return lambda x, t: f.cross_entropy(x, t, w, **named)

        compare(call, [scores(shape), probabilities(shape)], hint=f"{shape} {named} {weight}")


@pytest.mark.parametrize("shape", SHAPES)
def test_nll_like_torch(shape):
    for weight, ignore, reduction, smoothing in OPTIONS:
        if smoothing:
            continue
        target = class_numbers(shape)
        if ignore == 77 and target.ndim:
            target[:1] = 77
        named = {"ignore_index": ignore, "reduction": reduction}

        def call(m, f, weight=weight, target=target, named=named):
            w = None if weight is None else m.from_numpy(weight.copy())
            return lambda x: f.nll_loss(x**2, m.from_numpy(target.copy()), w, **named)

        compare(call, [scores(shape)], hint=f"{shape} {named} {weight}")


def test_nll_of_log_softmax_is_cross_entropy():
    x, t = mytorch.tensor(scores((5, 4, 3))), mytorch.tensor(class_numbers((5, 4, 3)))
    for weight in (None, mytorch.tensor(WEIGHT)):
        a = F.nll_loss(x.log_softmax(1), t, weight, ignore_index=2)
        b = F.cross_entropy(x, t, weight, ignore_index=2)
        assert np.isclose(a.item(), b.item(), rtol=1e-14)


def test_small_targets():
    """uint8 targets, and one target in a list of its own for one row of scores."""
    for m, f in LIBRARIES:
        x = m.tensor([[1.0, 2.0, 4.0], [0.0, 1.0, 0.0]])
        whole = f.cross_entropy(x, m.tensor([2, 1]))
        assert f.cross_entropy(x, m.tensor([2, 1], dtype=m.uint8)).item() == whole.item()
        assert f.cross_entropy(x[0], m.tensor([2])).shape == ()
        assert (
            f.cross_entropy(x[0], m.tensor(2)).item() == f.cross_entropy(x[0], m.tensor([2])).item()
        )


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_losses_keep_the_dtype(dtype):
    x = mytorch.tensor(scores((5, 4)).astype(dtype), requires_grad=True)
    w, t = mytorch.tensor(WEIGHT.astype(dtype)), mytorch.tensor(class_numbers((5, 4)))
    p = mytorch.tensor(probabilities((5, 4)).astype(dtype))
    for reduction in ("none", "mean", "sum"):
        for loss in (
            F.cross_entropy(x, t, w, ignore_index=1, reduction=reduction, label_smoothing=0.1),
            F.cross_entropy(x, t, ignore_index=1, reduction=reduction),
            F.cross_entropy(x, p, w, reduction=reduction, label_smoothing=0.1),
            F.nll_loss(x, t, w, reduction=reduction),
            F.kl_div(x, p, reduction=reduction),
        ):
            assert loss.dtype == np.dtype(dtype)
            (g,) = mytorch.autograd.grad(loss.sum(), x)
            assert g.dtype == np.dtype(dtype)


def test_extreme_logits():
    """No overflow, no NaN, no warning, either way; and a loss is never negative."""
    values = [
        [1e4, -1e4, 0.0],
        [-1e30, 1e30, 0.0],
        [200.0, 200.0, -200.0],
        [17.0, 0.0, 0.0],
        [60.0, 30, 0],
    ]
    with warnings.catch_warnings(), np.errstate(all="raise", under="ignore"):
        warnings.simplefilter("error")
        for target in range(3):
            x = mytorch.tensor(values, requires_grad=True)
            losses = F.cross_entropy(x, mytorch.tensor([target] * 5), reduction="none")
            losses.sum().backward()
            assert np.isfinite(losses.tolist()).all() and np.isfinite(x.grad.tolist()).all()
            assert min(losses.tolist()) >= 0
            y = torch.tensor(values, requires_grad=True)
            expected = TF.cross_entropy(y, torch.tensor([target] * 5), reduction="none")
            expected.sum().backward()
            alike(losses, expected, rtol=1e-6, atol=1e-7)
            alike(x.grad, y.grad, rtol=1e-5, atol=1e-7)


def test_impossible_classes():
    """Scores of -inf are probabilities of 0, without a NaN in value or gradient."""
    for m, f in LIBRARIES:
        x = m.tensor([[1.0, -INF, 2.0]], requires_grad=True)
        f.cross_entropy(x, m.tensor([2])).backward()
        assert np.isfinite(x.grad.tolist()).all() and x.grad[0, 1].item() == 0
        assert f.cross_entropy(x, m.tensor([1])).item() == INF


def test_what_is_ignored_does_not_count():
    nothing = np.full(5, -100)
    for smoothing, weight in itertools.product((0.0, 0.1), (None, WEIGHT)):
        for reduction, expected in (("mean", NAN), ("sum", 0.0)):
            for m, f in LIBRARIES:
                w = None if weight is None else m.from_numpy(weight)
                named = {"reduction": reduction, "label_smoothing": smoothing}
                loss = f.cross_entropy(
                    m.from_numpy(scores((5, 4))), m.from_numpy(nothing), w, **named
                )
                np.testing.assert_equal(loss.item(), expected)
    assert (
        F.cross_entropy(mytorch.ones(5, 4), mytorch.tensor(nothing), reduction="none").tolist()
        == [0] * 5
    )
    x = mytorch.tensor([[1.0, 2.0], [-INF, -INF]], requires_grad=True)
    loss = F.nll_loss(x, mytorch.tensor([1, -100]))
    loss.backward()
    assert loss.item() == -2 and x.grad.tolist() == [[0, -1], [0, 0]]
    empty = F.cross_entropy(mytorch.ones(0, 4), mytorch.tensor(nothing[:0]))
    assert np.isnan(empty.item())


# Errors

x64, t5 = scores((5, 4)), class_numbers((5, 4))
ERRORS = {
    "no such class": (IndexError, "Target 4 is out of bounds.", (5, 4), [0, 4, 1, 9, 2], {}),
    "negative class": (IndexError, "Target -1 is out of bounds.", (5, 4), [0, -1, 1, 1, 2], {}),
    "not the ignored one": (
        IndexError,
        "Target 7 is out of bounds.",
        (5, 4),
        [9, 7, 1, 1, 2],
        {"ignore_index": 9},
    ),
    "pixels": (IndexError, "Target 6 is out of bounds.", (2, 4, 3), [[0, 0, 6], [0, 0, 0]], {}),
    "floats": (
        RuntimeError,
        "expected target dtype to be Long or Byte",
        (5, 4),
        [0.0, 1, 2, 3, 0],
        {},
    ),
    "bools": (RuntimeError, "expected target dtype to be Long or Byte", (5, 4), [True] * 5, {}),
    "too few": (
        ValueError,
        r"Expected input batch_size \(5\) to match target batch_size \(4\).",
        (5, 4),
        [0] * 4,
        {},
    ),
    "one for all": (ValueError, r"Expected input batch_size \(5\) to match target", (5, 4), 0, {}),
    "not each pixel": (
        RuntimeError,
        r"Expected target size \[2, 3\], got \[2\]",
        (2, 4, 3),
        [0, 0],
        {},
    ),
    "other pixels": (
        RuntimeError,
        r"Expected target size \[2, 3\], got \[2, 2\]",
        (2, 4, 3),
        [[0, 0]] * 2,
        {},
    ),
    "two for one": (
        ValueError,
        "For 1D input, 1D target must have size 1, but got target size: 2",
        (4,),
        [0, 1],
        {},
    ),
    "weights": (
        RuntimeError,
        "for all 4 classes or no classes but got weight tensor of shape: \\[3\\]",
        (5, 4),
        [0] * 5,
        {"weight": np.ones(3)},
    ),
    "weights 2-d": (
        RuntimeError,
        "weight tensor should be defined either for all 4 classes",
        (5, 4),
        [0] * 5,
        {"weight": np.ones((4, 1))},
    ),
    "weights' dtype": (
        RuntimeError,
        "expected scalar type",
        (5, 4),
        [0] * 5,
        {"weight": np.ones(4, np.float32)},
    ),
    "reduction": (
        ValueError,
        "avg is not a valid value for reduction",
        (5, 4),
        [0] * 5,
        {"reduction": "avg"},
    ),
}
ONLY_CROSS_ENTROPY = {
    "smoothing": (
        RuntimeError,
        "label_smoothing must be between 0.0 and 1.0. Got: 1.5",
        (5, 4),
        [0] * 5,
        {"label_smoothing": 1.5},
    ),
    "numbers as probabilities": (
        RuntimeError,
        "Expected floating point type for target with class probabilities",
        (2, 3),
        [[0, 1, 2]] * 2,
        {},
    ),
    "ignored probabilities": (
        RuntimeError,
        "ignore_index is not supported for floating point target",
        (1, 2),
        [[0.5, 0.5]],
        {"ignore_index": 0},
    ),
    "weights of probabilities": (
        RuntimeError,
        "weight tensor should be defined either for all 2 classes",
        (1, 2),
        [[0.5, 0.5]],
        {"weight": np.ones(3)},
    ),
}


def raises(kind, message, name, shape, target, named):
    for m, f in LIBRARIES:
        options = {k: m.from_numpy(v.copy()) if k == "weight" else v for k, v in named.items()}
        with pytest.raises(kind, match=message):
            getattr(f, name)(m.from_numpy(scores(shape)), m.tensor(target), **options)


@pytest.mark.parametrize("name", ["cross_entropy", "nll_loss"])
@pytest.mark.parametrize("case", ERRORS)
def test_errors(name, case):
    kind, message, *rest = ERRORS[case]
    raises(kind, message, name, *rest)


@pytest.mark.parametrize("case", ONLY_CROSS_ENTROPY)
def test_more_errors(case):
    kind, message, *rest = ONLY_CROSS_ENTROPY[case]
    raises(kind, message, "cross_entropy", *rest)


def test_errors_of_our_own():
    x = mytorch.ones(2, 3)
    with pytest.raises(RuntimeError, match="between 0.0 and 1.0. Got: -0.1"):
        F.cross_entropy(x, mytorch.tensor([0, 1]), label_smoothing=-0.1)
    with pytest.raises(NotImplementedError):
        F.cross_entropy(x.long(), mytorch.tensor([0, 1]))
    with pytest.raises(ValueError, match="Expected 1 or more dimensions"):
        F.nll_loss(mytorch.tensor(1.0), mytorch.tensor(0))
    with pytest.raises(TypeError):
        F.softmax(x)
    with pytest.raises(TypeError):
        F.cross_entropy(x, mytorch.tensor([0, 1]), None, -100)  # by name only, as in 2.5


# KL divergence, one-hot rows


def test_kl_div_like_torch():
    x, p = np.log(probabilities((5, 4))), probabilities((5, 4), 9)
    for reduction, log_target in itertools.product(
        ("none", "mean", "sum", "batchmean"), (True, False)
    ):
        named = {"reduction": reduction, "log_target": log_target}
        target = np.log(p) if log_target else p
        compare(
            lambda m, f, n=named: lambda a, b: f.kl_div(a, b, **n), [x, target], hint=str(named)
        )
    zero = np.array([[0.0, 1.0, 0.0, 0.0]])
    for m, f in LIBRARIES:
        given = m.from_numpy(x.copy())
        terms = f.kl_div(given, m.from_numpy(zero.repeat(5, 0)), reduction="none")
        np.testing.assert_allclose(terms.numpy()[:, 1], -x[:, 1])
        assert (terms.numpy()[:, [0, 2, 3]] == 0).all()
        assert f.kl_div(given, m.from_numpy(zero), reduction="none").shape == (5, 4)
        np.testing.assert_allclose(
            f.kl_div(given[0, 0], given[0, 1].exp(), reduction="batchmean").shape, ()
        )
        with pytest.raises(ValueError, match="avg is not a valid value for reduction"):
            f.kl_div(given, given, reduction="avg")
        with pytest.raises(RuntimeError, match="kl_div: Integral inputs not supported."):
            f.kl_div(m.tensor([1, 2]), m.tensor([1, 2]))
        with pytest.raises(RuntimeError, match="must match the size of tensor"):
            f.kl_div(given, given[:2])


def test_kl_is_the_cross_entropy_less_the_entropy():
    q, p = mytorch.tensor(scores((50, 6))), mytorch.tensor(probabilities((50, 6)))
    kl = F.kl_div(q.log_softmax(1), p, reduction="none").sum(1)
    difference = F.cross_entropy(q, p, reduction="none") + (p * p.log()).sum(1)
    np.testing.assert_allclose(kl.numpy(), difference.numpy(), atol=1e-12)
    assert (kl.numpy() > 0).all()  # Gibbs


def test_one_hot_like_torch():
    for numbers, classes in (([0, 2, 1], -1), ([[0], [3]], 5), (2, -1), (0, 3)):
        alike(
            F.one_hot(mytorch.tensor(numbers), classes), TF.one_hot(torch.tensor(numbers), classes)
        )
    assert F.one_hot(mytorch.tensor([1])[:0], 3).shape == (0, 3)
    cases = {
        "Class values must be smaller than num_classes.": lambda m: (m.tensor([0, 2]), 2),
        "Class values must be non-negative.": lambda m: (m.tensor([0, -1]),),
        "one_hot is only applicable to index tensor of type": lambda m: (m.tensor([0.0]),),
        "Can not infer total number of classes from empty tensor.": lambda m: (m.tensor([1])[:0],),
    }
    for message, arguments in cases.items():
        for m, f in LIBRARIES:
            with pytest.raises(RuntimeError, match=message):
                f.one_hot(*arguments(m))


# Modules


def test_modules():
    x, t, w = scores((5, 4)), class_numbers((5, 4)), WEIGHT
    for module, options in (
        ("CrossEntropyLoss", {"ignore_index": 1, "reduction": "sum", "label_smoothing": 0.1}),
        ("CrossEntropyLoss", {}),
        ("NLLLoss", {"ignore_index": 2, "reduction": "none"}),
    ):
        for weight in (None, w):
            found = []
            for m in (mytorch, torch):
                given = None if weight is None else m.from_numpy(weight.copy())
                loss = getattr(m.nn, module)(given, **options)
                assert list(loss.state_dict()) == ([] if weight is None else ["weight"])
                assert repr(loss) == f"{module}()" and list(loss.parameters()) == []
                found.append(loss(m.from_numpy(x.copy()), m.from_numpy(t.copy())))
            alike(*found, module)
    for reduction in ("mean", "batchmean"):
        losses = [
            m.nn.KLDivLoss(reduction=reduction, log_target=True)(
                m.from_numpy(x), m.from_numpy(-abs(x))
            )
            for m in (mytorch, torch)
        ]
        alike(*losses)
    for module in ("Softmax", "LogSoftmax"):
        layers = [getattr(m.nn, module)(dim=1) for m in (mytorch, torch)]
        assert repr(layers[0]) == repr(layers[1]) == f"{module}(dim=1)"
        alike(layers[0](mytorch.from_numpy(x)), layers[1](torch.from_numpy(x)))


def test_it_learns():
    """Softmax regression on three clouds of points: from log(3) to nearly no loss."""
    rng = np.random.default_rng(0)
    centers = np.array([[0.0, 3.0], [3.0, -2.0], [-3.0, -2.0]], np.float32)
    y = rng.integers(0, 3, 200)
    x = mytorch.tensor(centers[y] + rng.standard_normal((200, 2)).astype(np.float32) / 2)
    y = mytorch.tensor(y)
    w = mytorch.zeros(2, 3, requires_grad=True)
    optimizer, losses = mytorch.optim.Adam([w], lr=0.1), []
    for _ in range(100):
        loss = F.cross_entropy(x @ w, y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert np.isclose(losses[0], np.log(3)) and losses[-1] < 0.02
