"""Figures that one can move: pictures computed beforehand, sliders to go through them.

The result is one piece of HTML that loads nothing: it works in Jupyter, in the rendered
book and in a saved page. Where scripts do not run it is a still picture: an ``img``, since
Jupyter takes drawings (but not their words) out of a notebook that it does not trust yet.
"""

import base64
import hashlib
import html
import io
import itertools
import json
import re
from pathlib import Path

SCRIPT = Path(__file__).with_name("figures.js").read_text(encoding="utf-8")
STYLE = Path(__file__).with_name("figures.css").read_text(encoding="utf-8")


class Interactive:
    """A figure that Jupyter displays; ``interactive`` makes one."""

    def __init__(self, page: str, alt: str):
        self.page, self.alt = page, alt

    def __repr__(self):
        return f"<interactive figure: {self.alt}>"

    def _repr_html_(self):
        return self.page


def interactive(frames, sliders, *, captions=None, still=0, alt) -> Interactive:
    """Return a figure that shows one of ``frames``, chosen by ``sliders``.

    frames: pictures, in the order of the product of the sliders' values, the last slider
        fastest. Each is a Matplotlib figure, a Graphviz graph, or a string of SVG or HTML.
    sliders: name -> the values to show beside it, ``{"step": range(10)}``.
    captions: a line of HTML for each frame. still: the frame shown where no script runs.
    alt: the alternative text, for those who do not see the picture.

    Raises ValueError if there are not as many frames (or captions) as positions.
    """
    values = {name: [str(value) for value in row] for name, row in sliders.items()}
    positions = len(list(itertools.product(*values.values())))
    pictures = [_picture(frame) for frame in frames]
    captions = [""] * positions if captions is None else list(captions)
    if not len(pictures) == len(captions) == positions > 0:
        raise ValueError(
            f"the sliders have {positions} positions, but there are "
            f"{len(pictures)} frames and {len(captions)} captions"
        )
    if not 0 <= still < positions:
        raise ValueError(f"still is {still}; the frames count from 0 to {positions - 1}")
    return Interactive(_page(pictures, captions, values, still, alt), alt)


def _page(pictures, captions, values, still, alt) -> str:
    lines, table = _share(pictures)
    data = {"lines": lines, "frames": table, "captions": captions, "still": still}
    data["sizes"] = [len(row) for row in values.values()]
    data["names"], data["values"] = list(values), list(values.values())
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    text = text.replace("</", "<\\/")  # or a tag inside would end the script element
    name = "figure-" + hashlib.sha256(text.encode()).hexdigest()[:10]
    return (
        f"<style>{STYLE}</style>"
        f'<figure class="moving" id="{name}" role="group" aria-label="{html.escape(alt)}">'
        f'<div class="moving-picture" role="img" aria-label="{html.escape(alt)}">'
        f"{_still(pictures[still], alt)}</div>"
        f'<figcaption aria-live="polite">{captions[still]}</figcaption>'
        f'<script type="application/json">{text}</script>'
        f'<script>({SCRIPT.strip()})("{name}")</script></figure>'
    )


def _still(picture: str, alt: str) -> str:
    """A frame that survives where scripts and drawings are taken out of a page."""
    if not picture.startswith("<svg"):
        return picture
    head, rest = re.match(r"<svg([^>]*)(.*)", picture, re.S).groups()
    if "xmlns=" not in head:  # in a page it may be left out, in a file it may not
        head = f' xmlns="http://www.w3.org/2000/svg"{head}'
    data = base64.b64encode(f"<svg{head}{rest}".encode()).decode()
    source = f"data:image/svg+xml;base64,{data}"
    return f'<img alt="{html.escape(alt)}" width="{_width(head):.0f}" src="{source}">'


def _width(head: str) -> float:
    """How many pixels wide a drawing wants to be, by the attributes of its first tag."""
    if limit := re.search(r"max-width:\s*([\d.]+)(px|em)", head):
        return float(limit[1]) * (16 if limit[2] == "em" else 1)
    width = re.search(r'\bwidth="([\d.]+)"|viewBox="\S+ \S+ ([\d.]+)', head)
    return float(width[1] or width[2]) if width else 480


def _share(pictures: list[str]) -> tuple[list[str], list[list[int]]]:
    """Store each line that the pictures have in common once.

    A picture is then a row of numbers: from which line, how many lines, from which line, ...
    """
    number: dict[str, int] = {}
    table = []
    for picture in pictures:
        row: list[int] = []
        for line in picture.split("\n"):
            index = number.setdefault(line, len(number))
            if row and index == row[-2] + row[-1]:
                row[-1] += 1
            else:
                row += [index, 1]
        table.append(row)
    return list(number), table


def _picture(frame) -> str:
    if isinstance(frame, str):
        return frame
    if hasattr(frame, "savefig"):
        return _matplotlib(frame)
    if hasattr(frame, "pipe"):
        return _scoped(frame.pipe(format="svg", encoding="utf-8"))
    raise TypeError(f"a frame is a figure, a graph or a string, not {type(frame).__name__}")


def _matplotlib(figure) -> str:
    import matplotlib
    from matplotlib import pyplot

    text = io.StringIO()
    # Text stays text (small, sharp); the salt makes the identifiers the same in every run.
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "book"}):
        figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
    pyplot.close(figure)
    return _scoped(text.getvalue())


def _scoped(svg: str) -> str:
    """Cut the XML prologue; make room for the page to scale the picture."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<!--.*?-->|<title>.*?</title>|<metadata>.*?</metadata>", "", svg, flags=re.S)
    # A rule for all (Matplotlib's) would be one for the whole page.
    everywhere = re.search(r"<defs>\s*<style[^>]*>\*\{([^}]*)\}</style>\s*</defs>", svg)
    svg = svg.replace(everywhere[0], "") if everywhere else svg
    head, rest = svg.split(">", 1)
    width = re.search(r'width="([\d.]+)pt"', head)
    head = re.sub(r'\s(width|height)="[^"]*"', "", head)
    style = f"width:100%;max-width:{float(width[1]) * 4 / 3:.0f}px;" if width else ""
    style += everywhere[1].replace(": ", ":") if everywhere else ""
    return re.sub(r"\n\s*", "\n", f'{head} style="{style}">{rest}').strip()
