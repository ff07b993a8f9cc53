"""Build the rendered book with Jupyter Book, and serve it on this machine."""

import functools
import http.server
import shutil
import subprocess
import sys
import webbrowser
from pathlib import Path

from book import ROOT, BookError
from book.chapters import Book
from book.snapshot import replay

JUPYTER_BOOK = [sys.executable, "-c", "from jupyter_book.cli.main import main; main()", "build"]
STRICT = ["--warningiserror", "--nitpick", "--keep-going"]


def build(root: Path = ROOT, strict: bool = True) -> Path:
    """Build what is out of date and return the path of the front page.

    strict: a warning is an error. Raises BookError if the book cannot be built.
    """
    replay(Book(root).chapters)  # bad input is answered here, in one line
    page = root / "_build" / "html" / "index.html"
    command = [*JUPYTER_BOOK, str(root), *(STRICT if strict else [])]
    failed = subprocess.run(command, cwd=root).returncode
    if failed or not strict:
        # Pages that were read keep quiet the next time: read them again, or a warning is lost.
        shutil.rmtree(root / "_build" / ".doctrees", ignore_errors=True)
    if failed or not page.is_file():
        raise BookError("the book could not be built: the lines above say why")
    return page


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves files without a line for each."""

    def log_message(self, *args):
        pass


def serve(root: Path = ROOT, port: int = 8000) -> None:
    """Serve the built book on this machine, open a browser, and wait for Ctrl-C.

    Raises BookError if the book is not built or the port is taken.
    """
    folder = root / "_build" / "html"
    if not (folder / "index.html").is_file():
        raise BookError("the book is not built yet: run `make book` first")
    handler = functools.partial(Quiet, directory=str(folder))
    try:
        server = http.server.ThreadingHTTPServer(("127.0.0.1", port), handler)
    except OSError as error:
        hint = "choose another: --port 8001, or make serve PORT=8001"
        raise BookError(f"cannot serve on port {port}: {error.strerror}; {hint}") from None
    address = f"http://127.0.0.1:{server.server_port}"
    print(f"The book is at {address} (Ctrl-C stops it).", flush=True)
    webbrowser.open(address)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        print()
    finally:
        server.server_close()
