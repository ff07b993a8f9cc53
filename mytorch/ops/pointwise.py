"""Operations on each element: arithmetic, comparison, curves.

Written in chapters 2.3, 2.3b, 2.3c and 2.4.
"""

import functools
import math

import numpy as np
from numpy.polynomial import Chebyshev, Polynomial
from numpy.polynomial.chebyshev import chebinterpolate

from ..dtypes import get_default_dtype, result_type
from ..tensor import NUMPY, Tensor, method, op

NUMBERS = {bool, int, float}


def promoted(inputs, floating=False):
    """Return the inputs with their tensors in one dtype; numbers stay numbers."""
    common = None
    for x in inputs:
        if isinstance(x, Tensor):
            dtype = x.data.dtype
            if common is None and dtype.kind == "f":
                common = dtype
            elif dtype is not common:
                break
        elif x.__class__ not in NUMBERS:
            break
    else:
        return inputs
    return converted([operand(x) for x in inputs], floating)


def operand(x):
    """Return `x` as a tensor, a Python number or None, or raise TypeError."""
    if isinstance(x, Tensor) or x is None or x.__class__ in NUMBERS:
        return x
    if isinstance(x, (np.number, np.bool_)):
        return x.item()
    if hasattr(x, "dtype"):
        return Tensor(x)
    kind = type(x).__name__
    raise TypeError(f"an operand must be a Tensor or a number, not {kind}")


def converted(operands, floating):
    """Return the operands with their tensors in the dtype of the result."""
    if not any(isinstance(x, Tensor) for x in operands):
        raise TypeError("at least one operand must be a Tensor")
    dtype = result_type(*[x for x in operands if x is not None])
    if floating and dtype.kind != "f":
        dtype = get_default_dtype()
    return [x.to(dtype) if isinstance(x, Tensor) else x for x in operands]


pointwise = functools.partial(op, prepare=promoted)
curve = functools.partial(op, prepare=functools.partial(promoted, floating=True))


@op
def _to(input, dtype):
    pullback = (lambda g: np.astype(g, input.dtype)) if dtype.kind == "f" else None
    return np.astype(input, dtype), pullback


@method
def to(input, dtype):
    """Return the tensor in another dtype, or in that of another tensor.

    The tensor itself, if it has that dtype already.
    """
    dtype = dtype.dtype if isinstance(dtype, Tensor) else np.dtype(dtype)
    return input if input.dtype == dtype else _to(input, dtype)


@method
@op
def clone(input):
    """Return a copy that passes gradients back."""
    return np.copy(input), lambda g: g


@method("__add__", "__radd__", "add")
@pointwise
def add(input, other, alpha=1):
    """Return input + alpha * other."""
    if alpha == 1:
        return input + other, lambda g: (g, g)
    return input + alpha * other, lambda g: (g, g * alpha)


@method("__sub__", "sub")
@pointwise
def sub(input, other, alpha=1):
    """Return input - alpha * other."""
    if alpha == 1:
        return input - other, lambda g: (g, -g)
    return input - alpha * other, lambda g: (g, g * -alpha)


@method("__mul__", "__rmul__", "mul")
@pointwise
def mul(input, other):
    return input * other, lambda g: (lambda: g * other, lambda: g * input)


@method("__truediv__", "div")
@curve
def div(input, other):
    return input / other, lambda g: (g / other, lambda: -g * input / (other * other))


@method("__neg__", "neg")
@pointwise
def neg(input):
    return -input, lambda g: -g


@method("__rsub__")
def rsub(input, other):
    return sub(other, input)


@method("__rtruediv__")
def rdiv(input, other):
    return div(other, input)


@method("__pow__", "pow")
@pointwise
def pow(input, exponent):
    y = input**exponent

    def grad_input():
        if exponent.__class__ not in NUMBERS:
            return exponent * input ** np.where(exponent == 0, 1, exponent - 1)
        return exponent * input ** (exponent - 1) if exponent else np.zeros_like(input)

    def grad_exponent():
        base = input + np.zeros_like(y)  # an array, even if the input is a number
        return y * np.log(np.where(base == 0, 1, base))

    return y, lambda g: (lambda: g * grad_input(), lambda: g * grad_exponent())


@method("__rpow__")
def rpow(input, base):
    return pow(base, input)


@method
@curve
def exp(input):
    y = np.exp(input)
    return y, lambda g: g * y


@method
@curve
def log(input):
    return np.log(input), lambda g: g / input


@method
@curve
def sqrt(input):
    y = np.sqrt(input)
    return y, lambda g: g / (2 * y)


