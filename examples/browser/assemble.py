# SPDX-License-Identifier: MIT
"""Puts the page into one file, which a browser opens from a disk, without a
server or a network.

usage: python3 assemble.py [-h | --help] INDEX STYLE WORKER FILES PAGE COMPILED
           OUTPUT

@STYLE@, @WORKER@ and @PAGE@ in INDEX become the style, the scripts of the
worker (COMPILED, then WORKER) and those of the page (FILES, then PAGE).
COMPILED is what emcc makes of trainer.c.
"""
import argparse
import pathlib
import re
import sys


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = ("index", "style", "worker", "files", "page", "compiled", "output")
    for name in names:
        parser.add_argument(name, metavar=name.upper(), type=pathlib.Path)
    arguments = parser.parse_args()
    text = {name: getattr(arguments, name).read_text(encoding="utf-8").strip() for name in names[:-1]}
    parts = {"STYLE": text["style"], "WORKER": "\n".join([text["compiled"], text["worker"]]),
             "PAGE": "\n".join([text["files"], text["page"]])}
    for name, part in parts.items():
        found = re.search(r"</(script|style)|<!--", part, re.I)
        if found:
            sys.exit("error: %s has '%s', with which it would end in HTML" % (name.lower(), found[0]))
    page = re.sub(r"@(\w+)@", lambda match: parts[match[1]], text["index"])
    arguments.output.write_text(page + "\n", encoding="utf-8", newline="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
