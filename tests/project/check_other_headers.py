# SPDX-License-Identifier: MIT
"""Programs that were compiled with a header of another version than the library.

usage: python3 check_other_headers.py --source SOURCE-ROOT --shared
           libnormnet.so [--cc COMMAND] [-h | --help]

example: python3 tests/project/check_other_headers.py --source . \\
             --shared build/dev/lib/libnormnet.so

Makes two more headers: an older one, without the last function and the last
field of each struct that has grown since the first release, and a newer one,
with a field at the end of each struct and a function more. Runs programs of all
three with today's library, and with a library built from the newer header: all
must print the same, bit for bit. A newer program whose new fields are in use is
refused by today's library, by each function that reads them.
"""
import argparse
import os
import pathlib
import re
import shutil
import sys
import tempfile

import public_header
from cases import Cases
from commands import meson, run

PROGRAM = pathlib.Path(__file__).parent / "consumers" / "structs.c"
INVALID = 1 # NORMNET_EINVAL
GROWN = 8 # bytes of the field that the newer header has


# ---- Headers ----

def structs(header):
    return re.findall(r"^typedef struct (\w+) \{", header, flags=re.M)


def newer_header(header):
    """Each struct with one more field, and one more function."""
    for name in structs(header):
        header = public_header.edit(header, r"^\} %s;" % name, r"    int64_t planted;\n\g<0>")
    # The functions _init assign each field; that of normnet_config is in the library.
    header = re.sub(r"^    (\w+)->struct_size = [^\n]*\n", r"\g<0>    \1->planted = 0;\n", header, flags=re.M)
    return public_header.edit(header, r"^NORMNET_API int32_t normnet_abi_version\(void\);\n",
                              r"\g<0>NORMNET_API int32_t normnet_planted(void);\n")


def older_header(header, grown):
    """Without the last function, and the last field of each struct in `grown`."""
    last = public_header.functions(header)[-1][1]
    header = public_header.edit(header, r"^NORMNET_API [^;]*?\b%s\([^;]*;\n" % last, "")
    for name in grown:
        definition = re.search(r"^typedef struct %s \{.*?^\} %s;" % (name, name), header, flags=re.M | re.S)[0]
        field = list(re.finditer(r"^    [^\n;/*][^;{}]*?\(?\*?(\w+)(\[\d+\]|\)\([^;]*\))?;[^\n]*\n", definition,
                                 flags=re.M))[-1]
        header = header.replace(definition, definition[:field.start()] + definition[field.end():])
        header = re.sub(r"^    \w+->%s = [^\n]*\n" % field[1], "", header, flags=re.M)
    return header


def grown_structs(header, source, compiler, folder):
    """Those that are larger than in the first release, which a program of today may leave at that size."""
    names = structs(header)
    lines = ['if (sizeof(%s) > NORMNET__%s_MIN_SIZE) puts("%s");' % (name, name.replace("normnet_", "").upper(), name)
             for name in names]
    test = folder / "sizes.c"
    test.write_text('#include "model/sized_struct.h"\n#include <stdio.h>\nint main(void) { %s return 0; }\n'
                    % " ".join(lines), encoding="utf-8")
    run(*compiler, "-I", source / "include", "-I", source / "lib", test, "-o", folder / "sizes")
    return run(folder / "sizes").split()


# ---- A library of the newer header ----

def newer_library(source, header, folder):
    """Builds the library from a copy of the sources with the newer header."""
    copy, build = folder / "source", folder / "build"
    copy.mkdir()
    for name in ("meson.build", "meson_options.txt", "LICENSE"):
        shutil.copy(source / name, copy)
    for name in ("include", "lib", "pkgconfig", "docs"):
        shutil.copytree(source / name, copy / name)
    (copy / "include" / "normnet.h").write_text(header, encoding="utf-8")
    for name, pattern, replacement in (
            # As the recipe for a new field says: sizes grow, and nothing else in this file changes.
            ("lib/api/abi_layout.c", r"(static_assert\(sizeof\(\w+\) == [^,\n]*), ", r"\1 + %d, " % GROWN),
            ("lib/normnet.map", r"normnet_abi_version;", r"\g<0> normnet_planted;"),
            ("lib/api/status.c", r"\Z", "int32_t normnet_planted(void)\n{\n    return 1;\n}\n")):
        file = copy / name
        text = file.read_text(encoding="utf-8")
        file.write_text(re.sub(pattern, replacement, text), encoding="utf-8")
    run(*meson(), "setup", build, copy, "--buildtype=plain", "-Dtests=false", "-Dexamples=false")
    run(*meson(), "compile", "-C", build)
    return next((build / "lib").glob("libnormnet.so"))


