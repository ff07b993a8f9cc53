"""Training steps, each written once: `torch` is PyTorch or mytorch.

A function of STEPS takes the framework and returns `step`, which trains one step and returns
the loss. Both frameworks begin with the same numbers, so the losses must agree.
"""

import functools
import math
from itertools import pairwise

import numpy as np

STEPS, FLOPS = {}, {}  # by name


def workload(name, flops=0):
    """Register a function of the framework; flops: of its matrix products, if they matter."""

    def register(begin):
        STEPS[name], FLOPS[name] = begin, flops
        return begin

    return register


@functools.cache
def normal(*shape, seed=0):
    """Return normal random numbers, float32."""
    return np.random.default_rng(seed).standard_normal(shape, np.float32)


@functools.cache
def whole(high, *shape, seed=0):
    """Return random whole numbers below `high`, int64."""
    return np.random.default_rng(seed).integers(0, high, shape)


def parameter(torch, *shape, seed=0):
    """Return a parameter of numbers that keep the size of what they multiply."""
    fan = math.prod(shape[1:] or shape)
    return torch.nn.Parameter(torch.tensor(normal(*shape, seed=seed) / fan**0.5))


def same(torch, model):
    """Give a model the same parameters in both frameworks; return it."""
    with torch.no_grad():
        for seed, p in enumerate(model.parameters()):
            p.copy_(parameter(torch, *p.shape, seed=seed))
    return model


def mlp(torch, *sizes, activation="ReLU"):
    """Return a multi-layer perceptron."""
    layers = []
    for n_in, n_out in pairwise(sizes):
        layers += [torch.nn.Linear(n_in, n_out), getattr(torch.nn, activation)()]
    return same(torch, torch.nn.Sequential(*layers[:-1]))


def training(optimizer, loss_of):
    """Return the step that everybody writes."""

    def step():
        optimizer.zero_grad()
        loss = loss_of()
        loss.backward()
        optimizer.step()
        return loss

    return step


def classification(torch, model, batch, optimizer):
    """Return the step of a classifier: cross-entropy on one batch."""
    n_in, n_out = model[0].in_features, model[-1].out_features
    x, y = torch.tensor(normal(batch, n_in)), torch.tensor(whole(n_out, batch))
    return training(optimizer, lambda: torch.nn.functional.cross_entropy(model(x), y))


def dense(batch, *sizes):
    """Return the flops of a training step of linear layers."""
    return flops_of(batch, *[n_in * n_out for n_in, n_out in pairwise(sizes)])


def flops_of(batch, *products):
    """Return flops, for products of so many numbers a sample: three each, but no gradient of
    the data."""
    return 2 * batch * (3 * sum(products) - products[0])


@workload("tiny MLP 2-16-16-2, batch 32, Adam")
def tiny(torch):
    model = mlp(torch, 2, 16, 16, 2)
    return classification(torch, model, 32, torch.optim.Adam(model.parameters()))


DIGITS = 784, 256, 10


@workload("digits MLP 784-256-10, batch 64, SGD", dense(64, *DIGITS))
def digits_sgd(torch):
    model = mlp(torch, *DIGITS)
    return classification(torch, model, 64, torch.optim.SGD(model.parameters(), lr=0.1))


@workload("digits MLP 784-256-10, batch 64, Adam", dense(64, *DIGITS))
def digits_adam(torch):
    model = mlp(torch, *DIGITS)
    return classification(torch, model, 64, torch.optim.Adam(model.parameters()))


@workload("digits MLP 784-256-10, batch 64, AdamW", dense(64, *DIGITS))
def digits_adamw(torch):
    model = mlp(torch, *DIGITS)
    return classification(torch, model, 64, torch.optim.AdamW(model.parameters()))


DEEP = 784, *[100] * 19, 10


@workload("deep tanh MLP, 20 layers of 100, batch 64, SGD", dense(64, *DEEP))
def deep(torch):
    model = mlp(torch, *DEEP, activation="Tanh")
    return classification(torch, model, 64, torch.optim.SGD(model.parameters(), lr=0.01))


WIDE = 784, 1024, 1024, 10


@workload("wide MLP 784-1024-1024-10, batch 256, Adam", dense(256, *WIDE))
def wide(torch):
    model = mlp(torch, *WIDE)
    return classification(torch, model, 256, torch.optim.Adam(model.parameters()))


