"""Operations that make one number of many: sums, means, extremes.

Written in chapter 2.3.
"""

import functools
import math
from collections import namedtuple

import numpy as np

from ..dtypes import float32
from ..errors import position
from ..tensor import NUMPY, Tensor, method, op
from .pointwise import maximum, minimum
from .shape import squeeze


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
@op
def sum(input, dim=None, keepdim=False):
    """Add up all elements, or those along `dim` (one dimension or several)."""
    y = np.sum(input, axis=axes(input, dim), keepdims=keepdim)
    return y, lambda g: spread(g, input, dim, keepdim)


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
    many = np.sum(ties, axis=axes(input, dim), keepdims=keepdim)
    return np.where(ties, spread(g / many, input, dim, keepdim), 0)


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
        numbers = np.cumsum(np.ones_like(input, dtype=places.dtype), axis=dim) - 1
        return np.where(numbers == places, g, 0)

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
    """Let an operation compute in float32 where it got whole numbers."""
    x = inputs[0]
    whole = isinstance(x, Tensor) and x.dtype.kind != "f"
    return (x.to(float32), *inputs[1:]) if whole else inputs


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
