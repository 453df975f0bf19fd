# SPDX-License-Identifier: MIT
"""The files that normnet-mnist writes: none takes the place of another, not even of one that is being written."""
import json
import os
import resource
import shutil
import signal
import subprocess
import time

import mnist_program
from mnist_program import FILES, SMALL_NETWORK, TINY, pgm


class Outputs(mnist_program.TestCase):
    ENDLESS = ["--epochs", "100000", *TINY[2:]]

    def setUp(self):
        super().setUp()
        self.data = self.write_data()
        self.checkpoint = self.directory / "run.ckpt"
        self.json = self.directory / "run.json"

    def contents(self):
        return {path: path.read_bytes() for path in self.directory.rglob("*") if path.is_file()}

    def running(self, *arguments):
        """A training run that goes on until stop()."""
        process = self.start("--data", self.data, *self.ENDLESS, *arguments, stdout=subprocess.PIPE)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.kill)
        self.read_head(process)
        process.stdout.readline()  # the first epoch is over, its files are written
        return process

    def stop(self, process, number=signal.SIGINT):
        process.send_signal(number)
        process.communicate()

    @staticmethod
    def umask():
        mask = os.umask(0)
        os.umask(mask)
        return mask

    def test_two_trainings_with_one_file(self):
        link, folder = self.directory / "link", self.directory / "folder"
        link.symlink_to(self.checkpoint.name)
        folder.symlink_to(self.directory)
        train = ["train", "--data", self.data, *TINY]
        process = self.running("--save", self.checkpoint, "--json", self.json)
        for path, *arguments in [
            (self.checkpoint, *train, "--save", self.checkpoint),
            (link, *train, "--save", link),
            (folder / "run.ckpt", *train, "--save", folder / "run.ckpt"),
            (self.checkpoint, "train", "--data", self.data, "--resume", self.checkpoint),
            (self.json, *train, "--json", self.json),
            (folder / "run.json", *train, "--save", self.json, "--json", folder / "other.json"),
            (self.json, "evaluate", "--data", self.data, "--model", self.checkpoint, "--json", self.json),
            (self.json, "export", "--model", self.checkpoint, "--onnx", self.json),
        ]:
            pattern = rf"run\.(ckpt|json) is being written by the process {process.pid}; choose another file\n"
            with self.subTest(arguments=arguments):
                pattern = pattern if path != link else pattern.replace(r"run\.(ckpt|json)", "link")
                self.assertEqual(self.expect_failure(1, pattern, *arguments).stdout, "")
        copy = self.directory / "copy.ckpt"  # what is read may be written, and others may write beside it
        shutil.copy(self.checkpoint, copy)
        self.assertEqual(self.run_program(*train, "--save", self.directory / "other.ckpt").returncode, 0)
        self.assertEqual(self.run_program("evaluate", "--data", self.data, "--model", self.checkpoint).returncode, 0)
        self.stop(process)
        self.assertEqual(process.returncode, 130)
        self.assertEqual([p.name for p in self.directory.iterdir() if p.name.endswith(".lock")], [])
        self.assertGreater(len(json.loads(self.json.read_text())["history"]), 0)

    def test_before_the_first_epoch(self):
        """Neither run has a file yet; one of them goes on."""
        network = ["--architecture", "conv3-64 conv3-64 gap conv1-10", "--augment", "none"]
        slow = ["--data", "generated", "--limit", "3000", *network, "--save", self.checkpoint]
        first = self.start(*slow, stdout=subprocess.PIPE)
        self.addCleanup(first.stdout.close)
        self.read_head(first)
        self.assertFalse(self.checkpoint.exists())
        self.expect_failure(1, rf"run.ckpt is being written by the process {first.pid}; ", "train", *slow)
        self.stop(first)
        self.assertEqual(first.returncode, 130)
        self.assertTrue(self.checkpoint.exists())

    def test_many_at_once(self):
        """Of runs that begin at the same moment, one trains; the file is its."""
        command = [self.program, "train", "--data", self.data, *TINY, "--save", self.checkpoint]
        for _ in range(5):
            runs = [subprocess.Popen([*map(str, command)], stdout=-1, stderr=-1, text=True) for _ in range(6)]
            outputs = [run.communicate() for run in runs]
            winners = [out for run, (out, _) in zip(runs, outputs) if run.returncode == 0]
            self.assertEqual(len(winners), 1, outputs)
            for run, (_, errors) in zip(runs, outputs):
                if run.returncode != 0:
                    self.assertRegex(errors, r"run.ckpt (is being written by (the|another) process|exists; resume)")
            self.assertFalse(self.checkpoint.with_name("run.ckpt.lock").exists())
            self.checkpoint.unlink()

    def test_a_run_that_is_killed(self):
        """Its lock ends with it, though the file of the lock stays until the next run."""
        lock = self.directory / "run.ckpt.lock"
        process = self.running("--save", self.checkpoint, "--json", self.json)
        self.stop(process, signal.SIGKILL)
        self.assertTrue(lock.exists())
        again = self.start("--data", self.data, "--resume", self.checkpoint, "--json", self.json, stdout=subprocess.PIPE)
        self.addCleanup(again.stdout.close)
        self.read_head(again)
        self.stop(again)
        self.assertEqual(again.returncode, 130)
        self.assertFalse(lock.exists())

    def wait_for(self, process, *paths):
        """Until the files are there; the test fails if the process ends before."""
        while not all(path.exists() for path in paths):
            self.assertIsNone(process.poll(), process.args)
            time.sleep(0.001)

    def locks(self):
        return sorted(path.name for path in self.directory.iterdir() if path.name.endswith(".lock"))

    def test_signals_that_end_a_run(self):
        """No command leaves the file of a lock: in a test, before the training begins, and with a second signal."""
        slow = ["--architecture", "conv3-64 conv3-64 conv3-64 gap conv1-10", "--threads", "1"]
        heavy = ["--data", "generated", *slow, "--batch", "500", "--augment", "none"]
        small = ["--data", "generated", "--limit", "10", *SMALL_NETWORK, "--epochs", "1", "--save", self.checkpoint]
        self.assertEqual(self.run_program("train", *small).returncode, 0)
        model = ["--model", self.checkpoint]
        other = self.directory / "other.ckpt"
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            for claimed, *command in [
                ([self.json], "evaluate", *model, "--data", "generated", "--tta", "8", "--json", self.json),
                ([other, self.json], "train", *heavy, "--save", other, "--json", self.json),
                ([self.json], "lr-find", *heavy, "--json", self.json),
            ]:
                with self.subTest(command=command[0], number=number):
                    process = self.begin(*command)
                    self.wait_for(process, *(path.with_name(f"{path.name}.lock") for path in claimed))
                    process.send_signal(number)
                    self.assertEqual(process.wait(timeout=mnist_program.TIME_LIMIT), -number)
                    self.assertEqual((self.locks(), [path.exists() for path in claimed]), ([], [False] * len(claimed)))
        for pause in (0.03, 0.1, 0.5, 2):  # long enough to be in the first step, which is longer
            process = self.begin("train", *heavy, "--batch", "5000", "--save", other)
            self.read_head(process)
            for _ in range(2):
                time.sleep(pause)
                process.send_signal(signal.SIGINT)
            process.wait(timeout=mnist_program.TIME_LIMIT)
            self.assertEqual(self.locks(), [])
            other.unlink(missing_ok=True)
            if process.returncode == -signal.SIGINT:  # else the step had not begun
                break
        self.assertEqual(process.returncode, -signal.SIGINT)

    def begin(self, *arguments):
        process = subprocess.Popen([self.program, *map(str, arguments)], stdout=subprocess.PIPE, text=True,
                                   env=mnist_program.environment(self.home),
                                   preexec_fn=mnist_program.heed_signals)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.kill)
        return process

    def test_a_lock_that_became_another_process_s(self):
        """A signal removes the file of this process alone."""
        lock = self.directory / "run.ckpt.lock"
        heavy = ["--architecture", "conv3-64 conv3-64 conv3-64 gap conv1-10", "--batch", "500"]
        process = self.begin("train", "--data", "generated", *heavy, "--save", self.checkpoint)
        self.read_head(process)
        lock.unlink()
        lock.touch()
        process.send_signal(signal.SIGQUIT)
        self.assertEqual(process.wait(timeout=mnist_program.TIME_LIMIT), -signal.SIGQUIT)
        self.assertEqual(self.locks(), [lock.name])

    def test_a_limit_of_file_sizes(self):
        """`ulimit -f` ends no command without a word, and leaves no file that is half written."""
        model = self.directory / "model"
        self.assertEqual(self.run_program("train", "--data", self.data, *TINY, "--save", model).returncode, 0)
        before = self.contents()
        train = ["train", "--data", self.data, *TINY]
        for size, *command in [
            (1000, *train, "--save", self.checkpoint),
            (500, *train, "--json", self.json),
            (100, "evaluate", "--data", self.data, "--model", model, "--json", self.json),
            (100, "predict", self.data / FILES[2], "--model", model, "--json", self.json),
            (100, "export", "--model", model, "--onnx", self.directory / "x.onnx"),
            (100, "export", "--model", model, "--weights", self.directory / "x.weights"),
        ]:
            with self.subTest(command=command):
                result = subprocess.run(
                    [self.program, *map(str, command)],
                    capture_output=True,
                    text=True,
                    preexec_fn=lambda size=size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size)),
                    check=False,
                )
                self.assertEqual(result.returncode, 1, result)
                self.assertRegex(result.stderr, r"^normnet-mnist: cannot write .*(larger than allowed|too large)\n$")
                self.assertEqual(self.contents(), before)

    def test_a_limit_of_processor_time(self):
        """The training stops and is saved."""
        heavy = ["--architecture", "conv3-128p1 conv3-128p1 gap conv1-5", "--threads", "1"]
        process = subprocess.Popen(
            [self.program, "train", "--data", self.data, "--epochs", "100000", *heavy, "--save", self.checkpoint],
            stdout=subprocess.PIPE,
            text=True,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CPU, (1, 600)),
        )
        output = process.communicate()[0]
        self.assertEqual(process.returncode, 128 + signal.SIGXCPU, output[-500:])
        self.assertRegex(output, r"Stopped in epoch .*\n?.*Resume with")

    def test_a_file_that_appears_in_the_place(self):
        """Other programs know nothing of the lock."""
        for option, path in (("--save", self.checkpoint), ("--json", self.json)):
            # Epochs that take long beside the moment of writing.
            arguments = ["--data", "generated", "--limit", "3000", *SMALL_NETWORK, option, path]
            process = self.start(*arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            self.addCleanup(process.kill)
            self.read_head(process)
            path.with_name(f"{path.name}.lock").unlink()
            other = self.directory / "other"
            other.write_text("of another program")
            other.rename(path)
            errors = process.communicate()[1]
            self.assertEqual(process.returncode, 1)
            pattern = rf"{path.name} was changed by another program while this one ran, and is not replaced\n$"
            self.assertRegex(errors, pattern)
            self.assertEqual(path.read_text(), "of another program")

    def test_a_lock_that_is_another_file(self):
        lock = self.directory / "run.ckpt.lock"
        train = ["train", "--data", self.data, *TINY, "--save", self.checkpoint]
        lock.write_text("mine")
        self.expect_failure(1, r"cannot write .*run.ckpt: .*run.ckpt.lock, the name of its lock, is another", *train)
        self.assertEqual(lock.read_text(), "mine")
        lock.unlink()
        lock.symlink_to("elsewhere")
        self.expect_failure(1, r"cannot create .*run.ckpt.lock: ", *train)
        self.assertFalse((self.directory / "elsewhere").exists())

    def test_the_name_of_a_lock(self):
        """No output of a run is the lock of another one, in whatever order and however it is written."""
        save, best, lock = (self.directory / f"run.ckpt{end}" for end in ("", ".best", ".lock"))
        keep = ["--validate", "10", "--keep", "best"]
        for message, *arguments in [
            ("run.ckpt.lock is the name of the lock of", "--save", save, "--json", lock),
            ("run.ckpt.lock is the name of the lock of", "--save", save, "--report", self.directory / "." / lock.name),
            ("run.ckpt.lock is written, and is the name of the lock of", "--save", lock, "--json", save),
            ("run.ckpt.best.lock is written, and is the name of the lock", "--save", save, *keep, "--json", f"{best}.lock"),
        ]:
            self.expect_failure(2, message, "train", "--data", self.data, *TINY, *arguments)
            self.assertEqual(sorted(path.name for path in self.directory.iterdir() if path.name.startswith("run")), [])

    def test_weights_that_a_training_needs(self):
        """Those of the best epoch are weights like exported ones, which an export may replace."""
        other, best = self.directory / "other.ckpt", self.directory / "run.ckpt.best"
        keep = ["--validate", "10", "--keep", "best"]
        self.train("--data", self.data, *TINY, *keep, "--save", self.checkpoint)
        self.train("--data", self.data, *TINY, "--save", other)
        before = best.read_bytes()
        self.expect_failure(1, r"run.ckpt.best exists and has the weights of the best epoch of a training; choose",
                            "export", "--model", other, "--weights", best)
        self.assertEqual(best.read_bytes(), before)
        resumed = self.run_program("train", "--resume", self.checkpoint, "--data", self.data)
        self.assertEqual(resumed.returncode, 0, resumed)

    def test_signals_while_a_file_is_written(self):
        """Its temporary file goes with the process."""
        self.train("--data", self.data, *TINY, "--save", self.checkpoint)
        images = self.directory / "many.idx"
        images.write_bytes(mnist_program.idx([60000, 6, 8], bytes(60000 * 48)))
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
            process = self.begin("predict", "--model", self.checkpoint, images, "--count", "60000", "--json", self.json)
            while process.poll() is None and not list(self.directory.glob(".normnet-mnist-*")):
                process.stdout.read(1)
            process.send_signal(number)
            process.communicate()
            self.assertEqual(process.returncode, -number)
            self.assertEqual([path for path in self.directory.glob(".*") if path.is_file()], [])
            self.assertFalse(self.json.exists())
            self.assertEqual(self.locks(), [])

    def test_data_that_become_shorter(self):
        """The training goes on with what it has read."""
        process = self.running("--save", self.checkpoint)
        kept = self.directory / "kept"
        shutil.copytree(self.data, kept)
        for file in FILES:
            os.truncate(self.data / file, 0)
        for _ in range(3):
            process.stdout.readline()
        self.stop(process)
        self.assertEqual(process.returncode, 130)
        self.assertEqual(self.run_program("evaluate", "--data", kept, "--model", self.checkpoint).returncode, 0)

    def test_temporary_names_that_are_taken(self):
        """A link of another user's, under a name that can be foreseen, leads nowhere; nor is anything removed there."""
        victim = self.directory / "victim"
        victim.write_text("mine")

        def plant():
            for path in (self.json, self.checkpoint):
                os.symlink(victim, f"{path}.{os.getpid()}.tmp")

        command = [self.program, "train", "--data", self.data, *TINY, "--json", self.json, "--save", self.checkpoint]
        result = subprocess.run(list(map(str, command)), env=mnist_program.environment(self.home), preexec_fn=plant,
                                capture_output=True, text=True, timeout=mnist_program.TIME_LIMIT, check=False)
        self.assertEqual(result.returncode, 0, result)
        self.assertEqual(victim.read_text(), "mine")
        self.assertEqual(len([path for path in self.directory.iterdir() if path.is_symlink()]), 2)
        self.assertFalse(self.json.is_symlink())
        self.assertEqual(json.loads(self.json.read_text())["history"][0]["epoch"], 1)

    def test_long_names(self):
        """As long as the system allows, which leaves no room for an ending; and the umask decides the permissions."""
        folder = self.directory / "long"
        folder.mkdir()
        for length in (230, 240, 250, 251, 255):
            paths = [folder / (letter * length) for letter in "jsr"]
            with self.subTest(length=length):
                files = ["--json", paths[0], "--save", paths[1], "--report", paths[2]]
                result = self.run_program("train", "--data", self.data, *TINY, *files)
                self.assertEqual(result.returncode, 0, result)
                self.assertEqual(sorted(folder.iterdir()), sorted(paths))
                for path in paths:
                    self.assertEqual(path.stat().st_mode & 0o777, 0o666 & ~self.umask())
                    path.unlink()

    def test_two_trainings_with_one_long_name(self):
        path = self.directory / (255 * "j")
        process = self.running("--json", path)
        pattern = rf"j+ is being written by the process {process.pid}; choose another file\n"
        self.expect_failure(1, pattern, "train", "--data", self.data, *TINY, "--json", path)
        self.stop(process)
        self.assertEqual([p.name for p in self.directory.iterdir() if p.name.endswith(".lock")], [])

    def test_results_of_another_training(self):
        """The history of a finished training run is replaced by its own continuation only."""
        train = ["train", "--data", self.data, *TINY]
        self.assertEqual(self.run_program(*train, "--save", self.checkpoint, "--json", self.json).returncode, 0)
        other = self.directory / "other.ckpt"
        self.assertEqual(self.run_program(*train, "--seed", "2", "--save", other).returncode, 0)
        before = self.contents()
        has_not = r"run.json exists and does not hold the history of this training; choose another file for --json"
        was_not = r"run.json exists and was not written by normnet-mnist "
        evaluate, predict, export = ([word, "--model", other] for word in ("evaluate", "predict", "export"))
        picture = self.data / FILES[2]
        for pattern, *arguments in [
            (has_not, *train, "--json", self.json),
            (has_not, "train", "--data", self.data, "--resume", other, "--json", self.json),
            (was_not + "evaluate;", *evaluate, "--data", self.data, "--json", self.json),
            (was_not + "predict;", *predict, picture, "--json", self.json),
            (was_not + "export;", *export, "--onnx", self.json),
            (was_not.replace("json", "ckpt") + "export;", *export, "--weights", self.checkpoint),
            (was_not.replace("json", "ckpt") + "export;", *export, "--onnx", self.checkpoint),
        ]:
            with self.subTest(arguments=arguments):
                result = self.expect_failure(1, pattern, *arguments)
                self.assertEqual(result.stdout, "")
                self.assertEqual(self.contents(), before)
        result = self.run_program("train", "--data", self.data, "--resume", self.checkpoint, "--json", self.json)
        self.assertEqual(result.returncode, 0, result)
        self.assertEqual(self.contents(), before)

    def test_names_do_not_steer_the_terminal(self):
        """Control characters in names are shown as ?, in tables, notes and messages; the files have the names."""
        folder = self.directory / "new\nline\x1b[31m"
        folder.mkdir()
        model, picture = folder / "m.ckpt", folder / "7\t\x7f.pgm"
        picture.write_bytes(pgm(50, 50, [255] * 1000 + [0] * 500 + [255] * 1000))
        data = self.write_data(folder.name + "/data")
        train = self.run_program("train", "--data", data, *TINY, "--save", model)
        self.assertIn("new?line?[31m/data\n", train.stdout)
        outputs = [
            train, self.run_program("train", "--resume", model), self.run_program("train", "--resume", model, "--data", data),
            self.run_program("evaluate", "--model", model, "--data", data), self.run_program("predict", "--model", model, picture),
            self.run_program("export", "--model", model, "--onnx", folder / "a.onnx", "--weights", folder / "w"),
            self.run_program("predict", "--model", folder / "nowhere", picture), self.run_program("train", "--data", folder / "nowhere"),
            self.run_program("predict", "--model", model, folder / "nowhere"), self.run_program("train", "--\x1b[31m"),
        ]
        for result in outputs:
            for text in (result.stdout, result.stderr):
                self.assertNotRegex(text, r"[\x00-\x08\x0b-\x1f\x7f]|new\n")
        process = self.begin("train", "--data", data, *self.ENDLESS, "--save", folder / "stopped'.ckpt")
        self.read_head(process)
        process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate()
        self.assertNotRegex(output, r"[\x00-\x08\x0b-\x1f\x7f]|new\n")
        command = output.split("Resume with: ")[1].splitlines()[0]
        words = subprocess.run(["bash", "-c", f"printf '%s\\0' {command}"], capture_output=True, text=True, check=True)
        self.assertIn(str(folder / "stopped'.ckpt"), words.stdout.split("\0"))
        (folder / "stopped'.ckpt").unlink()
        self.assertRegex(outputs[4].stdout, r"(?m)new\?line\?\[31m/7\?\?.pgm  +\d ")
        self.assertEqual({path.name for path in folder.iterdir()}, {"m.ckpt", "7\t\x7f.pgm", "data", "a.onnx", "w"})

    def test_standard_output_is_no_file(self):
        model, arguments = self.directory / "model", ["--data", self.data, *TINY]
        self.train(*arguments, "--save", model)
        for command in (["train", *arguments, "--save"], ["train", *arguments, "--json"],
                        ["evaluate", "--model", model, "--data", self.data, "--json"], ["export", "--model", model, "--onnx"],
                        ["export", "--model", model, "--weights"]):
            self.expect_failure(1, r"cannot write -: expected the name of a file", *command, "-")
            self.expect_failure(1, r"cannot write /dev/stdout: it is not a regular file", *command, "/dev/stdout")

    def test_a_command_replaces_its_own_files(self):
        model = self.checkpoint
        self.assertEqual(self.run_program("train", "--data", self.data, *TINY, "--save", model).returncode, 0)
        picture = self.directory / "picture.pgm"
        picture.write_bytes(pgm(8, 6, [0] * 48))
        answer, onnx, weights = (self.directory / name for name in ("answer.json", "m.onnx", "m.safetensors"))
        for arguments in (
            ["evaluate", "--data", self.data, "--json", answer],
            ["predict", picture, "--json", answer],
            ["export", "--onnx", onnx, "--weights", weights],
        ):
            answer.unlink(missing_ok=True)
            for _ in range(2):
                result = self.run_program(*arguments, "--model", model)
                self.assertEqual((result.returncode, result.stderr), (0, ""), result)


if __name__ == "__main__":
    mnist_program.main()
