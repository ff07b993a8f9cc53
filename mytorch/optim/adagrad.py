"""Adagrad: steps that shrink with all the gradients so far.

Written in chapter 2.10.
"""

import numpy as np

from ..creation import zeros
from ..tensor import Tensor
from .optimizer import Optimizer, at_least_zero


class Adagrad(Optimizer):
    """Adagrad (Duchi, Hazan, Singer 2011): divide by the root of all squares so far.

    lr_decay: shrink the rate, too. initial_accumulator_value: where the sum begins.
    """

    def __init__(
        self,
        params,
        lr=1e-2,
        lr_decay=0,
        weight_decay=0,
        initial_accumulator_value=0,
        eps=1e-10,
        *,
        maximize=False,
    ):
        at_least_zero({"learning rate": lr, "lr_decay value": lr_decay})
        at_least_zero({"weight_decay value": weight_decay})
        start = {"initial_accumulator_value": initial_accumulator_value}
        at_least_zero({"initial_accumulator_value value": initial_accumulator_value})
        at_least_zero({"epsilon value": eps})
        options = {"lr": lr, "lr_decay": lr_decay, "eps": eps}
        options |= {"weight_decay": weight_decay} | start
        super().__init__(params, options | {"maximize": maximize})

    def begin(self, p, group):
        total = np.full_like(p.data, group["initial_accumulator_value"])
        return {"step": zeros(()), "sum": Tensor(total)}

    def change(self, w, g, s, group):
        lr = group["lr"] / (1 + (s["step"].item() - 1) * group["lr_decay"])
        total, t = s["sum"], np.empty_like(w)  # t: scratch
        total += np.multiply(g, g, out=t)
        np.sqrt(total, out=t)
        t += group["eps"]
        np.divide(g, t, out=t)
        w -= np.multiply(t, lr, out=t)
