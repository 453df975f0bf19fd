# SPDX-License-Identifier: MIT
"""Programs of others: libnormnet installed, moved, and used as its users use it.

usage: python3 check_consumers.py --source SOURCE-ROOT [--cc COMMAND] [--openmp
enabled|disabled] [--help]

example: python3 check_consumers.py --source . --openmp disabled

Installs into a temporary prefix, deletes the build, moves the tree, and builds
from it: the README's program with pkg-config; projects of make, CMake and
meson, shared and static, as C99 and as C++17. Then makes the archive of a
release, and from it, without a network, a meson project whose subproject it is,
and from a repository a CMake project that fetches it.
Every program is run.
"""
import argparse
import glob
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile

import public_header
from cases import Cases
from commands import Failed, meson, run

HERE = os.path.dirname(os.path.abspath(__file__))
CONSUMERS = os.path.join(HERE, "consumers")
# Where the question is whether it builds; that takes a third of the time.
NOT_OPTIMIZED = ["-Doptimization=0", "-Ddebug=false"]


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
        return run("pkg-config", *options, "--cflags", "--libs", "normnet", env=self.environment()).split()


def install(source, folder, openmp, everything):
    """
    Configures, builds and installs into a prefix, deletes the build and moves the tree. Without `everything`, the
    library alone.
    """
    build, prefix, moved = (os.path.join(folder, name) for name in ("build", "prefix", "moved"))
    # Whoever installs may ask for a .pc file that finds its tree anywhere.
    run(*meson(), "setup", build, source, "--prefix", prefix, "--buildtype=release", "--default-library=both",
        "-Dtests=false", "-Dexamples=%s" % str(everything).lower(), "-Dpkgconfig.relocatable=true", "-Dopenmp=" + openmp,
        *NOT_OPTIMIZED)
    run(*meson(), "install", "-C", build, "--quiet")
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
    run(*compiler, source, *tree.flags(*options), "-o", program)
    return program


def needs_normnet(program):
    return "libnormnet" in run("readelf", "-d", program) if shutil.which("readelf") else None


def check_installed(tree, source, openmp, examples):
    problems = []
    expected = ["include/normnet.h", "libnormnet.so", "libnormnet.so.0", "libnormnet.a", "normnet.pc",
                "cmake/normnet/normnetConfig.cmake", "cmake/normnet/normnetConfigVersion.cmake"]
    program = ["bin/normnet-mnist", "man/man1/normnet-mnist.1", "bash-completion/completions/normnet-mnist"]
    expected += program * examples
    files = [os.path.join(directory, name) for directory, _, names in os.walk(tree.root) for name in names]
    for name in expected:
        if not any(path.endswith("/" + name) for path in files):
            problems.append("%s is not installed" % name)
    problems += ["%s is installed" % os.path.relpath(path, tree.root) for path in files
                 if not re.search(r"/(normnet\.h|libnormnet\.(so[.\d]*|a)|normnet\.pc|cmake/normnet/\w+\.cmake)$", path)
                 and not (examples and path.endswith(tuple(program)))]
    # The tree has been moved since.
    prefix = os.path.join(os.path.dirname(tree.root), "prefix")
    problems += ["%s names the prefix" % os.path.relpath(path, tree.root) for path in files
                 if path.endswith((".pc", ".cmake", ".h")) and prefix in open(path, encoding="utf-8").read()]
    with open(os.path.join(source, "include", "normnet.h"), encoding="utf-8") as file:
        version = public_header.version(file.read())
    found = run("pkg-config", "--modversion", "normnet", env=tree.environment()).strip()
    if found != version:
        problems.append("normnet.pc says %s, the header %s" % (found, version))
    if shutil.which("nm") and shutil.which("readelf"):
        run(sys.executable, os.path.join(HERE, "check_symbols.py"), *(["--openmp"] if openmp != "disabled" else []),
            "--header", os.path.join(source, "include", "normnet.h"),
            "--map", os.path.join(source, "lib", "normnet.map"),
            "--shared", next(path for path in files if re.search(r"\.so(\.\d+)+$", path)),
            "--archive", next(path for path in files if path.endswith(".a")))
    return problems


def check_program(tree):
    """The program finds the library of its own prefix, wherever that is."""
    output = run(os.path.join(tree.root, "bin", "normnet-mnist"), "--version")
    return [] if output.startswith("normnet-mnist ") else ["it says: %s" % output]


