"""Saving and loading: round trips, other programs' files, damage and forgery, crashes."""

import io
import json
import os
import pickle
import random
import zipfile
from collections import OrderedDict
from pathlib import Path

import mytorch
import numpy as np
import pytest
from mytorch import serialization
from mytorch.serialization import KINDS

INF = float("inf")


def write(obj):
    file = io.BytesIO()
    mytorch.save(obj, file)
    return file.getvalue()


def read(data):
    return mytorch.load(io.BytesIO(data))


def round_trip(obj):
    return read(write(obj))


def equal(a, b):
    """Equal in type, structure, dtype, shape and every bit."""
    if isinstance(a, mytorch.Tensor):
        same = isinstance(b, mytorch.Tensor) and a.dtype == b.dtype and a.shape == b.shape
        return same and a.data.tobytes() == b.data.tobytes()
    if isinstance(a, dict):
        pairs = zip(a.items(), b.items(), strict=True)
        return isinstance(b, dict) and all(k == m and equal(v, w) for (k, v), (m, w) in pairs)
    if isinstance(a, (list, tuple)):
        items = len(a) == len(b) and all(map(equal, a, b))
        return isinstance(b, type(a) if type(a) in (list, tuple) else tuple) and items
    return type(a) is type(b) and (a == b or a != a)


def tensors():
    """One tensor of every kind, and of every odd form."""
    rng = np.random.default_rng(0)
    kinds = {
        code: (rng.standard_normal((3, 2)) * 50).astype(dtype)
        for code, dtype in KINDS.items()
        if not dtype.startswith("u")
    }
    kinds |= {code: rng.integers(0, 200, 5).astype(d) for code, d in KINDS.items() if d[0] == "u"}
    found = {code: mytorch.from_numpy(a) for code, a in kinds.items()}
    base = mytorch.from_numpy(np.arange(24.0).reshape(4, 6))
    found |= {"transposed": base.T, "strided": base[::2, 1::2], "number": mytorch.tensor(2.5)}
    found |= {
        "empty": mytorch.zeros(0, 3),
        "nothing": mytorch.zeros(0),
        "expanded": base[:1].expand(3, 6),
    }
    found |= {
        "odd": mytorch.tensor([INF, -INF, float("nan"), -0.0]),
        "one true": mytorch.tensor(True),
    }
    found |= {'ünïcode "quotes" 文': mytorch.ones(1), "": mytorch.ones(2)}
    found["parameter"] = mytorch.nn.Parameter(mytorch.ones(2))
    return found


def checkpoint():
    model = mytorch.nn.Sequential(mytorch.nn.Linear(2, 3), mytorch.nn.ReLU())
    moments = {0: {"step": 3, "exp_avg": mytorch.ones(3, 2)}, 1: {"step": 3}}
    group = {"lr": 1e-3, "betas": (0.9, 0.999), "params": [0, 1], "maximize": False}
    optimizer = {"state": moments, "param_groups": [group]}
    rest = {"epoch": 3, "best": None, "loss": [0.5, INF, float("nan")], "note": "späť"}
    return {"model": model.state_dict(), "optimizer": optimizer, **rest}


# Round trips


def test_every_tensor_comes_back_to_the_bit():
    found = round_trip(tensors())
    for name, t in tensors().items():
        assert equal(t, found[name]), name
        assert type(found[name]) is mytorch.Tensor and not found[name].requires_grad
    assert list(found) == list(tensors())  # in order


@pytest.mark.parametrize(
    "obj",
    [
        checkpoint(),
        {},
        [],
        (),
        None,
        3,
        True,
        "text",
        2.5,
        -(2**80),
        mytorch.ones(2, 3),
        [mytorch.ones(1), (mytorch.zeros(2), [])],
        {"a": {"b": mytorch.ones(1)}, "a.b": mytorch.zeros(2)},
        {"__metadata__": mytorch.ones(1)},
        {"mytorch": mytorch.ones(1), "x": 3},
        {1: mytorch.ones(1), None: 2, 2.5: 3, False: 4},
        {"tensor": {"tensor": "x", "dict": []}},
    ],
    ids=lambda obj: repr(obj)[:40].replace("\n", ""),
)
def test_structures_come_back(obj):
    assert equal(obj, round_trip(obj))


