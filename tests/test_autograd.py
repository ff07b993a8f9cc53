"""The engine: what is kept, what is freed, how often it walks, and what it says when misused."""

import contextlib
import copy
import functools
import gc
import itertools
import pathlib
import pickle
import subprocess
import sys
import threading
import tracemalloc
import weakref

import mytorch
import numpy as np
import pytest
from mytorch import autograd

from duck import Duck
from table import array


def tensor(values, **kwargs):
    return mytorch.tensor(values, dtype=mytorch.float64, **kwargs)


def leaf(values):
    return tensor(values, requires_grad=True)


@contextlib.contextmanager
def calls_counted():
    """Count the Python calls made in the block: what a walk costs, without a clock."""
    count = [0]

    def profiler(frame, event, arg):
        count[0] += event == "call"

    sys.setprofile(profiler)
    try:
        yield count
    finally:
        sys.setprofile(None)


@contextlib.contextmanager
def no_garbage_collector():
    """Only reference counts free memory here; a cycle keeps what it holds."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


# Depth and cost


def test_a_graph_100_000_nodes_deep():
    x = leaf(1.0)
    y = x
    for _ in range(100_000):
        y = y + 1
    y.backward()
    assert x.grad.item() == 1 and y.item() == 100_001
    del y  # freeing the graph recurses, too, if nobody takes care


def test_a_deep_graph_that_is_never_walked_can_be_dropped():
    x = leaf(1.0)
    y = x
    for _ in range(100_000):
        y = y * 1.0
    del y
    assert x.grad is None


def test_a_deep_graph_under_create_graph():
    x = leaf(1.0)
    y = x
    for _ in range(20_000):
        y = y * 1.0
    (g,) = autograd.grad(y * x, x, create_graph=True)
    (h,) = autograd.grad(g, x)
    assert g.item() == 2 and h.item() == 2


def ladder(n, step):
    y = leaf([1.0, 2.0])
    for _ in range(n):
        y = step(y)
    return y.sum()


STEPS = {
    "chain": lambda y: y * 0.5,
    "diamond": lambda y: y + y,  # 2**n paths
    "ladder": lambda y: (y.sin() + y.cos()) * y,
}


@pytest.mark.parametrize("create_graph", [False, True])
@pytest.mark.parametrize("name", STEPS)
def test_backward_costs_the_same_for_every_node(name, create_graph):
    """A walk along paths is exponential on diamonds; each node must be visited once."""
    costs = []
    for n in (20, 40, 80):
        loss = ladder(n, STEPS[name])
        with calls_counted() as count:
            loss.backward(create_graph=create_graph)
        costs.append(count[0])
    assert costs[2] - costs[1] <= 2 * (costs[1] - costs[0]) + 8, costs


def test_each_pullback_runs_once_and_only_where_needed():
    from mytorch.tensor import op

    seen = []

    @op
    def watched(a, label=""):
        def pullback(g):
            seen.append(label)
            return g, None

        return a * 1, lambda g: pullback(g)[0] if label != "pair" else pullback(g)

    x, frozen = leaf(1.0), tensor(1.0)
    y = watched(x, label="shared")
    (y * y + y * watched(frozen, label="frozen")).backward()
    assert seen == ["shared"]
    seen.clear()
    a, b = leaf(1.0), leaf(2.0)
    out = watched(a, label="a") * watched(b, label="b")
    autograd.grad(out, a)
    assert seen in (["a"], ["a", "b"], ["b", "a"])


# Memory


def chain(x):
    """A loss, and weak references to the arrays on the way to it."""
    y = x * 2.0
    z = y.exp()
    w = z * y
    return w.sum(), [weakref.ref(t.data) for t in (y, z, w)]


def test_backward_frees_the_graph_without_the_garbage_collector():
    with no_garbage_collector():
        x = leaf([1.0, 2.0])
        loss, arrays = chain(x)
        assert any(ref() is not None for ref in arrays)
        loss.backward()
        assert [ref() for ref in arrays] == [None] * 3
        assert loss.item() and x.grad is not None


def test_dropping_a_graph_frees_it_without_the_garbage_collector():
    with no_garbage_collector():
        loss, arrays = chain(leaf([1.0, 2.0]))
        del loss
        assert [ref() for ref in arrays] == [None] * 3


def test_retained_graphs_are_freed_when_dropped():
    with no_garbage_collector():
        x = leaf([1.0, 2.0])
        loss, arrays = chain(x)
        loss.backward(retain_graph=True)
        assert arrays[1]() is not None
        del loss
        assert [ref() for ref in arrays] == [None] * 3


def test_a_graph_of_gradients_is_freed_when_dropped():
    with no_garbage_collector():
        x = leaf([1.0, 2.0])
        loss, arrays = chain(x)
        (g,) = autograd.grad(loss, x, create_graph=True)
        arrays.append(weakref.ref(g.data))
        (h,) = autograd.grad(g.sum(), x)
        del loss, g
        assert [ref() for ref in arrays] == [None] * 4


def test_no_graph_is_kept_under_no_grad():
    with no_garbage_collector(), mytorch.no_grad():
        loss, arrays = chain(leaf([1.0, 2.0]))
        assert [ref() for ref in arrays] == [None] * 3 and loss.grad_fn is None


# Twice


def test_a_second_backward_says_so():
    x = leaf([1.0, 2.0])
    loss = (x * x).sum()
    loss.backward()
    with pytest.raises(RuntimeError, match="backward through the graph a second time"):
        loss.backward()
    assert x.grad.tolist() == [2, 4]


def test_a_second_backward_through_a_shared_part_says_so():
    x = leaf([1.0, 2.0])
    y = x.exp()
    (y * 2).sum().backward()
    with pytest.raises(RuntimeError, match="retain_graph=True"):
        (y * 3).sum().backward()


def test_retain_graph_allows_it_and_gradients_add_up():
    x = leaf([1.0, 2.0])
    loss = (x * x).sum()
    loss.backward(retain_graph=True)
    loss.backward(retain_graph=True)
    assert x.grad.tolist() == [4, 8]
    loss.backward()
    with pytest.raises(RuntimeError):
        loss.backward()


def test_create_graph_retains_the_graph():
    x = leaf(3.0)
    y = x**3
    autograd.grad(y, x, create_graph=True)
    y.backward()
    assert x.grad.item() == 27


def test_backward_with_create_graph_retains_it_too():
    x = leaf(3.0)
    y = x**3
    y.backward(create_graph=True)
    x.grad = None
    y.backward()
    assert x.grad.item() == 27


def test_grad_frees_as_backward_does():
    x = leaf(3.0)
    y = x**3
    autograd.grad(y, x)
    with pytest.raises(RuntimeError):
        autograd.grad(y, x)


# Where gradients arrive


def test_gradients_accumulate_on_leaves_only():
    x = leaf([1.0, 2.0])
    y = x * 3
    z = y.sum()
    z.backward()
    assert x.grad.tolist() == [3, 3] and y.grad is None and z.grad is None
    assert x.is_leaf and not y.is_leaf
    (x * 2).sum().backward()
    assert x.grad.tolist() == [5, 5]


def test_a_first_gradient_is_not_the_graphs_own_memory():
    """Accumulating in place into an array that somebody else holds corrupts it."""
    x, y = leaf([1.0, 2.0]), leaf([3.0, 4.0])
    given = tensor([1.0, 1.0])
    (x + y).backward(given)
    (x + x).backward(given)
    assert given.tolist() == [1, 1] and y.grad.tolist() == [1, 1] and x.grad.tolist() == [3, 3]
    x.grad.zero_() if hasattr(x.grad, "zero_") else x.grad.__imul__(0)
    assert y.grad.tolist() == [1, 1] and given.tolist() == [1, 1]


def test_an_old_gradient_is_not_changed_from_behind():
    """PyTorch accumulates in place; the sum must be right for whoever kept the tensor or not."""
    x = leaf([1.0, 2.0])
    (x * 2).sum().backward()
    total = x.grad
    (x * 3).sum().backward()
    assert x.grad.tolist() == [5, 5] and total.tolist() in ([2, 2], [5, 5])


def test_a_broadcast_gradient_can_be_changed():
    """The gradient of a sum is one number seen many times: `.grad` must be memory of its own."""
    x = leaf([[1.0, 2.0], [3.0, 4.0]])
    x.sum().backward()
    with mytorch.no_grad():
        x.grad[0, 0] = 5
    assert x.grad.tolist() == [[5, 1], [1, 1]]


def test_a_gradient_that_nobody_else_holds_is_not_copied():
    w, x = leaf(np.ones(500_000)), mytorch.tensor(np.full(500_000, 2.0))
    y = (w * x).sum()
    tracemalloc.start()
    y.backward()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert w.grad.data.nbytes == 4_000_000 and peak < 6_000_000
    y = sum((w * x).sum() for _ in range(3))
    tracemalloc.start()
    mytorch.autograd.grad(y, w)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10_000_000  # the sum so far, and one share


def test_kept_gradients_are_memory_of_their_own():
    x, kept = leaf([1.0, 2.0]), []
    h = x * 2
    h.retain_grad()
    x.register_hook(lambda g: kept.append(g * 1) or kept[-1])
    h.sum().backward()
    h.grad.add_(1)  # PyTorch refuses: there it is one number, expanded
    x.grad.add_(10)
    k = x * 3
    (g,) = autograd.grad(k.sum(), k)
    g.add_(5)
    assert h.grad.tolist() == [2, 2] and x.grad.tolist() == [12, 12]
    assert kept[0].tolist() == [2, 2] and g.tolist() == [6, 6]


def test_a_root_given_twice_counts_twice(torch):
    def run(m):
        x = doubles(m, [1.0, 2.0])
        y = (x * x).sum()
        m.autograd.backward([y, y])
        return [x.grad]

    both(torch, run)


def test_the_third_derivative_of_a_sigmoid_at_zero(torch):
    def run(m):
        x = y = doubles(m, [0.0, -0.5, 2.0])
        y = x.sigmoid()
        for _ in range(3):
            (y,) = m.autograd.grad(y.sum(), x, create_graph=True)
        return [y]

    both(torch, run)


def test_retain_grad():
    x = leaf([1.0, 2.0])
    y = x * 3
    y.retain_grad()
    (y * y).sum().backward()
    assert y.grad.tolist() == [6, 12] and x.grad.tolist() == [18, 36]


def test_a_leaf_that_is_the_root():
    x = leaf(2.0)
    x.backward()
    x.backward()
    assert x.grad.item() == 2


def test_backward_with_a_gradient():
    x = leaf([1.0, 2.0])
    (x * x).backward(gradient=tensor([1.0, 10.0]))
    assert x.grad.tolist() == [2, 40]
    with pytest.raises(RuntimeError, match="scalar outputs"):
        (x * x).backward()


def test_a_size_one_tensor_counts_as_a_scalar():
    x = leaf([[2.0]])
    (x * x).backward()
    assert x.grad.tolist() == [[4]]


def test_gradients_have_the_shape_of_their_leaf():
    a, b = leaf([[1.0], [2.0]]), leaf([1.0, 2.0, 3.0])
    (a * b).sum().backward()
    assert a.grad.tolist() == [[6], [6]] and b.grad.tolist() == [3, 3, 3]


def test_order_of_the_walk_where_paths_have_different_lengths():
    """Without a topological order a node passes its gradient on before all of it has arrived."""
    x = leaf(2.0)
    y = x * x
    z = y * y * y + y + x
    (z * y).backward()
    assert x.grad.item() == 8 * 2.0**7 + 4 * 2.0**3 + 3 * 2.0**2


# Nothing recorded


def test_no_grad_as_context_manager_and_its_result():
    x = leaf([1.0])
    with mytorch.no_grad():
        assert not mytorch.is_grad_enabled()
        y = x * 2
    assert mytorch.is_grad_enabled()
    assert not y.requires_grad and y.grad_fn is None and y.is_leaf


def test_no_grad_nested_with_enable_grad():
    x = leaf([1.0])
    with mytorch.no_grad():
        with mytorch.enable_grad():
            assert mytorch.is_grad_enabled() and (x * 2).requires_grad
            with mytorch.no_grad():
                assert not (x * 2).requires_grad
            assert mytorch.is_grad_enabled()
        assert not mytorch.is_grad_enabled()
        with mytorch.no_grad():
            pass
        assert not mytorch.is_grad_enabled()
    assert mytorch.is_grad_enabled()


@pytest.mark.parametrize("start", [True, False])
@pytest.mark.parametrize("mode", ["no_grad", "enable_grad"])
def test_an_exception_puts_the_mode_back(mode, start):
    outer = mytorch.enable_grad() if start else mytorch.no_grad()
    with outer:
        with pytest.raises(ValueError), getattr(mytorch, mode)():
            raise ValueError
        assert mytorch.is_grad_enabled() is start
    assert mytorch.is_grad_enabled()


def test_one_context_manager_used_twice():
    context = mytorch.no_grad()
    for _ in range(2):
        with context:
            assert not mytorch.is_grad_enabled()
        assert mytorch.is_grad_enabled()


@pytest.mark.parametrize("parentheses", [True, False])
def test_no_grad_as_decorator(parentheses):
    decorate = mytorch.no_grad() if parentheses else mytorch.no_grad

    @decorate
    def double(x, times=1):
        """Say so."""
        assert not mytorch.is_grad_enabled()
        return x * 2 if times == 1 else double(x * 2, times=times - 1)

    x = leaf([1.0])
    assert not double(x, times=3).requires_grad and double(x, times=3).tolist() == [8]
    assert double.__name__ == "double" and double.__doc__ == "Say so."
    assert mytorch.is_grad_enabled()


@pytest.mark.parametrize("parentheses", [True, False])
def test_enable_grad_as_decorator(parentheses):
    @(mytorch.enable_grad() if parentheses else mytorch.enable_grad)
    def double(x):
        return x * 2

    with mytorch.no_grad():
        doubled = double(leaf([1.0]))
        assert doubled.requires_grad and doubled.tolist() == [2]
        assert not mytorch.is_grad_enabled()


def test_a_decorated_function_that_raises():
    @mytorch.no_grad()
    def fail():
        raise ValueError

    with pytest.raises(ValueError):
        fail()
    assert mytorch.is_grad_enabled()


def test_each_thread_has_its_own_mode():
    seen = []
    with mytorch.no_grad():
        thread = threading.Thread(target=lambda: seen.append(mytorch.is_grad_enabled()))
        thread.start()
        thread.join()
    assert seen == [True]


def test_backward_under_no_grad_and_modes_after_backward():
    x = leaf(2.0)
    y = x * x
    with mytorch.no_grad():
        y.backward()
        assert not mytorch.is_grad_enabled()
    assert x.grad.item() == 4 and not x.grad.requires_grad and mytorch.is_grad_enabled()


def test_a_pullback_that_raises_leaves_the_mode_as_it_was():
    from mytorch.tensor import op

    @op
    def broken(a):
        def pullback(g):
            raise ValueError("broken")

        return a * 1, pullback

    for create_graph in (False, True):
        with pytest.raises(ValueError, match="broken"):
            broken(leaf(1.0)).backward(create_graph=create_graph)
        assert mytorch.is_grad_enabled()


def test_detach_shares_memory_and_stops_gradients():
    x = leaf([1.0, 2.0])
    y = x.detach()
    assert not y.requires_grad and y.grad_fn is None
    (x * y).sum().backward()
    assert x.grad.tolist() == [1, 2]
    with mytorch.no_grad():
        y[0] = 7
    assert x.tolist() == [7, 2]


def test_requires_grad_after_the_fact():
    x = tensor([1.0])
    assert x.requires_grad_() is x and x.requires_grad
    assert not x.requires_grad_(False).requires_grad
    y = leaf([1.0]) * 2
    with pytest.raises(RuntimeError):
        y.requires_grad_(False)


# In place


@pytest.mark.parametrize("change", ["__iadd__", "__isub__", "__imul__", "__itruediv__"])
def test_a_leaf_changes_in_place_under_no_grad_only(change):
    x = leaf([1.0, 2.0])
    memory = x.data
    with pytest.raises(RuntimeError, match="^a leaf Variable that requires grad"):
        getattr(x, change)(2.0)
    with mytorch.no_grad():
        assert getattr(x, change)(2.0) is x
    assert x.is_leaf and x.requires_grad and x.data is memory
    expected = {"__iadd__": [3, 4], "__isub__": [-1, 0], "__imul__": [2, 4]}
    assert x.tolist() == expected.get(change, [0.5, 1])


def test_assignment_into_a_leaf_under_no_grad_only():
    x = leaf([1.0, 2.0])
    with pytest.raises(RuntimeError, match="^a leaf Variable that requires grad"):
        x[0] = 5.0
    assert x.tolist() == [1, 2]
    with mytorch.no_grad():
        x[0] = 5.0
    assert x.tolist() == [5, 2] and x.requires_grad


def right_or_refused(compute, expected):
    """A change in place may be refused; what it must not do is give a wrong gradient."""
    x = leaf([1.0, 2.0])
    try:
        compute(x).sum().backward()
    except RuntimeError:
        return
    np.testing.assert_allclose(array(x.grad), expected)


def test_changing_a_result_in_place_is_right_or_refused():
    def add(x):
        y = x * 3
        y += 1
        return y * y  # (3x + 1)**2

    def scale(x):
        y = x * 3
        y *= 2
        return y

    def with_a_tensor(x):
        y = tensor([5.0, 7.0])
        y *= x
        return y

    right_or_refused(add, [24, 42])
    right_or_refused(scale, [6, 6])
    right_or_refused(with_a_tensor, [5, 7])


def test_assignment_into_a_result_is_right_or_refused():
    def compute(x):
        y = x * 3
        y[0] = 0
        return y * y

    right_or_refused(compute, [0, 36])


def test_assignment_of_a_result_is_right_or_refused():
    def compute(x):
        y = tensor([0.0, 0.0])
        y[0] = x[1]
        if not y.requires_grad:
            raise AssertionError("the gradient was dropped without a word")
        return y * 2

    right_or_refused(compute, [0, 2])


# autograd.grad


def test_grad_returns_a_tuple_and_touches_no_leaf():
    x, y = leaf([1.0, 2.0]), leaf([3.0, 4.0])
    loss = (x * y).sum()
    found = autograd.grad(loss, [x, y])
    assert isinstance(found, tuple)
    assert [g.tolist() for g in found] == [[3, 4], [1, 2]]
    assert x.grad is None and y.grad is None
    assert not found[0].requires_grad


def test_gradients_share_no_memory():
    x, y = leaf([1.0, 2.0]), leaf([3.0, 4.0])
    given = tensor([1.0, 1.0])
    gx, gy = autograd.grad(x + y, [x, y], given)
    gx *= 5
    assert gy.tolist() == [1, 1] and given.tolist() == [1, 1]


def test_a_clone_is_memory_of_its_own():
    x = tensor([1.0, 2.0])
    y = x.clone()
    y += 1
    assert x.tolist() == [1, 2] and y.tolist() == [2, 3]


def test_grad_with_an_unused_input():
    x, unused = leaf([1.0, 2.0]), leaf(1.0)
    loss = (x * x).sum()
    with pytest.raises(RuntimeError, match="not have been used in the graph"):
        autograd.grad(loss, [x, unused], retain_graph=True)
    g, none = autograd.grad(loss, [x, unused], allow_unused=True)
    assert g.tolist() == [2, 4] and none is None


def test_grad_of_an_input_that_needs_none():
    x = tensor([1.0])
    with pytest.raises(RuntimeError, match="does not require grad"):
        autograd.grad((leaf([1.0]) * x).sum(), x)


def test_grad_of_an_output_that_needs_none():
    with pytest.raises(RuntimeError, match="does not require grad"):
        autograd.grad(tensor(1.0), leaf(1.0))


def test_grad_of_a_non_scalar():
    x = leaf([1.0, 2.0])
    with pytest.raises(RuntimeError, match="scalar outputs"):
        autograd.grad(x * 2, x)
    (g,) = autograd.grad(x * x, x, grad_outputs=tensor([1.0, 10.0]))
    assert g.tolist() == [2, 40]


def test_grad_of_several_outputs_and_of_inner_nodes():
    x = leaf([1.0, 2.0])
    y = x * 3
    a, b = (y * y).sum(), y.sum()
    gx, gy = autograd.grad([a, b], [x, y])
    assert gy.tolist() == [7, 13] and gx.tolist() == [21, 39]
    (g,) = autograd.grad(x.sum(), x)
    assert g.tolist() == [1, 1]


def test_grad_of_an_output_that_is_an_input_of_another():
    x = leaf(2.0)
    y = x * x
    (g,) = autograd.grad([y * y, y], [x])
    assert g.item() == 4 * 8 + 4


def test_grad_accumulates_nothing_on_other_leaves_under_create_graph():
    x, w = leaf(2.0), leaf(3.0)
    (g,) = autograd.grad(w * x * x, x, create_graph=True)
    assert w.grad is None and x.grad is None
    g.backward()
    assert x.grad.item() == 6 and w.grad.item() == 4


# Higher orders


def test_backward_with_create_graph_gives_gradients_with_a_past():
    x = leaf(2.0)
    (x**3).backward(create_graph=True)
    first = x.grad
    assert first.requires_grad
    x.grad = None
    first.backward()
    assert x.grad.item() == 12


def test_five_derivatives_of_a_sine():
    x = leaf([0.3, 1.1])
    g, values = x.sin(), []
    for _ in range(5):
        (g,) = autograd.grad(g.sum(), x, create_graph=True)
        values.append(array(g).copy())
    expected = [np.cos, lambda v: -np.sin(v), lambda v: -np.cos(v), np.sin, np.cos]
    for found, f in zip(values, expected, strict=True):
        np.testing.assert_allclose(found, f(np.array([0.3, 1.1])), rtol=1e-12)


def test_a_penalty_on_the_gradient_trains():
    """What needs create_graph in practice: the gradient of a function of a gradient."""
    w, x = leaf([[1.0, 2.0], [3.0, 4.0]]), leaf([0.5, -0.5])
    (g,) = autograd.grad((w @ x).tanh().sum(), x, create_graph=True)
    (g * g).sum().backward()
    assert w.grad.shape == (2, 2) and (w.grad != 0).all().item()


COMPOSITIONS = {
    "mlp": lambda m, x, w: (m.tanh(x @ w) @ w.mT).sigmoid().log().sum(),
    "softmax": lambda m, x, w: ((x @ w) - m.logsumexp(x @ w, 1, keepdim=True)).exp().var(),
    "normal": lambda m, x, w: ((x - x.mean(0)) / (x.std(0) + 1e-3) * w[0]).sin().sum(),
    "indexing": lambda m, x, w: (m.cat([x[:, 1:], w[0, [0, 0]][None]]) ** 3).mean(),
    "shapes": lambda m, x, w: (x.T.reshape(-1)[: w.numel()] * w.flatten().exp()).sum() ** 2,
    "where": lambda m, x, w: m.where(x > 0, x.exp(), x * x * w[0]).max(1).values.pow(3).sum(),
}


@pytest.mark.parametrize("name", COMPOSITIONS)
def test_third_order_of_compositions_against_pytorch(name):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    values = rng.standard_normal((3, 3)) + 0.1, rng.standard_normal((3, 3))

    def orders(m):
        x, w = (m.from_numpy(v.copy()).requires_grad_() for v in values)
        y, found = COMPOSITIONS[name](m, x, w), []
        for _ in range(3):
            grads = m.autograd.grad(y, [x, w], create_graph=True)
            found += [array(g).copy() for g in grads]
            y = sum((g * g * (1 + k)).sum() for k, g in enumerate(grads))
        return found

    for ours, theirs in zip(orders(mytorch), orders(torch), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-7, atol=1e-9)


# gradcheck


def wrong_ops():
    """Operations with one fault each, as gradcheck must find them."""
    from mytorch.tensor import op

    @op
    def sign(a):
        return np.sin(a), lambda g: -g * np.cos(a)

    @op
    def nothing(a):
        return np.sin(a), lambda g: None

    @op
    def little(a):
        return np.sin(a), lambda g: g * np.cos(a) * 1.01

    @op
    def mixed(a):
        return np.cumsum(a), lambda g: g

    return sign, nothing, little, mixed


@pytest.mark.parametrize("number", range(4))
def test_gradcheck_catches_a_wrong_gradient(number):
    x = leaf([0.3, 0.7])
    wrong = wrong_ops()[number]
    with pytest.raises(Exception, match="[Jj]acobian|gradient"):
        autograd.gradcheck(wrong, (x,))
    assert autograd.gradcheck(wrong, (x,), raise_exception=False) is False


def test_gradcheck_passes_a_right_one_and_leaves_no_trace():
    x, y = leaf([[0.3, 0.7]]), leaf([[0.5], [0.2]])
    before = x.tolist()
    assert autograd.gradcheck(lambda a, b: (a * b).sin(), (x, y)) is True
    assert autograd.gradcheck(lambda a: (a * 2, a.exp()), x) is True
    assert x.tolist() == before and x.grad is None
    assert autograd.gradgradcheck(lambda a, b: (a * b).sin(), (x, y)) is True


def test_gradcheck_of_views_of_nothing_and_of_inputs_that_need_none():
    x, frozen = leaf([0.3, 0.7]), tensor([1.0, 2.0])
    assert autograd.gradcheck(lambda a: a.reshape(2, 1), (x,))
    assert autograd.gradcheck(lambda a: a * 2, (leaf(np.zeros((0, 2))),))
    assert autograd.gradcheck(lambda a, b: (a * b, a.detach() + b), (frozen, x))
    assert autograd.gradcheck(lambda a, b: (a * 2, b * 3), (x, leaf([1.0, 2.0])))


def test_gradgradcheck_catches_a_pullback_that_forgets():
    from mytorch.tensor import op

    @op
    def forgetful(a):
        y = np.sin(a)
        c = np.cos(a.data if isinstance(a, mytorch.Tensor) else a)
        return y, lambda g: g * c

    x = leaf([0.3, 0.7])
    assert autograd.gradcheck(forgetful, (x,))
    with pytest.raises(Exception, match="[Jj]acobian|gradient|not have been used|require grad"):
        autograd.gradgradcheck(forgetful, (x,))


# Optimizers and drawings stand on the same graph


def test_an_optimizer_keeps_the_parameters_memory_and_records_nothing():
    x = leaf([1.0, 2.0])
    memory = x.data
    for optimizer in (mytorch.optim.SGD([x], lr=0.1), mytorch.optim.Adam([x], lr=0.1)):
        optimizer.zero_grad()
        (x * x).sum().backward()
        optimizer.step()
        assert x.is_leaf and x.data is memory
    assert mytorch.is_grad_enabled()


def test_optimizers_take_a_generator():
    x, y = leaf([1.0]), leaf([2.0])
    optimizer = mytorch.optim.SGD((p for p in (x, y)), lr=1.0)
    (x * y).sum().backward()
    optimizer.step()
    optimizer.step()
    assert x.tolist() == [-3] and y.tolist() == [0]


def test_make_dot_draws_shapes():
    from mytorch.utils.viz import make_dot

    x = leaf([[1.0, 2.0], [3.0, 4.0]])
    source = str(make_dot((x * 2).sum(0))).replace(" ", "")
    assert any(shape in source for shape in ("(2,2)", "2×2"))


# The rest of this file runs each thing on both, where PyTorch is installed


@pytest.fixture
def torch():
    return pytest.importorskip("torch", reason="PyTorch: requirements-test.txt")


def answer(m, run):
    """What a function of the module returns or raises, in a form that can be compared."""
    try:
        return plain(run(m)), None
    except (RuntimeError, TypeError) as error:
        return None, error


def plain(x):
    """Tensors as lists, inside of tuples, lists and dicts."""
    if hasattr(x, "requires_grad") and hasattr(x, "tolist"):
        return np.round(np.asarray((x.detach() + 0).tolist(), dtype=float), 9).tolist()
    if isinstance(x, dict):
        return {key: plain(value) for key, value in x.items()}
    return [plain(y) for y in x] if isinstance(x, tuple | list) else x


def doubles(m, values, requires_grad=True):
    return m.tensor(values, dtype=m.float64, requires_grad=requires_grad)


def both(torch, run, words=""):
    """Both libraries answer alike: the same value, or an error that has these words."""
    (ours, our_error), (theirs, their_error) = answer(mytorch, run), answer(torch, run)
    if their_error is not None or words:
        assert type(our_error) is type(their_error), (our_error, their_error)
        assert words in str(our_error) and words in str(their_error)
    else:
        assert our_error is None, our_error
        assert ours == theirs


# Changed in place: recorded

CHANGED = "modified by an inplace operation"
LEAF = "a leaf Variable that requires grad is being used in an in-place operation"
VIEW = "a view of a leaf Variable that requires grad is being used in an in-place operation"


def h_of(m):
    x = doubles(m, [[0.5, 1.0, -1.5], [2.0, -0.3, 0.7]])
    return x, x * 1.5


def grads(x, *results):
    sum(r.sum() for r in results).backward()
    return [x.grad, *results]


def recorded_changes():
    def unary(name, *args):
        def run(m):
            x, h = h_of(m)
            assert getattr(h, name)(*args) is h
            return grads(x, h * h.detach() if name in ("exp_",) else h)

        return run

    rows = {f"h.{name}": unary(name, *args) for name, *args in UNDERSCORES}

    def more(function):
        rows[function.__name__] = function
        return function

    @more
    def augmented(m):
        x, h = h_of(m)
        same = h
        h += 1
        h *= x
        h -= 0.5
        h /= 2
        h **= 2
        assert h is same
        return grads(x, h)

    @more
    def read_before_and_after(m):
        x, h = h_of(m)
        a = h + 1
        h.mul_(3)
        b = h.sigmoid()
        h.sub_(x)
        return grads(x, a, b, h)

    @more
    def with_itself(m):
        x, h = h_of(m)
        h *= h.sigmoid()
        return grads(x, h)

    @more
    def times_a_leaf(m):
        x, h = h_of(m)
        w = doubles(m, [1.0, 2.0, 3.0])
        h.mul_(w)
        return [*grads(x, h), w.grad]

    @more
    def through_a_view(m):
        x, h = h_of(m)
        row, turned, flat, one = h[0], h.T, h.reshape(-1), h[1, 2]
        row.mul_(10)
        flat[4] = x[0, 0] * 100
        one.mul_(x[0, 1])
        turned[2] += x[1, :2]
        return grads(x, h, row, turned, flat, one)

    @more
    def a_view_of_a_view(m):
        x, h = h_of(m)
        part = h.T[1:]
        low = part[:, 0]
        low.mul_(x[0, 1:])
        h.add_(1)
        return grads(x, h, part * part, low)

    @more
    def a_table_without_gradient(m):
        x, h = h_of(m)
        table = doubles(m, [[0.0] * 3] * 3, requires_grad=False)
        first, last = table[0], table[2]
        table[1] = h[0]
        table[2].copy_(x[1])
        assert table.requires_grad and first.requires_grad and last.requires_grad
        assert not table.is_leaf
        return grads(x, table * 2, last, first)

    @more
    def by_arrays_and_masks(m):
        x, h = h_of(m)
        h[:, [0, 2]] = x[:, 1:] * 2
        h[h.detach() > 1] = x.mean()
        h[m.tensor([0, 1]), m.tensor([1, 1])] = 7.0
        return grads(x, h)

    @more
    def a_row_after_the_other(m):
        x, _ = h_of(m)
        rows = doubles(m, np.zeros((4, 3)), requires_grad=False)
        rows[0] = x[0]
        for i in range(1, 4):
            rows[i] = rows[i - 1].clone().tanh() + x[1]
        return grads(x, rows)

    @more
    def constants_stop_the_gradient(m):
        x, h = h_of(m)
        h.zero_()
        k = x * 1
        k.copy_(doubles(m, np.ones((2, 3)), requires_grad=False))
        return grads(x, h, k)

    @more
    def other_dtypes_are_converted(m):
        x, h = h_of(m)
        h.add_(m.tensor([1, 2, 3]))
        f = m.tensor([1.0, 2.0, 3.0])
        f.mul_(x[0])
        return [*grads(x, h, f), str(f.dtype).split(".")[-1]]

    @more
    def shapes_broadcast(m):
        x, h = h_of(m)
        h.mul_(x[0]).copy_(h[0].clone())
        h[0] = x[1:2]
        return grads(x, h)

    @more
    def twice_differentiated(m):
        x, h = h_of(m)
        h.mul_(x).sin_()
        h[0].exp_()
        (g,) = m.autograd.grad(h.sum(), x, create_graph=True)
        return [g, *m.autograd.grad((g * g).sum(), x)]

    @more
    def kept_gradients_and_hooks(m):
        x, h = h_of(m)
        h.retain_grad()
        seen = []
        h.register_hook(lambda g: seen.append(plain(g)))  # of the value before
        h.mul_(3)
        h.register_hook(lambda g: seen.append(plain(g)))  # of the value after
        h.mul_(2).sum().backward()
        return [x.grad, h.grad, seen]

    @more
    def detached(m):
        x, h = h_of(m)
        d = h.detach()
        h.add_(1)
        assert d.tolist() == h.tolist() and d._version == h._version == 1
        h.detach_()
        assert h.is_leaf and not h.requires_grad
        return [x, d]

    @more
    def versions(m):
        x, h = h_of(m)
        numbers = [h._version]
        v = h[0]
        v.add_(1)
        h.mul_(2)
        numbers += [h._version, v._version, x._version, h.clone()._version, v._base is h]
        with m.no_grad():
            x.mul_(2)
        return [*numbers, x._version, x._base is None]

    return rows


UNDERSCORES = [
    (f"{name}_",)
    for name in """abs atan ceil cos cosh erf exp expm1 floor neg
    reciprocal relu round sigmoid sign sin sinh square tan tanh tril triu trunc zero""".split()
]
UNDERSCORES += [("add_", 2), ("sub_", 2), ("mul_", 2), ("div_", 2), ("pow_", 2), ("fill_", 3)]
UNDERSCORES += [("clamp_", -0.5, 1), ("clamp_min_", 0), ("clamp_max_", 0.5), ("cumsum_", 1)]
UNDERSCORES += [("remainder_", 0.7), ("floor_divide_", 2), ("cumprod_", 1)]
RECORDED = recorded_changes()


@pytest.mark.parametrize("name", RECORDED)
def test_a_recorded_change_in_place(torch, name):
    both(torch, RECORDED[name])


def test_changes_of_positive_numbers_and_with_masks(torch):
    def run(m):
        x = doubles(m, [0.5, 1.0, 2.0])
        h = x * 1
        h.log_().abs_().log1p_().add_(1).log2_().add_(1).log10_()
        assert (x * 1).sqrt_().tolist() == x.sqrt().tolist()
        assert (x * 1).rsqrt_().tolist() == x.rsqrt().tolist()
        k = x * 1
        k.masked_fill_(m.tensor([True, False, False]), 5.0)
        k.scatter_(0, m.tensor([1]), 3.0).scatter_add_(0, m.tensor([2, 2]), x[:2])
        k.index_add_(0, m.tensor([0]), x[1:2]).index_fill_(0, m.tensor([1]), 9.0)
        k.lerp_(x, 0.25)
        return grads(x, h, k)

    both(torch, run)


def test_a_changed_view_of_an_array_that_is_not_numpys():
    found = []
    for wrap in (np.copy, lambda array: Duck(np.copy(array))):
        x = mytorch.Tensor(wrap(np.arange(6.0).reshape(2, 3)), requires_grad=True)
        h = x * 2
        h[:, 1].mul_(3)
        (h * h).sum().backward()
        found.append(mytorch.Tensor(getattr(x.grad.data, "inner", x.grad.data)).tolist())
    assert found[0] == found[1] == [[0, 72, 16], [24, 288, 40]]


def test_comparisons_and_logic_in_place(torch):
    def run(m):
        a = m.tensor([1.0, 2.0, 3.0])
        b = m.tensor([1, 6, 3])
        t = m.tensor([True, False, True])
        t &= m.tensor([True, True, False])
        b |= m.tensor([4, 1, 8])
        b ^= 1
        b //= 2
        b %= 3
        return [a.ge_(2), b, t, m.tensor([2.0, 0.0]).logical_not_()]

    both(torch, run)


REFUSED = {
    "leaf": (LEAF, lambda m, x, h: x.add_(1)),
    "leaf, assigned": (LEAF, lambda m, x, h: x.__setitem__(0, 1.0)),
    "reshaped leaf": (LEAF, lambda m, x, h: m.ones(4).reshape(2, 2).requires_grad_().add_(1)),
    "view of a leaf": (VIEW, lambda m, x, h: x[0].mul_(2)),
    "view of a view of a leaf": (VIEW, lambda m, x, h: x.T[0].zero_()),
    "filled leaf": (LEAF, lambda m, x, h: x.normal_()),
    "shape": ("doesn't match the broadcast shape", lambda m, x, h: h[0].add_(h * 1)),
    "dtype": ("can't be cast to", lambda m, x, h: m.tensor([1, 2, 3]).add_(0.5)),
    "expanded": ("single memory location", lambda m, x, h: m.zeros(1).expand(3).add_(1)),
    "std": ("std >= 0.0, but found std -1", lambda m, x, h: h.normal_(0, -1)),
    "range": ("[from, to) range", lambda m, x, h: h.uniform_(2, 1)),
    "detached view": ("Can't detach views in-place", lambda m, x, h: h[0].detach_()),
    "no hook": ("that doesn't require grad", lambda m, x, h: m.ones(2).register_hook(print)),
    "inner": ("non-leaf", lambda m, x, h: h.register_post_accumulate_grad_hook(print)),
    "no inputs": ("cannot be empty", lambda m, x, h: h.sum().backward(inputs=[])),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_change_that_is_refused(torch, name):
    words, run = REFUSED[name]
    both(torch, lambda m: run(m, *h_of(m)), words)


def test_a_view_taken_without_recording(torch):
    def run(m):
        x, h = h_of(m)
        with m.no_grad():
            row = h[0]
        row.mul_(2)

    both(torch, run, "A view was created in no_grad mode and is being modified inplace")


def test_random_numbers_in_place():
    generator = mytorch.Generator().manual_seed(0)
    a = mytorch.zeros(10_000).normal_(3, 0.5, generator=generator)
    assert abs(a.mean().item() - 3) < 0.02 and abs(a.std().item() - 0.5) < 0.02
    b = mytorch.zeros(10_000).uniform_(-1, 3, generator=generator)
    assert -1 <= b.min().item() < -0.99 and 2.99 < b.max().item() < 3
    c = mytorch.zeros(10_000).bernoulli_(0.25, generator=generator)
    assert set(c.tolist()) == {0, 1} and abs(c.mean().item() - 0.25) < 0.02
    d = mytorch.zeros(3, dtype=mytorch.int64).bernoulli_(mytorch.tensor([0.0, 1.0, 1.0]))
    assert d.tolist() == [0, 1, 1] and d.dtype == mytorch.int64
    again = mytorch.zeros(10_000).normal_(3, 0.5, generator=generator.manual_seed(0))
    assert again.tolist() == a.tolist() and a.dtype == mytorch.float32
    half = mytorch.zeros(5, dtype=mytorch.float16).normal_().uniform_()
    assert half.dtype == mytorch.float16


# Changed in place: noticed

NOTICED = {
    "result of exp": (True, lambda m, x, h, c: (h.exp(), 0)),
    "input of exp": (False, lambda m, x, h, c: (h.exp(), 1)),
    "result of sigmoid": (True, lambda m, x, h, c: (h.sigmoid(), 0)),
    "result of tanh": (True, lambda m, x, h, c: (h.tanh(), 0)),
    "result of relu": (True, lambda m, x, h, c: (h.relu(), 0)),
    "input of relu": (False, lambda m, x, h, c: (h.relu(), 1)),
    "input of sin": (True, lambda m, x, h, c: (h.sin(), 1)),
    "result of sin": (False, lambda m, x, h, c: (h.sin(), 0)),
    "sum": (False, lambda m, x, h, c: (h + c, 1, 2, 0)),
    "difference": (False, lambda m, x, h, c: (h - c, 1, 2)),
    "factor": (True, lambda m, x, h, c: (h * c, 2)),
    "factor whose partner is constant": (False, lambda m, x, h, c: (h * c, 1)),
    "square": (True, lambda m, x, h, c: (h * h, 1)),
    "times a number": (False, lambda m, x, h, c: (h * 3.0, 0, 1)),
    "numerator": (False, lambda m, x, h, c: (h / c, 0, 1)),
    "denominator": (True, lambda m, x, h, c: (h / c, 2)),
    "by a tensor": (True, lambda m, x, h, c: (c / h, 1)),
    "base": (True, lambda m, x, h, c: (h**3, 1)),
    "power": (False, lambda m, x, h, c: (h**3, 0)),
    "matrix": (True, lambda m, x, h, c: (h @ c.T, 2)),
    "matrix whose partner is constant": (False, lambda m, x, h, c: (h @ c.T, 1)),
    "sum of all": (False, lambda m, x, h, c: (h.sum(), 1, 0)),
    "mean": (False, lambda m, x, h, c: (h.mean(0), 1, 0)),
    "shape": (False, lambda m, x, h, c: (h.reshape(3, 2).clone(), 1)),
    "slice": (False, lambda m, x, h, c: (h[:, :1].clone(), 1)),
    "rows by number": (False, lambda m, x, h, c: (h[[0, 0]], 1)),
    "put together": (False, lambda m, x, h, c: (m.cat([h, c]), 1, 2)),
    "converted": (False, lambda m, x, h, c: (h.to(m.float32), 1)),
    "clamp": (True, lambda m, x, h, c: (h.clamp(0, 1), 1)),
    "clamped": (False, lambda m, x, h, c: (h.clamp(0, 1), 0)),
    "largest": (True, lambda m, x, h, c: (h.amax(1), 1)),
    "condition": (False, lambda m, x, h, c: (m.where(c > 0, h, 0.0), 1, 2)),
    "logsumexp": (True, lambda m, x, h, c: (h.logsumexp(1), 1)),
    "cumsum": (False, lambda m, x, h, c: (h.cumsum(1), 1, 0)),
}


@pytest.mark.parametrize("how", ["recorded", "no_grad", "a view", "assigned", "detached"])
@pytest.mark.parametrize("name", NOTICED)
def test_a_change_of_what_was_kept(torch, name, how):
    raises, compute = NOTICED[name]

    def run(m):
        x, h = h_of(m)
        c = doubles(m, [[1.0, 2.0, 3.0], [-1.0, 4.0, 2.0]], requires_grad=False)
        y, *changed = compute(m, x, h, c)
        for t in [(y, h, c)[i] for i in changed]:
            with m.no_grad() if how == "no_grad" else contextlib.nullcontext():
                if how == "assigned":
                    t[...] = 0.25
                else:
                    t = t.detach() if how == "detached" else t
                    (t[..., :] if how == "a view" and t.ndim else t).mul_(2)
        return m.autograd.grad(y.sum(), x)

    both(torch, run, CHANGED if raises else "")


def test_the_error_says_what_happened_and_what_to_do():
    x = leaf([1.0, 2.0])
    y = x.exp()
    y.mul_(2)
    with pytest.raises(RuntimeError) as info:
        y.sum().backward()
    for words in [CHANGED, "ExpBackward0", "float64", "(2,)", "mul_()", "clone()"]:
        assert words in str(info.value)


def test_a_way_back_that_is_not_walked_does_not_complain(torch):
    def run(m):
        x, h = h_of(m)
        y = h.exp()
        z = y * 1
        y.mul_(2)
        (z.detach() + x).sum().backward()
        return x.grad

    both(torch, run)


def test_writing_into_data_passes_by_the_clock():
    x = leaf([1.0, 2.0])
    y = x * x
    x.data *= 3
    y.sum().backward()
    assert x._version == 0


def test_two_walks_with_a_step_between(torch):
    def run(m):
        w = doubles(m, [1.0, 2.0])
        loss = (w * w).sum()
        loss.backward(retain_graph=True)
        with m.no_grad():
            w -= 0.1 * w.grad
        loss.backward()

    both(torch, run, CHANGED)


@pytest.mark.parametrize("op", ["mul", "pow", "matmul", "clamp", "div"])
def test_outlines_and_thunks_tell_the_truth(op):
    """Whatever is not looked at may be anything: a pullback does not read it."""
    x = leaf([[0.5, 1.0], [2.0, 0.3]])
    c = tensor([[1.0, 2.0], [3.0, 4.0]])
    run = {"clamp": lambda: x.clamp(0.4, 1.5), "pow": lambda: x**3}
    first = run.get(op, lambda: getattr(x * 1, op)(c))()
    (expected,) = autograd.grad(first.sum(), x, retain_graph=True)
    assert autograd.grad(first.sum(), x)[0].tolist() == expected.tolist()


def outlined():
    """Every operation that is said to ask of its input only the shape and the dtype."""
    m = mytorch
    calls = {
        "sum": lambda h: h.sum(1),
        "mean": lambda h: h.mean(0),
        "view": lambda h: h.reshape(-1) + 0,
        "squeeze": lambda h: h[:, :1].clone().squeeze(1),
        "unsqueeze": lambda h: h.unsqueeze(0) + 0,
        "to": lambda h: h.to(m.float32),
        "index": lambda h: h[[1, 0, 1]],
        "added_at": lambda h: h.scatter_add(0, m.tensor([[0, 1, 0]]), h[:1] * 1),
        "cumsum": lambda h: h.cumsum(0),
    }
    return calls


def test_outlines_do_not_read_the_numbers():
    from mytorch.tensor import OUTLINES

    calls = outlined()
    assert set(OUTLINES) == {*calls, "copy_slices"}
    for name, call in calls.items():
        found = []
        for spoil in (False, True):
            x, h = h_of(mytorch)
            y = call(h)
            if spoil:
                h.data[...] = np.nan  # by the back door
            found.append(autograd.grad(y.sum(), x)[0])
        assert found[0].tolist() == found[1].tolist(), name


# Random programs

UNARY = "relu sigmoid tanh exp abs neg square sin cos clamp".split()
BINARY = "add sub mul div".split()
SHAPES = [(3,), (2, 3), (3, 2)]


def unary(t, number, end=""):
    name = UNARY[number % len(UNARY)]
    return getattr(t, name + end)(*((0.2, 1.5) if name == "clamp" else ()))


def fits(t, u):
    return tuple(t.shape) == tuple(u.shape)


def take_view(t, a, b):
    kind = a % 5
    if kind == 4 or not t.ndim:
        return t.reshape(-1)
    if kind == 0:
        return t[b % len(t)]
    if kind == 1:
        return t[1:]
    return t.T if kind == 2 and t.ndim == 2 else t[..., :1]


def instruction(m, kind, a, b, t, u, x, w, pool, views):
    """Carry out one instruction of a random program, whatever the library."""
    if kind in (0, 1):
        pool.append(unary(t, a))
    elif kind in (2, 6) and fits(t, u):
        new = getattr(t, BINARY[a % 4] + "_" * (kind == 6))(u)
        pool.extend([new] if kind == 2 else [])
    elif kind in (3, 7):
        new = getattr(t, BINARY[a % 4] + "_" * (kind == 7))(0.5 + b % 3)
        pool.extend([new] if kind == 3 else [])
    elif kind in (4, 5):
        unary(t, a, "_")
    elif kind == 8:
        views.append(take_view(t, a, b))
    elif kind in (9, 10) and t.ndim:
        row = u if tuple(u.shape) == tuple(t.shape[1:]) else x.sum() if b % 2 else w.mean()
        t[a % len(t)] = float(b % 3) if kind == 9 else row
    elif kind == 11 and a % 4 == 0:
        t.fill_(0.3)
    elif kind == 11 and a % 4 == 1:
        with m.no_grad():
            t.mul_(1.25)
    elif kind == 11 and a % 4 == 2 and t.ndim:
        t[[0, -1]] = w.sum()
    elif kind == 11 and a % 4 == 3 and fits(t, u):
        t.copy_(u)


def random_program(m, program, values, create_graph=False):
    """Run instructions on a growing pool of tensors; return the gradients of it all."""
    x, w = (doubles(m, v.tolist()) for v in values)
    constant = np.linspace(0.5, 1.5, values[0].size).reshape(values[0].shape)
    pool, views = [x * 1.0, w * 2.0, doubles(m, constant.tolist(), False)], []
    for kind, *numbers, i, j in program:
        every = pool + views
        t, u = every[i % len(every)], every[j % len(every)]
        instruction(m, kind, *numbers, t, u, x, w, pool, views)
    loss = sum(t.sum() * (1 + k) for k, t in enumerate(pool + views))
    if not loss.requires_grad:
        return loss, []
    found = m.autograd.grad(loss, [x, w], create_graph=create_graph, allow_unused=True)
    if create_graph:
        second = sum((g * g).sum() for g in found if g is not None)
        if getattr(second, "requires_grad", False):
            found += m.autograd.grad(second, [x, w], allow_unused=True)
    return loss, [g if g is None else np.asarray((g + 0).tolist()) for g in found]


def same_gradients(ours, theirs):
    def same(a, b):
        if a is None or b is None:
            return not np.any(a if b is None else b)
        return np.allclose(a, b, rtol=1e-8, atol=1e-12, equal_nan=True)

    return all(itertools.starmap(same, itertools.zip_longest(ours, theirs)))


def drawn(seed):
    rng = np.random.default_rng(seed)
    program = [
        (int(rng.integers(0, 12)), *rng.integers(0, 1000, size=4).tolist())
        for _ in range(rng.integers(2, 9))
    ]
    shape = SHAPES[rng.integers(0, 3)]
    return program, [rng.uniform(0.3, 1.2, shape) for _ in range(2)]


def central_difference(program, values):
    """The slope of the loss along the direction of ones in x and in w."""
    slopes = []
    for i in range(2):
        ends = []
        for step in (1e-6, -1e-6):
            moved = [v + step if k == i else v for k, v in enumerate(values)]
            with mytorch.no_grad():
                ends.append(mytorch_loss(program, moved))
        slopes.append((ends[0] - ends[1]) / 2e-6)
    return slopes


def mytorch_loss(program, values):
    """The value alone; nothing is recorded, so nothing can be refused."""
    return random_program(mytorch, program, values)[0].item()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("create_graph", [False, True])
def test_random_programs_of_changes_in_place(torch, create_graph):
    """Both refuse, or both give the same gradients. Where only PyTorch refuses, ours are right.

    Under create_graph a body of ours runs again on what went in, so a change of that is refused,
    too; nothing else may be.
    """
    counts = dict.fromkeys(["same", "both refuse", "PyTorch refuses", "we refuse"], 0)
    for seed in range(400):
        program, values = drawn(seed)
        found, errors = [], []
        for m in (mytorch, torch):
            try:
                with np.errstate(all="ignore"):
                    found.append(random_program(m, program, values, create_graph)[1])
            except RuntimeError as error:
                errors.append((m, str(error)))
        if len(errors) == 2:
            counts["both refuse"] += 1
        elif not errors:
            assert same_gradients(*found), (seed, program)
            counts["same"] += 1
        elif errors[0][0] is mytorch:
            assert create_graph and CHANGED in errors[0][1], (seed, errors, program)
            counts["we refuse"] += 1
        else:
            counts["PyTorch refuses"] += 1
            steps_unrecorded = any(k == 11 and a % 4 == 1 for k, a, *_ in program)
            corners = any(k in (0, 1, 4, 5) for k, *_ in program)
            if not create_graph and not steps_unrecorded and not corners:
                slopes = [0.0 if g is None else g.sum() for g in found[0]]
                np.testing.assert_allclose(
                    slopes, central_difference(program, values), rtol=1e-4, atol=1e-5
                )
    assert counts["same"] > 200 and counts["both refuse"] > 20, counts
    assert counts["we refuse"] < 30 and counts["PyTorch refuses"] < 30, counts


# Memory, threads, copies


def test_changes_in_place_leave_no_cycles():
    def body(x):
        h = x * 2.0
        refs = [weakref.ref(h.data)]
        h *= h.sigmoid()
        row = h[0]
        row.mul_(h[1].exp())
        h[1] = row.sum()
        h.register_hook(lambda g: g)
        y = (h * h).sum()
        return y, [*refs, weakref.ref(y), weakref.ref(row)]

    with no_garbage_collector():
        for walk in (False, True):
            loss, refs = body(leaf([[1.0, 2.0], [3.0, 4.0]]))
            if walk:
                loss.backward()
            del loss
            assert [ref() for ref in refs] == [None] * 3


def test_the_clock_forgets_arrays_that_are_gone():
    from mytorch.versions import writes

    before = len(writes.last)
    with no_garbage_collector():
        for _ in range(50):
            t = mytorch.zeros(3)
            t[0] = 1.0
            t.add_(1)
        del t
        assert len(writes.last) == before


def test_views_that_are_gone_are_forgotten():
    w = leaf([[1.0, 2.0], [3.0, 4.0]])
    for _ in range(1000):
        w.T  # noqa: B018
    assert len(w._views) <= 16
    rows = [w[i % 2] for i in range(100)]
    assert sum(v() is not None for v in w._views) == len(rows)


def test_a_deep_graph_of_changes_in_place():
    x = leaf(1.0)
    h = x * 1
    for _ in range(20_000):
        h += 1
    h.backward()
    assert x.grad.item() == 1 and h.item() == 20_001
    del h


def test_copies_take_no_ties_along():
    x = leaf([1.0, 2.0])
    x.register_hook(lambda g: g * 0)
    view = x[:1].detach()
    kept = x[:1]
    twin = pickle.loads(pickle.dumps(x))
    assert twin.tolist() == [1, 2] and twin.requires_grad and twin._backward_hooks is None
    (twin * 2).sum().backward()
    assert twin.grad.tolist() == [2, 2] and kept._base is x and view._base is None
    assert copy.copy(mytorch.ones(2)).tolist() == [1, 1]
    with pytest.raises(RuntimeError, match="graph leaves"):
        pickle.dumps(x * 2)


def test_threads_write_into_their_own_tensors():
    failed = []

    def work(seed):
        for k in range(60):
            x = leaf([1.0 + seed, 2.0])
            h = x * 2
            h.add_(1).mul_(x)
            h[0] = x[1]
            h.sum().backward()
            if x.grad.tolist() != [0, 4 * 2.0 + 1 + 1]:
                failed.append((seed, k, x.grad))

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []


# Modes


def test_inference_mode(torch):
    def run(m):
        x = doubles(m, [1.0, 2.0])
        with m.inference_mode():
            y = x * 2
            z = m.zeros(2)
            inside = [m.is_grad_enabled(), m.is_inference_mode_enabled(), y.is_inference()]
            inside += [z.is_inference(), y.requires_grad, x.is_inference(), y[0].is_inference()]
            y.add_(1)
            with m.inference_mode(False):
                inside += [m.is_grad_enabled(), m.is_inference_mode_enabled()]
            inside += [m.is_inference_mode_enabled()]
        after = [m.is_grad_enabled(), m.is_inference_mode_enabled(), (y * 2).is_inference()]
        x.grad = None
        (x * y.clone() + y).sum().backward()
        return [inside, after, x.grad, y, y.clone().is_inference()]

    both(torch, run)


MISUSED = {
    "saved": ("Inference tensors cannot be saved", lambda m, x, y: x * y),
    "saved in a product": ("Inference tensors cannot be saved", lambda m, x, y: (x * y).sum()),
    "changed": ("Inplace update to inference tensor", lambda m, x, y: y.add_(1)),
    "assigned": ("Inplace update to inference tensor", lambda m, x, y: y.__setitem__(0, 1.0)),
    "leaf": ("Setting requires_grad=True on inference", lambda m, x, y: y.requires_grad_()),
}


@pytest.mark.parametrize("name", MISUSED)
def test_inference_tensors_stay_outside(torch, name):
    words, use = MISUSED[name]

    def run(m):
        with m.inference_mode():
            y = m.ones(2, dtype=m.float64) * 3
        use(m, doubles(m, [1.0, 2.0]), y)

    both(torch, run, words)


@pytest.mark.parametrize("parentheses", [True, False])
def test_inference_mode_as_decorator(torch, parentheses):
    def run(m):
        @(m.inference_mode() if parentheses else m.inference_mode)
        def double(x):
            """Say so."""
            return x * 2

        y = double(doubles(m, [1.0]))
        return [y.is_inference(), double.__name__, double.__doc__, m.is_grad_enabled()]

    both(torch, run)


def test_the_watcher_of_inference_leaves_when_its_tensors_are_gone():
    from mytorch.versions import watchers

    with mytorch.inference_mode():
        y = mytorch.ones(2) * 2
    del y
    gc.collect()
    leaf([1.0]) * 2
    assert watchers == []


def test_inference_mode_is_a_threads_own():
    seen = []
    with mytorch.inference_mode():
        thread = threading.Thread(target=lambda: seen.append((leaf([1.0]) * 2).requires_grad))
        thread.start()
        thread.join()
    assert seen == [True] and mytorch.is_grad_enabled()


def test_set_grad_enabled(torch):
    def run(m):
        seen = []
        with m.set_grad_enabled(False):
            seen.append(m.is_grad_enabled())
            with m.set_grad_enabled(True):
                seen.append(m.is_grad_enabled())
            seen.append(m.is_grad_enabled())
        seen.append(m.is_grad_enabled())
        m.set_grad_enabled(False)
        seen.append(m.is_grad_enabled())
        m.set_grad_enabled(True)

        @m.set_grad_enabled(False)
        def inside():
            return m.is_grad_enabled()

        return [*seen, inside(), m.is_grad_enabled()]

    both(torch, run)


# Hooks


def test_hooks_run_in_order_once_and_change_the_gradient(torch):
    def run(m):
        x, seen = doubles(m, [1.0, 2.0]), []
        h = x * 3
        h.register_hook(lambda g: seen.append(("h", plain(g))))
        h.register_hook(lambda g: g * 10)
        h.register_hook(lambda g: seen.append(("h again", plain(g))))
        handle = x.register_hook(lambda g: g + 1)
        x.register_hook(lambda g: seen.append(("x", plain(g))))
        (h * h + h).sum().backward()
        handle.remove()
        handle.remove()
        y = x * 2
        y.sum().backward()
        return [seen, x.grad]

    both(torch, run)


def test_hooks_meet_retain_grad_and_autograd_grad(torch):
    def run(m):
        x = doubles(m, [1.0, 2.0])
        h = x * 3
        h.retain_grad()
        h.register_hook(lambda g: g * 10)
        (h * 1).sum().backward(retain_graph=True)
        first = [h.grad, x.grad]
        k = x * 2
        k.register_hook(lambda g: g * 7)
        return [*first, *m.autograd.grad((k * 3).sum(), k, retain_graph=True)]

    both(torch, run)


def test_a_hook_as_context_manager_and_a_wrong_shape(torch):
    def run(m):
        x = doubles(m, [1.0, 2.0])
        with x.register_hook(lambda g: g * 0):
            (x * 2).sum().backward()
        first = plain(x.grad)
        x.grad = None
        (x * 2).sum().backward()
        return [first, x.grad]

    both(torch, run)

    def wrong(m):
        x = doubles(m, [1.0, 2.0])
        x.register_hook(lambda g: g.sum())
        (x * 2).sum().backward()

    both(torch, wrong, "hook '<lambda>' has changed the size of value")
    x = leaf([1.0, 2.0])
    x.register_hook(functools.partial(lambda g: g.sum()))  # it has no name
    with pytest.raises(RuntimeError, match="hook 'partial' has changed the size of value"):
        (x * 2).sum().backward()


def test_hooks_that_remove_themselves(torch):
    def run(m):
        x, seen = doubles(m, [1.0, 2.0]), []
        first = x.register_hook(lambda g: [seen.append("before"), first.remove()][1])
        last = x.register_post_accumulate_grad_hook(
            lambda p: [seen.append("after"), last.remove()][1]
        )
        (x * 2).sum().backward()
        (x * 3).sum().backward()
        return [seen, x.grad]

    both(torch, run)


def test_hooks_under_create_graph(torch):
    def run(m):
        x = doubles(m, [1.0, 2.0])
        h = x**2
        h.register_hook(lambda g: g * g)
        (g,) = m.autograd.grad((h * h).sum(), x, create_graph=True)
        return [g, *m.autograd.grad(g.sum(), x)]

    both(torch, run)


def test_post_accumulate_hooks(torch):
    def run(m):
        x, seen = doubles(m, [1.0, 2.0]), []
        handle = x.register_post_accumulate_grad_hook(lambda p: seen.append(plain(p.grad)))
        (x * 2).sum().backward()
        (x * 3).sum().backward()
        handle.remove()
        (x * 4).sum().backward()
        return [seen, x.grad]

    both(torch, run)


def test_a_hook_does_not_touch_gradients_of_others():
    x, y = leaf([1.0, 2.0]), leaf([3.0, 4.0])
    x.register_hook(lambda g: [g.zero_(), None][1])
    (x + y).sum().backward()
    assert y.grad.tolist() == [1, 1]


def test_backward_with_inputs(torch):
    def run(m):
        x, w = doubles(m, [1.0, 2.0]), doubles(m, [3.0, 4.0])
        h = x * w
        h.sum().backward(inputs=[x, h], retain_graph=True)
        first = [x.grad, h.grad, w.grad]
        h.sum().backward(inputs=w)
        return [*first, w.grad]

    both(torch, run)


# autograd.Function


def functions(m):
    class Cube(m.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x**3

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return 3 * g * x**2

    class Exp(m.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            y = x.exp()
            ctx.save_for_backward(y)
            return y

        @staticmethod
        def backward(ctx, g):
            (y,) = ctx.saved_tensors
            return g * y

    class SumAndProduct(m.autograd.Function):
        @staticmethod
        def forward(ctx, a, factor, b=None, places=()):
            ctx.factor = factor
            ctx.save_for_backward(a, None, b)
            places = (a > 0).long() if hasattr(a, "long") else places
            ctx.mark_non_differentiable(places)
            return (a + b) * factor, a * b, places

        @staticmethod
        def backward(ctx, g_sum, g_product, g_places):
            a, nothing, b = ctx.saved_tensors
            assert nothing is None and tuple(g_places.shape) == tuple(a.shape)
            needs = ctx.needs_input_grad
            assert needs[1] is False and needs[0] is True
            ga = g_sum * ctx.factor + g_product * b
            gb = g_sum * ctx.factor + g_product * a if needs[2] else None
            return ga, None, gb, None

    class Split(m.autograd.Function):
        @staticmethod
        def forward(x, n):
            return x[:n] * 1, x[n:] * 1

        @staticmethod
        def setup_context(ctx, inputs, output):
            x, ctx.n = inputs
            ctx.set_materialize_grads(False)
            ctx.shape = x.shape

        @staticmethod
        def backward(ctx, a, b):
            whole = m.zeros(ctx.shape, dtype=m.float64)
            parts = [p if p is not None else None for p in (a, b)]
            if parts[0] is not None:
                whole[: ctx.n] = parts[0]
            if parts[1] is not None:
                whole[ctx.n :] = parts[1]
            return whole, None

    return Cube, Exp, SumAndProduct, Split


def function_programs():
    def cube(m):
        x = doubles(m, [1.0, 2.0])
        y = functions(m)[0].apply(x * 1)
        assert y.grad_fn.name() == "CubeBackward" and not y.is_leaf
        (g,) = m.autograd.grad(y.sum(), x, create_graph=True)
        (h,) = m.autograd.grad(g.sum(), x, create_graph=True)
        return [y, g, h, *m.autograd.grad(h.sum(), x)]

    def of_a_result(m):
        x = doubles(m, [0.1, 0.2])
        y = functions(m)[1].apply(x)
        (g,) = m.autograd.grad(y.sum(), x, create_graph=True)
        return [g, *m.autograd.grad((g * g).sum(), x)]

    def several(m):
        a, b = doubles(m, [1.0, -2.0]), doubles(m, [3.0, 4.0])
        s, p, places = functions(m)[2].apply(a, 5.0, b)
        assert s.requires_grad and not places.requires_grad
        first = m.autograd.grad((p * p).sum(), [a, b], retain_graph=True, create_graph=True)
        second = m.autograd.grad(sum(g.sum() for g in first), [a, b], retain_graph=True)
        (s.sum() + (p * 2).sum()).backward()
        return [s, p, places, *first, *second, a.grad, b.grad]

    def one_output_only(m):
        x = doubles(m, [1.0, 2.0, 3.0])
        first, rest = functions(m)[3].apply(x, 1)
        return [first, *m.autograd.grad((rest * 2).sum(), x)]

    def constant(m):
        y = functions(m)[0].apply(doubles(m, [1.0], False))
        with m.no_grad():
            z = functions(m)[0].apply(doubles(m, [1.0]))
        return [y, y.requires_grad, z.requires_grad]

    def frozen(m):
        a, b = doubles(m, [1.0, -2.0]), doubles(m, [3.0, 4.0], False)
        s, p, _ = functions(m)[2].apply(a, 5.0, b)
        return m.autograd.grad(s.sum() + p.sum(), a)

    return [cube, of_a_result, several, one_output_only, constant, frozen]


@pytest.mark.parametrize("run", function_programs(), ids=lambda run: run.__name__)
def test_functions(torch, run):
    both(torch, run)


def faulty(m, count):
    class Faulty(m.autograd.Function):
        @staticmethod
        def forward(ctx, x, factor):
            ctx.save_for_backward(x)
            return x * factor

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return {1: g, 3: (g, None, g), 2: (g[:1].repeat(3), None), 0: (x * g, None)}[count]

    return Faulty


@pytest.mark.parametrize(
    "count, words",
    [
        (1, "returned an incorrect number of gradients (expected 2, got 1)"),
        (3, "returned an incorrect number of gradients (expected 2, got 3)"),
        (2, "returned an invalid gradient at index 0"),
        (0, CHANGED),
    ],
)
def test_a_function_that_is_wrong(torch, count, words):
    def run(m):
        x = doubles(m, [1.0, 2.0])
        h = x * 1
        y = faulty(m, count).apply(h, 2.0)
        if count == 0:
            h.mul_(2)
        y.sum().backward()

    both(torch, run, words)


def test_a_function_without_methods_and_a_second_walk(torch):
    both(torch, lambda m: type(answer(m, lambda m: m.autograd.Function.apply(m.ones(1)))).__name__)

    def run(m):
        x = doubles(m, [1.0, 2.0])
        y = functions(m)[0].apply(x).sum()
        y.backward()
        y.backward()

    both(torch, run, "second time")


def test_once_differentiable(torch):
    from mytorch.autograd import once_differentiable as ours
    from torch.autograd.function import once_differentiable as theirs

    def run(m):
        class Cube(m.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                ctx.save_for_backward(x)
                return x**3

            @staticmethod
            @(ours if m is mytorch else theirs)
            def backward(ctx, g):
                (x,) = ctx.saved_tensors
                return m.from_numpy(3 * g.numpy() * x.detach().numpy() ** 2)

        x = doubles(m, [1.0, 2.0])
        assert plain(m.autograd.grad(Cube.apply(x).sum(), x)) == [[3, 12]]
        (g,) = m.autograd.grad((Cube.apply(x) * x).sum(), x, create_graph=True)
        g.sum().backward()

    both(torch, run, "once_differentiable")


def test_functions_free_their_memory():
    _, exp, several, _ = functions(mytorch)
    with no_garbage_collector():
        for walk in (False, True):
            x, b = leaf([1.0, 2.0]), leaf([3.0, 4.0])
            y = exp.apply(x * 1)
            s, p, _ = several.apply(y, 2.0, b)
            loss = (s * p).sum()
            refs = [weakref.ref(t) for t in (y, y.data, s.data, loss.grad_fn)]
            if walk:
                loss.backward()
            del y, s, p, loss
            assert [ref() for ref in refs] == [None] * 4


def test_gradcheck_of_functions():
    cube, exp, several, _ = functions(mytorch)
    x, b = leaf([0.3, 0.7]), leaf([1.0, 2.0])
    assert autograd.gradcheck(cube.apply, x) and autograd.gradgradcheck(cube.apply, x)
    assert autograd.gradcheck(exp.apply, x) and autograd.gradgradcheck(exp.apply, x)
    assert autograd.gradcheck(lambda a, b: several.apply(a, 2.0, b)[:2], (x, b))
    assert autograd.gradgradcheck(lambda a, b: several.apply(a, 2.0, b)[:2], (x, b))


# Anomaly detection


def nan_at_zero(m):
    x = doubles(m, [0.0, 1.0])
    y = (x * 0).sqrt()
    return (y * 0).sum()


@pytest.mark.filterwarnings("ignore")
def test_anomaly_detection(torch):
    words = "Function 'SqrtBackward0' returned nan values in its 0th output"

    def block(m):
        with m.autograd.detect_anomaly(), np.errstate(all="ignore"):
            nan_at_zero(m).backward()

    both(torch, block, words)

    def switch(m):
        m.autograd.set_detect_anomaly(True)
        try:
            with np.errstate(all="ignore"):
                nan_at_zero(m).backward()
        finally:
            m.autograd.set_detect_anomaly(False)

    both(torch, switch, words)
    for run in (block, switch):
        _, error = answer(mytorch, run)
        assert "y = (x * 0).sqrt()" in str(error) and "nan_at_zero" in str(error)


@pytest.mark.filterwarnings("ignore")
def test_no_anomaly_no_error(torch):
    def run(m):
        with m.autograd.set_detect_anomaly(True), np.errstate(all="ignore"):
            x = doubles(m, [1.0, 2.0])
            (x.exp() * functions(m)[2].apply(x, 2.0, x)[0]).sum().backward()
            with m.autograd.detect_anomaly(check_nan=False):
                nan_at_zero(m).backward()
        nan_at_zero(m).backward()
        return x.grad

    with np.errstate(all="ignore"):
        both(torch, run)
    from mytorch.versions import watchers

    assert watchers == []


def test_anomaly_before_it_was_on():
    with np.errstate(all="ignore"):
        loss = nan_at_zero(mytorch)
        with autograd.detect_anomaly(), pytest.raises(RuntimeError, match="before anomaly"):
            loss.backward()


# Reading the tape


def test_next_functions(torch):
    def run(m):
        x, c = doubles(m, [1.0, 2.0]), doubles(m, [1.0, 2.0], False)
        y = ((x * c).exp() + x).sum()
        add = y.grad_fn.next_functions[0][0]
        exp, leaf_end = (f for f, _ in add.next_functions)
        mul = exp.next_functions[0][0]
        ends = [None if f is None else f.name() for f, _ in mul.next_functions]
        assert leaf_end.variable is x and leaf_end.next_functions == ()
        return [y.grad_fn.name(), add.name(), exp.name(), mul.name(), *ends, leaf_end.name()]

    both(torch, run)


def test_is_leaf_and_grad_fn(torch):
    def run(m):
        x = doubles(m, [1.0])
        y = x * 2
        with m.no_grad():
            z = x * 2
        return [t.is_leaf for t in (x, y, z, x.detach(), y.detach())] + [z.grad_fn is None]

    both(torch, run)


def test_make_dot_of_changes_in_place():
    from mytorch.utils.viz import make_dot

    x, c = leaf([1.0, 2.0]), tensor([5.0, 6.0])
    h = x * c + c
    h.relu_()
    h[0] = x[1]
    source = str(make_dot(h.sum(), {"x": x, "c": c}))
    assert source.count('label="x') == 1 and source.count('label="c\n') == 1
    assert "relu" in source and "copy_slices" in source


# Jacobians


def two(x):
    m = mytorch if isinstance(x, mytorch.Tensor) else sys.modules["torch"]
    return m.stack([x[0] * x[1], x[0].sin(), x[1] ** 3])


def number(x):
    return (x**3).sum() + x[0] * x[1]


def functional_programs():
    def run(name, f, *vectors, width=1, create_graph=False):
        def call(m):
            xs = [doubles(m, [1.0 + i, 2.0 - i]) for i in range(width)]
            vs = [doubles(m, v, False) for v in vectors]
            given = xs[0] if width == 1 else tuple(xs)
            vs = [vs[0] if len(vs) == 1 else tuple(vs)] if vs else []
            result = getattr(m.autograd.functional, name)(f, given, *vs, create_graph=create_graph)
            if create_graph:
                last = result if not isinstance(result, tuple) else result[-1]
                return [result, *m.autograd.grad(last.sum(), xs, allow_unused=True)]
            return result

        return call

    def product(x, w):
        return x * w.sum(), (x * x).sum()

    return {
        "jacobian": run("jacobian", two),
        "jacobian of two": run("jacobian", product, width=2),
        "jacobian of a constant": run("jacobian", lambda x: x.detach() * 2),
        "jacobian, differentiable": run("jacobian", two, create_graph=True),
        "hessian": run("hessian", number),
        "hessian of two": run("hessian", lambda x, w: (x * x * w).sum(), width=2),
        "hessian of a line": run("hessian", lambda x: x.sum()),
        "vjp": run("vjp", two, [1.0, 2.0, 3.0]),
        "vjp of a number": run("vjp", number),
        "vjp, differentiable": run("vjp", two, [1.0, 2.0, 3.0], create_graph=True),
        "jvp": run("jvp", two, [1.0, -1.0]),
        "jvp of two": run("jvp", lambda x, w: x * w, [1.0, -1.0], [0.5, 2.0], width=2),
        "jvp of a line": run("jvp", lambda x: x * 3, [1.0, -1.0]),
        "jvp, differentiable": run("jvp", two, [1.0, -1.0], create_graph=True),
    }


FUNCTIONAL = functional_programs()


@pytest.mark.parametrize("name", FUNCTIONAL)
def test_functional(torch, name):
    both(torch, FUNCTIONAL[name])


def test_a_hessian_of_a_table():
    with pytest.raises(RuntimeError, match="single element"):
        autograd.functional.hessian(two, leaf([1.0, 2.0]))


# Checkpoints


def deep(x, w, call):
    for _ in range(4):
        x = call(lambda h: (h @ w).tanh() * 1.1 + h.sin(), x)
    return (x * x).sum()


def checkpointed(function, *args):
    from mytorch.utils.checkpoint import checkpoint

    return checkpoint(function, *args)


def test_a_checkpoint_gives_the_same_gradients():
    rng = np.random.default_rng(0)
    x, w = leaf(rng.standard_normal((3, 4))), leaf(rng.standard_normal((4, 4)))
    found = []
    for call in (lambda f, *args: f(*args), checkpointed):
        found.append(autograd.grad(deep(x, w, call), [x, w]))
        (g,) = autograd.grad(deep(x, w, call), x, create_graph=True)
        found[-1] += autograd.grad((g * g).sum(), [x, w])
    for ours, theirs in zip(*found, strict=True):
        np.testing.assert_allclose(array(ours), array(theirs), rtol=1e-12)
    loss = deep(tensor(np.ones((3, 4))), w, checkpointed)  # only the parameters need a gradient
    loss.backward()
    assert w.grad is not None


def test_a_checkpoint_keeps_little_and_frees_it():
    seen = []

    def block(h):
        y = h.exp()
        seen.append(weakref.ref(y.data))
        return (y * y.cos()).sin()

    with no_garbage_collector():
        x = leaf([1.0, 2.0])
        y = checkpointed(block, x)
        assert seen[0]() is None
        y.sum().backward()
        assert len(seen) == 2 and seen[1]() is None
        y = checkpointed(block, x)
        del y
        assert seen[-1]() is None


def test_a_checkpoint_draws_the_same_random_numbers():
    x = leaf(np.ones(100))
    y = checkpointed(lambda h: h * (mytorch.rand(100) < 0.5).double(), x)
    mytorch.rand(3)
    before = mytorch.get_rng_state().tolist()
    y.sum().backward()
    assert x.grad.tolist() == y.tolist() and mytorch.get_rng_state().tolist() == before


def test_a_checkpoint_that_takes_other_steps():
    turns = []

    def fickle(h):
        turns.append(1)
        return h.exp() if len(turns) == 1 else h.sin()

    y = checkpointed(fickle, leaf([1.0]))
    with pytest.raises(RuntimeError, match="different number of tensors"):
        y.backward()


def test_a_checkpoint_whose_input_was_changed():
    x = leaf([1.0, 2.0])
    h = x * 1
    y = checkpointed(lambda h: h.exp() * h, h)
    h.mul_(2)
    with pytest.raises(RuntimeError, match=CHANGED):
        y.sum().backward()


# What it costs


def test_a_recorded_operation_costs_few_calls():
    x, y = leaf([1.0, 2.0]), tensor([3.0, 4.0])
    x + y
    with calls_counted() as count:
        for _ in range(10):
            x + y
    assert count[0] <= 10 * 5 + 2  # call, promoted, step, body, and room for one more


# What the gradients are made of


def of_subclass(m):
    return m.nn.Parameter(m.tensor(2.0, dtype=m.float64))


@pytest.mark.parametrize("create_graph", [False, True])
def test_the_gradient_of_a_parameter_is_a_plain_tensor(torch, create_graph):
    def run(m):
        p = of_subclass(m)
        p.register_hook(lambda g: seen.append(type(g)))
        p.backward(create_graph=create_graph)
        given = m.autograd.grad(p, p, create_graph=create_graph)[0]
        for g in (p.grad, given):
            assert type(g) is m.Tensor and not g.requires_grad and g.is_leaf
        assert seen == [m.Tensor] * 2
        del seen[:]
        return [p.grad, given]

    seen = []
    both(torch, run)


def test_zeros_of_functional_are_plain_tensors():
    p, functional = of_subclass(mytorch), autograd.functional
    for compute in (functional.vjp, functional.jvp):
        _, g = compute(lambda p: leaf(1.0) * 2, p, tensor(1.0), create_graph=True)
        assert type(g) is mytorch.Tensor and not g.requires_grad


@pytest.mark.parametrize("create_graph", [False, True])
def test_leaves_share_no_gradient(torch, create_graph):
    def run(m):
        a, b, c = (doubles(m, [[1.0, 2.0]]) for _ in range(3))
        (a + b + c.reshape(2)).sum().backward(create_graph=create_graph)
        a.grad.detach().mul_(10)
        c.grad.detach().zero_()
        return [a.grad, b.grad, c.grad]

    both(torch, run)


def test_gradients_with_a_past_can_be_zeroed():
    x, y = leaf([[1.0, 2.0]]), leaf([3.0, 4.0])
    optimizer = mytorch.optim.SGD([x, y], lr=0.1)
    for _ in range(2):
        (x.reshape(2) * y).sum().backward(create_graph=True)
        (x.grad.sum() + y.grad.sum()).backward()
        assert x.grad.tolist() == [[4, 5]] and y.grad.tolist() == [2, 3]
        optimizer.zero_grad(set_to_none=False)
        assert x.grad.tolist() == [[0, 0]] and y.grad.tolist() == [0, 0]


@pytest.mark.parametrize(
    "change",
    [
        lambda x: x.__iadd__(1),
        lambda x: x.__setitem__(0, 1),
        lambda x: x.__setitem__((0, 1), 1),
        lambda x: x.mul_(2),
        lambda x: x[0].zero_(),
    ],
)
def test_a_view_that_was_made_a_leaf_is_not_changed(torch, change):
    def run(m):
        change(m.arange(6.0).reshape(2, 3).requires_grad_())

    both(torch, run, LEAF)


def test_functional_can_be_imported():
    code = "import mytorch.autograd.functional as f; assert f.vjp; import mytorch; "
    code += "assert mytorch.autograd.functional is f"
    home = pathlib.Path(mytorch.__file__).parents[1]  # the package under test
    subprocess.run([sys.executable, "-c", code], check=True, cwd=home)
