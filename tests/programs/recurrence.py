"""A recurrent network by hand, with a gate, over windows of a series; truncated backpropagation."""

import math

import numpy as np
import torch
from torch import nn

rng = np.random.default_rng(12)


class Cell(nn.Module):
    def __init__(self, inputs, hidden):
        super().__init__()
        self.hidden = hidden
        self.x = nn.Linear(inputs, 2 * hidden)
        self.h = nn.Linear(hidden, 2 * hidden, bias=False)
        self.out = nn.Linear(hidden, 1)

    def forward(self, series, h=None):
        if h is None:
            h = torch.zeros(series.size(0), self.hidden)
        outputs = []
        for t in range(series.shape[1]):
            gate, new = (self.x(series[:, t]) + self.h(h)).chunk(2, dim=-1)
            gate = gate.sigmoid()
            h = gate * h + (1 - gate) * new.tanh()
            outputs.append(self.out(h))
        return torch.cat(outputs, dim=1), h


model = Cell(1, 16)
with torch.no_grad():
    for p in model.parameters():
        p.copy_(torch.from_numpy(rng.uniform(-1, 1, size=tuple(p.shape)) / math.sqrt(16)))

phase = torch.from_numpy(rng.uniform(0, 6, size=(20, 1))).float()
time = torch.arange(121).float() * 0.2
series = torch.sin(time + phase) * torch.cos(0.3 * time)
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
losses = []
for epoch in range(15):
    h = None
    for window in series[:, :-1].split(30, dim=1):
        start = 30 * (len(losses) % 4)
        target = series[:, start + 1 : start + 31]
        predicted, h = model(window.unsqueeze(-1), h)
        h = h.detach()
        loss = nn.functional.mse_loss(predicted, target)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.item())
