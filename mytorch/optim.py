"""Optimizers: they change parameters so that a loss falls.

Written in chapter 2.2.
"""


class SGD:
    """Stochastic gradient descent: a step of `lr` times the gradient, downhill.

    Raises ValueError if there is no parameter to change, or `lr` is negative.
    """

    def __init__(self, params, lr=1e-3):
        self.params, self.lr = list(params), lr
        if not self.params:
            raise ValueError("optimizer got an empty parameter list")
        if lr < 0:
            raise ValueError(f"Invalid learning rate: {lr}")

    def step(self):
        """Change each parameter that has a gradient."""
        for p in self.params:
            if p.grad is not None:
                p.data -= self.lr * p.grad.data

    def zero_grad(self):
        """Forget all gradients, before the next sum begins."""
        for p in self.params:
            p.grad = None
