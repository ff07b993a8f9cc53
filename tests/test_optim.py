"""Optimizers, schedules and clipping against PyTorch and against the formulas of chapter 2.10."""

import ast
import copy
import inspect
import json
import warnings
from pathlib import Path

import mytorch
import numpy as np
import pytest
from mytorch import optim
from mytorch.nn import utils
from mytorch.optim import lr_scheduler as ours
from mytorch.optim import optimizer as base

from duck import Duck

torch = pytest.importorskip("torch", reason="PyTorch is a test dependency: requirements-test.txt")
theirs = torch.optim.lr_scheduler
CHAPTER = Path(__file__).parents[1] / "chapters/2-networks/2.10-going-downhill-well.ipynb"
DECAY = {"weight_decay": 0.1}
OPTIONS = {
    "SGD": [
        {"lr": 0.1},
        {"lr": 0.1, "momentum": 0.9},
        {"lr": 0.1, "momentum": 0.9, "dampening": 0.3},
        {"lr": 0.1, "momentum": 0.8, "nesterov": True},
        {"lr": 0.1, "momentum": 0.9, "dampening": 0.5, **DECAY},
        {"lr": 0.1, "momentum": 0.9, "nesterov": True, **DECAY},
    ],
    "Adagrad": [
        {},
        {"lr": 0.1, "lr_decay": 0.05},
        {"lr": 0.1, "initial_accumulator_value": 0.5, "eps": 1e-3, **DECAY},
    ],
    "Adadelta": [{}, {"lr": 0.5, "rho": 0.7, "eps": 1e-4, **DECAY}],
    "RMSprop": [
        {},
        {"lr": 0.02, "alpha": 0.9, "momentum": 0.8},
        {"lr": 0.02, "alpha": 0.9, "centered": True, "eps": 1e-4},
        {"lr": 0.02, "alpha": 0.9, "centered": True, "eps": 1e-3, "momentum": 0.5, **DECAY},
    ],
    "Adam": [
        {},
        {"lr": 0.05, "betas": (0.5, 0.7), "eps": 1e-2},
        {"lr": 0.05, "amsgrad": True, "betas": (0.9, 0.9)},
        {"lr": 0.05, "amsgrad": True, **DECAY},
        {"lr": 0.05, "decoupled_weight_decay": True, **DECAY},
    ],
    "AdamW": [{}, {"lr": 0.05, **DECAY}, {"lr": 0.05, "amsgrad": True, **DECAY}],
}
CASES = [(name, options) for name, row in OPTIONS.items() for options in row]
CASES += [(name, row[-1] | {"lr": 0.005, "maximize": True}) for name, row in OPTIONS.items()]
IDS = [f"{name} {options}" for name, options in CASES]


def leaves(m, dtype="float64"):
    rng = np.random.default_rng(0)
    arrays = [rng.normal(size=shape).astype(dtype) for shape in [(3, 4), (4,), ()]]
    return [m.tensor(a.tolist(), dtype=getattr(m, dtype), requires_grad=True) for a in arrays]


def loss_of(m, params, t):
    """A loss whose gradients change from step to step, as with minibatches."""
    total = params[2] ** 2
    for i, p in enumerate(params):
        total = total + ((p - (t * (i + 1)) % 5 / 5) ** 2 * (i + 0.5)).sum() + (p.sin()).sum()
    return total


def train(m, optimizer, params, steps, start=0):
    for t in range(start, start + steps):
        optimizer.zero_grad()
        loss_of(m, params, t).backward()
        optimizer.step()


def values(params):
    return [np.array(p.detach().tolist()) for p in params]


