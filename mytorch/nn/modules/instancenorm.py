"""Layers that give each channel of each example mean 0 and variance 1.

Written in chapter 3.3.
"""

import warnings

from .. import functional as F
from .batchnorm import _NormBase


class _InstanceNorm(_NormBase):
    _n = 0

    def __init__(
        self,
        num_features,
        eps=1e-05,
        momentum=0.1,
        affine=False,
        track_running_stats=False,
        device=None,
        dtype=None,
        *,
        bias=True,
    ):
        settings = num_features, eps, momentum, affine, track_running_stats
        super().__init__(*settings, device, dtype, bias=bias)

    def _check_input(self, input):
        dims = self._n + 1, self._n + 2
        if input.ndim not in dims:
            wanted = " or ".join(f"{d}D" for d in dims)
            raise ValueError(f"expected {wanted} input (got {input.ndim}D input)")
        dim = input.ndim - self._n - 1
        if input.shape[dim] != self.num_features:
            if self.affine:
                raise ValueError(
                    f"expected input's size at dim={dim} to match num_features "
                    f"({self.num_features}), but got: {input.shape[dim]}."
                )
            warnings.warn(
                f"input's size at dim={dim} does not match num_features. You can "
                "silence this warning by not passing in num_features, which is not "
                "used because affine=False",
                stacklevel=3,
            )

    def forward(self, input):
        """Return the input, normalized."""
        self._check_input(input)
        x = input.unsqueeze(0) if input.ndim == self._n + 1 else input
        settings = self.running_mean, self.running_var, self.weight, self.bias
        own = self.training or not self.track_running_stats
        y = F.instance_norm(x, *settings, own, self.momentum or 0.0, self.eps)
        return y.squeeze(0) if input.ndim == self._n + 1 else y


class InstanceNorm1d(_InstanceNorm):
    """Instance norm of sequences (N, C, L) or (C, L); see `functional.instance_norm`.

    Arguments as in `BatchNorm1d`. Raises ValueError for other dimensions.
    """

    _n = 1


class InstanceNorm2d(_InstanceNorm):
    """Instance norm of pictures (N, C, H, W) or (C, H, W); see `InstanceNorm1d`."""

    _n = 2


class InstanceNorm3d(_InstanceNorm):
    """Instance norm of volumes (N, C, D, H, W) or (C, D, H, W)."""

    _n = 3
