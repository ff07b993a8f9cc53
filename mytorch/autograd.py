"""Gradients: the walk back through a computation, and ways to ask for it.

Written in chapters 2.3 and 2.3c.
"""

import functools
import sys
import threading
import weakref
from sys import getrefcount

import numpy as np

from . import derivatives as functional
from .anomaly import detect_anomaly, set_detect_anomaly  # noqa: F401
from .function import Function, once_differentiable  # noqa: F401
from .versions import arrays_in, memory, watchers


def sum_to(g, shape):
    """Undo broadcasting: add up the gradients of all copies of one element."""
    added = len(g.shape) - len(shape)
    stretched = [i + added for i, n in enumerate(shape) if n == 1 != g.shape[i + added]]
    return np.reshape(np.sum(g, axis=(*range(added), *stretched)), shape)


class recording:
    """Record operations in a block, or do not; a decorator, too."""

    def __init__(self, on):
        self.on, self.before = on, []

    def __enter__(self):
        self.before.append(mode.recording)
        mode.recording = self.on and not mode.inference

    def __exit__(self, *error):
        mode.recording = self.before.pop()

    def __call__(self, function):
        @functools.wraps(function)
        def call(*args, **named):
            with type(self)(self.on):
                return function(*args, **named)

        return call


class Mode(threading.local):
    """Whether operations are recorded, and whether results may ever be used in a
    recorded one; each thread has its own answers."""

    recording = True
    inference = False


mode = Mode()


def is_grad_enabled():
    """Tell whether operations are recorded."""
    return mode.recording


def needs_grad(x):
    """Tell whether `x` is a tensor that a gradient should reach."""
    return getattr(x, "requires_grad", False)


def topological_order(*roots):
    """List what tensors were computed by: nodes and leaves, each after its inputs."""
    order, seen, stack = [], {None}, [origin(root) for root in roots]
    while stack:
        v = stack.pop()
        if v is None:  # the next one's inputs are all listed
            order.append(stack.pop())
        elif v not in seen:
            seen.add(v)
            stack += v, None
            stack += () if v.is_leaf else [x for x in v.kept() if x not in seen]
    return order


def walk(roots, seeds, retain_graph, create_graph):
    """Yield nodes and leaves, each with its complete gradient, from the roots on.

    The gradients are arrays; with create_graph they are tensors, and recorded. That of
    a leaf is memory of its own.
    """
    grads = {}
    for root, seed in zip(map(origin, roots), seeds, strict=True):
        grads[root] = grads[root] + seed if root in grads else seed
    order = topological_order(*roots)
    while order:
        v = order.pop()
        if v not in grads:
            continue  # no gradient has come this way
        own = v.is_leaf and not create_graph and alone(grads, v)
        g = grads.pop(v)
        if v._backward_hooks:
            g, own = hooked(v, g, roots[0]), False
        yield v, g if own or not v.is_leaf else np.copy(g)
        if not v.is_leaf:
            pass_on(v, g, grads, create_graph)
            if not retain_graph:
                v.free()


UNUSED = (
    "One of the differentiated Tensors appears to not have been used in the graph. "
    "Set allow_unused=True if this is the desired behavior."
)
SECOND_TIME = (
    "Trying to backward through the graph a second time (or directly access saved "
    "tensors after they have already been freed). Saved intermediate values of the "
    "graph are freed when you call .backward() or autograd.grad(). Specify "
    "retain_graph=True if you need to backward through the graph a second time."
)


def seed_for(root, i=0):
    """Return the gradient of a root with respect to itself, if it is one number."""
    if root.numel() != 1:
        raise RuntimeError(
            "grad can be implicitly created only for scalar outputs: tensor "
            f"{i} has shape {root.shape}; sum it up, or pass gradient="
        )
    return plain(root, np.ones_like(root.data))


def listed(x):
    """Return a tuple of tensors, whether one came or several."""
    return tuple(x) if isinstance(x, (tuple, list)) else (x,)


def start(tensors, grad_tensors, create_graph):
    """Return the roots of a walk and the gradient that each begins with."""
    roots = listed(tensors)
    given = (None,) * len(roots) if grad_tensors is None else listed(grad_tensors)
    seeds = []
    for i, (root, g) in enumerate(zip(roots, given, strict=True)):
        if not root.requires_grad:
            raise RuntimeError(
                f"element {i} of tensors does not require grad and does not have a "
                "grad_fn: make a leaf of the computation with requires_grad=True"
            )
        g = seed_for(root, i) if g is None else g
        if g.shape != root.shape:
            raise RuntimeError(
                f"Mismatch in shape: grad_output[{i}] has a shape of {g.shape} and "
                f"output[{i}] has a shape of {root.shape}."
            )
        seeds.append(g if create_graph else g.data)
    return roots, seeds


