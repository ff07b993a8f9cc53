"""The forms that end in an underscore: they change the tensor, and return it.

Written in chapter 2.3c.
"""

from ..creation import bernoulli, rand_like, randn_like
from ..dtypes import float64
from ..errors import position
from ..tensor import Tensor, method
from . import indexing, linalg, pointwise, reduction, shape  # noqa: F401
from .indexing import _fill, change, in_place, source

NAMES = """abs acos add asin atan atan2 bitwise_and bitwise_not bitwise_or bitwise_xor
ceil clamp clamp_max clamp_min cos cosh cumprod cumsum div eq erf exp expm1 floor
floor_divide ge gt index_add le lerp log log10 log1p log2 logical_and logical_not
logical_or logical_xor lt masked_fill mul ne neg pow reciprocal relu remainder round
rsqrt scatter scatter_add sigmoid sign sin sinh sqrt square sub tan tanh tril triu
trunc""".split()
for name in NAMES:
    method(f"{name}_")(in_place(getattr(Tensor, name)))


@method
def copy_(self, other, non_blocking=False):
    """Copy the elements of `other` here, in this dtype; shapes may broadcast."""
    return change(self, _fill, source(self, other))


@method
def fill_(self, value):
    """Set every element to one number, or to the only element of a tensor."""
    return change(self, _fill, source(self, value))


@method
def zero_(self):
    """Set every element to 0."""
    return self.fill_(0)


method("__ipow__")(Tensor.pow_)
method("__ifloordiv__")(Tensor.floor_divide_)
method("__imod__")(Tensor.remainder_)
method("__iand__")(Tensor.bitwise_and_)
method("__ior__")(Tensor.bitwise_or_)
method("__ixor__")(Tensor.bitwise_xor_)


@method
def detach_(self):
    """Forget where the tensor came from; return the tensor itself."""
    if self._base is not None:
        raise RuntimeError("Can't detach views in-place. Use detach() instead.")
    self.requires_grad, self.grad_fn, self.retains_grad = False, None, False
    return self


@method
def index_fill_(self, dim, index, value):
    """Set the rows (or columns, by `dim`) that `index` names to one number."""
    self[(*[slice(None)] * position(dim, self.ndim), index)] = value
    return self


@method
def normal_(self, mean=0, std=1, *, generator=None):
    """Fill with normal random numbers. Raises RuntimeError if `std` is negative."""
    if std < 0:
        raise RuntimeError(f"normal_ expects std >= 0.0, but found std {std}")
    return self.copy_(randn_like(self.detach(), generator=generator) * std + mean)


@method
def uniform_(self, low=0, to=1, *, generator=None):
    """Fill with random numbers from `low` up to `to`, each as likely as another."""
    if low > to:
        message = f"uniform_ expects to return a [from, to) range, but found from={low}"
        raise RuntimeError(f"{message} > to={to}")
    return self.copy_(rand_like(self.detach(), generator=generator) * (to - low) + low)


@method
def bernoulli_(self, p=0.5, *, generator=None):
    """Fill with 1 with probability `p` (a number or a tensor), and else with 0."""
    chances = rand_like(self.detach(), dtype=float64).copy_(p)
    return self.copy_(bernoulli(chances, generator=generator))
