"""mytorch.nn against torch.nn: modules, containers, layers, activations, hooks, states, text.

Each scenario is a function of the package and runs on both: PyTorch's answer is the expected one.
"""

import copy
import re
from collections import OrderedDict

import mytorch
import numpy as np
import pytest
from mytorch.ops import pointwise
from mytorch.utils import summary

from table import Row, array, check_duck, check_gradient, check_second, derivatives, fixed, same

torch = pytest.importorskip("torch", reason="PyTorch is a test dependency: requirements-test.txt")


def said(error):
    """An error as text, without what has another name in PyTorch."""
    text = str(error).replace("torch.FloatTensor", "Tensor").replace("torch.nn.Buffer, ", "")
    text = text.replace("torch.nn.modules.activation.", "").replace(" and complex", "")
    text = text.replace(" or complex", "")
    text = re.sub(r"torch\.Size\(\[([\d, ]*)\]\)", sizes, text)
    return f"{type(error).__name__}: {text.replace('mytorch', 'torch')}"


def sizes(found):
    return str(tuple(int(n) for n in found[1].split(", ")))


def answer(scenario, m):
    """What a scenario returns, or the error it raises."""
    try:
        return scenario(m)
    except Exception as error:
        return said(error)


def net(m):
    """A module with parts, a shared one, a buffer of each kind, and names without value."""

    class Net(m.nn.Module):
        def __init__(self):
            super().__init__()
            self.first = m.nn.Linear(2, 3)
            self.scale = m.nn.Parameter(m.ones(3))
            self.register_buffer("mean", m.zeros(3))
            self.register_buffer("cache", m.zeros(2), persistent=False)
            self.register_buffer("nothing", None)
            self.register_parameter("shift", None)
            self.body = m.nn.Sequential(m.nn.Tanh(), m.nn.Linear(3, 3, bias=False), m.nn.ReLU())
            self.again = self.first
            self.many = m.nn.ModuleList([m.nn.Linear(1, 1) for _ in range(2)])

        def forward(self, x):
            return self.body(self.first(x) * self.scale + self.mean)

    return Net()


def put(module, name, value):
    setattr(module, name, value)
    return sorted(vars(module)["_parameters"]), sorted(vars(module)["_modules"])


def fresh(m, base=None):
    class Fresh(base or m.nn.Module):
        pass

    return Fresh


def early(m, act):
    """A class that does something before super().__init__()."""

    class Early(m.nn.Module):
        def __init__(self):
            act(self)

    return Early()


def names(pairs):
    return [name for name, _ in pairs]


def kinds(pairs):
    return [(name, type(module).__name__) for name, module in pairs]


