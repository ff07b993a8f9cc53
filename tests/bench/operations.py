"""Single operations at three sizes, forward, and forward with backward.

OPERATIONS: name -> (a function of the framework and its inputs, what kinds of inputs it has,
NumPy's own call for the same values, if there is a single one).
"""

import functools

import numpy as np

from .steps import normal, whole

SIZES = {"small": 16, "cache-sized": 256, "large": 2048}
PRODUCTS = {"matmul", "linear"}  # n³: the large one is smaller
ONE, TWO, ROW = ["nn"], ["nn", "nn"], ["nn", "n"]


def functional(name, **options):
    """Return a function of torch.nn.functional."""
    return lambda t, *x: getattr(t.nn.functional, name)(*x, **options)


OPERATIONS = {
    "add": (lambda t, x, y: x + y, TWO, np.add),
    "add a row": (lambda t, x, y: x + y, ROW, np.add),
    "mul": (lambda t, x, y: x * y, TWO, np.multiply),
    "div": (lambda t, x, y: x / (y * y + 1), TWO, None),
    "x ** 2": (lambda t, x: x**2, ONE, np.square),
    "exp": (lambda t, x: t.exp(x), ONE, np.exp),
    "log": (lambda t, x: t.log(x * x + 1), ONE, None),
    "tanh": (lambda t, x: t.tanh(x), ONE, np.tanh),
    "sigmoid": (lambda t, x: t.sigmoid(x), ONE, None),
    "relu": (lambda t, x: t.relu(x), ONE, lambda x: np.maximum(x, 0)),
    "gelu": (functional("gelu"), ONE, None),
    "gelu, tanh": (functional("gelu", approximate="tanh"), ONE, None),
    "silu": (functional("silu"), ONE, None),
    "clamp": (lambda t, x: x.clamp(-1, 1), ONE, lambda x: np.clip(x, -1, 1)),
    "where": (lambda t, x, y: t.where(x > y, x, y), TWO, lambda x, y: np.where(x > y, x, y)),
    "sum": (lambda t, x: x.sum(), ONE, np.sum),
    "sum, dim 0": (lambda t, x: x.sum(0), ONE, lambda x: np.sum(x, 0)),
    "sum, dim 1": (lambda t, x: x.sum(1), ONE, lambda x: np.sum(x, 1)),
    "mean, dim 1": (lambda t, x: x.mean(1), ONE, lambda x: np.mean(x, 1)),
    "max, dim 1": (lambda t, x: x.max(1).values, ONE, lambda x: np.argmax(x, 1)),
    "amax, dim 1": (lambda t, x: x.amax(1), ONE, lambda x: np.max(x, 1)),
    "var, dim 1": (lambda t, x: x.var(1), ONE, lambda x: np.var(x, 1)),
    "logsumexp, dim 1": (lambda t, x: t.logsumexp(x, 1), ONE, None),
    "softmax, dim 1": (lambda t, x: t.softmax(x, 1), ONE, None),
    "log_softmax, dim 1": (lambda t, x: t.log_softmax(x, 1), ONE, None),
    "cross_entropy": (functional("cross_entropy"), ["nn", "places"], None),
    "mse_loss": (functional("mse_loss"), TWO, None),
    "matmul": (lambda t, x, y: x @ y, TWO, np.matmul),
    "linear": (functional("linear"), ["nn", "nn", "n"], None),
    "slice": (lambda t, x: x[1:-1, ::2], ONE, None),
    "mask": (lambda t, x, m: x[m], ["nn", "mask"], lambda x, m: x[m]),
    "rows by number": (lambda t, x, i: x[i], ["nn", "places"], lambda x, i: np.take(x, i, 0)),
    "gather, dim 1": (lambda t, x, i: x.gather(1, i), ["nn", "table"], None),
    "cat": (lambda t, x, y: t.cat([x, y], 1), TWO, lambda x, y: np.concatenate([x, y], 1)),
    "transpose, reshape": (lambda t, x: x.T.reshape(-1), ONE, lambda x: x.T.reshape(-1)),
}


def size_of(name, size):
    """Return n for an operation at one of the SIZES."""
    return min(SIZES[size], 1024) if name in PRODUCTS else SIZES[size]


def title(name, size, backward):
    """Return what the benchmark calls an operation at a size, in a direction."""
    return f"{name}, {size}, {'forward and backward' if backward else 'forward'}"


def arrays(name, n):
    """Return the inputs of an operation."""
    made = {
        "nn": lambda seed: normal(n, n, seed=seed),
        "n": lambda seed: normal(n, seed=seed),
        "places": lambda seed: whole(n, n),
        "table": lambda seed: whole(n, n, n),
        "mask": lambda seed: normal(n, n, seed=seed) > 0,
    }
    return [made[kind](seed) for seed, kind in enumerate(OPERATIONS[name][1])]


def begin(torch, name, size, backward):
    """Return what runs the operation once, and what returns numbers that tell its result.

    backward: also the way back, from a gradient in the shape of the result.
    """
    function = functools.partial(OPERATIONS[name][0], torch)
    inputs = [torch.tensor(x) for x in arrays(name, size_of(name, size))]
    leaves = [x for x in inputs if backward and x.is_floating_point()]
    g = torch.tensor(normal(*function(*inputs).shape, seed=9))
    for x in leaves:
        x.requires_grad_()

    def run():
        for x in leaves:
            x.grad = None
        y = function(*inputs)
        if backward:
            y.backward(g)
        return y

    def outcome():
        found = [run().detach(), *(x.grad for x in leaves)]
        return [n for t in found for n in (t.abs().double().mean().item(), t.dtype.itemsize)]

    return run, outcome


def numpy_call(name, size):
    """Return what makes NumPy's own call."""
    inputs = arrays(name, size_of(name, size))
    return lambda: OPERATIONS[name][2](*inputs)


VIEWS = {"slice"}  # forward, nothing moves


def floor(torch, name, size, backward):
    """Return the bytes and flops that no program can do without.

    Each input is read once and each result written once; backward, the gradient of the result
    is read and those of the inputs are written.
    """
    n, inputs = size_of(name, size), [torch.tensor(x) for x in arrays(name, size_of(name, size))]
    result = OPERATIONS[name][0](torch, *inputs).numel()
    numbers = sum(x.numel() for x in inputs if x.is_floating_point()) + result
    passes = backward + (name not in VIEWS)
    return 4 * numbers * passes, (name in PRODUCTS) * 2 * n**3 * (3 if backward else 1)
