"""Dropout and SGD's weight decay: statistics, edges, derivatives, errors, other arrays."""

import itertools

import mytorch
import numpy as np
import pytest
from mytorch import nn
from mytorch.nn import functional as F

from duck import Duck

PROBABILITIES = (0.1, 0.25, 0.5, 0.9)


def ones(*shape, **kwargs):
    return mytorch.ones(*shape, **kwargs)


@pytest.fixture(autouse=True)
def seed():
    mytorch.manual_seed(0)


# What is dropped, and what the rest becomes


@pytest.mark.parametrize("p", PROBABILITIES)
def test_the_share_that_is_dropped(p):
    n = 100_000
    y = F.dropout(ones(n), p).numpy()
    expected, margin = p * n, 6 * (n * p * (1 - p)) ** 0.5
    assert abs((y == 0).sum() - expected) < margin
    np.testing.assert_allclose(np.unique(y), [0, 1 / (1 - p)], rtol=1e-6)


@pytest.mark.parametrize("p", PROBABILITIES)
def test_mean_stays_and_variance_is_the_derived_one(p):
    n, x = 200_000, 3.0
    y = F.dropout(x * ones(n, dtype=mytorch.float64), p).numpy()
    variance = p / (1 - p) * x**2
    assert abs(y.mean() - x) < 6 * (variance / n) ** 0.5
    assert abs(y.var() / variance - 1) < 0.05


def test_elements_are_dropped_one_by_one():
    """No row, no column and no two neighbors go together."""
    y = F.dropout(ones(400, 500), 0.5).numpy() > 0
    for axis in (0, 1):
        means = y.mean(axis)
        assert abs(means - 0.5).max() < 6 * 0.5 / y.shape[axis] ** 0.5
        pairs = np.moveaxis(y, axis, 0)
        together = (pairs[1:] & pairs[:-1]).mean()
        assert abs(together - 0.25) < 0.01


def test_each_call_draws_anew_and_a_seed_repeats_it():
    x = ones(1000)
    one, two = F.dropout(x), F.dropout(x)
    assert (one != two).any()
    mytorch.manual_seed(0)
    assert (F.dropout(x) == one).all()
    mytorch.manual_seed(0)
    assert (nn.Dropout()(x) == one).all()


# Training and evaluation, and the edges


def test_evaluation_returns_the_input_itself():
    x = ones(5, requires_grad=True)
    assert F.dropout(x, 0.5, training=False) is x
    assert F.dropout(x, 0.5, False, True) is x
    assert F.dropout(x, 0.0) is x


def test_module_follows_train_and_eval_of_the_whole_network():
    model = nn.Sequential(nn.Identity(), nn.Sequential(nn.Dropout(0.5)))
    x = ones(1000)
    assert (model(x) == 0).any()
    assert model.eval()(x) is x
    assert (model.train()(x) == 0).any()


def test_p_1_drops_all_and_divides_nothing_by_zero():
    x = mytorch.tensor([1.0, -2.0], requires_grad=True)
    with np.errstate(all="raise"):
        y = F.dropout(x, 1.0)
    assert y.tolist() == [0, 0]
    y.sum().backward()
    assert x.grad.tolist() == [0, 0]
    assert F.dropout(ones(2), 1).tolist() == [0, 0]


@pytest.mark.parametrize("shape", [(), (0,), (3, 0), (2, 3, 4)])
def test_any_shape(shape):
    assert F.dropout(ones(shape), 0.5).shape == shape


@pytest.mark.parametrize("p", [-0.1, 1.5, float("nan")])
def test_no_probability(p):
    message = f"dropout probability has to be between 0 and 1, but got {p}"
    for call in (
        lambda: F.dropout(ones(2), p),
        lambda: F.dropout(ones(2), p, training=False),
        lambda: nn.Dropout(p),
    ):
        with pytest.raises(ValueError) as error:
            call()
        assert str(error.value) == message


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_dtype_is_kept(dtype):
    x = ones(50, dtype=np.dtype(dtype), requires_grad=True)
    y = F.dropout(x, 0.3)
    y.sum().backward()
    assert y.dtype == x.grad.dtype == np.dtype(dtype)


