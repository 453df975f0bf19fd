# SPDX-License-Identifier: MIT
"""The public header alone, in every language it promises, and the examples in its
comments.

usage: python3 check_header.py --include DIRECTORY [--library FILE] [--compiler
COMMAND]... [--help]

example: python3 check_header.py --include include --library
build/lib/libnormnet.so

Compiles <normnet.h> as C99, C11, C17, C23, C++11, C++14, C++17 and C++20 with
every compiler that is there, pedantic, warnings as errors, and with enums of
the smallest size; as a program for Windows also by the rules of Microsoft's
compiler, as far as clang knows them. Then compiles each example of its comments
in most of these languages, and runs it if there is a library: no call may fail.
An example is introduced by a line of a comment that begins with "Example:", and
is indented by four spaces more than the text.
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
# The header alone is compiled in these as well; c2x is what compilers called C23 before it was published.
MORE_STANDARDS = {".c": ["c2x"], ".cpp": ["c++14"]}
WARNINGS = ["-pedantic-errors", "-Wall", "-Wextra", "-Wshadow", "-Wundef", "-Wconversion", "-Werror"]

# clang in the place of Microsoft's cl: its options and its language, without the headers of Windows.
MICROSOFT = ["clang", "--driver-mode=cl", "/W4", "/WX", "-Wpedantic", "-Wgnu"]
MICROSOFT_TARGETS = ["x86_64-pc-windows-msvc", "i686-pc-windows-msvc", "aarch64-pc-windows-msvc"]
MICROSOFT_STANDARDS = {".c": ["c11", "c17"], ".cpp": ["c++14", "c++17", "c++20"]}
# clang knows words of GNU C in every mode, and Microsoft's compiler none of them.
GNU_WORDS = re.compile(r"\b(__attribute__|__builtin_\w+|__extension__|__inline__|__typeof__)")

# Functions that need an example.
MAIN_FUNCTIONS = ["normnet_model_create", "normnet_train_step", "normnet_compute_gradients", "normnet_gradients",
                  "normnet_apply_gradients", "normnet_shard", "normnet_predict", "normnet_layer_output",
                  "normnet_model_save", "normnet_model_load"]

# Twice, and with its inline functions in use. Layouts do not depend on the size that a compiler gives to enums.
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
ASSERT(sizeof(normnet_config) == 272 + 10 * sizeof(void *), config_size);
ASSERT(sizeof(normnet_layer_info) == 40 + 2 * sizeof(void *), layer_info_size);
ASSERT(sizeof(normnet_state_info) == 88 + 2 * sizeof(void *), state_info_size);
int use(const unsigned char *pixels);
int use(const unsigned char *pixels)
{
    normnet_config config;
    normnet_tensor images;
    normnet_metrics metrics;
    normnet_batch batch;
    normnet_predict_options options;
    normnet_save_options save_options;
    normnet_layer_info layer;
    normnet_state_info state;
    int64_t shape[4];
    normnet_metrics_init(&metrics);
    normnet_batch_init(&batch);
    normnet_predict_options_init(&options);
    normnet_save_options_init(&save_options);
    normnet_layer_info_init(&layer);
    normnet_state_info_init(&state);
    shape[0] = 1;
    shape[1] = 1;
    shape[2] = 28;
    shape[3] = 28;
    normnet_tensor_init(&images, NORMNET_U8, pixels, 4, shape);
    return normnet_config_init(&config, NORMNET_NORM_GROUP) == NORMNET_OK;
}
"""

# What the examples take for granted, with MPI in a single process.
FRAME = """
#include <normnet.h>
#include <stdio.h>
#include <stdlib.h>
typedef int MPI_Comm;
enum { MPI_COMM_WORLD, MPI_IN_PLACE, MPI_DOUBLE, MPI_SUM };
static int MPI_Allreduce(int from, double *values, int count, int type, int operation, MPI_Comm comm)
{
    (void)values;
    return from != MPI_IN_PLACE || count < 1 || type != MPI_DOUBLE || operation != MPI_SUM || comm != MPI_COMM_WORLD;
}
static unsigned char pixels[512 * 28 * 28], digits[512];
%(functions)s
static void example(void)
{
%(body)s
}
int main(void)
{
    int i;
    for (i = 0; i < 512 * 28 * 28; ++i)
        pixels[i] = (unsigned char)(i * 7919 >> 4);
    for (i = 0; i < 512; ++i)
        digits[i] = (unsigned char)(i %% 10);
    (void)MPI_Allreduce;
    example();
    if (normnet_error_message()[0] == '\\0')
        return 0;
    fputs(normnet_error_message(), stderr);
    return 1;
}
"""

