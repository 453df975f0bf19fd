# SPDX-License-Identifier: MIT
"""Prints a table of runs that normnet-mnist wrote with --json.

usage: python3 examples/compare.py FILE.json...
"""
import json
import sys


def row(path):
    with open(path, encoding="utf-8") as file:
        run = json.load(file)
    last = run["history"][-1]
    seconds = sum(epoch["seconds"] for epoch in run["history"])
    return (run["configuration"]["norm"], len(run["history"]), last["train_accuracy"], last["test_accuracy"],
            last["test_loss"], last["images_per_second"], seconds), run


def main(paths):
    if not paths or paths[0] in ("-h", "--help"):
        print(__doc__.strip())
        return 0 if paths else 2
    print("norm       epochs  train acc.  test acc.  test loss    images/s  seconds")
    for path in paths:
        values, run = row(path)
        print("%-10s %6d %9.2f %% %8.2f %% %10.4f %11.0f %8.1f" % values)
    data = run["data"]
    source = "generated digits" if data["source"] == "generated" else data["source"]
    print("data: %s, %d training and %d test images" % (source, data["training_images"], data["test_images"]))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