@pytest.mark.parametrize("dtype", ["int64", "bool"])
def test_whole_numbers_like_torch(dtype):
    """They would not stay whole; with p of 0 or 1, or in evaluation, they do."""
    torch = pytest.importorskip("torch")
    for m in (mytorch, torch):
        x = m.ones(4, dtype=getattr(m, dtype))
        with pytest.raises(RuntimeError, match="can't be cast to the desired output type"):
            m.nn.functional.dropout(x, 0.5)
        for p, training in [(0.0, True), (1.0, True), (0.5, False)]:
            assert m.nn.functional.dropout(x, p, training).dtype == x.dtype


def test_the_mask_of_float32_never_was_float64(monkeypatch):
    seen = []

    def watched(*args, **named):
        t = mytorch.rand_like(*args, **named)
        seen.append(t.dtype)
        return t

    monkeypatch.setattr(F, "rand_like", watched)
    for dtype in ("float16", "float32", "float64"):
        F.dropout(ones(10, dtype=np.dtype(dtype)))
    assert seen == [mytorch.float32] * 3
    mask = F.dropout_mask(ones(10), 0.3)
    assert mask.dtype == mytorch.float32 and not mask.requires_grad


# Derivatives


@pytest.mark.parametrize("p", PROBABILITIES)
def test_gradient_is_the_mask(p):
    values = np.random.default_rng(1).uniform(0.5, 1.5, (40, 5))
    x = mytorch.tensor(values, requires_grad=True)
    y = F.dropout(x, p)
    y.sum().backward()
    mask = np.where(y.detach().numpy() == 0, 0, 1 / (1 - p))
    np.testing.assert_allclose(x.grad.numpy(), mask)
    np.testing.assert_allclose(y.detach().numpy(), mask * values)


def test_higher_derivatives_meet_the_same_mask():
    x = mytorch.tensor([1.5, -2.0, 0.7, 3.0] * 4, requires_grad=True)
    y = F.dropout(x, 0.5)
    mask = y.detach().numpy() / x.detach().numpy()
    assert 0 < (mask == 0).sum() < 16
    (first,) = mytorch.autograd.grad((y**3).sum(), x, create_graph=True)
    (second,) = mytorch.autograd.grad(first.sum(), x)
    values = x.detach().numpy()
    np.testing.assert_allclose(first.detach().numpy(), 3 * mask**3 * values**2, rtol=1e-5)
    np.testing.assert_allclose(second.numpy(), 6 * mask**3 * values, rtol=1e-5)


def test_gradients_by_finite_differences():
    """The mask must be one and the same in all calls: seed it inside of the function."""

    def dropped(x):
        mytorch.manual_seed(3)
        return F.dropout(x, 0.4) ** 2

    x = mytorch.randn(3, 4, dtype=mytorch.float64, requires_grad=True)
    assert mytorch.autograd.gradcheck(dropped, x)
    assert mytorch.autograd.gradgradcheck(dropped, x)


def test_in_place_changes_the_tensor_and_the_graph_knows():
    x = ones(100, requires_grad=True)
    y = x * 2
    z = F.dropout(y, 0.5, inplace=True)
    assert z.tolist() == y.tolist() and set(z.tolist()) == {0.0, 4.0}
    z.sum().backward()
    assert x.grad.tolist() == z.tolist()  # 2 times the mask, as z is
    plain = ones(100)
    assert nn.Dropout(inplace=True)(plain) is plain and (plain == 0).any()


def test_in_place_on_a_leaf_is_refused():
    with pytest.raises(RuntimeError, match="a leaf Variable that requires grad"):
        F.dropout(ones(3, requires_grad=True), inplace=True)


# Other arrays


def test_on_an_array_that_does_not_mix_with_numpy(monkeypatch):
    """Such arrays bring random numbers of their own, as CuPy does."""

    def on_duck(input, *, dtype):
        t = mytorch.rand(input.shape, dtype=dtype)
        t.data = Duck(t.data)
        return t

    monkeypatch.setattr(F, "rand_like", on_duck)
    x = ones(20)
    x.data = Duck(x.data)
    x.requires_grad_()
    y = F.dropout(x, 0.5)
    (gradient,) = mytorch.autograd.grad(y.sum(), x, create_graph=True)
    assert isinstance(y.data, Duck) and isinstance(gradient.data, Duck)
    assert y.data.inner.tolist() == gradient.data.inner.tolist()
    assert set(y.data.inner.tolist()) == {0.0, 2.0}
    assert F.dropout(x, 1.0).data.inner.tolist() == [0.0] * 20


