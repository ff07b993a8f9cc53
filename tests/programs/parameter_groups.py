"""Parameter groups: weight decay for matrices only, a slow group, one that joins later."""

import numpy as np
import torch
import torch.nn as nn
import torch.optim as optim

rng = np.random.default_rng(3)
backbone = nn.Sequential(nn.Linear(12, 24), nn.Tanh(), nn.Linear(24, 24), nn.Tanh())
head = nn.Linear(24, 3)
for module in (backbone, head):
    state = {
        name: torch.from_numpy(rng.normal(scale=0.3, size=tuple(p.shape)).astype(np.float32))
        for name, p in module.state_dict().items()
    }
    module.load_state_dict(state)

decay = [p for p in head.parameters() if p.ndim > 1]
no_decay = [p for p in head.parameters() if p.ndim <= 1]
optimizer = optim.AdamW(
    [{"params": decay, "weight_decay": 0.1}, {"params": no_decay, "weight_decay": 0.0}], lr=1e-2
)
for p in backbone.parameters():
    p.requires_grad = False

x = torch.from_numpy(rng.normal(size=(150, 12)).astype(np.float32))
y = (x[:, 0] > 0.3).long() + (x[:, 1] * x[:, 2] > 0).long()
losses = []
for step in range(100):
    if step == 40:  # now the backbone learns too, ten times more slowly
        for p in backbone.parameters():
            p.requires_grad_(True)
        optimizer.add_param_group({"params": backbone.parameters(), "lr": 1e-3})
    if step == 80:
        for group in optimizer.param_groups:
            group["lr"] *= 0.5
    loss = nn.functional.cross_entropy(head(backbone(x)), y, label_smoothing=0.05)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
assert [group["lr"] for group in optimizer.param_groups] == [5e-3, 5e-3, 5e-4]
