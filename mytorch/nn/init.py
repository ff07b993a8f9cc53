"""First values of parameters, in sizes that keep signals alive through many layers.

Written in chapter 2.8.
"""

import math
import re

import numpy as np

from ..autograd import no_grad
from ..tensor import Tensor


def _calculate_fan_in_and_fan_out(tensor):
    """Return how many inputs a unit has, and how many units an input goes to."""
    if tensor.ndim < 2:
        message = "can not be computed for tensor with fewer than 2 dimensions"
        raise ValueError(f"Fan in and fan out {message}")
    field = math.prod(tensor.shape[2:])
    return tensor.shape[1] * field, tensor.shape[0] * field


@no_grad()
def uniform_(tensor, a=0.0, b=1.0, generator=None):
    """Fill with random numbers between `a` and `b`."""
    return tensor.uniform_(a, b, generator=generator)


@no_grad()
def normal_(tensor, mean=0.0, std=1.0, generator=None):
    """Fill with normal random numbers."""
    return tensor.normal_(mean, std, generator=generator)


@no_grad()
def constant_(tensor, val):
    """Fill with one number."""
    return tensor.fill_(val)


def ones_(tensor):
    """Fill with 1."""
    return constant_(tensor, 1.0)


def zeros_(tensor):
    """Fill with 0."""
    return constant_(tensor, 0.0)


@no_grad()
def eye_(tensor):
    """Fill with the identity matrix; raise ValueError if `tensor` is not 2-D."""
    if tensor.ndim != 2:
        raise ValueError("Only tensors with 2 dimensions are supported")
    return tensor.copy_(Tensor(np.eye(*tensor.shape, dtype=tensor.dtype)))


def _xavier_std(tensor, gain):
    fan_in, fan_out = _calculate_fan_in_and_fan_out(tensor)
    return gain * math.sqrt(2 / (fan_in + fan_out))


def xavier_normal_(tensor, gain=1.0, generator=None):
    """Fill with normal numbers of variance gain² · 2 / (fan_in + fan_out).

    tensor: (fan_out, fan_in, ...). Source: Glorot and Bengio (2010).
    """
    return normal_(tensor, 0, _xavier_std(tensor, gain), generator)


def xavier_uniform_(tensor, gain=1.0, generator=None):
    """Fill with uniform numbers of variance gain² · 2 / (fan_in + fan_out).

    tensor: (fan_out, fan_in, ...). Source: Glorot and Bengio (2010).
    """
    bound = math.sqrt(3) * _xavier_std(tensor, gain)
    return uniform_(tensor, -bound, bound, generator)


def calculate_gain(nonlinearity, param=None):
    """Return by how much weights must be larger to make up for what a function takes.

    param: the slope of a leaky ReLU (0.01). Raises ValueError for an unknown function.
    """
    gains = {"sigmoid": 1, "tanh": 5 / 3, "relu": math.sqrt(2), "selu": 3 / 4}
    if re.fullmatch(r"linear|conv(_transpose)?[123]d", nonlinearity):
        return 1
    if nonlinearity == "leaky_relu":
        slope = 0.01 if param is None else param
        if isinstance(slope, bool) or not isinstance(slope, (int, float)):
            raise ValueError(f"negative_slope {slope} not a valid number")
        return math.sqrt(2 / (1 + slope**2))
    if nonlinearity not in gains:
        raise ValueError(f"Unsupported nonlinearity {nonlinearity}")
    return gains[nonlinearity]


def _kaiming_std(tensor, a, mode, nonlinearity):
    modes = ["fan_in", "fan_out"]
    if mode not in modes:
        raise ValueError(f"Mode {mode} not supported, please use one of {modes}")
    fan = _calculate_fan_in_and_fan_out(tensor)[modes.index(mode)]
    # A tensor without elements has a fan of 0, and nothing to draw.
    return calculate_gain(nonlinearity, a) / math.sqrt(max(fan, 1))


def kaiming_normal_(
    tensor, a=0, mode="fan_in", nonlinearity="leaky_relu", generator=None
):
    """Fill with normal numbers of variance gain² / fan.

    tensor: (fan_out, fan_in, ...). a: the slope of a leaky ReLU; 0 for ReLU.
    mode: keep signals ("fan_in") or gradients ("fan_out") at their size.
    Source: He et al. (2015).
    """
    return normal_(tensor, 0, _kaiming_std(tensor, a, mode, nonlinearity), generator)


def kaiming_uniform_(
    tensor, a=0, mode="fan_in", nonlinearity="leaky_relu", generator=None
):
    """Fill with uniform numbers of variance gain² / fan; see `kaiming_normal_`."""
    bound = math.sqrt(3) * _kaiming_std(tensor, a, mode, nonlinearity)
    return uniform_(tensor, -bound, bound, generator)


@no_grad()
def orthogonal_(tensor, gain=1, generator=None):
    """Fill with a random orthogonal matrix times `gain`.

    tensor: (rows, columns, ...), taken as a matrix; its rows are orthogonal if there
    are fewer of them, its columns otherwise. Source: Saxe et al. (2014).
    """
    if tensor.ndim < 2:
        raise ValueError("Only tensors with 2 or more dimensions are supported")
    if tensor.numel() == 0:
        return tensor
    matrix = normal_(Tensor(np.empty_like(tensor.data)), generator=generator).data
    matrix = np.reshape(matrix, (tensor.shape[0], -1))
    wide = matrix.shape[0] < matrix.shape[1]
    q, r = np.linalg.qr(matrix.T if wide else matrix)
    q = q * np.sign(np.diagonal(r))  # else some rotations are more likely than others
    q = np.reshape(q.T if wide else q, tensor.shape)
    return tensor.copy_(Tensor(gain * q))


@no_grad()
def trunc_normal_(tensor, mean=0.0, std=1.0, a=-2.0, b=2.0, generator=None):
    """Fill with normal numbers, of which only those between `a` and `b` are drawn."""
    places = np.linspace(max(a, mean - 40 * std), min(b, mean + 40 * std), 4097)
    exponent = -0.5 * ((places - mean) / std) ** 2
    density = np.exp(exponent - exponent.max())  # of any scale, so that none is all 0
    rising = np.cumsum((density[1:] + density[:-1]) / 2)
    heights = np.concatenate([[0], rising]) / rising[-1]
    uniform = uniform_(Tensor(np.empty_like(tensor.data)), generator=generator)
    drawn = np.interp(uniform.data, heights, places)
    return tensor.copy_(Tensor(drawn.astype(tensor.dtype)))


@no_grad()
def sparse_(tensor, sparsity, std=0.01, generator=None):
    """Fill a matrix with normal numbers, and a part `sparsity` of each column with 0.

    Raises ValueError if `tensor` is not 2-D. Source: Martens (2010).
    """
    if tensor.ndim != 2:
        raise ValueError("Only tensors with 2 dimensions are supported")
    order = uniform_(Tensor(np.empty_like(tensor.data)), generator=generator).data
    ranks = np.argsort(np.argsort(order, axis=0), axis=0)
    normal_(tensor, 0, std, generator)
    return tensor.masked_fill_(
        Tensor(ranks < math.ceil(sparsity * tensor.shape[0])), 0.0
    )
