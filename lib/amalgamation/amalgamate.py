# SPDX-License-Identifier: MIT
"""Writes the library as one source file, normnet.c, beside a copy of normnet.h.

usage: python3 amalgamate.py --root SOURCE-ROOT --output DIRECTORY
                             [--depfile FILE] [-h | --help] SOURCE...

`meson compile amalgamation` calls it with the sources that all builds have, in
the order of lib/meson.build. normnet.c consists of:

    head.c.in     the settings that meson.build makes otherwise
    headers       each once, after those that it includes
    sources       those for one system, or for threads, inside of an #if
    kernels.c.in  includes normnet.c again, once per instruction set
    kernels       kernel_table.c and what only it includes

Text and comments of each file stay. Left out are includes of the library's own
headers, their guards, and macros like _POSIX_C_SOURCE, which head.c.in defines.
All files are one scope here, so names that two of them define are refused. The
kernels are compiled several times: so each of their names becomes KERNEL(name)
by a macro.
"""
import argparse
import os
import re
import sys

from c_names import macros, names_of

HERE = os.path.dirname(os.path.abspath(__file__))
PUBLIC = "normnet.h"
KERNEL_TABLE = "kernels/kernel_table.c"
LANES = "kernels/lanes.h"  # what includes it is a kernel

# When a file that not every build has is compiled; head.c.in defines the macros.
CONDITIONS = {
    "base/system_threads.h": "NORMNET__THREADS",
    "base/cancellation.c": "NORMNET__CANCELLATION",
    "base/no_cancellation.c": "!NORMNET__CANCELLATION",
    "base/forks.c": "NORMNET__THREADS && !defined(_WIN32)",
    "base/no_forks.c": "!NORMNET__THREADS || defined(_WIN32)",
    "base/clock_posix.c": "!defined(_WIN32)",
    "base/clock_windows.c": "defined(_WIN32)",
    "base/system_threads_posix.c": "NORMNET__THREADS && !defined(_WIN32)",
    "base/system_threads_windows.c": "NORMNET__THREADS && defined(_WIN32)",
    "base/thread_pool.c": "NORMNET__THREADS",
    "base/serial_pool.c": "!NORMNET__THREADS",
    "base/no_pool.c": "!NORMNET__THREADS",
    "io/file_posix.c": "!defined(_WIN32)",
    "io/file_windows.c": "defined(_WIN32)",
}
CONDITIONAL_SOURCES = [name for name in CONDITIONS if name.endswith(".c")]
OPENMP = "base/openmp_pool.c"  # needs an option of the compiler
LEFT_OUT = [OPENMP, "base/probe_exact.c"]
# No build has two files of one of these, so that they may define the same names.
ALTERNATIVES = [
    {"base/cancellation.c", "base/no_cancellation.c"},
    {"base/clock_posix.c", "base/clock_windows.c"},
    {"base/forks.c", "base/no_forks.c"},
    {"base/system_threads_posix.c", "base/system_threads_windows.c"},
    {"base/thread_pool.c", "base/serial_pool.c", OPENMP},
    {"base/thread_pool.c", "base/no_pool.c"},
    {"io/file_posix.c", "io/file_windows.c"},
]

OWN_INCLUDE = re.compile(r'^#[ \t]*include[ \t]*"([^"]+)"[^\n]*\n', re.M)
SYSTEM_INCLUDE = re.compile(r"^#[ \t]*include[ \t]*<([^>]+)>[^\n]*\n", re.M)
GUARD = re.compile(r"^#ifndef (NORMNET_\w+_H)\n#define \1\n(.*)^#endif\n", re.M | re.S)
SYSTEM_MACRO = re.compile(r"^#define _[A-Z]\w*_SOURCE\b[^\n]*\n", re.M)
EMPTY_IF = re.compile(r"^#if [^\n]*\n(?:#else\n)?#endif\n", re.M)
BLANK_LINES = re.compile(r"\n{3,}")
LICENCE = "/* SPDX-License-Identifier: MIT */\n"


class Refused(Exception):
    """Why there is no amalgamation."""


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


class Library:
    """The files of lib, by their paths in it."""

    def __init__(self, folder):
        self.folder = folder
        self.texts = {}

    def text(self, name):
        if name not in self.texts:
            path = os.path.join(self.folder, name)
            if not os.path.isfile(path):
                raise Refused("%s is not a file" % path)
            self.texts[name] = read(path)
        return self.texts[name]

    def includes(self, name):
        return [header for header in OWN_INCLUDE.findall(self.text(name)) if header != PUBLIC]

    def add_headers(self, name, headers):
        """Adds the headers that a file includes to those in `headers`, each after those that it includes."""
        for header in self.includes(name):
            if header not in headers:
                self.add_headers(header, headers)
                headers.append(header)

    def headers(self, names):
        headers = []
        for name in names:
            self.add_headers(name, headers)
        return headers

    def sources(self):
        return {os.path.relpath(os.path.join(folder, name), self.folder).replace(os.sep, "/")
                for folder, _, names in os.walk(self.folder) for name in names if name.endswith(".c")}

    def check_sources(self, common):
        """Refuses a list of sources that is not all there are."""
        named = [*common, *CONDITIONAL_SOURCES, *LEFT_OUT, KERNEL_TABLE]
        for name in sorted(self.sources() - set(named)):
            raise Refused("%s is missing; expected it in lib/meson.build's sources or in CONDITIONS of amalgamate.py"
                          % name)
        for name in named:
            self.text(name)
            if named.count(name) > 1:
                raise Refused("%s is there twice; expected it either in lib/meson.build's sources or in amalgamate.py"
                              % name)

    def check_system_headers(self, files):
        """Refuses a header of the system that the head does not include."""
        head = SYSTEM_INCLUDE.findall(read(os.path.join(HERE, "head.c.in")))
        for file in files:
            for header in SYSTEM_INCLUDE.findall(self.text(file)):
                if header not in head:
                    raise Refused("lib/%s includes <%s>; expected lib/amalgamation/head.c.in to include it as well"
                                  % (file, header))

    def check_names(self, files):
        """Refuses a name that two files define."""
        owners = {}
        for file in files:
            ordinary, tags = names_of(self.text(file))
            ordinary = {*ordinary} - {"KERNEL"} | {*macros(SYSTEM_MACRO.sub("", self.text(file)))}
            for kind, names in (("", ordinary), ("struct or enum ", {*tags})):
                for name in sorted(names):
                    others = owners.setdefault((kind, name), [])
                    self.check_owners(kind + name, file, others)
                    others.append(file)

    @staticmethod
    def check_owners(name, file, others):
        for other in others:
            if not any({file, other} <= alternatives for alternatives in ALTERNATIVES):
                raise Refused("%s is defined in lib/%s and in lib/%s; expected distinct names, since the amalgamation "
                              "is one file" % (name, other, file))


