# SPDX-License-Identifier: MIT
"""The page of `normnet-mnist report` in headless Chromium: on a phone and a desktop, in light and dark, printed, and
without its script."""
import pytest

import browser as chromium
from conftest import write_data

PHONE, DESKTOP = 390, 1280


@pytest.fixture(scope="session")
def browser():
    started = chromium.Browser()
    yield started
    started.close()


@pytest.fixture(scope="session")
def path(program):
    program.report()
    return program.directory / "study" / "report.html"


@pytest.fixture(scope="session", params=["study/report.html", "training.html", "diverged.html"])
def any_path(request, program, path):
    """The report of a study, and those of a training and of one that diverged."""
    return program.directory / request.param


def open_all(browser):
    browser.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true; })")


@pytest.mark.parametrize("width", [PHONE, 800, DESKTOP])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_complaint_and_no_overflow(browser, any_path, width, scheme):
    browser.open(any_path, width, scheme=scheme)
    open_all(browser)
    assert browser.complaints() == []
    assert browser.evaluate("innerWidth") == width
    assert browser.evaluate("document.documentElement.scrollWidth") <= width
    outside = """[...document.querySelectorAll('body *')]
        .filter(e => !e.closest('.wide, pre, svg') && e.getBoundingClientRect().right > innerWidth + 1)
        .map(e => e.tagName + '.' + e.className)"""
    assert browser.evaluate(outside) == []


FIGURES = {
    "report.html": {"figure": 15, "svg.chart": 20, "svg.intervals": 3, "svg.cube": 6, "svg.matrix": 6, ".digit svg": 5,
                    "table": 8, ".legend": 5},
    # four charts of curves, two of rates, four of weights and seven of outputs
    "training.html": {"figure": 7, "svg.chart": 17, "svg.matrix": 1, ".digit svg": 5, "table": 5, ".legend": 2},
    "diverged.html": {"figure": 7, "svg.chart": 15, "svg.matrix": 1, ".digit svg": 5, "table": 5, ".legend": 2},
}


@pytest.mark.parametrize("width", [PHONE, DESKTOP])
def test_figures_are_seen(browser, any_path, width):
    browser.open(any_path, width)
    open_all(browser)
    for kind, least in FIGURES[any_path.name].items():
        sizes = browser.evaluate(f"[...document.querySelectorAll('{kind}')].map(e => e.getBoundingClientRect())"
                                 ".map(r => [r.width, r.height])")
        assert len(sizes) >= least, kind
        assert all(w > 20 and h > 9 for w, h in sizes), (kind, sizes)
    small = "[...document.querySelectorAll('svg.chart text, svg.intervals text')].map(e => e.getBoundingClientRect().height)"
    assert min(browser.evaluate(small)) >= 10  # the height of a line, of letters of 8 pixels or more


def test_texts_stay_in_their_pictures(browser, any_path):
    browser.open(any_path, DESKTOP)
    open_all(browser)
    cut = """[...document.querySelectorAll('svg.chart > text, svg.cube text, svg.matrix text, .row text')].filter(e => {
        let a = e.getBoundingClientRect(), b = e.closest('svg.chart, svg.cube, svg.matrix, svg.intervals').getBoundingClientRect();
        return a.left < b.left - 1 || a.right > b.right + 1 || a.top < b.top - 1 || a.bottom > b.bottom + 1;
      }).map(e => e.textContent)"""
    assert browser.evaluate(cut) == []


def test_pictures_have_pixels(browser, any_path):
    browser.open(any_path, DESKTOP)
    browser.evaluate("""window.sizes = [];
        for (let i of document.querySelectorAll('image')) {
          let p = new Image();
          p.onload = () => sizes.push([p.naturalWidth, p.naturalHeight]);
          p.onerror = () => sizes.push([0, 0]);
          p.src = i.getAttribute('href');
        }""")
    count = browser.evaluate("document.querySelectorAll('image').length")
    for _ in range(1000):
        sizes = browser.evaluate("sizes")
        if len(sizes) == count:
            break
    assert count > 0 and sizes == [[8, 8]] * count


def test_hostile_names_run_nothing(browser, any_path):
    browser.open(any_path, DESKTOP)
    assert browser.evaluate("document.getElementById('evil')") is None
    assert browser.evaluate("[...document.images].length") == 0
    assert not any(event.get("method") == "Page.javascriptDialogOpening" for event in browser.events)


def test_dark_mode_changes_the_paper(browser, path):
    colours = []
    for scheme in ("light", "dark"):
        browser.open(path, DESKTOP, scheme=scheme)
        colours.append(browser.evaluate("['body', '.whisker', 'path.line'].map(s => document.querySelector(s))"
                                        ".map(e => getComputedStyle(e)).map(s => s.backgroundColor + s.color + s.stroke)"))
    assert all(light != dark for light, dark in zip(*colours))


def test_one_colour_per_norm(browser, path):
    browser.open(path, DESKTOP)
    open_all(browser)
    colours = browser.evaluate("""Object.fromEntries(['none', 'batch', 'ghost', 'group', 'layer', 'instance', 'rms']
        .map(n => [n, [...new Set([...document.querySelectorAll('.n-' + n)]
          .map(e => getComputedStyle(e).getPropertyValue('--c')))]]))""")
    assert all(len(values) == 1 for values in colours.values()), colours
    assert len({values[0] for values in colours.values()}) == 7


