"""Save model, optimizer and schedule half way; new objects go on to the same losses."""

import os
import tempfile

import numpy as np
import torch
import torch.nn as nn
from torch.optim.lr_scheduler import StepLR

data = np.random.default_rng(7)
x = torch.tensor(data.normal(size=(100, 7)), dtype=torch.float32)
y = torch.tensor(data.normal(size=(100, 2)), dtype=torch.float32) * 0.1 + x[:, :2] ** 2


def build():
    rng = np.random.default_rng(8)
    model = nn.Sequential(nn.Linear(7, 30), nn.Tanh(), nn.Linear(30, 2))
    state = model.state_dict()
    for name, value in state.items():
        state[name] = torch.from_numpy(rng.normal(scale=0.4, size=value.shape)).float()
    model.load_state_dict(state)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02, amsgrad=True)
    return model, optimizer, StepLR(optimizer, step_size=20, gamma=0.5)


def run(model, optimizer, scheduler, steps):
    found = []
    for _ in range(steps):
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(model(x), y)
        loss.backward()
        optimizer.step()
        scheduler.step()
        found.append(loss.item())
    return found


whole = run(*build(), 60)

model, optimizer, scheduler = build()
losses = run(model, optimizer, scheduler, 30)
with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, "checkpoint.pt")
    torch.save(
        {
            "step": 30,
            "model": model.state_dict(),
            "optimizer": optimizer.state_dict(),
            "scheduler": scheduler.state_dict(),
            "losses": losses,
        },
        path,
    )
    checkpoint = torch.load(path)

model, optimizer, scheduler = build()
model.load_state_dict(checkpoint["model"])
optimizer.load_state_dict(checkpoint["optimizer"])
scheduler.load_state_dict(checkpoint["scheduler"])
losses = checkpoint["losses"] + run(model, optimizer, scheduler, 60 - checkpoint["step"])
assert losses == whole
