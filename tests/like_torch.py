"""A row of the table under PyTorch and under mytorch: values, shapes, dtypes and derivatives."""

import itertools

import mytorch
import numpy as np
import pytest

from table import array, derivatives

torch = pytest.importorskip("torch", reason="PyTorch is a test dependency: requirements-test.txt")


def alike(ours, theirs, hint="", rtol=1e-9, atol=1e-12):
    """The same shape, dtype and values, NaN included."""
    assert isinstance(ours, mytorch.Tensor), hint
    x, y = array(ours), array(theirs)
    assert tuple(ours.shape) == tuple(theirs.shape) == x.shape, hint
    assert x.dtype == y.dtype, f"{hint}: {x.dtype} is not PyTorch's {y.dtype}"
    np.testing.assert_allclose(x, y, rtol=rtol, atol=atol, err_msg=hint)


def same_derivatives(xs, ys, hint, rtol=1e-8, atol=1e-9):
    """Derivatives, where None and zeros are the same, and a list may be missing for that."""
    for x, y in itertools.zip_longest(xs, ys):
        if x is None or y is None:
            rest = [array(t) for t in (x, y) if t is not None]
            assert all((values == 0).all() for values in rest), hint
        else:
            alike(x, y, hint, rtol, atol)


def same_levels(ours, theirs, hint, **tolerance):
    """A value, and its derivatives of any order."""
    alike(ours[0][0], theirs[0][0], hint)
    levels = itertools.zip_longest(ours[1:], theirs[1:], fillvalue=())
    for level, (xs, ys) in enumerate(levels, 1):
        same_derivatives(xs, ys, f"{hint}: order {level}", **tolerance)


def check_like_torch(row, arrays, order=3, **tolerance):
    """The value and the derivatives up to an order."""
    order = order if row.differentiable else 0
    ours, theirs = (derivatives(m, row, arrays, order) for m in (mytorch, torch))
    same_levels(ours, theirs, row.name, **tolerance)
