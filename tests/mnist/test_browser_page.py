# SPDX-License-Identifier: MIT
"""The page of examples/browser in headless Chromium: it trains, with the bits of a native run, recognizes what is drawn,
and takes the files of MNIST. NORMNET_PAGE is the page, NORMNET_PAGE_TWIN the native program that trains as it does."""
import gzip
import hashlib
import json
import math
import os
import re
import struct
import subprocess
import time
from pathlib import Path

import pytest

import browser as chromium

PHONE, DESKTOP = 390, 1280
LIMIT = 900  # seconds: for a page that hangs
PAGE = Path(os.environ["NORMNET_PAGE"])
NAMES = ["train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"]
# Ways of the pen, in parts of the board.
SEVEN = [[(0.25, 0.2), (0.75, 0.2), (0.45, 0.85)]]
ONE = [[(0.5, 0.15), (0.5, 0.85)]]
ZERO = [[(0.5 + 0.22 * math.sin(0.35 * i), 0.5 - 0.33 * math.cos(0.35 * i)) for i in range(19)]]


class Page:
    def __init__(self, started):
        self.browser = started

    def open(self, width=DESKTOP, **options):
        self.browser.open(PAGE, width, **options)
        self.wait("document.body.dataset.state === 'ready'")
        return self

    def value(self, expression):
        return self.browser.evaluate(expression)

    def text(self, name):
        return self.value(f"document.getElementById('{name}').innerText")

    def wait(self, condition):
        end = time.monotonic() + LIMIT
        while not self.value(condition):
            assert time.monotonic() < end, (condition, self.text("status"))
            time.sleep(0.02)

    def click(self, name):
        self.value(f"document.getElementById('{name}').click()")

    def set(self, **values):
        for name, value in values.items():
            self.value(f"document.getElementById('{name}').value = '{value}'")

    def train(self, **settings):
        """Trains to the end; the hash that it shows."""
        self.begin(**settings)
        self.wait("['finished', 'failed'].includes(document.body.dataset.state)")
        assert self.value("document.body.dataset.state") == "finished", self.text("status")
        return self.text("hash")

    def begin(self, **settings):
        self.set(**settings)
        self.click("start")

    def draw(self, strokes, touch=False):
        self.click("clear")
        self.value("document.getElementById('board').scrollIntoView({block: 'center'})")
        x, y, width, height = self.value("(r => [r.left, r.top, r.width, r.height])"
                                         "(document.getElementById('board').getBoundingClientRect())")
        for stroke in strokes:
            points = [{"x": x + width * across, "y": y + height * down} for across, down in stroke]
            for i, point in enumerate([*points, points[-1]]):
                last = i == len(points)
                if touch:
                    self.browser.call("Input.dispatchTouchEvent", touchPoints=[] if last else [point],
                                      type="touchStart" if i == 0 else "touchEnd" if last else "touchMove")
                else:
                    self.browser.call("Input.dispatchMouseEvent", button="left", buttons=1, clickCount=1, **point,
                                      type="mousePressed" if i == 0 else "mouseReleased" if last else "mouseMoved")

    def answer(self):
        """The digit that it says, and the probabilities, once nothing newer is to be recognized."""
        self.wait("!board.waiting && !board.empty && document.body.dataset.answered == board.asked")
        return (int(re.match(r"This is a (\d), with a probability of", self.text("answer")).group(1)),
                self.value("[...document.querySelectorAll('#bars output')].map(e => Number(e.title))"))

    def complaints(self):
        return [text for text in self.browser.complaints() if not text.startswith("blob:")]

    def choose(self, paths):
        document = self.browser.call("DOM.getDocument")["root"]["nodeId"]
        node = self.browser.call("DOM.querySelector", nodeId=document, selector="#files")["nodeId"]
        self.value("document.getElementById('data').innerText = document.getElementById('complaint').innerText = ''")
        self.browser.call("DOM.setFileInputFiles", nodeId=node, files=[str(path) for path in paths])
        self.wait("document.getElementById('data').innerText + document.getElementById('complaint').innerText !== ''")
        return self.text("complaint")


@pytest.fixture(scope="module")
def started():
    browser = chromium.Browser()
    yield browser
    browser.close()


@pytest.fixture
def page(started):
    return Page(started)


@pytest.fixture(scope="module")
def trained():
    """The page after a training of two epochs, in a browser of its own, and its hash; tests leave it so."""
    browser = chromium.Browser()
    page = Page(browser).open()
    yield page, page.train(epochs=2)
    browser.close()


def native(*arguments):
    """(hash, recognized test images) of a native training."""
    lines = subprocess.run([os.environ["NORMNET_PAGE_TWIN"], *map(str, arguments)], capture_output=True, text=True,
                           check=True).stdout.splitlines()
    return lines[0], int(lines[1].split()[0])


