"""Measures PyTorch and mytorch in turn, each in a process of its own."""

import contextlib
import datetime
import json
import math
import os
import platform
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np

from . import operations, steps

ROOT = Path(__file__).resolve().parents[2]
LIMITS = "OMP", "MKL", "OPENBLAS", "VECLIB_MAXIMUM", "NUMEXPR"
CHOICES = "OPENBLAS_", "MKL_", "ONEDNN_", "DNNL_", "ATEN_"  # how settings of kernels begin
# What mytorch asks of glibc (chapter 2.3c), as settings for another program
KEEP = {"MALLOC_MMAP_THRESHOLD_": str(2**25), "MALLOC_TRIM_THRESHOLD_": str(2**26)}


def environment(**more):
    """Return the environment for a process, in which each library chooses its kernels itself."""
    return {k: v for k, v in os.environ.items() if not k.startswith(CHOICES)} | more


class Worker:
    """A process with one framework on so many threads; settings: of its environment."""

    def __init__(self, framework, threads=1, folder=None, **settings):
        self.framework = framework
        limits = {f"{name}_NUM_THREADS": str(threads) for name in LIMITS}
        command = [sys.executable, "-m", "bench.worker", framework, str(threads)]
        self.process = subprocess.Popen(
            [*command, str(folder or ROOT)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment(**limits, **settings),
            cwd=ROOT / "tests",
            text=True,
        )

    def ask(self, *question):
        """Return the answer to a question: the name of a job and its arguments."""
        self.process.stdin.write(json.dumps(question) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise RuntimeError(f"{self.framework} failed at {question}: see above")
        return json.loads(answer)

    def close(self):
        self.process.stdin.close()
        self.process.wait()


@contextlib.contextmanager
def workers(threads=1, folder=None):
    """Yield a process with PyTorch and one with mytorch."""
    with closing(Worker("torch", threads), Worker("mytorch", threads, folder)) as pair:
        yield pair


@contextlib.contextmanager
def closing(*pair):
    """Yield workers, and close them."""
    try:
        yield pair
    finally:
        for worker in pair:
            worker.close()


class Effort:
    """How much to measure, and how: pairs of blocks, seconds of a block and of a sample in it.

    On one thread the clock is the processor's time for the process, which other programs do
    not disturb. On several it is the one on the wall, and a block waits until the threads of
    the other process have gone to sleep.
    """

    def __init__(self, pairs, block, threads=1, sample=5e-4):
        self.pairs, self.block, self.sample = pairs, block, sample
        self.clock = "process_time" if threads == 1 else "perf_counter"
        self.rest = 0 if threads == 1 else 0.1

    def plan(self, seconds):
        """Return (samples, calls in a sample) for a workload that takes so long."""
        calls = max(1, round(self.sample / seconds))
        samples = round(self.block / (calls * seconds))
        return max(3, min(200, samples)), calls, self.clock


def compared(pair, case, effort):
    """Time a workload in turn; return medians in seconds and the ratio with quartiles.

    agree: whether the frameworks get the same result.
    """
    for worker in pair:  # the first time, libraries load code
        worker.ask("block", case, 1, 1)
    seconds = max(min(worker.ask("block", case, 3, 1)[0]) for worker in pair)
    plan, medians, agree = effort.plan(seconds), [], True
    for k in range(effort.pairs):
        answers = {}
        for worker in pair if k % 2 else pair[::-1]:
            time.sleep(effort.rest)
            answers[worker] = worker.ask("block", case, *plan)
        (times, result), (mine, found) = (answers[worker] for worker in pair)
        agree &= np.allclose(found, result, rtol=1e-3, atol=1e-5)
        medians.append((np.median(times), np.median(mine)))
    medians = np.array(medians)
    low, ratio, high = np.percentile(medians[:, 1] / medians[:, 0], [25, 50, 75])
    torch, mytorch = np.median(medians, axis=0)
    row = {"torch": torch, "mytorch": mytorch, "ratio": ratio, "low": low, "high": high}
    return row | {"agree": bool(agree)}


def wanted(name, patterns):
    """Tell whether a name has one of the patterns in it; without patterns, all do."""
    return not patterns or any(pattern.lower() in name.lower() for pattern in patterns)


def all_steps(pair, effort, patterns=(), tell=print):
    """Return a row for each training step."""
    rows = {}
    for name in filter(lambda name: wanted(name, patterns), steps.STEPS):
        case = ["step", name]
        rows[name] = compared(pair, case, effort)
        rows[name]["bytes"], rows[name]["flops"] = pair[1].ask("floor", case)
        tell(name, rows[name])
    return rows


def all_operations(pair, effort, patterns=(), tell=print):
    """Return a row for each operation, size and direction."""
    rows = []
    for name in operations.OPERATIONS:
        for size in operations.SIZES:
            for backward in (False, True):
                title = operations.title(name, size, backward)
                if not wanted(title, patterns):
                    continue
                case = ["operation", name, size, backward]
                row = {"name": name, "size": size, "backward": backward}
                row["n"] = operations.size_of(name, size)
                row |= compared(pair, case, effort)
                row["bytes"], row["flops"] = pair[1].ask("floor", case)
                if size == "large" and not backward and operations.OPERATIONS[name][2]:
                    times = pair[1].ask("block", ["numpy", name, size], 9, 1)[0]
                    row["numpy"] = float(np.median(times))
                tell(title, row)
                rows.append(row)
    return rows


def all_kept(effort, patterns=(), tell=print):
    """Return PyTorch's time when it keeps freed memory over its usual one, for each step."""
    with closing(Worker("torch"), Worker("torch", **KEEP)) as pair:
        rows = all_steps(pair, effort, patterns, tell)
    return {name: row["ratio"] for name, row in rows.items()}


def all_memory(patterns=(), folder=None):
    """Return how far each training step raises the memory in use: name -> bytes.

    Only Linux tells; elsewhere there is nothing.
    """
    found = {}
    if platform.system() != "Linux":
        return found
    for name in filter(lambda name: wanted(name, patterns), steps.STEPS):
        found[name] = {}
        for framework in ("torch", "mytorch"):
            worker = Worker(framework, 1, folder if framework == "mytorch" else None)
            found[name][framework] = worker.ask("memory", ["step", name])
            worker.close()
    return found


IMPORT = """
import time
a = time.perf_counter(); import numpy
b = time.perf_counter(); import {}
print(b - a, time.perf_counter() - b)
"""


def imports(folder=None):
    """Return seconds of `import numpy`, and of each framework beyond it: medians.

    The first import compiles, and does not count: an installed package is compiled.
    """
    found = {}
    with tempfile.TemporaryDirectory() as compiled:
        env = environment(PYTHONPATH=str(folder or ROOT), PYTHONPYCACHEPREFIX=compiled)
        env.pop("PYTHONDONTWRITEBYTECODE", None)
        for framework, times in [("torch", 5), ("mytorch", 21)]:
            command = [sys.executable, "-c", IMPORT.format(framework)]
            runs = [subprocess.check_output(command, text=True, env=env) for _ in range(times + 1)]
            seconds = [list(map(float, line.split())) for line in runs[1:]]
            found["numpy"], found[framework] = np.median(seconds, axis=0)
    return found


def kernel():
    """Return for which processor OpenBLAS chooses its kernels here; "" if it does not tell."""
    command, env = [sys.executable, "-c", "import numpy"], environment(OPENBLAS_VERBOSE="2")
    said = subprocess.run(command, env=env, stderr=subprocess.PIPE, text=True, check=True).stderr
    return " ".join(line.split()[1] for line in said.splitlines() if line.startswith("Core: "))


def machine():
    """Return what a reader has to know of this machine; no names of hosts or folders."""
    cpu = platform.processor() or platform.machine()
    if Path("/proc/cpuinfo").exists():
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        cpu = next((x.split(":")[1].strip() for x in lines if x.startswith("model name")), cpu)
    blas = np.show_config("dicts")["Build Dependencies"]["blas"]
    simd = np.show_config("dicts")["SIMD Extensions"].get("found", [])
    return {
        "cpu": cpu,
        "cores": os.cpu_count(),
        "simd": simd[-1] if simd else "",
        "system": platform.system(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "blas": f"{blas['name']} {blas['version']}",
        "kernel": kernel(),
        "torch": version("torch").split("+")[0],
    }


def load():
    """Return how many cores other programs keep busy, over a minute; None if nobody knows."""
    return round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None


def geometric_mean(ratios):
    """Return the mean for ratios: half and double make one."""
    return math.exp(sum(map(math.log, ratios)) / len(ratios))


def today():
    return datetime.date.today().isoformat()
