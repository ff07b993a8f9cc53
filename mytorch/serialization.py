"""Saving and loading: tensors in the safetensors format. No file can run code.

Written in chapter 2.4.
"""

import contextlib
import json
import math
import os
import secrets
from collections.abc import Mapping

import numpy as np

from .tensor import Tensor

KINDS = {"BOOL": "bool", "U8": "uint8", "I8": "int8", "U16": "uint16", "I16": "int16"}
KINDS |= {"U32": "uint32", "I32": "int32", "U64": "uint64", "I64": "int64"}
KINDS |= {"F16": "float16", "F32": "float32", "F64": "float64"}
CODES = {name: code for code, name in KINDS.items()}


def encode(tensors, metadata):
    """Return the bytes of a safetensors file, as a list of pieces."""
    arrays = {name: np.asarray(t.data) for name, t in tensors.items()}
    header = {"__metadata__": metadata} if metadata else {}
    header |= dict.fromkeys(arrays)  # the names keep their order
    pieces, end = [], 0
    for name, a in sorted(arrays.items(), key=lambda item: -item[1].itemsize):
        begin, end = end, end + a.nbytes
        code = CODES[a.dtype.name]
        spot = {"dtype": code, "shape": list(a.shape), "data_offsets": [begin, end]}
        header[name] = spot
        pieces.append(a.astype(a.dtype.newbyteorder("<"), copy=False).tobytes())
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # so that the numbers begin at a multiple of 8
    return [len(text).to_bytes(8, "little"), text, *pieces]


def broken(fault):
    """Return the error for a file that `load` does not take: what is wrong with it."""
    advice = "Get an undamaged copy, or save it again."
    return RuntimeError(f"cannot load this file: it {fault}. {advice}")


def unique(pairs):
    """Make a dictionary of JSON's pairs; a name may be there only once."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise broken("has the same name twice in its header")
    return found


def parse(text):
    """Return what a JSON text says."""
    try:
        return json.loads(str(text, "utf-8"), object_pairs_hook=unique)
    except (ValueError, RecursionError) as error:
        raise broken(f"has a header that is no JSON ({error})") from None


AGAIN = (
    "which can hide a program. If you trust its source, open it with PyTorch and write "
    "it again with safetensors.torch.save_file(state_dict, path)"
)
FOREIGN = {
    b"PK\x03\x04": f"is a zip archive, as torch.save writes them, {AGAIN}",
    b"\x80": f"is a pickle, {AGAIN}",
}


def split(data):
    """Return the header of a file and the bytes after it, or raise RuntimeError."""
    for start, kind in FOREIGN.items():
        if data.startswith(start) and data[8:9] != b"{":  # where a header begins
            raise broken(kind)
    size = int.from_bytes(data[:8], "little")
    if len(data) < 8 or size > len(data) - 8:
        raise broken(f"ends inside of its header, after {len(data)} bytes")
    header = parse(data[8 : 8 + size])
    if not isinstance(header, dict):
        raise broken("has a header that is no JSON object")
    return header, memoryview(data)[8 + size :]


def is_sizes(x):
    """Tell whether `x` is a list of whole numbers, none of them negative."""
    return isinstance(x, list) and all(type(n) is int and n >= 0 for n in x)


def check_entry(name, entry, end):
    """Return where a tensor begins and ends, or raise RuntimeError."""
    wanted = {"dtype", "shape", "data_offsets"}
    if not isinstance(entry, dict) or set(entry) != wanted:
        raise broken(f"does not say dtype, shape and data_offsets of {name!r}")
    code, shape, span = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(code, str) or code not in {*KINDS, "BF16"}:
        raise broken(f"has numbers of an unknown dtype in {name!r}: {code!r}")
    if not is_sizes(shape) or not is_sizes(span) or len(span) != 2:
        raise broken(f"has a shape or offsets of {name!r} that are no sizes")
    itemsize = 2 if code == "BF16" else np.dtype(KINDS[code]).itemsize
    if span[1] - span[0] != math.prod(shape) * itemsize:
        raise broken(f"has a shape of {name!r} that does not fit its bytes")
    if span[1] > end:
        raise broken(f"is cut off: {name!r} ends at byte {span[1]} of {end}")
    return tuple(span)


def check_spans(spans, end):
    """Raise RuntimeError unless the tensors follow each other without a gap."""
    here = 0
    for begin, stop in sorted(spans):
        if begin != here:
            raise broken("has tensors that overlap, or bytes that belong to none")
        here = stop
    if here != end:
        raise broken(f"has {end - here} bytes at its end that belong to no tensor")


def numbers(code, shape, data):
    """Return bytes as a tensor of its own memory. bfloat16 is widened to float32."""
    if code == "BF16":  # the first half of a float32
        wide = np.frombuffer(data, "<u2").astype(np.uint32) << 16
        return Tensor(wide.view(np.float32).reshape(shape))
    if code == "BOOL":
        return Tensor((np.frombuffer(data, np.uint8) != 0).reshape(shape))
    dtype = np.dtype(KINDS[code])
    array = np.frombuffer(data, dtype.newbyteorder("<")).astype(dtype)
    return Tensor(array.reshape(shape))


def decode(data):
    """Return a file's tensors and its metadata, or raise RuntimeError."""
    if not data:
        raise broken("is empty")
    header, data = split(data)
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict):
        raise broken("has metadata that is no JSON object")
    spans = {name: check_entry(name, e, len(data)) for name, e in header.items()}
    check_spans(spans.values(), len(data))
    tensors = {}
    for name, (begin, end) in spans.items():
        code, shape = header[name]["dtype"], header[name]["shape"]
        try:
            tensors[name] = numbers(code, shape, data[begin:end])
        except (ValueError, OverflowError):  # too many dimensions, say
            raise broken(f"has an impossible shape of {name!r}") from None
    return tensors, metadata


