"""Elements by position: reading them, and changing tensors in place.

Written in chapter 2.3.
"""

import numpy as np

from ..autograd import mode, needs_grad
from ..tensor import Tensor, method, op
from .pointwise import add, div, mul, sub


def refuse_recorded(t, *others):
    """Raise RuntimeError if a change of `t` in place would spoil a graph."""
    if mode.recording and t.requires_grad and t.is_leaf:
        raise RuntimeError(
            "a leaf Variable that requires grad is being used in an in-place "
            "operation: change it under no_grad()"
        )
    if mode.recording and (t.requires_grad or any(map(needs_grad, others))):
        raise RuntimeError(
            "a change in place is not recorded in the graph: make a new tensor with "
            "where, cat or stack, or change it under no_grad()"
        )


def write(t, index, value):
    """Copy a tensor or a number into a part of `t`."""
    array = value.data if isinstance(value, Tensor) else value
    try:
        t.data[index] = array
    except ValueError as error:
        raise RuntimeError(str(error)) from None


def in_place(operation):
    """Make `a += b` of `a + b`: the same tensor, with other numbers in it."""

    def change(self, other):
        if self.is_leaf:
            refuse_recorded(self)
        result = operation(self, other)
        if result.requires_grad:
            return result  # the name goes to a new tensor, and the graph stays right
        if result.shape != self.shape:
            old, new = list(self.shape), list(result.shape)
            message = f"output with shape {old} doesn't match the broadcast shape {new}"
            raise RuntimeError(message)
        if not np.can_cast(result.dtype, self.dtype, "same_kind"):
            old, new = self.dtype.name, result.dtype.name
            message = f"result type {new} can't be cast to the output type {old}"
            raise RuntimeError(message)
        write(self, ..., result)
        return self

    return change


method("__iadd__")(in_place(add))
method("__isub__")(in_place(sub))
method("__imul__")(in_place(mul))
method("__itruediv__")(in_place(div))


def scatter(g, index, like):
    """Return zeros in the shape of `like`, with `g` added at `index`."""
    if isinstance(g, Tensor):
        return _scatter(g, index, like)
    out = np.zeros_like(like, dtype=g.dtype)
    if any(is_array(i) and i.dtype.kind == "i" for i in index):
        np.add.at(out, index, g)  # a place may be named twice
    else:
        out[index] = g
    return out


@op
def _scatter(g, index, like):
    return scatter(g, index, like), lambda h: h[index]


@op
def _index(input, index):
    return input[index], lambda g: scatter(g, index, input)


def is_array(i):
    """Tell whether a part of an index is an array (of places, or a mask)."""
    return hasattr(i, "dtype")


def part(i, like):
    """Return one part of an index as NumPy knows it; a list becomes an array."""
    if isinstance(i, Tensor):
        return i.item() if i.ndim == 0 and i.dtype.kind in "iu" else i.data
    if isinstance(i, list):
        return np.asarray(i, None if i else int, like=like)
    if isinstance(i, slice):
        i = slice(*(x if x is None else int(x) for x in (i.start, i.stop, i.step)))
        if i.step is not None and i.step <= 0:
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
    """Put a tensor or a number in place of elements. No graph records this."""
    refuse_recorded(input, value)
    *first, last = steps(index, input.data)
    place = input.data[first[0]] if first else input.data
    write(Tensor(place), last, value)
