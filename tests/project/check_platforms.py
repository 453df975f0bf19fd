# SPDX-License-Identifier: MIT
"""Other systems and processors: which of them compute the same bits.

usage: python3 check_platforms.py --source SOURCE-ROOT [--only NAME]... [-h |
           --help]

example: python3 tests/project/check_platforms.py --source . --only mingw

Builds the library and some of its tests for every platform whose compiler is
here, runs them, natively or in an emulator, and compares the hashes of trained
networks with those of this machine. Ends with a table for docs/platforms.md.
It takes ten minutes to half an hour. Last, the public header is compiled by
the rules of Microsoft's compiler, as far as clang knows them.
"""
import argparse
import glob
import os
import shutil
import subprocess
import sys
import tempfile
from typing import NamedTuple

from cases import Cases
from check_bits import HASH, SMALL_HASHES, differences, native_build, outcome
from check_consumers import Failed, meson, run

TESTS = ("test_bits", "test_gradients", "test_settings", "test_reader_damage")
OPTIONS = {"test_bits": ("--small", "hash")}


class Platform(NamedTuple):
    name: str
    compiler: str
    emulator: tuple    # the command before the program's; () if it runs by itself
    system: str
    family: str        # meson's
    cpu: str
    endian: str
    packages: str      # of Debian


PLATFORMS = [
    Platform("musl", "musl-gcc", (), "linux", "x86_64", "x86_64", "little", "musl-tools"),
    Platform("i386", "i686-linux-gnu-gcc", (), "linux", "x86", "i686", "little",
             "gcc-i686-linux-gnu libc6-dev-i386-cross"),
    Platform("armhf", "arm-linux-gnueabihf-gcc", ("qemu-arm",), "linux", "arm", "armv7", "little",
             "qemu-user gcc-arm-linux-gnueabihf libc6-dev-armhf-cross"),
    Platform("aarch64", "aarch64-linux-gnu-gcc", ("qemu-aarch64",), "linux", "aarch64", "aarch64", "little",
             "qemu-user gcc-aarch64-linux-gnu libc6-dev-arm64-cross"),
    Platform("riscv64", "riscv64-linux-gnu-gcc", ("qemu-riscv64",), "linux", "riscv64", "riscv64", "little",
             "qemu-user gcc-riscv64-linux-gnu libc6-dev-riscv64-cross"),
    Platform("s390x", "s390x-linux-gnu-gcc", ("qemu-s390x",), "linux", "s390x", "s390x", "big",
             "qemu-user gcc-s390x-linux-gnu libc6-dev-s390x-cross"),
    Platform("mingw", "x86_64-w64-mingw32-gcc", ("wine",), "windows", "x86_64", "x86_64", "little",
             "wine64 wine gcc-mingw-w64-x86-64"),
]

CROSS = """
[binaries]
c = '{compiler}'
ar = '{ar}'
strip = '{strip}'
[built-in options]
c_link_args = ['-static']
[properties]
needs_exe_wrapper = true
[host_machine]
system = '{system}'
cpu_family = '{family}'
cpu = '{cpu}'
endian = '{endian}'
"""

# The inline functions in use, by the rules of Microsoft's compiler.
MSVC = """
#include <normnet.h>
int use(void);
int use(void)
{
    normnet_config config;
    normnet_metrics metrics;
    normnet_metrics_init(&metrics);
    return normnet_config_init(&config, NORMNET_NORM_GROUP) == NORMNET_OK;
}
"""


def first_line(*command):
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    except OSError:
        return "missing"
    return (done.stdout + done.stderr).strip().split("\n")[0]


def cross_text(platform):
    prefix = platform.compiler.rsplit("-", 1)[0] + "-" if platform.name != "musl" else ""
    return CROSS.format(**platform._asdict(), ar=prefix + "ar", strip=prefix + "strip")


