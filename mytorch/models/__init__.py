"""Networks that made a name for themselves, with torchvision's names.

Written in chapters 3.2 and 3.3.
"""

from .alexnet import AlexNet, alexnet
from .resnet import BasicBlock, Bottleneck, ResNet, resnet18, resnet34, resnet50

__all__ = [
    "AlexNet",
    "alexnet",
    "BasicBlock",
    "Bottleneck",
    "ResNet",
    "resnet18",
    "resnet34",
    "resnet50",
]
