"""PyTorch programs give the same losses with `import mytorch as torch`."""

import math
import re

import pytest

pytest.importorskip("torch", reason="PyTorch is a test dependency: requirements-test.txt")

from both import PROGRAMS, as_mytorch, both, distance, table  # noqa: E402

CLOSE = 1e-5
FORMS = """
import torch
import torch.nn as nn
from torch import nn
import torch.nn.functional as F
from torch.nn import functional as F
import torch.optim as optim
from torch.utils.data import
from torch.autograd import
from torch.optim.lr_scheduler import
from torch.nn.utils import
from torch.utils.checkpoint import
""".strip().splitlines()


def check_same(theirs, ours):
    """Fail at the first step where the losses are apart, and say by how much."""
    assert len(ours) == len(theirs), f"{len(ours)} losses; PyTorch has {len(theirs)}"
    apart = [distance(b, a) for a, b in zip(theirs, ours, strict=True)]
    far = [i for i, d in enumerate(apart) if not d <= CLOSE]  # NaN is far from everything
    if far:
        worst = max(far, key=lambda i: (math.isnan(apart[i]), apart[i]))
        pytest.fail(
            f"{len(far)} of {len(apart)} losses differ by more than {CLOSE}, first at step "
            f"{far[0]}, most at step {worst} (by {apart[worst]:.1e})\n"
            + table(theirs, ours, far[0])
        )


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.stem)
def test_a_program_has_the_same_losses(path):
    theirs, ours = both(path)
    assert all(type(loss) is float for loss in [*theirs, *ours])
    check_same(theirs, ours)
    assert len(theirs) >= 50
    first, last = sum(theirs[:5]) / 5, sum(theirs[-5:]) / 5
    assert last < first - 0.2 * abs(first), f"a program that does not learn: {first} to {last}"


def test_there_are_programs_of_all_forms():
    assert len(PROGRAMS) >= 10
    lines = "\n".join(path.read_text(encoding="utf-8") for path in PROGRAMS)
    missing = [form for form in FORMS if not re.search(rf"^{form}\b", lines, re.M)]
    assert not missing


def test_only_the_imports_change():
    source = "import torch\nimport torch.nn as nn\nfrom torch.nn import Linear\nx = torch.ones(2)\n"
    changed = as_mytorch(source)
    assert changed == (
        "import mytorch as torch\nimport mytorch.nn as nn\nfrom mytorch.nn import Linear\n"
        "x = torch.ones(2)\n"
    )
    for path in PROGRAMS:
        text = path.read_text(encoding="utf-8")
        pairs = zip(text.splitlines(), as_mytorch(text).splitlines(), strict=True)
        assert all("import" in old for old, new in pairs if old != new)


def test_a_disagreement_is_told_by_step():
    theirs = [1.0, 0.5, 0.25, 0.125]
    check_same(theirs, [1.0, 0.5, 0.25, 0.125 + 9e-6])
    check_same([200.0], [200.001])  # a large loss: relative
    with pytest.raises(pytest.fail.Exception, match=r"(?s)first at step 1, most at step 2 .*0.51 "):
        check_same(theirs, [1.0, 0.51, 0.35, 0.125])
    with pytest.raises(pytest.fail.Exception, match="first at step 3"):
        check_same(theirs, [1.0, 0.5, 0.25, math.nan])
    with pytest.raises(AssertionError, match="3 losses"):
        check_same(theirs, theirs[:3])