def check_train(tree, source, folder, compiler, static):
    """examples/small/train.c, unchanged."""
    program = build_program(compiler, os.path.join(source, "examples", "small", "train.c"), tree, folder,
                            *(["--static"] if static else []))
    problems = []
    if static and needs_normnet(program):
        problems.append("the program linked with the archive needs the shared library")
    output = run(program, env=tree.environment()).strip()
    match = re.match(r"(\d+) of (\d+) new images recognized$", output)
    if not match or int(match.group(1)) < 0.9 * int(match.group(2)):
        problems.append("it says: %s" % output)
    return problems


def copy_consumer(project, build_file):
    os.makedirs(project)
    shutil.copy(os.path.join(CONSUMERS, build_file), project)
    for name in ("consumer.c", "consumer.cpp"):
        shutil.copy(os.path.join(CONSUMERS, "consumer.c"), os.path.join(project, name))


def check_programs(tree, programs, count, static):
    """Runs the programs of a project; those with the archive must not need the shared library."""
    problems = [] if len(programs) == count else ["built are %s, expected %d programs" % (programs, count)]
    for program in programs:
        output = run(program, env=tree.environment())
        if not output.startswith("normnet "):
            problems.append("it says: %s" % output)
        # Who finds a library by its path needs no LD_LIBRARY_PATH; with the archive nobody does.
        if needs_normnet(program) is static(program):
            problems.append("%s is not linked with the %s library" % (os.path.basename(program),
                                                                      "static" if static(program) else "shared"))
    return problems


def check_make(tree, folder, compiler, cxx, static):
    project = os.path.join(folder, "make")
    copy_consumer(project, "Makefile")
    run("make", "-C", project, "CC=" + " ".join(compiler), "CXX=" + " ".join(cxx),
        *(["STATIC=--static"] if static else []), env=tree.environment())
    return check_programs(tree, [os.path.join(project, name) for name in ("consumer", "consumer_cpp")], 2,
                          lambda program: static)


def configure_cmake(tree, project, build, *options):
    return run("cmake", "-S", project, "-B", build, "-DCMAKE_PREFIX_PATH=" + tree.root, *options,
               env=tree.environment())


def check_cmake(tree, folder, language, find, count):
    project, build = os.path.join(folder, "cmake"), os.path.join(folder, "cmake", "build")
    copy_consumer(project, "CMakeLists.txt")
    configure_cmake(tree, project, build, "-DLANGUAGE=" + language, "-DFIND=" + find)
    run("cmake", "--build", build, env=tree.environment())
    programs = sorted(glob.glob(os.path.join(build, "normnet_*")) + glob.glob(os.path.join(build, "PkgConfig_*")))
    only_static = not glob.glob(os.path.join(tree.root, "**", "libnormnet.so"), recursive=True)
    return check_programs(tree, programs, count, lambda program: only_static or program.endswith("_static"))


def check_cmake_refuses(tree, folder, version):
    """Other versions than the installed one, and components that do not exist, with a reason."""
    problems = []
    major, minor, _ = (int(part) for part in version.split("."))
    project = os.path.join(folder, "cmake")
    copy_consumer(project, "CMakeLists.txt")
    for number, (wanted, kind, refused) in enumerate([
            (version, "", False), ("%d.0" % major, "shared;static", False), ("%d...%d" % (major, major + 1), "", False),
            ("%d.%d" % (major, minor + 1), "", "version: %s" % version), (str(major + 1), "", "version: %s" % version),
            ("%d.%d...%d" % (major, minor + 1, major + 2), "", "version: %s" % version),
            (version, "sttic", "no library 'sttic'")]):
        try:
            configure_cmake(tree, project, os.path.join(project, str(number)), "-DVERSION=" + wanted, "-DKIND=" + kind)
            if refused:
                problems.append("find_package(normnet %s COMPONENTS %s) finds %s" % (wanted, kind, version))
        except Failed as failure:
            if not refused or refused not in " ".join(str(failure).split()):
                problems.append("find_package(normnet %s COMPONENTS %s): %s" % (wanted, kind, failure))
    return problems


def check_meson(tree, folder, static):
    project, build = os.path.join(folder, "meson"), os.path.join(folder, "meson", "build")
    copy_consumer(project, "meson.build")
    run(*meson(), "setup", build, project, "--wrap-mode=nofallback", "-Dprefer_static=%s" % str(static).lower(),
        env=tree.environment())
    run(*meson(), "compile", "-C", build, env=tree.environment())
    programs = [path for path in glob.glob(os.path.join(build, "consumer*")) if os.path.isfile(path)]
    return check_programs(tree, programs, 2, lambda program: static)


