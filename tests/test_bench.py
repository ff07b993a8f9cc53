"""The benchmark compares the same work, and its page shows its last run. Nothing is timed."""

import json
import subprocess
import sys
from pathlib import Path

import mytorch
import numpy as np
import pytest

from bench import operations, page, steps

torch = pytest.importorskip("torch")


@pytest.mark.parametrize("name", steps.STEPS)
def test_training_steps_have_the_same_losses(name):
    mine, theirs = (steps.STEPS[name](framework) for framework in (mytorch, torch))
    losses = np.array([[mine().item(), theirs().item()] for _ in range(2)])
    assert np.allclose(losses[:, 0], losses[:, 1], rtol=1e-4)
    assert not np.array_equal(*losses)  # a step has been taken


@pytest.mark.parametrize("backward", [False, True])
@pytest.mark.parametrize("name", operations.OPERATIONS)
def test_operations_have_the_same_results_and_dtypes(name, backward):
    begun = [operations.begin(t, name, "small", backward) for t in (mytorch, torch)]
    mine, theirs = (outcome() for _, outcome in begun)
    assert np.allclose(mine, theirs, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", [name for name in operations.OPERATIONS if name != "max, dim 1"])
def test_numpy_calls_have_the_same_values(name):
    if operations.OPERATIONS[name][2]:
        value = operations.numpy_call(name, "small")()
        mean = operations.begin(mytorch, name, "small", False)[1]()[0]
        correction = 16 / 15 if name == "var, dim 1" else 1  # NumPy divides by n
        assert np.isclose(np.abs(value).mean() * correction, mean, rtol=1e-4)


def test_page_shows_the_last_run():
    found = json.loads(page.RESULTS.read_text())
    assert page.PAGE.read_text() == page.render(found), "python -m bench --write makes it"
    assert list(found["steps"]) == list(steps.STEPS) == list(found["steps on all cores"])
    names = dict.fromkeys(row["name"] for row in found["operations"])
    assert list(names) == list(operations.OPERATIONS)


def test_every_reason_is_of_a_workload():
    titles = [
        operations.title(name, size, backward)
        for name in operations.OPERATIONS
        for size in operations.SIZES
        for backward in (False, True)
    ]
    reasons = set(map(page.reason, [*steps.STEPS, *titles]))
    assert reasons == {why for _, why in page.REASONS} | {page.UNKNOWN}


def test_one_workload_can_be_chosen():
    command = [sys.executable, "-m", "bench", "--quick", "graph of 400"]
    shown = subprocess.check_output(command, cwd=Path(__file__).parent, text=True)
    assert "graph of 400 single numbers" in shown and "digits" not in shown
