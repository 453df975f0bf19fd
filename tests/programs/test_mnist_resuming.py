# SPDX-License-Identifier: MIT
"""normnet-mnist train --save and --resume."""
import json
import os
import re
import shlex
import signal
import subprocess
import time

import mnist_program
from mnist_program import TIME_LIMIT, TINY, environment, idx, without_times


class Resuming(mnist_program.TestCase):
    """A training run that is stopped and resumed ends with the same weights and the same history."""

    # Everything that a step depends on: dropout, augmentation, one-cycle, ghost batch norm, a short last batch.
    ARGUMENTS = ["--data", "generated", "--limit", "1000", "--epochs", "4", "--batch", "48", "--virtual-batch", "16"]
    ARGUMENTS += ["--dropout", "0.2", "--seed", "5", "--threads", "1"]
    ARGUMENTS += ["--architecture", "conv3-4 norm relu dropout maxpool2 conv3-8 norm relu gap conv1-10"]

    def setUp(self):
        super().setUp()
        self.checkpoint = self.directory / "run.ckpt"
        self.json = self.directory / "run.json"

    def stop(self, number, seconds, *arguments):
        """Starts a training run, sends it a signal and returns its exit code and output."""
        if "--resume" not in arguments:
            self.json.unlink(missing_ok=True)
        process = self.start(*arguments, "--json", self.json, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        output = self.read_head(process)
        time.sleep(seconds)
        process.send_signal(number)
        rest, errors = process.communicate(timeout=TIME_LIMIT)
        self.assertEqual(errors, "")
        return process.returncode, output + rest

    def resume(self, *arguments):
        return self.train("--data", "generated", "--resume", self.checkpoint, *arguments)

    def test_after_signals(self):
        for arguments in (self.ARGUMENTS, [*self.ARGUMENTS, "--norm", "group", "--virtual-batch", "0", "--nesterov"]):
            whole = without_times(self.train(*arguments))
            stopped = 0
            for i, (number, code) in enumerate([(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]):
                returned, output = self.stop(number, 0.03 * i, *arguments, "--save", self.checkpoint)
                self.assertIn(returned, (code, 0))
                for more in range(2):
                    if "Stopped" not in output:
                        break
                    stopped += 1
                    self.assertEqual(returned, code, output)
                    command = f"Resume with: normnet-mnist train --resume {self.checkpoint} --data generated "
                    self.assertIn(f"{command}--json {self.json}", output)
                    self.assertNotIn("SHA-256", output)
                    data = ["--data", "generated", "--resume", self.checkpoint, "--threads", "2"]
                    returned, output = self.stop(number, 0.02 * more, *data)
                self.assertEqual(without_times(self.resume()), whole, (i, output))
                self.assertIn(whole["weights_sha256"], self.output)
                self.checkpoint.unlink()
            self.assertGreater(stopped, 1)

    def test_what_a_stop_says(self):
        output = self.stop(signal.SIGINT, 0.05, *self.ARGUMENTS, "--epochs", "1000")[1]
        stopped = r"\nStopped in epoch (\d+) after (\d+) of 1000 images; "
        self.assertRegex(output, stopped + r"nothing is saved without --save FILE\.\n")
        output = self.stop(signal.SIGINT, 0.05, *self.ARGUMENTS, "--epochs", "1000", "--save", self.checkpoint)[1]
        place = re.search(stopped + r"saved .*run.ckpt. Resume", output)
        self.assertIsNotNone(place, output)
        epochs = json.loads(self.json.read_text())["history"] if place[1] != "1" else []
        self.assertEqual(len(epochs), int(place[1]) - 1)
        output = self.stop(signal.SIGINT, 0, "--data", "generated", "--resume", self.checkpoint)[1]
        self.assertIn(f"{int(place[1]) - 1} of 1000 epochs and {place[2]} of 1000 images of the next are done", output)

    def test_a_signal_in_the_last_test(self):
        """Everything is done and saved: the training is complete."""
        test = ["conv3-64 conv3-64 gap conv1-10", "--limit", "2", "--augment", "none"]
        arguments = ["--data", "generated", "--epochs", "1", "--architecture", *test]
        for seconds in (0.3, 1, 3, 10):  # the one step is far shorter than the test of 10,000 images
            process = self.start(*arguments, stdout=subprocess.PIPE)
            self.read_head(process)
            time.sleep(seconds)
            process.send_signal(signal.SIGINT)
            output = process.communicate()[0]
            if "after 0 of 2 images" not in output:  # else the signal came before the end of the step
                break
        self.assertEqual(process.returncode, 0, output)
        self.assertIn("SHA-256", output)

    def test_a_reader_that_goes_away(self):
        """`| less` and q, or a `tee` that the same Ctrl-C ends: the training continues to its end, or saves and stops."""
        arguments = [*self.ARGUMENTS, "--save", self.checkpoint, "--json", self.json]
        whole = without_times(self.train(*self.ARGUMENTS))
        for number, code in ((None, 1), (signal.SIGINT, 130)):
            with self.start(*arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
                self.read_head(process)
                process.stdout.close()
                if number:
                    process.send_signal(number)
                errors = process.stderr.read()
                self.assertEqual(process.wait(), code, errors)
            if not number:
                self.assertEqual(errors, "normnet-mnist: cannot write to standard output\n")
                self.assertEqual(len(json.loads(self.json.read_text())["history"]), 4)
            self.assertEqual(without_times(self.resume()), whole)
            self.checkpoint.unlink()
            self.json.unlink(missing_ok=True)

    def test_the_command_that_goes_on(self):
        """It works as it is printed, and has the options of this run."""
        data = self.write_data("my data; it's")
        self.checkpoint = self.directory / "$HOME *'.ckpt"
        options = ["--data", data, "--save", self.checkpoint, "--save-every", "5", "--threads", "1", "--cpu=portable"]
        arguments = ["--epochs", "3000", "--batch", "8", *TINY[4:], *options]
        for _ in range(2):
            code, output = self.stop(signal.SIGINT, 0.05, *arguments)
            self.assertEqual(code, 130, output)
            command = re.search(r"Resume with: normnet-mnist (train .*)\n", output)[1]
            for option in ("--resume", "--data", "--save-every", "--json", "--threads", "--cpu"):
                self.assertIn(f" {option} ", command)
            words = shlex.split(command)
            self.assertEqual(words[words.index("--resume") + 1], str(self.checkpoint))
            self.assertEqual(words[words.index("--data") + 1], str(data))
            script = f'"$0" {command} --epochs 3000 & sleep 0.2; kill -TERM $!; wait $!'
            run = subprocess.run(["sh", "-c", script, self.program], capture_output=True, text=True, check=False)
            self.assertEqual((run.returncode, run.stderr), (143, ""), run)
            arguments = words[1 : words.index("--json")] + words[words.index("--json") + 2 :]

    def test_a_history_that_is_too_long(self):
        """What a checkpoint has no room for is not taken from the JSON file that has it."""
        data = self.write_data()
        network = ["--augment", "none", "--architecture", "conv3-4 relu gap conv1-5"]
        arguments = ["--data", data, "--epochs", "100000", "--batch", "40", *network, "--save", self.checkpoint]
        process = self.start(*arguments, "--json", self.json, stdout=subprocess.PIPE)
        for line in process.stdout:
            if line.startswith("600/"):
                break
        process.send_signal(signal.SIGINT)
        output = process.communicate()[0]
        self.assertEqual(process.returncode, 130)
        self.assertNotIn("--json /", output)
        dropped = re.search(r"\nThe checkpoint has no room for the results of the first (\d+) epochs; choose a new", output)
        self.assertGreater(int(dropped[1]), 50)
        before = self.json.read_bytes()
        resume = ["train", "--data", data, "--resume", self.checkpoint]
        pattern = rf"run.json exists and may have the first {dropped[1]} epochs of the history, for which .*run.ckpt"
        self.expect_failure(1, pattern, *resume, "--json", self.json)
        self.assertEqual(self.json.read_bytes(), before)
        other = self.directory / "other.json"
        process = self.start(*resume[1:], "--json", other, stdout=subprocess.PIPE)
        self.assertIn(f"no room for the results of the first {dropped[1]} epochs\n", self.read_head(process))
        process.stdout.readline()  # the first epoch is over
        process.send_signal(signal.SIGINT)
        process.communicate()
        result = json.loads(other.read_text())
        self.assertEqual(result["forgotten_epochs"], int(dropped[1]))
        self.assertEqual(result["history"][0]["epoch"], int(dropped[1]) + 1)

    def test_a_second_signal_ends_at_once(self):
        """Within the first step of a network whose steps are long."""
        heavy = ["--architecture", "conv3-64 conv3-64 conv3-64 gap conv1-10", "--batch", "500", "--augment", "none"]
        arguments = ["--data", "generated", "--limit", "2000", "--threads", "1", *heavy]
        process = self.start(*arguments, stdout=subprocess.PIPE)
        self.addCleanup(process.stdout.close)
        self.read_head(process)
        for _ in range(2):
            time.sleep(0.03)
            process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(timeout=TIME_LIMIT), -signal.SIGINT)

    def test_from_every_step(self):
        """The checkpoints of --save-every, caught as they appear."""
        arguments = [*self.ARGUMENTS, "--epochs", "2"]
        whole = without_times(self.train(*arguments))
        caught = {}
        command = [self.program, "train", *arguments, "--save", str(self.checkpoint), "--save-every", "1"]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, env=environment(self.home)) as process:
            while process.poll() is None:
                if self.checkpoint.exists():
                    content = self.checkpoint.read_bytes()
                    caught[int(re.search(rb'"normnet.step":"(\d+)"', content)[1])] = content
        self.assertEqual(process.returncode, 0)
        self.assertGreater(len(caught), 3)
        steps = sorted(caught)
        for step, cpu in [(steps[0], "best"), (steps[len(steps) // 2], "best"), (steps[-1], "portable")]:
            self.checkpoint.write_bytes(caught[step])
            resumed = self.resume("--threads", "2", "--cpu", cpu)
            self.assertEqual(without_times(resumed)["history"], whole["history"])
            self.assertIn(whole["weights_sha256"], self.output)

    def test_save_every_and_other_file(self):
        """--save-every counts the steps of the training; a resumed run writes to the file of --save."""
        self.stop(signal.SIGINT, 0, *self.ARGUMENTS, "--save", self.checkpoint)
        before = self.checkpoint.read_bytes()
        other = self.directory / "other.ckpt"
        self.resume("--save", other, "--save-every", "4")
        self.assertEqual(self.checkpoint.read_bytes(), before)
        self.assertTrue(other.exists())

    def test_save_every(self):
        """After every N steps of the training, at the ends of its epochs, and at no other time."""
        network = ["--architecture", "conv3-48 conv3-48 gap conv1-10", "--augment", "none", "--threads", "1"]
        arguments = ["--data", "generated", "--limit", "320", "--batch", "32", "--epochs", "2", *network]
        caught = set()
        arguments += ["--save", self.checkpoint, "--save-every", "4"]
        with self.start(*arguments, stdout=subprocess.DEVNULL) as process:
            while process.poll() is None:
                if self.checkpoint.exists():
                    caught.add(int(re.search(rb'"normnet.step":"(\d+)"', self.checkpoint.read_bytes())[1]))
        self.assertEqual(process.returncode, 0)
        expected = {4, 8, 10, 12, 16, 20}
        self.assertLessEqual(caught, expected)
        self.assertGreaterEqual(len(caught), 4, caught)  # one may be too short to be seen

    def test_complete(self):
        result = self.train(*self.ARGUMENTS, "--save", self.checkpoint)
        before = self.checkpoint.read_bytes()
        again = self.resume()
        self.assertEqual(without_times(again), without_times(result))
        last = result["history"][-1]
        expected = f"is complete: 4 epochs. Test loss {last['test_loss']:.4f}, accuracy {last['test_accuracy']:.2f}%"
        self.assertIn(expected, self.output)
        self.assertEqual(self.checkpoint.read_bytes(), before)
        # One epoch is one.
        one = self.directory / "one.ckpt"
        self.train(*self.ARGUMENTS, "--epochs", "1", "--save", one)
        self.resume("--resume", one)
        self.assertIn("one.ckpt is complete: 1 epoch. Test loss", self.output)
        # A copy that is asked for is written, and is complete too.
        copy = self.directory / "copy.ckpt"
        self.resume("--save", copy)
        self.resume("--resume", copy)
        self.assertIn(expected, self.output)

    def test_a_link_stays_a_link(self):
        link = self.directory / "link.ckpt"
        link.symlink_to(self.checkpoint.name)
        self.train(*self.ARGUMENTS, "--epochs", "1", "--save", link)
        self.assertTrue(link.is_symlink())
        self.assertGreater(self.checkpoint.stat().st_size, 1000)
        self.checkpoint.chmod(0o600)
        self.resume("--resume", link, "--save", link)
        self.assertTrue(link.is_symlink())
        self.assertEqual(self.checkpoint.stat().st_mode & 0o777, 0o600)

    def test_a_training_is_not_overwritten(self):
        self.train(*self.ARGUMENTS, "--epochs", "1", "--save", self.checkpoint)
        before = self.checkpoint.read_bytes()
        other = self.directory / "other.ckpt"
        other.write_text("old")
        relative = os.path.relpath(self.checkpoint, self.directory)
        for path, *arguments in [
            (self.checkpoint, *self.ARGUMENTS),
            (relative, *self.ARGUMENTS),
            (other, "--data", "generated", "--resume", self.checkpoint),
        ]:
            pattern = rf"{path} exists; resume it with --resume {path}, or remove it\n"
            self.expect_failure(1, pattern, "train", *arguments, "--save", path)
        self.assertEqual((self.checkpoint.read_bytes(), other.read_text()), (before, "old"))
        # The file that is resumed may be named twice, in any way.
        self.resume("--save", relative)

    def test_options_that_differ(self):
        self.train(*self.ARGUMENTS, "--epochs", "1", "--save", self.checkpoint)
        before = self.checkpoint.read_bytes()
        resume = ["train", "--data", "generated", "--resume", self.checkpoint]
        for pattern, *arguments in [
            (r"--epochs is 5, but .*run.ckpt was begun with 1, which one-cycle depends on; --new-cycle begins",
             "--epochs", "5"),
            (r"--batch is 64, but .*run.ckpt was begun with 48\n", "--batch=64"),
            (r"--norm is group, but .* was begun with batch\n", "--norm", "group"),
            (r"--virtual-batch is 32, but .* was begun with 16\n", "--virtual-batch", "32"),
            (r"--lr is 0.016, but .* was begun with 0.015\n", "--lr", "0.016"),
            (r"--lr is 0.016, but .* was begun with 0.015\n", "--max-lr", "0.016"),
            (r"--schedule is step, but .* was begun with one-cycle\n", "--schedule", "step"),
            (r"--momentum is 0.9, but .* was begun without it\n", "--momentum", "0.9"),
            (r"--nesterov is on, but .* was begun with off\n", "--nesterov"),
            (r"--augment is 'none', but .* was begun with 'affine'\n", "--augment", "none"),
            (r"--dropout is 0.1, but .* was begun with 0.2\n", "--dropout", ".1"),
            (r"--seed is 6, but .* was begun with 5\n", "--seed", "6"),
            (r"--limit is 0, but .* was begun with 1000\n", "--limit", "0"),
            (r"--l2 is 1e-05, but .* was begun with 0\n", "--l2", "1e-5"),
            (r"--architecture is 'gap conv1-10', but .* begun with 'conv3-4 norm", "--architecture", "gap conv1-10"),
            (r"--preset is fast, but .* was begun with standard\n", "--preset", "fast"),
            (r"--groups has no effect without group norm", "--groups", "4"),
            (r"--resume and --json both name the file", "--json", self.checkpoint),
            (r"--resume and --json both name the file", "--save", "other", "--json", self.checkpoint),
        ]:
            with self.subTest(arguments=arguments):
                self.expect_failure(2, pattern, *resume, *arguments)
                self.assertEqual(self.checkpoint.read_bytes(), before)
        # The options that the training was begun with may be repeated, however they are written.
        same = [*self.ARGUMENTS[2:], "--epochs=1", "--max-lr", "1.5e-2", "--preset", "standard"]
        same[same.index("--architecture") + 1] = "  conv3-4 norm relu  dropout maxpool2 conv3-8 norm relu gap conv1-10 "
        self.assertEqual(self.run_program(*resume, *same).returncode, 0)
        preset = ["--limit", "200", "--preset", "fast", "--lr", ".05"]
        self.checkpoint.unlink()
        self.train("--data", "generated", *preset, "--save", self.checkpoint)
        self.assertEqual(self.run_program(*resume, *preset).returncode, 0)
        self.assertEqual(self.resume()["configuration"]["preset"], "fast")
        self.assertEqual(self.run_program(*resume, "--preset", "fast").returncode, 0)
        pattern = r"--preset is standard, but .*run.ckpt was begun with fast\n"
        self.expect_failure(2, pattern, *resume, "--preset", "standard")

    def test_other_data(self):
        self.train("--data", self.write_data(), *TINY, "--save", self.checkpoint)
        before = self.checkpoint.read_bytes()
        pixels = [1] + [(i % 5 * 50 + 3 * k) % 256 for i in range(40) for k in range(48)][1:]
        labels = [i % 5 for i in range(39)] + [0]
        turned = {"train_images": idx([40, 8, 6], pixels), "test_images": idx([10, 8, 6], pixels[:480])}
        fewer = {"train_images": idx([39, 6, 8], pixels[48:]), "train_labels": idx([39], labels[1:])}
        other = r"run.ckpt was begun with other training images than those of .*: their SHA-256 is [0-9a-f]{64}, exp"
        other_test = other.replace("training", "test")
        for name, pattern, changed in [
            ("pixel", other, {"train_images": idx([40, 6, 8], pixels)}),
            ("label", other, {"train_labels": idx([40], labels)}),
            ("test pixel", other_test, {"test_images": idx([10, 6, 8], pixels[:480])}),
            ("test label", other_test, {"test_labels": idx([10], [0] * 10)}),
            ("shape", other, turned),
            ("count", r"run.ckpt was begun with 40 training images; .* has 39\n", fewer),
        ]:
            with self.subTest(name=name):
                data = self.write_data(name, **changed)
                self.expect_failure(1, pattern, "train", "--data", data, "--resume", self.checkpoint)
        self.assertEqual(self.checkpoint.read_bytes(), before)

    def test_damaged_files(self):
        self.train(*self.ARGUMENTS, "--epochs", "1", "--save", self.checkpoint)
        weights = self.directory / "exported"
        self.assertEqual(self.run_program("export", "--model", self.checkpoint, "--weights", weights).returncode, 0)
        content = self.checkpoint.read_bytes()
        note = content.index(b"normnet-mnist train 2")
        flipped = bytearray(content)
        flipped[-100] ^= 1
        renamed = bytearray(content)
        renamed[note] ^= 2
        for name, pattern, damaged in [
            ("flipped", r"flipped': .*crc32c", bytes(flipped)),
            ("note", r"note': .*crc32c", bytes(renamed)),
            ("cut", r"cut': .*", content[:-1]),
            ("short", r"short': .*", content[:20]),
            ("empty", r"empty': .*", b""),
            ("text", r"text': .*", b"This is no checkpoint, but a text of some length."),
            ("weights", r"weights was not written by normnet-mnist train --save", weights.read_bytes()),
        ]:
            with self.subTest(name=name):
                path = self.directory / name
                path.write_bytes(damaged)
                self.expect_failure(1, pattern, "train", "--data", "generated", "--resume", path)
                self.assertEqual(path.read_bytes(), damaged)
        missing = self.directory / "missing"
        self.expect_failure(1, r"cannot open '.*missing'", "train", "--data", "generated", "--resume", missing)

    def test_places_that_cannot_be_written(self):
        """It is known before the training starts."""
        missing = self.directory / "nowhere" / "run.ckpt"
        pipe = self.make_pipe()
        for path, pattern in [
            (missing, r"cannot write .*nowhere/run.ckpt: No such file"),
            (self.directory, r"cannot write .*: it is not a regular file"),
            (pipe, r"cannot write .*pipe: it is not a regular file"),
        ]:
            start = time.monotonic()
            result = self.expect_failure(1, pattern, "train", "--data", "generated", "--save", path)
            self.assertEqual(result.stdout, "")
            self.assertLess(time.monotonic() - start, 600)
        self.assertTrue(pipe.is_fifo())


if __name__ == "__main__":
    mnist_program.main()
