# SPDX-License-Identifier: MIT
"""The man page of normnet-mnist and its completion for bash, against --help.

usage: python3 check_manual.py --source SOURCE-ROOT --mnist FILE [-h | --help]

example: python3 tests/project/check_manual.py --source . \\
             --mnist build/dev/examples/mnist/normnet-mnist

Both must be what write_manual.py writes today. Whatever that thinks an option
is: every word in --help that begins with two dashes must be in the page, and
bash must complete each of them after its command.
"""
import argparse
import importlib.util
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

from cases import Cases

MANUAL = os.path.join("examples", "mnist", "manual")


def writer(source):
    spec = importlib.util.spec_from_file_location("write_manual", os.path.join(source, MANUAL, "write_manual.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def output(*command):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
    return done.stdout


def program_words(program):
    """{command: its options}; those of the program itself under ""."""
    text = output(program, "--help")
    commands = re.findall(r"^  ([a-z][a-z-]*)  ", text.split("Commands:")[1], re.M)
    return {command: set(re.findall(r"^  (--[a-z0-9-]+)", output(program, *command.split(), "--help"), re.M))
            for command in ["", *commands]}


def check_current(written, folder):
    problems = []
    for name, text in written.items():
        if (pathlib.Path(folder) / name).read_text(encoding="utf-8") != text:
            problems.append("%s is not what --help says: run examples/mnist/manual/write_manual.py" % name)
    return problems


def check_page(words, page):
    """What --help has and the page has not."""
    text = page.replace("\\-", "-")
    problems = []
    for command, options in words.items():
        part = text[text.index('.SS "normnet-mnist %s"' % command):] if command else text
        part = part[:part.index("\n.SS", 1)] if command and "\n.SS" in part[1:] else part
        problems += ["%s%s is not in the page" % (command + " " if command else "", option)
                     for option in options if not re.search(r"^.*%s(?![\w-])" % option, part, re.M)]
    return problems


def check_lint(path):
    done = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", str(path)], capture_output=True, text=True)
    return [line for line in (done.stdout + done.stderr).splitlines() if "missing date" not in line]


def complete(script, *words):
    """What bash proposes for the last word."""
    line = " ".join("'%s'" % word for word in words)
    code = ("compopt() { :; }; . '%s'; COMP_WORDS=(%s); COMP_CWORD=%d; _normnet_mnist; printf '%%s\\n' \"${COMPREPLY[@]}\""
            % (script, line, len(words) - 1))
    return set(output("bash", "-c", code).split())


def check_completion(words, script):
    problems = []
    if complete(script, "normnet-mnist", "") != set(words) - {""} | words[""]:
        problems.append("commands: it proposes %s" % sorted(complete(script, "normnet-mnist", "")))
    for command, options in words.items():
        found = complete(script, "normnet-mnist", command, "--") if command else options | {"--help"}
        if found != options | {"--help"}:
            problems.append("%s: %s" % (command, sorted(found ^ (options | {"--help"}))))
    if complete(script, "normnet-mnist", "train", "--norm", "g") != {"group"}:
        problems.append("train --norm g is not completed")
    if complete(script, "normnet-mnist", "train", "--schedule", "one") != {"one-cycle"}:
        problems.append("train --schedule one is not completed")
    if complete(script, "normnet-mnist", "tr") != {"train"}:
        problems.append("tr is not completed")
    return problems


def check_planted(program, module, folder):
    """A program with one more option: neither the page nor the completion has it."""
    other = pathlib.Path(folder) / "normnet-mnist"
    other.write_text("#!/bin/sh\n'%s' \"$@\"\n[ \"$1\" != train ] || echo '  --planted N           One more.'\n" % program,
                     encoding="utf-8")
    other.chmod(0o755)
    words = program_words(other)
    manual = pathlib.Path(module.__file__).parent
    found = {"page": check_page(words, (manual / "normnet-mnist.1").read_text(encoding="utf-8")),
             "files": check_current(module.files(other), manual)}
    if shutil.which("bash"):
        found["completion"] = check_completion(words, manual / "normnet-mnist.bash")
    return ["a new option is not missed in the %s" % name for name, problems in found.items() if not problems]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", required=True, type=os.path.abspath)
    parser.add_argument("--mnist", required=True, type=os.path.abspath)
    arguments = parser.parse_args()
    cases = Cases()
    module = writer(arguments.source)
    folder = os.path.join(arguments.source, MANUAL)
    page, script = (os.path.join(folder, "normnet-mnist." + suffix) for suffix in ("1", "bash"))
    words = program_words(arguments.mnist)
    cases.check("manual: --help has commands and options",
                [] if len(words) > 8 and all(words.values()) else ["it has %s" % words])
    cases.check("manual: the files are up to date", check_current(module.files(arguments.mnist), folder))
    with open(page, encoding="utf-8") as file:
        cases.check("manual: the page has all options", check_page(words, file.read()))
    if shutil.which("mandoc"):
        cases.check("manual: mandoc finds no mistake in the page", check_lint(page))
    else:
        cases.skip("manual: mandoc finds no mistake in the page", "needs mandoc; apt-get install mandoc")
    if shutil.which("bash"):
        cases.check("manual: bash completes commands, options and values", check_completion(words, script))
    else:
        cases.skip("manual: bash completes commands, options and values", "needs bash; apt-get install bash")
    with tempfile.TemporaryDirectory() as temporary:
        cases.check("manual: a planted option is found missing", check_planted(arguments.mnist, module, temporary))
    return cases.end()


if __name__ == "__main__":
    sys.exit(main())
