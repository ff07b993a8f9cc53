"""The DataLoader: batches of a dataset, in an order, made here or by workers.

Written in chapter 2.7.
"""

import collections
import itertools
import math

from .collate import default_collate, default_convert
from .dataset import IterableDataset
from .sampler import BatchSampler, RandomSampler, SequentialSampler, new_seed
from .worker import RESTART, Luggage, Workers, context_for, fetcher, reported


class LoaderIterator:
    """One pass over the data, in the main process."""

    def __init__(self, loader):
        self.index_sampler, self.generator = loader.index_sampler, loader.generator
        self.begin()
        self.prepare(loader)

    def begin(self):
        """Go to the beginning of the data, with a new seed for the workers."""
        self.seed = new_seed(self.generator)
        self.indices = iter(self.index_sampler)

    def prepare(self, loader):
        """Get ready to make batches."""
        self.fetch = fetcher(*loader.fetch_options())

    def __iter__(self):
        return self

    def __len__(self):
        return len(self.index_sampler)

    def __next__(self):
        return self.fetch(next(self.indices))


class DataLoader:
    """Batches of the samples of `dataset`; each `iter` begins another pass.

    batch_size: samples in a batch; None: single samples, not collated.
    shuffle: a new random order in each pass. sampler: numbers in another order.
    batch_sampler: lists of numbers, in place of all of these and drop_last.
    num_workers: processes that make batches ahead, prefetch_factor (2) of each.
    collate_fn: makes a batch of a list of samples. pin_memory: accepted, and ignored.
    drop_last: leave out a last batch that is smaller. timeout: seconds to wait for a
    batch of the workers; 0: for ever. worker_init_fn: called with a worker's number.
    multiprocessing_context: "fork", "spawn", "forkserver" or a context; None: fork on
    Linux, else spawn. generator: of the random order and the workers' seeds.
    persistent_workers: keep the workers for the next pass.

    Raises ValueError for options that exclude each other. In a pass, errors of a worker
    come with its traceback; RuntimeError: a worker died, or took too long.
    """

    _iterator = None  # kept, if workers are

    def __setattr__(self, attr, val):
        message = f"{attr} attribute should not be set after DataLoader is initialized"
        refuse(attr in FIXED and hasattr(self, attr), message)
        super().__setattr__(attr, val)

    def set_workers(self, n, prefetch_factor, persistent_workers):
        """Take over how many workers there are, and how they behave."""
        refuse(n < 0, "num_workers option should be non-negative")
        alone = persistent_workers and n == 0
        refuse(alone, "persistent_workers option needs num_workers > 0")
        ahead = 2 if prefetch_factor is None else prefetch_factor
        refuse(ahead < 1, "prefetch_factor option should be positive")
        self.num_workers, self.prefetch_factor = n, ahead
        self.persistent_workers = persistent_workers

    def __init__(
        self,
        dataset,
        batch_size=1,
        shuffle=None,
        sampler=None,
        batch_sampler=None,
        num_workers=0,
        collate_fn=None,
        pin_memory=False,
        drop_last=False,
        timeout=0,
        worker_init_fn=None,
        multiprocessing_context=None,
        generator=None,
        *,
        prefetch_factor=None,
        persistent_workers=False,
    ):
        self.dataset, self.generator, self.pin_memory = dataset, generator, pin_memory
        self.collate_fn, self.worker_init_fn = collate_fn, worker_init_fn
        self.multiprocessing_context, self.timeout = multiprocessing_context, timeout
        self.set_workers(num_workers, prefetch_factor, persistent_workers)
        self.set_order(batch_size, shuffle, sampler, batch_sampler, drop_last)

    def set_order(self, batch_size, shuffle, sampler, batch_sampler, drop_last):
        """Choose what yields the numbers of each batch."""
        self.stream = isinstance(self.dataset, IterableDataset)
        options = batch_size, shuffle, sampler, batch_sampler, drop_last
        check_order(self.stream, *options)
        if sampler is None and self.stream:
            sampler = itertools.repeat(None)  # there are no numbers
        elif sampler is None and shuffle:
            sampler = RandomSampler(self.dataset, generator=self.generator)
        elif sampler is None:
            sampler = SequentialSampler(self.dataset)
        if batch_sampler is not None:
            batch_size = None
        elif batch_size is not None:
            batch_sampler = BatchSampler(sampler, batch_size, drop_last)
        self.batch_size, self.drop_last = batch_size, drop_last
        self.sampler, self.batch_sampler = sampler, batch_sampler
        if self.collate_fn is None:
            alone = batch_sampler is None
            self.collate_fn = default_convert if alone else default_collate

    @property
    def index_sampler(self):
        """What yields the numbers of a batch, or of one sample."""
        return self.sampler if self.batch_sampler is None else self.batch_sampler

    def fetch_options(self):
        """Return what `fetcher` wants to know."""
        batched = self.batch_sampler is not None
        return self.dataset, batched, self.collate_fn, self.drop_last

    def __len__(self):
        if not self.stream:
            return len(self.index_sampler)
        n = len(self.dataset) / (self.batch_size or 1)
        return math.floor(n) if self.drop_last else math.ceil(n)

    def __iter__(self):
        if self.num_workers == 0:
            return LoaderIterator(self)
        if not self.persistent_workers:
            return WorkersIterator(self)
        if self._iterator is None or not self._iterator.workers.close.alive:
            self._iterator = WorkersIterator(self)
        else:
            self._iterator.restart()
        return self._iterator


