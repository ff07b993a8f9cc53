"""utils.data against PyTorch's: batches, orders, errors; and workers that behave."""

import collections
import collections.abc
import importlib
import inspect
import math
import multiprocessing
import os
import pickle
import random
import signal
import subprocess
import sys
import textwrap
import time
import warnings

import mytorch
import numpy as np
import pytest
import torch
from mytorch.utils import data as ours
from torch.utils import data as theirs

Point = collections.namedtuple("Point", "x y")
FORK = "fork" in multiprocessing.get_all_start_methods()
needs_fork = pytest.mark.skipif(not FORK, reason="there is no fork here")
BOTH = pytest.mark.parametrize("lib", [mytorch, torch], ids=["mytorch", "torch"])


def plain(x):
    """Tensors as (dtype, nested lists), containers as they are."""
    if isinstance(x, (mytorch.Tensor, torch.Tensor)):
        return str(x.dtype).removeprefix("torch."), x.tolist()
    if isinstance(x, collections.abc.Mapping):
        return {key: plain(value) for key, value in x.items()}
    if isinstance(x, tuple) and hasattr(x, "_fields"):
        return ("Point", *map(plain, x))
    if isinstance(x, (list, tuple, collections.UserList)):
        return [type(x).__name__, *map(plain, x)]
    return x


def outcome(function, *args, **named):
    """What a call returns, or the error it raises."""
    try:
        return function(*args, **named)
    except Exception as error:
        return type(error), str(error)


@pytest.fixture(autouse=True)
def nobody_left():
    """After each test: no process, no shared memory, no open pipe."""
    memory = set(os.listdir("/dev/shm")) if os.path.isdir("/dev/shm") else set()
    yield
    assert multiprocessing.active_children() == []
    if os.path.isdir("/dev/shm"):
        new = {name for name in set(os.listdir("/dev/shm")) - memory if "torch" not in name}
        assert not {name for name in new if name.startswith(("psm_", "sem.mp"))}


# Names


def test_arguments_and_defaults_are_pytorchs():
    extra = {"pin_memory_device", "in_order", "self"}
    for name in ours.__all__:
        if name in ("Dataset", "IterableDataset", "Sampler"):
            continue
        mine = inspect.signature(getattr(ours, name)).parameters
        real = inspect.signature(getattr(theirs, name)).parameters
        assert list(mine) == [key for key in real if key not in extra], name
        for key in mine:
            if (name, key) != ("random_split", "generator"):  # theirs: the default one
                assert mine[key].default == real[key].default, (name, key)
            assert mine[key].kind == real[key].kind, (name, key)


def test_reached_as_in_pytorch():
    assert mytorch.utils.data.DataLoader is ours.DataLoader
    assert all(hasattr(theirs, name) for name in ours.__all__)
    assert issubclass(ours.Dataset[int].__origin__, ours.Dataset)


# Datasets


def numbers(lib, n):
    return lib.utils.data.TensorDataset(lib.arange(n), lib.arange(n) * 10)


@BOTH
def test_datasets(lib):
    data = lib.utils.data
    a, b = numbers(lib, 5), numbers(lib, 3)
    assert len(a) == 5 and plain(a[2]) == ["tuple", ("int64", 2), ("int64", 20)]
    assert plain(a[[0, 4]]) == ["tuple", ("int64", [0, 4]), ("int64", [0, 40])]
    both = a + b
    assert type(both).__name__ == "ConcatDataset" and len(both) == 8
    assert [int(both[i][0]) for i in (0, 4, 5, -1, -8)] == [0, 4, 0, 2, 0]
    assert both.cumulative_sizes == [5, 8]
    part = data.Subset(a, [4, 1])
    assert len(part) == 2 and int(part[0][0]) == 4
    assert plain(part[[1, 0]])[1] == ("int64", [1, 4])
    assert [int(x) for x, _ in part.__getitems__([1, 0])] == [1, 4]
    stacked = data.StackDataset(range(3), "abc")
    assert stacked[1] == (1, "b") and len(stacked) == 3
    assert stacked.__getitems__([2, 0]) == [(2, "c"), (0, "a")]
    named = data.StackDataset(i=range(3), text="abc")
    assert named[1] == {"i": 1, "text": "b"}
    assert named.__getitems__([2]) == [{"i": 2, "text": "c"}]


