"""mytorch: deep learning with PyTorch's syntax, written chapter by chapter.

Written in chapters 2.1 and 2.2.
"""

from . import optim
from .tensor import Tensor, tensor

__all__ = ["Tensor", "optim", "tensor"]

__version__ = "0.1.0"
