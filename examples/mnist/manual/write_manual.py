# SPDX-License-Identifier: MIT
"""Writes the man page of normnet-mnist and its completion for bash from --help.

usage: python3 write_manual.py --mnist PROGRAM [--folder FOLDER] [-h | --help]

example: python3 examples/mnist/manual/write_manual.py \\
             --mnist build/dev/examples/mnist/normnet-mnist

Both files are in the source tree, since a build for another machine cannot run
the program; a test says when they have to be written again.
"""
import argparse
import pathlib
import re
import subprocess
import sys
from typing import NamedTuple

OPTION = re.compile(r"^  (--[a-z0-9-]+)(?: (\S+(?: \S+)*))?(?: {2,}|$)")
ITEM = re.compile(r"^  (\S+(?: \S+)*) {2,}(\S.*)$")


class Option(NamedTuple):
    name: str
    value: str     # "" for a flag
    words: tuple   # of its values, if they are listed


def help_text(program, *command):
    return subprocess.run([str(program), *command, "--help"], capture_output=True, text=True, check=True).stdout


def commands_of(text):
    """(name, description) of each command in the program's own help."""
    section = text[text.index("Commands:"):]
    return [(name, " ".join(rest.split())) for name, rest in re.findall(r"^  ([a-z][a-z-]*) {2,}(.*)$", section, re.M)]


def values_of(description):
    """The words that a description lists first: "The schedule: constant, step or one-cycle." """
    match = re.search(r"(?:^|: )((?:[a-z][\w-]*, )+[a-z][\w-]* or [a-z][\w-]*)\.", description)
    return tuple(re.split(r", | or ", match[1])) if match else ()


def options_of(text):
    found = []
    lines = text.split("\n")
    for number, line in enumerate(lines):
        match = OPTION.match(line)
        if match:
            description = [line[24:].strip()]
            for following in lines[number + 1:]:
                if not following.startswith(" " * 24):
                    break
                description.append(following.strip())
            found.append(Option(match[1], match[2] or "", values_of(" ".join(description))))
    return found


# ---- The man page ----

def roff(text):
    """A line that troff prints as it is."""
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("^", "\\(ha").replace("~", "\\(ti")
    return "\\&" + text if text[:1] in (".", "'") else text


def literal(lines):
    """Lines whose breaks and spaces are kept."""
    return [".nf", *(roff(line.rstrip()) for line in lines), ".fi"]


def section(title, text):
    """A command's help: usage, description, and each option as a paragraph of its own."""
    page = ['.SS "%s"' % roff(title)]
    lines, number = text.rstrip("\n").split("\n"), 0
    while number < len(lines):
        line = lines[number]
        option = OPTION.match(line)
        if option:
            page += [".TP", ".B " + roff(" ".join(line[2:24].split()) if len(line) < 25 or line[23] == " "
                                         else " ".join(line.split()))]
            page += [roff(line[24:].strip())] if line[24:].strip() else []
            while number + 1 < len(lines) and lines[number + 1].startswith(" " * 24):
                number += 1
                page.append(roff(lines[number].strip()))
        elif line.startswith(" ") or line.startswith("Usage:"):
            block = [line]
            while number + 1 < len(lines) and lines[number + 1].startswith(" ") and not OPTION.match(lines[number + 1]):
                number += 1
                block.append(lines[number])
            page += [".PP"] if number > 0 else []
            page += literal(block)
        elif line:
            page += [".PP"] if not lines[number - 1] else []
            page.append(roff(line))
        number += 1
    return page


def man_page(program):
    text = help_text(program)
    commands = commands_of(text)
    introduction = text.split("\n\n")[1].split("\n")
    examples = text[text.index("Examples:\n") + len("Examples:\n"):].rstrip("\n").split("\n")
    page = ['.\\" SPDX-License-Identifier: MIT', '.\\" Written by write_manual.py from --help.',
            '.TH NORMNET-MNIST 1 "" "libnormnet" "User Commands"', ".SH NAME",
            "normnet\\-mnist \\- train and use small image\\-classification networks", ".SH SYNOPSIS",
            ".B normnet\\-mnist", ".I COMMAND", "[\\fIOPTION\\fR]...", ".br", ".B normnet\\-mnist",
            "[\\fICOMMAND\\fR] \\fB\\-\\-help\\fR | \\fB\\-h\\fR", ".br", ".B normnet\\-mnist \\-\\-version",
            ".SH DESCRIPTION", *map(roff, introduction), ".SH COMMANDS"]
    for name, description in commands:
        page += [".TP", ".B " + roff(name), roff(description)]
    page.append('.SH "OPTIONS OF EACH COMMAND"')
    for name, _ in commands:
        page += section("normnet-mnist " + name, help_text(program, name))
    page += [".SH ENVIRONMENT", ".TP", ".B NORMNET_DATA", "The data set that is used without", ".BR \\-\\-data .",
             ".SH EXAMPLES", *literal(examples)]
    return "\n".join(page) + "\n"


# ---- Completion ----

COMPLETION = """# SPDX-License-Identifier: MIT
# Completion of normnet-mnist for bash; written by write_manual.py from --help.
_normnet_mnist() {
    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} command=${COMP_WORDS[1]}
    COMPREPLY=()
    if [ "$COMP_CWORD" -eq 1 ]; then
        mapfile -t COMPREPLY < <(compgen -W '%(commands)s --help --version' -- "$current")
        return
    fi
    case $command$previous in
%(values)s
    esac
    case $current in
        -*) ;;
        *) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$current"); return ;;
    esac
    case $command in
%(options)s
    esac
}
complete -F _normnet_mnist normnet-mnist
"""


def completion(program):
    commands = [name for name, _ in commands_of(help_text(program))]
    values, options = [], []
    for command in commands:
        found = options_of(help_text(program, command))
        names = list(dict.fromkeys([option.name for option in found] + ["--help"]))
        options.append("        %s) mapfile -t COMPREPLY < <(compgen -W '%s' -- \"$current\") ;;" % (
            command, " ".join(names)))
        values += ["        %s%s) mapfile -t COMPREPLY < <(compgen -W '%s' -- \"$current\"); return ;;" % (
            command, option.name, " ".join(option.words)) for option in found if option.words]
    return COMPLETION % {"commands": " ".join(commands), "values": "\n".join(values), "options": "\n".join(options)}


def files(program):
    """The names of the files and their texts."""
    return {"normnet-mnist.1": man_page(program), "normnet-mnist.bash": completion(program)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mnist", required=True, metavar="PROGRAM", help="the built normnet-mnist")
    parser.add_argument("--folder", type=pathlib.Path, default=pathlib.Path(__file__).parent)
    arguments = parser.parse_args()
    for name, text in files(arguments.mnist).items():
        (arguments.folder / name).write_text(text, encoding="utf-8")
        print(arguments.folder / name)


if __name__ == "__main__":
    sys.exit(main())
