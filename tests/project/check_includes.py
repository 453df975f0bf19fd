# SPDX-License-Identifier: MIT
"""The law of includes (docs/design.md): each folder of lib includes only itself
and those below it.

usage: python3 check_includes.py [-h | --help] SOURCE-ROOT

    base < kernels < layers < net < train < model < files < api
    base < io < files

The public header may be included everywhere and includes nothing of the
library; lanes.h belongs to kernels; examples include nothing of the library
but <normnet.h>; no two headers or sources have the same file name; only
lib/api defines or calls the exported functions, normnet_<name>, whose work is
in functions normnet__<name> below it. The folders of examples/mnist have an
order of their own, and their files include each other without a cycle:

    support < data < training < study < commands

The check proves itself on a small tree with planted violations first.
"""
import argparse
import os
import re
import sys
import tempfile

from cases import Cases

MAY_INCLUDE = {
    "base": {"base"},
    "kernels": {"base", "kernels"},
    "layers": {"base", "kernels", "layers"},
    "net": {"base", "kernels", "layers", "net"},
    "train": {"base", "kernels", "layers", "net", "train"},
    "io": {"base", "io"},
    "model": {"base", "kernels", "layers", "net", "train", "model"},
    "files": {"base", "kernels", "layers", "net", "train", "model", "io", "files"},
    "api": {"base", "kernels", "layers", "net", "train", "model", "io", "files", "api"},
}
MNIST = "examples/mnist"
MPI = "examples/mpi"
MNIST_ORDER = ["support", "data", "training", "study", "report", "commands"]
PUBLIC = "normnet.h"
COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.S)
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(?:<([^>\n]+)>|"([^"\n]+)"|([^\n]+))', re.M)

EXPORTED = re.compile(r"\bnormnet_[a-z]\w*(?=\s*\((?!\*))")  # not the type in normnet_status (*function)(...)


def sources(root, folder):
    """Paths of C files below root/folder, relative to root."""
    for directory, folders, names in os.walk(os.path.join(root, folder)):
        folders.sort()
        for name in sorted(names):
            if name.endswith((".c", ".h")):
                yield os.path.relpath(os.path.join(directory, name), root).replace(os.sep, "/")


def includes(root, path):
    """(text, whether in angle brackets) of each include; text None for one that is computed."""
    with open(os.path.join(root, path), encoding="utf-8") as file:
        text = COMMENT.sub(lambda match: " " * match.group().count("\n"), file.read())
    for angle, quoted, computed in INCLUDE.findall(text):
        yield (None if computed else angle or quoted), bool(angle)


def upward(root):
    problems = []
    for path in sources(root, "lib"):
        folder = path.split("/")[1] if path.count("/") == 2 else None
        if folder not in MAY_INCLUDE:
            problems.append("%s lies in no folder of the law" % path)
            continue
        for text, angle in includes(root, path):
            if text is None:
                problems.append("%s: an include that is computed cannot be judged" % path)
            elif text == PUBLIC:
                continue
            elif angle:
                if os.path.exists(os.path.join(root, "lib", text)):
                    problems.append("%s includes <%s>, expected \"%s\"" % (path, text, text))
            elif not os.path.isfile(os.path.join(root, "lib", text)) or ".." in text:
                problems.append('%s includes "%s", which is no file below lib' % (path, text))
            elif text.split("/")[0] not in MAY_INCLUDE[folder]:
                problems.append('%s includes "%s": %s stands above %s' % (path, text, text.split("/")[0], folder))
    return problems


def lanes(root):
    return ['%s includes "%s"' % (path, text)
            for path in sources(root, "lib") for text, _ in includes(root, path)
            if text and text.split("/")[-1] == "lanes.h" and not path.startswith("lib/kernels/")]


def exported(root):
    problems = []
    for path in sources(root, "lib"):
        if not path.startswith("lib/api/"):
            with open(os.path.join(root, path), encoding="utf-8") as file:
                text = COMMENT.sub("", file.read())
            problems += ["%s defines or calls %s" % (path, name) for name in EXPORTED.findall(text)]
    return problems


def public_header(root):
    problems = []
    headers = list(sources(root, "include"))
    if headers != ["include/" + PUBLIC]:
        problems.append("include holds %s, expected %s alone" % (", ".join(headers), PUBLIC))
    for path in headers:
        problems += ["%s includes %s" % (path, text) for text, _ in includes(root, path)
                     if text not in ("stddef.h", "stdint.h")]
    return problems


