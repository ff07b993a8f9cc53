"""The command line: what it prints, and exit codes that scripts can use."""

import json
import os
import re
import shutil
import subprocess
import sys

import pytest
from book import ROOT, cli
from book.chapters import Book
from click.testing import CliRunner

COMMANDS = "snapshot diff check test build serve new run write".split()


def command(*words, root=ROOT, limit=None):
    """Run ``python -m book`` in a project; ``limit`` caps the size of a file it may write."""

    def cap():
        import resource
        import signal

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    return subprocess.run(
        [sys.executable, "-m", "book", *words],
        cwd=root,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(root), "PYTHONDONTWRITEBYTECODE": "1"},
        preexec_fn=cap if limit else None,
    )


@pytest.fixture
def project(tmp_path, scratch):
    """A small project of its own, with the real machinery."""
    unwanted = shutil.ignore_patterns("__pycache__", "*.gz", "*.npz", "static")
    shutil.copytree(ROOT / "book", tmp_path / "book", ignore=unwanted)
    shutil.copy(ROOT / "_config.yml", tmp_path)
    (tmp_path / "README.md").write_text("")
    return scratch.chapter(
        "1.1", "# 1.1 A", "%load_ext book", "#| export tensor\ndef f():\n    return 1"
    ).chapter("1.2", "# 1.2 B", "%load_ext book", "#| export tensor\ndef g():\n    return f()")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_an_example(name):
    done = command(name, "--help")
    assert done.returncode == 0 and f"Example: python -m book {name}" in done.stdout


def test_snapshot_writes_the_package_after_a_chapter(project, tmp_path):
    done = command("snapshot", "1.1", "--to", "out", root=tmp_path)
    assert (done.returncode, done.stdout) == (0, "out/mytorch: 2 files\n")
    text = (tmp_path / "out/mytorch/tensor.py").read_text()
    assert "def f" in text and "def g" not in text


def test_diff_shows_what_changed_and_says_so_by_its_exit_code(project, tmp_path):
    done = command("diff", "1.1", "1.2", root=tmp_path)
    assert done.returncode == 1 and "\n+def g():" in done.stdout
    same = command("diff", "1.2", "1.2", root=tmp_path)
    assert (same.returncode, same.stdout) == (0, "")


def test_write_makes_the_committed_package(project, tmp_path):
    assert command("write", root=tmp_path).returncode == 0
    assert "def g" in (tmp_path / "mytorch/tensor.py").read_text()
    code = Book(tmp_path).chapter("1.2").cells[1].source
    assert "%chapter 1.2" in code and "git clone" in code


def test_new_makes_a_chapter_that_is_listed_and_runs(project, tmp_path):
    done = command("new", "1-a", "Tensors of any shape!", root=tmp_path)
    assert done.returncode == 0, done.stderr
    book = Book(tmp_path)
    assert book.numbers == ["1.1", "1.2", "1.3"]
    assert book.chapter("1.3").path.name == "1.3-tensors-of-any-shape.ipynb"
    assert book.chapter("1.3").title == "1.3 Tensors of any shape!"
    ran = command("run", "1.3", root=tmp_path)
    assert ran.returncode == 0, ran.stderr
    assert [cell.source for cell in Book(tmp_path).chapter("1.3").marked("export")]
    other = command("new", "2-b", "More", root=tmp_path)
    assert other.returncode == 0 and Book(tmp_path).numbers[-1] == "2.1"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["snapshot", "9.9", "--to", "x"], "there is no chapter 9.9; there are 1.1, 1.2"),
        (["snapshot", "--to", "README.md/x"], "cannot write README.md/x/mytorch"),
        (["diff", "1.1", "9.9"], "there is no chapter 9.9"),
        (["check", "9.9"], "there is no chapter 9.9"),
        (["test", "9.9"], "there is no chapter 9.9"),
        (["run", "9.9"], "there is no chapter 9.9"),
        (["new", "networks", "T"], "name a part like 2-networks"),
        (["new", "2-networks", "!"], "name a part like 2-networks"),
        (["serve"], "the book is not built yet"),
    ],
)
def test_bad_input_is_one_line_and_exit_2(project, tmp_path, words, says):
    before = sorted(tmp_path.rglob("*"))
    done = command(*words, root=tmp_path)
    assert done.returncode == 2
    assert re.fullmatch(f"book: .*{re.escape(says)}.*\n", done.stderr), done.stderr
    assert sorted(tmp_path.rglob("*")) == before


def test_a_port_that_cannot_be_is_refused(project, tmp_path):
    done = command("serve", "--port", "70000", root=tmp_path)
    assert done.returncode == 2 and "70000 is not in the range" in done.stderr


