"""Batch, layer, group and instance norm: derivatives, twins, PyTorch, statistics, errors.

Derivatives by finite differences to the second order, the fused bodies against their twin,
PyTorch's values, gradients, buffers and texts, and all of it on an array that is not NumPy's.
"""

import functools
import re
import warnings

import hypothesis
import hypothesis.strategies as st
import mytorch
import numpy as np
import pytest
from hypothesis import given
from mytorch.ops import normalization, pointwise, shape

from like_torch import alike, check_like_torch, same_levels
from table import (
    QUICK,
    OnDucks,
    Row,
    check_examples,
    derivatives,
    fixed,
    lay,
)

torch = pytest.importorskip("torch", reason="PyTorch is a test dependency: requirements-test.txt")
F, nn = mytorch.nn.functional, mytorch.nn


def f(m):
    return m.nn.functional


def batch(m, *args, **named):
    return f(m).batch_norm(args[0], None, None, *args[1:], training=True, **named)


def used(m, x, *affine):
    numbers = np.arange(1.0, x.shape[1] + 1)
    return f(m).batch_norm(x, m.tensor(numbers - 2), m.tensor(numbers), *affine)


CHANNELS = fixed(((3, 2, 2, 2), (2,), (2,)), ((4, 3), (3,), (3,)), ((2, 2, 5), (2,), (2,)))
BARE = fixed(((3, 2, 2, 2),), ((4, 3),), ((1, 2, 3),), ((2, 1, 2, 1, 2),))
IN_USE = fixed(((2, 3, 2), (3,), (3,)), ((2, 2), (2,), (2,)))
LAST = fixed(((3, 4), (4,), (4,)), ((2, 2, 5), (5,), (5,)), ((0, 3), (3,), (3,)))
LAST2 = fixed(((2, 2, 3), (2, 3), (2, 3)), ((2, 3), (2, 3), (2, 3)))
GROUPS = fixed(((2, 4, 3), (4,), (4,)), ((1, 4, 2, 2), (4,), (4,)), ((3, 4), (4,), (4,)))
PLACES = fixed(((2, 3, 2, 2), (3,), (3,)), ((1, 2, 5), (2,), (2,)))

ROWS = [
    Row("batch_norm", lambda m, x, w, b: batch(m, x, w, b), CHANNELS),
    Row("batch bare", lambda m, x: batch(m, x, eps=0.1), BARE),
    Row("batch weight", lambda m, x, w, b: batch(m, x, w) + b.sum(), CHANNELS),
    Row("batch bias", lambda m, x, w, b: batch(m, x, None, b) + w.sum(), CHANNELS),
    Row("batch in use", used, IN_USE),
    Row("batch in use bare", used, BARE),
    Row("layer_norm", lambda m, x, w, b: f(m).layer_norm(x, x.shape[-1:], w, b), LAST),
    Row("layer two", lambda m, x, w, b: f(m).layer_norm(x, x.shape[-2:], w, b, 0.01), LAST2),
    Row("layer bare", lambda m, x: f(m).layer_norm(x, (x.shape[-1],)), fixed(((2, 3, 4),))),
    Row("layer all", lambda m, x: f(m).layer_norm(x, x.shape), fixed(((2, 4),), ((5,),))),
    Row("layer weight", lambda m, x, w: f(m).layer_norm(x, (4,), w), fixed(((3, 4), (4,)))),
    Row("layer bias", lambda m, x, b: f(m).layer_norm(x, (4,), None, b), fixed(((3, 4), (4,)))),
    Row("group_norm", lambda m, x, w, b: f(m).group_norm(x, 2, w, b), GROUPS),
    Row("group bare", lambda m, x: f(m).group_norm(x, 3, eps=0.1), fixed(((2, 6, 2),))),
    Row("instance_norm", lambda m, x, w, b: f(m).instance_norm(x, None, None, w, b), PLACES),
    Row("instance bare", lambda m, x: f(m).instance_norm(x), fixed(((2, 3, 4),))),
]
every_row = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)


pytestmark = pytest.mark.usefixtures("quiet")
TIGHT = {"rtol": 1e-09, "atol": 1e-10}


@every_row
def test_derivatives_by_differences_and_on_ducks(row):
    check_examples(row)


@every_row
def test_values_and_two_derivatives_are_torchs(row):
    once = row.name in ("batch bias", "layer bias")  # an error in PyTorch 2.13, the second time
    for arrays in row.examples():
        check_like_torch(row, arrays, 1 if once else 2, **TIGHT)