def backward(
    tensors, grad_tensors=None, retain_graph=None, create_graph=False, inputs=None
):
    """Add the gradients of `tensors` to `.grad` of the leaves they came from.

    grad_tensors: what to multiply each by; not needed for a tensor of one element.
    retain_graph: keep the graph for another walk. create_graph: make the gradients
    differentiable, too. inputs: the only tensors that get a gradient. Raises
    RuntimeError if there is nothing to differentiate.
    """
    if inputs is not None and not listed(inputs):
        raise RuntimeError("`inputs` argument to `backward()` cannot be empty.")
    wanted = None if inputs is None else {origin(x): x for x in listed(inputs)}
    roots, seeds = start(tensors, grad_tensors, create_graph)
    retain_graph = create_graph if retain_graph is None else retain_graph
    with recording(create_graph):
        for v, g in walk(roots, seeds, retain_graph, create_graph):
            t = keeper(v) if wanted is None else wanted.get(v)
            if t is not None:
                g = g if create_graph else plain(roots[0], g)
                accumulate(t, g if v.is_leaf else g.clone())


def grad(
    outputs,
    inputs,
    grad_outputs=None,
    retain_graph=None,
    create_graph=False,
    allow_unused=False,
):
    """Return the gradients of `outputs` for each of `inputs`; `.grad` stays as it is.

    Raises RuntimeError if an input has no part in the outputs, unless allow_unused.
    """
    wanted = listed(inputs)
    if not all(needs_grad(x) for x in wanted):
        raise RuntimeError("One of the differentiated Tensors does not require grad")
    roots, seeds = start(outputs, grad_outputs, create_graph)
    retain_graph = create_graph if retain_graph is None else retain_graph
    with recording(create_graph):
        found = dict.fromkeys(map(origin, wanted))
        for v, g in walk(roots, seeds, retain_graph, create_graph):
            if v in found:
                g = g if create_graph or v.is_leaf else np.copy(g)
                found[v] = g if create_graph else plain(roots[0], g)
    if not allow_unused and any(g is None for g in found.values()):
        raise RuntimeError(UNUSED)
    return tuple(found[origin(x)] for x in wanted)


class GradcheckError(RuntimeError):
    """Raised where a gradient is not what finite differences say."""


def numeric_jacobian(f, x, eps):
    """Return how each element of f() moves with each element of `x`: a matrix."""
    columns = []
    for place in np.ndindex(x.shape):
        value = x.data[place].item()
        x.data[place] = value + eps
        up = np.copy(f().data)
        x.data[place] = value - eps
        down = np.copy(f().data)
        x.data[place] = value
        columns.append(np.reshape(up - down, -1) / (2 * eps))
    return np.stack(columns, axis=1) if columns else np.zeros((f().numel(), 0))


def exact_jacobian(y, x):
    """Return the same matrix by `grad`, one row for each element of `y`."""
    rows = []
    for place in np.ndindex(y.shape) if y.requires_grad else ():
        seed = type(y)(np.zeros_like(y.data))
        seed.data[place] = 1
        g = grad(y, x, seed, retain_graph=True, allow_unused=True)[0]
        rows.append(np.reshape(np.zeros_like(x.data) if g is None else g.data, -1))
    return np.stack(rows) if rows else np.zeros((y.numel(), x.numel()))


def gradcheck(func, inputs, *, eps=1e-6, atol=1e-5, rtol=1e-3, raise_exception=True):
    """Return True if the gradients of `func` agree with central differences.

    inputs: tensors, float64 where they need a gradient. Where they do not agree, raise
    GradcheckError, or return False.
    """
    inputs = listed(inputs)
    outputs = list(enumerate(listed(func(*inputs))))
    outputs = [(j, y) for j, y in outputs if needs_grad(y)] or outputs
    for i, x in enumerate(inputs):
        for j, y in outputs if needs_grad(x) else ():
            numeric = numeric_jacobian(lambda j=j: listed(func(*inputs))[j], x, eps)
            exact = exact_jacobian(y, x)
            if not np.allclose(exact, numeric, rtol, atol):
                if not raise_exception:
                    return False
                raise GradcheckError(
                    f"Jacobian mismatch for output {j} with respect to input {i},\n"
                    f"numerical:\n{numeric}\nanalytical:\n{exact}"
                )
    return True


def no_grad(function=None):
    """Do not record: ``with no_grad():``, or ``@no_grad()`` above a function."""
    return recording(False) if function is None else recording(False)(function)


def enable_grad(function=None):
    """Record again, inside of `no_grad`; used in the same ways."""
    return recording(True) if function is None else recording(True)(function)


