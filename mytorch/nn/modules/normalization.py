"""Layers that bring values to a common scale.

Written in chapter 3.2.
"""

from .. import functional as F
from .module import Module


class LocalResponseNorm(Module):
    """Divides by the strength of neighboring channels: (N, C, ...).

    See `functional.local_response_norm`.
    """

    def __init__(self, size, alpha=1e-4, beta=0.75, k=1.0):
        super().__init__()
        self.size, self.alpha, self.beta, self.k = size, alpha, beta, k

    def forward(self, input):
        """Return the output, of the input's shape."""
        return F.local_response_norm(input, self.size, self.alpha, self.beta, self.k)

    def extra_repr(self):
        """Return the settings as text."""
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"
