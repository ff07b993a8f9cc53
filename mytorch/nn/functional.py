"""Functions that networks are made of.

Written in chapters 2.1, 2.3b, 2.4, 2.5, 2.6 and 2.9.
"""

import math
import warnings

import numpy as np

from ..creation import rand_like
from ..dtypes import float32
from ..ops import pointwise
from ..ops.indexing import change, index_select
from ..ops.linalg import refuse_misfits
from ..ops.pointwise import (
    by_pieces,
    curve,  # noqa: F401
    erf,
    erf_values,
    sigmoid,  # noqa: F401
    tanh,  # noqa: F401
    where,
)
from ..ops.reduction import refuse_integers
from ..ops.shape import _pad
from ..ops.softmax import (
    _cross_entropy,
    chosen,
    log_softmax,
    refuse_whole_numbers,
    softmax,
)
from ..tensor import Tensor, op


def mse_loss(input, target, *, reduction="mean", weight=None):
    """Return the squared error ``(input - target) ** 2``: likelihood of normal noise.

    input, target, weight: of one shape. reduction: "none" keeps that shape, "mean" and
    "sum" give one number. Warns if the target has to broadcast.
    """
    expect_same_size(input, target, weight)
    if weight is None and reduction == "mean":
        return _mse_loss(input, target)
    return weighted((input - target) ** 2, weight, reduction)


INDEX_MODES = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}


def pairs_of(pad, ndim):
    """Return (left, right) for each dimension, from PyTorch's list, back to front."""
    if len(pad) % 2:
        raise RuntimeError("Padding length must be divisible by 2")
    if len(pad) > 2 * ndim:
        raise RuntimeError(
            "Padding length should be less than or equal to two times the input "
            f"dimension but got padding length {len(pad)} and input of dimension {ndim}"
        )
    pairs = list(zip(pad[::2], pad[1::2], strict=True))[::-1]
    return [(0, 0)] * (ndim - len(pairs)) + pairs


def pad(input, pad, mode="constant", value=None):
    """Add elements at the ends of the last dimensions; negative numbers take away.

    pad: (left, right) of the last dimension, then of the last but one, and so on.
    mode: "constant" (with `value`, or 0), "reflect", "replicate" or "circular".
    """
    pairs = pairs_of(pad, input.ndim)
    if mode == "constant":
        return _pad(input, pairs, value or 0)
    if mode not in INDEX_MODES:
        raise NotImplementedError(f"Unrecognised padding mode {mode}")
    if value is not None:
        raise RuntimeError(f'Padding mode "{mode}" doesn\'t take in value argument')
    for dim, pair in enumerate(pairs):
        input = padded_by_index(input, dim, pair, mode)
    return input


def refuse_padding(input, dim, pair, mode):
    """Raise RuntimeError if the elements do not suffice for this padding."""
    n, most = input.shape[dim], max(pair)
    if n + min(pair[0], 0) + min(pair[1], 0) < 0:
        raise RuntimeError(f"padding {pair} takes more than dimension {dim} has: {n}")
    if mode == "reflect" and most >= n:
        raise RuntimeError(
            "Padding size should be less than the corresponding input dimension, but "
            f"got: padding {pair} at dimension {dim} of input {list(input.shape)}"
        )
    if mode == "circular" and most > n + min(*pair, 0):
        raise RuntimeError("Padding value causes wrapping around more than once.")


def padded_by_index(input, dim, pair, mode):
    """Pad one dimension by reading elements again: an index says which."""
    if pair == (0, 0):
        return input
    refuse_padding(input, dim, pair, mode)
    numbers = np.arange(input.shape[dim], like=input.data)
    more, less = ([max(sign * n, 0) for n in pair] for sign in (1, -1))
    if mode == "circular":  # what is taken away does not come in again
        numbers, less = numbers[less[0] : len(numbers) - less[1]], (0, 0)
    numbers = np.pad(numbers, [tuple(more)], INDEX_MODES[mode])
    return index_select(input, dim, Tensor(numbers[less[0] : len(numbers) - less[1]]))


def normalize(input, p=2.0, dim=1, eps=1e-12):
    """Divide by the norm along `dim`, so that it becomes 1; `eps` guards against 0."""
    return input / input.norm(p, dim, keepdim=True).clamp_min(eps)