class Stream:
    def __init__(self, n):
        self.n = n

    def __iter__(self):
        return iter(range(self.n))

    def __len__(self):
        return self.n


class OurStream(Stream, ours.IterableDataset):
    pass


class TheirStream(Stream, theirs.IterableDataset):
    pass


STREAMS = {mytorch: OurStream, torch: TheirStream}


def test_dataset_errors():
    def errors(lib):
        data, stream = lib.utils.data, STREAMS[lib](2)

        class Changed(data.Subset):
            def __getitem__(self, i):
                return 0

        return [
            outcome(data.TensorDataset, lib.zeros(2), lib.zeros(3)),
            outcome(data.ConcatDataset, []),
            outcome(data.ConcatDataset, [stream]),
            outcome(lambda: data.ConcatDataset([range(3)])[-4]),
            outcome(data.StackDataset)[0],
            outcome(data.StackDataset, range(2), range(3)),
            outcome(data.StackDataset, range(2), a=range(2))[0],
            outcome(Changed, range(3), [0])[0],
            outcome(data.Dataset().__getitem__, 0)[0],
            outcome(len, data.Dataset())[0],
            outcome(data.random_split, range(3), [1, 1]),
            outcome(data.random_split, range(3), [1.5, -0.5])[0],
        ]

    assert errors(mytorch) == errors(torch)


@BOTH
def test_chains_of_streams(lib):
    stream = STREAMS[lib]
    chain = stream(2) + stream(3)
    assert type(chain).__name__ == "ChainDataset"
    assert list(chain) == [0, 1, 0, 1, 2] and len(chain) == 5
    assert list(chain) == [0, 1, 0, 1, 2]


@pytest.mark.parametrize("n", [0, 1, 7, 10, 11, 103])
@pytest.mark.parametrize(
    "parts", [[0.5, 0.25, 0.25], [1 / 3] * 3, [0.8, 0.2], [1.0], [0.9, 0.1, 0.0]]
)
def test_random_split_deals_as_pytorch(n, parts):
    got = outcome(ours.random_split, range(n), parts)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch: an empty part
        wanted = outcome(theirs.random_split, range(n), parts)
    if isinstance(wanted, tuple):
        assert got == wanted
        return
    assert [len(part) for part in got] == [len(part) for part in wanted]
    assert sorted(i for part in got for i in part) == list(range(n))


def test_random_split_follows_its_generator():
    def deal(seed):
        generator = mytorch.Generator().manual_seed(seed)
        return [list(x) for x in ours.random_split(range(50), [20, 30], generator)]

    assert deal(1) == deal(1) != deal(2)


# Samplers


@BOTH
def test_batch_sampler(lib):
    data = lib.utils.data
    for n in range(9):
        for size in (1, 2, 3, 9):
            for drop in (True, False):
                sampler = data.BatchSampler(range(n), size, drop)
                rows = [list(range(n))[i : i + size] for i in range(0, n, size)]
                rows = [r for r in rows if len(r) == size or not drop]
                assert list(sampler) == rows and len(sampler) == len(rows)


def test_sampler_errors():
    def errors(lib):
        data = lib.utils.data
        weighted, batches = data.WeightedRandomSampler, data.BatchSampler
        return [
            outcome(data.RandomSampler, []),
            outcome(data.RandomSampler, range(3), num_samples=0),
            outcome(data.RandomSampler, range(3), num_samples=2.0),
            *[outcome(batches, range(3), size, False) for size in (0, -1, 1.5)],
            *[outcome(weighted, [1, 2], n) for n in (0, -1, 1.0)],
            outcome(weighted, [[1.0, 2.0]], 1)[0],
            outcome(lambda: list(weighted([1.0, 2.0], 3, replacement=False)))[0],
            outcome(iter, data.Sampler())[0],
        ]

    assert errors(mytorch) == errors(torch)


