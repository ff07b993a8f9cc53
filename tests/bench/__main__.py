"""`make bench`: measure, print, and write the page of the book.

python -m bench [NAME ...]      from the folder tests: only workloads with such a name
"""

import json
import os
import time

import click

from . import measure, page
from .measure import Effort


def shown(title, row):
    """Print a row of times."""
    times = f"{1e3 * row['torch']:9.4f} {1e3 * row['mytorch']:9.4f}"
    over = "  over" if row["ratio"] > page.LIMIT else ""
    over += "" if row["agree"] else "  THE RESULTS DIFFER"
    spread = f"{row['low']:.2f} to {row['high']:.2f}"
    click.echo(f"{title:64}{times}  {row['ratio']:5.2f}  ({spread}){over}")


def heading(text):
    click.echo(f"\n{text + ':':64}  PyTorch   mytorch  ratio  (quartiles), times in ms")


def mean_of(rows):
    return measure.geometric_mean([row["ratio"] for row in rows])


def timed(patterns, folder, quick):
    """Measure on one thread: training steps, operations, overhead, and what the machine can."""
    many, few = (Effort(5, 0.05), Effort(3, 0.005)) if quick else (Effort(11, 0.1), Effort(5, 0.01))
    with measure.workers(1, folder) as pair:
        heading("Training steps, one thread")
        found = {"steps": measure.all_steps(pair, many, patterns, shown)}
        if found["steps"]:
            click.echo(f"{'geometric mean':84}  {mean_of(found['steps'].values()):5.2f}")
        heading("Operations, one thread")
        found["operations"] = measure.all_operations(pair, few, patterns, shown)
        if not patterns:
            found["rates"] = dict(zip(page.RATES, pair[1].ask("rates"), strict=True))
            found["rates"]["torch"] = pair[0].ask("rates")[2]
            found["overhead"] = {w.framework: w.ask("overhead") for w in pair}
    return found | {"pairs": many.pairs, "pairs of operations": few.pairs}


def on_all_cores(patterns, folder):
    """Measure the training steps with all cores."""
    cores = os.cpu_count()
    effort = Effort(5, 0.1, cores)
    with measure.workers(cores, folder) as pair:
        heading(f"Training steps, {cores} threads")
        return measure.all_steps(pair, effort, patterns, shown)


def history(found):
    """Return the geometric means of earlier runs on the same machine, and of this one."""
    before = json.loads(page.RESULTS.read_text()) if page.RESULTS.exists() else {}
    runs = before["runs"] if before.get("machine") == found["machine"] else []
    return [*runs, {"date": found["date"], "mean": mean_of(found["steps"].values())}]


@click.command()
@click.argument("names", nargs=-1)
@click.option("--quick", is_flag=True, help="Fewer blocks, and nothing but times on one thread.")
@click.option("--write", is_flag=True, help="Write the page and the pictures of the book.")
@click.option("--mytorch", "folder", help="Measure the mytorch in this folder instead.")
def main(names, quick, write, folder):
    """Measure mytorch beside PyTorch; NAMES: only workloads with one of them in their name."""
    if write and (names or quick or folder):
        raise click.UsageError("--write goes with a full run")
    begin = time.time()
    found = {"date": measure.today(), "machine": measure.machine(), "load": measure.load()}
    found |= timed(names, folder, quick)
    if not quick:
        found["steps on all cores"] = on_all_cores(names, folder)
    if not (quick or names):
        heading("PyTorch told to keep freed memory, as `mytorch` in the table")
        found["kept"] = measure.all_kept(Effort(7, 0.1), tell=shown)
        found["memory"] = measure.all_memory(folder=folder)
        found["import"] = measure.imports(folder=folder)
        for line in page.summary(found):
            click.echo(line)
    click.echo(f"\n{(time.time() - begin) / 60:.1f} minutes")
    if write:
        found["runs"] = history(found)
        page.write(found)


if __name__ == "__main__":
    main(prog_name="python -m bench")
