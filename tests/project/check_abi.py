# SPDX-License-Identifier: MIT
r"""The binary interface: today's against its descriptions in tests/project/abi.

usage: python3 check_abi.py --source SOURCE-ROOT [--write] [--cc COMMAND]...
           [--shared libnormnet.so] [-h | --help]

examples: python3 tests/project/check_abi.py --source .
          python3 tests/project/check_abi.py --source . --write
          python3 tests/project/check_abi.py --source . --write \
              --cc arm-linux-gnueabihf-gcc

A description is written by abidw for one architecture. Without --write, abidiff
compares it with what the header and the symbol map say today, for each
architecture whose compiler is there; then changes of all kinds are planted,
each of which must be found by its name. --shared is the built library, whose
symbols must be those described.

--write brings the descriptions up to date after an addition, with one more for
the architecture of each --cc. It refuses changes that break programs, unless
NORMNET_ABI_VERSION has changed too.
"""
import argparse
import contextlib
import io
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree

import public_header
from cases import Cases
from commands import Failed, run

TOOLS = ["abidw", "abidiff", "nm"]
# Lines of abidiff's report that say no more than that there are new types.
ADDED_TYPE = re.compile(r".* summary:|\d+ added types? unreachable|  \[A\] '(struct|enum|typedef) ")


# ---- Descriptions ----

def architecture(compiler):
    """The name of a compiler's architecture with the GNU C library, or None."""
    machine = run(*compiler, "-dumpmachine").strip()
    return None if "linux" not in machine or "musl" in machine else re.sub(r"^i[3-6]86", "i686", machine.split("-")[0])


def compilers(extra):
    """{architecture: compiler} of those that are installed: gcc, its cross compilers, and `extra`."""
    names = [["gcc"]] if shutil.which("gcc") else []
    names += [[path.name] for folder in os.get_exec_path() if os.path.isdir(folder)
              for path in sorted(pathlib.Path(folder).glob("*-linux-gnu-gcc"))]
    found = {}
    for compiler in [*extra, *names]:
        name = architecture(compiler)
        if name:
            found.setdefault(name, compiler)
    return found


def stand_in(header):
    """A library of the header's functions, which do nothing: what programs see of the real one."""
    bodies = ["%s %s(%s) { %s }" % (result, name, parameters, "" if result == "void" else "return 0;")
              for result, name, parameters in public_header.functions(header)]
    # The types that no function has as its own, such as the enums of fields, are described if they are in use.
    uses = ["%s value_%s; (void)value_%s;" % (name, name, name) for name in public_header.types(header)]
    return "#include <normnet.h>\n%s\nvoid use(void); void use(void) { %s }\n" % ("\n".join(bodies), " ".join(uses))


def describe(header, symbol_map, compiler, file):
    """Writes the description of an interface."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        source, library, script = folder / "interface.c", folder / "libnormnet.so", folder / "normnet.map"
        (folder / "normnet.h").write_text(header, encoding="utf-8")
        script.write_text(symbol_map, encoding="utf-8")
        source.write_text(stand_in(header), encoding="utf-8")
        # -O0 keeps what is used only once; -nostdlib needs no library of another architecture.
        run(*compiler, "-g", "-O0", "-std=c11", "-w", "-fPIC", "-shared", "-nostdlib", "-I", folder, source, "-o",
            library, "-Wl,--version-script=%s" % script,
            "-Wl,-soname,libnormnet.so.%d" % public_header.number(header, "NORMNET_ABI_VERSION"))
        run("abidw", "--headers-dir", folder, "--drop-private-types", "--load-all-types", "--type-id-style", "hash",
            "--no-comp-dir-path", "--no-corpus-path", "--no-show-locs", library, "--out-file", file)


def differences(old, new, *options):
    """abidiff's report, or "" if there is no difference."""
    # 4: a change; 8: one that breaks programs for certain.
    done = subprocess.run(["abidiff", "--leaf-changes-only", "--non-reachable-types", *options, str(old), str(new)], capture_output=True,
                          text=True)
    if done.returncode not in (0, 4, 12):
        raise Failed("abidiff: exit code %d: %s" % (done.returncode, (done.stdout + done.stderr).strip()[-800:]))
    return done.stdout.strip() if done.returncode else ""


