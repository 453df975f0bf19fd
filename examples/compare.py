# SPDX-License-Identifier: MIT
"""Prints a table of training runs from the JSON files of normnet-mnist train.

examples:
  python3 examples/compare.py build/results/*.json
"""
import argparse
import json
import sys


class Unreadable(Exception):
    """The file is not that of a training run."""


def read(path):
    """The row of the run in a file. Raises Unreadable."""
    try:
        with open(path, encoding="utf-8") as file:
            run = json.load(file)
        if not run["history"]:
            raise Unreadable("it has no finished epoch")
        return row(run)
    except OSError as error:
        raise Unreadable(error.strerror) from error
    except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        raise Unreadable("it was not written by normnet-mnist train --json") from error


def number(value, form):
    """The number as text; "-" for null, which is a loss that was not finite."""
    return "-" if value is None else form % value


def row(run):
    """The cells of a run, and a description of its data."""
    history, data = run["history"], run["data"]
    last = history[-1]
    source = "generated digits" if data["source"] == "generated" else data["source"]
    return ((run["configuration"]["norm"], "%d" % len(history), number(last["train_accuracy"], "%.2f%%"),
             number(last["test_accuracy"], "%.2f%%"), number(last["test_loss"], "%.4f"),
             number(last["images_per_second"], "%.0f"), "%.1f" % sum(epoch["seconds"] for epoch in history)),
            "%s, %d training and %d test images" % (source, data["training_images"], data["test_images"]))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", metavar="FILE", help="written by normnet-mnist train --json FILE")
    files = parser.parse_args().files
    rows = []
    for path in files:
        try:
            rows.append(read(path))
        except Unreadable as why:
            sys.exit("error: %s: %s" % (path, why))
    line = "%-10s %6s %11s %10s %10s %11s %8s"
    print(line % ("norm", "epochs", "train acc.", "test acc.", "test loss", "images/s", "seconds"))
    for cells, _ in rows:
        print(line % cells)
    for data in dict.fromkeys(data for _, data in rows):
        print("data: %s" % data)


if __name__ == "__main__":
    main()
