# SPDX-License-Identifier: MIT
"""The scripts, in shell and in Python: their help, and what they print while
something takes long.

usage: python3 check_scripts.py [-h | --help] SOURCE-ROOT
"""
import argparse
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

from cases import Cases

HELP_COLUMNS, CODE_COLUMNS = 80, 120
SHELL = ("examples/run", "examples/fetch_mnist.sh", "tests/run")

# meson's line for a test that has finished, from 1.0 to 1.12, and what is shown of it.
PROGRESS = [
    ("1/9 c+quick - normnet:test_bits      OK                0.10s", "   1/9  test_bits      OK                0.10s"),
    (" 2/10 normnet:c+quick / test_bits OK             0.10s", "    2/10  test_bits OK             0.10s"),
    ("3/9 normnet / test_bits FAIL   1.00s   exit status 1", "   3/9  test_bits FAIL   1.00s   exit status 1"),
    ("Full log written to /tmp/normnet / build/testlog.txt", None),
    ("ninja: Entering directory `/tmp/1/2 - normnet'", None),
    ("Ok:                 1", None),
]


def run(command, **settings):
    return subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, **settings)


def tools(root):
    """The commands that have a help."""
    found = [["sh", str(root / name)] for name in SHELL]
    for folder in ("examples", "tests"):
        for path in sorted((root / folder).rglob("*.py")):
            if '\nif __name__ == "__main__":' in path.read_text(encoding="utf-8"):
                found.append([sys.executable, str(path)])
    return found


def help_problems(command):
    """What is wrong with a help, or None if the tool lacks a Python package."""
    long, short = (run([*command, option], env={**os.environ, "COLUMNS": str(HELP_COLUMNS)})
                   for option in ("--help", "-h"))
    if "install the package" in long.stderr or "ModuleNotFoundError" in long.stderr:
        return None
    problems = ["%s ends with %d: %s" % (option, done.returncode, done.stderr.strip()[-200:])
                for option, done in (("--help", long), ("-h", short)) if done.returncode != 0]
    if long.stdout != short.stdout or "usage" not in long.stdout.lower():
        problems.append("-h prints something else than --help, or no usage")
    return problems + ["%d columns: %s" % (len(line), line) for line in long.stdout.splitlines()
                       if len(line) > HELP_COLUMNS]


def line_problems(root):
    """Lines of the scripts in shell that are too long."""
    scripts = [path for folder in ("examples", "tests") for path in sorted((root / folder).rglob("*.sh"))]
    return ["%s:%d has %d columns" % (path.relative_to(root), number, len(line))
            for path in [*scripts, *(root / name for name in SHELL)]
            for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1) if len(line) > CODE_COLUMNS]


def progress_problems(root):
    """What is wrong with the lines for tests that have finished."""
    text = "".join(line + "\n" for line, _ in PROGRESS)
    done = subprocess.run(["sh", "-c", ". tests/harness/progress.sh; show_progress"], cwd=root, input=text,
                          capture_output=True, text=True)
    expected = [shown for _, shown in PROGRESS if shown is not None]
    shown = done.stdout.splitlines()
    return [] if shown == expected else ["shown is %r, expected %r; %s" % (shown, expected, done.stderr)]


def life_problems(root):
    """What is wrong with the signs of life of a command that takes long, and of one that does not."""
    script = """
        set -eu
        . examples/toolchain.sh
        slow() { until [ "$(wc -l <"$1")" -ge 2 ]; do sleep 0.1; done; return 4; }
        with_signs_of_life 1 waiting slow "$1" >"$1" || echo "result $?"
        with_signs_of_life 600 waiting true
        echo end
    """
    with tempfile.TemporaryDirectory() as folder:
        output = pathlib.Path(folder, "output")
        output.touch()
        done = run(["sh", "-c", script, "sh", str(output)], cwd=root)
        lines = output.read_text(encoding="ascii").splitlines()
    problems = [] if lines[:2] == ["   still waiting: 0 min 1 s", "   still waiting: 0 min 2 s"] else \
        ["it prints %r" % lines]
    if done.stdout != "result 4\nend\n" or done.stderr:
        problems.append("it ends with %r, %r" % (done.stdout, done.stderr))
    return problems


