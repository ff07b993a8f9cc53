"""Schedules: learning rates that change while a network learns.

Written in chapter 2.10.
"""

import math
import types
import warnings
from bisect import bisect_left, bisect_right
from collections import Counter

from .optimizer import Optimizer


class LRScheduler:
    """The base of all schedules. A subclass writes `get_lr`.

    last_epoch: -1 to begin; the number of steps done, to go on with an optimizer
    whose groups know their "initial_lr". Call `step` after the optimizer's.
    """

    _is_initial = False

    def __init__(self, optimizer, last_epoch=-1):
        for i, group in enumerate(checked(optimizer).param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", group["lr"])
            elif "initial_lr" not in group:
                raise KeyError(
                    f"param 'initial_lr' is not specified in param_groups[{i}] when "
                    "resuming scheduler with last_epoch >= 0"
                )
        self.optimizer, self.last_epoch = optimizer, last_epoch
        self.base_lrs = [group["initial_lr"] for group in optimizer.param_groups]
        self._initial_step()

    def step(self):
        """Go on to the next learning rate."""
        # An optimizer with a step of its own takes no note of calls.
        noted = type(self.optimizer).step is Optimizer.step
        if noted and self._step_count == 1 and not self.optimizer._opt_called:
            message = "Detected call of `lr_scheduler.step()` before `optimizer.step()`"
            warnings.warn(f"{message}: call them in the other order", stacklevel=2)
        self._step_count += 1
        self.last_epoch += 1
        self._set(self.get_lr())

    def _initial_step(self):
        self._step_count, self._is_initial = 0, True
        self.step()
        self._is_initial = False

    def _again(self):
        """Take the first step once more: SequentialLR has changed the rates."""
        self.last_epoch -= 1
        self._initial_step()

    def _restart(self):
        """Begin again at the base rates: SequentialLR hands over."""
        self._set(self.base_lrs)
        self.last_epoch = 0
        self._again()

    def get_lr(self):
        """Compute the next learning rate of each group, at step `last_epoch`."""
        raise NotImplementedError

    def get_last_lr(self):
        """Return the present learning rate of each group."""
        return self._last_lr

    def _set(self, rates):
        for group, lr in zip(self.optimizer.param_groups, rates, strict=True):
            group["lr"] = lr
        self._last_lr = list(rates)

    def _scaled(self, factor):
        """Return the present rates times a factor, so that schedules can be chained."""
        return [group["lr"] * factor for group in self.optimizer.param_groups]

    def state_dict(self):
        """Return everything but the optimizer, to be saved."""
        return {name: x for name, x in self.__dict__.items() if name != "optimizer"}

    def load_state_dict(self, state_dict):
        """Continue where another schedule of this kind stopped."""
        self.__dict__.update(state_dict)


def checked(optimizer):
    """Return an optimizer; raise TypeError for anything else."""
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"{type(optimizer).__name__} is not an Optimizer")
    return optimizer


class StepLR(LRScheduler):
    """Multiply the rate by `gamma` after every `step_size` steps."""

    def __init__(self, optimizer, step_size, gamma=0.1, last_epoch=-1):
        self.step_size, self.gamma = step_size, gamma
        super().__init__(optimizer, last_epoch)

    def get_lr(self):
        due = self.last_epoch > 0 and self.last_epoch % self.step_size == 0
        return self._scaled(self.gamma if due else 1)


class MultiStepLR(LRScheduler):
    """Multiply the rate by `gamma` at each of the `milestones`."""

    def __init__(self, optimizer, milestones, gamma=0.1, last_epoch=-1):
        self.milestones, self.gamma = Counter(milestones), gamma
        super().__init__(optimizer, last_epoch)

    def get_lr(self):
        return self._scaled(self.gamma ** self.milestones.get(self.last_epoch, 0))


class CosineAnnealingLR(LRScheduler):
    """Fall to `eta_min` in `T_max` steps, along half a cosine; then rise again.

    Loshchilov and Hutter (2017), without the restarts.
    """

    def __init__(self, optimizer, T_max, eta_min=0.0, last_epoch=-1):
        self.T_max, self.eta_min = T_max, eta_min
        super().__init__(optimizer, last_epoch)

    def level(self, t):
        """Return the fraction of the rate at step `t`, from 1 down to 0."""
        return (1 + math.cos(math.pi * t / self.T_max)) / 2

    def get_lr(self):
        if self._is_initial:
            return self._scaled(1)
        t, low, groups = self.last_epoch, self.eta_min, self.optimizer.param_groups
        if (t - 1 - self.T_max) % (2 * self.T_max) == 0:  # up again: a ratio to 0
            rise = self.level(t)
            pairs = zip(groups, self.base_lrs, strict=True)
            return [group["lr"] + (base - low) * rise for group, base in pairs]
        ratio = self.level(t) / self.level(t - 1)
        return [low + (group["lr"] - low) * ratio for group in groups]


