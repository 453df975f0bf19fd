# SPDX-License-Identifier: MIT
"""normnet-mnist train --average, and the commands that take the average."""
import json
import re
import signal
import subprocess
import time

import mnist_program
from mnist_program import TIME_LIMIT, TINY, without_times


def without_average(result):
    """A result as it would be without --average."""
    history = [{key: value for key, value in epoch.items() if not key.startswith("average")}
               for epoch in without_times(result)["history"]]
    configuration = {key: value for key, value in result["configuration"].items() if not key.startswith("average")}
    rest = {key: value for key, value in result.items() if key != "average_sha256"}
    return {**rest, "history": history, "configuration": {**configuration, "threads": 0}}


class Average(mnist_program.TestCase):
    ARGUMENTS = ["--data", "generated", "--limit", "600", "--epochs", "3", "--batch", "48", "--threads", "2"]
    ARGUMENTS += ["--architecture", "conv3-4 norm relu dropout maxpool2 conv3-8 norm relu gap conv1-10"]

    def setUp(self):
        super().setUp()
        self.checkpoint = self.directory / "run.ckpt"

    def evaluate(self, *arguments, model=None):
        path = self.directory / "test.json"
        result = self.run_program("evaluate", "--model", model or self.checkpoint, "--data", "generated", "--json", path,
                                  *arguments)
        self.assertEqual(result.returncode, 0, result)
        self.output = result.stdout
        return json.loads(path.read_text(encoding="utf-8"))

    def test_training_is_the_same(self):
        for norm in ("batch", "group"):
            plain = self.train(*self.ARGUMENTS, "--norm", norm)
            self.assertEqual(plain["configuration"]["average"], 0)
            averaged = self.train(*self.ARGUMENTS, "--norm", norm, "--average", "0.9")
            self.assertEqual(without_average(averaged), without_average(plain))
            self.assertNotEqual(averaged["average_sha256"], averaged["weights_sha256"])
            other = self.train(*self.ARGUMENTS, "--norm", norm, "--average", "0.9", "--threads", "1")
            self.assertEqual(without_times(other), without_times(averaged))

    def test_decays(self):
        """Without a value 0.999; the next argument may be an option, or there is none."""
        given = self.train(*self.ARGUMENTS, "--average", "0.999")
        for arguments in (["--average", *self.ARGUMENTS], [*self.ARGUMENTS, "--average"]):
            self.assertEqual(without_times(self.train(*arguments)), without_times(given))
        self.assertEqual(given["configuration"]["average"], 0.999)
        equal = self.train(*self.ARGUMENTS, "--average=1")
        self.assertEqual(equal["weights_sha256"], given["weights_sha256"])
        self.assertNotEqual(equal["average_sha256"], given["average_sha256"])

    def test_the_table(self):
        data = self.write_data()
        for more in ([], ["--validate", "12"]):
            result = self.train("--data", data, *TINY, "--epochs", "2", "--average", "0.5", *more)
            lines = self.output.split("train loss")[1].splitlines()[1:3]
            self.assertLessEqual(max(map(len, lines)), 80)
            for line, epoch in zip(lines, result["history"]):
                numbers = [float(number.rstrip("%")) for number in line.split()[1:]]
                keys = (["train_loss", "train_accuracy", "test_loss", "test_accuracy", "average_test_loss",
                         "average_test_accuracy"] if not more else
                        ["train_loss", "train_accuracy", "validation_accuracy", "average_validation_accuracy",
                         "test_accuracy", "average_test_accuracy"])
                self.assertEqual(len(numbers), len(keys) + 1)
                for number, key in zip(numbers, keys):
                    self.assertAlmostEqual(number, epoch[key], delta=0.006, msg=key)

    def test_average_from(self):
        """Until it begins, the average is tested as the weights, and it does not depend on what was before."""
        result = self.train(*self.ARGUMENTS, "--average", "1", "--average-from", "2", "--save", self.checkpoint)
        self.assertEqual(result["configuration"]["average_from"], 2)
        for epoch in result["history"]:
            same = epoch["average_test_loss"] == epoch["test_loss"]
            self.assertEqual(same, epoch["epoch"] <= 2, epoch)
        self.assertEqual(self.evaluate()["loss"], result["history"][2]["average_test_loss"])

    def test_resuming(self):
        """From after an epoch, and from any step, also before the average begins."""
        arguments = [*self.ARGUMENTS, "--average", "0.95", "--average-from", "1", "--schedule", "constant"]
        whole = without_times(self.train(*arguments))
        self.train(*arguments[:4], "--epochs", "1", *arguments[6:-4], "--schedule", "constant", "--average", "0.95",
                   "--save", self.checkpoint)
        failed = self.run_program("train", "--resume", self.checkpoint, "--average", "0.9")
        self.assertRegex(failed.stderr, "--average is 0.9, but .* was begun with 0.95")
        for seconds in (0, 0.05, 0.1, 0.2):
            self.checkpoint.unlink()
            process = self.start(*arguments, "--save", self.checkpoint, stdout=subprocess.PIPE)
            self.read_head(process)
            time.sleep(seconds)
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=TIME_LIMIT)
            self.assertIn(process.returncode, (0, 130))
            self.assertGreater(self.evaluate()["accuracy"], 0)  # a stopped run has an average, too
            resumed = self.train("--data", "generated", "--resume", self.checkpoint)
            self.assertEqual(without_times(resumed), whole)

    def test_stopped_in_an_epoch(self):
        """The checkpoint's average has statistics of its own weights."""
        arguments = [*self.ARGUMENTS, "--average", "0.9", "--epochs", "2000", "--save", self.checkpoint]
        process = self.start(*arguments, stdout=subprocess.PIPE)
        self.read_head(process)
        for _ in range(6):
            process.stdout.readline()
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=TIME_LIMIT)
        self.assertEqual(process.returncode, 130, output)
        self.assertGreater(self.evaluate()["accuracy"], 0.5 * self.evaluate("--use", "last")["accuracy"])

    def test_commands_use_it(self):
        result = self.train(*self.ARGUMENTS, "--average", "0.9", "--save", self.checkpoint)
        average, last = self.evaluate(), self.evaluate("--use", "last")
        self.assertEqual(average["loss"], result["history"][-1]["average_test_loss"])
        self.assertEqual(average["weights_sha256"], result["average_sha256"])
        self.assertEqual(last["loss"], result["history"][-1]["test_loss"])
        self.assertEqual(last["weights_sha256"], result["weights_sha256"])
        self.assertIs(average["average"], True)
        self.assertNotIn("average", last)
        self.assertNotIn("average", self.output)
        self.assertEqual(self.evaluate("--use", "average"), average)
        self.assertIn("With the average of the weights\n", self.output)
        for use, sha256 in ((["--use", "auto"], result["average_sha256"]), (["--use", "last"], result["weights_sha256"])):
            weights, onnx = self.directory / "run.safetensors", self.directory / "run.onnx"
            exported = self.run_program("export", "--model", self.checkpoint, "--weights", weights, "--onnx", onnx, *use)
            self.assertEqual(exported.returncode, 0, exported)
            self.assertEqual(exported.stdout.count(" with the average of the weights"), 2 * (use[1] == "auto"))
            self.assertEqual(self.evaluate(model=weights)["weights_sha256"], sha256)
        image = self.directory / "image.pgm"
        image.write_bytes(mnist_program.pgm(28, 28, [17 * i % 256 for i in range(784)]))
        predictions = []
        for use in ("average", "last"):
            path = self.directory / f"{use}.json"
            predicted = self.run_program("predict", "--model", self.checkpoint, image, "--use", use, "--json", path)
            self.assertEqual(predicted.returncode, 0, predicted)
            predictions.append(json.loads(path.read_text(encoding="utf-8")))
        self.assertEqual([prediction.get("average") for prediction in predictions], [True, None])
        self.assertNotEqual(predictions[0]["images"], predictions[1]["images"])

    def test_keep_best(self):
        """The best epoch is that of the average, and its weights are the average's."""
        result = self.train(*self.ARGUMENTS, "--validate", "200", "--average", "0.9", "--keep", "best",
                            "--save", self.checkpoint)
        best = max(result["history"], key=lambda e: (e["average_validation_accuracy"], -e["average_validation_loss"]))
        self.assertEqual(result["best"]["epoch"], best["epoch"])
        for key in ("validation_loss", "validation_accuracy", "test_loss", "test_accuracy"):
            self.assertEqual(result["best"][key], best["average_" + key])
        tested = self.evaluate(model=f"{self.checkpoint}.best")
        self.assertAlmostEqual(tested["loss"], best["average_test_loss"], delta=1e-12)
        self.assertEqual(tested["weights_sha256"], result["best"]["weights_sha256"])
        self.assertRegex(self.train_again(), "With averaged weights: test loss")

    def train_again(self):
        """A finished run is tested again, with the same files."""
        before = self.checkpoint.read_bytes()
        result = self.run_program("train", "--resume", self.checkpoint, "--data", "generated")
        self.assertEqual(result.returncode, 0, result)
        self.assertEqual(self.checkpoint.read_bytes(), before)
        return result.stdout

    def test_new_cycle(self):
        """A new cycle may have an average, or none."""
        self.train(*self.ARGUMENTS, "--average", "0.9", "--save", self.checkpoint)
        again = self.train("--data", "generated", "--resume", self.checkpoint, "--new-cycle", "--average", "1")
        self.assertEqual(again["configuration"]["average"], 1)
        none = self.train("--data", "generated", "--resume", self.checkpoint, "--new-cycle", "--average", "0")
        self.assertNotIn("average_sha256", none)
        self.assertEqual(none["weights_sha256"], again["weights_sha256"])

    def test_mistakes(self):
        for pattern, *arguments in (
                ["--average: '2' is not a number from 0 to 1", "--average", "2"],
                ["--average: '-0.5' is not a number from 0 to 1", "--average", "-0.5"],
                ["--average: 'yes' is not a number from 0 to 1", "--average", "yes"],
                ["--average-from has no effect without --average", "--average-from", "3"],
                ["--average-from: '-1' is not a whole number from 0", "--average", "--average-from", "-1"],
                ["--average-from is 20, but the training has 20 epochs", "--average", "--average-from", "20"]):
            self.expect_failure(2, re.escape(pattern), "train", *arguments)
        self.train(*self.ARGUMENTS, "--epochs", "1", "--save", self.checkpoint)
        for command in (["evaluate", "--data", "generated"], ["export", "--onnx", "x.onnx"]):
            self.expect_failure(1, "has no average of its weights", *command, "--model", self.checkpoint, "--use",
                                "average")
        self.assertFalse((self.directory / "x.onnx").exists())
        self.expect_failure(2, "--use: 'best' is not", "evaluate", "--model", self.checkpoint, "--use", "best")
        self.assertEqual(self.evaluate("--use", "auto"), self.evaluate("--use", "last"))


if __name__ == "__main__":
    mnist_program.main()
