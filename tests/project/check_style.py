# SPDX-License-Identifier: MIT
"""The style of the C sources: .clang-format for all of them, .clang-tidy for the library and the examples.

usage: python3 check_style.py [--help] SOURCE-ROOT BUILD-ROOT

Other versions of the tools than the settings were written for see other things: with them the cases are skipped.
Each tool proves itself on a planted violation first.
"""
import argparse
import concurrent.futures
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

from cases import Cases

VERSION = 14
CODE = ("include", "lib", "examples", "tests")
LINTED = ("lib", "examples")


def tool(name):
    """(command, None), or (None, why there is none)."""
    for command in ("%s-%d" % (name, VERSION), name):
        path = shutil.which(command)
        if path is None:
            continue
        text = subprocess.run([path, "--version"], stdout=subprocess.PIPE, universal_newlines=True, check=True).stdout
        if re.search(r"version %d\." % VERSION, text):
            return path, None
    return None, "needs %s %d" % (name, VERSION)


def complaints(command):
    """What a tool says of the files that it is called with; nothing if it likes them."""
    run = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True, check=False)
    found = [line for line in run.stdout.splitlines() if re.search(r": (error|warning):", line)]
    return found or (["%s: exit code %d" % (" ".join(command), run.returncode)] if run.returncode != 0 else [])


def all_complaints(commands):
    """The complaints of many calls, in order and each once, with as many calls at a time as there are processors."""
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(dict.fromkeys(line for lines in pool.map(complaints, commands) for line in lines))


def planted(text, arguments):
    """The complaints about a file with these contents."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "planted.c")
        path.write_text(text, encoding="ascii")
        return complaints([*arguments, str(path)])


def check_format(cases, root):
    program, missing = tool("clang-format")
    if missing:
        return cases.skip("format", missing)
    command = [program, "--dry-run", "-Werror", "--style=file:%s" % (root / ".clang-format")]
    if not planted("int  f(void){return 0;}\n", command):
        return cases.check("format", ["clang-format finds nothing wrong with a planted violation"])
    files = [str(path) for folder in CODE for path in sorted((root / folder).rglob("*.[ch]"))]
    return cases.check("format", complaints([*command, *files]))


def check_lint(cases, root, build):
    program, missing = tool("clang-tidy")
    if missing:
        return cases.skip("lint", missing)
    command = [program, "--quiet", "--config-file=%s" % (root / ".clang-tidy")]
    if not planted("int f(void);\nint f(void)\n{\n    int *p = 0;\n    return *p;\n}\n", [*command, "--"]):
        return cases.check("lint", ["clang-tidy finds nothing wrong with a planted violation"])
    # Files of other systems are in no list of this build's commands.
    listed = json.loads((build / "compile_commands.json").read_text(encoding="utf-8"))
    built = {(build / entry["directory"] / entry["file"]).resolve() for entry in listed}
    files = sorted(path for path in built if path.suffix == ".c" and path.is_relative_to(root)
                   and path.relative_to(root).parts[0] in LINTED)
    return cases.check("lint", all_complaints([[*command, "-p", str(build), str(path)] for path in files]))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source_root", type=pathlib.Path)
    parser.add_argument("build_root", type=pathlib.Path)
    arguments = parser.parse_args()
    root, build, cases = arguments.source_root.resolve(), arguments.build_root.resolve(), Cases()
    check_format(cases, root)
    check_lint(cases, root, build)
    return cases.end()


if __name__ == "__main__":
    raise SystemExit(main())
