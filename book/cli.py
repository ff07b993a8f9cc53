"""The command line of the book."""

import os
import subprocess
import sys
import time
from pathlib import Path

import click

from book import ROOT, BookError
from book.chapters import Book
from book.snapshot import after, diff, write


class Commands(click.Group):
    """Commands that answer bad input in one line, with exit code 2."""

    def invoke(self, context):
        try:
            return super().invoke(context)
        except KeyboardInterrupt:
            raise BookError("interrupted: nothing is half-written") from None
        except BrokenPipeError:  # `diff | head`
            raise
        except OSError as error:
            raise BookError(f"{error.filename or 'stopped'}: {error.strerror or error}") from None

    def main(self, *args, **options):
        try:
            return super().main(*args, **options)
        except BookError as error:
            click.echo(f"book: {error}", err=True)
            sys.exit(2)


@click.group(cls=Commands)
def main():
    """Grow mytorch from the chapters, check them, run them, build the book.

    Exit codes: 0 all is well, 1 something was found (a difference, a finding, a failed
    test), 2 the input was wrong.
    """


@main.command(epilog="Example: python -m book snapshot 2.2 --to /tmp/after-2.2")
@click.argument("chapter", required=False)
@click.option("--to", "folder", type=click.Path(path_type=Path), required=True)
def snapshot(chapter, folder):
    """Write the package as it stands after CHAPTER (the last one, if left out)."""
    files = after(Book(), chapter).files()
    write(files, folder)
    click.echo(f"{folder / 'mytorch'}: {len(files)} files")


@main.command("diff", epilog="Example: python -m book diff 2.1 2.2")
@click.argument("old")
@click.argument("new")
def diff_command(old, new):
    """Show what changed in the package between two chapters; exit 1 if anything did."""
    book = Book()
    text = diff(after(book, old).files(), after(book, new).files())
    colors = {"+": "green", "-": "red", "@": "cyan"}
    for line in text.splitlines():
        click.secho(line, fg=colors.get(line[:1]), bold=line[:3] in ("+++", "---"))
    sys.exit(1 if text else 0)


@main.command("write", epilog="Example: python -m book write")
def write_command():
    """Regenerate what is derived and committed: mytorch/ and the chapters' set-up cells."""
    from book.check import write_setup_cells

    book = Book()
    write(after(book).files(), ROOT)
    changed = write_setup_cells(book)
    click.echo(f"mytorch/ is written; {changed} set-up cells changed")


@main.command("check", epilog="Example: python -m book check 2.2")
@click.argument("chapters", nargs=-1)
def check_command(chapters):
    """Find what the chapters lack; name it by chapter and cell; exit 1 if there is any."""
    from book.check import check

    book = Book()
    findings = check(book, [book.chapter(number) for number in chapters] or book.chapters)
    for finding in findings:
        click.echo(finding)
    click.echo(f"{len(chapters) or len(book.chapters)} chapters, {len(findings)} findings")
    sys.exit(1 if findings else 0)


@main.command("run", epilog="Example: python -m book run 2.2")
@click.argument("chapters", nargs=-1, required=True)
def run_command(chapters):
    """Run chapters top to bottom and store their outputs."""
    from book.execute import run_chapter

    book = Book()
    for chapter in [book.chapter(number) for number in chapters]:
        start = time.perf_counter()
        cells = run_chapter(chapter)
        seconds = time.perf_counter() - start
        click.echo(f"chapter {chapter.number}: {cells} cells in {seconds:.1f} s")


@main.command("test", epilog="Example: python -m book test 2.1 2.2")
@click.argument("chapters", nargs=-1)
def test_command(chapters):
    """Run chapters and compare their outputs; without CHAPTERS, run all tests too."""
    book = Book()
    paths = [str(book.chapter(n).path) for n in chapters] or ["tests", "chapters"]
    command = [sys.executable, "-m", "pytest", "--nbval", "-p", "book.nbtest", *paths]
    command += ["-n", str(min(len(paths), os.cpu_count() or 1)) if chapters else "auto"]
    command += ["--nbval-current-env", "--nbval-cell-timeout", "120", "--dist", "loadfile"]
    sys.exit(1 if subprocess.call(command, cwd=ROOT) else 0)


@main.command(epilog="Example: python -m book build")
def build():
    """Build the rendered book into _build/html (warnings are errors)."""
    from book.site import build

    start = time.perf_counter()
    page = build(ROOT)
    click.echo(
        f"The book is at {page} ({time.perf_counter() - start:.0f} s); `make serve` opens it."
    )


@main.command(epilog="Example: python -m book serve --port 8000")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(0, 65535))
def serve(port):
    """Serve the built book on this machine and open it in a browser."""
    from book.site import serve

    serve(ROOT, port)


@main.command(epilog='Example: python -m book new 2-networks "Tensors of any shape"')
@click.argument("part")
@click.argument("title")
def new(part, title):
    """Make a chapter in PART (a folder of chapters/) from the template and list it."""
    from book.template import new_chapter

    path = new_chapter(Book(), part, title)
    click.echo(f"{path.relative_to(ROOT)} is there and listed in _toc.yml")
