"""Numbers brought to a common scale: by their neighbors, a batch, or themselves.

Written in chapters 3.2 and 3.3.
"""

import math

import numpy as np

from ..tensor import Tensor, op
from .pointwise import portions
from .shape import beside, first_last, room


def neighborhood(x, before, after):
    """Return for each channel of (N, C, ...) the sum of it and its neighbors."""
    if isinstance(x, Tensor):
        return _neighborhood(x, before, after)
    y = np.copy(x)
    for d in range(1, before + 1):
        y[:, d:] += x[:, :-d]
    for d in range(1, after + 1):
        y[:, :-d] += x[:, d:]
    return y


@op
def _neighborhood(input, before, after):
    return neighborhood(input, before, after), lambda g: neighborhood(g, after, before)


@op
def _local_response_norm(input, size, alpha, beta, k):
    before, after = size // 2, (size - 1) // 2
    s = k + alpha / size * neighborhood(input * input, before, after)
    scale = s**-beta

    def pullback(g):
        felt = neighborhood(g * input * scale / s, after, before)
        return g * scale - 2 * alpha * beta / size * input * felt

    return input * scale, pullback


def standardized(x, dims, eps):
    """Return `x` with mean 0, variance 1 along `dims`; and what it was divided by."""
    x = x - np.mean(x, axis=dims, keepdims=True)
    deviation = np.sqrt(np.mean(x * x, axis=dims, keepdims=True) + eps)
    return x / deviation, deviation


def standardized_grad(g, y, deviation, dims):
    """Return the gradient of what was standardized to `y`, from that of `y`."""
    common = np.mean(g, axis=dims, keepdims=True)
    along = np.mean(g * y, axis=dims, keepdims=True)
    return (g - common - y * along) / deviation


def normalized_simple(input, weight, bias, eps, dims, others):
    """Return y * weight + bias, where y is the input standardized; and the pullback.

    dims: those that a mean is taken over. others: those that share a weight.
    """
    y, deviation = standardized(input, dims, eps)
    shape = [1 if d in others else n for d, n in enumerate(input.shape)]
    w = 1 if weight is None else np.reshape(weight, shape)
    b = 0 if bias is None else np.reshape(bias, shape)
    added = lambda g: np.sum(g, axis=others) if others else g  # noqa: E731
    return y * w + b, lambda g: (
        lambda: standardized_grad(g * w, y, deviation, dims),
        lambda: added(g * y),
        lambda: added(g),
    )


def planes(x, together):
    """Return (N, C, ...) as (N, C, places), or as (1, C, all), with N innermost."""
    x = first_last(x)[None] if together else x
    return np.reshape(x, (*x.shape[:2], math.prod(x.shape[2:])))


def totals(x):
    """Return the sum of each channel of (N, C, places): as a product, it is fastest."""
    if len(x) == 1:
        return x[0] @ np.ones_like(x, shape=x.shape[2])
    rows = np.reshape(x, (len(x), math.prod(x.shape[1:])))
    sums = np.ones_like(x, shape=len(x)) @ rows
    return np.sum(np.reshape(sums, x.shape[1:]), axis=1)


def pieces(x):
    """Yield indices of pieces of (N, C, places) that have about `CHUNK` numbers."""
    for some in portions(len(x), x.shape[1] * x.shape[2]):
        many = (some.stop - some.start) * x.shape[1]
        for places in portions(x.shape[2], many):
            yield some, slice(None), places


def moments(x):
    """Return the mean and the variance of each channel of (N, C, ...)."""
    x = planes(x, beside(x))
    many = max(len(x) * x.shape[2], 1)
    mean = totals(x) / many
    squares = np.zeros_like(mean)
    for some in pieces(x):
        d = x[some] - mean[:, None]
        squares += np.einsum("ncp,ncp->c", d, d)
    return mean, squares / many


@op
def _batch_norm(input, weight, bias, mean, var, eps):
    if isinstance(input, Tensor):
        shared = (0, *range(2, input.ndim))
        return normalized_simple(input, weight, bias, eps, shared, shared)
    together, deviation = beside(input), np.sqrt(var + eps)
    x, y = planes(input, together), room(input, input.shape)
    scale = (1 if weight is None else weight) / deviation
    shift = (0 if bias is None else bias) - mean * scale
    out = planes(y, together)
    for some in pieces(x):
        part = np.multiply(x[some], scale[:, None], out=out[some])
        part += shift[:, None]

    def pullback(g):
        g = planes(g, together)
        common, along = totals(g), products(g, x, mean) / deviation
        slopes = scale, along / deviation, common
        return lambda: batch_norm_grad(g, input, mean, *slopes), along, common

    return y, pullback


def products(g, x, mean):
    """Return the sum of g * (x - mean) of each channel."""
    total = np.zeros_like(mean)
    for some in pieces(x):
        total += np.einsum("ncp,ncp->c", x[some] - mean[:, None], g[some])
    return total


def batch_norm_grad(g, input, mean, scale, along, common):
    """Return scale * (g - common / n - (x - mean) * along / n), in one walk."""
    d, together = room(input, input.shape), beside(input)
    x, out = planes(input, together), planes(d, together)
    many = len(x) * x.shape[2]
    slope = -along / many
    shift = -common / many - mean * slope
    for some in pieces(x):
        part = np.multiply(x[some], slope[:, None], out=out[some])
        part += g[some]
        part += shift[:, None]
        part *= scale[:, None]
    return d


def rows_of(x, n):
    """Return an array as a matrix, whose rows are its last n dimensions."""
    cut = x.ndim - n
    return np.reshape(x, (math.prod(x.shape[:cut]), math.prod(x.shape[cut:])))


@op
def _layer_norm(input, weight, bias, eps, n):
    if isinstance(input, Tensor):
        cut = input.ndim - n
        first, last = tuple(range(cut)), tuple(range(cut, input.ndim))
        return normalized_simple(input, weight, bias, eps, last, first)
    x = rows_of(input, n)
    one = np.ones_like(x, shape=x.shape[1])
    w = one if weight is None else np.reshape(weight, x.shape[1])
    mean, inverse = (np.empty_like(x, shape=(len(x), 1)) for _ in range(2))
    y = np.empty_like(input, order="C")
    for some in portions(len(x), x.shape[1]):
        part, mean[some, 0] = rows_of(y, n)[some], x[some] @ one / len(one)
        np.subtract(x[some], mean[some], out=part)
        squares = np.einsum("ij,ij->i", part, part)
        inverse[some, 0] = 1 / np.sqrt(squares / len(one) + eps)
        part *= inverse[some]
        part *= w
        if bias is not None:
            part += np.reshape(bias, len(w))
    return y, lambda g: layer_norm_grad(g, x, w, mean, inverse, n)


def layer_norm_grad(g, x, w, mean, inverse, n):
    """Return the gradients of input, weight and bias, in one walk."""
    d, rows = np.empty_like(g, order="C"), rows_of(g, n)
    weight, bias = (np.zeros_like(w) for _ in range(2))
    for some in portions(len(x), x.shape[1]):
        gs, inv, part = rows[some], inverse[some], rows_of(d, n)[some]
        centered = x[some] - mean[some]
        product = gs * centered
        weight += inv[:, 0] @ product
        bias += np.ones_like(inv[:, 0]) @ gs
        np.multiply(gs, w, out=part)
        part -= (gs @ w / len(w))[:, None]
        centered *= inv * inv * (product @ w / len(w))[:, None]
        part -= centered
        part *= inv
    return d, weight, bias
