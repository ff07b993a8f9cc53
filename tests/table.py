"""The table of operations, and the checks made of it: a new operation is one line in `ROWS`.

A row's `call` takes the module to use (`mytorch`, `torch`, or mytorch on a duck array) and tensors,
so that the same line is held against finite differences, against PyTorch, and run on ducks.
"""

import zlib
from collections.abc import Callable
from dataclasses import dataclass

import hypothesis.extra.numpy as hnp
import hypothesis.strategies as st
import mytorch
import numpy as np
from hypothesis import HealthCheck, Phase, given, settings

from duck import Duck

QUICK = settings(
    max_examples=6,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate, Phase.shrink],
)
LAYOUTS = ("plain", "transposed", "strided", "side by side")


def real(rng, shape):
    return rng.standard_normal(shape)


def positive(rng, shape):
    return rng.uniform(0.3, 3.0, shape)


def inside(rng, shape):
    """Between -1 and 1, away from both: for arcsine and arccosine."""
    return rng.uniform(-0.9, 0.9, shape)


def zeros_too(rng, shape):
    """About a third are 0: for products, whose gradient must not divide."""
    return nonzero(rng, shape) * (rng.random(shape) > 0.35)


def nonzero(rng, shape):
    return positive(rng, shape) * rng.choice([-1.0, 1.0], shape)


def lay(array, layout):
    """Return an equal array that lies in memory otherwise."""
    if layout == "transposed" and array.ndim > 1:
        return np.ascontiguousarray(array.T).T
    if layout == "strided" and array.ndim:
        return np.repeat(array, 2, axis=-1)[..., ::2]
    if layout == "side by side" and array.ndim:  # as a convolution leaves pictures
        return np.moveaxis(np.ascontiguousarray(np.moveaxis(array, 0, -1)), -1, 0)
    return array


# How the shapes of a row's inputs are drawn: (always tried, a strategy for more)


def same(least=0, count=1):
    """Inputs of one shape, any number of dimensions, with no side below `least`."""
    always = [(), (2, 3), (3, 1, 2)] + [(0,), (2, 0)] * (least == 0)
    if least > 1:
        always = [(3,), (2, 3)]
    drawn = hnp.array_shapes(min_dims=least > 1, max_dims=3, min_side=least, max_side=3)
    return [(s,) * count for s in always], drawn.map(lambda s: (s,) * count)


def broadcast(count=2):
    """Inputs whose shapes broadcast to one."""
    pairs = [((2, 3), (3,)), ((3,), (2, 1)), ((), (2, 2)), ((2, 1), (1, 3)), ((0, 3), (1,))]
    pairs += [
        ((2,), (2,)),
        ((1, 1, 2), (2, 1, 1)),
        ((1, 3), (1,)),
        ((1, 2, 2), (1, 2)),
        ((2, 3, 1), (1, 1)),
    ]
    always = [pair + ((),) * (count - 2) for pair in pairs]
    drawn = hnp.mutually_broadcastable_shapes(
        num_shapes=count, min_side=0, max_side=3, max_dims=3
    ).map(lambda found: found.input_shapes)
    return always, drawn


def matrices():
    """All of matmul's cases: vectors, matrices, stacks of them that broadcast."""
    always = [((3,), (3,)), ((2, 3), (3,)), ((3,), (3, 2)), ((2, 3), (3, 4)), ((2, 0), (0, 3))]
    always += [((2, 2, 3), (3, 2)), ((3,), (2, 3, 2)), ((2, 1, 2, 3), (3, 3, 1)), ((2, 2, 3), (3,))]
    drawn = hnp.mutually_broadcastable_shapes(
        signature=np.matmul.signature, min_side=1, max_side=3, max_dims=1
    ).map(lambda found: found.input_shapes)
    return always, drawn


def sides(ndim, least=0):
    """One input of `ndim` dimensions."""
    always = [((2, 3, 2, 2)[:ndim],), ((3, 2, 2, 1)[:ndim],)]
    return always, hnp.array_shapes(min_dims=ndim, max_dims=ndim, min_side=least, max_side=3).map(
        lambda s: (s,)
    )


def fixed(*cases):
    """Just these: each a tuple of shapes."""
    return list(cases), st.sampled_from(cases)


@dataclass(frozen=True)
class Row:
    name: str
    call: Callable
    shapes: tuple
    domain: Callable = real
    differentiable: bool = True

    def arrays(self, shapes, layouts):
        """Fill the shapes with numbers of the domain, the same ones every time."""
        rng = np.random.default_rng(zlib.crc32(repr((self.name, shapes)).encode()))
        pairs = zip(shapes, layouts, strict=False)
        return [lay(np.asarray(self.domain(rng, s)), layout) for s, layout in pairs]

    def examples(self):
        """The arrays that are always tried; every layout takes its turn."""
        for i, shapes in enumerate(self.shapes[0]):
            yield self.arrays(shapes, [LAYOUTS[(i + j) % len(LAYOUTS)] for j in range(len(shapes))])

    def for_all(self, check):
        """Run `check(row, arrays)` on the fixed examples and on drawn ones."""
        for arrays in self.examples():
            check(self, arrays)
        layouts = st.tuples(*[st.sampled_from(LAYOUTS)] * 3)
        drawn = st.builds(self.arrays, self.shapes[1], layouts)
        QUICK(given(drawn)(lambda arrays: check(self, arrays)))()


def index(m, values):
    return m.tensor(values)


def first(x):
    """The values of what `max` and `min` along a dimension return."""
    return x[0]


def mixed(parts):
    """One tensor of several, in which each counts differently."""
    return sum((part * part * (k + 1)).sum() + part.sum() * k for k, part in enumerate(parts))


def pad(m, *args, **named):
    return m.nn.functional.pad(*args, **named)


ANY = same()
SOME = same(least=1)  # no maximum of nothing
MANY = same(least=2)  # no variance of one number
PAIR = broadcast()
CUBE = sides(3)
CUBE1 = sides(3, least=1)
CUBE2 = sides(3, least=2)
THREE = fixed(((2, 3),))

