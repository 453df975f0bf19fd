# SPDX-License-Identifier: MIT
"""`normnet-mnist study` on the files of an earlier one, and what goes wrong with them.

usage: python3 test_mnist_study_resuming.py PATH_TO_NORMNET_MNIST
           [--without] [PART OF A TEST'S NAME]... | -h | --help
"""
import csv
import json
import re
import signal
import subprocess
import time

import mnist_program
from mnist_program import environment, heed_signals, idx
from study_program import AVERAGES, TINY, StudyCase, same_bits


class Resuming(StudyCase):
    def test_only_what_is_missing(self):
        self.assertRegex(self.study("--seeds", "2"), "3 experiments, 6 runs\n")
        before = (self.out / "runs.jsonl").read_bytes()
        self.assertRegex(self.study("--seeds", "2"), "3 experiments, 6 runs, of which 6 are done\n")
        self.assertEqual((self.out / "runs.jsonl").read_bytes(), before)
        self.study()
        after = (self.out / "runs.jsonl").read_bytes()
        self.assertTrue(after.startswith(before))
        self.assertEqual(after.count(b"\n"), 9)

    def test_other_data(self):
        """All that a study writes and prints is of its own images, whatever others the directory has lines of."""
        curves = self.out / "report-curves.csv"
        self.study("--seeds", "2")
        of_first = curves.read_text(encoding="utf-8")
        self.data = self.write_data("inverted", train_images=idx([40, 6, 8], [i * 11 % 256 for i in range(1920)]))
        alone = self.directory / "alone"
        self.study("--seeds", "2", out=alone)
        self.assertRegex(self.study("--seeds", "2"),
                         r"6 runs of 3 experiments: see .*\n  The report is on the images of inverted "
                         r"\(data_sha256 \w{12}\.\.\.\); 6 runs are left out: they were trained on other images\.")
        self.assertNotEqual(curves.read_text(encoding="utf-8"), of_first)
        for line in csv.DictReader(curves.read_text(encoding="utf-8").splitlines()):
            if line["value"] == "test_accuracy":
                last = [run["history"][int(line["epoch"]) - 1]["test_accuracy"]
                        for run in self.lines(alone) if run["experiment"] == line["id"]]
                self.assertAlmostEqual(float(line["mean"]), sum(last) / 2, 3)
        self.assertEqual((alone / "comparisons.csv").read_bytes(), (self.out / "comparisons.csv").read_bytes())

    def test_torn_line(self):
        """The last line without its end is dropped with a note, wherever it was cut, and done again."""
        self.study("--jobs", "1")
        path = self.out / "runs.jsonl"
        whole = path.read_bytes()
        last = whole[:-1].rfind(b"\n") + 1
        for cut in (last + 1, last + 500, len(whole) - 1):
            path.write_bytes(whole[:cut])
            output = self.study("--jobs", "1")
            self.assertRegex(output, r"The last line of .*runs.jsonl has no end: the study was killed")
            self.assertRegex(output, "9 runs, of which 8 are done")
            self.assertEqual([same_bits(line) for line in self.lines()],
                             [same_bits(json.loads(line)) for line in whole.splitlines()])
        self.assertNotIn("no end", self.study())

    def test_damaged_files(self):
        """A message with the line, exit code 1, and the file stays as it is."""
        self.study("--seeds", "1")
        path = self.out / "runs.jsonl"
        good = path.read_text(encoding="utf-8").splitlines()
        version = json.loads(good[0])["bits_version"]
        cases = [
            (good[0][:100] + "\n" + good[1] + "\n", r"runs.jsonl:1:101: the line is damaged: expected"),
            (good[0] + "\n" + "nonsense\n", r"runs.jsonl:2:1: the line is damaged: expected a value; remove it"),
            (good[0] + "\n\n" + good[1] + "\n", r"runs.jsonl:2:1: the line is damaged"),
            (good[0] + "\n{}\n", r"runs.jsonl:2: it is not a run of a study: it needs"),
            (json.dumps({**json.loads(good[0]), "seed": 1e300}) + "\n", r"runs.jsonl:1: it is not a run of a study"),
            (json.dumps({**json.loads(good[0]), "seed": -1}) + "\n", r"runs.jsonl:1: it is not a run of a study"),
            (good[0] + "\n[1, 2]\n", r"runs.jsonl:2: it is not a run"),
            (good[0].replace('"format":1', '"format":2') + "\n", r"runs.jsonl:1: its format is 2; this"),
            (good[1] + "\n" + good[0].replace(f'"bits_version":{version}', '"bits_version":1') + "\n",
             rf"runs.jsonl:2: its weights are of version 1 of the bits, .* version {version}; .*another --out"),
        ]
        for text, pattern in cases:
            with self.subTest(pattern):
                path.write_text(text, encoding="utf-8")
                result = self.run_program(*self.arguments())
                self.assertEqual(result.returncode, 1, result)
                self.assertRegex(result.stderr, pattern)
                self.assertEqual(len(result.stderr.splitlines()), 1)
                self.assertEqual(path.read_text(encoding="utf-8"), text)

    def slow(self):
        """Runs that last about a second each."""
        self.experiments.write_text(
            TINY.replace("epochs = 2", "epochs = 800").replace("yes", "no"), encoding="utf-8")

    def start_study(self):
        return subprocess.Popen([self.program, *map(str, self.arguments("--jobs", "2"))], stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True, cwd=self.directory, env=environment(self.home),
                                preexec_fn=heed_signals)

    def wait_for_lines(self, count):
        path = self.out / "runs.jsonl"
        end = time.monotonic() + mnist_program.TIME_LIMIT
        while time.monotonic() < end:
            if path.exists() and path.read_bytes().count(b"\n") >= count:
                return
            time.sleep(0.01)

    def test_killed(self):
        """After a kill, and another one, the study ends with the lines of one that was never killed."""
        self.slow()
        whole = self.directory / "whole"
        self.study(out=whole)
        for lines in (2, 5):
            process = self.start_study()
            self.wait_for_lines(lines)
            process.kill()
            process.communicate()
            self.assertLess((self.out / "runs.jsonl").read_bytes().count(b"\n"), 9)
        self.study()
        self.assertEqual(sorted(map(same_bits, self.lines())), sorted(map(same_bits, self.lines(whole))))

    def test_killed_with_averages(self):
        whole = self.directory / "whole"
        self.experiments.write_text(AVERAGES.replace("epochs = 3", "epochs = 800"), encoding="utf-8")
        self.study(out=whole)
        process = self.start_study()
        self.wait_for_lines(2)
        process.kill()
        process.communicate()
        self.assertLess((self.out / "runs.jsonl").read_bytes().count(b"\n"), 6)
        self.study()
        self.assertEqual(sorted(map(same_bits, self.lines())), sorted(map(same_bits, self.lines(whole))))

    def test_ctrl_c(self):
        """Finished runs stay, the others are given up, and the code is that of the signal."""
        self.slow()
        process = self.start_study()
        self.wait_for_lines(2)
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate()
        self.assertEqual(process.returncode, 130, errors)
        missing = int(re.search(r"Stopped: (\d+) runs? (?:is|are) missing; the same command does", output)[1])
        self.assertEqual(len(self.lines()) + missing, 9)
        self.assertTrue((self.out / "summary.csv").exists())
        self.assertRegex(self.study(), f"9 runs, of which {9 - missing} (is|are) done")

    def test_two_studies(self):
        self.slow()
        process = self.start_study()
        self.wait_for_lines(1)
        self.expect_study_failure(r"runs.jsonl is being written by (the process \d+|another process)")
        process.kill()
        process.communicate()

    def expect_study_failure(self, pattern):
        result = self.run_program(*self.arguments())
        self.assertEqual(result.returncode, 1, result)
        self.assertRegex(result.stderr, pattern)
        self.assertEqual(len(result.stderr.splitlines()), 1)

    def test_unwritable(self):
        self.out.write_text("", encoding="utf-8")
        self.expect_study_failure("cannot create the directory .*: Not a directory")
        self.out.unlink()
        self.out = self.directory / "missing" / "out"
        self.expect_study_failure("cannot create the directory .*: No such file")
        self.out = self.directory / "out"
        self.out.mkdir()
        (self.out / "runs.jsonl").mkdir()
        self.expect_study_failure("cannot write .*runs.jsonl: it is not a regular file")


if __name__ == "__main__":
    mnist_program.main()