# Random sizes, and the twin


MANY = hypothesis.settings(QUICK, max_examples=30)
shapes = st.lists(st.integers(1, 4), min_size=1, max_size=3)


def draws(*shapes):
    rng = np.random.default_rng(len(repr(shapes)))
    return [rng.standard_normal(shape) * 2 + 1 for shape in shapes]


def same_as_twin(call, arrays, dims, others):
    """The fused body and the one of steps: values, first and second derivatives."""

    def simple(m, x, w=None, b=None):
        y, _ = normalization.standardized(x, dims, 1e-5)
        shape = [1 if d in others else n for d, n in enumerate(x.shape)]
        return y * w.reshape(shape) + b.reshape(shape)

    rows = [Row("twin", c, fixed()) for c in (call, simple)]
    one, two = (derivatives(mytorch, row, arrays, 2) for row in rows)
    same_levels(one, two, "twin", **TIGHT)


def test_any_batch_norm_is_its_twin_and_torchs():
    @MANY
    @given(st.integers(2, 4), st.integers(1, 3), shapes)
    def check(n, c, places):
        arrays = draws((n, c, *places), (c,), (c,))
        call = lambda m, x, w, b: batch(m, x, w, b)  # noqa: E731
        shared = (0, *range(2, 2 + len(places)))
        same_as_twin(call, arrays, shared, shared)
        check_like_torch(Row("batch", call, fixed()), arrays, 2, **TIGHT)

    check()


def test_any_layer_norm_is_its_twin_and_torchs():
    @MANY
    @given(st.integers(1, 3), shapes)
    def check(n, last):
        hypothesis.assume(np.prod(last) > 1)
        arrays = draws((n, 2, *last), last, last)
        call = lambda m, x, w, b: f(m).layer_norm(x, tuple(last), w, b)  # noqa: E731
        same_as_twin(call, arrays, tuple(range(2, 2 + len(last))), (0, 1))
        check_like_torch(Row("layer", call, fixed()), arrays, 2, **TIGHT)

    check()


def test_the_box_by_hand():
    """Mean 1, deviation 1; the gradient (4, 0, 0, 0) loses its mean and its part along y."""
    x, g = np.array([0.0, 0.0, 2.0, 2.0]), np.array([4.0, 0.0, 0.0, 0.0])
    y, deviation = normalization.standardized(x, (0,), 0.0)
    assert y.tolist() == [-1, -1, 1, 1] and deviation.tolist() == [1]
    assert normalization.standardized_grad(g, y, deviation, (0,)).tolist() == [2, -2, 0, 0]


@pytest.mark.parametrize("beside", [False, True])
@pytest.mark.parametrize("budget", [1, 130, 300])
def test_pieces_give_the_same(budget, beside, monkeypatch):
    x, w, b, g = draws((7, 3, 4, 5), (3,), (3,), (7, 3, 4, 5))
    u, v = draws((4, 5), (4, 5))

    def run(x=x):
        found = []
        for call, p, q in [(batch, w, b), (lambda m, t, *r: F.layer_norm(t, (4, 5), *r), u, v)]:
            leaves = [mytorch.from_numpy(a).requires_grad_() for a in (x, p, q)]
            y = call(mytorch, *leaves)
            y.backward(mytorch.tensor(g))
            found += [y.data, *[t.grad.data for t in leaves]]
        return found

    expected = run()
    cut = functools.partial(pointwise.portions, budget=budget)
    monkeypatch.setattr(normalization, "portions", cut)
    x = lay(x, "side by side") if beside else x
    assert len(list(normalization.pieces(normalization.planes(x, beside)))) > 1
    for a, e in zip(run(x), expected, strict=True):
        np.testing.assert_allclose(a, e, rtol=1e-11, atol=1e-12)


def test_batch_norm_keeps_the_order_in_memory():
    """Pictures that are side by side stay so; a result can be viewed, whatever came in."""
    (x,) = draws((5, 3, 4, 2))
    assert normalization.planes(lay(x, "side by side"), True).shape == (1, 3, 40)
    for data, beside in [
        (x, False),
        (lay(x, "side by side"), True),
        (x.transpose(0, 2, 3, 1), False),
    ]:
        assert shape.beside(data) == beside
        leaf = mytorch.from_numpy(data).requires_grad_()
        y = F.batch_norm(leaf, None, None, training=True)
        assert shape.beside(y.data) == beside
        assert y.is_contiguous() and y.view(5, -1).shape == (5, 24)
        y.sum().backward()
        assert shape.beside(leaf.grad.data) == beside