def test_subclasses_become_plain_and_numpys_numbers_pythons():
    found = round_trip(
        {"a": OrderedDict(b=mytorch.ones(1)), "n": np.float32(2.5), "i": np.int64(3)}
    )
    assert type(found["a"]) is dict and type(found["n"]) is float and type(found["i"]) is int


def test_loaded_tensors_own_their_memory():
    found = round_trip({"a": mytorch.ones(2), "b": mytorch.ones(2)})
    found["a"][0] = 5.0
    assert found["b"].tolist() == [1, 1]


def test_a_shared_tensor_is_written_for_each_name():
    t = mytorch.ones(2)
    assert equal(round_trip({"a": t, "b": t}), {"a": t, "b": t})


def test_paths_and_files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    state = {"w": mytorch.ones(2)}
    for where in ("plain.safetensors", tmp_path / "path.safetensors", b"bytes.safetensors"):
        mytorch.save(state, where)
        assert equal(mytorch.load(where), state)
    with open("file", "wb") as file:
        mytorch.save(state, file)
    with open("file", "rb") as file:
        assert equal(mytorch.load(file, map_location="cpu", weights_only=True), state)
    with pytest.raises(FileNotFoundError):
        mytorch.load("nowhere")
    with pytest.raises(IsADirectoryError):
        mytorch.load(tmp_path)
    with pytest.raises(ValueError, match="weights_only"):
        mytorch.load("file", weights_only=False)


def test_a_model_comes_back_with_its_answers(tmp_path):
    model = mytorch.nn.Sequential(
        mytorch.nn.Linear(3, 4), mytorch.nn.GELU(), mytorch.nn.Linear(4, 1)
    )
    mytorch.save(model.state_dict(), tmp_path / "model")
    other = mytorch.nn.Sequential(
        mytorch.nn.Linear(3, 4), mytorch.nn.GELU(), mytorch.nn.Linear(4, 1)
    )
    other.load_state_dict(mytorch.load(tmp_path / "model"))
    x = mytorch.randn(5, 3)
    assert (model(x) == other(x)).all()


# The safetensors library and PyTorch


def test_the_library_reads_our_files(tmp_path):
    library = pytest.importorskip("safetensors.numpy")
    mytorch.save(tensors(), tmp_path / "ours")
    found = library.load_file(tmp_path / "ours")
    for name, t in tensors().items():
        if name:  # the library passes over a tensor without a name
            assert equal(t, mytorch.from_numpy(found[name])), name


def test_we_read_the_librarys_files(tmp_path):
    library = pytest.importorskip("safetensors.numpy")
    arrays = {name: np.array(t.detach().data, order="C") for name, t in tensors().items()}
    library.save_file(arrays, tmp_path / "theirs", metadata={"format": "pt", "author": "x"})
    found = mytorch.load(tmp_path / "theirs")
    assert set(found) == set(arrays)
    for name, t in tensors().items():
        assert equal(t.detach(), found[name]), name


def test_pytorch_reads_and_writes_the_same_files(tmp_path):
    torch = pytest.importorskip("torch")
    library = pytest.importorskip("safetensors.torch")
    ours, theirs = mytorch.nn.Linear(3, 2), torch.nn.Linear(3, 2)
    mytorch.save(ours.state_dict(), tmp_path / "ours")
    theirs.load_state_dict(library.load_file(tmp_path / "ours"))
    assert theirs.weight.tolist() == ours.weight.tolist()
    library.save_file(torch.nn.Linear(3, 2).state_dict(), tmp_path / "theirs")
    ours.load_state_dict(mytorch.load(tmp_path / "theirs"))
    half = torch.randn(3, 5).bfloat16()
    mixed = {"half": half, "byte": torch.tensor([1, 2, 3], dtype=torch.uint8)}
    library.save_file(mixed, tmp_path / "half")
    found = mytorch.load(tmp_path / "half")
    assert found["half"].dtype == np.float32 and found["half"].tolist() == half.float().tolist()