FIXED = "dataset batch_size sampler batch_sampler drop_last persistent_workers".split()


def refuse(wrong, message):
    """Raise ValueError if something is wrong."""
    if wrong:
        raise ValueError(message)


def check_order(stream, batch_size, shuffle, sampler, batch_sampler, drop_last):
    """Raise ValueError for options of order and batches that do not go together."""
    order = {"shuffle": shuffle or None, "sampler": sampler}
    for name, value in (order | {"batch_sampler": batch_sampler}).items():
        refuse(
            stream and value is not None,
            f"DataLoader with IterableDataset: expected unspecified {name} option, "
            f"but got {name}={value}",
        )
    both = sampler is not None and shuffle
    refuse(both, "sampler option is mutually exclusive with shuffle")
    others = batch_size != 1 or shuffle or sampler is not None or drop_last
    refuse(
        batch_sampler is not None and others,
        "batch_sampler option is mutually exclusive with batch_size, shuffle, "
        "sampler, and drop_last",
    )
    refuse(
        batch_sampler is None and batch_size is None and drop_last,
        "batch_size=None option disables auto-batching and is mutually exclusive with "
        "drop_last",
    )


class WorkersIterator(LoaderIterator):
    """One pass over the data, by workers.

    Task k goes to worker k modulo their number, and its answer is read from there: so
    batches keep their order, and samples their worker and its random numbers.
    """

    def prepare(self, loader):
        """Start the workers, and give them their first tasks."""
        luggage = Luggage(loader.worker_init_fn, *loader.fetch_options())
        context, timeout = context_for(loader.multiprocessing_context), loader.timeout
        n, self.prefetch_factor = loader.num_workers, loader.prefetch_factor
        self.persistent = loader.persistent_workers
        self.workers = Workers(n, self.seed, context, timeout, luggage)
        self.start()

    def start(self):
        """Give each worker its first tasks."""
        n = len(self.workers)
        self.active, self.turns = set(range(n)), itertools.cycle(range(n))
        self.waiting = collections.deque()  # workers, in the order of their tasks
        for _ in range(self.prefetch_factor * n):
            self.send_next()

    def send_next(self):
        """Send the next task, if there is one, to the worker whose turn it is."""
        if not self.active:
            return
        for indices in itertools.islice(self.indices, 1):
            i = next(i for i in self.turns if i in self.active)
            self.workers.send(i, indices)
            self.waiting.append(i)

    def next_answer(self):
        """Return "batch" or "error" and what came with it; raise StopIteration."""
        while self.waiting:
            i = self.waiting.popleft()
            if i not in self.active:
                continue  # its stream has ended: it does not answer
            kind, content = self.workers.receive(i)
            if kind == "end":
                self.active.remove(i)
            self.send_next()
            if kind != "end":
                return kind, content
        raise StopIteration

    def __next__(self):
        try:
            kind, content = self.next_answer()
        except BaseException as error:  # the end, or Ctrl-C, or a dead worker
            if not (self.persistent and isinstance(error, StopIteration)):
                self.workers.close()
            raise
        if kind == "error":
            del self  # the error's traceback would keep the workers alive
            raise reported(*content)
        return content

    def restart(self):
        """Begin another pass with the same workers; what they still send is old."""
        self.begin()
        try:
            for i in range(len(self.workers)):
                self.workers.send(i, RESTART)
            for i in range(len(self.workers)):
                while self.workers.receive(i)[0] != "ready":
                    pass
            self.start()
        except BaseException:
            self.workers.close()
            raise
