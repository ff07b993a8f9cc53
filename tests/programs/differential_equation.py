"""A network that solves u'' = -u with u(0) = 0, u'(0) = 1: second derivatives in the loss."""

import numpy as np
import torch
from torch import nn
from torch.optim.lr_scheduler import ExponentialLR

rng = np.random.default_rng(18)
net = nn.Sequential(nn.Linear(1, 24), nn.Tanh(), nn.Linear(24, 24), nn.Tanh(), nn.Linear(24, 1))
net.double()
with torch.no_grad():
    for p in net.parameters():
        p.copy_(torch.tensor(rng.normal(size=tuple(p.shape)) / p.shape[-1] ** 0.5))


def slope(y, x):
    return torch.autograd.grad(y.sum(), x, create_graph=True)[0]


t = torch.linspace(0, 3, 40, dtype=torch.float64).unsqueeze(1)
start = torch.zeros(1, 1, dtype=torch.float64, requires_grad=True)
optimizer = torch.optim.Adam(net.parameters(), lr=5e-3)
scheduler = ExponentialLR(optimizer, gamma=0.995)
losses = []
for step in range(150):
    t.requires_grad_(True)
    u = net(t)
    residual = slope(slope(u, t), t) + u
    at_start = net(start)
    boundary = at_start**2 + (slope(at_start, start) - 1) ** 2
    loss = residual.pow(2).mean() + boundary.squeeze()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    scheduler.step()
    losses.append(loss.item())
assert net[0].weight.dtype == torch.float64
