# SPDX-License-Identifier: MIT
"""normnet-mnist lr-find: the learning-rate range test."""
import csv
import json

import mnist_program
from mnist_program import SMALL_NETWORK, idx


class LrFind(mnist_program.TestCase):
    ARGUMENTS = ["lr-find", "--data", "generated", "--limit", "1500", "--augment", "none", *SMALL_NETWORK]

    def setUp(self):
        super().setUp()
        self.json, self.csv = self.directory / "range.json", self.directory / "range.csv"

    def find(self, *arguments, **variables):
        result = self.run_program(*self.ARGUMENTS, *arguments, "--json", self.json, "--csv", self.csv,
                                  **{"LC_ALL": "C", **variables})
        self.assertEqual((result.returncode, result.stderr), (0, ""), result)
        self.output = result.stdout
        return json.loads(self.json.read_text(encoding="utf-8"))

    def test_rates_and_smoothing(self):
        result = self.find("--from", "1e-4", "--to", "1e-2", "--steps", "41")
        steps = result["steps"]
        self.assertFalse(result["diverged"])
        self.assertEqual([step["step"] for step in steps], list(range(1, 42)))
        average = 0.0
        for i, step in enumerate(steps):
            self.assertAlmostEqual(step["lr"] / (1e-4 * 100 ** (i / 40)), 1, 9)
            average = 0.95 * average + 0.05 * step["loss"]
            self.assertAlmostEqual(step["smoothed"], average / (1 - 0.95 ** (i + 1)), 9)
        with open(self.csv, encoding="utf-8", newline="") as stream:
            rows = list(csv.DictReader(stream))
        self.assertEqual([{key: float(value) for key, value in row.items()} for row in rows], steps)
        text = self.csv.read_text()
        for loss in ("loss", "smoothed"):  # as many digits as in the JSON file
            self.assertIn(f",{steps[0][loss]!r}", text)
        self.assertTrue(text.startswith("step,lr,loss,smoothed\n1,0.0001,"), text)

    def test_the_steps_are_those_of_a_training(self):
        """With a range so narrow that the rate is constant, the mean of an epoch is that of train."""
        training = ["--limit", "640", "--batch", "32"]
        result = self.find("--from", "0.01", "--to", "0.0100000001", "--steps", "20", *training)
        trained = self.train(*self.ARGUMENTS[1:], *training, "--schedule", "constant", "--lr", "0.01", "--epochs", "1")
        mean = sum(step["loss"] for step in result["steps"]) / 20
        self.assertAlmostEqual(mean, trained["history"][0]["train_loss"], 5)

    def test_divergence_and_suggestion(self):
        result = self.find("--from", "1e-4", "--to", "1e5", "--steps", "200")
        steps = result["steps"]
        self.assertTrue(result["diverged"])
        self.assertLess(len(steps), 200)
        self.assertIn(f"\nThe loss diverged after {len(steps)} of 200 steps, at a rate of ", self.output)
        smoothed = [step["smoothed"] for step in steps]
        for i, value in enumerate(smoothed[:-1]):
            self.assertLessEqual(value, 4 * min(smoothed[: i + 1]))
        lowest = min(range(20, len(steps)), key=smoothed.__getitem__)
        steepest = max(range(20, lowest), key=lambda i: smoothed[i - 1] - smoothed[i + 1])
        self.assertEqual(result["minimum"], steps[lowest]["lr"])
        self.assertEqual(result["steepest"], steps[steepest]["lr"])
        self.assertEqual(result["suggestion"], min(result["steepest"], result["minimum"] / 10))
        self.assertIn(f"\nSuggestion: --lr {result['suggestion']:.2g}\n", self.output)
        # A training with it learns.
        rate = ["--lr", result["suggestion"], "--schedule", "constant", "--epochs", "4"]
        history = self.train(*self.ARGUMENTS[1:], *rate)["history"]
        self.assertLess(history[-1]["train_loss"], history[0]["train_loss"])

    def test_the_same_on_every_machine(self):
        first = self.find("--steps", "60", "--threads", "1")
        self.assertEqual(self.find("--steps", "60", "--threads", "2", "--cpu", "portable"), first)
        self.assertNotEqual(self.find("--steps", "60", "--seed", "2")["steps"], first["steps"])

    def test_no_descent(self):
        """Black images and no bias: all logits are 0, whatever the weights are."""
        data = self.write_data(train_images=idx([40, 6, 8], [0] * 40 * 48))
        result = self.find("--data", data, "--architecture", "gap conv1-5")
        self.assertEqual((result["suggestion"], result["steepest"], result["diverged"]), (None, None, False))
        self.assertEqual(len(result["steps"]), 200)
        self.assertIn("\nNo suggestion: the loss hardly fell over the tested rates", self.output)

    def test_noise_is_no_descent(self):
        """With rates that change nothing, the losses differ by their batches alone."""
        for seed in range(1, 6):
            result = self.find("--from", "1e-9", "--to", "1e-8", "--steps", "30", "--limit", "640", "--seed", seed)
            self.assertEqual((result["suggestion"], result["steepest"], result["minimum"]), (None, None, None), seed)
            self.assertIn("\nNo suggestion: the loss hardly fell over the tested rates", self.output)

    def test_within_the_range(self):
        """A tenth of the rate of the lowest loss may be a rate that was not tested."""
        result = self.find("--from", "0.01", "--to", "0.05", "--steps", "100")
        self.assertLess(result["minimum"] / 10, 0.01)
        self.assertEqual(result["suggestion"], 0.01)

    def test_help(self):
        text = " ".join(self.run_program("lr-find", "--help").stdout.split())
        self.assertIn("--validate N Hold out the last N training images, as train --validate does.", text)
        self.assertNotIn("after every epoch", text)

    def test_the_curve(self):
        self.find("--steps", "40")
        chart = self.output[self.output.index("Loss over the learning rate") :].split("\n")[:15]
        self.assertLessEqual(max(map(len, chart)), 80)
        self.assertRegex(chart[-1], r"^ +rate 1e-05 +10$")
        self.find("--steps", "40", LC_ALL="C.UTF-8")
        self.assertRegex(self.output, "[\u2580\u2584]")

    def test_mistakes(self):
        for pattern, *arguments in [
            (r"--from is 1 and --to is 0.5; expected a range that grows", "--from", "1", "--to", "0.5"),
            (r"--from is 1 and --to is 1; expected", "--from", "1", "--to", "1"),
            (r"--from: '0' is not a number from 1e-12 to 1e\+09", "--from", "0"),
            (r"--steps: '19' is not a whole number from 20", "--steps", "19"),
            (r"there is no option '--epochs'", "--epochs", "3"),
            (r"there is no option '--lr'", "--lr", "3"),
            (r"--groups has no effect without group norm", "--groups", "4"),
            (r"--augment: 'x' at column 1", "--augment", "x"),
            (r"--csv and --json both name the file x", "--csv", "x", "--json", "x"),
            (r"conv3-8x", "--architecture", "conv3-8x gap conv1-10"),
        ]:
            with self.subTest(arguments=arguments):
                self.expect_failure(2, pattern, *self.ARGUMENTS[:3], "--limit", "100", *arguments)
        for option, path in (("--csv", self.csv), ("--json", self.json)):
            path.write_text("mine")
            pattern = rf"{path.name} exists and was not written by normnet-mnist lr-find"
            self.expect_failure(1, pattern, *self.ARGUMENTS, option, path)
            self.assertEqual(path.read_text(), "mine")


if __name__ == "__main__":
    mnist_program.main()
