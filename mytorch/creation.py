"""Tensors from nothing: constants, ranges, random numbers.

Written in chapter 2.3.
"""

import numpy as np

from .dtypes import dtype_of, float32, int64
from .tensor import NUMPY, Tensor


def shape_of(size):
    """Return the shape, given as one tuple, zeros((2, 3)), or as zeros(2, 3)."""
    one = len(size) == 1 and isinstance(size[0], (tuple, list))
    return tuple(size[0]) if one else size


def from_numpy(ndarray):
    """Return a tensor that shares the array's memory."""
    return Tensor(ndarray)


def full(size, fill_value, *, dtype=None, requires_grad=False):
    """Return a tensor with the same number everywhere."""
    dtype = dtype_of(fill_value) if dtype is None else dtype
    return Tensor(np.full(size, fill_value, dtype), requires_grad)


def zeros(*size, dtype=None, requires_grad=False):
    """Return a tensor of zeros."""
    return Tensor(np.zeros(shape_of(size), dtype or float32), requires_grad)


def ones(*size, dtype=None, requires_grad=False):
    """Return a tensor of ones."""
    return Tensor(np.ones(shape_of(size), dtype or float32), requires_grad)


def zeros_like(input, *, dtype=None, requires_grad=False):
    """Return zeros in the shape and the dtype of `input`."""
    return Tensor(np.zeros_like(input.data, dtype), requires_grad)


def ones_like(input, *, dtype=None, requires_grad=False):
    """Return ones in the shape and the dtype of `input`."""
    return Tensor(np.ones_like(input.data, dtype), requires_grad)


def eye(n, m=None, *, dtype=None, requires_grad=False):
    """Return a matrix with ones on the diagonal, and zeros elsewhere."""
    return Tensor(np.eye(n, m, dtype=dtype or float32), requires_grad)


def arange(start, end=None, step=1, *, dtype=None, requires_grad=False):
    """Return the numbers from `start` (or 0) up to, but without, `end`."""
    start, end = (0, start) if end is None else (start, end)
    if step == 0 or (end - start) / step < 0:
        raise RuntimeError(f"no numbers lead from {start} to {end} in steps of {step}")
    if dtype is None:
        whole = all(isinstance(x, int) for x in (start, end, step))
        dtype = int64 if whole else float32
    return Tensor(np.arange(start, end, step).astype(dtype), requires_grad)


def linspace(start, end, steps, *, dtype=None, requires_grad=False):
    """Return `steps` numbers at equal distances, `start` and `end` among them."""
    values = np.linspace(start, end, steps, dtype=dtype or float32)
    return Tensor(values, requires_grad)


generator = np.random.default_rng()


def manual_seed(seed):
    """Begin the random numbers anew: the same seed gives the same numbers."""
    generator.bit_generator.state = np.random.default_rng(seed).bit_generator.state
    return generator


def rand(*size, dtype=None, requires_grad=False):
    """Return random numbers between 0 and 1, each as likely as another."""
    return Tensor(generator.random(shape_of(size), dtype or float32), requires_grad)


def randn(*size, dtype=None, requires_grad=False):
    """Return normal random numbers of mean 0 and standard deviation 1."""
    values = generator.standard_normal(shape_of(size), dtype or float32)
    return Tensor(values, requires_grad)


def randint(low, high=None, size=None, *, dtype=None, requires_grad=False):
    """Return random whole numbers from `low` (or 0) up to, but without, `high`."""
    if size is None:
        low, high, size = 0, low, high
    values = generator.integers(low, high, tuple(size)).astype(dtype or int64)
    return Tensor(values, requires_grad)


NUMPY |= {np.zeros_like: zeros_like, np.ones_like: ones_like}
