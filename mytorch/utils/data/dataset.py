"""Datasets: samples by number, or one after another.

Written in chapter 2.7.
"""

import bisect
import itertools
import math
from types import GenericAlias

from ...creation import randperm


class Dataset:
    """Samples by number: a subclass defines `__getitem__`, and `__len__` if it can.

    Where `__getitems__(indices)` is defined too, it fetches all samples of a batch.
    """

    __class_getitem__ = classmethod(GenericAlias)  # Dataset[int], for type checkers

    def __getitem__(self, index):
        raise NotImplementedError("a subclass should implement __getitem__")

    def __add__(self, other):
        return ConcatDataset([self, other])


class TensorDataset(Dataset):
    """Row i of each tensor as sample i, a tuple.

    Raises AssertionError if the tensors have different numbers of rows.
    """

    def __init__(self, *tensors):
        if any(tensors[0].size(0) != tensor.size(0) for tensor in tensors):
            raise AssertionError("Size mismatch between tensors")
        self.tensors = tensors

    def __getitem__(self, index):
        return tuple(tensor[index] for tensor in self.tensors)

    def __len__(self):
        return self.tensors[0].size(0)


def items(dataset, indices):
    """Return the samples of a batch as a list; at once, if the dataset knows how."""
    if callable(getattr(dataset, "__getitems__", None)):
        return dataset.__getitems__(indices)
    return [dataset[i] for i in indices]


class Subset(Dataset):
    """The samples of `dataset` at `indices`, counted anew from 0.

    Raises NotImplementedError in a subclass that changes `__getitem__` alone: batches
    are fetched by `__getitems__` and would go past the change.
    """

    def __init__(self, dataset, indices):
        self.dataset, self.indices = dataset, indices
        one, many = type(self).__getitem__, type(self).__getitems__
        if one is not Subset.__getitem__ and many is Subset.__getitems__:
            raise NotImplementedError("override __getitems__, too")

    def __getitem__(self, idx):
        if isinstance(idx, list):
            return self.dataset[[self.indices[i] for i in idx]]
        return self.dataset[self.indices[idx]]

    def __getitems__(self, indices):
        return items(self.dataset, [self.indices[i] for i in indices])

    def __len__(self):
        return len(self.indices)


class IterableDataset(Dataset):
    """Samples one after another, where there are no numbers: a stream.

    A subclass defines `__iter__`. Each worker of a DataLoader iterates over a copy of
    its own; `get_worker_info` tells it which part to yield.
    """

    def __iter__(self):
        raise NotImplementedError("a subclass should implement __iter__")

    def __add__(self, other):
        return ChainDataset([self, other])


class ChainDataset(IterableDataset):
    """Several streams, one behind the other."""

    def __init__(self, datasets):
        self.datasets = datasets

    def __iter__(self):
        return itertools.chain.from_iterable(self.datasets)

    def __len__(self):
        return sum(map(len, self.datasets))


class ConcatDataset(Dataset):
    """Several datasets, one behind the other, as one.

    Raises AssertionError if there is none, or a stream among them.
    """

    def __init__(self, datasets):
        self.datasets = list(datasets)
        if not self.datasets:
            raise AssertionError("datasets should not be an empty iterable")
        if any(isinstance(dataset, IterableDataset) for dataset in self.datasets):
            raise AssertionError("ConcatDataset does not support IterableDataset")
        self.cumulative_sizes = list(itertools.accumulate(map(len, self.datasets)))

    def __len__(self):
        return self.cumulative_sizes[-1]

    def __getitem__(self, idx):
        if idx < -len(self):
            message = "absolute value of index should not exceed dataset length"
            raise ValueError(message)
        idx = idx + len(self) if idx < 0 else idx
        which = bisect.bisect_right(self.cumulative_sizes, idx)
        before = self.cumulative_sizes[which - 1] if which else 0
        return self.datasets[which][idx - before]


class StackDataset(Dataset):
    """Several datasets side by side: sample i is a tuple, or a dict by their names.

    Raises ValueError if there is none, or their lengths differ.
    """

    def __init__(self, *args, **kwargs):
        if bool(args) == bool(kwargs):
            raise ValueError("give datasets, either in a row or by name")
        self.datasets = args or kwargs
        self.columns = list(args or kwargs.values())
        if len(set(map(len, self.columns))) > 1:
            raise ValueError("Size mismatch between datasets")

    def row(self, values):
        """Return what was taken from each dataset as one sample."""
        named = isinstance(self.datasets, dict)
        return dict(zip(self.datasets, values, strict=True)) if named else tuple(values)

    def __getitem__(self, index):
        return self.row([dataset[index] for dataset in self.columns])

    def __getitems__(self, indices):
        fetched = [items(dataset, indices) for dataset in self.columns]
        return [self.row(values) for values in zip(*fetched, strict=True)]

    def __len__(self):
        return len(self.columns[0])


def counts(fractions, n):
    """Return how many of `n` samples each fraction gets.

    Each is rounded down; what is left over goes to the parts in turn, one each.
    """
    lengths = [math.floor(n * fraction) for fraction in fractions]
    for i in range(n - sum(lengths)):
        lengths[i % len(lengths)] += 1
    return lengths


def random_split(dataset, lengths, generator=None):
    """Deal the samples out at random into subsets that share none; return the list.

    lengths: how many samples each gets, or fractions that add up to 1.
    Raises ValueError if the lengths do not add up to the length of the dataset.
    """
    if math.isclose(sum(lengths), 1) and sum(lengths) <= 1:
        lengths = counts(lengths, len(dataset))
    if sum(lengths) != len(dataset):
        message = "Sum of input lengths does not equal the length of the input dataset!"
        raise ValueError(message)
    order = iter(randperm(len(dataset), generator=generator).tolist())
    return [Subset(dataset, list(itertools.islice(order, n))) for n in lengths]