def test_the_library_reads_the_tensors_of_a_checkpoint(tmp_path):
    torch = pytest.importorskip("torch")
    library = pytest.importorskip("safetensors.torch")
    mytorch.save(checkpoint(), tmp_path / "checkpoint")
    found = library.load_file(tmp_path / "checkpoint")
    assert set(found) == {"model.0.weight", "model.0.bias", "optimizer.state.0.exp_avg"}
    assert torch.equal(found["optimizer.state.0.exp_avg"], torch.ones(3, 2))


def test_odd_alignment_is_safe_for_the_library(tmp_path):
    """Bytes first, doubles second in the dictionary: the file still aligns every number."""
    torch = pytest.importorskip("torch")
    library = pytest.importorskip("safetensors.torch")
    byte = mytorch.from_numpy(np.array([1, 2, 3], np.uint8))
    mytorch.save({"a": byte, "b": mytorch.ones(2).double()}, tmp_path / "odd")
    assert torch.equal(library.load_file(tmp_path / "odd")["b"], torch.ones(2).double())


# What cannot be saved

UNSAVABLE = {
    "module": lambda: mytorch.nn.Linear(1, 1),
    "module inside": lambda: {"model": mytorch.nn.Linear(1, 1), "epoch": 1},
    "function": lambda: {"f": print},
    "array": lambda: {"a": np.ones(2)},
    "set": lambda: {1, 2},
    "bytes": lambda: b"abc",
    "tuple as key": lambda: {(1, 2): 3},
    "complex": lambda: 1j,
    "object": lambda: [object()],
}


@pytest.mark.parametrize("name", UNSAVABLE)
def test_what_cannot_be_saved_is_named(name, tmp_path):
    path = tmp_path / "kept"
    mytorch.save({"w": mytorch.ones(1)}, path)
    before = path.read_bytes()
    with pytest.raises(TypeError, match="cannot save") as error:
        mytorch.save(UNSAVABLE[name](), path)
    assert ("state_dict" in str(error.value)) == ("module" in name)
    assert path.read_bytes() == before and os.listdir(tmp_path) == ["kept"]


def test_what_contains_itself_is_refused():
    ring = []
    ring.append(ring)
    with pytest.raises(ValueError, match="in itself"):
        write(ring)


# Damage: a clear error, or a right result; never anything else


def damaged(data):
    """Load; return what came, or None after the one error there is."""
    try:
        return read(data)
    except RuntimeError as error:
        text = str(error)
        assert type(error) is RuntimeError and text.startswith("cannot load this file: it ")
        assert "safetensors" in text or "undamaged" in text
        return None


FILES = {
    "state": {"w": mytorch.ones(2, 2), "b": mytorch.tensor([True])},
    "checkpoint": checkpoint(),
}


@pytest.mark.parametrize("name", FILES)
def test_truncated_at_each_byte(name):
    data = write(FILES[name])
    for end in range(len(data)):
        assert damaged(data[:end]) is None, end
    assert damaged(data + b"\0") is None


def shape_of(obj):
    if isinstance(obj, mytorch.Tensor):
        return obj.dtype, obj.shape
    return obj


@pytest.mark.parametrize("name", FILES)
def test_flipped_bytes(name):
    """In the numbers a flip gives another number; in the header an error, or other names."""
    data = write(FILES[name])
    start = 8 + int.from_bytes(data[:8], "little")
    rng = random.Random(0)
    for place in range(len(data)):
        for flip in {1 << rng.randrange(8), 0xFF, rng.randrange(1, 256)}:
            changed = bytearray(data)
            changed[place] ^= flip
            found = damaged(bytes(changed))
            if place >= start:
                assert found is not None and set(found) == set(FILES[name])


def test_random_bytes_and_splices():
    rng = random.Random(1)
    data = write(FILES["checkpoint"])
    for _ in range(3000):
        a, b, c = sorted(rng.randrange(len(data)) for _ in range(3))
        damaged(data[:a] + data[b:c] + data[a:])
        damaged(bytes(rng.randrange(256) for _ in range(rng.randrange(40))))


def forged(header, numbers=b"", size=None):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return (len(text) if size is None else size).to_bytes(8, "little") + text + numbers


def entry(dtype="F32", shape=(2,), offsets=(0, 8), **more):
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets, **more}


