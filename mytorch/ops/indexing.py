"""Elements by position: reading them, and changing tensors in place.

Written in chapters 2.3, 2.3b and 2.3c.
"""

import functools
import math

import numpy as np

from ..autograd import mode, needs_grad
from ..errors import clash, position
from ..tensor import Tensor, method, op
from ..versions import memory, writes
from .pointwise import add, div, mul, operand, sub, where
from .shape import expand, movedim, reshape


def refuse_recorded(t):
    """Raise RuntimeError if `t` must not be changed in place now."""
    if t.is_inference() and not mode.inference:
        raise RuntimeError(
            "Inplace update to inference tensor outside InferenceMode is not allowed: "
            "make a clone() before you change it"
        )
    for above in lineage(t) if mode.recording else ():
        if above.requires_grad and above.is_leaf:
            which = "a leaf Variable" if above is t else "a view of a leaf Variable"
            message = "that requires grad is being used in an in-place operation"
            raise RuntimeError(f"{which} {message}: change it under no_grad()")
        if above.requires_grad and not t.requires_grad:
            raise RuntimeError(
                "A view was created in no_grad mode and is being modified inplace with "
                "grad mode enabled: take the view again, outside of no_grad()"
            )


def write(t, index, value, name):
    """Copy a tensor or a number into a part of `t`, and let the clock tick."""
    array = value.data if isinstance(value, Tensor) else value
    try:
        t.data[index] = array
    except ValueError as error:
        if "read-only" in str(error):
            error = (
                "unsupported operation: more than one element of the written-to tensor "
                "refers to a single memory location. Please clone() the tensor first."
            )
        raise RuntimeError(str(error)) from None
    writes.note(t.data, name)


def in_place(operation):
    """Make the form that changes its first tensor: `a += b` of `a + b`."""

    @functools.wraps(operation)
    def call(self, *args, **named):
        return change(self, operation, *args, **named)

    name = operation.__name__.strip("_")
    call.__name__, call.__doc__ = f"{name}_", f"Do as `{name}` does, in place."
    return call


method("__iadd__")(in_place(add))
method("__isub__")(in_place(sub))
method("__imul__")(in_place(mul))
method("__itruediv__")(in_place(div))


def added_at(g, index, like):
    """Return zeros in the shape of `like`, with `g` added at `index`."""
    if isinstance(g, Tensor):
        return _added_at(g, index, like)
    out = np.zeros(like.shape, g.dtype, like=like)
    if any(is_array(i) and i.dtype.kind == "i" for i in index):
        add = add_rows if len(index) == 1 else np.add.at
        add(out, index, g)  # a place may be named twice
    else:
        out[index] = g
    return out


@op
def _added_at(g, index, like):
    return added_at(g, index, like), lambda h: h[index]


@op
def _index(input, index):
    y = input[index]
    if isinstance(y, np.generic):  # NumPy copies a single element: look at it instead
        y = input[(*index, ...)]
    return y, lambda g: added_at(g, index, input)


def is_array(i):
    """Tell whether a part of an index is an array (of places, or a mask)."""
    return hasattr(i, "dtype")


def part(i, like):
    """Return one part of an index as NumPy knows it; a list becomes an array."""
    if isinstance(i, Tensor):
        return i.item() if i.ndim == 0 and i.dtype.kind in "iu" else i.data
    if isinstance(i, list):
        return np.asarray(i, None if i else int, like=like)
    if isinstance(i, slice) and i.step is not None and i.step <= 0:
        raise ValueError("step must be greater than zero")
    return i


def steps(index, like):
    """Return an index as one or two: the part without arrays comes first."""
    index = index if isinstance(index, tuple) else (index,)
    index = tuple(part(i, like) for i in index)
    if len({is_array(i) for i in index}) < 2:
        return [index]
    plain, rest = [], []
    for i in index:
        if is_array(i):
            plain += [slice(None)] * (i.ndim if i.dtype.kind == "b" else 1)
            rest.append(i)
        else:
            plain.append(i)
            rest += [] if isinstance(i, int) else [i if i is ... else slice(None)]
    return [tuple(plain), tuple(rest)]


@method("__getitem__")
def getitem(input, index):
    """Return elements by integers, slices, masks, arrays of places, `...` and None."""
    try:
        for step in steps(index, input.data):
            input = _index(input, step)
    except IndexError as error:
        raise IndexError(str(error).replace("axis", "dimension")) from None
    return input


@method("__setitem__")
def setitem(input, index, value):
    """Put a tensor or a number in place of elements."""
    refuse_recorded(input)
    *first, last = steps(index, input.data)
    place = _index(input, first[0]) if first else input
    if not mode.recording or not (input.requires_grad or needs_grad(value)):
        write(place, last, operand(value), "setitem")
    elif any(map(is_array, last)):
        change(place, _put, last, value)
    else:
        place = _index(place, last)
        change(place, _fill, source(place, value))


