"""The committed package, and what the chapters say of PyTorch."""

import re
import subprocess
import sys
import zipfile

import pytest
from book import ROOT
from book.chapters import Book
from book.check import pytorch_notes
from book.snapshot import after

BOOK = Book()


def test_mytorch_is_the_last_snapshot_byte_for_byte():
    committed = {
        path.relative_to(ROOT).as_posix(): path.read_bytes()
        for path in (ROOT / "mytorch").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert committed == {name: text.encode() for name, text in after(BOOK).files().items()}


@pytest.mark.parametrize("command", [["check"], ["format", "--check"]], ids=["check", "format"])
@pytest.mark.parametrize("folder", ["mytorch", "book", "tests"])
def test_ruff_finds_nothing(folder, command):
    line = [sys.executable, "-m", "ruff", *command, folder]
    result = subprocess.run(line, cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout


def test_the_wheel_holds_mytorch_alone(tmp_path):
    line = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(tmp_path), str(ROOT)]
    subprocess.run(line, check=True)
    (wheel,) = tmp_path.glob("mytorch-*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0].split("-")[0] for name in names} == {"mytorch"}
    assert "mytorch/tensor.py" in names


@pytest.mark.parametrize("number", BOOK.numbers)
def test_every_chapter_is_complete(number):
    from book.check import check

    assert check(BOOK, [BOOK.chapter(number)]) == []


@pytest.mark.parametrize("number", [n for n in BOOK.numbers if n[:2] != "1."])
def test_the_same_in_pytorch_is_true(number):
    pytest.importorskip("torch", reason="PyTorch is a test dependency: requirements-test.txt")
    sources = list(pytorch_notes(BOOK.chapter(number)))
    assert sources
    for source in sources:
        exec(compile(source, f"chapter {number}", "exec"), {})


def test_the_front_page_shows_code_that_runs(capsys):
    text = (ROOT / "book" / "front" / "index.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"^```python\n(.*?)^```", text, re.S | re.M)
    exec(compile(code, "front page", "exec"), {})
    said = float(re.search(r"# about ([\d.]+)", code)[1])
    assert abs(float(capsys.readouterr().out) - said) < 0.02


def test_data_are_what_the_book_was_written_with(tmp_path, monkeypatch):
    from book import BookError, data

    for line in (data.FOLDER / "SHA256SUMS").read_text().splitlines():
        assert data.path(line.split()[1]).is_file()
    with pytest.raises(BookError, match="there is no data set 'cats.csv'; there are "):
        data.path("cats.csv")
    (tmp_path / "SHA256SUMS").write_text(f"{'0' * 64}  iris.csv\n")
    (tmp_path / "iris.csv").write_text("changed")
    monkeypatch.setattr(data, "FOLDER", tmp_path)
    with pytest.raises(BookError, match="restore it"):
        data.path("iris.csv")
