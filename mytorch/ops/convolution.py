"""Windows that slide over pictures: convolution, its gradients, pooling.

Written in chapter 3.1.
"""

import functools
import itertools
import math

import numpy as np

from ..tensor import Tensor, op
from .indexing import added_at
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


class Window:
    """How a kernel slides over pictures of one size: where each of its places looks.

    A picture, padded, is cut into phases: of stride 2, the even and the odd rows and
    columns. In a phase, laid out in one long row, the next window is one further on,
    and a place in the window is a shift.
    """

    def __init__(self, sizes, kernel, stride, padding, dilation):
        self.sizes, self.kernel = sizes, kernel
        rows = list(zip(sizes, kernel, stride, padding, dilation, strict=True))
        self.out = tuple(out_size(*row) for row in rows)
        reach = [d * (k - 1) // s for _, k, s, _, d in rows]
        self.phase = tuple(n + r for n, r in zip(self.out, reach, strict=True))
        self.row = math.prod(self.phase[1:])  # how far on the next row is
        self.size = self.phase[0] * self.row
        self.looks = []  # for each place in the kernel: (number of the phase, shift)
        numbers = {}
        for place in itertools.product(*map(range, kernel)):
            begins = [i * d for i, d in zip(place, dilation, strict=True)]
            phase = tuple(b % s for b, s in zip(begins, stride, strict=True))
            number = numbers.setdefault(phase, len(numbers))
            self.looks.append((number, self.shift(begins, stride)))
        self.phases = [self.slices(phase, stride, padding) for phase in numbers]
        self.most = max(shift for _, shift in self.looks)

    def shift(self, begins, stride):
        """Return how far a place in the window is from the first, in the long row."""
        shift = 0
        for begin, s, n in zip(begins, stride, self.phase, strict=True):
            shift = shift * n + begin // s
        return shift

    def slices(self, phase, stride, padding):
        """Return which part of a phase has pixels, not padding; and which pixels."""
        into, source = [], []
        rows = zip(self.sizes, self.phase, phase, stride, padding, strict=True)
        for size, n, a, s, p in rows:  # place i of the phase is pixel i * s + a - p
            first = -((a - p) // s)
            last = min(n, (size - 1 - a + p) // s + 1)
            into.append(slice(first, last))
            source.append(slice(first * s + a - p, last * s + a - p, s))
        return into, source


window_of = functools.lru_cache(256)(Window)

BUDGET = 2**21  # bytes of columns at a time: they stay in the cache


def portions(count, cost):
    """Yield slices of `count` things, each of which costs no more than the budget."""
    step = max(1, BUDGET // max(cost, 1))
    for i in range(0, count, step):
        yield slice(i, min(i + step, count))


def split(images, window):
    """Return the phases of padded pictures, channels first: long rows."""
    n, channels = images.shape[:2]
    shape = (len(window.phases), channels, n, window.size + window.row)
    flat = np.zeros_like(images, shape=shape)
    for k, (into, source) in enumerate(window.phases):
        phase = np.reshape(flat[k, ..., : window.size], (channels, n, *window.phase))
        phase[(..., *into)] = np.swapaxes(images[(..., *source)], 0, 1)
    return flat


def stacked(flat, looks, groups, rows, row):
    """Return parts of the long rows, each shifted, on top of each other: columns.

    rows: which rows of windows, each `row` long. The result is (groups, places *
    channels of a group, pictures * windows).
    """
    channels, n, size = flat.shape[1] // groups, *flat.shape[2:]
    flat = np.reshape(flat, (flat.shape[0], groups, channels, n, size))
    begin, length = rows.start * row, (rows.stop - rows.start) * row
    columns = np.empty_like(flat, shape=(groups, len(looks), channels, n, length))
    for k, (phase, shift) in enumerate(looks):
        columns[:, k] = flat[phase, ..., begin + shift : begin + shift + length]
    return np.reshape(columns, (groups, len(looks) * channels, n * length))


def columns_of(input, window, groups):
    """Yield which pictures, which rows of the result, and the columns for them."""
    cost = input.shape[1] * len(window.looks) * window.row * input.dtype.itemsize
    for images in portions(len(input), cost * window.out[0]):
        flat = split(input[images], window)
        for rows in portions(window.out[0], cost):
            yield images, rows, stacked(flat, window.looks, groups, rows, window.row)


def by_group(weight, groups):
    """Return the weights as matrices, one a group: (groups, out, places * in)."""
    o, channels = weight.shape[:2]
    w = np.reshape(weight, (groups, o // groups, channels, math.prod(weight.shape[2:])))
    return np.reshape(np.swapaxes(w, 2, 3), (groups, o // groups, -1))


def multiply(matrix, columns, target, row, inside):
    """Put products of matrices, cut to the part `inside`, into a part of a result.

    target: (pictures, channels, rows, ...). row: the sizes of what a row is now.
    """
    n, channels, rows = target.shape[:3]
    y = np.reshape(matrix @ columns, (channels, n, rows, *row))[(..., *inside)]
    target[...] = np.swapaxes(y, 0, 1)


def plus(y, bias):
    """Return pictures `y`, with a number for each channel added, if there is a bias."""
    if bias is not None:
        y += np.reshape(bias, (-1,) + (1,) * (y.ndim - 2))
    return y


def correlate(input, weight, bias, window, groups):
    """Return the products of every window with every filter, summed up."""
    if isinstance(input, Tensor):
        return _convolution(input, weight, bias, window, groups)
    y = np.empty_like(input, shape=(len(input), len(weight), *window.out))
    matrix = by_group(weight, groups)
    row, inside = window.phase[1:], tuple(map(slice, window.out[1:]))
    for images, rows, columns in columns_of(input, window, groups):
        multiply(matrix, columns, y[images, :, rows], row, inside)
    return plus(y, bias)


def widened(g, window, groups):
    """Return rows of gradients as wide as those of the phases, channels first."""
    n, channels, rows = g.shape[:3]
    shape = (channels, n, rows, *window.phase[1:])
    wide = np.zeros_like(g, shape=shape)
    wide[(..., *map(slice, window.out[1:]))] = np.swapaxes(g, 0, 1)
    return np.reshape(wide, (groups, channels // groups, n * rows * window.row))


def compare(input, g, window, groups):
    """Return the gradient of the weights: products of the windows with the gradient."""
    if isinstance(input, Tensor):
        return _compare(input, g, window, groups)
    o, channels, places = g.shape[1], input.shape[1] // groups, len(window.looks)
    total = np.zeros_like(g, shape=(groups, o // groups, places * channels))
    for images, rows, columns in columns_of(input, window, groups):
        wide = widened(g[images, :, rows], window, groups)
        total += wide @ np.swapaxes(columns, 1, 2)
    total = np.swapaxes(np.reshape(total, (o, places, channels)), 1, 2)
    return np.reshape(total, (o, channels, *window.kernel))


def framed(g, window):
    """Return gradients as one phase in long rows, with room for shifts before them."""
    n, channels = g.shape[:2]
    flat = np.zeros_like(g, shape=(channels, n, window.most + window.size))
    phase = np.reshape(flat[..., window.most :], (channels, n, *window.phase))
    phase[(..., *map(slice, window.out))] = np.swapaxes(g, 0, 1)
    return flat[None]


def back(weight, window, groups, number):
    """Return the places that look at a phase: their weights, transposed, and shifts."""
    o, channels = weight.shape[:2]
    found = [k for k, (phase, _) in enumerate(window.looks) if phase == number]
    w = np.reshape(weight, (groups, o // groups, channels, len(window.looks)))
    w = np.transpose(w[..., found], (0, 2, 3, 1))
    looks = [(0, window.most - window.looks[k][1]) for k in found]
    return np.reshape(w, (groups, channels, len(found) * (o // groups))), looks


def spread(g, weight, bias, window, groups):
    """Return the gradient of the input: each window gets its filters, times `g`."""
    if isinstance(g, Tensor):
        return _transposed(g, weight, bias, window, groups)
    y = np.zeros_like(g, shape=(len(g), groups * weight.shape[1], *window.sizes))
    ways = [back(weight, window, groups, k) for k in range(len(window.phases))]
    most, row = max(len(looks) for _, looks in ways), window.row
    cost = g.shape[1] * most * row * g.dtype.itemsize
    for images in portions(len(g), cost * window.phase[0]):
        flat = framed(g[images], window)
        for (matrix, looks), (into, source) in zip(ways, window.phases, strict=True):
            target, first = y[(images, slice(None), *source)], into[0].start
            for rows in portions(target.shape[2], cost):
                lines = slice(first + rows.start, first + rows.stop)
                columns = stacked(flat, looks, groups, lines, row)
                part = target[:, :, rows]
                multiply(matrix, columns, part, window.phase[1:], into[1:])
    return plus(y, bias)


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
