"""Modules of one's own: a normalization with parameters and a buffer, in residual blocks."""

import numpy as np
import torch
from torch import nn

rng = np.random.default_rng(1)


class RunningNorm(nn.Module):
    """Subtract a running mean, then scale and shift."""

    def __init__(self, features, momentum=0.1):
        super().__init__()
        self.momentum = momentum
        self.scale = nn.Parameter(torch.ones(features))
        self.shift = nn.Parameter(torch.zeros(features))
        self.register_buffer("mean", torch.zeros(features))

    def forward(self, x):
        if self.training:
            with torch.no_grad():
                self.mean.lerp_(x.mean(dim=0), self.momentum)
        return (x - self.mean) * self.scale + self.shift

    def extra_repr(self):
        return f"momentum={self.momentum}"


class Block(nn.Module):
    def __init__(self, features):
        super().__init__()
        self.norm = RunningNorm(features)
        self.inner = nn.Linear(features, 2 * features)
        self.outer = nn.Linear(2 * features, features)
        self.act = nn.GELU()

    def forward(self, x):
        return x + self.outer(self.act(self.inner(self.norm(x))))


class Net(nn.Module):
    def __init__(self, features, depth):
        super().__init__()
        self.body = nn.Sequential(*[Block(features) for _ in range(depth)])
        self.head = nn.Linear(features, 1)

    def forward(self, x):
        return self.head(self.body(x)).squeeze(-1)


def init(module):
    if isinstance(module, nn.Linear):
        weight = rng.normal(size=tuple(module.weight.shape)) / module.in_features
        with torch.no_grad():
            module.weight.copy_(torch.from_numpy(weight))
        nn.init.zeros_(module.bias)


net = Net(8, depth=3).apply(init)
x = torch.from_numpy(rng.normal(0.5, 1.0, size=(128, 8)).astype("float32"))
y = torch.sin(x[:, 0]) + x[:, 1] * x[:, 2]
assert sum(p.numel() for p in net.parameters()) == 3 * (8 * 16 * 2 + 16 + 8 + 16) + 9
assert [name for name, _ in net.named_buffers()] == [f"body.{i}.norm.mean" for i in range(3)]

optimizer = torch.optim.SGD(net.parameters(), lr=0.003, momentum=0.9)
losses = []
for step in range(80):
    net.train()
    loss = nn.functional.mse_loss(net(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    net.eval()
    with torch.no_grad():
        losses.append(float(nn.functional.mse_loss(net(x), y)))
