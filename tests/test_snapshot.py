"""Snapshots: the package after a chapter, written whole or not at all."""

import errno
import os
import subprocess
import sys
import zipfile
from io import BytesIO

import pytest
from book import BookError, snapshot
from book.snapshot import after, archive, diff, write, write_file

FIRST = "#| export tensor\ndef f():\n    return 1"
SECOND = "#| export nn.functional\ndef g():\n    return 2"


@pytest.fixture
def two(scratch):
    return scratch.chapter("1.1", FIRST).chapter("1.2", SECOND).book


def tree(folder):
    return {p.relative_to(folder).as_posix(): p.read_text() for p in folder.rglob("*.py")}


def test_each_chapter_has_its_snapshot(two, tmp_path):
    write(after(two, "1.1").files(), tmp_path / "a")
    write(after(two).files(), tmp_path / "b")
    assert list(tree(tmp_path / "a")) == ["mytorch/__init__.py", "mytorch/tensor.py"]
    assert "mytorch/nn/functional.py" in tree(tmp_path / "b")
    code = "from mytorch.nn.functional import g; from mytorch.tensor import f; print(f() + g())"
    run = [sys.executable, "-c", code]
    assert subprocess.check_output(run, cwd=tmp_path / "b", text=True) == "3\n"


def test_a_snapshot_replaces_an_older_one_and_leaves_nothing_beside_it(two, tmp_path):
    write(after(two).files(), tmp_path / "a")
    write(after(two, "1.1").files(), tmp_path / "a")
    assert [p.name for p in (tmp_path / "a").iterdir()] == ["mytorch"]
    assert not (tmp_path / "a" / "mytorch" / "nn").exists()


def test_a_folder_that_no_chapter_wrote_is_not_replaced(two, tmp_path):
    mine = {"mine.py": b"x = 1", "bytes.py": b"\xff", "notes.txt": b"keep me", "empty.py": b""}
    for name, text in mine.items():
        folder = tmp_path / name / "mytorch"
        folder.mkdir(parents=True)
        (folder / name).write_bytes(text)
        with pytest.raises(BookError, match=f"{name}, which no chapter wrote"):
            write(after(two).files(), tmp_path / name)
        assert (folder / name).read_bytes() == text


def test_a_file_or_a_link_in_the_place_of_the_package_is_not_replaced(two, tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "mytorch").write_text("mine")
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "mytorch").symlink_to(tmp_path / "nowhere")
    for name in "ab":
        with pytest.raises(BookError, match="mytorch is no folder"):
            write(after(two).files(), tmp_path / name)
    assert (tmp_path / "a" / "mytorch").read_text() == "mine"
    assert (tmp_path / "b" / "mytorch").is_symlink()


@pytest.mark.parametrize("step", [1, 2])
def test_an_interruption_leaves_the_old_package_or_the_new(two, tmp_path, monkeypatch, step):
    write(after(two, "1.1").files(), tmp_path)
    before, calls, replace = tree(tmp_path / "mytorch"), [], os.replace

    def interrupted(*paths):
        calls.append(paths)
        if len(calls) == step:
            raise KeyboardInterrupt
        replace(*paths)

    monkeypatch.setattr(snapshot.os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write(after(two).files(), tmp_path)
    assert tree(tmp_path / "mytorch") == before
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".mytorch")] == []


def test_a_full_disk_leaves_the_old_package(two, tmp_path, monkeypatch):
    write(after(two, "1.1").files(), tmp_path)
    before = tree(tmp_path / "mytorch")

    def full(*args, **kwargs):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(snapshot.Path, "write_text", full)
    with pytest.raises(BookError, match="cannot write .*: No space left on device"):
        write(after(two).files(), tmp_path)
    monkeypatch.undo()
    assert tree(tmp_path / "mytorch") == before


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "x.py"
    write_file(path, "old")
    monkeypatch.setattr(snapshot.os, "replace", lambda *paths: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        write_file(path, "new")
    assert path.read_text() == "old" and [p.name for p in tmp_path.iterdir()] == ["x.py"]


def test_a_target_that_cannot_be_written_is_one_line(two, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(BookError, match="cannot write") as error:
        write(after(two).files(), tmp_path / "file" / "inside")
    assert "\n" not in str(error.value)


def test_the_difference_names_new_changed_and_removed_files(two):
    old, new = after(two, "1.1").files(), after(two).files()
    forth, back = diff(old, new), diff(new, old)
    assert "--- /dev/null\n+++ mytorch/nn/functional.py" in forth and "+def g():" in forth
    assert "new file mytorch/nn/__init__.py" in forth
    assert "+++ /dev/null" in back and "-def g():" in back
    assert diff(old, old) == ""


def test_the_zip_is_the_package_and_the_same_every_time(two):
    files = after(two).files()
    data = archive(files)
    assert data == archive(files)
    with zipfile.ZipFile(BytesIO(data)) as bundle:
        assert {name: bundle.read(name).decode() for name in bundle.namelist()} == files


def test_replaying_executes_nothing(scratch, tmp_path):
    mark = tmp_path / "was-here"
    book = scratch.chapter("1.1", f"#| export x\nopen({str(mark)!r}, 'w')").book
    after(book).files()
    assert not mark.exists()


def test_the_order_is_that_of_the_table_of_contents(scratch):
    scratch.chapter("1.1", FIRST).chapter("1.2", FIRST.replace("1", "2"))
    toc = scratch.root / "_toc.yml"
    first, second = toc.read_text().splitlines()[-2:]
    toc.write_text("\n".join(["format: jb-book", "chapters:", second, first]))
    book = scratch.book
    assert book.numbers == ["1.2", "1.1"]
    assert "return 1" in after(book).files()["mytorch/tensor.py"]
    assert "return 2" in after(book, "1.2").files()["mytorch/tensor.py"]


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        ("json", "is not a notebook"),
        ("cell", "is not a notebook"),
        ("bytes", "_toc.yml is not valid YAML"),
        ("unlisted", "1.2-a.ipynb is missing from _toc.yml"),
        ("absent", "_toc.yml lists chapters/1-a/1.9-a.ipynb, which is not there"),
        ("twins", "two chapters are numbered 1.1"),
        ("name", "name a chapter like 2.3-tensors.ipynb"),
        ("yaml", "_toc.yml is not valid YAML"),
    ],
)
def test_a_damaged_book_is_named_in_one_line(scratch, damage, says):
    scratch.chapter("1.1", FIRST)
    if damage == "json":
        (scratch.root / "chapters/1-a/1.1-a.ipynb").write_text("{]")
    elif damage == "cell":
        (scratch.root / "chapters/1-a/1.1-a.ipynb").write_text('{"cells": [{"source": "x"}]}')
    elif damage == "bytes":
        (scratch.root / "_toc.yml").write_bytes(b"\xff\xfe")
    elif damage == "unlisted":
        toc = (scratch.root / "_toc.yml").read_text()
        scratch.chapter("1.2", FIRST)
        (scratch.root / "_toc.yml").write_text(toc)
    elif damage == "absent":
        scratch.toc(extra=["chapters/1-a/1.9-a"])
    elif damage == "twins":
        scratch.chapter("1.1", FIRST, part="2-b")
    elif damage == "name":
        scratch.toc(extra=["chapters/1-a/tensors"])
    elif damage == "yaml":
        (scratch.root / "_toc.yml").write_text("chapters: [")
    with pytest.raises(BookError) as error:
        after(scratch.book)
    assert says in str(error.value) and "\n" not in str(error.value)
