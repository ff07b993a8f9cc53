"""Written in chapters 2.3, 2.3b, 2.3c and 2.6."""

from . import indexing, inplace, linalg, pointwise, reduction, shape, softmax, sorting

__all__ = [
    "indexing",
    "linalg",
    "pointwise",
    "reduction",
    "shape",
    "sorting",
    "inplace",
    "softmax",
]
