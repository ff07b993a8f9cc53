"""Residual networks: counts, names, shapes, the identity, and the same numbers as in PyTorch."""

import mytorch
import numpy as np
import pytest
from mytorch import models
from mytorch.models.resnet import conv1x1, conv3x3
from mytorch.utils import summary

torch = pytest.importorskip("torch", reason="PyTorch is a test dependency: requirements-test.txt")
nn = mytorch.nn

COUNTS = {"resnet18": 11_689_512, "resnet34": 21_797_672, "resnet50": 25_557_032}


@pytest.mark.parametrize("name", COUNTS)
def test_parameters_are_as_published(name):
    network = getattr(models, name)()
    assert sum(p.numel() for p in network.parameters()) == COUNTS[name]
    depth = [n for n, p in network.named_parameters() if p.ndim > 1 and "downsample" not in n]
    assert len(depth) == int(name[6:])


def blocks(layers, convolutions):
    """The entries of all stages, in torchvision's order."""
    norm = "weight bias running_mean running_var num_batches_tracked".split()
    for stage, many in enumerate(layers, 1):
        for i in range(many):
            parts = [f"conv{k}.weight {' '.join(f'bn{k}.{x}' for x in norm)}"
                     for k in range(1, convolutions + 1)]  # fmt: skip
            names = " ".join(parts).split()
            if i == 0 and (stage > 1 or convolutions == 3):
                names += ["downsample.0.weight", *[f"downsample.1.{x}" for x in norm]]
            yield from (f"layer{stage}.{i}.{name}" for name in names)


@pytest.mark.parametrize(
    "name, layers, convolutions",
    [("resnet18", [2, 2, 2, 2], 2), ("resnet34", [3, 4, 6, 3], 2), ("resnet50", [3, 4, 6, 3], 3)],
)
def test_names_are_torchvisions(name, layers, convolutions):
    norm = "weight bias running_mean running_var num_batches_tracked".split()
    first = ["conv1.weight", *[f"bn1.{x}" for x in norm]]
    expected = [*first, *blocks(layers, convolutions), "fc.weight", "fc.bias"]
    assert list(getattr(models, name)().state_dict()) == expected


def test_shapes_of_resnet50():
    shapes = {k: v.shape for k, v in models.resnet50(num_classes=7).state_dict().items()}
    assert shapes["conv1.weight"] == (64, 3, 7, 7) and shapes["fc.weight"] == (7, 2048)
    assert shapes["layer1.0.conv1.weight"] == (64, 64, 1, 1)
    assert shapes["layer1.0.downsample.0.weight"] == (256, 64, 1, 1)
    assert shapes["layer2.0.conv1.weight"] == (128, 256, 1, 1)
    assert shapes["layer4.2.conv3.weight"] == (2048, 512, 1, 1)


def test_the_work_of_resnet18():
    table = summary(models.resnet18(), (1, 3, 64, 64), depth=1)
    assert table.layers[-1].shape == (1, 1000)
    sizes = [layer.shape[1:] for layer in table.layers if layer.name.startswith("layer")]
    assert sizes == [(64, 16, 16), (128, 8, 8), (256, 4, 4), (512, 2, 2)]


@pytest.mark.parametrize("block", [models.BasicBlock, models.Bottleneck])
def test_a_block_may_begin_as_the_identity(block):
    network = models.ResNet(block, [2, 1, 1, 1], num_classes=3, zero_init_residual=True)
    last = "bn3" if block is models.Bottleneck else "bn2"
    for stage in (network.layer1, network.layer4):
        assert not getattr(stage[0], last).weight.any()
        assert stage[0].bn1.weight.all()
    x = mytorch.rand(2, network.layer1[1].conv1.in_channels, 4, 4)
    assert (network.layer1[1](x) == x).all()
    plain = models.ResNet(block, [1, 1, 1, 1], num_classes=3)
    assert getattr(plain.layer1[0], last).weight.all()


def test_first_weights_are_hes():
    mytorch.manual_seed(0)
    w = models.resnet18().layer4[1].conv2.weight
    assert abs(w.std().item() - (2 / (9 * 512)) ** 0.5) < 1e-4


def test_another_norm():
    make = lambda channels: nn.GroupNorm(8, channels)  # noqa: E731
    network = models.resnet18(norm_layer=make, num_classes=4)
    kinds = {type(m).__name__ for m in network.modules()}
    assert "GroupNorm" in kinds and "BatchNorm2d" not in kinds
    assert network(mytorch.rand(1, 3, 32, 32)).shape == (1, 4)  # a batch of one


def test_no_weights_to_download():
    with pytest.raises(ValueError, match="no pretrained weights"):
        models.resnet18(weights="DEFAULT")


class TorchBlock(torch.nn.Module):
    """A basic block, written for PyTorch."""

    def __init__(self, a, c, stride):
        super().__init__()
        n = torch.nn
        self.conv1, self.bn1 = n.Conv2d(a, c, 3, stride, 1, bias=False), n.BatchNorm2d(c)
        self.conv2, self.bn2 = n.Conv2d(c, c, 3, 1, 1, bias=False), n.BatchNorm2d(c)
        self.downsample = n.Sequential(n.Conv2d(a, c, 1, stride, bias=False), n.BatchNorm2d(c))

    def forward(self, x):
        y = torch.relu(self.bn1(self.conv1(x)))
        return torch.relu(self.bn2(self.conv2(y)) + self.downsample(x))


def test_a_block_trains_as_in_torch():
    down = nn.Sequential(conv1x1(3, 4, 2), nn.BatchNorm2d(4))
    ours, theirs = models.BasicBlock(3, 4, 2, down).double(), TorchBlock(3, 4, 2).double()
    state = {k: torch.tensor(np.array(v.data)) for k, v in ours.state_dict().items()}
    theirs.load_state_dict(state)
    rng = np.random.default_rng(0)
    for _ in range(3):
        x = rng.standard_normal((5, 3, 6, 6))
        for m, block in ((mytorch, ours), (torch, theirs)):
            optimizer = m.optim.SGD(block.parameters(), lr=0.1)
            (block(m.tensor(x)) ** 2).mean().backward()
            optimizer.step()
            optimizer.zero_grad()
    for (name, a), b in zip(ours.state_dict().items(), theirs.state_dict().values(), strict=True):
        np.testing.assert_allclose(a.data, b.numpy(), rtol=1e-8, atol=1e-10, err_msg=name)


def test_a_bottleneck_narrows():
    block = models.Bottleneck(16, 4)
    widths = [m.out_channels for m in block.modules() if isinstance(m, nn.Conv2d)]
    assert widths == [4, 4, 16] and block(mytorch.rand(2, 16, 3, 3)).shape == (2, 16, 3, 3)
    assert conv3x3(2, 3, 2)(mytorch.rand(1, 2, 8, 8)).shape == (1, 3, 4, 4)
