"""Convolution, transposed convolution, pooling, windows as columns, dropped channels.

Derivatives by finite differences to the second order, the fast convolution against its twin,
PyTorch's values, gradients, errors and texts, and all of it on an array that is not NumPy's.
"""

import inspect
import itertools
import re
import tracemalloc

import hypothesis
import hypothesis.strategies as st
import mytorch
import numpy as np
import pytest
from hypothesis import assume, given
from mytorch.ops import convolution

from duck import Duck
from like_torch import alike, check_like_torch
from table import (
    QUICK,
    OnDucks,
    Row,
    array,
    check_examples,
    derivatives,
    fixed,
    leaf,
)

torch = pytest.importorskip("torch", reason="PyTorch is a test dependency: requirements-test.txt")
F, nn = mytorch.nn.functional, mytorch.nn


def f(m):
    return m.nn.functional


def distinct(rng, shape):
    """No two alike, and far apart: a maximum that a small step does not move."""
    count = int(np.prod(shape))
    return rng.permutation(count).reshape(shape) * 0.37 - count * 0.1


SMALL = fixed(((2, 2, 4, 3), (3, 2, 2, 2), (3,)))
BARE = fixed(((2, 2, 4, 3), (3, 2, 2, 2)), ((2, 4, 3), (1, 2, 3, 2)), ((0, 1, 3, 3), (2, 1, 2, 2)))
GROUPS = fixed(((1, 4, 4, 4), (4, 2, 2, 3), (4,)), ((2, 4, 3, 4), (2, 2, 2, 2), (2,)))
DEEP = fixed(((1, 3, 5, 4), (3, 1, 3, 2), (3,)))
LINE = fixed(((2, 2, 6), (3, 2, 3), (3,)), ((2, 7), (1, 2, 2), (1,)))
BOX = fixed(((1, 2, 3, 3, 2), (2, 2, 2, 2, 2), (2,)))
ACROSS = fixed(((2, 2, 3, 2), (2, 3, 2, 2), (3,)), ((2, 3, 3), (2, 1, 2, 3), (1,)))
ACROSS_GROUPS = fixed(((1, 4, 2, 3), (4, 2, 3, 2), (4,)))
ACROSS_LINE = fixed(((2, 2, 4), (2, 3, 3), (3,)))
LONG = fixed(((1, 2, 9),), ((2, 8),))
PICTURES = fixed(((2, 2, 4, 5),), ((1, 5, 4),), ((0, 2, 4, 4),))
SEQUENCES = fixed(((2, 2, 6),), ((3, 5),))
COLUMNS = fixed(((2, 8, 6),), ((4, 6),))

CONVS = [
    Row("conv2d", lambda m, x, w, b: f(m).conv2d(x, w, b), SMALL),
    Row("conv2d bare", lambda m, x, w: f(m).conv2d(x, w), BARE),
    Row("conv2d padding", lambda m, x, w, b: f(m).conv2d(x, w, b, padding=(1, 2)), SMALL),
    Row("conv2d stride", lambda m, x, w, b: f(m).conv2d(x, w, b, 2, 1), SMALL),
    Row("conv2d strides", lambda m, x, w, b: f(m).conv2d(x, w, b, (3, 1), (2, 0)), SMALL),
    Row("conv2d dilation", lambda m, x, w, b: f(m).conv2d(x, w, b, 1, 1, (2, 3)), SMALL),
    Row("conv2d all", lambda m, x, w, b: f(m).conv2d(x, w, b, (2, 3), 2, (3, 2)), SMALL),
    Row("conv2d groups", lambda m, x, w, b: f(m).conv2d(x, w, b, 1, 1, 1, 2), GROUPS),
    Row("conv2d deep", lambda m, x, w, b: f(m).conv2d(x, w, b, (2, 1), 1, groups=3), DEEP),
    Row("conv2d same", lambda m, x, w, b: f(m).conv2d(x, w, b, padding="same"), SMALL),
    Row("conv2d valid", lambda m, x, w, b: f(m).conv2d(x, w, b, padding="valid"), SMALL),
    Row("conv1d", lambda m, x, w, b: f(m).conv1d(x, w, b, 2, 1), LINE),
    Row("conv1d same", lambda m, x, w, b: f(m).conv1d(x, w, b, padding="same", dilation=2), LINE),
    Row("conv3d", lambda m, x, w, b: f(m).conv3d(x, w, b, (1, 2, 1), (0, 1, 1)), BOX),
    Row("conv_transpose2d", lambda m, x, w, b: f(m).conv_transpose2d(x, w, b), ACROSS),
    Row("transpose stride", lambda m, x, w, b: f(m).conv_transpose2d(x, w, b, 2, 1, 1), ACROSS),
    Row(
        "transpose wide",
        lambda m, x, w, b: f(m).conv_transpose2d(x, w, b, (3, 1), (0, 1), (2, 1), 1, (1, 2)),
        ACROSS,
    ),
    Row(
        "transpose groups",
        lambda m, x, w, b: f(m).conv_transpose2d(x, w, b, 2, groups=2),
        ACROSS_GROUPS,
    ),
    Row(
        "conv_transpose1d",
        lambda m, x, w, b: f(m).conv_transpose1d(x, w, b, 2, 1, 1, 1, 1),
        ACROSS_LINE,
    ),
]
POOLS = [
    Row("avg_pool2d", lambda m, x: f(m).avg_pool2d(x, 2), PICTURES),
    Row("avg_pool2d pad", lambda m, x: f(m).avg_pool2d(x, 3, 2, 1), PICTURES),
    Row("avg ceil", lambda m, x: f(m).avg_pool2d(x, (2, 3), 2, 1, True, False), PICTURES),
    Row("avg ceil pad", lambda m, x: f(m).avg_pool2d(x, (2, 3), (3, 2), (1, 0), True), PICTURES),
    Row("avg divisor", lambda m, x: f(m).avg_pool2d(x, 2, 1, 1, divisor_override=3), PICTURES),
    Row("avg_pool1d", lambda m, x: f(m).avg_pool1d(x, 3, 2, 1), SEQUENCES),
    Row("avg_pool1d bare", lambda m, x: f(m).avg_pool1d(x, 2, 1, 1, True, False), SEQUENCES),
    Row("adaptive avg", lambda m, x: f(m).adaptive_avg_pool2d(x, (2, 3)), PICTURES),
    Row("adaptive avg 1", lambda m, x: f(m).adaptive_avg_pool2d(x, 1), PICTURES),
    Row("adaptive avg up", lambda m, x: f(m).adaptive_avg_pool2d(x, (7, None)), PICTURES),
    Row("adaptive avg 1d", lambda m, x: f(m).adaptive_avg_pool1d(x, 4), SEQUENCES),
    Row("unfold", lambda m, x: f(m).unfold(x, 2), PICTURES),
    Row("unfold all", lambda m, x: f(m).unfold(x, (2, 3), (2, 1), (1, 2), (1, 3)), PICTURES),
    Row("fold", lambda m, x: f(m).fold(x, (3, 4), 2), COLUMNS),
    Row(
        "fold all",
        lambda m, x: f(m).fold(x, (3, 6), 2, (2, 1), 1, (1, 3)),
        fixed(((2, 4, 9),)),
    ),
]
MAXIMA = [
    Row("max_pool2d", lambda m, x: f(m).max_pool2d(x, 2), PICTURES, distinct),
    Row("max overlap", lambda m, x: f(m).max_pool2d(x, 3, 1, 1), PICTURES, distinct),
    Row("max strides", lambda m, x: f(m).max_pool2d(x, (2, 3), (1, 2), (1, 0)), PICTURES, distinct),
    Row("max dilation", lambda m, x: f(m).max_pool2d(x, 2, 1, 1, (2, 3)), PICTURES, distinct),
    Row("max dilated steps", lambda m, x: f(m).max_pool1d(x, 2, 2, 0, 2), LONG, distinct),
    Row("max ceil", lambda m, x: f(m).max_pool2d(x, 2, 3, 1, ceil_mode=True), PICTURES, distinct),
    Row("max_pool1d", lambda m, x: f(m).max_pool1d(x, 3, 2, 1), SEQUENCES, distinct),
    Row("adaptive max", lambda m, x: f(m).adaptive_max_pool2d(x, (2, 3)), PICTURES, distinct),
    Row("adaptive max 1d", lambda m, x: f(m).adaptive_max_pool1d(x, 4), SEQUENCES, distinct),
]
ROWS = [*CONVS, *POOLS, *MAXIMA]
every_row = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)


