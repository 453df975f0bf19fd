# SPDX-License-Identifier: MIT
"""The public header alone, in every language it promises, and the program in its head comment.

usage: python3 check_header.py --include DIRECTORY [--library FILE] [--compiler COMMAND]... [--help]

example: python3 check_header.py --include include --library build/lib/libnormnet.so

Compiles <normnet.h> as C99, C11, C17, C++11, C++17 and C++20 with every compiler that is there, warnings as errors,
and with enums of the smallest size; then completes the example of its head comment, compiles it, and runs it against
the library if there is one.
"""
import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile

from cases import Cases

C_STANDARDS = ["c99", "c11", "c17"]
CXX_STANDARDS = ["c++11", "c++17", "c++20"]
WARNINGS = ["-pedantic", "-Wall", "-Wextra", "-Wshadow", "-Wundef", "-Werror"]

# Twice, and with its inline functions in use. Layouts do not depend on the compiler's size of enums.
ALONE = """
#include <normnet.h>
#include <normnet.h>
#ifdef __cplusplus
#define ASSERT(condition, name) static_assert(condition, #name)
#else
#define ASSERT(condition, name) typedef char name[(condition) ? 1 : -1]
#endif
ASSERT(sizeof(normnet_tensor) == 152, tensor_size);
ASSERT(sizeof(normnet_metrics) == 72, metrics_size);
ASSERT(sizeof(normnet_predict_options) == 16, options_size);
ASSERT(sizeof(normnet_batch) == 24, batch_size);
ASSERT(sizeof(normnet_config) == 256 + 8 * sizeof(void *), config_size);
ASSERT(sizeof(normnet_layer_info) == 40 + 2 * sizeof(void *), layer_info_size);
ASSERT(sizeof(normnet_state_info) == 80 + 2 * sizeof(void *), state_info_size);
int use(const unsigned char *pixels);
int use(const unsigned char *pixels)
{
    normnet_config config;
    normnet_tensor images;
    int64_t shape[4];
    shape[0] = 1;
    shape[1] = 1;
    shape[2] = 28;
    shape[3] = 28;
    normnet_tensor_init(&images, NORMNET_U8, pixels, 4, shape);
    return normnet_config_init(&config, NORMNET_NORM_GROUP) == NORMNET_OK;
}
"""

# The code that "..." in the head comment replaces.
FRAME = """
#include <normnet.h>
#include <stdio.h>
static unsigned char pixels[128][28][28], digits[128];
int main(void)
{
    for (int i = 0; i < 128 * 28 * 28; ++i)
        ((unsigned char *)pixels)[i] = (unsigned char)(i * 7919 >> 4);
    for (int i = 0; i < 128; ++i)
        digits[i] = (unsigned char)(i %% 10);
%s
    return metrics.count == 128 && metrics.loss > 1.0 && metrics.loss < 5.0 ? 0 : 1;
}
"""


def compile_text(compiler, arguments, text, suffix):
    """The compiler's complaint, or None."""
    with tempfile.TemporaryDirectory() as folder:
        source = os.path.join(folder, "program" + suffix)
        with open(source, "w", encoding="utf-8") as file:
            file.write(text)
        done = subprocess.run([*compiler, *arguments(source)], capture_output=True, text=True)
        if done.returncode != 0:
            return "%s %s: %s" % (" ".join(compiler), " ".join(arguments(source)), done.stderr.strip()[:600])
    return None


def example(header):
    """The program of the head comment, or None."""
    text = open(header, encoding="utf-8").read()
    match = re.search(r"A complete program:\n(.*?)\n \* What holds", text, flags=re.S)
    if not match:
        return None
    lines = [line[3:] for line in match.group(1).split("\n") if line.startswith(" *     ")]
    body = [line for line in lines if "#include" not in line and line.strip() != "..."]
    return "\n".join(body) if any("normnet_train_step" in line for line in body) else None


def unique(commands):
    seen, result = set(), []
    for command in commands:
        path = shutil.which(command[0])
        key = (os.path.realpath(path), tuple(command[1:])) if path else None
        if key and key not in seen:
            seen.add(key)
            result.append(command)
    return result


def run_example(compiler, include, library, text, standard):
    with tempfile.TemporaryDirectory() as folder:
        source, program = os.path.join(folder, "example.c"), os.path.join(folder, "example")
        with open(source, "w", encoding="utf-8") as file:
            file.write(text)
        command = [*compiler, "-std=" + standard, "-pedantic", "-Wall", "-Werror", "-I", include, source, library,
                   "-Wl,-rpath," + os.path.dirname(library), "-o", program]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode == 0:
            done = subprocess.run([program], capture_output=True, text=True)
        return [] if done.returncode == 0 else ["%s: %s%s (%d)" % (" ".join(command), done.stdout, done.stderr.strip(),
                                                                  done.returncode)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--include", required=True)
    parser.add_argument("--library")
    parser.add_argument("--compiler", action="append", default=[], type=str.split, help="the C compiler of the build")
    arguments = parser.parse_args()
    cases = Cases()
    header = os.path.join(arguments.include, "normnet.h")
    c_compilers = unique([*arguments.compiler, ["gcc"], ["clang"], ["cc"]])
    cxx_compilers = unique([["g++"], ["clang++"], ["c++"]])

    for compilers, standards, suffix, language in ((c_compilers, C_STANDARDS, ".c", "C"),
                                                   (cxx_compilers, CXX_STANDARDS, ".cpp", "C++")):
        if not compilers:
            cases.skip("header: as %s" % language, "there is no %s compiler; apt-get install g++" % language)
        for compiler in compilers:
            for standard in standards:
                problem = compile_text(compiler, lambda source: ["-std=" + standard, *WARNINGS, "-fsyntax-only", "-I",
                                                                 arguments.include, source], ALONE, suffix)
                cases.check("header: alone as %s, %s" % (standard, " ".join(compiler)), [problem] if problem else [])
            problem = compile_text(compiler, lambda source: ["-std=" + standards[0], *WARNINGS, "-fshort-enums",
                                                             "-fsyntax-only", "-I", arguments.include, source],
                                   ALONE, suffix)
            cases.check("header: the same layout with short enums, %s" % " ".join(compiler),
                        [problem] if problem else [])

    body = example(header)
    cases.check("header: its comment holds a program", [] if body else ["no 'A complete program' in %s" % header])
    if body and arguments.library:
        for compiler in c_compilers:
            for standard in C_STANDARDS:
                cases.check("header: its program runs as %s, %s" % (standard, " ".join(compiler)),
                            run_example(compiler, arguments.include, arguments.library, FRAME % body, standard))
    return cases.end()


if __name__ == "__main__":
    sys.exit(main())
