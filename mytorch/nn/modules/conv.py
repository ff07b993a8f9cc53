"""Layers that slide filters over their input.

Written in chapter 3.1.
"""

import math

from ...autograd import no_grad
from ...creation import empty
from .. import functional as F
from ..parameter import Parameter
from .module import Module

MODES = ["zeros", "reflect", "replicate", "circular"]


def each(value, n):
    """Return n numbers, from one or from a list."""
    return tuple(value) if isinstance(value, (tuple, list)) else (value,) * n


class _ConvNd(Module):
    """What all convolutions share. The numbers begin uniform within one over the root
    of how many inputs a neuron has."""

    def _keep(self, n, channels, kernel_size, stride, padding, dilation, groups, mode):
        self._refuse(channels, stride, padding, groups, mode)
        self.in_channels, self.out_channels = channels
        self.kernel_size, self.stride = each(kernel_size, n), each(stride, n)
        self.padding = padding if isinstance(padding, str) else each(padding, n)
        self.dilation, self.groups, self.padding_mode = each(dilation, n), groups, mode

    def _parameters_for(self, shape, bias, dtype):
        self.weight = Parameter(empty(*shape, *self.kernel_size, dtype=dtype))
        if bias:
            self.bias = Parameter(empty(self.out_channels, dtype=dtype))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def reset_parameters(self):
        """Draw the parameters anew."""
        fan_in = math.prod(self.weight.shape[1:])
        if fan_in:
            with no_grad():
                for p in self.parameters():
                    p.uniform_(-1 / math.sqrt(fan_in), 1 / math.sqrt(fan_in))

    output_padding = ()

    @staticmethod
    def _refuse(channels, stride, padding, groups, mode):
        """Raise ValueError for settings that make no sense."""
        if groups <= 0:
            raise ValueError("groups must be a positive integer")
        for name, many in zip(("in", "out"), channels, strict=True):
            if many % groups:
                raise ValueError(f"{name}_channels must be divisible by groups")
        if isinstance(padding, str):
            if padding not in ("same", "valid"):
                kinds = "should be one of {'same', 'valid'}"
                raise ValueError(f"Invalid padding string {padding!r}, {kinds}")
            if padding == "same" and set(each(stride, 1)) != {1}:
                message = "padding='same' is not supported for strided convolutions"
                raise ValueError(message)
        if mode not in MODES:
            raise ValueError(
                f"padding_mode must be one of {MODES}, but got padding_mode='{mode}'"
            )

    def extra_repr(self):
        """Return the settings as text, without those that are as usual."""
        shown = [f"{self.in_channels}, {self.out_channels}"]
        shown += [f"kernel_size={self.kernel_size}, stride={self.stride}"]
        usual = {"padding": {0}, "dilation": {1}, "output_padding": {0}}
        for name, plain in usual.items():
            value = getattr(self, name)
            if not set(value) <= plain:
                shown.append(f"{name}={value}")
        shown += [f"groups={self.groups}"] if self.groups > 1 else []
        shown += ["bias=False"] if self.bias is None else []
        mode = self.padding_mode
        return ", ".join(shown + ([f"padding_mode={mode}"] if mode != "zeros" else []))