POINTWISE = [
    Row("add", lambda m, a, b: m.add(a, b), PAIR),
    Row("sub", lambda m, a, b: m.sub(a, b), PAIR),
    Row("mul", lambda m, a, b: m.mul(a, b), PAIR),
    Row("div", lambda m, a, b: m.div(a, b), PAIR, nonzero),
    Row("pow", lambda m, a, b: m.pow(a, b), PAIR, positive),
    Row("remainder", lambda m, a, b: m.remainder(a, b), PAIR, nonzero),
    Row("maximum", lambda m, a, b: m.maximum(a, b), PAIR),
    Row("minimum", lambda m, a, b: m.minimum(a, b), PAIR),
    Row("where", lambda m, c, a, b: m.where(c > 0, a, b), broadcast(3)),
    Row("where number", lambda m, a: m.where(a > 0, a, 0.5), ANY),
    Row("where number first", lambda m, a: m.where(a > 0, 2.0, a), ANY),
    Row("a + b", lambda m, a, b: a + b, PAIR),
    Row("a - b", lambda m, a, b: a - b, PAIR),
    Row("a * b", lambda m, a, b: a * b, PAIR),
    Row("a / b", lambda m, a, b: a / b, PAIR, nonzero),
    Row("a ** b", lambda m, a, b: a**b, PAIR, positive),
    Row("a % b", lambda m, a, b: a % b, PAIR, nonzero),
    Row("a + a", lambda m, a: a + a, ANY),
    Row("a * a", lambda m, a: a * a, ANY),
    Row("a + 2", lambda m, a: a + 2, ANY),
    Row("2 + a", lambda m, a: 2 + a, ANY),
    Row("a - 2", lambda m, a: a - 2, ANY),
    Row("2 - a", lambda m, a: 2 - a, ANY),
    Row("a * 3", lambda m, a: a * 3, ANY),
    Row("3 * a", lambda m, a: 3 * a, ANY),
    Row("a / 3", lambda m, a: a / 3, ANY),
    Row("3 / a", lambda m, a: 3 / a, ANY, nonzero),
    Row("a ** 2", lambda m, a: a**2, ANY),
    Row("a ** 3.0", lambda m, a: a**3.0, ANY),
    Row("a ** 1", lambda m, a: a**1, ANY),
    Row("a ** 0", lambda m, a: a**0, ANY),
    Row("a ** -1", lambda m, a: a**-1, ANY, nonzero),
    Row("a ** 0.5", lambda m, a: a**0.5, ANY, positive),
    Row("2 ** a", lambda m, a: 2**a, ANY),
    Row("a % 0.7", lambda m, a: a % 0.7, ANY),
    Row("neg", lambda m, a: m.neg(a), ANY),
    Row("-a", lambda m, a: -a, ANY),
    Row("abs", lambda m, a: m.abs(a), ANY),
    Row("exp", lambda m, a: m.exp(a), ANY),
    Row("log", lambda m, a: m.log(a), ANY, positive),
    Row("sqrt", lambda m, a: m.sqrt(a), ANY, positive),
    Row("sin", lambda m, a: m.sin(a), ANY),
    Row("cos", lambda m, a: m.cos(a), ANY),
    Row("tanh", lambda m, a: m.tanh(a), ANY),
    Row("sigmoid", lambda m, a: m.sigmoid(a), ANY),
    Row("relu", lambda m, a: m.relu(a), ANY),
    Row("clamp", lambda m, a: m.clamp(a, -0.5, 0.5), ANY),
    Row("clamp min", lambda m, a: m.clamp(a, min=-0.5), ANY),
    Row("clamp max", lambda m, a: a.clamp(max=0.5), ANY),
    Row("clamp tensors", lambda m, a, b, c: m.clamp(a, b - 1, c.abs() + 0.1), same(count=3)),
    Row("max of two", lambda m, a, b: m.max(a, b), PAIR),
    Row("min of two", lambda m, a, b: a.min(b), PAIR),
    Row("where method", lambda m, a, b: a.where(a > b, b), PAIR),
    Row("clone", lambda m, a: a.clone(), ANY),
]

POINTWISE += [
    Row("tan", lambda m, a: m.tan(a), ANY, inside),
    Row("asin", lambda m, a: m.asin(a), ANY, inside),
    Row("acos", lambda m, a: m.acos(a), ANY, inside),
    Row("atan", lambda m, a: m.atan(a), ANY),
    Row("atan2", lambda m, a, b: m.atan2(a, b), PAIR, nonzero),
    Row("sinh", lambda m, a: m.sinh(a), ANY),
    Row("cosh", lambda m, a: m.cosh(a), ANY),
    Row("log2", lambda m, a: m.log2(a), ANY, positive),
    Row("log10", lambda m, a: m.log10(a), ANY, positive),
    Row("log1p", lambda m, a: m.log1p(a), ANY, positive),
    Row("expm1", lambda m, a: m.expm1(a), ANY),
    Row("rsqrt", lambda m, a: m.rsqrt(a), ANY, positive),
    Row("reciprocal", lambda m, a: m.reciprocal(a), ANY, nonzero),
    Row("square", lambda m, a: m.square(a), ANY),
    Row("sign", lambda m, a: m.sign(a) * a, ANY),
    Row("floor", lambda m, a: m.floor(a) * a, ANY),
    Row("ceil", lambda m, a: m.ceil(a) * a, ANY),
    Row("trunc", lambda m, a: m.trunc(a * 3) * a, ANY),
    Row("round", lambda m, a: m.round(a) * a, ANY),
    Row("round decimals", lambda m, a: m.round(a, decimals=1) * a, ANY),
    Row("erf", lambda m, a: m.erf(a), ANY),
    Row("lerp", lambda m, a, b, w: m.lerp(a, b, w), broadcast(3)),
    Row("lerp number", lambda m, a, b: a.lerp(b, 0.3), PAIR),
    Row("clamp_min", lambda m, a: m.clamp_min(a, -0.5), ANY),
    Row("clamp_max", lambda m, a: a.clamp_max(0.5), ANY),
    Row("half and back", lambda m, a: (a * 8).round().half().type_as(a) * a, ANY),
    Row("to a tensor", lambda m, a, b: a.float().to(b) * 0 + a + b, PAIR),
    Row("masked_fill", lambda m, a: m.masked_fill(a, a > 0, 0.5), ANY),
    Row("masked_fill wide", lambda m, a, b: a.masked_fill(b > 0, -2), fixed(((2, 3), (3,)))),
    Row(
        "masked_fill tensor",
        lambda m, a, v: a.masked_fill(a > 0, v),
        fixed(((2, 3), ()), ((3,), ())),
    ),
]

