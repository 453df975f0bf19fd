# SPDX-License-Identifier: MIT
"""normnet-mnist train --resume with more epochs, and with --new-cycle."""
import json
import signal
import subprocess

import mnist_program
from mnist_program import TINY, without_times


def crc32c(content):
    crc = 0xFFFFFFFF
    for byte in content:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


class MoreEpochs(mnist_program.TestCase):
    SCHEDULES = (["constant"], ["step", "--step-size", "2", "--lr", "0.1", "--step-gamma", "0.5"])

    def setUp(self):
        super().setUp()
        self.data = self.write_data()
        self.checkpoint = self.directory / "run.ckpt"
        self.arguments = ["--data", self.data, *TINY[2:], "--batch", "16", "--augment", "rotate"]

    def resume(self, *arguments):
        return self.train("--data", self.data, "--resume", self.checkpoint, *arguments)

    def test_schedules_without_an_end(self):
        """The result is that of a training run that had all epochs from the beginning, byte for byte."""
        for schedule in self.SCHEDULES:
            arguments = [*self.arguments, "--schedule", *schedule]
            whole = self.directory / "whole.ckpt"
            expected = without_times(self.train(*arguments, "--epochs", "7", "--save", whole))
            self.train(*arguments, "--epochs", "2", "--save", self.checkpoint)
            self.resume("--epochs", "3")
            self.assertEqual(without_times(self.resume("--epochs", "7")), expected)
            self.assertIn("3 of 7 epochs and 0 of 40 images of the next are done", self.output)
            # The notes have times; all before them is the same.
            cut = [path.read_bytes().split(b'"normnet.note"')[0] for path in (whole, self.checkpoint)]
            checksum = slice(cut[0].index(b"crc32c"), cut[0].index(b"crc32c") + 20)
            self.assertEqual(*(part[8 : checksum.start] + part[checksum.stop :] for part in cut))
            self.assertEqual(without_times(self.resume()), expected)
            self.checkpoint.unlink()
            whole.unlink()

    def test_fewer(self):
        self.train(*self.arguments, "--schedule", "constant", "--epochs", "3", "--save", self.checkpoint)
        resume = ["train", "--data", self.data, "--resume", self.checkpoint]
        before = self.checkpoint.read_bytes()
        self.expect_failure(2, r"--epochs is 2, but epoch 3 of .*run.ckpt has begun\n", *resume, "--epochs", "2")
        self.assertEqual(self.checkpoint.read_bytes(), before)

    def test_after_a_stop(self):
        """Within an epoch, and with fewer epochs than were planned."""
        arguments = [*self.arguments, "--schedule", "constant"]
        process = self.start(*arguments, "--epochs", "100000", "--save", self.checkpoint, stdout=subprocess.PIPE)
        self.read_head(process)
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        process.communicate()
        text = self.run_program("train", "--data", self.data, "--resume", self.checkpoint, "--epochs", "1")
        self.assertIn(text.returncode, (0, 2))  # one epoch is all that was done only if the signal came at its end
        checkpoint = self.checkpoint.read_bytes()
        steps = int(checkpoint.split(b'"normnet.step":"')[1].split(b'"')[0])
        epochs = steps // 3 + 2
        expected = self.train(*arguments, "--epochs", epochs)
        self.assertEqual(without_times(self.resume("--epochs", epochs)), without_times(expected))

    def test_an_older_checkpoint(self):
        """Earlier versions wrote a total of steps for all schedules."""
        self.train(*self.arguments, "--schedule", "step", "--epochs", "2", "--save", self.checkpoint)
        content = bytearray(self.checkpoint.read_bytes())
        total = content.index(b'"normnet.total_steps":"0"')
        content[total : total + 25] = b'"normnet.total_steps":"6"'
        digits = content.index(b'"normnet.crc32c":"') + 18
        content[digits : digits + 8] = b"0" * 8
        content[digits : digits + 8] = b"%08x" % crc32c(content)
        self.checkpoint.write_bytes(content)
        result = self.resume("--epochs", "4")
        self.assertEqual(result["configuration"]["step_size"], 6)
        self.assertEqual(len(result["history"]), 4)

    def test_new_cycle(self):
        first = self.train(*self.arguments, "--epochs", "2", "--norm", "group", "--save", self.checkpoint)
        before = self.checkpoint.read_bytes()
        second = self.directory / "second.ckpt"
        result = self.resume("--new-cycle", "--epochs", "3", "--save", second, "--lr", "0.002")
        self.assertIn(f"A new training with the weights of {self.checkpoint}\n", self.output)
        self.assertEqual(self.checkpoint.read_bytes(), before)
        self.assertEqual([epoch["epoch"] for epoch in result["history"]], [1, 2, 3])
        configuration = {**first["configuration"], "epochs": 3, "lr": 0.002, "seed": 2}
        self.assertEqual(result["configuration"], configuration)
        # It begins with the weights: with a rate of 0 they stay.
        weights = self.train("--data", self.data, "--resume", self.checkpoint, "--new-cycle", "--lr", "0", "--epochs", "1")
        self.assertEqual(weights["weights_sha256"], first["weights_sha256"])
        self.assertIn(f"weights of {self.checkpoint}; nothing is saved without --save FILE\n", self.output)
        # It is a training run of its own: stopped and resumed as any other, and repeated exactly.
        self.assertEqual(without_times(self.train("--data", self.data, "--resume", second)), without_times(result))
        again = self.resume("--new-cycle", "--epochs", "3", "--lr", "0.002")
        self.assertEqual(without_times(again), without_times(result))
        # The data, the schedule, batches and regularization are free.
        other = self.write_data("other", train_labels=None)
        (other / "train-labels-idx1-ubyte").write_bytes((self.data / "train-labels-idx1-ubyte").read_bytes())
        options = ["--schedule", "constant", "--batch", "9", "--l2", ".1", "--augment", "none", "--limit", "30"]
        self.train("--data", other, "--resume", self.checkpoint, "--new-cycle", *options, "--dropout", "0")

    def test_new_cycle_and_presets(self):
        """The preset of the checkpoint changes nothing when it is repeated, and another one is not ignored."""
        fast = ["--preset", "fast", "--data", "generated", "--limit", "100"]
        first = self.train(*fast, "--epochs", "1", "--lr", "0.02", "--save", self.checkpoint)["configuration"]
        new = ["train", "--data", "generated", "--resume", self.checkpoint, "--new-cycle"]
        again = self.train(*new[1:], "--preset", "fast")["configuration"]
        self.assertEqual(again, {**first, "seed": 2})
        pattern = r"--preset is standard, but .*run.ckpt was begun with fast\n"
        self.expect_failure(2, pattern, *new, "--preset", "standard")
        self.expect_failure(2, pattern, *new, "--preset", "standard", "--augment", "rotate")

    def test_new_cycle_mistakes(self):
        self.train(*self.arguments, "--epochs", "2", "--save", self.checkpoint)
        new = ["train", "--data", self.data, "--resume", self.checkpoint, "--new-cycle"]
        other, answer = self.directory / "other.ckpt", self.directory / "run.json"
        other.write_text("other")
        self.expect_failure(2, r"--new-cycle has no effect without --resume", "train", "--new-cycle")
        self.expect_failure(2, r"--resume and --save both name the file", *new, "--save", self.checkpoint)
        self.expect_failure(1, r"other.ckpt exists; resume it", *new, "--save", other)
        self.expect_failure(2, r"--norm is layer, but .* was begun with batch\n", *new, "--norm", "layer")
        self.expect_failure(2, r"--preset is fast, but .* was begun with standard\n", *new, "--preset", "fast")
        self.expect_failure(2, r"--architecture is 'gap fc-5', but .*begun with", *new, "--architecture", "gap fc-5")
        self.assertEqual(self.run_program(*new, "--json", answer).returncode, 0)
        self.expect_failure(1, r"run.json exists and does not hold the history of this training", *new, "--json", answer)
        self.assertEqual(len(json.loads(answer.read_text())["history"]), 2)


if __name__ == "__main__":
    mnist_program.main()