# ---- Programs ----

class Programs:
    def __init__(self, header, older, newer, compiler, folder):
        self.headers = {"today's": header, "an older": older, "a newer": newer}
        self.compiler, self.folder = compiler, folder

    def run(self, which, library):
        """The output of a program that was built with a header and today's library, run with another library."""
        folder = self.folder / which.replace(" ", "-").replace("'", "")
        program = folder / "program"
        if not program.exists():
            folder.mkdir()
            (folder / "normnet.h").write_text(self.headers[which], encoding="utf-8")
            run(*self.compiler, "-std=c99", "-Wall", "-Wextra", "-Werror", *(["-DNEWER"] if which == "a newer" else []),
                "-I", folder, PROGRAM, library, "-o", program)
        places = folder / "library"
        shutil.rmtree(places, ignore_errors=True)
        places.mkdir()
        os.symlink(library, places / ("libnormnet.so.%d" % public_header.number(self.headers[which],
                                                                               "NORMNET_ABI_VERSION")))
        return run(program, env={**os.environ, "LD_LIBRARY_PATH": str(places)}).splitlines()


def check_same(programs, which, library, expected):
    lines = programs.run(which, library)
    return [] if lines[:len(expected)] == expected else ["it says %r, today's program %r" % (lines, expected)]


def check_unknown(programs, library):
    """What a program in which fields of the future are set is told, after its other lines."""
    message, statuses, function = programs.run("a newer", library)[-3:]
    problems = []
    if not re.match(r"%d config sets a field at byte \d+, which this version does not support$" % INVALID, message):
        problems.append("normnet_model_create says: %s" % message)
    if statuses.split() != [str(INVALID)] * 4:
        problems.append("the other functions return %s, expected %d" % (statuses, INVALID))
    if function != "normnet_planted is missing":
        problems.append(function)
    return problems


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", required=True, type=lambda path: pathlib.Path(path).resolve())
    parser.add_argument("--shared", required=True, type=lambda path: pathlib.Path(path).resolve())
    parser.add_argument("--cc", type=str.split, default=["cc"])
    arguments = parser.parse_args()
    cases = Cases()
    for name in ("CFLAGS", "LDFLAGS", "DESTDIR"): # of whoever runs the tests; the library is built without
        os.environ.pop(name, None)
    header = (arguments.source / "include" / "normnet.h").read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        grown = grown_structs(header, arguments.source, arguments.cc, folder)
        newer = newer_header(header)
        programs = Programs(header, older_header(header, grown), newer, arguments.cc, folder)
        expected = programs.run("today's", arguments.shared)
        cases.check("other headers: today's header, today's library",
                    [] if len(expected) == 2 else ["it says %r" % expected])
        cases.check("other headers: an older header (%s shorter), today's library" % (", ".join(grown) or "no struct"),
                    check_same(programs, "an older", arguments.shared, expected))
        cases.check("other headers: a newer header, today's library",
                    check_same(programs, "a newer", arguments.shared, expected))
        cases.check("other headers: a newer header whose fields are set is refused",
                    check_unknown(programs, arguments.shared))
        library = newer_library(arguments.source, newer, folder)
        for which in ("an older", "today's"):
            cases.check("other headers: %s header, a newer library (all structs longer)" % which,
                        check_same(programs, which, library, expected))
    return cases.end()


if __name__ == "__main__":
    sys.exit(main())