SHAPES = [
    Row("reshape", lambda m, a: m.reshape(a, (3, -1)), fixed(((2, 3, 2),), ((6,),), ((3, 1),))),
    Row("reshape list", lambda m, a: m.reshape(a, [-1, 2]), fixed(((3, 4),), ((2,),))),
    Row("reshape dims", lambda m, a: a.reshape(2, 6), fixed(((3, 4),), ((12,),), ((3, 2, 2),))),
    Row("reshape -1", lambda m, a: a.reshape(-1), ANY),
    Row("reshape one", lambda m, a: a.reshape(()), fixed(((),), ((1,),), ((1, 1),))),
    Row("view", lambda m, a: a.flatten().view(4, -1), fixed(((2, 2),), ((4,),), ((2, 3, 2),))),
    Row("permute", lambda m, a: m.permute(a, (2, 0, 1)), CUBE),
    Row("permute list", lambda m, a: a.permute([1, 2, 0]), CUBE),
    Row("permute dims", lambda m, a: a.permute(-1, 0, 1), CUBE),
    Row("transpose", lambda m, a: m.transpose(a, 0, 2), CUBE),
    Row("transpose -1", lambda m, a: a.transpose(-1, 1), CUBE),
    Row("T", lambda m, a: a.T, sides(2)),
    Row("mT", lambda m, a: a.mT, CUBE),
    Row("squeeze", lambda m, a: m.squeeze(a), fixed(((1, 2, 1),), ((1,),), ((),), ((2, 3),))),
    Row("squeeze dim", lambda m, a: m.squeeze(a, 1), fixed(((2, 1, 3),), ((2, 3),), ((1, 1),))),
    Row("squeeze dims", lambda m, a: a.squeeze((0, -1)), fixed(((1, 2, 1),), ((1, 1, 3),))),
    Row("unsqueeze", lambda m, a: m.unsqueeze(a, 0), ANY),
    Row("unsqueeze -1", lambda m, a: a.unsqueeze(-1), ANY),
    Row("expand", lambda m, a: a.expand(2, -1, 3), fixed(((2, 1),), ((2, 3),), ((2, 0, 1),))),
    Row("expand 0-d", lambda m, a: a.expand((2, 3)), fixed(((),), ((3,),), ((2, 1),))),
    Row("flatten", lambda m, a: m.flatten(a), ANY),
    Row("flatten 1", lambda m, a: m.flatten(a, 1), CUBE),
    Row("flatten -2", lambda m, a: a.flatten(-2, -1), CUBE),
    Row("flatten 0 1", lambda m, a: a.flatten(0, -2), CUBE),
    Row(
        "cat",
        lambda m, a, b: m.cat([a, b]),
        fixed(((2, 3), (1, 3)), ((2,), (0,)), ((1, 2, 2),) * 2),
    ),
    Row(
        "cat 1",
        lambda m, a, b: m.cat((a, b, a), 1),
        fixed(((2, 3), (2, 1)), ((1, 0, 2), (1, 2, 2))),
    ),
    Row("cat -1", lambda m, a, b: m.cat([a, b], dim=-1), fixed(((2, 1), (2, 2)), ((3,), (1,)))),
    Row("stack", lambda m, a, b: m.stack([a, b]), same(count=2)),
    Row("stack 1", lambda m, a, b: m.stack((a, b, a), 1), fixed(((2, 3),) * 2, ((2,),) * 2)),
    Row("stack -1", lambda m, a, b: m.stack([a, b], dim=-1), same(count=2)),
]

INDEXING = [
    Row("a[0]", lambda m, a: a[0], CUBE1),
    Row("a[-1]", lambda m, a: a[-1], CUBE1),
    Row("a[0, 0, 0]", lambda m, a: a[0, 0, 0], CUBE1),
    Row("a[1:]", lambda m, a: a[1:], CUBE),
    Row("a[:, ::2]", lambda m, a: a[:, ::2], CUBE),
    Row("a[..., 0]", lambda m, a: a[..., 0], CUBE1),
    Row("a[...]", lambda m, a: a[...], ANY),
    Row("a[None]", lambda m, a: a[None], ANY),
    Row("a[:, None, 0]", lambda m, a: a[:, None, 0], CUBE1),
    Row("a[a > 0]", lambda m, a: a[a > 0], ANY),
    Row("a[row mask]", lambda m, a: a[m.tensor([True, False])], fixed(((2, 3),), ((2,),))),
    Row("a[ints]", lambda m, a: a[index(m, [0, -1, 0])], CUBE1),
    Row("a[list]", lambda m, a: a[[0, 0, 1]], fixed(((2, 3),), ((3,),))),
    Row("a[..., ints]", lambda m, a: a[..., index(m, [1, -1, 1])], fixed(((2,),), ((2, 3),))),
    Row("a[:, ints]", lambda m, a: a[:, index(m, [0, 0])], CUBE1),
    Row("a[ints, ints]", lambda m, a: a[index(m, [0, 1, 0]), index(m, [1, 1, 1])], CUBE2),
    Row("a[column, row]", lambda m, a: a[index(m, [[0], [1]]), index(m, [0, 1])], CUBE2),
    Row("a[0, :, ints]", lambda m, a: a[0, :, index(m, [1, 0, 1])], CUBE2),
    Row("a[ints, 1:]", lambda m, a: a[index(m, [1, 1]), 1:], CUBE2),
    Row("a[row, ints]", lambda m, a: a[index(m, [0, 1, 0]), 1], CUBE2),
    Row("a[mask, int]", lambda m, a: a[m.tensor([True, False]), :, 1], fixed(((2, 3, 2),))),
    Row("a[:, mask]", lambda m, a: a[:, m.tensor([False, True, True])], fixed(((2, 3),))),
    Row("a[mask, None]", lambda m, a: a[a > 0, None], fixed(((2, 3),))),
    Row("a[int tensor]", lambda m, a: a[m.tensor(1)], CUBE2),
    Row("a[tensor:]", lambda m, a: a[m.tensor(1) :], CUBE),
    Row("a[[]]", lambda m, a: a[[]], CUBE1),
    Row("a[bools]", lambda m, a: a[[True, False]], fixed(((2, 3),), ((2,),))),
    Row("a[none]", lambda m, a: a[index(m, [0])[:0]], CUBE1),
    Row("rows", lambda m, a: m.stack(list(a)), CUBE1),
]

