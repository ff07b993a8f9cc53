"""Elements in order: sorting, the largest few, counting.

Written in chapter 2.3b.
"""

from collections import namedtuple

import numpy as np

from ..errors import position
from ..tensor import Tensor, method
from .indexing import gather

Sorted = namedtuple("Sorted", ["values", "indices"])


def order(array, dim, descending):
    """Return the places of the elements in order; equal ones stay as they came."""
    if not descending:
        return np.argsort(array, axis=dim, kind="stable")
    backwards = np.argsort(np.flip(array, (dim,)), axis=dim, kind="stable")
    return array.shape[dim] - 1 - np.flip(backwards, (dim,))


@method
def argsort(input, dim=-1, descending=False, stable=False):
    """Return the places of the elements in order along `dim`."""
    dim = position(dim, input.ndim)
    if input.ndim == 0:
        return Tensor(np.zeros_like(input.data, np.int64))
    return Tensor(order(input.data, dim, descending))


@method
def sort(input, dim=-1, descending=False, stable=False):
    """Return the elements in order along `dim`, and the places they came from.

    nan counts as the largest. Equal elements stay in order, even if not asked to.
    """
    places = argsort(input, dim, descending)
    return Sorted(gather(input, dim, places), places)


@method
def topk(input, k, dim=-1, largest=True, sorted=True):
    """Return the k largest (or smallest) elements along `dim`, and their places."""
    dim = position(dim, input.ndim)
    n = input.shape[dim] if input.ndim else 1
    if not 0 <= k <= n:
        raise RuntimeError("selected index k out of range")
    if input.ndim == 0 or k == 0 or k == n:
        places = argsort(input, dim, largest)
        return _first(input, k, dim, places)
    x = np.moveaxis(input.data, dim, -1)
    part = np.argpartition(x, n - k if largest else k - 1, axis=-1)
    part = part[..., n - k :] if largest else part[..., :k]
    some = np.take_along_axis(x, part, -1)
    places = np.take_along_axis(part, order(some, some.ndim - 1, largest), -1)
    return _first(input, k, dim, Tensor(np.moveaxis(places, -1, dim)))


def _first(input, k, dim, places):
    """Return the elements at the first k places along `dim`, and these."""
    if input.ndim:
        places = places[(*[slice(None)] * dim, slice(k))]
    return Sorted(gather(input, dim, places), places)


def unique(input, sorted=True, return_inverse=False, return_counts=False, dim=None):
    """Return the different elements (or slices along `dim`), in order; and, if asked
    for, where each element is among them, and how often each occurs."""
    found = np.unique(
        input.data,
        return_inverse=return_inverse,
        return_counts=return_counts,
        axis=dim,
    )
    if isinstance(found, tuple):
        return tuple(Tensor(x) for x in found)
    return Tensor(found)


@method
def bincount(input, weights=None, minlength=0):
    """Return how often 0, 1, 2, ... occur in whole numbers, or sums of their weights.

    Raises RuntimeError if a number is negative or broken, or `input` is no vector.
    """
    x = input.data
    if x.ndim != 1 or x.dtype.kind not in "iu" or (x.size and np.min(x) < 0):
        message = "bincount only supports 1-d non-negative integral inputs."
        raise RuntimeError(message)
    if minlength < 0:
        raise RuntimeError("minlength should be >= 0")
    if weights is None:
        return Tensor(np.bincount(x, minlength=minlength))
    if weights.shape != input.shape:
        raise RuntimeError("weights should be 1-d and have the same length as input")
    kind = np.float32 if weights.dtype == np.float32 else np.float64
    return Tensor(np.bincount(x, weights.data, minlength).astype(kind))


method("unique")(unique)
