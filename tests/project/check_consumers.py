# SPDX-License-Identifier: MIT
"""Programs of others: libnormnet installed, moved, and used as its users use it.

usage: python3 check_consumers.py --source SOURCE-ROOT [--cc COMMAND] [--openmp
enabled|disabled] [--help]

example: python3 check_consumers.py --source . --openmp disabled

Installs into a temporary prefix, deletes the build, moves the tree, and builds
from it: the README's program with pkg-config, shared and static, as C and as
C++; a CMake project; and, from the source, a meson project with libnormnet as
its subproject. Every program is run.
"""
import argparse
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile

from cases import Cases

HERE = os.path.dirname(os.path.abspath(__file__))
CONSUMERS = os.path.join(HERE, "consumers")


class Failed(Exception):
    """A command that did not work; its output is the reason."""


def run(command, **settings):
    done = subprocess.run(command, capture_output=True, text=True, **settings)
    if done.returncode != 0:
        raise Failed("%s: exit code %d: %s" % (" ".join(command), done.returncode,
                                               (done.stdout[-800:] + done.stderr[-800:]).strip()))
    return done.stdout


def meson():
    """The command that runs meson."""
    if shutil.which("meson"):
        return ["meson"]
    return [sys.executable, "-m", "mesonbuild.mesonmain"]


class Tree:
    """An installed libnormnet that may lie anywhere."""

    def __init__(self, root):
        self.root = root
        self.pkgconfig = glob.glob(os.path.join(root, "**", "normnet.pc"), recursive=True)
        self.libraries = sorted({os.path.dirname(path) for path in
                                 glob.glob(os.path.join(root, "**", "libnormnet.*"), recursive=True)})

    def environment(self):
        environment = dict(os.environ)
        environment["PKG_CONFIG_PATH"] = os.pathsep.join(os.path.dirname(path) for path in self.pkgconfig)
        environment["LD_LIBRARY_PATH"] = os.pathsep.join(self.libraries)
        return environment

    def flags(self, *options):
        return run(["pkg-config", *options, "--cflags", "--libs", "normnet"], env=self.environment()).split()


def install(source, folder, openmp):
    """Configures, builds and installs into a prefix, deletes the build and moves the tree."""
    build, prefix, moved = (os.path.join(folder, name) for name in ("build", "prefix", "moved"))
    # Whoever installs may ask for a .pc file that finds its tree anywhere.
    run([*meson(), "setup", build, source, "--prefix", prefix, "--buildtype=release", "--default-library=both",
         "-Dtests=false", "-Dpkgconfig.relocatable=true", "-Dopenmp=" + openmp])
    run([*meson(), "install", "-C", build, "--quiet"])
    shutil.rmtree(build)
    os.rename(prefix, moved)
    return Tree(moved)


def static_only(tree, folder):
    """A copy without the shared library, so that -lnormnet means the archive."""
    root = os.path.join(folder, "static")
    shutil.copytree(tree.root, root, symlinks=True)
    for path in glob.glob(os.path.join(root, "**", "libnormnet.so*"), recursive=True):
        os.remove(path)
    return Tree(root)


def build_program(compiler, source, tree, folder, *options):
    """Compiles as in the README."""
    program = os.path.join(folder, "program")
    run([*compiler, source, *tree.flags(*options), "-o", program])
    return program


def needs_normnet(program):
    return "libnormnet" in run(["readelf", "-d", program]) if shutil.which("readelf") else None


def check_installed(tree, source, openmp):
    problems = []
    expected = ["include/normnet.h", "libnormnet.so", "libnormnet.so.0", "libnormnet.a", "normnet.pc",
                "bin/normnet-mnist"]
    files = [os.path.join(directory, name) for directory, _, names in os.walk(tree.root) for name in names]
    for name in expected:
        if not any(path.endswith("/" + name) for path in files):
            problems.append("%s is not installed" % name)
    problems += ["%s is installed" % os.path.relpath(path, tree.root) for path in files
                 if not re.search(r"/(normnet\.h|libnormnet\.(so[.\d]*|a)|normnet\.pc|bin/normnet-mnist)$", path)]
    header = open(os.path.join(source, "include", "normnet.h"), encoding="utf-8").read()
    version = ".".join(re.search(r"NORMNET_VERSION_%s (\d+)" % part, header).group(1)
                       for part in ("MAJOR", "MINOR", "PATCH"))
    found = run(["pkg-config", "--modversion", "normnet"], env=tree.environment()).strip()
    if found != version:
        problems.append("normnet.pc says %s, the header %s" % (found, version))
    if shutil.which("nm") and shutil.which("readelf"):
        run([sys.executable, os.path.join(HERE, "check_symbols.py"), *(["--openmp"] if openmp != "disabled" else []),
             "--header", os.path.join(source, "include", "normnet.h"),
             "--map", os.path.join(source, "lib", "normnet.map"),
             "--shared", next(path for path in files if re.search(r"\.so(\.\d+)+$", path)),
             "--archive", next(path for path in files if path.endswith(".a"))])
    return problems


def check_program(tree):
    """The program finds the library of its own prefix, wherever that is."""
    output = run([os.path.join(tree.root, "bin", "normnet-mnist"), "--version"])
    return [] if output.startswith("normnet-mnist ") else ["it says: %s" % output]


def check_train(tree, source, folder, compiler, static):
    """examples/small/train.c, unchanged."""
    program = build_program(compiler, os.path.join(source, "examples", "small", "train.c"), tree, folder,
                            *(["--static"] if static else []))
    problems = []
    if static and needs_normnet(program):
        problems.append("the program linked with the archive needs the shared library")
    output = run([program], env=tree.environment()).strip()
    match = re.match(r"(\d+) of (\d+) new images recognized$", output)
    if not match or int(match.group(1)) < 0.9 * int(match.group(2)):
        problems.append("it says: %s" % output)
    return problems


