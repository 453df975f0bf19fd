# SPDX-License-Identifier: MIT
"""The code in the documentation: compiled, run or checked.

usage: python3 check_docs.py --source SOURCE-ROOT --library FILE --mnist FILE
           [--cc COMMAND] [-h | --help]

example: python3 tests/project/check_docs.py --source . \\
             --library build/dev/lib/libnormnet.so \\
             --mnist build/dev/examples/mnist/normnet-mnist

Every block of README.md, HACKING.md, docs/*.md and examples/python/README.md is
between fences, and the first says what is done with it. Blocks of a page are
run in its order, in one directory:

    c               a program, or statements after those of SETUP below, is
                    compiled without warnings and run. No call may fail, unless
                    the block ends with the comment `fails`
    c declarations  what later statements of the page use
    sh              is run, with normnet-mnist on the PATH, the library for
                    pkg-config, and MNIST's files in a home of its own
    sh checked      takes too long or needs what a test has not: its syntax,
                    files of the tree and options of normnet-mnist are checked
    python          is run; `python torch` needs torch, `python sklearn` that
    make            is read by make -n
    ... untested    only counted; UNTESTED is their number
    text            is no code: a table, a formula, what a program prints

Commands of normnet-mnist within a paragraph are checked like those in blocks,
and links to files and headings of the tree.
"""
import argparse
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import textwrap
from typing import NamedTuple

from cases import Cases

# What says how others build with the library; check_consumers.py builds such projects.
UNTESTED = 5
KINDS = {"c", "c declarations", "sh", "sh checked", "python", "python torch", "python sklearn", "make", "text"}
PACKAGES = {"python torch": "import torch, safetensors", "python sklearn": "import sklearn"}
WARNINGS = ["-std=c11", "-Wall", "-Wextra", "-Wno-unused-function", "-Werror"]

# The objects that statements may use, as in the examples of normnet.h.
FRAME = """
#include <normnet.h>
#include <stdio.h>
#include <stdlib.h>
static unsigned char pixels[128 * 28 * 28], digits[128];
%(declarations)s
int main(void)
{
    const int64_t image_shape[4] = {128, 1, 28, 28}, label_shape[1] = {128};
    normnet_tensor images, labels;
    normnet_config config;
    normnet_model *model = NULL;
    for (int i = 0; i < 128 * 28 * 28; ++i)
        pixels[i] = (unsigned char)(i * 7919 >> 4);
    for (int i = 0; i < 128; ++i)
        digits[i] = (unsigned char)(i %% 10);
    normnet_tensor_init(&images, NORMNET_U8, pixels, 4, image_shape);
    normnet_tensor_init(&labels, NORMNET_U8, digits, 1, label_shape);
    normnet_config_init(&config, NORMNET_NORM_BATCH);
    normnet_model_create(&model, &config);
    {
%(statements)s
    }
    normnet_model_destroy(model);
    fputs(normnet_error_message(), stderr);
    return normnet_error_message()[0] != '\\0';
}
"""

# What blocks in Python may use, and the files that the blocks of a page may read.
PYTHON_FRAME = """
import json, os, pathlib, shutil, subprocess, zlib
import numpy, normnet
_random = numpy.random.default_rng(1)
batches = [(_random.integers(0, 256, (32, 1, 28, 28)).astype("uint8"), numpy.arange(32) % 10)] * 2
test_images = batches[0][0]
"""
FILES = """
for name, kind in ("model.safetensors", "checkpoint"), ("torch.safetensors", "weights"):
    normnet.Model("group", architecture="conv3-8 norm relu gap conv1-10").save(name, kind=kind)
# PyTorch's file does not describe its network.
weights = pathlib.Path("torch.safetensors").read_bytes()
length = int.from_bytes(weights[:8], "little")
names = json.loads(weights[8:8 + length])
names.pop("__metadata__")
header = json.dumps(names).encode()
header += b" " * (-len(header) % 8)
pathlib.Path("torch.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + weights[8 + length:])
# A data set of four IDX files for normnet-mnist, small enough for any number of epochs.
for part, count in ("train", 300), ("t10k", 100):
    labels = (numpy.arange(count) % 10).astype("uint8")
    images = _random.integers(0, 60, (count, 28, 28)).astype("uint8")
    for i, label in enumerate(labels):
        images[i, 2 * label + 2:2 * label + 8, 4:24] += 150
    head = lambda code, *shape: bytes([0, 0, 8, code]) + b"".join(n.to_bytes(4, "big") for n in shape)
    open("%s-images-idx3-ubyte" % part, "wb").write(head(3, count, 28, 28) + images.tobytes())
    open("%s-labels-idx1-ubyte" % part, "wb").write(head(1, count) + labels.tobytes())
def part_of_png(kind, body):
    checksum = zlib.crc32(kind + body).to_bytes(4, "big")
    return len(body).to_bytes(4, "big") + kind + body + checksum
rows = b"".join(b"\\0" + row.tobytes() for row in images[7])
open("seven.png", "wb").write(b"\\x89PNG\\r\\n\\x1a\\n" + part_of_png(b"IHDR", bytes([0, 0, 0, 28] * 2 + [8, 0, 0, 0, 0]))
                              + part_of_png(b"IDAT", zlib.compress(rows)) + part_of_png(b"IEND", b""))
open("seven.pgm", "wb").write(b"P5 28 28 255 " + images[7].tobytes())
open("names.txt", "w").write("\\n".join("zero one two three four five six seven eight nine".split()))
for norm in "batch", "group":
    subprocess.run(["normnet-mnist", "train", "--norm", norm, "--epochs", "1", "--augment", "none", "--architecture",
                    "conv3-4 norm relu gap conv1-10", "--json", norm + ".json"], check=True, stdout=subprocess.DEVNULL)
cache = pathlib.Path(os.environ["HOME"], ".cache/normnet")
cache.mkdir(parents=True)
(cache / "mnist").symlink_to(os.getcwd())
for path in pathlib.Path(os.environ["NORMNET_SMALL"]).iterdir():
    shutil.copy(path, ".")
"""


