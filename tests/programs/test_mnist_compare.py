# SPDX-License-Identifier: MIT
"""normnet-mnist compare: training runs by their JSON files."""
import csv
import json

import mnist_program
from mnist_program import TINY


class Compare(mnist_program.TestCase):
    def setUp(self):
        super().setUp()
        data = self.write_data()
        run = ["--data", data, *TINY[2:], "--schedule", "constant"]
        self.paths = [self.directory / name for name in ("first run.json", 'second "run".json')]
        self.results = [self.train(*run, "--epochs", "4"), self.train(*run, "--epochs", "2", "--norm", "none",
                                                                     "--validate", "10", "--augment", "rotate:3")]
        for path, result in zip(self.paths, self.results):
            path.write_text(json.dumps(result, ensure_ascii=True), encoding="utf-8")

    def compare(self, *arguments):
        result = self.run_program("compare", *arguments, LC_ALL="C")
        self.assertEqual((result.returncode, result.stderr), (0, ""), result)
        return result.stdout

    def test_table(self):
        output = self.compare(*self.paths)
        for letter, result in zip("AB", self.results):
            last = result["history"][-1]
            validation = f"{last['validation_accuracy']:.2f}" if "validation_loss" in last else "-"
            row = (f"{letter}    {last['epoch']:6d}  {result['parameters']:10d}  {last['train_loss']:10.4f}  "
                   f"{last['train_accuracy']:8.2f}  {validation:>10}  {last['test_loss']:9.4f}  {last['test_accuracy']:8.2f}\n")
            self.assertIn(f"\n{row}", output)
        self.assertIn(f"\nA  {self.paths[0]}\nB  {self.paths[1]}\n", output)
        table, curves = output.split("\nTraining loss\n")
        self.assertLessEqual(max(len(line) for line in curves.splitlines()), 80)
        self.assertLessEqual(max(len(line) for line in table.splitlines() if str(self.directory) not in line), 80)

    def test_single_runs_tell_nothing(self):
        """Said of two runs or more, at the end, where a verdict would be looked for."""
        self.assertTrue(self.compare(*self.paths).split("\n\n")[-1].startswith("These are single runs. Another seed"))
        self.assertNotIn("single runs", self.compare(self.paths[0]))

    def test_differences(self):
        output = self.compare(*self.paths)
        for expected in ("  norm\n    A  batch\n    B  none\n", "  epochs\n    A  4\n    B  2\n",
                         "  augment\n    A  affine\n    B  rotate:3\n", "  validate\n    A  0\n    B  10\n",
                         "  training_images\n    A  40\n    B  30\n"):
            self.assertIn(expected, output)
        self.assertNotIn("\n  seed\n", output)
        same = self.compare(self.paths[0], self.paths[0])
        self.assertNotIn("What differs", same)
        self.assertIn("The settings and the data do not differ.", same)
        other = {**self.results[0], "bits_version": 99, "configuration": {"new": True, **self.results[0]["configuration"]}}
        self.paths[1].write_text(json.dumps(other), encoding="utf-8")
        output = self.compare(*self.paths)
        self.assertIn("\nThe runs are from different versions of the bits: A from ", output)
        self.assertIn("  new\n    A  -\n    B  true\n", output)

    def test_curves(self):
        """The letters are where the values are: the longer run alone reaches the right border."""
        output = self.compare(*self.paths)
        rows = output.split("\nTest loss\n")[1].split("\n")[:12]
        loss = [result["history"] for result in self.results]
        values = [epoch["test_loss"] for history in loss for epoch in history]
        self.assertAlmostEqual(float(rows[0][:8]), max(values), delta=max(values) * 1e-3)
        self.assertAlmostEqual(float(rows[-1][:8]), min(values), delta=max(values) * 1e-3)
        self.assertTrue(any(len(row) == 80 and row[79] == "A" for row in rows), rows)
        self.assertTrue(any("B" in row[10:] for row in rows))
        self.assertEqual(max(row.rfind("B") for row in rows), 10 + 69 // 3)  # epoch 2 of 1 to 4

    def test_a_history_that_begins_later(self):
        late = {**self.results[0], "forgotten_epochs": 2, "history": self.results[0]["history"][2:]}
        self.paths[1].write_text(json.dumps(late), encoding="utf-8")
        rows = self.compare(*self.paths).split("\nTest loss\n")[1].split("\n")
        self.assertGreaterEqual(min(row.find("B", 10) for row in rows[:12] if "B" in row[10:]), 10 + 2 * 69 // 3)
        self.assertRegex(rows[13], r"^ +epoch 1 +4$")

    def test_csv(self):
        path = self.directory / "runs.csv"
        for _ in range(2):  # its own file is replaced
            self.compare(*self.paths, "--csv", path)
        with open(path, encoding="utf-8", newline="") as stream:
            rows = list(csv.DictReader(stream))
        expected = [(letter, str(file), epoch) for letter, file, result in zip("AB", self.paths, self.results)
                    for epoch in result["history"]]
        self.assertEqual(len(rows), len(expected))
        for row, (letter, file, epoch) in zip(rows, expected):
            self.assertEqual((row.pop("run"), row.pop("file")), (letter, file))
            self.assertEqual({key: float(value) for key, value in row.items() if value}, epoch)
            self.assertEqual(row["train_loss"], repr(epoch["train_loss"]))  # no more digits than the JSON file has

    def test_a_loss_that_was_not_finite(self):
        """JSON has no NaN: train --json writes null."""
        epoch = {**self.results[0]["history"][0], "test_loss": None}
        path = self.directory / "diverged.json"
        path.write_text(json.dumps({**self.results[0], "history": [epoch]}), encoding="utf-8")
        self.assertRegex(self.compare(path, self.paths[1]), r"\nA +1 .* -  +-  +[0-9.]+\n")

    def test_files_that_are_no_runs(self):
        text = self.paths[0].read_text()
        evaluation = json.dumps({"program": "normnet-mnist evaluate", "loss": 1})
        without = {key: json.dumps({k: v for k, v in self.results[0].items() if k != key})
                   for key in ("configuration", "data", "parameters", "bits_version", "history")}
        holes = {**self.results[0], "history": [{**self.results[0]["history"][0], "test_loss": "1"}]}
        wrong = {**self.results[0], "history": [self.results[0]["history"][i] for i in (0, 2)]}
        path = self.directory / "x.json"
        for pattern, content in [
            (r"x.json was written by normnet-mnist evaluate; expected a JSON file of normnet-mnist train --json\n", evaluation),
            (r"x.json is JSON, but not a JSON file of .*: it has no \"program\"\n", "{}"),
            (r"x.json is JSON, but not a JSON file of .*: it has no \"program\"\n", '{"program": 3}'),
            *((rf"x.json is damaged: it has no valid \"{key}\"\n", content) for key, content in without.items()),
            (r"x.json is damaged: it has no valid \"test_loss\"", json.dumps(holes)),
            (r"x.json is damaged: it has no valid \"epoch\"", json.dumps(wrong)),
            (r"x.json has no finished epoch\n", json.dumps({**self.results[0], "history": []})),
            (r"x.json is not valid JSON: expected .* at line 1, column \d+\n", text[:-1]),
            (r"x.json is not valid JSON: expected the end at line 2, column 1\n", text + "\nx"),
            (r"x.json is not valid JSON: expected a key in quotes at line 3, column 3\n", "{\n\n  a: 1}"),
            (r"x.json is not valid JSON: expected a colon at line 1, column 6\n", '{"a" 1}'),
            (r"x.json is not valid JSON: expected a comma or } at line 1, column 9\n", '{"a": 1 "b": 2}'),
            (r"x.json is not valid JSON: expected a value at line 1, column 7\n", '{"a": }'),
            (r"x.json is not valid JSON: expected a comma or } at line 1, column 8\n", '{"a": 1-2}'),
            (r"x.json is not valid JSON: expected a character of a text", '{"a'),
            (r"x.json is not valid JSON: expected a character of a text", '{"a\\x": 1}'),
            (r"x.json is not valid JSON: expected a character of a text", '{"a\\u12g4": 1}'),
            (r"x.json is not valid JSON: expected a character of a text", '{"a\\ud800\\u0020": 1}'),
            (r"x.json is not valid JSON: expected fewer levels", '{"a":' + "[" * 100),
            (r"x.json is not valid JSON: expected fewer values, 2000000 at most", '{"a":[' + "0," * 2000000),
            (r"x.json is empty; expected a JSON file", ""),
            (r"x.json is a PNG image; expected a JSON file of", b"\x89PNG\r\n\x1a\n"),
            (r"x.json is not a JSON file of normnet-mnist train --json: it begins with", "epoch,loss"),
        ]:
            with self.subTest(pattern=pattern):
                path.write_bytes(content if isinstance(content, bytes) else content.encode())
                for order in ([path, self.paths[0]], [self.paths[0], path]):
                    result = self.expect_failure(1, pattern, "compare", *order)
                    self.assertEqual(result.stdout, "")
        # Every beginning of a file is no file.
        for length in range(0, len(text), 97):
            path.write_text(text[:length])
            self.expect_failure(1, r"x.json is ", "compare", path)

    def test_texts(self):
        """Escapes are read as JSON means them."""
        path = self.directory / "x.json"
        raw = json.dumps({**self.results[0], "configuration": {**self.results[0]["configuration"], "augment": 'ä\U0001f600"\\/\n'}})
        path.write_text(raw)
        self.assertIn('  augment\n    A  affine\n    B  ä\U0001f600"\\/?\n', self.compare(self.paths[0], path))

    def test_mistakes(self):
        self.expect_failure(2, r"a file is missing, e.g. run.json", "compare")
        self.expect_failure(2, r"there are 27 files; expected at most 26", "compare", *[self.paths[0]] * 27)
        self.expect_failure(2, r"--csv names .*, one of the runs", "compare", *self.paths, "--csv", self.paths[1])
        self.expect_failure(1, r"cannot open .*nowhere", "compare", self.directory / "nowhere")
        other = self.directory / "other.csv"
        other.write_text("mine")
        pattern = r"other.csv exists and was not written by normnet-mnist compare"
        self.expect_failure(1, pattern, "compare", *self.paths, "--csv", other)
        self.assertEqual(other.read_text(), "mine")


if __name__ == "__main__":
    mnist_program.main()
