# SPDX-License-Identifier: MIT
"""The same bits, whatever is in CFLAGS and LDFLAGS: the build undoes the flags
that decide bits, or refuses them.

usage: python3 check_flags.py --source SOURCE-ROOT [--bits PROGRAM] [--full]
           [--help]

example: python3 check_flags.py --source . --full

Builds the library with flags that would change bits, the layout of structs or
how functions are called, and runs with each of these builds the test_bits of a
build without flags: it has to print the same hashes. A host may load the
library built with -Ofast and keep its denormal numbers. Flags that cannot be
undone have to stop the configuration. Flags that a compiler does not know are
left out. PROGRAM is the test_bits of a build without flags that has a shared
library; otherwise one is built. --full tries each flag alone, and other
machines.
"""
import argparse
import os
import shutil
import stat
import subprocess
import sys
import tempfile
from typing import NamedTuple

from cases import Cases
from check_bits import HASH, HASHES, SMALL_HASHES, Builds
from commands import Failed, meson, run
from platforms import AARCH64, AARCH64_CLANG, I386, S390X, Machine, build, cross_build, outcome

# The cases of test_bits, which some flags make slow.
BITS = ["hash", "as recorded", "threads, small", "instruction sets, small"]
# Multiply-adds are fused only where the processor is known to have them.
FUSING = "-march=native"
LAYOUT = "-fshort-enums -fpack-struct -funsigned-char -malign-double -mabi=ms"
PARTS = "-fassociative-math -fno-signed-zeros -fno-trapping-math -freciprocal-math -ffinite-math-only"


class Hostile(NamedTuple):
    compiler: str
    flags: str
    linking: str = ""


SOME = [
    Hostile("gcc", " ".join(["-Ofast", FUSING, "-ffp-contract=fast", PARTS,
                             "-fsingle-precision-constant -frounding-math -mfpmath=387", LAYOUT]), "-Ofast -mdaz-ftz"),
    Hostile("clang", " ".join(["-ffp-model=fast", FUSING, "-fapprox-func -fno-honor-nans -mrecip", LAYOUT,
                               "-fpack-struct=2"])),
]
ALONE = [
    "-ffast-math", "-Ofast", "-O0", "-Os", "-funsafe-math-optimizations", PARTS,
    "-fassociative-math -fno-signed-zeros -fno-trapping-math", "-freciprocal-math", "-ffinite-math-only",
    "-fno-signed-zeros", "-fno-trapping-math", "-ftrapping-math", "-frounding-math", "-fsignaling-nans",
    "-fno-math-errno", "-ffp-contract=fast", "-ffp-contract=on", "-std=gnu11", "-std=gnu17", "-fexcess-precision=fast",
    "-fexcess-precision=standard", "-ffloat-store", "-fsingle-precision-constant", "-mfpmath=387", "-mfpmath=both",
    "-mno-sse2", "-mrecip", "-mdaz-ftz", "-ffp-model=fast", "-ffp-model=aggressive", "-ffp-model=strict",
    "-ffp-eval-method=double", "-ffp-exception-behavior=strict", "-fapprox-func", "-fno-honor-nans",
    "-fno-honor-infinities", "-fdenormal-fp-math=positive-zero", "-fshort-enums", "-fpack-struct", "-fpack-struct=2",
    "-funsigned-char", "-funsigned-bitfields", "-malign-double", "-mabi=ms", "-fwrapv", "-fno-strict-aliasing",
    "-ffreestanding", "-fallow-store-data-races", "-Ofast -flto", "-O1 -flto -ffp-contract=fast",
]
# The processor's own flags, beside -Ofast and fused multiply-adds.
OTHER_MACHINES = [
    (AARCH64, ["-mlow-precision-div", "-mlow-precision-sqrt"]),
    (AARCH64_CLANG, []),
    (S390X, ["-march=z13"]),
    (I386, ["-mno-sse2", "-mfpmath=387", "-malign-double", "-mregparm=3", "-mrtd"]),
]
# What comes after the build's own flags, since a compiler of that name adds it, and what the refusal says.
REFUSED = [
    ("gcc", "-freciprocal-math", "exact.h"),
    ("gcc", "-ffp-contract=fast -march=native", "multiply-adds are fused"),
    ("gcc", "-fpack-struct=2", "exact.h"),
    ("clang", "-Xclang -mreassociate", "sums are reordered"),
]