def shaped(x, shape):
    """Return `x` in a shape: as it is, if it has that shape."""
    return x if x.shape == shape else np.reshape(x, shape)


def rows_for(weight, input):
    """Return the input as a matrix; raise RuntimeError if it does not fit."""
    if not input.shape:
        raise RuntimeError(
            "both arguments to linear need to be at least 1D, but they are "
            f"0D and {weight.ndim}D"
        )
    x = shaped(input, (math.prod(input.shape[:-1]), input.shape[-1]))
    refuse_misfits(x, weight.T)
    return x


@op
def linear(input, weight, bias=None):
    """Return ``input @ weight.T + bias``.

    input: (..., in_features). weight: (out_features, in_features). bias:
    (out_features,). The result is (..., out_features). Raises RuntimeError.
    """
    x = rows_for(weight, input)
    y = x @ weight.T
    if bias is not None:
        y = y + bias if isinstance(y, Tensor) else np.add(y, bias, out=y)

    def pullback(g):
        g = shaped(g, y.shape)
        return (
            lambda: shaped(g @ weight, input.shape),
            lambda: g.T @ x,
            lambda: g,  # the walk adds its rows up, as after any broadcast
        )

    return shaped(y, (*input.shape[:-1], weight.shape[0])), pullback


def applied(operation, inplace, input, *settings):
    """Return the result of an operation, or (inplace) let `input` be it."""
    if inplace:
        return change(input, operation, *settings)
    return operation(input, *settings)


def relu(input, inplace=False):
    """Return `input`, but at least 0."""
    return applied(pointwise.relu, inplace, input)


def above_zero(x):
    """Return 1 where `x` is above 0, and 0 elsewhere, in the dtype of `x`."""
    return np.ones_like(x) * (x > 0)


@curve
def _leaky_relu(input, negative_slope):
    above = above_zero(input)
    slope = above + negative_slope * (1 - above)
    return input * slope, lambda g: g * slope


def leaky_relu(input, negative_slope=0.01, inplace=False):
    """Return `input` where it is above 0, and `negative_slope` times it elsewhere."""
    return applied(_leaky_relu, inplace, input, negative_slope)


@curve
def _elu(input, alpha):
    above, below = above_zero(input), alpha * np.expm1(np.minimum(input, 0))
    y = np.maximum(input, 0) + below  # one of the two is 0
    return y, lambda g: g * (above + (1 - above) * (below + alpha))


def elu(input, alpha=1.0, inplace=False):
    """Return `input` above 0, and ``alpha * (exp(input) - 1)`` below."""
    return applied(_elu, inplace, input, alpha)


def logistic(x):
    """Return the sigmoid of an array or a tensor."""
    return sigmoid(x) if isinstance(x, Tensor) else by_pieces(pointwise.logistic, x)


@curve
def _silu(input):
    s = logistic(input)
    y = input * s
    return y, lambda g: g * (s + y * (1 - s))


def silu(input, inplace=False):
    """Return ``input * sigmoid(input)`` (Hendrycks and Gimpel 2016; also swish)."""
    return applied(_silu, inplace, input)


@curve
def softplus(input, beta=1.0, threshold=20.0):
    """Return ``log(1 + exp(beta * input)) / beta``, a smooth relu.

    Where beta * input is above `threshold`, it is the input itself.
    """
    z = beta * input
    far = z > threshold
    soft = np.maximum(z, 0) + np.log1p(np.exp(-np.abs(z)))
    y = np.where(far, input, soft / beta)
    return y, lambda g: g * np.where(far, 1, logistic(z))


@curve
def _hardtanh(input, min_val, max_val):
    inside = (input > min_val) & (input < max_val)
    return np.clip(input, min_val, max_val), lambda g: pointwise.masked(g, inside)


def hardtanh(input, min_val=-1.0, max_val=1.0, inplace=False):
    """Return `input`, but at least `min_val` and at most `max_val`."""
    return applied(_hardtanh, inplace, input, min_val, max_val)


def chance_below(x):
    """Return the chance that a normal number is below `x`."""
    half = x * 0.7071067811865476  # of variance 1/2, as erf wants it
    return 0.5 * (1 + (erf if isinstance(x, Tensor) else erf_values)(half))


