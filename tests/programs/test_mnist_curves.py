# SPDX-License-Identifier: MIT
"""Curves on the terminal: normnet-mnist train --plot."""
import re

import mnist_program
from mnist_program import TINY

BLOCKS = "\u2588\u2591\u2592\u2580\u2584"


class Curves(mnist_program.TestCase):
    def setUp(self):
        super().setUp()
        self.data = self.write_data()
        self.arguments = ["--data", self.data, *TINY[2:], "--schedule", "constant", "--lr", "0.1", "--epochs", "6", "--plot"]

    def charts(self, title):
        """The rows above the axis, from the top, without it."""
        lines = self.output[self.output.index(f"\n{title}") :].split("\n")[2:]
        end = next(i for i, line in enumerate(lines) if "+---" in line)
        self.assertLessEqual(max(map(len, lines[: end + 2])), 80)
        self.assertRegex(lines[end + 1], r"^ {10}epoch 1 +6$")
        return [line.split("|", 1) for line in lines[:end]]

    def check_chart(self, title, history, words):
        rows = self.charts(title)
        self.assertEqual(len(rows), 12)
        values = [epoch[word] for epoch in history for word in words]
        self.assertAlmostEqual(float(rows[0][0]), max(values), delta=max(values) * 1e-3)
        self.assertAlmostEqual(float(rows[-1][0]), min(values), delta=max(values) * 1e-3)
        for row in (rows[0], rows[-1]):
            self.assertTrue(row[1].strip(), rows)  # some curve reaches the highest and the lowest row

    def test_blocks_and_letters(self):
        for locale, blocks in (({"LC_ALL": "en_US.UTF-8"}, True), ({"LC_ALL": "C"}, False),
                               ({"LC_ALL": "", "LC_CTYPE": "", "LANG": "C.utf8"}, True),
                               ({"LC_ALL": "", "LC_CTYPE": "C", "LANG": "C.utf8"}, False),
                               ({"LC_ALL": "", "LC_CTYPE": "", "LANG": ""}, False)):
            with self.subTest(locale=locale):
                history = self.train(*self.arguments, **{**locale, "PYTHONIOENCODING": "utf-8"})["history"]
                self.assertEqual(any(c in self.output for c in BLOCKS), blocks)
                legend = "\u2588 training, \u2591 test" if blocks else ": training, o test"
                self.assertIn(f"\nLoss: {legend}\n", self.output)
                self.assertIn(f"\nAccuracy in percent: {legend}\n", self.output)
                self.check_chart("Loss: ", history, ["train_loss", "test_loss"])
                self.check_chart("Accuracy in percent: ", history, ["train_accuracy", "test_accuracy"])

    def test_validation(self):
        history = self.train(*self.arguments, "--validate", "10", LC_ALL="C")["history"]
        self.assertIn("\nLoss: : training, o test, + validation\n", self.output)
        self.check_chart("Loss: ", history, ["train_loss", "test_loss", "validation_loss"])

    def test_a_curve_falls(self):
        """The place of the characters is that of the values: a loss that falls goes down."""
        history = self.train(*self.arguments, LC_ALL="C")["history"]
        rows = [row[1] for row in self.charts("Loss: ")]
        loss = [epoch["test_loss"] for epoch in history]
        height = [next(i for i, row in enumerate(rows) if row[k : k + 1] == "o") for k in (0, 69)]
        self.assertEqual(height[0] < height[1], loss[0] > loss[-1], (loss, rows))

    def test_one_epoch_and_resuming(self):
        checkpoint = self.directory / "run.ckpt"
        one = ["--data", self.data, *TINY, "--schedule", "constant", "--save", checkpoint]
        self.train(*one, "--plot", LC_ALL="C")
        self.assertIn("epoch 1 ", self.output)
        self.train("--data", self.data, "--resume", checkpoint, "--plot", LC_ALL="C")  # it is complete
        self.assertIn("\nLoss: ", self.output)
        self.train("--data", self.data, "--resume", checkpoint, "--epochs", "6", "--plot", LC_ALL="C")
        self.assertEqual(len(self.charts("Loss: ")), 12)
        self.train("--data", self.data, "--resume", checkpoint, LC_ALL="C")
        self.assertIsNone(re.search(r"\nLoss: ", self.output))


if __name__ == "__main__":
    mnist_program.main()
