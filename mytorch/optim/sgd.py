"""Gradient descent, with momentum.

Written in chapter 2.10.
"""

from ..creation import zeros_like
from .optimizer import Optimizer, at_least_zero


class SGD(Optimizer):
    """Stochastic gradient descent, with momentum (Polyak 1964) if it is not 0.

    dampening: how much of a new gradient momentum leaves out. nesterov: look ahead
    (Nesterov 1983). weight_decay: an L2 penalty. maximize: go uphill.
    """

    def __init__(
        self,
        params,
        lr=1e-3,
        momentum=0,
        dampening=0,
        weight_decay=0,
        nesterov=False,
        *,
        maximize=False,
    ):
        at_least_zero({"learning rate": lr, "momentum value": momentum})
        at_least_zero({"weight_decay value": weight_decay})
        if nesterov and (momentum <= 0 or dampening != 0):
            message = "Nesterov momentum requires a momentum and zero dampening"
            raise ValueError(message)
        options = {"lr": lr, "momentum": momentum, "dampening": dampening}
        options |= {"weight_decay": weight_decay, "nesterov": nesterov}
        super().__init__(params, options | {"maximize": maximize})

    def begin(self, p, group):
        return {"momentum_buffer": zeros_like(p)} if group["momentum"] else {}

    def update(self, p, group):
        first = not self.state.get(p)  # the first gradient is not dampened
        super().update(p, group | {"dampening": 0} if first else group)

    def change(self, w, g, s, group):
        if group["momentum"]:
            b = s["momentum_buffer"]
            b *= group["momentum"]
            b += (1 - group["dampening"]) * g if group["dampening"] else g
            g = g + group["momentum"] * b if group["nesterov"] else b
        w -= group["lr"] * g