@curve
def _gelu(input):
    below = by_pieces(chance_below, input)

    def slope(x, below, g):
        return g * (below + x * (np.exp(-0.5 * x * x) * 0.3989422804014327))

    return input * below, lambda g: by_pieces(slope, input, below, g)


@curve
def _gelu_tanh(input):
    scale = 0.7978845608028654  # the root of 2 over pi

    def bent(x):
        return np.tanh(x * (scale + scale * 0.044715 * x * x))

    def slope(x, t, g):
        inner = scale + scale * 0.134145 * x * x
        return g * (0.5 * (1 + t + x * inner * (1 - t * t)))

    t = by_pieces(bent, input)
    y = by_pieces(lambda x, t: 0.5 * x * (1 + t), input, t)
    return y, lambda g: by_pieces(slope, input, t, g)


def gelu(input, approximate="none"):
    """Return `input` times the chance that a normal number is below it.

    approximate: "none", or "tanh" for a formula with tanh instead of erf. Hendrycks and
    Gimpel 2016. Raises RuntimeError for another word.
    """
    if approximate not in ("none", "tanh"):
        raise RuntimeError("approximate argument must be either none or tanh.")
    return _gelu(input) if approximate == "none" else _gelu_tanh(input)


@curve
def _binary_cross_entropy(input, target):
    with np.errstate(divide="ignore"):
        yes, no = np.log(input), np.log1p(-input)
    yes, no = np.maximum(yes, -100), np.maximum(no, -100)  # log(0) is -inf
    spread = np.maximum(input * (1 - input), 1e-12)
    return -(target * yes + (1 - target) * no), lambda g: (
        g * (input - target) / spread,
        lambda: g * (no - yes),
    )


def reduced(loss, reduction):
    """Return a loss as it is ("none"), its mean ("mean"), or its sum ("sum")."""
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(f"{reduction} is not a valid value for reduction")
    return loss if reduction == "none" else getattr(loss, reduction)()


def scaled(x, weight):
    """Return `x` times a weight that broadcasts to its shape; None changes nothing."""
    y = x if weight is None else x * weight
    if y.shape != x.shape:
        old, new = list(x.shape), list(y.shape)
        message = f"output with shape {old} doesn't match the broadcast shape {new}"
        raise RuntimeError(message)
    return y


def binary_cross_entropy(input, target, weight=None, *, reduction="mean"):
    """Return -log of the probability that `input` gave to what happened.

    input: probabilities, target: 0 or 1, or between; of one shape and dtype. weight:
    broadcasts to it. Logarithms stop at -100. Raises ValueError if the sizes differ,
    RuntimeError if a value is not in 0 to 1. To train, take
    `binary_cross_entropy_with_logits`: it keeps its gradient where this one loses it.
    """
    if target.shape != input.shape:
        raise ValueError(
            f"Using a target size ({list(target.shape)}) that is different to the "
            f"input size ({list(input.shape)}). Please ensure they have the same size."
        )
    if target.dtype != input.dtype:
        expected = f"{target.dtype.name} but expected {input.dtype.name}"
        raise RuntimeError(f"Found dtype {expected}")
    for name, x in [("input", input.data), ("target", target.data)]:
        if not np.all((x >= 0) & (x <= 1)):
            raise RuntimeError(f"all elements of {name} should be between 0 and 1")
    return reduced(scaled(_binary_cross_entropy(input, target), weight), reduction)


def expect_same_size(input, target, weight=None):
    """Warn if the target broadcasts; raise ValueError if the weight would have to."""
    if target.shape != input.shape:
        warnings.warn(
            f"Using a target size ({list(target.shape)}) that is different to the "
            f"input size ({list(input.shape)}). This will likely lead to incorrect "
            "results due to broadcasting. Please ensure they have the same size.",
            stacklevel=3,
        )
    if weight is not None and weight.shape != input.shape:
        raise ValueError("Weights and input must have the same size.")


def weighted(loss, weight, reduction):
    """Reduce a loss; the mean is then a weighted one, divided by the sum of weights."""
    if weight is None or reduction != "mean":
        return reduced(scaled(loss, weight), reduction)
    return (loss * weight).sum() / weight.sum()


@pointwise.pointwise
def _mse_loss(input, target):
    d = input - target
    refuse_integers("mean", d)

    def pullback(g):
        slope = g * 2 / math.prod(d.shape)
        return lambda: slope * d, lambda: -slope * d

    return np.mean(d * d), pullback