REDUCTIONS = [
    Row("sum", lambda m, a: m.sum(a), ANY),
    Row("sum 0", lambda m, a: m.sum(a, 0), CUBE),
    Row("sum -1", lambda m, a: a.sum(dim=-1), CUBE),
    Row("sum dims", lambda m, a: m.sum(a, (0, 2)), CUBE),
    Row("sum list", lambda m, a: a.sum([-1, 0]), CUBE),
    Row("sum keepdim", lambda m, a: m.sum(a, 1, keepdim=True), CUBE),
    Row("sum of a number", lambda m, a: a.sum(0) + a.mean(-1), fixed(((),))),
    Row("max of a number", lambda m, a: a.max(0).values, fixed(((),))),
    Row("var of a number", lambda m, a: a.var(0, unbiased=False), fixed(((),))),
    Row("sum no dims", lambda m, a: a.sum(()), CUBE),
    Row("sum all keepdim", lambda m, a: a.sum(dim=(0, 1, 2), keepdim=True), CUBE),
    Row("mean", lambda m, a: m.mean(a), SOME),
    Row("mean 1", lambda m, a: m.mean(a, 1), CUBE1),
    Row("mean list", lambda m, a: a.mean([0, 1]), CUBE1),
    Row("mean no dims", lambda m, a: a.mean([]), CUBE1),
    Row("mean dims", lambda m, a: a.mean((0, -1)), CUBE1),
    Row("mean keepdim", lambda m, a: a.mean(dim=0, keepdim=True), CUBE1),
    Row("var", lambda m, a: m.var(a), MANY),
    Row("var 1", lambda m, a: m.var(a, 1), CUBE2),
    Row("var list", lambda m, a: a.var([0, 2]), CUBE2),
    Row("var dims", lambda m, a: a.var(dim=(0, -1)), CUBE2),
    Row("var keepdim", lambda m, a: a.var(dim=0, keepdim=True), CUBE2),
    Row("var biased", lambda m, a: a.var(dim=-1, unbiased=False), CUBE1),
    Row("var correction", lambda m, a: a.var(dim=1, correction=0), CUBE1),
    Row("std", lambda m, a: m.std(a), MANY),
    Row("std 1", lambda m, a: m.std(a, 1), CUBE2),
    Row("std list", lambda m, a: a.std([0, 2]), CUBE2),
    Row("std dims", lambda m, a: a.std(dim=(0, -1), keepdim=True), CUBE2),
    Row("std biased", lambda m, a: a.std(dim=-1, unbiased=False), CUBE2),
    Row("max", lambda m, a: m.max(a), SOME),
    Row("max 1", lambda m, a: first(m.max(a, 1)), CUBE1),
    Row("max keepdim", lambda m, a: a.max(dim=-1, keepdim=True).values, CUBE1),
    Row("min", lambda m, a: m.min(a), SOME),
    Row("min 0", lambda m, a: first(m.min(a, 0)), CUBE1),
    Row("min keepdim", lambda m, a: a.min(dim=1, keepdim=True).values, CUBE1),
    Row("amax", lambda m, a: m.amax(a), SOME),
    Row("amax dims", lambda m, a: m.amax(a, (0, -1)), CUBE1),
    Row("amax list", lambda m, a: m.amax(a, [0, 2]), CUBE1),
    Row("amin list", lambda m, a: m.amin(a, [1, 2]), CUBE1),
    Row("amin", lambda m, a: a.amin(dim=1, keepdim=True), CUBE1),
    Row("logsumexp", lambda m, a: m.logsumexp(a, 1), CUBE1),
    Row("logsumexp dims", lambda m, a: m.logsumexp(a, (0, 2)), CUBE1),
    Row("logsumexp list", lambda m, a: a.logsumexp([0, 1]), CUBE1),
    Row("logsumexp keepdim", lambda m, a: a.logsumexp(dim=-1, keepdim=True), CUBE1),
    Row("matmul", lambda m, a, b: m.matmul(a, b), matrices()),
    Row("a @ b", lambda m, a, b: a @ b, matrices()),
    Row("a @ a.mT", lambda m, a: a @ a.mT, CUBE),
]

VECTOR = fixed(((3,),), ((1,),), ((4,),))
MATRIX = sides(2)
MATRIX1 = sides(2, least=1)