PARENT = """project('parent', 'c', meson_version: '>=1.0.1')
add_global_arguments({flags}, language: 'c')
add_global_link_arguments('-Ofast', language: 'c')
subproject('normnet', default_options: ['tests=true', 'examples=false'])
"""

# Whether a process has its denormal numbers before and after it loads a library.
LOADING = """
import ctypes, sys
smallest = sys.float_info.min
assert smallest / 2 != 0, "before"
ctypes.CDLL(sys.argv[1])
assert smallest / 2 != 0, "after"
"""


def knows(compiler, *flags):
    """Whether a compiler takes these flags."""
    with tempfile.TemporaryDirectory() as folder:
        source = os.path.join(folder, "probe.c")
        with open(source, "w", encoding="ascii") as file:
            file.write("int main(void) { return 0; }\n")
        return subprocess.run([*compiler, "-O2", *flags, "-c", source, "-o", os.path.join(folder, "probe.o")],
                              capture_output=True).returncode == 0


def known(compiler, flags):
    """Those of some flags that a compiler takes."""
    return " ".join(flag for flag in flags.split() if knows([compiler], flag))


def shared_library(source, folder, hostile):
    """The library, built with flags."""
    run(*meson(), "setup", folder, source, "--buildtype=release", "-Dexamples=false", "-Dtests=false",
        env={**os.environ, "CC": hostile.compiler, "CFLAGS": hostile.flags, "LDFLAGS": hostile.linking})
    run(*meson(), "compile", "-C", folder, "-j", "2")
    return os.path.realpath(os.path.join(folder, "lib", "libnormnet.so"))


def plain(bits):
    """Hashes and problems of the build without flags."""
    output, problems = outcome([bits, *BITS])
    return dict(HASH.findall(output)), problems


def with_library(source, bits, hostile):
    """Hashes and problems of a plain host that meets a library built with flags."""
    with tempfile.TemporaryDirectory() as folder:
        library = shared_library(source, folder, hostile)
        environment = {**os.environ, "LD_PRELOAD": library}
        loaded = run(bits, env={**environment, "LD_TRACE_LOADED_OBJECTS": "1"})
        if loaded.count("libnormnet") != loaded.count(library):
            return {}, ["the host loads another library: %s" % loaded]
        output, problems = outcome([bits, *BITS], env=environment)
        loading = subprocess.run([sys.executable, "-c", LOADING, library], capture_output=True, text=True)
        if loading.returncode != 0:
            problems.append("loading it changes the host's arithmetic: %s" % loading.stderr.strip()[-200:])
    return dict(HASH.findall(output)), problems


def built(source, hostile, *options):
    """The same of a test_bits that is built with flags itself, since it contains the library."""
    with tempfile.TemporaryDirectory() as folder:
        program, = build(source, folder, ["test_bits"], *options, CC=hostile.compiler, CFLAGS=hostile.flags,
                         LDFLAGS=hostile.linking)
        output, problems = outcome([program, *BITS])
    return dict(HASH.findall(output)), problems


def in_parent(source, hostile):
    """The same of a subproject whose parent has flags."""
    with tempfile.TemporaryDirectory() as folder:
        os.mkdir(os.path.join(folder, "subprojects"))
        os.symlink(source, os.path.join(folder, "subprojects", "normnet"))
        with open(os.path.join(folder, "meson.build"), "w", encoding="ascii") as file:
            file.write(PARENT.format(flags=hostile.flags.split()))
        inside = os.path.join(folder, "build")
        run(*meson(), "setup", inside, folder, "--buildtype=release", env={**os.environ, "CC": hostile.compiler})
        run(*meson(), "compile", "-C", inside, "-j", "2", "test_bits")
        output, problems = outcome([os.path.join(inside, "subprojects", "normnet", "tests", "numerics", "test_bits"), *BITS])
    return dict(HASH.findall(output)), problems


def check_compilers(builds, source, bits, sets):
    for hostile in sets:
        if not shutil.which(hostile.compiler):
            builds.cases.skip("flags: " + hostile.compiler, "apt-get install " + hostile.compiler)
            continue
        hostile = Hostile(hostile.compiler, known(hostile.compiler, hostile.flags),
                          known(hostile.compiler, hostile.linking))
        name = "flags: %s %s%s" % (hostile.compiler, hostile.flags, " and to link " * bool(hostile.linking) +
                                   hostile.linking)
        builds.check(name, HASHES, with_library, source, bits, hostile)


