"""Functions that networks are made of.

Written in chapters 2.1, 2.3b, 2.4, 2.5, 2.6, 2.9, 3.1, 3.2 and 3.3.
"""

import itertools
import math
import warnings

import numpy as np

from ..creation import rand_like
from ..dtypes import float32
from ..ops import pointwise
from ..ops.convolution import (
    _convolution,
    _max_pool,
    _transposed,
    numbers_of,
    out_size,
    overlaid,
    window_of,
    windows,
)
from ..ops.indexing import change, index_select
from ..ops.linalg import refuse_misfits
from ..ops.normalization import _batch_norm, _layer_norm, _local_response_norm, moments
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
from ..ops.shape import _pad, padded, stack
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
    shape, rows = input.shape, y.shape  # the way back keeps no more of these two

    def pullback(g):
        g = shaped(g, rows)
        return (
            lambda: shaped(g @ weight, shape),
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


def for_each(name, value, n):
    """Return a number for each of n dimensions, from one or from a list."""
    values = tuple(value) if isinstance(value, (tuple, list)) else (value,)
    if len(values) not in (1, n):
        raise RuntimeError(
            f"expected {name} to be a single integer value or a list of {n} values to "
            f"match the convolution dimensions, but got {name}={list(values)}"
        )
    return values * n if len(values) == 1 else values


def refuse_settings(stride, padding, dilation, groups, output_padding=(0,)):
    """Raise RuntimeError for steps, pads and groups that make no sense."""
    signs = [("stride", min(stride), 1), ("groups", groups, 1)]
    signs += [("padding", min(padding), 0), ("output_padding", min(output_padding), 0)]
    for name, least, allowed in signs:
        if least < allowed:
            kind = "non-positive" if allowed else "negative"
            raise RuntimeError(f"{kind} {name} is not supported")
    if min(dilation) <= 0:
        raise RuntimeError(
            f"dilation should be greater than zero, but got {list(dilation)}"
        )


def refuse_sizes(name, n, input, weight, groups):
    """Raise RuntimeError for dimensions and groups that do not fit."""
    size = list(weight.shape)
    if input.ndim not in (n + 1, n + 2):
        raise RuntimeError(
            f"Expected {n + 1}D (unbatched) or {n + 2}D (batched) input to {name}, but "
            f"got input of size: {list(input.shape)}"
        )
    if weight.ndim != n + 2:
        raise RuntimeError(f"Expected {n + 2}D weight in {name}, but got size: {size}")
    if min(size[2:]) < 1:
        message = "kernel size should be greater than zero, but got"
        raise RuntimeError(f"{message} {size[2:]}")
    if size[0] % groups or size[0] < groups:
        few = f"divisible by {groups}" if size[0] % groups else f"at least {groups}"
        raise RuntimeError(
            f"Given groups={groups}, expected weight to be {few} at dimension 0, but "
            f"got weight of size [{size}] instead"
        )


def refuse_channels(n, input, weight, bias, groups, transposed):
    """Raise RuntimeError if the channels of input, weight and bias do not fit."""
    size, shape = list(weight.shape), list(input.shape)
    given = "transposed=1" if transposed else f"groups={groups}"
    ends = size[0], size[1] * groups
    wanted, many = ends if transposed else ends[::-1]
    if shape[-n - 1] != wanted:
        raise RuntimeError(
            f"Given {given}, weight of size {size}, expected input{shape} to have "
            f"{wanted} channels, but got {shape[-n - 1]} channels instead"
        )
    if bias is not None and bias.shape != (many,):
        given = f"{given}, " if transposed else ""
        raise RuntimeError(
            f"Given {given}weight of size {size}, expected bias to be 1-dimensional "
            f"with {many} elements, but got bias of size {list(bias.shape)} instead"
        )


def refuse_kinds(input, weight, bias):
    """Raise RuntimeError for several dtypes."""
    if weight.dtype != input.dtype:
        found = f"{input.dtype.name} but found {weight.dtype.name}"
        raise RuntimeError(f"expected scalar type {found}")
    if bias is not None and bias.dtype != input.dtype:
        kinds = f"({input.dtype.name}) and bias type ({bias.dtype.name})"
        raise RuntimeError(f"Input type {kinds} should be the same")


def refuse_large(input, kernel, padding, dilation):
    """Raise RuntimeError if a kernel does not fit into the padded picture."""
    sizes = input.shape[-len(kernel) :]
    room = [n + 2 * p for n, p in zip(sizes, padding, strict=True)]
    needed = [d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)]
    if any(map(int.__lt__, room, needed)):
        room, needed = (f"({' x '.join(map(str, x))})" for x in (room, needed))
        raise RuntimeError(
            f"Calculated padded input size per channel: {room}. Kernel size: {needed}. "
            "Kernel size can't be greater than actual input size"
        )
    if 0 in sizes:
        shape = list(input.shape)
        message = "Only zero batch or zero channel inputs are supported, but got input"
        raise RuntimeError(f"{message} shape: {shape}")