REARRANGED = [
    Row("broadcast_to", lambda m, a: m.broadcast_to(a, (2, 3)), fixed(((3,),), ((2, 1),), ((),))),
    Row("broadcast_to method", lambda m, a: a.broadcast_to((2, 3)), fixed(((3,),), ((2, 1),))),
    Row("contiguous", lambda m, a: a.T.contiguous() * a.T, MATRIX),
    Row("repeat", lambda m, a: a.repeat(2, 1, 3), fixed(((2, 3),), ((3,),), ((2, 2, 2),), ((),))),
    Row("repeat 0", lambda m, a: a.repeat((2, 0)), fixed(((2, 3),), ((3,),))),
    Row("tile", lambda m, a: m.tile(a, (2, 2)), fixed(((3,),), ((2, 2),), ((2, 1, 2),))),
    Row("tile dims", lambda m, a: a.tile(2), CUBE),
    Row("repeat_interleave", lambda m, a: m.repeat_interleave(a, 2), ANY),
    Row("repeat_interleave 1", lambda m, a: a.repeat_interleave(3, dim=1), CUBE),
    Row(
        "repeat_interleave counts",
        lambda m, a: m.repeat_interleave(a, m.tensor([2, 0, 1]), -1),
        fixed(((3,),), ((2, 3),)),
    ),
    Row("unflatten", lambda m, a: m.unflatten(a, 1, (2, -1)), fixed(((3, 4),), ((2, 2, 3),))),
    Row("unflatten -1", lambda m, a: a.unflatten(-1, (2, 2)), fixed(((3, 4),), ((4,),))),
    Row("movedim", lambda m, a: m.movedim(a, 0, -1), CUBE),
    Row("movedim tuples", lambda m, a: a.movedim((0, 1), (2, 0)), CUBE),
    Row("movedim 4", lambda m, a: a.movedim((3, 0), (0, 2)), sides(4)),
    Row("flip", lambda m, a: m.flip(a, (0, 2)), CUBE),
    Row("flip dims", lambda m, a: a.flip(1, -1), CUBE),
    Row("flip list", lambda m, a: a.flip([0]), CUBE),
    Row("roll", lambda m, a: m.roll(a, 1), CUBE),
    Row("roll 1", lambda m, a: m.roll(a, -2, 1), CUBE),
    Row("roll dims", lambda m, a: a.roll((1, -1), (0, 2)), CUBE),
    Row("tril", lambda m, a: m.tril(a), CUBE),
    Row("tril -1", lambda m, a: a.tril(-1), MATRIX),
    Row("triu", lambda m, a: m.triu(a), CUBE),
    Row("triu 1", lambda m, a: a.triu(diagonal=1), MATRIX),
    Row("diagonal", lambda m, a: m.diagonal(a), MATRIX),
    Row("diagonal 1", lambda m, a: a.diagonal(1, 0, 2), CUBE),
    Row("diagonal -1", lambda m, a: a.diagonal(offset=-1, dim1=-1, dim2=1), CUBE),
    Row("diag", lambda m, a: m.diag(a), MATRIX),
    Row("diag -1", lambda m, a: a.diag(-1), MATRIX),
    Row("diag of a vector", lambda m, a: m.diag(a), VECTOR),
    Row("diag 1 of a vector", lambda m, a: m.diag(a, diagonal=1), VECTOR),
    Row("split", lambda m, a: mixed(m.split(a, 2)), fixed(((4, 2),), ((5,),), ((2, 3),))),
    Row("split list", lambda m, a: mixed(a.split([1, 0, 2], 1)), fixed(((2, 3),), ((1, 3, 2),))),
    Row("split -1", lambda m, a: mixed(m.split(a, 1, dim=-1)), MATRIX1),
    Row("chunk", lambda m, a: mixed(m.chunk(a, 2)), fixed(((5, 2),), ((1,),), ((4,),))),
    Row("chunk -1", lambda m, a: mixed(a.chunk(3, dim=-1)), fixed(((2, 7),), ((3,),))),
    Row("unbind", lambda m, a: mixed(m.unbind(a)), CUBE1),
    Row("unbind -1", lambda m, a: mixed(a.unbind(-1)), CUBE1),
    Row("meshgrid", lambda m, a, b: mixed(m.meshgrid(a, b, indexing="ij")), fixed(((2,), (3,)))),
    Row(
        "meshgrid xy", lambda m, a, b: mixed(m.meshgrid([a, b], indexing="xy")), fixed(((2,), (3,)))
    ),
    Row("pad", lambda m, a: pad(m, a, (1, 2)), CUBE),
    Row("pad two", lambda m, a: pad(m, a, [1, 0, 2, 1], value=1.5), CUBE),
    Row("pad to nothing", lambda m, a: pad(m, a, (-1, -1)), fixed(((3, 2),))),
    Row("pad negative", lambda m, a: pad(m, a, (-1, 1, 2, -1)), CUBE2),
    Row("pad reflect", lambda m, a: pad(m, a, (2, 1), "reflect"), fixed(((2, 3),), ((2, 2, 4),))),
    Row(
        "pad replicate", lambda m, a: pad(m, a, (2, 1), "replicate"), fixed(((2, 3),), ((2, 2, 2),))
    ),
    Row("pad circular", lambda m, a: pad(m, a, (2, 1), "circular"), fixed(((2, 3),), ((2, 2, 4),))),
    Row("pad circular, cut", lambda m, a: pad(m, a, (-1, 1), "circular"), fixed(((2, 3),))),
    Row(
        "pad reflect two",
        lambda m, a: pad(m, a, (1, 1, 0, 2), "reflect"),
        fixed(((1, 1, 3, 3),), ((1, 2, 3, 2),)),
    ),
    Row("pad nothing", lambda m, a: pad(m, a, (0, 0), "circular"), fixed(((2, 3),))),
]

BY_PLACE = [
    Row("gather", lambda m, a: m.gather(a, 1, index(m, [[0, 2, 2, 1], [1, 1, 1, 1]])), THREE),
    Row("gather 0", lambda m, a: a.gather(0, index(m, [[1, 0], [1, 1], [0, 0]])), THREE),
    Row("gather -1", lambda m, a: a.gather(dim=-1, index=index(m, [[[1], [0]]])), CUBE2),
    Row("gather of a vector", lambda m, a: a.gather(0, index(m, [1, 1, 0])), fixed(((2,),))),
    Row("gather of a number", lambda m, a: a.gather(0, index(m, 0)), fixed(((),))),
    Row("gather one of a vector", lambda m, a: a.gather(0, index(m, 1)), fixed(((3,),))),
    Row("gather a vector of one", lambda m, a: a.gather(0, index(m, [0, 0])), fixed(((),))),
    Row("gather int32", lambda m, a: a.gather(0, index(m, [[0, 1, 1]]).int()), THREE),
    Row("take_along_dim", lambda m, a: m.take_along_dim(a, index(m, [[0, 2]]), 1), THREE),
    Row("take_along_dim 0", lambda m, a: a.take_along_dim(index(m, [[[1]], [[0]]]), dim=0), CUBE2),
    Row(
        "take_along_dim flat",
        lambda m, a: m.take_along_dim(a.contiguous(), index(m, [3, 0, 3])),
        THREE,
    ),
    Row("index_select", lambda m, a: m.index_select(a, 1, index(m, [2, 0, 2])), THREE),
    Row("index_select 0", lambda m, a: a.index_select(0, index(m, [1])), CUBE2),
    Row("index_select -1", lambda m, a: a.index_select(-1, index(m, 0)), CUBE2),
    Row("index_select none", lambda m, a: a.index_select(0, index(m, [0])[:0]), CUBE2),
    Row(
        "index_add",
        lambda m, a, b: m.index_add(a, 1, index(m, [2, 0, 2]), b, alpha=2),
        fixed(((2, 3), (2, 3))),
    ),
    Row("index_add 0", lambda m, a, b: a.index_add(0, index(m, [1]), b), fixed(((2, 3), (1, 3)))),
    Row(
        "scatter",
        lambda m, a, b: m.scatter(a, 1, index(m, [[0, 2], [1, 0]]), b),
        fixed(((2, 3), (2, 2)), ((3, 4), (2, 2))),
    ),
    Row("scatter 0", lambda m, a, b: a.scatter(0, index(m, [1, 0]), b), fixed(((3,), (2,)))),
    Row("scatter number", lambda m, a: a.scatter(1, index(m, [[0, 2], [1, 0]]), 2.0), THREE),
    Row("scatter a number", lambda m, a, b: a.scatter(0, index(m, 0), b), fixed(((), ()))),
    Row(
        "scatter_add",
        lambda m, a, b: m.scatter_add(a, 1, index(m, [[0, 2, 2], [1, 1, 1]]), b),
        fixed(((2, 3), (2, 3)), ((3, 4), (2, 3))),
    ),
    Row(
        "scatter_add 0",
        lambda m, a, b: a.scatter_add(-2, index(m, [[1, 0], [1, 1], [1, 1]]), b),
        fixed(((2, 2), (3, 2)), ((2, 3), (3, 2))),
    ),
    Row("masked_select", lambda m, a: m.masked_select(a, a > 0), ANY),
    Row("masked_select wide", lambda m, a, b: a.masked_select(b > 0), fixed(((3,), (2, 1)))),
    Row("sort", lambda m, a: first(m.sort(a)), CUBE),
    Row("sort 0", lambda m, a: m.sort(a, 0, descending=True).values, CUBE),
    Row("sort of a number", lambda m, a: a.sort().values, fixed(((),))),
    Row("topk", lambda m, a: first(m.topk(a, 2)), CUBE2),
    Row("topk 1", lambda m, a: a.topk(1, 1, largest=False).values, CUBE1),
    Row("topk of many", lambda m, a: a.topk(3, dim=0).values, fixed(((7, 2),), ((5,),))),
    Row("topk least", lambda m, a: a.topk(3, 0, largest=False).values, fixed(((7, 2),), ((5,),))),
    Row("topk all", lambda m, a: a.topk(3).values, fixed(((2, 3),))),
    Row("topk of a number", lambda m, a: a.topk(1).values, fixed(((),))),
    Row("topk none", lambda m, a: a.topk(0).values, CUBE1),
]

