# SPDX-License-Identifier: MIT
"""The tables of docs/results.md against the study that docs/results holds.

usage: python3 check_results.py --source SOURCE-ROOT [--write] [-h | --help]

examples: python3 tests/project/check_results.py --source .
          python3 tests/project/check_results.py --source . --write

docs/results has runs.jsonl of the full study and the files that the study made
of it. The parts of docs/results.md between <!-- table NAME --> and
<!-- end of table --> must be what --write makes of summary.csv and
comparisons.csv, and the means and deviations of summary.csv those of the lines
of runs.jsonl.
"""
import argparse
import csv
import json
import math
import pathlib
import re
import statistics
import sys
from typing import NamedTuple

from cases import Cases

TABLE = re.compile(r"(<!-- table ([a-z-]+) -->\n).*?(<!-- end of table -->\n)", re.S)
PUBLISHED = ["000", "001", "002", "003", "004", "sibling"]
PENALTIES = ["", "L1", "L2", "L1 + L2"]
MADE = ["summary.csv", "comparisons.csv"]  # by the study of runs.jsonl, beside its report


class Study(NamedTuple):
    """What docs/results holds."""
    rows: list         # of summary.csv
    comparisons: list  # of comparisons.csv
    lines: list        # of runs.jsonl


def read_csv(path):
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def read_study(results):
    lines = (results / "runs.jsonl").read_text(encoding="utf-8").splitlines()
    return Study(*(read_csv(results / name) for name in MADE), [json.loads(line) for line in lines])


# ---- Tables ----

def figure(row, name):
    """Mean and standard deviation of a sample, or what there is of it."""
    mean, sd = row[name + "_mean"], row[name + "_sd"]
    if not mean:
        return ""
    return "%.2f ± %.2f" % (float(mean), float(sd)) if sd else "%.2f" % float(mean)


def number(text):
    return "%.2f" % float(text) if text else ""


def signed(value):
    return "%+.2f" % value


def markdown(head, lines):
    """A table, whose columns of numbers are aligned on the right."""
    sides = ["---:" if all(re.fullmatch(r"([-+]?\d[\d.]*( .*)?)?", cell) for cell in column) else "---"
             for column in zip(*lines)] or ["---"] * len(head)
    return "".join("| %s |\n" % " | ".join(cells) for cells in [head, sides, *lines])


def published_table(study):
    lines = []
    for row in study.rows:
        if row["study"] in PUBLISHED:
            best = row["published_best"]
            distance = signed(float(row["test_mean"]) - float(best)) if best and row["test_mean"] else ""
            lines.append(["`%s`" % row["id"], row["name"], number(row["published_final"]), number(best),
                          figure(row, "test"), row["seeds"], distance])
    return markdown(["experiment", "what", "theirs, last epoch", "theirs, best epoch", "ours, last epoch", "seeds",
                     "to their best"], lines)


def equal_table(study, sample):
    """Norms by penalties, of the rows NORM, NORM + L1, and so on."""
    cells = {tuple(row["name"].partition(" + ")[::2]): figure(row, sample)
             for row in study.rows if row["study"] == "equal"}
    norms = list(dict.fromkeys(norm for norm, penalty in cells if "," not in norm and penalty in PENALTIES))
    lines = [[norm, *(cells.get((norm, penalty), "") for penalty in PENALTIES)] for norm in norms]
    return markdown(["norm", "no penalty", *PENALTIES[1:]], lines)


def verdict_table(study):
    """The best row of each group, and every other row's distance from it."""
    lines = []
    equal = [row for row in study.comparisons if row["study"] == "equal"]
    for group in dict.fromkeys(row["group"] for row in equal):
        pairs = [row for row in equal if row["group"] == group]
        best = pairs[0]["a"]
        for row in pairs:
            if row["a"] == best:
                sample = row["decided_by"]
                low, high = row[sample + "_low"], row[sample + "_high"]
                interval = "%s to %s" % (signed(float(low)), signed(float(high))) if low else ""
                lines.append([group, best, row["b"], signed(float(row[sample + "_mean"])), interval,
                              "%.3f" % float(row["corrected_p"]) if row["corrected_p"] else "", row["verdict"]])
    return markdown(["group", "best", "other", "better by", "95 % interval", "p, corrected", "the difference is"],
                    lines)


def named_table(study, *prefixes):
    lines = [["`%s`" % row["id"], row["name"], row["parameters"], figure(row, "test"), row["seeds"]]
             for row in study.rows if row["id"].startswith(prefixes)]
    return markdown(["experiment", "what", "parameters", "test images", "seeds"], lines)


def small_table(study):
    """The smallest networks: the last weights, with shifted copies, their average, and both; seed 1 for a comparison."""
    hashes = {line["experiment"]: line["weights_sha256"][:8] for line in study.lines if line["seed"] == 1}
    lines = [["`%s`" % row["id"], row["name"], row["parameters"], figure(row, "test"), figure(row, "tta_test"),
              number(row["average_test_mean"]), number(row["tta_average_test_mean"]), row["seeds"],
              "`%s`" % hashes.get(row["id"], "")]
             for row in study.rows if row["id"].startswith("small-")]
    return markdown(["experiment", "what", "parameters", "last epoch", "shifted copies", "averaged weights", "both",
                     "seeds", "weights of seed 1"], lines)