def test_strides_do_not_matter():
    (x,) = draws((5, 4, 3, 6))
    for turned in (x.transpose(3, 1, 0, 2), x[:, ::2, ::-1], np.asfortranarray(x)):
        plain = np.ascontiguousarray(turned)
        for call in (lambda t: batch(mytorch, t), lambda t: F.layer_norm(t, t.shape[2:])):
            a, b = (mytorch.from_numpy(z).requires_grad_() for z in (turned, plain))
            for t in (a, b):
                (call(t) * call(t) * t).sum().backward()
            np.testing.assert_allclose(a.grad.data, b.grad.data, rtol=1e-10, atol=1e-12)


def test_a_large_mean_loses_no_digits():
    rng = np.random.default_rng(0)
    x = (rng.standard_normal((64, 4, 8, 8)) + 1000).astype(np.float32)
    exact = batch(mytorch, mytorch.tensor(x.astype(np.float64))).data
    assert np.abs(batch(mytorch, mytorch.tensor(x)).data - exact).max() < 2e-3
    rows = F.layer_norm(mytorch.tensor(x), (8, 8)).data
    exact = F.layer_norm(mytorch.tensor(x.astype(np.float64)), (8, 8)).data
    assert np.abs(rows - exact).max() < 2e-3


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_dtypes_stay(dtype):
    x, w, b = (mytorch.tensor(a.astype(dtype)).requires_grad_() for a in draws((4, 6, 5), 6, 6))
    y = [batch(mytorch, x, w, b), F.group_norm(x, 2, w, b), F.instance_norm(x, weight=w)]
    y += [F.layer_norm(x, (5,)), F.batch_norm(x, w.detach(), b.detach() ** 2, w, b)]
    for t in y:
        assert t.dtype == dtype
    sum(t.sum() for t in y).backward()
    assert {t.grad.dtype.name for t in (x, w, b)} == {dtype}


def test_half_precision_with_float_parameters():
    (x,) = draws((4, 3, 5))
    for m in (mytorch, torch):
        t = m.tensor(x.astype(np.float16))
        assert m.nn.BatchNorm1d(3)(t).dtype == m.float16
        assert f(m).layer_norm(t, (5,)).dtype == m.float16


# Running statistics


MAKERS = {
    "usual": lambda m: m.nn.BatchNorm2d(3),
    "slow": lambda m: m.nn.BatchNorm2d(3, momentum=0.01, eps=0.1),
    "mean of all": lambda m: m.nn.BatchNorm2d(3, momentum=None),
    "no affine": lambda m: m.nn.BatchNorm2d(3, affine=False),
    "no bias": lambda m: m.nn.BatchNorm2d(3, bias=False),
    "untracked": lambda m: m.nn.BatchNorm2d(3, track_running_stats=False),
    "instance": lambda m: m.nn.InstanceNorm2d(3),
    "instance tracked": lambda m: m.nn.InstanceNorm2d(3, affine=True, track_running_stats=True),
    "instance slow": lambda m: m.nn.InstanceNorm2d(3, momentum=0.3, track_running_stats=True),
}


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_in_training_and_in_use(make):
    ours, theirs = (make(m) for m in (mytorch, torch))
    assert repr(ours) == repr(theirs)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    rng = np.random.default_rng(0)
    for mode in (True, True, False, True, False):
        ours.train(mode), theirs.train(mode)
        x = rng.standard_normal((4, 3, 5, 2)).astype(np.float32) * 3 + 1
        alike(ours(mytorch.tensor(x)), theirs(torch.tensor(x)), "values", 1e-4, 1e-5)
        for (name, a), b in zip(
            ours.state_dict().items(), theirs.state_dict().values(), strict=True
        ):
            alike(a, b, name, 1e-5, 1e-6)
    ours.reset_parameters()
    theirs.reset_parameters()
    for a, b in zip(ours.state_dict().values(), theirs.state_dict().values(), strict=True):
        alike(a, b, "reset")


def test_statistics_move_in_their_own_memory():
    layer = nn.BatchNorm1d(2)
    state = layer.state_dict()
    layer(mytorch.randn(5, 2) + 4)
    assert state["running_mean"].min() > 0.2 and state["num_batches_tracked"] == 1
    layer.eval()
    layer(mytorch.randn(5, 2))
    assert state["num_batches_tracked"] == 1


