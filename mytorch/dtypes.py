"""Kinds of numbers, and which kind a result has.

Written in chapters 2.3 and 2.3b.
"""

import functools
from types import SimpleNamespace

import numpy as np

float32, float64 = np.dtype("float32"), np.dtype("float64")
int64, bool = np.dtype("int64"), np.dtype("bool")


def dtype_of(number):
    """Return the dtype that a Python number gets: the default, int64 or bool."""
    dtype = np.dtype(type(number))
    return default_dtype if dtype.kind == "f" else dtype


def category(dtype):
    """Rank kinds of numbers: bool, then whole numbers, then floats."""
    return {"b": 0, "u": 1, "i": 1, "f": 2}[dtype.kind]


def result_type(*operands):
    """Return the dtype of what is computed from tensors and Python numbers.

    Tensors with dimensions decide. Those without, and after them the numbers, have a
    say only if they are of a higher category.
    """
    groups = [], [], []
    for x in operands:
        if hasattr(x, "dtype"):
            groups[0 if x.ndim else 1].append(x.dtype)
        else:
            groups[2].append(dtype_of(x))
    best = None
    for group in groups:
        top = max(map(category, group), default=-1)
        if best is None or top > category(best):
            same = [dtype for dtype in group if category(dtype) == top]
            best = functools.reduce(np.promote_types, same, *same[:1]) if same else best
    return best


float16 = np.dtype("float16")
uint8, int8 = np.dtype("uint8"), np.dtype("int8")
int16, int32 = np.dtype("int16"), np.dtype("int32")

default_dtype = float32


def get_default_dtype():
    """Return the dtype of Python's floats, and of zeros, rand and their like."""
    return default_dtype


def set_default_dtype(d, /):
    """Let Python's floats become tensors of dtype `d`.

    Raises TypeError if `d` is no kind of float.
    """
    global default_dtype
    if np.dtype(d).kind != "f":
        message = "only floating-point types are supported as the default type"
        raise TypeError(message)
    default_dtype = np.dtype(d)


def finfo(type=None):
    """Return what is special about a kind of floats: max, eps, tiny, bits and so on."""
    found = np.finfo(type or default_dtype)
    names = ["min", "max", "eps", "tiny", "smallest_normal"]
    values = {name: getattr(found, name).item() for name in names}
    values |= {"bits": found.bits, "resolution": 10.0**-found.precision}
    return SimpleNamespace(dtype=found.dtype.name, **values)


def iinfo(type):
    """Return what is special about a kind of whole numbers: min, max, bits."""
    found = np.iinfo(type)
    dtype = found.dtype.name
    return SimpleNamespace(bits=found.bits, min=found.min, max=found.max, dtype=dtype)
