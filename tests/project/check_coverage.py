# SPDX-License-Identifier: MIT
"""Which lines and branches of lib/ the tests in C run.

usage: python3 check_coverage.py --source SOURCE-ROOT
           [--library libnormnet.so --counters FOLDER] [-h | --help]

example: sh tests/run clang

The library of a build with -Dcoverage=true counts what runs; its programs add
to the counters in FOLDER, where report.txt will have what does not run. Every
line has to run, and of the branches (each side of a condition is one) the share
that LIMITS says. Those of a kernel have to run on each instruction set that
this machine has. What cannot run is listed in tests/project/coverage.txt; an
entry is wrong if nothing has its text, or if what it names runs after all.

Without --library only the check itself is tested, on planted sources, and the
texts of the list are looked up.
"""
import argparse
import ctypes
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
from typing import NamedTuple

from cases import Cases
from commands import Failed, run

TOOLS = ["clang", "llvm-profdata", "llvm-cov"]
LIST = "tests/project/coverage.txt"
COUNTING = ["-fprofile-instr-generate", "-fcoverage-mapping"]
# Parts of the library: the share of their branches that has to run, and the folders.
LIMITS = {"all": (0.95, ("lib/",)), "readers": (0.98, ("lib/io/", "lib/files/"))}
# Slower ones first: a machine that has one has those before it.
INSTRUCTION_SETS = ["portable", "neon", "avx2", "avx512"]
LINE, TRUE, FALSE = "line", "never true", "never false"
# Of llvm-cov's regions.
CODE, EXPANSION, SKIPPED, GAP = 0, 1, 2, 3


# ---- What ran ----

class Place(NamedTuple):
    """A line, or one side of a condition."""
    path: str
    number: int
    column: int           # 0 for a line
    kind: str
    function: str
    instruction_set: str  # "" if it is not a kernel
    text: str

    def __str__(self):
        return "%s:%d %s%s: %s: %s" % (self.path, self.number, self.function,
                                       self.instruction_set and " (%s)" % self.instruction_set, self.kind, self.text)


class Sources:
    """The lines of the files below a folder."""

    def __init__(self, root):
        self.root = os.path.realpath(root)
        self.files = {}

    def path(self, name):
        return os.path.relpath(os.path.realpath(name), self.root).replace(os.sep, "/")

    def lines(self, path):
        if path not in self.files:
            self.files[path] = pathlib.Path(self.root, path).read_text(encoding="utf-8").split("\n")
        return self.files[path]

    def text(self, path, start, end):
        """From one (line, column) to another, with single spaces."""
        lines = self.lines(path)[start[0] - 1:end[0]]
        lines[-1] = lines[-1][:end[1] - 1]
        lines[0] = lines[0][start[1] - 1:]
        return " ".join(" ".join(lines).split())


def names(record):
    """A function's name without what makes it unique, and its instruction set if it is a kernel."""
    before, _, function = record["name"].rpartition(":")
    for name in INSTRUCTION_SETS:
        if before == name or not before and function.endswith("_" + name):
            return function.removesuffix("_" + name), name
    return function, ""


def count_at(regions, place):
    """The count of the innermost region with a place, or None if the compiler skips it."""
    inside = [(start, code) for start, end, code in regions if start <= place < end]
    return max(inside, key=lambda found: found[0])[1] if inside else None


def line_counts(sources, path, regions):
    """(number, count) of a function's lines with code."""
    spans = [((a, b), (c, d), None if kind == SKIPPED else count) for a, b, c, d, count, _, _, kind in regions]
    starting = {}
    for a, _, _, _, count, _, _, kind in regions:
        if kind in (CODE, EXPANSION):
            starting[a] = max(count, starting.get(a, 0))
    for number in range(min(start[0] for start, _, _ in spans), max(end[0] for _, end, _ in spans) + 1):
        line = sources.lines(path)[number - 1]
        code = re.sub(r"/\*.*?(\*/|$)|//.*", "", line)
        if not re.search(r"\w", code) or line.lstrip().startswith(("* ", "#")):
            continue
        count = count_at(spans, (number, len(line) - len(line.lstrip()) + 1))
        if count is not None or number in starting:
            yield number, max(count or 0, starting.get(number, 0))


def branch_counts(record, files):
    """(file, start, end, kind, count) of both sides of a function's conditions; none of those that are constant."""
    for a, b, c, d, true, false, file, _, _ in record["branches"]:
        spans = [((e, f), (g, h), count) for e, f, g, h, count, of, _, kind in record["regions"]
                 if of == file and kind in (CODE, EXPANSION)]
        if true or false or not count_at(spans, (a, b)):
            yield files[file], (a, b), (c, d), TRUE, true
            yield files[file], (a, b), (c, d), FALSE, false


