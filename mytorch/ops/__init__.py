"""Written in chapter 2.3."""

from . import indexing, linalg, pointwise, reduction, shape

__all__ = ["indexing", "linalg", "pointwise", "reduction", "shape"]
