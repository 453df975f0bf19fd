# SPDX-License-Identifier: MIT
"""The library as one file, normnet.c: compiled by each compiler that is here,
without a warning, it has the bits, the functions and the refusals of the build.

usage: python3 check_amalgamation.py --source SOURCE-ROOT --amalgamation
           DIRECTORY --bits PROGRAM [--full] [-h | --help] COMMON-SOURCE...

example: python3 check_amalgamation.py --source . \\
             --amalgamation build/lib/amalgamation \\
             --bits build/tests/numerics/test_bits lib/base/arena.c ...

PROGRAM is the build's test_bits, whose hashes are those to be had; the sources
are those that amalgamate.py gets, which is first tried on a tree with planted
mistakes. --full adds compilers that differ little from the others here.
"""
import argparse
import concurrent.futures
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from typing import NamedTuple

from cases import Cases
from check_bits import HASH, HASHES, SMALL_HASHES
from commands import Failed, run

WARNINGS = ["-Wall", "-Wextra", "-Werror"]
AT_ONCE = 2  # compilers


class Build(NamedTuple):
    """A way to compile normnet.c; `runner` is what runs its programs, None if nothing here does."""
    name: str
    command: list
    package: str
    linking: list = ["-lm", "-pthread"]
    runner: list = []
    needs: list = []
    small: bool = False  # only the networks that an emulator trains in a minute
    full: bool = False   # only with --full


BUILDS = [
    Build("gcc, for this processor, fusing",
          ["gcc", "-O3", "-std=c11", "-pedantic", "-march=native", "-ffp-contract=fast"], "gcc"),
    Build("gcc", ["gcc", "-O3"], "gcc", full=True),
    Build("gcc, without threads", ["gcc", "-O1", "-DNORMNET_NO_THREADS", "-DNORMNET_ASSERTIONS"], "gcc", ["-lm"]),
    Build("clang", ["clang", "-O3"], "clang"),
    Build("clang, with parts of -ffast-math",
          ["clang", "-O2", "-march=native", "-fassociative-math", "-fno-signed-zeros", "-fno-trapping-math"], "clang",
          full=True),
    Build("musl", ["musl-gcc", "-O1"], "musl-tools", full=True),
    Build("mingw-w64", ["x86_64-w64-mingw32-gcc", "-O1"], "gcc-mingw-w64-x86-64", runner=None),
    Build("aarch64", ["aarch64-linux-gnu-gcc", "-O1", "-static"], "gcc-aarch64-linux-gnu qemu-user",
          runner=["qemu-aarch64"], needs=["qemu-aarch64"], small=True, full=True),
    Build("WebAssembly", ["emcc", "-O1"], "emscripten",
          ["-O1", "-sALLOW_MEMORY_GROWTH=1"], runner=["node", "--no-experimental-fetch"], needs=["node"],
          small=True, full=True),
    Build("WebAssembly with vectors", ["emcc", "-O1", "-msimd128"], "emscripten",
          ["-O1", "-sALLOW_MEMORY_GROWTH=1"], runner=["node", "--no-experimental-fetch"], needs=["node"],
          small=True),
]
# What a file can see, it refuses.
REFUSED = [("gcc", flag) for flag in ("-Ofast", "-ffast-math", "-funsafe-math-optimizations", "-freciprocal-math",
                                      "-ffinite-math-only", "-fno-signed-zeros", "-fsingle-precision-constant")]
REFUSED += [("gcc", "-mfpmath=387")] if platform.machine() == "x86_64" else []
REFUSED += [("clang", flag) for flag in ("-Ofast", "-ffast-math", "-ffinite-math-only", "-fpack-struct=2")]

# Mistakes in the library, and what the message about each has to name.
PLANTED = [
    ("a function of two files", "lib/io/json.c", "static int peek_name(void)\n{\n    return 0;\n}\n",
     "lib/model/lock.c", "static int peek_name(void)\n{\n    return 1;\n}\n", "peek_name is defined in"),
    ("a constant of two files", "lib/io/json.c", "enum { MAX_PLANTED = 1, MIN_PLANTED = 0 };\n",
     "lib/model/lock.c", "static const int MIN_PLANTED = 3;\n", "MIN_PLANTED is defined in"),
    ("a struct of two files", "lib/io/json.c", "struct planted {\n    int a;\n};\n",
     "lib/model/lock.c", "struct planted {\n    char b;\n};\n", "struct or enum planted is defined in"),
    ("a macro of two files", "lib/io/json.c", "#define PLANTED 1\n", "lib/model/lock.c", "#define PLANTED 2\n",
     "PLANTED is defined in"),
    ("a kernel's name elsewhere", "lib/kernels/relu_kernels.h", "struct planted {\n    int a;\n};\n",
     "lib/model/lock.c", "struct planted {\n    char b;\n};\n", "struct or enum planted is defined in"),
    ("a header of the system", "lib/io/json.c", "#include <locale.h>\n", None, "", "includes <locale.h>"),
    ("a source that is not listed", "lib/io/planted.c", "int normnet__planted;\n", None, "", "io/planted.c is missing"),
]


def amalgamate(root, sources, output):
    run(sys.executable, os.path.join(root, "lib", "amalgamation", "amalgamate.py"), "--root", root, "--output", output,
        *(os.path.join(root, source) for source in sources))


def read(path):
    with open(path, "rb") as file:
        return file.read()


def append(root, name, text):
    with open(os.path.join(root, name), "a", encoding="utf-8") as file:
        file.write(text)


