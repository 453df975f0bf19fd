# SPDX-License-Identifier: MIT
"""Other systems and processors: the same bits, and tests whose result depends
on the machine.

usage: python3 check_platforms.py --source SOURCE-ROOT [--bits PROGRAM] [--full]
           [--only NAME]... [-h | --help]

example: python3 tests/project/check_platforms.py --source . --full --only mingw

Builds the library and some of its tests for other platforms and runs them,
natively or in an emulator: what is trained has the recorded hashes, and
checkpoints those of this machine. On AArch64, whose kernels no other test runs,
test_kernels compares these with the portable ones; on machines of 32 bits,
some tests see their sizes and addresses. Ends with a table for
docs/platforms.md. PROGRAM is this machine's test_bits; otherwise it is built.
--full is for all platforms and compiles all tests, of which more run; it takes
half an hour.
"""
import argparse
import concurrent.futures
import os
import re
import subprocess
import sys

from cases import Cases
from check_bits import HASH, SMALL_HASHES, differences, hashes_of_program, native_build
from commands import Failed, meson, run
from platforms import AARCH64, I386, MINGW, MUSL, PLATFORMS, S390X, Machine, cross_build

AT_ONCE = 2  # platforms

# A program and its arguments. Emulators run threads well, but no threads in a child of a process that has some.
BITS = ("test_bits", "--small", "hash", "as recorded", "threads, small batch")
HASHES = ("test_bits", "--small", "hash")  # a third of the time, in which the hashes are compared as well
FILES = [("test_settings",), ("test_other_weights",), ("test_serialization",), ("test_weights",)]
READERS = [("test_reader_damage",), ("test_reader_edits",), ("test_reader_headers",), ("test_reader_memory",),
           ("test_reader_variants",)]
SIZES = [("test_structs",), ("test_tensors",), ("test_tensor_values",), *READERS]
# Numbers of calls: test_kernels.c says which suit.
SOME_KERNELS = ("test_kernels", "--every", "31")
KERNELS = ("test_kernels", "--every", "6")

# Without --full: of the processors that are emulated, one trains and one has the other order of bytes.
SOME = {
    MUSL: [BITS, *FILES, ("test_states",), ("test_threads",)],
    I386: [BITS, *FILES, ("test_states",), ("test_threads",), *SIZES],
    MINGW: [BITS, *FILES, ("test_states",), ("test_threads",), ("test_checkpoints",), ("test_file_kinds",)],
    AARCH64: [HASHES, *FILES, SOME_KERNELS],
    S390X: FILES,
}
# Of these the compiler's optimizations are not what is tested: it is this machine's own, or no hashes are compared.
QUICKLY_BUILT = [MUSL, S390X]
# With --full, on all.
MORE = [BITS, *FILES, ("test_states",), ("test_threads",), ("test_training",), ("test_structs",), ("test_layer_types",),
        ("test_clones",), ("test_reader_edits",), ("test_reader_variants",), ("test_gradients", "batch 2"),
        ("test_dropout",), ("test_golden_steps",), KERNELS]


def first_line(*command):
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    except OSError:
        return "missing"
    return (done.stdout + done.stderr).strip().split("\n")[0]


def properties(target):
    """Byte order and size of an address, as the compiler says."""
    macros = dict(re.findall(r"^#define (__\w+__) (\w+)$", run(*target.command, "-dM", "-E", "-x", "c", os.devnull),
                             re.M))
    return {"__ORDER_BIG_ENDIAN__": "big", "__ORDER_LITTLE_ENDIAN__": "little"}[macros["__BYTE_ORDER__"]], \
        8 * int(macros["__SIZEOF_POINTER__"])


class Run:
    """What the programs of one platform have done: checks, and hashes of what was trained."""

    def __init__(self, reference):
        self.reference = reference
        self.programs = self.checks = 0
        self.hashes = {}

    def add(self, name, output, problems):
        """What is wrong with the output of a program."""
        ended = re.search(r"^(\d+) passed, (\d+) failed, (\d+) skipped\s*\Z", output, re.M)
        self.programs += 1
        if ended:
            self.checks += int(ended[1])
        if not problems and not (ended and int(ended[1]) > 0):
            problems = ["none of its cases has passed"]
        if name == BITS[0]:
            self.hashes = dict(HASH.findall(output))
            problems = problems + differences(self.hashes, self.reference, SMALL_HASHES)
        return problems

    def equal(self):
        return sum(self.reference.get(name) == value for name, value in self.hashes.items())


