"""Written in chapters 2.4 and 2.7."""

from . import data
from .summaries import summary

__all__ = ["summary", "data"]
