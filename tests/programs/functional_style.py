"""No modules and no optimizer: plain tensors, nn.functional, torch.autograd.grad, momentum."""

import numpy as np
import torch
import torch.nn.functional as F
from torch.autograd import grad

rng = np.random.default_rng(10)
sizes = [6, 24, 24, 3]
parameters = []
for fan_in, fan_out in zip(sizes[:-1], sizes[1:]):
    weight = rng.normal(size=(fan_out, fan_in)) * np.sqrt(2 / fan_in)
    parameters.append(torch.tensor(weight, dtype=torch.float32, requires_grad=True))
    parameters.append(torch.zeros(fan_out, requires_grad=True))


def forward(x, parameters):
    *hidden, weight, bias = parameters
    for w, b in zip(hidden[::2], hidden[1::2]):
        x = F.relu(F.linear(x, w, b))
    return F.linear(x, weight, bias)


x = torch.tensor(rng.normal(size=(120, 6)), dtype=torch.float32)
y = torch.tensor(rng.normal(size=(6, 3)), dtype=torch.float32)
y = F.softmax(2 * (x @ y), dim=1)
velocity = [torch.zeros_like(p) for p in parameters]
losses = []
for step in range(60):
    log_probabilities = F.log_softmax(forward(x, parameters), dim=1)
    loss = F.kl_div(log_probabilities, y, reduction="batchmean")
    grads = grad(loss, parameters)
    velocity = [0.8 * v + g for v, g in zip(velocity, grads)]
    parameters = [(p - 0.05 * v).detach().requires_grad_() for p, v in zip(parameters, velocity)]
    losses.append(loss.item())
