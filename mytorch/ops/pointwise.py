"""Operations on each element: arithmetic, comparison, curves.

Written in chapter 2.3.
"""

import functools

import numpy as np

from ..dtypes import float32, result_type
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
        dtype = float32
    return [x.to(dtype) if isinstance(x, Tensor) else x for x in operands]


pointwise = functools.partial(op, prepare=promoted)
curve = functools.partial(op, prepare=functools.partial(promoted, floating=True))


@op
def _to(input, dtype):
    pullback = (lambda g: np.astype(g, input.dtype)) if dtype.kind == "f" else None
    return np.astype(input, dtype), pullback


@method
def to(input, dtype):
    """Return the tensor in another dtype; the tensor itself if it has that already."""
    return input if input.dtype == dtype else _to(input, np.dtype(dtype))


@method
@op
def clone(input):
    """Return a copy that passes gradients back."""
    return np.copy(input), lambda g: g


@method("__add__", "__radd__", "add")
@pointwise
def add(input, other):
    return input + other, lambda g: (g, g)


@method("__sub__", "sub")
@pointwise
def sub(input, other):
    return input - other, lambda g: (g, -g)


@method("__mul__", "__rmul__", "mul")
@pointwise
def mul(input, other):
    return input * other, lambda g: (g * other, g * input)


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
        if exponent.__class__ in NUMBERS:
            return exponent * input ** (exponent - 1) if exponent else np.zeros_like(y)
        return exponent * input ** np.where(exponent == 0, 1, exponent - 1)

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
    e = np.exp(np.where(input >= 0, -input, input))  # at most 1, whatever the sign
    y = np.where(input >= 0, 1, e) / (1 + e)
    return y, lambda g: g * y * (1 - y)


@method
@pointwise
def relu(input):
    return np.maximum(input, 0), lambda g: np.where(input <= 0, 0, g)


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
    c = condition
    return np.where(c, input, other), lambda g: (
        None,
        lambda: np.where(c, g, 0),
        lambda: np.where(c, 0, g),
    )


def where(condition, input, other):
    """Return `input` where `condition` is true, and `other` elsewhere."""
    if not isinstance(input, Tensor) and not isinstance(other, Tensor):
        input = Tensor(np.full_like(condition.data, input, result_type(input)))
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
    y = input if min is None else np.maximum(input, min)
    y = y if max is None else np.minimum(y, max)
    return y, lambda g: (
        np.where(y == input, g, 0),
        lambda: np.where((input < min) & (y == min), g, 0),
        lambda: np.where((input != y) & (y == max), g, 0),
    )


NUMPY |= {np.add: add, np.subtract: sub, np.multiply: mul, np.divide: div}
NUMPY |= {np.negative: neg, np.power: pow, np.remainder: remainder}
NUMPY |= {np.floor_divide: floor_divide, np.equal: eq, np.not_equal: ne}
NUMPY |= {np.less: lt, np.less_equal: le, np.greater: gt, np.greater_equal: ge}
NUMPY |= {np.bitwise_and: bitwise_and, np.bitwise_or: bitwise_or}
NUMPY |= {np.exp: exp, np.log: log, np.sqrt: sqrt, np.sin: sin, np.cos: cos}
NUMPY |= {np.tanh: tanh, np.abs: abs, np.where: where}
NUMPY |= {np.maximum: maximum, np.minimum: minimum, np.clip: clamp}
NUMPY |= {np.copy: clone, np.astype: to}