SCANS = [
    Row("cumsum", lambda m, a: m.cumsum(a, 0), CUBE),
    Row("cumsum -1", lambda m, a: a.cumsum(dim=-1), ANY),
    Row("prod", lambda m, a: m.prod(a), ANY, nonzero),
    Row("prod with zeros", lambda m, a: m.prod(a), ANY, zeros_too),
    Row("prod 1", lambda m, a: m.prod(a, 1), CUBE, zeros_too),
    Row("prod keepdim", lambda m, a: a.prod(dim=-1, keepdim=True), CUBE, zeros_too),
    Row("cumprod", lambda m, a: m.cumprod(a, 1), CUBE, zeros_too),
    Row("cumprod -1", lambda m, a: a.cumprod(dim=-1), ANY, nonzero),
    Row("norm", lambda m, a: m.norm(a), SOME, nonzero),
    Row("norm 2", lambda m, a: a.norm(2, 1), CUBE1, nonzero),
    Row("norm 1", lambda m, a: m.norm(a, 1, dim=(0, 2)), CUBE1, nonzero),
    Row("norm 3", lambda m, a: a.norm(p=3, dim=-1, keepdim=True), CUBE1, nonzero),
    Row("norm 1.5", lambda m, a: a.norm(1.5), CUBE1, nonzero),
    Row("norm inf", lambda m, a: m.norm(a, float("inf"), 1), CUBE1, nonzero),
    Row("norm -inf", lambda m, a: m.norm(a, float("-inf"), 0), CUBE1, nonzero),
    Row("norm keepdim", lambda m, a: m.norm(a, keepdim=True), CUBE1, nonzero),
    Row("normalize", lambda m, a: m.nn.functional.normalize(a), CUBE1, nonzero),
    Row("normalize 1", lambda m, a: m.nn.functional.normalize(a, 1.0, dim=0), CUBE1, nonzero),
    Row("sum dtype", lambda m, a: a.sum(dtype=m.float64), ANY),
]

EINSUMS = {
    "ij,jk->ik": [((2, 3), (3, 4)), ((2, 1), (3, 4)), ((2, 3), (1, 1))],
    "ij,jk": [((2, 3), (3, 2))],
    "ba": [((2, 3),)],
    "ii": [((3, 3),)],
    "ii->i": [((3, 3),)],
    "iij->j": [((2, 2, 3),)],
    "iijj->ij": [((2, 2, 3, 3),)],
    "iii": [((3, 3, 3),)],
    "ij->": [((2, 3),)],
    "ij->j": [((2, 3),), ((0, 3),)],
    "ij->ji": [((2, 3),)],
    "i,j->ij": [((2,), (3,))],
    "i,i": [((3,), (3,)), ((3,), (1,))],
    "i,j->": [((2,), (3,))],
    "ij,ij->i": [((2, 3), (2, 3)), ((2, 3), (1, 3))],
    "bij,bjk->bik": [((2, 2, 3), (2, 3, 2)), ((1, 2, 3), (2, 3, 2))],
    "bhqd,bhkd->bhqk": [((2, 1, 2, 3), (2, 1, 2, 3))],
    "...ij,...jk->...ik": [((2, 3), (2, 3, 2)), ((2, 1, 2, 3), (3, 3, 2))],
    "...ij->...ji": [((2, 3),), ((2, 2, 3),)],
    "i...->...": [((2, 3),), ((2,),)],
    "...i,i": [((2, 3), (3,))],
    "i...": [((2, 3, 2),)],
    "ij...->i": [((2, 3, 2),)],
    "...": [((2, 3),), ((),)],
    "ij,j,jk->ik": [((2, 3), (3,), (3, 2))],
    "i,i,i->i": [((3,), (3,), (3,)), ((3,), (1,), (3,))],
    "ii,i->": [((3, 3), (3,))],
    "ii,jj->ij": [((2, 2), (3, 3))],
    "ij,kj->": [((2, 3), (2, 3))],
    " i j , j k -> i k ": [((2, 3), (3, 2))],
    ",i->i": [((), (3,))],
    "Ab,bA": [((2, 3), (3, 2))],
    "bA": [((2, 3),)],
}

PRODUCTS = [
    Row(f"einsum {equation}", lambda m, *xs, e=equation: m.einsum(e, *xs), fixed(*shapes))
    for equation, shapes in EINSUMS.items()
]
PRODUCTS += [
    Row("einsum list", lambda m, a, b: m.einsum("i,i->i", [a, b]), fixed(((3,), (3,)))),
    Row("einsum of one twice", lambda m, a: m.einsum("ij,kj->ik", a, a), MATRIX),
    Row("dot", lambda m, a, b: m.dot(a, b), fixed(((3,), (3,)), ((0,), (0,)))),
    Row("outer", lambda m, a, b: m.outer(a, b), fixed(((2,), (3,)), ((0,), (3,)))),
    Row("mm", lambda m, a, b: m.mm(a, b), fixed(((2, 3), (3, 2)))),
    Row("mv", lambda m, a, b: m.mv(a, b), fixed(((2, 3), (3,)))),
    Row("bmm", lambda m, a, b: m.bmm(a, b), fixed(((2, 2, 3), (2, 3, 1)))),
    Row("trace", lambda m, a: m.trace(a), fixed(((3, 3),))),
]

