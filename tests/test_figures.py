"""Figures that move: self-contained, complete, and a still picture where no script runs."""

import base64
import json
import re

import graphviz
import matplotlib.pyplot as plt
import pytest
from book import use_pinned_dot
from book.figures import interactive

use_pinned_dot()


def data(figure):
    text = re.search(r'<script type="application/json">(.*?)</script>', figure.page, re.S)[1]
    return json.loads(text.replace("<\\/", "</"))


def still(figure):
    """The picture where no script runs."""
    return base64.b64decode(
        re.search(r'src="data:image/svg\+xml;base64,([^"]+)"', figure.page)[1]
    ).decode()


def frame(stored, index):
    """What the script puts together for a position."""
    row = stored["frames"][index]
    pairs = zip(row[::2], row[1::2], strict=True)
    return "\n".join("\n".join(stored["lines"][a : a + n]) for a, n in pairs)


def test_every_frame_comes_back_whole():
    pictures = [f"<svg>\n<a/>\n<b>{i}</b>\n<a/>\n</svg>" for i in range(6)]
    figure = interactive(pictures, {"row": [0, 1], "column": "xyz"}, still=4, alt="six")
    stored = data(figure)
    assert [frame(stored, i) for i in range(6)] == pictures
    assert stored["sizes"] == [2, 3] and stored["values"] == [["0", "1"], ["x", "y", "z"]]
    assert stored["names"] == ["row", "column"]
    assert "<b>4</b>" in still(figure) and "xmlns=" in still(figure)
    assert stored["lines"].count("<a/>") == 1


def test_plots_and_graphs_are_frames_and_the_same_every_time():
    def made():
        plot, axes = plt.subplots()
        axes.plot([1, 2], [3, 4])
        graph = graphviz.Digraph()
        graph.edge("a", "b")
        return interactive([plot, graph], {"step": [1, 2]}, alt="two").page

    page = made()
    assert page == made()
    assert (
        page.count("<svg") >= 1
        and page.count("<style") == 1  # Matplotlib's own would hold for the whole page
        and "<?xml" not in page
        and "http://" not in page.replace("http://www.w3.org/", "")
    )
    assert plt.get_fignums() == []


@pytest.mark.parametrize(
    ("head", "width"),
    [
        ('viewBox="0 0 300 200"', 300),
        ('viewBox="-1 -1 45 30" style="width:100%;max-width:36em"', 576),
        ('width="500" style="max-width:100%"', 500),
        ("", 480),
    ],
)
def test_the_still_picture_is_as_wide_as_the_drawing(head, width):
    page = interactive([f"<svg {head}></svg>"], {"s": [1]}, alt="a").page
    assert f'<img alt="a" width="{width}" src=' in page


def test_a_frame_of_html_is_its_own_still_picture():
    assert ">\n<b>1</b></div>" in interactive(["\n<b>1</b>"], {"s": [1]}, alt="a").page


def test_a_script_end_in_a_caption_does_not_end_the_script():
    figure = interactive(["<i></i>"], {"s": [1]}, captions=["</script><b>x</b>"], alt="a")
    assert data(figure)["captions"] == ["</script><b>x</b>"]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"sliders": {"a": [1, 2]}}, "2 positions, but there are 1 frames"),
        ({"sliders": {"a": [1]}, "captions": []}, "0 captions"),
        ({"sliders": {"a": [1]}, "still": 1}, "still is 1"),
    ],
)
def test_what_does_not_fit_is_refused(options, says):
    with pytest.raises(ValueError, match=says):
        interactive(["<svg></svg>"], alt="a", **options)


def test_a_frame_of_no_known_kind_is_refused():
    with pytest.raises(TypeError, match="a frame is a figure, a graph or a string, not int"):
        interactive([3], {"a": [1]}, alt="a")