def check_consumer(tree, folder, compiler, suffix, static):
    source = os.path.join(folder, "consumer" + suffix)
    shutil.copy(os.path.join(CONSUMERS, "consumer.c"), source)
    program = build_program([*compiler, "-Wall", "-Wextra", "-pedantic", "-Werror"], source, tree, folder,
                            *(["--static"] if static else []))
    output = run([program], env=tree.environment())
    return [] if output.startswith("normnet ") else ["it says: %s" % output]


def check_cmake(tree, folder):
    project = os.path.join(folder, "cmake")
    os.mkdir(project)
    shutil.copy(os.path.join(CONSUMERS, "CMakeLists.txt"), project)
    for name in ("consumer.c", "consumer.cpp"):
        shutil.copy(os.path.join(CONSUMERS, "consumer.c"), os.path.join(project, name))
    run(["cmake", "-S", project, "-B", os.path.join(project, "build")], env=tree.environment())
    run(["cmake", "--build", os.path.join(project, "build")], env=tree.environment())
    return [output for name in ("consumer", "consumer_cpp")
            for output in [run([os.path.join(project, "build", name)], env=tree.environment())]
            if not output.startswith("normnet ")]


def check_subproject(source, folder):
    project = os.path.join(folder, "subproject")
    os.makedirs(os.path.join(project, "subprojects"))
    for name in ("consumer.c", "meson.build"):
        shutil.copy(os.path.join(CONSUMERS, name), project)
    shutil.copy(os.path.join(CONSUMERS, "consumer.c"), os.path.join(project, "consumer.cpp"))
    shutil.copy(os.path.join(CONSUMERS, "normnet.wrap"), os.path.join(project, "subprojects"))
    kept = ("meson.build", "meson_options.txt", "include", "lib", "pkgconfig", "examples", "tests")
    inside = os.path.join(project, "subprojects", "normnet")
    os.mkdir(inside)
    for name in kept:
        os.symlink(os.path.join(source, name), os.path.join(inside, name))
    build = os.path.join(project, "build")
    run([*meson(), "setup", build, project, "--buildtype=release"])
    run([*meson(), "compile", "-C", build])
    programs = [path for path in glob.glob(os.path.join(build, "consumer*")) if os.path.isfile(path)]
    problems = [] if programs else ["nothing was built"]
    for program in programs:
        output = run([program])
        if not output.startswith("normnet "):
            problems.append("it says: %s" % output)
        if shutil.which("readelf") and "gomp" in run(["readelf", "-d", program]):
            problems.append("the OpenMP runtime is needed although it is disabled")
    return problems


def attempt(cases, name, check, *arguments):
    with tempfile.TemporaryDirectory() as folder:
        try:
            cases.check(name, check(*(folder if argument is tempfile else argument for argument in arguments)))
        except Failed as failure:
            cases.check(name, [str(failure)])


def check_tree(cases, arguments, openmp):
    what = " (openmp %s)" % openmp
    cxx = next(([name] for name in ("c++", "g++", "clang++") if shutil.which(name)), None)
    with tempfile.TemporaryDirectory() as folder:
        try:
            tree = install(arguments.source, folder, openmp)
        except Failed as failure:
            cases.check("consumers: install" + what, [str(failure)])
            return
        archive = static_only(tree, folder)
        attempt(cases, "consumers: what is installed" + what, check_installed, tree, arguments.source,
                openmp)
        attempt(cases, "consumers: the installed program" + what, check_program, tree)
        for name, place, static in (("shared", tree, False), ("static", archive, True)):
            attempt(cases, "consumers: pkg-config, %s, examples/small%s" % (name, what), check_train, place,
                    arguments.source, tempfile, arguments.cc, static)
            attempt(cases, "consumers: pkg-config, %s, C%s" % (name, what), check_consumer, place, tempfile,
                    [*arguments.cc, "-std=c99"], ".c", static)
            if cxx:
                attempt(cases, "consumers: pkg-config, %s, C++%s" % (name, what), check_consumer, place, tempfile,
                        [*cxx, "-std=c++11"], ".cpp", static)
        if not cxx:
            cases.skip("consumers: C++" + what, "there is no C++ compiler; apt-get install g++")
        elif shutil.which("cmake"):
            attempt(cases, "consumers: CMake with pkg-config" + what, check_cmake, tree, tempfile)
        else:
            cases.skip("consumers: CMake with pkg-config" + what, "needs cmake; apt-get install cmake")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", required=True, type=os.path.abspath)
    parser.add_argument("--cc", type=str.split, default=["cc"])
    parser.add_argument("--openmp", action="append", choices=["enabled", "disabled"])
    arguments = parser.parse_args()
    cases = Cases()
    # The environment's settings for this build's compiler are not a user's.
    for name in ("CFLAGS", "LDFLAGS", "DESTDIR", "PKG_CONFIG_PATH"):
        os.environ.pop(name, None)
    if shutil.which("pkg-config"):
        for openmp in arguments.openmp or ["disabled"]:
            check_tree(cases, arguments, openmp)
    else:
        cases.skip("consumers: pkg-config", "needs pkg-config; apt-get install pkg-config")
    attempt(cases, "consumers: meson subproject", check_subproject, arguments.source, tempfile)
    return cases.end()


if __name__ == "__main__":
    sys.exit(main())
