"""Written in chapters 2.3, 2.3b, 2.3c, 2.6, 3.1 and 3.2."""

from . import (
    convolution,
    indexing,
    inplace,
    linalg,
    normalization,
    pointwise,
    reduction,
    shape,
    softmax,
    sorting,
)

__all__ = [
    "indexing",
    "linalg",
    "pointwise",
    "reduction",
    "shape",
    "sorting",
    "inplace",
    "softmax",
    "convolution",
    "normalization",
]
