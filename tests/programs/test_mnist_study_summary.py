# SPDX-License-Identifier: MIT
"""`normnet-mnist study`: its summary, and networks that fail.

usage: python3 test_mnist_study_summary.py PATH_TO_NORMNET_MNIST
           [--without] [PART OF A TEST'S NAME]... | -h | --help
"""
import csv
import json
import math
import re
import statistics

import mnist_program
from study_program import AVERAGES, TINY, StudyCase


class Summary(StudyCase):
    def setUp(self):
        super().setUp()
        self.output = self.study()
        self.summary = json.loads((self.out / "summary.json").read_text(encoding="utf-8"))

    def accuracies(self, experiment):
        found = {line["seed"]: line["history"][-1]["test_accuracy"]
                 for line in self.lines() if line["experiment"] == experiment}
        return [found[seed] for seed in sorted(found)]

    def test_rows(self):
        """Mean and sd of Python's statistics; Student's t for two degrees of freedom."""
        with open(self.out / "summary.csv", encoding="utf-8", newline="") as file:
            rows = {row["id"]: row for row in csv.DictReader(file)}
        self.assertEqual(list(rows), ["tiny-none", "tiny-batch", "tiny-layer"])
        for row in self.summary["experiments"]:
            values = self.accuracies(row["id"])
            mean, sd = statistics.mean(values), statistics.stdev(values)
            half = 4.3026527297494619 * sd / math.sqrt(3)
            test = row["test_accuracy"]
            for name, expected in (("count", 3), ("mean", mean), ("sd", sd), ("low", mean - half),
                                   ("high", mean + half)):
                self.assertAlmostEqual(test[name], expected, 9)
            self.assertAlmostEqual(float(rows[row["id"]]["test_mean"]), mean, 3)
            self.assertEqual([run["seed"] for run in row["runs"]], [1, 2, 3])
        self.assertEqual(rows["tiny-none"]["difference"], "")
        self.assertAlmostEqual(float(rows["tiny-layer"]["difference"]),
                               statistics.mean(self.accuracies("tiny-layer")) - 60.5, 3)
        self.assertRegex(self.output, r"(?m)^tiny-batch +3 ")

    def test_intervals_of_the_table(self):
        """Those of the files, cut at 0 and 100."""
        self.out = self.directory / "of-two"
        self.experiments.write_text(TINY.replace("epochs = 2", "epochs = 3"), encoding="utf-8")
        shown = {name: (float(low), float(high)) for name, low, high in
                 re.findall(r"(?m)^(tiny-\w+) +2 +[\d.]+ +[\d.]+ +(\S+) to +(\S+) ", self.study("--seeds", "2"))}
        summary = json.loads((self.out / "summary.json").read_text(encoding="utf-8"))
        samples = {row["id"]: row["test_accuracy"] for row in summary["experiments"]}
        self.assertTrue(any(sample["low"] < 0 for sample in samples.values()), samples)
        self.assertEqual(shown.keys(), samples.keys())
        for name, (low, high) in shown.items():
            self.assertAlmostEqual(low, max(0, samples[name]["low"]), delta=0.0051)
            self.assertAlmostEqual(high, min(100, samples[name]["high"]), delta=0.0051)

    def test_one_seed(self):
        """No verdict, and so no word on how one is found; and one of a thing is called one."""
        self.out = self.directory / "of-one"
        output = self.study("--seeds", "1")
        self.assertIn("with two seeds or more in common", " ".join(output.split()))
        for word in ("Student's t", "really", "perhaps"):
            self.assertIn(word, " ".join(self.output.split()))
            self.assertNotIn(word, output.split("Which norm is best")[1])
        page = (self.out / "report.html").read_text(encoding="utf-8")
        self.assertNotIn("Holm", re.search('<section id="verdict".*?</section>', page, re.S)[0])
        self.out = self.directory / "of-one-row"
        output = self.study("--seeds", "1", "--only", "tiny-none")
        self.assertIn("\n1 experiment, 1 run\n", output)
        self.assertIn("\n1 run of 1 experiment: see ", output)

    def test_groups_that_are_judged_alike(self):
        """How differences are judged is said once, after the last of them."""
        self.experiments.write_text(TINY.replace("compare = norms", "compare = norms twice"), encoding="utf-8")
        output = " ".join(self.study().split())
        verdict = re.search('<section id="verdict".*?</section>',
                            (self.out / "report.html").read_text(encoding="utf-8"), re.S)[0]
        for text in (output, verdict):
            self.assertEqual(text.count("Which norm is best"), 2)
            self.assertEqual(text.count("correction for all 3 pairs"), 1)
        self.assertGreater(output.rindex("Holm"), output.rindex("Which norm is best"))

    def test_comparisons(self):
        """Differences by seed, and a verdict that follows from p."""
        pairs = {(pair["a"], pair["b"]): pair for pair in self.summary["comparisons"]}
        means = {row["id"]: row["validation_accuracy"]["mean"] for row in self.summary["experiments"]}
        best = sorted(means, key=lambda name: -means[name])
        self.assertEqual(list(pairs), [(best[0], best[1]), (best[0], best[2]), (best[1], best[2])])
        for (a, b), pair in pairs.items():
            differences = [x - y for x, y in zip(self.accuracies(a), self.accuracies(b))]
            self.assertAlmostEqual(pair["test_accuracy"]["mean"], statistics.mean(differences), 9)
            self.assertAlmostEqual(pair["test_accuracy"]["sd"], statistics.stdev(differences), 9)
            self.assertLessEqual(pair["p"], pair["corrected_p"])
            expected = ("real" if pair["corrected_p"] <= 0.05 else "perhaps" if pair["p"] <= 0.05
                        else "not distinguishable")
            self.assertEqual(pair["verdict"], expected)
        with open(self.out / "comparisons.csv", encoding="utf-8", newline="") as file:
            self.assertEqual([row["verdict"] for row in csv.DictReader(file)],
                             [pair["verdict"] for pair in pairs.values()])

    def test_equal_differences(self):
        """Accuracies are whole numbers of images, so that two equal differences are no proof."""
        self.out = self.directory / "of-two"
        self.study("--seeds", "2")
        lines = self.lines()
        images = lines[0]["data"]["validation_images"]
        for line in lines:
            right = {"tiny-none": 0.5, "tiny-batch": 0.6, "tiny-layer": 0.7}[line["experiment"]] * images + line["seed"]
            line["history"][-1]["validation_accuracy"] = 100 * round(right) / images
        (self.out / "runs.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
        self.study("--seeds", "2")
        pairs = json.loads((self.out / "summary.json").read_text(encoding="utf-8"))["comparisons"]
        self.assertEqual(len(pairs), 3)
        for pair in pairs:
            self.assertEqual(pair["validation_accuracy"]["sd"], 0)
            self.assertLess(pair["validation_accuracy"]["low"], pair["validation_accuracy"]["mean"])
            self.assertGreater(pair["p"], 0)
            self.assertNotEqual(pair["verdict"], "real")

    def test_words_of_any_text(self):
        """A word of `compare` is quoted in the CSV file and cut between characters; names keep the table's columns."""
        word = 'b"' + 150 * "ä"
        self.experiments.write_text(TINY.replace("compare = norms", f"compare = {word}").replace(
            "| none  | none ", "| größe | none ").replace("| batch | batch", "| 日本 | batch"), encoding="utf-8")
        self.out = self.directory / "of-any-text"
        self.study("--seeds", "1")
        with open(self.out / "comparisons.csv", encoding="utf-8", newline="") as file:
            self.assertEqual({pair["group"] for pair in csv.DictReader(file)}, {word})
        self.assertNotIn("\ufffd", (self.out / "report.html").read_text(encoding="utf-8"))
        rows = re.findall(r"(?m)^tiny-\w+ .*$", self.study("--list"))
        width = [sum(2 if ord(letter) > 0x2e80 else 1 for letter in re.split(r"\w+ +8 ", line)[0])
                 for line in rows]
        self.assertEqual(len(rows), 3)
        self.assertEqual(len(set(width)), 1, rows)

    def test_other_statistics(self):
        """The table of batch norm's statistics has the rows that asked for it."""
        table = self.output.split("The same weights with other statistics")[1]
        self.assertRegex(table, r"(?m)^tiny-batch +[\d.]+% +[\d.]+% +[\d.]+%$")
        self.assertNotIn("tiny-none", table.split("running: ")[0])

    def test_averages(self):
        """The mean over the seeds in all three places, for the rows that have an average."""
        self.experiments.write_text(AVERAGES, encoding="utf-8")
        output = self.study("--only", "averages")
        summary = json.loads((self.out / "summary.json").read_text(encoding="utf-8"))
        with open(self.out / "summary.csv", encoding="utf-8", newline="") as file:
            rows = {row["id"]: row for row in csv.DictReader(file)}
        for row in summary["experiments"]:
            if row["id"] == "av-none":
                self.assertNotIn("average_test_accuracy", row)
                self.assertEqual(rows[row["id"]]["average_test_mean"], "")
                continue
            last = [line["history"][-1] for line in self.lines() if line["experiment"] == row["id"]]
            for key, column in (("average_test_accuracy", "average_test_mean"),
                                ("average_validation_accuracy", "average_validation_mean"),
                                ("average_test_loss", "average_test_loss_mean")):
                mean = statistics.mean(epoch[key] for epoch in last)
                self.assertEqual(row[key]["count"], 2)
                self.assertAlmostEqual(row[key]["mean"], mean, 9)
                self.assertAlmostEqual(float(rows[row["id"]][column]), mean, 3)
        table = output.split("The averaged weights")[1]
        self.assertRegex(table, r"(?m)^av-decay +2 +[\d.]+ +[\d.]+ +[\d.]+ +[\d.]+$")
        self.assertNotIn("av-none", table.split("last:")[0])

    def test_tta(self):
        """The mean over the seeds in all three places, for the rows that ask for shifted copies."""
        rows = "| id | tta | average |\n| plain | | |\n| shifted | 1 | |\n| both | 1 | .9 |\n"
        self.experiments.write_text(AVERAGES.split("| id")[0] + rows, encoding="utf-8")
        self.out = self.directory / "tta"
        output = self.study()
        summary = json.loads((self.out / "summary.json").read_text(encoding="utf-8"))
        with open(self.out / "summary.csv", encoding="utf-8", newline="") as file:
            cells = {row["id"]: row for row in csv.DictReader(file)}
        names = {"tta_test_accuracy": "test_accuracy", "tta_validation_accuracy": "validation_accuracy",
                 "tta_average_test_accuracy": "average_test_accuracy"}
        for row in summary["experiments"]:
            expected = {"plain": [], "shifted": list(names)[:2], "both": list(names)}[row["id"]]
            self.assertEqual([name for name in names if name in row], expected)
            for name, member in names.items():
                cell = cells[row["id"]][name.replace("accuracy", "mean")]
                if name not in expected:
                    self.assertEqual(cell, "")
                    continue
                values = [line["tta"][member] for line in self.lines() if line["experiment"] == row["id"]]
                self.assertEqual(row[name]["count"], 2)
                self.assertAlmostEqual(row[name]["mean"], statistics.mean(values), 9)
                self.assertAlmostEqual(float(cell), statistics.mean(values), 3)
        table = output.split("The mean of the predictions for shifted copies")[1]
        self.assertRegex(table, r"(?m)^shifted +2 +[\d.]+ +[\d.]+ +[\d.]+ +- +[\d.]+$")
        self.assertRegex(table, r"(?m)^both +2 +[\d.]+ +[\d.]+ +[\d.]+ +[\d.]+ +[\d.]+$")
        self.assertNotIn("plain", table.split("averaged:")[0])

    def test_stays_complete(self):
        """A study of a part leaves the other rows in the summary."""
        before = self.summary
        self.study("--only", "tiny-none")
        self.assertEqual(json.loads((self.out / "summary.json").read_text(encoding="utf-8")), before)


class Failures(StudyCase):
    """The networks that cannot learn, with images of their own; what they do on MNIST is in docs/results.md."""

    def train_row(self, row, settings):
        self.experiments.write_text(f"[x]\nbatch = 8\nepochs = 12\n{settings}\n| id | norm | layer_dims |\n"
                                    f"| a | {row} |\n", encoding="utf-8")
        self.study("--seeds", "1")
        return self.lines()[0]

    def test_norm_before_pool(self):
        """Layer norm over the width, or instance norm, before gap: nothing of the image is left, and a warning."""
        network = "lr = 0.05\narchitecture = conv3-4 relu norm gap conv1-5"
        for row, fails in (("layer | 1", True), ("instance | 3", True), ("batch | 3", False)):
            self.out = self.directory / row.split()[0]
            line = self.train_row(row, network)
            chance = [abs(epoch["test_loss"] - math.log(5)) < 0.01 for epoch in line["history"]]
            self.assertEqual(all(chance), fails)
            self.assertEqual("warning" in line["summary"].lower(), fails)

    def test_pruning(self):
        """With much L1, most weights are below 0.001; without them the network is as good."""
        line = self.train_row("none | 3", "lr = 0.01\nl1 = 1\narchitecture = conv3-4 relu gap conv1-5")
        small = sum(weights["small"] for weights in line["weights"])
        self.assertEqual(line["small_weight"], 0.001)
        self.assertAlmostEqual(line["pruned"]["share"], small / line["parameters"], 3)
        self.out = self.directory / "other"
        line = self.train_row("none | 3", "lr = 0.01\narchitecture = conv3-4 relu gap conv1-5")
        self.assertLess(line["pruned"]["share"], 0.1)


if __name__ == "__main__":
    mnist_program.main()