@BOTH
def test_random_samplers_draw_what_they_promise(lib):
    data = lib.utils.data
    lib.manual_seed(0)
    assert sorted(data.RandomSampler(range(40))) == list(range(40))
    assert list(data.RandomSampler(range(40))) != list(range(40))
    many = list(data.RandomSampler(range(7), num_samples=17))
    assert len(many) == 17 and set(collections.Counter(many).values()) == {2, 3}
    drawn = data.RandomSampler(range(5), replacement=True, num_samples=5000)
    counts = np.bincount(list(drawn), minlength=5)
    assert len(drawn) == 5000 and np.abs(counts - 1000).max() < 6 * 1000**0.5
    assert sorted(data.SubsetRandomSampler([4, 2, 9])) == [2, 4, 9]
    weighted = data.WeightedRandomSampler([1, 0, 3], 4000)
    counts = np.bincount(list(weighted), minlength=3)
    assert counts[1] == 0 and abs(counts[2] - 3000) < 200 and len(weighted) == 4000
    once = data.WeightedRandomSampler([5, 1, 1, 1], 4, replacement=False)
    assert sorted(once) == [0, 1, 2, 3]
    assert all(type(i) is int for i in once)


@pytest.mark.parametrize("replacement", [True, False])
def test_samplers_follow_their_generator(replacement):
    def draw(seed):
        generator = mytorch.Generator().manual_seed(seed)
        sampler = ours.RandomSampler(range(99), replacement, generator=generator)
        weights = ours.WeightedRandomSampler([1.0] * 9, 9, replacement, generator)
        subset = ours.SubsetRandomSampler(range(99), generator)
        return [list(x) for x in (sampler, sampler, weights, subset)]

    assert draw(1) == draw(1) != draw(2)
    assert draw(1)[0] != draw(1)[1]


def test_a_pass_does_not_depend_on_what_else_is_drawn():
    def order(between):
        mytorch.manual_seed(3)
        loader = ours.DataLoader(range(40), shuffle=True)
        out = []
        for batch in loader:
            out.append(batch.item())
            if between:
                mytorch.rand(5)
        return out

    assert order(True) == order(False)


# Collating


F = np.float32
BATCHES = [
    [1, 2, 3],
    [1.5, 2],
    [2, 1.5],
    [True, False],
    [np.float32(1), np.float32(2)],
    [np.float64(1), np.float64(2)],
    [np.int32(1), np.int32(2)],
    [np.uint8(1), np.uint8(2)],
    [np.bool_(True), np.bool_(False)],
    [np.ones((2, 3), F), np.zeros((2, 3), F)],
    [np.ones(2, np.uint8), np.zeros(2, np.uint8)],
    [np.ones(()), np.zeros(())],
    ["a", "bc"],
    [b"a", b"bc"],
    [(1, 2.0), (3, 4.0)],
    [[1, 2.0], [3, 4.0]],
    [Point(1, "a"), Point(2, "b")],
    [{"x": 1, "y": (np.ones(2), "t")}, {"x": 2, "y": (np.zeros(2), "u")}],
    [[[1, 2], {"a": 0.5}], [[3, 4], {"a": 1.5}]],
    [(np.ones(2), 3), (np.zeros(2), 4)],
    [(), ()],
    [collections.OrderedDict(b=1, a=2), collections.OrderedDict(b=3, a=4)],
    [collections.UserDict(b=1), collections.UserDict(b=2)],
    [collections.UserList([1, 2]), collections.UserList([3, 4])],
    [range(3), range(3, 6)],
]


