"""Operations that make one number of many: sums, means, extremes.

Written in chapters 2.3 and 2.3b.
"""

import functools
import math
from collections import namedtuple

import numpy as np

from ..dtypes import get_default_dtype, int64
from ..errors import position
from ..tensor import NUMPY, Tensor, method, op
from .pointwise import masked, maximum, minimum
from .shape import reshape, squeeze, stack, unsqueeze


def axes(input, dim):
    """Return `dim` as NumPy wants it: None for all dimensions, or a tuple."""
    dims = () if dim is None else dim if isinstance(dim, (tuple, list)) else (dim,)
    dims = tuple(position(d, len(input.shape)) for d in dims)
    for d in dims:
        if dims.count(d) > 1:
            raise RuntimeError(f"dim {d} appears multiple times in the list of dims")
    return dims if dims and input.shape else None


def spread(g, input, dim, keepdim):
    """Give each element of `input` the gradient of the result that it went into."""
    if axes(input, dim) is not None and not keepdim:
        g = np.expand_dims(g, axes(input, dim))
    return np.broadcast_to(g, input.shape)


def refuse_integers(name, input):
    """Raise RuntimeError if `input` does not hold floats."""
    if input.dtype.kind != "f":
        message = f"{name}() needs a floating point dtype, but got {input.dtype.name}"
        raise RuntimeError(message)


def count(input, dim):
    """Return how many elements go into each result."""
    dims = axes(input, dim)
    return math.prod(input.shape if dims is None else [input.shape[d] for d in dims])


@method
def sum(input, dim=None, keepdim=False, *, dtype=None):
    """Add up all elements, or those along `dim` (one dimension or several)."""
    x = roomy(input, dtype)
    y = _sum(x, dim, keepdim)
    return y if dtype is None else y.to(dtype)


@method
@op
def mean(input, dim=None, keepdim=False):
    """Return the mean of all elements, or of those along `dim`."""
    refuse_integers("mean", input)
    y = np.mean(input, axis=axes(input, dim), keepdims=keepdim)
    return y, lambda g: spread(g / count(input, dim), input, dim, keepdim)


def moments(input, dim, unbiased, correction):
    """Return the distances from the mean, and what to divide their squares' sum by."""
    refuse_integers("var", input)
    n = count(input, dim) - (unbiased if correction is None else correction)
    center = np.mean(input, axis=axes(input, dim), keepdims=True)
    return input - center, n if n > 0 else 0


@method
@op
def var(input, dim=None, unbiased=True, keepdim=False, correction=None):
    """Return the variance; divide by the count less one, unless told otherwise."""
    c, n = moments(input, dim, unbiased, correction)
    y = np.sum(c * c, axis=axes(input, dim), keepdims=keepdim) / n
    return y, lambda g: spread(g, input, dim, keepdim) * 2 * c / n


@method
@op
def std(input, dim=None, unbiased=True, keepdim=False, correction=None):
    """Return the standard deviation, the square root of the variance."""
    c, n = moments(input, dim, unbiased, correction)
    y = np.sqrt(np.sum(c * c, axis=axes(input, dim), keepdims=keepdim) / n)
    safe = np.where(y == 0, 1, y)
    return y, lambda g: spread(g / safe, input, dim, keepdim) * c / n


def shared(g, input, y, dim, keepdim):
    """Pass `g` back to the elements that are equal to `y`, in equal parts."""
    ties = (input == spread(y, input, dim, keepdim)) | (input != input)  # or nan
    ties = np.astype(ties, g.dtype)
    many = np.sum(ties, axis=axes(input, dim), keepdims=keepdim)
    return ties * spread(g / many, input, dim, keepdim)


@method
@op
def amax(input, dim=None, keepdim=False):
    """Return the largest element of all, or of those along `dim`."""
    y = np.max(input, axis=axes(input, dim), keepdims=keepdim)
    return y, lambda g: shared(g, input, y, dim, keepdim)


@method
@op
def amin(input, dim=None, keepdim=False):
    """Return the smallest element of all, or of those along `dim`."""
    y = np.min(input, axis=axes(input, dim), keepdims=keepdim)
    return y, lambda g: shared(g, input, y, dim, keepdim)


