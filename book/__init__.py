"""The machinery of the book: notebooks that write a package."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


class BookError(Exception):
    """Bad input: one clear line for the person who has to mend it."""


def load_ipython_extension(shell):
    """What ``%load_ext book`` calls: the ``%chapter`` magic and the directives."""
    from book.live import Live

    if getattr(shell, "book", None) is None:
        shell.book = Live(shell)
