# SPDX-License-Identifier: MIT
"""Whether the sanitizers and valgrind report what they are for, and nothing in
the library.

usage: python3 check_sanitizers.py --planted PROGRAM --flags TEXT
       python3 check_sanitizers.py --source SOURCE-ROOT
       python3 check_sanitizers.py -h | --help

With --planted, PROGRAM is planted.c of a build with sanitizers, and TEXT their
names and flags: each of its defects that these sanitizers are for has to end
it with their report. tests/run does this in each build with sanitizers, in
that build's environment.

With --source, the library is built by clang without optimization, with the
thread and with the memory sanitizer, and runs a few tests; planted defects
come first, and valgrind is tried on them. `sh tests/run checkers` runs all
tests in C with these checkers.
"""
import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile

from cases import Cases
from commands import Failed
from platforms import build, outcome

# By sanitizer: the defects that it is for, and what it says of them.
REPORTS = {
    "address": {"overflow": "heap-buffer-overflow", "leak": "LeakSanitizer: detected memory leaks"},
    "undefined": {"signed-overflow": "signed integer overflow"},
    "float-cast-overflow": {"float-cast": "outside the range of representable values"},
    "implicit-conversion": {"truncation": "implicit conversion"},
    "memory": {"uninitialized": "use-of-uninitialized-value"},
    "thread": {"race": "data race"},
    "memcheck": {"uninitialized": "depends on uninitialised value", "overflow": "Invalid write",
                 "leak": "definitely lost"},
}
# Tests that take seconds: of the pool and its callers, and of most that the library reads and computes.
FEW = {
    "thread": ["test_threads", "test_ranks", "test_training"],
    "memory": ["test_training", "test_prediction", "test_serialization", "test_overflow"],
}
# clang's run-time library does not know that fstat64 writes memory, as it knows of fstat (tests/run has the same).
FLAGS = {"thread": "", "memory": "-U_FILE_OFFSET_BITS"}
MEMCHECK = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "harness", "memcheck.sh")


def check_planted(cases, program, names, command=()):
    """One case per sanitizer."""
    for name in names:
        problems = []
        for defect, words in REPORTS[name].items():
            done = subprocess.run([*command, program, defect], capture_output=True, text=True, check=False)
            if done.returncode in (0, 2) or words not in done.stderr:
                problems.append("%s: exit code %d, stderr: %s" % (defect, done.returncode, done.stderr[-300:].strip()))
        cases.check("planted: %s reports %s" % (name, ", ".join(REPORTS[name])), problems)


def check_sanitizer(cases, source, name):
    """A small build with one sanitizer."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            planted, *programs = build(source, folder, ["planted", *FEW[name]], "-Doptimization=0", "-Ddebug=true",
                                       "-Db_lundef=false", "-Db_sanitize=" + name, CC="clang", CFLAGS=FLAGS[name])
        except Failed as failure:
            cases.check("%s sanitizer: builds" % name, [str(failure)])
            return
        check_planted(cases, planted, [name])
        for program in programs:
            title = "%s sanitizer: %s" % (name, os.path.basename(program))
            cases.check(title, outcome([program], cwd=folder)[1])


def check_memcheck(cases, source):
    with tempfile.TemporaryDirectory() as folder:
        program = os.path.join(folder, "planted")
        subprocess.run(["cc", "-g", os.path.join(source, "tests", "project", "planted.c"), "-pthread", "-o", program],
                       check=True)
        check_planted(cases, program, ["memcheck"], ["sh", MEMCHECK])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--planted", type=os.path.abspath)
    parser.add_argument("--flags", default="")
    parser.add_argument("--source", type=os.path.abspath)
    arguments = parser.parse_args()
    cases = Cases()
    if arguments.planted:
        flags = set(re.findall(r"[a-z][a-z-]+[a-z]", arguments.flags))
        check_planted(cases, arguments.planted, [name for name in REPORTS if name in flags])
    if arguments.source:
        for name in ("CC", "CFLAGS", "LDFLAGS", "DESTDIR"):
            os.environ.pop(name, None)
        for name in FEW:
            if shutil.which("clang"):
                check_sanitizer(cases, arguments.source, name)
            else:
                cases.skip("%s sanitizer" % name, "needs clang; apt-get install clang libclang-rt-14-dev")
        if shutil.which("valgrind"):
            check_memcheck(cases, arguments.source)
        else:
            cases.skip("memcheck", "needs valgrind; apt-get install valgrind")
    return cases.end()


if __name__ == "__main__":
    sys.exit(main())
