"""`check` finds what a chapter lacks: a complete chapter is damaged in one place at a time."""

import json
import shutil

import pytest
from book import ROOT, check, snapshot
from book.chapters import Book
from book.execute import setup_cell

PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5E"
    "rkJggg=="
)
OPENING = """\
# 1.1 A

**Question.** What?

**You will have** this.

![A pixel](images/1.1.png)

**Builds on** [nothing](#a-step). **Runs in** 1 s."""


def text(out):
    return [{"output_type": "stream", "name": "stdout", "text": out}]


def cells():
    """The cells of a chapter that lacks nothing: (kind, source, outputs, tags)."""
    made = [
        ("markdown", OPENING),
        ("code", setup_cell("1.1", Book().address)),
        ("markdown", "## A step\n\nHere is `double`."),
        ("code", "#| export tensor\ndef double(x):\n    return 2 * x"),
        (
            "code",
            "#| alt: A pixel.\ndouble(1)",
            [{"output_type": "display_data", "data": {"image/png": PIXEL}, "metadata": {}}],
            ["opening"],
        ),
        ("markdown", "## Exercises"),
    ]
    for n in "123":
        made += [
            ("code", f"#| exercise {n}\nx = ..."),
            ("code", f"#| check {n}\nassert x == 1, 'one'", text("Not yet: one\n")),
            ("code", f"#| answer {n}\nx = 1", text("Correct.\n")),
        ]
    made += [("markdown", "## Summary\n\nA."), ("markdown", "## Next\n\nB.")]
    return [*made, ("markdown", "## References\n\n- Author, A. (1999), *A Title*.")]


def notebook(made):
    count, result = 0, []
    for index, (kind, source, *rest) in enumerate(made):
        cell = {"cell_type": kind, "id": f"c{index}", "metadata": {}, "source": source}
        if kind == "code":
            count += 1
            cell |= {"outputs": rest[0] if rest else [], "execution_count": count}
        if len(rest) > 1:
            cell["metadata"] = {"tags": rest[1]}
        result.append(cell)
    return {"cells": result, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}


@pytest.fixture
def findings(tmp_path, monkeypatch):
    """What ``check`` says of a chapter in a project of its own."""
    import base64

    monkeypatch.setattr(check, "ROOT", tmp_path)
    folder = tmp_path / "chapters" / "1-a"
    (folder / "images").mkdir(parents=True)
    (folder / "images" / "1.1.png").write_bytes(base64.b64decode(PIXEL))
    (tmp_path / "_toc.yml").write_text("chapters:\n- file: chapters/1-a/1.1-a")
    shutil.copy(ROOT / "_config.yml", tmp_path)
    (tmp_path / "book" / "front").mkdir(parents=True)
    (tmp_path / "book/front/references.bib").write_text("@book{a, title = {A {Title}}}")
    book = Book()
    page = check.pages_address(book) + "chapters/1-a/1.1-a.html"
    (tmp_path / "README.md").write_text(f"[run](chapters/1-a/1.1-a.ipynb) [read]({page})")

    def run(change=lambda nb: None, stale=False):
        content = notebook(cells())
        change(content["cells"])
        (folder / "1.1-a.ipynb").write_text(json.dumps(content))
        book = Book(tmp_path)
        if not stale:
            snapshot.write(snapshot.after(book).files(), tmp_path)
        return check.check(book, book.chapters)

    return run


def test_a_complete_chapter_has_no_findings(findings):
    assert findings() == []


def put(index, source):
    return lambda made: made[index].update(source=source)


def more(index, **fields):
    return lambda made: made[index].update(fields)


def cut(index):
    def change(made):
        del made[index]
        count = 0
        for cell in made:
            if cell["cell_type"] == "code":
                count += 1
                cell["execution_count"] = count

    return change