@method
@curve
def sin(input):
    return np.sin(input), lambda g: g * np.cos(input)


@method
@curve
def cos(input):
    return np.cos(input), lambda g: -g * np.sin(input)


@method
@curve
def tanh(input):
    y = np.tanh(input)
    return y, lambda g: g * (1 - y * y)


@method
@curve
def sigmoid(input):
    y = sigmoid(input) if isinstance(input, Tensor) else logistic(input)
    return y, lambda g: g * y * (1 - y)


def logistic(x):
    """Return 1 / (1 + exp(-x)) of an array; no exponential is above 1."""
    e = np.exp(-np.abs(x))
    return np.maximum(e, x >= 0) / (1 + e)  # above: 1 if x is positive, and else e


WHOLE = {2: np.int16, 4: np.int32, 8: np.int64}  # by their size in bytes


def masked(g, mask):
    """Return `g` where a mask (booleans) is true, and 0 elsewhere."""
    if not isinstance(g, np.ndarray):
        return np.where(mask, g, 0)
    return (g.view(WHOLE[g.itemsize]) * mask).view(g.dtype)


@method
@pointwise
def relu(input):
    y = np.maximum(input, 0)
    return y, lambda g: masked(g, y != 0)


@method("__abs__", "abs")
@pointwise
def abs(input):
    return np.abs(input), lambda g: np.where(input < 0, -g, np.where(input > 0, g, 0))


def refuse_zero(input, other):
    """Raise RuntimeError where a whole number would be divided by 0."""
    if result_type(input, other).kind in "biu" and np.any(np.equal(other, 0)):
        raise RuntimeError("ZeroDivisionError: a whole number divided by 0")


@method("__floordiv__", "floor_divide")
@pointwise
def floor_divide(input, other):
    refuse_zero(input, other)
    return input // other, None


