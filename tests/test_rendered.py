"""The rendered book: its files as they are, then the same pages in a real browser."""

import functools
import http.server
import io
import json
import re
import shutil
import threading
import zipfile
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from book import ROOT, BookError
from book.chapters import Book
from book.site import Quiet, build, serve
from book.snapshot import after

CHAPTERS = Book().chapters
LOADED = {"img": "src", "script": "src", "iframe": "src", "source": "src", "link": "href"}
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def docname(chapter):
    return chapter.path.relative_to(ROOT).with_suffix("").as_posix()


PAGES = [docname(chapter) for chapter in CHAPTERS]
FRONT = "index names same speed glossary references".split()
FRONT = [f"book/front/{name}" for name in FRONT]


@pytest.fixture(scope="session")
def site():
    """The folder of the built book; what is out of date is built first."""
    return build(ROOT).parent


class Page(HTMLParser):
    """What a page defines, what it refers to, and the pictures in it."""

    def __init__(self, text):
        super().__init__()
        self.ids, self.links, self.loads, self.images, self.classes = set(), [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        self.ids |= {found[key] for key in ("id", "name") if found.get(key)}
        self.classes += [f"{tag}.{name}" for name in (found.get("class") or "").split()]
        if found.get("href"):
            self.links.append(found["href"])
        if found.get(LOADED.get(tag)):
            self.loads.append(found[LOADED[tag]])
        if tag == "img":
            self.images.append(found)


@pytest.fixture(scope="session")
def pages(site):
    paths = sorted(set(site.rglob("*.html")) - set(site.glob("_static/**/*")))
    return {path: Page(path.read_text("utf-8")) for path in paths}


# --- The files ---------------------------------------------------------------------------


def test_every_listed_page_is_there_and_no_other(site, pages):
    names = {path.relative_to(site).with_suffix("").as_posix() for path in pages}
    assert {name for name in names if "/" in name} == {*PAGES, *FRONT}


def test_links_anchors_pictures_and_downloads_resolve(pages):
    broken = []
    for path, page in pages.items():
        for link in page.links + page.loads:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            ids = pages[target].ids if target in pages else None
            if not target.is_file():
                broken.append(f"{path.name}: {link} is not there")
            elif parts.fragment and ids is not None and unquote(parts.fragment) not in ids:
                broken.append(f"{path.name}: {link} has no such place")
    assert not broken


def test_pages_and_styles_load_nothing_from_elsewhere(site, pages):
    foreign = re.compile(r"(?:url\(|@import )\s*['\"]?((?:https?:)?//[^'\")\s]+)")
    loads = [f"{path.name}: {at}" for path, page in pages.items() for at in page.loads]
    loads = [line for line in loads if re.search(r": (https?:)?//", line)]
    for path in [*pages, *site.rglob("*.css")]:
        loads += [f"{path.name}: {at}" for at in foreign.findall(path.read_text("utf-8"))]
    assert not loads


def test_every_picture_has_alternative_text(pages):
    bare = [(path.name, i) for path, p in pages.items() for i in p.images if not i.get("alt")]
    assert not bare


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda chapter: chapter.number)
def test_directives_become_captions_and_folds(site, pages, chapter):
    path = site / f"{docname(chapter)}.html"
    page, text = pages[path], path.read_text("utf-8")
    assert not re.search(r"<pre>\s*(<[^>]+>)*#\|", text), "a directive is still there"
    count = page.classes.count
    assert count("details.answer") == len(chapter.marked("answer")) >= 3
    assert count("details.set-up") == 1
    captions = [len(chapter.marked(name)) for name in ("export", "exercise", "check", "answer")]
    assert count("p.cell-caption") == sum(captions[:3])
    assert {f"cell-{cell.index}" for cell in chapter.marked("export")} <= page.ids
    assert "package-after" in page.ids
    assert ("package-changes" in page.ids) == bool(chapter.marked("export"))
    assert ('class="gi"' in text) == bool(chapter.marked("export")), "the diff has its colors"
    texts = {image["alt"] for image in page.images}
    pictures = [cell for cell in chapter.marked("alt") if cell.mime("image/")]
    assert {cell.directive.argument for cell in pictures} <= texts


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda chapter: chapter.number)
def test_the_zip_is_the_snapshot(site, pages, chapter):
    name = f"snapshots/mytorch-{chapter.number}.zip"
    files = after(Book(), chapter.number).files()
    linked = any(link.endswith(name) for link in pages[site / f"{docname(chapter)}.html"].links)
    assert linked == (site / name).is_file() == any(files.values())
    if linked:
        assert unpacked((site / name).read_bytes()) == files


def unpacked(data):
    with zipfile.ZipFile(io.BytesIO(data)) as bundle:
        return {name: bundle.read(name).decode() for name in bundle.namelist()}


