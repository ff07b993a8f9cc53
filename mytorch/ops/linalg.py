"""Products of matrices.

Written in chapter 2.3.
"""

import numpy as np

from ..tensor import NUMPY, method, op


@method("__matmul__", "matmul")
@op
def matmul(input, other):
    """Return the matrix product; of vectors and of stacks of matrices, too."""
    refuse_misfits(input, other)
    a = input if input.ndim > 1 else input[None, :]  # a vector on the left is a row
    b = other if other.ndim > 1 else other[:, None]  # on the right it is a column

    def pullback(g):
        g = g if other.ndim > 1 else np.expand_dims(g, -1)
        g = g if input.ndim > 1 else np.expand_dims(g, -2)
        return (lambda: g @ np.swapaxes(b, -1, -2)), (lambda: grad_other(a, g, other))

    return input @ other, pullback


def grad_other(a, g, other):
    """Return the gradient of a matrix product's right factor."""
    y = np.swapaxes(a, -1, -2) @ g
    return y if other.ndim > 1 else y[..., 0]


def refuse_misfits(input, other):
    """Raise RuntimeError if two tensors have no matrix product."""
    if not hasattr(input, "dtype") or not hasattr(other, "dtype"):
        raise TypeError("matmul() takes two tensors; to multiply by a number, use *")
    a, b = input.shape, other.shape
    if not a or not b:
        raise RuntimeError(
            "both arguments to matmul need to be at least 1D, but they are "
            f"{len(a)}D and {len(b)}D"
        )
    if a[-1] != b[max(len(b) - 2, 0)]:
        sizes = " and ".join("x".join(map(str, shape)) for shape in (a, b))
        raise RuntimeError(f"mat1 and mat2 shapes cannot be multiplied ({sizes})")
    if input.dtype != other.dtype:
        raise RuntimeError(
            "expected m1 and m2 to have the same dtype, but got: "
            f"{input.dtype.name} != {other.dtype.name}"
        )


NUMPY |= {np.matmul: matmul}
