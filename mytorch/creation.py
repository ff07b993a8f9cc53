"""Tensors from nothing: constants, ranges, random numbers.

Written in chapter 2.3b.
"""

import numpy as np

from .dtypes import dtype_of, get_default_dtype, int64
from .random import default_generator, manual_seed  # noqa: F401
from .tensor import NUMPY, Tensor, method


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
    dtype = dtype or get_default_dtype()
    return Tensor(np.zeros(shape_of(size), dtype), requires_grad)


def ones(*size, dtype=None, requires_grad=False):
    """Return a tensor of ones."""
    dtype = dtype or get_default_dtype()
    return Tensor(np.ones(shape_of(size), dtype), requires_grad)


def empty(*size, dtype=None, requires_grad=False):
    """Return a tensor of whatever the memory holds: fill it before you use it."""
    dtype = dtype or get_default_dtype()
    return Tensor(np.empty(shape_of(size), dtype), requires_grad)


def eye(n, m=None, *, dtype=None, requires_grad=False):
    """Return a matrix with ones on the diagonal, and zeros elsewhere."""
    return Tensor(np.eye(n, m, dtype=dtype or get_default_dtype()), requires_grad)


def zeros_like(input, *, dtype=None, requires_grad=False):
    """Return zeros in the shape and the dtype of `input`."""
    return Tensor(np.zeros_like(input.data, dtype), requires_grad)


def ones_like(input, *, dtype=None, requires_grad=False):
    """Return ones in the shape and the dtype of `input`."""
    return Tensor(np.ones_like(input.data, dtype), requires_grad)


def empty_like(input, *, dtype=None, requires_grad=False):
    """Return a tensor like `input` of whatever the memory holds."""
    return Tensor(np.empty_like(input.data, dtype), requires_grad)


def full_like(input, fill_value, *, dtype=None, requires_grad=False):
    """Return one number everywhere, in the shape and the dtype of `input`."""
    return Tensor(np.full_like(input.data, fill_value, dtype), requires_grad)


NUMPY |= {np.zeros_like: zeros_like, np.ones_like: ones_like}


def arange(start, end=None, step=1, *, dtype=None, requires_grad=False):
    """Return the numbers from `start` (or 0) up to, but without, `end`."""
    start, end = (0, start) if end is None else (start, end)
    if step == 0 or (end - start) / step < 0:
        raise RuntimeError(f"no numbers lead from {start} to {end} in steps of {step}")
    if dtype is None:
        whole = all(isinstance(x, int) for x in (start, end, step))
        dtype = int64 if whole else get_default_dtype()
    return Tensor(np.arange(start, end, step).astype(dtype), requires_grad)


def linspace(start, end, steps, *, dtype=None, requires_grad=False):
    """Return `steps` numbers at equal distances, `start` and `end` among them."""
    values = np.linspace(start, end, steps, dtype=dtype or get_default_dtype())
    return Tensor(values, requires_grad)


def draw(name, size, generator, dtype):
    """Return random floats: NumPy draws float32 and float64, others are converted."""
    dtype = np.dtype(dtype or get_default_dtype())
    if dtype.kind != "f":
        raise NotImplementedError(f"no random numbers of {dtype.name}: use randint")
    native = dtype if dtype.itemsize > 2 else np.float32
    source = (generator or default_generator).numpy
    return np.asarray(getattr(source, name)(shape_of(size), native)).astype(dtype)


def rand(*size, generator=None, dtype=None, requires_grad=False):
    """Return random numbers between 0 and 1, each as likely as another."""
    return Tensor(draw("random", size, generator, dtype), requires_grad)


def randn(*size, generator=None, dtype=None, requires_grad=False):
    """Return normal random numbers of mean 0 and standard deviation 1."""
    return Tensor(draw("standard_normal", size, generator, dtype), requires_grad)


def randint(
    low, high=None, size=None, *, generator=None, dtype=None, requires_grad=False
):
    """Return random whole numbers from `low` (or 0) up to, but without, `high`."""
    high, size = (None, high) if size is None else (high, size)
    low, high = (0, low) if high is None else (low, high)
    if low >= high:
        raise RuntimeError(f"random_ expects from < to, but got {low} >= {high}")
    source = (generator or default_generator).numpy
    values = np.asarray(source.integers(low, high, tuple(size)))
    return Tensor(values.astype(dtype or int64), requires_grad)


