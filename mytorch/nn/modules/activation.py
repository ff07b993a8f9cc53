"""Activation functions as modules.

Written in chapters 2.4, 2.5 and 2.6.
"""

from .. import functional as F
from .module import Module


class Activation(Module):
    """What activation functions share: their settings are attributes, and print."""

    def __init__(self, **settings):
        super().__init__()
        self._settings = tuple(settings)
        self.__dict__.update(settings)

    def extra_repr(self):
        """Return the settings as text, `inplace` only if it is true."""
        values = [(name, getattr(self, name)) for name in self._settings]
        shown = [f"{name}={x!r}" for name, x in values if name != "inplace" or x]
        return ", ".join(shown)


class ReLU(Activation):
    """The input, but at least 0."""

    def __init__(self, inplace=False):
        super().__init__(inplace=inplace)

    def forward(self, input):
        """Return the output, of the input's shape."""
        return F.relu(input, self.inplace)


class LeakyReLU(Activation):
    """The input above 0, and `negative_slope` times it below."""

    def __init__(self, negative_slope=0.01, inplace=False):
        super().__init__(negative_slope=negative_slope, inplace=inplace)

    def forward(self, input):
        """Return the output, of the input's shape."""
        return F.leaky_relu(input, self.negative_slope, self.inplace)


class ELU(Activation):
    """The input above 0, and below a curve that ends at ``-alpha``."""

    def __init__(self, alpha=1.0, inplace=False):
        super().__init__(alpha=alpha, inplace=inplace)

    def forward(self, input):
        """Return the output, of the input's shape."""
        return F.elu(input, self.alpha, self.inplace)


class SiLU(Activation):
    """The input times its sigmoid."""

    def __init__(self, inplace=False):
        super().__init__(inplace=inplace)

    def forward(self, input):
        """Return the output, of the input's shape."""
        return F.silu(input, self.inplace)


class GELU(Activation):
    """The input times the chance that a normal number is below it."""

    def __init__(self, approximate="none"):
        super().__init__(approximate=approximate)

    def forward(self, input):
        """Return the output, of the input's shape."""
        return F.gelu(input, self.approximate)


class Sigmoid(Activation):
    """A curve from 0 to 1."""

    def forward(self, input):
        """Return the output, of the input's shape."""
        return F.sigmoid(input)


class Tanh(Activation):
    """A curve from -1 to 1."""

    def forward(self, input):
        """Return the output, of the input's shape."""
        return F.tanh(input)


class Softplus(Activation):
    """A smooth ReLU."""

    def __init__(self, beta=1.0, threshold=20.0):
        super().__init__(beta=beta, threshold=threshold)

    def forward(self, input):
        """Return the output, of the input's shape."""
        return F.softplus(input, self.beta, self.threshold)


class Hardtanh(Activation):
    """The input, but at least `min_val` and at most `max_val`."""

    def __init__(self, min_val=-1.0, max_val=1.0, inplace=False):
        super().__init__(min_val=min_val, max_val=max_val, inplace=inplace)
        assert max_val > min_val, (
            f"max_val ({max_val}) must be greater than min_val ({min_val})"
        )

    def forward(self, input):
        """Return the output, of the input's shape."""
        return F.hardtanh(input, self.min_val, self.max_val, self.inplace)


class LogSigmoid(Module):
    """The logarithm of the sigmoid; see `functional.logsigmoid`."""

    def forward(self, input):
        """Return the output, of the input's shape."""
        return F.logsigmoid(input)


class _AlongOneDimension(Module):
    def __init__(self, dim):
        super().__init__()
        self.dim = dim

    def extra_repr(self):
        """Return the dimension."""
        return f"dim={self.dim}"


class Softmax(_AlongOneDimension):
    """Probabilities along one dimension; see `functional.softmax`."""

    def forward(self, input):
        """Return the output, of the input's shape."""
        return F.softmax(input, self.dim)


class LogSoftmax(_AlongOneDimension):
    """Logarithms of probabilities; see `functional.log_softmax`."""

    def forward(self, input):
        """Return the output, of the input's shape."""
        return F.log_softmax(input, self.dim)
