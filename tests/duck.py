"""An array that refuses to mix with NumPy's, as CuPy's do: the GPU path, tested without a GPU.

A body that makes an array out of nothing (`np.zeros(3) + a`), or lets NumPy convert its input
(`np.asarray(a)`), works on NumPy arrays, and fails on a GPU. On a `Duck` it fails too.
"""

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

HOST = "a Duck does not mix with a np.ndarray: make the array with like=, or from the input"


def unwrap(x):
    """Return what a Duck holds, through tuples, lists and dicts; raise TypeError at np.ndarray."""
    if isinstance(x, Duck):
        return x.inner
    if isinstance(x, np.ndarray):
        raise TypeError(HOST)
    if isinstance(x, tuple | list):
        return type(x)(unwrap(y) for y in x)
    if isinstance(x, dict):
        return {name: unwrap(y) for name, y in x.items()}
    return x


def wrap(x, source=None):
    """Make arrays Ducks, and NumPy's scalars too: like CuPy, a Duck reduces to a 0-d array.

    source: the Duck that they may be views of.
    """
    if isinstance(x, np.ndarray | np.generic):
        return Duck(np.asarray(x), source)
    return type(x)(wrap(y, source) for y in x) if type(x) in (tuple, list) else x


class Duck(NDArrayOperatorsMixin):
    """What CuPy's array has and this book may use; every method NumPy's array has would be more."""

    __array_priority__ = 100

    def __init__(self, inner, source=None):
        assert isinstance(inner, np.ndarray)
        self.inner, self.base = inner, None
        if isinstance(source, Duck) and np.may_share_memory(inner, source.inner):
            self.base = source if source.base is None else source.base

    shape = property(lambda self: self.inner.shape)
    ndim = property(lambda self: self.inner.ndim)
    size = property(lambda self: self.inner.size)
    dtype = property(lambda self: self.inner.dtype)
    flags = property(lambda self: self.inner.flags)
    strides = property(lambda self: self.inner.strides)
    T = property(lambda self: Duck(self.inner.T, self))

    def __array_ufunc__(self, ufunc, method, *inputs, out=(), **kwargs):
        named = unwrap({**kwargs, "out": out} if out else kwargs)
        result = getattr(ufunc, method)(*unwrap(inputs), **named)
        return out[0] if len(out) == 1 else wrap(result)

    def __array_function__(self, func, types, args, kwargs):
        if not all(issubclass(t, Duck) for t in types):
            return NotImplemented
        return wrap(func(*unwrap(args), **unwrap(kwargs)), *args[:1])

    def __array__(self, *args, **kwargs):
        raise TypeError("Implicit conversion to a NumPy array is not allowed")

    def __getitem__(self, index):
        return wrap(self.inner[unwrap(index)], self)

    def __setitem__(self, index, value):
        self.inner[unwrap(index)] = unwrap(value)

    def __len__(self):
        return len(self.inner)

    def __bool__(self):
        return bool(self.inner)

    def __int__(self):
        return int(self.inner)

    def __index__(self):
        return self.inner.__index__()

    def __float__(self):
        return float(self.inner)

    def item(self):
        return self.inner.item()

    def tolist(self):
        return self.inner.tolist()

    def get(self):
        """Copy to the host, as CuPy's arrays do."""
        return self.inner.copy()

    def copy(self):
        return Duck(self.inner.copy())

    def astype(self, dtype, copy=True):
        return Duck(self.inner.astype(dtype, copy=copy))

    def __repr__(self):
        return f"Duck({self.inner!r})"