class Block(NamedTuple):
    line: int
    kind: str
    text: str


class Page(NamedTuple):
    path: pathlib.Path
    text: str


class Tools(NamedTuple):
    source: pathlib.Path
    library: pathlib.Path
    mnist: pathlib.Path
    compiler: list


# ---- Pages ----

def read_page(text):
    """The blocks of a page, and what is wrong with its fences."""
    blocks, problems, begin, kind, lines = [], [], 0, None, []
    before = ""
    for number, line in enumerate(text.split("\n"), 1):
        fence = re.match(r" *```(.*)$", line)
        if fence and kind is None:
            begin, kind, lines = number, fence[1].strip(), []
        elif fence:
            blocks.append(Block(begin, kind, textwrap.dedent("\n".join(lines) + "\n")))
            kind = None
        elif kind is not None:
            lines.append(line)
        elif line.startswith("    ") and not before.strip():
            problems.append("line %d: a block without fences, which would not be tested" % number)
        before = line
    if kind is not None:
        problems.append("line %d: the fence is not closed" % begin)
    problems += ["line %d: a fence says '%s'; expected %s or ... untested" % (
        block.line, block.kind, ", ".join(sorted(KINDS)))
        for block in blocks if block.kind not in KINDS and not block.kind.endswith(" untested")]
    return blocks, problems


def outside_of_blocks(text):
    return re.sub(r"^ *```.*?^ *```$", "", text, flags=re.S | re.M)


def headings(text):
    """The names that links give to the headings of a page."""
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
            for heading in re.findall(r"^#+ (.*)$", outside_of_blocks(text), re.M)}


def check_links(page):
    """Links to what is not in the tree; a page that is built is not a link's target."""
    problems = []
    for link in re.findall(r"\]\(([^)\s]+)\)", outside_of_blocks(page.text)):
        if re.match(r"[a-z]+:", link):
            continue
        name, _, heading = link.partition("#")
        target = page.path.parent / name if name else page.path
        if not target.exists():
            problems.append("a link to %s, which does not exist" % link)
        elif heading:
            text = target.read_text(encoding="utf-8") if name else page.text
            problems += [] if heading in headings(text) else ["a link to %s, which has no such heading" % link]
    return problems


# ---- Commands ----

class Help:
    """The commands and options of normnet-mnist."""

    def __init__(self, program):
        self.program = program
        self.commands = re.findall(r"^  ([a-z][a-z-]+) {2,}", self.text(), re.M)
        self.options = {}

    def text(self, *command):
        return subprocess.run([str(self.program), *command, "--help"], capture_output=True, text=True,
                              check=True).stdout

    def options_of(self, command):
        if command not in self.options:
            self.options[command] = set(re.findall(r"^  (--[a-z0-9-]+)", self.text(command), re.M)) | {"--help"}
        return self.options[command]

    def problems(self, words):
        """What is wrong with the words after `normnet-mnist`."""
        if not words or words[0] in ("--help", "--version", "COMMAND"):
            return []
        if words[0] not in self.commands:
            return ["normnet-mnist has no command '%s'" % words[0]]
        return ["normnet-mnist %s has no option %s" % (words[0], word) for word in words[1:]
                if word.startswith("--") and word.split("=")[0] not in self.options_of(words[0])]


