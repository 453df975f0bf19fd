# SPDX-License-Identifier: MIT
"""Releases: today's version wherever it is named, and what earlier ones left.

usage: python3 check_release.py --source SOURCE-ROOT --library FILE
           [--cc COMMAND] [--write] [-h | --help]

example: python3 tests/project/check_release.py --source . \\
             --library build/dev/lib/libnormnet.so

tests/releases has a folder for each release: its header, descriptions of its
binary interface, a checkpoint, a file of weights, and what they predict. The
library must load these files, predict the same bits, and continue the training
with the same bits (unless normnet_bits_version() has changed), for a program
that is compiled with the header of that release; its interface must still be
there. --write stores those of today's version, before it is released; a folder
that the last commit has with a dated section in CHANGELOG.md is not replaced.
"""
import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import check_abi
import public_header
from cases import Cases

FILES = ("checkpoint.safetensors", "weights.safetensors")


def run(*command, **settings):
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False, **settings)


def replay(source, library, compiler, include, *arguments):
    """(what release_files prints, problems) when compiled with the header in `include`."""
    with tempfile.TemporaryDirectory() as folder:
        program = os.path.join(folder, "release_files")
        for command in ([*compiler, "-std=c11", "-Wall", "-Wextra", "-Werror", "-I", include,
                         source / "tests" / "project" / "release_files.c", library,
                         "-Wl,-rpath," + str(library.parent), "-o", program], [program, *arguments]):
            done = run(*command)
            if done.returncode != 0:
                return "", ["exit code %d: %s" % (done.returncode, done.stderr[-800:])]
    return done.stdout, []


# ---- Today's version ----

def first_section(changelog):
    """(version, date or "unreleased") of the newest section."""
    return re.search(r"^## (\S+), (.*)$", changelog, re.M).groups()


def check_version(texts):
    """Where else than in the header the version stands; texts are those of header, CHANGELOG, README and map."""
    header, changelog, readme, symbol_map = texts
    version = public_header.version(header)
    problems = []
    if first_section(changelog)[0] != version:
        problems.append("CHANGELOG.md begins with %s, the header says %s" % (first_section(changelog)[0], version))
    named = set(re.findall(r"normnet-(\d+\.\d+\.\d+)", readme)) | {
        short + version[len(short):] for short in re.findall(r"find_package\(normnet (\d+\.\d+) ", readme)
        if not version.startswith(short + ".")}
    problems += ["README.md names version %s, the header says %s" % (name, version) for name in named - {version}]
    newest = max(tuple(map(int, node)) for node in re.findall(r"^NORMNET_(\d+)\.(\d+)", symbol_map, re.M))
    if newest > tuple(map(int, version.split(".")[:2])):
        problems.append("normnet.map has a node of version %d.%d, the header says %s" % (*newest, version))
    return problems


def check_planted(texts):
    header, changelog, readme, symbol_map = texts
    patch = re.sub(r"(VERSION_PATCH )\d+", r"\g<1>77", header)
    planted = [("the header", (patch, changelog, readme, symbol_map)),
               ("CHANGELOG", (header, changelog.replace("## ", "## 7", 1), readme, symbol_map)),
               ("README", (header, changelog, re.sub(r"normnet-\d", "normnet-7", readme), symbol_map)),
               ("the map", (header, changelog, readme, "NORMNET_7.0 {\n};\n" + symbol_map))]
    return ["not found: another version in " + name for name, changed in planted if not check_version(changed)]


# ---- Stored releases ----

def check_files(source, folder, library, compiler, bits_version):
    output, problems = replay(source, library, compiler, folder, folder)
    expected = (folder / "predictions.txt").read_text(encoding="utf-8").splitlines()
    found = output.splitlines()
    if public_header.number((folder / "normnet.h").read_text(encoding="utf-8"), "NORMNET_BITS_VERSION") != bits_version:
        expected, found = ([line for line in lines if not line.startswith("continued")] for lines in (expected, found))
    if len(expected) < 100:
        problems.append("predictions.txt has %d lines" % len(expected))
    if not problems and len(found) != len(expected):
        problems.append("%d lines, expected %d" % (len(found), len(expected)))
    return problems + ["'%s', in the release '%s'" % pair for pair in zip(found, expected) if pair[0] != pair[1]]


def check_damaged(source, folder, library, compiler, bits_version):
    """Other predictions and a damaged file are found."""
    problems = []
    for name, position in (("predictions.txt", -3), ("weights.safetensors", -3)):
        with tempfile.TemporaryDirectory() as temporary:
            copy = pathlib.Path(temporary) / "release"
            shutil.copytree(folder, copy)
            content = bytearray((copy / name).read_bytes())
            content[position] ^= 1
            (copy / name).write_bytes(bytes(content))
            if not check_files(source, copy, library, compiler, bits_version):
                problems.append("a changed byte of %s is not found" % name)
    return problems


def check_interface(folder, source):
    """Whether programs of a release run today, as the descriptions tell."""
    return ["%s: programs would break:\n%s" % (old.name, report) for old in sorted(folder.glob("*.abi"))
            for report in [check_abi.breaks(old, source / "tests" / "project" / "abi" / old.name)] if report]


def write(source, library, compiler, texts):
    version = public_header.version(texts[0])
    folder = source / "tests" / "releases" / version
    if folder.exists() and first_section(texts[1]) != (version, "unreleased"):
        sys.exit("error: version %s is released, and its files stay as they are" % version)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "normnet.h").write_text(texts[0], encoding="utf-8")
    for description in (source / "tests" / "project" / "abi").glob("*.abi"):
        shutil.copy(description, folder)
    output, problems = replay(source, library, compiler, folder, "--write", folder)
    if problems:
        sys.exit("error: " + problems[0])
    (folder / "predictions.txt").write_text(output, encoding="utf-8")
    print("written: %s" % folder)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", required=True, type=lambda path: pathlib.Path(path).resolve())
    parser.add_argument("--library", required=True, type=lambda path: pathlib.Path(path).resolve())
    parser.add_argument("--cc", type=str.split, default=["cc"])
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    source = arguments.source
    texts = [(source / name).read_text(encoding="utf-8")
             for name in ("include/normnet.h", "CHANGELOG.md", "README.md", "lib/normnet.map")]
    if arguments.write:
        write(source, arguments.library, arguments.cc, texts)
        return 0
    cases = Cases()
    cases.check("release: one version everywhere", check_version(texts))
    cases.check("release: planted versions are found", check_planted(texts))
    folders = sorted(path for path in (source / "tests" / "releases").iterdir() if path.is_dir())
    cases.check("release: there are stored ones", [] if folders else ["tests/releases is empty"])
    bits_version = public_header.number(texts[0], "NORMNET_BITS_VERSION")
    for folder in folders:
        name = "release: %s, " % folder.name
        settings = (source, folder, arguments.library, arguments.cc, bits_version)
        cases.check(name + "its files load and predict the same bits", check_files(*settings))
        cases.check(name + "planted differences are found", check_damaged(*settings))
        if shutil.which("abidiff"):
            cases.check(name + "its programs run", check_interface(folder, source))
        else:
            cases.skip(name + "its programs run", "needs abidiff; apt-get install abigail-tools")
    return cases.end()


if __name__ == "__main__":
    sys.exit(main())
