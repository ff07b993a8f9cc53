"""Where a NaN in a gradient came from: the line of the user's program.

Written in chapter 2.3c.
"""

import linecache
import sys
from pathlib import Path

import numpy as np

from .versions import watchers

HERE = str(Path(__file__).parent)


class set_detect_anomaly:
    """Look for NaN in all gradients from now on, or do not; in a block, only there."""

    def __init__(self, mode, check_nan=True):
        self.before = watch_origins in watchers, check.nan
        self.switch(mode, check_nan)

    def switch(self, mode, check_nan):
        check.nan = check_nan
        if watch_origins in watchers:
            watchers.remove(watch_origins)
        if mode:
            watchers.append(watch_origins)

    def __enter__(self):
        pass

    def __exit__(self, *error):
        self.switch(*self.before)


class detect_anomaly(set_detect_anomaly):
    """Look for NaN in all gradients of a block; slow, so only while you search."""

    def __init__(self, check_nan=True):
        super().__init__(True, check_nan)


def watch_origins(out, inputs):
    """Note on a new node which line of the user's program made it."""
    if out.grad_fn is not None and out.grad_fn.made is None:
        frame = sys._getframe(1)
        while frame.f_back is not None and frame.f_code.co_filename.startswith(HERE):
            frame = frame.f_back
        code, n = frame.f_code, frame.f_lineno
        line = linecache.getline(code.co_filename, n).strip()
        place = f'line {n} of {code.co_name} in "{code.co_filename}"'
        out.grad_fn.made = f"`{line}`, {place}"


def check(node, i, share):
    """Raise RuntimeError if a gradient that a node computed has a NaN in it."""
    if watch_origins in watchers and check.nan:
        array = share.data if hasattr(share, "grad_fn") else share
        if hasattr(array, "dtype") and np.any(np.isnan(array)):
            where = node.made or "a line run before anomaly detection was on"
            raise RuntimeError(
                f"Function '{node.name()}' returned nan values in its {i}th output. "
                f"The step was made by {where}"
            )


check.nan = True
