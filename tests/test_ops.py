"""Every operation of the table: derivatives by finite differences, and life on a strange array."""

import math
import warnings

import mytorch
import numpy as np
import pytest

from duck import Duck
from table import (
    PLAIN,
    ROWS,
    OnDucks,
    Row,
    broadcast,
    check_duck,
    check_float32,
    check_gradient,
    check_second,
    same,
)

every_row = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)


@every_row
def test_gradient_is_what_differences_say(row):
    row.for_all(check_gradient)


@every_row
def test_second_derivative_is_what_differences_say(row):
    row.for_all(check_second)


@pytest.mark.parametrize("row", [r for r in ROWS if "dtype" not in r.name], ids=lambda r: r.name)
def test_float32_stays_float32(row):
    for arrays in row.examples():
        check_float32(row, arrays)


@pytest.mark.parametrize("row", [*ROWS, *PLAIN], ids=lambda row: row.name)
def test_on_an_array_that_does_not_mix_with_numpy(row):
    row.for_all(check_duck)


def test_the_table_is_not_fooled_by_a_wrong_gradient():
    """A test that passes everything is worse than none: here is one wrong op for each check."""
    from mytorch.tensor import op

    @op
    def half(a):
        return np.exp(a), lambda g: g * 0.5

    @op
    def once(a):
        y = np.exp(a)
        data = y.data if isinstance(y, mytorch.Tensor) else y  # forgets that y depends on a
        return y, lambda g: g * data

    @op
    def host(a):
        return np.exp(a), lambda g: g * np.ones(a.shape)

    arrays = [np.array([0.3, -0.2])]
    for body, check in [(half, check_gradient), (once, check_second), (host, check_duck)]:
        row = Row(body.__name__, lambda m, a, body=body: body(a), same())
        with pytest.raises((AssertionError, TypeError)):
            check(row, arrays)


def test_a_duck_refuses_arrays_and_takes_numbers():
    duck = Duck(np.ones(2))
    for stranger in (np.ones(2), np.array(1.0)):
        for mix in (lambda s: duck + s, lambda s: s * duck, lambda s: np.where(duck > 0, duck, s)):
            with pytest.raises(TypeError):
                mix(stranger)
    with pytest.raises(TypeError):
        np.asarray(duck)
    assert isinstance(2.0 * duck + 1, Duck) and isinstance(np.sum(duck), Duck)


def test_assignment_on_ducks():
    m = OnDucks()
    t = m.tensor([[1.0, 2.0], [3.0, 4.0]])
    t[0] = m.tensor([5.0, 6.0])
    t[:, 1] = 7
    t[t > 6] = 0.0
    assert t.data.inner.tolist() == [[5, 0], [3, 0]]


def test_leaves_of_any_device_train():
    """`.grad` of a duck is a duck, it accumulates, and a step in place keeps it one."""
    m = OnDucks()
    w = m.tensor([1.0, 2.0], requires_grad=True)
    for _ in range(2):
        (w * w).sum().backward()
    assert isinstance(w.grad.data, Duck) and w.grad.data.inner.tolist() == [4, 8]
    for optimizer in (mytorch.optim.SGD([w], lr=0.5), mytorch.optim.Adam([w], lr=0.5)):
        before = w.data.inner.copy()
        optimizer.step()
        assert isinstance(w.data, Duck) and w.data.dtype == np.float32
        assert (w.data.inner != before).all()


def test_large_numbers_do_not_overflow():
    """The stable forms of sigmoid and logsumexp: no inf, no NaN, no warning, in either pass."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        x = mytorch.tensor([-1000.0, 0.0, 1000.0], requires_grad=True)
        y = mytorch.sigmoid(x)
        y.sum().backward()
        assert y.tolist() == [0, 0.5, 1] and x.grad.tolist() == [0, 0.25, 0]
        x.grad = None
        z = mytorch.logsumexp(x, 0)
        z.backward()
        assert z.item() == 1000 and x.grad.tolist() == [0, 0, 1]


@pytest.mark.parametrize("width", [(), (3,), (2, 300)], ids=["numbers", "short", "long"])
def test_rows_are_added_where_they_were_read(width):
    """Long rows go another way; a row may be named twice, and from the end, in any layout."""
    rows = np.array([[3, -1, 0], [-4, 2, 3]], np.int32)
    table = mytorch.zeros(*width, 5, requires_grad=True)
    y = table.movedim(-1, 0)[mytorch.tensor(rows)]
    g = np.random.default_rng(0).normal(size=y.shape).astype(np.float32)
    y.backward(mytorch.tensor(g))
    expected = np.zeros((5, *width), np.float32)
    np.add.at(expected, rows, g)
    assert np.array_equal(table.grad.numpy(), np.moveaxis(expected, 0, -1))


def test_the_first_number_that_reaches_outside_is_named():
    with pytest.raises(RuntimeError, match="index 7 is out of bounds"):
        mytorch.zeros(2, 3).gather(1, mytorch.tensor([[0, 7, 9], [-1, 0, 1]]))


def test_erf_is_as_exact_as_float32():
    """Relative to erf, on all sides; and exactly 1 in the end."""
    x = np.linspace(-6, 6, 2001, dtype=np.float32)
    exact = [math.erf(value) for value in x.tolist()]
    np.testing.assert_allclose(mytorch.tensor(x).erf().numpy(), exact, rtol=4e-7, atol=0)
    assert mytorch.tensor([9.0, -math.inf]).erf().tolist() == [1, -1]
    assert mytorch.tensor(0.0).erf().shape == ()


def test_a_few_broken_pullbacks_are_noticed():
    """The proof that these tests bite, on three operations; tests/mutants.py breaks the rest."""
    import mutants

    names = {"mul", "div", "tanh"}
    broken = [
        mutant
        for source in mutants.sources(["ops/pointwise.py"])
        for mutant in source.mutants(lambda source, name, nested: nested and name in names)
    ]
    assert len(broken) > 10
    with mutants.no_shrinking():
        checks = mutants.watched(mutants.checks_of_the_table(names))
        assert [str(m) for m in mutants.survivors(broken, checks)] == []


@pytest.mark.parametrize("name", ["add", "sub"])
def test_a_sum_with_alpha(name):
    """Its own rows: PyTorch refuses a fraction of whole numbers."""
    row = Row(name, lambda m, a, b: getattr(m, name)(a, b, alpha=0.5), broadcast())
    row.for_all(check_gradient)
    row.for_all(check_second)
