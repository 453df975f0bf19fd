# SPDX-License-Identifier: MIT
"""The page of examples/browser in headless Firefox, whose engine of WebAssembly is another: the same bits, and digits
that are drawn. NORMNET_PAGE is the page, NORMNET_PAGE_TWIN the native program that trains as it does."""
import pytest

import firefox
from test_browser_page import ONE, PAGE, SEVEN, ZERO, Page, native


class FirefoxPage(Page):
    def __init__(self, started):
        super().__init__(started)
        started.open(PAGE)
        self.wait("document.body.dataset.state === 'ready'")
        self.value("window.complaints = []; onerror = text => complaints.push(text)")

    def draw(self, strokes, touch=False):
        self.click("clear")
        self.value("document.getElementById('board').scrollIntoView({block: 'center', behavior: 'instant'})")
        x, y, width, height = self.value("(r => [r.left, r.top, r.width, r.height])"
                                         "(document.getElementById('board').getBoundingClientRect())")
        for stroke in strokes:
            self.browser.drag([(x + width * across, y + height * down) for across, down in stroke])


@pytest.fixture
def page():
    browser = firefox.Firefox()
    yield FirefoxPage(browser)
    browser.close()


def test_it_trains_and_recognizes(page):
    found = page.train(epochs=2)
    expected, correct = native(1, 2, 1, 6000, 1000)
    assert found == expected
    assert page.value("document.getElementById('test').title").startswith(f"{correct} of")
    answers = []
    for strokes in (ONE, SEVEN, ZERO):
        page.draw(strokes)
        digit, probabilities = page.answer()
        assert sum(probabilities) == pytest.approx(1, abs=1e-5)
        answers.append(digit)
    assert answers == [1, 7, 0]
    assert page.value("complaints") == []
