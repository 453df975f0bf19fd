# SPDX-License-Identifier: MIT
"""The help of all programs: -h prints what --help prints, in 80 columns.

usage: python3 check_help.py [-h | --help] SOURCE-ROOT [PROGRAM]...

Runs each Python program and shell script of the tree that can be started, and
the built PROGRAMs, with -h and with --help. A word of a PROGRAM after a space
is an argument before the option: "normnet-mnist train". Nothing else may be
done: the tree stays as it is.
"""
import argparse
import os
import pathlib
import re
import shlex
import subprocess
import sys

from cases import Cases

WIDTH = 80
SHARED = {"tests/programs/mnist_program.py"}  # a module, which names __main__


def scripts(root):
    """The commands of the programs that need no build, with their names."""
    for path in sorted([*root.glob("examples/**/*"), *root.glob("tests/**/*")]):
        name = path.relative_to(root).as_posix()
        if not path.is_file() or name in SHARED:
            continue
        if path.suffix == ".py" and re.search(r'^if __name__ == "__main__":', path.read_text(encoding="utf-8"), re.M):
            yield name, [sys.executable, str(path)]
        elif path.suffix in ("", ".sh") and path.read_bytes().startswith(b"#!/bin/sh"):
            yield name, ["sh", str(path)]


def run(command):
    environment = {**os.environ, "COLUMNS": str(WIDTH)}
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, env=environment,
                          timeout=600, check=False)


def problems(command):
    """What is wrong with the help of a program; None if it needs a package that is missing here."""
    short, long = run([*command, "-h"]), run([*command, "--help"])
    if long.returncode == 1 and re.search(r"^error: .*(not found|install)|ModuleNotFoundError", long.stderr, re.M):
        return None
    found = ["exit code %d: %s" % (done.returncode, done.stderr[-300:]) for done in (short, long) if done.returncode]
    if not found and short.stdout != long.stdout:
        found.append("-h and --help differ")
    if not found and not long.stdout.strip():
        found.append("it prints nothing on standard output")
    return found + ["%d columns: %s" % (len(line), line) for line in long.stdout.splitlines() if len(line) > WIDTH]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", metavar="SOURCE-ROOT", type=pathlib.Path)
    parser.add_argument("programs", metavar="PROGRAM", nargs="*")
    arguments = parser.parse_args()
    cases = Cases()
    commands = list(scripts(arguments.root.resolve()))
    cases.check("help: there are programs", [] if len(commands) > 15 else ["only %d scripts" % len(commands)])
    for program in arguments.programs:
        words = shlex.split(program)
        commands.append((" ".join([pathlib.Path(words[0]).name, *words[1:]]), words))
    for name, command in commands:
        found = problems(command)
        if found is None:
            cases.skip("help: " + name, "needs a Python package, see tests/requirements.txt")
        else:
            cases.check("help: " + name, found)
    return cases.end()


if __name__ == "__main__":
    sys.exit(main())
