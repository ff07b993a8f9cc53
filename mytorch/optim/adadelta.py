"""Adadelta: a step in the parameter's own units.

Written in chapter 2.10.
"""

import numpy as np

from ..creation import zeros, zeros_like
from .optimizer import Optimizer, at_least_zero, follow


class Adadelta(Optimizer):
    """Adadelta (Zeiler 2012): past steps over past gradients times the gradient.

    rho: how much of the past the two means keep.
    """

    def __init__(
        self, params, lr=1.0, rho=0.9, eps=1e-6, weight_decay=0, *, maximize=False
    ):
        at_least_zero({"learning rate": lr})
        if not 0 <= rho <= 1:
            raise ValueError(f"Invalid rho value: {rho}")
        at_least_zero({"epsilon value": eps, "weight_decay value": weight_decay})
        options = {"lr": lr, "rho": rho, "eps": eps, "weight_decay": weight_decay}
        super().__init__(params, options | {"maximize": maximize})

    def begin(self, p, group):
        return {
            "step": zeros(()),
            "square_avg": zeros_like(p),
            "acc_delta": zeros_like(p),
        }

    def change(self, w, g, s, group):
        rho, eps = group["rho"], group["eps"]
        v, d = s["square_avg"], s["acc_delta"]
        t, delta = np.empty_like(w), np.empty_like(w)
        follow(v, np.multiply(g, g, out=t), rho, t)
        np.add(d, eps, out=delta)
        delta /= np.add(v, eps, out=t)
        np.sqrt(delta, out=delta)
        delta *= g
        follow(d, np.multiply(delta, delta, out=t), rho, t)
        w -= np.multiply(delta, group["lr"], out=t)