class ConstantLR(LRScheduler):
    """A `factor` of the rate for `total_iters` steps, then all of it."""

    def __init__(self, optimizer, factor=1 / 3, total_iters=5, last_epoch=-1):
        if not 0 <= factor <= 1:
            message = "Constant multiplicative factor expected to be between 0 and 1."
            raise ValueError(message)
        self.factor, self.total_iters = factor, total_iters
        super().__init__(optimizer, last_epoch)

    def get_lr(self):
        if self.last_epoch == 0:
            return self._scaled(self.factor)
        return self._scaled(
            1 / self.factor if self.last_epoch == self.total_iters else 1
        )


class ExponentialLR(LRScheduler):
    """Multiply the rate by `gamma` after every step."""

    def __init__(self, optimizer, gamma, last_epoch=-1):
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def get_lr(self):
        return self._scaled(1 if self._is_initial else self.gamma)


class LinearLR(LRScheduler):
    """Go in a straight line from one factor of the rate to another: a warm-up."""

    def __init__(
        self,
        optimizer,
        start_factor=1 / 3,
        end_factor=1.0,
        total_iters=5,
        last_epoch=-1,
    ):
        if not 0 < start_factor <= 1:
            raise ValueError(
                "Starting multiplicative factor expected to be greater than 0 and less "
                "or equal to 1."
            )
        if not 0 <= end_factor <= 1:
            message = "Ending multiplicative factor expected to be between 0 and 1."
            raise ValueError(message)
        self.start_factor, self.end_factor = start_factor, end_factor
        self.total_iters = total_iters
        super().__init__(optimizer, last_epoch)

    def level(self, t):
        """Return the factor at step `t`."""
        slope = (self.end_factor - self.start_factor) / self.total_iters
        return self.start_factor + slope * t

    def get_lr(self):
        t = self.last_epoch
        if t == 0:
            return self._scaled(self.start_factor)
        if self._is_initial or t > self.total_iters:
            return self._scaled(1)
        return self._scaled(self.level(t) / self.level(t - 1))


class PolynomialLR(LRScheduler):
    """Fall to 0 in `total_iters` steps, like a power of the steps that are left."""

    def __init__(self, optimizer, total_iters=5, power=1.0, last_epoch=-1):
        self.total_iters, self.power = total_iters, power
        super().__init__(optimizer, last_epoch)

    def get_lr(self):
        left = self.total_iters - self.last_epoch
        if self._is_initial or left < 0:
            return self._scaled(1)
        return self._scaled((left / (left + 1)) ** self.power)


class CosineAnnealingWarmRestarts(LRScheduler):
    """Fall along half a cosine again and again; each time takes `T_mult` times as long.

    Loshchilov and Hutter (2017). `step` takes a fraction of an epoch, too.
    """

    def __init__(self, optimizer, T_0, T_mult=1, eta_min=0.0, last_epoch=-1):
        if not isinstance(T_0, int) or T_0 <= 0:
            raise ValueError(f"Expected positive integer T_0, but got {T_0}")
        if not isinstance(T_mult, int) or T_mult < 1:
            raise ValueError(f"Expected integer T_mult >= 1, but got {T_mult}")
        self.T_0, self.T_i, self.T_mult, self.eta_min = T_0, T_0, T_mult, eta_min
        self.T_cur = last_epoch
        super().__init__(optimizer, last_epoch)

    def get_lr(self):
        level = (1 + math.cos(math.pi * self.T_cur / self.T_i)) / 2
        return [self.eta_min + (lr - self.eta_min) * level for lr in self.base_lrs]

    def step(self, epoch=None):
        """Go on by one step; or to any point, with a number of epochs such as 2.5."""
        if epoch is not None and epoch < 0:
            raise ValueError(f"Expected non-negative epoch, but got {epoch}")
        self._locate(self.last_epoch + 1 if epoch is None else epoch)
        self._set(self.get_lr())

    def _locate(self, epoch):
        """Find the fall that `epoch` is in, and how far into it."""
        self.last_epoch = math.floor(epoch)
        self.T_cur, self.T_i = epoch, self.T_0
        while self.T_cur >= self.T_i:
            self.T_cur -= self.T_i
            self.T_i *= self.T_mult