pytestmark = pytest.mark.usefixtures("quiet")
TIGHT = {"rtol": 1e-09, "atol": 1e-11}


@every_row
def test_derivatives_by_differences_and_on_ducks(row):
    check_examples(row)


@every_row
def test_values_and_three_derivatives_are_torchs(row):
    extra = row.name in ("transpose stride", "transpose wide", "conv_transpose1d")
    for arrays in row.examples():  # PyTorch has no third derivative with output_padding
        check_like_torch(row, arrays, 2 if extra else 3, **TIGHT)


# Random configurations


MANY = hypothesis.settings(QUICK, max_examples=40)


@st.composite
def settings(draw, n):
    """Channels, sizes and all settings of a convolution over n dimensions."""
    groups, a, b = draw(st.integers(1, 3)), draw(st.integers(1, 2)), draw(st.integers(1, 2))

    def numbers(low, high):
        return tuple(draw(st.lists(st.integers(low, high), min_size=n, max_size=n)))

    found = {"stride": numbers(1, 3), "padding": numbers(0, 3), "dilation": numbers(1, 3)}
    sizes, kernel = numbers(1, 7), numbers(1, 4)
    return draw(st.integers(1, 3)), groups, a, b, sizes, kernel, found


def draws(*shapes):
    rng = np.random.default_rng(len(repr(shapes)))
    return [rng.standard_normal(shape) for shape in shapes]


def both(name, call, arrays):
    """The same call with both packages: values and first derivatives."""
    row = Row(name, call, fixed(tuple(a.shape for a in arrays)))
    check_like_torch(row, arrays, 1, **TIGHT)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_any_convolution_is_torchs_and_its_twin(n):
    @MANY
    @given(settings(n))
    def check(drawn):
        batch, groups, a, b, sizes, kernel, named = drawn
        room = zip(sizes, kernel, named["padding"], named["dilation"], strict=True)
        assume(all(s + 2 * p >= d * (k - 1) + 1 for s, k, p, d in room))
        arrays = draws((batch, groups * a, *sizes), (groups * b, a, *kernel), (groups * b,))
        name = f"conv{n}d"
        both(name, lambda m, *t: getattr(f(m), name)(*t, groups=groups, **named), arrays)
        twin(name, arrays, named, groups)
        twin(name, arrays[:2], named, groups)

    check()


def twin(name, arrays, named, groups):
    """The fast convolution and the one of slices: values, first and second derivatives."""

    def simple(m, x, w, b=None):
        return convolution.convolution_simple(x, w, b, *named.values(), groups)

    def fast(m, *tensors):
        return getattr(f(m), name)(*tensors, groups=groups, **named)

    rows = [Row(name, call, fixed()) for call in (fast, simple)]
    one, two = (derivatives(mytorch, row, arrays, 2) for row in rows)
    for xs, ys in zip(one, two, strict=True):
        for x, y in zip(xs, ys, strict=True):
            if x is not None and y is not None:
                alike(x, y, name)


@pytest.mark.parametrize("n", [1, 2])
def test_any_transposed_convolution_is_torchs(n):
    @MANY
    @given(settings(n), st.integers(0, 2))
    def check(drawn, extra):
        batch, groups, a, b, sizes, kernel, named = drawn
        pairs = zip(named["stride"], named["dilation"], strict=True)
        assume(all(extra < max(pair) for pair in pairs))
        rows = zip(sizes, kernel, *named.values(), strict=True)
        assume(all((z - 1) * s - 2 * p + d * (k - 1) + extra >= 0 for z, k, s, p, d in rows))
        arrays = draws((batch, groups * a, *sizes), (groups * a, b, *kernel), (groups * b,))
        name, named = f"conv_transpose{n}d", {**named, "output_padding": extra, "groups": groups}
        both(name, lambda m, *t: getattr(f(m), name)(*t, **named), arrays)

    check()


