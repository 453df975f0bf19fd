# SPDX-License-Identifier: MIT
"""normnet-mnist train: results, files and terminal."""
import json
import os
import pty
import re
import shutil
import subprocess
import time

import mnist_program
from mnist_program import SMALL_NETWORK, TINY, environment


class Training(mnist_program.TestCase):
    def test_json(self):
        arguments = ["--limit", "1000", "--epochs", "3", "--norm", "group", "--groups", "2", *SMALL_NETWORK]
        augment = "rotate:6:fill=1,affine:deg=7,scale=.8-1.2,jitter:.4"
        result = self.train(*arguments, "--l2", "0.001", "--augment", augment)
        self.assertEqual(
            list(result),
            ["program", "version", "bits_version", "configuration", "data", "parameters", "history", "weights_sha256"],
        )
        configuration = result["configuration"]
        self.assertEqual(configuration["augment"], augment)
        self.assertEqual((configuration["norm"], configuration["groups"], configuration["l2"]), ("group", 2, 0.001))
        self.assertEqual((configuration["schedule"], configuration["lr"]), ("one-cycle", 0.015))
        self.assertEqual((configuration["batch"], configuration["seed"], configuration["epochs"]), (64, 1, 3))
        self.assertEqual((configuration["limit"], configuration["preset"]), (1000, "standard"))
        self.assertEqual(result["parameters"], 4 * 9 + 8 + 8 * 4 * 9 + 16 + 80)
        self.assertRegex(result["weights_sha256"], r"^[0-9a-f]{64}$")
        self.assertIn(result["weights_sha256"], self.output)
        self.assertEqual([epoch["epoch"] for epoch in result["history"]], [1, 2, 3])
        for epoch in result["history"]:
            self.assertEqual(
                list(epoch),
                "epoch train_loss train_accuracy test_loss test_accuracy lr images_per_second seconds".split(),
            )
            self.assertTrue(0 < epoch["train_loss"] < 5 and 0 < epoch["test_loss"] < 5, epoch)
            self.assertTrue(0 <= epoch["train_accuracy"] <= 100 and 0 <= epoch["test_accuracy"] <= 100, epoch)
            self.assertAlmostEqual(epoch["train_accuracy"] * 10, round(epoch["train_accuracy"] * 10), 9)
            self.assertAlmostEqual(epoch["images_per_second"] * epoch["seconds"], 1000, 6)
        self.assertAlmostEqual(result["history"][2]["lr"], 0.015 / 25 / 1e4, 15)
        # One plain line per epoch.
        self.assertEqual(len(re.findall(r"(?m)^ +\d/3 ", self.output)), 3)
        self.assertNotIn("\r", self.output)
        self.assertNotIn("\033", self.output)

    def test_table_of_the_layers(self):
        """It is printed with --summary; otherwise there is a line. Warnings come with both, also of a resumed run."""
        warned = ["--norm", "instance", "--architecture", "conv3-4 relu norm gap conv1-5"]
        arguments = ["--data", self.write_data(), *TINY[:4], *warned]
        row = r"(?m)^ +\d+  (\S+) +\w+(?:\([\d, ]+\))? +\d+x\d+x\d+ +\d+ +\d+ +\d+$"
        totals = r"64 parameters, \d+ multiply-adds per image, \d+ bytes\nwarning: layer 2 .*\n\n"
        checkpoint = self.directory / "model"
        for more, layers in (([], []), (["--summary"], warned[-1].split())):
            self.train(*arguments, *more)
            self.assertEqual(re.findall(row, self.output), layers)
            line = "" if layers else r"5 layers \(--summary lists them\), "
            self.assertRegex(self.output, "(?m)^" + line + totals)
        self.train(*arguments, "--schedule", "constant", "--save", checkpoint)
        self.train("--data", self.directory / "data", "--resume", checkpoint, "--epochs", "2", "--summary")
        self.assertEqual(re.findall(row, self.output), layers)

    def test_learns_the_generated_digits(self):
        result = self.train("--limit", "4000", "--epochs", "2", "--batch", "32", "--augment", "none")
        self.assertEqual(result["parameters"], 7704)
        self.assertGreater(result["history"][1]["test_accuracy"], 85)

    def test_weights_depend_on_the_seed_alone(self):
        arguments = ["--limit", "700", "--epochs", "2", "--batch", "50", *SMALL_NETWORK]
        first = self.train(*arguments, "--threads", "1")
        for other in (["--threads", "2"], ["--threads", "1", "--cpu", "portable"]):
            again = self.train(*arguments, *other)
            self.assertEqual(again["weights_sha256"], first["weights_sha256"], other)
            for epoch, expected in zip(again["history"], first["history"]):
                self.assertEqual(epoch["test_loss"], expected["test_loss"])
                self.assertEqual(epoch["train_accuracy"], expected["train_accuracy"])
        for other in ("--seed=2", "--augment=none", "--lr=0.0151", "--momentum=0.9", "--nesterov"):
            self.assertNotEqual(self.train(*arguments, other)["weights_sha256"], first["weights_sha256"], other)

    def test_a_preset_gives_way_to_every_other_option(self):
        arguments = ["--limit", "300", "--seed", "3"]
        fast = self.train(*arguments, "--preset", "fast")["configuration"]
        self.assertEqual((fast["lr"], fast["epochs"], fast["dropout"], fast["nesterov"]), (0.1, 2, 0, True))
        self.assertEqual((fast["augment"], fast["seed"]), ("none", 3))
        self.assertIn("flatten fc-10", fast["architecture"])
        accurate = self.train("--limit", "100", "--preset", "accurate", "--epochs", "2")["configuration"]
        self.assertEqual((accurate["lr"], accurate["dropout"], accurate["l2"]), (0.1, 0.2, 5e-4))
        self.assertEqual((accurate["average"], accurate["epochs"], accurate["nesterov"]), (0.999, 2, False))
        other = ["--lr=.05", "--epochs=1", "--augment=rotate", "--norm=group"]
        before = self.train(*arguments, *other, "--preset=fast")
        after = self.train(*arguments, "--preset=fast", *other)
        self.assertEqual(before["weights_sha256"], after["weights_sha256"])
        changed = before["configuration"]
        self.assertEqual((changed["lr"], changed["epochs"], changed["norm"]), (0.05, 1, "group"))
        self.assertEqual((changed["augment"], changed["architecture"]), ("rotate", fast["architecture"]))

    def test_short_names_of_augmentation(self):
        arguments = ["--limit", "200", "--epochs", "1", *SMALL_NETWORK]
        for name, spec in [
            ("rotate", "rotate:7:fill=1"),
            ("rotate:7:fill=1", "rotate:deg=7,fill=1"),
            ("affine", "rotate:6:fill=1,affine:deg=7,shear=7,translate=.1,scale=.8-1.2,jitter:.4"),
            ("none", "jitter:0"),
        ]:
            weights = [self.train(*arguments, "--augment", a)["weights_sha256"] for a in (name, spec)]
            self.assertEqual(weights[0], weights[1], (name, spec))

    def test_schedules(self):
        def rates(*arguments):
            result = self.train("--data", data, *TINY[2:], "--epochs", "4", *arguments)
            return [epoch["lr"] for epoch in result["history"]]

        data = self.write_data()
        self.assertEqual(rates("--schedule", "constant"), [0.01] * 4)
        steps = rates("--schedule", "step", "--lr", "0.5", "--step-size", "2", "--step-gamma", "0.25")
        self.assertEqual(steps, [0.5, 0.5, 0.125, 0.125])
        cycle = rates("--max-lr", "0.3")
        self.assertEqual(cycle, rates("--lr", "0.3"))
        self.assertAlmostEqual(cycle[3], 0.3 / 25 / 1e4, 12)

    def test_last_batch_and_a_batch_larger_than_the_set(self):
        data = self.write_data()
        for batch in ("7", "40", "1000000"):
            result = self.train("--data", data, *TINY[4:], "--epochs", "2", "--batch", batch)
            self.assertEqual(result["configuration"]["batch"], min(int(batch), 40))
            self.assertEqual(len(result["history"]), 2)

    def test_json_file(self):
        arguments = ["train", "--data", self.write_data(), *TINY, "--json"]
        missing = self.directory / "nowhere" / "r.json"
        self.expect_failure(1, r"cannot write .*nowhere/r.json: No such file", *arguments, missing)
        self.expect_failure(1, r"cannot write .*: it is not a regular file", *arguments, self.directory)
        pipe = self.make_pipe()
        self.expect_failure(1, r"cannot write .*pipe: it is not a regular file", *arguments, pipe)
        self.assertTrue(pipe.is_fifo())
        pipe.unlink()
        # A run that fails leaves an older file as it was, and no other file. One that succeeds keeps a link.
        target = self.directory / "old.json"
        target.write_text("old")
        link = self.directory / "link.json"
        link.symlink_to(target)
        self.expect_failure(1, r"cannot open", "train", "--data", self.directory / "nowhere", "--json", target)
        self.assertEqual(target.read_text(), "old")
        target.write_text("")
        self.assertEqual(self.run_program(*arguments, link).returncode, 0)
        self.assertTrue(link.is_symlink())
        self.assertEqual(json.loads(target.read_text())["parameters"], 4 * 9 + 8 + 20)
        self.assertEqual(sorted(p.name for p in self.directory.iterdir()), ["data", "home", "link.json", "old.json"])

    def test_history_survives_a_failure(self):
        """A training run that diverges keeps the epochs before in its files, and these can be read."""
        path, checkpoint = self.directory / "r.json", self.directory / "r.ckpt"
        data = self.write_data()
        result = self.run_program(
            *["train", "--data", data, "--epochs", "400", "--batch", "40", "--json", path, "--save", checkpoint],
            *["--schedule", "step", "--step-size", "1", "--step-gamma", "1000"],
            *["--architecture", "conv3-4 relu gap conv1-5"],
        )
        self.assertEqual(result.returncode, 1, result)
        self.assertRegex(result.stderr, r"^normnet-mnist: epoch \d+: the test loss is (inf|nan): the training has div")
        written = json.loads(path.read_text())
        self.assertEqual(f"normnet-mnist: {written['failure']}\n", result.stderr)
        history = written["history"]
        self.assertEqual(len(history), int(re.search(r"epoch (\d+)", result.stderr)[1]) - 1)
        self.assertGreater(len(history), 0)
        self.assertNotIn(None, [epoch["test_loss"] for epoch in history])
        result = self.run_program("train", "--data", data, "--resume", checkpoint)
        self.assertIn(f"r.ckpt: {len(history)} of 400 epochs and 0 of 40 images", result.stdout)

        self.assertNotIn("failure", self.train("--data", data, *TINY))

    def test_a_failure_in_the_first_epoch(self):
        """Its file has no history, and so does not stand in the way of another try."""
        path = self.directory / "r.json"
        arguments = ["train", "--data", self.write_data(), *TINY, "--schedule", "constant", "--json", path]
        for _ in range(2):
            result = self.expect_failure(1, r"epoch 1, ", *arguments, "--lr", "1e9", "--norm", "none")
            written = json.loads(path.read_text())
            self.assertEqual((written["history"], f"normnet-mnist: {written['failure']}\n"), ([], result.stderr))
        self.assertEqual(self.run_program(*arguments).returncode, 0)
        self.assertEqual(len(json.loads(path.read_text())["history"]), 1)

    def test_losses_that_are_huge(self):
        """Columns stay columns."""
        data = self.write_data()
        for options, columns in ([], 7), (["--validate", "5"], 8), (["--average"], 8):
            network = ["--architecture", "conv3-4 relu gap conv1-5"]
            rate = ["--schedule", "constant", "--lr", "3e6", "--epochs", "2"]
            result = self.run_program("train", "--data", data, *network, *rate, *options)
            head, *lines = result.stdout[result.stdout.index("  epoch ") :].split("\n\n")[0].splitlines()
            self.assertGreater(len(lines), 0, result)
            for line in lines:
                self.assertEqual((len(line), len(line.split())), (len(head), columns), result.stdout)

    def test_both_files_are_tried(self):
        """A place that vanishes while the training runs costs the other file nothing."""
        for lost, kept in (("--json", "--save"), ("--save", "--json")):
            folder, path = self.directory / "folder", self.directory / f"kept{kept}"
            folder.mkdir()
            arguments = [lost, folder / "file", kept, path, "--data", "generated", "--epochs", "1"]  # half a second
            with self.start(*arguments, *SMALL_NETWORK, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
                output = self.read_head(process)
                shutil.rmtree(folder)
                rest, errors = process.communicate()
            self.assertEqual(process.returncode, 1)
            self.assertRegex(errors, r"^normnet-mnist: cannot write '?.*/folder/file'?: .*\n$")
            self.assertGreater(path.stat().st_size, 1000)
            self.assertRegex(output + rest, r"(?m)^  1/1 ")

    def test_streams_that_are_closed(self):
        """No file gets the number of standard output, and with it what is printed."""
        path = self.directory / "r.json"
        model = self.directory / "model"
        for closed in ((1,), (2,), (0, 1, 2)):
            arguments = [self.program, "train", "--data", self.data(), *TINY, "--save", model, "--json", path]
            with subprocess.Popen(
                [*map(str, arguments)],
                stdout=subprocess.DEVNULL,
                preexec_fn=lambda closed=closed: [os.close(number) for number in closed],
            ) as process:
                self.assertEqual(process.wait(), 0)
            self.assertEqual(len(json.loads(path.read_text())["history"]), 1)
            self.assertEqual(self.run_program("evaluate", "--model", model, "--data", self.data()).returncode, 0)
            model.unlink()
            path.unlink()

    def data(self):
        return self.directory / "data" if (self.directory / "data").exists() else self.write_data()

    def test_full_disk(self):
        if not os.path.exists("/dev/full"):
            self.skipTest("there is no /dev/full here")
        with open("/dev/full", "w", encoding="utf-8") as full:
            result = subprocess.run(
                [self.program, "--help"], stdout=full, stderr=subprocess.PIPE, text=True, check=False
            )
        self.assertEqual(result.returncode, 1)
        self.assertIn("cannot write to standard output", result.stderr)

    def run_in_terminal(self, *arguments):
        """What a program prints that exits with 0."""
        controller, terminal = pty.openpty()
        process = subprocess.Popen(
            [self.program, *map(str, arguments)],
            stdout=terminal,
            stderr=terminal,
            env=environment(self.home, TERM="xterm"),
        )
        os.close(terminal)
        output = b""
        while True:
            try:
                chunk = os.read(controller, 65536)
            except OSError:  # the end of a terminal
                break
            if not chunk:
                break
            output += chunk
        os.close(controller)
        self.assertEqual(process.wait(), 0)
        return output.decode().replace("\r\n", "\n")

    def expect_movement(self, bars):
        """From (marks, minutes, seconds) of each bar: more marks, and less time that is left."""
        self.assertGreater(len(bars), 3)
        lengths = [len(marks) for marks, *_ in bars]
        self.assertEqual(lengths, sorted(lengths))
        self.assertLess(lengths[0], lengths[-1])
        left = [60 * int(minutes) + int(seconds) for _, minutes, seconds in bars]
        self.assertGreater(max(left), left[-1])
        self.assertLessEqual(left[-1], max(1, max(left) // 4))

    GENERATED = ["--data", "generated", "--threads", "1"]

    def slow_training(self, model):
        """
        Arguments for a training run of about 3 s with a test of at least 3 s, on this machine and under its load: a bar
        of a test begins after a second, and ten are drawn in a second.
        """
        for channels in (48, 64, 80, 96, 112, 128, 192, 256):
            network = ["--augment", "none", "--architecture", f"conv3-{channels} conv3-{channels} gap conv1-10"]
            arguments = [*self.GENERATED, *network, "--epochs", "1", "--batch", "16", "--save", model]
            start = time.monotonic()
            result = self.train(*arguments, "--limit", "64")
            seconds = time.monotonic() - start
            model.unlink()
            if seconds > 3:
                break
        limit = max(320, int(3 * result["history"][0]["images_per_second"]))
        return ["train", *arguments, "--limit", str(limit)]

    def test_terminal(self):
        """The bars of a training and of a test show what is left, and are gone in the end."""
        model = self.directory / "model"
        for command in (self.slow_training(model), ["evaluate", *self.GENERATED, "--model", model]):
            output = self.run_in_terminal(*command)
            test = r"test: +\d+ of 10000 images"
            self.expect_movement(re.findall(rf"\r\[(#*) *\] {test}, (\d+):(\d\d) left\x1b\[K", output))
            if command[0] == "train":
                training = r"1/1 loss +\d+\.\d{4}, accuracy +\d+\.\d\d%, +\d+ images/s"
                self.expect_movement(re.findall(rf"\r\[(#*) *\] {training}, (\d+):(\d\d) left\x1b\[K", output))
                self.assertRegex(output, r"(?m)\x1b\[K  1/1 [^#]*$")
            end = output.rsplit(" left\x1b[K", 1)[1]
            self.assertRegex(end, r"^\r\x1b\[K[^#\r\x1b]*$")


if __name__ == "__main__":
    mnist_program.main()
