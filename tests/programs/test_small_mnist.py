#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Tests examples/small/mnist.c on small IDX files and, with NORMNET_DATA set to
a folder with MNIST, on real data.

usage: python3 test_small_mnist.py PROGRAM [NAME]... | -h | --help

Only cases are run that have one of the NAMEs in their name.
"""
import os
import random
import re
import struct
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import suite

PROGRAM = ""
SIDE = 28
NORMS = ("none", "batch", "group", "layer", "instance", "rms")


def idx(dimensions, values):
    return bytes([0, 0, 8, len(dimensions)]) + b"".join(struct.pack(">I", n) for n in dimensions) + bytes(values)


def stripes(label, generator):
    """Vertical stripes 1 to 5 pixels wide for the labels 0 to 4, horizontal ones for 5 to 9, under noise."""
    width, phase = label % 5 + 1, generator.randrange(10)
    for y in range(SIDE):
        for x in range(SIDE):
            bright = ((x if label < 5 else y) + phase) // width % 2
            yield 150 * bright + generator.randrange(100)


def write_set(folder, name, count, generator):
    labels = [generator.randrange(10) for _ in range(count)]
    pixels = [value for label in labels for value in stripes(label, generator)]
    (folder / f"{name}-images-idx3-ubyte").write_bytes(idx([count, SIDE, SIDE], pixels))
    (folder / f"{name}-labels-idx1-ubyte").write_bytes(idx([count], labels))


class SmallMnist(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = Path(temporary.name)
        generator = random.Random(1)
        write_set(self.folder, "train", 650, generator)  # the last batch is a short one
        write_set(self.folder, "t10k", 200, generator)

    def run_program(self, *arguments):
        return subprocess.run([PROGRAM, *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True, check=False)

    def accuracies(self, folder, norm, epochs):
        """What an accepted call prints: the accuracy after each epoch, in percent."""
        result = self.run_program(folder, norm, epochs)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        lines = result.stdout.splitlines()
        self.assertEqual(len(lines), epochs)
        found = [re.fullmatch(r"epoch (\d+): test accuracy (\d+\.\d\d)%", line) for line in lines]
        self.assertEqual([int(match.group(1)) for match in found], list(range(1, epochs + 1)))
        return [float(match.group(2)) for match in found]

    def test_all_norms(self):
        for norm in NORMS:
            with self.subTest(norm):
                self.accuracies(self.folder, norm, 1)

    def test_it_learns(self):
        self.assertGreaterEqual(self.accuracies(self.folder, "batch", 8)[-1], 80)

    def test_three_epochs_by_default(self):
        self.assertEqual(self.run_program(self.folder, "batch").stdout.count("epoch "), 3)

    def test_wrong_arguments(self):
        for arguments in ([], [self.folder], [self.folder, "bath"], [self.folder, "batch", "0"], [self.folder, "", "1"]):
            with self.subTest(arguments):
                result = self.run_program(*arguments)
                self.assertEqual((result.returncode, result.stdout), (2, ""))
                self.assertTrue(result.stderr.startswith("usage: mnist FOLDER none|batch|group|layer|instance|rms [EPOCHS]"))

    def test_bad_files(self):
        for name in sorted(path.name for path in self.folder.iterdir()):
            path = self.folder / name
            good = path.read_bytes()
            for what, bad in (("missing", None), ("empty", b""), ("cut off", good[:-1])):
                with self.subTest(f"{name}, {what}"):
                    path.unlink() if bad is None else path.write_bytes(bad)
                    result = self.run_program(self.folder, "batch", 1)
                    self.assertEqual((result.returncode, result.stdout), (1, ""))
                    self.assertEqual(result.stderr, f"error: cannot read {path}\n")
            path.write_bytes(good)

    def test_bad_label(self):
        path = self.folder / "train-labels-idx1-ubyte"
        path.write_bytes(path.read_bytes()[:-1] + b"\x0a")
        result = self.run_program(self.folder, "batch", 1)
        self.assertEqual(result.returncode, 1)
        self.assertRegex(result.stderr, r"^error: .*label")

    def test_readme_quotes_train(self):
        root = Path(__file__).resolve().parents[2]
        quoted = "```c\n" + (root / "examples" / "small" / "train.c").read_text(encoding="utf-8") + "```\n"
        self.assertIn(quoted, (root / "README.md").read_text(encoding="utf-8"))

    @unittest.skipUnless(os.environ.get("NORMNET_DATA"), "needs NORMNET_DATA, a folder with MNIST")
    def test_real_mnist(self):
        self.assertGreater(self.accuracies(os.environ["NORMNET_DATA"], "batch", 1)[-1], 97)


def main():
    global PROGRAM
    if len(sys.argv) < 2 or sys.argv[1].startswith("-"):
        helped = sys.argv[1:2] in (["-h"], ["--help"])
        print(__doc__, file=sys.stdout if helped else sys.stderr)
        return 0 if helped else 2
    PROGRAM = os.path.abspath(sys.argv[1])
    return suite.run(sys.argv[2:])


if __name__ == "__main__":
    sys.exit(main())
