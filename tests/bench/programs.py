# SPDX-License-Identifier: MIT
"""Compiles and runs the C programs in this folder."""
import functools
import os
import pathlib
import shlex
import subprocess
import tempfile

import normnet

HERE = pathlib.Path(__file__).resolve().parent
INCLUDE = HERE.parents[1] / "include"

_folder = tempfile.TemporaryDirectory(prefix="normnet-bench-")


class CompilerError(Exception):
    """There is no C compiler, or it fails to compile a program."""


def library():
    """The linker's arguments for the shared library that normnet.py has loaded."""
    path = pathlib.Path(normnet.library._name)
    if path.exists():
        return [str(path.resolve()), f"-Wl,-rpath,{path.resolve().parent}"]
    return ["-lnormnet"]  # in a directory of the system


def _compile(name, *options):
    """Calls the compiler; the file that it writes in a temporary folder."""
    compiler = shlex.split(os.environ.get("CC", "cc"))
    output = pathlib.Path(_folder.name) / name
    try:
        subprocess.run([*compiler, "-O3", *options, "-o", str(output)], check=True, capture_output=True, text=True)
    except FileNotFoundError:
        raise CompilerError(f"there is no C compiler {compiler[0]!r}: install one or set CC") from None
    except subprocess.CalledProcessError as failure:
        raise CompilerError(f"{name} does not compile:\n{failure.stderr}") from None
    return output


@functools.cache
def build(name, *options):
    """Compiles `name`.c and returns the path of the program. `options` may name more sources."""
    return _compile(name, "-std=c11", f"-I{INCLUDE}", str(HERE / f"{name}.c"), *options)


def one_file(library):
    """A shared library of the amalgamation of the build directory with `library`, as its page says to build it."""
    build_folder = library.parents[1]
    if not (build_folder / "build.ninja").is_file():
        raise CompilerError(f"{library} is not in a build directory of meson, whose amalgamation could be compared")
    done = subprocess.run(["meson", "compile", "-C", str(build_folder), "amalgamation"], capture_output=True, text=True,
                          check=False)
    if done.returncode != 0:
        raise CompilerError(f"meson cannot write the amalgamation:\n{done.stdout}{done.stderr}")
    return _compile("libnormnet_one_file.so", "-shared", "-fPIC", str(library.parent / "amalgamation" / "normnet.c"),
                    "-lm", "-pthread")


def run(program, *arguments):
    """Runs a program and returns the numbers that it prints."""
    result = subprocess.run([program, *map(str, arguments)], check=True, stdout=subprocess.PIPE, text=True)
    return [float(number) for number in result.stdout.split()]


def model_arguments(case):
    """The arguments for model_arguments.h."""
    options = case.options
    return [int(normnet.Norm[case.norm.upper()]), options["groups"], options["channels"], options["height"],
            options["width"], case.batch, case.threads, int(normnet.Cpu[case.cpu.upper()]), case.architecture]
