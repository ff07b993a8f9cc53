"""A student that follows its labels and a teacher, the moving average of its own weights."""

import copy

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

rng = np.random.default_rng(13)
student = nn.Sequential(nn.Linear(5, 32), nn.Tanh(), nn.Linear(32, 4))
for p in student.parameters():
    with torch.no_grad():
        p.copy_(torch.from_numpy(rng.normal(scale=0.4, size=tuple(p.shape))))
teacher = copy.deepcopy(student)
for p in teacher.parameters():
    p.requires_grad_(False)
teacher.eval()


@torch.no_grad()
def update(teacher, student, decay=0.95):
    for slow, fast in zip(teacher.parameters(), student.parameters()):
        slow.mul_(decay).add_(fast, alpha=1 - decay)


x = torch.from_numpy(rng.normal(size=(160, 5)).astype("float32"))
noise = torch.from_numpy(rng.normal(scale=0.1, size=(70, 160, 5)).astype("float32"))
y = (x[:, 0] > 0).long() * 2 + (x[:, 1] + x[:, 2] > 0).long()
labeled = torch.from_numpy(rng.random(160) < 0.3)
optimizer = torch.optim.AdamW(student.parameters(), lr=5e-3, weight_decay=0.01)
losses = []
for step in range(70):
    logits = student(x + noise[step])
    with torch.no_grad():
        target = teacher(x).softmax(dim=-1)
    supervised = F.cross_entropy(logits[labeled], y[labeled])
    consistency = F.mse_loss(logits.softmax(dim=-1), target)
    loss = supervised + 2 * consistency
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    update(teacher, student)
    losses.append(loss.item())
assert all(p.grad is None for p in teacher.parameters())
