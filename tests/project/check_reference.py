# SPDX-License-Identifier: MIT
"""The reference that Doxygen makes of normnet.h.

usage: python3 check_reference.py --doxyfile FILE [-h | --help]

example: python3 tests/project/check_reference.py \\
             --doxyfile build/dev/docs/Doxyfile

It must be made without a warning, have a page with every function, and keep the
text of the comments. A function and a field without a
comment are planted and must be found.
"""
import argparse
import html
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import public_header
from cases import Cases

# Parts of the text that markup could damage.
TEXTS = ["conv<k>-<out>   convolution with kernels of k x k", "16s2p1b",
         "x / sqrt(mean(x^2) + eps)", "printf(\"loss %f, %d of 128 correct\\n\"",
         "confusion[i * classes + j]", "NORMNET_EARCH: the architecture is not a network"]


def setting(text, name):
    return re.search(r'^%s += "?([^"\n]*)"?$' % name, text, re.M)[1]


def make_pages(doxyfile, header, folder):
    """(Doxygen's complaints, the text of all pages) for a header."""
    text = doxyfile.replace(setting(doxyfile, "INPUT"), str(header))
    text = re.sub(r"^OUTPUT_DIRECTORY .*$", 'OUTPUT_DIRECTORY = "%s"' % folder, text, flags=re.M)
    done = subprocess.run(["doxygen", "-"], input=text, capture_output=True, text=True, check=False)
    pages = "\n".join(path.read_text(encoding="utf-8") for path in sorted(pathlib.Path(folder).rglob("*.html")))
    plain = html.unescape(re.sub(r"<[^>]+>", "", pages)).replace("\u2217", "*").replace("\u200b", "")
    complaints = [line for line in done.stderr.splitlines() if re.search(r"error|warning", line)]
    if done.returncode != 0 and not complaints:
        complaints = ["exit code %d: %s" % (done.returncode, done.stderr[-600:])]
    return complaints, plain


def pages_of(doxyfile, text):
    with tempfile.TemporaryDirectory() as folder:
        header = pathlib.Path(folder) / "normnet.h"
        header.write_text(text, encoding="utf-8")
        return make_pages(doxyfile, header, os.path.join(folder, "out"))


def check_planted(doxyfile, text):
    planted = [
        ("a function without a comment", r"^#ifdef __cplusplus\n\}", "NORMNET_API void normnet_planted(void);\n\n"
                                                                   "#ifdef __cplusplus\n}"),
        ("a field without a comment", r"    void \*reduce_user;", "    void *reduce_user;\n\n    void *planted;"),
    ]
    return ["not found: " + name for name, pattern, replacement in planted
            if not pages_of(doxyfile, public_header.edit(text, pattern, replacement))[0]]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--doxyfile", required=True, type=pathlib.Path)
    arguments = parser.parse_args()
    cases = Cases()
    if not shutil.which("doxygen") or not arguments.doxyfile.exists():
        cases.skip("reference: all", "needs doxygen when meson sets up; apt-get install doxygen")
        return cases.end()
    doxyfile = arguments.doxyfile.read_text(encoding="utf-8")
    text = pathlib.Path(setting(doxyfile, "INPUT")).read_text(encoding="utf-8")
    complaints, page = pages_of(doxyfile, text)
    cases.check("reference: without a warning", complaints)
    cases.check("reference: it has all functions and types",
                ["%s is missing" % name for name in [name for _, name, _ in public_header.functions(text)]
                 + public_header.types(text) if not re.search(r"\b%s\b" % name, page)])
    words = " ".join(page.split())
    cases.check("reference: the text is as it was", ["'%s' is not there" % wanted for wanted in TEXTS
                                                   if " ".join(wanted.split()) not in words])
    cases.check("reference: planted mistakes are found", check_planted(doxyfile, text))
    return cases.end()


if __name__ == "__main__":
    sys.exit(main())
