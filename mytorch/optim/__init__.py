"""Optimizers: they change parameters so that a loss falls.

Written in chapter 2.3.
"""

import numpy as np


class Optimizer:
    """What all optimizers share: the parameters, and a check of the learning rate.

    Raises ValueError if there is no parameter to change, or `lr` is negative.
    """

    def __init__(self, params, lr):
        self.params, self.lr = list(params), lr
        if not self.params:
            raise ValueError("optimizer got an empty parameter list")
        if lr < 0:
            raise ValueError(f"Invalid learning rate: {lr}")

    def zero_grad(self):
        """Forget all gradients, before the next sum begins."""
        for p in self.params:
            p.grad = None


class SGD(Optimizer):
    """Stochastic gradient descent: a step of `lr` times the gradient, downhill."""

    def __init__(self, params, lr=1e-3):
        super().__init__(params, lr)

    def step(self):
        """Change each parameter that has a gradient."""
        for p in self.params:
            if p.grad is not None:
                p.data -= self.lr * p.grad.data


class Adam(Optimizer):
    """Adam: steps of about `lr`, whatever the size of the gradient (Kingma, Ba 2015).

    betas: how much of the past the means of the gradient and of its square keep.
    """

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0):
        super().__init__(params, lr)
        for i, beta in enumerate(betas):
            if not 0 <= beta < 1:
                raise ValueError(f"Invalid beta parameter at index {i}: {beta}")
        for name, value in [("epsilon", eps), ("weight_decay", weight_decay)]:
            if value < 0:
                raise ValueError(f"Invalid {name} value: {value}")
        self.betas, self.eps, self.weight_decay = betas, eps, weight_decay
        self.state = {}  # parameter -> (steps, mean gradient, mean squared gradient)

    def step(self):
        """Change each parameter that has a gradient."""
        for p in self.params:
            if p.grad is not None:
                decay = self.weight_decay * p.data if self.weight_decay else 0
                self.change(p, p.grad.data + decay)

    def change(self, p, g):
        """Take one step with one parameter."""
        beta1, beta2 = self.betas
        if p not in self.state:
            self.state[p] = 0, np.zeros_like(p.data), np.zeros_like(p.data)
        steps, m, v = self.state[p]
        self.state[p] = steps + 1, m, v
        m *= beta1
        m += (1 - beta1) * g
        v *= beta2
        v += (1 - beta2) * g * g
        root = np.sqrt(v, out=np.empty_like(v))
        root /= (1 - beta2 ** (steps + 1)) ** 0.5
        root += self.eps
        np.divide(m, root, out=root)  # in place: large arrays are slow to make
        root *= self.lr / (1 - beta1 ** (steps + 1))
        p.data -= root