def places(export, sources, instruction_sets):
    """Whether each place in lib/ has run: a dictionary. An inline function has a record per source that includes it."""
    records = []
    for record in export["data"][0]["functions"]:
        files = [sources.path(name) for name in record["filenames"]]
        if files[0].startswith("lib/"):
            records.append((record, files, *names(record)))
    # What others include too is no kernel, and runs if it does so anywhere.
    shared = {files[0] for _, files, _, instruction_set in records if not instruction_set}
    ran = {}
    for record, files, function, instruction_set in records:
        if files[0] in shared:
            instruction_set = ""
        elif instruction_set not in instruction_sets:
            continue
        own = [region for region in record["regions"] if region[5] == 0]
        for number, count in line_counts(sources, files[0], own):
            text = " ".join(sources.lines(files[0])[number - 1].split())
            place = Place(files[0], number, 0, LINE, function, instruction_set, text)
            ran[place] = ran.get(place, False) or count > 0
        for path, start, end, kind, count in branch_counts(record, files):
            if path.startswith("lib/"):
                place = Place(path, *start, kind, function, instruction_set, sources.text(path, start, end))
                ran[place] = ran.get(place, False) or count > 0
    return ran


# ---- What cannot run ----

class Entry(NamedTuple):
    number: int  # the line of the list
    path: str
    function: str
    kind: str
    text: str
    without: str = ""  # an instruction set: only of machines that lack it

    def __str__(self):
        return "%s:%d: %s %s: %s: %s" % (LIST, *self[:5])


def read_list(text):
    """The entries of a list and what is wrong with its form."""
    entries, problems, where, kinds, number = [], [], None, 0, 0
    for number, line in enumerate([*text.split("\n"), ""], 1):
        without, line = re.fullmatch(r"(?:\s+without (\w+): )?(.*)", line).groups()
        kind, separator, code = line.strip().partition(": ")
        if line.startswith("#"):
            continue
        if not line.strip():
            if where and where is not True:
                problems.append("%s:%d: %s" % (LIST, number - 1, "no line or branch" if not kinds else "no reason"))
            where, kinds = None, 0
        elif where is None:
            where = line.split()
            if len(where) != 2:
                problems.append("%s:%d: not a file and a function" % (LIST, number))
                where = True
        elif where is not True and separator and kind in (LINE, TRUE, FALSE):
            entries.append(Entry(number, *where, kind, code, without or ""))
            kinds += 1
        elif kinds:
            where = True  # a reason
    return entries, problems


def judge_list(entries, ran, instruction_sets):
    """The places that entries name, and the problems of entries that name none or one that runs."""
    listed, problems = set(), []
    for entry in entries:
        if entry.without in instruction_sets:
            continue
        named = [place for place in ran if (place.path, place.function, place.kind, place.text) == entry[1:5]]
        missed = [place for place in named if not ran[place]]
        if not named:
            problems.append("%s: nothing has this text" % (entry,))
        elif not missed:
            problems.append("%s: runs after all" % (entry,))
        listed.update(missed)
    return listed, problems


def missing_texts(entries, sources):
    """The entries whose function or text is not in their file; judge_list() knows more, of a build that counts."""
    problems = []
    for entry in entries:
        path = pathlib.Path(sources.root, entry.path)
        text = " ".join(path.read_text(encoding="utf-8").split()) if path.is_file() else ""
        if entry.text not in text or not re.search(r"\b%s\b" % re.escape(entry.function), text):
            problems.append("%s: nothing has this text" % (entry,))
    return problems


# ---- Cases ----

def share(ran):
    return sum(ran.values()) / len(ran) if ran else 1.0


def table(ran):
    """A text: per file and instruction set, what did not run."""
    files = {}
    for place, has_run in ran.items():
        found = files.setdefault((place.path, place.instruction_set), {LINE: [], TRUE: []})
        found[LINE if place.kind == LINE else TRUE].append(has_run)
    rows = ["%-52s %15s %15s" % ("", "lines", "branches")]
    for (path, instruction_set), found in sorted(files.items()):
        lines, branches = found[LINE], found[TRUE]
        if not all(lines + branches):
            rows.append("%-52s %15s %15s" % (path + (instruction_set and " " + instruction_set),
                                             "%d of %d" % (sum(lines), len(lines)),
                                             "%d of %d" % (sum(branches), len(branches))))
    return "\n".join(rows + [""] + [str(place) for place in sorted(ran) if not ran[place]])


