# SPDX-License-Identifier: MIT
"""python -m normnet COMMAND [OPTION]...: the program normnet-mnist, which trains, predicts and reports.

The package brings it along. It is started in place of Python, so that its output, Ctrl-C and exit code are its own.
`python examples/python COMMAND` starts the one that meson has built in the source tree.
"""
import importlib.metadata
import os
import pathlib
import subprocess
import sys

NAMES = ("normnet-mnist", "normnet-mnist.exe")


def installed():
    """The program of the installed package, wherever pip has put it."""
    try:
        files = importlib.metadata.files("normnet")
    except importlib.metadata.PackageNotFoundError:
        return []
    return [pathlib.Path(file.locate()).resolve() for file in files or [] if file.name in NAMES]


def built():
    """The programs of the build directories, if this is the source tree."""
    here = pathlib.Path(__file__).resolve().parent
    if not (here / "normnet.py").is_file():
        return []
    root = here.parents[1]
    builds = ("build", "builddir", "build/release", "build/examples", "build/dev")
    return [root / build / "examples" / "mnist" / name for build in builds for name in NAMES]


def main():
    programs = [program for program in built() or installed() if program.is_file()]
    if not programs:
        print("error: normnet-mnist was not found: pip install it with this package, or build it with meson",
              file=sys.stderr)
        return 1
    command = [str(programs[0]), *sys.argv[1:]]
    if os.name == "nt":  # where the program would run on after the shell has its prompt back
        return subprocess.run(command, check=False).returncode
    sys.stdout.flush()
    os.execv(command[0], command)


sys.exit(main())
