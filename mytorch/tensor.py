"""The tensor, an array that remembers how it was computed, and its operations.

Written in chapter 2.3.
"""

import functools
import inspect
import math

import numpy as np

from . import autograd, printing
from .dtypes import float32, float64, int64
from .errors import explained, position


class Tensor:
    """An array of any shape that remembers how it was computed."""

    requires_grad = False
    grad = None  # a Tensor as soon as a gradient has arrived
    grad_fn = None  # the Node that computed this tensor
    retains_grad = False

    def __init__(self, data, requires_grad=False):
        self.data = data if data.__class__ is np.ndarray else as_array(data)
        if requires_grad:
            self.requires_grad_()

    @property
    def shape(self):
        """The size of each dimension, a tuple."""
        return self.data.shape

    @property
    def ndim(self):
        """The number of dimensions."""
        return len(self.data.shape)

    @property
    def dtype(self):
        """The kind of its numbers."""
        return self.data.dtype

    def dim(self):
        """Return the number of dimensions."""
        return self.ndim

    def size(self, dim=None):
        """Return the shape, or the size of one dimension."""
        return self.shape if dim is None else self.shape[position(dim, self.ndim)]

    def numel(self):
        """Return the number of elements."""
        return math.prod(self.shape)

    def item(self):
        """Return the only element as a Python number."""
        if self.numel() != 1:
            raise RuntimeError(
                f"a Tensor with {self.numel()} elements cannot be converted to Scalar"
            )
        return self.data.item()

    def tolist(self):
        """Return the elements as Python numbers, in nested lists."""
        return self.data.tolist()

    def numpy(self):
        """Return the array itself, if it needs no gradient: not a copy."""
        if self.requires_grad:
            raise RuntimeError(
                "Can't call numpy() on Tensor that requires grad. "
                "Use tensor.detach().numpy() instead."
            )
        return self.data

    def __array__(self, dtype=None, copy=None):
        return np.array(self.numpy(), dtype=dtype, copy=copy)

    @property
    def is_leaf(self):
        """Whether it was not computed from tensors that need a gradient."""
        return self.grad_fn is None

    def requires_grad_(self, requires_grad=True):
        """Ask for a gradient, or no longer; return the tensor itself."""
        if requires_grad and self.dtype.kind != "f":
            message = "Only Tensors of floating point dtype can require gradients"
            raise RuntimeError(message)
        if not self.is_leaf and not requires_grad:
            raise RuntimeError(
                "you can only change requires_grad flags of leaf variables: "
                "use detach() for a tensor without a graph"
            )
        self.requires_grad = requires_grad
        return self

    def detach(self):
        """Return a tensor of the same memory that knows nothing of its origin."""
        return Tensor(self.data)

    def __repr__(self):
        return printing.text(self)

    def __len__(self):
        if self.ndim == 0:
            raise TypeError("len() of a 0-d tensor")
        return self.shape[0]

    def __iter__(self):
        if self.ndim == 0:
            raise TypeError("iteration over a 0-d tensor")
        return (self[i] for i in range(len(self)))

    def __bool__(self):
        if self.numel() != 1:
            n = "more than one value" if self.numel() else "no values"
            raise RuntimeError(f"Boolean value of Tensor with {n} is ambiguous")
        return bool(self.item())

    def __float__(self):
        return float(self.item())

    def __int__(self):
        return int(self.item())

    def __index__(self):
        if self.dtype.kind == "f":
            message = "only integer tensors of a single element can be an index"
            raise TypeError(message)
        return int(self)

    def __format__(self, spec):
        return format(self.item() if self.ndim == 0 and spec else str(self), spec)

    def float(self):
        """Return the tensor in float32."""
        return self.to(float32)

    def double(self):
        """Return the tensor in float64."""
        return self.to(float64)

    def long(self):
        """Return the tensor in int64."""
        return self.to(int64)

    def bool(self):
        """Return the tensor in bool: whether an element is not 0."""
        return self.to(bool)

    def backward(self, gradient=None, retain_graph=None, create_graph=False):
        """Add the gradient of this tensor to `.grad` of every leaf it came from.

        See `autograd.backward`.
        """
        autograd.backward(self, gradient, retain_graph, create_graph)

    def retain_grad(self):
        """Keep the gradient of this tensor too, though it is not a leaf.

        Raises RuntimeError if no gradient will come.
        """
        if not self.requires_grad:
            message = "can't retain_grad on Tensor that has requires_grad=False"
            raise RuntimeError(message)
        self.retains_grad = True

    def __array_ufunc__(self, ufunc, call, *inputs, **named):
        if call != "__call__" or named:
            return NotImplemented
        return self.__array_function__(ufunc, (), inputs, named)

    def __array_function__(self, function, types, args, named):
        if function in NUMPY:
            return NUMPY[function](*args, **named)
        if autograd.mode.recording and any([autograd.needs_grad(x) for x in args]):
            return NotImplemented  # nobody knows its derivative
        return Tensor(
            function(*[x.data if isinstance(x, Tensor) else x for x in args], **named)
        )