SCENARIOS = {
    "keys": lambda m: list(net(m).state_dict()),
    "keys with a prefix": lambda m: list(net(m).state_dict(prefix="a.")),
    "keys of a part": lambda m: list(net(m).body.state_dict(prefix="body.")),
    "destination": lambda m: list(net(m).state_dict(destination={"z": 1})),
    "parameters": lambda m: names(net(m).named_parameters()),
    "parameters twice": lambda m: names(net(m).named_parameters(remove_duplicate=False)),
    "parameters here": lambda m: names(net(m).named_parameters(prefix="p", recurse=False)),
    "how many": lambda m: len(list(net(m).parameters())),
    "buffers": lambda m: names(net(m).named_buffers(prefix="b")),
    "modules": lambda m: kinds(net(m).named_modules()),
    "modules twice": lambda m: kinds(net(m).named_modules(remove_duplicate=False)),
    "modules with a prefix": lambda m: kinds(net(m).named_modules(prefix="x")),
    "children": lambda m: kinds(net(m).named_children()),
    "counts": lambda m: [len(list(f())) for f in (net(m).children, net(m).modules)],
    "repr": lambda m: repr(net(m)),
    "apply": lambda m: applied(net(m)),
    "submodule": lambda m: repr(net(m).get_submodule("body.1")),
    "itself": lambda m: repr(net(m).get_submodule("").body),
    "no submodule": lambda m: net(m).get_submodule("body.7"),
    "a parameter is no module": lambda m: net(m).get_submodule("scale"),
    "get_parameter": lambda m: list(net(m).get_parameter("body.1.weight").shape),
    "no parameter": lambda m: net(m).get_parameter("body.1.wait"),
    "not a parameter": lambda m: net(m).get_parameter("mean"),
    "get_buffer": lambda m: net(m).get_buffer("mean").tolist(),
    "not a buffer": lambda m: net(m).get_buffer("scale"),
    "missing": lambda m: net(m).nowhere,
    "delete missing": lambda m: delattr(net(m), "nowhere"),
    "delete": lambda m: deleted(net(m)),
    "dir": lambda m: [n in dir(net(m)) for n in ("scale", "first", "mean", "shift", "no")],
    "hasattr": lambda m: [hasattr(net(m), n) for n in ("scale", "shift", "no")],
    "None for a parameter": lambda m: put(net(m), "scale", None),
    "None for a module": lambda m: put(net(m), "first", None),
    "a tensor for a parameter": lambda m: put(net(m), "scale", m.ones(3)),
    "a number for a parameter": lambda m: put(net(m), "scale", 3),
    "a number for a module": lambda m: put(net(m), "first", 3),
    "a number for a buffer": lambda m: put(net(m), "mean", 3),
    "a tensor for a buffer": lambda m: put(net(m), "mean", m.ones(3)),
    "a module for a parameter": lambda m: put(net(m), "scale", m.nn.ReLU()),
    "a parameter for a module": lambda m: put(net(m), "first", m.nn.Parameter(m.ones(1))),
    "a parameter for a buffer": lambda m: put(net(m), "mean", m.nn.Parameter(m.ones(1))),
    "a parameter for a number": lambda m: put(plain(m), "x", m.nn.Parameter(m.ones(1))),
    "too early: a module": lambda m: early(m, lambda s: setattr(s, "a", m.nn.ReLU())),
    "too early: register": lambda m: early(m, lambda s: s.register_parameter("a", None)),
    "too early: a number": lambda m: early(m, lambda s: setattr(s, "a", 3)).a,
    "too early: missing": lambda m: early(m, lambda s: s.a),
    "no forward": lambda m: m.nn.Module()(3),
    "no forward of a list": lambda m: m.nn.ModuleList()(3),
    "train": lambda m: trained(net(m)),
    "train(3)": lambda m: net(m).train(3),
    "to int": lambda m: net(m).to(m.int64),
    "extra text": lambda m: repr(texts(m)),
}
REGISTRATIONS = [
    ("register_parameter", "w.x", lambda m: None),
    ("register_parameter", "", lambda m: None),
    ("register_parameter", 3, lambda m: None),
    ("register_parameter", "first", lambda m: None),
    ("register_parameter", "scale", lambda m: None),
    ("register_parameter", "k", lambda m: m.ones(2)),
    ("register_buffer", "", lambda m: None),
    ("register_buffer", 3, lambda m: None),
    ("register_buffer", "first", lambda m: None),
    ("register_buffer", "k", lambda m: 3),
    ("add_module", "", lambda m: None),
    ("add_module", "a.b", lambda m: None),
    ("add_module", 3, lambda m: m.nn.ReLU()),
    ("add_module", "scale", lambda m: m.nn.ReLU()),
    ("add_module", "k", lambda m: 3),
    ("register_module", "k", lambda m: m.nn.ReLU()),
]


def applied(module):
    seen = []
    assert module.apply(lambda part: seen.append(type(part).__name__)) is module
    return seen


def deleted(module):
    del module.scale, module.first, module.mean
    return (
        names(module.named_parameters()),
        names(module.named_buffers()),
        list(module.state_dict()),
    )


def plain(m):
    module = m.nn.Module()
    module.x = 3
    return module


def trained(module):
    assert module.eval() is module and module.train() is module
    module.body.eval()
    return [part.training for part in module.modules()]


def texts(m):
    class Talk(m.nn.Module):
        def extra_repr(self):
            return "two\nlines"

    talk = Talk()
    return m.nn.Sequential(talk, m.nn.Sequential(), fresh(m)(), fresh(m, m.nn.Linear)(1, 2))


@pytest.mark.parametrize("name", SCENARIOS)
def test_like_torch(name):
    assert answer(SCENARIOS[name], mytorch) == answer(SCENARIOS[name], torch)


@pytest.mark.parametrize("method, name, value", REGISTRATIONS)
def test_registration(method, name, value):
    def scenario(m):
        module = net(m)
        getattr(module, method)(name, value(m))
        return list(module.state_dict())

    ours, theirs = answer(scenario, mytorch), answer(scenario, torch)
    if isinstance(theirs, str):
        ours = re.sub(r', got: [^"\']*', "", ours)
        theirs = re.sub(r', got: [^"\']*', "", theirs)
    assert ours == theirs


