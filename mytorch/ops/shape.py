"""Operations that give the elements another shape, or put tensors together.

Written in chapter 2.3.
"""

import math
from itertools import accumulate

import numpy as np

from ..errors import position
from ..tensor import NUMPY, Tensor, method, op
from .pointwise import promoted


@op
def _view(input, shape):
    try:
        y = np.reshape(input, shape)
    except ValueError as error:
        size = math.prod(input.shape)
        message = f"shape '{list(shape)}' is invalid for input of size {size}"
        one = "only one dimension can be inferred"
        raise RuntimeError(one if "one unknown" in str(error) else message) from None
    return y, lambda g: np.reshape(g, input.shape)


def reshape(input, shape):
    """Return the elements in another shape; one size may be -1, which is worked out."""
    return _view(input, tuple(shape))


def view(input, shape):
    """Reshape without copying; raise RuntimeError where the memory forbids it."""
    y = reshape(input, shape)
    if y.numel() and not np.may_share_memory(y.data, input.data):
        raise RuntimeError(
            "view size is not compatible with input tensor's size and stride (at least "
            "one dimension spans across two contiguous subspaces). "
            "Use .reshape(...) instead."
        )
    return y


@method
def flatten(input, start_dim=0, end_dim=-1):
    """Make one dimension of those from `start_dim` to `end_dim`."""
    if input.ndim == 0:
        return reshape(input, (1,))
    start, end = position(start_dim, input.ndim), position(end_dim, input.ndim)
    size = math.prod(input.shape[start : end + 1])
    return reshape(input, (*input.shape[:start], size, *input.shape[end + 1 :]))


@method
@op
def squeeze(input, dim=None):
    """Drop all dimensions of size 1, or those among `dim`."""
    ndim = len(input.shape)
    dims = range(ndim) if dim is None else dim if isinstance(dim, tuple) else (dim,)
    dims = tuple(position(d, ndim) for d in dims)
    y = np.squeeze(input, tuple(d for d in dims if ndim and input.shape[d] == 1))
    return y, lambda g: np.reshape(g, input.shape)


@method
@op
def unsqueeze(input, dim):
    """Insert a dimension of size 1."""
    return np.expand_dims(input, dim), lambda g: np.reshape(g, input.shape)


@op
def _permute(input, dims):
    back = sorted(range(len(dims)), key=[d % len(dims) for d in dims].__getitem__)
    return np.transpose(input, dims), lambda g: np.transpose(g, back)


def permute(input, dims):
    """Put the dimensions in another order."""
    return _permute(input, tuple(dims))


@method
@op
def transpose(input, dim0, dim1):
    """Swap two dimensions."""
    return np.swapaxes(input, dim0, dim1), lambda g: np.swapaxes(g, dim0, dim1)


@op
def _expand(input, size):
    return np.broadcast_to(input, size), lambda g: g


def expand(input, size):
    """Repeat dimensions of size 1 without copying; -1 keeps a size as it is."""
    added = len(size) - input.ndim
    old = (1,) * added + input.shape
    pairs = list(zip(size, old, strict=False))
    if added < 0 or any(n not in (m, -1) and m != 1 for n, m in pairs):
        raise RuntimeError(
            f"The expanded size of the tensor {tuple(size)} must match the existing "
            f"size {input.shape} at non-singleton dimensions"
        )
    return _expand(input, tuple(m if n == -1 else n for n, m in pairs))


def variadic(function):
    """Let a method take sizes one by one, x.view(2, 3), as well as x.view((2, 3))."""

    def call(self, *sizes):
        one = len(sizes) == 1 and isinstance(sizes[0], (tuple, list))
        return function(self, sizes[0] if one else sizes)

    return call


method("reshape")(variadic(reshape))
method("view")(variadic(view))
method("permute")(variadic(permute))
method("expand")(variadic(expand))


def mT(input):
    """Swap the last two dimensions."""
    if input.ndim < 2:
        raise RuntimeError(
            "tensor.mT is only supported on matrices or batches of matrices. "
            f"Got {input.ndim}-D tensor."
        )
    return transpose(input, -2, -1)


Tensor.mT = property(mT)
Tensor.T = property(lambda input: permute(input, range(input.ndim)[::-1]))


@op
def _cat(dim, *tensors):
    widths = [t.shape[dim] for t in tensors]
    before = (slice(None),) * (dim % len(tensors[0].shape))

    def pullback(g):
        pairs = zip(widths, accumulate(widths), strict=True)
        return None, *[g[(*before, slice(end - n, end))] for n, end in pairs]

    return np.concatenate(tensors, dim), pullback


def cat(tensors, dim=0):
    """Put tensors one after the other along `dim`; the other sizes must agree."""
    if not tensors:
        raise ValueError("cat(): expected a non-empty list of Tensors")
    tensors = promoted(tuple(tensors))
    shapes = [list(t.shape) for t in tensors]
    dim = position(dim, tensors[0].ndim)
    if len({(*s[:dim], *s[dim + 1 :]) for s in map(tuple, shapes)}) > 1:
        sizes = " and ".join(map(str, shapes))
        message = f"Sizes of tensors must match except in dimension {dim}. Got {sizes}"
        raise RuntimeError(message)
    return _cat(dim, *tensors)


def stack(tensors, dim=0):
    """Put tensors of one shape side by side along a new dimension."""
    if not tensors:
        raise RuntimeError("stack expects a non-empty list of tensors")
    first = list(tensors[0].shape)
    for i, t in enumerate(tensors):
        if list(t.shape) != first:
            raise RuntimeError(
                f"stack expects each tensor to be equal size, but got {first} at "
                f"entry 0 and {list(t.shape)} at entry {i}"
            )
    return cat([unsqueeze(t, dim) for t in tensors], dim)


NUMPY |= {np.reshape: reshape, np.squeeze: squeeze, np.expand_dims: unsqueeze}
NUMPY |= {np.transpose: permute, np.swapaxes: transpose, np.broadcast_to: expand}
NUMPY |= {np.concatenate: cat}
