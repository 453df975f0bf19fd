# SPDX-License-Identifier: MIT
"""`normnet-mnist study`: its file of experiments, what it selects, and its runs.

usage: python3 test_mnist_study.py PATH_TO_NORMNET_MNIST
           [--without] [PART OF A TEST'S NAME]... | -h | --help
"""
import csv
import hashlib
import json
import re
from pathlib import Path

import mnist_program
from mnist_program import REAL_MNIST, idx
from study_program import AVERAGES, TINY, StudyCase, same_bits

EXPERIMENTS = Path(__file__).resolve().parents[2] / "examples" / "mnist" / "study" / "experiments.txt"
PUBLISHED_PARAMETERS = {"000-bn": 7432, "000-ln": 7432, "000-gn": 7432, "001-bn": 9300, "001-gn": 9300, "001-ln": 9160,
                        "003-bn": 7704, "003-ln": 7704, "003-gn": 7704, "004-ln": 9752, "004-gn": 9752,
                        "004-bn-l1": 9752, "sibling-bn": 5688, "sibling-ln": 5688, "sibling-gn": 5688}
AVERAGE_VALUES = {"average_test_loss", "average_test_accuracy", "average_validation_loss",
                  "average_validation_accuracy"}


def built_in_ids():
    ids = re.findall(r"(?m)^\| ([0-9a-z][\w.-]*) +\|", EXPERIMENTS.read_text(encoding="utf-8"))
    return [name for name in ids if name != "id"]


