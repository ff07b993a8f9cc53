"""Local response normalization, and AlexNet: shapes, names, numbers, gradients, errors."""

import inspect
import re

import mytorch
import numpy as np
import pytest
from mytorch import models, nn
from mytorch.nn import functional as F
from mytorch.utils import summary

from duck import Duck
from table import (
    OnDucks,
    Row,
    array,
    check_examples,
    check_float32,
    fixed,
)

torch = pytest.importorskip("torch", reason="PyTorch is a test dependency: requirements-test.txt")

SHAPES = fixed(((2, 5, 3),), ((1, 4, 2, 3),), ((2, 1, 2, 2),), ((1, 3, 2, 1, 2),))
ROWS = [
    Row(
        f"local_response_norm {size}",
        lambda m, x, size=size: m.nn.functional.local_response_norm(x, size, 0.7, 0.6, 1.5),
        SHAPES,
    )
    for size in (1, 2, 3, 4, 5, 9)
]
EMPTY = Row("empty", lambda m, x: m.nn.functional.local_response_norm(x, 3), fixed(((0, 3, 2),)))
every_row = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)


@every_row
def test_derivatives_by_differences_and_on_ducks(row):
    check_examples(row)
    for arrays in row.examples():
        check_float32(row, arrays)


def test_a_network_with_it_on_ducks():
    x = OnDucks().from_numpy(np.random.default_rng(0).uniform(size=(2, 3, 8, 8)))
    w = OnDucks().from_numpy(np.random.default_rng(1).uniform(size=(4, 3, 3, 3)))
    w.requires_grad_()
    y = F.max_pool2d(F.local_response_norm(F.conv2d(x, w).relu(), 3), 3, 2)
    y.sum().backward()
    assert isinstance(y.data, Duck) and isinstance(w.grad.data, Duck)


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 9])
@pytest.mark.parametrize("shape", [(2, 7, 4), (2, 7, 3, 4), (1, 2, 2, 3, 2), (3, 1, 2)])
def test_like_torch_and_like_its_twin(size, shape):
    values = np.random.default_rng(size).normal(size=shape)
    settings = size, 0.3, 0.6, 1.5
    found = []
    for m in (mytorch, torch):
        x = m.tensor(values, requires_grad=True)
        y = m.nn.functional.local_response_norm(x, *settings)
        (g,) = m.autograd.grad((y**3).sum(), x, create_graph=True)
        (second,) = m.autograd.grad((g**2).sum(), x)
        found.append([array(y), array(g), array(second)])
    for ours, theirs in zip(*found, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-12)
    x = mytorch.tensor(values, requires_grad=True)
    y = F.local_response_norm_simple(x, *settings)
    (g,) = mytorch.autograd.grad((y**3).sum(), x)
    np.testing.assert_allclose(y.data, found[0][0], rtol=1e-12)
    np.testing.assert_allclose(g.data, found[0][1], rtol=1e-10, atol=1e-14)


def test_the_formula_of_the_paper_sums():
    """b = a / (k + alpha * sum of squares) ** beta, so alpha there is alpha / n here."""
    a = np.random.default_rng(0).uniform(size=(1, 6, 2, 2))
    expected = np.empty_like(a)
    for i in range(6):
        near = a[:, max(0, i - 2) : i + 3]
        expected[:, i] = a[:, i] / (2 + 1e-1 * (near**2).sum(1)) ** 0.75
    found = F.local_response_norm(mytorch.tensor(a), 5, alpha=5e-1, beta=0.75, k=2)
    np.testing.assert_allclose(found.data, expected, rtol=1e-12)


def test_module_signature_and_print_like_torch():
    for ours, theirs in [
        (F.local_response_norm, torch.nn.functional.local_response_norm),
        (nn.LocalResponseNorm, torch.nn.LocalResponseNorm),
    ]:
        one, two = (inspect.signature(f).parameters.values() for f in (ours, theirs))
        assert [(p.name, p.default) for p in one] == [(p.name, p.default) for p in two]
    assert repr(nn.LocalResponseNorm(5, k=2)) == repr(torch.nn.LocalResponseNorm(5, k=2))
    x = mytorch.randn(2, 6, 3, 3)
    module = nn.LocalResponseNorm(5, 0.1, 0.5, 2)
    assert (module(x) == F.local_response_norm(x, 5, 0.1, 0.5, 2)).all()
    assert not list(module.parameters())


def test_errors_and_edges_of_normalization():
    for m in (mytorch, torch):
        with pytest.raises(ValueError, match=r"Expected 3D or higher dimensionality .*\(got 2 dim"):
            m.nn.functional.local_response_norm(m.ones(2, 3), 3)
        with pytest.raises(RuntimeError, match="kernel size should be greater than zero"):
            m.nn.functional.local_response_norm(m.ones(2, 3, 4), 0)
        x = m.ones(2, 0, 3)
        assert m.nn.functional.local_response_norm(x, 2) is x
    with pytest.raises(NotImplementedError):
        F.local_response_norm(mytorch.ones(1, 2, 3, dtype=mytorch.int64), 3)
    for arrays in EMPTY.examples():
        assert EMPTY.call(mytorch, mytorch.from_numpy(arrays[0])).shape == (0, 3, 2)


