# SPDX-License-Identifier: MIT
"""Studies with `normnet-mnist study`, of tiny experiments and images."""
import json

from mnist_program import TestCase

TINY = """\
seeds = 3
batch = 8

[tiny]
architecture = conv3-4 norm relu conv3-4 relu
    gap conv1-5
epochs = 2
lr = 0.05
validate = 10
compare = norms

| id         | name  | norm  | l1  | final | statistics |
|------------|-------|-------|-----|-------|------------|
| tiny-none  | none  | none  |     |       |            |
| tiny-batch | batch | batch |     | 50    | yes        |
| tiny-layer | layer | layer | .01 | 60.5  |            |
"""


AVERAGES = """\
seeds = 2
batch = 8

[averages]
architecture = conv3-4 norm relu gap conv1-5
norm = batch
epochs = 3
lr = 0.05
validate = 10

| id       | average | average_from |
|----------|---------|--------------|
| av-none  |         |              |
| av-decay | .9      |              |
| av-equal | 1       | 1            |
"""


def same_bits(line):
    """A line without times, and without what only names the run."""
    kept = {k: v for k, v in line.items() if k not in ("seconds", "experiment", "study")}
    kept["history"] = [{k: v for k, v in e.items() if k not in ("seconds", "images_per_second")}
                       for e in line["history"]]
    return json.dumps(kept, sort_keys=True)


class StudyCase(TestCase):
    def setUp(self):
        super().setUp()
        self.data = self.write_data()
        self.experiments = self.directory / "experiments.txt"
        self.experiments.write_text(TINY, encoding="utf-8")
        self.out = self.directory / "out"

    def arguments(self, *more, out=None):
        return ["study", "--data", self.data, "--experiments", self.experiments, "--out", out or self.out, *more]

    def study(self, *more, out=None):
        result = self.run_program(*self.arguments(*more, out=out))
        self.assertEqual(result.returncode, 0, result)
        return result.stdout

    def lines(self, out=None):
        path = (out or self.out) / "runs.jsonl"
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]

    def lines_by_name(self):
        """Of a study with one seed. Runs side by side end in any order, so no test may count on that of the lines."""
        return {line["experiment"]: line for line in self.lines()}
