# SPDX-License-Identifier: MIT
r"""What the built library exports, needs and keeps.

usage: python3 check_symbols.py --header normnet.h --map normnet.map
           [--shared libnormnet.so] [--archive libnormnet.a] [--openmp]
           [--asserts] [--cc cc] [--nm nm] [--readelf readelf] [-h | --help]

example: python3 check_symbols.py --header include/normnet.h \
             --map lib/normnet.map --shared build/lib/libnormnet.so.0

Exported symbols = the map = the functions marked NORMNET_API in the header; an
archive's global symbols begin with normnet_; only functions of libc, libm and
pthread are called that are on a list, none of which ends the process, prints or
changes its settings; a shared library needs libc, libm and, with --openmp, the
OpenMP runtime; no variable is shared by all calls but the flag of forked
children. --asserts says that the build has assertions, which may call
__assert_fail. With --cc the check first proves itself on a library with planted
faults.
"""
import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile

import public_header
from cases import Cases

# All that the library may call: of libc, libm and pthread, and what none of these can do to the process is print, end
# it, change its settings or read its environment. Names as in nm, without version, _chk, and 64 for large files.
ALLOWED = set("""
    bcmp memchr memcmp memcpy memmove memset strchr strcmp strcpy strlen strncmp strrchr strspn snprintf vsnprintf
    malloc free madvise openat close read write fstat fstatat fsync fchmod renameat unlinkat getpid errno_location
    ceil clock_gettime exp fabs fegetenv fesetenv fma ldexp log sqrt
    pthread_atfork register_atfork pthread_once pthread_create pthread_join pthread_setcancelstate pthread_sigmask
    sigdelset sigfillset pthread_attr_destroy pthread_attr_init pthread_attr_setstacksize
    pthread_cond_broadcast pthread_cond_destroy pthread_cond_init pthread_cond_wait
    pthread_mutex_destroy pthread_mutex_init pthread_mutex_lock pthread_mutex_unlock
""".split())
# What compilers and linkers add themselves.
COMPILER = set("""
    _ITM_deregisterTMCloneTable _ITM_registerTMCloneTable _GLOBAL_OFFSET_TABLE_ __gmon_start__ __cxa_finalize
    __tls_get_addr ___tls_get_addr __tls_get_offset __cpu_model __cpu_indicator_init __stack_chk_fail
    __stack_chk_fail_local __stack_chk_guard __udivdi3 __umoddi3 __divdi3 __moddi3 __udivmoddi4 __popcountdi2
    __xstat __fxstat __fxstatat
""".split())
OPENMP_CALLS = re.compile(r"GOMP_\w+|omp_(get|in)_\w+|__kmpc_\w+")
NEEDED = re.compile(r"^(libc\.so\.\d+|libm\.so\.\d+|libc\.musl-.*|ld-linux.*|ld-musl.*)$")
# The count of forks and what registers it. (fesetenv is not among the forbidden: base/float_mode.h restores the mode.)
FORK_FLAG = re.compile(r"base_forks\.c\.o\)?\]?: (forks|once)$")
OPENMP = re.compile(r"^(libgomp\.so\.\d+|libomp\.so.*|libiomp5\.so)$")


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def declared(header):
    with open(header, encoding="utf-8") as file:
        return {name for _, name, _ in public_header.functions(file.read())}


def mapped(path):
    text = re.sub(r"/\*.*?\*/", "", open(path, encoding="utf-8").read(), flags=re.S)
    names = set()
    for part in re.findall(r"global:(.*?)(?:local:|\})", text, flags=re.S):
        names |= {name for name in part.replace(";", " ").split()}
    return names


def symbols(nm, *options):
    """(name without version, type) of each line of nm."""
    for line in run(nm, *options).splitlines():
        match = re.match(r"^(?:[0-9a-fA-F]+)?\s+([A-Za-z?])\s+(\S+)$", line)
        if match:
            yield match.group(2).split("@")[0], match.group(1)


def compare(one, other, names):
    return (["%s in %s, but not in %s" % (name, names[0], names[1]) for name in sorted(one - other)] +
            ["%s in %s, but not in %s" % (name, names[1], names[0]) for name in sorted(other - one)])


def forbidden(undefined, arguments):
    """Calls of what is not allowed. An archive's calls of its own functions are not meant."""
    problems = []
    for name in sorted(undefined):
        plain = re.sub(r"^_*(\w+?)(_chk|64)?$", r"\1", name)
        if not (name in ALLOWED or plain in ALLOWED or name in COMPILER or name.startswith("normnet_")
                or (arguments.openmp and OPENMP_CALLS.fullmatch(name))
                or (arguments.asserts and name == "__assert_fail")):
            problems.append("calls %s" % name)
    return problems


