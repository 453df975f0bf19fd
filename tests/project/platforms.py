# SPDX-License-Identifier: MIT
"""Other systems and processors: how the library and its tests are built for them, and how their programs run here."""
import glob
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from typing import NamedTuple

from commands import meson, run


class Platform(NamedTuple):
    name: str
    prefix: str       # of the cross compiler's names; clang takes linker and libraries from it
    emulator: tuple   # the command before the program's; () if the programs run by themselves
    system: str       # these four are meson's
    family: str
    cpu: str
    endian: str
    packages: str     # of Debian
    compiler: str = "gcc"

    @property
    def title(self):
        return "%s, %s" % (self.name, self.compiler)

    @property
    def command(self):
        """The compiler's."""
        if self.compiler == "clang":
            return ["clang", "--target=" + self.prefix.rstrip("-")]
        return [self.prefix + self.compiler]

    @property
    def runner(self):
        """How its programs run here: a processor of 64 bits runs those of its family's 32 by itself."""
        return ["qemu-i386"] if self.family == "x86" and platform.machine() != "x86_64" else list(self.emulator)

    @property
    def missing(self):
        """Commands that are not here."""
        tools = [self.prefix + "gcc", self.command[0], *self.runner[:1]]
        return [tool for tool in tools if shutil.which(tool) is None]

    @property
    def how_to_install(self):
        return "needs %s; apt-get install %s" % (" and ".join(self.missing), self.packages)


def debian(machine, emulator, family, cpu, endian, port, compiler="gcc"):
    """A platform of Debian's cross compilers; `port` is Debian's name of the machine."""
    packages = "gcc-%s libc6-dev-%s-cross" % (machine, port) + " clang" * (compiler == "clang")
    return Platform(port.replace("arm64", "aarch64"), machine + "-", (emulator,) if emulator else (), "linux", family,
                    cpu, endian, ("qemu-user " if emulator else "") + packages, compiler)


MUSL = Platform("musl", "musl-", (), "linux", platform.machine(), platform.machine(), sys.byteorder, "musl-tools")
I386 = debian("i686-linux-gnu", "", "x86", "i686", "little", "i386")
MINGW = Platform("mingw", "x86_64-w64-mingw32-", ("wine",), "windows", "x86_64", "x86_64", "little",
                 "gcc-mingw-w64-x86-64 wine wine64")
AARCH64 = debian("aarch64-linux-gnu", "qemu-aarch64", "aarch64", "aarch64", "little", "arm64")
# It would fuse multiply-adds by itself where the processor has them.
AARCH64_CLANG = debian("aarch64-linux-gnu", "qemu-aarch64", "aarch64", "aarch64", "little", "arm64", "clang")
ARMHF = debian("arm-linux-gnueabihf", "qemu-arm", "arm", "armv7", "little", "armhf")
RISCV64 = debian("riscv64-linux-gnu", "qemu-riscv64", "riscv64", "riscv64", "little", "riscv64")
S390X = debian("s390x-linux-gnu", "qemu-s390x", "s390x", "s390x", "big", "s390x")
PLATFORMS = [MUSL, I386, MINGW, AARCH64, AARCH64_CLANG, ARMHF, RISCV64, S390X]

CROSS = """
[binaries]
c = {compiler}
ar = '{ar}'
strip = '{strip}'
[built-in options]
c_args = {flags}
c_link_args = ['-static']
[host_machine]
system = '{system}'
cpu_family = '{family}'
cpu = '{cpu}'
endian = '{endian}'
"""


def cross_file(target, folder, flags=()):
    """The file that tells meson about a platform."""
    tools = target.prefix if target is not MUSL else ""  # whose tools are the machine's own
    path = os.path.join(folder, "cross.ini")
    with open(path, "w", encoding="utf-8") as file:
        file.write(CROSS.format(**{**target._asdict(), "compiler": target.command}, ar=tools + "ar",
                                strip=tools + "strip", flags=list(flags)))
    return path


def build(source, folder, names, *options, **environment):
    """Builds some test programs, or all if there are no names; their paths."""
    run(*meson(), "setup", folder, source, "--buildtype=release", "-Dexamples=false", *options,
        env={**os.environ, **environment})
    run(*meson(), "compile", "-C", folder, "-j", "2", *names)
    return [path for name in names for suffix in ("", ".exe")
            for path in glob.glob(os.path.join(folder, "tests", "*", name + suffix))]


def cross_build(source, target, folder, names, flags=(), options=()):
    """The same for another platform: their paths."""
    return build(source, os.path.join(folder, "build"), names, "--cross-file", cross_file(target, folder, flags),
                 "-Ddefault_library=static", "-Dopenmp=disabled", *options)


def outcome(command, **settings):
    """What a test program prints, and the cases that fail in it."""
    done = subprocess.run(command, capture_output=True, text=True, **settings)
    problems = re.findall(r"^FAIL .*$", done.stdout, re.M)
    if done.returncode != 0 and not problems:
        problems = ["%s: exit code %d: %s" % (" ".join(command), done.returncode, done.stderr[-800:].strip())]
    return done.stdout, problems


class Machine:
    """A temporary folder with the programs of a platform, and what runs them in it."""

    def __init__(self, target):
        self.target = target
        self.folder = tempfile.mkdtemp(prefix="normnet-")
        self.environment = dict(os.environ)
        if "wine" in target.emulator:
            # Its own C: drive, no messages, and no offer to install what web pages and .NET would need.
            self.environment.update(WINEPREFIX=os.path.join(self.folder, "wine"), WINEDEBUG="-all",
                                    WINEDLLOVERRIDES="mscoree,mshtml=")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if "wine" in self.target.emulator:
            subprocess.run(["wineserver", "--kill"], env=self.environment, capture_output=True, check=False)
        shutil.rmtree(self.folder, ignore_errors=True) # what has been killed may still be writing

    def outcome(self, program, *options):
        return outcome([*self.target.runner, program, *options], cwd=self.folder, env=self.environment)
