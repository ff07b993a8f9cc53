"""Batches made of samples.

Written in chapter 2.7.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from ...dtypes import float64
from ...ops.shape import stack
from ...tensor import Tensor, tensor

REFUSED = (
    "default_collate: batch must contain tensors, numpy arrays, numbers, dicts or "
    "lists; found {}"
)


def rebuilt(like, values):
    """Return a container of the type of `like`; a list or a dict if it refuses."""
    if isinstance(like, tuple) and hasattr(like, "_fields"):
        return type(like)(*values)
    if isinstance(like, tuple):
        return values
    try:
        return type(like)(values)
    except TypeError:
        return dict(values) if isinstance(like, Mapping) else values


def default_collate(batch):
    """Return a list of samples as one batch, with a new first dimension.

    Tensors, arrays and numbers are stacked to tensors (Python's floats to float64),
    strings stay a list. Of dicts, tuples and lists each entry becomes a batch.
    Raises TypeError for other types, RuntimeError where sizes differ.
    """
    first = batch[0]
    if isinstance(first, Tensor):
        return stack(batch, 0)
    if isinstance(first, np.ndarray):
        if first.dtype.kind in "OSU":
            raise TypeError(REFUSED.format(first.dtype))
        return stack([Tensor(x) for x in batch], 0)
    if isinstance(first, (str, bytes)):
        return batch
    if isinstance(first, float) and not isinstance(first, np.generic):
        return tensor(batch, dtype=float64)
    if isinstance(first, (np.number, np.bool_)):
        return tensor(np.array(batch))
    if isinstance(first, int):
        return tensor(batch)
    return collate_entries(first, batch)


def collate_entries(first, batch):
    """Return containers of one form as one container of batches."""
    if isinstance(first, Mapping):
        entries = {key: default_collate([x[key] for x in batch]) for key in first}
        return rebuilt(first, entries)
    if not isinstance(first, Sequence):
        raise TypeError(REFUSED.format(type(first)))
    if any(len(x) != len(first) for x in batch):
        raise RuntimeError("each element in list of batch should be of equal size")
    columns = zip(*batch, strict=True)
    return rebuilt(first, [default_collate(column) for column in columns])


def default_convert(data):
    """Return one sample with its arrays as tensors, all else as it is."""
    if isinstance(data, (np.ndarray, np.number, np.bool_)):
        return data if data.dtype.kind in "OSU" else Tensor(data)
    if isinstance(data, Mapping):
        return rebuilt(data, {key: default_convert(data[key]) for key in data})
    if isinstance(data, Sequence) and not isinstance(data, (str, bytes)):
        return rebuilt(data, [default_convert(x) for x in data])
    return data