def test_a_parameter_that_was_computed_is_refused_by_both():
    for m in (mytorch, torch):
        with pytest.raises(TypeError):
            net(m).register_parameter("k", m.nn.Parameter(m.ones(2)) * 2)


def test_assigning_before_init_says_so():
    for m in (mytorch, torch):
        with pytest.raises(AttributeError, match=r"before Module.__init__\(\) call"):
            early(m, lambda s, m=m: setattr(s, "a", m.nn.Parameter(m.ones(1))))
        with pytest.raises(AttributeError, match=r"before Module.__init__\(\) call"):
            early(m, lambda s, m=m: s.register_buffer("a", m.ones(1)))


# Containers


def containers(m):
    relu, tanh, linear = m.nn.ReLU, m.nn.Tanh, m.nn.Linear
    named = OrderedDict(a=linear(1, 2), b=relu(), c=linear(2, 1))
    yield m.nn.Sequential(named)
    yield m.nn.Sequential(named)[1:]
    yield m.nn.Sequential(linear(1, 2), relu(), tanh())[:2]
    yield m.nn.Sequential(linear(1, 2), relu(), tanh())[::2]
    yield m.nn.Sequential(linear(1, 2), relu())[-1]
    yield m.nn.Sequential(relu()).append(tanh())
    yield m.nn.Sequential(relu()).extend([tanh(), linear(1, 1)])
    yield m.nn.Sequential(relu(), relu()).insert(1, tanh())
    yield m.nn.Sequential()
    changed = m.nn.Sequential(relu(), tanh(), linear(1, 1))
    changed[1] = m.nn.Sigmoid()
    del changed[0]
    yield changed
    yield changed.pop(-1)
    yield changed
    yield m.nn.ModuleList([relu(), relu(), tanh(), relu()])
    yield m.nn.ModuleList(relu() for _ in range(3))[1:]
    listed = m.nn.ModuleList([relu(), tanh(), linear(1, 1)])
    listed[-1] = relu()
    listed.insert(0, tanh())
    yield listed
    yield listed.pop(0)
    yield listed
    yield m.nn.ModuleList()
    yield m.nn.ModuleDict({"a": relu(), "b": tanh()})
    yield m.nn.ModuleDict([("x", relu())])
    entries = m.nn.ModuleDict()
    entries["z"] = linear(1, 2)
    entries.update({"y": relu()})
    yield entries
    yield entries.pop("z")
    yield entries


def test_containers_print_and_name_alike():
    for ours, theirs in zip(containers(mytorch), containers(torch), strict=True):
        assert repr(ours) == repr(theirs)
        assert names(ours.named_modules()) == names(theirs.named_modules())
        assert list(ours.state_dict()) == list(theirs.state_dict())
        if hasattr(theirs, "__len__"):
            assert len(ours) == len(theirs)


CONTAINER_ERRORS = [
    lambda m: m.nn.Sequential(m.nn.ReLU())[1],
    lambda m: m.nn.Sequential(m.nn.ReLU())[-2],
    lambda m: m.nn.Sequential(3),
    lambda m: m.nn.ModuleList([m.nn.ReLU()])[1],
    lambda m: m.nn.ModuleList([3]),
    lambda m: m.nn.ModuleDict({"a": m.nn.ReLU()})["b"],
    lambda m: m.nn.ModuleDict({3: m.nn.ReLU()}),
    lambda m: m.nn.ModuleDict({"a": 3}),
    lambda m: m.nn.ModuleDict({"keys": m.nn.ReLU()}),
]


@pytest.mark.parametrize("scenario", CONTAINER_ERRORS)
def test_container_errors(scenario):
    assert answer(scenario, mytorch) == answer(scenario, torch)


def test_a_dictionary_of_modules_is_a_dictionary():
    entries = mytorch.nn.ModuleDict({"a": mytorch.nn.ReLU()})
    assert "a" in entries and "b" not in entries and list(entries) == ["a"]
    assert list(entries.keys()) == ["a"] and len(entries.values()) == len(entries.items()) == 1
    entries.clear()
    assert len(entries) == 0


# Layers and activations, as rows of the table