EIGHT = bytes(8)
STRUCTURE = lambda packed, raw=False: {  # noqa: E731
    "__metadata__": {"mytorch": packed if raw else json.dumps(packed)},
    "a": entry(),
}
FORGED = {
    "empty": b"",
    "a huge header": forged({}, size=2**63),
    "the largest header": b"\xff" * 8 + b"{}",
    "a long header": forged({"a": entry()}, EIGHT, size=500),
    "no JSON": forged(b"{oops"),
    "no UTF-8": forged(b'{"\xff": 1}'),
    "UTF-16": forged('{"a": 1}'.encode("utf-16")),
    "an empty header": forged(b""),
    "a list": forged([1, 2]),
    "a number": forged(b"3"),
    "a bomb of lists": forged(b"[" * 100_000 + b"]" * 100_000),
    "a bomb of dicts": forged(b'{"a":' * 100_000 + b"1" + b"}" * 100_000),
    "a name twice": forged(b'{"a": %b, "a": %b}' % ((json.dumps(entry()).encode(),) * 2), EIGHT),
    "an entry that is none": forged({"a": 3}),
    "an entry without shape": forged({"a": {"dtype": "F32", "data_offsets": [0, 8]}}, EIGHT),
    "an entry with more": forged({"a": entry(more=1)}, EIGHT),
    "an unknown dtype": forged({"a": entry("F7")}, EIGHT),
    "a dtype that is a list": forged({"a": entry(["F32"])}, EIGHT),
    "a dtype that is too wide": forged({"a": entry("F64")}, EIGHT),
    "offsets outside": forged({"a": entry(offsets=(8, 16))}, EIGHT),
    "offsets far outside": forged({"a": entry(shape=(2**40,), offsets=(0, 2**42))}, EIGHT),
    "offsets backwards": forged({"a": entry(offsets=(8, 0))}, EIGHT),
    "negative offsets": forged({"a": entry(offsets=(-8, 0))}, EIGHT),
    "three offsets": forged({"a": entry(offsets=(0, 8, 8))}, EIGHT),
    "offsets of text": forged({"a": entry(offsets=("0", "8"))}, EIGHT),
    "offsets of fractions": forged({"a": entry(offsets=(0, 8.0))}, EIGHT),
    "offsets of truth": forged({"a": entry("U8", (1,), (False, True))}, b"1"),
    "overlap": forged({"a": entry(), "b": entry(offsets=(4, 12))}, bytes(12)),
    "the same place": forged({"a": entry(), "b": entry()}, EIGHT),
    "a gap": forged({"a": entry(), "b": entry(offsets=(12, 20))}, bytes(20)),
    "unused bytes": forged({"a": entry()}, bytes(9)),
    "a negative shape": forged({"a": entry(shape=(-1, -2))}, EIGHT),
    "a shape that is no list": forged({"a": entry(shape=2)}, EIGHT),
    "a shape of text": forged({"a": entry(shape=("2",))}, EIGHT),
    "a shape of huge sizes": forged({"a": entry(shape=(0, 10**30), offsets=(0, 0))}),
    "too many dimensions": forged({"a": entry(shape=(1,) * 100 + (2,))}, EIGHT),
    "a number of many digits": forged(b'{"a": ' + b"9" * 10_000 + b"}"),
    "metadata that is a list": forged({"__metadata__": [1], "a": entry()}, EIGHT),
    "no structure": forged(STRUCTURE("{oops", raw=True), EIGHT),
    "a structure without tensor": forged(STRUCTURE({"tensor": "b"}), EIGHT),
    "a tensor by number": forged(STRUCTURE({"tensor": 0}), EIGHT),
    "a tensor by list": forged(STRUCTURE({"tensor": []}), EIGHT),
    "an unknown kind": forged(STRUCTURE({"code": "print()"}), EIGHT),
    "an empty kind": forged(STRUCTURE({}), EIGHT),
    "two kinds": forged(STRUCTURE({"tensor": "a", "dict": []}), EIGHT),
    "a dict of text": forged(STRUCTURE({"dict": "ab"}), EIGHT),
    "a dict of triples": forged(STRUCTURE({"dict": [[1, 2, 3]]}), EIGHT),
    "a dict with a list as key": forged(STRUCTURE({"dict": [[[], 2]]}), EIGHT),
    "a tuple of text": forged(STRUCTURE({"tuple": "ab"}), EIGHT),
    "a bomb of tuples": forged(STRUCTURE("[" * 100_000 + "]" * 100_000, raw=True), EIGHT),
    "a smaller bomb": forged(STRUCTURE("[" * 900 + "]" * 900, raw=True), EIGHT),
    "a bomb of structures": forged(STRUCTURE('{"tuple":[' * 400 + "]}" * 400, raw=True), EIGHT),
}