def check_generator(cases, arguments, sources):
    with tempfile.TemporaryDirectory() as folder:
        again = os.path.join(folder, "again")
        amalgamate(arguments.source, sources, again)
        cases.check("amalgamation: the same file each time",
                    [name for name in ("normnet.c", "normnet.h")
                     if read(os.path.join(again, name)) != read(os.path.join(arguments.amalgamation, name))])
        for what, first, one, second, other, expected in PLANTED:
            root = os.path.join(folder, "tree")
            for part in ("lib", "include"):
                shutil.copytree(os.path.join(arguments.source, part), os.path.join(root, part))
            shutil.copy(os.path.join(arguments.source, "LICENSE"), root)
            append(root, first, one)
            if second:
                append(root, second, other)
            try:
                amalgamate(root, sources, again)
                problems = ["it is not refused"]
            except Failed as refusal:
                problems = [] if expected in str(refusal) else [str(refusal)]
            cases.check("amalgamation: refuses " + what, problems)
            shutil.rmtree(root)


def hashes_of(arguments, build, folder):
    """What test_bits prints if it is linked with normnet.c instead of the library."""
    compiled, program = os.path.join(folder, "normnet.o"), os.path.join(folder, "test_bits.js")
    includes = ["-I" + os.path.join(arguments.source, "tests"), "-I" + arguments.amalgamation]
    run(*build.command, *WARNINGS, "-c", os.path.join(arguments.amalgamation, "normnet.c"), "-o", compiled)
    if build.runner is None:
        return None
    run(*build.command, "-w", *includes, os.path.join(arguments.source, "tests", "numerics", "test_bits.c"),
        os.path.join(arguments.source, "tests", "harness", "check.c"), compiled, *build.linking, "-o", program,
        env={**os.environ, "NODE_PATH": "/usr/share/nodejs"})
    cases = ["--small", "hash"] if build.small else ["hash", "instruction sets, small"]
    # emscripten's programs find what belongs to them in the current directory only.
    return dict(HASH.findall(run(*build.runner, program, *cases, cwd=folder)))


def problems_of(arguments, build, expected):
    """What is wrong with a build."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            hashes = hashes_of(arguments, build, folder)
        except Failed as failure:
            return [str(failure)]
    if hashes is None:
        return []
    count = SMALL_HASHES if build.small else HASHES
    problems = [] if len(hashes) == count else ["it prints %d hashes, expected %d" % (len(hashes), count)]
    return problems + ["%s is %s, of the library %s" % (name, value, expected.get(name))
                       for name, value in hashes.items() if expected.get(name) != value]


def check_builds(cases, arguments, expected):
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        builds = []
        for build in BUILDS:
            if build.full and not arguments.full:
                continue
            missing = [tool for tool in [build.command[0], *build.needs] if shutil.which(tool) is None]
            builds.append((build, missing, None if missing else pool.submit(problems_of, arguments, build, expected)))
        for build, missing, problems in builds:
            name = "amalgamation: no warning of %s%s" % (build.name,
                                                         "" if build.runner is None else ", and the same bits")
            if missing:
                cases.skip(name, "needs %s; apt-get install %s" % (missing[0], build.package))
            else:
                cases.check(name, problems.result())


def check_refusals(cases, arguments):
    for compiler, flag in REFUSED:
        name = "amalgamation: %s %s is refused" % (compiler, flag)
        if shutil.which(compiler) is None:
            cases.skip(name, "needs %s; apt-get install %s" % (compiler, compiler))
            continue
        done = subprocess.run([compiler, "-O1", flag, "-fsyntax-only", "-w",
                               os.path.join(arguments.amalgamation, "normnet.c")], capture_output=True, text=True)
        cases.check(name, [] if done.returncode != 0 and "libnormnet" in done.stderr else
                    ["exit code %d: %s" % (done.returncode, done.stderr[:400])])


def check_exports(cases, arguments):
    """A shared library of normnet.c has the header's functions, and no other name."""
    name = "amalgamation: exports the functions of normnet.h"
    if shutil.which("nm") is None or shutil.which("gcc") is None:
        cases.skip(name, "needs nm and gcc; apt-get install gcc binutils")
        return
    header = read(os.path.join(arguments.amalgamation, "normnet.h")).decode()
    promised = set(re.findall(r"^NORMNET_API [^;(]*?\b(normnet_\w+)\(", header, re.M))
    with tempfile.TemporaryDirectory() as folder:
        library = os.path.join(folder, "libnormnet.so")
        run("gcc", "-O0", "-w", "-shared", "-fPIC", os.path.join(arguments.amalgamation, "normnet.c"), "-o", library,
            "-lm", "-pthread")
        found = {line.split()[-1] for line in run("nm", "-D", "--defined-only", library).splitlines()}
    cases.check(name, sorted(promised ^ found) if promised else ["normnet.h has no function"])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", required=True, type=os.path.abspath)
    parser.add_argument("--amalgamation", required=True, type=os.path.abspath)
    parser.add_argument("--bits", required=True, type=os.path.abspath)
    parser.add_argument("--full", action="store_true")
    parser.add_argument("sources", nargs="+", metavar="COMMON-SOURCE")
    arguments = parser.parse_args()
    sources = [os.path.relpath(source, arguments.source) for source in arguments.sources]
    cases = Cases()
    check_generator(cases, arguments, sources)
    expected = dict(HASH.findall(run(arguments.bits, "hash")))
    check_builds(cases, arguments, expected)
    check_refusals(cases, arguments)
    check_exports(cases, arguments)
    return cases.end()


if __name__ == "__main__":
    sys.exit(main())