# What examples after the first may use: its objects, and those of a process among others.
SETUP = """
    const int64_t image_shape[4] = {128, 1, 28, 28}, label_shape[1] = {128};
    const int32_t rank_count = 4, rank = 1;
    MPI_Comm ranks = MPI_COMM_WORLD;
    normnet_tensor images, labels;
    normnet_config config;
    normnet_model *model = NULL;
    normnet_tensor_init(&images, NORMNET_U8, pixels, 4, image_shape);
    normnet_tensor_init(&labels, NORMNET_U8, digits, 1, label_shape);
    normnet_config_init(&config, NORMNET_NORM_BATCH);
    normnet_model_create(&model, &config);
    (void)rank_count, (void)rank, (void)ranks;
"""

# Examples that must fail: to compile, and to run.
PLANTED = ["    normnet_no_such_function(model);", "    normnet_apply_gradients(model, 128);"]


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


def microsoft_problems(text, include, target, standard, suffix, *definitions):
    """What keeps Microsoft's compiler from taking a program."""
    with tempfile.TemporaryDirectory() as folder:
        source = os.path.join(folder, "program" + suffix)
        with open(source, "w", encoding="utf-8") as file:
            file.write(text)
        command = [*MICROSOFT, "--target=" + target, "/std:" + standard, *definitions, "/I", include, source]
        done = subprocess.run([*command, "/Zs"], capture_output=True, text=True)
        if done.returncode != 0:
            return ["%s: %s" % (" ".join(command), (done.stderr + done.stdout).strip()[:600])]
        done = subprocess.run([*command, "/E"], capture_output=True, text=True)
        return ["%s in the program, which only gcc and clang know" % word
                for word in sorted(set(GNU_WORDS.findall(done.stdout)))]


def check_microsoft(cases, include):
    if shutil.which("clang") is None:
        cases.skip("header: by Microsoft's rules", "needs clang; apt-get install clang")
        return
    for suffix, standards in MICROSOFT_STANDARDS.items():
        for target in MICROSOFT_TARGETS:
            for standard in standards:
                # As a program sees the static library, and the DLL.
                cases.check("header: alone as %s by Microsoft's rules, %s" % (standard, target),
                            microsoft_problems(ALONE, include, target, standard, suffix)
                            + microsoft_problems(ALONE, include, target, standard, suffix, "/DNORMNET_SHARED"))
    planted = ["void planted(void) __attribute__((noinline));\n", "int planted = ({ 1; });\n", "long planted[0];\n"]
    cases.check("header: planted mistakes are found by Microsoft's rules",
                ["not found: " + line.strip() for line in planted
                 if not microsoft_problems(ALONE + line, include, MICROSOFT_TARGETS[0], "c11", ".c")])


def examples(header):
    """(title, code) of each example, in order."""
    found, code = [], None
    for comment in re.findall(r"/\*.*?\*/", open(header, encoding="utf-8").read(), flags=re.S):
        for line in comment.split("\n"):
            text = re.sub(r"^\s*(\*(?!/) ?)?", "", line)
            if text.startswith("Example:"):
                code = []
                found.append((text[len("Example:"):].strip(" .").split(". ")[0], code))
            elif code is not None and text.startswith("    "):
                code.append(text)
            elif code and text.strip():
                code = None
        code = None
    return [(title, "\n".join(code)) for title, code in found]


def split_functions(code):
    """({name: function}, the rest) of an example that may define functions at its beginning."""
    pattern = r"^    static [\w ]+?(\w+)\([^)]*\)\n    \{\n.*?^    \}\n"
    functions = {match[1]: match[0] for match in re.finditer(pattern, code, flags=re.S | re.M)}
    return functions, re.sub(pattern, "", code, flags=re.S | re.M)