# ---- The archive of a release ----

def sources_of(source):
    """The files of a checkout as they are now, or those of an unpacked archive."""
    if os.path.exists(os.path.join(source, ".git")) and shutil.which("git"):
        names = run("git", "-C", source, "ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")
        return sorted({name for name in names if name and os.path.exists(os.path.join(source, name))})
    return sorted(os.path.relpath(os.path.join(directory, name), source)
                  for directory, _, names in os.walk(source) for name in names
                  if not os.path.relpath(directory, source).startswith("build") and not name.endswith(".pyc"))


def make_archive(source, folder):
    """`meson dist` of the files as they are now; the path of the archive."""
    checkout, build = os.path.join(folder, "checkout"), os.path.join(folder, "dist")
    for name in sources_of(source):
        os.makedirs(os.path.dirname(os.path.join(checkout, name)), exist_ok=True)
        shutil.copy(os.path.join(source, name), os.path.join(checkout, name))
    git = ["git", "-C", checkout, "-c", "user.name=n", "-c", "user.email=n@localhost", "-c", "commit.gpgsign=false",
           "-c", "core.hooksPath=/dev/null"]
    for command in (["init", "-q"], ["add", "-A", "-f"], ["commit", "-q", "-m", "as it is"]):
        run(*git, *command)
    run(*meson(), "setup", build, checkout, "--buildtype=release")
    run(*meson(), "dist", "-C", build, "--no-tests", "--formats", "gztar")
    return next(iter(glob.glob(os.path.join(build, "meson-dist", "*.tar.gz"))))


def check_archive_files(archive, source):
    with tarfile.open(archive) as packed:
        inside = {member.name.split("/", 1)[1] for member in packed.getmembers() if member.isfile()}
    return ["%s is missing" % name for name in sources_of(source) if name not in inside]


def offline():
    """A command's prefix that takes the network away, if the system lets us."""
    prefix = ["unshare", "--map-root-user", "--net"]
    return prefix if shutil.which("unshare") and subprocess.run([*prefix, "true"], capture_output=True).returncode == 0 \
        else []


def check_archive_tests(archive, folder):
    """Some of its tests; the others would take minutes."""
    shutil.unpack_archive(archive, folder)
    root = os.path.join(folder, os.path.basename(archive)[:-len(".tar.gz")])
    build = os.path.join(folder, "build")
    tests = ["test_golden_steps", "test_structs", "test_settings", "check_includes", "check_abi"]
    run(*offline(), *meson(), "setup", build, root, *NOT_OPTIMIZED)
    targets = ["normnet", "tests/numerics/test_golden_steps", "tests/api/test_structs", "tests/files/test_settings"]
    run(*offline(), *meson(), "compile", "-C", build, *targets)
    output = run(*offline(), *meson(), "test", "-C", build, "--no-rebuild", *tests)
    match = re.search(r"^Fail:\s+(\d+)", output, flags=re.M)
    return [] if match and match[1] == "0" and "test_golden_steps" in output else [output[-800:]]


def check_subproject(archive, folder):
    """With a wrap of the archive, as the README says."""
    project, build = os.path.join(folder, "subproject"), os.path.join(folder, "subproject", "build")
    copy_consumer(project, "meson.build")
    wraps = os.path.join(project, "subprojects")
    os.makedirs(os.path.join(wraps, "packagefiles"))
    shutil.copy(archive, os.path.join(wraps, "packagefiles"))
    name = os.path.basename(archive)
    with open(archive, "rb") as file:
        digest = hashlib.sha256(file.read()).hexdigest()
    with open(os.path.join(CONSUMERS, "normnet.wrap"), encoding="utf-8") as file:
        wrap = file.read().replace("@archive@", name).replace("@directory@", name[:-len(".tar.gz")])
    with open(os.path.join(wraps, "normnet.wrap"), "w", encoding="utf-8") as file:
        file.write(wrap.replace("@sha256@", digest))
    environment = {**os.environ, "PKG_CONFIG_LIBDIR": folder} # none is installed
    run(*offline(), *meson(), "setup", build, project, *NOT_OPTIMIZED, env=environment)
    run(*meson(), "compile", "-C", build)
    programs = [path for path in glob.glob(os.path.join(build, "consumer*")) if os.path.isfile(path)]
    problems = [] if len(programs) == 2 else ["built are %s" % programs]
    for program in programs:
        output = run(program)
        if not output.startswith("normnet "):
            problems.append("it says: %s" % output)
        if shutil.which("readelf") and "gomp" in run("readelf", "-d", program):
            problems.append("the OpenMP runtime is needed although it is disabled")
    return problems


