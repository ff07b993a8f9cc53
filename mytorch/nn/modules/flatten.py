"""Modules that change the shape.

Written in chapter 2.4.
"""

from .module import Module


class Flatten(Module):
    """Make one dimension of those from `start_dim` to `end_dim`."""

    def __init__(self, start_dim=1, end_dim=-1):
        super().__init__()
        self.start_dim, self.end_dim = start_dim, end_dim

    def forward(self, input):
        """Return the input in the new shape."""
        return input.flatten(self.start_dim, self.end_dim)

    def extra_repr(self):
        """Return the dimensions as text."""
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


class Unflatten(Module):
    """Make several dimensions of one. unflattened_size: a tuple of their sizes."""

    def __init__(self, dim, unflattened_size):
        super().__init__()
        if not isinstance(unflattened_size, (tuple, list)):
            kind = type(unflattened_size).__name__
            message = f"unflattened_size must be a tuple of ints, but found type {kind}"
            raise TypeError(message)
        for i, size in enumerate(unflattened_size):
            if not isinstance(size, int):
                raise TypeError(
                    "unflattened_size must be tuple of ints, but found element of type "
                    f"{type(size).__name__} at pos {i}"
                )
        self.dim, self.unflattened_size = dim, unflattened_size

    def forward(self, input):
        """Return the input in the new shape."""
        return input.unflatten(self.dim, self.unflattened_size)

    def extra_repr(self):
        """Return the sizes as text."""
        return f"dim={self.dim}, unflattened_size={self.unflattened_size}"
