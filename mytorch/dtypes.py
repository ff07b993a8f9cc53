"""Kinds of numbers, and which kind a result has.

Written in chapter 2.3.
"""

import numpy as np

float32, float64 = np.dtype("float32"), np.dtype("float64")
int64, bool = np.dtype("int64"), np.dtype("bool")


def dtype_of(number):
    """Return the dtype that a Python number gets: float32, int64 or bool."""
    dtype = np.dtype(type(number))
    return float32 if dtype.kind == "f" else dtype


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
        for dtype in sorted(group, key=lambda d: (category(d), d.itemsize))[-1:]:
            if best is None or category(dtype) > category(best):
                best = dtype
    return best
