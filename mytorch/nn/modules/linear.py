"""Modules whose output is linear in their input.

Written in chapter 2.4.
"""

import math

from ...autograd import no_grad
from ...creation import empty
from .. import functional as F
from ..parameter import Parameter
from .module import Module


class Linear(Module):
    """A layer of neurons: ``x @ weight.T + bias``, from (..., in) to (..., out).

    At first the numbers are uniform within one over the root of `in_features`.
    """

    def __init__(self, in_features, out_features, bias=True, device=None, dtype=None):
        super().__init__()
        self.in_features, self.out_features = in_features, out_features
        self.weight = Parameter(empty(out_features, in_features, dtype=dtype))
        if bias:
            self.bias = Parameter(empty(out_features, dtype=dtype))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def reset_parameters(self):
        """Draw the parameters anew."""
        bound = 1 / math.sqrt(self.in_features) if self.in_features else 0
        with no_grad():
            for p in self.parameters():
                p.uniform_(-bound, bound)

    def forward(self, input):
        """Return the output for rows of inputs."""
        return F.linear(input, self.weight, self.bias)

    def extra_repr(self):
        """Return the sizes as text."""
        sizes = f"in_features={self.in_features}, out_features={self.out_features}"
        return f"{sizes}, bias={self.bias is not None}"


class Identity(Module):
    """A module that returns its input; all arguments are ignored."""

    def __init__(self, *args, **kwargs):
        super().__init__()

    def forward(self, input):
        """Return the input."""
        return input