class TheFile(StudyCase):
    def test_built_in(self):
        """The program has the file of the sources, and lists every row of it."""
        printed = self.run_program("study", "--print").stdout
        self.assertEqual(printed, EXPERIMENTS.read_text(encoding="utf-8"))
        ids = built_in_ids()
        self.assertGreater(len(ids), 100)
        listed = self.run_program("study", "--only", ",".join(ids), "--list").stdout
        for name in ids:
            self.assertRegex(listed, rf"(?m)^{re.escape(name)} ")

    def test_quick(self):
        """Enough seeds for a verdict; and no published figure, since its recipes are shorter than those of the sources."""
        text = EXPERIMENTS.read_text(encoding="utf-8")
        quick = text[text.index("\n[quick]\n"):]
        self.assertIn("\nseeds = 5\n", quick)
        listed = self.run_program("study", "--quick", "--list").stdout.splitlines()
        self.assertEqual(sum(line.startswith("quick-") for line in listed), 10)
        self.assertNotIn("published", listed[0])  # a column of nothing
        self.assertIn("published", self.run_program("study", "--only", "quick,003-bn", "--list").stdout)

    def test_parameters(self):
        """Every row can be run, for an epoch here, and the networks have the published numbers of parameters."""
        text = EXPERIMENTS.read_text(encoding="utf-8")
        small = re.sub(r"(?m)^epochs = .*$", "epochs = 1", text).replace("[000]", "limit = 64\n[000]", 1)
        small = re.sub(r"(?m)^(limit = 10000|validate = .*|average_from = .*)$", "", small)
        self.experiments.write_text(small, encoding="utf-8")
        images = {"train_images": idx([64, 28, 28], bytes(i * 7 % 251 for i in range(64 * 784))),
                  "train_labels": idx([64], [i % 10 for i in range(64)]),
                  "test_images": idx([10, 28, 28], bytes(i * 7 % 251 for i in range(10 * 784))),
                  "test_labels": idx([10], range(10))}
        self.data = self.write_data("digits", **images)
        self.study("--seeds", "1", "--only", ",".join(built_in_ids()))
        with open(self.out / "summary.csv", encoding="utf-8", newline="") as file:
            found = {row["id"]: int(row["parameters"]) for row in csv.DictReader(file)}
        self.assertEqual(list(found), built_in_ids())
        self.assertEqual({name: found[name] for name in PUBLISHED_PARAMETERS}, PUBLISHED_PARAMETERS)

    def test_mistakes(self):
        """Each has the line, the column, the value and what is expected."""
        head = "[x]\n"
        cases = [
            (head + "| id | norm |\n| a | bacth |\n", r"txt:3:7: norm is 'bacth'; expected none, batch, .* or rms$"),
            (head + "| id | l1 |\n| a | -1 |\n", r"txt:3:7: l1 is '-1'; expected a number from 0 to 1e\+09$"),
            (head + "lr = fast\n", r"txt:2:6: lr is 'fast'; expected a number"),
            (head + "epochs = 1.5\n", r"txt:2:10: epochs is '1.5'; expected a whole number from 1 to 1000000$"),
            (head + "nesterov = true\n", r"txt:2:12: nesterov is 'true'; expected yes or no$"),
            (head + "momentum = cycl\n", r"momentum is 'cycl'; expected a number from 0 to 1, or cycle$"),
            (head + "final = 101\n", r"final is '101'; expected a number from 0 to 100, or -$"),
            (head + "agument = none\n", r"txt:2:1: there is no column 'agument'; did you mean augment\?$"),
            (head + "augment = rotat:7\n", r"txt:2:11: augment: 'rotat' at column 1; expected rotate"),
            (head + "| id | nrom |\n", r"txt:2:8: there is no column 'nrom'; did you mean norm\?$"),
            (head + "| id | l1 | l1 |\n", r"txt:2:13: a column is 'l1'; expected each column once$"),
            (head + "| id | l1 |\n| a |\n", r"txt:3: the row has 1 cell; expected 2, as in line 2$"),
            (head + "| a | l1 |\n", r"txt:2:3: the first cell is 'a'; expected id"),
            (head + "| id |\n| a |\n\n# more\n| a |\n", r"txt:6:3: id is 'a', as in line 3; expected another name$"),
            (head + "| id |\n| a/b |\n", r"txt:3:3: id is 'a/b'; expected letters, digits, - \. _$"),
            (head + "id = a\n", r"txt:2:1: a setting is 'id'"),
            ("| id |\n", r"txt:1:1: the row is 'id'; expected a line like \[004\] before it"),
            ("[x y]\n", r"txt:1:1: the name of a study is 'x y'; expected letters"),
            ("[x\n", r"txt:1:1: the line is '\[x'; expected a \] after the name of the study, as in \[004\]$"),
            ("hello\n", r"txt:1:1: the line is 'hello'; expected \[study\], column = value"),
            ("# nothing\n", r"txt has no experiments; expected rows that begin with \|$"),
            ("", r"txt has no experiments"),
            ("[x]\0\n", r"txt is not a text: byte 3 is 0$"),
            (head + "momentum = cycle\n| id |\n| a |\n", r"txt:4: a: momentum is 'cycle', but the schedule is constant"),
            (head + "tta = 9\n", r"txt:2:7: tta is '9'; expected a whole number from 0 to 8$"),
            (head + "average = 1.1\n", r"txt:2:11: average is '1.1'; expected a number from 0 to 1$"),
            (head + "epochs = 3\naverage = .9\n| id | average_from |\n| a | 3 |\n",
             r"txt:5: a: average_from is 3, but the training has 3 epochs: the average would never begin$"),
            (head + "| id | norm | groups |\n| a | batch | 4 |\n",
             "txt:3: a: groups is 4, which has no effect without group norm$"),
            (head + "groups = 4\n| id | norm |\n| a | group |\n| b | batch |\n",
             "txt:5: b: groups is 4, which has no effect without group norm$"),
            (head + "| id | norm | layer_dims |\n| a | batch | 1 |\n",
             "txt:3: a: layer_dims is 1, which has no effect without layer"),
            (head + "virtual_batch = 16\n| id |\n| a |\n", "txt:4: a: virtual_batch is 16, which has no effect without batch norm$"),
            (head + "affine = none\n| id |\n| a |\n", "txt:4: a: affine is none, which has no effect without a norm$"),
            (head + "norm = rms\narchitecture = gap conv1-5\n| id |\n| a |\n",
             "txt:5: a: norm is rms, which has no effect without a layer `norm`$"),
            (head + "architecture = norm gap conv1-5\n| id | dropout |\n| a | .1 |\n",
             "txt:4: a: dropout is 0.1, which has no effect without a layer `dropout`$"),
            (head + "step_size = 3\n| id |\n| a |\n", "txt:4: a: step_size is 3, which has no effect without schedule = step$"),
            (head + "| id | step_size |\n| a | 6 |\n", "txt:3: a: step_size is 6, which has no effect without schedule = step$"),
            (head + "step_gamma = .5\nschedule = one-cycle\n| id |\n| a |\n",
             "txt:5: a: step_gamma is 0.5, which has no effect without"),
            (head + "average_from = 3\n| id |\n| a |\n", "txt:4: a: average_from is 3, which has no effect without average$"),
            (head + "epochs = 3\n\nepochs = 4\n| id |\n| a |\n",
             "txt:4:1: epochs is set here and in line 2; expected it"),
            ("note = a\n  b\nnote = c\n", "txt:3:1: note is set here and in line 1; expected it once before a table$"),
        ]
        for text, pattern in cases:
            with self.subTest(pattern):
                self.experiments.write_bytes(text.encode())
                self.expect_failure(2, "(?m)" + pattern, *self.arguments())
                self.expect_failure(2, "(?m)" + pattern, *self.arguments("--list"))
                self.assertFalse(self.out.exists())

    def test_settings_between_tables(self):
        """They may change after a table and in another study; a default takes back what another study does not use."""
        self.experiments.write_text("architecture = gap conv1-5\nlr = .01\n[x]\n"
                                    "lr = .02\nschedule = step\nstep_size = 2\n| id |\n| a |\n"
                                    "lr = .03\nschedule = constant\nstep_size = 6\n| id |\n| b |\n[y]\n| id |\n| c |\n",
                                    encoding="utf-8")
        self.assertEqual(re.findall(r"(?m)^([abc]) .* (\S+) +0 +0$", self.study("--list")),
                         [("a", "0.02"), ("b", "0.03"), ("c", "0.01")])

    def test_rows_that_cannot_be_run(self):
        """Found before the first run, with the row's line, and by --list."""
        row = "\n[x]\nbatch = 8\n| id | architecture | validate |\n"
        whole = "\n[x]\nnorm = batch\narchitecture = norm gap conv1-5\n"
        flat = "\n[x]\nnorm = batch\narchitecture = gap norm conv1-5\n"
        cases = [
            (row + "| a | conv3-4 nrom gap conv1-5 | |\n", r"txt:5: a: architecture, column 9: 'nrom'"),
            (row + "| a | conv3-x gap conv1-5 | |\n", r"txt:5: a: architecture, column 1: 'conv3-x'"),
            (row + "| a | conv3-4 gap conv1-5 | 40 |\n", r"txt:5: a: validate is 40; expected less than the 40 train"),
            (whole + "| id | momentum |\n| a | 1 |\n", r"txt:6: a: config.momentum is 1; expected"),
            (whole + "| id | virtual_batch |\n| a | 7 |\n", r"txt:6: a: config.virtual_batch is 7; expected"),
            (flat + "| id | batch |\n| a | 39 |\n",
             r"txt:6: a: 40 training images in batches of 39 end with a batch of 1: .*; choose another batch or lim"),
        ]
        for text, pattern in cases:
            for action in ([], ["--list"]):
                self.experiments.write_text(text, encoding="utf-8")
                self.expect_failure(2, pattern, *self.arguments(*action))
                self.assertFalse(self.out.exists())

    def test_other_systems(self):
        """A byte order mark, line ends of Windows, and no line end at the end."""
        for mark, text in (("", TINY), ("\ufeff", TINY), ("\ufeff", "# A comment.\n" + TINY)):
            self.experiments.write_bytes((mark + text).rstrip("\n").replace("\n", "\r\n").encode())
            self.assertRegex(self.study("--list"), "tiny-layer")

    def test_names_for_terminals(self):
        """Control characters are question marks wherever a text is printed or written, and texts are UTF-8."""
        columns = {"name": "a\033[31mred\007", "source": "b\033]0;x\007", "note": "c\033[2J", "compare": "d\033[1m"}
        head = "".join(f"{name} = {text}\n" for name, text in columns.items())
        rows = TINY.split("compare = ")[0] + "| id | norm |\n| a | batch |\n| b | layer |\n"
        self.experiments.write_text(head + rows, encoding="utf-8")
        output = self.study("--list") + self.study("--seeds", "1")
        written = [path for path in self.out.iterdir() if path.name != "experiments.txt"]  # a copy of the user's file
        for text in [output, *(path.read_text(encoding="utf-8") for path in written)]:
            self.assertNotRegex(text, r"[\x00-\x08\x0b-\x1f\x7f]|\\u001b")
        self.assertIn("a?[31mred?", output)
        self.assertIn("b?]0;x?", output)
        summary = json.loads((self.out / "summary.json").read_text(encoding="utf-8"))
        self.assertEqual({row["note"] for row in summary["experiments"]}, {"c?[2J"})
        self.assertEqual(summary["comparisons"][0]["group"], "d?[1m")
        for name in columns:
            self.experiments.write_bytes(f"\n{name} = x".encode() + b"\377\376\n" + TINY.encode())
            self.expect_failure(2, r"txt:2: the line is not UTF-8\n", *self.arguments("--list"))


