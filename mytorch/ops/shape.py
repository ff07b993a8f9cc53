"""Operations that give the elements another shape, or put tensors together.

Written in chapters 2.3, 2.3b and 3.1.
"""

import math
from itertools import accumulate

import numpy as np

from ..errors import position
from ..tensor import NUMPY, Tensor, method, op
from ..versions import memory
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
    """Reshape without copying, in order first if loose; else raise RuntimeError."""
    y = reshape(input, shape)
    if not y.numel() or np.may_share_memory(y.data, input.data):
        return y
    if loose(input.data):
        input.data = np.copy(input.data, order="C")
        return reshape(input, shape)
    raise RuntimeError(
        "view size is not compatible with input tensor's size and stride (at least "
        "one dimension spans across two contiguous subspaces). "
        "Use .reshape(...) instead."
    )


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


def repeat(input, repeats):
    """Lay copies of `input` side by side, so many along each dimension."""
    added = len(repeats) - input.ndim
    if added < 0:
        raise RuntimeError(
            "Number of dimensions of repeat dims can not be smaller than number of "
            "dimensions of tensor"
        )
    sizes = (1,) * added + input.shape
    pairs = [(1, n) for n in sizes], list(zip(repeats, sizes, strict=True))
    single, many = ([n for pair in row for n in pair] for row in pairs)
    copies = expand(reshape(input, single), many)
    return reshape(copies, [r * n for r, n in pairs[1]])


@method
@op
def flip(input, dims):
    """Turn the elements around along each of `dims`."""
    return np.flip(input, dims), lambda g: np.flip(g, dims)


@method
@op
def roll(input, shifts, dims=None):
    """Move the elements on along `dims`; those that leave come in again.

    shifts, dims: numbers, or tuples of one length. Without dims: as one long row.
    """
    count, along = np.size(shifts), np.size(dims) if dims is not None else 0
    if count != along and (count, along) != (1, 0):
        message = f"shifts: {count}, dims:{along}"
        raise RuntimeError(f"shifts and dimensions must align. {message}")
    back = tuple(-n for n in shifts) if isinstance(shifts, (tuple, list)) else -shifts
    return np.roll(input, shifts, dims), lambda g: np.roll(g, back, dims)


def refuse_flat(name, input):
    """Raise RuntimeError if `input` is not at least a matrix."""
    if len(input.shape) < 2:
        message = f"{name}: input tensor must have at least 2 dimensions"
        raise RuntimeError(message)


@method
@op
def tril(input, diagonal=0):
    """Keep what is on and below a diagonal; 0 elsewhere."""
    refuse_flat("tril", input)
    return np.tril(input, diagonal), lambda g: np.tril(g, diagonal)


@method
@op
def triu(input, diagonal=0):
    """Keep what is on and above a diagonal; 0 elsewhere."""
    refuse_flat("triu", input)
    return np.triu(input, diagonal), lambda g: np.triu(g, diagonal)


@method
def contiguous(input):
    """Return the tensor, or a copy of it, with its elements in order in memory."""
    return input if input.is_contiguous() else _contiguous(input)


@op
def _contiguous(input):
    y = input if isinstance(input, Tensor) else np.copy(input, order="C")
    return y, lambda g: g


@method
def is_contiguous(input):
    """Tell whether the elements are in order in memory, or `view` may put them so."""
    return input.data.flags.c_contiguous or loose(input.data)


def broadcast_to(input, size):
    """Return `input` stretched to a shape that it broadcasts to, without copying."""
    return expand(input, size)


def tile(input, dims):
    """Do as `repeat` does; dimensions that are not given are repeated once."""
    return repeat(input, (1,) * (input.ndim - len(dims)) + tuple(dims))


NUMPY |= {np.flip: flip, np.roll: roll, np.tril: tril, np.triu: triu}
method("repeat")(variadic(repeat))
method("tile")(variadic(tile))
method("broadcast_to")(variadic(broadcast_to))
method("flip")(variadic(flip))


