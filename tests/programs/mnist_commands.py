# SPDX-License-Identifier: MIT
"""A run of each command of normnet-mnist on small data, for tests in which the system refuses something: what it may
leave behind is whole."""
import os
import shutil
import subprocess

import mnist_program
from mnist_program import FILES, TINY
from study_program import TINY as EXPERIMENTS

LONG = bool(os.environ.get("LONG_TESTS"))  # refuse everything, not a sample


def repeatable(path, content):
    """What has the same bytes in each run: of models, the tensors behind the header, in which times are."""
    if path.suffix in (".ckpt", ".best"):
        return content[8 + int.from_bytes(content[:8], "little"):]
    return content if path.suffix == ".onnx" else b""


# A report is made without what it need not have, and says so after the reason.
NO_PICTURES = "The report has no pictures of the test images."


class CommandCase(mnist_program.TestCase):
    def setUp(self):
        super().setUp()
        self.work = self.directory / "work"
        self.data = self.write_data()
        self.experiments = self.directory / "experiments.txt"
        self.experiments.write_text(EXPERIMENTS.replace("seeds = 3", "seeds = 2"), encoding="utf-8")
        # What the commands read.
        self.model = self.directory / "model.ckpt"
        self.json = self.directory / "model.json"
        self.study = self.directory / "study"
        train = ["train", "--data", self.data, *TINY, "--average", "0.9", "--validate", "8"]
        study = ["study", "--data", self.data, "--out", self.study, "--experiments", self.experiments]
        for command in ([*train, "--save", self.model, "--json", self.json], study):
            result = self.run_program(*command)
            self.assertEqual(result.returncode, 0, result)

    def commands(self):
        train = ["train", "--data", self.data, "--threads", "2"]
        network = ["--batch", "8", "--architecture", TINY[-1]]
        return {
            "train": [*train, *TINY, "--average", "0.9", "--validate", "8", "--save", "new.ckpt", "--keep", "best",
                      "--json", "new.json", "--report", "new.html", "--plot"],
            "resume": [*train, "--resume", "old.ckpt", "--epochs", "2", "--new-cycle", "--save", "new.ckpt"],
            "evaluate": ["evaluate", "--data", self.data, "--model", "old.ckpt", "--tta", "2", "--json", "new.json"],
            "predict": ["predict", self.data / FILES[2], "--model", "old.ckpt", "--json", "new.json"],
            "export": ["export", "--model", "old.ckpt", "--onnx", "new.onnx"],
            "study": ["study", "--data", self.data, "--out", "new", "--experiments", self.experiments, "--jobs", "2"],
            "report": ["report", self.study, "--experiments", self.experiments, "--data", self.data, "--out",
                       "new.html"],
            "compare": ["compare", self.json, self.json, "--csv", "new.csv"],
            "lr-find": ["lr-find", "--data", self.data, *network, "--csv", "new.csv", "--json", "new.json"],
        }

    def run_command(self, command, prefix=(), **variables):
        """In a folder of its own with what the command finds there; returns the result and the files."""
        shutil.rmtree(self.work, ignore_errors=True)
        self.work.mkdir()
        shutil.copy(self.model, self.work / "old.ckpt")
        result = subprocess.run([*prefix, self.program, *map(str, command)], capture_output=True, text=True,
                                cwd=self.work, env=mnist_program.environment(self.home, **variables), timeout=300,
                                check=False)
        return result, {p.relative_to(self.work): p.read_bytes() for p in self.work.rglob("*") if p.is_file()}

    def expect_whole(self, files, complete, may_leave=False):
        """Files are those of a complete run, or of one that ended earlier; checkpoints load."""
        for path, content in files.items():
            if may_leave and path.suffix in (".tmp", ".lock"):
                continue
            self.assertIn(path, set(complete), "a file is left")
            if path.suffix == ".ckpt" and content not in (complete[path], self.model.read_bytes()):
                result = self.run_program("evaluate", "--data", self.data, "--model", self.work / path)
                self.assertEqual(result.returncode, 0, result)
            if path.suffix == ".json":
                self.assertTrue(content.endswith(b"}\n"), path)
            if path.suffix == ".html":
                self.assertTrue(content.endswith(b"</html>\n"), path)

    def expect_complete(self, result, files, complete):
        """What a run has written that ends with success: all, and no word about trouble but for pictures."""
        if NO_PICTURES not in result.stderr:
            self.assertEqual(result.stderr, "", result)
        self.assertEqual(set(files), set(complete))
        for path, content in files.items():
            self.assertEqual(repeatable(path, content), repeatable(path, complete[path]), path)
