"""Scores into probabilities: softmax, its logarithm, and the cross-entropy.

Written in chapter 2.6.
"""

import math

import numpy as np

from ..errors import position
from ..tensor import Tensor, method, op


def top(input, dim):
    """Return the maxima along `dim`; -inf where there is no element."""
    if dim == input.ndim - 1 and input.shape[dim] <= 32:
        input = np.copy(input, order="F")  # column by column
    return np.max(input, axis=dim, keepdims=True, initial=-np.inf)


def softmax_simple(input, dim):
    """Return the softmax, put together from smaller operations."""
    e = (input - Tensor(top(input.data, dim))).exp()
    return e / e.sum(dim, keepdim=True)


def log_softmax_simple(input, dim):
    """Return the log-softmax, put together from smaller operations."""
    shifted = input - Tensor(top(input.data, dim))
    return shifted - shifted.exp().sum(dim, keepdim=True).log()


def summed(dim, x, factor=None):
    """Return the sum of `x`, or of its product with a factor, along `dim`, which stays.

    Along the last dimension einsum is faster than sum, and makes no array of products.
    """
    if dim < x.ndim - 1:
        return np.sum(x if factor is None else x * factor, axis=dim, keepdims=True)
    if factor is None:
        return np.einsum("...i->...", x)[..., None]
    return np.einsum("...i,...i->...", x, factor)[..., None]


def exponentials(input, dim):
    """Return exp(input - m) and its sum along `dim`; m is 0, or the maximum along it.

    m = 0 saves two passes over the array; the maximum of all of it costs little.
    """
    largest = float(np.finfo(input.dtype).max)
    if input.size and np.max(input) < math.log(largest / input.size):
        y = np.exp(input)
        total = summed(dim, y)
        if np.min(total) > 0.01:  # nowhere so small that digits were lost
            return y, total
    y = input - top(input, dim)
    np.exp(y, out=y)
    return y, summed(dim, y)


@op
def _softmax(input, dim):
    if isinstance(input, Tensor):
        y = softmax_simple(input, dim)
        return y, lambda g: y * (g - (g * y).sum(dim, keepdim=True))
    y, total = exponentials(input, dim)
    y /= total

    def pullback(g):
        d = g - summed(dim, g, y)
        d *= y
        return d

    return y, pullback


@op
def _log_softmax(input, dim):
    if isinstance(input, Tensor):
        y = log_softmax_simple(input, dim)
        return y, lambda g: g - y.exp() * g.sum(dim, keepdim=True)
    y = input - top(input, dim)
    e = np.exp(y)
    total = summed(dim, e)
    y -= np.log(total)

    def pullback(g):
        d = e * (summed(dim, g) / total)
        return np.subtract(g, d, out=d)

    return y, pullback


def refuse_whole_numbers(name, input):
    """Raise NotImplementedError if `input` does not hold floats."""
    if input.dtype.kind != "f":
        message = f'"{name}" not implemented for {input.dtype.name}: use .float()'
        raise NotImplementedError(message)


def along(operation, input, dim, dtype):
    """Apply one of the bodies above to any shape, in the dtype that is asked for."""
    input = input if dtype is None else input.to(dtype)
    refuse_whole_numbers(operation.__name__.strip("_"), input)
    dim = position(dim, input.ndim)
    if input.ndim == 0:
        return operation(input.reshape(1), 0).reshape(())
    return operation(input, dim)


@method
def softmax(input, dim, dtype=None):
    """Return exp(input), divided by its sum along `dim`: probabilities from scores.

    dtype: what the input is turned into first. Raises IndexError if there is no such
    dimension, NotImplementedError for whole numbers.
    """
    return along(_softmax, input, dim, dtype)


@method
def log_softmax(input, dim, dtype=None):
    """Return log(softmax(input, dim)), also where the softmax rounds to 0 or to 1."""
    return along(_log_softmax, input, dim, dtype)


def chosen(places, dim):
    """Return the index of the elements at `places` along `dim`, one for each row."""
    places = places.data if isinstance(places, Tensor) else places
    numbers = [np.arange(n, like=places) for n in places.shape]
    index = [np.reshape(x, (-1,) + (1,) * k) for k, x in enumerate(numbers[::-1])][::-1]
    return (*index[:dim], places, *index[dim:])


def cross_entropy_simple(input, places, dim):
    """Return -log of the chosen probabilities, put together from smaller operations."""
    return -log_softmax_simple(input, dim)[chosen(places, dim)]


@op
def _cross_entropy(input, places, dim):
    index = chosen(places, dim)
    if isinstance(input, Tensor):
        y = cross_entropy_simple(input, places, dim)
        target = np.zeros_like(input.data)
        target[index] = 1
        slope = softmax_simple(input, dim) - Tensor(target)
        return y, lambda g: g.unsqueeze(dim) * slope
    e = input - top(input, dim)
    score = e[index]
    np.exp(e, out=e)
    total = np.sum(e, axis=dim)

    def pullback(g):
        d = e * np.expand_dims(g / total, dim)
        d[index] -= g
        return d

    return np.log(total) - score, pullback
