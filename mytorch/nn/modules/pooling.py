"""Layers that take one number for each window, or for each of some cells.

Written in chapter 3.1.
"""

from .. import functional as F
from .module import Module


class _MaxPool(Module):
    def __init__(
        self,
        kernel_size,
        stride=None,
        padding=0,
        dilation=1,
        return_indices=False,
        ceil_mode=False,
    ):
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding, self.dilation = padding, dilation
        self.return_indices, self.ceil_mode = return_indices, ceil_mode

    def forward(self, input):
        """Return the largest element of each window."""
        sizes = self.kernel_size, self.stride, self.padding, self.dilation
        name, rest = f"max_pool{self.n}d", (self.ceil_mode, self.return_indices)
        return F.max_pooled(name, self.n, input, sizes, *rest)

    def extra_repr(self):
        """Return the settings as text."""
        names = "kernel_size", "stride", "padding", "dilation", "ceil_mode"
        return ", ".join(f"{name}={getattr(self, name)}" for name in names)


class MaxPool1d(_MaxPool):
    """The largest element of each window of (N, C, L) or (C, L)."""

    n = 1


class MaxPool2d(_MaxPool):
    """The largest element of each window of (N, C, H, W) or (C, H, W)."""

    n = 2


class AvgPool2d(Module):
    """The mean of each window of (N, C, H, W) or (C, H, W)."""

    def __init__(
        self,
        kernel_size,
        stride=None,
        padding=0,
        ceil_mode=False,
        count_include_pad=True,
        divisor_override=None,
    ):
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding, self.ceil_mode = padding, ceil_mode
        self.count_include_pad = count_include_pad
        self.divisor_override = divisor_override

    def forward(self, input):
        """Return the means."""
        sizes = self.kernel_size, self.stride, self.padding
        rest = self.ceil_mode, self.count_include_pad, self.divisor_override
        return F.avg_pool2d(input, *sizes, *rest)

    def extra_repr(self):
        """Return the settings as text."""
        names = "kernel_size", "stride", "padding"
        return ", ".join(f"{name}={getattr(self, name)}" for name in names)


class AvgPool1d(AvgPool2d):
    """The mean of each window of (N, C, L) or (C, L)."""

    def __init__(
        self,
        kernel_size,
        stride=None,
        padding=0,
        ceil_mode=False,
        count_include_pad=True,
    ):
        stride = kernel_size if stride is None else stride
        sizes = [x if isinstance(x, tuple) else (x,) for x in (kernel_size, stride)]
        pad = padding if isinstance(padding, tuple) else (padding,)
        super().__init__(*sizes, pad, ceil_mode, count_include_pad)

    def forward(self, input):
        """Return the means."""
        sizes = self.kernel_size, self.stride, self.padding
        return F.avg_pool1d(input, *sizes, self.ceil_mode, self.count_include_pad)


class _Adaptive(Module):
    def __init__(self, output_size):
        super().__init__()
        self.output_size = output_size

    def extra_repr(self):
        """Return the sizes as text."""
        return f"output_size={self.output_size}"


class AdaptiveAvgPool1d(_Adaptive):
    """The means of `output_size` cells; see `functional.adaptive_avg_pool1d`."""

    def forward(self, input):
        """Return the means."""
        return F.adaptive_avg_pool1d(input, self.output_size)


class AdaptiveAvgPool2d(_Adaptive):
    """The means of `output_size` cells; see `functional.adaptive_avg_pool2d`."""

    def forward(self, input):
        """Return the means."""
        return F.adaptive_avg_pool2d(input, self.output_size)


class _AdaptiveMax(_Adaptive):
    def __init__(self, output_size, return_indices=False):
        super().__init__(output_size)
        self.return_indices = return_indices


class AdaptiveMaxPool1d(_AdaptiveMax):
    """The maxima of `output_size` cells; see `functional.adaptive_max_pool1d`."""

    def forward(self, input):
        """Return the maxima."""
        return F.adaptive_max_pool1d(input, self.output_size, self.return_indices)


class AdaptiveMaxPool2d(_AdaptiveMax):
    """The maxima of `output_size` cells; see `functional.adaptive_max_pool2d`."""

    def forward(self, input):
        """Return the maxima."""
        return F.adaptive_max_pool2d(input, self.output_size, self.return_indices)