def add_rows(out, index, g):
    """Do as np.add.at does, quicker, if an index names rows (or numbers) of `out`."""
    rows, width = np.ravel(index[0]), math.prod(out.shape[1:])
    if width >= 512 and isinstance(out, np.ndarray):  # a GPU wants one long step
        g = np.reshape(g, (len(rows), *out.shape[1:]))
        for i, row in enumerate(rows.tolist()):
            out[row] += g[i]
        return
    if out.ndim > 1:
        starts = np.arange(len(out), like=rows) * width
        rows = np.ravel(starts[rows][:, None] + np.arange(width, like=rows))
    np.add.at(np.ravel(out), rows, np.ravel(g))  # of what lies in order, a view


def places(index, dim, input):
    """Return where `input`, laid out flat, has what `index` names along `dim`."""
    if input.ndim < 2:
        return index
    dim, others, apart = position(dim, input.ndim), 0, 1
    for d in reversed(range(input.ndim)):
        if d == dim:
            along = index if apart == 1 else index * apart
        else:
            line = np.arange(index.shape[d], like=index) * apart
            line = np.reshape(line, (len(line),) + (1,) * (input.ndim - 1 - d))
            others = others + line
        apart *= input.shape[d]
    return along + others


@method
def gather(input, dim, index):
    """Return out[i][j][k] = input[i][index[i][j][k]][k], here for dim = 1.

    index: int64 with as many dimensions as input. Raises RuntimeError if it reaches
    outside of input.
    """
    where = places(checked(index, dim, input), dim, input)
    return _index(reshape(input, (-1,)), (where,))


def checked(index, dim, input):
    """Return the array of an index; raise RuntimeError if gather cannot use it."""
    dim = position(dim, input.ndim)
    if max(index.ndim, 1) != max(input.ndim, 1):
        message = "Index tensor must have the same number of dimensions as input tensor"
        raise RuntimeError(message)
    if index.dtype.name not in ("int32", "int64"):
        raise RuntimeError("gather(): Expected dtype int32/int64 for index")
    sizes = enumerate(zip(index.shape, input.shape, strict=False))
    if any(d != dim and n > m for d, (n, m) in sizes):
        raise RuntimeError(
            f"Size does not match: expected index {list(index.shape)} to be no larger "
            f"than self {list(input.shape)} apart from dimension {dim}"
        )
    refuse_outside(index.data, dim, input.shape[dim] if input.ndim else 1)
    return index.data


def refuse_outside(index, dim, size):
    """Raise RuntimeError if an index is negative, or not below the size."""
    if index.size and not 0 <= np.min(index) <= np.max(index) < size:
        wrong = (index < 0) | (index >= size)
        raise RuntimeError(
            f"index {index[wrong][0].item()} is out of bounds for dimension {dim} "
            f"with size {size}"
        )


def put(input, index, values):
    """Return a copy of `input` with `values` in the places `index`."""
    if isinstance(input, Tensor) or isinstance(values, Tensor):
        return _put(input, index, values)
    out = np.copy(input)
    out[index] = values
    return out


@op
def _put(input, index, values):
    y = put(input, index, values)
    return y, lambda g: (put(g, index, 0), None, lambda: g[index])


def source_part(src, index, input):
    """Return the corner of `src` that an index uses; RuntimeError if it has none."""
    if src.dtype != input.dtype:
        raise RuntimeError("scatter(): Expected self.dtype to be equal to src.dtype")
    if src.ndim != index.ndim or any(map(int.__lt__, src.shape, index.shape)):
        raise RuntimeError(
            f"Expected index {list(index.shape)} to be no larger size than src "
            f"{list(src.shape)}"
        )
    if src.shape == index.shape:
        return src
    return _index(src, tuple(slice(n) for n in index.shape))


@method
def scatter(input, dim, index, src=None, *, value=None):
    """Return a copy of `input` with src[i][j] at [i][index[i][j]], here for dim = 1.

    src: a tensor, or one number (also called value) for all places. Two values for one
    place: the last.
    """
    src = value if src is None else src
    where = places(checked(index, dim, input), dim, input)
    part = source_part(src, index, input) if isinstance(src, Tensor) else src
    return reshape(_put(reshape(input, (-1,)), (where,), part), input.shape)


@method
def scatter_add(input, dim, index, src):
    """Add src[i][j] to `input` at [i][index[i][j]], here for dim = 1: a new tensor."""
    where = places(checked(index, dim, input), dim, input)
    line = reshape(input, (-1,))
    part = source_part(src, index, input)
    return reshape(line + _added_at(part, (where,), line.data), input.shape)