def reserved_fields(kind):
    """The offsets of a struct's fields that may get a name and a meaning."""
    return {part.get("layout-offset-in-bits") for part in kind.iter("data-member")
            if part.find("var-decl").get("name") == "reserved"}


def without_additions(old, new, file):
    """Writes `new` without the fields after the end of the old structs, without new enumerators, and with fields that
    were reserved under that name.

    Not by a suppression of abidiff (has_data_member_inserted_at): libabigail 2.2 then hides moved fields as well.
    """
    before = {kind.get("name"): kind for tag in ("class-decl", "enum-decl")
              for kind in ElementTree.parse(old).iter(tag)}
    tree = ElementTree.parse(new)
    for kind in [*tree.iter("class-decl"), *tree.iter("enum-decl")]:
        earlier = before.get(kind.get("name"))
        if earlier is None:
            continue
        size = int(earlier.get("size-in-bits", 0))
        names = {value.get("name") for value in earlier.iter("enumerator")}
        reserved = reserved_fields(earlier)
        for part in list(kind):
            if part.get("layout-offset-in-bits") in reserved:
                part.find("var-decl").set("name", "reserved")
            if int(part.get("layout-offset-in-bits", -1)) >= size or (
                    part.tag == "enumerator" and part.get("name") not in names):
                kind.remove(part)
        if int(kind.get("size-in-bits", 0)) > size:
            kind.set("size-in-bits", str(size))
    tree.write(file)


def breaks(old, new):
    """What in `new` breaks programs that were built for `old`."""
    with tempfile.TemporaryDirectory() as folder:
        trimmed = os.path.join(folder, "trimmed.abi")
        without_additions(old, new, trimmed)
        report = differences(old, trimmed, "--no-added-syms", "--harmless")
    # abidiff has no option that leaves out added types.
    return report if [line for line in report.splitlines() if line.strip() and not ADDED_TYPE.match(line)] else ""


# ---- Today's interface ----

def check_description(file, header, symbol_map, compiler, folder):
    today = folder / "today.abi"
    describe(header, symbol_map, compiler, today)
    broken = breaks(file, today)
    if broken:
        return ["programs would break:\n%s" % broken]
    added = differences(file, today, "--harmless")
    return ["additions are not described yet: python3 tests/project/check_abi.py --source . --write\n%s" % added] \
        if added else []


def check_shared(file, library):
    """The built library has the symbols that the description lists."""
    described = {"%s@@%s" % (symbol.get("name"), symbol.get("version")) if symbol.get("version") else symbol.get("name")
                 for symbol in ElementTree.parse(file).iter("elf-symbol")}
    built = {line.split()[-1] for line in run("nm", "-D", "--defined-only", library).splitlines()
             if line.split()[-2] != "A"}
    return (["%s is not in the library" % name for name in sorted(described - built)] +
            ["%s is not in the description" % name for name in sorted(built - described)])


# ---- Planted changes ----

