"""Layers that bring values to a common scale, each example by itself.

Written in chapters 3.2 and 3.3.
"""

from .. import functional as F
from .batchnorm import keep_affine, reset_affine
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


class LayerNorm(Module):
    """Gives the last dimensions of each example mean 0 and variance 1.

    normalized_shape: their sizes, a number or several. elementwise_affine, bias:
    whether a weight and a bias are learned. See `functional.layer_norm`.
    """

    def __init__(
        self,
        normalized_shape,
        eps=1e-05,
        elementwise_affine=True,
        bias=True,
        device=None,
        dtype=None,
    ):
        super().__init__()
        one = isinstance(normalized_shape, int)
        shape = (normalized_shape,) if one else tuple(normalized_shape)
        self.normalized_shape, self.eps = shape, eps
        self.elementwise_affine = elementwise_affine
        keep_affine(self, shape, elementwise_affine, bias, dtype)
        self.reset_parameters()

    def reset_parameters(self):
        """Set the weight to ones and the bias to zeros."""
        reset_affine(self)

    def forward(self, input):
        """Return the input, normalized."""
        settings = self.weight, self.bias, self.eps
        return F.layer_norm(input, self.normalized_shape, *settings)

    def extra_repr(self):
        """Return the settings as text."""
        affine = f"elementwise_affine={self.elementwise_affine}"
        settings = f"eps={self.eps}, {affine}, bias={self.bias is not None}"
        return f"{self.normalized_shape}, {settings}"


class GroupNorm(Module):
    """Gives each group of channels of each example mean 0 and variance 1.

    See `functional.group_norm`. Raises ValueError if the groups do not divide.
    """

    def __init__(
        self,
        num_groups,
        num_channels,
        eps=1e-05,
        affine=True,
        device=None,
        dtype=None,
        *,
        bias=True,
    ):
        super().__init__()
        if num_channels % num_groups:
            raise ValueError(
                f"num_channels ({num_channels}) must be divisible by num_groups "
                f"({num_groups})"
            )
        self.num_groups, self.num_channels = num_groups, num_channels
        self.eps, self.affine = eps, affine
        keep_affine(self, (num_channels,), affine, bias, dtype)
        self.reset_parameters()

    def reset_parameters(self):
        """Set the weight to ones and the bias to zeros."""
        reset_affine(self)

    def forward(self, input):
        """Return the input, normalized."""
        return F.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self):
        """Return the settings as text."""
        sizes = f"{self.num_groups}, {self.num_channels}, eps={self.eps}"
        return f"{sizes}, affine={self.affine}, bias={self.bias is not None}"