def along_dim(index, dim, input):
    """Return (..., index) that names places along one dimension, after checks."""
    if index.ndim > 1:
        raise IndexError("index_select(): Index is supposed to be a vector")
    if index.dtype.name not in ("int32", "int64"):
        raise RuntimeError("index_select(): Expected dtype int32 or int64 for index")
    dim = position(dim, input.ndim)
    refuse_outside(index.data, dim, input.shape[dim])
    return (*[slice(None)] * dim, np.reshape(index.data, -1))


@method
def index_select(input, dim, index):
    """Return the rows (or columns, by `dim`) that `index` names, in its order."""
    return _index(input, along_dim(index, dim, input))


@method
def index_add(input, dim, index, source, *, alpha=1):
    """Add the rows of `source` (times alpha) to those that `index` names: a copy."""
    place = along_dim(index, dim, input)
    if source.shape[dim] != index.numel():
        raise RuntimeError(
            f"index_add_(): Number of indices ({index.numel()}) should be equal to "
            f"source.size(dim): ({source.shape[dim]}), for dim: {dim}"
        )
    if source.dtype != input.dtype:
        raise RuntimeError("index_add_(): self and source must have the same dtype")
    return input + _added_at((alpha * source).to(input.dtype), place, input.data)


def common(*shapes):
    """Return the shape that shapes broadcast to; raise RuntimeError if to none."""
    try:
        return np.broadcast_shapes(*shapes)
    except ValueError:
        raise clash(shapes) from None


@method
def take_along_dim(input, indices, dim=None):
    """Return the elements that `indices` names along `dim`; other sizes broadcast.

    Without a dim, both are taken as flat.
    """
    if dim is not None and input.ndim != indices.ndim:
        raise RuntimeError("input and indices should have as many dimensions")
    if dim is None:
        return gather(reshape(input, (-1,)), 0, reshape(indices, (-1,)))
    dim = position(dim, input.ndim)
    both = [(*x.shape[:dim], 1, *x.shape[dim + 1 :]) for x in (input, indices)]
    shape = common(*both)
    whole = (*shape[:dim], input.shape[dim], *shape[dim + 1 :])
    wanted = (*shape[:dim], indices.shape[dim], *shape[dim + 1 :])
    return gather(expand(input, whole), dim, expand(indices, wanted))


@method
def masked_fill(input, mask, value):
    """Return `input` with one number wherever `mask` is true; both may broadcast."""
    if mask.dtype.kind != "b":
        raise RuntimeError(
            "masked_fill_ only supports boolean masks, but got mask with dtype "
            f"{mask.dtype.name}"
        )
    if not isinstance(value, Tensor):
        value = Tensor(np.asarray(value, like=input.data))
    if value.ndim:
        message = "masked_fill_ only supports a 0-dimensional value tensor"
        raise RuntimeError(message)
    return where(mask, value.to(input.dtype), input)


@method
def masked_select(input, mask):
    """Return the elements where `mask` is true, in one row; both may broadcast."""
    if mask.dtype.kind != "b":
        raise RuntimeError("masked_select: expected BoolTensor for mask")
    shape = common(input.shape, mask.shape)
    return getitem(expand(input, shape), expand(mask, shape))


@op
def _nonzero(input):
    return np.argwhere(input), None


@method
def nonzero(input, *, as_tuple=False):
    """Return the places of all elements that are not 0: (count, dimensions).

    as_tuple: one tensor for each dimension, as indexing wants them.
    """
    if as_tuple:
        rows = _nonzero(input if input.ndim else reshape(input, (1,)))
        return tuple(rows[:, d] for d in range(rows.shape[1]))
    return _nonzero(input)


@method
def diagonal(input, offset=0, dim1=0, dim2=1):
    """Return a diagonal of the matrix that two dimensions make: a last dimension."""
    x = movedim(input, (dim1, dim2), (-2, -1))
    return _index(x, (..., *on_diagonal(*x.shape[-2:], offset, x.data)))


def on_diagonal(rows, columns, offset, like):
    """Return the rows and the columns of a diagonal's elements."""
    n = max(0, min(rows + min(offset, 0), columns - max(offset, 0)))
    i = np.arange(n, like=like)
    return i - min(offset, 0), i + max(offset, 0)


@method
def diag(input, diagonal=0):
    """Return a diagonal of a matrix; or, of a vector, the matrix with that diagonal."""
    if input.ndim == 2:
        return _index(input, on_diagonal(*input.shape, diagonal, input.data))
    if input.ndim != 1:
        raise RuntimeError(f"diag(): Supports 1D or 2D tensors. Got {input.ndim}D")
    n = len(input) + abs(diagonal)
    zeros = np.zeros((n, n), input.dtype, like=input.data)
    return _added_at(input, on_diagonal(n, n, diagonal, input.data), zeros)


