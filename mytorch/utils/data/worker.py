"""Workers: processes that make batches while the main process computes.

Written in chapter 2.7.
"""

import itertools
import multiprocessing
import os
import pickle
import queue
import random
import signal
import sys
import threading
import time
import traceback
import weakref
from dataclasses import dataclass
from multiprocessing.reduction import ForkingPickler
from typing import Any

import numpy as np

from ...random import manual_seed
from .dataset import IterableDataset, items


def fetcher(dataset, batched, collate_fn, drop_last):
    """Return a function that makes a batch of what the sampler yields.

    Of a stream it raises StopIteration at the end. Not `batched`: one sample at a time.
    """

    def fetch(indices):
        return collate_fn(items(dataset, indices) if batched else dataset[indices])

    stream = iter(dataset) if isinstance(dataset, IterableDataset) else None

    def fetch_next(indices):
        if not batched:
            return collate_fn(next(stream))
        samples = list(itertools.islice(stream, len(indices)))
        if not samples or (drop_last and len(samples) < len(indices)):
            raise StopIteration
        return collate_fn(samples)

    return fetch if stream is None else fetch_next


class Luggage:
    """What a worker takes along; packed only if it must travel to a new interpreter,
    and unpacked by the worker itself, so that it can report what goes wrong."""

    def __init__(self, *things):
        self.things, self.packed = things, None

    def __getstate__(self):
        return bytes(ForkingPickler.dumps(self.things))

    def __setstate__(self, packed):
        self.packed = packed

    def unpacked(self):
        """Return the things."""
        return self.things if self.packed is None else pickle.loads(self.packed)


class Message(str):
    """A text whose lines stay lines where Python shows its repr, as in a KeyError."""

    __repr__ = str.__str__


def report(error, number):
    """Return the type and the text of a worker's error, which can be sent."""
    kind = type(error)
    try:
        pickle.dumps(kind)
    except Exception:  # a type that nobody finds by its name
        kind = RuntimeError
    caught = f"Caught {type(error).__name__} in DataLoader worker process {number}."
    return kind, f"{caught}\nOriginal {''.join(traceback.format_exception(error))}"


def reported(kind, text):
    """Return a worker's error, made anew in the main process."""
    try:
        return kind(Message(text))
    except Exception:  # a type that wants other arguments
        return RuntimeError(text)


@dataclass
class WorkerInfo:
    """What a worker may know of itself."""

    id: int
    num_workers: int
    seed: int
    dataset: Any


worker_info = None


def get_worker_info():
    """Return the WorkerInfo of this process; None in the main process."""
    return worker_info


RESTART = ...  # in place of indices: begin another pass


class Server:
    """The worker's side: answers each list of indices with a batch, or an error."""

    def __init__(self, number, num_workers, base_seed, luggage):
        self.number, self.num_workers = number, num_workers
        self.seed, self.luggage = base_seed + number, luggage
        self.fetch = self.options = None
        self.ended = False

    def begin(self):
        """Prepare this process, once, and get ready for a pass over the data."""
        global worker_info
        if self.options is None:
            random.seed(self.seed)
            np.random.seed(self.seed % 2**32)
            manual_seed(self.seed)
            init_fn, *options = self.luggage.unpacked()
            worker_info = WorkerInfo(
                self.number, self.num_workers, self.seed, options[0]
            )
            if init_fn is not None:
                init_fn(self.number)
            self.options = options
        self.fetch = fetcher(*self.options)

    def answer(self, task):
        """Return what came of a task: "batch", "end", "error" or "ready", and what."""
        try:
            if task is RESTART:
                self.fetch, self.ended = None, False
                return "ready", None
            if self.fetch is None:
                self.begin()
            return "batch", self.fetch(task)
        except StopIteration:
            self.ended = True
            return "end", None
        except Exception as error:
            return "error", report(error, self.number)

    def packed(self, task):
        """Return the answer as bytes."""
        answer = self.answer(task)
        try:
            return pickle.dumps(answer, protocol=5)
        except Exception as error:  # such as a tensor with a graph behind it
            return pickle.dumps(("error", report(error, self.number)))


def send_all(answers, connection):
    """Send answers as they come, so that the worker need not wait for the pipe."""
    try:
        while True:
            connection.send_bytes(answers.get())
    except OSError:
        os._exit(0)  # nobody is listening any more


main_ends = weakref.WeakSet()  # the main process's ends of all connections


def serve(connection, server):
    """Be a worker: answer tasks until the main process hangs up."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the main process's affair
    for end in list(main_ends):  # a fork has copies: open, they would hide a hang-up
        end.close()
    answers = queue.SimpleQueue()
    threading.Thread(target=send_all, args=(answers, connection), daemon=True).start()
    try:
        while True:
            task = connection.recv()
            if task is RESTART or not server.ended:
                answers.put(server.packed(task))
    except (EOFError, OSError):
        pass


def hang_up(owner, processes, connections):
    """End the workers: they finish the batch at hand, within a second, or are ended."""
    if os.getpid() != owner:
        return  # a copy of the object in a forked process
    for connection in connections:
        connection.close()
    deadline = time.monotonic() + 1
    for process in processes:
        process.join(max(deadline - time.monotonic(), 0))
    for process in processes:
        if process.exitcode is None:
            process.kill()
        process.join()


def context_for(given):
    """Return how processes are started: by default fork where it is safe, on Linux."""
    if given is None or isinstance(given, str):
        default = "fork" if sys.platform == "linux" else "spawn"
        return multiprocessing.get_context(given or default)
    return given


class Workers:
    """The main process's side: processes with a connection to each.

    They end when this object does, or by `close`.
    """

    def __init__(self, num_workers, base_seed, context, timeout, luggage):
        self.timeout, self.processes, self.connections = timeout, [], []
        lists = self.processes, self.connections
        self.close = weakref.finalize(self, hang_up, os.getpid(), *lists)
        for i in range(num_workers):
            here, there = context.Pipe()
            server = Server(i, num_workers, base_seed, luggage)
            process = context.Process(target=serve, args=(there, server), daemon=True)
            main_ends.add(here)
            self.connections.append(here)
            process.start()
            self.processes.append(process)
            there.close()  # the worker's end is open in the worker only

    def __len__(self):
        return len(self.processes)

    def send(self, i, task):
        """Give a task to worker `i`."""
        try:
            self.connections[i].send(task)
        except OSError:
            raise self.died(i) from None

    def receive(self, i):
        """Return the next answer of worker `i`.

        Raises RuntimeError if it takes longer than the timeout, or the worker has died.
        """
        try:
            if not self.connections[i].poll(self.timeout or None):
                message = f"DataLoader timed out after {self.timeout} seconds"
                raise RuntimeError(message)
            return pickle.loads(self.connections[i].recv_bytes())
        except (EOFError, OSError):
            raise self.died(i) from None

    def died(self, i):
        """Return the error for a worker that is gone, with what is known of its end."""
        process = self.processes[i]
        process.join(1)
        code = process.exitcode
        how = f"exit code {code}"
        if code is not None and code < 0:
            how = f"killed by signal {signal.Signals(-code).name}"
        message = f"DataLoader worker (pid(s) {process.pid}) exited unexpectedly: {how}"
        return RuntimeError(message)
