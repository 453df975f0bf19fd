# SPDX-License-Identifier: MIT
"""The same bits from every build: compilers, optimization, OpenMP, and machines that only an emulator has here.

usage: python3 check_bits.py --source SOURCE-ROOT [--help]

example: python3 check_bits.py --source .

Builds libnormnet and test_bits in temporary directories, runs them, and compares the hashes that they print, of models
and of their files, with those of the first build. On AArch64, whose kernels no other test runs, test_kernels compares
these with the portable ones.
"""
import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile

from cases import Cases
from check_consumers import Failed, meson, run

HASH = re.compile(r"^((?:small|large)-[a-z-]+) ([0-9a-f]{16})$", re.M)
HASHES = 2 * 7  # of a network with each norm: of its state and of its checkpoint

# Either compiler with and without OpenMP, and with either optimization.
NATIVE = [("gcc", 2, "auto"), ("gcc", 3, "disabled"), ("clang", 2, "disabled"), ("clang", 3, "auto")]
# The processor, its byte order, the compiler, and whether it has kernels of its own. Clang would fuse multiply-adds by
# itself where the processor has them.
EMULATED = [("aarch64", "little", "gcc", True), ("aarch64", "little", "clang", True), ("s390x", "big", "gcc", False)]
DEBIAN_NAME = {"aarch64": "arm64", "s390x": "s390x"}

CROSS = """
[binaries]
c = {compiler}
ar = '{cpu}-linux-gnu-ar'
strip = '{cpu}-linux-gnu-strip'
[built-in options]
c_link_args = ['-static']
[host_machine]
system = 'linux'
cpu_family = '{cpu}'
cpu = '{cpu}'
endian = '{endian}'
"""


def build(source, folder, programs, *options, **environment):
    """Builds some test programs; their paths."""
    run([*meson(), "setup", folder, source, "--buildtype=release", "-Dexamples=false", *options],
        env={**os.environ, **environment})
    run([*meson(), "compile", "-C", folder, "-j", "2", *programs])
    return [os.path.join(folder, "tests", "contract", program) for program in programs]


def outcome(command):
    """What a test program prints, and the cases that fail in it."""
    done = subprocess.run(command, capture_output=True, text=True)
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


def emulated_build(source, cpu, endian, compiler, own_kernels):
    """The same for another machine."""
    with tempfile.TemporaryDirectory() as folder:
        cross = os.path.join(folder, "cross.ini")
        with open(cross, "w", encoding="utf-8") as file:
            file.write(CROSS.format(cpu=cpu, endian=endian, compiler=cross_compiler(cpu, compiler)))
        programs = build(source, os.path.join(folder, "build"), ["test_bits"] + ["test_kernels"] * own_kernels,
                         "--cross-file", cross, "-Ddefault_library=static", "-Dopenmp=disabled")
        output, problems = outcome(["qemu-" + cpu, programs[0], "--small", "hash"])
        for program in programs[1:]:
            problems += outcome(["qemu-" + cpu, program, "--small"])[1]
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
            builds.check(name, 2 * HASHES, native_build, source, compiler, optimization, openmp)
        else:
            builds.cases.skip(name, "needs %s; apt-get install %s" % (compiler, compiler))


def check_emulated(builds, source):
    for cpu, endian, compiler, own_kernels in EMULATED:
        name = "bits: %s (%s-endian, emulated), %s" % (cpu, endian, compiler)
        if all(map(shutil.which, ("qemu-" + cpu, cpu + "-linux-gnu-gcc", compiler))):
            builds.check(name, HASHES, emulated_build, source, cpu, endian, compiler, own_kernels)
        else:
            builds.cases.skip(name, "needs an emulator and a cross compiler; apt-get install qemu-user "
                              "gcc-%s-linux-gnu libc6-dev-%s-cross %s" % (cpu, DEBIAN_NAME[cpu], compiler))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", required=True, type=os.path.abspath)
    arguments = parser.parse_args()
    # What this build's compiler is told by the environment is not for these.
    for name in ("CC", "CFLAGS", "LDFLAGS", "DESTDIR"):
        os.environ.pop(name, None)
    builds = Builds(Cases())
    check_native(builds, arguments.source)
    check_emulated(builds, arguments.source)
    return builds.cases.end()


if __name__ == "__main__":
    sys.exit(main())