@method("__mod__", "remainder")
@pointwise
def remainder(input, other):
    refuse_zero(input, other)
    return input % other, lambda g: (g, lambda: -g * (input // other))


@method("__rfloordiv__")
def rfloor_divide(input, other):
    return floor_divide(other, input)


@method("__rmod__")
def rmod(input, other):
    return remainder(other, input)


@method("__eq__", "eq")
@pointwise
def eq(input, other):
    return input == other, None


@method("__ne__", "ne")
@pointwise
def ne(input, other):
    return input != other, None


@method("__lt__", "lt")
@pointwise
def lt(input, other):
    return input < other, None


@method("__le__", "le")
@pointwise
def le(input, other):
    return input <= other, None


@method("__gt__", "gt")
@pointwise
def gt(input, other):
    return input > other, None


@method("__ge__", "ge")
@pointwise
def ge(input, other):
    return input >= other, None


@method("__and__", "__rand__", "bitwise_and")
@pointwise
def bitwise_and(input, other):
    return input & other, None


@method("__or__", "__ror__", "bitwise_or")
@pointwise
def bitwise_or(input, other):
    return input | other, None


@method("__invert__", "bitwise_not")
@pointwise
def bitwise_not(input):
    return ~input, None


@op
def _where(condition, input, other):
    c = condition != 0
    return np.where(c, input, other), lambda g: (
        None,
        lambda: masked(g, c),
        lambda: masked(g, ~c),
    )


def where(condition, input, other):
    """Return `input` where `condition` is true, and `other` elsewhere."""
    if not isinstance(input, Tensor) and not isinstance(other, Tensor):
        input = np.full_like(condition.data, input, result_type(input))
    return _where(condition, *promoted((input, other)))


@method("where")
def _where_method(self, condition, other):
    return where(condition, self, other)


def winner(g, loses, ties):
    """Return the gradient of what was chosen; where there is a tie, half of it."""
    return np.where(ties, g / 2, np.where(loses, 0, g))


@method
@pointwise
def maximum(input, other):
    return np.maximum(input, other), lambda g: (
        winner(g, input < other, input == other),
        winner(g, input > other, input == other),
    )


@method
@pointwise
def minimum(input, other):
    return np.minimum(input, other), lambda g: (
        winner(g, input > other, input == other),
        winner(g, input < other, input == other),
    )


@method
@pointwise
def clamp(input, min=None, max=None):
    """Return `input`, but at least `min` and at most `max`."""
    if min is None and max is None:
        message = "clamp: At least one of 'min' or 'max' must not be None"
        raise RuntimeError(message)

    def pullback(g):
        y = limited(input, min, max)  # once more: the result may have been changed
        return (
            masked(g, y == input),
            lambda: masked(g, (input < min) & (y == min)),
            lambda: masked(g, (input != y) & (y == max)),
        )

    return limited(input, min, max), pullback


NUMPY |= {np.add: add, np.subtract: sub, np.multiply: mul, np.divide: div}
NUMPY |= {np.negative: neg, np.power: pow, np.remainder: remainder}
NUMPY |= {np.floor_divide: floor_divide, np.equal: eq, np.not_equal: ne}
NUMPY |= {np.less: lt, np.less_equal: le, np.greater: gt, np.greater_equal: ge}
NUMPY |= {np.bitwise_and: bitwise_and, np.bitwise_or: bitwise_or}
NUMPY |= {np.exp: exp, np.log: log, np.sqrt: sqrt, np.sin: sin, np.cos: cos}
NUMPY |= {np.tanh: tanh, np.abs: abs, np.where: where}
NUMPY |= {np.maximum: maximum, np.minimum: minimum, np.clip: clamp}
NUMPY |= {np.copy: clone, np.astype: to}


@method
@curve
def tan(input):
    y = np.tan(input)
    return y, lambda g: g * (1 + y * y)


@method
@curve
def asin(input):
    return np.arcsin(input), lambda g: g / np.sqrt(1 - input * input)


@method
@curve
def acos(input):
    return np.arccos(input), lambda g: -g / np.sqrt(1 - input * input)


@method
@curve
def atan(input):
    return np.arctan(input), lambda g: g / (1 + input * input)


@method
@curve
def atan2(input, other):
    """Return the angle of the point (other, input), from -pi to pi."""

    def pullback(g):
        g = g / (input * input + other * other)
        return g * other, -g * input

    return np.arctan2(input, other), pullback


@method
@curve
def sinh(input):
    return np.sinh(input), lambda g: g * np.cosh(input)


@method
@curve
def cosh(input):
    return np.cosh(input), lambda g: g * np.sinh(input)


@method
@curve
def log2(input):
    return np.log2(input), lambda g: g / (input * math.log(2))


@method
@curve
def log10(input):
    return np.log10(input), lambda g: g / (input * math.log(10))


@method
@curve
def log1p(input):
    """Return log(1 + input), exact near 0."""
    return np.log1p(input), lambda g: g / (1 + input)


@method
@curve
def expm1(input):
    """Return exp(input) - 1, exact near 0."""
    y = np.expm1(input)
    return y, lambda g: g * (y + 1)


@method
@curve
def rsqrt(input):
    y = 1 / np.sqrt(input)
    return y, lambda g: -g * y * y * y / 2


@method
@curve
def reciprocal(input):
    y = 1 / input
    return y, lambda g: -g * y * y


@method
def square(input):
    return pow(input, 2)


def flat(g):
    """Return the gradient of a staircase: 0 everywhere."""
    return np.zeros_like(g)


@method
@pointwise
def sign(input):
    y = np.where(input > 0, 1, np.where(input < 0, -1, 0))  # of nan: 0
    return np.astype(y, input.dtype), flat


@method
@pointwise
def floor(input):
    return np.floor(input), flat


@method
@pointwise
def ceil(input):
    return np.ceil(input), flat


@method
@pointwise
def trunc(input):
    return np.trunc(input), flat


@op
def _round(input, decimals):
    return np.round(input, decimals), flat


@method
def round(input, *, decimals=0):
    """Return the nearest whole numbers, the even one of two; or keep some decimals."""
    return _round(input, decimals)


@method
@pointwise
def lerp(input, end, weight):
    """Return the way from `input` to `end`, a part of it: 0 is the start, 1 the end."""
    return input + weight * (end - input), lambda g: (
        g * (1 - weight),
        g * weight,
        lambda: g * (end - input),
    )


@method
def clamp_min(input, min):
    """Return `input`, but at least `min`."""
    return clamp(input, min=min)


@method
def clamp_max(input, max):
    """Return `input`, but at most `max`."""
    return clamp(input, max=max)


@method
@pointwise
def logical_and(input, other):
    return np.logical_and(input, other), None


@method
@pointwise
def logical_or(input, other):
    return np.logical_or(input, other), None


@method
@pointwise
def logical_xor(input, other):
    return np.logical_xor(input, other), None


@method
@pointwise
def logical_not(input):
    return np.logical_not(input), None


@method("__xor__", "__rxor__", "bitwise_xor")
@pointwise
def bitwise_xor(input, other):
    return input ^ other, None


@method
@pointwise
def isnan(input):
    return np.isnan(input), None


@method
@pointwise
def isinf(input):
    return np.isinf(input), None


@method
@pointwise
def isfinite(input):
    return np.isfinite(input), None


@method
def equal(input, other):
    """Tell whether two tensors have the same shape and the same elements."""
    return input.shape == other.shape and bool((input == other).all())


@method
def allclose(input, other, rtol=1e-05, atol=1e-08, equal_nan=False):
    """Tell whether |input - other| <= atol + rtol * |other| everywhere."""
    if input.dtype != other.dtype:
        message = f"{input.dtype.name} did not match {other.dtype.name}"
        raise RuntimeError(message)
    close = np.isclose(input.data, other.data, rtol, atol, equal_nan)
    return bool(np.all(close))


@functools.cache
def erf_series(reach, degree):
    """Return Chebyshev coefficients of erf(x) / x, a function of x², up to `reach`."""

    def ratio(z):
        x = reach * math.sqrt((z + 1) / 2)
        return math.erf(x) / x

    return chebinterpolate(np.vectorize(ratio), degree).tolist()


def erf_sum(input, reach=6.0, degree=42):
    """Return erf of an array, by Clenshaw's sum: exact enough for float64."""
    x = np.clip(input, -reach, reach)  # beyond, it is 1
    z = x * x * (4 / reach**2) - 2
    first, *rest = erf_series(reach, degree)
    b, before = np.zeros_like(x), np.zeros_like(x)
    for c in reversed(rest):
        b, before = c + z * b - before, b
    return x * (first + z * b / 2 - before)


@functools.cache
def erf_powers(reach=4, degree=6):
    """Return coefficients of p, the highest first, so that erf(x) = tanh(x p(x²))."""
    x = np.linspace(reach, 0, 2000, endpoint=False)
    y = np.vectorize(math.erf)(x)
    weight = x * (1 - y * y) / y  # what an error of p does to erf, relative to erf
    p = Chebyshev.fit(x * x, np.arctanh(y) / x, degree, w=weight)
    return p.convert(kind=Polynomial).coef[::-1].tolist()


def erf_values(input):
    """Return erf of an array, about as exact as the dtype."""
    if input.dtype.itemsize == 8:
        return erf_sum(input)
    x = np.clip(input, -5, 5)  # p grows, and tanh is 1 long before
    z = x * x
    y, *rest = erf_powers()
    for c in rest:  # Horner's scheme; only the first step makes a new array
        y *= z
        y += c
    y *= x
    return np.tanh(y)


@method
@curve
def erf(input):
    """Return the error function, 2/sqrt(pi) times the integral of exp(-t²) up to x."""
    y = erf(input) if isinstance(input, Tensor) else erf_values(input)
    return y, lambda g: g * np.exp(-input * input) * (2 / math.sqrt(math.pi))


NUMPY |= {np.tan: tan, np.arcsin: asin, np.arccos: acos, np.arctan: atan}
NUMPY |= {np.arctan2: atan2, np.sinh: sinh, np.cosh: cosh, np.log2: log2}
NUMPY |= {np.log10: log10, np.log1p: log1p, np.expm1: expm1, np.sign: sign}
NUMPY |= {np.floor: floor, np.ceil: ceil, np.trunc: trunc, np.round: _round}
NUMPY |= {np.reciprocal: reciprocal, np.square: square, np.isnan: isnan}
NUMPY |= {np.isinf: isinf, np.isfinite: isfinite, np.logical_not: logical_not}
NUMPY |= {np.logical_and: logical_and, np.logical_or: logical_or}
NUMPY |= {np.logical_xor: logical_xor, np.bitwise_xor: bitwise_xor}


def limited(input, min, max):
    """Return `input`, but at least `min` and at most `max`."""
    y = input if min is None else np.maximum(input, min)
    return y if max is None else np.minimum(y, max)


CHUNK = 65_536  # elements: a few arrays of this size stay in the processor's cache


def portions(count, each, budget=CHUNK):
    """Yield slices of `count` things that cost `each`: as many as a budget allows."""
    many = max(1, budget // max(each, 1))
    for start in range(0, count, many):
        yield slice(start, min(start + many, count))


def by_pieces(function, *arrays):
    """Return function(*arrays) for a function of each element, a few rows at a time.

    The arrays are of one shape; the result has the dtype of the first. Only NumPy's
    are cut, if large: a tensor remembers whole steps, a GPU gains nothing by pieces.
    """
    x = arrays[0]
    if not isinstance(x, np.ndarray) or x.size < 16 * CHUNK:
        return function(*arrays)
    out = np.empty_like(x)
    for part in portions(len(x), x.size // len(x)):
        out[part] = function(*[a[part] for a in arrays])
    return out