def parts(ran):
    """(name, places, limit) of what has a limit of its own: (0.95, ...) of LIMITS, and each instruction set."""
    for name, (limit, folders) in LIMITS.items():
        yield name, {place: has_run for place, has_run in ran.items()
                     if not place.instruction_set and place.path.startswith(folders)}, limit
    for name in INSTRUCTION_SETS:
        kernels = {place: has_run for place, has_run in ran.items() if place.instruction_set == name}
        if kernels:
            yield "kernels of " + name, kernels, LIMITS["all"][0]


def judge(ran, listed):
    """(title, problems) of the lines and of the branches of each part."""
    counted = {place: has_run for place, has_run in ran.items() if place not in listed}
    for name, part, limit in parts(counted):
        lines = {place: has_run for place, has_run in part.items() if place.kind == LINE}
        branches = {place: has_run for place, has_run in part.items() if place.kind != LINE}
        missed = [str(place) for place in sorted(lines) if not lines[place]]
        title = "coverage: %s: " % name
        yield title + "%.2f%% of %d lines" % (100 * share(lines), len(lines)), missed if lines else ["no lines"]
        missed = [str(place) for place in sorted(branches) if not branches[place]]
        yield (title + "%.2f%% of %d branches, at least %d%%" % (100 * share(branches), len(branches), 100 * limit),
               missed if share(branches) < limit else [])


def best_instruction_set(library):
    """What the library itself finds on this machine."""
    os.environ["LLVM_PROFILE_FILE"] = os.devnull  # this call is no test
    function = ctypes.CDLL(str(library)).normnet_cpu_name
    function.argtypes, function.restype = [ctypes.c_void_p], ctypes.c_char_p
    return function(None).decode()


def export_of(library, folder):
    """llvm-cov's description of the counters in a folder."""
    counted = [path for path in pathlib.Path(folder).glob("*.profraw") if path.stat().st_size > 0]
    if not counted:
        raise Failed("%s has no counters: run the tests first" % folder)
    merged = pathlib.Path(folder, "merged.profdata")
    run("llvm-profdata", "merge", "-sparse", *counted, "-o", merged)
    return json.loads(run("llvm-cov", "export", library, "-instr-profile=%s" % merged))


def check_library(cases, arguments, entries):
    best = best_instruction_set(arguments.library)
    instruction_sets = INSTRUCTION_SETS[:INSTRUCTION_SETS.index(best) + 1]
    ran = places(export_of(arguments.library, arguments.counters), Sources(arguments.source), instruction_sets)
    listed, problems = judge_list(entries, ran, instruction_sets)
    report = table({place: has_run for place, has_run in ran.items() if place not in listed})
    pathlib.Path(arguments.counters, "report.txt").write_text(report + "\n", encoding="utf-8")
    for title, missed in judge(ran, listed):
        cases.check(title, missed)
    cases.check("coverage: the list holds what does not run and nothing else", problems)


# ---- The check itself ----

# What runs of it, and what does not: the places that PLANTED_MISSES names.
PLANTED = {
    "lib/base/planted.c": """#include "../kernels/twice.h"
static int never_called(int x)
{
    return x + 1;
}
static int chosen(int x)
{
    /* a comment
       of two lines */
    if (x > 5 || x == 3)
        return never_called(x);
    for (;;) {
        if (x++ > 3)
            return x;
    }
}
int main(int argc, char **argv)
{
    (void)argv;
    return chosen(argc) == 5 && twice(argc) == 2 ? 0 : 1;
}
""",
    "lib/kernels/twice.h": """int run_portable(int x);
int run_avx2(int x);
static inline int twice(int x)
{
    return run_portable(x) > 7 ? run_avx2(x) : 2 * x;
}
""",
    "lib/kernels/kernels.h": """#define JOIN_NAMES(a, b) a##_##b
#define JOIN(a, b) JOIN_NAMES(a, b)
static int JOIN(kernel, NORMNET_ISA)(int x)
{
    return x;
}
int JOIN(run, NORMNET_ISA)(int x);
int JOIN(run, NORMNET_ISA)(int x)
{
    return JOIN(kernel, NORMNET_ISA)(x);
}
""",
    "lib/kernels/table.c": '#include "kernels.h"\n',
}
PLANTED_MISSES = {
    "lib/base/planted.c:4 never_called: line: return x + 1;",
    "lib/base/planted.c:10 chosen: never true: x > 5",
    "lib/base/planted.c:10 chosen: never true: x == 3",
    "lib/base/planted.c:11 chosen: line: return never_called(x);",
    "lib/base/planted.c:20 main: never false: chosen(argc) == 5",
    "lib/base/planted.c:20 main: never false: twice(argc) == 2",
    "lib/kernels/kernels.h:5 kernel (avx2): line: return x;",
    "lib/kernels/kernels.h:10 run (avx2): line: return JOIN(kernel, NORMNET_ISA)(x);",
    "lib/kernels/twice.h:5 twice: never true: run_portable(x) > 7",
}
GOOD_LIST = """# A comment.

lib/base/planted.c chosen
    never true: x > 5
    line: return never_called(x);
    without avx512: never true: x == 3
    without avx2: line: return x;
    Nobody has so many arguments.

lib/kernels/kernels.h kernel
    line: return x;
    Not with this one.
"""
# A list, and what has to be said of it.
WRONG_LISTS = {
    "lib/base/planted.c chosen\n    line: return x;\n    A reason.\n": "runs after all",
    "lib/base/planted.c chosen\n    never true: x++ > 3\n    A reason.\n": "runs after all",
    "lib/base/planted.c chosen\n    never true: x > 6\n    A reason.\n": "nothing has this text",
    "lib/base/planted.c elsewhere\n    never true: x > 5\n    A reason.\n": "nothing has this text",
    "lib/base/other.c chosen\n    never true: x > 5\n    A reason.\n": "nothing has this text",
    "lib/base/planted.c chosen\n    never true: x > 5\n": "no reason",
    "lib/base/planted.c chosen\n    Only a reason.\n": "no line or branch",
    "lib/base/planted.c\n    never true: x > 5\n    A reason.\n": "not a file and a function",
}