class Selection(StudyCase):
    def test_unknown_name(self):
        built_in = ["study", "--out", self.out, "--only"]
        for name, meant in {"003-bm": "003-bn", "004-step-bnl1": "004-step-bn-l1", "sibling-b": "sibling-bn",
                            "equla": "equal", "003,siblign": "sibling"}.items():
            self.expect_failure(2, rf"--only: '{name.split(',')[-1]}' is no experiment and no study of .*; "
                                   rf"did you mean {meant}\?", *built_in, name)
        self.expect_failure(2, "'' is no experiment", *built_in, "003,")
        self.assertFalse(self.out.exists())

    def test_options(self):
        self.expect_failure(2, "--out is missing: expected a directory", "study")
        self.expect_failure(2, "--quick and --only 003 both select", "study", "--quick", "--only", "003", "--out", "x")
        self.expect_failure(2, "--quick and --only 003 both select", "study", "--quick", "--only", "003", "--list")
        self.expect_failure(2, "--list and --print both print", "study", "--list", "--print")
        for arguments in (["--jobs", "2"], ["--experiments", "none.txt"], ["--classes", "none.txt"], ["--quick"]):
            self.expect_failure(2, f"{arguments[0]} has no effect with --print", "study", *arguments, "--print")
        self.expect_failure(2, "has no experiment with select = quick", *self.arguments("--quick"))
        self.expect_failure(1, "cannot open none.txt", "study", "--experiments", "none.txt", "--list")

    def test_only(self):
        self.study("--only", "tiny-none,tiny-layer", "--seeds", "1")
        self.assertEqual(sorted(line["experiment"] for line in self.lines()), ["tiny-layer", "tiny-none"])
        self.study("--only", "tiny", "--seeds", "2")
        self.assertEqual(len(self.lines()), 6)

    def test_named_rows(self):
        """Rows with select = named are run only by their id."""
        self.experiments.write_text(TINY + "\nselect = named\n| id |\n| tiny-other |\n", encoding="utf-8")
        self.assertNotRegex(self.study("--list"), "tiny-other")
        self.assertNotRegex(self.study("--list", "--only", "tiny"), "tiny-other")
        self.assertRegex(self.study("--list", "--only", "tiny-other"), "tiny-other")