def test_the_page_of_names_has_every_public_name(site):
    text = (site / "book/front/names.html").read_text("utf-8")
    for module in after(Book()).modules.values():
        for unit in module.units:
            public = [name for name in unit.names if not name.startswith("_")]
            if not public:
                continue
            inner = [n for m in unit.members or [] for n in m.names if not n.startswith("_")]
            for name in [*public, *(f"{public[0]}.{method}" for method in inner)]:
                link = rf'href="[^"]*#cell-\d+"><code[^>]*><span class="pre">{name}</span>'
                assert re.search(link, text), f"{module.name}: {name}"


def test_glossary_is_in_order_and_says_where():
    text = (ROOT / "book/front/glossary.md").read_text("utf-8")
    terms = re.findall(r"^## (.+)$", text, re.M)
    keys = [re.sub(r"[^a-z0-9 ]", "", term.lower()) for term in terms]
    assert keys == sorted(keys) and len(set(keys)) == len(keys)
    entries = re.split(r"^## ", text, flags=re.M)[1:]
    assert [entry.split("\n")[0] for entry in entries if "chapters/" not in entry] == []


# --- Building ----------------------------------------------------------------------------


FIRST = """\
#| export a
first = 1


class A:
    def f(self):
        return 1"""
SECOND = """\
#| export a
class A:
    def f(self):
        return 2

    def g(self):
        return 3"""


@pytest.fixture
def small(scratch):
    """A book of two chapters with the real machinery around it."""
    scratch.chapter("1.1", "# 1.1 One", FIRST)
    scratch.chapter("1.2", "# 1.2 Two", SECOND)
    (scratch.root / "index.md").write_text("# Front\n")
    (scratch.root / "book" / "static").mkdir(parents=True)
    config = {"execute": {"execute_notebooks": "off"}, "only_build_toc_files": True}
    config["sphinx"] = {"extra_extensions": ["book.sphinx_ext"]}
    (scratch.root / "_config.yml").write_text(json.dumps(config))
    for path in scratch.root.glob("chapters/*/*.ipynb"):
        kernel = {"kernelspec": {"name": "python3", "language": "python"}}
        path.write_text(json.dumps(json.loads(path.read_text()) | {"metadata": kernel}))
    return scratch


def test_pages_follow_when_a_chapter_changes_or_goes(small):
    site = build(small.root).parent
    first, second = (site / f"chapters/1-a/1.{i}-a.html" for i in (1, 2))
    assert "mytorch/a.py adds first, A" in visible(first)
    assert "mytorch/a.py adds A.g; changes A.f" in visible(second)
    notebook = small.root / "chapters/1-a/1.1-a.ipynb"
    notebook.write_text(notebook.read_text().replace("first = 1", "first = 111"))
    build(small.root)
    bundle = site / "snapshots/mytorch-1.2.zip"
    assert "first = 111" in visible(second)  # around what changed
    assert "first = 111" in unpacked(bundle.read_bytes())["mytorch/a.py"]
    notebook.with_name("1.2-a.ipynb").unlink()
    small.toc()
    build(small.root)
    assert first.is_file() and not second.exists() and not bundle.exists()


def visible(path):
    return re.sub(r"<[^>]+>", "", path.read_text("utf-8"))


def test_a_warning_fails_the_build_and_again_the_next_time(small):
    (small.root / "index.md").write_text("# Front\n\n[gone](gone.md)\n")
    for _ in range(2):
        with pytest.raises(BookError, match="could not be built"):
            build(small.root)


def test_bad_input_is_answered_before_the_build(scratch):
    scratch.chapter("1.1", "# 1.1 One", "#| export a\nfirst = ")
    with pytest.raises(BookError, match="chapter 1.1, cell 2"):
        build(scratch.root)
    assert not (scratch.root / "_build").exists()


def test_serving_says_what_is_missing(tmp_path, site):
    with pytest.raises(BookError, match="not built yet"):
        serve(tmp_path, 0)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet) as taken:
        with pytest.raises(BookError, match=f"port {taken.server_port}"):
            serve(ROOT, taken.server_port)


# --- In a browser ------------------------------------------------------------------------


@pytest.fixture(scope="session")
def address(site):
    handler = functools.partial(Quiet, directory=str(site))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="session")
def browser():
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        pytest.skip(f"no browser is installed (looked for {', '.join(BROWSERS)})")
    with playwright.sync_playwright() as driver:
        options = ["--no-sandbox", "--disable-gpu"]
        browser = driver.chromium.launch(executable_path=program, args=options)
        yield browser
        browser.close()


