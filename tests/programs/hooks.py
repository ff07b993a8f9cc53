"""Hooks: activations for a penalty, gradients scaled on their way, a step inside of backward."""

import numpy as np
import torch
from torch import nn, optim

rng = np.random.default_rng(4)
model = nn.Sequential(nn.Linear(6, 20), nn.Softplus(), nn.Linear(20, 20), nn.Softplus())
model.append(nn.Linear(20, 1))
with torch.no_grad():
    for p in model.parameters():
        p.copy_(torch.tensor(rng.normal(scale=0.3, size=tuple(p.shape))))

activations, norms, seen = {}, [], []


def keep(name):
    def hook(module, inputs, output):
        activations[name] = output

    return hook


def center(module, args):
    return (args[0] - 0.5,)


def watch(module, args, output):
    output.register_hook(lambda grad: norms.append(grad.norm().item()))


handles = [model[i].register_forward_hook(keep(str(i))) for i in (1, 3)]
handles.append(model[0].register_forward_pre_hook(center))
handles.append(model[2].register_forward_hook(watch))
handles.append(model[4].weight.register_hook(lambda grad: grad * 0.5))
for p in model.parameters():
    p.register_post_accumulate_grad_hook(lambda p: seen.append(tuple(p.shape)))

x = torch.tensor(rng.uniform(size=(90, 6)), dtype=torch.float32)
y = x.prod(dim=1, keepdim=True) * 20
optimizer = optim.RMSprop(model.parameters(), lr=2e-3)
losses = []
for step in range(70):
    if step == 60:
        for handle in handles:
            handle.remove()
        model[0].register_forward_pre_hook(center)
    error = (model(x) - y).pow(2).mean()
    loss = error + 1e-3 * sum(a.abs().mean() for a in activations.values()) if step < 60 else error
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
assert len(norms) == 60 and len(seen) == 70 * 6