def randperm(n, *, generator=None, dtype=int64, requires_grad=False):
    """Return the numbers from 0 up to, but without, `n`, shuffled."""
    if n < 0:
        raise RuntimeError(f"Trying to create tensor with negative dimension {n}")
    values = (generator or default_generator).numpy.permutation(n)
    return Tensor(values.astype(dtype), requires_grad)


def rand_like(input, *, generator=None, dtype=None, requires_grad=False):
    """Return `rand` in the shape and the dtype of `input`."""
    named = {"dtype": dtype or input.dtype, "requires_grad": requires_grad}
    return rand(input.shape, generator=generator, **named)


def randn_like(input, *, generator=None, dtype=None, requires_grad=False):
    """Return `randn` in the shape and the dtype of `input`."""
    named = {"dtype": dtype or input.dtype, "requires_grad": requires_grad}
    return randn(input.shape, generator=generator, **named)


def randint_like(
    input, low, high=None, *, generator=None, dtype=None, requires_grad=False
):
    """Return `randint` in the shape and the dtype of `input`."""
    low, high = (0, low) if high is None else (low, high)
    named = {"dtype": dtype or input.dtype, "requires_grad": requires_grad}
    return randint(low, high, input.shape, generator=generator, **named)


def normal(mean, std, size=None, *, generator=None, requires_grad=False):
    """Return normal random numbers of this mean and standard deviation.

    Both may be tensors that broadcast, or numbers; two numbers need a `size`.
    """
    tensors = [x.detach() for x in (mean, std) if isinstance(x, Tensor)]
    if not tensors and size is None:
        raise TypeError("normal() of two numbers needs a size")
    low = std.min().item() if isinstance(std, Tensor) and std.numel() else std
    if not isinstance(low, Tensor) and low < 0:
        raise RuntimeError(f"normal expects std >= 0.0, but found std {low}")
    like = sum(tensors) if size is None else zeros(size)
    noise = randn_like(like, generator=generator)
    result = (noise * std + mean).detach()
    return result.requires_grad_(requires_grad)


@method
def bernoulli(input, *, generator=None):
    """Return 1 with the probability that `input` says, or else 0, in its dtype.

    Raises RuntimeError if one is no probability.
    """
    p = input.detach()
    if not ((p >= 0) & (p <= 1)).all():
        raise RuntimeError("bernoulli: expected p_in >= 0 and p_in <= 1")
    return (rand_like(p, generator=generator) < p).to(p.dtype)


def refuse_weights(p, n, replacement):
    """Raise RuntimeError if nothing can be drawn by the weights `p`."""
    if p.ndim not in (1, 2):
        raise RuntimeError("prob_dist must be 1 or 2 dim")
    if p.dtype.kind != "f":
        raise RuntimeError("multinomial only supports floating-point dtypes for input")
    if n <= 0:
        raise RuntimeError("cannot sample n_sample <= 0 samples")
    if not replacement and n > p.shape[-1]:
        message = "cannot sample n_sample > prob_dist.size(-1) samples"
        raise RuntimeError(message + " without replacement")
    if not np.all(np.isfinite(p)) or np.any(p < 0):
        raise RuntimeError("probability tensor contains `inf`, `nan` or element < 0")
    if np.any(np.sum(p, axis=-1) <= 0):
        message = "invalid multinomial distribution (sum of probabilities <= 0)"
        raise RuntimeError(message)


@method
def multinomial(input, num_samples, replacement=False, *, generator=None):
    """Draw places by their weights, from each row; a row need not add up to 1.

    input: (places,) or (rows, places). Return int64, (num_samples,) or
    (rows, num_samples). Raises RuntimeError if nothing can be drawn.
    """
    refuse_weights(input.data, num_samples, replacement)
    weights = np.asarray(input.data, np.float64)
    source = (generator or default_generator).numpy
    if replacement:
        ends = np.cumsum(weights, axis=-1)
        u = source.random((*weights.shape[:-1], num_samples)) * ends[..., -1:]
        rows = zip(np.atleast_2d(ends), np.atleast_2d(u), strict=True)
        found = [np.searchsorted(end, x, side="right") for end, x in rows]
        return Tensor(np.reshape(np.array(found), u.shape))
    with np.errstate(divide="ignore"):  # a weight of 0 waits forever
        waits = source.standard_exponential(weights.shape) / weights
    return Tensor(np.argsort(waits, axis=-1)[..., :num_samples])