def gradgradcheck(func, inputs, grad_outputs=None, **options):
    """Return True if the second derivatives of `func` agree with differences, too.

    grad_outputs: what the first walk begins with; random numbers, if left out.
    """
    inputs = listed(inputs)
    outputs = [y for y in listed(func(*inputs)) if y.requires_grad]
    if grad_outputs is None:
        rng = np.random.default_rng(0)
        draws = (rng.standard_normal(y.shape).astype(y.dtype) for y in outputs)
        grad_outputs = [type(inputs[0])(z, requires_grad=True) for z in draws]
    seeds = listed(grad_outputs)

    def first(*args):
        xs, gs = args[: len(inputs)], args[len(inputs) :]
        ys = [y for y in listed(func(*xs)) if y.requires_grad]
        wanted = [x for x in xs if needs_grad(x)]
        found = grad(ys, wanted, gs, create_graph=True, allow_unused=True)
        return tuple(g for g in found if g is not None)

    return gradcheck(first, (*inputs, *seeds), **options)


def origin(t):
    """Return what the gradient of `t` goes to: the node that made it, or `t` itself."""
    return t if t.grad_fn is None else t.grad_fn


def alone(grads, v):
    """Tell whether nobody but `grads` holds the gradient of `v`, or its memory."""
    return getrefcount(grads[v]) == ALONE and getattr(grads[v], "base", None) is None


HELD_ONCE = {0: object()}
ALONE = getrefcount(HELD_ONCE[0])  # the question itself holds the object, too


def pass_on(v, g, grads, create_graph):
    """Add to `grads` what a node makes of its gradient `g`."""
    for x, share in v.shares(g, create_graph):
        if x not in grads:
            grads[x] = share
        elif alone(grads, x) and not create_graph:
            grads[x] += share
        else:
            grads[x] = grads[x] + share


def keeper(v):
    """Return the tensor that keeps a gradient: a leaf, or one that asked for it."""
    return v if v.is_leaf else v.retainer and v.retainer()


def accumulate(t, g):
    """Add a gradient to `.grad`; tell those who wait for it."""
    t.grad = g if t.grad is None else t.grad + g
    for hook in tuple((t._post_accumulate_grad_hooks or {}).values()):
        hook(t)


def plain(t, array):
    """Return a plain tensor of an array, whatever subclass `t` is of."""
    return type(t.detach())(array)


class set_grad_enabled(recording):
    """Record operations from now on, or do not; in a ``with`` block, only there."""

    def __init__(self, mode):
        super().__init__(mode)
        super().__enter__()

    def __enter__(self):
        pass

    def __call__(self, function):
        self.__exit__()
        return recording(self.on)(function)


class inference_mode(recording):
    """Record nothing, and never record what uses a result either.

    A context manager and a decorator; inference_mode(False) leaves such a mode.
    """

    tensors = weakref.WeakValueDictionary()  # what was made in it, by id

    def __new__(cls, mode=True):
        return cls()(mode) if callable(mode) else super().__new__(cls)

    def __init__(self, mode=True):
        super().__init__(mode)

    def __enter__(self):
        self.before.append((mode.recording, mode.inference))
        mode.recording, mode.inference = not self.on, self.on
        if watch_inference not in watchers:
            watchers.append(watch_inference)

    def __exit__(self, *error):
        mode.recording, mode.inference = self.before.pop()


def watch_inference(out, inputs):
    """Note what is made in inference mode; refuse to keep it for a gradient later."""
    if mode.inference:
        if out._view_of is None or out._view_of[0].is_inference():
            inference_mode.tensors[id(out)] = out
    elif not inference_mode.tensors and watch_inference in watchers:
        watchers.remove(watch_inference)  # until the mode is entered again
    elif out.grad_fn is not None:
        made = [memory(x.data) for x in inputs if id(x) in inference_mode.tensors]
        for x in arrays_in(out.grad_fn.pullback) if made else ():
            if any(memory(x) is owner for owner in made):
                raise RuntimeError(
                    "Inference tensors cannot be saved for backward. To work around "
                    "you can make a clone to get a normal tensor and use it in "
                    "autograd."
                )


def is_inference_mode_enabled():
    """Tell whether inference mode is on."""
    return mode.inference


def hooked(v, g, root):
    """Return what the hooks of a node or leaf make of its gradient."""
    is_tensor = hasattr(g, "grad_fn")
    for hook in tuple(v._backward_hooks.values()):
        given = g if is_tensor else plain(root, np.copy(g))
        result = hook(given)
        if result is not None:
            if result.shape != given.shape:
                name = getattr(hook, "__name__", type(hook).__name__)
                raise RuntimeError(f"hook '{name}' has changed the size of value")
            g = result if is_tensor else result.data
    return g


sys.modules[f"{__name__}.functional"] = functional