def shared_variables(readelf, archive):
    """Variables, by member, that are neither thread-local nor constants that need relocation."""
    problems, member, writable = [], "", {}
    for line in run(readelf, "-S", "-s", "-W", archive).splitlines():
        if line.startswith("File:"):
            member, writable = line.split(":", 1)[1].strip(), {}
        section = re.match(r"^\s*\[\s*(\d+)\]\s+(\S+)\s+\S+\s+[0-9a-f]+\s+[0-9a-f]+\s+[0-9a-f]+\s+\S+\s+(\S*)", line)
        if section:
            number, name, flags = section.groups()
            writable[number] = {"W", "A"} <= set(flags) and "T" not in flags and not name.startswith(".data.rel.ro")
        symbol = re.match(r"^\s*\d+:\s+[0-9a-f]+\s+\d+\s+OBJECT\s+\S+\s+\S+\s+(\S+)\s+(\S+)", line)
        if symbol and (symbol.group(1) == "COM" or writable.get(symbol.group(1))):
            problems.append("%s: %s" % (member, symbol.group(2)))
    return problems


def check_shared(cases, arguments, exported):
    names = {name for name, kind in symbols(arguments.nm, "-D", "--defined-only", arguments.shared) if kind != "A"}
    cases.check("symbols: the shared library exports what the header declares",
                compare(names, exported, ("the library", "the header")))
    undefined = {name for name, _ in symbols(arguments.nm, "-D", "--undefined-only", arguments.shared)}
    cases.check("symbols: the shared library calls only what it may",
                forbidden(undefined, arguments) if undefined else ["nm shows no undefined symbols"])
    needed = re.findall(r"\(NEEDED\).*\[(.*)\]", run(arguments.readelf, "-d", "-W", arguments.shared))
    cases.check("symbols: needs libc, libm%s and nothing else" % (", the OpenMP runtime" if arguments.openmp else ""),
                ["needs %s" % name for name in needed
                 if not NEEDED.match(name) and not (arguments.openmp and OPENMP.match(name))]
                if needed else ["readelf shows no NEEDED"])


def check_archive(cases, arguments, exported):
    names = {name for name, _ in symbols(arguments.nm, "-g", "--defined-only", arguments.archive)}
    cases.check("symbols: the archive's begin with normnet_",
                ["%s" % name for name in sorted(names) if not name.startswith("normnet_")])
    cases.check("symbols: the archive holds what the header declares",
                ["%s is missing" % name for name in sorted(exported - names)])
    undefined = {name for name, _ in symbols(arguments.nm, "-g", "--undefined-only", arguments.archive)}
    cases.check("symbols: the archive calls only what it may",
                forbidden(undefined, arguments) if undefined else ["nm shows no undefined symbols"])
    cases.check("symbols: no variable is shared by all calls, but whether this is a forked child",
                [variable for variable in shared_variables(arguments.readelf, arguments.archive)
                 if not FORK_FLAG.search(variable)])


PLANTED = """
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
int normnet_counter = 3;
static int calls;
void stranger(void) { printf("%d", ++calls); if (getenv("NORMNET") != NULL || !dlopen("", 1)) abort(); }
"""


def self_test(arguments):
    """What is not found in a library that does what none should."""
    problems = []
    with tempfile.TemporaryDirectory() as folder:
        source, planted, shared = (os.path.join(folder, name) for name in ("planted.c", "planted.o", "planted.so"))
        with open(source, "w", encoding="utf-8") as file:
            file.write(PLANTED)
        run(*arguments.cc, "-fPIC", "-c", source, "-o", planted)
        run(*arguments.cc, "-shared", planted, "-o", shared, "-Wl,--no-as-needed", "-lpthread", "-ldl")
        found = forbidden({name for name, _ in symbols(arguments.nm, "-D", "--undefined-only", shared)}, arguments)
        for name in ("abort", "getenv", "printf", "dlopen"):
            if not any(name in problem for problem in found):
                problems.append("a call of %s is not found" % name)
        if len(shared_variables(arguments.readelf, planted)) != 2:
            problems.append("variables are not found: %s" % shared_variables(arguments.readelf, planted))
        names = {name for name, kind in symbols(arguments.nm, "-D", "--defined-only", shared) if kind != "A"}
        if not any("stranger" in problem for problem in compare(names, set(), ("the library", "the header"))):
            problems.append("an exported function that nobody declares is not found")
    return problems


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--header", required=True)
    parser.add_argument("--map", required=True)
    parser.add_argument("--shared")
    parser.add_argument("--archive")
    parser.add_argument("--openmp", action="store_true")
    parser.add_argument("--asserts", action="store_true")
    parser.add_argument("--cc", type=str.split)
    parser.add_argument("--nm", default="nm")
    parser.add_argument("--readelf", default="readelf")
    arguments = parser.parse_args()
    cases = Cases()
    exported = declared(arguments.header)
    cases.check("symbols: the map lists what the header declares",
                compare(mapped(arguments.map), exported, ("the map", "the header"))
                if len(exported) > 20 else ["the header declares %d functions" % len(exported)])
    tools = [tool for tool in (arguments.nm, arguments.readelf) if shutil.which(tool) is None]
    if tools:
        cases.skip("symbols: the built library", "needs %s; apt-get install binutils" % " and ".join(tools))
    else:
        if arguments.cc:
            cases.check("symbols: planted faults are found", self_test(arguments))
        if arguments.shared:
            check_shared(cases, arguments, exported)
        if arguments.archive:
            check_archive(cases, arguments, exported)
    return cases.end()


if __name__ == "__main__":
    sys.exit(main())
