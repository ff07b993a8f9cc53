"""A process that has one framework, and does what it is asked, line by line.

python -m bench.worker FRAMEWORK THREADS FOLDER: a question is a line of JSON with the name of
a job and its arguments, the answer a line of JSON. FOLDER: where mytorch is.
"""

import ctypes
import importlib
import json
import sys
import time
from functools import partial
from pathlib import Path
from timeit import repeat

import numpy as np

from . import operations, steps


def begin(torch, kind, name, *options):
    """Return what runs a workload once, and what returns numbers that tell its result."""
    if kind == "step":
        step = steps.STEPS[name](torch)
        return step, lambda: [step().item()]
    if kind == "numpy":
        return operations.numpy_call(name, *options), list
    return operations.begin(torch, name, *options)


def block(torch, case, samples, calls, clock="process_time"):
    """Begin afresh, warm up, and time a workload: (seconds of each sample, its result)."""
    now = getattr(time, clock)
    run, outcome = begin(torch, *case)
    for _ in range(2):
        run()
    times = []
    for _ in range(samples):
        start = now()
        for _ in range(calls):
            run()
        times.append((now() - start) / calls)
    return times, outcome()


def floor(torch, case):
    """Return the bytes and flops that no program can do without."""
    kind, name, *options = case
    return [0, steps.FLOPS[name]] if kind == "step" else operations.floor(torch, name, *options)


def rates(torch):
    """Return bytes a second of a copy of a large operation's array, and flops a second of
    products by NumPy and by the framework: the best of several."""
    n = operations.SIZES["large"]
    a, b = steps.normal(n, n), steps.normal(n, n, seed=1)
    s, t, y = torch.tensor(a), torch.tensor(b), np.empty_like(a)
    calls = lambda: np.copyto(y, a), lambda: a @ b, lambda: s @ t
    copy, *products = [min(repeat(f, timer=time.process_time, number=1, repeat=7)) for f in calls]
    return [2 * a.nbytes / copy, *(2 * n**3 / seconds for seconds in products)]


CLEAR, STATUS = Path("/proc/self/clear_refs"), Path("/proc/self/status")


def resident(name="VmRSS"):
    """Return the memory in use, or (VmHWM) its peak, in bytes."""
    (line,) = (line for line in STATUS.read_text().splitlines() if line.startswith(name))
    return 1024 * int(line.split()[1])


def memory(torch, case):
    """Return how far the first five runs raise the memory in use at its peak, in bytes.

    Before that, the tiny network takes a step, so that libraries have loaded what they need,
    and what set-up has freed goes back to the system: nobody gets it for nothing.
    """
    begin(torch, "step", next(iter(steps.STEPS)))[0]()
    run, _ = begin(torch, *case)
    ctypes.CDLL(None).malloc_trim(0)
    CLEAR.write_text("5")  # the peak starts over
    before = resident()
    for _ in range(5):
        run()
    return resident("VmHWM") - before


def overhead(torch):
    """Return microseconds of calls on 16x16: name -> (NumPy, unrecorded, recorded, back)."""
    n = np.ones((16, 16), np.float32)
    x, w = torch.tensor(n), torch.tensor(n).requires_grad_()
    g = torch.tensor(n)
    calls = {
        "x + y": (lambda: n + n, lambda x: x + x),
        "exp(x)": (lambda: np.exp(n), torch.exp),
        "x @ y": (lambda: n @ n, lambda x: x @ x),
        "x.sum(1)": (lambda: np.sum(n, 1), lambda x: x.sum(1)),
        "x[1]": (lambda: n[1], lambda x: x[1]),
        "x.reshape(-1)": (lambda: n.reshape(-1), lambda x: x.reshape(-1)),
    }

    def microseconds(f, number=200):
        times = repeat(f, timer=time.process_time, number=number, repeat=25)
        return 1e6 * float(np.median(times)) / number

    def there_and_back():
        y = w
        for _ in range(100):
            y = y + w
        y.backward(g)
        w.grad = None

    def there():
        y = w
        for _ in range(100):
            y = y + w

    found = {
        name: [microseconds(f) for f in (numpy, partial(call, x), partial(call, w))]
        for name, (numpy, call) in calls.items()
    }
    way = [microseconds(f, 4) / 100 for f in (there_and_back, there)]
    return found | {"back through x + y": [microseconds(lambda: n + n), None, way[0] - way[1]]}


JOBS = {f.__name__: f for f in (block, floor, rates, memory, overhead)}


def main():
    framework, threads, folder = sys.argv[1:]
    sys.path.insert(0, folder)
    torch = importlib.import_module(framework)
    if framework == "torch":
        torch.set_num_threads(int(threads))
    for line in sys.stdin:
        job, *arguments = json.loads(line)
        print(json.dumps(JOBS[job](torch, *arguments)), flush=True)


if __name__ == "__main__":
    main()
