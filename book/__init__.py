"""The machinery of the book: notebooks that write a package."""

import os
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


class BookError(Exception):
    """Bad input: one clear line for the person who has to mend it."""


def use_pinned_dot() -> None:
    """Let Graphviz's ``dot`` be the one that pip brought: drawings are then the same anywhere.

    Where it was not installed (on Colab), a ``dot`` of the system serves.
    """
    folders = [str(ROOT / "book" / "bin"), str(Path(sys.executable).parent)]
    if shutil.which("graphviz-pure", path=folders[1]):
        os.environ["PATH"] = os.pathsep.join([*folders, os.environ.get("PATH", "")])


def load_ipython_extension(shell):
    """What ``%load_ext book`` calls: the ``%chapter`` magic and the directives."""
    from book.live import Live

    if getattr(shell, "book", None) is None:
        shell.book = Live(shell)