def test_what_runs_is_the_estimate_without_bias():
    x = mytorch.tensor([[0.0], [2.0]])  # variance 1, or 2 without bias
    layer = nn.BatchNorm1d(1, momentum=1.0)
    assert np.allclose(layer(x).data, [[-1], [1]], atol=1e-4)
    assert layer.running_mean.tolist() == [1] and layer.running_var.tolist() == [2]


def test_a_walk_back_after_more_batches():
    """A graph made in use may be walked back after a batch has moved the statistics."""
    for m in (mytorch, torch):
        layer = m.nn.BatchNorm1d(2).eval()
        y = layer(m.ones(3, 2)).sum()
        layer.train()(m.randn(3, 2))
        y.backward()
        assert layer.bias.grad.tolist() == [3, 3]


def test_on_ducks_the_statistics_are_ducks():
    m = OnDucks()
    x = m.tensor(np.random.default_rng(0).standard_normal((4, 3, 2)))
    stats = m.tensor(np.zeros(3)), m.tensor(np.ones(3))
    for call in (m.nn.functional.batch_norm, m.nn.functional.instance_norm):
        call(x, *stats, None, None, True, 0.5)
    assert {type(t.data).__name__ for t in stats} == {"Duck"}


@pytest.mark.parametrize(
    "make",
    [
        lambda m: m.nn.LayerNorm(4),
        lambda m: m.nn.LayerNorm((4, 3), eps=0.1, bias=False),
        lambda m: m.nn.LayerNorm([4], elementwise_affine=False),
        lambda m: m.nn.GroupNorm(2, 4),
        lambda m: m.nn.GroupNorm(4, 4, affine=False),
        lambda m: m.nn.GroupNorm(1, 4, bias=False, eps=0.2),
        lambda m: m.nn.BatchNorm1d(7, momentum=None, affine=False),
        lambda m: m.nn.BatchNorm3d(2),
        lambda m: m.nn.InstanceNorm1d(3),
        lambda m: m.nn.InstanceNorm3d(3, affine=True, bias=False),
    ],
)
def test_printing_and_state(make):
    ours, theirs = make(mytorch), make(torch)
    assert repr(ours) == repr(theirs)
    pairs = [{k: v.tolist() for k, v in module.state_dict().items()} for module in (ours, theirs)]
    assert pairs[0] == pairs[1]


def test_pictures_without_a_batch():
    x = np.random.default_rng(0).standard_normal((3, 4, 5)).astype(np.float32)
    ours, theirs = (m.nn.InstanceNorm2d(3)(m.tensor(x)) for m in (mytorch, torch))
    alike(ours, theirs, "alone", 1e-4, 1e-5)


# Errors


ERRORS = """
nn.BatchNorm2d(3)(t(1, 3, 1, 1))
nn.BatchNorm1d(3)(t(1, 3))
nn.BatchNorm1d(3)(t(3))
nn.BatchNorm2d(3)(t(3, 2, 2))
nn.BatchNorm3d(3)(t(3, 3, 2, 2))
nn.BatchNorm2d(3)(t(2, 4, 2, 2))
nn.BatchNorm2d(3, affine=False)(t(2, 4, 2, 2))
nn.BatchNorm2d(3)(t(2, 3, 2, 2).long())
nn.BatchNorm2d(3)(t(2, 3, 2, 2).double())
nn.BatchNorm2d(3).eval()(t(2, 3, 2, 2).double())
F.batch_norm(t(2, 3), None, None)
F.batch_norm(t(2, 3), t(3), None)
F.batch_norm(t(2, 3), t(3), None, training=True)
F.batch_norm(t(2, 3), None, None, training=True, eps=0.0)
F.batch_norm(t(2, 3), t(3), t(4), training=True)
F.batch_norm(t(2, 3), t(3), t(3), weight=t(2), training=True)
F.batch_norm(t(2, 3), t(3), t(3), bias=t(2), training=True)
F.batch_norm(t(2), t(3), t(3))
F.batch_norm(t(2, 3), t(3).double(), t(3).double(), training=True)
F.batch_norm(t(2, 3), None, None, t(3).double(), training=True)
F.layer_norm(t(2, 3), 4)
F.layer_norm(t(2, 3), (4,))
F.layer_norm(t(2, 3), (2, 2, 3))
F.layer_norm(t(2, 3), ())
F.layer_norm(t(2, 3), (3,), t(2))
F.layer_norm(t(2, 3), (3,), t(3), t(2))
F.layer_norm(t(2, 3), (3,), t(3, 1))
F.layer_norm(t(2, 3).long(), (3,))
F.layer_norm(t(2, 3), (3,), t(3).double())
F.group_norm(t(2, 6, 2), 4)
F.group_norm(t(2, 6, 2), 0)
F.group_norm(t(2, 6, 2), -2)
F.group_norm(t(6), 2)
F.group_norm(t(1, 6), 6)
F.group_norm(t(2, 6, 2), 3, t(3))
F.group_norm(t(2, 6, 2), 3, t(6, 1))
F.group_norm(t(2, 6, 2).long(), 3)
F.group_norm(t(2, 6, 2), 3, t(6).double())
nn.GroupNorm(4, 6)
nn.GroupNorm(0, 6)
nn.GroupNorm(2, 6)(t(2, 8, 2))
F.instance_norm(t(2, 3))
F.instance_norm(t(2, 3, 1))
F.instance_norm(t(3))
F.instance_norm(t(2, 3, 2, 2), use_input_stats=False)
F.instance_norm(t(2, 3, 2, 2), t(3), use_input_stats=False)
F.instance_norm(t(2, 3, 2, 2), t(4), t(4))
F.instance_norm(t(2, 3, 2, 2), weight=t(4))
F.instance_norm(t(2, 3, 2, 2).long())
nn.InstanceNorm1d(3)(t(3))
nn.InstanceNorm1d(3, affine=True)(t(4, 4))
nn.InstanceNorm2d(3)(t(3, 4))
nn.InstanceNorm2d(3)(t(2, 3, 1, 1))
nn.InstanceNorm2d(3, track_running_stats=True)(t(2, 5, 2, 2))
""".strip().splitlines()


