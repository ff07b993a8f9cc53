"""Dividing values by what is around them.

Written in chapter 3.2.
"""

import numpy as np

from ..tensor import Tensor, op


def neighborhood(x, before, after):
    """Return for each channel of (N, C, ...) the sum of it and its neighbors."""
    if isinstance(x, Tensor):
        return _neighborhood(x, before, after)
    y = np.copy(x)
    for d in range(1, before + 1):
        y[:, d:] += x[:, :-d]
    for d in range(1, after + 1):
        y[:, :-d] += x[:, d:]
    return y


@op
def _neighborhood(input, before, after):
    return neighborhood(input, before, after), lambda g: neighborhood(g, after, before)


@op
def _local_response_norm(input, size, alpha, beta, k):
    before, after = size // 2, (size - 1) // 2
    s = k + alpha / size * neighborhood(input * input, before, after)
    scale = s**-beta

    def pullback(g):
        felt = neighborhood(g * input * scale / s, after, before)
        return g * scale - 2 * alpha * beta / size * input * felt

    return input * scale, pullback