def check_kinds(builds, source):
    """Other kinds of build."""
    fast = Hostile("gcc", "-Ofast " + FUSING)
    if shutil.which("gcc"):
        builds.check("flags: static, with link-time optimization", HASHES, built, source, fast, "-Db_lto=true",
                     "-Ddefault_library=static")
        builds.check("flags: subproject", HASHES, in_parent, source, fast)
    else:
        builds.cases.skip("flags: kinds of build", "apt-get install gcc")


def refusal(source, compiler, flags, expected, linking=""):
    with tempfile.TemporaryDirectory() as folder:
        wrapper = os.path.join(folder, compiler)
        with open(wrapper, "w", encoding="ascii") as file:
            file.write('#!/bin/sh\nexec %s "$@" %s\n' % (shutil.which(compiler), flags))
        os.chmod(wrapper, stat.S_IRWXU)
        done = subprocess.run([*meson(), "setup", os.path.join(folder, "build"), source],
                              env={**os.environ, "CC": wrapper, "LDFLAGS": linking}, capture_output=True, text=True)
        error = next((line for line in done.stdout.splitlines() if "ERROR" in line), "no error")
    return [] if "same bits" in error and expected in error else ["it says: %s; expected: %s" % (error, expected)]


def check_refusals(cases, source):
    for compiler, flags, expected in REFUSED:
        name = "flags: refuses %s %s" % (compiler, flags)
        if not shutil.which(compiler):
            cases.skip(name, "apt-get install " + compiler)
        elif knows([compiler], *flags.split()) and (expected != "multiply-adds are fused" or can_fuse(compiler)):
            cases.check(name, refusal(source, compiler, flags, expected))
    flushing = run("gcc", "-print-file-name=crtfastmath.o").strip() if shutil.which("gcc") else ""
    name = "flags: refuses to link what flushes denormal numbers"
    if os.path.isabs(flushing):  # and not only the name
        cases.check(name, refusal(source, "gcc", "", "code that is linked flushes denormal numbers", flushing))
    else:
        cases.skip(name, "gcc has no crtfastmath.o for this machine")


def can_fuse(compiler):
    """Whether this machine can multiply and add at once."""
    return "__FP_FAST_FMAF" in run(compiler, "-march=native", "-dM", "-E", "-x", "c", "/dev/null")


def emulated(source, target, flags):
    """Hashes and problems of a build with flags for another machine."""
    with Machine(target) as machine:
        bits, = cross_build(source, target, machine.folder, ["test_bits"], flags)
        output, problems = machine.outcome(bits, "--small", "hash")
    return dict(HASH.findall(output)), problems


def check_machines(builds, source):
    for target, own in OTHER_MACHINES:
        if target.missing:
            builds.cases.skip("flags: " + target.title, target.how_to_install)
            continue
        flags = [flag for flag in ["-Ofast", "-ffp-contract=fast", *own] if knows(target.command, flag)]
        builds.check("flags: %s %s" % (target.title, " ".join(flags)), SMALL_HASHES, emulated, source, target, flags)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", required=True, type=os.path.abspath)
    parser.add_argument("--bits", type=os.path.abspath)
    parser.add_argument("--full", action="store_true")
    arguments = parser.parse_args()
    # The environment's settings for this build's compiler are not for these builds.
    for name in ("CC", "CFLAGS", "CPPFLAGS", "LDFLAGS", "DESTDIR"):
        os.environ.pop(name, None)
    builds = Builds(Cases())
    with tempfile.TemporaryDirectory() as folder:
        try:
            bits, = [arguments.bits] if arguments.bits else build(arguments.source, folder, ["test_bits"])
        except Failed as failure:
            builds.cases.check("flags: none", [str(failure)])
            return builds.cases.end()
        builds.check("flags: none", HASHES, plain, bits)
        check_compilers(builds, arguments.source, bits, SOME)
        if arguments.full:
            check_compilers(builds, arguments.source, bits,
                            [Hostile(compiler, FUSING + " " + flags, linking)
                             for compiler in ("gcc", "clang") for flags in ALONE
                             for linking in [flags if flags in ("-ffast-math", "-funsafe-math-optimizations") else ""]
                             if (compiler, flags) not in {refused[:2] for refused in REFUSED}
                             if not shutil.which(compiler) or knows([compiler], *flags.split())])
    check_kinds(builds, arguments.source)
    check_refusals(builds.cases, arguments.source)
    if arguments.full:
        check_machines(builds, arguments.source)
    return builds.cases.end()


if __name__ == "__main__":
    sys.exit(main())