def section(name, text, include=lambda header: "", condition=None):
    """What remains of a file, under its name; include(header) is what stands for a header of the library."""
    text = GUARD.sub(lambda match: match.group(2), text.replace(LICENCE, "", 1))
    text = EMPTY_IF.sub("", SYSTEM_MACRO.sub("", SYSTEM_INCLUDE.sub("", text)))
    text = OWN_INCLUDE.sub(lambda match: include(match.group(1)), text)
    text = BLANK_LINES.sub("\n\n", text).strip("\n")
    if condition:
        text = "#if %s\n\n%s\n\n#endif" % (condition, text)
    title = "/* ---- lib/%s " % name
    return "\n%s%s */\n\n%s\n" % (title, "-" * (117 - len(title)), text)


def kernel_text(library, name, done):
    """A file of the kernels, with each header that is not done where it is first included."""
    def include(header):
        if header in done:
            return ""
        done.add(header)
        return kernel_text(library, header, done)

    return section(name, library.text(name), include)


class Amalgamation:
    def __init__(self, root, common):
        self.root = root
        self.library = library = Library(os.path.join(root, "lib"))
        library.check_sources(common)
        self.sources = [*common, *CONDITIONAL_SOURCES]
        headers = library.headers([*self.sources, KERNEL_TABLE])
        self.kernels = [header for header in headers if header == LANES or LANES in library.headers([header])]
        self.headers = [header for header in headers if header not in self.kernels]
        files = [*self.headers, *self.sources, *self.kernels, KERNEL_TABLE]
        library.check_system_headers(files)
        library.check_names([*files, OPENMP])

    def version(self):
        numbers = dict(re.findall(r"^#define NORMNET_VERSION_(\w+) (\d+)$", self.public(), re.M))
        return ".".join(numbers[part] for part in ("MAJOR", "MINOR", "PATCH"))

    def public(self):
        return read(os.path.join(self.root, "include", PUBLIC))

    def licence(self):
        lines = read(os.path.join(self.root, "LICENSE")).strip().split("\n")
        return "/*\n%s\n */\n" % "\n".join((" * " + line).rstrip() for line in lines)

    def fill(self, template, **values):
        text = read(os.path.join(HERE, template))
        for name, value in values.items():
            text = text.replace("@%s@" % name.upper(), value)
        return text

    def kernel_section(self):
        library = self.library
        files = [*self.kernels, KERNEL_TABLE]
        text = kernel_text(library, KERNEL_TABLE, {PUBLIC, *self.headers})
        names, defined = [], []
        for file in files:
            own = macros(library.text(file))
            defined += [name for name in own if not name.endswith("_H") and name not in defined]
            ordinary, tags = names_of(library.text(file))
            names += [name for name in [*ordinary, *tags] if name not in names and name != "KERNEL"]
        return self.fill("kernels.c.in",
                         names="\n".join("#define %s KERNEL(%s)" % (name, name) for name in names),
                         kernels=text.strip("\n"),
                         undefined="\n".join("#undef %s" % name for name in [*names, *defined]))

    def text(self):
        parts = [self.licence(), self.fill("head.c.in", version=self.version())]
        parts += [section(name, self.library.text(name), condition=CONDITIONS.get(name))
                  for name in [*self.headers, *self.sources]]
        return "".join([*parts, "\n", self.kernel_section()])

    def inputs(self):
        return [os.path.join(self.library.folder, name) for name in sorted(self.library.texts)]


def write(path, text):
    with open(path, "w", encoding="utf-8", newline="\n") as file:
        file.write(text)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", required=True, type=os.path.abspath)
    parser.add_argument("--output", required=True)
    parser.add_argument("--depfile")
    parser.add_argument("sources", nargs="+")
    arguments = parser.parse_args()
    folder = os.path.join(arguments.root, "lib")
    sources = [os.path.relpath(name, folder).replace(os.sep, "/") for name in arguments.sources]
    try:
        amalgamation = Amalgamation(arguments.root, sources)
        text = amalgamation.text()
    except Refused as refused:
        sys.exit("error: %s" % refused)
    os.makedirs(arguments.output, exist_ok=True)
    write(os.path.join(arguments.output, "normnet.c"), text)
    write(os.path.join(arguments.output, PUBLIC), amalgamation.public())
    if arguments.depfile:
        inputs = " ".join(path.replace(" ", "\\ ") for path in amalgamation.inputs())
        write(arguments.depfile, "%s: %s\n" % (os.path.join(arguments.output, "normnet.c"), inputs))


if __name__ == "__main__":
    main()