def l1_loss(input, target, *, reduction="mean", weight=None):
    """Return the absolute error ``|input - target|``: likelihood of Laplace's noise.

    Shapes as in `mse_loss`.
    """
    expect_same_size(input, target, weight)
    return weighted((input - target).abs(), weight, reduction)


@curve
def _huber(input, target, delta):
    d = input - target
    c = np.clip(d, -delta, delta)
    return c * (d - c / 2), lambda g: (g * c, lambda: -g * c)


def huber_loss(input, target, reduction="mean", delta=1.0, weight=None):
    """Return d²/2 for errors d up to `delta`, and a straight line beyond (Huber 1964).

    Shapes as in `mse_loss`, but "mean" divides by the count, also with a weight.
    """
    if delta <= 0:
        message = "huber_loss does not support non-positive values for delta."
        raise RuntimeError(message)
    expect_same_size(input, target, weight)
    return reduced(scaled(_huber(input, target, delta), weight), reduction)


def smooth_l1_loss(input, target, *, reduction="mean", beta=1.0):
    """Return the absolute error, rounded off below `beta`: `huber_loss` / beta."""
    if beta < 0:
        message = "smooth_l1_loss does not support negative values for beta."
        raise RuntimeError(message)
    if beta == 0:
        return l1_loss(input, target, reduction=reduction)
    expect_same_size(input, target)
    return reduced(_huber(input, target, beta) / beta, reduction)


def decay(z):
    """Return e = exp(-|z|), and u: 1 where `z` is at least 0, and e elsewhere."""
    if isinstance(z, Tensor):
        e = np.exp(np.where(z >= 0, -z, z))
        return e, np.where(z >= 0, 1, e)
    e = np.exp(-np.abs(z))
    return e, np.maximum(e, z >= 0)  # max(e, 1) is 1, and max(e, 0) is e


@curve
def logsigmoid(input):
    """Return log(sigmoid(input)), also where the sigmoid rounds to 0 or to 1."""
    e, u = decay(-input)
    return np.minimum(input, 0) - np.log1p(e), lambda g: g * (u / (1 + e))


@curve
def _bce_with_logits(input, target):
    z, y = input, target
    e, u = decay(z)
    value = np.maximum(z, 0) - z * y + np.log1p(e)

    def grad_input(g):  # p - y, without subtracting numbers that are nearly equal
        return g * ((u - y - y * e) / (1 + e))

    return value, lambda g: (lambda: grad_input(g), lambda: -g * z)


def binary_cross_entropy_with_logits(
    input, target, weight=None, *, reduction="mean", pos_weight=None
):
    """Return -log of the probability that sigmoid(input) gives to what happened.

    input: log-odds of any size, target: 0 or 1, or between; of one shape. weight: for
    each loss, pos_weight: for those of target 1; both broadcast to that shape. Raises
    ValueError if the sizes differ, RuntimeError if the target holds whole numbers.
    """
    if target.shape != input.shape:
        raise ValueError(
            f"Target size ({list(target.shape)}) must be the same as input size "
            f"({list(input.shape)})"
        )
    if target.dtype.kind != "f":
        raise RuntimeError(
            f"result type {input.dtype.name} can't be cast to the desired output type "
            f"{target.dtype.name}: use .float()"
        )
    if pos_weight is None:
        loss = _bce_with_logits(input, target)
    else:
        yes = scaled(target, pos_weight)
        loss = -(yes * logsigmoid(input) + (1 - target) * logsigmoid(-input))
    return reduced(scaled(loss, weight), reduction)


def softmin(input, dim, dtype=None):
    """Return softmax(-input, dim): the smallest score gets the largest probability."""
    return softmax(-input, dim, dtype)


def one_hot(tensor, num_classes=-1):
    """Return a row of zeros with a 1 at its place for each class number, in int64.

    tensor: int64, of any shape. num_classes: the length of a row; by default one more
    than the largest number. Raises RuntimeError for a number that has no place.
    """
    if tensor.dtype != np.int64:
        raise RuntimeError("one_hot is only applicable to index tensor of type int64.")
    if num_classes == -1:
        if tensor.numel() == 0:
            message = "Can not infer total number of classes from empty tensor."
            raise RuntimeError(message)
        num_classes = int(tensor.max()) + 1
    if (tensor < 0).any():
        raise RuntimeError("Class values must be non-negative.")
    if (tensor >= num_classes).any():
        raise RuntimeError("Class values must be smaller than num_classes.")
    return (tensor.unsqueeze(-1) == np.arange(num_classes, like=tensor.data)).long()


