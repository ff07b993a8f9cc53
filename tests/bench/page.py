"""The page `book/front/speed.md` and its pictures, made of the last run's results."""

import json
import re
import textwrap
from pathlib import Path

from .measure import KEEP, ROOT, geometric_mean
from .operations import title

FRONT = ROOT / "book" / "front"
RESULTS, PAGE = FRONT / "speed.json", FRONT / "speed.md"
TEMPLATE = Path(__file__).with_name("page.md")
AIM, LIMIT = 0.8, 1.2  # of the geometric mean of the training steps, and of each ratio
SIZES = {"small": "16×16", "cache-sized": "256×256", "large": "2048×2048"}
RATES = "copy", "numpy", "torch"
# Microseconds above NumPy's own call
BUDGET = {"not recorded": 1.5, "recorded": 2.0, "back": 3.0}
# (what is searched in the titles of workloads, why they may be above the limit), measured; the
# first that is found counts
REASONS = [
    (
        r"^word vectors|^language model",
        "whole gradients of 2.6 MB are written and read; `w -= lr * g` is two passes in NumPy, "
        "one in PyTorch: 106 against 57 µs for 640,000 numbers.",
    ),
    (
        r"^LeNet|^seven|^small residual",
        "PyTorch convolves by kernels that are written for it (oneDNN) and lay no windows out. "
        "Here about half of the time goes into matrix products, the other half into copies "
        "before and sums after them (3.1).",
    ),
    (
        r", small, |^slice",
        "what Python and NumPy take to begin a call is most of the time: see below.",
    ),
    (
        r"^(sum|mean)\b",
        "NumPy's own sum is slower: 0.61 against 0.18 ms at 2048, and 0.67 against 0.19 for dim 1.",
    ),
    (
        r"^(relu|clamp)",
        "NumPy's maximum with a single number is not vectorised: 22 µs at 256 where `clip` with "
        "two bounds takes 7.6, and all of PyTorch's relu 3.4.",
    ),
    (r"^add a row", "NumPy begins its inner loop anew for each row: 9.2 against 5.3 µs at 256."),
    (
        r"^(add|mul|where|cat|x \*\* 2), cache-sized",
        "NumPy's own call is no slower (6 µs for add at 256, 8 for cat, 4 for a square); what "
        "mytorch adds to a call is a quarter of that and more: see below.",
    ),
    (
        r"^(div|log), large",
        "alone in a fresh process, log takes 2.6 ms there and back, PyTorch's 6.5; here it comes "
        "after other work, and its arrays of 17 MB are probably new memory each time.",
    ),
    (r"^(sigmoid|silu)", "NumPy's exp alone takes 23 µs at 256, all of PyTorch's sigmoid 16."),
    (
        r"^gelu",
        "NumPy's tanh alone takes 12 µs at 256, all of PyTorch's gelu 19; some ten more passes "
        "over the array go before and after.",
    ),
    (
        r"^(softmax|log_softmax|cross_entropy)",
        "NumPy's exp alone takes 23 µs at 256, PyTorch's whole softmax 30; sums, the largest "
        "score and a division are passes of their own.",
    ),
    (r"^mse_loss", "NumPy's mean alone takes 13 µs at 256, PyTorch's whole loss 16."),
    (
        r"^max",
        "the way back compares every place with the number of the largest and multiplies, 1.7 and "
        "1.5 ms at 2048; PyTorch puts one number into each row of zeros in 0.44.",
    ),
    (
        r"^(gather|rows by number)",
        "NumPy's `take_along_axis` takes 171 µs at 256, its `take` 27, PyTorch's gather 25; "
        "`np.add.at` on the way back takes 48, PyTorch's scatter 39.",
    ),
    (r"^amax", "NumPy's own maximum of rows takes 23 µs at 256, PyTorch's 4.9."),
    (r"^transpose", "NumPy copies a transposed array line by line: 27 ms at 2048, PyTorch's 3.1."),
]
UNKNOWN = "not explained yet."


