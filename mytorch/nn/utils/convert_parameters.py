"""All parameters as one vector, and back.

Written in chapter 2.10.
"""

from ...ops.shape import cat


def parameters_to_vector(parameters):
    """Return all elements of all parameters, one after the other."""
    return cat([p.reshape(-1) for p in parameters])


def vector_to_parameters(vec, parameters):
    """Give parameters the elements of a vector: they become views of it."""
    start = 0
    for p in parameters:
        p.data = vec.data[start : start + p.numel()].reshape(p.shape)
        start += p.numel()