class Runs(StudyCase):
    def test_lines(self):
        """A line has what docs/study.md says, and its figures agree with each other."""
        self.study()
        lines = self.lines()
        self.assertEqual(len(lines), 9)
        self.assertEqual(len({line["key"] for line in lines}), 9)
        for line in lines:
            self.assertEqual(line["format"], 1)
            self.assertEqual(line["data"]["training_images"], 30)
            self.assertEqual(line["validation_images"], 10)
            self.assertEqual(line["data"]["source"], self.data.name)
            self.assertEqual([epoch["epoch"] for epoch in line["history"]], [1, 2])
            confusion = line["confusion"]
            right = sum(confusion[i][i] for i in range(5))
            self.assertEqual(sum(map(sum, confusion)), 10)
            self.assertAlmostEqual(line["history"][-1]["test_accuracy"], 10 * right)
            self.assertEqual(len(line["mistakes"]), 10 - right)
            for image, actual, predicted, probability, of_actual in line["mistakes"]:
                self.assertEqual(actual, image % 5)
                self.assertNotEqual(actual, predicted)
                self.assertGreaterEqual(probability, of_actual)
            self.assertEqual(sum(weights["count"] for weights in line["weights"]), line["parameters"])
            for weights in line["weights"]:
                self.assertEqual(sum(weights["counts"]), weights["count"])
            self.assertEqual([output["token"] for output in line["outputs"]],
                             line["configuration"]["architecture"].split())
            self.assertIn("conv3-4", line["summary"])
            statistics_of_batch = line["configuration"]["statistics"]
            self.assertEqual(statistics_of_batch, line["experiment"] == "tiny-batch")
            for epoch in line["history"]:
                self.assertIn("validation_accuracy", epoch)
                self.assertEqual("batch_statistics" in epoch, statistics_of_batch)
                self.assertEqual("new_statistics" in epoch, statistics_of_batch)

    def test_same_as_train(self):
        """A run without validation has the weights and the history of `train` with the same settings."""
        self.experiments.write_text(TINY.replace("validate = 10", "validate = 0"), encoding="utf-8")
        self.study("--only", "tiny-layer", "--seeds", "2")
        line = next(line for line in self.lines() if line["seed"] == 2)
        trained = self.train("--data", self.data, "--norm", "layer", "--l1", ".01", "--epochs", "2", "--batch", "8",
                             "--schedule", "constant", "--lr", ".05", "--momentum", ".9", "--augment", "none",
                             "--seed", "2", "--architecture", "conv3-4 norm relu conv3-4 relu gap conv1-5")
        self.assertEqual(line["weights_sha256"], trained["weights_sha256"])
        for ours, theirs in zip(line["history"], trained["history"]):
            for name in ("train_loss", "train_accuracy", "test_loss", "test_accuracy", "lr"):
                self.assertEqual(ours[name], theirs[name])

    def test_validation_is_not_trained_on(self):
        """Other pixels in the images that are held out change their loss, but not the weights."""
        self.study("--only", "tiny-none", "--seeds", "1")
        before = self.lines()[0]
        labels = [i % 5 for i in range(40)]
        pixels = [(label * 50 + 3 * i) % 256 for label in labels for i in range(48)]
        self.data = self.write_data("other", train_images=idx([40, 6, 8], pixels[: 30 * 48] + [7] * 480))
        other = self.directory / "other-out"
        self.study("--only", "tiny-none", "--seeds", "1", out=other)
        after = self.lines(other)[0]
        self.assertNotEqual(before["key"], after["key"])
        self.assertEqual(before["weights_sha256"], after["weights_sha256"])
        self.assertNotEqual(before["history"][0]["validation_loss"], after["history"][0]["validation_loss"])

    def test_paired(self):
        """With the same seed, all norms begin with the same weights; another seed begins with others."""
        self.experiments.write_text(TINY.replace("lr = 0.05", "lr = 0").replace("yes", "no"), encoding="utf-8")
        self.study("--seeds", "2")
        norms = {}
        for line in self.lines():
            norms.setdefault(line["seed"], set()).add(
                tuple(w["norm"] for w in line["weights"] if w["name"] in ("0.weight", "3.weight", "6.weight")))
        self.assertEqual([len(found) for found in norms.values()], [1, 1])
        self.assertNotEqual(norms[1], norms[2])

    def test_jobs(self):
        """The same lines, one after another and side by side."""
        self.study("--jobs", "1")
        other = self.directory / "other"
        self.study("--jobs", "4", out=other)
        self.assertEqual(sorted(map(same_bits, self.lines())), sorted(map(same_bits, self.lines(other))))

    def test_equal_rows(self):
        """Rows with the same configuration share their runs, and each is in the summary."""
        self.experiments.write_text(TINY + "| tiny-again | again | none | | 70 | |\n", encoding="utf-8")
        self.study()
        self.assertEqual(len(self.lines()), 9)
        rows = {row["id"]: row for row in json.loads((self.out / "summary.json").read_text())["experiments"]}
        self.assertEqual(rows["tiny-again"]["runs"], rows["tiny-none"]["runs"])
        self.assertEqual(rows["tiny-again"]["final"], 70)

    def test_published_figures_of_other_images(self):
        """Neither the table nor the files compare with figures of MNIST; those that are built in are of MNIST."""
        self.assertIn("\npublished_on = mnist\n", self.run_program("study", "--print").stdout)
        for head, shown in (("published_on = mnist\n", False), ("", True)):
            self.experiments.write_text(head + TINY, encoding="utf-8")
            output = self.study("--seeds", "1")
            self.assertEqual("published differs" in output, shown, output)
            self.assertEqual("\nPublished figures are of MNIST and are not shown" in output, not shown, output)
            with open(self.out / "summary.csv", encoding="utf-8", newline="") as file:
                rows = {row["id"]: (row["published_final"], row["difference"] != "") for row in csv.DictReader(file)}
            self.assertEqual(rows["tiny-layer"], ("60.5", True) if shown else ("", False))

    def test_real_mnist(self):
        """It is known by its images."""
        if not REAL_MNIST:
            self.skipTest("NORMNET_DATA does not name a directory with MNIST")
        self.experiments.write_text("[a]\narchitecture = conv3-4s3 norm relu gap conv1-10\nlimit = 320\nepochs = 1\n"
                                    "published_on = mnist\n| id | norm | final |\n| a | batch | 60.5 |\n",
                                    encoding="utf-8")
        self.data = REAL_MNIST
        self.assertRegex(self.study("--seeds", "1"), r"published differs\n\na\n.* 60\.50 ")

    def test_key(self):
        """Every column of the run changes the key; what is said about it does not."""
        defaults = {"schedule": "constant", "step_size": "6", "step_gamma": ".1", "groups": "0", "layer_dims": "3",
                    "virtual_batch": "0", "affine": "default", "dropout": "0", "average": "0", "average_from": "0",
                    "architecture": "conv3-4 norm relu conv3-4 relu gap conv1-5", "norm": "none", "batch": "8",
                    "epochs": "2", "lr": ".05", "momentum": ".9", "nesterov": "no", "l1": "0", "l2": "0",
                    "label_smoothing": "0", "augment": "none", "limit": "0", "validate": "10", "statistics": "no",
                    "tta": "0"}
        dropping = "conv3-4 norm relu dropout gap conv1-5"
        pairs = [  # of settings that differ in one column
            ({}, {"architecture": "conv3-5 norm relu gap conv1-5"}), ({}, {"norm": "layer"}), ({}, {"batch": "4"}),
            ({}, {"epochs": "1"}), ({}, {"lr": ".06"}), ({}, {"momentum": ".8"}), ({}, {"schedule": "step"}),
            ({"schedule": "step"}, {"step_size": "5"}), ({"schedule": "step"}, {"step_gamma": ".2"}),
            ({}, {"nesterov": "yes"}), ({}, {"l1": ".1"}), ({}, {"l2": ".1"}), ({}, {"label_smoothing": ".1"}),
            ({"architecture": dropping}, {"dropout": ".5"}), ({}, {"augment": "rotate"}), ({}, {"limit": "29"}),
            ({}, {"validate": "9"}), ({}, {"statistics": "yes"}), ({}, {"tta": "2"}),
            ({"norm": "group"}, {"groups": "1"}),
            ({"norm": "layer"}, {"layer_dims": "2"}), ({"norm": "batch"}, {"virtual_batch": "16"}),
            ({"norm": "batch"}, {"affine": "none"}), ({}, {"average": ".9"}),
            ({"average": ".9"}, {"average_from": "1"})]
        wanted = {tuple({**defaults, **settings}.items())
                  for before, change in pairs for settings in (before, {**before, **change})}
        rows = "".join("".join(f"{name} = {value}\n" for name, value in settings) + f"| id |\n| row-{number} |\n"
                       for number, settings in enumerate(wanted))
        self.assertEqual({name for _, change in pairs for name in change}, defaults.keys())
        self.experiments.write_text("[x]\n" + rows, encoding="utf-8")
        self.study("--seeds", "1")
        self.assertEqual(len(self.lines()), len(wanted))
        columns = self.lines()[0]["configuration"].keys() - {"schedule_unit", "optimizer"}
        self.assertEqual(columns, defaults.keys())
        self.experiments.write_text(TINY.split("| id")[0] + "note = another\nsource = x\nbest = 3\nseeds = 2\n"
                                    "| id | name |\n| renamed | plain again |\n", encoding="utf-8")
        self.assertRegex(self.study("--seeds", "1"), "1 run, of which 1 is done")

    def test_key_of_documented_text(self):
        """The key is made of the columns that differ from their defaults, so that new columns change no older key."""
        self.study("--seeds", "1")
        lines = self.lines_by_name()
        for name, norm, l1 in (("tiny-none", [], []), ("tiny-layer", ["norm=layer"], ["l1=0.01"])):
            text = ["seed=1", "data=" + lines[name]["data_sha256"],
                    "architecture=" + lines[name]["configuration"]["architecture"], *norm, "batch=8", "epochs=2",
                    "lr=0.05", *l1, "validate=10"]
            self.assertEqual(lines[name]["key"], hashlib.sha256("\n".join(text).encode()).hexdigest())

    def test_average_is_that_of_train(self):
        """Both averages, with and without a late beginning; the weights are those without an average."""
        self.experiments.write_text(AVERAGES, encoding="utf-8")
        self.study("--seeds", "1")
        lines = self.lines_by_name()
        for name, more in {"av-decay": ["--average", ".9"], "av-equal": ["--average", "1", "--average-from", "1"]}.items():
            line = lines[name]
            trained = self.train("--data", self.data, "--norm", "batch", "--epochs", "3", "--batch", "8", "--validate",
                                 "10", "--schedule", "constant", "--lr", ".05", "--momentum", ".9", "--augment", "none",
                                 "--architecture", "conv3-4 norm relu gap conv1-5", *more)
            self.assertEqual(line["weights_sha256"], lines["av-none"]["weights_sha256"])
            for key in ("weights_sha256", "average_sha256"):
                self.assertEqual(line[key], trained[key])
            for ours, theirs in zip(line["history"], trained["history"]):
                for key in ("test_loss", "validation_loss", *AVERAGE_VALUES):
                    self.assertEqual(ours[key], theirs[key])
        first, last = lines["av-equal"]["history"][0], lines["av-equal"]["history"][-1]
        self.assertEqual(first["average_test_loss"], first["test_loss"])
        self.assertNotEqual(last["average_test_loss"], last["test_loss"])
        self.assertNotIn("average_sha256", lines["av-none"])
        self.assertFalse(AVERAGE_VALUES & lines["av-none"]["history"][0].keys())

    def test_tta_is_that_of_evaluate(self):
        """With the last weights and with their average, on the test images and on those that are held out."""
        rows = "tta = 1\n| id | average |\n| one | |\n| averaged | .9 |\n"
        self.experiments.write_text(AVERAGES.split("| id")[0] + rows, encoding="utf-8")
        self.study("--seeds", "1")
        self.train("--data", self.data, "--norm", "batch", "--epochs", "3", "--batch", "8", "--validate", "10",
                   "--schedule", "constant", "--lr", ".05", "--momentum", ".9", "--augment", "none", "--architecture",
                   "conv3-4 norm relu gap conv1-5", "--average", ".9", "--save", "averaged.ckpt")
        lines = self.lines_by_name()
        one, averaged = lines["one"], lines["averaged"]
        self.assertEqual(one["tta"].keys(), {"test_loss", "test_accuracy", "validation_loss", "validation_accuracy"})
        self.assertEqual(averaged["tta"].keys(), one["tta"].keys() | AVERAGE_VALUES)
        for which, name in (("last", ""), ("average", "average_")):
            for images, held in (("test", []), ("validation", ["--validate", "10"])):
                self.run_program("evaluate", "--model", "averaged.ckpt", "--data", self.data, "--use", which, "--tta",
                                 "1", *held, "--json", "evaluated.json")
                evaluated = json.loads((self.directory / "evaluated.json").read_text(encoding="utf-8"))
                for line in (one, averaged)[bool(name):]:
                    for figure in ("loss", "accuracy"):
                        self.assertEqual(line["tta"][f"{name}{images}_{figure}"], evaluated[figure])
                last = averaged["history"][-1]
                self.assertNotEqual(evaluated["loss"], last[f"{name}{images}_loss"])

    def test_divergence_is_a_result(self):
        """A training that cannot go on is recorded with its reason, and not tried again."""
        self.experiments.write_text(TINY.replace("lr = 0.05", "lr = 1e9\nl2 = 1e9\ntta = 1")
                                    .replace("epochs = 2", "epochs = 30"), encoding="utf-8")
        result = self.run_program(*self.arguments("--only", "tiny-none", "--seeds", "1"))
        self.assertRegex(result.stdout, r"ended by: epoch \d+")
        self.assertRegex(result.stdout, "1 of 1 training could not go on")
        line = self.lines()[0]
        self.assertRegex(line["failure"], r"^epoch \d+")
        self.assertLess(len(line["history"]), 30)
        self.assertNotIn("tta", line)
        again = self.run_program(*self.arguments("--only", "tiny-none", "--seeds", "1"))
        self.assertRegex(again.stdout, "1 run, of which 1 is done")
        for study in (result, again):
            self.assertEqual(study.returncode, 1)
            self.assertEqual(study.stderr, "normnet-mnist: 1 training could not go on, of rows with expect = works: "
                             "tiny-none\n")

    def test_exit_code_of_failures(self):
        """1 after all else is done, for the rows of this study that are expected to work."""
        head = "[x]\narchitecture = conv3-4 relu gap conv1-5\nbatch = 8\nepochs = 9\nseeds = 2\n" \
               "| id | lr | l2 | expect |\n"
        good, bad, fails = "| good | .01 | 0 | |\n", "| {} | 1e9 | 1e9 | |\n", "| fails | 1e9 | 1e9 | fails |\n"
        self.experiments.write_text(head + good + bad.format("bad") + fails + bad.format("worse").replace("1e9", "2e8"),
                                    encoding="utf-8")
        result = self.run_program(*self.arguments())
        self.assertEqual(result.returncode, 1)
        self.assertTrue(result.stderr.endswith(
            "normnet-mnist: 4 trainings could not go on, of rows with expect = works: bad, worse\n"), result.stderr)
        self.assertTrue((self.out / "report.html").exists())
        self.assertTrue((self.out / "summary.json").exists())
        self.study("--only", "good,fails")


if __name__ == "__main__":
    mnist_program.main()