@workload("logistic regression 30-1, batch 455, Adam")
def logistic(torch):
    model = same(torch, torch.nn.Linear(30, 1))
    x, y = torch.tensor(normal(455, 30)), torch.tensor(whole(2, 455)).float()
    loss_of = torch.nn.BCEWithLogitsLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
    return training(optimizer, lambda: loss_of(model(x)[:, 0], y))


@workload("softmax regression 784-10, batch 128, SGD", dense(128, 784, 10))
def softmax(torch):
    model = mlp(torch, 784, 10)
    return classification(torch, model, 128, torch.optim.SGD(model.parameters(), lr=0.1))


WORDS, WIDTH = 10_000, 64


@workload("word vectors 10,000x64, 5 negatives, batch 256, SGD")
def word_vectors(torch):
    inner, outer = (parameter(torch, WORDS, WIDTH, seed=seed) for seed in (1, 2))
    center, others = torch.tensor(whole(WORDS, 256)), torch.tensor(whole(WORDS, 256, 6))
    truth = torch.zeros(256, 6)
    truth[:, 0] = 1

    def loss_of():
        scores = (inner[center].unsqueeze(1) * outer[others]).sum(-1)
        return torch.nn.functional.binary_cross_entropy_with_logits(scores, truth)

    return training(torch.optim.SGD([inner, outer], lr=0.1), loss_of)


@workload(
    "language model, 3 words, sampled softmax of 64, batch 128, SGD",
    3 * 2 * 128 * WIDTH * (3 * WIDTH + 64),
)
def language_model(torch):
    inner, outer = (parameter(torch, WORDS, WIDTH, seed=seed) for seed in (1, 2))
    hidden = same(torch, torch.nn.Linear(3 * WIDTH, WIDTH))
    words, sample = torch.tensor(whole(WORDS, 128, 3)), torch.tensor(whole(WORDS, 64))
    target = torch.tensor(whole(64, 128, seed=1))

    def loss_of():
        h = torch.tanh(hidden(inner[words].flatten(1)))
        return torch.nn.functional.cross_entropy(h @ outer[sample].T, target)

    return training(torch.optim.SGD([inner, outer, *hidden.parameters()], lr=0.1), loss_of)


@workload("recurrent network, 32 steps of 64, batch 32, SGD", 3 * 32 * dense(32, 128, 64) // 2)
def recurrence(torch):
    step_in, step_on = (same(torch, torch.nn.Linear(64, 64)) for _ in range(2))
    last = same(torch, torch.nn.Linear(64, 10))
    x, y = torch.tensor(normal(32, 32, 64)), torch.tensor(whole(10, 32))

    def loss_of():
        h = torch.zeros(32, 64)
        for t in range(32):
            h = torch.tanh(step_in(x[t]) + step_on(h))
        return torch.nn.functional.cross_entropy(last(h), y)

    parameters = [p for layer in (step_in, step_on, last) for p in layer.parameters()]
    return training(torch.optim.SGD(parameters, lr=0.01), loss_of)


@workload("graph of 400 single numbers, SGD")
def numbers(torch):
    w = [parameter(torch, 1, seed=seed).squeeze() for seed in range(4)]
    w = [torch.nn.Parameter(x.detach()) for x in w]

    def loss_of():
        y = w[0]
        for _ in range(50):
            for k in range(1, 4):
                y = torch.tanh(y * w[k] + w[k - 1])
        return y * y

    return training(torch.optim.SGD(w, lr=0.01), loss_of)


@workload("layer norm and GELU, 1024x128, SGD", dense(1024, 128, 512, 128))
def layer_norm(torch):
    scale, shift = torch.nn.Parameter(torch.ones(128)), torch.nn.Parameter(torch.zeros(128))
    wide, narrow = (same(torch, torch.nn.Linear(*n)) for n in [(128, 512), (512, 128)])
    x = torch.tensor(normal(1024, 128))

    def loss_of():
        variance = x_in.var(-1, unbiased=False, keepdim=True)
        h = (x_in - x_in.mean(-1, keepdim=True)) / torch.sqrt(variance + 1e-5) * scale + shift
        y = x + narrow(torch.nn.functional.gelu(wide(h)))
        return (y * y).mean()

    x_in = torch.nn.Parameter(x.clone())
    parameters = [scale, shift, x_in, *wide.parameters(), *narrow.parameters()]
    return training(torch.optim.SGD(parameters, lr=0.01), loss_of)


@workload(
    "causal attention, 4 heads of 32, 64 words, batch 16, SGD",
    dense(1024, 128, 512) + 3 * 2 * 2 * 16 * 4 * 64 * 64 * 32,
)
def attention(torch):
    layers = [same(torch, torch.nn.Linear(128, 128)) for _ in range(4)]
    x, future = torch.tensor(normal(16, 64, 128)), torch.ones(64, 64).triu(1).bool()

    def heads(layer):
        return layer(x).reshape(16, 64, 4, 32).transpose(1, 2)

    def loss_of():
        q, k, v = map(heads, layers[:3])
        scores = q @ k.transpose(-2, -1) / math.sqrt(32)
        weights = torch.softmax(scores.masked_fill(future, -math.inf), -1)
        y = layers[3]((weights @ v).transpose(1, 2).reshape(16, 64, 128))
        return ((y - x) ** 2).mean()

    parameters = [p for layer in layers for p in layer.parameters()]
    return training(torch.optim.SGD(parameters, lr=0.01), loss_of)


def images(torch, model, *shape):
    """Return the step of a classifier of pictures, by SGD with momentum."""
    same(torch, model)
    x, y = torch.tensor(normal(*shape)), torch.tensor(whole(10, shape[0]))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    return training(optimizer, lambda: torch.nn.functional.cross_entropy(model(x), y))


LENET = flops_of(64, 28**2 * 25 * 6, 10**2 * 150 * 16, 400 * 120, 120 * 84, 84 * 10)


@workload("LeNet on 28x28, batch 64, SGD", LENET)
def lenet(torch):
    nn = torch.nn
    features = [nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2)]
    features += [nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()]
    head = [nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10)]
    return images(torch, nn.Sequential(*features, *head), 64, 1, 28, 28)


