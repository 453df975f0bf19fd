# SPDX-License-Identifier: MIT
"""Adds up the cases in meson's test logs and ends with the line `N passed, N failed, N skipped`.

usage: python3 tests/harness/report.py [--complete] [--skipped 'REASON|REASON'] [LOG.json...]

A test program that prints such a line too (as tests/harness/check.h and pytest do) counts with its cases, any other
as one.
With --complete a skipped case is a failure.
"""
import argparse
import json
import os
import re
import sys

SKIPPED, PASSED = "SKIP", ("OK", "EXPECTEDFAIL")


def count(test):
    """Cases of one test program: passed, failed, skipped. A program that counts its cases and runs none has failed."""
    words = {"passed": 0, "failed": 0, "skipped": 0, "error": 0, "errors": 0}
    lines = [line for line in (test.get("stdout") or "").splitlines()
             if re.search(r"\b\d+ (passed|failed|skipped)\b", line)]
    for number, word in re.findall(r"(\d+) (passed|failed|skipped|errors?)\b", lines[-1] if lines else ""):
        words[word] += int(number)
    failed = words["failed"] + words["error"] + words["errors"]
    counted = words["passed"] + failed + words["skipped"]
    if test["result"] == SKIPPED:
        return (0, 0, max(1, counted))
    if test["result"] not in PASSED:
        return (words["passed"], max(1, failed), words["skipped"])
    if failed:
        return (words["passed"], failed, words["skipped"])
    if lines and not counted:
        return (0, 1, 0)
    return (words["passed"], 0, words["skipped"]) if counted else (1, 0, 0)


def show(step, test, counts):
    """One line for a test with failed or skipped cases, with the end of its output or the reasons."""
    print("%-10s %-24s %7.1f s  %d passed, %d failed, %d skipped"
          % (step, test["name"].split("normnet:")[-1], test.get("duration", 0.0), *counts))
    output = (test.get("stdout") or "") + (test.get("stderr") or "")
    if counts[1]:
        print("    result: %s, exit code %s" % (test["result"], test.get("returncode")))
        print("".join("    " + line + "\n" for line in output.splitlines()[-60:]), end="")
    elif counts[2]:
        for line in output.splitlines():
            if re.match(r"(skip|SKIP)", line):
                print("    " + line)


def report(log):
    """Shows what failed and what was skipped in one log; its cases: passed, failed, skipped."""
    step = os.path.basename(log).removesuffix(".json")
    if not os.path.exists(log):
        print("%-10s there is no test log %s" % (step, log))
        return (0, 1, 0)
    total, tests = (0, 0, 0), 0
    with open(log, encoding="utf-8") as file:
        for line in file:
            test = json.loads(line)
            counts = count(test)
            if counts[1] or counts[2]:
                show(step, test, counts)
            total = tuple(a + b for a, b in zip(total, counts))
            tests += 1
    print("%-10s %d tests: %d passed, %d failed, %d skipped" % (step, tests, *total))
    return total


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--complete", action="store_true", help="a skipped case is a failure")
    parser.add_argument("--skipped", default="", help="the reasons of other skipped steps, separated by |")
    parser.add_argument("logs", nargs="*", help="the JSON log of a run of meson test; its name is that of the step")
    arguments = parser.parse_args()
    total = [sum(counts) for counts in zip(*map(report, arguments.logs), (0, 0, 0))]
    for reason in filter(None, arguments.skipped.split("|")):
        print("skipped    " + reason)
        total[2] += 1
    if arguments.complete and total[2]:
        print("a complete run skips nothing: %d skipped cases count as failed" % total[2])
        total = [total[0], total[1] + total[2], 0]
    print("%d passed, %d failed, %d skipped" % tuple(total))
    return 1 if total[1] or not total[0] else 0


if __name__ == "__main__":
    sys.exit(main())