def said(m, line):
    """The type and the words of an error, without what is PyTorch's way to write a shape."""
    with pytest.raises(Exception) as caught:
        eval(line, {"nn": m.nn, "F": f(m), "t": m.ones})
    text = str(caught.value).split(" not implemented for ")[0]
    return caught.type, re.sub(r"torch\.Size\((.*?)\)", r"\1", text)


@pytest.mark.parametrize("line", ERRORS)
def test_errors_are_torchs(line):
    ours, theirs = (said(m, line) for m in (mytorch, torch))
    assert ours[0] is theirs[0]
    if theirs[0] is not NotImplementedError:  # there PyTorch names its kernel
        assert ours[1] == theirs[1]


def test_a_bias_of_a_wrong_size_is_named():
    """PyTorch 2.13 prints the weight's shape in the message about the bias."""
    with pytest.raises(RuntimeError, match=r"got bias of shape \[2\]"):
        F.group_norm(mytorch.ones(2, 6, 2), 3, mytorch.ones(6), mytorch.ones(2))


def test_a_wrong_number_of_features_warns():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for m in (mytorch, torch):
            with pytest.raises(UserWarning, match="size at dim=1 does not match num_features"):
                m.nn.InstanceNorm2d(3)(m.ones(2, 5, 2, 2))


def test_empty_batches():
    for m in (mytorch, torch):
        assert m.nn.BatchNorm2d(3)(m.ones(0, 3, 2, 2)).shape == (0, 3, 2, 2)
        assert f(m).layer_norm(m.ones(2, 0), (0,)).shape == (2, 0)
        assert f(m).group_norm(m.ones(0, 6, 2), 3).shape == (0, 6, 2)


def test_parts_of_what_is_side_by_side():
    """A slice is in neither order: what is made of it, and its gradient, are alike."""
    (near,) = (lay(x, "side by side") for x in draws((4, 3, 5, 6)))
    near = near + 0
    for part in (np.s_[:2], np.s_[1:], np.s_[::2], np.s_[:, :2], np.s_[:, :, 1:], np.s_[..., :1]):
        data = near[part]
        weight, g = draws(data.shape[1:2], data.shape)
        for needs in (False, True):
            leaves = [], []
            for m, found in zip((mytorch, torch), leaves, strict=True):
                x = m.tensor(np.ascontiguousarray(data))
                x = m.from_numpy(data) if m is mytorch else x
                x, w = x.requires_grad_(needs), m.tensor(weight).requires_grad_()
                y = f(m).batch_norm(x, None, None, w, training=True)
                y.backward(m.tensor(g))
                found += [y.detach(), w.grad, *([x.grad] if needs else [])]
            for ours, theirs in zip(*leaves, strict=True):
                alike(ours, theirs, str(part), **TIGHT)


def test_one_channel_of_a_column():
    x = mytorch.randn(4, 3, 2, 2)
    y = F.batch_norm(x[:, :1, 0, 0], None, None, training=True)
    np.testing.assert_allclose(y.data.mean(), 0, atol=1e-6)
