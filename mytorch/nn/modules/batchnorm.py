"""Layers that give each channel of a batch mean 0 and variance 1.

Written in chapter 3.3.
"""

from ...autograd import no_grad
from ...creation import empty, ones, zeros
from ...tensor import tensor
from .. import functional as F
from ..parameter import Parameter
from .module import Module


def keep_affine(module, shape, affine, bias, dtype):
    """Give a module a weight of ones and a bias of zeros, or neither."""
    for name, wanted in [("weight", affine), ("bias", affine and bias)]:
        value = Parameter(empty(*shape, dtype=dtype)) if wanted else None
        module.register_parameter(name, value)


@no_grad()
def reset_affine(module):
    """Set the weight to ones and the bias to zeros."""
    for value, p in enumerate([module.bias, module.weight]):
        if p is not None:
            p.fill_(value)


class _NormBase(Module):
    def __init__(
        self,
        num_features,
        eps=1e-05,
        momentum=0.1,
        affine=True,
        track_running_stats=True,
        device=None,
        dtype=None,
        *,
        bias=True,
    ):
        super().__init__()
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        self.affine, self.track_running_stats = affine, track_running_stats
        keep_affine(self, (num_features,), affine, bias, dtype)
        n = num_features
        mean, var = zeros(n, dtype=dtype), ones(n, dtype=dtype)
        stats = {"running_mean": mean, "running_var": var}
        for name, value in [*stats.items(), ("num_batches_tracked", tensor(0))]:
            self.register_buffer(name, value if track_running_stats else None)
        self.reset_parameters()

    def reset_running_stats(self):
        """Forget all batches: mean 0, variance 1."""
        if self.track_running_stats:
            self.running_mean.zero_()
            self.running_var.fill_(1)
            self.num_batches_tracked.zero_()

    def reset_parameters(self):
        """Forget all batches, and all that was learned."""
        self.reset_running_stats()
        reset_affine(self)

    def extra_repr(self):
        """Return the settings as text."""
        names = "eps", "momentum", "affine"
        shown = [f"{name}={getattr(self, name)}" for name in names]
        shown.append(f"bias={self.bias is not None}")
        shown.append(f"track_running_stats={self.track_running_stats}")
        return ", ".join([str(self.num_features), *shown])


class _BatchNorm(_NormBase):
    _dims = ()

    def _check_input_dim(self, input):
        if input.ndim not in self._dims:
            wanted = " or ".join(f"{d}D" for d in self._dims)
            raise ValueError(f"expected {wanted} input (got {input.ndim}D input)")

    def forward(self, input):
        """Return the input, normalized: by its own statistics in training."""
        self._check_input_dim(input)
        stats, momentum = (self.running_mean, self.running_var), self.momentum
        own = self.training or self.running_mean is None
        if self.training and self.track_running_stats:
            self.num_batches_tracked.data += 1
            if momentum is None:  # the mean of all batches
                momentum = 1 / self.num_batches_tracked.item()
        elif self.training:
            stats = None, None
        settings = self.weight, self.bias, own, momentum or 0.0, self.eps
        return F.batch_norm(input, *stats, *settings)


class BatchNorm1d(_BatchNorm):
    """Batch norm of rows (N, C) or sequences (N, C, L); see `functional.batch_norm`.

    momentum: how far running statistics move; None takes the mean of all batches.
    affine: whether a weight and a bias are learned. track_running_stats: without, a
    batch's own statistics are used always. Raises ValueError for other dimensions.
    """

    _dims = (2, 3)


class BatchNorm2d(_BatchNorm):
    """Batch norm of pictures (N, C, H, W); see `BatchNorm1d`."""

    _dims = (4,)


class BatchNorm3d(_BatchNorm):
    """Batch norm of volumes (N, C, D, H, W); see `BatchNorm1d`."""

    _dims = (5,)
