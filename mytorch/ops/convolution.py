"""Windows that slide over pictures: convolution, its gradients, pooling.

Written in chapter 3.1.
"""

import functools
import itertools
import math

import numpy as np

from ..tensor import Tensor, op
from .indexing import added_at
from .pointwise import portions
from .shape import padded


def out_size(size, kernel, stride, padding, dilation):
    """Return how many places a window has along one dimension."""
    return (size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1


def parts(x, kernel, stride, dilation, out):
    """Yield, for each place in a window, what all windows have there: a view.

    kernel, stride, dilation, out (how many windows): a number for each dimension.
    """
    for place in itertools.product(*map(range, kernel)):
        rows = zip(place, stride, dilation, out, strict=True)
        yield x[(..., *[slice(i * d, i * d + n * s, s) for i, s, d, n in rows])]


def convolution_simple(input, weight, bias, stride, padding, dilation, groups):
    """Return a convolution, put together from slices and products of matrices."""
    kernel, (n, channels) = weight.shape[2:], input.shape[:2]
    sizes = zip(input.shape[2:], kernel, stride, padding, dilation, strict=True)
    out = tuple(out_size(*row) for row in sizes)
    x = padded(input, [(0, 0), (0, 0), *[(p, p) for p in padding]], 0)
    w = np.reshape(weight, (groups, -1, channels // groups, math.prod(kernel)))
    y = 0
    for k, part in enumerate(parts(x, kernel, stride, dilation, out)):
        part = np.reshape(part, (n, groups, channels // groups, math.prod(out)))
        y = y + w[..., k] @ part
    y = np.reshape(y, (n, len(weight), *out))
    return y if bias is None else y + np.reshape(bias, (-1,) + (1,) * len(out))


def places_of(size, kernel, stride, padding, dilation):
    """Return how many windows there are, their stride, and where their places look."""
    offsets = [i * dilation - padding for i in range(kernel)]
    return out_size(size, kernel, stride, padding, dilation), stride, offsets


def phases_of(size, kernel, stride, padding, dilation):
    """Yield which pixels, the places that see them, and, for these, as `places_of`."""
    for first in range(stride):
        ways = [(first + padding - k * dilation, k) for k in reversed(range(kernel))]
        ways = [(way // stride, k) for way, k in ways if way % stride == 0]
        axis = len(range(first, size, stride)), 1, [offset for offset, _ in ways]
        yield slice(first, None, stride), [k for _, k in ways], axis


class Window:
    """How a kernel slides over pictures of one size, and gradients back over them.

    axes: for each dimension how many windows there are, their stride, and offsets:
    at place i, window p looks at pixel p * stride + offsets[i]. phases: the pixels
    that different places see; of each which pixels, which places, and axes.
    """

    def __init__(self, sizes, kernel, stride, padding, dilation):
        self.sizes, self.kernel = sizes, kernel
        rows = list(zip(sizes, kernel, stride, padding, dilation, strict=True))
        self.axes = [places_of(*row) for row in rows]
        self.out = tuple(many for many, _, _ in self.axes)
        ways = itertools.product(*[phases_of(*row) for row in rows])
        self.phases = [tuple(zip(*way, strict=True)) for way in ways]


window_of = functools.lru_cache(256)(Window)

BUDGET = 2**19  # bytes of columns and products at a time: they stay in the cache


def within(size, many, stride, offset):
    """Return which windows have a pixel at a place; and which pixels these are."""
    first = max(0, -(offset // stride))
    last = max(first, min(many, (size - 1 - offset) // stride + 1))
    pixels = slice(first * stride + offset, last * stride + offset, stride)
    return slice(first, last), pixels


def looks_of(sizes, axes):
    """Return, for each place, an index of columns and one of the pixels for it."""
    found = [
        [within(size, many, stride, offset) for offset in offsets]
        for size, (many, stride, offsets) in zip(sizes, axes, strict=True)
    ]
    looks = [zip(*pairs, strict=True) for pairs in itertools.product(*found)]
    return [
        ((slice(None), k, ..., *into), (..., *pixels))
        for k, (into, pixels) in enumerate(looks)
    ]


class Plan:
    """What is copied before the product with a kernel, and what is added after it.

    axes: as in Window, of what is copied. shifts: by how many rows the products of the
    kernel's rows are apart; [0] if these are copied, too. rows: the sizes of a matrix.
    """

    def __init__(self, axes, groups, channels, out):
        (many, stride, offsets), *rest = axes
        self.axes, self.shifts, self.groups = axes, [0], groups
        copies = channels * math.prod(len(offsets) for _, _, offsets in axes)
        if stride == 1 and copies > out * len(offsets):
            self.shifts = [offset - offsets[0] for offset in offsets]
            self.axes = [(many + self.shifts[-1], 1, offsets[:1]), *rest]
        places = math.prod(len(offsets) for _, _, offsets in self.axes)
        self.shape = out, channels, len(self.shifts), places
        self.rows = len(self.shifts) * out, places * channels
        self.row = math.prod(many for many, _, _ in rest)  # how far on the next row is

    def matrix(self, weight):
        """Return weights as matrices: (groups, rows * out, places * channels)."""
        w = np.reshape(weight, (self.groups, *self.shape))
        w = np.transpose(w, (0, 3, 1, 4, 2))
        return np.reshape(w, (self.groups, *self.rows))

    def weight(self, matrix, kernel):
        """Return such matrices as weights: (groups * out, channels, *kernel)."""
        out, channels, rows, places = self.shape
        w = np.reshape(matrix, (self.groups, rows, out, places, channels))
        w = np.transpose(w, (0, 2, 4, 1, 3))
        return np.reshape(w, (self.groups * out, channels, *kernel))

    def columns(self, x):
        """Yield which pictures, which rows of windows, and columns for them.

        x: (groups, channels, pictures, ...). Where windows reach over the edge, zeros.
        """
        (many, stride, offsets), *rest = self.axes
        reach, head = self.shifts[-1], (self.groups, self.shape[-1], len(x[0]))
        cost = self.groups * sum(self.rows) * self.row * x.dtype.itemsize
        # each portion pays for `reach` rows more: it is large enough to make up for it
        most = max(4 * reach, BUDGET // max(cost, 1) - reach)
        for rows in portions(many - reach, 1, most):
            height, columns = rows.stop - rows.start + reach, None
            first = height, stride, [o + rows.start * stride for o in offsets]
            looks = looks_of(x.shape[3:], [first, *rest])
            for images in portions(x.shape[2], cost * height, BUDGET):
                part, n = x[:, :, images], images.stop - images.start
                if columns is None or columns.shape[3] != n:
                    sizes = n, height, *[many for many, _, _ in rest]
                    columns = np.zeros_like(x, shape=(*head, *sizes))
                for into, pixels in looks:
                    columns[into] = part[pixels]
                yield images, rows, columns

    def room(self, columns):
        """Return columns as matrices, an array for products, and views of the latter:
        pairs of which the second is to be added to the first; and then the result."""
        shape = self.groups, len(self.shifts), self.shape[0], *columns.shape[3:]
        products = np.empty_like(columns, shape=shape)
        rows = np.reshape(products, (*shape[:2], math.prod(shape[2:])))
        far = [shift * self.row for shift in self.shifts]
        pairs = [
            (rows[:, 0, : rows.shape[2] - f], rows[:, k, f:])
            for k, f in enumerate(far)
            if k
        ]
        result = products[:, 0, :, :, : shape[4] - self.shifts[-1]]
        return matrices(columns), matrices(products), pairs, result


def matrices(columns):
    """Return arrays (groups, a, b, ...) as matrices of a * b rows, one a group."""
    groups, a, b, *sizes = columns.shape
    return np.reshape(columns, (groups, a * b, math.prod(sizes)))


def by_group(x, groups):
    """Return a view of pictures: (groups, channels of a group, pictures, ...)."""
    n, channels, *sizes = x.shape
    return np.moveaxis(np.reshape(x, (n, groups, channels // groups, *sizes)), 0, 2)


def put_sums(y, x, weight, bias, axes, groups):
    """Put into `y` the products of every window with every filter, summed up."""
    out, channels = len(weight) // groups, weight.shape[1]
    plan, y, last = Plan(axes, groups, channels, out), by_group(y, groups), None
    matrix = plan.matrix(weight)
    bias = None if bias is None else np.reshape(bias, (groups, out, 1))
    for images, rows, columns in plan.columns(by_group(x, groups)):
        if columns is not last:  # the first, or smaller than the one before
            last, (flat, products, pairs, result) = columns, plan.room(columns)
        np.matmul(matrix, flat, out=products)
        if bias is not None:
            products[:, :out] += bias
        for total, more in pairs:
            np.add(total, more, out=total)
        y[:, :, images, rows] = result


def correlate(input, weight, bias, window, groups):
    """Return the convolution of pictures."""
    if isinstance(input, Tensor):
        return _convolution(input, weight, bias, window, groups)
    y = np.empty_like(input, shape=(len(input), len(weight), *window.out))
    put_sums(y, input, weight, bias, window.axes, groups)
    return y


def spread(g, weight, bias, window, groups):
    """Return the gradient of the input: each window gets its filters, times `g`."""
    if isinstance(g, Tensor):
        return _transposed(g, weight, bias, window, groups)
    o, channels, *kernel = weight.shape
    w = np.reshape(weight, (groups, o // groups, channels, *kernel))
    w = np.reshape(np.swapaxes(w, 1, 2), (groups * channels, o // groups, *kernel))
    y = np.empty_like(g, shape=(len(g), groups * channels, *window.sizes))
    for pixels, places, axes in window.phases:
        part = w
        for axis, found in enumerate(places, 2):
            part = np.take(part, found, axis)
        put_sums(y[(..., *pixels)], g, part, bias, axes, groups)
    return y


def compare(input, g, window, groups):
    """Return the gradient of the weights: products of the windows with the gradient."""
    if isinstance(input, Tensor):
        return _compare(input, g, window, groups)
    o, channels = g.shape[1] // groups, input.shape[1] // groups
    plan, g, last = Plan(window.axes, groups, channels, o), by_group(g, groups), None
    total = np.zeros_like(g, shape=(groups, *plan.rows))
    for images, rows, columns in plan.columns(by_group(input, groups)):
        if columns is not last:
            last, flat = columns, np.swapaxes(matrices(columns), 1, 2)
            shape = groups, len(plan.shifts), o, *columns.shape[3:]
            wide, many = np.zeros_like(g, shape=shape), rows.stop - rows.start
        part = g[:, :, images, rows]
        for k, shift in enumerate(plan.shifts):
            wide[:, k, :, :, shift : shift + many] = part
        total += matrices(wide) @ flat
    return plan.weight(total, window.kernel)


def bias_grad(g):
    """Return the gradient of a bias, which is added to all of a channel."""
    return np.sum(g, axis=(0, *range(2, g.ndim)))


@op
def _convolution(input, weight, bias, window, groups):
    return correlate(input, weight, bias, window, groups), lambda g: (
        lambda: spread(g, weight, None, window, groups),
        lambda: compare(input, g, window, groups),
        lambda: bias_grad(g),
    )


@op
def _transposed(input, weight, bias, window, groups):
    return spread(input, weight, bias, window, groups), lambda g: (
        lambda: correlate(g, weight, None, window, groups),
        lambda: compare(g, input, window, groups),
        lambda: bias_grad(g),
    )


@op
def _compare(input, g, window, groups):
    return compare(input, g, window, groups), lambda h: (
        lambda: spread(g, h, None, window, groups),
        lambda: correlate(input, h, None, window, groups),
    )


def windows(x, frame):
    """Return what is in each window: (n, channels, places, windows along each ...)."""
    if isinstance(x, Tensor):
        return _windows(x, frame)
    places, out = math.prod(frame[0]), frame[-1]
    y = np.empty_like(x, shape=(*x.shape[:2], places, *out))
    for k, part in enumerate(parts(x, *frame)):
        y[:, :, k] = part
    return y


def overlaid(y, sizes, frame):
    """Put windows back to their places, and add up where they overlap."""
    if isinstance(y, Tensor):
        return _overlaid(y, sizes, frame)
    x = np.zeros_like(y, shape=(*y.shape[:2], *sizes))
    for k, part in enumerate(parts(x, *frame)):
        part += y[:, :, k]
    return x


@op
def _windows(input, frame):
    return windows(input, frame), lambda g: overlaid(g, input.shape[2:], frame)


@op
def _overlaid(input, sizes, frame):
    return overlaid(input, sizes, frame), lambda g: windows(g, frame)


def hits(x, y, frame):
    """Yield, for each place in a window, where the maximum `y` is found there first."""
    free = np.ones_like(y, dtype=bool)
    for part in parts(x, *frame):
        hit = (part == y) & free
        free ^= hit
        yield hit


def numbers_of(x, y, numbers, frame):
    """Return the number of the pixel that is the maximum of each window."""
    index = np.zeros_like(y, dtype=numbers.dtype)
    pairs = zip(parts(numbers, *frame), hits(x, y, frame), strict=True)
    for part, hit in pairs:
        index += part * hit
    return index


def handed_back(g, x, y, frame):
    """Return the gradient of the maxima: each goes to the pixel that was largest."""
    d = np.zeros_like(x)
    for part, hit in zip(parts(d, *frame), hits(x, y, frame), strict=True):
        part += g * hit
    return d


@op
def _max_pool(input, frame):
    x = input.data if isinstance(input, Tensor) else input
    first, *rest = parts(x, *frame)
    y = functools.reduce(np.maximum, rest, np.copy(first))

    def pullback(g):
        if not isinstance(g, Tensor):
            return handed_back(g, x, y, frame)
        planes, size = math.prod(x.shape[:2]), math.prod(x.shape[2:])
        numbers = np.reshape(np.arange(size, like=x), x.shape[2:])
        table = planes, math.prod(y.shape[2:])
        index = np.reshape(numbers_of(x, y, numbers, frame), table)
        rows = np.arange(planes, like=x)[:, None]
        like = np.reshape(x, (planes, size))
        return np.reshape(added_at(np.reshape(g, table), (rows, index), like), x.shape)

    return y, pullback