def program(code, functions, first=False):
    """An example as a program, with those functions of all examples that it uses."""
    body = split_functions(code)[1]
    used = [function for name, function in functions.items() if name in body]
    if first:
        body += "\nif (!(metrics.count == 128 && metrics.loss > 1.0 && metrics.loss < 5.0))\n    exit(1);"
    else:
        body = SETUP + "{\n" + body + "\n}\nnormnet_model_destroy(model);"
    return FRAME % {"functions": "\n".join(used), "body": body}


def unique(commands):
    seen, result = set(), []
    for command in commands:
        path = shutil.which(command[0])
        key = (os.path.realpath(path), tuple(command[1:])) if path else None
        if key and key not in seen:
            seen.add(key)
            result.append(command)
    return result


def run_example(compiler, include, library, text, standard, suffix):
    """Compiles an example, and runs it in a directory of its own if there is a library."""
    with tempfile.TemporaryDirectory() as folder:
        source, executable = os.path.join(folder, "example" + suffix), os.path.join(folder, "example")
        with open(source, "w", encoding="utf-8") as file:
            file.write(text)
        command = [*compiler, "-std=" + standard, "-pedantic", "-Wall", "-Wextra", "-Werror", "-I", include]
        if library:
            command += [source, library, "-Wl,-rpath," + os.path.dirname(library), "-o", executable]
        else:
            command += ["-fsyntax-only", source]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode == 0 and library:
            done = subprocess.run([executable], capture_output=True, text=True, cwd=folder)
        return [] if done.returncode == 0 else ["%s: %s%s (%d)" % (" ".join(command), done.stdout, done.stderr.strip(),
                                                                  done.returncode)]


def check_examples(cases, header, include, library, languages):
    found = examples(header)
    functions = {}
    for _, code in found:
        functions.update(split_functions(code)[0])
    called = set(re.findall(r"\bnormnet_[a-z]\w*(?=\()", "\n".join(code for _, code in found)))
    cases.check("header: its comments have examples of the main functions",
                ["no example calls %s" % name for name in MAIN_FUNCTIONS if name not in called]
                + ["the example '%s' has no code" % title for title, code in found if not code.strip()])
    for compilers, standards, suffix, language in languages:
        for compiler in compilers:
            def run(code, standard, first=False):
                return run_example(compiler, include, library, program(code, functions, first), standard, suffix)

            name = "%s, %s" % (language, " ".join(compiler))
            cases.check("header: planted mistakes in examples are found as " + name,
                        ["not found: " + code for code in PLANTED[:2 if library else 1] if not run(code, standards[0])])
            for title, code in found:
                problems = []
                for standard in standards:
                    problems += run(code, standard, first=code is found[0][1])
                cases.check("header: example '%s' as %s" % (title, name), problems)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--include", required=True)
    parser.add_argument("--library", type=os.path.abspath)
    parser.add_argument("--compiler", action="append", default=[], type=str.split, help="the C compiler of the build")
    arguments = parser.parse_args()
    cases = Cases()
    header = os.path.join(arguments.include, "normnet.h")
    c_compilers = unique([*arguments.compiler, ["gcc"], ["clang"], ["cc"]])
    cxx_compilers = unique([["g++"], ["clang++"], ["c++"]])

    languages = [(c_compilers, C_STANDARDS, ".c", "C"), (cxx_compilers, CXX_STANDARDS, ".cpp", "C++")]

    for compilers, standards, suffix, language in languages:
        if not compilers:
            cases.skip("header: as %s" % language, "there is no %s compiler; apt-get install g++" % language)
        for compiler in compilers:
            for standard in [*standards, *MORE_STANDARDS[suffix]]:
                problem = compile_text(compiler, lambda source: ["-std=" + standard, *WARNINGS, "-fsyntax-only", "-I",
                                                                 arguments.include, source], ALONE, suffix)
                cases.check("header: alone as %s, %s" % (standard, " ".join(compiler)), [problem] if problem else [])
            problem = compile_text(compiler, lambda source: ["-std=" + standards[0], *WARNINGS, "-fshort-enums",
                                                             "-fsyntax-only", "-I", arguments.include, source],
                                   ALONE, suffix)
            cases.check("header: the same layout with short enums, %s" % " ".join(compiler),
                        [problem] if problem else [])

    check_microsoft(cases, arguments.include)
    check_examples(cases, header, arguments.include, arguments.library, languages)
    return cases.end()


if __name__ == "__main__":
    sys.exit(main())
