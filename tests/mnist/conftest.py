# SPDX-License-Identifier: MIT
"""A study of a few tiny networks, made once, for the tests of its report. NORMNET_MNIST is the path of the program."""
import os
import shutil
import struct
import subprocess
from pathlib import Path

import pytest

FILES = ["train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"]
HOSTILE = '<script>alert("1")</script> & \'<b>'
EXPERIMENTS = f"""\
batch = 32
epochs = 6
lr = 0.05

[tiny]
source = <img src=x onerror=alert(2)>
note = </style></script><h1 id="evil">x
architecture = conv3-4 norm relu conv3-4 relu gap conv1-5
seeds = 3
validate = 10
compare = norms

| id         | name      | norm  | virtual_batch | l1  | final | expect | statistics |
|------------|-----------|-------|---------------|-----|-------|--------|------------|
| tiny-none  | {HOSTILE} | none  |               |     | 99.10 |        |            |
| tiny-batch | batch     | batch |               | .01 | 82.6  | fails  | yes        |
| tiny-ghost | ghost     | batch | 16            |     |       |        |            |
| tiny-group | group     | group |               |     |       |        |            |
| tiny-layer | layer     | layer |               |     |       |        |            |
| tiny-rms   | a name that is much longer than any place of a legend or a table has room for | rms | | | | | |

[warned]
architecture = conv3-4 relu norm gap conv1-5
schedule = one-cycle
seeds = 1
| id          | norm     |
| warned-gap  | instance |

[averaged]
architecture = conv3-4 relu gap conv1-5
seeds = 2
| id         | average | tta |
| avg-with   | .9      | 1   |
| avg-plain  |         |     |
"""


def write_data(directory, state=1, classes=5):
    """Bars whose place is the class, with noise: classes of 1 x 8 x 8."""
    directory.mkdir()

    def noise():
        nonlocal state
        state = (1103515245 * state + 12345) % (1 << 31)
        return state >> 16

    for names, count in ((FILES[:2], 120), (FILES[2:], 60)):
        labels = [i % classes for i in range(count)]
        pixels = bytes(min(255, noise() % 120 + (130 if x in (label, label + 1) else 0))
                       for label in labels for y in range(8) for x in range(8))
        (directory / names[0]).write_bytes(struct.pack(">BBBB3I", 0, 0, 8, 3, count, 8, 8) + pixels)
        (directory / names[1]).write_bytes(struct.pack(">BBBBI", 0, 0, 8, 1, count) + bytes(labels))


TRAINING = ["--data", "data", "--batch", "32", "--epochs", "6", "--validate", "10", "--lr", ".05", "--schedule",
            "constant", "--augment", "none", "--architecture", "conv3-4 norm relu conv3-4 relu gap conv1-5"]


class Program:
    """normnet-mnist, in a directory with a data set `data`, a finished study `study` and the report of a training."""

    def __init__(self, directory):
        self.directory = directory

    def run(self, *arguments, code=0, **variables):
        environment = {**os.environ, "HOME": str(self.directory), **variables}
        for name in {"NORMNET_DATA", "XDG_CACHE_HOME"} - variables.keys():
            environment.pop(name, None)
        result = subprocess.run([os.environ["NORMNET_MNIST"], *map(str, arguments)], cwd=self.directory, env=environment,
                                capture_output=True, text=True, errors="replace", timeout=3600, check=False)
        assert result.returncode == code, result
        return result

    def report(self, study="study", code=0, **variables):
        return self.run("report", study, "--experiments", "experiments.txt", "--data", "data", code=code, **variables)

    def page(self, study="study"):
        return (self.directory / study / "report.html").read_text(encoding="utf-8")

    def copy(self, name, lines):
        """Another study directory with these lines."""
        directory = self.directory / name
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir()
        (directory / "runs.jsonl").write_text("".join(lines), encoding="utf-8")
        return directory

    def lines(self):
        return (self.directory / "study" / "runs.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)


@pytest.fixture(scope="session")
def program(tmp_path_factory):
    made = Program(tmp_path_factory.mktemp("report"))
    write_data(made.directory / "data")
    (made.directory / "experiments.txt").write_text(EXPERIMENTS, encoding="utf-8")
    made.run("study", "--experiments", "experiments.txt", "--data", "data", "--out", "study", "--jobs", "2")
    (made.directory / "names.txt").write_text(f"zero\n{HOSTILE}\ntwo\n\u4e09\u756a\u76ee\u306e\u540d\u524d\n"
                                              "a name that is too long for a table\n", encoding="utf-8")
    made.run("train", *TRAINING, "--average", ".9", "--l1", ".001", "--save", "run.ckpt", "--keep", "best", "--json",
             "training.json", "--report", "training.html", "--classes", "names.txt")
    made.run("train", *TRAINING, "--norm", "none", "--l2", "1.2", "--lr", "2", "--epochs", "200", "--report",
             "diverged.html", code=1)
    return made