# What it means


def test_the_mean_of_all_thinned_networks_is_the_whole_one():
    first, second = nn.Linear(3, 6), nn.Linear(6, 2)
    x, p = mytorch.randn(4, 3), 0.25
    hidden, total = first(x).relu(), 0.0
    for kept in itertools.product([0.0, 1.0], repeat=6):
        chance = (1 - p) ** sum(kept) * p ** (6 - sum(kept))
        total = total + chance * second(hidden * mytorch.tensor(kept) / (1 - p))
    np.testing.assert_allclose(
        total.detach().numpy(), second(hidden).detach().numpy(), rtol=1e-4, atol=1e-6
    )


# Weight decay


def steps(m, make, values, n=5):
    w = m.tensor(values, dtype=m.float64, requires_grad=True)
    optimizer = make([w])
    for _ in range(n):
        loss = ((w - 1) ** 4).sum() / 4
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return w.detach().numpy()


def test_weight_decay_is_the_gradient_of_the_penalty():
    values = [0.5, -1.0, 2.0]
    got = steps(mytorch, lambda w: mytorch.optim.SGD(w, lr=0.1, weight_decay=0.3), values)
    w = np.array(values)
    for _ in range(5):
        w = (1 - 0.1 * 0.3) * w - 0.1 * (w - 1) ** 3
    np.testing.assert_allclose(got, w)


def test_weight_decay_leaves_parameters_without_a_gradient_alone():
    w = mytorch.tensor([1.0], requires_grad=True)
    mytorch.optim.SGD([w], lr=0.1, weight_decay=0.5).step()
    assert w.tolist() == [1.0]


def test_weight_decay_keeps_float32():
    w = mytorch.tensor([1.0], requires_grad=True)
    w.grad = mytorch.tensor([0.0])
    mytorch.optim.SGD([w], lr=0.1, weight_decay=0.5).step()
    assert w.dtype == mytorch.float32 and abs(w.item() - 0.95) < 1e-6


# Beside PyTorch


def test_like_torch():
    torch = pytest.importorskip("torch")
    import inspect

    for ours, theirs in [
        (F.dropout, torch.nn.functional.dropout),
        (nn.Dropout.__init__, torch.nn.Dropout.__init__),
    ]:
        one, two = (inspect.signature(f).parameters.values() for f in (ours, theirs))
        assert [(p.name, p.default) for p in one] == [(p.name, p.default) for p in two]
    for p, inplace in [(0.5, False), (0.2, True)]:
        assert repr(nn.Dropout(p, inplace)) == repr(torch.nn.Dropout(p, inplace))
    assert nn.Dropout().state_dict() == {} == dict(torch.nn.Dropout().state_dict())


@pytest.mark.parametrize("p", [-1, 2, 1.5])
def test_errors_like_torch(p):
    torch = pytest.importorskip("torch")
    for call in (lambda m: m.nn.Dropout(p), lambda m: m.nn.functional.dropout(m.ones(2), p)):
        with pytest.raises(ValueError) as theirs:
            call(torch)
        with pytest.raises(ValueError) as ours:
            call(mytorch)
        assert str(ours.value) == str(theirs.value)


@pytest.mark.parametrize("decay", [0, 0.01, 0.5])
def test_sgd_like_torch(decay):
    torch = pytest.importorskip("torch")
    values = [0.5, -1.0, 2.0]
    ours, theirs = (
        steps(m, lambda w, m=m: m.optim.SGD(w, lr=0.05, weight_decay=decay), values)
        for m in (mytorch, torch)
    )
    np.testing.assert_allclose(ours, theirs, rtol=1e-12)


def test_sgd_refuses_negative_decay_like_torch():
    torch = pytest.importorskip("torch")
    messages = []
    for m in (torch, mytorch):
        with pytest.raises(ValueError) as error:
            m.optim.SGD([m.ones(1, requires_grad=True)], weight_decay=-1)
        messages.append(str(error.value))
    assert messages[0] == messages[1] == "Invalid weight_decay value: -1"