@pytest.mark.parametrize("batch", BATCHES, ids=repr)
def test_collate_as_pytorch(batch):
    mine, real = ours.default_collate(batch), theirs.default_collate(batch)
    assert plain(mine) == plain(real)
    assert type(mine) is type(real) or isinstance(real, torch.Tensor)


@pytest.mark.parametrize("sample", [x for batch in BATCHES for x in batch[:1]], ids=repr)
def test_convert_as_pytorch(sample):
    mine, real = ours.default_convert(sample), theirs.default_convert(sample)
    assert plain(mine) == plain(real)
    assert type(mine) is type(real) or isinstance(real, torch.Tensor)


def test_collate_tensors():
    batch = [(mytorch.tensor([1.0, 2.0]), mytorch.tensor(3))] * 2
    x, y = ours.default_collate(batch)
    assert x.tolist() == [[1, 2], [1, 2]] and y.tolist() == [3, 3]
    assert (x.dtype, y.dtype) == (mytorch.float32, mytorch.int64)


class Strange:
    pass


@pytest.mark.parametrize(
    "batch",
    [
        [[1, 2], [3]],
        [(1, 2), (3,)],
        [np.ones(2), np.ones(3)],
        [np.array(["a"]), np.array(["b"])],
        [np.array([None]), np.array([None])],
        [Strange(), Strange()],
        [None, None],
        [{1}, {2}],
    ],
    ids="lists tuples sizes strings objects strangers none sets".split(),
)
def test_collate_refuses_as_pytorch(batch):
    mine = outcome(ours.default_collate, batch)
    real = outcome(theirs.default_collate, batch)
    assert mine == real, (mine, real)


def test_collate_a_missing_key():
    batch = [{"a": 1, "b": 2}, {"a": 1}]
    assert outcome(ours.default_collate, batch) == outcome(theirs.default_collate, batch)


# The loader in one process


def loaders(dataset, **options):
    return [lib.utils.data.DataLoader(dataset, **options) for lib in (mytorch, torch)]


@pytest.mark.parametrize("n", [0, 1, 6, 7])
@pytest.mark.parametrize("size", [None, 1, 3, 10])
@pytest.mark.parametrize("drop", [False, True])
def test_same_batches_as_pytorch(n, size, drop):
    if size is None and drop:
        return
    mine, real = loaders([(i, i / 2) for i in range(n)], batch_size=size, drop_last=drop)
    assert plain(list(mine)) == plain(list(real))
    assert len(mine) == len(real) == len(list(mine)) == len(iter(mine))


@pytest.mark.parametrize("size", [None, 1, 3, 10])
@pytest.mark.parametrize("drop", [False, True])
def test_same_batches_of_streams(size, drop):
    if size is None and drop:
        return
    found = []
    for lib in (mytorch, torch):
        dataset = STREAMS[lib](7)
        loader = lib.utils.data.DataLoader(dataset, batch_size=size, drop_last=drop)
        found.append((plain(list(loader)), len(loader), outcome(len, iter(loader))[0]))
    assert found[0] == found[1]


def test_batch_size_none_converts():
    dataset = [(np.ones(2), "a", 3)]
    mine, real = loaders(dataset, batch_size=None)
    assert plain(list(mine)) == plain(list(real))


def test_samplers_of_every_kind():
    for options in (
        {"sampler": [3, 1, 2]},
        {"batch_sampler": [[3, 1], [2]]},
        {"batch_size": None, "sampler": [3, 1]},
        {"sampler": {3: "a", 0: "b"}},
    ):
        mine, real = loaders(range(4), **options)
        assert plain(list(mine)) == plain(list(real))
    mine, real = loaders(range(4), batch_sampler=[[3, 1], [2]])
    assert (mine.batch_size, mine.drop_last) == (real.batch_size, real.drop_last)