@method
@op
def argmax(input, dim=None, keepdim=False):
    """Return the place of the largest element (the first, if there are several)."""
    refuse_empty("argmax", input, dim)
    return np.argmax(input, axis=dim, keepdims=keepdim), None


@method
@op
def argmin(input, dim=None, keepdim=False):
    """Return the place of the smallest element (the first, if there are several)."""
    refuse_empty("argmin", input, dim)
    return np.argmin(input, axis=dim, keepdims=keepdim), None


@op
def _pick(input, places, dim):
    def pullback(g):
        line = [slice(1)] * input.ndim
        line[dim] = slice(None)
        ones = np.ones_like(input[tuple(line)], dtype=places.dtype)
        return masked(g, np.cumsum(ones, axis=dim) - 1 == places)

    return np.take_along_axis(input, places, dim), pullback


Extreme = namedtuple("Extreme", ["values", "indices"])


def refuse_empty(name, input, dim):
    """Raise IndexError if there is no element to choose."""
    if count(input, dim) == 0:
        message = f"{name}(): Expected reduction dim {dim} to have non-zero size."
        raise IndexError(message)


def along(input, dim, keepdim, find):
    """Return the elements that `find` finds along `dim`, and their places."""
    if input.ndim == 0:
        return Extreme(input.clone(), find(input))
    places = find(input, dim, keepdim=True)
    values = _pick(input, places, dim)
    if keepdim:
        return Extreme(values, places)
    return Extreme(squeeze(values, dim), squeeze(places, dim))


@method
def max(input, dim=None, keepdim=False):
    """Return the largest element; with `dim`, (values, indices) along it.

    Given a second tensor, return the larger of each pair of elements.
    """
    if isinstance(dim, Tensor):
        return maximum(input, dim)
    return amax(input) if dim is None else along(input, dim, keepdim, argmax)


@method
def min(input, dim=None, keepdim=False):
    """Return the smallest element; with `dim`, (values, indices) along it.

    Given a second tensor, return the smaller of each pair of elements.
    """
    if isinstance(dim, Tensor):
        return minimum(input, dim)
    return amin(input) if dim is None else along(input, dim, keepdim, argmin)


@method
@op
def any(input, dim=None, keepdim=False):
    """Tell whether any element is true (not 0)."""
    return np.any(input, axis=axes(input, dim), keepdims=keepdim), None


@method
@op
def all(input, dim=None, keepdim=False):
    """Tell whether all elements are true (not 0)."""
    return np.all(input, axis=axes(input, dim), keepdims=keepdim), None


def floats(inputs):
    """Let an operation compute in floats where it got whole numbers."""
    x = inputs[0]
    whole = isinstance(x, Tensor) and x.dtype.kind != "f"
    return (x.to(get_default_dtype()), *inputs[1:]) if whole else inputs


def largest(input, dim):
    """Return the largest elements along `dim`, kept finite."""
    if isinstance(input, Tensor):
        return Tensor(largest(input.data, dim))
    end = float(np.finfo(input.dtype).max)
    top = np.max(input, axis=axes(input, dim), keepdims=True, initial=-end)
    return np.minimum(top, end)


@method
@functools.partial(op, prepare=floats)
def logsumexp(input, dim, keepdim=False):
    """Return log(sum(exp(input))) along `dim`, also where exp alone would overflow."""
    top = largest(input, dim)
    total = np.sum(np.exp(input - top), axis=axes(input, dim), keepdims=True)
    total = np.log(total) + top
    y = total if keepdim else np.squeeze(total, axes(input, dim))
    return y, lambda g: spread(g, input, dim, keepdim) * np.exp(input - total)


NUMPY |= {np.sum: sum, np.mean: mean}
NUMPY |= {np.var: functools.partial(var, correction=0)}  # NumPy divides by n
NUMPY |= {np.std: functools.partial(std, correction=0)}
NUMPY |= {np.max: amax, np.min: amin, np.argmax: argmax, np.argmin: argmin}
NUMPY |= {np.any: any, np.all: all}
NUMPY |= {np.take_along_axis: _pick}


def roomy(input, dtype=None):
    """Return `input` in the dtype of its sums and products: int64 of whole numbers."""
    if dtype is None and input.dtype.kind == "f":
        return input
    return input.to(int64 if dtype is None else dtype)