DEEP = 100
SIMPLE = (bool, int, float, str, type(None))


def pack(value, path, tensors):
    """Return a value as JSON can hold it. Its tensors go into `tensors`, by name.

    A JSON object has one entry: what it stands for. Raises TypeError, ValueError.
    """
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, SIMPLE):
        return value
    if len(path) > DEEP:
        raise ValueError(f"cannot save what is nested {DEEP} deep, or in itself")
    if isinstance(value, Tensor):
        return {"tensor": put(value, path, tensors)}
    if isinstance(value, (list, tuple)):
        items = [pack(v, (*path, str(i)), tensors) for i, v in enumerate(value)]
        return {"tuple": items} if isinstance(value, tuple) else items
    if isinstance(value, Mapping) and all(isinstance(key, SIMPLE) for key in value):
        pairs = value.items()
        return {"dict": [[k, pack(v, (*path, str(k)), tensors)] for k, v in pairs]}
    raise unsavable(value, path)


def put(t, path, tensors):
    """Add a tensor under its dotted path, or one like it that is free."""
    name = ".".join(path) or "tensor"
    while name in tensors or name == "__metadata__":
        name += "_"
    if t.dtype.name not in CODES:
        raise TypeError(f"cannot save numbers of dtype {t.dtype.name} ({name!r})")
    tensors[name] = t
    return name


def unsavable(value, path):
    """Return the error for what is neither numbers nor text."""
    kind, where = type(value).__name__, ".".join(path) or "the object"
    hint = "only tensors, numbers, strings, None, and lists, tuples and dicts of them"
    if hasattr(value, "state_dict"):
        hint = f"save its state_dict() instead, and load it into a new {kind}"
    return TypeError(f"cannot save {where}, of type {kind}: {hint}")


def unpack(packed, tensors):
    """Return what `pack` was given, or raise RuntimeError."""
    if isinstance(packed, SIMPLE):
        return packed
    if isinstance(packed, list):
        return [unpack(item, tensors) for item in packed]
    (kind, value), *more = packed.items() or [(None, None)]
    if kind == "tensor" and isinstance(value, str) and value in tensors and not more:
        return tensors[value]
    if kind == "tuple" and isinstance(value, list) and not more:
        return tuple(unpack(item, tensors) for item in value)
    if kind == "dict" and isinstance(value, list) and not more:
        if all(isinstance(p, list) and len(p) == 2 for p in value):
            if all(isinstance(key, SIMPLE) for key, _ in value):
                return {key: unpack(item, tensors) for key, item in value}
    raise broken("has a structure in its metadata that save() did not write")


@contextlib.contextmanager
def replacing(path):
    """Open a new file that takes the place of `path` at the end, if all went well."""
    path = os.fsdecode(os.path.realpath(path))
    beside = f"{path}.{secrets.token_hex(4)}.tmp"
    try:
        with open(beside, "xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())  # now it is on the disk
        os.replace(beside, path)  # all at once: no one ever sees half a file
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.remove(beside)


def save(obj, f):
    """Write tensors, and what is made of them, to a file: a path, or an open file.

    obj: a state_dict, or numbers, strings, None and tensors in lists, tuples and dicts.
    A dict of tensors becomes a plain safetensors file. A file that was there before
    stays whole until the new one is complete. Raises TypeError for anything else.
    """
    tensors, metadata = {}, {}
    packed = pack(obj, (), tensors)
    if packed != plain(tensors):
        metadata = {"mytorch": json.dumps(packed)}
    pieces = encode(tensors, metadata)
    with contextlib.nullcontext(f) if hasattr(f, "write") else replacing(f) as file:
        for piece in pieces:
            file.write(piece)


def plain(tensors):
    """Return how a dictionary of tensors is packed: there is no need to write it."""
    return {"dict": [[name, {"tensor": name}] for name in tensors]}


def load(f, map_location=None, *, weights_only=True):
    """Read what `save`, or any writer of safetensors files, has written.

    f: a path, or an open file. Whatever the file holds, it runs no code. map_location
    is not used: there is one device. Raises RuntimeError, with the reason, if the file
    is damaged, forged or of another kind.
    """
    if not weights_only:
        raise ValueError("load() runs no code from a file: weights_only must be True")
    opened = contextlib.nullcontext(f) if hasattr(f, "read") else open(f, "rb")
    with opened as file:
        data = file.read()
    tensors, metadata = decode(data)
    if "mytorch" not in metadata:
        return tensors
    try:
        return unpack(parse(str(metadata["mytorch"]).encode()), tensors)
    except RecursionError:
        raise broken("has a structure that is nested too deep") from None
