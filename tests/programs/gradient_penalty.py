"""A critic that tells two clouds apart, its gradient held at length one (WGAN-GP)."""

import numpy as np
import torch
import torch.nn as nn

rng = np.random.default_rng(14)
critic = nn.Sequential(
    nn.Linear(2, 32), nn.LeakyReLU(0.2), nn.Linear(32, 32), nn.Softplus(), nn.Linear(32, 1)
)
critic.load_state_dict(
    {
        name: torch.tensor(rng.normal(scale=0.3, size=tuple(value.shape)), dtype=value.dtype)
        for name, value in critic.state_dict().items()
    }
)
optimizer = torch.optim.Adam(critic.parameters(), lr=3e-3, betas=(0.5, 0.9))


def penalty(real, fake, epsilon):
    between = (epsilon * real + (1 - epsilon) * fake).requires_grad_(True)
    score = critic(between)
    (gradient,) = torch.autograd.grad(
        outputs=score,
        inputs=between,
        grad_outputs=torch.ones_like(score),
        create_graph=True,
        retain_graph=True,
    )
    return ((gradient.norm(2, dim=1) - 1) ** 2).mean()


losses = []
for step in range(60):
    real = torch.tensor(rng.normal([2, 0], 0.5, size=(64, 2)), dtype=torch.float32)
    fake = torch.tensor(rng.normal([-1, 1], 0.5, size=(64, 2)), dtype=torch.float32)
    epsilon = torch.tensor(rng.uniform(size=(64, 1)), dtype=torch.float32)
    loss = critic(fake).mean() - critic(real).mean() + 10 * penalty(real, fake, epsilon)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