def same(xs, ys, tolerance=1e-6):
    for x, y in zip(values(xs), values(ys), strict=True):
        np.testing.assert_allclose(x, y, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize(("name", "options"), CASES, ids=IDS)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_sixty_steps_are_pytorchs(name, options, dtype):
    walked = []
    for m in (mytorch, torch):
        params = leaves(m, dtype)
        train(m, getattr(m.optim, name)(params, **options), params, 60)
        walked.append(params)
    same(*walked, 1e-9 if dtype == "float64" else 3e-5)
    assert all(p.dtype == getattr(mytorch, dtype) for p in walked[0])


@pytest.mark.parametrize(("name", "options"), CASES, ids=IDS)
def test_what_is_remembered_is_pytorchs(name, options):
    states = []
    for m in (mytorch, torch):
        params = leaves(m)
        optimizer = getattr(m.optim, name)(params, **options)
        train(m, optimizer, params, 3)
        states.append(optimizer.state_dict())
    mine, wanted = states
    assert list(mine) == list(wanted) == ["state", "param_groups"]
    assert list(mine["state"]) == list(wanted["state"])
    for i in wanted["state"]:
        assert set(mine["state"][i]) == set(wanted["state"][i])
        for key, value in wanted["state"][i].items():
            same([mine["state"][i][key]], [value])
    technical = {"foreach", "fused", "capturable", "differentiable"}
    for a, b in zip(mine["param_groups"], wanted["param_groups"], strict=True):
        assert list(a) == [key for key in b if key not in technical]
        assert a == {key: value for key, value in b.items() if key not in technical}


@pytest.mark.parametrize(("name", "options"), CASES, ids=IDS)
def test_going_on_is_bit_for_bit_the_same(name, options):
    params = leaves(mytorch)
    optimizer = getattr(optim, name)(params, **options)
    train(mytorch, optimizer, params, 7)
    saved = copy.deepcopy([p.data for p in params])
    state = copy.deepcopy(optimizer.state_dict())
    train(mytorch, optimizer, params, 7, start=7)
    again = [mytorch.tensor(a, requires_grad=True) for a in saved]
    other = getattr(optim, name)(again)
    other.load_state_dict(state)
    train(mytorch, other, again, 7, start=7)
    for p, q in zip(params, again, strict=True):
        assert (p.data == q.data).all()


@pytest.mark.parametrize(("name", "options"), CASES, ids=IDS)
@pytest.mark.parametrize("towards", ["mytorch", "torch"])
def test_a_checkpoint_goes_to_pytorch_and_back(name, options, towards):
    one, two = (mytorch, torch) if towards == "torch" else (torch, mytorch)
    params = leaves(one)
    optimizer = getattr(one.optim, name)(params, **options)
    train(one, optimizer, params, 7)
    others = [two.tensor(v.tolist(), dtype=two.float64, requires_grad=True) for v in values(params)]
    other = getattr(two.optim, name)(others)
    state = optimizer.state_dict()
    state["state"] = {
        i: {k: two.tensor(np.array(v.tolist())) for k, v in memory.items()}
        for i, memory in state["state"].items()
    }
    other.load_state_dict(state)
    train(one, optimizer, params, 10, start=7)
    train(two, other, others, 10, start=7)
    same(params, others, 1e-9)


def test_loading_copies():
    params = leaves(mytorch)
    first = optim.Adam(params)
    train(mytorch, first, params, 2)
    second = optim.Adam(leaves(mytorch))
    second.load_state_dict(first.state_dict())
    before = copy.deepcopy(second.state_dict()["state"][0]["exp_avg"].data)
    train(mytorch, first, params, 2)
    first.param_groups[0]["lr"] = 7
    assert (second.state_dict()["state"][0]["exp_avg"].data == before).all()
    assert second.param_groups[0]["lr"] == 1e-3


def test_loading_casts_to_the_parameters_dtype():
    params = leaves(mytorch)
    first = optim.Adam(params)
    train(mytorch, first, params, 2)
    p = leaves(mytorch, "float32")
    second = optim.Adam(p)
    second.load_state_dict(first.state_dict())
    assert second.state[p[0]]["exp_avg"].dtype == mytorch.float32


def formulas():
    """The readable functions of the chapter, by name."""
    cells = json.loads(CHAPTER.read_text("utf-8"))["cells"]
    space = {"np": np, "math": __import__("math")}
    for cell in cells:
        source = "".join(cell["source"])
        if cell["cell_type"] == "code" and "_formula(" in source and not source.startswith("#|"):
            for node in ast.parse(source).body:
                if isinstance(node, ast.FunctionDef) and node.name.endswith("_formula"):
                    exec(compile(ast.Module([node], []), "chapter", "exec"), space)
    return {name: f for name, f in space.items() if name.endswith("_formula")}


@pytest.mark.parametrize(("name", "options"), CASES, ids=IDS)
@pytest.mark.parametrize("size", [(5,), (100, 1000)])
def test_a_step_in_place_is_the_formula(name, options, size):
    step = formulas()[f"{name.lower()}_formula"]
    start = np.random.default_rng(1).normal(size=size)
    p, w, memory = mytorch.tensor(start, requires_grad=True), start.copy(), {}
    optimizer = getattr(optim, name)([p], **options)
    group = optimizer.param_groups[0]
    group = {k: v for k, v in group.items() if k not in ("params", "maximize")}
    sign = -1 if options.get("maximize") else 1
    for t in range(60 if len(size) == 1 else 3):
        g = np.sin(3 * w) + w - t % 3
        p.grad = mytorch.tensor(g)
        w = step(w, sign * g, memory, **group)
        optimizer.step()
    np.testing.assert_allclose(p.data, w, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("name", OPTIONS)
def test_parameters_keep_their_memory_and_record_nothing(name):
    params = leaves(mytorch, "float32")
    arrays = [p.data for p in params]
    optimizer = getattr(optim, name)(params)
    train(mytorch, optimizer, params, 3)
    for p, a in zip(params, arrays, strict=True):
        assert p.data is a and p.is_leaf and p.requires_grad
        assert all(x.dtype == np.float32 for x in optimizer.state.get(p, {}).values())


@pytest.mark.parametrize("name", OPTIONS)
def test_a_graph_that_needs_the_old_parameter_says_so(name):
    for m in (mytorch, torch):
        p = m.ones(3, requires_grad=True)
        loss = (p * p.sin()).sum()
        loss.backward(retain_graph=True)
        getattr(m.optim, name)([p]).step()
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            loss.backward()


@pytest.mark.parametrize("name", OPTIONS)
def test_gradients_are_left_as_they_are(name):
    p = mytorch.ones(5, requires_grad=True)
    p.grad = mytorch.full((5,), 2.0)
    getattr(optim, name)([p], weight_decay=0.5, maximize=True).step()
    assert p.grad.tolist() == [2.0] * 5


@pytest.mark.parametrize("name", OPTIONS)
@pytest.mark.parametrize("order", ["C", "F", "strided"])
def test_large_parameters_of_any_layout(name, order):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 600)) if order == "strided" else rng.normal(size=(300, 300))
    x = x[:, ::2] if order == "strided" else np.array(x, order=order)
    p = mytorch.from_numpy(x)
    p.requires_grad_()
    q = torch.tensor(x.copy(), requires_grad=True)
    mine = getattr(optim, name)([p], **OPTIONS[name][-1])
    other = getattr(torch.optim, name)([q], **OPTIONS[name][-1])
    for _ in range(3):
        g = rng.normal(size=x.shape)
        p.grad, q.grad = mytorch.from_numpy(np.asfortranarray(g)), torch.tensor(g)
        mine.step()
        other.step()
    assert p.data is x
    np.testing.assert_allclose(x, q.detach().numpy(), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(("name", "options"), CASES, ids=IDS)
def test_arrays_that_refuse_numpy(name, options):
    """As on a GPU."""
    w, g = np.random.default_rng(0).normal(size=(2, 4, 5))
    on_host, on_duck = mytorch.tensor(w, requires_grad=True), mytorch.Tensor(Duck(w.copy()))
    on_duck.requires_grad_()
    for p, make in [(on_host, np.array), (on_duck, lambda x: Duck(x.copy()))]:
        optimizer = getattr(optim, name)([p], **options)
        for _ in range(3):
            p.grad = mytorch.Tensor(make(g))
            optimizer.step()
        utils.clip_grad_norm_([p], 0.1)
        utils.clip_grad_value_([p], 0.01)
        other = getattr(optim, name)([p])
        other.load_state_dict(optimizer.state_dict())
    np.testing.assert_allclose(on_duck.data.inner, on_host.data)
    np.testing.assert_allclose(on_duck.grad.data.inner, on_host.grad.data)


def test_groups_have_options_of_their_own():
    walked = []
    for m in (mytorch, torch):
        a, b, c = leaves(m)
        groups = [{"params": [a]}, {"params": b, "lr": 0.5, "momentum": 0}]
        optimizer = m.optim.SGD(groups, lr=0.1, momentum=0.9)
        optimizer.add_param_group({"params": (x for x in [c]), "weight_decay": 0.3})
        train(m, optimizer, [a, b, c], 20)
        walked.append([a, b, c])
        numbers = [group["params"] for group in optimizer.state_dict()["param_groups"]]
        assert numbers == [[0], [1], [2]]
    same(*walked)


def test_two_optimizers_from_the_same_groups_do_not_mix():
    a, b = leaves(mytorch)[:2]
    groups = [{"params": [a]}, {"params": [b], "lr": 0.5}]
    optim.SGD(groups, lr=0.1, weight_decay=0.2)
    adam = optim.Adam(groups, lr=0.01)
    assert [group["lr"] for group in adam.param_groups] == [0.01, 0.5]
    assert adam.param_groups[0]["weight_decay"] == 0


def test_a_parameter_without_a_gradient_stays():
    for name in OPTIONS:
        a, b = mytorch.ones(2, requires_grad=True), mytorch.ones(2, requires_grad=True)
        optimizer = getattr(optim, name)([a, b])
        a.sum().backward()
        optimizer.step()
        assert b.tolist() == [1, 1] and b not in optimizer.state and a.tolist() != [1, 1]


def test_zero_grad():
    p = mytorch.ones(3, requires_grad=True)
    optimizer = optim.SGD([p], lr=1.0)
    p.sum().backward()
    memory = p.grad.data
    optimizer.zero_grad(set_to_none=False)
    assert p.grad.tolist() == [0, 0, 0] and p.grad.data is memory
    optimizer.zero_grad()
    assert p.grad is None


def test_a_closure_is_called_with_gradients_and_its_loss_returned():
    p = mytorch.ones(3, requires_grad=True)
    optimizer = optim.SGD([p], lr=0.5)

    def closure():
        optimizer.zero_grad()
        loss = (p**2).sum()
        loss.backward()
        return loss

    with mytorch.no_grad():
        assert optimizer.step(closure).item() == 3
    assert p.tolist() == [0, 0, 0] and optimizer.step() is None


@pytest.mark.parametrize("name", OPTIONS)
def test_signatures_are_pytorchs(name):
    wanted = inspect.signature(getattr(torch.optim, name)).parameters
    mine = inspect.signature(getattr(optim, name)).parameters
    check_signature(mine, wanted)
    missing = set(wanted) - set(mine)
    assert missing <= {"foreach", "fused", "capturable", "differentiable"}


def check_signature(mine, wanted):
    for p in mine.values():
        assert p.default == wanted[p.name].default, p.name
    positional = [n for n, p in mine.items() if p.kind is p.POSITIONAL_OR_KEYWORD]
    assert positional == list(wanted)[: len(positional)]


@pytest.mark.parametrize("name", OPTIONS)
def test_repr_is_pytorchs(name):
    texts = []
    for m in (mytorch, torch):
        optimizer = getattr(m.optim, name)([{"params": p} for p in leaves(m)[:2]])
        lines = repr(optimizer).split("\n")
        technical = ("    foreach", "    fused", "    capturable", "    differentiable")
        texts.append([line for line in lines if not line.startswith(technical)])
    assert texts[0] == texts[1]


WRONG = [
    ("SGD", {"lr": -1}),
    ("SGD", {"lr": float("nan")}),
    ("SGD", {"momentum": -0.1}),
    ("SGD", {"weight_decay": -0.1}),
    ("SGD", {"nesterov": True}),
    ("SGD", {"nesterov": True, "momentum": 0.9, "dampening": 0.1}),
    ("Adagrad", {"lr": -1}),
    ("Adagrad", {"lr_decay": -1}),
    ("Adagrad", {"weight_decay": -1}),
    ("Adagrad", {"initial_accumulator_value": -1}),
    ("Adagrad", {"eps": -1}),
    ("Adadelta", {"lr": -1}),
    ("Adadelta", {"rho": 1.5}),
    ("Adadelta", {"eps": -1}),
    ("Adadelta", {"weight_decay": -1}),
    ("RMSprop", {"lr": -1}),
    ("RMSprop", {"eps": -1}),
    ("RMSprop", {"momentum": -1}),
    ("RMSprop", {"weight_decay": -1}),
    ("RMSprop", {"alpha": -1}),
    ("Adam", {"lr": -1.0}),
    ("Adam", {"eps": -1}),
    ("Adam", {"betas": (1.0, 0.9)}),
    ("Adam", {"betas": (0.9, -0.1)}),
    ("Adam", {"weight_decay": -1}),
    ("AdamW", {"weight_decay": -1}),
]


def message(call):
    with pytest.raises(Exception) as caught:
        call()
    return type(caught.value), str(caught.value)


@pytest.mark.parametrize(("name", "options"), WRONG)
def test_wrong_options_are_refused_in_pytorchs_words(name, options):
    if name == "SGD" and options.get("lr") != options.get("lr"):
        with pytest.raises(ValueError, match="Invalid learning rate: nan"):
            optim.SGD(leaves(mytorch), **options)  # PyTorch lets NaN pass here
        return
    a, b = (
        message(lambda m=m: getattr(m.optim, name)(leaves(m), **options)) for m in (mytorch, torch)
    )
    assert a == b


def doubled(m):
    optimizer = m.optim.SGD(leaves(m))
    optimizer.add_param_group({"params": optimizer.param_groups[0]["params"][:1]})


def loaded(m, params, other):
    m.optim.SGD(params).load_state_dict(m.optim.SGD(other).state_dict())


WRONG_PARAMETERS = {
    "none": lambda m: m.optim.SGD([]),
    "a tensor": lambda m: m.optim.SGD(leaves(m)[0]),
    "a number": lambda m: m.optim.SGD([1.0]),
    "a set": lambda m: m.optim.SGD([{"params": set(leaves(m))}]),
    "not a leaf": lambda m: m.optim.SGD([leaves(m)[0] * 2]),
    "twice": doubled,
    "no dict": lambda m: m.optim.SGD(leaves(m)).add_param_group(leaves(m)),
    "groups": lambda m: loaded(m, leaves(m), [{"params": p} for p in leaves(m)]),
    "sizes": lambda m: loaded(m, leaves(m), leaves(m)[:2]),
}


@pytest.mark.parametrize("name", WRONG_PARAMETERS)
def test_wrong_parameters_are_refused_as_in_pytorch(name):
    (kind, text), (wanted, words) = (
        message(lambda m=m: WRONG_PARAMETERS[name](m)) for m in (mytorch, torch)
    )
    assert kind is wanted
    assert text[:40] == words[:40]


def test_a_duplicate_in_a_group_is_warned_of():
    p = leaves(mytorch)[0]
    with pytest.warns(UserWarning, match="duplicate parameters"):
        optim.SGD([p, p])


def test_an_optimizer_of_ones_own():
    class Signs(optim.Optimizer):
        def __init__(self, params, lr=0.1):
            super().__init__(params, {"lr": lr})

        def step(self, closure=None):
            for group in self.param_groups:
                for p in group["params"]:
                    self.state[p]["steps"] = self.state[p].get("steps", 0) + 1
                    p.data -= group["lr"] * np.sign(p.grad.data)

    p = mytorch.ones(3, requires_grad=True)
    optimizer = Signs([p])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        schedule = ours.StepLR(optimizer, 1)
        for _ in range(2):
            p.grad = mytorch.ones(3)
            optimizer.step()
            schedule.step()
    np.testing.assert_allclose(p.tolist(), 0.89)
    assert optimizer.state_dict()["state"] == {0: {"steps": 2}}


def test_pieces_cover_everything_once():
    for shape in [(), (3,), (70_000,), (7, 20_000), (2, 3, 30_000), (100_000, 1), (0, 4)]:
        w = np.zeros(shape)
        for piece, g, memory in base.pieces(w, w, {"x": w, "step": np.zeros(())}):
            piece += 1
            assert g.shape == piece.shape == memory["x"].shape and memory["step"].shape == ()
        assert (w == 1).all()


# Schedules

TWICE = [0.05, 0.5]
SCHEDULES = {
    "StepLR": [lambda s, o: s.StepLR(o, 7), lambda s, o: s.StepLR(o, 1, 0.9)],
    "MultiStepLR": [
        lambda s, o: s.MultiStepLR(o, [3, 10, 10, 40]),
        lambda s, o: s.MultiStepLR(o, [0, 5], gamma=0.5),
    ],
    "ConstantLR": [lambda s, o: s.ConstantLR(o), lambda s, o: s.ConstantLR(o, 0.25, 12)],
    "LinearLR": [
        lambda s, o: s.LinearLR(o),
        lambda s, o: s.LinearLR(o, 0.1, 0.5, 20),
        lambda s, o: s.LinearLR(o, 1.0, 0.0, 50),
    ],
    "ExponentialLR": [lambda s, o: s.ExponentialLR(o, 0.97)],
    "PolynomialLR": [lambda s, o: s.PolynomialLR(o), lambda s, o: s.PolynomialLR(o, 60, 2.0)],
    "CosineAnnealingLR": [
        lambda s, o: s.CosineAnnealingLR(o, 100),
        lambda s, o: s.CosineAnnealingLR(o, 13, eta_min=0.01),
    ],
    "CosineAnnealingWarmRestarts": [
        lambda s, o: s.CosineAnnealingWarmRestarts(o, 7),
        lambda s, o: s.CosineAnnealingWarmRestarts(o, 5, 2, eta_min=0.003),
    ],
    "LambdaLR": [
        lambda s, o: s.LambdaLR(o, lambda t: 0.95**t),
        lambda s, o: s.LambdaLR(o, [lambda t: 1 / (1 + t), lambda t: t % 3]),
    ],
    "MultiplicativeLR": [lambda s, o: s.MultiplicativeLR(o, lambda t: 0.9 if t % 2 else 1.05)],
    "OneCycleLR": [
        lambda s, o: s.OneCycleLR(o, 0.5, 100),
        lambda s, o: s.OneCycleLR(o, TWICE, epochs=20, steps_per_epoch=6, three_phase=True),
        lambda s, o: s.OneCycleLR(o, 1.0, 101, pct_start=0.4, anneal_strategy="linear"),
        lambda s, o: s.OneCycleLR(o, 1.0, 100, cycle_momentum=False, div_factor=3),
        lambda s, o: s.OneCycleLR(
            o, 1.0, 100, base_momentum=TWICE, max_momentum=0.9, final_div_factor=7.0
        ),
        lambda s, o: s.OneCycleLR(o, 1.0, 100, pct_start=0.0),
    ],
    "ChainedScheduler": [
        lambda s, o: s.ChainedScheduler([s.ExponentialLR(o, 0.98), s.LinearLR(o, 0.1, 1, 9)]),
        lambda s, o: s.ChainedScheduler([s.CosineAnnealingLR(o, 30), s.StepLR(o, 9, 0.5)], o),
    ],
    "SequentialLR": [
        lambda s, o: s.SequentialLR(o, [s.LinearLR(o, 0.1, 1, 9), s.CosineAnnealingLR(o, 80)], [9]),
        lambda s, o: s.SequentialLR(
            o, [s.ConstantLR(o), s.StepLR(o, 5), s.ExponentialLR(o, 0.9)], [10, 30]
        ),
        lambda s, o: s.SequentialLR(
            o, [s.PolynomialLR(o, 5), s.CosineAnnealingWarmRestarts(o, 6)], [7]
        ),
        lambda s, o: s.SequentialLR(
            o, [s.LambdaLR(o, lambda t: t / 9), s.MultiStepLR(o, [2, 4])], [11]
        ),
    ],
}
ROWS = [(f"{name} {i}", make) for name, row in SCHEDULES.items() for i, make in enumerate(row)]


def two_groups(m, kind):
    a, b, _ = leaves(m)
    optimizer = getattr(m.optim, kind)([{"params": [a]}, {"params": [b], "lr": 0.3}], lr=0.1)
    a.grad, b.grad = (m.zeros(*p.shape, dtype=m.float64) for p in (a, b))
    return optimizer


def options_of(optimizer):
    keys = ("lr", "momentum", "betas")
    return [np.hstack([group[k] for k in keys if k in group]) for group in optimizer.param_groups]


@pytest.mark.parametrize(("name", "make"), ROWS, ids=[name for name, _ in ROWS])
@pytest.mark.parametrize("kind", ["SGD", "Adam"])
def test_a_hundred_learning_rates_are_pytorchs(name, make, kind):
    pairs = []
    for m, s in ((mytorch, ours), (torch, theirs)):
        optimizer = two_groups(m, kind)
        schedule = make(s, optimizer)
        rows, said = [options_of(optimizer)], [schedule.get_last_lr()]
        for _ in range(99):
            optimizer.step()
            schedule.step()
            rows.append(options_of(optimizer))
            said.append(schedule.get_last_lr())
        pairs.append((np.array(rows), np.array(said)))
    (rows, said), (wanted, wanted_said) = pairs
    np.testing.assert_allclose(rows, wanted, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(said, wanted_said, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(("name", "make"), ROWS, ids=[name for name, _ in ROWS])
def test_a_schedule_goes_on_where_it_stopped(name, make):
    optimizer = two_groups(mytorch, "Adam")
    schedule = make(ours, optimizer)
    other_optimizer = two_groups(mytorch, "Adam")
    other = make(ours, other_optimizer)
    for t in range(60):
        if t == 20:
            other.load_state_dict(copy.deepcopy(schedule.state_dict()))
            other_optimizer.load_state_dict(copy.deepcopy(optimizer.state_dict()))
        for o, s in [(optimizer, schedule), (other_optimizer, other)][: 1 + (t >= 20)]:
            o.step()
            s.step()
    assert schedule.get_last_lr() == other.get_last_lr()
    assert optimizer.param_groups[0]["lr"] == other_optimizer.param_groups[0]["lr"]


@pytest.mark.parametrize(("name", "make"), ROWS, ids=[name for name, _ in ROWS])
def test_optimizers_and_schedules_come_back_from_a_file(name, make, tmp_path):
    params = leaves(mytorch)
    optimizer = optim.AdamW([{"params": params[:1]}, {"params": params[1:], "lr": 0.3}])
    schedule = make(ours, optimizer)
    again = copy.deepcopy([p.data for p in params])
    for t in range(20):
        train(mytorch, optimizer, params, 1, start=t)
        schedule.step()
        if t == 9:
            again = copy.deepcopy([p.data for p in params])
            state = {"o": optimizer.state_dict(), "s": schedule.state_dict()}
            mytorch.save(state, tmp_path / "state.safetensors")
    others = [mytorch.tensor(a, requires_grad=True) for a in again]
    other = optim.AdamW([{"params": others[:1]}, {"params": others[1:], "lr": 0.3}])
    second = make(ours, other)
    state = mytorch.load(tmp_path / "state.safetensors")
    other.load_state_dict(state["o"])
    second.load_state_dict(state["s"])
    for t in range(10, 20):
        train(mytorch, other, others, 1, start=t)
        second.step()
    for p, q in zip(params, others, strict=True):
        assert (p.data == q.data).all()


@pytest.mark.parametrize("name", [n for n in SCHEDULES if "Chained" not in n and "Seq" not in n])
def test_state_has_pytorchs_keys(name):
    keys = []
    for m, s in ((mytorch, ours), (torch, theirs)):
        keys.append(set(SCHEDULES[name][0](s, two_groups(m, "SGD")).state_dict()))
    internal = {"_get_lr_called_within_step", "_schedule_phases", "_anneal_func_type", "use_beta1"}
    assert keys[1] - keys[0] <= internal


@pytest.mark.parametrize("name", SCHEDULES)
def test_schedule_signatures_are_pytorchs(name):
    check_signature(
        inspect.signature(getattr(ours, name)).parameters,
        inspect.signature(getattr(theirs, name)).parameters,
    )


@pytest.mark.parametrize("last", [4, 9, 30])
@pytest.mark.parametrize(
    "make",
    [
        lambda s, o, last: s.StepLR(o, 7, last_epoch=last),
        lambda s, o, last: s.ExponentialLR(o, 0.9, last_epoch=last),
        lambda s, o, last: s.LambdaLR(o, lambda t: 0.9**t, last_epoch=last),
        lambda s, o, last: s.OneCycleLR(o, 0.3, 100, last_epoch=last),
        lambda s, o, last: s.LinearLR(o, 0.1, 1.0, 20, last_epoch=last),
    ],
)
def test_beginning_in_the_middle_is_pytorchs(make, last):
    rates = []
    for m, s in ((mytorch, ours), (torch, theirs)):
        optimizer = two_groups(m, "SGD")
        for group in optimizer.param_groups:
            group |= {"initial_lr": group["lr"], "max_lr": 0.3, "min_lr": 1e-4}
            group |= {"max_momentum": 0.95, "base_momentum": 0.85}
        schedule = make(s, optimizer, last)
        optimizer.step()
        schedule.step()
        rates.append(schedule.get_last_lr())
    np.testing.assert_allclose(*rates)


MEASURED = [5.0, 4, 3, 3, 3, 3, 3, 2.9999, 2.9, 3, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0.5, 2, 3]


@pytest.mark.parametrize(
    "options",
    [
        {"patience": 2},
        {"patience": 1, "cooldown": 2, "factor": 0.5},
        {"patience": 0, "threshold": 0.2},
        {"patience": 1, "threshold": 0.3, "threshold_mode": "abs"},
        {"patience": 1, "mode": "max"},
        {"patience": 1, "mode": "max", "threshold": 0.5, "threshold_mode": "abs"},
        {"patience": 1, "min_lr": [0.01, 0.2], "factor": 0.3},
        {"patience": 0, "eps": 0.05, "factor": 0.5},
    ],
)
def test_plateaus_are_pytorchs(options):
    rows = []
    for m, s in ((mytorch, ours), (torch, theirs)):
        optimizer = two_groups(m, "SGD")
        schedule = s.ReduceLROnPlateau(optimizer, **options)
        row = [schedule.get_last_lr()]
        for value in MEASURED + MEASURED[::-1]:
            optimizer.step()
            schedule.step(m.tensor(value) if value == 3 else value)
            row.append([*schedule.get_last_lr(), schedule.in_cooldown, schedule.best])
        rows.append(row[1:])
    np.testing.assert_allclose(*rows)


def test_a_plateau_goes_on_where_it_stopped():
    made = []
    for _ in range(2):
        optimizer = two_groups(mytorch, "SGD")
        made.append((optimizer, ours.ReduceLROnPlateau(optimizer, patience=2, cooldown=1)))
    (optimizer, schedule), (other_optimizer, other) = made
    for i, value in enumerate(MEASURED):
        if i == 10:
            other.load_state_dict(copy.deepcopy(schedule.state_dict()))
            other_optimizer.load_state_dict(optimizer.state_dict())
        schedule.step(value)
        if i >= 10:
            other.step(value)
    assert schedule.get_last_lr() == other.get_last_lr()


def test_warm_restarts_take_fractions_of_an_epoch():
    rates = []
    for m, s in ((mytorch, ours), (torch, theirs)):
        schedule = s.CosineAnnealingWarmRestarts(two_groups(m, "SGD"), 3, 2)
        row = []
        for t in np.arange(0, 30, 0.37).tolist():
            schedule.step(t)
            row.append(schedule.get_last_lr())
        rates.append(row)
    np.testing.assert_allclose(*rates)


def in_turn(s, o):
    warm = s.ChainedScheduler([s.LinearLR(o, 0.1, 1, 4), s.ExponentialLR(o, 0.9)])
    return s.SequentialLR(o, [s.ConstantLR(o, 0.5, 3), warm, s.StepLR(o, 2)], [3, 9])


def test_schedules_in_schedules_in_schedules():
    """PyTorch raises NotImplementedError where a ChainedScheduler begins at a milestone."""
    optimizer = two_groups(mytorch, "SGD")
    schedule = in_turn(ours, optimizer)
    rates = []
    for _ in range(13):
        rates.append(schedule.get_last_lr()[0])
        optimizer.step()
        schedule.step()
    linear = [0.1 * (0.1 + 0.9 * min(t, 4) / 4) * 0.9**t for t in range(6)]
    wanted = [0.05] * 3 + linear + [0.1, 0.1, 0.01, 0.01]
    np.testing.assert_allclose(rates, wanted)


WRONG_SCHEDULES = {
    "no optimizer": lambda s, o: s.StepLR(3, 1),
    "no optimizer to cycle": lambda s, o: s.OneCycleLR(3, 0.1, 10),
    "no optimizer on a plateau": lambda s, o: s.ReduceLROnPlateau(3),
    "resumed too early": lambda s, o: s.StepLR(o, 3, last_epoch=3),
    "factor": lambda s, o: s.ConstantLR(o, 1.5),
    "start": lambda s, o: s.LinearLR(o, 0.0),
    "end": lambda s, o: s.LinearLR(o, 0.5, 1.5),
    "T_0": lambda s, o: s.CosineAnnealingWarmRestarts(o, 0),
    "T_mult": lambda s, o: s.CosineAnnealingWarmRestarts(o, 3, 0.5),
    "epoch": lambda s, o: s.CosineAnnealingWarmRestarts(o, 3).step(-1),
    "lambdas": lambda s, o: s.LambdaLR(o, [lambda t: 1]),
    "no steps": lambda s, o: s.OneCycleLR(o, 0.1),
    "total_steps": lambda s, o: s.OneCycleLR(o, 0.1, -3),
    "epochs": lambda s, o: s.OneCycleLR(o, 0.1, epochs=0, steps_per_epoch=3),
    "steps_per_epoch": lambda s, o: s.OneCycleLR(o, 0.1, epochs=3, steps_per_epoch=1.5),
    "pct_start": lambda s, o: s.OneCycleLR(o, 0.1, 10, pct_start=1),
    "strategy": lambda s, o: s.OneCycleLR(o, 0.1, 10, anneal_strategy="sin"),
    "lengths": lambda s, o: s.OneCycleLR(o, [0.1, 0.2, 0.3], 10),
    "mode": lambda s, o: s.ReduceLROnPlateau(o, mode="least"),
    "threshold mode": lambda s, o: s.ReduceLROnPlateau(o, threshold_mode="some"),
    "plateau factor": lambda s, o: s.ReduceLROnPlateau(o, factor=1.0),
    "none in turn": lambda s, o: s.SequentialLR(o, [], []),
    "milestones": lambda s, o: s.SequentialLR(o, [s.StepLR(o, 1)], [3]),
    "plateau in turn": lambda s, o: s.SequentialLR(o, [s.ReduceLROnPlateau(o)], []),
    "none chained": lambda s, o: s.ChainedScheduler([]),
}


@pytest.mark.parametrize("name", WRONG_SCHEDULES)
def test_wrong_schedules_are_refused_as_in_pytorch(name):
    (kind, text), (wanted, words) = (
        message(lambda m=m, s=s: WRONG_SCHEDULES[name](s, two_groups(m, "SGD")))
        for m, s in ((mytorch, ours), (torch, theirs))
    )
    assert kind is wanted
    assert text[:30] == words[:30]


def test_a_cycle_needs_momentum_and_ends():
    for m, s in ((mytorch, ours), (torch, theirs)):
        with pytest.raises(ValueError, match="optimizer must support momentum or beta1"):
            s.OneCycleLR(m.optim.Adagrad(leaves(m)), 0.1, 10)
        optimizer = two_groups(m, "SGD")
        schedule = s.OneCycleLR(optimizer, 0.1, 3)
        optimizer.step()
        with pytest.raises(ValueError, match="Tried to step 4 times. The specified number"):
            for _ in range(4):
                schedule.step()


def test_schedules_of_two_optimizers_do_not_mix():
    for m, s in ((mytorch, ours), (torch, theirs)):
        a, b = two_groups(m, "SGD"), two_groups(m, "SGD")
        with pytest.raises(ValueError, match="expects all schedulers to belong to the same opt"):
            s.SequentialLR(a, [s.StepLR(a, 1), s.StepLR(b, 1)], [2])


def test_the_wrong_order_of_steps_is_warned_of_once():
    for m, s in ((mytorch, ours), (torch, theirs)):
        schedule = s.StepLR(two_groups(m, "SGD"), 3)
        with pytest.warns(UserWarning, match="Detected call of `lr_scheduler.step\\(\\)` before"):
            schedule.step()
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            schedule.step()


def test_a_callable_object_is_saved_with_its_attributes():
    class Factor:
        def __init__(self, base):
            self.base = base

        def __call__(self, t):
            return self.base**t

    schedule = ours.LambdaLR(optim.SGD(leaves(mytorch), lr=1.0), Factor(0.5))
    other = ours.LambdaLR(optim.SGD(leaves(mytorch), lr=1.0), Factor(0.9))
    other.load_state_dict(schedule.state_dict())
    assert other.get_lr() == [1.0] and other.lr_lambdas[0].base == 0.5
    assert schedule.state_dict()["lr_lambdas"] == [{"base": 0.5}]


# Clipping


def with_gradients(m, dtype="float32"):
    params = leaves(m, dtype)
    for p, scale in zip(params, [3.0, -10.0, 0.5], strict=True):
        g = np.full(p.shape, scale) + np.arange(int(np.prod(p.shape))).reshape(p.shape)
        p.grad = m.tensor(g.tolist(), dtype=getattr(m, dtype))
    extra = m.ones(2, requires_grad=True)  # has no gradient
    return [*params, extra]


@pytest.mark.parametrize("norm_type", [2.0, 1, 3, float("inf"), 0.5])
@pytest.mark.parametrize("max_norm", [0.1, 5, 1e4])
def test_clipping_by_norm_is_pytorchs(norm_type, max_norm):
    ours_, theirs_ = with_gradients(mytorch), with_gradients(torch)
    memory = ours_[0].grad.data
    a = utils.clip_grad_norm_((p for p in ours_), max_norm, norm_type)
    b = torch.nn.utils.clip_grad_norm_(theirs_, max_norm, norm_type)
    same([a], [b], 1e-5)
    assert a.dtype == mytorch.float32 and a.shape == ()
    same([p.grad for p in ours_[:3]], [p.grad for p in theirs_[:3]], 1e-5)
    assert ours_[0].grad.data is memory and memory.dtype == np.float32


def test_clipping_by_value_is_pytorchs():
    ours_, theirs_ = with_gradients(mytorch), with_gradients(torch)
    memory = ours_[0].grad.data
    assert utils.clip_grad_value_(ours_, 4) is None
    torch.nn.utils.clip_grad_value_(theirs_, 4)
    same([p.grad for p in ours_[:3]], [p.grad for p in theirs_[:3]])
    assert ours_[0].grad.data is memory


def test_clipping_one_tensor_none_and_what_is_not_finite():
    p = with_gradients(mytorch)[0]
    utils.clip_grad_norm_(p, 1.0)
    assert abs(utils.get_total_norm(p.grad).item() - 1) < 1e-5
    utils.clip_grad_value_(p, 0.1)
    assert utils.get_total_norm([p.grad], float("inf")).item() <= 0.11
    assert utils.clip_grad_norm_([mytorch.ones(2, requires_grad=True)], 1.0).item() == 0
    assert utils.get_total_norm([]).item() == 0
    p.grad.data[0, 0] = np.inf
    q = torch.ones(2, requires_grad=True)
    q.grad = torch.tensor([1.0, float("inf")])
    a = message(lambda: utils.clip_grad_norm_(p, 1.0, error_if_nonfinite=True))
    b = message(lambda: torch.nn.utils.clip_grad_norm_(q, 1.0, error_if_nonfinite=True))
    assert a == b
    with np.errstate(invalid="ignore"):
        assert utils.clip_grad_norm_(p, 1.0).item() == np.inf


@pytest.mark.parametrize(
    "name",
    """clip_grad_norm_ clip_grad_value_ get_total_norm clip_grads_with_norm_
    parameters_to_vector vector_to_parameters""".split(),
)
def test_signatures_of_utils_are_pytorchs(name):
    check_signature(
        inspect.signature(getattr(utils, name)).parameters,
        inspect.signature(getattr(torch.nn.utils, name)).parameters,
    )


def test_parameters_as_a_vector_and_back():
    params = leaves(mytorch)
    vector = utils.parameters_to_vector(params)
    assert vector.shape == (17,) and vector.requires_grad
    (vector**2).sum().backward()
    np.testing.assert_allclose(params[0].grad.data, 2 * params[0].data)
    utils.vector_to_parameters(mytorch.arange(17.0), params)
    assert params[1].tolist() == [12, 13, 14, 15] and params[2].item() == 16
