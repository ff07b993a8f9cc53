"""Residual networks of 18, 34 and 50 layers, with torchvision's names.

Written in chapter 3.3.
"""

from ..nn import (
    AdaptiveAvgPool2d,
    BatchNorm2d,
    Conv2d,
    Linear,
    MaxPool2d,
    Module,
    ReLU,
    Sequential,
    init,
)


def conv3x3(in_planes, out_planes, stride=1):
    """Return a 3 × 3 convolution that keeps the size; no bias, for a norm follows."""
    return Conv2d(in_planes, out_planes, 3, stride, padding=1, bias=False)


def conv1x1(in_planes, out_planes, stride=1):
    """Return a 1 × 1 convolution, which mixes channels; no bias, for a norm follows."""
    return Conv2d(in_planes, out_planes, 1, stride, bias=False)


class BasicBlock(Module):
    """Two 3 × 3 convolutions, and a way around them: (N, inplanes, H, W) to planes.

    stride: of the first convolution. downsample: what the way around does, where sizes
    change; nothing, if None. norm_layer: made from a number of channels; batch norm,
    if None. Source: He et al. (2016).
    """

    expansion = 1

    def __init__(self, inplanes, planes, stride=1, downsample=None, norm_layer=None):
        super().__init__()
        norm_layer = norm_layer or BatchNorm2d
        self.conv1, self.bn1 = conv3x3(inplanes, planes, stride), norm_layer(planes)
        self.relu = ReLU()
        self.conv2, self.bn2 = conv3x3(planes, planes), norm_layer(planes)
        self.downsample, self.stride = downsample, stride

    def forward(self, x):
        """Return what came, plus what two convolutions make of it."""
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        x = x if self.downsample is None else self.downsample(x)
        return self.relu(y + x)


class Bottleneck(Module):
    """Three convolutions, the 3 × 3 one on few channels, and a way around them.

    Arguments as in `BasicBlock`; the result has 4 * planes channels. Source: He et al.
    (2016), with the stride in the 3 × 3 convolution, as torchvision has it.
    """

    expansion = 4

    def __init__(self, inplanes, planes, stride=1, downsample=None, norm_layer=None):
        super().__init__()
        norm_layer, wide = norm_layer or BatchNorm2d, planes * self.expansion
        self.conv1, self.bn1 = conv1x1(inplanes, planes), norm_layer(planes)
        self.conv2, self.bn2 = conv3x3(planes, planes, stride), norm_layer(planes)
        self.conv3, self.bn3 = conv1x1(planes, wide), norm_layer(wide)
        self.relu = ReLU()
        self.downsample, self.stride = downsample, stride

    def forward(self, x):
        """Return what came, plus what three convolutions make of it."""
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        x = x if self.downsample is None else self.downsample(x)
        return self.relu(y + x)


class ResNet(Module):
    """A residual network: pictures (N, 3, H, W), made for 224 × 224, to scores.

    block: BasicBlock or Bottleneck. layers: how many blocks each of four stages has.
    zero_init_residual: let each block begin as the identity. norm_layer: as in
    `BasicBlock`. Names and shapes are torchvision's. Source: He et al. (2016).
    """

    def __init__(
        self,
        block,
        layers,
        num_classes=1000,
        zero_init_residual=False,
        norm_layer=None,
    ):
        super().__init__()
        self.inplanes, self._norm_layer = 64, norm_layer or BatchNorm2d
        self.conv1 = Conv2d(3, 64, 7, stride=2, padding=3, bias=False)
        self.bn1 = self._norm_layer(64)
        self.relu = ReLU()
        self.maxpool = MaxPool2d(3, stride=2, padding=1)
        self.layer1 = self._make_layer(block, 64, layers[0])
        self.layer2 = self._make_layer(block, 128, layers[1], stride=2)
        self.layer3 = self._make_layer(block, 256, layers[2], stride=2)
        self.layer4 = self._make_layer(block, 512, layers[3], stride=2)
        self.avgpool = AdaptiveAvgPool2d((1, 1))
        self.fc = Linear(512 * block.expansion, num_classes)
        self._begin(zero_init_residual)

    def _make_layer(self, block, planes, blocks, stride=1):
        """Return a stage: its first block may change sizes, the others keep them."""
        norm, wide, downsample = self._norm_layer, planes * block.expansion, None
        if stride != 1 or self.inplanes != wide:
            projection = conv1x1(self.inplanes, wide, stride)
            downsample = Sequential(projection, norm(wide))
        first = block(self.inplanes, planes, stride, downsample, norm_layer=norm)
        self.inplanes = wide
        rest = [block(wide, planes, norm_layer=norm) for _ in range(blocks - 1)]
        return Sequential(first, *rest)

    def _begin(self, zero_init_residual):
        """Draw the filters by He's rule, counted by outputs."""
        for m in self.modules():
            if isinstance(m, Conv2d):
                init.kaiming_normal_(m.weight, mode="fan_out", nonlinearity="relu")
            elif zero_init_residual and isinstance(m, (BasicBlock, Bottleneck)):
                last = m.bn3 if isinstance(m, Bottleneck) else m.bn2
                init.zeros_(last.weight)

    def forward(self, x):
        """Return a score for each class."""
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(self.avgpool(x).flatten(1))


def resnet(block, layers, weights, settings):
    """Return a residual network with random weights.

    Raises ValueError if `weights` are asked for: there are none to download here.
    """
    if weights is not None:
        raise ValueError("there are no pretrained weights: use load_state_dict")
    return ResNet(block, layers, **settings)


def resnet18(*, weights=None, **kwargs):
    """Return a residual network of 18 layers; the arguments are those of `ResNet`."""
    return resnet(BasicBlock, [2, 2, 2, 2], weights, kwargs)


def resnet34(*, weights=None, **kwargs):
    """Return a residual network of 34 layers; the arguments are those of `ResNet`."""
    return resnet(BasicBlock, [3, 4, 6, 3], weights, kwargs)


def resnet50(*, weights=None, **kwargs):
    """Return one of 50 layers, in bottlenecks; the arguments are those of `ResNet`."""
    return resnet(Bottleneck, [3, 4, 6, 3], weights, kwargs)