class LambdaLR(LRScheduler):
    """The initial rate times a function of the number of steps; one for each group."""

    def __init__(self, optimizer, lr_lambda, last_epoch=-1):
        groups = len(optimizer.param_groups)
        several = isinstance(lr_lambda, (list, tuple))
        self.lr_lambdas = list(lr_lambda) if several else [lr_lambda] * groups
        if len(self.lr_lambdas) != groups:
            got = len(self.lr_lambdas)
            raise ValueError(f"Expected {groups} lr_lambdas, but got {got}")
        super().__init__(optimizer, last_epoch)

    def get_lr(self):
        pairs = zip(self.base_lrs, self.lr_lambdas, strict=True)
        return [lr * factor(self.last_epoch) for lr, factor in pairs]

    def state_dict(self):
        """Return the state; of callable objects their attributes, of functions none."""
        kept = [
            None if isinstance(f, types.FunctionType) else dict(f.__dict__)
            for f in self.lr_lambdas
        ]
        return super().state_dict() | {"lr_lambdas": kept}

    def load_state_dict(self, state_dict):
        functions = self.lr_lambdas
        super().load_state_dict(state_dict | {"lr_lambdas": functions})
        for f, attributes in zip(functions, state_dict["lr_lambdas"], strict=True):
            f.__dict__.update(attributes or {})


class MultiplicativeLR(LambdaLR):
    """The present rate times a function of the number of steps."""

    def get_lr(self):
        if self._is_initial:
            return self._scaled(1)
        pairs = zip(self.optimizer.param_groups, self.lr_lambdas, strict=True)
        return [group["lr"] * factor(self.last_epoch) for group, factor in pairs]


class OneCycleLR(LRScheduler):
    """One rise to `max_lr` and one long fall, momentum the other way round.

    Smith and Topin (2019). Give total_steps, or epochs and steps_per_epoch. The rate
    begins at max_lr / div_factor and ends at that / final_div_factor.
    """

    def __init__(
        self,
        optimizer,
        max_lr,
        total_steps=None,
        epochs=None,
        steps_per_epoch=None,
        pct_start=0.3,
        anneal_strategy="cos",
        cycle_momentum=True,
        base_momentum=0.85,
        max_momentum=0.95,
        div_factor=25.0,
        final_div_factor=1e4,
        three_phase=False,
        last_epoch=-1,
    ):
        self.total_steps = counted(total_steps, epochs, steps_per_epoch)
        self._plan(pct_start, anneal_strategy, three_phase)
        lows = div_factor, final_div_factor
        marks = marks_of(optimizer, max_lr, lows, base_momentum, max_momentum)
        self._mark(optimizer, marks, cycle_momentum, last_epoch)
        super().__init__(optimizer, last_epoch)

    def _mark(self, optimizer, marks, cycle_momentum, last_epoch):
        self.cycle_momentum = cycle_momentum
        if cycle_momentum and not {"momentum", "betas"} & set(optimizer.defaults):
            raise ValueError(
                "optimizer must support momentum or beta1 with `cycle_momentum` "
                "option enabled"
            )
        if last_epoch == -1:
            kept = None if cycle_momentum else -2  # without the two momenta
            for group, row in zip(optimizer.param_groups, marks, strict=True):
                group.update(list(row.items())[:kept])

    def _plan(self, pct_start, anneal_strategy, three_phase):
        if not isinstance(pct_start, float) or not 0 <= pct_start <= 1:
            message = f"Expected float between 0 and 1 pct_start, but got {pct_start}"
            raise ValueError(message)
        if anneal_strategy not in ("cos", "linear"):
            message = "anneal_strategy must be one of 'cos' or 'linear', instead got"
            raise ValueError(f"{message} {anneal_strategy}")
        self.anneal_strategy, rise = anneal_strategy, pct_start * self.total_steps
        self.ends, self.phases = [rise - 1, self.total_steps - 1], [UP, DOWN]
        if three_phase:
            self.ends.insert(1, 2 * rise - 2)
            self.phases[1:] = [BACK, OUT]

    def _between(self, first, last, part):
        """Return the value that is a `part` of the way from first to last."""
        if self.anneal_strategy == "cos":
            part = (1 - math.cos(math.pi * part)) / 2
        return first + (last - first) * part

    def get_lr(self):
        t, total = self.last_epoch, self.total_steps
        if t > total:
            message = f"Tried to step {t} times. The specified number of total steps is"
            raise ValueError(f"{message} {total}")
        i = min(bisect_left(self.ends, t), len(self.ends) - 1)
        begin = self.ends[i - 1] if i else 0
        part = (t - begin) / (self.ends[i] - begin)
        low, high, first, last = self.phases[i]
        rates = []
        for group in self.optimizer.param_groups:
            if self.cycle_momentum:
                set_momentum(group, self._between(group[first], group[last], part))
            rates.append(self._between(group[low], group[high], part))
        return rates