ADDED_FUNCTION = r"\g<0>NORMNET_API int32_t normnet_planted(int32_t value);\n"
# (what, in the header, in the map, words that name it); each of the first list breaks programs.
BREAKS = [
    ("a field moved", [(r"(    int32_t height;[^\n]*\n)(    int32_t width;[^\n]*\n)", r"\2\1")], [],
     ["normnet_config", "height", "width", "offset"]),
    ("a field moved while another is appended",
     [(r"(    int32_t height;[^\n]*\n)(    int32_t width;[^\n]*\n)", r"\2\1"),
      (r"\} normnet_config;", r"    double planted;\n\g<0>")], [], ["normnet_config", "height", "width"]),
    ("a field inserted", [(r"    int64_t seed;", r"    int64_t planted;\n\g<0>")], [],
     ["normnet_config", "planted", "seed"]),
    ("a field removed", [(r"^    void \*parallel_user;\n", "")], [], ["normnet_config", "parallel_user"]),
    ("a field of another type", [(r"    double clip_norm;", r"    int64_t clip_norm;")], [],
     ["normnet_config", "clip_norm", "double", "int64_t"]),
    ("a field of an output renamed",
     [(r"    int64_t correct;", "    int64_t right;"), (r"metrics->correct = 0", "metrics->right = 0")], [],
     ["normnet_metrics", "correct", "right"]),
    ("the value of an enumerator that only fields have", [(r"NORMNET_NORM_LAYER = 3", "NORMNET_NORM_LAYER = 33")], [],
     ["normnet_norm", "NORMNET_NORM_LAYER", "33"]),
    ("the value of a status", [(r"NORMNET_ESTATE = 14", "NORMNET_ESTATE = 44")], [],
     ["normnet_status", "NORMNET_ESTATE", "44"]),
    ("an enumerator removed", [(r"^    NORMNET_AFFINE_NONE = 3", "")], [],
     ["normnet_affine", "NORMNET_AFFINE_NONE"]),
    ("a symbol dropped", [(r"^NORMNET_API normnet_status normnet_shard\([^;]*;\n", "")],
     [(r"^ *normnet_shard;\n", "")], ["Removed function", "normnet_shard"]),
    ("a symbol of another version", [], [(r"NORMNET_0\.9", "NORMNET_0.8")], ["normnet_shard@@NORMNET_0.9"]),
    ("a parameter of another type", [(r"normnet_shard\(int64_t images", "normnet_shard(int32_t images")], [],
     ["normnet_shard", "parameter 1", "int64_t", "int32_t"]),
    ("a parameter more", [(r"normnet_shard\(int64_t images", r"\g<0>, int32_t planted")], [],
     ["normnet_shard", "parameter"]),
    ("a result of another type", [(r"^NORMNET_API int32_t normnet_layer_count", "NORMNET_API int64_t normnet_layer_count")],
     [], ["normnet_layer_count", "return type"]),
    ("another soname", [(r"(#define NORMNET_ABI_VERSION) 0", r"\1 1")], [], ["SONAME", "libnormnet.so.1"]),
]
ADDITIONS = [
    ("a field appended", [(r"\} normnet_config;", r"    double planted;\n\g<0>")], [], ["normnet_config", "planted"]),
    ("a reserved field gets a name", [(r"int32_t reserved;([^}]*\} normnet_metrics;)", r"int32_t planted;\1"),
                                      (r"metrics->reserved = 0", "metrics->planted = 0")], [],
     ["normnet_metrics", "planted"]),
    ("an enumerator appended", [(r"NORMNET_ESTATE = 14", r"\g<0>, NORMNET_PLANTED = 15")], [], ["NORMNET_PLANTED"]),
    ("a struct added", [(r"^typedef enum normnet_dtype",
                         r"typedef struct normnet_planted { int32_t struct_size, reserved; } normnet_planted;\n\g<0>")],
     [], ["normnet_planted"]),
    ("a function added", [(r"^NORMNET_API int32_t normnet_abi_version\(void\);\n", ADDED_FUNCTION)],
     [(r"normnet_abi_version;", r"\g<0> normnet_planted;")], ["Added function", "normnet_planted"]),
    ("a symbol leaked", [(r"^NORMNET_API int32_t normnet_abi_version\(void\);\n", ADDED_FUNCTION)],
     [(r"local:\s*\*;", "")], ["Added function", "use"]),
]


def changed(text, edits):
    for pattern, replacement in edits:
        text = public_header.edit(text, pattern, replacement)
    return text


def check_planted(plant, compatible, texts, described, compiler, folder):
    """What is wrong with the report on a planted change."""
    _, in_header, in_map, words = plant
    planted = folder / "planted.abi"
    describe(changed(texts[0], in_header), changed(texts[1], in_map), compiler, planted)
    broken = breaks(described, planted)
    if compatible and broken:
        return ["an addition is taken for a break: %s" % broken]
    report = differences(described, planted, "--harmless") if compatible else broken
    return ["the report does not name %s: %s" % (word, report or "(empty)") for word in words if word not in report]


def check_layout_file(plant, texts, source, compiler, folder):
    """lib/api/abi_layout.c, a second and independent record, stops the build."""
    (folder / "normnet.h").write_text(changed(texts[0], plant[1]), encoding="utf-8")
    done = subprocess.run([*compiler, "-std=c11", "-fsyntax-only", "-I", str(folder), "-I", str(source / "lib"),
                           str(source / "lib" / "api" / "abi_layout.c")], capture_output=True, text=True)
    return ["it compiles"] if done.returncode == 0 else \
        ["the compiler does not name %s: %s" % (plant[3][1], done.stderr)] if plant[3][1] not in done.stderr else []