PLAIN = [
    Row("eq", lambda m, a, b: m.eq(a, b), PAIR, differentiable=False),
    Row("a == a", lambda m, a: a == a, ANY, differentiable=False),
    Row("a != b", lambda m, a, b: a != b, PAIR, differentiable=False),
    Row("a < b", lambda m, a, b: a < b, PAIR, differentiable=False),
    Row("a <= b", lambda m, a, b: a <= b, PAIR, differentiable=False),
    Row("a > b", lambda m, a, b: a > b, PAIR, differentiable=False),
    Row("a >= 0", lambda m, a: a >= 0, ANY, differentiable=False),
    Row("a // b", lambda m, a, b: a.detach() // b.detach(), PAIR, nonzero, False),
    Row("a // 2", lambda m, a: m.floor_divide(a.detach(), 2), ANY, differentiable=False),
    Row("2 % a", lambda m, a: 2 % a.detach(), ANY, nonzero, False),
    Row("2 // a", lambda m, a: 2 // a.detach(), ANY, nonzero, False),
    Row("argmax", lambda m, a: m.argmax(a), SOME, differentiable=False),
    Row("argmax 1", lambda m, a: a.argmax(dim=1), CUBE1, differentiable=False),
    Row("argmax keepdim", lambda m, a: m.argmax(a, -1, keepdim=True), CUBE1, differentiable=False),
    Row("argmin", lambda m, a: m.argmin(a), SOME, differentiable=False),
    Row("argmin 0", lambda m, a: a.argmin(0), CUBE1, differentiable=False),
    Row("max indices", lambda m, a: a.max(dim=1).indices, CUBE1, differentiable=False),
    Row("min indices", lambda m, a: m.min(a, -1, keepdim=True)[1], CUBE1, differentiable=False),
    Row("a & b", lambda m, a, b: (a > 0) & (b > 0), PAIR, differentiable=False),
    Row("a | b", lambda m, a, b: (a > 0) | (b > 0), PAIR, differentiable=False),
    Row("~a", lambda m, a: ~(a > 0), ANY, differentiable=False),
    Row("any", lambda m, a: m.any(a > 1), ANY, differentiable=False),
    Row("where numbers", lambda m, a: m.where(a > 0, 1.5, 2), ANY, differentiable=False),
    Row("max index 0-d", lambda m, a: a.max(0).indices, fixed(((),)), differentiable=False),
    Row("any dims", lambda m, a: (a > 0).any((0, 2)), CUBE, differentiable=False),
    Row("all dims", lambda m, a: (a > 0).all([0, 1]), CUBE, differentiable=False),
    Row("any 1", lambda m, a: (a > 0).any(dim=1, keepdim=True), CUBE, differentiable=False),
    Row("all", lambda m, a: m.all(a > -1), ANY, differentiable=False),
    Row("all 0", lambda m, a: (a > 0).all(0), CUBE, differentiable=False),
    Row("zeros_like", lambda m, a: m.zeros_like(a), ANY, differentiable=False),
    Row("ones_like", lambda m, a: m.ones_like(a), ANY, differentiable=False),
    Row("long", lambda m, a: (a * 3).long(), ANY, differentiable=False),
]

QUESTIONS = {
    "logical_and": (lambda m, a, b: m.logical_and(a > 0, b), PAIR),
    "logical_or": (lambda m, a, b: m.logical_or(a > 0, b < 0), PAIR),
    "logical_xor": (lambda m, a, b: (a > 0).logical_xor(b > 0), PAIR),
    "logical_not": (lambda m, a: m.logical_not(a > 0), ANY),
    "logical_not number": (lambda m, a: a.logical_not(), ANY),
    "a ^ b": (lambda m, a, b: (a > 0) ^ (b > 0), PAIR),
    "isnan": (lambda m, a: m.isnan(a), ANY),
    "isinf": (lambda m, a: a.isinf(), ANY),
    "isfinite": (lambda m, a: m.isfinite(a), ANY),
    "nonzero": (lambda m, a: m.nonzero(a > 0), ANY),
    "nonzero tuple": (lambda m, a: (a > 0).nonzero(as_tuple=True)[-1], ANY),
    "count_nonzero": (lambda m, a: m.count_nonzero(a > 0), ANY),
    "count_nonzero 1": (lambda m, a: (a > 0).count_nonzero(dim=1), CUBE),
    "norm 0": (lambda m, a: a.detach().norm(0, dim=1), CUBE1),
    "sort indices": (lambda m, a: m.sort(a, dim=1).indices, CUBE),
    "argsort": (lambda m, a: m.argsort(a), ANY),
    "argsort 0": (lambda m, a: a.argsort(0, descending=True), CUBE),
    "topk indices": (lambda m, a: a.topk(2, 0).indices, CUBE2),
    "unique": (lambda m, a: m.unique((a > 0).long()), ANY),
    "unique inverse": (lambda m, a: m.unique((a * 2).long(), return_inverse=True)[1], ANY),
    "unique counts": (lambda m, a: (a * 2).long().unique(return_counts=True)[1], ANY),
    "bincount": (lambda m, a: m.bincount((a.abs() * 2).long(), minlength=3), VECTOR),
    "bincount weights": (lambda m, a: (a.abs() * 2).long().bincount(a.detach()), VECTOR),
    "empty_like": (lambda m, a: m.empty_like(a) * 0 == 0, fixed(((0,),))),
    "full_like": (lambda m, a: m.full_like(a, 2), ANY),
    "int": (lambda m, a: (a * 3).int(), ANY),
    "byte": (lambda m, a: (a.abs() * 3).byte(), ANY),
    "half": (lambda m, a: a.detach().half(), ANY),
    "scatter mask": (lambda m, a: (a > 0).scatter(1, index(m, [[0, 2], [1, 0]]), True), THREE),
}
PLAIN += [
    Row(name, call, shapes, differentiable=False) for name, (call, shapes) in QUESTIONS.items()
]

ROWS = [*POINTWISE, *SHAPES, *INDEXING, *REDUCTIONS]
ROWS += [*REARRANGED, *BY_PLACE, *SCANS, *PRODUCTS]


# Tensors, arrays, derivatives


def array(t):
    """What a tensor holds, as a NumPy array; mytorch's and PyTorch's alike."""
    data = t.data
    if isinstance(data, Duck):
        return data.inner
    return data if isinstance(data, np.ndarray) else data.numpy(force=True)


def leaf(m, values, requires_grad=True):
    """A tensor that shares the array's memory, so that a strange layout stays strange."""
    return m.from_numpy(values).requires_grad_(requires_grad)


class OnDucks:
    """mytorch, with tensors made on ducks."""

    def __getattr__(self, name):
        return getattr(mytorch, name)

    def tensor(self, *args, **kwargs):
        return to_duck(mytorch.tensor(*args, **kwargs))

    def from_numpy(self, values):
        return to_duck(mytorch.from_numpy(values))


def to_duck(t):
    t.data = Duck(t.data)
    return t


def weight(shape, key):
    """A fixed random factor, so that no two entries of a result count the same."""
    rng = np.random.default_rng([key, *shape])
    return np.asarray(rng.uniform(0.5, 1.5, shape))


def pull(m, outs, leaves, level, create_graph=False):
    """Weigh the outputs, sum them up, and differentiate; the weights become leaves as well.

    A leaf the outputs do not depend on gets None, as in PyTorch.
    """
    live = [(i, out) for i, out in enumerate(outs) if out is not None and out.requires_grad]
    if not live:
        return [], []
    weights = [
        leaf(m, weight(tuple(t.shape), 10 * level + i).astype(array(t).dtype)) for i, t in live
    ]
    grads = m.autograd.grad(
        [out for _, out in live],
        leaves,
        grad_outputs=weights,
        create_graph=create_graph,
        allow_unused=True,
    )
    return list(grads), weights


def derivatives(m, row, arrays, order):
    """The value and the derivatives of order 1, 2, …, each a list with a tensor (or None) a leaf.

    The weights of one level are leaves of the next: a pullback is linear in its gradient, and
    its own derivative with respect to that gradient is checked too.
    """
    leaves = [leaf(m, a) for a in arrays]
    outs = [row.call(m, *leaves)]
    levels = [outs]
    for level in range(1, order + 1):
        outs, weights = pull(m, outs, leaves, level, create_graph=level < order)
        levels.append(outs)
        leaves = leaves + weights
    return levels


def zeros_for(grads, leaves):
    """Gradients as arrays, with zeros where there is None."""
    pairs = zip(grads, leaves, strict=True)
    return [np.zeros_like(a) if g is None else array(g) for g, a in pairs]


# Finite differences


def differences(f, arrays, i, step):
    """The derivative of the number `f(arrays)` in each entry of `arrays[i]`, by differences."""
    result = np.zeros(arrays[i].shape)
    for place in np.ndindex(arrays[i].shape):
        ends = []
        for sign in (1, -1):
            moved = [np.array(a) for a in arrays]
            moved[i][place] += sign * step
            ends.append(f(moved))
        result[place] = (ends[0] - ends[1]) / (2 * step)
    return result


def close(found, expected, hint=""):
    """Equal within what differences can tell, and of the same shape."""
    assert found.shape == expected.shape, f"{hint}: {found.shape} is not {expected.shape}"
    np.testing.assert_allclose(found, expected, rtol=2e-5, atol=2e-6, err_msg=hint)


def check_gradient(row, arrays, m=mytorch):
    """The first derivatives against differences, for all inputs together and each alone."""

    def weighed(values):
        y = array(row.call(m, *[m.from_numpy(v) for v in values]))
        return float(np.sum(y * weight(y.shape, 10)))

    expected = [differences(weighed, arrays, i, 1e-6) for i in range(len(arrays))]
    found = zeros_for(first_gradient(row, arrays, m), arrays)
    for i, (x, y) in enumerate(zip(found, expected, strict=True)):
        close(x, y, f"{row.name}: gradient of input {i}")
        assert x.dtype == np.float64
        if len(arrays) > 1:
            (alone,) = zeros_for(first_gradient(row, arrays, m, alone=i), [arrays[i]])
            close(alone, y, f"{row.name}: gradient of input {i}, which alone needs one")


def first_gradient(row, arrays, m, alone=None):
    """The gradients after `backward`; of input `alone`, where the others need none."""
    leaves = [leaf(m, a, alone in (None, i)) for i, a in enumerate(arrays)]
    out = row.call(m, *leaves)
    if out.requires_grad:
        out.backward(m.from_numpy(weight(tuple(out.shape), 10)))
    return [t.grad for t in (leaves if alone is None else [leaves[alone]])]


def check_second(row, arrays, m=mytorch):
    """The second derivatives against differences of the first, in inputs and in weights."""
    out_shape = tuple(row.call(m, *[m.from_numpy(a) for a in arrays]).shape)
    n = len(arrays)
    arrays = [*arrays, weight(out_shape, 10)]

    def gradients(values, graph):
        leaves = [leaf(m, v) for v in values]
        out = row.call(m, *leaves[:-1])
        if not out.requires_grad:
            return leaves, []
        return leaves, m.autograd.grad(
            out, leaves[:n], leaves[-1], create_graph=graph, allow_unused=True
        )

    def weighed(values):
        total = 0.0
        for i, g in enumerate(gradients(values, False)[1]):
            total += 0.0 if g is None else float(np.sum(array(g) * weight(tuple(g.shape), 20 + i)))
        return total

    leaves, grads = gradients(arrays, True)
    live = [(i, g) for i, g in enumerate(grads) if g is not None and g.requires_grad]
    if not live:
        return
    second = m.autograd.grad(
        [g for _, g in live],
        leaves,
        [m.from_numpy(weight(tuple(g.shape), 20 + i)) for i, g in live],
        allow_unused=True,
    )
    for i, x in enumerate(zeros_for(second, arrays)):
        close(x, differences(weighed, arrays, i, 1e-6), f"{row.name}: second derivative, leaf {i}")


def check_float32(row, arrays):
    """Of float32 tensors the value and the derivatives to order two are float32."""
    narrow = [a.astype(np.float32) for a in arrays]
    levels = derivatives(mytorch, row, narrow, 1)[1:] + derivatives(mytorch, row, narrow, 2)
    for outs in levels:
        for i, out in enumerate(outs):
            hint = f"{row.name}, output or leaf {i}: {out is not None and out.dtype}"
            assert out is None or out.dtype == np.float32, hint


# Ducks


def check_duck(row, arrays):
    """On ducks the value and the derivatives to order two are those on NumPy, and are ducks."""
    order = 2 if row.differentiable else 0
    on_numpy = derivatives(mytorch, row, arrays, order)
    on_ducks = derivatives(OnDucks(), row, arrays, order)
    for level, (xs, ys) in enumerate(zip(on_numpy, on_ducks, strict=True)):
        for x, y in zip(xs, ys, strict=True):
            hint = f"{row.name}, order {level}"
            assert (x is None) == (y is None), hint
            if y is not None:
                assert isinstance(y.data, Duck), f"{hint}: a {type(y.data).__name__}"
                assert y.data.dtype == x.data.dtype, hint
                np.testing.assert_allclose(array(y), array(x), rtol=1e-12, err_msg=hint)


def check_examples(row):
    """The fixed examples, by differences and on ducks."""
    for arrays in row.examples():
        check_gradient(row, arrays)
        check_second(row, arrays)
        check_duck(row, arrays)