def as_array(x):
    """Return an array for a NumPy scalar, a number or a list; an array stays."""
    if isinstance(x, np.generic) or not hasattr(x, "dtype"):
        return np.asarray(x, getattr(x, "dtype", float32))
    return x


def tensor(data, *, dtype=None, requires_grad=False):
    """Make a leaf: a tensor that was not computed from others, with a copy of `data`.

    data: a number, nested lists of numbers, an array, or a tensor. Python's floats
    become float32, its whole numbers int64; arrays keep their dtype.
    """
    if isinstance(data, (list, tuple)):
        data = plain(data)
    array = np.array(data.data if isinstance(data, Tensor) else data)
    if array.dtype.kind not in "biuf":
        raise TypeError(f"a tensor holds numbers, not {array.dtype.name}")
    if dtype is None and type(data) in (float, list) and array.dtype.kind == "f":
        dtype = float32
    return Tensor(array if dtype is None else array.astype(dtype), requires_grad)


def plain(data):
    """Return nested lists of numbers, where tensors may have been among them."""
    if isinstance(data, Tensor):
        return data.tolist()
    return [plain(x) for x in data] if isinstance(data, (list, tuple)) else data


class Node:
    """One step of a computation: its operation, its inputs, and the way back."""

    def __init__(self, body, inputs, pullback):
        self.body, self.inputs, self.pullback = body, inputs, pullback

    @property
    def op(self):
        """The name of the operation."""
        return self.body.__name__.strip("_")

    def name(self):
        """Return the name of such a step, in PyTorch's style."""
        return f"{self.op.title().replace('_', '')}Backward0"

    def __repr__(self):
        return f"<{self.name()}>"

    def free(self):
        """Let go of all that was kept for the way back."""
        self.inputs = self.pullback = None

    def kept(self):
        """Return the inputs. Raises RuntimeError if they have been let go of."""
        if self.inputs is None:
            raise RuntimeError(autograd.SECOND_TIME)
        return self.inputs

    def __call__(self, g, create_graph=False):
        """Return the gradients of the inputs for the incoming gradient `g`.

        With create_graph they are computed by operations on tensors, and so recorded.
        """
        pullback = self.body(*self.kept())[1] if create_graph else self.pullback
        grads = pullback(g)
        return grads if isinstance(grads, tuple) else (grads,)

    def shares(self, g, create_graph=False):
        """Yield each input that needs a gradient with its part of `g`."""
        for x, share in zip(self.inputs, self(g, create_graph), strict=False):
            if share is not None and autograd.needs_grad(x):
                yield x, share() if callable(share) else share


# NumPy's names -> PyTorch's
ARGUMENTS = {"axis": "dim", "keepdims": "keepdim", "ddof": "correction"}


def in_order(parameters, args, named):
    """Return all arguments of a call by position, those left out by their defaults."""
    named = {ARGUMENTS.get(name, name): value for name, value in named.items()}
    args = list(args)
    for p in list(parameters)[len(args) :]:
        if p.name not in named and p.default is inspect.Parameter.empty:
            raise TypeError(f"missing a required argument: '{p.name}'")
        args.append(named.pop(p.name, p.default))
    for name in named:
        raise TypeError(f"got an unexpected keyword argument '{name}'")
    return args


def no_tensor(function, inputs):
    """Return the error for an operation that got no tensor at all."""
    kinds = ", ".join(type(x).__name__ for x in inputs)
    return TypeError(f"{function.__name__}() needs a Tensor, but got {kinds}")


def op(body, prepare=None):
    """Turn a function of arrays, which returns its value and its pullback, into an
    operation on tensors that remembers the step. `prepare` may change the inputs."""
    parameters = inspect.signature(body).parameters.values()

    @functools.wraps(body)
    def call(*inputs, **named):
        inputs = in_order(parameters, inputs, named) if named else inputs
        inputs = inputs if prepare is None else prepare(inputs)
        arrays, recorded = [], None
        for x in inputs:
            if isinstance(x, Tensor):
                recorded = recorded or x.requires_grad
                x = x.data
            arrays.append(x)
        if recorded is None:
            raise no_tensor(body, inputs)
        try:
            value, pullback = body(*arrays)
        except ValueError as error:
            raise explained(error, arrays) from None
        out = Tensor(value)
        if recorded and pullback is not None and autograd.mode.recording:
            out.requires_grad, out.grad_fn = True, Node(body, inputs, pullback)
        return out

    return call


def method(*names):
    """Make a function a method of Tensor too: under its own name, or under `names`."""
    if callable(names[0]):
        return method(names[0].__name__)(names[0])

    def attach(function):
        for name in names:
            setattr(Tensor, name, function)
        return function

    return attach


NUMPY = {}  # a function of NumPy -> the operation that does the same to tensors
