"""A classifier with one hidden layer, trained on mini-batches from a DataLoader with Adam."""

import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

rng = np.random.default_rng(0)
centers = rng.normal(size=(4, 10))
labels = rng.integers(4, size=400)
points = centers[labels] + rng.normal(size=(400, 10))
x = torch.tensor(points, dtype=torch.float32)
y = torch.tensor(labels)

train = TensorDataset(x[:320], y[:320])
loader = DataLoader(train, batch_size=32, sampler=rng.permutation(320).tolist())

model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 4))
with torch.no_grad():
    for p in model.parameters():
        p.copy_(torch.from_numpy(rng.normal(scale=0.2, size=tuple(p.shape))))

criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
losses = []
for epoch in range(8):
    model.train()
    for inputs, targets in loader:
        optimizer.zero_grad()
        loss = criterion(model(inputs), targets)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    model.eval()
    with torch.no_grad():
        correct = (model(x[320:]).argmax(dim=1) == y[320:]).sum().item()
assert correct > 50