WRONG = [
    {"persistent_workers": True},
    {"sampler": [0], "shuffle": True},
    {"batch_sampler": [[0]], "batch_size": 2},
    {"batch_sampler": [[0]], "shuffle": True},
    {"batch_sampler": [[0]], "sampler": [0]},
    {"batch_sampler": [[0]], "drop_last": True},
    {"batch_size": None, "drop_last": True},
    {"batch_size": 0},
    {"batch_size": 2.0},
]


@pytest.mark.parametrize("options", WRONG, ids=str)
def test_refuses_as_pytorch(options):
    mine = outcome(ours.DataLoader, range(4), **options)
    real = outcome(theirs.DataLoader, range(4), **options)
    assert mine[0] is real[0]
    assert mine[1].replace(" ", "") == real[1].replace(" ", "")


@pytest.mark.parametrize(
    "options", [{"num_workers": -1}, {"num_workers": 1, "prefetch_factor": 0}], ids=str
)
def test_refuses_impossible_workers(options):
    with pytest.raises(ValueError, match="option should be"):
        ours.DataLoader(range(4), **options)


@pytest.mark.parametrize(
    "options", [{"shuffle": True}, {"sampler": [0]}, {"batch_sampler": [[0]]}], ids=str
)
def test_streams_refuse_as_pytorch(options):
    mine = outcome(ours.DataLoader, OurStream(3), **options)
    assert mine == outcome(theirs.DataLoader, TheirStream(3), **options)


def test_some_attributes_are_fixed():
    loader, real = loaders(range(4))
    for name in ("batch_size", "dataset", "sampler", "drop_last", "batch_sampler"):
        assert outcome(setattr, loader, name, 1) == outcome(setattr, real, name, 1)
    loader.collate_fn = len
    assert list(loader) == [1, 1, 1, 1]


def test_getitems_is_used():
    class Fast(ours.Dataset):
        def __len__(self):
            return 6

        def __getitem__(self, i):
            raise AssertionError("one by one")

        def __getitems__(self, indices):
            return [i * 10 for i in indices]

    assert [b.tolist() for b in ours.DataLoader(Fast(), 4)] == [[0, 10, 20, 30], [40, 50]]
    part = ours.Subset(Fast(), [5, 1])
    assert [b.tolist() for b in ours.DataLoader(part, 2)] == [[50, 10]]


def test_two_iterators_and_a_seed():
    generator = mytorch.Generator()
    loader = ours.DataLoader(range(30), 5, shuffle=True, generator=generator)

    def two(seed):
        generator.manual_seed(seed)
        return [[b.tolist() for b in loader] for _ in range(2)]

    assert two(0) == two(0) != two(1)
    first, second = two(0)
    assert first != second
    loader = ours.DataLoader(range(6), 2)
    a, b = iter(loader), iter(loader)
    pairs = [x.tolist() for pair in zip(a, b, strict=True) for x in pair]
    assert pairs == [[0, 1], [0, 1], [2, 3], [2, 3], [4, 5], [4, 5]]
    with pytest.raises(StopIteration):
        next(a)


# Workers


class Numbers(ours.Dataset):
    """Numbers, some of which take longer."""

    def __init__(self, n=12, slow=(), wait=0.03):
        self.n, self.slow, self.wait = n, slow, wait

    def __len__(self):
        return self.n

    def __getitem__(self, i):
        if i in self.slow:
            time.sleep(self.wait)
        return i, np.full(3, i, np.float32), str(i)


@pytest.mark.parametrize("context", multiprocessing.get_all_start_methods())
@pytest.mark.parametrize("workers", [1, 2])
def test_workers_give_the_same_batches(context, workers, tmp_path, monkeypatch):
    code = inspect.getsource(Numbers).replace("ours.", "")
    head = "import time\nimport numpy as np\nfrom mytorch.utils.data import Dataset\n"
    (tmp_path / "numbers_in_a_file.py").write_text(head + code)
    monkeypatch.syspath_prepend(tmp_path)  # a new Python imports this, and not PyTorch
    dataset = importlib.import_module("numbers_in_a_file").Numbers(11, slow=(0, 1, 8))

    def batches(passes=1, **how):
        generator = mytorch.Generator().manual_seed(0)
        loader = ours.DataLoader(dataset, 3, True, generator=generator, **how)
        return [plain(list(loader)) for _ in range(passes)]

    how = {"num_workers": workers, "multiprocessing_context": context}
    assert batches(2, persistent_workers=True, **how) == batches(2)
    assert batches(**how) == batches()