@pytest.mark.parametrize("ceil_mode", [False, True])
def test_any_pool_is_torchs(ceil_mode):
    rng = np.random.default_rng(3)
    for _ in range(60):
        kernel, stride = rng.integers(1, 5, 2).tolist(), rng.integers(1, 4, 2).tolist()
        padding = [int(rng.integers(0, k // 2 + 1)) for k in kernel]
        x = distinct(rng, (2, 2, *(rng.integers(0, 4, 2) + kernel)))
        sizes = kernel, stride, padding
        both("max", lambda m, t, s=sizes: f(m).max_pool2d(t, *s, ceil_mode=ceil_mode), [x])
        for include in (True, False):
            rest = {"ceil_mode": ceil_mode, "count_include_pad": include}
            both("avg", lambda m, t, s=sizes, r=rest: f(m).avg_pool2d(t, *s, **r), [x])
        values, index = F.max_pool2d(
            mytorch.from_numpy(x), *sizes, ceil_mode=ceil_mode, return_indices=True
        )
        same = torch.nn.functional.max_pool2d(
            torch.from_numpy(x), *sizes, ceil_mode=ceil_mode, return_indices=True
        )
        alike(values, same[0], "max"), alike(index, same[1], "indices")


def test_the_maxima_of_single_pixels_are_their_own_memory():
    x = mytorch.ones(1, 1, 2, 2)
    F.max_pool2d(x, 1).mul_(0)
    assert (x == 1).all()


def test_adaptive_maxima_say_where():
    x = distinct(np.random.default_rng(0), (2, 3, 7, 5))
    for wanted in (3, (2, 5), (None, 4), 9, 0):
        ours = F.adaptive_max_pool2d(mytorch.from_numpy(x), wanted, return_indices=True)
        theirs = torch.nn.functional.adaptive_max_pool2d(
            torch.from_numpy(x), wanted, return_indices=True
        )
        for a, b in zip(ours, theirs, strict=True):
            alike(a, b, str(wanted))


def test_of_equal_maxima_the_first_gets_the_gradient():
    for m in (mytorch, torch):
        x = m.zeros(1, 1, 4, 4, requires_grad=True)
        f(m).max_pool2d(x, 3, 1).sum().backward()
        assert x.grad.tolist() == [[[[1, 1, 0, 0], [1, 1, 0, 0], [0] * 4, [0] * 4]]]


def test_fold_adds_up_what_unfold_repeats():
    x = mytorch.randn(2, 3, 6, 5)
    ones = mytorch.ones(2, 3, 6, 5)
    there = [F.fold(F.unfold(t, 3, padding=1), (6, 5), 3, padding=1) for t in (x, ones)]
    np.testing.assert_allclose((there[0] / there[1]).data, x.data, rtol=1e-5)


def test_the_transposed_convolution_is_the_transpose():
    """<conv(x), y> = <x, conv_transpose(y)>, for any x and y."""
    x, w = mytorch.randn(1, 2, 8, 7).double(), mytorch.randn(3, 2, 3, 2).double()
    y = F.conv2d(x, w, None, (2, 3), 1)
    z = mytorch.randn(*y.shape).double()
    back = F.conv_transpose2d(z, w, None, (2, 3), 1, (1, 1))
    assert back.shape == x.shape
    np.testing.assert_allclose((y * z).sum().item(), (x * back).sum().item())


# The fast way


def test_a_window_knows_where_its_places_look():
    """Of stride 2: even pixels are seen by the middle place, odd ones by the two outer ones."""
    window = convolution.Window((28, 28), (3, 3), (2, 2), (1, 1), (1, 1))
    assert window.out == (14, 14) and window.axes == [(14, 2, [-1, 0, 1])] * 2
    even = slice(0, None, 2), [1], (14, 1, [0])
    odd = slice(1, None, 2), [2, 0], (14, 1, [0, 1])
    pairs = itertools.product((even, odd), repeat=2)
    assert window.phases == [tuple(zip(*pair, strict=True)) for pair in pairs]


def test_a_place_knows_which_windows_have_a_pixel_there():
    assert convolution.within(5, 5, 1, -1) == (slice(1, 5), slice(0, 4, 1))
    assert convolution.within(5, 5, 1, 2) == (slice(0, 3), slice(2, 5, 1))
    assert convolution.within(5, 3, 2, -1) == (slice(1, 3), slice(1, 5, 2))
    assert convolution.within(2, 4, 1, 7) == (slice(0, 0), slice(7, 7, 1))
    assert convolution.within(1, 3, 1, -7) == (slice(7, 7), slice(0, 0, 1))


def test_without_a_stride_rows_are_added_up():
    """Rows of windows that see no pixel are left out."""
    once, twice = (9, 1, [-1, 0, 1]), (4, 2, [-1, 0, 1])
    wide, none = (9, 1, [-3, -1, 1]), (9, 1, [])
    for axes, shifts, first, rows in [
        ([once, once], [0, 1, 2], (11, 1, [-1]), range(1, 10)),
        ([once, twice], [0, 1, 2], (11, 1, [-1]), range(1, 10)),
        ([wide], [0, 2, 4], (13, 1, [-3]), range(3, 12)),
        ([twice, once], [0], twice, range(4)),
        ([none, once], [0], none, range(0)),
        ([once, none], [0, 1, 2], (11, 1, [-1]), range(0)),
    ]:
        plan = convolution.Plan((9,) * len(axes), axes, 1, 16, 16)
        assert plan.shifts == shifts and plan.axes[0] == first
        assert plan.rows == rows


def test_rows_of_products_find_their_rows():
    """Row r of windows belongs to row r - shift of the result."""
    assert convolution.overlap(range(2, 6), 0, 9) == (slice(2, 6), slice(0, 4))
    assert convolution.overlap(range(2, 6), 3, 9) == (slice(0, 3), slice(1, 4))
    assert convolution.overlap(range(8, 11), 1, 9) == (slice(7, 9), slice(0, 2))
    assert convolution.overlap(range(2), 4, 9)[0] == slice(0, 0)


def test_thin_products_are_cut():
    assert [c.stop for c in convolution.cuts(5000, 500)] == [2000, 4000, 5000]
    assert list(convolution.cuts(5000, 2000)) == [slice(0, 5000)]
    assert list(convolution.cuts(5000, 0)) == [slice(0, 5000)]
    assert list(convolution.cuts(0, 10)) == []


def test_rows_of_a_matrix_do_not_crowd():
    """Powers of two apart, they would share their lines of the cache."""
    for sizes in [(32, 32, 4), (3, 5), (16,), ()]:
        x = convolution.spaced(np.zeros(1, np.float32), (2, 3), sizes)
        assert x.shape == (2, 3, *sizes) and x.dtype == np.float32
        assert x.strides[1] % 128 >= 64


CUT = [((5, 4, 9, 8), (6, 2, 3, 3), 2, 2), ((3, 4, 40, 5), (6, 2, 3, 3), 1, 2)]


@pytest.mark.parametrize("shape, filters, stride, groups", CUT)
def test_portions_give_the_same(shape, filters, stride, groups):
    """Pictures and rows are taken in portions: any budget, one result."""
    x, w, b = draws(shape, filters, filters[:1])

    def run():
        leaves = [leaf(mytorch, a) for a in (x, w, b)]
        y = F.conv2d(*leaves, stride=stride, padding=1, groups=groups)
        (y * y).sum().backward()
        return [y.data, *[t.grad.data for t in leaves]]

    expected = run()
    for budget in (1, 1000, 4000, 20000):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(convolution, "BUDGET", budget)
            for a, e in zip(run(), expected, strict=True):
                np.testing.assert_allclose(a, e, rtol=1e-12, atol=1e-12)


def portions_within(budget, run):
    """Return the bytes of all columns that are made for a call."""
    sizes, columns_of = [], convolution.Plan.columns

    def watched(plan, x):
        for rows, images, columns in columns_of(plan, x):
            sizes.append(columns.nbytes)
            yield rows, images, columns

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(convolution, "BUDGET", budget)
        patch.setattr(convolution.Plan, "columns", watched)
        run()
    return sizes


@pytest.mark.parametrize("groups", [1, 2])
def test_copied_columns_fill_the_budget_and_no_more(groups):
    """With stride 2, a row is 4 windows of 8 bytes: 4 channels, 9 places, and 6 products."""
    x, w = draws((5, 4 * groups, 8, 8), (6 * groups, 4, 3, 3))
    window = convolution.Window((8, 8), (3, 3), (2, 2), (1, 1), (1, 1))
    columns, row = 36 * 32 * groups, 42 * 32 * groups

    def run():
        convolution.correlate(x, w, None, window, groups)

    found = {1: [1] * 20, row - 1: [1] * 20, 3 * row: [3] * 4 + [2] * 4, 8 * row: [5] * 4}
    found |= {12 * row - 1: [10, 10], 15 * row: [15, 5], 10**9: [20]}
    for budget, many in found.items():
        assert portions_within(budget, run) == [n * columns for n in many]


def test_columns_with_sums_fill_the_budget_and_no_more():
    """A row is 8 windows of 8 bytes: 4 channels, 3 places, 3 * 6 products."""
    x, tall, w = draws((5, 4, 8, 8), (2, 4, 40, 8), (6, 4, 3, 3))
    columns, row = 12 * 64, 30 * 64

    def run(x=x):
        window = convolution.Window(x.shape[2:], (3, 3), (1, 1), (1, 1), (1, 1))
        convolution.correlate(x, w, None, window, 1)

    for budget, many in [(1, [1] * 40), (20 * row, [20, 20]), (10**9, [40])]:
        assert portions_within(budget, run) == [n * columns for n in many]
    for budget, many in [(1, [1] * 80), (12 * row, [12] * 6 + [8]), (84 * row, [80])]:
        assert portions_within(budget, lambda: run(tall)) == [n * columns for n in many]


def test_columns_of_a_gradient_fill_the_budget_and_no_more():
    """With stride 2, the phases have 1, 2, 2, 4 of the places: of these, 1 or 2 in a row."""
    g, w = draws((3, 6, 4, 4), (6, 4, 3, 3))
    window = convolution.Window((8, 8), (3, 3), (2, 2), (1, 1), (1, 1))

    def run():
        assert convolution.spread(g, w, None, window, 1).shape == (3, 4, 8, 8)

    one = 6 * 4 * 8  # bytes: a row of a phase, a place; with products of 4 channels
    places = [1, 2, 1, 2]
    assert portions_within(10**9, run) == [3 * 4 * p * one for p in places]
    cost = [(rows * 4 + p * 6) * 32 for rows, p in zip((1, 1, 2, 2), places, strict=True)]
    many = [[3] * 4, [2] * 4 + [1, 1, 1, 1], [3] * 4, [2] * 4 + [1, 1, 1, 1]]
    budget = 3 * cost[2]
    assert [budget // c for c in cost] == [4, 2, 3, 2]
    many = [[3] * 4, [2] * 4 + [2, 2], [3] * 4, [2] * 4 + [2, 2]]
    expected = [n * p * one for p, row in zip(places, many, strict=True) for n in row]
    assert portions_within(budget, run) == expected


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_dtypes_stay(dtype, monkeypatch):
    seen = set()
    empty_like = np.empty_like

    def watched(x, **named):
        seen.add(x.dtype.name)
        return empty_like(x, **named)

    monkeypatch.setattr(np, "empty_like", watched)
    x, w, b = (leaf(mytorch, a.astype(dtype)) for a in draws((2, 2, 6, 6), (4, 2, 3, 3), (4,)))
    y = F.avg_pool2d(F.max_pool2d(F.conv2d(x, w, b, padding=1), 2), 3, 1, 1)
    y = y + F.adaptive_avg_pool2d(y, (2, 2)).sum()
    y.sum().backward()
    assert {t.dtype for t in (y, x.grad, w.grad, b.grad)} == {np.dtype(dtype)}
    assert seen == {"float32" if dtype == "float16" else dtype} | {dtype}


def test_half_is_torchs():
    x, w = (a.astype("float16") for a in draws((1, 2, 5, 5), (3, 2, 3, 3)))
    ours = F.conv2d(mytorch.from_numpy(x), mytorch.from_numpy(w))
    theirs = torch.nn.functional.conv2d(torch.from_numpy(x), torch.from_numpy(w))
    np.testing.assert_allclose(ours.data, theirs.numpy(), rtol=2e-3, atol=2e-3)


def test_results_can_be_viewed():
    """PyTorch's are in order, so that `view` works on them; ours are put in order for it."""
    x, w = mytorch.randn(2, 3, 8, 8), mytorch.randn(3, 3, 3, 3)
    for shape in ((2, -1), (-1,), (6, -1)):
        for y in (F.conv2d(x, w, padding=1), F.conv_transpose2d(x, w, stride=2)):
            assert y.is_contiguous() and y.contiguous() is y and y.relu().is_contiguous()
            values = y.data.copy()
            z = y.view(*shape)
            np.testing.assert_array_equal(z.data.ravel(), values.ravel())
            assert np.may_share_memory(z.data, y.data) and y.is_contiguous()
            z[0] = 7
            assert y[0, 0, 0, 0].item() == 7
            y.zero_()
            assert (z == 0).all()
    with pytest.raises(RuntimeError, match="view size is not compatible"):
        F.conv2d(x, w).permute(0, 2, 3, 1).view(2, -1)
    with pytest.raises(RuntimeError, match="view size is not compatible"):
        F.conv2d(x, w)[:, :, 1:].view(2, -1)


def test_a_viewed_result_has_the_gradient():
    x, w = mytorch.randn(2, 3, 8, 8), mytorch.randn(3, 3, 3, 3, requires_grad=True)
    F.conv2d(x, w).relu().view(2, -1).square().sum().backward()
    expected, w.grad = w.grad, None
    F.conv2d(x, w).relu().reshape(2, -1).square().sum().backward()
    np.testing.assert_array_equal(w.grad.data, expected.data)


def test_pictures_are_side_by_side():
    x, w = mytorch.randn(4, 3, 8, 8), mytorch.randn(5, 3, 3, 3)
    y = F.conv2d(x, w, padding=1)
    for t in (y, y.relu(), F.max_pool2d(y, 2), F.conv2d(y, mytorch.randn(2, 5, 1, 1))):
        assert np.moveaxis(t.data, 0, -1).flags.c_contiguous


def test_pools_take_a_gradient_in_any_order():
    x = mytorch.randn(4, 3, 8, 8)
    for stride in (1, 2):
        grads = []
        for order in ("C", "F"):
            leaf = mytorch.from_numpy(np.copy(x.data)).requires_grad_()
            y = F.max_pool2d(leaf, 2, stride)
            g = np.arange(y.numel(), dtype=np.float32).reshape(y.shape)
            y.backward(mytorch.from_numpy(np.copy(g, order=order)))
            grads.append(leaf.grad.data)
        np.testing.assert_array_equal(*grads)


def test_memory_does_not_grow_with_the_kernel():
    """The columns of all pictures would be 25 times the input: 77 MB."""
    x, w = mytorch.randn(64, 12, 32, 32, requires_grad=True), mytorch.randn(12, 12, 5, 5)
    tracemalloc.start()
    F.conv2d(x, w, padding=2).sum().backward()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * x.data.nbytes


def test_a_change_in_place_is_noticed():
    x, w = mytorch.randn(1, 1, 4, 4), mytorch.randn(1, 1, 3, 3, requires_grad=True)
    y = F.conv2d(x, w)
    x.mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()


def test_strange_layouts():
    """Pictures with the channels last, and a gradient that is one number everywhere."""
    x = np.random.default_rng(0).standard_normal((2, 5, 6, 3)).transpose(0, 3, 1, 2)
    w = np.random.default_rng(1).standard_normal((3, 3, 3, 4)).T
    both("strange", lambda m, a, b: f(m).conv2d(a, b, padding=1), [x, w])


def test_nothing_in_nothing_out():
    for m in (mytorch, torch):
        assert f(m).conv2d(m.ones(1, 0, 5, 5), m.ones(2, 0, 3, 3)).abs().sum() == 0
        x, w = m.ones(0, 2, 4, 4, requires_grad=True), m.ones(3, 2, 3, 3, requires_grad=True)
        y = f(m).conv2d(x, w)
        y.sum().backward()
        assert tuple(y.shape) == (0, 3, 2, 2) and w.grad.abs().sum() == 0


# Errors


def said(error):
    text = re.sub(r"torch\.Size\((\[[\d, ]*\])\)", r"\1", str(error))
    return type(error).__name__, re.sub(r"[\s()\[\]]", "", text.replace("mytorch", "torch"))


def answer(scenario, m):
    try:
        out = scenario(m)
    except Exception as error:
        return said(error)
    return tuple(out.shape)


def conv(*shapes, name="conv2d", **named):
    return lambda m: getattr(f(m), name)(*[m.ones(*s) for s in shapes], **named)


def transposed(*shapes, **named):
    return conv(*shapes, name="conv_transpose2d", **named)


X, W = (1, 3, 5, 5), (2, 3, 3, 3)
SAME = [
    conv(X, (2, 4, 3, 3)),
    conv(X, (4, 2, 3, 3), groups=2),
    conv((1, 4, 5, 5), (3, 2, 3, 3), groups=2),
    conv(X, (2, 3, 7, 7)),
    conv((1, 3, 2, 5), (2, 3, 5, 3), padding=1),
    conv(X, W, dilation=3),
    conv((3, 5), W),
    conv((1, 1, 3, 5, 5), W),
    conv((5,), (2, 3, 3), name="conv1d"),
    conv((3, 5), (2, 3, 3, 3, 3), name="conv3d"),
    conv(X[1:], W),
    conv(X, W, (3,)),
    conv(X, W, (2, 1)),
    conv(X, W, stride=0),
    conv(X, W, stride=(1, -1)),
    conv(X, W, padding=-1),
    conv(X, W, groups=0),
    conv(X, W, stride=(1, 1, 1)),
    conv(X, W, padding=(1, 1, 1)),
    conv(X, W, dilation=[1, 1, 1]),
    conv(X, W, stride=(1,)),
    conv(X, W, padding="same", stride=2),
    conv(X, W, padding="full"),
    conv(X, (2, 3, 2, 4), padding="same", dilation=(3, 1)),
    conv(X, (0, 3, 3, 3)),
    conv((1, 3, 0, 5), (2, 3, 1, 1)),
    conv((1, 3, 0, 5), (2, 3, 1, 1), padding=1),
    conv((0, 3, 5, 5), W),
    transposed(X, (4, 2, 3, 3)),
    transposed((1, 4, 5, 5), (4, 2, 3, 3), groups=3),
    transposed((1, 4, 5, 5), (4, 2, 3, 3), (4,)),
    transposed((1, 4, 5, 5), (4, 2, 3, 3), output_padding=-1),
    transposed((1, 4, 1, 1), (4, 2, 3, 3), padding=2),
    transposed((4, 5), (4, 2, 3, 3)),
    transposed((0, 4, 5, 5), (4, 2, 3, 3)),
    lambda m: f(m).max_pool2d(m.ones(1, 1, 5, 5), 2, padding=2),
    lambda m: f(m).max_pool2d(m.ones(1, 1, 5, 5), 2, padding=-1),
    lambda m: f(m).max_pool2d(m.ones(1, 1, 5, 5), 6),
    lambda m: f(m).max_pool2d(m.ones(1, 0, 5, 5), 2),
    lambda m: f(m).max_pool2d(m.ones(1, 1, 0, 5), 2),
    lambda m: f(m).max_pool2d(m.ones(1, 1, 5, 5), 2, 0),
    lambda m: f(m).max_pool2d(m.ones(0, 1, 5, 5), 2),
    lambda m: f(m).max_pool2d(m.ones(1, 1, 5, 5).long(), 2),
    lambda m: f(m).avg_pool2d(m.ones(1, 1, 5, 5), 2, padding=2),
    lambda m: f(m).avg_pool2d(m.ones(1, 1, 5, 5), (2, 3), padding=(0, 2)),
    lambda m: f(m).avg_pool2d(m.ones(1, 1, 5, 5), 6),
    lambda m: f(m).avg_pool2d(m.ones(1, 1, 1, 5, 5), 2),
    lambda m: f(m).avg_pool2d(m.ones(1, 1, 5, 5), 2, 0),
    lambda m: f(m).avg_pool2d(m.ones(1, 1, 5, 5), 2, divisor_override=0),
    lambda m: f(m).avg_pool1d(m.ones(1, 5), 7),
    lambda m: f(m).avg_pool1d(m.ones(1, 5), 2, padding=2),
    lambda m: f(m).adaptive_avg_pool2d(m.ones(5, 5), 2),
    lambda m: f(m).adaptive_avg_pool2d(m.ones(1, 1, 5, 5), (2, 2, 2)),
    lambda m: f(m).adaptive_avg_pool2d(m.ones(1, 1, 0, 7), 2),
    lambda m: f(m).adaptive_avg_pool2d(m.ones(1, 1, 5, 7), 0),
    lambda m: f(m).adaptive_avg_pool2d(m.ones(0, 1, 5, 7), 2),
    lambda m: f(m).adaptive_max_pool2d(m.ones(1, 1, 0, 7), 2),
    lambda m: f(m).adaptive_max_pool2d(m.ones(1, 1, 5, 7), (None, 9)),
    lambda m: f(m).unfold(m.ones(1, 1, 2, 5, 5), 2),
    lambda m: f(m).unfold(m.ones(1, 2, 5, 5), 6),
    lambda m: f(m).unfold(m.ones(1, 2, 5, 5), (2, 2, 2)),
    lambda m: f(m).unfold(m.ones(1, 0, 5, 5), 2),
    lambda m: f(m).unfold(m.ones(0, 2, 5, 5), 2),
    lambda m: f(m).fold(m.ones(1, 8, 15), (5, 5), 2),
    lambda m: f(m).fold(m.ones(1, 7, 16), (5, 5), 2),
    lambda m: f(m).fold(m.ones(1, 8, 4, 4), (5, 5), 2),
    lambda m: f(m).fold(m.ones(8, 16), 5, 2),
    lambda m: f(m).fold(m.ones(1, 8, 16), (5, 5, 5), 2),
    lambda m: f(m).fold(m.ones(1, 8, 16), (1, 1), 2),
    lambda m: f(m).dropout2d(m.ones(1, 2, 3, 3), 2.0),
]


@pytest.mark.parametrize("scenario", SAME)
def test_errors_are_torchs(scenario):
    assert answer(scenario, mytorch) == answer(scenario, torch)


KINDS = [
    (conv(X, (2, 3, 3)), "weight"),
    (conv(X, (2, 3, 0, 3)), "kernel size should be greater than zero"),
    (conv(X, W, dilation=0), "dilation should be greater than zero"),
    (transposed((1, 4, 5, 5), (4, 2, 3, 3), output_padding=1), "output padding must be smaller"),
    (lambda m: f(m).conv2d(m.ones(*X).double(), m.ones(*W)), "expected scalar type"),
    (lambda m: f(m).conv2d(m.ones(*X), m.ones(*W), m.ones(2).double()), "should be the same"),
    (lambda m: f(m).max_pool2d(m.ones(5, 5), 2), "3D or 4D"),
    (lambda m: f(m).max_pool2d(m.ones(1, 1, 5, 5), (2, 2, 2)), "kernel_size must either be"),
    (lambda m: f(m).avg_pool2d(m.ones(1, 1, 5, 5), 2, (2, 2, 2)), "stride must either be"),
    (lambda m: f(m).max_pool2d(m.ones(1, 1, 5, 5), 2, dilation=0), "dilation should be"),
    (lambda m: f(m).max_pool1d(m.ones(5), 2), "2D or 3D"),
    (lambda m: f(m).max_pool1d(m.ones(1, 5), 7), "output size"),
    (lambda m: f(m).max_pool1d(m.ones(1, 5), 2, padding=2), "at most half of"),
    (lambda m: f(m).adaptive_avg_pool2d(m.ones(1, 1, 5, 7), -1), "greater than or equal to 0"),
    (lambda m: f(m).adaptive_max_pool2d(m.ones(5, 5), 2), "Expected 3D or 4D"),
    (lambda m: f(m).unfold(m.ones(1, 2, 5, 5), 0), "kernel size should be greater than zero"),
    (lambda m: f(m).unfold(m.ones(1, 2, 5, 5), 2, stride=0), "stride should be greater than zero"),
    (lambda m: f(m).unfold(m.ones(1, 2, 5, 5), 2, padding=-1), "padding should be non-negative"),
    (lambda m: f(m).unfold(m.ones(1, 2, 5, 5).long(), 2), "not implemented for"),
    (lambda m: f(m).adaptive_avg_pool2d(m.ones(1, 1, 5, 5).long(), 2), "not implemented for"),
    (lambda m: f(m).dropout1d(m.ones(2, 2, 2, 2)), "Expected 2D or 3D input"),
]


@pytest.mark.parametrize("scenario, words", KINDS)
def test_errors_are_of_torchs_kind(scenario, words):
    """Where PyTorch's text names its own inner workings, ours is in other words."""
    ours, theirs = answer(scenario, mytorch), answer(scenario, torch)
    assert ours[0] == theirs[0], theirs
    assert re.sub(r"[\s()\[\]]", "", words) in ours[1], ours[1]


# Modules


MODULES = [
    lambda nn: nn.Conv2d(2, 4, 3),
    lambda nn: nn.Conv2d(2, 4, (3, 2), stride=2, padding=(1, 0), dilation=2, groups=2, bias=False),
    lambda nn: nn.Conv2d(2, 4, 3, padding="same", padding_mode="reflect"),
    lambda nn: nn.Conv2d(2, 4, 2, padding="same", padding_mode="circular"),
    lambda nn: nn.Conv2d(2, 4, (1, 5), padding=(0, 2), padding_mode="replicate"),
    lambda nn: nn.Conv2d(2, 1, (2, 3), padding=(1, 2), padding_mode="circular", stride=(2, 1)),
    lambda nn: nn.Conv2d(2, 2, 3, padding="valid", dilation=(1, 2)),
    lambda nn: nn.ConvTranspose2d(2, 3, 3, 2, 1, 1),
    lambda nn: nn.ConvTranspose2d(2, 4, (2, 3), 3, 0, (2, 0), 2, False, (2, 1)),
    lambda nn: nn.MaxPool2d(2),
    lambda nn: nn.MaxPool2d((3, 2), stride=(2, 1), padding=1, ceil_mode=True),
    lambda nn: nn.AvgPool2d(2),
    lambda nn: nn.AvgPool2d((3, 2), (2, 1), 1, True, False),
    lambda nn: nn.AdaptiveAvgPool2d(1),
    lambda nn: nn.AdaptiveAvgPool2d((None, 3)),
    lambda nn: nn.AdaptiveMaxPool2d((5, 2)),
    lambda nn: nn.Unfold(2),
    lambda nn: nn.Unfold((2, 3), dilation=1, padding=(1, 0), stride=2),
]
ON_LINES = [
    lambda nn: nn.Conv1d(4, 2, 3, 2, 1),
    lambda nn: nn.Conv1d(4, 2, 2, padding="same", padding_mode="replicate", groups=2),
    lambda nn: nn.ConvTranspose1d(4, 2, 3, 2, 1, 1),
    lambda nn: nn.MaxPool1d(3, 2),
    lambda nn: nn.AvgPool1d(3, 2, 1),
    lambda nn: nn.AvgPool1d(2),
    lambda nn: nn.AdaptiveAvgPool1d(3),
    lambda nn: nn.AdaptiveMaxPool1d(2),
    lambda nn: nn.Fold((3, 4), 2),
]


@pytest.mark.parametrize(
    "make, shape", [*((m, (2, 2, 7, 6)) for m in MODULES), *((m, (2, 4, 6)) for m in ON_LINES)]
)
def test_modules_print_and_compute_alike(make, shape):
    ours, theirs = make(mytorch.nn), make(torch.nn)
    assert repr(ours) == repr(theirs)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert p.shape == tuple(q.shape) and p.dtype == np.float32
        p.data[...] = q.detach().numpy()
    (x,) = draws(shape)
    x = x.astype("float32")
    for values in (x, x[0]):
        y, z = ours(mytorch.from_numpy(values)), theirs(torch.from_numpy(values))
        alike(y, z, repr(ours), rtol=1e-4, atol=1e-5)


def test_a_volume():
    ours, theirs = nn.Conv3d(2, 3, 2, 2, 1), torch.nn.Conv3d(2, 3, 2, 2, 1)
    assert repr(ours) == repr(theirs) and ours(mytorch.ones(1, 2, 4, 4, 4)).shape == (1, 3, 3, 3, 3)


FIRST = [
    (lambda nn: nn.Conv2d(8, 16, 5), 8 * 25),
    (lambda nn: nn.Conv2d(8, 16, 5, groups=4), 2 * 25),
    (lambda nn: nn.Conv1d(8, 16, 5), 8 * 5),
    (lambda nn: nn.ConvTranspose2d(8, 16, 5), 16 * 25),
    (lambda nn: nn.ConvTranspose2d(8, 16, 5, groups=4), 4 * 25),
]


@pytest.mark.parametrize("make, fan_in", FIRST)
def test_first_numbers_are_drawn_as_torchs(make, fan_in):
    """Uniform within one over the root of the fan-in, weights and bias alike."""
    bound = fan_in**-0.5
    for module in (make(mytorch.nn), make(torch.nn)):
        numbers = [array(p.detach()) for p in module.parameters()]
        assert all(np.abs(p).max() <= bound * 1.00001 for p in numbers)
        assert np.abs(numbers[0]).max() > 0.98 * bound
        assert abs(numbers[0].std() / bound - 3**-0.5) < 0.05


def test_init_knows_the_fan_of_filters():
    for name, bound in [("xavier_uniform_", (6 / (8 * 9 + 16 * 9)) ** 0.5)]:
        weight = nn.Conv2d(8, 16, 3).weight
        getattr(nn.init, name)(weight)
        assert 0.97 * bound < np.abs(weight.data).max() <= bound * 1.00001
    weight = nn.Conv2d(64, 64, 3).weight
    nn.init.kaiming_normal_(weight, mode="fan_out", nonlinearity="relu")
    assert abs(weight.data.std() - (2 / (64 * 9)) ** 0.5) < 0.001


BAD = [
    lambda nn: nn.Conv2d(3, 4, 3, groups=2),
    lambda nn: nn.Conv2d(4, 3, 3, groups=2),
    lambda nn: nn.Conv2d(4, 4, 3, groups=0),
    lambda nn: nn.Conv2d(4, 4, 3, padding="same", stride=2),
    lambda nn: nn.Conv2d(4, 4, 3, padding="same", stride=(1, 2)),
    lambda nn: nn.ConvTranspose2d(1, 1, 3, padding_mode="reflect"),
    lambda nn: nn.Dropout2d(-1),
]


@pytest.mark.parametrize("make", BAD)
def test_modules_refuse_what_makes_no_sense(make):
    errors = []
    for package in (mytorch.nn, torch.nn):
        with pytest.raises(ValueError) as error:
            make(package)
        errors.append(said(error.value))
    assert errors[0] == errors[1]


def test_an_unknown_padding_is_refused():
    """PyTorch lists what there is in the order of a set: another one in each run."""
    for package in (mytorch.nn, torch.nn):
        with pytest.raises(ValueError, match="Invalid padding string 'full', should be one of"):
            package.Conv2d(1, 1, 3, padding="full")
        with pytest.raises(ValueError, match="padding_mode must be one of"):
            package.Conv2d(1, 1, 3, padding_mode="mirror")


def test_reflection_needs_enough_to_reflect():
    for m in (mytorch, torch):
        layer = m.nn.Conv2d(1, 1, 5, padding=2, padding_mode="reflect")
        with pytest.raises(RuntimeError, match="Padding size should be less"):
            layer(m.ones(1, 1, 2, 2))


SIZES = [(10, 10), (1, 1, 9, 10), (9, 9), (13, 13), (10,), (8, 9)]


@pytest.mark.parametrize("size", SIZES)
def test_a_transposed_layer_is_told_its_output_size(size):
    def scenario(m):
        return m.nn.ConvTranspose2d(1, 1, 3, stride=2)(m.ones(1, 1, 4, 4), output_size=size)

    assert answer(scenario, mytorch) == answer(scenario, torch)


CLASSES = """Conv1d Conv2d Conv3d ConvTranspose1d ConvTranspose2d MaxPool1d MaxPool2d AvgPool1d
AvgPool2d AdaptiveAvgPool1d AdaptiveAvgPool2d AdaptiveMaxPool1d AdaptiveMaxPool2d Unfold Fold
Dropout1d Dropout2d""".split()


@pytest.mark.parametrize("name", CLASSES)
def test_arguments_of_modules_are_torchs(name):
    ours, theirs = (
        list(inspect.signature(getattr(m.nn, name).__init__).parameters.values())[1:]
        for m in (mytorch, torch)
    )
    assert [(p.name, p.default) for p in ours] == [(p.name, p.default) for p in theirs]


DOCUMENTED = {
    "conv2d": "input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1",
    "conv_transpose2d": "input, weight, bias=None, stride=1, padding=0, output_padding=0, "
    "groups=1, dilation=1",
    "avg_pool2d": "input, kernel_size, stride=None, padding=0, ceil_mode=False, "
    "count_include_pad=True, divisor_override=None",
    "max_pool2d": "input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, "
    "return_indices=False",
    "unfold": "input, kernel_size, dilation=1, padding=0, stride=1",
    "fold": "input, output_size, kernel_size, dilation=1, padding=0, stride=1",
    "dropout2d": "input, p=0.5, training=True, inplace=False",
    "adaptive_max_pool2d": "input, output_size, return_indices=False",
}


@pytest.mark.parametrize("name", DOCUMENTED)
def test_arguments_of_functions_are_as_documented(name):
    text = str(inspect.signature(getattr(F, name)))[1:-1]
    assert text == DOCUMENTED[name]


# Dropped channels


@pytest.mark.parametrize("name, shape", [("dropout2d", (50, 20, 3, 4)), ("dropout1d", (50, 20, 6))])
def test_whole_channels_go(name, shape):
    mytorch.manual_seed(0)
    x = mytorch.ones(*shape, requires_grad=True)
    y = getattr(F, name)(x, 0.25)
    planes = y.data.reshape(1000, -1)
    assert (planes == planes[:, :1]).all()
    assert set(np.unique(planes).round(5)) == {0, np.float32(4 / 3).round(5)}
    assert 0.2 < (planes[:, 0] == 0).mean() < 0.3
    y.sum().backward()
    np.testing.assert_allclose(x.grad.data, y.data)
    layer = getattr(nn, name.replace("d", "D", 1))(0.25)
    assert repr(layer) == f"{name.replace('d', 'D', 1)}(p=0.25, inplace=False)"
    assert layer.eval()(x) is x


def test_channels_of_one_picture():
    mytorch.manual_seed(1)
    y = F.dropout1d(mytorch.ones(200, 5))
    assert (y.data == y.data[:, :1]).all() and 60 < (y.data[:, 0] == 0).sum() < 140


# On ducks, whole networks


def test_a_network_on_ducks():
    net = nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(4, 4, 3, stride=2, groups=2),
        nn.AdaptiveAvgPool2d(2),
        nn.Flatten(),
        nn.Linear(16, 3),
    )
    x = np.random.default_rng(0).standard_normal((2, 1, 12, 12)).astype("float32")
    expected = net(mytorch.from_numpy(x)).data
    for p in net.parameters():
        p.data = Duck(p.data)
    y = net(OnDucks().from_numpy(x))
    y.sum().backward()
    assert all(isinstance(p.grad.data, Duck) for p in net.parameters())
    np.testing.assert_allclose(y.data.inner, expected, rtol=1e-5)


def test_means_of_maps_can_be_viewed():
    y = F.conv2d(mytorch.randn(4, 3, 6, 6), mytorch.randn(5, 3, 3, 3))
    for t in (
        y.mean((2, 3)),
        y.amax(3),
        F.avg_pool2d(y, 2),
        F.adaptive_avg_pool2d(y, 2),
        y.flatten(1),
    ):
        expected = t.data.copy().reshape(-1)
        np.testing.assert_array_equal(t.view(-1).data, expected)
    assert F.unfold(y, 2).is_contiguous()
    twice = mytorch.stack([y, y], 1), mytorch.cat([y, mytorch.ones(4, 1, 4, 4)], 1), y @ y
    for t in (*twice, y[None] * mytorch.ones(3, 1, 1, 1, 1)):
        np.testing.assert_array_equal(t.view(4, -1).data.ravel(), t.data.copy().ravel())
