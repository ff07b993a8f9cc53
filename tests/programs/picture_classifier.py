"""Pictures: convolutions, local response normalization, overlapping pooling, a saliency map."""

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

rng = np.random.default_rng(8)
kinds = rng.integers(0, 3, 90)
images = rng.normal(scale=0.3, size=(90, 3, 15, 15))
for image, kind in zip(images, kinds, strict=True):
    row, column = rng.integers(0, 9, 2)
    image[kind, row : row + 6, column : column + 6] += 1  # a square of one color
    image[:, row + kind : row + kind + 2] -= 0.5  # and a stripe


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 8, kernel_size=5, stride=2, padding=2),
            nn.ReLU(inplace=True),
            nn.LocalResponseNorm(5, alpha=0.1, beta=0.75, k=2.0),
            nn.MaxPool2d(kernel_size=3, stride=2),
            nn.Conv2d(8, 12, kernel_size=3, padding=1, groups=2),
            nn.ReLU(inplace=True),
            nn.LocalResponseNorm(3, k=2.0),
        )
        self.avgpool = nn.AdaptiveAvgPool2d((2, 2))
        self.classifier = nn.Sequential(nn.Dropout(0.0), nn.Linear(48, 3))

    def forward(self, x):
        return self.classifier(torch.flatten(self.avgpool(self.features(x)), 1))


model = Net()
with torch.no_grad():
    for p in model.parameters():
        p.copy_(torch.tensor(rng.normal(scale=0.15, size=tuple(p.shape))))

x = torch.tensor(images, dtype=torch.float32)
y = torch.tensor(kinds)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=5e-4)
losses = []
for step in range(60):
    batch = x[step % 3 :: 3]
    if step % 2:
        batch = batch.flip(-1)
    loss = F.cross_entropy(model(batch), y[step % 3 :: 3], label_smoothing=0.1)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    losses.append(loss.item())

one = x[:1].clone().requires_grad_()
model(one)[0, 1].backward()
losses.append(one.grad.abs().mean().item() + losses[-1])
