"""Jacobians, Hessians, and products with them; `autograd.functional` to the outside.

Written in chapter 2.3c.
"""

import numpy as np

from . import autograd


def leaves(inputs, create_graph):
    """Return the inputs as leaves of a computation of its own; or, with create_graph,
    those that need a gradient as they are."""
    return tuple(
        x if create_graph and x.requires_grad else x.detach().clone().requires_grad_()
        for x in autograd.listed(inputs)
    )


def like(found, given):
    """Return a tuple if a tuple was given, or else the only element."""
    return tuple(found) if isinstance(given, (tuple, list)) else found[0]


def or_zeros(grads, xs):
    """Put zeros where no gradient came."""
    zeros = [autograd.plain(x, np.zeros_like(x.data)) for x in xs]
    return [z if g is None else g for g, z in zip(grads, zeros, strict=True)]


def cut(found, create_graph):
    """Return tensors without their past, unless create_graph."""
    return [t if create_graph else t.detach() for t in found]


def jacobian(func, inputs, create_graph=False):
    """Return how each element of func(*inputs) moves with each element of the inputs.

    The shape is that of the output, then that of the input. For several outputs or
    inputs, a tuple (of tuples), the outputs first.
    """
    xs = leaves(inputs, create_graph)
    with autograd.enable_grad():
        outputs = func(*xs)
        table = []
        for y in autograd.listed(outputs):
            rows = []
            for element in y.reshape(-1) if y.requires_grad else ():
                grads = autograd.grad(element, xs, None, True, create_graph, True)
                rows.append(or_zeros(grads, xs))
            found = [np.stack(column) for column in zip(*rows, strict=True)]
            found = found or or_zeros([None] * len(xs), xs)
            shapes = [(*y.shape, *x.shape) for x in xs]
            pairs = zip(found, shapes, strict=True)
            found = [t.reshape(s) if rows else t.expand(s) for t, s in pairs]
            table.append(like(cut(found, create_graph), inputs))
    return like(table, outputs)


def gradient_of(func):
    """Return the function that computes the gradient of `func`, differentiably."""

    def first(*xs):
        y = func(*xs)
        if y.numel() != 1:
            message = "The Tensor returned by the function given to hessian should "
            raise RuntimeError(message + "contain a single element")
        grads = autograd.grad(y, xs, create_graph=True, allow_unused=True)
        return tuple(or_zeros(grads, xs))

    return first


def hessian(func, inputs, create_graph=False):
    """Return the matrix of second derivatives of a function whose result is a number.

    Its shape is that of the input twice; for a tuple of inputs, a tuple of tuples.
    """
    rows = jacobian(gradient_of(func), autograd.listed(inputs), create_graph)
    return like([like(row, inputs) for row in rows], inputs)


def vjp(func, inputs, v=None, create_graph=False):
    """Return func(*inputs), and `v` times its Jacobian: one walk back.

    v: as the output; may be left out if that is one number.
    """
    xs = leaves(inputs, create_graph)
    with autograd.enable_grad():
        outputs = func(*xs)
        grads = autograd.grad(outputs, xs, v, None, create_graph, True)
    found = cut(or_zeros(grads, xs), create_graph)
    ys = cut(autograd.listed(outputs), create_graph)
    return like(ys, outputs), like(found, inputs)


def jvp(func, inputs, v=None, create_graph=False):
    """Return func(*inputs), and its Jacobian times `v`: how the result moves if the
    inputs move along `v`. Two walks back, without a way forward."""
    xs = leaves(inputs, create_graph)
    with autograd.enable_grad():
        outputs = func(*xs)
        ys = autograd.listed(outputs)
        us = [u.requires_grad_() for u in or_zeros([None] * len(ys), ys)]
        grads = autograd.grad(ys, xs, us, create_graph=True, allow_unused=True)
        vs = [None] * len(xs) if v is None else autograd.listed(v)
        rows = [p for p in zip(grads, vs, strict=True) if autograd.needs_grad(p[0])]
        found = [None] * len(us)
        if rows:
            grads, vs = zip(*rows, strict=True)
            found = autograd.grad(grads, us, vs, None, create_graph, True)
    found = cut(or_zeros(found, ys), create_graph)
    return like(cut(ys, create_graph), outputs), like(found, outputs)