def test_the_bits_of_a_native_run(trained):
    page, found = trained
    expected, correct = native(1, 2, 1, 6000, 1000)
    assert re.fullmatch(r"[0-9a-f]{64}", found)
    assert found == expected
    assert page.value("document.getElementById('test').title") == f"{correct} of 1,000 test images recognized".replace(
        "1000 of", "1,000 of")
    assert correct > 900
    assert page.text("step") == "188 of 188"
    assert page.complaints() == []


def test_a_drawing_is_the_models_to_recognize(trained, tmp_path):
    """The page's answer is that of normnet-mnist, which reads the page's checkpoint and picture."""
    page, found = trained
    page.browser.call("Page.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path))
    page.click("save")
    model, picture = tmp_path / "digits.safetensors", tmp_path / "drawing.png"
    end = time.monotonic() + LIMIT
    while not model.exists():
        page.value("1")
        assert time.monotonic() < end
        time.sleep(0.05)
    assert hashlib.sha256(model.read_bytes()).hexdigest() == found
    answers = []
    for strokes in (ONE, SEVEN, ZERO):
        page.draw(strokes)
        digit, probabilities = page.answer()
        url = page.value("document.getElementById('board').toDataURL()")
        picture.write_bytes(chromium.base64.b64decode(url.split(",")[1]))
        (tmp_path / "answer.json").unlink(missing_ok=True)
        subprocess.run([os.environ["NORMNET_MNIST"], "predict", "--model", model, "--fit", "mnist", "--json",
                        tmp_path / "answer.json", picture], check=True, capture_output=True)
        expected = json.loads((tmp_path / "answer.json").read_text(encoding="utf-8"))["images"][0]
        assert digit == expected["class"]
        assert probabilities == pytest.approx(expected["probabilities"], rel=1e-6, abs=1e-12)
        answers.append(digit)
    assert answers == [1, 7, 0]
    assert page.complaints() == []


def test_probabilities_are_lines(trained):
    """Also the widest number has room beside its bar, and what is not certain is not shown as 100%."""
    page, _ = trained
    shown = []
    for probability in (0.5, 0.99996, 1):
        page.value(f"board.fill(DIGITS.map(digit => digit === 3 ? {probability} : 0), 3)")
        shown.append(page.value("document.querySelector('#bars .best output').innerText"))
        heights = page.value("[...document.querySelectorAll('#bars output')].map(e => e.getBoundingClientRect().height)")
        assert len(set(heights)) == 1, (probability, heights)
    assert shown == ["50.0%", "99.99%", "100.0%"]


def test_the_picture_is_fitted(trained):
    """A small digit in a corner looks to the network as a large one does, but for the width of the pen."""
    page, _ = trained
    page.draw([[(0.05 + 0.3 * x, 0.6 + 0.3 * y) for x, y in stroke] for stroke in ONE])
    page.answer()
    rows = page.value("""(d => [...Array(28).keys()].map(y => [...Array(28).keys()].map(x => d[4 * (28 * y + x)])))
        (document.getElementById('seen').getContext('2d').getImageData(0, 0, 28, 28).data)""")
    used = [y for y, row in enumerate(rows) if any(row)]
    assert used == list(range(4, 24))  # 20 rows, in the middle
    page.click("clear")
    assert page.text("answer").startswith("Draw a digit")


def test_a_finger_on_a_phone(page):
    page.browser.call("Emulation.setTouchEmulationEnabled", enabled=True)
    page.open(PHONE)
    page.train(epochs=1)
    page.draw(ZERO, touch=True)
    digit, probabilities = page.answer()
    page.browser.call("Emulation.setTouchEmulationEnabled", enabled=False)
    assert digit == max(range(10), key=lambda i: probabilities[i]) == 0
    assert sum(probabilities) == pytest.approx(1, abs=1e-5)
    assert page.complaints() == []


def test_it_answers_while_it_trains(page):
    page.open()
    page.begin(epochs=100)
    page.wait("document.body.dataset.state === 'training' && document.getElementById('speed').innerText > '0'")
    assert page.text("answer") == "Draw a digit into the black square."
    page.value("window.frames_seen = 0; (function again() { frames_seen++; requestAnimationFrame(again); })()")
    page.draw(SEVEN)
    first = page.value("document.getElementById('step').innerText")
    page.answer()
    page.wait(f"document.getElementById('step').innerText !== '{first}'")
    assert page.value("frames_seen") > 0
    assert page.value("document.body.dataset.state") == "training"
    for name, form in {"loss": r"\d\.\d{3}", "accuracy": r"[\d.]+%", "speed": r"[\d,]+", "left": r"\d+ (s|min)"}.items():
        assert re.fullmatch(form, page.text(name)), name
    assert page.value("document.getElementById('loss-line').getAttribute('d').split('L').length") > 2
    page.click("stop")
    page.wait("!document.getElementById('start').disabled")
    time.sleep(0.3)
    stopped = page.text("step")
    time.sleep(0.3)
    assert page.text("step") == stopped
    assert page.complaints() == []


@pytest.mark.parametrize("norm", range(6))
def test_all_norms(page, norm):
    page.open()
    page.value("GENERATED.train = 300; GENERATED.test = 100")
    assert page.train(norm=norm, epochs=1, seed=7 + norm) == native(norm, 1, 7 + norm, 300, 100)[0]
    assert page.complaints() == []


def test_twice_is_the_same(page):
    page.open()
    page.value("GENERATED.train = 300; GENERATED.test = 100")
    first = page.train(epochs=1)
    assert page.train(epochs=1) == first
    assert page.train(seed=2) != first


@pytest.mark.parametrize("name, wrong", [("epochs", "0"), ("epochs", "101"), ("epochs", ""), ("epochs", "1.5"), ("seed", "-1")])
def test_wrong_settings_start_nothing(page, name, wrong):
    page.open()
    page.begin(**{name: wrong})
    assert page.value("document.body.dataset.state") == "ready"
    assert page.value(f"document.getElementById('{name}').validationMessage") != ""


def idx(dimensions, values):
    return bytes([0, 0, 8, len(dimensions)]) + b"".join(struct.pack(">I", n) for n in dimensions) + bytes(values)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Bars whose place is the label, as the four files of MNIST, the images packed."""
    folder = tmp_path_factory.mktemp("files")
    for first, count in ((0, 500), (2, 100)):
        labels = [i * 7 % 10 for i in range(count)]
        images = bytes(255 if x // 2 == label + 2 else (x * y + i) % 90 for i, label in enumerate(labels)
                       for y in range(28) for x in range(28))
        (folder / (NAMES[first] + ".gz")).write_bytes(gzip.compress(idx([count, 28, 28], images)))
        (folder / NAMES[first + 1]).write_bytes(idx([count], labels))
        (folder / f"raw{first}").write_bytes(images + bytes(labels))
    return folder


def paths_of(files):
    return [files / (NAMES[0] + ".gz"), files / NAMES[1], files / (NAMES[2] + ".gz"), files / NAMES[3]]


def test_files_of_mnist(page, files):
    page.open()
    assert page.choose(paths_of(files)) == ""
    assert "500 images of your files" in page.text("data")
    found, (expected, correct) = page.train(epochs=3), native(1, 3, 1, 500, 100, files / "raw0", files / "raw2")
    assert found == expected and correct > 90
    assert page.value("document.querySelectorAll('#samples canvas').length") == 20
    assert page.complaints() == []


WRONG = {
    "a missing file": (None, b"", r"t10k-labels-idx1-ubyte is missing"),
    "another file": (3, b"%PDF-1.4 and so on", r"t10k-labels-idx1-ubyte is not a file of MNIST; expected train-images"),
    "an empty file": (3, b"", r"is not a file of MNIST"),
    "too few labels": (3, idx([100], [1] * 99), r"it has 99 values; its header says 100"),
    "other numbers": (3, idx([99], [1] * 99), r"the test set has 100 images and 99 labels"),
    "a label of 10": (3, idx([100], [1] * 99 + [10]), r"label 99 is 10; expected 0 to 9"),
    "larger images": (2, idx([1, 32, 32], [0] * 1024), r"its images have 32 x 32 pixels; expected 28 x 28"),
    "the same twice": (3, idx([1, 28, 28], [0] * 784), r"two files with the images of the test set"),
    "damaged gzip": (0, gzip.compress(idx([500, 28, 28], [0] * 392000))[:-9], r"the gzip data is damaged or cut off"),
}


@pytest.mark.parametrize("what", WRONG)
def test_wrong_files_are_refused(page, files, tmp_path, what):
    place, contents, expected = WRONG[what]
    paths = paths_of(files)
    if place is None:
        paths.pop()
    else:
        paths[place] = tmp_path / paths[place].name
        paths[place].write_bytes(contents)
    page.open()
    complaint = page.choose(paths)
    assert re.search(expected, complaint), complaint
    assert page.value("data") is None


@pytest.mark.parametrize("width", [PHONE, DESKTOP])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_sticks_out(page, width, scheme):
    page.open(width, scheme=scheme)
    page.value("GENERATED.train = 300; GENERATED.test = 100")
    page.train(epochs=1)
    assert page.value("document.documentElement.scrollWidth") <= width
    outside = """[...document.querySelectorAll('body *')].filter(e => !e.closest('svg, script') &&
        e.getBoundingClientRect().right > innerWidth + 1).map(e => e.tagName + '#' + e.id)"""
    assert page.value(outside) == []
    colours = page.value("(s => [s.backgroundColor, s.color])(getComputedStyle(document.body))")
    dark = [sum(map(int, re.findall(r"\d+", colour)[:3])) < 384 for colour in colours]
    assert dark == ([True, False] if scheme == "dark" else [False, True])


def test_without_javascript(started):
    started.open(PAGE, DESKTOP, script=False)
    assert "needs JavaScript" in PAGE.read_text(encoding="utf-8").split("<noscript>")[1].split("</noscript>")[0]
