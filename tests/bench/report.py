# SPDX-License-Identifier: MIT
"""Tables for people, JSON for programs."""
import json
import statistics
import sys
import textwrap
from typing import Callable, NamedTuple

try:
    import tqdm
except ImportError:  # there is no progress bar then
    tqdm = None

STEADY = 0.9  # the median of the peaks exceeds this share of the highest on an idle machine


class Column(NamedTuple):
    key: str     # of the row
    title: str
    width: int
    form: str = ""  # as of format()
    adjust: Callable[[str, int], str] = str.rjust

    def header(self):
        return [self.adjust(line, self.width) for line in textwrap.wrap(self.title, self.width)]

    def cell(self, row):
        value = row.get(self.key)
        return self.adjust("-" if value is None else format(value, self.form), self.width)


class Table:
    """Prints each row when it is added."""

    def __init__(self, title, columns, write):
        self.rows, self.columns, self.write = [], columns, write
        write(f"\n{title}")
        self.write_header()

    def write_header(self):
        headers = [column.header() for column in self.columns]
        height = max(map(len, headers))
        padded = [[" " * column.width] * (height - len(header)) + header
                  for column, header in zip(self.columns, headers)]
        for cells in zip(*padded):
            self.write(" ".join(cells).rstrip())

    def add(self, row):
        """Prints the columns of a row; the JSON has the whole row."""
        self.rows.append(row)
        self.write(" ".join(column.cell(row) for column in self.columns).rstrip())


class Report:
    """All results of one run."""

    def __init__(self, facts, path):
        self.contents, self.path, self.notes = {**facts, "tables": {}}, path, set()
        self.save()  # if the file cannot be written, fail before the measurements

    def write(self, text):
        if tqdm:
            tqdm.tqdm.write(text)
            sys.stdout.flush()
        else:
            print(text, flush=True)

    def table(self, name, title, columns):
        table = Table(title, columns, self.write)
        self.contents["tables"][name] = {"title": title, "rows": table.rows}
        return table

    def note(self, text):
        """Prints a note once."""
        if text not in self.notes:
            self.notes.add(text)
            self.write(f"note: {text}")

    def track(self, items):
        """The items, with a progress bar on a terminal."""
        return tqdm.tqdm(items, leave=False) if tqdm and sys.stderr.isatty() else items

    def save(self):
        if self.path:
            with open(self.path, "w", encoding="utf-8") as file:
                json.dump(self.contents, file, indent=1)


def case_columns():
    return [Column("network", "network", 8, adjust=str.ljust), Column("norm", "norm", 8, adjust=str.ljust),
            Column("batch", "batch", 6)]


def speed_table(report, name, title, contestants):
    """A table for the rows of race.race()."""
    speeds = [Column(contestant, contestant, 10, ",.0f") for contestant in contestants]
    return report.table(name, title, case_columns() + speeds + [
        Column("ratio", "ratio", 6, ".2f"), Column("gflops", "GFLOP/s", 8, ".1f"), Column("share", "of peak", 7, ".0%"),
        Column("roofline", "bound", 10, ",.0f")])


def summarize(report, rows):
    """The lines after a speed table."""
    ratios = {" ".join(format(row[key]) for key in ("network", "norm", "batch")): row["ratio"] for row in rows}
    worst, best = min(ratios, key=ratios.get), max(ratios, key=ratios.get)
    report.write(f"ratio to the fastest rival: {ratios[worst]:.2f} ({worst}) to {ratios[best]:.2f} ({best}), geometric"
                 f" mean {statistics.geometric_mean(ratios.values()):.2f}")
    peaks = [peak for row in rows for peak in row["peaks"]]
    report.write(f"peak: median {statistics.median(peaks):.0f}, highest {max(peaks):.0f} GFLOP/s")
    if statistics.median(peaks) < STEADY * max(peaks):
        report.write("warning: the peak varies; another program ran at the same time and distorts the figures")
