# SPDX-License-Identifier: MIT
"""The same bits from every build for this machine: compilers, optimization,
OpenMP. check_platforms.py does the same for other machines.

usage: python3 check_bits.py --source SOURCE-ROOT [--bits PROGRAM] [--full]
           [-h | --help]

example: python3 check_bits.py --source .

Builds libnormnet and test_bits in temporary directories, runs them, and
compares the hashes that they print, of models and of their files, with those
of PROGRAM, the test_bits of a build that there is, or else of the first build.
--full also builds what steps of tests/run build and test.
"""
import argparse
import os
import re
import shutil
import sys
import tempfile

from cases import Cases
from commands import Failed
from platforms import build, outcome

HASH = re.compile(r"^((?:small|large|wide|averaged)-[a-z-]+) ([0-9a-f]{16})$", re.M)
# Of small networks with each norm, a wide one and two with averaged weights, which emulators train, and of large ones:
# of state and of checkpoint.
SMALL_HASHES, HASHES = 2 * (9 + 1 + 2), 2 * (9 + 1 + 2 + 9)

# Either compiler with another optimization and with OpenMP; the rest of either with and without.
NATIVE = [("gcc", 2, "enabled"), ("clang", 2, "enabled")]
MORE = [("gcc", 3, "disabled"), ("clang", 2, "disabled"), ("clang", 3, "enabled")]


def native_build(source, compiler, optimization, openmp):
    """Hashes and problems of a build for this machine."""
    with tempfile.TemporaryDirectory() as folder:
        program, = build(source, folder, ["test_bits"], "-Doptimization=%d" % optimization, "-Dopenmp=" + openmp,
                         CC=compiler)
        output, problems = outcome([program, "hash", "threads, small", "instruction sets, small"])
    return dict(HASH.findall(output)), problems


def differences(hashes, reference, expected):
    """What is wrong with the hashes of a build, given those of another and how many there should be."""
    problems = [] if len(hashes) == expected else ["it prints %d hashes, expected %d" % (len(hashes), expected)]
    return problems + ["%s is %s, elsewhere %s" % (name, hashes[name], reference[name])
                       for name in sorted(hashes.keys() & reference.keys()) if hashes[name] != reference[name]]


class Builds:
    """The builds so far: what they print has to be what the first of them printed."""

    def __init__(self, cases):
        self.cases = cases
        self.reference = {}

    def check(self, name, expected, hashes_of, *arguments):
        try:
            hashes, problems = hashes_of(*arguments)
        except Failed as failure:
            self.cases.check(name, [str(failure)])
            return
        self.reference = self.reference or hashes
        self.cases.check(name, problems + differences(hashes, self.reference, expected))


def hashes_of_program(program):
    """Hashes and problems of a test_bits that there is."""
    output, problems = outcome([program, "hash"])
    return dict(HASH.findall(output)), problems


def check_native(builds, source, full):
    for compiler, optimization, openmp in NATIVE + MORE * full:
        name = "bits: %s -O%d%s" % (compiler, optimization, "" if openmp == "disabled" else " with OpenMP")
        if shutil.which(compiler):
            builds.check(name, HASHES, native_build, source, compiler, optimization, openmp)
        else:
            builds.cases.skip(name, "needs %s; apt-get install %s" % (compiler, compiler))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", required=True, type=os.path.abspath)
    parser.add_argument("--bits", type=os.path.abspath)
    parser.add_argument("--full", action="store_true")
    arguments = parser.parse_args()
    # The environment's settings for this build's compiler are not for these builds.
    for name in ("CC", "CFLAGS", "LDFLAGS", "DESTDIR"):
        os.environ.pop(name, None)
    builds = Builds(Cases())
    if arguments.bits:
        builds.check("bits: the build's own", HASHES, hashes_of_program, arguments.bits)
    check_native(builds, arguments.source, arguments.full)
    return builds.cases.end()


if __name__ == "__main__":
    sys.exit(main())
