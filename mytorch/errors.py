"""PyTorch's errors in place of NumPy's.

Written in chapter 2.3.
"""

import numpy as np


def position(dim, ndim):
    """Return a dimension counted from the front; raise IndexError if there is none."""
    n = max(ndim, 1)
    if not -n <= dim < n:
        expected = f"expected to be in range of [{-n}, {n - 1}], but got {dim}"
        raise IndexError(f"Dimension out of range ({expected})")
    return dim % n


def explained(error, arrays):
    """Return the error that PyTorch would raise where NumPy raised a ValueError."""
    if isinstance(error, np.exceptions.AxisError):
        try:
            position(error.axis, error.ndim)
        except IndexError as out_of_range:
            return out_of_range
    shapes = [x.shape for x in arrays if hasattr(x, "shape")]
    return clash(shapes) if "broadcast" in str(error) else RuntimeError(str(error))


def clash(shapes):
    """Return the error for shapes that do not broadcast: where, and which."""
    ndim = max(map(len, shapes))
    padded = [(1,) * (ndim - len(shape)) + shape for shape in shapes]
    for dim in reversed(range(ndim)):
        sizes = [shape[dim] for shape in padded if shape[dim] != 1]
        other = [size for size in sizes if size != sizes[0]]
        if other:
            return RuntimeError(
                f"The size of tensor a ({sizes[0]}) must match the size of tensor b "
                f"({other[0]}) at non-singleton dimension {dim}: the shapes "
                f"{' and '.join(map(str, shapes))} do not broadcast"
            )
    return RuntimeError(f"the shapes {shapes} do not broadcast")
