"""AlexNet: the network that began the deep learning of today.

Written in chapter 3.2.
"""

from ..nn import (
    AdaptiveAvgPool2d,
    Conv2d,
    Dropout,
    Linear,
    MaxPool2d,
    Module,
    ReLU,
    Sequential,
)


def stage(*sizes, pool=False, **options):
    """Return a convolution and a ReLU in a list; and, if asked, overlapping pooling."""
    layers = [Conv2d(*sizes, **options), ReLU()]
    return [*layers, MaxPool2d(3, 2)] if pool else layers


class AlexNet(Module):
    """Five convolutions and three linear layers: (N, 3, H, W) to (N, num_classes).

    H and W: 63 or more; it is made for 224. Names and shapes of the parameters are
    those of torchvision's. Source: Krizhevsky (2014), which has one tower instead of
    the two of Krizhevsky et al. (2012).
    """

    def __init__(self, num_classes=1000, dropout=0.5):
        super().__init__()
        self.features = Sequential(
            *stage(3, 64, 11, stride=4, padding=2, pool=True),
            *stage(64, 192, 5, padding=2, pool=True),
            *stage(192, 384, 3, padding=1),
            *stage(384, 256, 3, padding=1),
            *stage(256, 256, 3, padding=1, pool=True),
        )
        self.avgpool = AdaptiveAvgPool2d((6, 6))
        self.classifier = Sequential(
            *[Dropout(dropout), Linear(256 * 6 * 6, 4096), ReLU()],
            *[Dropout(dropout), Linear(4096, 4096), ReLU()],
            Linear(4096, num_classes),
        )

    def forward(self, x):
        """Return a score for each class."""
        return self.classifier(self.avgpool(self.features(x)).flatten(1))


def alexnet(*, weights=None, **kwargs):
    """Return an AlexNet with random weights; the arguments are those of the class.

    Raises ValueError if `weights` are asked for: there are none to download here.
    """
    if weights is not None:
        raise ValueError("there are no pretrained weights: use load_state_dict")
    return AlexNet(**kwargs)
