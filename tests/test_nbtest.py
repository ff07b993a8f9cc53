"""What the notebooks' test run compares, and what it lets differ."""

import base64

from book.execute import stored
from book.figures import interactive
from book.nbtest import comparable


def png(width, height, rest):
    head = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + width.to_bytes(4) + height.to_bytes(4)
    return base64.b64encode(head + rest * 40).decode()


def test_pictures_are_compared_by_their_size():
    assert comparable(png(640, 480, b"a")) == comparable(png(640, 480, b"b")) == "PNG 640 x 480"
    assert comparable(png(640, 480, b"a")) != comparable(png(640, 481, b"a"))


def test_moving_figures_are_compared_by_what_they_show_and_how_far_they_move():
    def page(label, steps, curve="<i>1</i>"):
        return comparable(interactive([curve] * steps, {"s": range(steps)}, alt=label).page)

    assert page("a", 3) == page("a", 3, "<i>1.0000001</i>")
    assert page("a", 3) != page("a", 4)
    assert page("a", 3) != page("b", 3)


def test_addresses_may_differ_and_numbers_may_not():
    assert comparable("<Digraph at 0x7f01ab>") == comparable("<Digraph at 0x7fffff>")
    assert comparable("0.5") != comparable("0.6")


def test_progress_bars_are_not_stored():
    bar = {"output_type": "stream", "name": "stderr", "text": "100%"}
    result = {"output_type": "stream", "name": "stdout", "text": "1"}
    assert stored([bar, result]) == [result]
