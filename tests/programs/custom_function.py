"""Autograd functions of one's own: a smooth step, and rounding with a straight-through gradient."""

import numpy as np
import torch
import torch.nn.functional as F
from torch.autograd import Function, gradcheck

rng = np.random.default_rng(2)


class Swish(Function):
    @staticmethod
    def forward(ctx, x, beta):
        s = torch.sigmoid(beta * x)
        ctx.save_for_backward(x, s)
        ctx.beta = beta
        return x * s

    @staticmethod
    def backward(ctx, grad_output):
        x, s = ctx.saved_tensors
        grad = s + ctx.beta * x * s * (1 - s)
        return grad_output * grad, None


class Round(Function):
    """Round to multiples of 1/8; the gradient passes as if nothing had been rounded."""

    @staticmethod
    def forward(ctx, x):
        return torch.round(x * 8) / 8

    @staticmethod
    def backward(ctx, grad_output):
        return grad_output


probe = torch.tensor(rng.normal(size=(3, 4)), requires_grad=True)
assert gradcheck(lambda t: Swish.apply(t, 1.5), (probe,))

x = torch.tensor(rng.normal(size=(64, 5))).float()
y = torch.tensor(rng.integers(2, size=64)).float()
w1 = torch.tensor(rng.normal(scale=0.5, size=(16, 5)), dtype=torch.float32, requires_grad=True)
w2 = torch.tensor(rng.normal(scale=0.5, size=(1, 16)), dtype=torch.float32, requires_grad=True)
optimizer = torch.optim.Adam([w1, w2], lr=0.01)
losses = []
for step in range(80):
    optimizer.zero_grad()
    hidden = Swish.apply(F.linear(x, w1), 1.5)
    logits = F.linear(hidden, Round.apply(w2)).squeeze(1)
    loss = F.binary_cross_entropy_with_logits(logits, y)
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