def commands(text):
    """The commands of a shell script, as lists of words."""
    for line in text.replace("\\\n", " ").split("\n"):
        words = list(shlex.shlex(line, posix=True, punctuation_chars=True)) if "$(" not in line else line.split()
        command = []
        for word in words:
            if word in ("&&", "||", ";", "|", "&"):
                yield command
                command = []
            else:
                command.append(word)
        if command:
            yield command


def check_script(text, source, program_help):
    """A script that is not run."""
    done = subprocess.run(["sh", "-n"], input=text, capture_output=True, text=True)
    problems = [done.stderr.strip()] if done.returncode != 0 else []
    for words in [] if problems else commands(text):
        if words[:1] == ["normnet-mnist"]:
            problems += program_help.problems(words[1:])
        elif words[:3] == ["python", "-m", "normnet"]:
            problems += program_help.problems(words[3:])
        elif words and words[0] in ("sh", "python", "python3") and re.search(r"/", words[1]):
            problems += [] if (source / words[1]).exists() else ["there is no %s" % words[1]]
    return problems


def check_paragraphs(text, program_help):
    """Commands of normnet-mnist in paragraphs, which end before what is not a word."""
    problems = []
    for code in re.findall(r"`(normnet-mnist [^`]*)`", " ".join(outside_of_blocks(text).split())):
        problems += program_help.problems(code.replace("|", " ").split()[1:])
    return problems


# ---- Running ----

def run(command, folder, tools, **settings):
    environment = {**os.environ, "NORMNET_LIBRARY": str(tools.library), "NORMNET_DATA": str(folder),
                   "NORMNET_SMALL": str(tools.source / "examples" / "small"), "HOME": str(folder / "home"),
                   "PKG_CONFIG_PATH": str(tools.library.parent.parent / "meson-uninstalled"),
                   "LD_LIBRARY_PATH": str(tools.library.parent),
                   "PYTHONPATH": str(tools.source / "examples" / "python"), "LC_ALL": "C.UTF-8",
                   "PATH": str(tools.mnist.parent) + os.pathsep + os.environ["PATH"]}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=900,
                          **settings)
    return done.returncode, (done.stdout[-400:] + done.stderr[-800:]).strip()


def run_c(block, declarations, folder, tools):
    statements = "int main(" not in block.text
    text = FRAME % {"declarations": declarations, "statements": block.text} if statements else block.text
    (folder / "block.c").write_text(text, encoding="utf-8")
    code, output = run([*tools.compiler, *WARNINGS, "-I", str(tools.source / "include"), "block.c", str(tools.library),
                        "-Wl,-rpath," + str(tools.library.parent), "-o", "block"], folder, tools)
    if code == 0:
        code, output = run(["./block"], folder, tools)
        if statements and block.text.rstrip().endswith("/* fails */"):
            return [] if code == 1 else ["its call does not fail: %s" % output]
    return [] if code == 0 else ["exit code %d: %s" % (code, output)]


def is_missing(block, folder, tools):
    """What a block needs and is not here."""
    if block.kind in PACKAGES and run([sys.executable, "-c", PACKAGES[block.kind]], folder, tools)[0] != 0:
        return "%s; pip install -r tests/requirements.txt" % PACKAGES[block.kind].removeprefix("import ")
    if block.kind == "sh" and "pkg-config" in block.text and not shutil.which("pkg-config"):
        return "pkg-config; apt-get install pkg-config"
    return None


def run_block(block, declarations, folder, tools, program_help):
    """The problems of a block."""
    if block.kind == "c":
        return run_c(block, declarations, folder, tools)
    if block.kind == "sh checked":
        return check_script(block.text, tools.source, program_help)
    if block.kind == "sh":
        code, output = run(["sh", "-eu"], folder, tools, input=block.text)
    elif block.kind.startswith("python"):
        code, output = run([sys.executable, "-c", PYTHON_FRAME + block.text], folder, tools)
    elif block.kind == "make":
        for name in re.findall(r"[\w./]+\.[ch]\b", block.text):
            (folder / name).touch()
        code, output = run(["make", "-n", "-f", "-"], folder, tools, input=block.text)
    else:
        return []
    return [] if code == 0 else ["exit code %d: %s" % (code, output)]


def check_page(page, tools, program_help):
    """(what, problems, what is missing or None) of a page and of each of its blocks."""
    blocks, problems = read_page(page.text)
    yield "fences, paragraphs and links", problems + check_paragraphs(page.text, program_help) + check_links(page), None
    declarations = ""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        code, output = run([sys.executable, "-c", PYTHON_FRAME + FILES], folder, tools)
        if code != 0:
            yield "files for its blocks", [output], None
        for block in blocks:
            if block.kind == "c declarations":
                declarations += block.text
            elif block.kind != "text" and not block.kind.endswith(" untested"):
                missing = is_missing(block, folder, tools)
                yield "line %d, %s" % (block.line, block.kind), [] if missing else run_block(
                    block, declarations, folder, tools, program_help), missing