@op
def _sum(input, dim=None, keepdim=False):
    y = np.sum(input, axis=axes(input, dim), keepdims=keepdim)
    return y, lambda g: spread(g, input, dim, keepdim)


NUMPY |= {np.sum: _sum}


@op
def _cumsum(input, dim):
    dims = (position(dim, input.ndim),)

    def pullback(g):
        return np.flip(np.cumsum(np.flip(g, dims), *dims), dims)

    return np.cumsum(input, *dims), pullback


@method
def cumsum(input, dim, *, dtype=None):
    """Return the running sums along `dim`: y[i] = x[0] + ... + x[i]."""
    x, dim = roomy(input, dtype), position(dim, input.ndim)
    return _cumsum(x, dim).to(x.dtype) if x.ndim else x.clone()


def at(dim, index):
    """Return what picks by `index` along one dimension."""
    return (*[slice(None)] * dim, index)


def before(x, dim):
    """Return, for each element, the product of all that come before it along `dim`."""
    one, rest = np.ones_like(x[at(dim, slice(0, 1))]), x[at(dim, slice(None, -1))]
    return np.cumprod(np.concatenate([one, rest], dim), dim)


def after(x, dim):
    """Return, for each element, the product of all that come after it."""
    return np.flip(before(np.flip(x, (dim,)), dim), (dim,))


@op
def _prod(input, dim):
    def pullback(g):
        return np.expand_dims(g, dim) * before(input, dim) * after(input, dim)

    return np.prod(input, dim), pullback


@method
def prod(input, dim=None, keepdim=False, *, dtype=None):
    """Multiply all elements, or those along one `dim`."""
    x = roomy(input, dtype)
    if dim is None or x.ndim == 0:
        return _prod(reshape(x, (-1,)), position(dim or 0, 1)).to(x.dtype)
    dim = position(dim, x.ndim)
    y = _prod(x, dim).to(x.dtype)
    return unsqueeze(y, dim) if keepdim else y


@op
def _cumprod(input, dim):
    def pullback(g):
        n = input.shape[dim]
        if n == 0:
            return g
        sums = [g[at(dim, n - 1)]]
        for k in reversed(range(n - 1)):
            sums.append(g[at(dim, k)] + input[at(dim, k + 1)] * sums[-1])
        return before(input, dim) * np.stack(sums[::-1], dim)

    return np.cumprod(input, dim), pullback


@method
def cumprod(input, dim, *, dtype=None):
    """Return the running products along `dim`: y[i] = x[0] * ... * x[i]."""
    x, dim = roomy(input, dtype), position(dim, input.ndim)
    return _cumprod(x, dim).to(x.dtype) if x.ndim else x.clone()


NUMPY |= {np.cumsum: _cumsum, np.cumprod: _cumprod, np.prod: _prod, np.stack: stack}


@op
def _norm(input, p, dim, keepdim):
    size = np.abs(input)
    y = np.sum(size**p, axis=axes(input, dim), keepdims=keepdim) ** (1 / p)

    def pullback(g):
        slope = input
        if p != 2:
            slope = np.sign(input) * (size + (size == 0)) ** (p - 1)
        safe = y + (y == 0)  # where it is 0, the slope is, too
        return spread(g / safe ** (p - 1), input, dim, keepdim) * slope

    return y, pullback


@method
def norm(input, p="fro", dim=None, keepdim=False, dtype=None):
    """Return (sum of |x|^p)^(1/p): the length, for p = 2 or "fro".

    p: also 0 (how many are not 0), inf and -inf (the largest and smallest size).
    """
    x = input if dtype is None else input.to(dtype)
    refuse_integers("linalg.vector_norm", x)
    if p == 0:
        return sum((x != 0).to(x.dtype), dim, keepdim)
    if p in (math.inf, -math.inf):
        return (amax if p > 0 else amin)(x.abs(), dim, keepdim)
    return _norm(x, 2 if p == "fro" else p, dim, keepdim)


@method
def count_nonzero(input, dim=None):
    """Return how many elements are not 0: of all, or along `dim`."""
    return sum(input != 0, dim)