def check_write(texts, compiler, folder):
    """--write records an addition, and leaves the description as it is if programs would break."""
    name = architecture(compiler)
    file = folder / "descriptions" / (name + ".abi")
    file.parent.mkdir()
    describe(*texts, compiler, file)
    problems, output = [], io.StringIO()
    for (what, in_header, in_map, words), code in ((BREAKS[0], 1), (ADDITIONS[0], 0)):
        before = file.read_bytes()
        with contextlib.redirect_stdout(output):
            found = write(file.parent, [changed(texts[0], in_header), changed(texts[1], in_map)], {name: compiler}, [])
        if found != code or (file.read_bytes() == before) != (code == 1):
            problems.append("%s: exit code %d, expected %d" % (what, found, code))
        problems += ["%s: %s is not printed" % (what, word) for word in words if word not in output.getvalue()]
    return problems


def check_plants(cases, texts, source, compiler, folder):
    described = folder / "described.abi"
    describe(*texts, compiler, described)
    for plants, compatible in ((BREAKS, False), (ADDITIONS, True)):
        for plant in plants:
            cases.check("abi: planted: %s" % plant[0],
                        check_planted(plant, compatible, texts, described, compiler, folder))
    cases.check("abi: --write records additions only", check_write(texts, compiler, folder))
    for plant in BREAKS:
        if plant[0] in ("a field moved", "the value of an enumerator that only fields have", "the value of a status"):
            cases.check("abi: planted: %s does not compile" % plant[0],
                        check_layout_file(plant, texts, source, compiler, folder))


# ---- The command ----

def write(folder, texts, available, extra):
    """Brings the descriptions up to date; the exit code."""
    code = 0
    for name in sorted({path.stem for path in folder.glob("*.abi")} | {architecture(compiler) for compiler in extra}):
        file = folder / (name + ".abi")
        if name not in available:
            print("%s: not written; there is no compiler %s-linux-gnu-gcc" % (file.name, name))
            code = 1
            continue
        with tempfile.TemporaryDirectory() as temporary:
            today = os.path.join(temporary, "today.abi")
            describe(*texts, available[name], today)
            broken = breaks(file, today) if file.exists() else ""
            # A new soname is how programs are told that the interface has changed.
            if broken and "SONAME" not in broken:
                print("%s: not written; programs would break, which needs another NORMNET_ABI_VERSION:\n%s"
                      % (file.name, broken))
                code = 1
                continue
            report = differences(file, today, "--harmless") if file.exists() else "new"
            if report:
                shutil.copyfile(today, file)
            print("%s: %s" % (file.name, "written; changes:\n" + report if report else "is up to date"))
    return code


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", required=True, type=pathlib.Path)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--cc", action="append", default=[], type=str.split)
    parser.add_argument("--shared")
    arguments = parser.parse_args()
    source = arguments.source.resolve()
    texts = [(source / name).read_text(encoding="utf-8") for name in ("include/normnet.h", "lib/normnet.map")]
    descriptions = source / "tests" / "project" / "abi"
    cases = Cases()
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    available = {} if missing else compilers(arguments.cc)
    if arguments.write:
        if missing:
            sys.exit("error: --write needs %s; apt-get install abigail-tools binutils" % ", ".join(missing))
        return write(descriptions, texts, available, arguments.cc)
    if missing:
        cases.skip("abi", "needs %s; apt-get install abigail-tools binutils" % ", ".join(missing))
        return cases.end()
    native = architecture(["gcc"]) if shutil.which("gcc") else None
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for file in sorted(descriptions.glob("*.abi")):
            case = "abi: %s is as described" % file.stem
            if file.stem in available:
                cases.check(case, check_description(file, *texts, available[file.stem], folder))
            else:
                cases.skip(case, "needs a compiler; apt-get install gcc-%s-linux-gnu" % file.stem.replace("_", "-"))
        if arguments.shared and native:
            file = descriptions / (native + ".abi")
            # Symbols do not depend on the architecture.
            file = file if file.exists() else next(descriptions.glob("*.abi"))
            cases.check("abi: the built library has the symbols described", check_shared(file, arguments.shared))
        if native:
            check_plants(cases, texts, source, ["gcc"], folder)
        else:
            cases.skip("abi: planted", "needs gcc with the GNU C library")
    return cases.end()


if __name__ == "__main__":
    sys.exit(main())