def examples(root):
    inside = {path.split("/")[-1] for path in sources(root, "lib")}
    problems = []
    for path in sources(root, "examples"):
        for text, angle in includes(root, path):
            home = MNIST if path.startswith(MNIST + "/") else os.path.dirname(path)
            beside = os.path.normpath(os.path.join(root, home, text or ""))
            if path.startswith(MPI + "/") and not os.path.isfile(beside):  # it is built with the parts of that program
                beside = os.path.normpath(os.path.join(root, MNIST, text or ""))
            if text is None:
                problems.append("%s: an include that is computed cannot be judged" % path)
            elif text == PUBLIC and not angle:
                problems.append('%s includes "%s", expected <%s>' % (path, text, text))
            elif angle and os.path.exists(os.path.join(root, "lib", text)):
                problems.append("%s includes <%s> of the library" % (path, text))
            elif not angle and not os.path.isfile(beside):
                problems.append('%s includes "%s", which does not lie beside it%s'
                                % (path, text, ", but in lib" if text.split("/")[-1] in inside else ""))
            elif not angle and not beside.startswith(os.path.normpath(os.path.join(root, "examples")) + os.sep):
                problems.append('%s includes "%s" from outside examples' % (path, text))
    return problems


def mnist_folders(root):
    """The order of the folders of examples/mnist; includes are written from examples/mnist on."""
    problems = []
    for path in sources(root, MNIST):
        folder = path.split("/")[2]
        if path.count("/") != 3 or folder not in MNIST_ORDER:
            problems.append("%s is in none of the folders %s" % (path, ", ".join(MNIST_ORDER)))
            continue
        for text, angle in includes(root, path):
            if text is None or angle:
                continue
            included = text.split("/")[0]
            if text.count("/") != 1 or included not in MNIST_ORDER:
                problems.append('%s includes "%s", expected "FOLDER/FILE"' % (path, text))
            elif MNIST_ORDER.index(included) > MNIST_ORDER.index(folder):
                problems.append('%s includes "%s": %s is above %s' % (path, text, included, folder))
    return problems


def mnist_cycles(root):
    """Cycles among the parts of examples/mnist, where NAME.c and NAME.h are one part."""
    uses = {}
    for path in sources(root, MNIST):
        part = path[len(MNIST) + 1:-2]
        uses.setdefault(part, set()).update(text[:-2] for text, angle in includes(root, path)
                                            if text and not angle and text[:-2] != part)
    while True:
        free = [part for part in uses if not uses[part] & uses.keys()]
        if not free:
            break
        for part in free:
            del uses[part]
    return ["these include each other in a cycle, or a part of one: %s" % ", ".join(sorted(uses))] if uses else []


def unique_names(root):
    seen, problems = {}, []
    for folder in ("include", "lib"):
        for path in sources(root, folder):
            name = path.split("/")[-1]
            if name in seen:
                problems.append("%s and %s have the same name" % (seen[name], path))
            seen[name] = path
    return problems


LAWS = {
    "each folder of lib includes only itself and those below it": upward,
    "lanes.h belongs to kernels": lanes,
    "only lib/api defines or calls exported functions": exported,
    "the public header stands alone": public_header,
    "examples include nothing of the library but <normnet.h>": examples,
    "each folder of examples/mnist includes only itself and those below it": mnist_folders,
    "the parts of examples/mnist include each other without a cycle": mnist_cycles,
    "file names are unique across lib and include": unique_names,
}

