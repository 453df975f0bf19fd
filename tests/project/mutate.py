#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Changes the library in small ways and says which changes no test notices.

usage: python3 tests/project/mutate.py [OPTION]...

  --count N      changes to try [50]
  --seed N       of the choice of changes [1]
  --only PART    only in files with this part in their path; may be repeated
  --folder DIR   where the copy is built [a temporary folder]
  -h, --help     prints this help

A change replaces a relational or logical operator or + and -, adds 1 to a
constant, negates a condition, or removes a statement. It is made in a copy of
the committed sources, which is built with -O1; then the tests in C that take
less than three seconds of a core run, those of the changed subject first, until
one fails. A change after which the machine code is the same is no change and is
not counted.

Each change that survives is printed. It is either one that cannot matter, such
as a faster path that computes the same, or a test that is missing.

example: python3 tests/project/mutate.py --count 20 --only lib/io
"""
import hashlib
import random
import re
import resource
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2]
TIME_LIMIT = 120  # seconds of one test, as a change may make a loop endless
# Says what a test is about: changes in a folder are seen first by the tests that mention one of these words.
FIRST = {
    "api": "structs|states|training|prediction|mistakes",
    "base": "messages|elementary|malloc|threads|bits",
    "files": "settings|serialization|weights|checkpoints|reader|saving",
    "io": "reader|saving|places|weights|file_kinds",
    "kernels": "bits|kernels|golden",
    "layers": "bits|architectures|golden|gradients",
    "model": "configs|states|prediction|tensors|overlaps|threads",
    "net": "bits|architectures|summary|golden",
    "train": "bits|golden|pending|averages|states",
}
# The cases of slow programs that are quick.
SHORT = {"test_bits": ["as recorded"]}
OPPOSITES = {"<": "<=", "<=": "<", ">": ">=", ">=": ">", "==": "!=", "!=": "==", "&&": "||", "||": "&&", " + ": " - ",
             " - ": " + "}
OPERATOR = re.compile(r"(?<= )(<=|>=|==|!=|&&|\|\||<|>)(?= )| [+-] ")
NUMBER = re.compile(r"(?<![\w.\"'])\d+(?![\w.\"'])")
CONDITION = re.compile(r"\b(if|while) \((.*)\)( \{)?$")
STATEMENT = re.compile(r"^\s+(\*?[\w>.\[\]\->*]+( [-+*/|&^]?= .*|\(.*\)|\+\+|--)|(\+\+|--)[\w>.\-]+|continue|break);$")


def tracked():
    names = subprocess.run(["git", "-C", SOURCE, "ls-files", "-z"], capture_output=True, check=True).stdout
    return [name for name in names.decode().split("\0") if name]


def masked(text):
    """The text with comments, strings, directives and assertions of the compiler blanked, character by character."""
    pattern = r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\])+\'|^[ \t]*#(?:\\\n|[^\n])*|_Static_assert\([^;]*;'
    return re.sub(pattern, lambda m: re.sub(r"[^\n]", "\0", m.group()), text, flags=re.S | re.M)


def changes(text):
    """(offset, length, replacement) of each change that a file allows."""
    code = masked(text)
    for match in OPERATOR.finditer(code):
        yield match.start(), len(match.group()), OPPOSITES[match.group()]
    for match in NUMBER.finditer(code):
        yield match.start(), len(match.group()), str(int(match.group()) + 1)
    start = 0
    for line in code.split("\n"):
        condition = CONDITION.search(line)
        if condition:
            yield start + condition.start(2), len(condition.group(2)), None
        if STATEMENT.match(line) and not line.split("=")[0].strip().startswith("const "):
            blank = len(line) - len(line.lstrip())
            yield start + blank, len(line) - blank, ";"
        start += len(line) + 1


def apply(text, change):
    offset, length, replacement = change
    old = text[offset:offset + length]
    return text[:offset] + (f"!({old})" if replacement is None else replacement) + text[offset + length:]


def seconds_of_children():
    """What other programs have taken of the cores: unlike the clock, the same on a machine that is busy."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