# Channels in, channels out, stride, side of the result
STACK = (3, 16, 1, 32), (16, 16, 1, 32), (16, 16, 1, 32), (16, 32, 2, 16), (32, 32, 1, 16)
STACK += (32, 64, 2, 8), (64, 64, 1, 8)


@workload(
    "seven 3x3 convolutions on 3x32x32, batch 32, SGD",
    flops_of(32, *[9 * n_in * n_out * side**2 for n_in, n_out, _, side in STACK], 64 * 10),
)
def stack(torch):
    nn, layers = torch.nn, []
    for n_in, n_out, stride, _ in STACK:
        layers += [nn.Conv2d(n_in, n_out, 3, stride, padding=1), nn.ReLU()]
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10)]
    return images(torch, nn.Sequential(*layers, *head), 32, 3, 32, 32)


# Channels in, channels out, stride, side of the result: one block for each
BLOCKS = (16, 16, 1, 32), (16, 32, 2, 16), (32, 64, 2, 8)


def residual_block(torch, n_in, n_out, stride):
    """Return a residual block: two convolutions with batch norm, and a way around them."""
    nn = torch.nn

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv1 = nn.Conv2d(n_in, n_out, 3, stride, padding=1, bias=False)
            self.conv2 = nn.Conv2d(n_out, n_out, 3, padding=1, bias=False)
            self.bn1, self.bn2 = nn.BatchNorm2d(n_out), nn.BatchNorm2d(n_out)
            self.way = nn.Identity()
            if stride != 1 or n_in != n_out:
                project = nn.Conv2d(n_in, n_out, 1, stride, bias=False)
                self.way = nn.Sequential(project, nn.BatchNorm2d(n_out))

        def forward(self, x):
            y = torch.relu(self.bn1(self.conv1(x)))
            return torch.relu(self.bn2(self.conv2(y)) + self.way(x))

    return Block()


RESIDUAL = [32**2 * 9 * 3 * 16]
RESIDUAL += [9 * (n_in + n_out) * n_out * side**2 for n_in, n_out, _, side in BLOCKS]
RESIDUAL += [n_in * n_out * side**2 for n_in, n_out, stride, side in BLOCKS if stride > 1]


@workload("small residual network on 3x32x32, batch 32, SGD", flops_of(32, *RESIDUAL, 64 * 10))
def residual(torch):
    nn = torch.nn
    first = [nn.Conv2d(3, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU()]
    blocks = [residual_block(torch, *sizes) for *sizes, _ in BLOCKS]
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10)]
    return images(torch, nn.Sequential(*first, *blocks, *head), 32, 3, 32, 32)