@needs_fork
def test_order_with_many_uneven_workers():
    dataset = Numbers(24, slow=range(0, 24, 5), wait=0.02)
    loader = ours.DataLoader(dataset, 2, num_workers=5, prefetch_factor=1)
    assert [i for ids, *_ in loader for i in ids.tolist()] == list(range(24))


@pytest.mark.parametrize("size", [None, 3])
@pytest.mark.parametrize("workers", [2, 3])
@needs_fork
def test_streams_with_workers_as_pytorch(size, workers):
    found = []
    for lib in (mytorch, torch):

        class Shared(lib.utils.data.IterableDataset):
            tell = staticmethod(lib.utils.data.get_worker_info)

            def __iter__(self):
                info = self.tell()
                assert info.dataset is not None and info.num_workers == workers
                return iter(range(100 * info.id, 100 * info.id + 5 * info.id + 2))

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # PyTorch: more workers than cores
            loader = lib.utils.data.DataLoader(Shared(), size, num_workers=workers)
            found.append([plain(x) for x in loader])
    assert found[0] == found[1]


class Broken(Numbers):
    def __getitem__(self, i):
        if i == 5:
            raise KeyError("five")
        return i


class Picky(Exception):
    def __init__(self, a, b):
        super().__init__(a, b)


@needs_fork
def test_an_error_brings_the_workers_traceback():
    seen = []
    with pytest.raises(KeyError) as caught:
        for batch in ours.DataLoader(Broken(), 2, num_workers=2):
            seen.append(batch.tolist())
    assert seen == [[0, 1], [2, 3]]
    text = str(caught.value)
    assert text.startswith("Caught KeyError in DataLoader worker process 0.\nOriginal Trace")
    assert 'raise KeyError("five")' in text and text.rstrip().endswith("KeyError: 'five'")
    # The traceback is still there, and yet the workers have ended.
    assert multiprocessing.active_children() == []


@needs_fork
def test_a_pass_can_go_on_after_an_error():
    iterator = iter(ours.DataLoader(Broken(8), 2, num_workers=2))
    found = [outcome(next, iterator) for _ in range(4)]
    assert found[2][0] is KeyError and found[3].tolist() == [6, 7]
    assert outcome(next, iterator)[0] is StopIteration


@needs_fork
def test_errors_that_cannot_travel():
    class Local(Exception):
        pass

    def fail(batch):
        raise Local("here")

    def pick(batch):
        raise Picky(1, 2)

    for function in (fail, pick):
        with pytest.raises(RuntimeError, match="Caught (Local|Picky) in DataLoader"):
            list(ours.DataLoader(range(4), num_workers=1, collate_fn=function))
    with pytest.raises(Exception, match="(?s)Caught .*(pickle|Can't get local)"):
        list(ours.DataLoader(range(4), num_workers=1, collate_fn=lambda b: lambda: 0))


@needs_fork
@pytest.mark.parametrize("how", ["kill", "exit"])
def test_a_dead_worker_is_noticed(how):
    class Fatal(Numbers):
        def __getitem__(self, i):
            if i == 3:
                os.kill(os.getpid(), signal.SIGKILL) if how == "kill" else os._exit(3)
            return i

    start = time.perf_counter()
    with pytest.raises(RuntimeError, match=r"DataLoader worker \(pid\(s\) \d+\) exited") as e:
        list(ours.DataLoader(Fatal(), num_workers=2))
    assert ("SIGKILL" if how == "kill" else "exit code 3") in str(e.value)
    assert time.perf_counter() - start < 8