class _Conv(_ConvNd):
    def __init__(
        self,
        in_channels,
        out_channels,
        kernel_size,
        stride=1,
        padding=0,
        dilation=1,
        groups=1,
        bias=True,
        padding_mode="zeros",
        device=None,
        dtype=None,
    ):
        super().__init__()
        channels = in_channels, out_channels
        settings = kernel_size, stride, padding, dilation, groups, padding_mode
        self._keep(self.n, channels, *settings)
        self._parameters_for((out_channels, in_channels // groups), bias, dtype)

    def _margins(self):
        """Return the padding as `functional.pad` wants it: the last dimension first."""
        pairs = [(p, p) for p in self.padding]
        if isinstance(self.padding, str):
            settings = self.stride, self.kernel_size, self.dilation
            pairs = F.margins(self.padding, *settings)
        return [p for pair in pairs[::-1] for p in pair]

    def forward(self, input):
        """Return the output, with `out_channels` channels."""
        padding = self.padding
        if self.padding_mode != "zeros":
            input = F.pad(input, self._margins(), self.padding_mode)
            padding = 0
        settings = self.stride, padding, self.dilation, self.groups
        name = f"conv{self.n}d"
        return F.convolved(name, self.n, input, self.weight, self.bias, *settings)


class Conv1d(_Conv):
    """Filters that slide along sequences: (N, C, L) or (C, L).

    Arguments and errors as in `functional.conv1d`; padding_mode: "zeros", "reflect",
    "replicate" or "circular". Raises ValueError for settings that make no sense.
    """

    n = 1


class Conv2d(_Conv):
    """Filters that slide over pictures: (N, C, H, W) or (C, H, W).

    Arguments and errors as in `functional.conv2d`; padding_mode: "zeros", "reflect",
    "replicate" or "circular". Raises ValueError for settings that make no sense.
    """

    n = 2


class Conv3d(_Conv):
    """Filters that slide through volumes (N, C, D, H, W); see `Conv2d`."""

    n = 3


class _ConvTranspose(_ConvNd):
    def __init__(
        self,
        in_channels,
        out_channels,
        kernel_size,
        stride=1,
        padding=0,
        output_padding=0,
        groups=1,
        bias=True,
        dilation=1,
        padding_mode="zeros",
        device=None,
        dtype=None,
    ):
        super().__init__()
        if padding_mode != "zeros":
            kind = type(self).__name__
            raise ValueError(f'Only "zeros" padding mode is supported for {kind}')
        channels = in_channels, out_channels
        settings = kernel_size, stride, padding, dilation, groups, padding_mode
        self._keep(self.n, channels, *settings)
        self.output_padding = each(output_padding, self.n)
        self._parameters_for((in_channels, out_channels // groups), bias, dtype)

    def _extra(self, input, output_size):
        """Return the output padding that leads to an output of the wanted size."""
        n, wanted = self.n, list(output_size)
        if len(wanted) not in (n, input.ndim):
            raise ValueError(
                f"ConvTranspose{n}D: for {input.ndim}D input, output_size must have "
                f"{n} or {input.ndim} elements (got {len(wanted)})"
            )
        wanted, settings = wanted[-n:], (self.stride, self.padding)
        rows = zip(
            input.shape[-n:], self.kernel_size, self.dilation, *settings, strict=True
        )
        least = [(m - 1) * s - 2 * p + d * (k - 1) + 1 for m, k, d, s, p in rows]
        most = [m + s - 1 for m, s in zip(least, self.stride, strict=True)]
        if not all(a <= w <= b for a, w, b in zip(least, wanted, most, strict=True)):
            raise ValueError(
                f"requested an output size of {tuple(wanted)}, but valid sizes range "
                f"from {least} to {most} (for an input of {input.shape[-n:]})"
            )
        return tuple(w - a for w, a in zip(wanted, least, strict=True))

    def forward(self, input, output_size=None):
        """Return the output, `stride` times as large, or of the size that is wanted."""
        extra = self.output_padding
        if output_size is not None:
            extra = self._extra(input, output_size)
        settings = self.stride, self.padding, extra, self.groups, self.dilation
        name = f"conv_transpose{self.n}d"
        return F.spread_out(name, self.n, input, self.weight, self.bias, *settings)


class ConvTranspose1d(_ConvTranspose):
    """Filters spread out along sequences: (N, C, L) or (C, L).

    Arguments as in `functional.conv_transpose1d`.
    """

    n = 1


class ConvTranspose2d(_ConvTranspose):
    """Filters spread out over pictures: (N, C, H, W) or (C, H, W).

    Arguments as in `functional.conv_transpose2d`.
    """

    n = 2
