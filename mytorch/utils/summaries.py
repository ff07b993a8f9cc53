"""Tables of what a model consists of, found by running it.

Written in chapter 2.4.
"""

import functools
from dataclasses import dataclass

from ..autograd import listed, no_grad
from ..creation import rand
from ..random import Generator
from ..tensor import Tensor


def multiply_adds(module, out):
    """Return how many products a module with a matrix `weight` adds up for `out`."""
    weight = module._parameters.get("weight")
    if weight is None or weight.ndim < 2 or not len(weight):
        return 0
    return out.numel() * (weight.numel() // len(weight))


@dataclass
class Layer:
    """One call of a module: a line of the table."""

    name: str
    depth: int
    parameters: int | None  # of its own and of its parts; None if counted above
    shape: tuple = ()
    bytes: int = 0  # of its output, if it has no parts
    multiply_adds: int = 0


class Watch:
    """Hooks on a model and all its parts that write down what runs, in `layers`."""

    def __init__(self, model):
        self.layers, self.running, self.seen, self.handles = [], [], set(), []
        for path, module in model.named_modules():
            enter = functools.partial(self.enter, path.rpartition(".")[2])
            self.handles.append(module.register_forward_pre_hook(enter))
            self.handles.append(module.register_forward_hook(self.leave))

    def enter(self, name, module, args):
        """Begin a line: before `forward`."""
        many = sum(p.numel() for p in module.parameters())
        title = f"{name}: {type(module).__name__}" if name else type(module).__name__
        known = module in self.seen
        layer = Layer(title, len(self.running), None if known else many)
        self.seen.add(module)
        self.layers.append(layer)
        self.running.append(layer)

    def leave(self, module, args, out):
        """Complete a line: after `forward`."""
        layer = self.running.pop()
        if isinstance(out, Tensor):
            layer.shape = out.shape
            if not module._modules:
                layer.bytes = out.numel() * out.dtype.itemsize
                layer.multiply_adds = multiply_adds(module, out)
        if self.running:
            self.running[-1].multiply_adds += layer.multiply_adds

    def stop(self):
        """Take the hooks off again."""
        for handle in self.handles:
            handle.remove()


def run(model, inputs):
    """Run a model as it is when used, and leave it as it was; return its layers."""
    training = [(module, module.training) for module in model.modules()]
    watch = Watch(model)
    try:
        with no_grad():
            model.eval()(*inputs)
    finally:
        watch.stop()
        for module, mode in training:
            module.training = mode
    return watch.layers


def summary(model, input_size=None, input_data=None, depth=3):
    """Return a table of what runs in a model: output shapes, parameters, costs.

    input_size: the shape of an input of random numbers, or input_data: a tensor or a
    tuple of them. depth: how many levels of parts are shown. Multiply-adds are those of
    modules with a matrix of weights. Print the result; it has the sums, too.
    """
    if input_data is None:  # numbers from a generator of their own: no seed moves
        input_data = rand(input_size, generator=Generator().manual_seed(0))
    inputs = listed(input_data)
    tensors = [*model.parameters(), *model.buffers()]
    stored = sum(t.numel() * t.dtype.itemsize for t in tensors)
    trainable = sum(p.numel() for p in model.parameters() if p.requires_grad)
    return Summary(run(model, inputs), depth, stored, trainable)


@dataclass(repr=False)
class Summary:
    """What `summary` found; `print` it. The sums are its attributes."""

    layers: list
    depth: int
    parameter_bytes: int  # of parameters and buffers
    trainable_params: int

    @property
    def total_params(self):
        """How many numbers all parameters have."""
        return self.layers[0].parameters

    @property
    def total_mult_adds(self):
        """How many multiplications, each with an addition, one run takes."""
        return self.layers[0].multiply_adds

    @property
    def output_bytes(self):
        """How much memory the outputs of all innermost modules take."""
        return sum(layer.bytes for layer in self.layers)

    def __repr__(self):
        rows = [("layer", "output", "parameters", "multiply-adds")]
        rows += [cells(layer) for layer in self.layers if layer.depth <= self.depth]
        wide = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = []
        for first, *rest in rows:
            rest = [text.rjust(n) for text, n in zip(rest, wide[1:], strict=True)]
            lines.append("  ".join([first.ljust(wide[0]), *rest]))
        rule = "-" * len(lines[0])
        frozen = self.total_params - self.trainable_params
        sizes = f"{size(self.parameter_bytes)}, outputs {size(self.output_bytes)}"
        end = f"parameters {self.total_params:,} ({frozen:,} frozen), {sizes}"
        return "\n".join([lines[0], rule, *lines[1:], rule, end])


def cells(layer):
    """Return the four columns of a line."""
    shape = " × ".join(map(str, layer.shape)) or "-"
    many = "again" if layer.parameters is None else f"{layer.parameters:,}"
    return "  " * layer.depth + layer.name, shape, many, f"{layer.multiply_adds:,}"


def size(count):
    """Write a number of bytes."""
    return f"{count / 1024:,.1f} KiB" if count < 2**20 else f"{count / 2**20:,.1f} MiB"