def planted_places(folder):
    """What runs of the planted sources, with two instruction sets, of which one is not used."""
    root = pathlib.Path(folder)
    for path, text in PLANTED.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")
    kernels = []
    for name in ("portable", "avx2"):
        kernels.append(root / (name + ".o"))
        run("clang", *COUNTING, "-Xclang", "-main-file-name", "-Xclang", name, "-DNORMNET_ISA=" + name, "-c",
            root / "lib/kernels/table.c", "-o", kernels[-1])
    run("clang", *COUNTING, "-fprofile-update=atomic", root / "lib/base/planted.c", *kernels, "-o", root / "planted")
    environment = {**os.environ, "LLVM_PROFILE_FILE": str(root / "%m.profraw")}
    subprocess.run([root / "planted"], env=environment, check=True)
    return places(export_of(root / "planted", root), Sources(root), ["portable", "avx2"])


def judged(ran, text):
    """What is said of a list, and how many cases fail with it."""
    entries, problems = read_list(text)
    listed, found = judge_list(entries, ran, ["portable", "avx2"])
    return problems + found, sum(1 for _, missed in judge(ran, listed) if missed)


def self_test():
    """What is not found in planted sources and lists, or is found where nothing is wrong."""
    with tempfile.TemporaryDirectory() as folder:
        ran = planted_places(folder)
        sources = Sources(folder)
        found = {str(place) for place, has_run in ran.items() if not has_run}
        problems = ["not found: " + text for text in sorted(PLANTED_MISSES - found)]
        problems += ["found: " + text for text in sorted(found - PLANTED_MISSES)]
        problems += ["a right list is wrong: " + text for text in judged(ran, GOOD_LIST)[0]]
        for text, expected in WRONG_LISTS.items():
            if not any(expected in said for said in judged(ran, text)[0]):
                problems.append("'%s' is not said of %r" % (expected, text))
        if missing_texts(read_list(GOOD_LIST)[0], sources):
            problems.append("texts of a right list are not found")
        if len(missing_texts(read_list("\n".join(WRONG_LISTS))[0], sources)) != 3:
            problems.append("texts that are not there are found")
    # Both cases of all and of avx2 fail, and with everything listed none.
    everything = "".join("%s %s\n    %s: %s\n    A reason.\n\n" % (place.path, place.function, place.kind, place.text)
                         for place, has_run in ran.items() if not has_run)
    for text, expected in (("", 4), (everything, 1)):
        if judged(ran, text)[1] != expected:
            problems.append("%d cases fail, expected %d" % (judged(ran, text)[1], expected))
    return problems


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", required=True, type=os.path.abspath)
    parser.add_argument("--library", type=os.path.abspath)
    parser.add_argument("--counters")
    arguments = parser.parse_args()
    cases = Cases()
    entries, problems = read_list(pathlib.Path(arguments.source, LIST).read_text(encoding="utf-8"))
    cases.check("coverage: the form of the list", problems)
    cases.check("coverage: the texts of the list", missing_texts(entries, Sources(arguments.source)))
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing:
        cases.skip("coverage", "needs %s; apt-get install clang llvm" % " and ".join(missing))
        return cases.end()
    try:
        cases.check("coverage: what is planted is found", self_test())
        if arguments.library:
            check_library(cases, arguments, entries)
    except Failed as failure:
        cases.check("coverage", [str(failure)])
    return cases.end()


if __name__ == "__main__":
    sys.exit(main())
