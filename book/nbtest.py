"""A pytest plugin: what nbval does not do by itself when it runs the chapters."""

import base64
import os
import re
import tempfile
import unittest.mock

from book.execute import ADDRESS, ONE_THREAD, stored


def pytest_configure(config):
    import nbval.plugin

    class InScratch(nbval.plugin.RunningKernel):
        """A kernel that starts in a folder of its own: a chapter leaves nothing behind."""

        def __init__(self, kernel_name, cwd=None, **options):
            self.scratch = tempfile.TemporaryDirectory(prefix="chapter-")
            # A kernel is killed at the end: what it keeps in a temporary folder goes with ours.
            with unittest.mock.patch.dict(os.environ, ONE_THREAD, TMPDIR=self.scratch.name):
                super().__init__(kernel_name, cwd=self.scratch.name, **options)

        def stop(self):
            super().stop()
            self.scratch.cleanup()

    nbval.plugin.RunningKernel = InScratch
    item = nbval.plugin.IPyNbCell
    sanitize, compare = item.sanitize, item.compare_outputs
    item.sanitize = lambda cell, text: sanitize(cell, comparable(text))
    item.compare_outputs = lambda cell, now, then: compare(cell, stored(now), then)


def pytest_collectstart(collector):
    if type(collector).__name__ == "IPyNbFile":
        collector.skip_compare = tuple(set(collector.skip_compare) - {"image/png"})


def pytest_collection_modifyitems(items):
    for item in items:
        if type(item).__name__ == "IPyNbCell":
            item.output_timeout = 60  # nbval's 5 s are short on a busy machine
            if item.cell.execution_count is None and item.cell.source.strip():
                item.runtest = lambda item=item: item.raise_cell_error("this cell was never run")


def pytest_terminal_summary(terminalreporter):
    """Say in words what was run, above pytest's own closing line."""
    for outcome in ("passed", "failed", "skipped"):
        ids = [report.nodeid for report in terminalreporter.stats.get(outcome, [])]
        cells = [name for name in ids if ".ipynb::" in name]
        notebooks = {name.partition("::")[0] for name in cells}
        if ids:
            terminalreporter.write_line(
                f"{outcome}: {len(cells)} cells of {len(notebooks)} notebooks, "
                f"{len(ids) - len(cells)} other tests"
            )


def comparable(text):
    """What of an output must be the same on every machine."""
    if not isinstance(text, str):
        return text
    if text.startswith("iVBORw0KGgo"):  # a PNG: its width and height
        head = base64.b64decode(text[:64])[16:24]
        return f"PNG {int.from_bytes(head[:4], 'big')} x {int.from_bytes(head[4:], 'big')}"
    if '<figure class="moving"' in text:  # what it shows and how far it moves
        label = re.search(r'aria-label="([^"]*)"', text)[1]
        sizes = re.search(r'"sizes":.*?]', text)[0]
        return f"moving figure: {label}; {sizes}"
    return ADDRESS.sub("0x...", text)