F = "functional"
LAYERS = fixed(
    ((2, 3), (4, 3), (4,)),
    ((3,), (4, 3), (4,)),
    ((2, 2, 3), (1, 3), (1,)),
    ((0, 3), (2, 3), (2,)),
    ((2, 1), (2, 1), (2,)),
)
PAIRS = fixed(((2, 3), (4, 3)), ((3,), (2, 3)), ((2, 0, 3), (2, 3)))
ANY = same()
ROWS = [
    Row("linear", lambda m, x, w, b: m.nn.functional.linear(x, w, b), LAYERS),
    Row("linear without bias", lambda m, x, w: m.nn.functional.linear(x, w), PAIRS),
    Row("leaky_relu", lambda m, x: m.nn.functional.leaky_relu(x), ANY),
    Row("leaky_relu 0.3", lambda m, x: m.nn.functional.leaky_relu(x, 0.3), ANY),
    Row("elu", lambda m, x: m.nn.functional.elu(x), ANY),
    Row("elu 2", lambda m, x: m.nn.functional.elu(x, alpha=2.0), ANY),
    Row("gelu", lambda m, x: m.nn.functional.gelu(x), ANY),
    Row("gelu tanh", lambda m, x: m.nn.functional.gelu(x, approximate="tanh"), ANY),
    Row("silu", lambda m, x: m.nn.functional.silu(x), ANY),
    Row("softplus", lambda m, x: m.nn.functional.softplus(x), ANY),
    Row("softplus 2, 1", lambda m, x: m.nn.functional.softplus(x, 2.0, 1.0), ANY),
    Row("hardtanh", lambda m, x: m.nn.functional.hardtanh(x), ANY),
    Row("hardtanh -2, 0.5", lambda m, x: m.nn.functional.hardtanh(x, -2.0, 0.5), ANY),
    Row("relu", lambda m, x: m.nn.functional.relu(x), ANY),
    Row("sigmoid", lambda m, x: m.nn.functional.sigmoid(x), ANY),
    Row("tanh", lambda m, x: m.nn.functional.tanh(x), ANY),
]
every_row = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)


@every_row
def test_gradients_are_what_differences_say(row):
    row.for_all(check_gradient)
    row.for_all(check_second)


@every_row
def test_on_ducks(row):
    row.for_all(check_duck)


@every_row
def test_values_and_derivatives_are_torchs(row):
    def check(row, arrays):
        ours, theirs = derivatives(mytorch, row, arrays, 2), derivatives(torch, row, arrays, 2)
        for xs, ys in zip(ours, theirs, strict=True):
            for x, y in zip(xs, ys, strict=False):
                if x is not None and y is not None:
                    np.testing.assert_allclose(array(x), array(y), rtol=1e-7, atol=1e-10)

    row.for_all(check)


def simple(input, weight, bias=None):
    y = input @ weight.T
    return y if bias is None else y + bias


def test_linear_is_its_twin():
    rows = [(Row("fast", mytorch_linear, LAYERS), Row("fast", twin, LAYERS))]
    for fast, slow in rows:
        for arrays in fast.examples():
            ours, theirs = (derivatives(mytorch, row, arrays, 2) for row in (fast, slow))
            for xs, ys in zip(ours, theirs, strict=True):
                for x, y in zip(xs, ys, strict=True):
                    assert (x is None) == (y is None)
                    if x is not None:
                        np.testing.assert_allclose(array(x), array(y), rtol=1e-10, atol=1e-12)


def mytorch_linear(m, x, w, b):
    return m.nn.functional.linear(x, w, b)


def twin(m, x, w, b):
    return simple(x, w, b)


@pytest.mark.parametrize("shape", [(5, 4), (4,), (2, 3, 4), (0, 4), ()])
def test_a_layer_refuses_what_does_not_fit(shape):
    def scenario(m):
        return m.nn.Linear(2, 3)(m.ones(shape))

    assert answer(scenario, mytorch) == answer(scenario, torch)


@pytest.mark.parametrize("dtype", ["float64", "int64"])
def test_a_layer_refuses_another_dtype(dtype):
    for m in (mytorch, torch):
        with pytest.raises(RuntimeError, match="same dtype"):
            m.nn.Linear(2, 3)(m.ones(2, 2, dtype=getattr(m, dtype)))


