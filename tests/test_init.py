"""First values of parameters: their sizes, against theory and against PyTorch."""

import math

import mytorch
import numpy as np
import pytest
import torch
from mytorch.nn import init

SHAPES = [(300, 200), (200, 300), (30, 20, 5, 3)]
RANDOM = {
    "uniform_": {"a": -0.3, "b": 0.7},
    "normal_": {"mean": 0.2, "std": 0.5},
    "trunc_normal_": {"mean": 0.1, "std": 0.7, "a": -1.0, "b": 0.5},
    "xavier_uniform_": {"gain": 1.7},
    "xavier_normal_": {},
    "kaiming_uniform_": {"a": math.sqrt(5)},
    "kaiming_normal_": {"mode": "fan_out", "nonlinearity": "relu"},
}


def distance(first, second):
    """How far apart two empirical distribution functions are (Kolmogorov, Smirnov)."""
    places = np.concatenate([first, second])
    shares = [np.searchsorted(np.sort(a), places, "right") / len(a) for a in (first, second)]
    return abs(shares[0] - shares[1]).max()


def both(name, shape, seed=0, **options):
    """The same initialization by mytorch and by PyTorch, as arrays."""
    ours = mytorch.empty(*shape)
    theirs = torch.empty(*shape)
    assert (
        getattr(init, name)(ours, generator=mytorch.Generator().manual_seed(seed), **options)
        is ours
    )
    getattr(torch.nn.init, name)(theirs, generator=torch.Generator().manual_seed(seed), **options)
    return ours, theirs.numpy()


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", RANDOM)
def test_random_values_are_distributed_as_pytorchs(name, shape):
    ours, theirs = both(name, shape, **RANDOM[name])
    assert ours.dtype == mytorch.float32
    assert distance(ours.numpy().ravel(), theirs.ravel()) < 0.03
    assert abs(ours.numpy().std() / theirs.std() - 1) < 0.03


@pytest.mark.parametrize("name", [*RANDOM, "orthogonal_"])
def test_a_generator_repeats_them(name):
    first, again, other = (
        both(name, (20, 30), seed, **RANDOM.get(name, {}))[0].numpy() for seed in (3, 3, 4)
    )
    assert (first == again).all() and (first != other).any()


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_a_parameter_is_filled_in_place_and_keeps_its_dtype(dtype):
    p = mytorch.zeros(40, 30, dtype=getattr(mytorch, dtype), requires_grad=True)
    memory = p.data
    for fill in (
        init.kaiming_uniform_,
        init.xavier_normal_,
        init.trunc_normal_,
        init.eye_,
    ):
        assert fill(p) is p and p.data is memory and p.dtype.name == dtype
        assert p.requires_grad and p.is_leaf and np.any(p.data)


@pytest.mark.parametrize("shape", [(4, 4), (3, 7), (7, 3), (6, 2, 5), (1, 9)])
def test_orthogonal_rows_or_columns(shape):
    w = init.orthogonal_(mytorch.empty(*shape, dtype=mytorch.float64), gain=1.5).numpy()
    w = w.reshape(shape[0], -1)
    product = w @ w.T if w.shape[0] <= w.shape[1] else w.T @ w
    assert np.allclose(product, 1.5**2 * np.eye(len(product)))


def test_all_rotations_are_equally_likely():
    generator = mytorch.Generator().manual_seed(0)
    empty = (mytorch.empty(2, 2) for _ in range(4000))
    drawn = [init.orthogonal_(q, generator=generator).numpy() for q in empty]
    angles = np.array([math.atan2(q[1, 0], q[0, 0]) for q in drawn])
    assert distance(angles, np.linspace(-math.pi, math.pi, 10_001)) < 0.03
    turned = np.array([np.linalg.det(q) > 0 for q in drawn])
    assert 0.45 < turned.mean() < 0.55


def test_trunc_normal_stays_inside_also_far_from_the_mean():
    for a, b in [(-2, 2), (3, 4), (8.0, 9.0), (-30, -12), (0, math.inf)]:
        w = init.trunc_normal_(mytorch.empty(20_000, dtype=mytorch.float64), a=a, b=b).numpy()
        assert a <= w.min() and w.max() <= b
        x = np.linspace(max(a, -40), min(b, 40), 1_000_001)
        density = np.exp(-(x**2 - min(x**2)) / 2)
        assert abs(w.mean() - (x * density).sum() / density.sum()) < 0.02


@pytest.mark.parametrize("sparsity", [0.0, 0.25, 0.3, 1.0])
def test_sparse_has_zeros_in_every_column(sparsity):
    ours = init.sparse_(mytorch.empty(10, 50), sparsity).numpy()
    theirs = torch.nn.init.sparse_(torch.empty(10, 50), sparsity).numpy()
    assert ((ours == 0).sum(0) == (theirs == 0).sum(0)).all()


@pytest.mark.parametrize("param", [None, 0, 0.01, 0.3, 2])
@pytest.mark.parametrize(
    "name",
    [
        "linear",
        "conv2d",
        "conv_transpose3d",
        "sigmoid",
        "tanh",
        "relu",
        "leaky_relu",
        "selu",
    ],
)
def test_gains_are_pytorchs(name, param):
    assert init.calculate_gain(name, param) == torch.nn.init.calculate_gain(name, param)


@pytest.mark.parametrize(
    "call",
    [
        lambda m, i: i.calculate_gain("nothing"),
        lambda m, i: i.calculate_gain("convolution"),
        lambda m, i: i.calculate_gain("leaky_relu", True),
        lambda m, i: i.xavier_normal_(m.empty(3)),
        lambda m, i: i.kaiming_uniform_(m.empty(3, 3), mode="fan"),
        lambda m, i: i.kaiming_uniform_(m.empty(3, 3), nonlinearity="nothing"),
        lambda m, i: i.eye_(m.empty(3)),
        lambda m, i: i.orthogonal_(m.empty(3)),
        lambda m, i: i.sparse_(m.empty(3), 0.5),
    ],
)
def test_errors_are_pytorchs(call):
    with pytest.raises(ValueError) as theirs:
        call(torch, torch.nn.init)
    with pytest.raises(ValueError) as ours:
        call(mytorch, init)
    assert str(ours.value) == str(theirs.value)


def test_linear_starts_as_kaiming_uniform_with_root_five():
    p = mytorch.nn.Linear(50, 400)
    assert abs(p.weight.data).max() <= 50**-0.5 and abs(p.bias.data).max() <= 50**-0.5
    assert abs(p.weight.data.std() * 50**0.5 - 3**-0.5) < 0.01


@pytest.mark.filterwarnings("ignore:Initializing zero-element")
@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (0, 0)])
@pytest.mark.parametrize("name", ["kaiming_uniform_", "kaiming_normal_", "orthogonal_"])
def test_a_tensor_without_elements_is_left_alone(name, shape):
    ours, theirs = both(name, shape)
    assert ours.numpy().shape == theirs.shape == shape
