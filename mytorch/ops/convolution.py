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
from .shape import batch_last, first_last, padded, room


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


def within(size, many, stride, offset):
    """Return which windows have a pixel at a place; and which pixels these are."""
    first = max(0, -(offset // stride))
    last = max(first, min(many, (size - 1 - offset) // stride + 1))
    pixels = slice(first * stride + offset, last * stride + offset, stride)
    return slice(first, last), pixels


def looks_of(sizes, axes):
    """Return, for each place, which windows have a pixel there, and which pixels."""
    found = [
        [within(size, many, stride, offset) for offset in offsets]
        for size, (many, stride, offsets) in zip(sizes, axes, strict=True)
    ]
    return [zip(*pairs, strict=True) for pairs in itertools.product(*found)]


def fill(columns, x, looks):
    """Put into columns (groups, places, channels, ...) what each place looks at."""
    every = slice(None), slice(None)
    for k, (into, pixels) in enumerate(looks):
        place = columns[:, k]
        inner = place[(*every, *into)]
        if inner.shape != place.shape:
            place[...] = 0
        inner[...] = x[(*every, *pixels)]


class Plan:
    """What is copied before the product with a kernel, and what is added after it.

    axes: as in Window, of what is copied. shifts: by how many rows the products of the
    kernel's rows are apart; [0] if these are copied, too. sides: those of a matrix.
    """

    def __init__(self, sizes, axes, groups, channels, out):
        (self.many, stride, offsets), *rest = axes
        self.sizes, self.axes, self.groups = sizes, axes, groups
        self.shifts, rows = [0], range(self.many)
        if stride == 1 and offsets:
            self.shifts = [offset - offsets[0] for offset in offsets]
            most = self.many + self.shifts[-1]
            self.axes = [(most, 1, offsets[:1]), *rest]
            rows = range(most)[within(sizes[0], most, 1, offsets[0])[0]]
        places = math.prod(len(offsets) for _, _, offsets in self.axes)
        self.rows = rows if places else range(0)
        self.shape = out, channels, len(self.shifts), places
        self.sides = len(self.shifts) * out, places * channels

    def matrix(self, weight):
        """Return weights as matrices: (groups, shifts * out, places * channels)."""
        w = np.reshape(weight, (self.groups, *self.shape))
        w = np.transpose(w, (0, 3, 1, 4, 2))
        return np.reshape(w, (self.groups, *self.sides))

    def weight(self, products, kernel):
        """Return (groups, shifts, places * channels, out) as weights."""
        out, channels, rows, places = self.shape
        w = np.reshape(products, (self.groups, rows, places, channels, out))
        w = np.transpose(w, (0, 4, 3, 1, 2))
        return np.reshape(w, (self.groups * out, channels, *kernel))

    def columns(self, x):
        """Yield which rows of windows, which pictures, and columns for them.

        x: (groups, channels, ..., pictures). columns: (groups, places, channels, rows,
        ..., pictures). The next portion is written over the last.
        """
        (_, stride, offsets), *rest = self.axes
        wide = [many for many, _, _ in rest]
        head = self.groups, self.shape[3], self.shape[1]
        cost = self.groups * sum(self.sides) * math.prod(wide) * x.dtype.itemsize
        for images in portions(x.shape[-1], cost, BUDGET):
            part, columns = x[..., images], None
            n = part.shape[-1]
            for some in portions(len(self.rows), cost * n, BUDGET):
                rows = self.rows[some]
                if columns is None or columns.shape[3] != len(rows):
                    columns = spaced(x, head, (len(rows), *wide, n))
                first = len(rows), stride, [o + rows[0] * stride for o in offsets]
                fill(columns, part, looks_of(self.sizes, [first, *rest]))
                yield rows, images, columns


BUDGET = 2**22  # bytes of columns and products at a time


def spaced(like, head, sizes):
    """Return an empty array (*head, *sizes), with a gap after each of `head`."""
    many = math.prod(sizes)
    wide = many | 16  # 64 bytes beyond a multiple of 128, at the least
    flat = np.empty_like(like, shape=(*head, wide), order="C")
    return np.reshape(flat[..., :many], (*head, *sizes))


def matrices(x):
    """Return arrays (groups, a, b, ...) as matrices of a * b rows, one a group."""
    groups, a, b, *sizes = x.shape
    return np.reshape(x, (groups, a * b, math.prod(sizes)))


SMALL = 10**6  # multiplications: these OpenBLAS makes without packing, given AVX-512


def overlap(rows, shift, many):
    """Return which of `many` rows get products of some rows; and which of these."""
    first = max(0, rows.start - shift)
    last = max(first, min(many, rows.stop - shift))
    away = shift - rows.start
    return slice(first, last), slice(first + away, last + away)


def cuts(length, cost):
    """Yield slices of products of a length: in short pieces, if they are thin."""
    short = SMALL // max(cost, 1)  # shorter ones would cost more calls than they save
    return portions(length, 1, short if short >= 512 else length)


def by_group(x, groups):
    """Return a view of pictures: (groups, channels of a group, ..., pictures)."""
    x = first_last(x)
    return np.reshape(x, (groups, len(x) // groups, *x.shape[1:]))


def packed(x, groups):
    """Return pictures by group, in this order in memory."""
    x = by_group(x, groups)
    return x if x.flags.c_contiguous else np.copy(x, order="C")


def put_sums(y, x, weight, bias, axes, groups):
    """Put into `y` the products of every window with every filter, summed up."""
    out, channels = len(weight) // groups, weight.shape[1]
    plan, y = Plan(x.shape[2:], axes, groups, channels, out), by_group(y, groups)
    ones = (1,) * len(axes)
    bias = 0 if bias is None else np.reshape(bias, (groups, out, *ones, 1))
    y[:, :, : plan.rows.start] = y[:, :, plan.rows.stop :] = bias  # no first products
    matrix, products = plan.matrix(weight), None
    for rows, images, columns in plan.columns(packed(x, groups)):
        if products is None or products.shape[3:] != columns.shape[3:]:
            shape = groups, len(plan.shifts), out
            products = spaced(x, shape, columns.shape[3:])
        flat, total = matrices(columns), matrices(products)
        for cut in cuts(flat.shape[2], matrix[0].size):
            np.matmul(matrix, flat[..., cut], out=total[..., cut])
        for k, shift in enumerate(plan.shifts):
            to, of = overlap(rows, shift, plan.many)
            part = y[:, :, to, ..., images]
            np.add(products[:, k, :, of], part if k else bias, out=part)


def correlate(input, weight, bias, window, groups):
    """Return the convolution of pictures."""
    if isinstance(input, Tensor):
        return _convolution(input, weight, bias, window, groups)
    y = batch_last(input, (len(input), len(weight), *window.out))
    put_sums(y, input, weight, bias, window.axes, groups)
    return y


def spread(g, weight, bias, window, groups):
    """Return the gradient of the input: each window gets its filters, times `g`."""
    if isinstance(g, Tensor):
        return _transposed(g, weight, bias, window, groups)
    o, channels, *kernel = weight.shape
    w = np.reshape(weight, (groups, o // groups, channels, *kernel))
    w = np.reshape(np.swapaxes(w, 1, 2), (groups * channels, o // groups, *kernel))
    y = batch_last(g, (len(g), groups * channels, *window.sizes))
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
    plan = Plan(window.sizes, window.axes, groups, channels, o)
    x, g = packed(input, groups), packed(g, groups)[:, None]
    total = np.zeros_like(g, shape=(groups, len(plan.shifts), plan.sides[1], o))
    for rows, images, columns in plan.columns(x):
        for k, shift in enumerate(plan.shifts):
            to, of = overlap(rows, shift, plan.many)
            seen = matrices(columns[:, :, :, of])
            slopes = np.swapaxes(matrices(g[:, :, :, to, ..., images]), 1, 2)
            for cut in cuts(seen.shape[2], total[0, 0].size):
                total[:, k] += seen[..., cut] @ slopes[:, cut]
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
    y = room(x, (*x.shape[:2], places, *out))
    for k, part in enumerate(parts(x, *frame)):
        y[:, :, k] = part
    return y


def overlaid(y, sizes, frame):
    """Put windows back to their places, and add up where they overlap."""
    if isinstance(y, Tensor):
        return _overlaid(y, sizes, frame)
    x = room(y, (*y.shape[:2], *sizes))
    x[...] = 0
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
    d, slopes = np.zeros_like(x), np.empty_like(y)
    slopes[...] = g  # in the order that the rest has in memory
    gaps = [s - far * (k - 1) for k, s, far in zip(*frame[:3], strict=True)]
    for part, hit in zip(parts(d, *frame), hits(x, y, frame), strict=True):
        if min(gaps) > 0:  # windows do not overlap
            np.multiply(slopes, hit, out=part)
        else:
            part += slopes * hit
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
