"""Tensors as text, in PyTorch's form.

Written in chapters 2.3 and 2.3b.
"""

import numpy as np

from .dtypes import get_default_dtype

WIDTH, EDGE, MANY = 80, 3, 1000  # of a line; kept of a long row; when rows are cut


def written(values):
    """Return a function that writes one element in a style that suits all."""
    if values.dtype.kind != "f":
        return str
    sizes = np.abs(values[np.isfinite(values) & (values != 0)].astype(np.float64))
    low, high = (sizes.min(), sizes.max()) if sizes.size else (1, 1)
    whole = bool((sizes == np.ceil(sizes)).all())
    if high / low > 1000 or high > 1e8 or (low < 1e-4 and not whole):
        return "{:.4e}".format
    if not whole:
        return "{:.4f}".format
    return lambda x: f"{x:.0f}." if np.isfinite(x) else f"{x:.0f}"


def corners(array, cut):
    """Return the part of an array that is shown: the ends of each dimension."""
    for dim, size in enumerate(array.shape if cut else ()):
        if size > 2 * EDGE:
            ends = np.r_[:EDGE, size - EDGE : size]
            array = np.take(array, ends, axis=dim)
    return array


def block(array, text, cut, indent):
    """Write an array as nested brackets; `indent` is the column where it begins."""
    if array.ndim == 0:
        return text(array.item())
    cut_here = cut and len(array) > 2 * EDGE
    shown = [*array[:EDGE], *array[-EDGE:]] if cut_here else list(array)
    parts = [block(np.asarray(x), text, cut, indent + 1) for x in shown]
    dots = " ..." if array.ndim == 1 else "..."
    parts = [*parts[:EDGE], dots, *parts[EDGE:]] if cut_here else parts
    if array.ndim == 1:
        n = max(1, (WIDTH - indent) // (len(parts[0]) + 2)) if parts else 1
        parts = [", ".join(parts[i : i + n]) for i in range(0, len(parts), n)]
    lines = "\n" * max(array.ndim - 1, 1) + " " * (indent + 1)
    return "[" + ("," + lines).join(parts) + "]"


def aligned(array, cut):
    """Return a function that writes one element, as wide as the widest shown."""
    values = corners(array, cut)
    write = written(values)
    finite = [x for x in values.ravel().tolist() if np.isfinite(x) and x != 0]
    texts = [write(x) for x in (finite if values.dtype.kind == "f" else values.ravel())]
    width = max(map(len, texts), default=2 if values.dtype.kind == "f" else 1)
    return lambda x: write(x).rjust(width if array.ndim else 0)


def text(t):
    """Write a tensor: its elements, and what else one should know about it."""
    array = t.detach().numpy()
    cut = array.size > MANY
    body = block(array, aligned(array, cut), cut, indent=7) if array.size else "[]"
    notes = []
    if array.size == 0 and array.ndim != 1:
        notes.append(f"size={array.shape}")
    floats = get_default_dtype().name
    usual = (floats,) if array.size == 0 else (floats, "int64", "bool")
    if array.dtype.name not in usual:
        notes.append(f"dtype=mytorch.{array.dtype.name}")
    if t.grad_fn is not None:
        notes.append(f"grad_fn=<{t.grad_fn.name()}>")
    elif t.requires_grad:
        notes.append("requires_grad=True")
    result = "tensor(" + body
    for note in notes:
        last = result[result.rfind("\n") + 1 :]
        fits = len(last) + len(note) + 3 <= WIDTH
        result += (", " if fits else ",\n       ") + note
    return result + ")"
