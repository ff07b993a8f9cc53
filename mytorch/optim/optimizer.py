"""What all optimizers share: groups of parameters, state, saving and loading.

Written in chapter 2.10.
"""

import warnings
from collections import defaultdict
from copy import deepcopy

import numpy as np

from ..autograd import enable_grad
from ..ops.pointwise import CHUNK, portions
from ..tensor import Tensor
from ..versions import writes


class Optimizer:
    """The base of all optimizers.

    params: tensors, or dicts with "params" and options of their own; defaults: the
    options of a group that does not say otherwise. A subclass writes `change`, and
    `begin` if it remembers something; or it writes `step` altogether.
    """

    def __init__(self, params, defaults):
        if isinstance(params, Tensor):
            raise TypeError(
                "params argument given to the optimizer should be an iterable of "
                "Tensors or dicts, but got a Tensor"
            )
        self.defaults, self.param_groups = defaults, []
        self.state = defaultdict(dict)  # parameter -> what is remembered of it
        groups = list(params)
        if not groups:
            raise ValueError("optimizer got an empty parameter list")
        for group in groups if isinstance(groups[0], dict) else [{"params": groups}]:
            self.add_param_group(group)

    def add_param_group(self, param_group):
        """Add a dict of "params" and options; those left out are the defaults."""
        if not isinstance(param_group, dict):
            message = f"param_group must be a dict, but got {type(param_group)}"
            raise TypeError(message)
        group = self.defaults | param_group | {"params": listed(param_group["params"])}
        known = {p for other in self.param_groups for p in other["params"]}
        if len(set(group["params"])) < len(group["params"]):
            message = "optimizer contains a parameter group with duplicate parameters"
            warnings.warn(message, stacklevel=3)
        if not known.isdisjoint(group["params"]):
            raise ValueError("some parameters appear in more than one parameter group")
        self.param_groups.append(group)

    _opt_called = False  # schedules ask whether a step was taken before theirs

    def zero_grad(self, set_to_none=True):
        """Forget all gradients; with set_to_none=False they become zeros."""
        for group in self.param_groups:
            for p in group["params"]:
                if set_to_none:
                    p.grad = None
                elif p.grad is not None:
                    p.grad.data[...] = 0

    def step(self, closure=None):
        """Change each parameter that has a gradient.

        closure: computes the loss and the gradients anew; its result is returned.
        """
        self._opt_called, loss = True, None
        if closure is not None:
            with enable_grad():
                loss = closure()
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    self.update(p, group)
        return loss

    def begin(self, p, group):
        """Return what to remember of `p` before its first step: name -> tensor."""
        return {}

    def update(self, p, group):
        """Take one step with one parameter, in place and piece by piece."""
        state = self.state.get(p) or self.begin(p, group)
        if state:
            self.state[p] = state
        if "step" in state:
            state["step"].data += 1
        memory = {name: value.data for name, value in state.items()}
        for w, g, s in pieces(p.data, p.grad.data, memory):
            self.change(w, self.slope(w, g, group), s, group)
        writes.note(p.data, f"{type(self).__name__}.step")

    def slope(self, w, g, group):
        """Return the gradient to go down: turned for maximize, with weight decay."""
        g = -g if group["maximize"] else g
        if group["weight_decay"]:
            decay = group["weight_decay"] * w
            decay += g
            return decay
        return g

    def change(self, w, g, s, group):
        """Change the piece `w` of a parameter in place, by its slope `g`; `s` holds
        the same piece of what is remembered."""
        raise NotImplementedError

    def numbered(self):
        """Return all parameters in order: their places are their numbers."""
        return list(dict.fromkeys(p for g in self.param_groups for p in g["params"]))

    def state_dict(self):
        """Return {"state": {0: {...}}, "param_groups": [...]}, to be saved.

        Parameters are numbered through all groups. The tensors in "state" are the
        optimizer's own, not copies.
        """
        number = {p: i for i, p in enumerate(self.numbered())}
        groups = [
            group | {"params": [number[p] for p in group["params"]]}
            for group in self.param_groups
        ]
        for group in groups:  # PyTorch's order: the parameters come last
            group["params"] = group.pop("params")
        state = {number[p]: memory for p, memory in self.state.items()}
        return {"state": state, "param_groups": groups}

    def load_state_dict(self, state_dict):
        """Continue where another optimizer stopped; everything is copied.

        Raises ValueError if the groups do not have as many parameters as here.
        """
        here, saved = self.param_groups, deepcopy(state_dict["param_groups"])
        if len(here) != len(saved):
            message = "loaded state dict has a different number of parameter groups"
            raise ValueError(message)
        sizes = [[len(group["params"]) for group in groups] for groups in (here, saved)]
        if sizes[0] != sizes[1]:
            raise ValueError(
                "loaded state dict contains a parameter group that doesn't match "
                "the size of optimizer's group"
            )
        numbers = [i for group in saved for i in group["params"]]
        params = [p for group in here for p in group["params"]]
        owner = dict(zip(numbers, params, strict=True))
        self.state = defaultdict(dict)
        for number, memory in state_dict["state"].items():
            p = owner[number]
            self.state[p] = {name: copied(name, x, p) for name, x in memory.items()}
        pairs = zip(here, saved, strict=True)
        self.param_groups = [a | b | {"params": a["params"]} for a, b in pairs]

    def __repr__(self):
        lines = [f"{type(self).__name__} ("]
        for i, group in enumerate(self.param_groups):
            lines += [""] * (i > 0) + [f"Parameter Group {i}"]
            options = sorted(name for name in group if name != "params")
            lines += [f"    {name}: {group[name]}" for name in options]
        return "\n".join([*lines, ")"])


def listed(params):
    """Return a list of parameters; refuse what cannot be optimized."""
    if isinstance(params, set):
        raise TypeError(
            "optimizer parameters need to be organized in ordered collections, but the "
            "ordering of tensors in sets will change between runs: use a list instead"
        )
    params = [params] if isinstance(params, Tensor) else list(params)
    for p in params:
        if not isinstance(p, Tensor):
            kind = type(p).__name__
            message = f"optimizer can only optimize Tensors, but got {kind}"
            raise TypeError(message)
        if not (p.is_leaf or p.retains_grad):
            raise ValueError("can't optimize a non-leaf Tensor")
    return params


def pieces(w, g, memory):
    """Yield the same rows of a parameter, its gradient and its memory, some at a time.

    They are views, to be changed in place. Only NumPy's arrays are cut: on a GPU a
    piece is no faster than the whole.
    """
    if w.size <= CHUNK or not isinstance(w, np.ndarray):
        yield w, g, memory
        return
    for part in portions(len(w), w.size // len(w)):
        yield w[part], g[part], {k: x[part] if x.ndim else x for k, x in memory.items()}


def follow(mean, x, keep, t):
    """Keep a part of a running mean and take the rest from `x`, in place.

    t: scratch, which may be `x` itself.
    """
    mean *= keep
    mean += np.multiply(x, 1 - keep, out=t)


def at_least_zero(options):
    """Raise ValueError for an option, name -> value, that is negative."""
    for name, value in options.items():
        if not value >= 0:  # NaN is refused, too
            raise ValueError(f"Invalid {name}: {value}")


def copied(name, value, p):
    """Return a copy of something remembered of `p`, in the dtype of `p`."""
    if not isinstance(value, Tensor):
        return deepcopy(value)
    return Tensor(value.data.astype(value.dtype if name == "step" else p.dtype))