@pytest.mark.parametrize(
    "cell", ["#| export x\ndef f(:", "#| exprot x", "#| export ../x\n1", "#| export Tensor!\n1"]
)
def test_a_bad_cell_stops_every_command_and_writes_nothing(project, tmp_path, cell):
    assert command("write", root=tmp_path).returncode == 0
    project.chapter("1.3", "# 1.3 C", "%load_ext book", cell)
    before = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    for words in (["snapshot", "--to", "out"], ["diff", "1.1", "1.3"], ["check"], ["write"]):
        done = command(*words, root=tmp_path)
        assert done.returncode == 2, (words, done)
        assert done.stderr.startswith("book: chapter 1.3, cell 3: ")
        assert done.stderr.count("\n") == 1
    after = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    assert {p.relative_to(tmp_path) for p in after} == {p.relative_to(tmp_path) for p in before}
    assert all(after[p] == before[p] for p in before if "chapters" not in p.parts)


def test_a_disk_that_fills_up_leaves_the_old_package(project, tmp_path):
    assert command("write", root=tmp_path).returncode == 0
    old = (tmp_path / "mytorch/tensor.py").read_text()
    long = "\n".join(f"NUMBER_{i} = {i}" for i in range(3000))
    project.chapter("1.3", "# 1.3 C", "%load_ext book", f"#| export tensor\n{long}")
    done = command("snapshot", "--to", ".", root=tmp_path, limit=8192)
    assert done.returncode == 2 and "File too large" in done.stderr
    assert (tmp_path / "mytorch/tensor.py").read_text() == old
    assert not list(tmp_path.glob(".mytorch-*"))


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (KeyboardInterrupt(), "book: interrupted: nothing is half-written\n"),
        (
            OSError(28, "No space left on device", "a.ipynb"),
            "book: a.ipynb: No space left on device\n",
        ),
    ],
)
def test_an_interruption_and_a_full_disk_are_one_line(monkeypatch, error, says):
    def stop(*args):
        raise error

    monkeypatch.setattr(cli, "write", stop)
    done = CliRunner().invoke(cli.main, ["write"])
    assert (done.exit_code, done.output) == (2, says)


def test_an_address_that_is_missing_is_one_line(project, tmp_path):
    (tmp_path / "_config.yml").write_text("title: A")
    done = command("check", root=tmp_path)
    assert done.returncode == 2 and done.stderr.startswith("book: _config.yml: say `repository:")


@pytest.mark.parametrize(
    ("cell", "says"),
    [("1 / 0", "ZeroDivisionError"), ("import os\nos._exit(1)", "Kernel died")],
)
def test_a_failing_chapter_fails_the_run_and_keeps_the_notebook(project, tmp_path, cell, says):
    project.chapter("1.3", "# 1.3 C", cell)
    before = (tmp_path / "chapters/1-a/1.3-a.ipynb").read_bytes()
    done = command("run", "1.3", root=tmp_path)
    assert done.returncode == 2 and says in done.stderr and done.stderr.startswith("book: ")
    assert (tmp_path / "chapters/1-a/1.3-a.ipynb").read_bytes() == before


def test_test_compares_outputs_and_leaves_no_file_behind(project, tmp_path):
    project.chapter("1.3", "# 1.3 C", "print(1 + 1)\nopen('left-behind.txt', 'w').close()")
    assert command("run", "1.3", root=tmp_path).returncode == 0
    before = sorted((tmp_path / "chapters").rglob("*"))
    good = command("test", "1.3", root=tmp_path)
    assert good.returncode == 0 and "1 cells of 1 notebooks" in good.stdout, good
    assert sorted((tmp_path / "chapters").rglob("*")) == before
    path = tmp_path / "chapters/1-a/1.3-a.ipynb"
    path.write_text(path.read_text().replace("2\\n", "3\\n"))
    assert command("test", "1.3", root=tmp_path).returncode == 1
    notebook = json.loads(path.read_text())
    notebook["cells"][1]["execution_count"] = None
    path.write_text(json.dumps(notebook))
    never = command("test", "1.3", root=tmp_path)
    assert never.returncode == 1 and "never run" in never.stdout


def test_bad_input_in_a_cell_fails_the_test(project, tmp_path):
    project.chapter("1.3", "# 1.3 C", "%load_ext book\n%chapter 1.3", "#| export x\nx = (")
    done = command("test", "1.3", root=tmp_path)
    assert done.returncode == 1 and "was never closed" in done.stdout


def test_a_split_chapter_has_a_letter_and_keeps_its_place(project, scratch, tmp_path):
    scratch.chapter("1.2", "#| export a\nx = 1").chapter("1.2b", "#| export a\ny = x")
    assert Book(tmp_path).numbers == ["1.1", "1.2", "1.2b"]
    assert "1.3-three.ipynb" in command("new", "1-a", "Three", root=tmp_path).stdout