def class_dim(input):
    """Return which dimension the classes are: the first, or of (N, C, …) the next."""
    if input.ndim == 0:
        raise ValueError("Expected 1 or more dimensions (got 0)")
    return min(1, input.ndim - 1)


def one_each(input, target):
    """Return the target, if it has a class number for each row of scores.

    Raises ValueError or RuntimeError if it has not.
    """
    size, dim = list(input.shape), class_dim(input)
    rows, found = size[:dim] + size[dim + 1 :], list(target.shape)
    if not rows and found:
        if target.numel() == 1:
            return target.reshape(())
        expected = f"1D target must have size 1, but got target size: {found[0]}"
        raise ValueError(f"For 1D input, {expected}")
    if found[:1] != rows[:1]:
        batch = f"({rows[0]}) to match target batch_size ({found[0] if found else 1})"
        raise ValueError(f"Expected input batch_size {batch}.")
    if found != rows:
        raise RuntimeError(f"Expected target size {rows}, got {found}")
    return target


def classes_of(input, target, ignore_index):
    """Return the class numbers as an array, and which of them count: None if all do."""
    target = one_each(input, target)
    if target.dtype not in (np.int64, np.uint8):
        found = f"Long or Byte (int64 or uint8), but got {target.dtype.name}"
        raise RuntimeError(f"expected target dtype to be {found}")
    numbers, classes = target.data, input.shape[class_dim(input)]
    odd = (numbers < 0) | (numbers >= classes) | (numbers == ignore_index)
    if not np.any(odd):
        return numbers, None
    counts = numbers != ignore_index
    wrong = numbers[odd & counts]
    if wrong.size:
        raise IndexError(f"Target {wrong[0].item()} is out of bounds.")
    return np.where(counts, numbers, 0), Tensor(counts)


def check_weight(input, weight):
    """Raise RuntimeError if there is not one weight for each class, in one dtype."""
    classes = input.shape[class_dim(input)]
    if weight.shape != (classes,):
        raise RuntimeError(
            f"weight tensor should be defined either for all {classes} classes or no "
            f"classes but got weight tensor of shape: {list(weight.shape)}"
        )
    if weight.dtype != input.dtype:
        found = f"{input.dtype.name} but found {weight.dtype.name}"
        raise RuntimeError(f"expected scalar type {found}")


def averaged(losses, counts, share, reduction):
    """Reduce losses; the mean divides by the sum of shares, of those that count."""
    if counts is not None:
        share = counts.to(losses.dtype) if share is None else where(counts, share, 0)
        losses = where(counts, losses, 0)
    if reduction == "mean" and share is not None:
        return losses.sum() / share.sum()
    return reduced(losses, reduction)


def nll_loss(input, target, weight=None, *, ignore_index=-100, reduction="mean"):
    """Return minus the log-probabilities that `input` gives to the classes in `target`.

    input: log-probabilities (C,), (N, C) or (N, C, d1, …). target: class numbers, int64
    or uint8, in that shape without C; those equal to ignore_index do not count.
    weight (C,): a factor for each class; "mean" divides by the sum of those used.
    Raises IndexError for a class number outside of 0 … C - 1, ValueError or
    RuntimeError for shapes and dtypes that do not fit.
    """
    places, counts = classes_of(input, target, ignore_index)
    losses, share = -input[chosen(places, class_dim(input))], None
    if weight is not None:
        check_weight(input, weight)
        share = weight[places]
        losses = losses * share
    return averaged(losses, counts, share, reduction)


def by_class(logs, weight):
    """Return logarithms of probabilities times the weights of their classes."""
    if weight is None:
        return logs
    check_weight(logs, weight)
    return logs * weight.reshape((-1,) + (1,) * max(logs.ndim - 2, 0))


