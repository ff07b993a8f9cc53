"""``python -m book``: the commands."""

from book.cli import main

main(prog_name="python -m book")