def test_the_first_numbers_of_a_layer():
    mytorch.manual_seed(0)
    layer = mytorch.nn.Linear(100, 200)
    assert layer.weight.shape == (200, 100) and layer.bias.shape == (200,)
    assert layer.weight.dtype == layer.bias.dtype == np.float32
    for p in layer.parameters():
        assert 0.095 < np.abs(p.data).max() <= 0.1 + 1e-7 and abs(p.data.mean()) < 0.02
    assert abs(layer.weight.data.std() - 0.1 / 3**0.5) < 0.001
    assert mytorch.nn.Linear(2, 2, dtype=mytorch.float64).weight.dtype == np.float64
    assert mytorch.nn.Linear(0, 2)(mytorch.zeros(3, 0)).shape == (3, 2)
    before = layer.weight.data.copy()
    layer.reset_parameters()
    assert (before != layer.weight.data).any() and layer.weight.is_leaf


MODULES = [
    lambda nn: nn.ReLU(),
    lambda nn: nn.ReLU(True),
    lambda nn: nn.LeakyReLU(),
    lambda nn: nn.LeakyReLU(0.2, True),
    lambda nn: nn.ELU(),
    lambda nn: nn.ELU(2.0, True),
    lambda nn: nn.GELU(),
    lambda nn: nn.GELU("tanh"),
    lambda nn: nn.SiLU(),
    lambda nn: nn.SiLU(inplace=True),
    lambda nn: nn.Sigmoid(),
    lambda nn: nn.Tanh(),
    lambda nn: nn.Softplus(),
    lambda nn: nn.Softplus(2.0, 3.0),
    lambda nn: nn.Hardtanh(),
    lambda nn: nn.Hardtanh(-2.0, 2.0, True),
    lambda nn: nn.Identity(3, a=4),
    lambda nn: nn.Flatten(),
    lambda nn: nn.Flatten(0, -2),
    lambda nn: nn.Unflatten(1, (2, 3)),
    lambda nn: nn.Unflatten(-1, (2, -1)),
]


