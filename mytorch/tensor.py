"""A number that remembers how it was computed, and the way back.

Written in chapter 2.2.
"""

import functools
import math
from numbers import Real


class Tensor:
    """A number that remembers how it was computed, so that it can be differentiated."""

    def __init__(self, data, requires_grad=False):
        if not isinstance(data, Real):
            kind = type(data).__name__
            raise TypeError(f"a tensor holds one real number for now, not a {kind}")
        self.data = float(data)
        self.requires_grad = requires_grad
        self.grad = None  # a Tensor as soon as a gradient has arrived
        self.grad_fn = None  # the Node that computed this tensor
        self.retains_grad = False

    def item(self):
        """Return the value as a Python number."""
        return self.data

    def __repr__(self):
        x, origin = self.data, ""
        if self.grad_fn is not None:
            origin = f", grad_fn=<{self.grad_fn.name()}>"
        elif self.requires_grad:
            origin = ", requires_grad=True"
        if abs(x) > 1e8 or 0 < abs(x) < 1e-4:
            return f"tensor({x:.4e}{origin})"
        digits = f"{x:.0f}." if x.is_integer() else f"{x:.4f}"
        return f"tensor({digits}{origin})"

    def backward(self):
        """Add the derivative of this tensor to `.grad` of every leaf it came from.

        Raises RuntimeError if no leaf requires a gradient.
        """
        if not self.requires_grad:
            raise RuntimeError(
                "element 0 of tensors does not require grad and does not have a grad_fn"
                ": make a leaf of the computation with requires_grad=True"
            )
        grads = {self: 1.0}
        for t in reversed(topological_order(self)):
            g = grads.pop(t)
            if t.grad_fn is None or t.retains_grad:
                t.grad = Tensor(g if t.grad is None else t.grad.data + g)
            if t.grad_fn is not None:
                for x, share in t.grad_fn.shares(g):
                    grads[x] = grads.get(x, 0.0) + share

    def retain_grad(self):
        """Keep the gradient of this tensor too, though it is not a leaf.

        Raises RuntimeError if no gradient will come.
        """
        if not self.requires_grad:
            message = "can't retain_grad on Tensor that has requires_grad=False"
            raise RuntimeError(message)
        self.retains_grad = True

    def __add__(self, other):
        return add(self, other)

    def __radd__(self, other):
        return add(other, self)

    def __mul__(self, other):
        return mul(self, other)

    def __rmul__(self, other):
        return mul(other, self)

    def __neg__(self):
        return neg(self)

    def __sub__(self, other):
        return sub(self, other)

    def __rsub__(self, other):
        return sub(other, self)

    def __truediv__(self, other):
        return div(self, other)

    def __rtruediv__(self, other):
        return div(other, self)

    def __pow__(self, other):
        return pow(self, other)

    def __rpow__(self, other):
        return pow(other, self)

    def exp(self):
        """Return e to the power of this tensor."""
        return exp(self)

    def log(self):
        """Return the natural logarithm."""
        return log(self)

    def sigmoid(self):
        """Return 1 / (1 + exp(-x)), between 0 and 1."""
        return sigmoid(self)

    def tanh(self):
        """Return the hyperbolic tangent, between -1 and 1."""
        return tanh(self)

    def relu(self):
        """Return this tensor where it is positive, and 0 elsewhere."""
        return relu(self)


def tensor(data, *, requires_grad=False):
    """Make a leaf: a tensor that was not computed from others."""
    return Tensor(data, requires_grad)


class Node:
    """One step of a computation: its operation, its inputs, and the way back."""

    def __init__(self, op, inputs, pullback):
        self.op, self.inputs, self.pullback = op, inputs, pullback

    def name(self):
        """Return the name of such a step, in PyTorch's style."""
        return f"{self.op.title()}Backward0"

    def __call__(self, g):
        """Return the gradient of each input for the incoming gradient `g`."""
        grads = self.pullback(g)
        return grads if isinstance(grads, tuple) else (grads,)

    def shares(self, g):
        """Pair each input that needs a gradient with its part of `g`."""
        pairs = zip(self.inputs, self(g), strict=True)
        return [(x, share) for x, share in pairs if needs_grad(x)]


def needs_grad(x):
    """Tell whether `x` is a tensor that a gradient should reach."""
    return isinstance(x, Tensor) and x.requires_grad


def topological_order(root):
    """List the tensors that need a gradient, each after all its inputs; `root` last."""
    order, seen, stack = [], set(), [(root, False)]
    while stack:
        t, inputs_listed = stack.pop()
        if inputs_listed:
            order.append(t)
        elif t not in seen:
            seen.add(t)
            stack.append((t, True))
            if t.grad_fn is not None:
                stack.extend((x, False) for x in t.grad_fn.inputs if needs_grad(x))
    return order


def op(body):
    """Turn a function of numbers, which returns its value and its pullback,
    into a function of tensors that remembers the step."""

    @functools.wraps(body)
    def call(*inputs):
        if not all(isinstance(x, (Tensor, Real)) for x in inputs):
            return NotImplemented  # Python then raises its TypeError
        numbers = [x.data if isinstance(x, Tensor) else x for x in inputs]
        value, pullback = body(*numbers)
        out = Tensor(value)
        if any(needs_grad(x) for x in inputs):
            out.requires_grad = True
            out.grad_fn = Node(body.__name__, inputs, pullback)
        return out

    return call


@op
def add(a, b):
    return a + b, lambda g: (g, g)


@op
def mul(a, b):
    return a * b, lambda g: (g * b, g * a)


@op
def neg(a):
    return -a, lambda g: -g


@op
def sub(a, b):
    return a - b, lambda g: (g, -g)


@op
def div(a, b):
    return a / b, lambda g: (g / b, -g * a / (b * b))


@op
def pow(a, b):
    y = a**b

    def pullback(g):
        grad_a = g * b * a ** (b - 1) if b != 0 else 0.0
        log_a = math.log(a) if a > 0 else 0.0 if a == 0 else math.nan
        return grad_a, g * y * log_a

    return y, pullback


@op
def exp(a):
    y = math.exp(a)
    return y, lambda g: g * y


@op
def log(a):
    return math.log(a), lambda g: g / a


@op
def sigmoid(a):
    e = math.exp(-abs(a))  # at most 1, whatever the sign of a
    y = (1 if a >= 0 else e) / (1 + e)
    return y, lambda g: g * y * (1 - y)


@op
def tanh(a):
    y = math.tanh(a)
    return y, lambda g: g * (1 - y * y)


@op
def relu(a):
    return max(a, 0.0), lambda g: g if a > 0 else 0.0