@needs_fork
def test_timeout():
    loader = ours.DataLoader(Numbers(slow=[0], wait=30), num_workers=1, timeout=0.1)
    start = time.perf_counter()
    with pytest.raises(RuntimeError, match="timed out after 0.1 seconds"):
        next(iter(loader))
    assert time.perf_counter() - start < 10  # its worker slept on, and was ended
    assert multiprocessing.active_children() == []


@needs_fork
def test_leaving_early_leaves_nothing():
    loader = ours.DataLoader(Numbers(1000), 2, num_workers=2)
    for _ in loader:
        assert len(multiprocessing.active_children()) == 2
        break
    assert multiprocessing.active_children() == []
    assert next(iter(loader))[0].tolist() == [0, 1]
    assert multiprocessing.active_children() == []
    with pytest.raises(ZeroDivisionError):
        for _ in loader:
            raise ZeroDivisionError
    assert multiprocessing.active_children() == []
    a, b = iter(loader), iter(loader)
    assert next(a)[0].tolist() == next(b)[0].tolist() == [0, 1]
    assert len(multiprocessing.active_children()) == 4
    del a  # though b's workers were forked while a's pipes were open
    assert len(multiprocessing.active_children()) == 2
    assert next(b)[0].tolist() == [2, 3]
    del b
    assert multiprocessing.active_children() == []


@needs_fork
def test_big_batches_do_not_block():
    def big(batch):
        return np.zeros(300_000)

    rows = ours.BatchSampler(range(120_000), 20_000, False)
    loader = ours.DataLoader(range(120_000), batch_sampler=rows, num_workers=2, collate_fn=big)
    assert [x.shape for x in loader] == [(300_000,)] * 6
    iterator = iter(loader)
    next(iterator)
    del iterator


@needs_fork
def test_prefetch_factor():
    count = multiprocessing.Value("i", 0)

    class Counting(Numbers):
        def __getitem__(self, i):
            with count.get_lock():
                count.value += 1
            return i

    iterator = iter(ours.DataLoader(Counting(50), num_workers=2, prefetch_factor=3))
    deadline = time.perf_counter() + 5
    while count.value < 6 and time.perf_counter() < deadline:
        time.sleep(0.01)
    time.sleep(0.1)
    assert count.value == 6
    next(iterator)
    while count.value < 7 and time.perf_counter() < deadline:
        time.sleep(0.01)
    assert count.value == 7
    del iterator


class Draws(Numbers):
    def __getitem__(self, i):
        info = ours.get_worker_info()
        values = random.random(), np.random.rand(), mytorch.rand(1).item()
        return *values, info.id, info.seed, info.num_workers


def draws(seed, **options):
    generator = mytorch.Generator().manual_seed(seed)
    loader = ours.DataLoader(Draws(8), None, num_workers=2, generator=generator, **options)
    return [[tuple(x) for x in loader] for _ in range(2)]


@needs_fork
def test_seeds_of_workers():
    first, second = draws(0)
    assert draws(0) == [first, second] and draws(1)[0] != first
    assert [row[3] for row in first] == [0, 1] * 4 and first[0][5] == 2
    assert first[1][4] == first[0][4] + 1  # base seed + number
    for column in range(3):
        assert len({row[column] for row in first + second}) == 16
    kept, again = draws(0, persistent_workers=True)
    assert kept == first and again != first


@needs_fork
def test_persistent_workers():
    class Who(Numbers):
        def __getitem__(self, i):
            return i, os.getpid()

    loader = ours.DataLoader(Who(6), None, num_workers=2, persistent_workers=True)
    passes = [list(loader) for _ in range(3)]
    assert [[i for i, _ in x] for x in passes] == [list(range(6))] * 3
    assert len({pid for x in passes for _, pid in x}) == 2
    for _ in loader:
        break
    assert [i for i, _ in loader] == list(range(6))
    dead = multiprocessing.active_children()[0]
    dead.kill()
    with pytest.raises(RuntimeError, match="exited unexpectedly"):
        list(loader)
    assert [i for i, _ in loader] == list(range(6))
    stream = ours.DataLoader(OurStream(3), None, num_workers=2, persistent_workers=True)
    assert sorted(stream) == sorted(stream) == [0, 0, 1, 1, 2, 2]