@pytest.mark.parametrize("name", FORGED)
def test_forged(name):
    assert damaged(FORGED[name]) is None or "bomb" in name


def test_a_true_forgery_is_accepted():
    assert equal(read(forged({"a": entry()}, EIGHT)), {"a": mytorch.zeros(2)})
    assert equal(read(forged({})), {})


class Bomb:
    def __reduce__(self):
        return exec, ("raise SystemExit('code from the file was run')",)


def test_foreign_files_are_recognized_and_run_nothing(tmp_path):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps(Bomb()))
    for protocol in range(2, 6):
        with pytest.raises(RuntimeError, match="pickle.*save_file"):
            read(pickle.dumps({"w": Bomb()}, protocol))
    with pytest.raises(RuntimeError, match="zip.*torch.save.*save_file"):
        read(packed.getvalue())
    for data in (
        pickle.dumps(Bomb(), 0),
        b"\x93NUMPY\x01\x00",
        b"<html>",
        b"\0" * 100,
        b"GGUF" * 9,
    ):
        assert damaged(data) is None


def test_true_and_false_are_only_two():
    data = bytearray(write({"b": mytorch.tensor([True, False])}))
    data[-2] = 7
    assert read(bytes(data))["b"].data.tobytes() == b"\1\0"


# Crashes


@pytest.mark.parametrize("call", ["fsync", "replace", "open", "write"])
def test_a_crash_leaves_the_old_file(call, tmp_path, monkeypatch):
    path = tmp_path / "model"
    mytorch.save({"w": mytorch.ones(1)}, path)
    before = path.read_bytes()

    def crash(*args, **named):
        raise OSError("crash")

    if call == "write":
        monkeypatch.setattr(serialization, "encode", lambda *args: [b"some", None])
    elif call == "open":
        monkeypatch.setattr("builtins.open", crash)
    else:
        monkeypatch.setattr(os, call, crash)
    with pytest.raises((OSError, TypeError)):
        mytorch.save({"w": mytorch.zeros(5)}, path)
    monkeypatch.undo()
    assert path.read_bytes() == before and os.listdir(tmp_path) == ["model"]


def test_a_killed_process_leaves_the_old_file(tmp_path):
    """Not even Python's clean-up runs: the process is gone in the middle of writing."""
    path = tmp_path / "model"
    mytorch.save({"w": mytorch.ones(1)}, path)
    before = path.read_bytes()
    child = os.fork()
    if not child:
        os.fsync = lambda number: os._exit(9)
        mytorch.save({"w": mytorch.zeros(5)}, path)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    assert path.read_bytes() == before and len(os.listdir(tmp_path)) == 2
    mytorch.save({"w": mytorch.zeros(5)}, path)  # what is left over does not disturb
    assert mytorch.load(path)["w"].tolist() == [0] * 5


def test_a_link_stays_a_link(tmp_path):
    mytorch.save({"w": mytorch.ones(1)}, tmp_path / "model")
    os.symlink(tmp_path / "model", tmp_path / "latest")
    mytorch.save({"w": mytorch.zeros(1)}, tmp_path / "latest")
    assert Path(tmp_path / "latest").is_symlink()
    assert mytorch.load(tmp_path / "model")["w"].tolist() == [0]


def test_the_format_to_the_byte():
    """The example of the chapter, written by hand."""
    header = b'{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
    header += b" " * (-len(header) % 8)
    expected = len(header).to_bytes(8, "little") + header + np.float32(1).tobytes()
    assert write({"w": mytorch.ones(1)}) == expected


def test_a_header_of_any_length_is_told_from_a_pickle():
    for n in range(400):  # the first byte, the length of the header, is sometimes 0x80
        tensors = {"x" * n: mytorch.ones(1)}
        file = io.BytesIO()
        mytorch.save(tensors, file)
        file.seek(0)
        assert list(mytorch.load(file)) == list(tensors)
