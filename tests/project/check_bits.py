# SPDX-License-Identifier: MIT
"""The same bits from every build: compilers, optimization, OpenMP, and machines
that only an emulator has here.

usage: python3 check_bits.py --source SOURCE-ROOT [-h | --help]

example: python3 check_bits.py --source .

Builds libnormnet and test_bits in temporary directories, runs them, and
compares the hashes that they print, of models and of their files, with those
of the first build. On AArch64, whose kernels no other test runs, test_kernels
compares these with the portable ones; on a machine of 32 bits, some tests see
its sizes and addresses.
"""
import argparse
import glob
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from typing import NamedTuple

from cases import Cases
from check_consumers import Failed, meson, run

HASH = re.compile(r"^((?:small|large|wide|averaged)-[a-z-]+) ([0-9a-f]{16})$", re.M)
# Of small networks with each norm, a wide one and two with averaged weights, which emulators train, and of large ones:
# of state and of checkpoint.
SMALL_HASHES, HASHES = 2 * (9 + 1 + 2), 2 * (9 + 1 + 2 + 9)

# Either compiler with and without OpenMP, and with either optimization.
NATIVE = [("gcc", 2, "enabled"), ("gcc", 3, "disabled"), ("clang", 2, "disabled"), ("clang", 3, "enabled")]


class Machine(NamedTuple):
    """Another machine; the programs are tests whose result depends on the machine."""
    cpu: str
    family: str  # meson's
    emulator: str
    debian: str
    endian: str
    programs: tuple = ()


I686_TESTS = (("test_structs",), ("test_tensors",), ("test_tensor_values",), ("test_reader_damage",),
              ("test_reader_edits",), ("test_reader_headers",), ("test_reader_memory",), ("test_reader_variants",))
AARCH64 = Machine("aarch64", "aarch64", "qemu-aarch64", "arm64", "little", (("test_kernels", "--small"),))
EMULATED = [
    (AARCH64, "gcc"),
    (AARCH64, "clang"),  # which would fuse multiply-adds by itself where the processor has them
    (Machine("s390x", "s390x", "qemu-s390x", "s390x", "big"), "gcc"),
    (Machine("i686", "x86", "qemu-i386", "i386", "little", I686_TESTS), "gcc"),
]

CROSS = """
[binaries]
c = {compiler}
ar = '{cpu}-linux-gnu-ar'
strip = '{cpu}-linux-gnu-strip'
[built-in options]
c_args = {flags}
c_link_args = ['-static']
[host_machine]
system = 'linux'
cpu_family = '{family}'
cpu = '{cpu}'
endian = '{endian}'
"""


def build(source, folder, programs, *options, **environment):
    """Builds some test programs; their paths."""
    run([*meson(), "setup", folder, source, "--buildtype=release", "-Dexamples=false", *options],
        env={**os.environ, **environment})
    run([*meson(), "compile", "-C", folder, "-j", "2", *programs])
    return [glob.glob(os.path.join(folder, "tests", "*", program))[0] for program in programs]


def outcome(command, **settings):
    """What a test program prints, and the cases that fail in it."""
    done = subprocess.run(command, capture_output=True, text=True, **settings)
    problems = re.findall(r"^FAIL .*$", done.stdout, re.M)
    if done.returncode != 0 and not problems:
        problems = ["%s: exit code %d: %s" % (" ".join(command), done.returncode, done.stderr[-800:].strip())]
    return done.stdout, problems


def native_build(source, compiler, optimization, openmp):
    """Hashes and problems of a build for this machine."""
    with tempfile.TemporaryDirectory() as folder:
        program, = build(source, folder, ["test_bits"], "-Doptimization=%d" % optimization, "-Dopenmp=" + openmp,
                         CC=compiler)
        output, problems = outcome([program, "hash", "threads, small", "instruction sets, small"])
    return dict(HASH.findall(output)), problems


def cross_compiler(cpu, compiler):
    """Its command; clang takes linker and libraries of gcc's."""
    return [cpu + "-linux-gnu-gcc"] if compiler == "gcc" else ["clang", "--target=%s-linux-gnu" % cpu]


def runner(machine):
    """How its programs run here: a processor of 64 bits runs those of its family's 32 by itself."""
    return [] if (machine.family, platform.machine()) == ("x86", "x86_64") else [machine.emulator]


def emulated_build(source, machine, compiler, flags=()):
    """The same for another machine."""
    with tempfile.TemporaryDirectory() as folder:
        cross = os.path.join(folder, "cross.ini")
        with open(cross, "w", encoding="utf-8") as file:
            file.write(CROSS.format(**machine._asdict(), compiler=cross_compiler(machine.cpu, compiler),
                                    flags=list(flags)))
        names = ["test_bits"] + [name for name, *_ in machine.programs]
        bits, *others = build(source, os.path.join(folder, "build"), names, "--cross-file", cross,
                              "-Ddefault_library=static", "-Dopenmp=disabled")
        output, problems = outcome([*runner(machine), bits, "--small", "hash"])
        for program, (_, *options) in zip(others, machine.programs):
            problems += outcome([*runner(machine), program, *options])[1]
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


def check_native(builds, source):
    for compiler, optimization, openmp in NATIVE:
        name = "bits: %s -O%d%s" % (compiler, optimization, "" if openmp == "disabled" else " with OpenMP")
        if shutil.which(compiler):
            builds.check(name, HASHES, native_build, source, compiler, optimization, openmp)
        else:
            builds.cases.skip(name, "needs %s; apt-get install %s" % (compiler, compiler))


def check_emulated(builds, source):
    for machine, compiler in EMULATED:
        name = "bits: %s (%s-endian), %s" % (machine.cpu, machine.endian, compiler)
        if all(map(shutil.which, (*runner(machine), machine.cpu + "-linux-gnu-gcc", compiler))):
            builds.check(name, SMALL_HASHES, emulated_build, source, machine, compiler)
        else:
            builds.cases.skip(name, "needs an emulator and a cross compiler; apt-get install qemu-user "
                              "gcc-%s-linux-gnu libc6-dev-%s-cross %s" % (machine.cpu, machine.debian, compiler))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", required=True, type=os.path.abspath)
    arguments = parser.parse_args()
    # The environment's settings for this build's compiler are not for these builds.
    for name in ("CC", "CFLAGS", "LDFLAGS", "DESTDIR"):
        os.environ.pop(name, None)
    builds = Builds(Cases())
    check_native(builds, arguments.source)
    check_emulated(builds, arguments.source)
    return builds.cases.end()


if __name__ == "__main__":
    sys.exit(main())
