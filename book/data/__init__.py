"""Real data, small enough to travel with the book; README.md names sources and licenses."""

import hashlib
from pathlib import Path

from book import BookError

FOLDER = Path(__file__).parent


def path(name: str) -> Path:
    """Return the path of data set ``name``, checked against its SHA-256 checksum.

    Raises BookError if there is no such data set or its file was changed.
    """
    lines = (FOLDER / "SHA256SUMS").read_text().splitlines()
    sums = {file: digest for digest, file in map(str.split, lines)}
    if name not in sums:
        raise BookError(f"there is no data set {name!r}; there are {', '.join(sums)}")
    file = FOLDER / name
    if hashlib.sha256(file.read_bytes()).hexdigest() != sums[name]:
        raise BookError(f"{file} is not the file that the book was written with: restore it")
    return file
