# SPDX-License-Identifier: MIT
"""What cppcheck and gcc -fanalyzer find in the library and in the examples in C.

usage: python3 check_analyzers.py [--cppcheck] [--gcc] [-h | --help]
           SOURCE-ROOT BUILD-ROOT

BUILD-ROOT has the compile_commands.json that says what gcc compiles, and how.
FALSE_ALARMS below are written for the versions of Debian 12; others report
other things, so that a case is skipped if these are missing. A line there that
matches nothing is a mistake too. Each tool is first tried on a planted defect.
cppcheck takes seven seconds of a core, gcc 45; both run without an option.
"""
import argparse
import concurrent.futures
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import tempfile
from typing import NamedTuple

from cases import Cases
from check_style import LINTED, sources

class FalseAlarm(NamedTuple):
    rule: str
    source: str  # part of the path that the tool names
    text: str    # part of its message
    reason: str

CPPCHECK_VERSION = "2.10"
CPPCHECK_FALSE_ALARMS = [
    FalseAlarm("returnDanglingLifetime", "lib/layers/loss.h", "'values'",
               "the struct is a copy, but what its pointer points to lives on"),
    FalseAlarm("incorrectLogicOperator", "lib/io/element_type.c", "0x1p63", "it misreads hexadecimal floats"),
    FalseAlarm("uninitvar", "lib/kernels/lanes.h", "value", "it does not know that value[lane] writes to a vector"),
    FalseAlarm("uninitvar", "lib/kernels/outer_product_kernels.h", "sum.low, sum.high",
               "a loop that runs at least once writes them"),
    FalseAlarm("uninitvar", "lib/kernels/outer_product_kernels.h", "last", "written through `to` where it is read"),
    FalseAlarm("nullPointer", "examples/mnist/training/checkpoint.c", "note",
               "snprintf may have NULL for a text of size 0"),
]

GCC_VERSION = 12
GCC_FALSE_ALARMS = [
    FalseAlarm("-Wanalyzer-use-of-uninitialized-value", "lib/train/step.c", "rules.plain",
               "a function that returns a struct initializes it"),
    FalseAlarm("-Wanalyzer-use-of-uninitialized-value", "examples/mpi/job_training.c", "whole", "the same"),
    FalseAlarm("-Wanalyzer-malloc-leak", "examples/mnist/report/material.c", "<unknown>",
               "the caller's struct owns it, and is freed by material_close"),
    FalseAlarm("-Wanalyzer-malloc-leak", "examples/mnist/report/training_material.c", "<unknown>",
               "the same; by training_material_close"),
    FalseAlarm("-Wanalyzer-null-dereference", "examples/hosts/lent_threads.c", "end", "strtol has set it"),
]
# It takes their vectors for single numbers; cppcheck and clang-tidy read them.
GCC_LEFT_OUT = "lib/kernels/kernel_table.c"

class Finding(NamedTuple):
    rule: str
    source: str
    text: str

def run(command, folder):
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)

def version(tool):
    """What a tool says of its version, or "" if it is not here."""
    return run([tool, "--version"], None).stdout if shutil.which(tool) else ""

def judge(findings, false_alarms):
    """What remains to be mended: findings that are no false alarms, and lines of that list without a finding."""
    def matches(alarm, finding):
        return alarm.rule == finding.rule and alarm.source in finding.source and alarm.text in finding.text

    problems = ["%s: %s" % (finding.source, finding.text) for finding in dict.fromkeys(findings)
                if not any(matches(alarm, finding) for alarm in false_alarms)]
    return problems + ["remove from the false alarms, since it is not reported: %s" % (alarm,)
                       for alarm in false_alarms if not any(matches(alarm, finding) for finding in findings)]

# ---- cppcheck ----