def check_fetched(repository, folder, language):
    project, build = os.path.join(folder, "cmake"), os.path.join(folder, "cmake", "build")
    copy_consumer(project, "CMakeLists.txt")
    configure = ["cmake", "-S", project, "-B", build, "-DLANGUAGE=" + language, "-DFIND=fetch",
                 "-DREPOSITORY=file://" + repository, "-DCMAKE_BUILD_TYPE=Release"]
    run(*configure)
    run("cmake", "--build", build)
    run(*configure) # again, with all that is there
    output = run(os.path.join(build, "normnet_normnet"))
    return [] if output.startswith("normnet ") else ["it says: %s" % output]


def attempt(cases, name, check, *arguments):
    with tempfile.TemporaryDirectory() as folder:
        try:
            cases.check(name, check(*(folder if argument is tempfile else argument for argument in arguments)))
        except Failed as failure:
            cases.check(name, [str(failure)])


def check_tree(cases, arguments, openmp):
    """All that an installed tree is for; with OpenMP, it is the library alone, and what does not differ is left out."""
    what = " (openmp %s)" % openmp
    everything = openmp == "disabled"
    cxx = next(([name] for name in ("c++", "g++", "clang++") if shutil.which(name)), None)
    with tempfile.TemporaryDirectory() as folder:
        try:
            tree = install(arguments.source, folder, openmp, everything)
        except Failed as failure:
            cases.check("consumers: install" + what, [str(failure)])
            return
        archive = static_only(tree, folder)
        attempt(cases, "consumers: what is installed" + what, check_installed, tree, arguments.source,
                openmp, everything)
        if everything:
            attempt(cases, "consumers: the installed program" + what, check_program, tree)
        for name, place, static in (("shared", tree, False), ("static", archive, True)):
            attempt(cases, "consumers: pkg-config, %s, examples/small%s" % (name, what), check_train, place,
                    arguments.source, tempfile, arguments.cc, static)
            if not cxx:
                cases.skip("consumers: make, %s%s" % (name, what), "there is no C++ compiler; apt-get install g++")
                continue
            attempt(cases, "consumers: make, %s, C99 and C++17%s" % (name, what), check_make, place, tempfile,
                    arguments.cc, cxx, static)
            attempt(cases, "consumers: meson, %s, C99 and C++17%s" % (name, what), check_meson, tree, tempfile, static)
        if not cxx or not shutil.which("cmake"):
            cases.skip("consumers: CMake" + what, "needs cmake and g++; apt-get install cmake g++")
            return
        for language, standard in (("C", "C99"), ("CXX", "C++17")):
            attempt(cases, "consumers: CMake, shared and static, %s%s" % (standard, what), check_cmake, tree, tempfile,
                    language, "config", 3)
        attempt(cases, "consumers: CMake, only the static library is there" + what, check_cmake, archive, tempfile,
                "CXX", "config", 2)
        attempt(cases, "consumers: CMake with pkg-config" + what, check_cmake, tree, tempfile, "C", "pkg-config", 1)
        if not everything:
            return
        with open(os.path.join(arguments.source, "include", "normnet.h"), encoding="utf-8") as file:
            version = public_header.version(file.read())
        attempt(cases, "consumers: CMake, versions and components" + what, check_cmake_refuses, tree, tempfile, version)


def check_archive(cases, source):
    if not shutil.which("git"):
        cases.skip("consumers: archive", "needs git; apt-get install git")
        return
    with tempfile.TemporaryDirectory() as folder:
        try:
            archive = make_archive(source, folder)
        except Failed as failure:
            cases.check("consumers: archive", [str(failure)])
            return
        attempt(cases, "consumers: the archive has all sources", check_archive_files, archive, source)
        without = ", without a network" if offline() else ""
        attempt(cases, "consumers: the archive builds and tests" + without, check_archive_tests, archive, tempfile)
        attempt(cases, "consumers: meson subproject by a wrap of the archive" + without, check_subproject, archive,
                tempfile)
        if not shutil.which("cmake") or not shutil.which("c++"):
            cases.skip("consumers: CMake, fetched", "needs cmake and g++; apt-get install cmake g++")
            return
        # A project of C++ alone is the one that has to be given C.
        attempt(cases, "consumers: CMake, fetched", check_fetched, os.path.join(folder, "checkout"), tempfile, "CXX")


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
    check_archive(cases, arguments.source)
    return cases.end()


if __name__ == "__main__":
    sys.exit(main())