def accuracies(line, name):
    """Those of all epochs, of the weights with running statistics, or with others."""
    return [epoch["test_accuracy"] if name == "running" else epoch[name]["test_accuracy"] for epoch in line["history"]]


def statistics_table(study):
    """The same weights with three kinds of statistics: in the last epoch, and at worst from the second epoch on."""
    kinds = ["running", "batch_statistics", "new_statistics"]
    of = {}
    for line in study.lines:
        if "batch_statistics" in line["history"][-1]:
            of.setdefault(line["experiment"], []).append(line)
    table = []
    for name, runs in of.items():
        cells = ["%.2f" % statistics.fmean(choose(accuracies(run, kind)) for run in runs)
                 for choose in (lambda values: values[-1], lambda values: min(values[1:])) for kind in kinds]
        table.append(["`%s`" % name, *cells, str(len(runs))])
    return markdown(["experiment", "last epoch: running", "of each batch", "computed anew", "lowest: running",
                     "of each batch", "computed anew", "seeds"], table)


def sparse_table(study):
    """What L1 costs, and what it allows: to leave out the weights below 0.001."""
    lines = [["`%s`" % row["id"], row["name"], figure(row, "test"), "%.1f" % (100 * float(row["small_share_mean"])),
              number(row["pruned_accuracy_mean"]), row["seeds"]]
             for row in study.rows if row["id"].startswith("sparse-")]
    return markdown(["experiment", "what", "test images", "weights below 0.001 in %", "test images without these",
                     "seeds"], lines)


TABLES = {
    "published": published_table,
    "equal-validation": lambda study: equal_table(study, "validation"),
    "equal-test": lambda study: equal_table(study, "test"),
    "verdict": verdict_table,
    "failures": lambda study: named_table(study, "instance-", "group-", "jumps-"),
    "statistics": statistics_table,
    "small": small_table,
    "sparse": sparse_table,
}


def with_tables(text, study):
    return TABLE.sub(lambda match: match.group(1) + TABLES[match.group(2)](study) + match.group(3), text)


# ---- Checks ----

def check_tables(text, study):
    names = [match.group(2) for match in TABLE.finditer(text)]
    problems = ["docs/results.md has no table %s" % name for name in TABLES if name not in names]
    problems += ["docs/results.md has an unknown table %s" % name for name in names if name not in TABLES]
    if not problems and with_tables(text, study) != text:
        problems.append("the tables of docs/results.md are not those of docs/results: run check_results.py --write")
    return problems


def check_means(study):
    """The samples of the summary, computed once more; of rows whose lines have their name."""
    problems = []
    of = {}
    for line in study.lines:
        if "failure" not in line:
            of.setdefault(line["experiment"], []).append(line["history"][-1]["test_accuracy"])
    compared = 0
    for row in study.rows:
        values = of.get(row["id"], [])
        if len(values) != int(row["seeds"]) - int(row["failed"]) or not values:
            continue  # some of its runs were made for a row that is equal
        compared += 1
        expected = [statistics.fmean(values)] + ([statistics.stdev(values)] if len(values) > 1 else [])
        found = [float(row[name]) for name in ["test_mean", "test_sd"][:len(expected)]]
        if not all(math.isclose(a, b, rel_tol=1e-4, abs_tol=1e-5) for a, b in zip(expected, found)):
            problems.append("summary.csv: %s has %s, its lines %s" % (row["id"], found, expected))
    if compared < len(study.rows) // 2:
        problems.append("only %d of %d rows could be compared" % (compared, len(study.rows)))
    return problems


def check_planted(text, study):
    """Each check notices what it is for."""
    problems = []
    row = next(row for row in study.rows if row["study"] == "000")
    other = study._replace(rows=[dict(row, test_mean="98.5") if each is row else each for each in study.rows])
    if not check_tables(text, other):
        problems.append("another figure in a table is not found")
    if not check_tables(text.replace("<!-- table published -->", ""), study):
        problems.append("a table that is missing is not found")
    if not check_means(other):
        problems.append("another mean in summary.csv is not found")
    return problems


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", required=True)
    parser.add_argument("--write", action="store_true", help="bring the tables up to date")
    arguments = parser.parse_args()
    page = pathlib.Path(arguments.source, "docs", "results.md")
    results = page.parent / "results"
    study = read_study(results)
    text = page.read_text(encoding="utf-8")
    if arguments.write:
        page.write_text(with_tables(text, study), encoding="utf-8")
        return 0
    cases = Cases()
    cases.check("the tables of docs/results.md", check_tables(text, study))
    cases.check("the means of summary.csv", check_means(study))
    cases.check("planted changes are found", check_planted(text, study))
    return cases.end()


if __name__ == "__main__":
    sys.exit(main())
