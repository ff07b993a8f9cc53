"""RMSprop: Adagrad with a memory that fades.

Written in chapter 2.10.
"""

import numpy as np

from ..creation import zeros, zeros_like
from .optimizer import Optimizer, at_least_zero, follow


class RMSprop(Optimizer):
    """RMSprop (Tieleman, Hinton 2012): divide by a running root mean square.

    alpha: how much of the past the mean keeps. centered: divide by the standard
    deviation instead. momentum: as in SGD, on what comes out.
    """

    def __init__(
        self,
        params,
        lr=1e-2,
        alpha=0.99,
        eps=1e-8,
        weight_decay=0,
        momentum=0,
        centered=False,
        *,
        maximize=False,
    ):
        at_least_zero({"learning rate": lr, "epsilon value": eps})
        at_least_zero({"momentum value": momentum})
        at_least_zero({"weight_decay value": weight_decay, "alpha value": alpha})
        options = {"lr": lr, "momentum": momentum, "alpha": alpha, "eps": eps}
        options |= {"centered": centered, "weight_decay": weight_decay}
        super().__init__(params, options | {"maximize": maximize})

    def begin(self, p, group):
        state = {"step": zeros(()), "square_avg": zeros_like(p)}
        if group["momentum"] > 0:
            state["momentum_buffer"] = zeros_like(p)
        if group["centered"]:
            state["grad_avg"] = zeros_like(p)
        return state

    def change(self, w, g, s, group):
        alpha, v, t = group["alpha"], s["square_avg"], np.empty_like(w)
        follow(v, np.multiply(g, g, out=t), alpha, t)
        if group["centered"]:
            mean = s["grad_avg"]
            follow(mean, g, alpha, t)
            v = np.subtract(v, np.multiply(mean, mean, out=t), out=t)
        np.sqrt(v, out=t)
        t += group["eps"]
        g = np.divide(g, t, out=t)
        if group["momentum"] > 0:
            b = s["momentum_buffer"]
            b *= group["momentum"]
            b += g
            g = b
        w -= np.multiply(g, group["lr"], out=t)