def margins(padding, stride, kernel, dilation):
    """Return (before, after) for each dimension, of "valid" or "same"."""
    if padding not in ("same", "valid"):
        raise RuntimeError(f"Invalid padding string: '{padding}'")
    if padding == "valid":
        return [(0, 0)] * len(kernel)
    if max(stride) > 1:
        raise RuntimeError("padding='same' is not supported for strided convolutions")
    totals = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
    return [(t // 2, t - t // 2) for t in totals]


def single(n, input, operation, *arguments):
    """Apply an operation for batches to a picture alone, too; float16 in float32."""
    alone, dtype = input.ndim == n + 1, input.dtype
    tensors = [input.unsqueeze(0) if alone else input, *arguments[:2]]
    if dtype == np.float16:
        tensors = [t if t is None else t.to(float32) for t in tensors]
    y = operation(*tensors, *arguments[2:]).to(dtype)
    return y.squeeze(0) if alone else y


def convolved(name, n, input, weight, bias, stride, padding, dilation, groups):
    """Return a convolution over n dimensions, after checks."""
    stride, dilation = for_each("stride", stride, n), for_each("dilation", dilation, n)
    word = isinstance(padding, str)
    pads = (0,) * n if word else for_each("padding", padding, n)
    refuse_settings(stride, pads, dilation, groups)
    refuse_sizes(name, n, input, weight, groups)
    refuse_channels(n, input, weight, bias, groups, transposed=False)
    refuse_kinds(input, weight, bias)
    kernel = weight.shape[2:]
    if word:
        pairs = margins(padding, stride, kernel, dilation)
        pads = tuple(before for before, _ in pairs)
        rest = [(0, after - before) for before, after in pairs]
        if any(map(any, rest)):  # one more behind than before
            input = _pad(input, [(0, 0)] * (input.ndim - n) + rest, 0)
    refuse_large(input, kernel, pads, dilation)
    window = window_of(input.shape[-n:], kernel, stride, pads, dilation)
    return single(n, input, _convolution, weight, bias, window, groups)


def conv2d(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """Slide filters over pictures; return the sums of products at each place.

    input: (N, in, H, W) or (in, H, W). weight: (out, in / groups, kH, kW). bias:
    (out,). stride, padding, dilation: a number or one each for H and W; padding may
    be "valid" (none) or "same" (the output is as large as the input). groups: into how
    many parts the channels fall, each with filters of its own. The result has sizes
    (H + 2 padding - dilation (kH - 1) - 1) // stride + 1. Raises RuntimeError if the
    sizes do not fit.
    """
    settings = stride, padding, dilation, groups
    return convolved("conv2d", 2, input, weight, bias, *settings)


def conv1d(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """Slide filters along sequences (N, in, L) or (in, L); see `conv2d`."""
    settings = stride, padding, dilation, groups
    return convolved("conv1d", 1, input, weight, bias, *settings)


def conv3d(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """Slide filters through volumes (N, in, D, H, W) or (in, D, H, W); see `conv2d`."""
    settings = stride, padding, dilation, groups
    return convolved("conv3d", 3, input, weight, bias, *settings)


def transposed_sizes(sizes, kernel, stride, padding, output_padding, dilation):
    """Return the sizes of a transposed convolution's result, after checks."""
    for extra, s, d in zip(output_padding, stride, dilation, strict=True):
        if extra >= max(s, d):
            raise RuntimeError(
                "output padding must be smaller than either stride or dilation, but "
                f"got output_padding: {output_padding} stride: {stride} dilation: "
                f"{dilation}"
            )
    rows = zip(sizes, kernel, stride, padding, output_padding, dilation, strict=True)
    out = tuple((n - 1) * s - 2 * p + d * (k - 1) + e + 1 for n, k, s, p, e, d in rows)
    if min(out) < 1:
        given, found = (f"({' x '.join(map(str, x))})" for x in (sizes, out))
        raise RuntimeError(
            f"Given input size per channel: {given}. Calculated output size per "
            f"channel: {found}. Output size is too small"
        )
    return out


def spread_out(name, n, input, weight, bias, stride, padding, extra, groups, dilation):
    """Return a transposed convolution over n dimensions, after checks."""
    stride, dilation = for_each("stride", stride, n), for_each("dilation", dilation, n)
    padding = for_each("padding", padding, n)
    extra = for_each("output_padding", extra, n)
    refuse_settings(stride, padding, dilation, groups, extra)
    refuse_sizes(name, n, input, weight, groups)
    refuse_channels(n, input, weight, bias, groups, transposed=True)
    refuse_kinds(input, weight, bias)
    sizes, kernel = input.shape[-n:], weight.shape[2:]
    out = transposed_sizes(sizes, kernel, stride, padding, extra, dilation)
    window = window_of(out, kernel, stride, padding, dilation)
    rest = [(0, many - m) for many, m in zip(window.out, sizes, strict=True)]
    if any(map(any, rest)):  # windows that only output padding has made room for
        input = _pad(input, [(0, 0)] * (input.ndim - n) + rest, 0)
    return single(n, input, _transposed, weight, bias, window, groups)


def conv_transpose2d(
    input,
    weight,
    bias=None,
    stride=1,
    padding=0,
    output_padding=0,
    groups=1,
    dilation=1,
):
    """Return what `conv2d` passes back for the gradient `input`: spread-out filters.

    input: (N, in, H, W) or (in, H, W). weight: (in, out / groups, kH, kW). The result
    has sizes (H - 1) stride - 2 padding + dilation (kH - 1) + output_padding + 1.
    Raises RuntimeError if the sizes do not fit. Source: Zeiler et al. (2010).
    """
    settings = stride, padding, output_padding, groups, dilation
    return spread_out("conv_transpose2d", 2, input, weight, bias, *settings)


def conv_transpose1d(
    input,
    weight,
    bias=None,
    stride=1,
    padding=0,
    output_padding=0,
    groups=1,
    dilation=1,
):
    """Spread filters along sequences (N, in, L) or (in, L); see `conv_transpose2d`."""
    settings = stride, padding, output_padding, groups, dilation
    return spread_out("conv_transpose1d", 1, input, weight, bias, *settings)


def refuse_block(kernel, dilation, padding, stride):
    """Raise RuntimeError for windows without pixels or steps, and negative padding."""
    rows = [("kernel size", kernel, 1), ("dilation", dilation, 1)]
    for name, values, least in [*rows, ("padding", padding, 0), ("stride", stride, 1)]:
        if min(values) < least:
            rule = "greater than zero" if least else "non-negative"
            raise RuntimeError(f"{name} should be {rule}, but got {list(values)}")


def two(name, value):
    """Return a pair, from a number or a pair."""
    values = tuple(value) if isinstance(value, (tuple, list)) else (value, value)
    if len(values) != 2:
        size = len(values)
        raise RuntimeError(f"It is expected {name} equals to 2, but got size {size}")
    return values


def block_frame(sizes, kernel_size, dilation, padding, stride):
    """Return how windows slide over pictures of these sizes; and the padding."""
    names = "kernel_size", "dilation", "padding", "stride"
    values = kernel_size, dilation, padding, stride
    pairs = [two(name, x) for name, x in zip(names, values, strict=True)]
    refuse_block(*pairs)
    kernel, dilation, padding, stride = pairs
    out = tuple(map(out_size, sizes, kernel, stride, padding, dilation))
    return (kernel, stride, dilation, out), [(0, 0), (0, 0), *[(p, p) for p in padding]]


def unfold(input, kernel_size, dilation=1, padding=0, stride=1):
    """Return all windows of pictures, one a column: (N, C * kH * kW, windows).

    input: (N, C, H, W) or (C, H, W). Raises RuntimeError if the sizes do not fit.
    """
    if input.ndim not in (3, 4) or 0 in input.shape[-3:]:
        raise RuntimeError(
            "Expected 3D or 4D (batch mode) tensor with possibly 0 batch size and "
            "other non-zero dimensions for input, but got: " + str(list(input.shape))
        )
    refuse_whole_numbers("im2col_out_cpu", input)
    sizes = input.shape[-2:]
    frame, pads = block_frame(sizes, kernel_size, dilation, padding, stride)
    if min(frame[-1]) < 1:
        raise RuntimeError(
            f"Given input with spatial size {sizes}, kernel_size={frame[0]}, "
            f"dilation={frame[2]}, padding={two('padding', padding)}, calculated shape "
            f"of the array of sliding blocks as {frame[-1]}, but its components must "
            "be at least one."
        )
    x = input if input.ndim == 4 else input.unsqueeze(0)
    y = windows(_pad(x, pads, 0), frame).flatten(3).flatten(1, 2)
    return y if input.ndim == 4 else y.squeeze(0)


def fold(input, output_size, kernel_size, dilation=1, padding=0, stride=1):
    """Put windows back to their places in pictures, and add up where they overlap.

    input: (N, C * kH * kW, windows) or without N. The result is (N, C, *output_size).
    Raises RuntimeError if the sizes do not fit.
    """
    if input.ndim not in (2, 3) or 0 in input.shape[-2:]:
        raise RuntimeError(
            "Expected 2D or 3D (batch mode) tensor for input with possibly 0 batch "
            f"size and non-zero dimensions for input, but got: {list(input.shape)}"
        )
    sizes = two("output_size", output_size)
    frame, pads = block_frame(sizes, kernel_size, dilation, padding, stride)
    (kernel, stride, dilation, out), (rows, found) = frame, input.shape[-2:]
    if rows % math.prod(kernel):
        raise RuntimeError(
            "Expected size of input's dimension 1 to be divisible by the product of "
            f"kernel_size, but got input.size(1)={rows} and kernel_size={kernel}."
        )
    if found != math.prod(out) or min(out) < 1:
        padding, many = two("padding", padding), " * ".join(map(str, out))
        raise RuntimeError(
            f"Given output_size={sizes}, kernel_size={kernel}, dilation={dilation}, "
            f"padding={padding}, stride={stride}, expected size of input's dimension 2 "
            f"to match the calculated number of sliding blocks {many} = "
            f"{math.prod(out)}, but got input.size(2)={found}."
        )
    return folded(input, sizes, frame, pads)


def folded(input, sizes, frame, pads):
    """Return the pictures that windows add up to, without their padding."""
    x = input if input.ndim == 3 else input.unsqueeze(0)
    blocks = x.unflatten(1, (-1, math.prod(frame[0]))).unflatten(3, frame[-1])
    whole = [n + sum(pair) for n, pair in zip(sizes, pads[2:], strict=True)]
    y = _pad(overlaid(blocks, whole, frame), [(-a, -b) for a, b in pads], 0)
    return y if input.ndim == 3 else y.squeeze(0)


def pool_values(name, n, kernel_size, stride, padding, dilation=1):
    """Return kernel, stride, padding and dilation for each of n dimensions."""
    stride = kernel_size if stride is None or stride == () else stride
    found = {"kernel_size": kernel_size, "stride": stride}
    found |= {"padding": padding, "dilation": dilation}
    for key, value in found.items():
        values = tuple(value) if isinstance(value, (tuple, list)) else (value,)
        if len(values) not in (1, n):
            raise RuntimeError(
                f"{name}: {key} must either be a single int, or a tuple of {n} ints"
            )
        found[key] = values * n if len(values) == 1 else values
    return found.values()


def refuse_pool(kernel, stride, padding, dilation):
    """Raise RuntimeError for windows, steps and pads that make no sense."""
    for name, values in [("kernel size", kernel), ("dilation", dilation)]:
        if min(values) <= 0:
            raise RuntimeError(f"{name} should be greater than zero, but got {values}")
    if min(stride) <= 0:
        raise RuntimeError("stride should not be zero")
    if min(padding) < 0:
        raise RuntimeError(f"pad must be non-negative, but got pad: {min(padding)}")
    for k, p, d in zip(kernel, padding, dilation, strict=True):
        if p > (d * (k - 1) + 1) // 2:
            raise RuntimeError(
                "pad should be at most half of effective kernel size, but got "
                f"pad={p}, kernel_size={k} and dilation={d}"
            )


def pool_out(input, kernel, stride, padding, dilation, ceil_mode):
    """Return how many windows there are along each dimension, after checks."""
    n = len(kernel)
    if input.ndim not in (n + 1, n + 2) or 0 in input.shape[-n - 1 :]:
        raise RuntimeError(
            f"Expected {n + 1}D or {n + 2}D (batch mode) tensor with optional 0 dim "
            f"batch size for input, but got:{list(input.shape)}"
        )
    out = []
    rows = zip(input.shape[-n:], kernel, stride, padding, dilation, strict=True)
    for size, k, s, p, d in rows:
        many = out_size(size + (s - 1) * ceil_mode, k, s, p, d)
        # a window must not begin in the padding behind
        out.append(many - (ceil_mode and (many - 1) * s >= size + p))
    if min(out) < 1:
        channels = [input.shape[-n - 1], *[1] * (2 - n)]
        pair = [*channels, *input.shape[-n:]], [*channels, *out]
        given, found = ("x".join(map(str, sizes)) for sizes in pair)
        raise RuntimeError(
            f"Given input size: ({given}). Calculated output size: ({found}). Output "
            "size is too small"
        )
    return tuple(out)


def pool_pads(sizes, kernel, stride, padding, dilation, out):
    """Return (before, after) for each dimension, so that all windows have pixels."""
    rows = zip(sizes, kernel, stride, padding, dilation, out, strict=True)
    needs = [((m - 1) * s + d * (k - 1) + 1 - n - p, p) for n, k, s, p, d, m in rows]
    return [(0, 0), (0, 0), *[(p, max(after, 0)) for after, p in needs]]


def max_pooled(name, n, input, sizes, ceil_mode, return_indices):
    """Return the maxima of windows over n dimensions; and, if asked, which they are."""
    kernel, stride, padding, dilation = pool_values(name, n, *sizes)
    refuse_pool(kernel, stride, padding, dilation)
    out = pool_out(input, kernel, stride, padding, dilation, ceil_mode)
    frame = kernel, stride, dilation, out
    spatial = input.shape[-n:]
    pads = pool_pads(spatial, kernel, stride, padding, dilation, out)
    alone = input.ndim == n + 1
    x = input.unsqueeze(0) if alone else input
    lowest = -math.inf if x.dtype.kind == "f" else np.iinfo(x.dtype).min
    x = _pad(x, pads, lowest) if any(map(any, pads)) else x
    y = _max_pool(x, frame)
    if not return_indices:
        return y.squeeze(0) if alone else y
    numbers = np.arange(math.prod(spatial), like=x.data)
    numbers = padded(np.reshape(numbers, spatial), pads[2:], 0)
    index = Tensor(numbers_of(x.data, y.data, numbers, frame))
    return (y.squeeze(0), index.squeeze(0)) if alone else (y, index)


def max_pool2d(
    input,
    kernel_size,
    stride=None,
    padding=0,
    dilation=1,
    ceil_mode=False,
    return_indices=False,
):
    """Return the largest element of each window: (N, C, H, W) or (C, H, W).

    stride: by default the kernel_size. ceil_mode: windows that reach over the end
    count, too. return_indices: return (maxima, their numbers in a picture laid out
    flat). Raises RuntimeError if the sizes do not fit.
    """
    sizes = kernel_size, stride, padding, dilation
    return max_pooled("max_pool2d", 2, input, sizes, ceil_mode, return_indices)


def max_pool1d(
    input,
    kernel_size,
    stride=None,
    padding=0,
    dilation=1,
    ceil_mode=False,
    return_indices=False,
):
    """Return the largest element of each window of (N, C, L) or (C, L)."""
    sizes = kernel_size, stride, padding, dilation
    return max_pooled("max_pool1d", 1, input, sizes, ceil_mode, return_indices)


def window_counts(input, pads, frame, padding, count_include_pad):
    """Return how many pixels each window has: an array that broadcasts."""
    counts = np.ones_like(input.data, shape=())
    rows = zip(input.shape[2:], pads[2:], *frame[:2], frame[3], padding, strict=True)
    for size, (before, _), k, s, n, p in rows:
        first = np.arange(n, dtype=input.dtype, like=input.data) * s - before
        last = np.minimum(first + k, size + p)
        if not count_include_pad:
            first, last = np.maximum(first, 0), np.minimum(last, size)
        counts = counts[..., None] * (last - first)
    return counts


def averaged_pool(name, n, input, sizes, ceil_mode, count_include_pad, divisor):
    """Return the means of windows over n dimensions."""
    kernel, stride, padding, _ = pool_values(name, n, *sizes)
    once = (1,) * n
    refuse_pool(kernel, stride, padding, once)
    if divisor == 0:
        raise RuntimeError("divisor must be not zero")
    out = pool_out(input, kernel, stride, padding, once, ceil_mode)
    frame, alone = (kernel, stride, once, out), input.ndim == n + 1
    pads = pool_pads(input.shape[-n:], kernel, stride, padding, once, out)
    x = input.unsqueeze(0) if alone else input
    if divisor is None:
        divisor = math.prod(kernel)
        if any(map(any, pads)):
            divisor = Tensor(window_counts(x, pads, frame, padding, count_include_pad))
    y = windows(_pad(x, pads, 0) if any(map(any, pads)) else x, frame).sum(2) / divisor
    return y.squeeze(0) if alone else y


def avg_pool2d(
    input,
    kernel_size,
    stride=None,
    padding=0,
    ceil_mode=False,
    count_include_pad=True,
    divisor_override=None,
):
    """Return the mean of each window: (N, C, H, W) or (C, H, W).

    count_include_pad: whether padding counts as pixels. divisor_override: what to
    divide sums by instead. Raises RuntimeError if the sizes do not fit.
    """
    sizes, rest = (kernel_size, stride, padding), (count_include_pad, divisor_override)
    return averaged_pool("avg_pool2d", 2, input, sizes, ceil_mode, *rest)


def avg_pool1d(
    input, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True
):
    """Return the mean of each window of (N, C, L) or (C, L); see `avg_pool2d`."""
    sizes = kernel_size, stride, padding
    return averaged_pool(
        "avg_pool1d", 1, input, sizes, ceil_mode, count_include_pad, None
    )


def adaptive_sizes(name, n, input, output_size):
    """Return the sizes that are wanted, after checks; None keeps a size."""
    if input.ndim not in (n + 1, n + 2):
        raise RuntimeError(
            f"{name}(): Expected {n + 1}D or {n + 2}D tensor, but got "
            f"{list(input.shape)}"
        )
    if 0 in input.shape[-n:]:
        raise RuntimeError(
            f"{name}(): Expected input to have non-zero size for non-batch dimensions, "
            f"but input has sizes {list(input.shape)} with dimension "
            f"{input.ndim - n + input.shape[-n:].index(0)} being empty"
        )
    refuse_whole_numbers(name, input)
    many = isinstance(output_size, (tuple, list))
    wanted = tuple(output_size) if many else (output_size,) * n
    if len(wanted) != n:
        raise RuntimeError(f"{name}: output_size must be {n}")
    wanted = [
        m if w is None else w for w, m in zip(wanted, input.shape[-n:], strict=True)
    ]
    if min(wanted) < 0:
        message = "elements of output_size must be greater than or equal to 0"
        raise RuntimeError(f"{name}: {message} but received {wanted}")
    return wanted


def cells(size, wanted):
    """Return the slices of cells that cover one dimension as evenly as can be."""
    return [
        slice(i * size // wanted, -(-(i + 1) * size // wanted)) for i in range(wanted)
    ]


def averaging(size, wanted, like):
    """Return the matrix that takes the mean of each cell: (size, wanted)."""
    matrix = np.zeros_like(like, shape=(size, wanted))
    for i, cell in enumerate(cells(size, wanted)):
        matrix[cell, i] = 1 / (cell.stop - cell.start)
    return Tensor(matrix)


def adaptive_average(name, n, input, output_size):
    """Return the means of cells over n dimensions."""
    wanted = adaptive_sizes(name, n, input, output_size)
    if set(wanted) == {1}:
        return input.mean(tuple(range(-n, 0)), keepdim=True)
    y = input
    for d, m in zip(range(-n, 0), wanted, strict=True):
        matrix = averaging(input.shape[d], m, input.data)
        y = (y.transpose(d, -1) @ matrix).transpose(d, -1)
    return y.contiguous()


def adaptive_max(name, n, input, output_size, return_indices):
    """Return the maxima of cells over n dimensions; and, if asked, which they are."""
    wanted = adaptive_sizes(name, n, input, output_size)
    sizes = input.shape[-n:]
    numbers = np.reshape(np.arange(math.prod(sizes), like=input.data), sizes)
    found = []
    for cell in itertools.product(*map(cells, sizes, wanted)):
        values, places = input[(..., *cell)].flatten(-n).max(-1)
        found.append((values, Tensor(np.reshape(numbers[cell], -1))[places]))
    shape = (*input.shape[:-n], *wanted)
    if not found:
        values = input.flatten(-n)[..., :0].reshape(shape)
        return (values, values.long()) if return_indices else values
    values, index = (stack(x, -1).reshape(shape) for x in zip(*found, strict=True))
    return (values, index) if return_indices else values


def adaptive_avg_pool2d(input, output_size):
    """Return the means of `output_size` cells that cover the pictures.

    input: (N, C, H, W) or (C, H, W). output_size: a number, or two; None keeps a size.
    Cells overlap where the sizes do not divide. Raises RuntimeError.
    """
    return adaptive_average("adaptive_avg_pool2d", 2, input, output_size)


def adaptive_avg_pool1d(input, output_size):
    """Return the means of `output_size` cells of (N, C, L) or (C, L)."""
    return adaptive_average("adaptive_avg_pool1d", 1, input, output_size)


def adaptive_max_pool2d(input, output_size, return_indices=False):
    """Return the largest element of each of `output_size` cells of the pictures.

    As `adaptive_avg_pool2d`; return_indices: as in `max_pool2d`.
    """
    name = "adaptive_max_pool2d"
    return adaptive_max(name, 2, input, output_size, return_indices)


def adaptive_max_pool1d(input, output_size, return_indices=False):
    """Return the largest element of each of `output_size` cells of (N, C, L)."""
    name = "adaptive_max_pool1d"
    return adaptive_max(name, 1, input, output_size, return_indices)


def dropped(name, dims, input, p, training, inplace):
    """Set whole channels to 0 with probability `p`, and divide the others by 1 - p."""
    refuse_probability(p)
    if input.ndim not in dims:
        allowed = " or ".join(f"{d}D" for d in dims)
        raise RuntimeError(
            f"{name}: Expected {allowed} input, but received a {input.ndim}D input."
        )
    if not training or p == 0:
        return input
    single = input.ndim < dims[-1] and name != "dropout2d"
    shape = input.shape[: 1 if single else 2]
    ones = np.ones_like(input.data, shape=shape + (1,) * (input.ndim - len(shape)))
    mask = dropout_mask(Tensor(ones), p)
    return input.mul_(mask) if inplace else input * mask


def dropout1d(input, p=0.5, training=True, inplace=False):
    """Drop whole channels of (N, C, L) or (C, L) with probability `p`."""
    return dropped("dropout1d", (2, 3), input, p, training, inplace)


def dropout2d(input, p=0.5, training=True, inplace=False):
    """Drop whole channels of (N, C, H, W) or (N, C, L) with probability `p`.

    The neighbors of a pixel would give away what `dropout` has taken. Raises ValueError
    for a `p` that is no probability, RuntimeError for another number of dimensions.
    Source: Tompson et al. (2015).
    """
    return dropped("dropout2d", (3, 4), input, p, training, inplace)


def local_response_norm_simple(input, size, alpha, beta, k):
    """Return the same as `local_response_norm`, put together from other operations."""
    squares = (input * input).flatten(2).unsqueeze(1)  # (N, 1, C, places)
    squares = pad(squares, (0, 0, size // 2, (size - 1) // 2))
    means = avg_pool2d(squares, (size, 1), stride=1).reshape(input.shape)
    return input / (k + alpha * means) ** beta


def local_response_norm(input, size, alpha=1e-4, beta=0.75, k=1.0):
    """Divide by (k + alpha * the mean of `size` neighboring channels' squares) ** beta.

    input: (N, C, ...), the result has its shape. Neighbors that are missing count as 0.
    Raises ValueError for fewer than 3 dimensions, RuntimeError for a size below 1.
    Source: Krizhevsky et al. (2012), who take the sum: their alpha is alpha / size.
    """
    if input.ndim < 3:
        few = f"(got {input.ndim} dimensions)"
        raise ValueError(f"Expected 3D or higher dimensionality input {few}")
    if input.numel() == 0:
        return input
    if size < 1:
        raise RuntimeError(f"kernel size should be greater than zero, but got {size}")
    refuse_whole_numbers("local_response_norm", input)
    return _local_response_norm(input, size, alpha, beta, k)


def follow(running_mean, running_var, mean, var, count, momentum):
    """Move running statistics, if there are any, towards those of a batch, in place.

    var: the mean of squares; what runs is the estimate without bias, n / (n - 1) of it.
    """
    if running_mean is not None:
        var = var * (count / max(count - 1, 1))
        for running, new in [(running_mean, mean), (running_var, var)]:
            running.data += momentum * (new - running.data)


def by_channel(values, input):
    """Return one number for each channel, so that it broadcasts against the input."""
    return values.reshape((-1,) + (1,) * (input.ndim - 2))


def rescaled(input, mean, var, weight, bias, eps):
    """Return batch norm by a known mean and variance: times a scale, plus a shift."""
    scale = (var + eps).rsqrt()
    scale = scale if weight is None else scale * weight
    shift = -mean * scale
    shift = shift if bias is None else shift + bias
    return input * by_channel(scale, input) + by_channel(shift, input)


def refuse_mixed(name, input, *others):
    """Raise NotImplementedError for whole numbers, RuntimeError for several dtypes."""
    refuse_whole_numbers(name, input)
    allowed = (input.dtype, float32 if input.dtype == np.float16 else input.dtype)
    if any(t is not None and t.dtype not in allowed for t in others):
        wanted = "all inputs must share same datatype."
        if input.dtype == float32:
            wanted = "expect parameter to have scalar type of Float"
        raise RuntimeError(f"mixed dtype (CPU): {wanted}")


def full(*tensors):
    """Return tensors of half precision in float32, others as they are."""
    return [
        t.float() if t is not None and t.dtype == np.float16 else t for t in tensors
    ]


def refuse_lengths(input, repeated=1, **found):
    """Raise RuntimeError if a tensor has not one number for each channel."""
    channels = input.shape[1] if input.ndim > 1 else 0
    for name, t in found.items():
        if t is not None and t.numel() != channels:
            many, have = channels * repeated, t.numel() * repeated
            raise RuntimeError(f"{name} should contain {many} elements not {have}")


def refuse_alone(what, sizes, values):
    """Raise ValueError if a mean would be of one value: nothing is left of that."""
    if values == 1:
        message = f"Expected more than 1 {what} when training, got input size"
        raise ValueError(f"{message} {list(sizes)}")


def refuse_batch(input, training, eps, **found):
    """Raise the error for arguments of batch norm that do not fit."""
    stats = {name: t for name, t in found.items() if name.startswith("running")}
    missing = [name for name, t in stats.items() if t is None]
    if training:
        shared = math.prod([*input.shape[:1], *input.shape[2:]])
        refuse_alone("value per channel", input.shape, shared)
        if eps <= 0:
            rule = "eps must be positive during training"
            raise ValueError(f"batch_norm {rule}, but got {eps}")
    elif missing:
        raise RuntimeError(f"{missing[0]} must be defined in evaluation mode")
    if len(missing) == 1:
        names = " and ".join(stats)
        raise ValueError(f"{names} must either both be None or neither be None")
    refuse_lengths(input, **found)
    refuse_mixed("batch_norm", input, *found.values())


def batch_norm(
    input,
    running_mean,
    running_var,
    weight=None,
    bias=None,
    training=False,
    momentum=0.1,
    eps=1e-5,
):
    """Give each channel of a batch mean 0 and variance 1; then times weight, plus bias.

    input: (N, C) or (N, C, ...). The others: (C,), or None. training: use the batch's
    own mean and variance, and move the running ones towards them by `momentum`; else
    use the running ones. Raises ValueError where a channel has one value only in
    training, RuntimeError if sizes do not fit. Source: Ioffe and Szegedy (2015).
    """
    found = {"running_mean": running_mean, "running_var": running_var}
    refuse_batch(input, training, eps, **found, weight=weight, bias=bias)
    x, *rest = full(input, running_mean, running_var, weight, bias)
    if not training:
        return rescaled(x, *rest, eps).to(input.dtype)
    mean, var = moments(x.data)
    count = x.numel() // max(x.shape[1], 1)
    follow(running_mean, running_var, mean, var, count, momentum)
    return _batch_norm(x, *rest[2:], mean, var, eps).to(input.dtype)


def refuse_shapes(input, wanted, **found):
    """Raise RuntimeError if an input and its layer norm do not fit."""
    if not isinstance(wanted, (tuple, list)):
        raise TypeError(
            "layer_norm(): argument 'normalized_shape' (position 2) must be tuple of "
            f"ints, not {type(wanted).__name__}"
        )
    wanted, given = list(wanted), f"normalized_shape = {list(wanted)}"
    if not wanted:
        raise RuntimeError(
            "Expected normalized_shape to be at least 1-dimensional, i.e., containing "
            f"at least one element, but got {given}"
        )
    for name, t in found.items():
        if t is not None and list(t.shape) != wanted:
            raise RuntimeError(
                f"Expected {name} to be of same shape as normalized_shape, but got "
                f"{name} of shape {list(t.shape)} and {given}"
            )
    if list(input.shape[-len(wanted) :]) != wanted:
        sizes = ", ".join(map(str, ["*", *wanted]))
        raise RuntimeError(
            f"Given normalized_shape={wanted}, expected input with shape [{sizes}], "
            f"but got input of size{list(input.shape)}"
        )


def layer_norm(input, normalized_shape, weight=None, bias=None, eps=1e-5):
    """Give the last dimensions mean 0 and variance 1; then times weight, plus bias.

    normalized_shape: the sizes of the last dimensions, and the shape of weight and
    bias. Raises RuntimeError if sizes do not fit. Source: Ba, Kiros and Hinton (2016).
    """
    refuse_shapes(input, normalized_shape, weight=weight, bias=bias)
    refuse_mixed("layer_norm", input, weight, bias)
    x, w, b = full(input, weight, bias)
    return _layer_norm(x, w, b, eps, len(normalized_shape)).to(input.dtype)


def refuse_groups(input, num_groups, **found):
    """Raise the error for groups that do not fit."""
    shape = list(input.shape)
    if input.ndim < 2:
        message = "Expected at least 2 dimensions for input tensor but received"
        raise RuntimeError(f"{message} {input.ndim}")
    n, c, *rest = shape
    sizes = [n * c // num_groups, num_groups, *rest]
    refuse_alone("value per channel", sizes, sizes[0] * math.prod(rest))
    if num_groups < 0:
        message = "Expected num groups to be greater than 0, got"
        raise RuntimeError(f"{message} {num_groups}")
    if c % num_groups:
        raise RuntimeError(
            "Expected number of channels in input to be divisible by num_groups, but "
            f"got input of shape {shape} and num_groups={num_groups}"
        )
    for name, t in found.items():
        if t is not None and t.shape != (c,):
            raise RuntimeError(
                f"Expected {name} to be a vector of size equal to the number of "
                f"channels in input, but got {name} of shape {list(t.shape)} and input "
                f"of shape {shape}"
            )


def scaled_by_channel(y, weight, bias):
    """Return y * weight + bias, with a number for each channel, or None."""
    y = y if weight is None else y * by_channel(weight, y)
    return y if bias is None else y + by_channel(bias, y)


def group_norm(input, num_groups, weight=None, bias=None, eps=1e-5):
    """Give each group of channels of each example mean 0 and variance 1.

    input: (N, C, ...). weight, bias: (C,), or None, for afterwards. Raises RuntimeError
    if sizes do not fit, ValueError for groups of one value in a batch of one. Source:
    Wu and He (2018).
    """
    refuse_groups(input, num_groups, weight=weight, bias=bias)
    refuse_mixed("group_norm", input, weight, bias)
    x, w, b = full(input, weight, bias)
    (n, c), places = x.shape[:2], math.prod(x.shape[2:])
    rows = x.reshape(n, num_groups, c // num_groups * places)
    y = _layer_norm(rows, None, None, eps, 1).reshape(x.shape)
    return scaled_by_channel(y, w, b).to(input.dtype)


def follow_each(input, running_mean, running_var, momentum):
    """Move running statistics, if there are any, towards the mean of the examples'."""
    if running_mean is not None:
        places = math.prod(input.shape[2:])
        each = moments(np.reshape(input.data, (1, -1, places)))
        mean, var = (np.mean(np.reshape(m, input.shape[:2]), axis=0) for m in each)
        follow(running_mean, running_var, mean, var, places, momentum)


def instance_norm(
    input,
    running_mean=None,
    running_var=None,
    weight=None,
    bias=None,
    use_input_stats=True,
    momentum=0.1,
    eps=1e-5,
):
    """Give each channel of each example mean 0 and variance 1.

    Arguments and errors as in `batch_norm`; use_input_stats: as `training` there.
    Source: Ulyanov, Vedaldi and Lempitsky (2016).
    """
    found = {"running_mean": running_mean, "running_var": running_var}
    if not use_input_stats:
        if running_mean is None or running_var is None:
            names = "running_mean and running_var"
            message = f"Expected {names} to be defined when use_input_stats is false"
            raise RuntimeError(message)
        return batch_norm(input, *found.values(), weight, bias, eps=eps)
    found |= {"weight": weight, "bias": bias}
    refuse_alone("spatial element", input.shape, math.prod(input.shape[2:]))
    refuse_lengths(input, len(input), **found)
    refuse_mixed("batch_norm", input, *found.values())
    x, w, b = full(input, weight, bias)
    follow_each(x, running_mean, running_var, momentum)
    y = _layer_norm(x, None, None, eps, x.ndim - 2)
    return scaled_by_channel(y, w, b).to(input.dtype)