@method
def repeat_interleave(input, repeats, dim=None):
    """Repeat each element in its place; `repeats` times, or as often as a list says.

    Without a dim: of the elements in one row.
    """
    if dim is None:
        input, dim = reshape(input, (-1,)), 0
    dim = position(dim, input.ndim)
    n = input.shape[dim]
    times = repeats.data if isinstance(repeats, Tensor) else repeats
    if np.any(np.less(times, 0)):
        raise RuntimeError("Repeats must be non-negative")
    if np.size(times) not in (1, n):
        raise RuntimeError(
            "repeats must have the same size as input along dim, but got "
            f"repeats.size(0) = {np.size(times)} and input.size({dim}) = {n}"
        )
    numbers = np.repeat(np.arange(n, like=input.data), times)
    return _index(input, (*[slice(None)] * dim, numbers))


def lineage(t):
    """List `t`, what it is a view of, and so on, up to the owner of the memory."""
    found = [t]
    while t._view_of is not None:
        t = t._view_of[0]
        found.append(t)
    return found


def refuse_misfit(t, result):
    """Raise RuntimeError if `t` cannot hold a result, by its shape or its dtype."""
    if result.shape != t.shape:
        old, new = list(t.shape), list(result.shape)
        message = f"output with shape {old} doesn't match the broadcast shape {new}"
        raise RuntimeError(message)
    if not np.can_cast(result.dtype, t.dtype, "same_kind"):
        old, new = t.dtype.name, result.dtype.name
        message = f"result type {new} can't be cast to the output type {old}"
        raise RuntimeError(message)


def change(t, operation, *args, **named):
    """Let `t` be what an operation makes of it: other numbers, and another past."""
    refuse_recorded(t)
    others = any(map(needs_grad, (*args, *named.values())))
    recorded = mode.recording and (t.requires_grad or others)
    before = t
    if recorded:  # the step may keep what went in, and `t` is about to change
        before = Tensor(np.copy(t.data))
        before.requires_grad, before.grad_fn = t.requires_grad, t.grad_fn
    result = operation(before, *args, **named)
    refuse_misfit(t, result)
    write(t, ..., result, f"{operation.__name__.strip('_')}_")
    if recorded:
        new_past(t, result.to(t.dtype))
    return t


def new_past(t, result):
    """Let `t`, all that it is a view of, and all their views come from `result`."""
    *views, owner = lineage(t)
    if views:
        whole = Tensor(owner.data)
        whole.requires_grad, whole.grad_fn = owner.requires_grad, owner.grad_fn
        result = _copy_slices(whole, result, [v._view_of[1:] for v in reversed(views)])
    settle(owner, result)


def settle(t, result):
    """Give `t` the past of `result`, and its views theirs anew."""
    before, t.requires_grad, t.grad_fn = t.grad_fn, result.requires_grad, result.grad_fn
    if t.retains_grad:  # the gradient of what it is now, not of what it was
        before.retainer = None
        t.retain_grad()
    for view in [v() for v in t._views]:
        if view is not None and memory(view.data) is memory(t.data):
            _, operation, arguments = view._view_of
            settle(view, operation(t, *arguments))


def follow(path, x):
    """Return the part of `x`, an array or a tensor, that a path of views leads to."""
    for operation, arguments in path:
        if isinstance(x, Tensor):
            x = operation(x, *arguments)
        else:
            x = operation.__wrapped__(x, *arguments)[0]
    return x


def covered(path, x):
    """Return a mask of the elements of array `x` that a path of views leads to."""
    numbers = np.cumsum(np.ones_like(x, dtype=int)) - 1
    mask = np.zeros_like(numbers, dtype=bool)
    mask[follow(path, np.reshape(numbers, x.shape))] = True
    return np.reshape(mask, x.shape)


@op
def _copy_slices(whole, part, path):
    """The whole, after its part at the end of `path` has been changed."""

    def pullback(g):
        x = g.data if isinstance(g, Tensor) else g
        return (lambda: np.where(covered(path, x), 0, g)), (lambda: follow(path, g))

    return whole, pullback


@op
def _fill(input, value):
    value = np.broadcast_to(value, input.shape)
    return value, lambda g: (lambda: np.zeros_like(g), lambda: g)


def source(t, value):
    """Return what is to be copied into `t`: a tensor of its dtype."""
    if not isinstance(value, Tensor):
        return Tensor(np.full_like(t.data, operand(value), shape=()))
    extra = value.ndim - t.ndim
    if extra > 0 and value.shape[:extra] == (1,) * extra:
        value = reshape(value, value.shape[extra:])
    return value.to(t.dtype)