# A tree that keeps the law ...
GOOD = {
    "include/normnet.h": "#include <stddef.h>\n#include <stdint.h>\n/* #include <normnet.h> in a program */\n",
    "lib/base/tree.h": '#include "normnet.h"\n#include <string.h>\n',
    "lib/base/tree.c": '#include "base/tree.h"\n// #include "api/model.h"\n',
    "lib/kernels/lanes.h": "#include <immintrin.h>\n",
    "lib/kernels/kernels.c": '#include "kernels/lanes.h"\n#include "base/tree.h"\n',
    "lib/layers/layer.h": "",
    "lib/net/pass.h": '  #  include "layers/layer.h"\n',
    "lib/train/step.c": '#include "net/pass.h"\n/*\n#include "api/model.h"\n*/\n',
    "lib/io/json.h": '#include "base/tree.h"\n',
    "lib/api/model.h": '#include "train/state.h"\n#include "io/json.h"\n',
    "lib/net/type.h": "normnet_status (*plan)(normnet_model *model);\n",
    "lib/train/state.h": "/* for normnet_train_step() */\nnormnet_status normnet__step(normnet_model *model);\n",
    "lib/api/training.c": "normnet_status normnet_train_step(normnet_model *model)\n{\n    return NORMNET_OK;\n}\n",
    "examples/small/train.c": '#include <normnet.h>\n#include <net/if.h>\n#include "helper.h"\n',
    "examples/small/helper.h": "",
    "examples/mnist/support/report.h": '#include "support/text.h"\n',
    "examples/mnist/support/text.h": "",
    "examples/mnist/support/text.c": '#include "support/text.h"\n#include <stdio.h>\n',
    "examples/mnist/data/idx.h": '#include "support/text.h"\n',
    "examples/mnist/commands/main.c": '#include "data/idx.h"\n#include "support/report.h"\n#include <normnet.h>\n',
    "examples/mnist/commands/train.h": "",
}
# ... and what breaks it: the law, the file, its text.
PLANTED = [
    (upward, "lib/base/up.c", '#include "api/model.h"\n'),
    (upward, "lib/base/up.c", '#include "kernels/lanes.h"\n'),
    (upward, "lib/layers/up.c", "  #  include   \"net/pass.h\"\n"),
    (upward, "lib/net/up.c", '#include "train/state.h"\n'),
    (upward, "lib/train/up.c", '#include "io/json.h"\n'),
    (upward, "lib/io/up.c", '#include "net/pass.h"\n'),
    (upward, "lib/base/up.c", '#include "../api/model.h"\n'),
    (upward, "lib/base/up.c", "#include <api/model.h>\n"),
    (upward, "lib/base/up.c", "#include HEADER\n"),
    (upward, "lib/api/up.c", '#include "base/nowhere.h"\n'),
    (upward, "lib/other/up.c", "\n"),
    (lanes, "lib/layers/up.c", '#include "kernels/lanes.h"\n'),
    (exported, "lib/model/up.c", "normnet_status normnet_train_step(normnet_model *model)\n{\n}\n"),
    (exported, "lib/base/up.c", "const char *normnet_version\n(void)\n{\n}\n"),
    (exported, "lib/files/up.c", "    text = normnet_version();\n"),
    (public_header, "include/more.h", ""),
    (public_header, "include/normnet.h", '#include "api/model.h"\n'),
    (examples, "examples/small/up.c", '#include "net/pass.h"\n'),
    (examples, "examples/small/up.c", '#include "../../lib/net/pass.h"\n'),
    (examples, "examples/small/up.c", "#include <net/pass.h>\n"),
    (examples, "examples/small/up.c", '#include "normnet.h"\n'),
    (examples, "examples/mnist/data/up.c", '#include "idx.h"\n'),
    (mnist_folders, "examples/mnist/support/up.c", '#include "data/idx.h"\n'),
    (mnist_folders, "examples/mnist/data/up.c", '#include "commands/train.h"\n'),
    (mnist_folders, "examples/mnist/data/up.c", '#include "idx.h"\n'),
    (mnist_folders, "examples/mnist/up.c", "\n"),
    (mnist_folders, "examples/mnist/other/up.c", "\n"),
    (mnist_cycles, "examples/mnist/support/text.c", '#include "support/report.h"\n'),
    (mnist_cycles, "examples/mnist/support/text.h", '#include "data/idx.h"\n'),
    (unique_names, "lib/net/tree.h", ""),
    (unique_names, "lib/base/normnet.h", ""),
]


def write(root, path, text):
    os.makedirs(os.path.dirname(os.path.join(root, path)), exist_ok=True)
    with open(os.path.join(root, path), "w", encoding="utf-8") as file:
        file.write(text)


def self_test():
    problems = []
    with tempfile.TemporaryDirectory() as root:
        for path, text in GOOD.items():
            write(root, path, text)
        for name, law in LAWS.items():
            problems += ["the good tree breaks '%s': %s" % (name, problem) for problem in law(root)]
        for law, path, text in PLANTED:
            write(root, path, text)
            if not law(root):
                problems.append("not found: %s with %r" % (path, text))
            os.remove(os.path.join(root, path))
            if path in GOOD:
                write(root, path, GOOD[path])
    return problems


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", metavar="SOURCE-ROOT")
    root = parser.parse_args().root
    cases = Cases()
    cases.check("includes: planted violations are found", self_test())
    for name, law in LAWS.items():
        cases.check("includes: " + name, law(root))
    folders = sorted(os.listdir(os.path.join(root, "lib")))
    cases.check("includes: there are sources to check",
                [] if len(list(sources(root, "lib"))) > 10 else ["lib holds %s" % ", ".join(folders)])
    return cases.end()


if __name__ == "__main__":
    sys.exit(main())