def check_platform(cases, source, target, programs, done, full):
    """A case for each program."""
    with Machine(target) as machine:
        optimization = ["-Doptimization=1"] if not full and target in QUICKLY_BUILT else []
        paths = cross_build(source, target, machine.folder, [name for name, *_ in programs], options=optimization)
        for (name, *options), path in zip(programs, paths):
            output, problems = machine.outcome(path, *options)
            cases.check("platforms: %s: %s" % (target.title, name), done.add(name, output, problems))
        if full:
            run(*meson(), "compile", "-C", os.path.join(machine.folder, "build"), "-j", "2")
            cases.check("platforms: %s: all tests compile" % target.title, [])


def programs_of(target, full):
    if not full:
        return SOME.get(target, [])
    return MORE + [program for program in SOME.get(target, []) if program not in [*MORE, HASHES, SOME_KERNELS]]


def row(target, done):
    endian, word = properties(target)
    equal = "%d of %d" % (done.equal(), len(done.reference)) if done.hashes else "none trained"
    return "| %s | %s | %s-endian, %d bits | %s | %d programs, %d checks | %s |" % (
        target.name, first_line(*target.command, "--version"), endian, word,
        first_line(*target.runner[:1], "--version") if target.runner else "natively", done.programs, done.checks,
        equal)


def check_and_describe(cases, arguments, reference, target):
    """The platform's row of the table, or None if it was not to be checked or its tools are missing."""
    programs = programs_of(target, arguments.full)
    if not programs or (arguments.only and target.name not in arguments.only):
        return None
    if target.missing:
        cases.skip("platforms: " + target.title, target.how_to_install)
        return None
    done = Run(reference)
    try:
        check_platform(cases, arguments.source, target, programs, done, arguments.full)
    except Failed as failure:
        cases.check("platforms: %s: build" % target.title, [str(failure)])
    if properties(target)[0] != target.endian:
        cases.check("platforms: %s: byte order" % target.title, ["it is not %s-endian" % target.endian])
    return row(target, done)


def check_all(cases, arguments, reference):
    """Rows of the table."""
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        rows = pool.map(lambda target: check_and_describe(cases, arguments, reference, target), PLATFORMS)
    return [found for found in rows if found is not None]


def check_checks(cases, reference):
    """What has to be found."""
    wrong = {name: "0" * 16 for name in reference}
    cases.check("platforms: other hashes are found",
                [] if differences(wrong, reference, SMALL_HASHES) else ["not found"])
    cases.check("platforms: a program that checks nothing is found",
                [] if Run(reference).add("test_states", "0 passed, 0 failed, 0 skipped\n", []) else ["not found"])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = list(dict.fromkeys(target.name for target in PLATFORMS))
    parser.add_argument("--source", required=True, type=os.path.abspath)
    parser.add_argument("--bits", type=os.path.abspath, help="this machine's test_bits")
    parser.add_argument("--full", action="store_true", help="all platforms and more tests")
    parser.add_argument("--only", action="append", metavar="NAME", choices=names, help=", ".join(names))
    arguments = parser.parse_args()
    # The environment's settings for this build's compiler are not for these builds.
    for name in ("CC", "CFLAGS", "LDFLAGS", "DESTDIR"):
        os.environ.pop(name, None)
    cases = Cases()
    if arguments.bits:
        hashes, problems = hashes_of_program(arguments.bits)
    else:
        hashes, problems = native_build(arguments.source, "cc", 3, "disabled")
    reference = {name: value for name, value in hashes.items() if not name.startswith("large-")}
    cases.check("platforms: this machine", problems + differences(reference, {}, SMALL_HASHES))
    check_checks(cases, reference)
    rows = check_all(cases, arguments, reference)
    print("| platform | compiler | byte order, address | run by | tests | equal hashes |\n|---|---|---|---|---|---|")
    print("\n".join(rows))
    return cases.end()


if __name__ == "__main__":
    sys.exit(main())
