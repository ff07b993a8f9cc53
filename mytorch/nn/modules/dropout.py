"""Layers that drop values at random while they train.

Written in chapters 2.9 and 3.1.
"""

from .. import functional
from .module import Module


class Dropout(Module):
    """Sets elements to 0 with probability `p` in training, else does nothing."""

    def __init__(self, p=0.5, inplace=False):
        super().__init__()
        functional.refuse_probability(p)
        self.p, self.inplace = p, inplace

    def forward(self, input):
        return functional.dropout(input, self.p, self.training, self.inplace)

    def extra_repr(self):
        return f"p={self.p}, inplace={self.inplace}"


class Dropout1d(Dropout):
    """Sets whole channels of (N, C, L) or (C, L) to 0 in training."""

    def forward(self, input):
        return functional.dropout1d(input, self.p, self.training, self.inplace)


class Dropout2d(Dropout):
    """Sets whole channels of (N, C, H, W) to 0 in training."""

    def forward(self, input):
        return functional.dropout2d(input, self.p, self.training, self.inplace)