def test_values_while_hovering(browser, path):
    browser.open(path, DESKTOP)
    browser.evaluate("document.querySelector('#curves svg.chart').scrollIntoView({behavior: 'instant', block: 'center'})")
    box = browser.evaluate("(r => [r.left, r.top, r.width, r.height])"
                           "(document.querySelector('#curves svg.chart').getBoundingClientRect())")
    for share in (0.12, 0.97):  # the first and the last epoch
        browser.call("Input.dispatchMouseEvent", type="mouseMoved", x=box[0] + share * box[2], y=box[1] + box[3] / 2)
        tip = browser.evaluate("document.getElementById('tip').hidden ? '' : document.getElementById('tip').innerText")
        epoch = 1 if share < 0.5 else 6
        assert tip.startswith(f"Training loss at {epoch}"), tip
        series = browser.evaluate("[...document.querySelectorAll('#curves svg.chart')][0].querySelectorAll('.series').length")
        values = browser.evaluate("[...[...document.querySelectorAll('#curves svg.chart')][0].querySelectorAll('.series')]"
                                  f".map(s => s.dataset.y.split(',')[{epoch - 1}])")
        assert len(values) == series == 6 and all(value in tip for value in values)
    browser.call("Input.dispatchMouseEvent", type="mouseMoved", x=1, y=1)
    assert browser.evaluate("document.getElementById('tip').hidden")
    assert browser.complaints() == []


def test_legend_hides_lines(browser, path):
    browser.open(path, DESKTOP)
    seen = ("[...document.querySelectorAll('#curves .panel')][0].querySelectorAll"
            "('.series[data-k=\"1\"]:not(.off)').length")
    before = browser.evaluate(seen)
    browser.evaluate("document.querySelectorAll('#curves .panel .key')[1].click()")
    assert before >= 6 and browser.evaluate(seen) == 0
    assert browser.evaluate("document.querySelectorAll('#curves .panel .key')[1].getAttribute('aria-pressed')") == "false"
    browser.evaluate("document.querySelectorAll('#curves .panel .key')[1].click()")
    assert browser.evaluate(seen) == before


def test_without_the_script(browser, any_path):
    """The page looks the same, but for its role as a button nothing changes."""
    pictures = []
    for script in (True, False):
        browser.open(any_path, DESKTOP, script=script)
        target = any_path.with_name(f"script-{script}.png")
        browser.screenshot(target, {"x": 0, "y": 0, "width": DESKTOP, "height": 3000})
        pictures.append(target.read_bytes())
    assert pictures[0] == pictures[1]


@pytest.fixture(scope="session")
def many_path(program):
    """A study of 47 classes, whose names are long."""
    write_data(program.directory / "signs", classes=47)
    names = "".join(f"{i} is a sign of {'Supercalifragilisticexpialidocious' * (i % 2)}\n" for i in range(47))
    (program.directory / "signs.txt").write_text(names, encoding="utf-8")
    (program.directory / "signs-experiments.txt").write_text(
        "seeds = 1\nbatch = 32\n[many]\narchitecture = conv3-4 norm relu gap conv1-47\ncompare = norms\n"
        "| id | norm |\n| a | batch |\n| b | layer |\n| c | group |\n", encoding="utf-8")
    program.run("study", "--experiments", "signs-experiments.txt", "--data", "signs", "--out", "signs-study",
                "--classes", "signs.txt")
    return program.directory / "signs-study" / "report.html"


@pytest.mark.parametrize("width", [PHONE, DESKTOP])
def test_many_classes_with_long_names(browser, many_path, width):
    """Lists of mistakes need no scrolling sideways, and pictures no heading for each of many classes."""
    browser.open(many_path, width)
    open_all(browser)
    assert browser.evaluate("document.documentElement.scrollWidth") <= width
    assert browser.evaluate("document.querySelectorAll('#confusion table').length") == 3
    hidden = "[...document.querySelectorAll('#confusion .wide')].map(e => e.scrollWidth - e.clientWidth)"
    assert browser.evaluate(hidden) == [0, 0, 0]
    first = "document.querySelector('#gallery details')"
    assert browser.evaluate(first + ".querySelectorAll('.digit').length") > 40
    assert browser.evaluate(first + ".querySelectorAll('h4').length") == 1
    common = browser.evaluate("[...document.querySelectorAll('#gallery tbody td.t')].map(e => e.innerText)")
    assert common and all("is a sign of" in text for text in common)


@pytest.mark.parametrize("width", [700, 717])  # of letter paper and of A4, without Chromium's margins
def test_printed_tables_have_all_columns(browser, any_path, many_path, width):
    for page in (any_path, many_path):
        browser.open(page, width, media="print")
        open_all(browser)
        cut = f"""[...document.querySelectorAll('table')].filter(e => e.getBoundingClientRect().right > {width} - 15)
            .map(e => e.closest('section').id)"""
        assert browser.evaluate(cut) == []


def test_print(browser, any_path):
    browser.open(any_path, 700, media="print", scheme="dark")
    assert browser.evaluate("getComputedStyle(document.querySelector('nav')).display") == "none"
    assert browser.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    pdf = browser.call("Page.printToPDF", printBackground=True)["data"]
    assert pdf.startswith("JVBERi")  # %PDF-


def test_contents_lead_to_sections(browser, path):
    browser.open(path, PHONE)
    broken = "[...document.querySelectorAll('nav a')].filter(a => !document.querySelector(a.getAttribute('href'))).length"
    assert browser.evaluate(broken) == 0
    assert browser.evaluate("document.querySelectorAll('nav a').length") == 13
