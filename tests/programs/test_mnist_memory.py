# SPDX-License-Identifier: MIT
"""Whole runs of normnet-mnist in which the system refuses a request for memory or a thread (scarce_memory.c): one
message and the exit code 1, or a thread less and the same results; files that were there stay whole, and no other is
left. LONG_TESTS=1 refuses each request; otherwise a sample.
"""
import os
import shutil
import subprocess

import mnist_program
from mnist_program import FILES, TINY, environment
from study_program import TINY as EXPERIMENTS

SAMPLE = 14  # requests that are refused per command, evenly spaced
MEMORY = r"memory|no block of \d+ bytes|Cannot allocate"


class Scarce(mnist_program.TestCase):
    def setUp(self):
        super().setUp()
        self.work = self.directory / "work"
        self.data = self.write_data()
        self.experiments = self.directory / "experiments.txt"
        self.experiments.write_text(EXPERIMENTS.replace("seeds = 3", "seeds = 2"), encoding="utf-8")
        # What commands read.
        self.model = self.directory / "model.ckpt"
        self.json = self.directory / "model.json"
        self.study = self.directory / "study"
        train = ["train", "--data", self.data, *TINY, "--average", "0.9", "--validate", "8"]
        study = ["study", "--data", self.data, "--out", self.study, "--experiments", self.experiments]
        for command in ([*train, "--save", self.model, "--json", self.json], study):
            result = self.run_program(*command)
            self.assertEqual(result.returncode, 0, result)

    def run_scarce(self, command, at=0, sticky=False):
        """In a folder of its own with what the command finds there; returns the result and the files."""
        shutil.rmtree(self.work, ignore_errors=True)
        self.work.mkdir()
        shutil.copy(self.model, self.work / "old.ckpt")
        variables = {"SCARCE_AT": at, "SCARCE_COUNT": self.directory / "count"}
        if sticky:
            variables["SCARCE_STICKY"] = 1
        result = subprocess.run([self.program, *map(str, command)], capture_output=True, text=True, cwd=self.work,
                                env=environment(self.home, **variables), timeout=300, check=False)
        files = {path.relative_to(self.work): path.read_bytes() for path in self.work.rglob("*") if path.is_file()}
        return result, files

    def expect_whole(self, files, complete):
        """Files are those of a complete run, or of one that ended earlier; checkpoints load."""
        for path, content in files.items():
            self.assertIn(path, set(complete), "a file is left")
            self.assertGreater(len(content), 0, path)
            if path.suffix == ".ckpt" and content != complete[path] and content != self.model.read_bytes():
                result = self.run_program("evaluate", "--data", self.data, "--model", self.work / path)
                self.assertEqual(result.returncode, 0, result)
            if path.suffix == ".json":
                self.assertTrue(content.endswith(b"}\n"), path)
            if path.suffix == ".html":
                self.assertTrue(content.endswith(b"</html>\n"), path)
            if path.suffix == ".jsonl":
                self.assertTrue(content.endswith(b"\n"), path)

    def expect_refusals(self, *command):
        """Each request of the command in turn, or a sample of them, once and from there on."""
        result, complete = self.run_scarce(command)
        self.assertEqual(result.returncode, 0, result)
        count = int((self.directory / "count").read_text())
        self.assertGreater(count, 10)
        step = 1 if os.environ.get("LONG_TESTS") else max(1, count // SAMPLE)
        failed = 0
        for at in range(1, count + 1, step):
            for sticky in (False, True):
                with self.subTest(command=command[0], at=at, sticky=sticky):
                    result, files = self.run_scarce(command, at, sticky)
                    self.expect_whole(files, complete)
                    if result.returncode == 0:
                        self.assertEqual(result.stderr, "", result)
                        self.assertEqual(set(files), set(complete))
                        continue
                    failed += 1
                    self.assertEqual(result.returncode, 1, result)
                    lines = result.stderr.splitlines()
                    self.assertTrue(len(lines) == 1 or (lines and sticky), result)  # threads, or several files, then
                    for line in lines:
                        self.assertRegex(line, rf"^normnet-mnist: .*({MEMORY})", result)
        self.assertGreater(failed, 0)

    def test_train(self):
        train = ["train", "--data", self.data, *TINY, "--threads", "2", "--average", "0.9", "--validate", "8"]
        self.expect_refusals(*train, "--save", "new.ckpt", "--keep", "best", "--json", "new.json", "--report",
                             "new.html", "--plot")

    def test_resume(self):
        self.expect_refusals("train", "--data", self.data, "--resume", "old.ckpt", "--epochs", "2", "--new-cycle",
                             "--save", "new.ckpt")

    def test_evaluate(self):
        self.expect_refusals("evaluate", "--data", self.data, "--model", "old.ckpt", "--tta", "2", "--json", "new.json")

    def test_predict(self):
        self.expect_refusals("predict", self.data / FILES[2], "--model", "old.ckpt", "--json", "new.json")

    def test_export(self):
        self.expect_refusals("export", "--model", "old.ckpt", "--onnx", "new.onnx")

    def test_study(self):
        self.expect_refusals("study", "--data", self.data, "--out", "new", "--experiments", self.experiments)

    def test_report(self):
        self.expect_refusals("report", self.study, "--experiments", self.experiments, "--data", self.data, "--out",
                             "new.html")

    def test_compare(self):
        self.expect_refusals("compare", self.json, self.json, "--csv", "new.csv")

    def test_lr_find(self):
        self.expect_refusals("lr-find", "--data", self.data, "--batch", "8", "--architecture", TINY[-1], "--csv", "new.csv", "--json", "new.json")


if __name__ == "__main__":
    mnist_program.main()
