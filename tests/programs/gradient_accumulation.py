"""Gradient accumulation: four small batches make one step of the optimizer."""

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset


class Waves(Dataset):
    """Noisy waves; the target is the frequency."""

    def __init__(self, size, rng):
        self.frequency = rng.uniform(1, 4, size=size).astype(np.float32)
        time = np.linspace(0, 3, 30, dtype=np.float32)
        noise = rng.normal(scale=0.1, size=(size, 30)).astype(np.float32)
        self.waves = np.sin(time * self.frequency[:, None]) + noise

    def __len__(self):
        return len(self.frequency)

    def __getitem__(self, index):
        return self.waves[index], self.frequency[index]


rng = np.random.default_rng(6)
loader = DataLoader(Waves(240, rng), batch_size=10, drop_last=True)
model = nn.Sequential(nn.Linear(30, 40), nn.SiLU(), nn.Linear(40, 1), nn.Flatten(0))
for value in model.state_dict().values():  # the memory of the parameters themselves
    value.copy_(torch.tensor(rng.normal(scale=0.15, size=tuple(value.shape))))

accumulate = 4
optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9, nesterov=True)
losses = []
for epoch in range(10):
    running = 0.0
    optimizer.zero_grad()
    for i, (waves, frequency) in enumerate(loader, start=1):
        loss = F.smooth_l1_loss(model(waves), frequency) / accumulate
        loss.backward()
        running += loss.item()
        if i % accumulate == 0:
            optimizer.step()
            optimizer.zero_grad()
            losses.append(running)
            running = 0.0
