"""The tensor, an array that remembers how it was computed, and its operations.

Written in chapters 2.3, 2.3b and 2.3c.
"""

import functools
import inspect
import math
import weakref

import numpy as np

from . import anomaly, autograd, printing
from .dtypes import float16, float32, float64, get_default_dtype, int32, int64, uint8
from .errors import explained, position
from .versions import arrays_in, watchers, writes


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
        for watch in watchers:
            watch(self, ())

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
        """Return the array itself: not a copy. Raises RuntimeError where the tensor
        needs a gradient and recording is on."""
        if self.requires_grad and autograd.mode.recording:
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
        if requires_grad and self.is_inference() and not autograd.mode.inference:
            raise RuntimeError(
                "Setting requires_grad=True on inference tensor outside InferenceMode "
                "is not allowed: make a clone() first"
            )
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

    def backward(
        self, gradient=None, retain_graph=None, create_graph=False, inputs=None
    ):
        """Add the gradient of this tensor to `.grad` of every leaf it came from.

        See `autograd.backward`.
        """
        autograd.backward(self, gradient, retain_graph, create_graph, inputs)

    def retain_grad(self):
        """Keep the gradient of this tensor too, though it is not a leaf.

        Raises RuntimeError if no gradient will come.
        """
        if not self.requires_grad:
            message = "can't retain_grad on Tensor that has requires_grad=False"
            raise RuntimeError(message)
        if self.grad_fn is not None:
            self.retains_grad, self.grad_fn.retainer = True, weakref.ref(self)

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

    def half(self):
        """Return the tensor in float16."""
        return self.to(float16)

    def int(self):
        """Return the tensor in int32."""
        return self.to(int32)

    def byte(self):
        """Return the tensor in uint8."""
        return self.to(uint8)

    def type_as(self, other):
        """Return the tensor in the dtype of another."""
        return self.to(other.dtype)

    def is_floating_point(self):
        """Tell whether the elements are floats."""
        return self.dtype.kind == "f"

    _view_of = None  # (the tensor it is a part of, by which operation, its arguments)
    _views = ()  # weak references to the tensors that are parts of this one
    _backward_hooks = None  # number -> function of the gradient
    _post_accumulate_grad_hooks = None  # number -> function of the leaf

    @property
    def _base(self):
        """The tensor whose memory this one looks at; None if the memory is its own."""
        t = self
        while t._view_of is not None:
            t = t._view_of[0]
        return None if t is self else t

    @property
    def _version(self):
        """How often the memory has been changed in place."""
        return writes.of(self.data)

    def is_inference(self):
        """Tell whether the tensor was made in inference mode."""
        return id(self) in autograd.inference_mode.tensors

    def register_hook(self, hook):
        """Call `hook` with the gradient of this tensor whenever it is computed.

        What it returns, if not None, takes the gradient's place. Returns a handle with
        `remove()`. Raises RuntimeError if no gradient will come.
        """
        if not self.requires_grad:
            raise RuntimeError(
                "cannot register a hook on a tensor that doesn't require gradient"
            )
        from .utils.hooks import add  # not above: utils stands on this module

        v = autograd.origin(self)
        v._backward_hooks = {} if v._backward_hooks is None else v._backward_hooks
        return add(v._backward_hooks, hook)

    def register_post_accumulate_grad_hook(self, hook):
        """Call `hook` with this leaf each time its `.grad` has been added to."""
        if not self.is_leaf:
            raise RuntimeError(
                "post accumulate grad hooks cannot be registered on non-leaf tensors"
            )
        from .utils.hooks import add

        if self._post_accumulate_grad_hooks is None:
            self._post_accumulate_grad_hooks = {}
        return add(self._post_accumulate_grad_hooks, hook)

    def __getstate__(self):
        if not self.is_leaf:
            raise RuntimeError(
                "Only Tensors created explicitly by the user (graph leaves) support "
                "the deepcopy protocol: copy detach()"
            )
        return {k: v for k, v in vars(self).items() if k not in TIES}


def as_array(x):
    """Return an array for a NumPy scalar, a number or a list; an array stays."""
    if isinstance(x, np.generic):
        return np.asarray(x)
    return x if hasattr(x, "dtype") else np.asarray(x, get_default_dtype())


def tensor(data, *, dtype=None, requires_grad=False):
    """Make a leaf: a tensor that was not computed from others, with a copy of `data`.

    data: a number, nested lists of numbers, an array, or a tensor. Python's floats get
    the default dtype, its whole numbers int64; arrays keep their dtype.
    """
    if isinstance(data, (list, tuple)):
        data = plain(data)
    array = np.array(data.data if isinstance(data, Tensor) else data)
    if array.dtype.kind not in "biuf":
        raise TypeError(f"a tensor holds numbers, not {array.dtype.name}")
    if dtype is None and type(data) in (float, list) and array.dtype.kind == "f":
        dtype = get_default_dtype()
    return Tensor(array if dtype is None else array.astype(dtype), requires_grad)


def plain(data):
    """Return nested lists of numbers, where tensors may have been among them."""
    if isinstance(data, Tensor):
        return data.tolist()
    return [plain(x) for x in data] if isinstance(data, (list, tuple)) else data