def table(head, rows):
    """Return a table in Markdown: the first column to the left, the others to the right."""
    lines = [head, ["---", *["--:"] * (len(head) - 1)], *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def ms(seconds):
    """Return milliseconds in three digits."""
    value = 1e3 * seconds
    return f"{value:.0f}" if value >= 100 else f"{value:#.3g}"


def marked(ratio):
    """Return a ratio, in bold type if it is above the limit."""
    return f"**{ratio:.2f}**" if ratio > LIMIT else f"{ratio:.2f}"


def mean_of(rows):
    return geometric_mean([row["ratio"] for row in rows.values()])


def floor(row, rates):
    """Return the seconds that no program here can do without; None if nobody knows."""
    seconds = max(row["bytes"] / rates["copy"], row["flops"] / rates["numpy"])
    return seconds or None


def step_table(found):
    """Return the table of training steps."""
    rows, cores = [], found["steps on all cores"]
    for name, row in found["steps"].items():
        least = floor(row, found["rates"])
        spread = f"{marked(row['ratio'])} ({row['low']:.2f} to {row['high']:.2f})"
        times = ms(row["torch"]), ms(row["mytorch"]), ms(least) if least else "–"
        others = f"{found['kept'][name]:.2f}", marked(cores[name]["ratio"])
        rows.append([name, *times, spread, *others])
    head = ["step", "PyTorch, ms", "mytorch, ms", "products alone, ms", "ratio", "PyTorch, kept"]
    return table([*head, f"{found['machine']['cores']} threads"], rows)


def operation_table(found):
    """Return the table of the ratios of operations: a row each, sizes and directions beside."""
    ratios = {}
    for row in found["operations"]:
        ratios.setdefault(row["name"], []).append(marked(row["ratio"]))
    head = [f"{size}, {way}" for size in ("16", "256", "2048") for way in ("forward", "both")]
    return table(["operation", *head], [[name, *row] for name, row in ratios.items()])


def large_table(found):
    """Return the table of large operations above the limit, with what bounds them."""
    rows = []
    for row in found["operations"]:
        if row["size"] == "large" and row["ratio"] > LIMIT:
            way = "both" if row["backward"] else "forward"
            least = floor(row, found["rates"])
            numpy = ms(row["numpy"]) if "numpy" in row else "–"
            times = ms(row["torch"]), ms(row["mytorch"]), numpy, ms(least) if least else "–"
            rows.append([f"{row['name']}, {way}", *times])
    return table(["operation", "PyTorch, ms", "mytorch, ms", "NumPy's call, ms", "floor, ms"], rows)


def overheads(found):
    """Yield what a call costs above NumPy's own: (name, kind, microseconds, PyTorch's)."""
    for name, (numpy, *times) in found["overhead"]["mytorch"].items():
        others = found["overhead"]["torch"][name][1:]
        kinds = ["back"] if times[0] is None else ["not recorded", "recorded"]
        pairs = [(t, o) for t, o in zip(times, others, strict=True) if t is not None]
        for kind, (time, other) in zip(kinds, pairs, strict=True):
            yield name, kind, time - numpy, other - numpy


def overhead_table(found):
    """Return the table of what a call costs above NumPy's own, beside the budget."""
    rows = [
        [f"{name}, {kind}", f"{mine:.2f}", f"{other:.2f}", f"{BUDGET[kind]}", verdict(mine, kind)]
        for name, kind, mine, other in overheads(found)
    ]
    return table(["call on 16×16", "mytorch, µs", "PyTorch, µs", "budget, µs", ""], rows)


def verdict(microseconds, kind):
    return "met" if microseconds <= BUDGET[kind] else "**missed**"


def memory_table(found):
    """Return the table of how far a training step raises the memory in use."""
    rows = []
    for name, peak in found["memory"].items():
        mib = [f"{peak[framework] / 2**20:.1f}" for framework in ("torch", "mytorch")]
        rows.append([name, *mib, marked(max(peak["mytorch"], 1) / max(peak["torch"], 1))])
    return table(["step", "PyTorch, MiB", "mytorch, MiB", "ratio"], rows)


def misses(found):
    """Return the titles of what is above the limit: training steps, and operations."""
    steps = [name for name, row in found["steps"].items() if row["ratio"] > LIMIT]
    rows = [row for row in found["operations"] if row["ratio"] > LIMIT]
    return steps, [title(row["name"], row["size"], row["backward"]) for row in rows]


def reason(name):
    """Return why a workload is above the limit."""
    return next((why for pattern, why in REASONS if re.search(pattern, name)), UNKNOWN)


def explained(titles):
    """Return a list in Markdown: reasons, each behind the workloads that it holds for."""
    groups = {}
    for name in titles:
        groups.setdefault(reason(name), {})[name.split(", forward")[0]] = True
    return "\n".join(f"- {'; '.join(names)}: {why}" for why, names in groups.items())


def extremes(found):
    """Return the best and the worst training step, in words."""
    rows = sorted(found["steps"].items(), key=lambda item: item[1]["ratio"])
    (best, low), (worst, high) = rows[0], rows[-1]
    return f"{low['ratio']:.2f} ({best}) to {high['ratio']:.2f} ({worst})"


def summary(found):
    """Yield lines for the terminal: what the tables of times do not have."""
    rates = found["rates"]
    yield (
        f"\ncopy {rates['copy'] / 1e9:.1f} GB/s, matrix products {rates['numpy'] / 1e9:.0f} "
        f"GFLOP/s by NumPy, {rates['torch'] / 1e9:.0f} by PyTorch"
    )
    yield "\nOverhead above NumPy's own call, µs: mytorch, PyTorch, budget"
    for name, kind, mine, other in overheads(found):
        met = verdict(mine, kind).strip("*")
        yield f"{name + ', ' + kind:40}{mine:7.2f}{other:7.2f}{BUDGET[kind]:7.2f}  {met}"
    yield "\nMemory that a training step takes at its peak, MiB: PyTorch, mytorch"
    for name, peak in found["memory"].items():
        yield f"{name:64}{peak['torch'] / 2**20:9.1f} {peak['mytorch'] / 2**20:9.1f}"
    kept = geometric_mean(found["kept"].values())
    yield f"\nPyTorch that keeps freed memory: {kept:.2f} of its time (geometric mean)"
    unknown = [name for part in misses(found) for name in part if reason(name) == UNKNOWN]
    yield f"Above {LIMIT} without a reason in page.py: {'; '.join(unknown) or 'nothing'}"
    times = found["import"]
    yield (
        f"\nimport numpy {1e3 * times['numpy']:.0f} ms, mytorch {1e3 * times['mytorch']:.0f} ms "
        f"more (budget 100), torch {1e3 * times['torch']:.0f} ms more"
    )


def render(found):
    """Return the page for the results of a run."""
    rates, (steps, operations) = found["rates"], misses(found)
    kept, mean = geometric_mean(found["kept"].values()), mean_of(found["steps"])
    runs = [f"{run['mean']:.2f} ({run['date']})" for run in found["runs"]]
    return TEMPLATE.read_text().format(
        date=found["date"],
        machine=found["machine"],
        runs=f"Runs on it so far, by their geometric mean: {', '.join(runs)}.",
        pairs=found["pairs"],
        few=found["pairs of operations"],
        load="not known" if found["load"] is None else found["load"],
        count=len(found["steps"]),
        extremes=extremes(found),
        mean=mean,
        kept=kept,
        mean_kept=mean / kept,
        mean_cores=mean_of(found["steps on all cores"]),
        keep=KEEP,
        aim=AIM,
        limit=LIMIT,
        step_reasons="Above it:" if steps else "None is.",
        why_steps=explained(steps),
        why_operations=explained(operations),
        sizes=SIZES,
        steps=step_table(found),
        operations=operation_table(found),
        large=large_table(found),
        copy=rates["copy"] / 1e9,
        numpy=rates["numpy"] / 1e9,
        torch=rates["torch"] / 1e9,
        overhead=overhead_table(found),
        memory=memory_table(found),
        imports={name: 1e3 * seconds for name, seconds in found["import"].items()},
    )


def axis_of_ratios(ax, names, ticks):
    """Prepare a logarithmic axis of ratios, with a name for each row."""
    ax.set_xscale("log")
    ax.set_xticks(ticks, [f"{x:g}" for x in ticks])
    ax.minorticks_off()
    ax.set_yticks(range(len(names)), names)
    ax.set_ylim(len(names) - 0.4, -0.6)
    ax.axvline(1, color="black", linewidth=1)
    ax.axvline(LIMIT, color="gray", linewidth=1, linestyle="--")
    ax.set_xlabel("mytorch's time / PyTorch's time")
    ax.grid(axis="y", visible=False)


def dots(ax, rows, shift, marker, label):
    """Draw ratios as dots, with the middle half of the pairs as lines."""
    ratios = [row["ratio"] for row in rows]
    spread = [[r["ratio"] - r["low"] for r in rows], [r["high"] - r["ratio"] for r in rows]]
    y = [k + shift for k in range(len(rows))]
    ax.errorbar(ratios, y, xerr=spread, fmt=marker, markersize=5, elinewidth=1.2, label=label)


def draw_steps(found, plt):
    """Return the figure of the training steps."""
    names = [textwrap.fill(name, 30) for name in found["steps"]]
    fig, ax = plt.subplots(figsize=(6.2, 0.5 * len(names) + 1.2))
    dots(ax, found["steps"].values(), -0.12, "o", "one thread")
    cores = found["machine"]["cores"]
    dots(ax, found["steps on all cores"].values(), 0.16, "s", f"{cores} threads")
    axis_of_ratios(ax, names, [0.25, 0.5, 1, 2, 4])
    fig.legend(loc="outside upper center", ncols=2)
    return fig


def draw_operations(found, plt):
    """Return the figure of the operations: forward on the left, and both on the right."""
    all_rows = found["operations"]
    names = list(dict.fromkeys(row["name"] for row in all_rows))
    fig, axes = plt.subplots(1, 2, sharey=True, figsize=(6.2, 0.26 * len(names) + 1.2))
    for backward, ax in enumerate(axes):
        for k, (size, marker) in enumerate(zip(SIZES, "osD", strict=True)):
            rows = [r for r in all_rows if [r["size"], r["backward"]] == [size, backward]]
            label = SIZES[size] if backward else None
            dots(ax, rows, 0.2 * (k - 1), marker, label)
        axis_of_ratios(ax, names, [0.1, 1, 10])
        ax.set_xlim(0.05, 60)
        ax.set_title("forward and backward" if backward else "forward")
        ax.set_xlabel("ratio")
    fig.legend(loc="outside upper center", ncols=3)
    return fig


def write(found):
    """Write the results, the page and the pictures into the book."""
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    plt.style.use(ROOT / "book" / "matplotlibrc")
    found = json.loads(json.dumps(found), parse_float=lambda x: float(f"{float(x):.4g}"))
    RESULTS.write_text(json.dumps(found, indent=1) + "\n")
    PAGE.write_text(render(found))
    for name, draw in [("steps", draw_steps), ("operations", draw_operations)]:
        fig = draw(found, plt)
        fig.savefig(FRONT / f"speed-{name}.png", metadata={"Software": None})
        plt.close(fig)
