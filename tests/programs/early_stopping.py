"""Warm-up and cosine schedule, clipped gradients, and the best weights kept until patience ends."""

import copy
import math

import numpy as np
import torch
import torch.nn as nn
from torch.nn.utils import clip_grad_norm_
from torch.optim.lr_scheduler import LambdaLR, ReduceLROnPlateau

rng = np.random.default_rng(15)
x = torch.tensor(rng.normal(size=(60, 15)), dtype=torch.float32)
y = torch.tensor(rng.integers(2, size=(60, 1)), dtype=torch.float32)
x[:, :2] += 0.8 * y
train, valid = (x[:40], y[:40]), (x[40:], y[40:])

model = nn.Sequential(nn.Linear(15, 24), nn.Hardtanh(), nn.Linear(24, 1), nn.Sigmoid())
with torch.no_grad():
    for p in model.parameters():
        p.copy_(torch.tensor(rng.normal(scale=0.4, size=tuple(p.shape))))
criterion = nn.BCELoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.5, momentum=0.5)


def warm_up_then_cosine(step, warm=10, total=150):
    if step < warm:
        return (step + 1) / warm
    return 0.5 * (1 + math.cos(math.pi * (step - warm) / (total - warm)))


scheduler = LambdaLR(optimizer, warm_up_then_cosine)
best, best_state, patience = float("inf"), None, 0
losses = []
for step in range(150):
    model.train()
    optimizer.zero_grad()
    loss = criterion(model(train[0]), train[1])
    loss.backward()
    clip_grad_norm_(model.parameters(), max_norm=0.5)
    optimizer.step()
    scheduler.step()
    losses.append(loss.item())
    model.eval()
    with torch.no_grad():
        score = criterion(model(valid[0]), valid[1]).item()
    if score < best:
        best, best_state, patience = score, copy.deepcopy(model.state_dict()), 0
    else:
        patience += 1
    if patience == 15:
        break
model.load_state_dict(best_state)

plateau = ReduceLROnPlateau(optimizer, factor=0.3, patience=3, cooldown=1)
for step in range(40):
    optimizer.zero_grad()
    loss = criterion(model(train[0]), train[1])
    loss.backward()
    optimizer.step()
    plateau.step(loss.item())
    losses.append(loss.item())
assert best < 0.7 and optimizer.param_groups[0]["lr"] < 0.5
