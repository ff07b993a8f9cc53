"""The engine: what is kept, what is freed, how often it walks, and what it says when misused."""

import contextlib
import gc
import sys
import threading
import weakref

import mytorch
import numpy as np
import pytest
from mytorch import autograd

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
    with pytest.raises(RuntimeError, match="leaf Variable that requires grad"):
        getattr(x, change)(2.0)
    with mytorch.no_grad():
        assert getattr(x, change)(2.0) is x
    assert x.is_leaf and x.requires_grad and x.data is memory
    expected = {"__iadd__": [3, 4], "__isub__": [-1, 0], "__imul__": [2, 4]}
    assert x.tolist() == expected.get(change, [0.5, 1])


def test_assignment_into_a_leaf_under_no_grad_only():
    x = leaf([1.0, 2.0])
    with pytest.raises(RuntimeError, match="leaf Variable that requires grad"):
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
