# SPDX-License-Identifier: MIT
"""normnet-mnist train --validate and --keep best."""
import json
import re
import shutil
import signal
import subprocess

import mnist_program
from mnist_program import FILES, TINY, idx, without_times

PIXELS = 48  # of the images of write_data()


def noisy_images(count, salt):
    """Pixels and labels of images that are hard to tell apart, so that the accuracy jumps."""
    labels = [(i * 7 + salt) % 5 for i in range(count)]
    pixels = [(label * 9 + (31 * i * i + 17 * k * (i + salt) + k * k) % 97) % 256
              for i, label in enumerate(labels) for k in range(PIXELS)]
    return pixels, labels


def keys_of(epoch, word):
    return epoch[f"{word}_loss"], epoch[f"{word}_accuracy"]


class Validation(mnist_program.TestCase):
    JUMPING = ["--schedule", "constant", "--lr", "0.3", "--batch", "8", "--epochs", "8", "--augment", "none",
               "--architecture", "conv3-4 norm relu gap conv1-5"]

    def setUp(self):
        super().setUp()
        self.pixels, self.labels = noisy_images(60, 1)
        self.tests = noisy_images(30, 2)
        self.data = self.directory_of("data", 0, 60, self.tests)
        self.checkpoint = self.directory / "run.ckpt"
        self.best = self.directory / "run.ckpt.best"

    def directory_of(self, name, first, last, tests):
        """A data set with the training images from `first` to `last` - 1."""
        return self.write_data(
            name,
            train_images=idx([last - first, 6, 8], self.pixels[first * PIXELS : last * PIXELS]),
            train_labels=idx([last - first], self.labels[first:last]),
            test_images=idx([len(tests[1]), 6, 8], tests[0]),
            test_labels=idx([len(tests[1])], tests[1]),
        )

    def held_out(self, count):
        return self.pixels[-count * PIXELS :], self.labels[-count:]

    def test_the_last_images_are_held_out(self):
        """The training is that of a data set without them; they are tested as test images would be."""
        arguments = [*TINY, "--epochs", "3"]
        for limit, used in ((0, 48), (20, 20), (48, 48), (1000, 48)):
            with self.subTest(limit=limit):
                with_parts = self.train("--data", self.data, *arguments, "--validate", "12", "--limit", limit)
                self.assertIn(f"{used} training, 12 validation and 30 test images", self.output)
                self.assertEqual(with_parts["data"]["training_images"], used)
                self.assertEqual(with_parts["data"]["validation_images"], 12)
                self.assertEqual(with_parts["configuration"]["validate"], 12)
                as_test = self.train("--data", self.directory_of(f"a{limit}", 0, used, self.held_out(12)), *arguments)
                plain = self.train("--data", self.directory_of(f"b{limit}", 0, used, self.tests), *arguments)
                self.assertEqual(with_parts["weights_sha256"], plain["weights_sha256"])
                self.assertEqual(with_parts["weights_sha256"], as_test["weights_sha256"])
                for epoch, validation, test in zip(with_parts["history"], as_test["history"], plain["history"]):
                    self.assertEqual(list(epoch)[3:5], ["validation_loss", "validation_accuracy"])
                    self.assertEqual(keys_of(epoch, "validation"), keys_of(validation, "test"))
                    self.assertEqual(keys_of(epoch, "test"), keys_of(test, "test"))
                    self.assertEqual(keys_of(epoch, "train"), keys_of(test, "train"))
        self.assertNotIn("best", with_parts)

    def test_the_table(self):
        result = self.train("--data", self.data, *TINY, "--epochs", "2", "--validate", "12")
        self.assertLessEqual(max(map(len, self.output.split("train loss")[1].splitlines()[1:3])), 80)
        for epoch in result["history"]:
            row = "".join(f"  {keys_of(epoch, word)[0]:10.4f} {keys_of(epoch, word)[1]:7.2f}%"
                          for word in ("train", "validation", "test"))
            self.assertIn(f"{epoch['epoch']:3d}/2  {row}", self.output)

    def test_generated_digits(self):
        """The last digits of 60,000, whatever the limit."""
        model = self.directory / "model"
        arguments = ["--data", "generated", "--validate", "300", "--epochs", "1", "--augment", "none"]
        result = self.train(*arguments, "--limit", "400", "--save", model)
        last = result["history"][-1]
        answer = self.evaluate(model, "--data", "generated", "--validate", "300")
        self.assertEqual((answer["loss"], answer["accuracy"]), keys_of(last, "validation"))
        self.assertEqual(answer["data"], {"source": "generated", "validation_images": 300})
        answer = self.evaluate(model, "--data", "generated")
        self.assertEqual((answer["loss"], answer["accuracy"]), keys_of(last, "test"))

    def evaluate(self, model, *arguments):
        path = self.directory / "answer.json"
        result = self.run_program("evaluate", "--model", model, *arguments, "--json", path)
        self.assertEqual((result.returncode, result.stderr), (0, ""), result)
        return json.loads(path.read_text(encoding="utf-8"))

    def best_of(self, history):
        return min(history, key=lambda e: (-e["validation_accuracy"], e["validation_loss"], e["epoch"]))

    def test_keep_best(self):
        """FILE.best has the weights of the best epoch: those of a training run that ends with it."""
        earlier = 0
        for seed in range(1, 5):
            arguments = ["--data", self.data, *self.JUMPING, "--validate", "20", "--seed", seed]
            result = self.train(*arguments, "--save", self.checkpoint, "--keep", "best")
            best = self.best_of(result["history"])
            self.assertEqual(result["configuration"]["keep"], "best")
            self.assertEqual({k: v for k, v in result["best"].items() if k != "weights_sha256"}, best)
            self.assertIn(f"\nBest epoch: {best['epoch']}, with a validation accuracy of ", self.output)
            self.assertIn(f"run.ckpt.best; their SHA-256: {result['best']['weights_sha256']}\n", self.output)
            answer = self.evaluate(self.best, "--data", self.data, "--validate", "20")
            self.assertEqual((answer["loss"], answer["accuracy"]), keys_of(best, "validation"))
            self.assertEqual(answer["weights_sha256"], result["best"]["weights_sha256"])
            shorter = self.train(*arguments, "--epochs", best["epoch"])
            self.assertEqual(shorter["weights_sha256"], answer["weights_sha256"])
            last = self.evaluate(self.checkpoint, "--data", self.data)
            self.assertEqual(last["weights_sha256"], result["weights_sha256"])
            earlier += best["epoch"] < 8
            self.checkpoint.unlink()
            self.best.unlink()
        self.assertGreater(earlier, 0)  # otherwise any file of last weights would pass

    def stopped(self, *arguments):
        """Stops a run in the middle, if it is slow enough for that; returns whether it was."""
        process = self.start(*arguments, stdout=subprocess.PIPE)
        self.read_head(process)
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        output = process.communicate()[0]
        return "Stopped in epoch" in output

    def test_resuming_keeps_both(self):
        run = ["--data", self.data, *self.JUMPING, "--epochs", "4000", "--validate", "20", "--seed", "3"]
        save = ["--save", self.checkpoint, "--keep", "best"]
        self.assertTrue(self.stopped(*run, *save))
        resume = ["--data", self.data, "--resume", self.checkpoint]
        self.assertTrue(self.stopped(*resume))
        # A run to another place takes the best weights along.
        other = self.directory / "other.ckpt"
        self.assertTrue(self.stopped(*resume, "--save", other))
        begun = re.search(r": (\d+) of 4000 epochs", self.start_and_stop(other))[1]
        epochs = str(int(begun) + 3)
        whole = without_times(self.train(*run, "--epochs", epochs, "--save", self.directory / "whole", "--keep", "best"))
        resumed = self.train("--data", self.data, "--resume", other, "--epochs", epochs)
        self.assertEqual(resumed["configuration"]["validate"], 20)
        resumed, whole = without_times(resumed), {**whole}
        for result in (resumed, whole):
            del result["configuration"]["epochs"]
            for key in ("seconds", "images_per_second"):
                del result["best"][key]
        # The history of more epochs than a note has room for begins later.
        self.assertEqual(resumed["history"], whole["history"][-len(resumed["history"]) :])
        self.assertEqual(resumed["best"], whole["best"])
        self.assertEqual(resumed["weights_sha256"], whole["weights_sha256"])
        copy = self.evaluate(f"{other}.best", "--data", self.data)
        self.assertEqual(copy["weights_sha256"], whole["best"]["weights_sha256"])

    def start_and_stop(self, checkpoint):
        """The head of a resumed run."""
        process = self.start("--data", self.data, "--resume", checkpoint, "--save", self.directory / "third",
                             stdout=subprocess.PIPE)
        head = self.read_head(process)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        for path in self.directory.glob("third*"):
            path.unlink()
        return head

    def test_killed_between_the_files(self):
        """The best weights are newer than the checkpoint: their epoch is trained again."""
        run = ["--data", self.data, *self.JUMPING, "--validate", "20", "--seed", "2", "--keep", "best"]
        whole = self.train(*run, "--save", self.checkpoint)
        epoch = whole["best"]["epoch"]
        self.assertGreater(epoch, 1)
        best = self.best.read_bytes()
        for path in (self.checkpoint, self.best):
            path.unlink()
        self.train(*run, "--epochs", epoch - 1, "--save", self.checkpoint)
        self.best.write_bytes(best)
        resumed = self.train("--data", self.data, "--resume", self.checkpoint, "--epochs", "8")
        self.assertEqual(resumed["best"]["weights_sha256"], whole["best"]["weights_sha256"])
        self.assertEqual(self.best.read_bytes(), best)

    def test_best_weights_that_are_lost(self):
        run = ["--data", self.data, *self.JUMPING, "--validate", "20", "--keep", "best"]
        self.train(*run, "--save", self.checkpoint)
        before, best = self.checkpoint.read_bytes(), self.best.read_bytes()
        resume = ["train", "--data", self.data, "--resume", self.checkpoint, "--epochs", "9"]
        self.best.unlink()
        pattern = r"run.ckpt was trained with --keep best, and needs .*: .*run.ckpt.best, which does not exist; put it back"
        self.expect_failure(1, pattern + r".* --new-cycle\n", *resume)
        # A new cycle goes without it, and keeps weights of its own.
        more = self.directory / "more.ckpt"
        cycle = self.train(*resume[1:], "--new-cycle", "--save", more)
        answer = self.evaluate(f"{more}.best", "--data", self.data)
        self.assertEqual(answer["weights_sha256"], cycle["best"]["weights_sha256"])
        cycle = self.train(*resume[1:], "--new-cycle")
        self.assertEqual((cycle["configuration"]["keep"], cycle.get("best")), ("last", None))
        other = self.directory / "other"
        self.train(*run, "--seed", "9", "--save", other)
        shutil.copy(f"{other}.best", self.best)
        wrong = self.best.read_bytes()
        self.expect_failure(1, r"run.ckpt.best does not have the weights of epoch \d+, the best of the training, whose", *resume)
        self.assertEqual((self.checkpoint.read_bytes(), self.best.read_bytes()), (before, wrong))
        self.best.write_bytes(best)
        self.assertEqual(self.run_program(*resume).returncode, 0)

    def test_nothing_is_replaced(self):
        run = ["train", "--data", self.data, *self.JUMPING, "--validate", "20", "--save", self.checkpoint]
        self.best.write_text("old")
        self.expect_failure(1, r"run.ckpt.best exists, and the weights of the best epoch would", *run, "--keep", "best")
        self.assertEqual(self.best.read_text(), "old")
        self.assertFalse(self.checkpoint.exists())
        self.assertEqual(self.run_program(*run, "--keep", "last").returncode, 0)
        self.assertEqual(self.best.read_text(), "old")
        self.checkpoint.unlink()
        self.best.unlink()
        self.expect_failure(2, r"--json names .*run.ckpt.best, which is for", *run, "--keep=best", "--json", self.best)

    def test_mistakes(self):
        self.train("--data", self.data, *TINY, "--validate", "20", "--save", self.checkpoint)
        before = self.checkpoint.read_bytes()
        train, resume = ["train", "--data", self.data, *TINY], ["train", "--data", self.data, "--resume", self.checkpoint]
        for pattern, *arguments in [
            (r"--validate is 60; .*data has 60 training images, of which at least one must be", *train, "--validate", "60"),
            (r"--validate is 60000; generated has 60000", "train", "--data", "generated", "--validate", "60000"),
            (r"--validate: '-1' is not a whole number from 0", *train, "--validate", "-1"),
            (r"--keep best needs --validate N: .* chosen by the test images", *train, "--keep", "best", "--save", "x"),
            (r"--keep best needs --validate N: ", *train, "--keep", "best"),
            (r"--keep has no effect without --save", *train, "--keep", "best", "--validate", "10"),
            (r"--keep: 'bset' is not last or best; did you mean best\?", *train, "--keep", "bset"),
            (r"--validate is 21, but .*run.ckpt was begun with 20\n", *resume, "--validate", "21"),
            (r"--validate is 0, but .*run.ckpt was begun with 20\n", *resume, "--validate", "0"),
            (r"--keep is best, but .*run.ckpt was begun with last\n", *resume, "--keep", "best"),
            (r"--validate is 60; ", "evaluate", "--model", self.checkpoint, "--data", self.data, "--validate", "60"),
        ]:
            with self.subTest(arguments=arguments):
                self.expect_failure(2, pattern, *arguments)
        labels = self.labels[:-1] + [(self.labels[-1] + 1) % 5]
        changed = self.write_data("changed", train_images=(self.data / FILES[0]).read_bytes(), train_labels=idx([60], labels),
                                  test_images=(self.data / FILES[2]).read_bytes(),
                                  test_labels=(self.data / FILES[3]).read_bytes())
        pattern = r"run.ckpt was begun with other validation images than those of "
        self.expect_failure(1, pattern, "train", "--data", changed, "--resume", self.checkpoint)
        self.assertEqual(self.checkpoint.read_bytes(), before)
        # A new cycle is a new training, which may hold out others.
        cycle = ["--data", self.data, "--resume", self.checkpoint, "--new-cycle", "--save", self.directory / "more"]
        self.assertEqual(self.train(*cycle, "--validate", "10")["data"]["validation_images"], 10)


if __name__ == "__main__":
    mnist_program.main()