def counted(total_steps, epochs, steps_per_epoch):
    """Return the number of all steps; raise ValueError if it is not given."""
    if total_steps is None and None in (epochs, steps_per_epoch):
        message = "You must define either total_steps OR (epochs AND steps_per_epoch)"
        raise ValueError(message)
    given = {"total_steps": total_steps}
    if total_steps is None:
        given = {"epochs": epochs, "steps_per_epoch": steps_per_epoch}
    for name, number in given.items():
        if not isinstance(number, int) or number <= 0:
            raise ValueError(f"Expected positive integer {name}, but got {number}")
    return math.prod(given.values())


def each_group(optimizer, name, value):
    """Return one value for each group: as given, or the same for all."""
    groups = len(checked(optimizer).param_groups)
    if not isinstance(value, (list, tuple)):
        return [value] * groups
    if len(value) != groups:
        raise ValueError(
            f"{name} must have the same length as optimizer.param_groups. {name} has "
            f"{len(value)} values, param_groups has {groups}."
        )
    return list(value)


def marks_of(optimizer, max_lr, lows, base_momentum, max_momentum):
    """Return for each group the values that a cycle goes between: name -> value."""
    tops = each_group(optimizer, "max_lr", max_lr)
    highs = each_group(optimizer, "max_momentum", max_momentum)
    bases = each_group(optimizer, "base_momentum", base_momentum)
    rates = [(top / lows[0], top, top / lows[0] / lows[1]) for top in tops]
    names = "initial_lr", "max_lr", "min_lr", "max_momentum", "base_momentum"
    rows = zip(rates, highs, bases, strict=True)
    return [dict(zip(names, (*lr, h, b), strict=True)) for lr, h, b in rows]


# The values that a phase goes between: of the rate, and of momentum.
UP = "initial_lr", "max_lr", "max_momentum", "base_momentum"
DOWN = "max_lr", "min_lr", "base_momentum", "max_momentum"
BACK = "max_lr", "initial_lr", "base_momentum", "max_momentum"
OUT = "initial_lr", "min_lr", "max_momentum", "max_momentum"


def set_momentum(group, momentum):
    """Set what a group has: its momentum, or the first of its betas."""
    if "betas" in group:
        group["betas"] = (momentum, *group["betas"][1:])
    else:
        group["momentum"] = momentum


class ReduceLROnPlateau(LRScheduler):
    """Multiply the rate by `factor` when a measurement stops getting better.

    mode: "min" if less is better, or "max". patience: so many steps without a better
    value are borne. threshold: how much better counts, as a fraction ("rel") or as
    it is ("abs"). cooldown: steps to wait after a change. eps: smaller changes are
    not made.
    """

    def __init__(
        self,
        optimizer,
        mode="min",
        factor=0.1,
        patience=10,
        threshold=1e-4,
        threshold_mode="rel",
        cooldown=0,
        min_lr=0,
        eps=1e-8,
    ):
        self.optimizer, self.factor = checked(optimizer), factor
        self.patience, self.cooldown, self.eps = patience, cooldown, eps
        self.mode, self.threshold, self.threshold_mode = mode, threshold, threshold_mode
        self._check()
        self.min_lrs = each_group(optimizer, "min_lr", min_lr)
        self.best = math.inf if mode == "min" else -math.inf
        self.cooldown_counter = self.num_bad_epochs = self.last_epoch = 0
        self._last_lr = self._scaled(1)

    def _check(self):
        if self.factor >= 1:
            raise ValueError("Factor should be < 1.0.")
        if self.mode not in ("min", "max"):
            raise ValueError(f"mode {self.mode} is unknown!")
        if self.threshold_mode not in ("rel", "abs"):
            raise ValueError(f"threshold mode {self.threshold_mode} is unknown!")

    def _better(self, value):
        sign = 1 if self.mode == "max" else -1
        if self.threshold_mode == "rel":
            return sign * value > sign * self.best * (1 + sign * self.threshold)
        return sign * value > sign * self.best + self.threshold

    @property
    def in_cooldown(self):
        """Whether it still waits after a change."""
        return self.cooldown_counter > 0

    def step(self, metrics):
        """Take note of a measurement, and lower the rate if it is time."""
        value = float(metrics)
        self.last_epoch += 1
        self.num_bad_epochs += 1
        if self._better(value):
            self.best, self.num_bad_epochs = value, 0
        if self.in_cooldown:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        if self.num_bad_epochs > self.patience:
            self._lower()
            self.cooldown_counter, self.num_bad_epochs = self.cooldown, 0
        self._last_lr = self._scaled(1)

    def _lower(self):
        groups = self.optimizer.param_groups
        for group, least in zip(groups, self.min_lrs, strict=True):
            lr = max(group["lr"] * self.factor, least)
            if group["lr"] - lr > self.eps:
                group["lr"] = lr