LONG = "#| export tensor\ndef double(x):\n" + "".join(f"    x = {i}\n" for i in range(25))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (more(3, execution_count=None), "chapter 1.1, cell 4: never run"),
        (more(3, execution_count=9), "chapter 1.1, cell 4: run out of order"),
        (put(3, LONG), "chapter 1.1, cell 4: 26 lines of code, 25 is the most"),
        (cut(6), "chapter 1.1: 2 exercises, 3 are the fewest"),
        (cut(7), "chapter 1.1, cell 7: exercise 1 has no check"),
        (cut(8), "chapter 1.1, cell 7: exercise 1 has no answer"),
        (put(7, "#| check 1\nassert x == 1"), "cell 8: line 2: an assert without a message"),
        (put(7, "#| check 1\nx = ("), "cell 8: line 2: '(' was never closed"),
        (list.clear, "chapter 1.1: there are no cells"),
        (more(7, outputs=text("Correct.\n")), "cell 8: the blank stub does not fail this check"),
        (more(8, outputs=[]), "cell 9: the answer does not pass its check"),
        (put(0, OPENING.replace("1.1 A", "A")), "cell 1: begin with the title"),
        (put(0, OPENING.replace("**Question.**", "")), "the opening lacks **Question.**"),
        (put(0, OPENING.replace("**Runs in**", "")), "the opening lacks **Runs in**"),
        (put(0, OPENING.replace("![", "[")), "the opening lacks a picture of the result"),
        (more(4, metadata={}), "no cell with a picture has the tag `opening`"),
        (put(1, "%load_ext book"), "cell 2: the first code cell is not the set-up cell"),
        (put(2, "## A step"), None),
        (
            put(3, "#| export tensor\ndef double(x): ...\n\n\ndef triple(x): ..."),
            "cell 4: triple is exported but never explained or shown in use",
        ),
        (put(4, "double(1)"), "cell 5: a picture without `#| alt: ...`"),
        (put(2, "## A step\n[x](gone.md)"), "cell 3: gone.md does not resolve"),
        (put(2, "## A step\n[x](#gone)"), "cell 3: #gone does not resolve"),
        (put(2, "## A step\n[x](1.1-a.ipynb#gone)"), "1.1-a.ipynb#gone does not resolve"),
        (put(2, "## A step\n![](images/1.1.png)"), "images/1.1.png has no alternative text"),
        (put(2, "## A step\n![x](images/2.png)"), "cell 3: images/2.png does not resolve"),
        (put(2, "## A step\n`[x](gone.md)`"), None),
        (cut(15), "chapter 1.1: there is no `## Summary`"),
        (put(17, "## References\n\n- A. (1999), *Other*."), "references.bib lacks 'Other'"),
        (put(17, "## References\n\n- A., *A Title*."), "a reference has authors, year and"),
    ],
)
def test_damage_is_named_by_chapter_and_cell(findings, change, says):
    found = findings(change)
    if says is None:
        assert found == []
    else:
        assert any(says in finding for finding in found), found


def test_a_package_that_is_out_of_date_is_found(findings, tmp_path):
    findings()
    (tmp_path / "mytorch/tensor.py").write_text("x = 1\n")
    assert findings(stale=True) == [
        "mytorch/ is out of date (mytorch/tensor.py): run `python -m book write`"
    ]
    (tmp_path / "mytorch/extra.py").write_text("x = 1\n")
    assert any("mytorch/extra.py" in finding for finding in findings(stale=True))


def test_an_old_opening_picture_is_found(findings, tmp_path):
    findings()
    (tmp_path / "chapters/1-a/images/1.1.png").write_bytes(b"old")
    assert findings() == ["chapter 1.1: 1.1.png is not what its cell shows: `run` it"]


def test_a_readme_that_lacks_a_chapter_is_found(findings, tmp_path):
    (tmp_path / "README.md").write_text("")
    assert [f.split(" a link to ")[0] for f in findings()] == [
        "README.md: the table of chapters lacks"
    ] * 2


def test_lines_of_code_are_counted_without_comments_and_docstrings():
    source = (
        '#| export x\n"""Doc\n\nmore."""\n\n\ndef f():\n    """Doc."""\n    # why\n    return 1\n'
    )
    assert check.code_lines(source) == 2


NOTE = "# A\n\n### The same in PyTorch\n\n```python\nimport torch\nassert torch.ones(1) == 1\n```"


@pytest.mark.parametrize(
    "source, found",
    [
        (NOTE, ""),
        ("# A", "chapter 2.1: there is no `### The same in PyTorch` with a block of Python"),
        (NOTE.replace("python", "text"), "chapter 2.1: there is no `### The same in PyTorch`"),
        (NOTE.replace("assert ", ""), "chapter 2.1: `### The same in PyTorch` asserts nothing"),
    ],
)
def test_a_chapter_shows_the_same_in_pytorch(scratch, source, found):
    """From part 2 on; test_package.py runs the code."""
    book = scratch.chapter("2.1", source).chapter("1.1", "# B").book
    findings = [line for n in ("1.1", "2.1") for line in check._in_pytorch(book.chapter(n))]
    assert [line.startswith(found) for line in findings] == [True] * bool(found)
