"""Samplers: in which order a dataset's samples come, and which together.

Written in chapter 2.7.
"""

import itertools
from types import GenericAlias

from ...creation import multinomial, randint, randperm
from ...dtypes import float64
from ...random import Generator
from ...tensor import tensor


class Sampler:
    """Numbers of samples in an order: a subclass defines `__iter__`."""

    __class_getitem__ = classmethod(GenericAlias)  # Sampler[int], for type checkers

    def __iter__(self):
        raise NotImplementedError


class SequentialSampler(Sampler):
    """All samples from the first to the last."""

    def __init__(self, data_source):
        self.data_source = data_source

    def __iter__(self):
        return iter(range(len(self.data_source)))

    def __len__(self):
        return len(self.data_source)


def check_positive(name, n):
    """Raise ValueError unless `n` is a whole number above 0."""
    if not isinstance(n, int) or n <= 0:
        message = f"{name} should be a positive integer value, but got {name}={n}"
        raise ValueError(message)


class BatchSampler(Sampler):
    """Lists of `batch_size` numbers that `sampler` yields; the last may be shorter.

    drop_last: leave a shorter last one out. Raises ValueError for a `batch_size` that
    is not a whole number above 0.
    """

    def __init__(self, sampler, batch_size, drop_last):
        check_positive("batch_size", batch_size)
        self.sampler, self.batch_size, self.drop_last = sampler, batch_size, drop_last

    def __iter__(self):
        numbers = iter(self.sampler)
        while batch := list(itertools.islice(numbers, self.batch_size)):
            if len(batch) == self.batch_size or not self.drop_last:
                yield batch

    def __len__(self):
        n = len(self.sampler) + (0 if self.drop_last else self.batch_size - 1)
        return n // self.batch_size


def new_seed(generator=None):
    """Draw a seed: what follows from it does not touch the generator any more."""
    return randint(2**62, (), generator=generator).item()


class RandomSampler(Sampler):
    """All samples in a random order, each once; with `replacement`, any at any time.

    num_samples: how many to draw, by default as many as there are.
    Raises ValueError if that is not above 0.
    """

    def __init__(
        self, data_source, replacement=False, num_samples=None, generator=None
    ):
        self.data_source, self.replacement = data_source, replacement
        self.num_samples = len(data_source) if num_samples is None else num_samples
        check_positive("num_samples", self.num_samples)
        self.generator = generator

    def __len__(self):
        return self.num_samples

    def __iter__(self):
        return itertools.islice(self.drawn(), self.num_samples)

    def drawn(self):
        """Yield numbers without end."""
        generator = self.generator
        if generator is None:  # one of its own: others may draw in between
            generator = Generator().manual_seed(new_seed())
        n = len(self.data_source)
        while True:
            if self.replacement:
                yield from randint(n, (32,), generator=generator).tolist()
            else:
                yield from randperm(n, generator=generator).tolist()


class WeightedRandomSampler(Sampler):
    """`num_samples` numbers, i with a probability proportional to `weights[i]`.

    With `replacement` a number can come again; without, each comes once at most.
    Raises ValueError for what is no row of weights, or a wrong `num_samples`.
    """

    def __init__(self, weights, num_samples, replacement=True, generator=None):
        check_positive("num_samples", num_samples)
        self.weights = tensor(weights, dtype=float64)
        if self.weights.ndim != 1:
            raise ValueError(f"weights should be 1d, not {self.weights.shape}")
        self.num_samples, self.replacement = num_samples, replacement
        self.generator = generator

    def __iter__(self):
        options = self.num_samples, self.replacement
        drawn = multinomial(self.weights, *options, generator=self.generator)
        return iter(drawn.tolist())

    def __len__(self):
        return self.num_samples


class SubsetRandomSampler(Sampler):
    """The given numbers in a random order, each once."""

    def __init__(self, indices, generator=None):
        self.indices, self.generator = indices, generator

    def __iter__(self):
        n = len(self.indices)
        for i in randperm(n, generator=self.generator).tolist():
            yield self.indices[i]

    def __len__(self):
        return len(self.indices)