def build(source, platform, folder):
    """Builds the tests; their paths."""
    cross, tree = os.path.join(folder, "cross.ini"), os.path.join(folder, "build")
    with open(cross, "w", encoding="utf-8") as file:
        file.write(cross_text(platform))
    run([*meson(), "setup", tree, source, "--buildtype=release", "-Dexamples=false", "-Ddefault_library=static",
         "-Dopenmp=disabled", "--cross-file", cross])
    run([*meson(), "compile", "-C", tree, "-j", "2", *TESTS])
    suffix = ".exe" if platform.system == "windows" else ""
    return [glob.glob(os.path.join(tree, "tests", "*", name + suffix))[0] for name in TESTS]


def check_platform(source, platform, reference):
    """{test: problems}; the folder of each test is a temporary one."""
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        programs = build(source, platform, folder)
        for name, program in zip(TESTS, programs):
            output, problems = outcome([*platform.emulator, program, *OPTIONS.get(name, ())], cwd=folder,
                                       env={**os.environ, "WINEDEBUG": "-all", "WINEPREFIX": folder + "/wine"})
            if name == "test_bits":
                problems += differences(dict(HASH.findall(output.replace("\r", ""))), reference, SMALL_HASHES)
            found[name] = problems
    return found


def check_msvc(include):
    problems = []
    for target in ("x86_64-pc-windows-msvc", "i686-pc-windows-msvc"):
        done = subprocess.run(["clang", "--target=" + target, "-fms-compatibility", "-fms-extensions", "-std=c11",
                               "-ffreestanding", "-Wall", "-Werror", "-DNORMNET_SHARED", "-fsyntax-only", "-I",
                               include, "-x", "c", "-"], input=MSVC, capture_output=True, text=True, check=False)
        problems += [target + ": " + done.stderr[-600:]] if done.returncode != 0 else []
    return problems


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", required=True, type=os.path.abspath)
    parser.add_argument("--only", action="append", metavar="NAME", choices=[platform.name for platform in PLATFORMS],
                        help=", ".join(platform.name for platform in PLATFORMS))
    arguments = parser.parse_args()
    for name in ("CC", "CFLAGS", "LDFLAGS", "DESTDIR"):
        os.environ.pop(name, None)
    cases = Cases()
    reference, problems = native_build(arguments.source, "gcc" if shutil.which("gcc") else "cc", 3, "disabled")
    cases.check("platforms: this machine", problems + ([] if reference else ["it prints no hashes"]))
    wrong = {name: "0" * 16 for name in reference}
    cases.check("platforms: other hashes are found", [] if differences(wrong, reference, len(reference)) else
                ["not found"])
    rows = []
    for platform in PLATFORMS:
        if arguments.only and platform.name not in arguments.only:
            continue
        if not all(map(shutil.which, (platform.compiler, *platform.emulator))):
            cases.skip("platforms: " + platform.name, "apt-get install " + platform.packages)
            continue
        try:
            found = check_platform(arguments.source, platform, reference)
        except Failed as failure:
            found = {"build": [str(failure)]}
        for name, problems in found.items():
            cases.check("platforms: %s, %s" % (platform.name, name), problems)
        rows.append([platform.name, platform.endian, first_line(platform.compiler, "--version"),
                     first_line(platform.emulator[0], "--version") if platform.emulator else "none",
                     *("yes" if found.get(name) == [] else "no" for name in TESTS)])
    if shutil.which("clang"):
        cases.check("platforms: the header by Microsoft's rules", check_msvc(os.path.join(arguments.source, "include")))
    else:
        cases.skip("platforms: the header by Microsoft's rules", "needs clang; apt-get install clang")
    print("| platform | endian | compiler | emulator | %s |\n|%s" % (" | ".join(TESTS), "---|" * (4 + len(TESTS))))
    for row in rows:
        print("| %s |" % " | ".join(row))
    return cases.end()


if __name__ == "__main__":
    sys.exit(main())
