"""Programs written for PyTorch, run under PyTorch and, with other imports, under mytorch."""

import re
from pathlib import Path

PROGRAMS = sorted((Path(__file__).parent / "programs").glob("*.py"))


def as_mytorch(source):
    """Return a program with only its import lines changed."""
    source = re.sub(r"^import torch$", "import mytorch as torch", source, flags=re.M)
    return re.sub(r"^(import|from) torch(?=[. ])", r"\1 mytorch", source, flags=re.M)


def losses(source, name):
    """Run a program and return the list that it leaves."""
    names = {"__name__": name}
    exec(compile(source, name, "exec"), names)
    return names["losses"]


def both(path):
    """Return the losses under PyTorch and under mytorch."""
    source = path.read_text(encoding="utf-8")
    assert "mytorch" not in source
    return losses(source, str(path)), losses(as_mytorch(source), f"{path} under mytorch")


def distance(ours, theirs):
    """How far two losses are apart; of a loss above 1, as a part of it."""
    return abs(ours - theirs) / max(1.0, abs(theirs))


def table(theirs, ours, at):
    """Show the losses around a step, one step a line."""
    lines = ["step      PyTorch           mytorch           apart"]
    for i in range(max(0, at - 3), min(len(ours), len(theirs), at + 2)):
        a, b = theirs[i], ours[i]
        mark = " <--" if i == at else ""
        lines.append(f"{i:4}  {a:16.9g}  {b:16.9g}  {distance(b, a):9.1e}{mark}")
    return "\n".join(lines)
