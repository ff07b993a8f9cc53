"""Written in chapter 2.3."""

from . import functional

__all__ = ["functional"]
