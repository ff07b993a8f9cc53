"""Softmax regression by hand: in-place updates under no_grad, gradients zeroed in place."""

import numpy as np
import torch

rng = np.random.default_rng(11)
x = torch.from_numpy(rng.normal(size=(200, 9))).float()
y = torch.from_numpy(rng.integers(3, size=200))
x[torch.arange(200), y] += 2
rows = torch.arange(200)

weight = torch.zeros(9, 3)
weight[:, 0] = 0.1
weight.requires_grad_()
bias = torch.zeros(3, requires_grad=True)
lr = 0.3
losses = []
for step in range(60):
    logits = x @ weight + bias
    shifted = logits - logits.max(dim=1, keepdim=True).values
    loss = -(shifted[rows, y] - shifted.exp().sum(dim=1).log()).mean()
    loss.backward()
    with torch.no_grad():
        weight -= lr * weight.grad
        weight.mul_(0.999).clamp_(-1.5, 1.5)
        bias.sub_(bias.grad, alpha=lr)
        bias -= bias.mean()
        weight[0].add_(1e-3)
        weight.grad.zero_()
        bias.grad.zero_()
    losses.append(loss.item())
