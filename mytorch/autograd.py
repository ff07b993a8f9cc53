"""Gradients: the walk back through a computation, and ways to ask for it.

Written in chapter 2.3.
"""

import functools
import threading

import numpy as np


def sum_to(g, shape):
    """Undo broadcasting: add up the gradients of all copies of one element."""
    if g.shape == shape:
        return g
    added = len(g.shape) - len(shape)
    stretched = [i + added for i, n in enumerate(shape) if n == 1 != g.shape[i + added]]
    return np.reshape(np.sum(g, axis=(*range(added), *stretched)), shape)


class recording:
    """Record operations in a block, or do not; a decorator, too."""

    def __init__(self, on):
        self.on, self.before = on, []

    def __enter__(self):
        self.before.append(mode.recording)
        mode.recording = self.on

    def __exit__(self, *error):
        mode.recording = self.before.pop()

    def __call__(self, function):
        @functools.wraps(function)
        def call(*args, **named):
            with recording(self.on):
                return function(*args, **named)

        return call


class Mode(threading.local):
    """Whether operations are recorded; each thread has its own answer."""

    recording = True


mode = Mode()


def is_grad_enabled():
    """Tell whether operations are recorded."""
    return mode.recording


def needs_grad(x):
    """Tell whether `x` is a tensor that a gradient should reach."""
    return getattr(x, "requires_grad", False)


def topological_order(*roots):
    """List the tensors that need a gradient, each after all its inputs."""
    order, seen, stack = [], set(), [(root, False) for root in roots]
    while stack:
        t, inputs_listed = stack.pop()
        if inputs_listed:
            order.append(t)
        elif t not in seen:
            seen.add(t)
            stack.append((t, True))
            if t.grad_fn is not None:
                inputs = t.grad_fn.kept()
                stack.extend((x, False) for x in inputs if needs_grad(x))
    return order


def walk(roots, seeds, retain_graph, create_graph):
    """Yield each tensor with its complete gradient, from the roots to the leaves.

    The gradients are arrays; with create_graph they are tensors, and recorded.
    """
    grads = {}
    for root, seed in zip(roots, seeds, strict=True):
        grads[root] = grads[root] + seed if root in grads else seed
    order = topological_order(*roots)
    while order:
        t = order.pop()
        if t not in grads:
            continue  # no gradient has come this way
        g = grads.pop(t)
        yield t, g
        if t.grad_fn is not None:
            for x, share in t.grad_fn.shares(g, create_graph):
                share = sum_to(share, x.shape)
                grads[x] = grads[x] + share if x in grads else share
            if not retain_graph:
                t.grad_fn.free()


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
    return type(root)(np.ones_like(root.data))


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


def backward(tensors, grad_tensors=None, retain_graph=None, create_graph=False):
    """Add the gradients of `tensors` to `.grad` of the leaves they came from.

    grad_tensors: what to multiply each by; not needed for a tensor of one element.
    retain_graph: keep the graph for another walk. create_graph: make the gradients
    differentiable, too. Raises RuntimeError if there is nothing to differentiate.
    """
    roots, seeds = start(tensors, grad_tensors, create_graph)
    retain_graph = create_graph if retain_graph is None else retain_graph
    tensor_type = type(roots[0])
    with recording(create_graph):
        for t, g in walk(roots, seeds, retain_graph, create_graph):
            if t.grad_fn is None or t.retains_grad:
                g = g if create_graph else tensor_type(np.copy(g))
                t.grad = g if t.grad is None else t.grad + g


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
        found = dict.fromkeys(wanted)
        for t, g in walk(roots, seeds, retain_graph, create_graph):
            if t in found:
                found[t] = g if create_graph else type(roots[0])(np.copy(g))
    if not allow_unused and any(found[x] is None for x in wanted):
        raise RuntimeError(UNUSED)
    return tuple(found[x] for x in wanted)


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