class Copy:
    """The copy of the sources and its build."""

    def __init__(self, folder):
        self.source, self.build = folder / "source", folder / "build"
        for name in tracked():
            (self.source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(SOURCE / name, self.source / name)
        self.run("meson", "setup", self.build, self.source, "-Doptimization=1", "-Dexamples=false", "-Db_ndebug=true",
                 check=True)
        self.run("ninja", "-C", self.build, check=True)
        self.tests = self.find_tests()

    @staticmethod
    def run(*command, check=False, timeout=None, cwd=None):
        return subprocess.run(list(map(str, command)), check=check, timeout=timeout, cwd=cwd,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode

    def find_tests(self):
        """The programs in C that are quick and pass, the fastest first."""
        found = []
        for path in sorted((self.build / "tests").rglob("test_*")):
            if path.is_file() and path.suffix == "" and path.stat().st_mode & 0o100:
                seconds = self.time_of(path)
                if seconds is not None:
                    found.append((seconds, path))
        return [path for _, path in sorted(found)]

    def time_of(self, path):
        """Seconds of a core, or None for a program that fails or takes too long to be run many times."""
        begin = seconds_of_children()
        try:
            code = self.run(path, *SHORT.get(path.name, []), timeout=TIME_LIMIT, cwd=self.build)
        except subprocess.TimeoutExpired:
            return None
        seconds = seconds_of_children() - begin
        return seconds if code == 0 and seconds < 3 else None

    def machine_code(self):
        objects = sorted((self.build / "lib").rglob("*.o"))
        return hashlib.sha256(b"".join(path.read_bytes() for path in objects)).digest()

    def is_noticed(self, name):
        """By which test; None if all pass."""
        words = re.compile(FIRST.get(name.split("/")[1], "bits"))
        for path in sorted(self.tests, key=lambda path: not words.search(path.name)):
            try:
                if self.run(path, *SHORT.get(path.name, []), timeout=TIME_LIMIT, cwd=self.build) != 0:
                    return path.name
            except subprocess.TimeoutExpired:
                return f"{path.name}, which hangs"
        return None


def try_change(copy, name, change, original):
    """What came of one change: "same code", "no program", "survived" or "noticed by ..."."""
    path = copy.source / name
    text = path.read_text(encoding="utf-8")
    path.write_text(apply(text, change), encoding="utf-8")
    try:
        if copy.run("ninja", "-C", copy.build) != 0:
            return "no program"
        if copy.machine_code() == original:
            return "same code"
        noticed = copy.is_noticed(name)
        return f"noticed by {noticed}" if noticed else "survived"
    finally:
        path.write_text(text, encoding="utf-8")


def describe(name, text, change):
    line = text.count("\n", 0, change[0])
    return f"{name}:{line + 1}: {text.splitlines()[line].strip()}\n    -> {apply(text, change).splitlines()[line].strip()}"


def main():
    arguments = sys.argv[1:]
    if "-h" in arguments or "--help" in arguments:
        print(__doc__)
        return 0
    options = {"--count": ["50"], "--seed": ["1"], "--only": [], "--folder": []}
    while arguments:
        if arguments[0] not in options or len(arguments) < 2:
            print(f"unknown option {arguments[0]}; see --help", file=sys.stderr)
            return 2
        values = options[arguments[0]]
        if arguments[0] != "--only":
            values.clear()
        values.append(arguments[1])
        arguments = arguments[2:]
    only = options["--only"]
    files = [name for name in tracked() if re.match(r"lib/\w+/.*\.[ch]$", name) and not name.startswith("lib/amalgamation")
             and "windows" not in name and (not only or any(part in name for part in only))]
    texts = {name: (SOURCE / name).read_text(encoding="utf-8") for name in files}
    choices = [(name, change) for name in files for change in changes(texts[name])]
    random.Random(int(options["--seed"][0])).shuffle(choices)
    with tempfile.TemporaryDirectory() as temporary:
        copy = Copy(Path(options["--folder"][0] if options["--folder"] else temporary))
        print(f"{len(choices)} changes are possible; {len(copy.tests)} test programs", flush=True)
        original = copy.machine_code()
        noticed = survived = 0
        for name, change in choices:
            if noticed + survived == int(options["--count"][0]):
                break
            outcome = try_change(copy, name, change, original)
            noticed += outcome.startswith("noticed")
            survived += outcome == "survived"
            print(f"{outcome}: {describe(name, texts[name], change)}", flush=True)
        print(f"{noticed} noticed, {survived} survived")
    return 0


if __name__ == "__main__":
    sys.exit(main())
