"""Windows of pictures as columns, and back.

Written in chapter 3.1.
"""

from .. import functional as F
from .module import Module


class Unfold(Module):
    """All windows of pictures as columns; see `functional.unfold`."""

    def __init__(self, kernel_size, dilation=1, padding=0, stride=1):
        super().__init__()
        self.kernel_size, self.dilation = kernel_size, dilation
        self.padding, self.stride = padding, stride

    def _settings(self):
        return self.kernel_size, self.dilation, self.padding, self.stride

    def forward(self, input):
        """Return the columns."""
        return F.unfold(input, *self._settings())

    def extra_repr(self):
        """Return the settings as text."""
        names = "kernel_size", "dilation", "padding", "stride"
        pairs = zip(names, self._settings(), strict=True)
        return ", ".join(f"{name}={value}" for name, value in pairs)


class Fold(Unfold):
    """Pictures that columns add up to; see `functional.fold`."""

    def __init__(self, output_size, kernel_size, dilation=1, padding=0, stride=1):
        super().__init__(kernel_size, dilation, padding, stride)
        self.output_size = output_size

    def forward(self, input):
        """Return the pictures."""
        return F.fold(input, self.output_size, *self._settings())

    def extra_repr(self):
        """Return the settings as text."""
        return f"output_size={self.output_size}, {super().extra_repr()}"