# AlexNet

SIZES = {
    "features.0": (64, 3, 11, 11),
    "features.3": (192, 64, 5, 5),
    "features.6": (384, 192, 3, 3),
    "features.8": (256, 384, 3, 3),
    "features.10": (256, 256, 3, 3),
    "classifier.1": (4096, 9216),
    "classifier.4": (4096, 4096),
    "classifier.6": (1000, 4096),
}


@pytest.fixture(scope="module")
def alexnet():
    mytorch.manual_seed(0)
    return models.alexnet().eval()


def test_names_and_shapes_of_the_parameters(alexnet):
    expected = {}
    for name, shape in SIZES.items():
        expected |= {f"{name}.weight": shape, f"{name}.bias": shape[:1]}
    assert {k: v.shape for k, v in alexnet.state_dict().items()} == expected
    assert list(alexnet.state_dict()) == list(expected)
    assert sum(p.numel() for p in alexnet.parameters()) == 61_100_840


def test_shapes_on_the_way(alexnet):
    table = summary(alexnet, (2, 3, 224, 224))
    maps = [row.shape[1:] for row in table.layers if "Conv2d" in row.name or "Pool" in row.name]
    sizes = [(64, 55), (64, 27), (192, 27), (192, 13), (384, 13), (256, 13), (256, 13)]
    assert maps == [(c, n, n) for c, n in [*sizes, (256, 6), (256, 6)]]
    assert table.layers[0].shape == (2, 1000)
    assert table.total_mult_adds == 2 * 714_188_480


def in_torch():
    """The same network of PyTorch's own layers."""
    layers = torch.nn

    class Net(layers.Module):
        def __init__(self):
            super().__init__()
            rows, m = [], layers
            for name, (out, c, k, _) in list(SIZES.items())[:5]:
                stride, padding = (4, 2) if k == 11 else (1, k // 2)
                rows += [m.Conv2d(c, out, k, stride, padding), m.ReLU()]
                if name in ("features.0", "features.3", "features.10"):
                    rows.append(m.MaxPool2d(3, 2))
            self.features = m.Sequential(*rows)
            self.avgpool = m.AdaptiveAvgPool2d((6, 6))
            first, second, last = m.Linear(9216, 4096), m.Linear(4096, 4096), m.Linear(4096, 1000)
            rows = [m.Dropout(), first, m.ReLU(), m.Dropout(), second, m.ReLU(), last]
            self.classifier = m.Sequential(*rows)

        def forward(self, x):
            return self.classifier(torch.flatten(self.avgpool(self.features(x)), 1))

    return Net().eval()


def test_the_same_numbers_as_torch(alexnet):
    twin = in_torch()
    twin.load_state_dict({k: torch.from_numpy(v.data) for k, v in alexnet.state_dict().items()})
    for size in (224, 127, 63):
        x = np.random.default_rng(0).normal(size=(2, 3, size, size)).astype(np.float32)
        with mytorch.no_grad(), torch.no_grad():
            ours, theirs = alexnet(mytorch.from_numpy(x)), twin(torch.from_numpy(x))
        np.testing.assert_allclose(ours.data, theirs.numpy(), rtol=1e-3, atol=1e-5)


def test_a_picture_that_is_too_small(alexnet):
    with pytest.raises(RuntimeError, match="Output size is too small"):
        alexnet(mytorch.zeros(1, 3, 62, 62))
    with pytest.raises(RuntimeError, match="to have 3 channels, but got 1 channels"):
        alexnet(mytorch.zeros(1, 1, 224, 224))


def test_arguments():
    small = models.AlexNet(num_classes=10, dropout=0.2)
    assert small.classifier[0].p == small.classifier[3].p == 0.2
    x = mytorch.randn(1, 3, 63, 63)
    assert small(x).shape == (1, 10)
    small(x).sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in small.parameters())
    assert str(inspect.signature(models.AlexNet)) == "(num_classes=1000, dropout=0.5)"
    assert models.alexnet(num_classes=3).classifier[6].out_features == 3
    with pytest.raises(TypeError):
        models.alexnet(classes=3)


def test_there_are_no_weights_to_download():
    with pytest.raises(ValueError, match="no pretrained weights"):
        models.alexnet(weights="IMAGENET1K_V1")


def test_the_two_ways_to_import():
    from mytorch.models import AlexNet
    from mytorch.models.alexnet import alexnet

    assert AlexNet is models.AlexNet and alexnet is models.alexnet
    assert re.match(r"AlexNet\(\n  \(features\): Sequential\(", repr(models.AlexNet(2)))
