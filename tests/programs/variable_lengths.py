"""Sequences of different lengths: a collate_fn pads them, a mask averages, blocks recompute."""

import numpy as np
import torch
import torch.nn as nn
from torch.utils.checkpoint import checkpoint
from torch.utils.data import DataLoader, Dataset, Sampler

rng = np.random.default_rng(19)


class Sets(Dataset):
    def __init__(self, size):
        self.items = [
            rng.normal(size=(rng.integers(2, 9), 3)).astype("float32") for _ in range(size)
        ]

    def __len__(self):
        return len(self.items)

    def __getitem__(self, index):
        values = self.items[index]
        return torch.from_numpy(values), float(values.max())


class Shuffled(Sampler):
    def __init__(self, data):
        self.data = data

    def __iter__(self):
        return iter(rng.permutation(len(self.data)).tolist())

    def __len__(self):
        return len(self.data)


def collate(batch):
    longest = max(len(values) for values, _ in batch)
    padded = torch.zeros(len(batch), longest, 3)
    mask = torch.zeros(len(batch), longest, dtype=torch.bool)
    for row, (values, _) in enumerate(batch):
        padded[row, : len(values)] = values
        mask[row, : len(values)] = True
    return padded, mask, torch.tensor([target for _, target in batch])


class Pool(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = nn.Sequential(nn.Linear(3, 32), nn.ReLU(), nn.Linear(32, 16), nn.ReLU())
        self.outer = nn.Linear(32, 1)

    def forward(self, x, mask):
        h = checkpoint(self.inner, x, use_reentrant=False)
        h = torch.where(mask.unsqueeze(-1), h, torch.zeros_like(h))
        mean = h.sum(dim=1) / mask.sum(dim=1, keepdim=True)
        return self.outer(torch.cat([mean, h.amax(dim=1)], dim=-1)).squeeze(-1)


data = Sets(160)
loader = DataLoader(data, batch_size=20, sampler=Shuffled(data), collate_fn=collate)
model = Pool()
with torch.no_grad():
    for p in model.parameters():
        p.copy_(torch.from_numpy(rng.normal(scale=0.3, size=tuple(p.shape))))
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
losses = []
for epoch in range(8):
    for x, mask, target in loader:
        loss = nn.functional.huber_loss(model(x, mask), target, delta=0.5)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