@pytest.mark.parametrize("make", MODULES)
def test_modules_compute_and_print_alike(make):
    x = np.linspace(-30, 30, 24).reshape(2, 6, 2)[:, :, 0] * np.array([[1.0], [0.1]])
    ours, theirs = make(mytorch.nn), make(torch.nn)
    assert repr(ours) == repr(theirs)
    if isinstance(ours, mytorch.nn.Flatten):
        x = x.reshape(2, 3, 2)
    for dtype in ("float32", "float64"):
        a, b = mytorch.tensor(x.astype(dtype)), torch.tensor(x.astype(dtype))
        y, z = ours(a), theirs(b)
        assert y.data.dtype == np.dtype(dtype) and y.shape == tuple(z.shape)
        np.testing.assert_allclose(y.data, z.numpy(), rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(a.data, b.numpy(), rtol=1e-5, atol=1e-6)  # inplace


@pytest.mark.parametrize("frozen", [False, True])
def test_what_goes_into_and_comes_out_of_linear_may_be_changed(frozen):
    """A gradient that needs only a shape keeps no array: PyTorch's `ReLU(inplace=True)` works."""
    grads = []
    for m in (torch, mytorch):
        x = m.arange(6.0).reshape(2, 1, 3).requires_grad_()
        weight = (m.arange(12.0) - 6).reshape(4, 3).requires_grad_(not frozen)
        h = x * 1
        y = m.nn.functional.linear(h, weight, m.ones(4))
        if frozen:
            h.mul_(2)
        m.nn.ReLU(inplace=True)(y).sum().backward()
        grads.append([x.grad.tolist(), None if frozen else weight.grad.tolist()])
    assert grads[0] == grads[1]


def test_inplace_is_recorded_and_refused_on_leaves():
    for m in (mytorch, torch):
        x = m.tensor([-1.0, 2.0], requires_grad=True)
        y = x * 1
        assert m.nn.functional.leaky_relu(y, 0.5, inplace=True) is y
        y.sum().backward()
        assert y.tolist() == [-0.5, 2] and x.grad.tolist() == [0.5, 1]
        with pytest.raises(RuntimeError):
            m.nn.ReLU(inplace=True)(x)


def test_no_activation_is_a_kind_of_another():
    names = ["ReLU", "LeakyReLU", "ELU", "SiLU", "GELU", "Tanh", "Hardtanh"]
    kinds = [getattr(mytorch.nn, name) for name in names]
    for kind in kinds:
        module = kind()
        assert [k for k in kinds if isinstance(module, k)] == [kind]  # as in PyTorch
        assert not module.state_dict() and repr(copy.deepcopy(module)) == repr(module)


WRONG = [
    lambda m: m.nn.functional.gelu(m.ones(2), approximate="x"),
    lambda m: m.nn.Unflatten(1, 3),
    lambda m: m.nn.Unflatten(1, (2, "a")),
    lambda m: m.nn.Hardtanh(3, 1),
    lambda m: m.nn.Flatten()(m.ones(3)),
    lambda m: m.nn.Linear(2, 3, 4, 5, 6, 7),
]


@pytest.mark.parametrize("scenario", WRONG)
def test_wrong_settings(scenario):
    ours, theirs = answer(scenario, mytorch), answer(scenario, torch)
    if "arguments" in theirs:
        assert ours.split(":")[0] == theirs.split(":")[0]
    else:
        assert ours == theirs


@pytest.mark.parametrize("kind", ["relu", "leaky_relu", "elu", "gelu", "silu", "softplus"])
def test_float32_stays_float32_and_nothing_overflows(kind):
    x = mytorch.tensor([-1e4, -100.0, 0.0, 100.0, 1e4], requires_grad=True)
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        y = getattr(mytorch.nn.functional, kind)(x)
        y.sum().backward()
    assert y.dtype == x.grad.dtype == np.float32
    z = torch.tensor(x.tolist(), requires_grad=True)
    getattr(torch.nn.functional, kind)(z).sum().backward()
    np.testing.assert_allclose(x.grad.data, z.grad.numpy(), atol=1e-6)


def test_large_arrays_are_cut_into_pieces_that_fit():
    """From 16 chunks on, whole rows, as many as a chunk holds, at least one."""
    sizes = []

    def twice(x):
        sizes.append(x.shape)
        return 2 * x

    for shape in [(1024, 1023), (1024, 1024), (16, 100_000), (3 * 2**19,)]:
        x = np.ones(shape, np.float32)
        assert (pointwise.by_pieces(twice, x) == 2).all()
    expected = [(1024, 1023), *16 * [(64, 1024)], *16 * [(1, 100_000)], *24 * [(65_536,)]]
    assert sizes == expected


def test_portions_cover_everything_once():
    assert list(pointwise.portions(5, 2, 4)) == [slice(0, 2), slice(2, 4), slice(4, 5)]
    assert list(pointwise.portions(2, 9, 4)) == [slice(0, 1), slice(1, 2)]
    assert list(pointwise.portions(3, 0, 4)) == [slice(0, 3)]
    assert list(pointwise.portions(0, 1, 4)) == []


@pytest.mark.parametrize("approximate", [None, "none", "tanh"])
def test_large_arrays_in_pieces_are_the_same_as_row_by_row(approximate):
    f, rng = mytorch.nn.functional, np.random.default_rng(0)
    a, g = rng.normal(size=(2, 1100, 1000)).astype(np.float32)

    def both(x, g):
        x = mytorch.tensor(x, requires_grad=True)
        options = {} if approximate is None else {"approximate": approximate}
        y = (f.silu if approximate is None else f.gelu)(x, **options)
        y.backward(mytorch.tensor(g))
        return np.stack([y.detach().numpy(), x.grad.numpy()])

    parts = [both(a[i : i + 50], g[i : i + 50]) for i in range(0, len(a), 50)]
    assert np.allclose(both(a, g), np.concatenate(parts, 1), rtol=1e-6, atol=1e-7)


# Parameters


def test_parameters():
    t = mytorch.ones(2)
    p = mytorch.nn.Parameter(t)
    assert p.requires_grad and p.is_leaf and not t.requires_grad
    t[0] = 5.0
    assert p.tolist() == [5, 1]  # one memory
    assert repr(p) == repr(torch.nn.Parameter(torch.tensor([5.0, 1.0])))
    assert repr(mytorch.nn.Parameter()) == repr(torch.nn.Parameter())
    assert type(p * 2) is type(p.detach()) is mytorch.Tensor
    assert not mytorch.nn.Parameter(t, requires_grad=False).requires_grad
    for m in (mytorch, torch):
        with pytest.raises(RuntimeError, match="floating point"):
            m.nn.Parameter(m.ones(2, dtype=m.int64))


def test_deep_copies_share_nothing():
    first = net(mytorch)
    (first(mytorch.ones(1, 2)).sum()).backward()
    second = copy.deepcopy(first)
    assert second.again is second.first and second.first is not first.first
    with mytorch.no_grad():
        for p in first.parameters():
            p[...] = 7.0
    assert all((p.data != 7).all() for p in second.parameters())
    assert all(type(p) is mytorch.nn.Parameter and p.requires_grad for p in second.parameters())
    assert list(second.state_dict()) == list(first.state_dict())


def test_freezing_and_forgetting():
    model = net(mytorch)
    model.body.requires_grad_(False)
    model(mytorch.ones(1, 2)).sum().backward()
    assert model.body[1].weight.grad is None and model.first.weight.grad is not None
    before = model.first.weight.grad
    model.zero_grad(set_to_none=False)
    assert model.first.weight.grad is before and model.body[1].weight.grad is None
    assert (before == 0).all()
    model.zero_grad()
    assert model.first.weight.grad is None


def test_zeros_in_place_also_forget_the_graph_of_a_gradient():
    layer = mytorch.nn.Linear(2, 1)
    (layer(mytorch.ones(3, 2)) ** 2).sum().backward(create_graph=True)
    layer.zero_grad(set_to_none=False)
    assert not layer.weight.grad.requires_grad and layer.weight.grad.tolist() == [[0, 0]]


def test_a_copy_trains_alone():
    first = mytorch.nn.Linear(2, 1)
    loss = first(mytorch.ones(3, 2)).sum()
    second = copy.deepcopy(first)  # while the graph of the first is alive
    second(mytorch.ones(3, 2)).sum().backward()
    with mytorch.no_grad():
        second.weight.zero_()
    loss.backward()  # nobody has changed what it keeps
    assert first.weight.grad.tolist() == second.weight.grad.tolist() == [[3, 3]]
    assert type(first.weight.grad) is type(second.weight.grad) is mytorch.Tensor


@pytest.mark.parametrize("name", ["float", "double", "half"])
def test_changing_the_numbers(name):
    kinds = []
    for m in (mytorch, torch):
        model = net(m)
        model.register_buffer("steps", m.tensor([1, 2]))
        p = model.first.weight
        assert getattr(model, name)() is model and model.first.weight is p
        kinds.append([str(array(t).dtype) for t in [*model.parameters(), *model.buffers()]])
    assert kinds[0] == kinds[1]


def test_an_optimizer_made_before_keeps_its_parameters():
    model = mytorch.nn.Linear(2, 1)
    optimizer = mytorch.optim.SGD(model.parameters(), lr=0.1)
    model.double()
    model(mytorch.ones(3, 2).double()).sum().backward()
    before = model.weight.data.copy()
    optimizer.step()
    assert (model.weight.data != before).all() and model.weight.dtype == np.float64
    assert model.to(mytorch.ones(1)).weight.dtype == np.float32  # as that tensor


# States

STATES = {
    "a strange mixture": lambda m: {
        "scale": m.ones(4),
        "w": m.ones(1),
        "first.weight": m.ones(3, 2),
        "mean": m.zeros(2, 2),
        "body.9.bias": m.ones(1),
    },
    "empty": lambda m: {},
    "a list": lambda m: [m.ones(1)],
    "its own": lambda m: net(m).state_dict(),
}


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize("name", STATES)
def test_loading_says_what_does_not_fit(name, strict):
    def scenario(m):
        result = net(m).load_state_dict(STATES[name](m), strict=strict)
        return list(result.missing_keys), list(result.unexpected_keys)

    assert answer(scenario, mytorch) == answer(scenario, torch)


def test_what_fails_changes_nothing():
    model = net(mytorch)
    before = {name: t.data.copy() for name, t in model.state_dict().items()}
    state = {name: t + 1 for name, t in model.state_dict().items()}
    for spoil in ({"scale": mytorch.ones(9)}, {"scale": 3.0}, {"more": mytorch.ones(1)}):
        with pytest.raises(RuntimeError):
            model.load_state_dict({**state, **spoil})
        assert all((t.data == before[name]).all() for name, t in model.state_dict().items())
    model.load_state_dict(state)
    assert all((t.data == before[name] + 1).all() for name, t in model.state_dict().items())


def test_loading_writes_into_the_parameters():
    model, p = mytorch.nn.Linear(2, 1), None
    p = model.weight
    result = model.load_state_dict({"weight": mytorch.ones(1, 2).double()}, strict=False)
    assert model.weight is p and p.dtype == np.float32 and p.tolist() == [[1, 1]]
    assert p.requires_grad and p.is_leaf
    assert result.missing_keys == ["bias"] and "missing_keys=['bias']" in repr(result)
    assert repr(model.load_state_dict(model.state_dict())) == "<All keys matched successfully>"


def test_a_state_shares_memory_and_has_no_graph():
    model = mytorch.nn.Linear(2, 1)
    state = model.state_dict()
    assert not any(t.requires_grad for t in state.values())
    assert np.shares_memory(state["weight"].data, model.weight.data)
    assert model.state_dict(keep_vars=True)["weight"] is model.weight


def test_states_of_both_fit_each_other():
    ours, theirs = net(mytorch), net(torch)
    state = {name: mytorch.tensor(t.numpy()) for name, t in theirs.state_dict().items()}
    ours.load_state_dict(state)
    x = np.ones((4, 2), np.float32)
    y = ours(mytorch.tensor(x)).detach().numpy()
    np.testing.assert_allclose(y, theirs(torch.tensor(x)).detach().numpy(), rtol=1e-5)


# Hooks


def log_of_hooks(m):
    log, model = [], m.nn.Sequential(m.nn.Identity(), m.nn.Identity())
    part = model[0]

    def hook(name, result=None):
        return lambda *given: log.append((name, len(given))) or (result and result(*given))

    handles = [
        part.register_forward_pre_hook(hook("pre 1")),
        part.register_forward_pre_hook(hook("pre 2", lambda module, args: args[0] + 1)),
        part.register_forward_pre_hook(hook("pre 0"), prepend=True),
        part.register_forward_hook(hook("post 1")),
        part.register_forward_hook(hook("post 2", lambda module, args, out: out * 10)),
        part.register_forward_hook(hook("post 0"), prepend=True),
        model.register_forward_hook(
            hook("all", lambda module, args, kwargs, out: out - 1), with_kwargs=True
        ),
        part.register_forward_pre_hook(
            hook("named", lambda module, args, kwargs: ((args[0] * 2,), kwargs)), with_kwargs=True
        ),
    ]
    log.append(model(m.tensor([1.0])).tolist())
    handles[1].remove()
    handles[4].remove()
    log.append(model(m.tensor([1.0])).tolist())
    for handle in handles:
        handle.remove()  # twice does no harm
    log.append(model(m.tensor([1.0])).tolist())
    return log


def test_hooks_run_in_torchs_order():
    assert log_of_hooks(mytorch) == log_of_hooks(torch)


def test_a_handle_can_be_a_context():
    seen, part = [], mytorch.nn.Identity()
    with part.register_forward_hook(lambda *given: seen.append(1)):
        part(mytorch.ones(1))
    part(mytorch.ones(1))
    assert seen == [1]


# The table of a model


class Twice(mytorch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = mytorch.nn.Linear(4, 4)

    def forward(self, x):
        return self.layer(self.layer(x))


def test_summary_counts():
    model = mytorch.nn.Sequential(
        mytorch.nn.Linear(3, 4), Twice(), mytorch.nn.Linear(4, 2, bias=False)
    )
    model[2].requires_grad_(False)
    model.train()
    model[1].eval()
    table = summary(model, (5, 3))
    assert table.total_params == 16 + 20 + 8 and table.trainable_params == 36
    assert table.total_mult_adds == 5 * (12 + 2 * 16 + 8)
    assert table.parameter_bytes == 4 * 44 and table.output_bytes == 4 * 5 * (4 + 4 + 4 + 2)
    assert "again" in repr(table) and "5 × 2" in repr(table)
    assert len(repr(summary(model, (5, 3), depth=0)).splitlines()) == 5
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in model.modules())
    assert model.training and not model[1].training and model[0].weight.grad is None


def test_summary_moves_no_seed():
    model, after = Twice(), []
    for look in (lambda: None, lambda: summary(model, (5, 4))):
        mytorch.manual_seed(0)
        look()
        after.append(mytorch.rand(3).tolist())
    assert after[0] == after[1]


def test_summary_takes_inputs_and_cleans_up_after_an_error():
    model = mytorch.nn.Sequential(mytorch.nn.Linear(3, 4))
    assert summary(model, input_data=mytorch.ones(2, 3)).total_mult_adds == 24
    with pytest.raises(RuntimeError, match="cannot be multiplied"):
        summary(model, (2, 5))
    assert model.training and not any(part._forward_hooks for part in model.modules())