class Node:
    """One step of a computation: its operation, what went in, and the way back.

    edges: for each input the Node that made it, or the leaf itself; None where no
    gradient is wanted. born: what the clock of all changes in place said.
    """

    def __init__(self, body, arrays, edges, pullback):
        self.body, self.arrays, self.edges = body, arrays, edges
        self.pullback, self.born = pullback, writes.count

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
        self.arrays = self.edges = self.pullback = None

    def kept(self):
        """Return the edges. Raises RuntimeError if they have been let go of."""
        if self.edges is None:
            raise RuntimeError(autograd.SECOND_TIME)
        return self.edges

    def __call__(self, g, create_graph=False):
        """Return the gradients of the inputs for the incoming gradient `g`.

        With create_graph they are computed by operations on tensors, and so recorded.
        """
        pullback = self.body(*self.inputs)[1] if create_graph else self.pullback
        grads = pullback(g)
        return grads if isinstance(grads, tuple) else (grads,)

    def shares(self, g, create_graph=False):
        """Yield where each gradient goes to, with that gradient."""
        if self.forgotten is not None:
            self.forgotten()
        grads = self(g, create_graph)
        if writes.count != self.born:
            self.refuse_changed(grads, create_graph)
        triples = zip(self.arrays, self.edges, grads, strict=False)
        for i, (x, edge, share) in enumerate(triples):
            if share is not None and edge is not None:
                share = share() if callable(share) else share
                if watchers:
                    anomaly.check(self, i, share)
                if share.shape != x.shape:
                    share = autograd.sum_to(share, x.shape)
                yield edge, share

    _backward_hooks = retainer = made = forgotten = grad_fn = None
    is_leaf, runs_again = False, True

    @property
    def inputs(self):
        """What went in: tensors with the past that they had then; None once freed."""
        if self.arrays is None:
            return None
        return [revived(*pair) for pair in zip(self.arrays, self.edges, strict=True)]

    def refuse_changed(self, grads, create_graph):
        """Raise RuntimeError if a value that `grads` need was changed meanwhile."""
        idle, busy = set(), set()
        for edge, share in zip(self.edges, grads, strict=False):
            (idle if edge is None else busy).add(getattr(share, "__code__", None))
        needed = arrays_in(self.pullback, idle - busy - {None})
        if self.op in OUTLINES:
            needed = [x for x in needed if x is not self.arrays[0]]
        elif needed and create_graph and self.runs_again:
            needed += [x for x in self.arrays if hasattr(x, "dtype")]
        for x in needed:
            if (name := writes.since(self.born, x)) is not None:
                raise RuntimeError(CHANGED.format(self.name(), x.dtype, x.shape, name))

    @property
    def next_functions(self):
        """Where the gradients go: ((node or AccumulateGrad, 0), ...)."""
        pairs = zip(self.arrays or (), self.edges or (), strict=True)
        edges = [edge for x, edge in pairs if hasattr(x, "dtype")]
        found = [AccumulateGrad(e) if e is not None and e.is_leaf else e for e in edges]
        return tuple((e, 0) for e in found)


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
        try:
            return step(body, call, inputs)
        except ValueError as error:
            raise explained(error, inputs) from None

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


def revived(array, edge):
    """Return a tensor of what went into a step, and where that came from."""
    if edge is None:
        return Tensor(array) if hasattr(array, "dtype") else array
    return edge if edge.is_leaf else with_past(Tensor(array), edge)


def with_past(t, node):
    """Let `t` be the result of a node."""
    t.requires_grad, t.grad_fn = True, node
    return t


# Steps that ask of their input only the shape and the dtype
OUTLINES = """sum mean view squeeze unsqueeze to index added_at cumsum
copy_slices""".split()


CHANGED = (
    "one of the variables needed for gradient computation has been modified by an "
    "inplace operation: {} kept a {} tensor of shape {}, and then {}() wrote into that "
    "memory. Use the form without an underscore there, or change a clone()."
)


new, ndarray = object.__new__, np.ndarray  # at hand for the busiest function


def step(body, call, inputs):
    """Run a body on what the inputs hold; remember the step if a gradient is wanted."""
    arrays, edges, recorded = [], [], None
    for x in inputs:
        edge = None
        if isinstance(x, Tensor):
            if x.requires_grad:
                recorded, edge = True, x.grad_fn or x
            elif recorded is None:
                recorded = False
            x = x.data
        arrays.append(x)
        edges.append(edge)
    if recorded is None:
        raise no_tensor(body, inputs)
    value, pullback = body(*arrays)
    out = new(Tensor)
    out.data = value = value if value.__class__ is ndarray else as_array(value)
    if recorded and pullback is not None and autograd.mode.recording:
        out.requires_grad = True
        out.grad_fn = node = new(Node)
        node.body, node.arrays, node.edges = body, arrays, edges
        node.pullback, node.born = pullback, writes.count
    if watchers or value.base is not None:
        look(out, call, inputs)
    return out


REVIEWS = {2**n for n in range(4, 40)}


def look(out, call, inputs):
    """Show a result to the watchers; note whose memory it looks at."""
    base, parent = getattr(out.data, "base", None), inputs[0]
    if base is not None and isinstance(parent, Tensor):
        if base is parent.data or base is getattr(parent.data, "base", None):
            out._view_of = parent, call, inputs[1:]
            views = parent._views or []
            if len(views) in REVIEWS:  # now and then, forget those that are gone
                views = [v for v in views if v() is not None]
            parent._views = views
            views.append(weakref.ref(out))
    for watch in watchers:
        watch(out, inputs)


# GNU's C library then keeps what is freed, up to 64 MB, and no step pays for new pages
np.empty(2**25 - 2**13, np.uint8)


# What ties a tensor to others: no copy has it
TIES = {"_view_of", "_views", "_backward_hooks", "_post_accumulate_grad_hooks"}


class AccumulateGrad:
    """The end of a way back: a leaf, whose `.grad` is added to."""

    def __init__(self, variable):
        self.variable, self.next_functions = variable, ()

    def name(self):
        """Return its name, in PyTorch's style."""
        return "torch::autograd::AccumulateGrad"

    def __repr__(self):
        return "<AccumulateGrad>"
