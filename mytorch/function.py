"""Steps written by hand: a forward and a backward of your own.

Written in chapter 2.3c.
"""

import functools

import numpy as np

from . import autograd
from .tensor import Node, Tensor, op, revived, with_past
from .versions import watchers, writes


class FunctionNode(Node):
    """A step whose way back is the `backward` of a Function; forward's `ctx`, too."""

    runs_again = False
    to_save, dead, materialize = (), (), True

    def __init__(self, cls, args):
        arrays = [x.data if isinstance(x, Tensor) else x for x in args]
        edges = [autograd.origin(x) if autograd.needs_grad(x) else None for x in args]
        super().__init__(cls, arrays, edges, None)
        self.needs_input_grad = tuple(map(autograd.needs_grad, args))

    def name(self):
        """Return the name of the step: that of the Function."""
        return f"{self.body.__name__}Backward"

    def save_for_backward(self, *tensors):
        """Keep tensors (or None) for backward, and watch them for changes."""
        self.to_save = tensors

    def mark_non_differentiable(self, *tensors):
        """Say that no gradient comes to these outputs."""
        self.dead = tensors

    def set_materialize_grads(self, value):
        """Say whether backward sees zeros, or None, where no gradient came."""
        self.materialize = value

    def finish(self, args, outputs):
        """Return the outputs with their past; keep what backward needs."""
        saved = [t if t is None else t.data for t in self.to_save]
        self.outputs = [(t.shape, t.dtype) for t in outputs]
        self.sources = [self.source(t, args, outputs) for t in self.to_save]
        self.to_save, self.born = (), writes.count
        self.pullback = functools.partial(self.body.backward, saved)
        dead = {id(t) for t in self.dead}
        self.dead, results = (), []
        for i, t in enumerate(outputs):
            result = Tensor(t.data)
            if id(t) not in dead and t.dtype.kind == "f":
                with_past(result, self if len(outputs) == 1 else Output(self, i))
            for watch in watchers:
                watch(result, args)
                self.made = self.made or getattr(result.grad_fn, "made", None)
            results.append(result)
        return tuple(results)

    def source(self, t, args, outputs):
        """Return where a saved tensor is from: an edge, or the number of an output."""
        for i, y in enumerate(outputs):
            if t is y:
                return i
        return autograd.origin(t) if autograd.needs_grad(t) else None

    @property
    def saved_tensors(self):
        """What save_for_backward kept. Raises RuntimeError if it has been let go of."""
        self.kept()
        return tuple(map(self.unpacked, *self.pullback.args, self.sources))

    def unpacked(self, array, source):
        """Return a saved tensor with its past."""
        if isinstance(source, int):
            source = self if len(self.outputs) == 1 else Output(self, source)
        return revived(array, source)

    def __call__(self, g, create_graph=False):
        """Return what the Function's `backward` makes of the incoming gradients."""
        parts = g.parts if isinstance(g, Parts) else {0: g}
        grads = []
        for i, (shape, dtype) in enumerate(self.outputs):
            g = parts.get(i)
            if g is None and self.materialize:
                g = np.zeros(shape, dtype, like=self.like())
            grads.append(g if g is None or isinstance(g, Tensor) else Tensor(g))
        found = autograd.listed(self.body.backward(self, *grads))
        self.refuse_misfits(found)
        return tuple(
            x if x is None or create_graph else x.data for x in found[: len(self.edges)]
        )

    def like(self):
        """Return one of the arrays that went in."""
        pairs = zip(self.arrays, self.edges, strict=True)
        return next(x for x, edge in pairs if edge is not None)

    def refuse_misfits(self, found):
        """Raise RuntimeError if there is not a fitting gradient for each argument."""
        name, n = self.name(), len(self.edges)
        if len(found) < n or any(g is not None for g in found[n:]):
            message = f"returned an incorrect number of gradients (expected {n}, got "
            raise RuntimeError(f"function {name} {message}{len(found)})")
        for i, (x, g) in enumerate(zip(self.arrays, found, strict=False)):
            if g is not None and self.edges[i] is not None and g.shape != x.shape:
                raise RuntimeError(
                    f"Function {name} returned an invalid gradient at index {i} - got "
                    f"{list(g.shape)} but expected shape compatible with "
                    f"{list(x.shape)}"
                )


class Parts:
    """The gradients of the outputs of one step, by number; more are added to them."""

    shape = ()

    def __init__(self, parts):
        self.parts = parts

    def __add__(self, other):
        both = dict(self.parts)
        for i, g in other.parts.items():
            both[i] = both[i] + g if i in both else g
        return Parts(both)


class Output(Node):
    """One of several outputs: it hands its gradient to the step that made them all."""

    def __init__(self, node, i):
        super().__init__(node.body, [Parts({})], [node], None)
        self.i = i

    name = FunctionNode.name

    def __call__(self, g, create_graph=False):
        return (Parts({self.i: g}),)


class Function:
    """An operation with a gradient of your own: subclass it, and call `apply`.

    forward(ctx, *args): compute, unrecorded. backward(ctx, *grads): return a gradient,
    or None, for each argument of forward.
    """

    @staticmethod
    def forward(ctx, *args):
        """Return a tensor or several; without ctx, if there is a setup_context."""
        raise NotImplementedError("a Function needs a static method forward(ctx, ...)")

    @staticmethod
    def setup_context(ctx, inputs, output):
        """Keep what backward needs, if forward does not do it itself."""

    @staticmethod
    def backward(ctx, *grad_outputs):
        """Return the gradient of each argument of forward."""
        raise NotImplementedError("a Function needs a static method backward(ctx, ...)")

    @classmethod
    def apply(cls, *args):
        """Run forward on these arguments, and remember the step."""
        ctx = FunctionNode(cls, args)
        with autograd.no_grad():
            if cls.setup_context is Function.setup_context:
                outputs = cls.forward(ctx, *args)
            else:
                outputs = cls.forward(*args)
                cls.setup_context(ctx, args, outputs)
        if not (autograd.mode.recording and any(ctx.needs_input_grad)):
            return outputs
        results = ctx.finish(args, autograd.listed(outputs))
        return results if isinstance(outputs, tuple) else results[0]


@op
def _once(input, *grads):
    def pullback(g):
        raise RuntimeError(
            "trying to differentiate twice a function that was marked with "
            "@once_differentiable"
        )

    return input, pullback


def once_differentiable(backward):
    """Mark a `backward` that computes with arrays: its result has no gradient."""

    @functools.wraps(backward)
    def call(ctx, *grads):
        with autograd.no_grad():
            found = autograd.listed(backward(ctx, *grads))
        return tuple(g if g is None else _once(g, *grads) for g in found)

    return call
