"""Losses as modules: functions of a prediction and a target that carry their options.

Written in chapters 2.5 and 2.6.
"""

from .. import functional as F
from .module import Module


class _Loss(Module):
    """What all losses share: how many numbers become one."""

    def __init__(self, *, reduction="mean"):
        super().__init__()
        self.reduction = reduction


class _WeightedLoss(_Loss):
    """A loss with weights. They are a buffer: saved with the model, and not trained."""

    def __init__(self, weight=None, *, reduction="mean"):
        super().__init__(reduction=reduction)
        self.register_buffer("weight", weight)


class MSELoss(_Loss):
    """The mean squared error; see `functional.mse_loss`."""

    def forward(self, input, target):
        """Return the loss: one number, unless reduction is "none"."""
        return F.mse_loss(input, target, reduction=self.reduction)


class L1Loss(_Loss):
    """The mean absolute error; see `functional.l1_loss`."""

    def forward(self, input, target):
        """Return the loss: one number, unless reduction is "none"."""
        return F.l1_loss(input, target, reduction=self.reduction)


class HuberLoss(_Loss):
    """A parabola with straight arms; see `functional.huber_loss`."""

    def __init__(self, reduction="mean", delta=1.0):
        if not isinstance(delta, (float, int)):
            raise TypeError(f"delta must be a float or int, got: {type(delta)}")
        super().__init__(reduction=reduction)
        self.delta = delta

    def forward(self, input, target):
        """Return the loss: one number, unless reduction is "none"."""
        return F.huber_loss(input, target, reduction=self.reduction, delta=self.delta)


class SmoothL1Loss(_Loss):
    """The absolute error, rounded off; see `functional.smooth_l1_loss`."""

    def __init__(self, *, reduction="mean", beta=1.0):
        super().__init__(reduction=reduction)
        self.beta = beta

    def forward(self, input, target):
        """Return the loss: one number, unless reduction is "none"."""
        return F.smooth_l1_loss(input, target, reduction=self.reduction, beta=self.beta)


class BCELoss(_WeightedLoss):
    """The cross-entropy of probabilities; see `functional.binary_cross_entropy`."""

    def forward(self, input, target):
        """Return the loss: one number, unless reduction is "none"."""
        return F.binary_cross_entropy(
            input, target, self.weight, reduction=self.reduction
        )


class BCEWithLogitsLoss(_WeightedLoss):
    """The cross-entropy of log-odds: `functional.binary_cross_entropy_with_logits`."""

    def __init__(self, weight=None, *, reduction="mean", pos_weight=None):
        super().__init__(weight, reduction=reduction)
        self.register_buffer("pos_weight", pos_weight)

    def forward(self, input, target):
        """Return the loss: one number, unless reduction is "none"."""
        options = {"reduction": self.reduction, "pos_weight": self.pos_weight}
        return F.binary_cross_entropy_with_logits(input, target, self.weight, **options)


class NLLLoss(_WeightedLoss):
    """Minus the chosen log-probability; see `functional.nll_loss`."""

    def __init__(self, weight=None, *, ignore_index=-100, reduction="mean"):
        super().__init__(weight, reduction=reduction)
        self.ignore_index = ignore_index

    def forward(self, input, target):
        """Return the loss: one number, unless reduction is "none"."""
        options = {"ignore_index": self.ignore_index, "reduction": self.reduction}
        return F.nll_loss(input, target, self.weight, **options)


class CrossEntropyLoss(_WeightedLoss):
    """The cross-entropy of scores and a target; see `functional.cross_entropy`."""

    def __init__(
        self, weight=None, *, ignore_index=-100, reduction="mean", label_smoothing=0.0
    ):
        super().__init__(weight, reduction=reduction)
        self.ignore_index = ignore_index
        self.label_smoothing = label_smoothing

    def forward(self, input, target):
        """Return the loss: one number, unless reduction is "none"."""
        options = {"ignore_index": self.ignore_index, "reduction": self.reduction}
        options["label_smoothing"] = self.label_smoothing
        return F.cross_entropy(input, target, self.weight, **options)


class KLDivLoss(_Loss):
    """The KL divergence of the target from the model; see `functional.kl_div`."""

    def __init__(self, *, reduction="mean", log_target=False):
        super().__init__(reduction=reduction)
        self.log_target = log_target

    def forward(self, input, target):
        """Return the loss: one number, unless reduction is "none"."""
        options = {"reduction": self.reduction, "log_target": self.log_target}
        return F.kl_div(input, target, **options)
