"""A generator and a discriminator, each with its optimizer (least-squares GAN)."""

import numpy as np
import torch
import torch.nn as nn

rng = np.random.default_rng(16)


def network(*sizes):
    layers = []
    for inputs, outputs in zip(sizes, sizes[1:]):
        layers += [nn.Linear(inputs, outputs), nn.LeakyReLU(0.2)]
    made = nn.Sequential(*layers[:-1])
    with torch.no_grad():
        for p in made.parameters():
            p.copy_(torch.from_numpy(rng.normal(scale=0.3, size=tuple(p.shape))))
    return made


generator, discriminator = network(3, 16, 2), network(2, 16, 1)
g_optimizer = torch.optim.Adam(generator.parameters(), lr=5e-3, betas=(0.5, 0.999))
d_optimizer = torch.optim.Adam(discriminator.parameters(), lr=5e-3, betas=(0.5, 0.999))
criterion = nn.MSELoss()
ones, zeros = torch.ones(64, 1), torch.zeros(64, 1)
losses = []
for step in range(150):
    real = torch.from_numpy(rng.normal([1.5, -1.0], 0.3, size=(64, 2)).astype("float32"))
    fake = generator(torch.from_numpy(rng.normal(size=(64, 3)).astype("float32")))

    d_optimizer.zero_grad()
    d_loss = criterion(discriminator(real), ones) + criterion(discriminator(fake.detach()), zeros)
    d_loss.backward()
    d_optimizer.step()

    g_optimizer.zero_grad()
    g_loss = criterion(discriminator(fake), ones)
    g_loss.backward()
    g_optimizer.step()

    # Each network's loss depends on the other: what must fall is the distance of the clouds.
    losses.append((real.mean(0) - fake.detach().mean(0)).norm().item())
