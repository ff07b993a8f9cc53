"""Modules in lists and dictionaries: branches that are chosen by name, and their average."""

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F


class Branches(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.branches = nn.ModuleDict(
            {
                "wide": nn.Sequential(nn.Linear(width, 4 * width), nn.ReLU()),
                "deep": nn.Sequential(
                    *[layer for _ in range(3) for layer in (nn.Linear(width, width), nn.ELU())]
                ),
                "plain": nn.Identity(),
            }
        )
        self.out = nn.ModuleDict({"wide": nn.Linear(4 * width, width)})

    def forward(self, x):
        results = []
        for name, branch in self.branches.items():
            h = branch(x)
            results.append(self.out[name](h) if name in self.out else h)
        return torch.stack(results).mean(dim=0)


class Network(nn.Module):
    def __init__(self, width, depth, classes):
        super().__init__()
        self.layers = nn.ModuleList([Branches(width) for _ in range(depth)])
        self.layers.append(nn.Linear(width, classes))

    def forward(self, x):
        for layer in self.layers[:-1]:
            x = F.leaky_relu(layer(x), 0.1)
        return F.log_softmax(self.layers[-1](x), dim=-1)


rng = np.random.default_rng(9)
network = Network(8, depth=2, classes=5)
values = {
    name: torch.from_numpy(rng.normal(scale=0.35, size=tuple(p.shape)).astype("float32"))
    for name, p in network.named_parameters()
}
missing, unexpected = network.load_state_dict(values, strict=True)
assert not missing and not unexpected
assert "layers.0.branches.deep.4.bias" in values

x = torch.from_numpy(rng.normal(size=(200, 8)).astype("float32"))
y = x[:, :5].argmax(dim=1)
weight = 1 / torch.bincount(y, minlength=5).float()
optimizer = torch.optim.SGD(network.parameters(), lr=0.3)
losses = []
for step in range(100):
    network.zero_grad()
    loss = F.nll_loss(network(x), y, weight=weight)
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
