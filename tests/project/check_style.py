# SPDX-License-Identifier: MIT
"""The style of the sources: .clang-format for all in C and C++, .clang-tidy for C
in the library and the examples.

usage: python3 check_style.py [-h | --help] [--full] SOURCE-ROOT BUILD-ROOT

The settings are written for version 14 of the tools; other versions report
other things, so that a case is skipped if version 14 is missing. `pip install
-r tests/requirements.txt` installs clang-format into a virtual environment,
where it is found next to the Python that runs this file. Each tool is first
tried on a planted violation.

clang-tidy takes about a third of a second per file. Its analyzer follows calls
into small functions only; with --full into all, which takes five times as long.
BUILD-ROOT/lint.json records the files in which it found nothing, each with a
hash of all that clang-tidy reads: these are not checked again before something
changes.
"""
import argparse
import concurrent.futures
import hashlib
import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile

from cases import Cases

VERSION = 14
CODE = ("include", "lib", "examples", "tests")
LINTED = ("lib", "examples")
SHALLOW = [f"--extra-arg={word}" for word in ("-Xclang", "-analyzer-config", "-Xclang", "mode=shallow")]
GCC_ONLY = {"-fno-allow-store-data-races", "-fno-single-precision-constant"}  # flags that clang-tidy does not take


def tool(name):
    """(command, None), or (None, why there is none)."""
    installed_by_pip = str(pathlib.Path(sys.executable).parent)
    for command, folders in ((name, installed_by_pip), ("%s-%d" % (name, VERSION), None), (name, None)):
        path = shutil.which(command, path=folders)
        if path is None:
            continue
        text = subprocess.run([path, "--version"], stdout=subprocess.PIPE, text=True, check=True).stdout
        if re.search(r"version %d\." % VERSION, text):
            return path, None
    return None, "needs %s %d" % (name, VERSION)


def complaints(command):
    """The errors and warnings that a tool reports for its files, as a list."""
    run = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    found = [line for line in run.stdout.splitlines() if re.search(r": (error|warning):", line)]
    return found or (["%s: exit code %d" % (" ".join(command), run.returncode)] if run.returncode != 0 else [])


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
    files = [str(path) for folder in CODE for path in sorted((root / folder).rglob("*.[ch]*"))
             if path.suffix in (".c", ".h", ".cpp", ".hpp")]
    return cases.check("format", complaints([*command, *files]))


def prerequisites(entry):
    """The paths of a source and of all headers of this project that it includes, or None if they are unknown."""
    compiler, *arguments = shlex.split(entry["command"])
    kept = [argument for argument in arguments if argument.startswith(("-I", "-D", "-std", "-isystem", "-f", "-m"))]
    command = [compiler, *kept, "-MM", entry["file"]]
    run = subprocess.run(command, cwd=entry["directory"], capture_output=True, text=True, check=False)
    if run.returncode != 0:
        return None
    names = run.stdout.split(":", 1)[1].replace("\\\n", " ").split()
    return [pathlib.Path(entry["directory"], name) for name in names]


def fingerprint(entries, common):
    """A hash of all that the tool reads for one source, or None if it is unknown."""
    text = hashlib.sha256(common)
    for entry in entries:
        paths = prerequisites(entry)
        if paths is None:
            return None
        text.update(entry["command"].encode())
        for path in paths:
            text.update(hashlib.sha256(path.read_bytes()).digest())
    return text.hexdigest()


def sources(root, build):
    """{path: its compile commands}. Files of other systems are not in this build's list of commands."""
    found = {}
    for entry in json.loads((build / "compile_commands.json").read_text(encoding="utf-8")):
        entry["command"] = " ".join(word for word in entry["command"].split(" ") if word not in GCC_ONLY)
        path = (build / entry["directory"] / entry["file"]).resolve()
        if path.suffix == ".c" and path.is_relative_to(root) and path.relative_to(root).parts[0] in LINTED:
            found.setdefault(str(path), []).append(entry)
    return dict(sorted(found.items()))


def lint(path, entries, common, clean, command):
    """(fingerprint, complaints) of one source."""
    now = fingerprint(entries, common)
    return now, [] if now is not None and clean.get(path) == now else complaints([*command, path])


def check_lint(cases, root, build, full):
    program, missing = tool("clang-tidy")
    if missing:
        return cases.skip("lint", missing)
    settings = root / ".clang-tidy"
    command = [program, "--quiet", "--config-file=%s" % settings, *([] if full else SHALLOW)]
    if not planted("int f(void);\nint f(void)\n{\n    int *p = 0;\n    return *p;\n}\n", [*command, "--"]):
        return cases.check("lint", ["clang-tidy finds nothing wrong with a planted violation"])
    version = subprocess.run([program, "--version"], capture_output=True, check=True).stdout
    common = settings.read_bytes() + version + " ".join(command).encode()
    record = build / "lint.json"
    clean = json.loads(record.read_text(encoding="utf-8")) if record.exists() else {}
    files = sources(root, build)
    with tempfile.TemporaryDirectory() as folder, concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        commands = [entry for entries in files.values() for entry in entries]
        pathlib.Path(folder, "compile_commands.json").write_text(json.dumps(commands), encoding="utf-8")
        results = list(pool.map(lambda path: lint(path, files[path], common, clean, [*command, "-p", folder]), files))
    partial = record.with_suffix(".new")
    partial.write_text(json.dumps({path: now for path, (now, found) in zip(files, results) if now and not found}),
                       encoding="utf-8")
    partial.replace(record)
    # A header's complaint comes once for each source that includes it.
    return cases.check("lint", list(dict.fromkeys(line for _, found in results for line in found)))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true")
    parser.add_argument("source_root", type=pathlib.Path)
    parser.add_argument("build_root", type=pathlib.Path)
    arguments = parser.parse_args()
    root, build, cases = arguments.source_root.resolve(), arguments.build_root.resolve(), Cases()
    check_format(cases, root)
    check_lint(cases, root, build, arguments.full)
    return cases.end()


if __name__ == "__main__":
    raise SystemExit(main())