@method
def unflatten(input, dim, sizes):
    """Make several dimensions of one; one of the sizes may be -1."""
    dim, sizes = position(dim, input.ndim), tuple(sizes)
    n, known = input.shape[dim], math.prod(s for s in sizes if s != -1)
    if -1 in sizes and known:
        sizes = tuple(n // known if s == -1 else s for s in sizes)
    if math.prod(sizes) != n:
        raise RuntimeError(
            f"unflatten: Provided sizes {list(sizes)} don't multiply up to the size of "
            f"dim {dim} ({n}) in the input tensor"
        )
    return reshape(input, (*input.shape[:dim], *sizes, *input.shape[dim + 1 :]))


@method
def movedim(input, source, destination):
    """Put dimensions at other places; the rest keep their order."""
    pairs = [(x,) if isinstance(x, int) else x for x in (source, destination)]
    if len(pairs[0]) != len(pairs[1]):
        raise RuntimeError("movedim: source and destination must have the same length")
    source, destination = ([position(d, input.ndim) for d in x] for x in pairs)
    order = [d for d in range(input.ndim) if d not in source]
    for place, d in sorted(zip(destination, source, strict=True)):
        order.insert(place, d)
    return permute(input, order)


def split(tensor, split_size_or_sections, dim=0):
    """Cut a tensor along `dim`: into pieces of one size (the last may be smaller), or
    of the sizes in a list. Raises RuntimeError if these do not add up."""
    dim, sizes = position(dim, tensor.ndim), split_size_or_sections
    n = tensor.shape[dim]
    if isinstance(sizes, int):
        if sizes < 0 or (sizes == 0 and n):
            raise RuntimeError(f"split_size {sizes} does not fit dimension size {n}")
        sizes = [min(sizes, n - i) for i in range(0, n, max(sizes, 1))] or [0]
    if any(size < 0 for size in sizes):
        raise RuntimeError(f"split_sizes {list(sizes)} have a negative entry")
    if sum(sizes) != n:
        raise RuntimeError(
            f"split_with_sizes expects split_sizes to sum exactly to {n} (input "
            f"tensor's size at dimension {dim}), but got split_sizes={list(sizes)}"
        )
    before = (slice(None),) * dim
    pairs = zip(sizes, accumulate(sizes), strict=True)
    return tuple(tensor[(*before, slice(end - n, end))] for n, end in pairs)


@method("split")
def _split_method(self, split_size, dim=0):
    return split(self, split_size, dim)


@method
def chunk(input, chunks, dim=0):
    """Cut a tensor along `dim` into so many pieces, as equal as can be."""
    if chunks <= 0:
        message = f"chunk expects `chunks` to be greater than 0, got: {chunks}"
        raise RuntimeError(message)
    n = input.shape[position(dim, input.ndim)]
    return split(input, -(-n // chunks) if n else [0] * chunks, dim)


@method
def unbind(input, dim=0):
    """Return the slices along `dim`, a tuple; that dimension goes."""
    before = (slice(None),) * position(dim, input.ndim)
    return tuple(input[(*before, i)] for i in range(input.shape[dim]))


def meshgrid(*tensors, indexing="ij"):
    """Stretch vectors over a grid: out[k][i, j, ...] is tensors[k] at its own index.

    indexing: "xy" swaps the first two dimensions of the grid.
    """
    if isinstance(tensors[0], (list, tuple)):
        tensors = tensors[0]
    if indexing not in ("ij", "xy"):
        raise RuntimeError(f'indexing must be "xy" or "ij", but received: {indexing}')
    if any(t.ndim > 1 for t in tensors):
        raise RuntimeError("torch.meshgrid: Expected 0D or 1D tensors")
    shape = [t.numel() for t in tensors]
    ones = [1] * len(shape)
    grids = [
        expand(reshape(t, [*ones[:d], -1, *ones[d + 1 :]]), shape)
        for d, t in enumerate(tensors)
    ]
    swap = indexing == "xy" and len(shape) > 1
    return tuple(transpose(g, 0, 1) if swap else g for g in grids)


def padded(x, pairs, value):
    """Return `x` with a number added, or elements taken away, at each end."""
    if isinstance(x, Tensor):
        return _pad(x, pairs, value)
    sizes = list(zip(x.shape, pairs, strict=True))
    if any(n + min(a, 0) + min(b, 0) < 0 for n, (a, b) in sizes):
        raise RuntimeError(f"padding {pairs} takes more than the shape {x.shape} has")
    kept = tuple(slice(max(-a, 0), n + b) for n, (a, b) in sizes)
    added = [(max(a, 0), max(b, 0)) for a, b in pairs]
    return np.pad(x[kept], added, constant_values=value)


@op
def _pad(input, pairs, value):
    back = [(-left, -right) for left, right in pairs]
    return padded(input, pairs, value), lambda g: padded(g, back, 0)


def batch_last(like, shape):
    """Return an empty array (n, ...) in whose memory the n are side by side."""
    last = np.empty_like(like, shape=(*shape[1:], shape[0]), order="C")
    view = np.transpose(last, (len(shape) - 1, *range(len(shape) - 1)))
    return np.empty_like(view)  # in the order of this view, but not a view itself


def first_last(x):
    """Return a view whose last dimension is the first of `x`: a quicker moveaxis."""
    return np.transpose(x, (*range(1, x.ndim), 0))


def beside(x):
    """Tell whether the n of (n, ...) are side by side in memory."""
    return first_last(x).flags.c_contiguous


def room(like, shape):
    """Return an empty array (n, ...), in memory side by side if `like` is."""
    if beside(like):
        return batch_last(like, shape)
    return np.empty_like(like, shape=shape, order="C")


def loose(x):
    """Tell whether an array is all that an operation made, in an order of its own."""
    owner = memory(x)
    whole = x.size == owner.size and not owner.flags.c_contiguous
    return whole and (x is owner or beside(x))
