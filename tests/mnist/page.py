# SPDX-License-Identifier: MIT
"""Pages of HTML, read as elements and as text."""
import html.parser
import re

VOID = {"meta", "link", "br", "img", "input", "hr"}
OPTIONAL_END = {"td", "th", "tr"}  # their end tags may be left out


class Page(html.parser.HTMLParser):
    """Elements with their attributes, and the text; fails if tags do not match."""

    def __init__(self, text):
        super().__init__()
        self.open, self.elements, self.texts = [], [], []
        self.feed(text)
        self.close()
        assert not self.open, self.open

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        names = [name for name, _ in attributes]
        assert len(names) == len(set(names)), (tag, names)
        if tag == "th" and self.open[-1] == "th":
            self.open.pop()
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        while self.open[-1] != tag and self.open[-1] in OPTIONAL_END:
            self.open.pop()
        assert self.open.pop() == tag, tag

    def handle_data(self, data):
        self.texts.append(data)

    def with_class(self, name):
        return [attributes for _, attributes in self.elements if name in (attributes.get("class") or "").split()]


def section(text, anchor):
    return re.search(rf'<section id="{anchor}">.*?</section>', text, re.S)[0]


def words(markup):
    return " ".join(re.sub(r"<[^>]*>", " ", markup).replace("&nbsp;", " ").replace("\u2060", " ").split())
