"""Networks that made a name for themselves, with torchvision's names.

Written in chapter 3.2.
"""

from .alexnet import AlexNet, alexnet

__all__ = ["AlexNet", "alexnet"]
