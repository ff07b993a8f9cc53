"""Adam and AdamW.

Written in chapter 2.10.
"""

import numpy as np

from ..creation import zeros, zeros_like
from .optimizer import Optimizer, at_least_zero, follow


class Adam(Optimizer):
    """Adam: steps of about `lr`, whatever the size of the gradient (Kingma, Ba 2015).

    betas: how much of the past the means of the gradient and of its square keep.
    amsgrad: divide by the largest mean square so far (Reddi, Kale, Kumar 2018).
    decoupled_weight_decay: shrink the parameters directly, as AdamW does.
    """

    def __init__(
        self,
        params,
        lr=1e-3,
        betas=(0.9, 0.999),
        eps=1e-8,
        weight_decay=0,
        amsgrad=False,
        *,
        maximize=False,
        decoupled_weight_decay=False,
    ):
        at_least_zero({"learning rate": lr, "epsilon value": eps})
        for i, beta in enumerate(betas):
            if not 0 <= beta < 1:
                raise ValueError(f"Invalid beta parameter at index {i}: {beta}")
        at_least_zero({"weight_decay value": weight_decay})
        options = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay}
        options |= {"amsgrad": amsgrad, "maximize": maximize}
        options |= {"decoupled_weight_decay": decoupled_weight_decay}
        super().__init__(params, options)

    def begin(self, p, group):
        names = ["exp_avg", "exp_avg_sq"] + ["max_exp_avg_sq"] * group["amsgrad"]
        return {"step": zeros(())} | {name: zeros_like(p) for name in names}

    def slope(self, w, g, group):
        if group["decoupled_weight_decay"]:
            w *= 1 - group["lr"] * group["weight_decay"]
            group = group | {"weight_decay": 0}
        return super().slope(w, g, group)

    def change(self, w, g, s, group):
        (beta1, beta2), steps = group["betas"], s["step"].item()
        m, v, t = s["exp_avg"], s["exp_avg_sq"], np.empty_like(w)
        follow(m, g, beta1, t)
        follow(v, np.multiply(g, g, out=t), beta2, t)
        if group["amsgrad"]:
            v = np.maximum(v, s["max_exp_avg_sq"], out=s["max_exp_avg_sq"])
        fix = (1 - beta2**steps) ** 0.5  # of the root; both sides are multiplied by it
        np.sqrt(v, out=t)
        t += group["eps"] * fix
        np.divide(m, t, out=t)
        w -= np.multiply(t, group["lr"] * fix / (1 - beta1**steps), out=t)


class AdamW(Adam):
    """Adam whose weight decay stays out of the means (Loshchilov, Hutter 2019)."""

    def __init__(
        self,
        params,
        lr=1e-3,
        betas=(0.9, 0.999),
        eps=1e-8,
        weight_decay=1e-2,
        amsgrad=False,
        *,
        maximize=False,
    ):
        super().__init__(
            params,
            lr,
            betas,
            eps,
            weight_decay,
            amsgrad,
            maximize=maximize,
            decoupled_weight_decay=True,
        )