def cross_entropy_of_probabilities(input, target, weight, reduction, label_smoothing):
    """Return the cross-entropy of targets that are probabilities, input's shape."""
    if target.dtype.kind != "f":
        expected = "floating point type for target with class probabilities"
        raise RuntimeError(f"Expected {expected}, got {target.dtype.name}")
    dim = class_dim(input)
    if label_smoothing:
        target = (1 - label_smoothing) * target + label_smoothing / input.shape[dim]
    losses = -(target * by_class(log_softmax(input, dim), weight)).sum(dim)
    return reduced(losses, reduction)


def cross_entropy_of_classes(input, places, weight, label_smoothing):
    """Return the cross-entropy of each class number, and the weight of its class."""
    dim, share = class_dim(input), None
    losses = _cross_entropy(input, places, dim)
    if weight is not None:
        check_weight(input, weight)
        share = weight[places]
        losses = losses * share
    if label_smoothing:
        others = by_class(log_softmax(input, dim), weight).mean(dim)
        losses = (1 - label_smoothing) * losses - label_smoothing * others
    return losses, share


def cross_entropy(
    input,
    target,
    weight=None,
    *,
    ignore_index=-100,
    reduction="mean",
    label_smoothing=0.0,
):
    """Return minus the log-probabilities that softmax(input) gives to the target.

    input: scores (C,), (N, C) or (N, C, d1, …). target, weight: as in `nll_loss`; or
    the target is a tensor of probabilities in the shape of the input, where "mean"
    divides by the number of rows. label_smoothing: the part of the target, 0 to 1,
    that goes to all classes alike (Szegedy and others 2016). Errors as in `nll_loss`.
    """
    if not 0 <= label_smoothing <= 1:
        bounds = f"between 0.0 and 1.0. Got: {label_smoothing}"
        raise RuntimeError(f"label_smoothing must be {bounds}")
    if target.shape == input.shape:
        if ignore_index >= 0:
            message = "ignore_index is not supported for floating point target"
            raise RuntimeError(message)
        return cross_entropy_of_probabilities(
            input, target, weight, reduction, label_smoothing
        )
    refuse_whole_numbers("log_softmax", input)
    places, counts = classes_of(input, target, ignore_index)
    losses, share = cross_entropy_of_classes(input, places, weight, label_smoothing)
    return averaged(losses, counts, share, reduction)


def kl_div(input, target, *, reduction="mean", log_target=False):
    """Return the terms target * (log(target) - input) of the KL divergence, or a sum.

    input: log-probabilities of the model; target: probabilities, or their logarithms
    with log_target; of shapes that broadcast. reduction: "none"; "sum"; "batchmean",
    the sum divided by the size of dimension 0, which is the divergence; "mean" divides
    by the number of all elements. Raises RuntimeError for whole numbers.
    """
    if "f" not in (input.dtype.kind, target.dtype.kind):
        raise RuntimeError("kl_div: Integral inputs not supported.")
    if log_target:
        terms = target.exp() * (target - input)
    else:  # 0 log(0) is 0
        terms = target * (where(target == 0, 1, target).log() - input)
    if reduction == "batchmean":
        return terms.sum() / (input.shape[0] if input.ndim else 1)
    return reduced(terms, reduction)


def refuse_probability(p):
    """Raise ValueError if `p` is no probability."""
    if not 0 <= p <= 1:
        message = f"dropout probability has to be between 0 and 1, but got {p}"
        raise ValueError(message)


def dropout_mask(input, p):
    """Return 0 with probability `p`, else 1 / (1 - p), for each element of `input`."""
    keep = (rand_like(input, dtype=float32) >= p).to(input.dtype)
    if p == 1:
        return keep  # all 0: nothing to divide
    if input.dtype.kind != "f":
        message = "result type Float can't be cast to the desired output type "
        raise RuntimeError(message + input.dtype.name)
    return keep / (1 - p)


@op
def _dropout(input, mask):
    return input * mask, lambda g: g * mask


def dropout(input, p=0.5, training=True, inplace=False):
    """Set each element to 0 with probability `p`, and divide the others by 1 - p.

    The expected value of each stays what it was. If not `training`, `input` comes back
    as it is. Raises ValueError if `p` is not between 0 and 1, RuntimeError for whole
    numbers, which would not stay whole. Hinton and others, 2012.
    """
    refuse_probability(p)
    if not training or p == 0:
        return input
    mask = dropout_mask(input, p)
    return input.mul_(mask) if inplace else _dropout(input, mask)