class Several(LRScheduler):
    """What the schedules made of other schedules share."""

    def __init__(self, optimizer, schedulers):
        name = type(self).__name__
        if not schedulers:
            raise ValueError(f"{name} expects at least one scheduler, but got none.")
        optimizer = optimizer or schedulers[0].optimizer
        for i, scheduler in enumerate(schedulers):
            if not hasattr(scheduler, "optimizer"):
                message = (
                    f"{name} at index {i} should have `optimizer` as its attribute."
                )
                raise TypeError(message)
            if isinstance(scheduler, ReduceLROnPlateau):
                message = (
                    f"{name} does not support `ReduceLROnPlateau`, as at index {i}"
                )
                raise ValueError(f"{message}: its step needs a measurement")
            if scheduler.optimizer is not optimizer:
                message = (
                    f"{name} expects all schedulers to belong to the same optimizer"
                )
                raise ValueError(f"{message}, but the one at index {i} does not")
        self.optimizer, self._schedulers = optimizer, list(schedulers)

    def state_dict(self):
        """Return the state, with that of each schedule in it."""
        states = [scheduler.state_dict() for scheduler in self._schedulers]
        return super().state_dict() | {"_schedulers": states}

    def load_state_dict(self, state_dict):
        states, own = state_dict["_schedulers"], self._schedulers
        super().load_state_dict(state_dict | {"_schedulers": own})
        for scheduler, state in zip(own, states, strict=True):
            scheduler.load_state_dict(state)

    def _again(self):
        for scheduler in self._running():
            scheduler._again()
        self._last_lr = self._scaled(1)

    def _restart(self):
        self.last_epoch = 0
        first, *others = self._running()
        first._restart()
        for scheduler in others:
            scheduler.last_epoch = 0
            scheduler._again()
        self._last_lr = self._scaled(1)


class ChainedScheduler(Several):
    """Several schedules at once: each multiplies what the one before has set."""

    def __init__(self, schedulers, optimizer=None):
        super().__init__(optimizer, schedulers)
        self._last_lr = self._scaled(1)

    def _running(self):
        return self._schedulers

    def step(self):
        """Take a step with each schedule."""
        for scheduler in self._schedulers:
            scheduler.step()
        self._last_lr = self._scaled(1)


class SequentialLR(Several):
    """One schedule after the other: the next begins at each of the `milestones`."""

    def __init__(self, optimizer, schedulers, milestones, last_epoch=-1):
        super().__init__(optimizer, schedulers)
        if len(milestones) != len(schedulers) - 1:
            raise ValueError(
                "Sequential Schedulers expects number of schedulers provided to be one "
                "more than the number of milestone points, but got number of "
                f"schedulers {len(schedulers)} and the number of milestones to be "
                f"equal to {len(milestones)}"
            )
        self._milestones, self.last_epoch = list(milestones), last_epoch + 1
        self._set([group["initial_lr"] for group in self.optimizer.param_groups])
        self._again()

    def _running(self):
        return [self._schedulers[bisect_right(self._milestones, self.last_epoch)]]

    def step(self):
        """Take a step with the schedule whose turn it is."""
        self.last_epoch += 1
        (scheduler,) = self._running()
        due = self.last_epoch in self._milestones
        scheduler._restart() if due else scheduler.step()
        self._last_lr = scheduler.get_last_lr()