# ---- Planted mistakes ----

# Pages with one mistake each, and one with none.
GOOD = "Text with `normnet-mnist train --norm NORM`.\n\n```%s\n%s\n```\n"
PLANTED = [
    ("a function that does not exist", GOOD % ("c", "normnet_no_such_function(model);")),
    ("a warning", GOOD % ("c", "int unused;")),
    ("a call that fails", GOOD % ("c", "normnet_apply_gradients(model, 128);")),
    ("a call that should fail", GOOD % ("c", "normnet_train_step(model, &images, &labels, NULL);\n/* fails */")),
    ("a program that fails", GOOD % ("c", "int main(void)\n{\n    return 1;\n}")),
    ("a command that fails", GOOD % ("sh", "normnet-mnist evaluate --model missing.ckpt\ntrue")),
    ("a wrong option", GOOD % ("sh checked", "normnet-mnist train --norm group --epoch 3")),
    ("a wrong option of a later command", GOOD % ("sh checked", "true && normnet-mnist train --\\\n  nrom group")),
    ("a wrong command", GOOD % ("sh checked", "normnet-mnist trian")),
    ("a script that is not there", GOOD % ("sh checked", "sh tests/rum quick")),
    ("a syntax error", GOOD % ("sh checked", "for x in a; do")),
    ("an option in a paragraph", "See `normnet-mnist train\n--no-such-option`.\n"),
    ("an exception", GOOD % ("python", "normnet.Model('group', no_such_field=1)")),
    ("a wrong option of the module", GOOD % ("sh checked", "python -m normnet train --epoch 3")),
    ("a link", "See [this](docs/no-such-page.md).\n"),
    ("a heading", "See [this](#no-such-heading).\n"),
    ("a heading of another page", "See [this](HACKING.md#no-such-heading).\n"),
    ("a Makefile", GOOD % ("make", "a: b\n    true")),
    ("no fence", "Text:\n\n    code\n"),
    ("an unknown fence", GOOD % ("C", "int i;")),
    ("an open fence", "```c\nint i;\n"),
]
RIGHT = [GOOD % ("c", "normnet_train_step(model, &images, &labels, NULL);"), GOOD % ("sh", "normnet-mnist --version"),
         GOOD % ("python", "normnet.Model('group')"), GOOD % ("sh checked", "scan | normnet-mnist predict --model m -"),
         "# A heading: `x`, y\n\nSee [this](#a-heading-x-y), [that](HACKING.md#build-and-test) and [it](https://b.c/d).\n"]


def check_planted(tools, program_help):
    def problems(text):
        page = Page(tools.source / "README.md", text)
        return [problem for _, found, _ in check_page(page, tools, program_help) for problem in found]

    return (["not found: " + name for name, page in PLANTED if not problems(page)]
            + ["found in a right page: %s" % found for page in RIGHT for found in problems(page)])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", required=True, type=lambda path: pathlib.Path(path).resolve())
    parser.add_argument("--library", required=True, type=lambda path: pathlib.Path(path).resolve())
    parser.add_argument("--mnist", required=True, type=lambda path: pathlib.Path(path).resolve())
    parser.add_argument("--cc", type=str.split, default=["cc"])
    arguments = parser.parse_args()
    cases = Cases()
    try:
        import numpy  # pylint: disable=unused-import,import-outside-toplevel
    except ImportError:
        cases.skip("docs: all blocks", "needs numpy; pip install -r tests/requirements.txt")
        return cases.end()
    tools = Tools(arguments.source, arguments.library, arguments.mnist, arguments.cc)
    program_help = Help(tools.mnist)
    cases.check("docs: planted mistakes are found", check_planted(tools, program_help))
    kinds = []
    pages = [tools.source / name for name in ("README.md", "HACKING.md", "examples/python/README.md")]
    for path in [*pages, *sorted((tools.source / "docs").glob("*.md"))]:
        page = Page(path, path.read_text(encoding="utf-8"))
        kinds += [block.kind for block in read_page(page.text)[0]]
        for what, problems, missing in check_page(page, tools, program_help):
            name = "docs: %s, %s" % (path.relative_to(tools.source), what)
            if missing:
                cases.skip(name, "needs " + missing)
            else:
                cases.check(name, problems)
    untested = [kind for kind in kinds if kind.endswith(" untested")]
    cases.check("docs: %d blocks are not tested" % UNTESTED, [] if len(untested) == UNTESTED else
                ["there are %d: %s; correct UNTESTED if that is right" % (len(untested), untested)])
    print(", ".join("%d %s" % (kinds.count(kind), kind) for kind in sorted(set(kinds))))
    return cases.end()


if __name__ == "__main__":
    sys.exit(main())