# Arguments that a script does not have, and the word that it names; None if none is near.
MISTAKES = [
    ("tests/run", "quik", "quick"), ("tests/run", "QUICK", "quick"), ("tests/run", "relase", "release"),
    ("tests/run", "corss", "cross"), ("tests/run", "thread", "threads"), ("tests/run", "sanitiser", "sanitizers"),
    ("tests/run", "complete", "--complete"), ("tests/run", "-help", "--help"), ("tests/run", "--hepl", "--help"),
    ("tests/run", "x", None), ("tests/run", "a b", None), ("tests/run", "*", None), ("tests/run", "it's", None),
    ("examples/run", "--epoch", "--epochs"), ("examples/run", "--ephocs=3", "--epochs"),
    ("examples/run", "epochs", "--epochs"), ("examples/run", "--hlep", "--help"), ("examples/run", "batch", None),
]


def mistake_problems(root):
    """What is wrong with the answers to arguments that do not exist, before anything is built."""
    problems = []
    for script, argument, word in MISTAKES:
        with tempfile.TemporaryDirectory() as folder:
            done = run(["sh", str(root / script), argument], cwd=folder)
        kind = "argument" if script == "tests/run" else "option"
        expected = "error: unknown %s '%s'; see sh %s --help%s\n" % (
            kind, argument, script, "; did you mean %s?" % word if word else "")
        if (done.returncode, done.stdout, done.stderr) != (2, "", expected):
            problems.append("%s %s: %d, %r, expected %r" % (script, argument, done.returncode, done.stderr, expected))
    return problems


# What is there besides a shell, and how ensure_toolchain ends: as an ordinary user without sudo, and as root.
ORDINARY = "error: only root can install %s here, and there is no sudo; as root: apt-get install %s\n"
FAILED = "error: %s could not be installed; as root: apt-get install %s\n"
COMPILER, MESON = "a C compiler", "meson 1.0.1 or newer with ninja"
ALONE = [
    ("1000", (), ORDINARY % (COMPILER, "gcc libc6-dev meson ninja-build")),
    ("0", (), FAILED % (COMPILER, "gcc libc6-dev meson ninja-build")),
    ("1000", ("cc",), ORDINARY % (MESON, "meson ninja-build")),
    ("1000", ("cc", "python3"), ORDINARY % (MESON, "meson ninja-build")),
    ("1000", ("cc", "meson 0.56.2", "ninja"), ORDINARY % (MESON, "python3-venv")),
    ("1000", ("meson 1.0.1", "ninja"), ORDINARY % (COMPILER, "gcc libc6-dev")),
    ("1000", ("cc", "meson 1.0.1", "ninja"), ""),
    ("0", ("cc", "meson 1.0.1", "ninja"), ""),
]


def toolchain_problems(root):
    """What is wrong with the messages where tools are missing and cannot be installed."""
    problems = []
    for user, there, expected in ALONE:
        with tempfile.TemporaryDirectory() as folder:
            for name in ("sh", "env", "sort", "head", "sleep"):
                pathlib.Path(folder, name).symlink_to(shutil.which(name))
            scripts = {"id": "echo " + user, "apt-get": "exit 100"}
            for name, _, version in (tool.partition(" ") for tool in there):
                scripts[name] = "echo " + version if version else "exit 1" if name == "python3" else "exit 0"
            for name, text in scripts.items():
                path = pathlib.Path(folder, name)
                path.write_text("#!/bin/sh\n%s\n" % text, encoding="ascii")
                path.chmod(0o755)
            done = run([shutil.which("sh"), "-euc", '. examples/toolchain.sh; ensure_toolchain "$1"', "sh",
                        os.path.join(folder, "tools")], cwd=root, env={"PATH": folder})
        if (done.returncode, done.stderr) != (1 if expected else 0, expected):
            problems.append("user %s with %s: %d, %r, expected %r" % (user, there, done.returncode, done.stderr, expected))
    return problems


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source_root", type=pathlib.Path)
    root, cases = parser.parse_args().source_root.resolve(), Cases()
    for command in tools(root):
        name = "scripts: help of %s" % pathlib.Path(command[-1]).relative_to(root)
        problems = help_problems(command)
        if problems is None:
            cases.skip(name, "needs packages; pip install -r tests/requirements.txt")
        else:
            cases.check(name, problems)
    cases.check("scripts: lines of 120 columns", line_problems(root))
    cases.check("scripts: tests that have finished", progress_problems(root))
    cases.check("scripts: the nearest word", mistake_problems(root))
    cases.check("scripts: signs of life", life_problems(root))
    cases.check("scripts: tools that are missing", toolchain_problems(root))
    return cases.end()


if __name__ == "__main__":
    sys.exit(main())