def cppcheck(root, paths, *options):
    command = ["cppcheck", "--enable=warning,portability,performance", "--std=c11", "--quiet", "-j2", "-D__x86_64__",
               "--template={file}:{line}: {id}: {message}", "--error-exitcode=0", *options, *paths]
    done = run(command, root)
    found = [Finding(rule, path, "line %s: %s [%s]" % (line, text, rule))
             for path, line, rule, text in re.findall(r"^([^:\n]+):(\d+): (\w+): (.*)$", done.stderr, re.M)]
    return found or ([Finding("", "cppcheck", done.stdout + done.stderr)] if done.returncode else [])

def check_cppcheck(cases, root):
    name = "cppcheck"
    if CPPCHECK_VERSION not in version("cppcheck"):
        return cases.skip(name, "needs cppcheck %s; apt-get install cppcheck" % CPPCHECK_VERSION)
    with tempfile.TemporaryDirectory() as folder:
        pathlib.Path(folder, "planted.c").write_text("int f(void);\nint f(void)\n{\n    int a[2] = {0, 0};\n"
                                                     "    return a[2];\n}\n", encoding="ascii")
        if not cppcheck(folder, ["planted.c"]):
            return cases.check(name, ["finds nothing wrong with a planted overflow"])
    paths = [path.relative_to(root).as_posix() for folder in LINTED for path in sorted((root / folder).rglob("*.c"))]
    includes = ["-Iinclude", "-Ilib", "-Iexamples", "-Iexamples/mnist"]
    return cases.check(name, judge(cppcheck(root, paths, *includes), CPPCHECK_FALSE_ALARMS))

# ---- gcc -fanalyzer ----

def gcc(root, source, folder, arguments):
    """The findings in one source; some have no line."""
    command = ["gcc", "-O1", "-fanalyzer", "-fno-diagnostics-show-caret", *arguments, "-c", str(source), "-o",
               os.devnull]
    done = run(command, folder)
    name = os.path.relpath(source, root)
    found = [Finding(rule, name, line) for line, rule in re.findall(r"^(.*warning:.*\[(-Wanalyzer[\w-]*)\])$",
                                                                   done.stderr, re.M)]
    return found or ([Finding("", name, done.stderr[-800:])] if done.returncode else [])

def gcc_in_build(root, entry):
    _, *arguments = shlex.split(entry["command"])
    kept = [argument for argument in arguments if argument.startswith(("-I", "-D", "-std", "-isystem", "-pthread"))]
    return gcc(root, pathlib.Path(entry["directory"], entry["file"]).resolve(), entry["directory"], kept)

def check_gcc(cases, root, build):
    name = "gcc -fanalyzer"
    if not re.match(r".* %d\." % GCC_VERSION, version("gcc")):
        return cases.skip(name, "needs gcc %d" % GCC_VERSION)
    with tempfile.TemporaryDirectory() as folder:
        planted = pathlib.Path(folder, "planted.c")
        planted.write_text("#include <stdlib.h>\nint f(int n);\nint f(int n)\n{\n    int *p = malloc(sizeof *p);\n"
                           "    if (p != NULL && n > 0)\n        free(p);\n    return n;\n}\n", encoding="ascii")
        if not gcc(folder, planted, folder, []):
            return cases.check(name, ["finds nothing wrong with a planted leak"])
    entries = [entries[0] for path, entries in sources(root, build).items() if not path.endswith(GCC_LEFT_OUT)]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        found = pool.map(lambda entry: gcc_in_build(root, entry), entries)
    return cases.check(name, judge([finding for findings in found for finding in findings], GCC_FALSE_ALARMS))

def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cppcheck", action="store_true")
    parser.add_argument("--gcc", action="store_true")
    parser.add_argument("source_root", type=pathlib.Path)
    parser.add_argument("build_root", type=pathlib.Path)
    arguments = parser.parse_args()
    root, cases = arguments.source_root.resolve(), Cases()
    if arguments.cppcheck or not arguments.gcc:
        check_cppcheck(cases, root)
    if arguments.gcc or not arguments.cppcheck:
        check_gcc(cases, root, arguments.build_root.resolve())
    return cases.end()

if __name__ == "__main__":
    raise SystemExit(main())