@needs_fork
def test_worker_init_fn():
    def init(number):
        info = ours.get_worker_info()
        assert info.id == number
        info.dataset.n = 100 * number

    class Told(Numbers):
        def __getitem__(self, i):
            return self.n

    options = {"num_workers": 2, "worker_init_fn": init}
    assert list(ours.DataLoader(Told(4), None, **options)) == [0, 100, 0, 100]
    assert ours.get_worker_info() is None
    with pytest.raises(ZeroDivisionError, match="worker process 0"):
        next(iter(ours.DataLoader(Told(4), num_workers=1, worker_init_fn=lambda i: 1 / i)))


def test_spawn_says_what_it_cannot_find():
    class Local(Numbers):
        pass

    loader = ours.DataLoader(Local(), num_workers=1, multiprocessing_context="spawn")
    with pytest.raises((AttributeError, pickle.PicklingError), match="Local"):
        next(iter(loader))


def script(text):
    """Run a program in a process of its own."""
    head = "import os, sys, time, signal, multiprocessing\nimport mytorch\n"
    head += "from mytorch.utils.data import DataLoader, Dataset\n"
    head += "class Slow(Dataset):\n    def __len__(self): return 1000\n"
    head += "    def __getitem__(self, i):\n        time.sleep(0.01)\n        return i\n"
    place = os.path.dirname(os.path.dirname(mytorch.__file__))
    command = [sys.executable, "-c", head + textwrap.dedent(text)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, cwd=place, **pipes)


def gone(pids, seconds=8):
    """Whether all processes have ended, or do so soon."""
    deadline = time.perf_counter() + seconds
    while time.perf_counter() < deadline:
        if not any(alive(int(pid)) for pid in pids):
            return True
        time.sleep(0.02)
    return False


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


LOOP = """
    iterator = iter(DataLoader(Slow(), num_workers=2))
    other = iter(DataLoader(Slow(), num_workers=1))
    next(iterator)
    print(*[p.pid for p in multiprocessing.active_children()], flush=True)
"""
linux = pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc")


@linux
@pytest.mark.parametrize("end", ["interrupt", "kill", "exit", "forgotten"])
def test_however_a_program_ends_its_workers_end(end):
    rest = {"exit": "    sys.exit(3)\n", "forgotten": "    pass\n"}
    loop = "    for batch in iterator: pass\n"
    program = script(LOOP + rest.get(end, loop))
    pids = program.stdout.readline().split()
    assert len(pids) == 3
    if end == "interrupt":
        program.send_signal(signal.SIGINT)
    if end == "kill":
        program.kill()
    _, errors = program.communicate(timeout=20)
    assert gone(pids)
    assert ("KeyboardInterrupt" in errors) == (end == "interrupt")
    assert errors.count("Traceback") == (end == "interrupt"), errors
    if end in ("exit", "forgotten"):
        assert program.returncode == (3 if end == "exit" else 0)


@needs_fork
def test_workers_overlap_with_computing():
    loader = ours.DataLoader(Numbers(10, slow=range(10), wait=0.3), num_workers=2)
    start = time.perf_counter()
    for _ in loader:
        time.sleep(0.1)
    assert time.perf_counter() - start < 3.5  # one after the other: 4 at least


@BOTH
def test_pieces_have_a_length_where_they_can(lib):
    data = lib.utils.data
    assert math.isclose(len(data.DataLoader(range(10), 3)), 4)
    with pytest.raises(TypeError):
        len(data.DataLoader(type("S", (data.IterableDataset,), {})()))