@pytest.fixture
def visit(browser, address):
    """Open a page; whatever goes wrong while a test looks at it fails the test."""
    contexts, problems = [], []

    def watch(page):
        def request(request):
            if not request.url.startswith((address, "data:", "blob:")):
                problems.append(f"asked another host: {request.url}")

        def response(response):
            if response.status >= 400:
                problems.append(f"{response.status}: {response.url}")

        page.on("request", request)
        page.on("response", response)
        page.on("pageerror", lambda error: problems.append(f"script: {error}"))
        page.on("console", lambda m: m.type == "error" and problems.append(f"console: {m.text}"))

    def visit(name, **options):
        contexts.append(browser.new_context(accept_downloads=True, **options))
        page = contexts[-1].new_page()
        watch(page)
        page.goto(f"{address}/{name}")
        return page

    yield visit
    for context in contexts:
        context.close()
    assert not problems


@pytest.mark.parametrize("name", PAGES + FRONT)
def test_page_works_and_fits_a_phone(visit, name):
    page = visit(f"{name}.html", viewport={"width": 390, "height": 844})
    page.wait_for_load_state("networkidle")
    if page.locator(".math").count():
        page.wait_for_function("document.querySelector('mjx-container') !== null")
        assert page.locator("mjx-merror").count() == 0
    broken = "[...document.images].filter(i => i.complete && !i.naturalWidth).map(i => i.src)"
    assert page.evaluate(broken) == []
    page.evaluate("document.querySelectorAll('details').forEach((d) => (d.open = true))")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.evaluate("document.querySelector('.bd-article').scrollWidth") <= 390


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda chapter: chapter.number)
def test_snapshot_downloads(visit, chapter):
    files = after(Book(), chapter.number).files()
    page = visit(f"{docname(chapter)}.html")
    links = page.get_by_role("link", name=f"mytorch after chapter {chapter.number} (zip)")
    assert links.count() == any(files.values())
    for link in links.all():
        with page.expect_download() as download:
            link.click()
        assert "mytorch/__init__.py" in unpacked(Path(download.value.path()).read_bytes())


@pytest.mark.parametrize("name", PAGES)
def test_answer_opens_by_mouse_and_by_key(visit, name):
    page = visit(f"{name}.html")
    first, second, *_ = page.locator("details.answer").all()
    assert not first.locator("pre").first.is_visible()
    first.locator("summary").click()
    assert first.locator("pre").first.is_visible()
    second.locator("summary").focus()
    page.keyboard.press("Enter")
    assert second.locator("pre").first.is_visible()


@pytest.mark.parametrize("name", PAGES)
def test_figures_move(visit, name):
    page = visit(f"{name}.html")
    figures = page.locator("figure.moving").all()
    assert figures
    for figure in figures:
        slider = figure.locator("input[type=range]").last
        before, value = figure.get_attribute("data-frame"), slider.input_value()
        at_end = value == slider.get_attribute("max")
        figure.get_by_role("button", name="back" if at_end else "forward").last.click()
        assert figure.get_attribute("data-frame") != before
        slider.press("ArrowRight" if at_end else "ArrowLeft")
        assert figure.get_attribute("data-frame") == before
        figure.locator(".moving-slider span").last.click()  # the words beside it do nothing
        assert figure.get_attribute("data-frame") == before


def test_backpropagation_steps_node_by_node(visit):
    page = visit(f"{docname(Book().chapter('2.2'))}.html")
    figure = page.locator("figure.moving", has_text="step").first
    slider = figure.locator(".moving-slider", has_text="step").locator("input")
    back = figure.get_by_role("button", name="step: back")
    while int(slider.input_value()):
        back.click()
    seen = []
    for _ in range(int(slider.get_attribute("max")) + 1):
        frame = int(figure.get_attribute("data-frame"))
        caption = figure.locator("figcaption").inner_html()
        seen.append((frame, caption, figure.locator(".moving-picture").inner_html()))
        figure.get_by_role("button", name="step: forward").click()
    frames, captions, pictures = zip(*seen, strict=True)
    assert list(frames) == list(range(frames[0], frames[0] + len(seen))) and len(seen) > 4
    assert len(set(captions)) == len(set(pictures)) == len(seen)


def test_without_scripts_a_figure_is_a_still_picture(visit):
    page = visit(f"{docname(Book().chapter('2.2'))}.html", java_script_enabled=False)
    figure = page.locator("figure.moving").first
    picture = figure.locator("img")
    assert picture.is_visible() and picture.evaluate("img => img.naturalWidth") > 0
    assert figure.locator("input, button").count() == 0


def test_dark_mode_switches(visit):
    page = visit("book/front/index.html", color_scheme="light")
    theme = functools.partial(page.locator("html").get_attribute, "data-theme")
    colors = {}
    for _ in range(3):  # light, dark, as the system says
        colors[theme()] = page.evaluate("getComputedStyle(document.body).backgroundColor")
        page.locator("button.theme-switch-button:visible").first.click()
    assert set(colors) == {"light", "dark"} and len(set(colors.values())) == 2


def test_search_finds_a_chapter(visit):
    page = visit("search.html?q=backpropagation")
    page.wait_for_selector("#search-results li")
    links = page.locator("#search-results a").evaluate_all("all => all.map((a) => a.href)")
    assert any("computational-graph" in link for link in links)
