#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What normnet-mnist does on its command line, and examples/fetch_mnist.sh against a local web server.

    python3 test_mnist_program.py PATH_TO_NORMNET_MNIST [PART OF A TEST'S NAME]...

Needs Python alone. With NORMNET_DATA set to a directory with MNIST, real data is used where it matters.
"""

import functools
import gzip
import hashlib
import http.server
import json
import os
import pty
import re
import shlex
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from pathlib import Path

PROGRAM = ""  # set in main()
FETCH = Path(__file__).resolve().parents[2] / "examples" / "fetch_mnist.sh"
REAL_MNIST = os.environ.get("NORMNET_DATA", "")
FILES = ["train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"]
SMALL_NETWORK = ["--architecture", "conv3-4 norm relu maxpool2 conv3-8 norm relu gap conv1-10"]


def environment(home, **variables):
    """That of a user whose home is empty: no MNIST in the cache, none in NORMNET_DATA."""
    result = {**os.environ, "HOME": str(home)}
    for name in ("NORMNET_DATA", "NORMNET_MIRROR", "XDG_CACHE_HOME"):
        result.pop(name, None)
    return {**result, **{name: str(value) for name, value in variables.items()}}


def idx(dimensions, values, type_code=8, magic=b"\0\0"):
    header = magic + bytes([type_code, len(dimensions)]) + b"".join(struct.pack(">I", n) for n in dimensions)
    return header + bytes(values)


class TestCase(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = Path(directory.name)
        self.home = self.directory / "home"
        self.home.mkdir()

    def run_program(self, *arguments, **variables):
        return subprocess.run(
            [PROGRAM, *map(str, arguments)],
            capture_output=True,
            text=True,
            env=environment(self.home, **variables),
            timeout=300,
            check=False,
        )

    def expect_failure(self, code, pattern, *arguments, **variables):
        """One sentence on standard error, no signal, nothing on standard output."""
        result = self.run_program(*arguments, **variables)
        self.assertEqual(result.returncode, code, result)
        self.assertRegex(result.stderr, pattern)
        self.assertTrue(result.stderr.startswith("normnet-mnist: "), result.stderr)
        self.assertEqual(len(result.stderr.splitlines()), 1 if code == 1 else 2, result.stderr)
        return result

    def make_pipe(self):
        """What can be opened and is no file. Never a device: a program that replaced one would harm the machine."""
        pipe = self.directory / "pipe"
        os.mkfifo(pipe)
        return pipe

    def start(self, *arguments, **options):
        """A training that runs beside the test; Ctrl-C ends it, even in a background shell, which ignores it."""
        return subprocess.Popen(
            [PROGRAM, "train", *map(str, arguments)],
            text=True,
            env=environment(self.home),
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
            **options,
        )

    @staticmethod
    def read_head(process):
        """What is printed up to the head of the table: from there on signals are caught."""
        output = ""
        for line in process.stdout:
            output += line
            if "train loss" in line:
                break
        return output

    def train(self, *arguments, **variables):
        """Trains and returns the JSON file's contents."""
        path = self.directory / "result.json"
        result = self.run_program("train", *arguments, "--json", path, **variables)
        self.assertEqual(result.returncode, 0, result)
        self.output = result.stdout
        return json.loads(path.read_text(encoding="utf-8"))

    def write_data(self, name="data", **changed):
        """Four small valid files, 5 classes of 6 x 8 images; a keyword replaces a file's bytes, None leaves it out."""
        directory = self.directory / name
        directory.mkdir()
        train_labels = [i % 5 for i in range(40)]
        pixels = [(label * 50 + 3 * i) % 256 for label in train_labels for i in range(48)]
        contents = {
            "train_images": idx([40, 6, 8], pixels),
            "train_labels": idx([40], train_labels),
            "test_images": idx([10, 6, 8], pixels[: 10 * 48]),
            "test_labels": idx([10], train_labels[:10]),
        }
        contents.update(changed)
        for file, content in zip(FILES, contents.values()):
            if content is not None:
                (directory / file).write_bytes(content)
        return directory


TINY = ["--epochs", "1", "--batch", "8", "--architecture", "conv3-4 norm relu gap conv1-5"]


class CommandLine(TestCase):
    def test_help(self):
        general = self.run_program("--help")
        self.assertEqual((general.returncode, general.stderr), (0, ""))
        self.assertIn("train", general.stdout)
        train = self.run_program("train", "--help")
        self.assertEqual((train.returncode, train.stderr), (0, ""))
        for option in (
            "data norm groups architecture epochs batch lr momentum schedule l1 l2 dropout augment seed threads json "
            "max-lr step-size step-gamma label-smoothing layer-dims affine virtual-batch nesterov limit cpu preset "
            "save save-every resume"
        ).split():
            self.assertRegex(train.stdout, rf"(?m)^  --{option}\b")
        for command in ("train", "evaluate", "predict", "export"):
            self.assertRegex(general.stdout, rf"(?m)^  {command} ")
            text = self.run_program(command, "--model", "x", "--help").stdout if command != "train" else train.stdout
            self.assertIn(f"Usage: normnet-mnist {command} ", text)
            self.assertIn("\n\nExamples:\n", text)
            self.assertLessEqual(max(map(len, text.splitlines())), 100, text)

    def test_version(self):
        result = self.run_program("--version")
        self.assertEqual(result.returncode, 0)
        self.assertRegex(result.stdout, r"^normnet-mnist \d+\.\d+\.\d+\n$")

    def test_mistakes(self):
        for pattern, *arguments in [
            (r"a command is missing",),
            (r"there is no command 'trian'", "trian"),
            (r"there is no option --epoch\n", "train", "--epoch", "3"),
            (r"there is no option -e\n", "train", "-e", "3"),
            (r"'3' is not an option", "train", "3"),
            (r"--epochs needs a value: N", "train", "--epochs"),
            (r"--epochs: '0' is not a whole number from 1 to 1000000", "train", "--epochs", "0"),
            (r"--epochs: '2x' is not", "train", "--epochs", "2x"),
            (r"--epochs: '' is not", "train", "--epochs="),
            (r"--epochs: ' 2' is not", "train", "--epochs", " 2"),
            (r"--epochs: '1.5' is not", "train", "--epochs=1.5"),
            (r"--seed: '9223372036854775808' is not a whole number from 0 to 2\^63 - 1", "train", "--seed", str(2**63)),
            (r"--seed: '-1' is not", "train", "--seed", "-1"),
            (r"--lr: 'fast' is not a number", "train", "--lr", "fast"),
            (r"--lr: 'nan' is not a number", "train", "--lr", "nan"),
            (r"--lr: 'inf' is not a number", "train", "--lr", "inf"),
            (r"--lr: '-0.1' is not a number", "train", "--lr", "-0.1"),
            (r"--lr: '0x1p-3' is not a number", "train", "--lr", "0x1p-3"),
            (r"--dropout: '1.5' is not a number from 0 to 1", "train", "--dropout", "1.5"),
            (r"--norm: 'bacth' is not none, batch, group, layer or instance", "train", "--norm", "bacth"),
            (r"--schedule: 'cosine' is not constant, step or one-cycle", "train", "--schedule", "cosine"),
            (r"--preset: 'quick' is not standard or fast", "train", "--preset", "quick"),
            (r"--nesterov takes no value", "train", "--nesterov=1"),
            (r"--threads: '0' is not", "train", "--threads", "0"),
            (r"--groups has no effect without group norm", "train", "--norm", "batch", "--groups", "4"),
            (r"--layer-dims has no effect without layer norm", "train", "--layer-dims", "1"),
            (r"--virtual-batch has no effect without batch norm", "train", "--norm=none", "--virtual-batch=16"),
            (r"--norm has no effect without a layer `norm`", "train", "--norm=group", "--architecture", "gap conv1-10"),
            (r"--groups has no effect without group norm", "train", "--groups=2", "--architecture", "groupnorm4 gap"),
            (r"--affine has no effect without a norm", "train", "--norm", "none", "--affine", "element"),
            (r"--affine has no effect without a norm", "train", "--affine", "channel", "--architecture", "gap fc-2"),
            (r"--dropout has no effect without a layer `dropout`", "train", "--preset", "fast", "--dropout", "0.5"),
            (r"--dropout has no effect without a layer", "train", "--dropout=.1", "--architecture", "dropout.5 gap"),
            (r"--step-size has no effect without --schedule step", "train", "--step-size", "3"),
            (r"--max-lr has no effect without --schedule one-cycle", "train", "--schedule", "step", "--max-lr", "1"),
            (r"--lr 0.1 and --max-lr 0.2 both", "train", "--lr", "0.1", "--max-lr", "0.2"),
            (r"--save-every has no effect without --save", "train", "--save-every", "5"),
            (r"--save-every: '-1' is not a whole number", "train", "--save", "x", "--save-every", "-1"),
            (r"--save and --json both name the file x", "train", "--save", "x", "--json", "x"),
            (r"--model FILE is missing", "evaluate"),
            (r"--model FILE is missing", "predict", "seven.pgm"),
            (r"--model FILE is missing", "export", "--onnx", "x.onnx"),
            (r"an image is missing", "predict", "--model", "m"),
            (r"there is no option --modl\n", "predict", "--modl", "m", "seven.pgm"),
            (r"there is no option --norm\n", "evaluate", "--model", "m", "--norm", "batch"),
            (r"'m' is not an option", "evaluate", "m"),
            (r"--count: '0' is not a whole number from 1", "predict", "--model", "m", "x", "--count", "0"),
            (r"--first: '-1' is not a whole number from 0", "predict", "--model", "m", "x", "--first", "-1"),
            (r"--onnx FILE or --weights FILE is missing", "export", "--model", "m"),
            (r"--model and --onnx both name the file m", "export", "--model", "m", "--onnx", "m"),
            (r"--model and --weights both name the file m", "export", "--model", "m", "--weights", "m"),
            (r"--model and --json both name the file m", "evaluate", "--model", "m", "--json", "m"),
            (r"--model and --json both name the file m", "predict", "x.pgm", "--model", "m", "--json", "m"),
            (r"--onnx and --weights both name the file x", "export", "--model", "m", "--onnx", "x", "--weights", "x"),
            (r"--augment: a text of 5000 characters; 4096 are the most", "train", "--augment", "x" * 5000),
            (r"--save needs a value: FILE", "train", "--save", ""),
            (r"--json needs a value: FILE", "train", "--json="),
            (r"--data needs a value: DIR", "train", "--data", ""),
            (r"--resume needs a value: FILE", "train", "--resume", ""),
            (r"--augment needs a value: SPEC", "train", "--augment", ""),
            (r"--model needs a value: FILE", "evaluate", "--model", ""),
        ]:
            with self.subTest(arguments=arguments):
                self.expect_failure(2, pattern, *arguments)

    def test_augment_mistakes(self):
        for spec, pattern in [
            ("rotat:6", r"'rotat' at column 1 is none of rotate, affine, jitter"),
            ("rotate:6,", r"a parameter of rotate is missing at column 10"),
            ("affine:deg=7,,shear=7", r"a parameter of affine is missing at column 14"),
            ("rotate:6,none", r"'none' at column 10"),
            ("rotate:6,fil=1", r"rotate has no parameter 'fil=1' \(column 10\)"),
            ("rotate:361", r"'361' at column 8: deg of rotate is a number from 0 to 360"),
            ("rotate:-6", r"'-6' at column 8"),
            ("rotate:6:fill=1.5", r"fill of rotate is a whole number from 0 to 255"),
            ("rotate:6:fill=256", r"fill of rotate is a whole number from 0 to 255"),
            ("rotate:6x", r"'6x' at column 8"),
            ("rotate:nan", r"'nan' at column 8"),
            ("rotate:0x10", r"'0x10' at column 8"),
            ("jitter:.4,rotate", r"rotate at column 11 needs parameters, e.g. rotate:6"),
            ("affine:7", r"affine has no parameter '7' \(column 8\)"),
            ("affine:deg=", r"'deg=' at column 8"),
            ("affine:scale=.8", r"scale of affine is a range LOW-HIGH from 0.1 to 10"),
            ("affine:scale=1.2-.8", r"scale of affine is a range LOW-HIGH"),
            ("affine:scale=0-1", r"scale of affine is a range LOW-HIGH"),
            ("affine:shear=90", r"shear of affine is a number from 0 to 80"),
            ("affine:translate=2", r"translate of affine is a number from 0 to 1"),
            ("jitter:2", r"brightness of jitter is a number from 0 to 1"),
            (",".join(["jitter:.1"] * 17), r"more than 16 operations at column 161"),
        ]:
            with self.subTest(spec=spec):
                self.expect_failure(2, r"^normnet-mnist: --augment: .*(?:" + pattern + ")", "train", "--augment", spec)

    def test_network_mistakes(self):
        """What the library refuses is a mistake on the command line too, in the library's words."""
        data = self.write_data()
        for pattern, *arguments in [
            (r"conv3-8x", "--architecture", "conv3-8x gap conv1-5"),
            (r"4", "--architecture", "conv3-4 gap conv1-4"),
            (r"-1", "--norm", "group", "--groups", "-1"),
            (r"24", "--virtual-batch", "24"),
        ]:
            with self.subTest(arguments=arguments):
                self.expect_failure(2, pattern, "train", "--data", data, *TINY[:4], *(TINY[4:] + arguments))


    def test_layers_that_take_an_option(self):
        data = self.write_data()
        for architecture, *arguments in [
            ("conv3-4 groupnorm gap conv1-5", "--groups", "2"),
            ("conv3-4 layernorm gap conv1-5", "--layer-dims", "2"),
            ("conv3-4 batchnorm gap conv1-5", "--virtual-batch", "16", "--norm", "none"),
            ("conv3-4 groupnorm4 gap conv1-5", "--affine", "none"),
            ("conv3-4\tdropout\ngap conv1-5", "--dropout", "0.1"),
            ("conv3-4 gap conv1-5", "--dropout", "0", "--norm", "none"),
        ]:
            with self.subTest(architecture=architecture):
                self.train("--data", data, *TINY[:4], "--architecture", architecture, *arguments)

    def test_a_last_batch_that_is_too_short(self):
        """Batch norm over 1 x 1 pixels cannot be trained on one image, which is known before the first."""
        data = self.write_data()
        for network in ("conv3-4 gap conv1-4 norm conv1-5", "conv3-4 gap flatten norm fc-5"):
            arguments = ["train", "--data", data, "--architecture", network]
            for pattern, *options in [
                (r"40 training images in batches of 13 end with a batch of 1: layer \d .*1x1", "--batch", "13"),
                (r"40 training images in batches of 1 end with a batch of 1: layer", "--batch", "1"),
                (r"1 training images in batches of 1 end with a batch of 1: layer", "--limit", "1"),
                (r"33 training images in .* choose another --batch or --limit\n", "--limit", "33", "--batch", "32"),
            ]:
                start = time.monotonic()
                result = self.expect_failure(2, pattern, *arguments, *options)
                self.assertEqual(result.stdout, "")
                self.assertLess(time.monotonic() - start, 10)
            for options in ("--batch=12", "--batch=13 --limit=39", "--batch=13 --norm=layer"):
                self.train(*arguments[1:], "--epochs", "1", *options.split())
        self.train("--data", data, *TINY, "--batch", "13")  # 6 x 8 pixels are enough


class Data(TestCase):
    def test_any_shape_and_classes(self):
        result = self.train("--data", self.write_data(), *TINY)
        expected = {"training_images": 40, "test_images": 10, "channels": 1, "height": 6, "width": 8, "classes": 5}
        self.assertEqual({key: result["data"][key] for key in expected}, expected)
        self.assertIn(f"Data: {self.directory}/data\n", self.output)

    def test_mean_and_deviation(self):
        pixels = [(7 * i * i) % 256 for i in range(40 * 48)]
        result = self.train("--data", self.write_data(train_images=idx([40, 6, 8], pixels)), *TINY)
        mean = sum(pixels) / len(pixels)
        deviation = (sum((p - mean) ** 2 for p in pixels) / len(pixels)) ** 0.5
        self.assertEqual(result["data"]["mean"], [round(mean / 255, 4)])
        self.assertEqual(result["data"]["std"], [round(deviation / 255, 4)])
        # With --limit of the images that are used, from files as from the generator.
        result = self.train("--data", self.directory / "data", *TINY, "--limit", "3")
        used = pixels[: 3 * 48]
        mean = sum(used) / len(used)
        deviation = (sum((p - mean) ** 2 for p in used) / len(used)) ** 0.5
        self.assertEqual(result["data"]["mean"], [round(mean / 255, 4)])
        self.assertEqual(result["data"]["std"], [round(deviation / 255, 4)])
        self.assertEqual(result["data"]["classes"], 5)

    def test_colour_images(self):
        """Files with four dimensions are N x C x H x W; each channel has its own mean."""
        train = bytes(value for i in range(40) for value in [i] * 48 + [200] * 48)
        directory = self.write_data(train_images=None, test_images=None)
        (directory / "train-images-idx4-ubyte").write_bytes(idx([40, 2, 6, 8], train))
        (directory / "t10k-images.idx4-ubyte").write_bytes(idx([10, 2, 6, 8], train[: 10 * 96]))
        result = self.train("--data", directory, *TINY)
        self.assertEqual((result["data"]["channels"], result["data"]["height"]), (2, 6))
        self.assertEqual(result["data"]["mean"], [round(19.5 / 255, 4), round(200 / 255, 4)])
        self.assertEqual(result["data"]["std"][1], 1)

    def test_broken_files(self):
        images, labels = idx([40, 6, 8], [0] * (40 * 48)), idx([40], [i % 5 for i in range(40)])
        cases = [
            (r"cannot open .*train-images-idx3-ubyte: No such file", "train_images", None),
            (r"cannot open .*t10k-labels-idx1-ubyte: No such file", "test_labels", None),
            (r"train-images.* is too short for an IDX file: 0 bytes", "train_images", b""),
            (r"train-images.* is too short for an IDX file: 3 bytes", "train_images", b"\0\0\x08"),
            (r"train-images.* is not an IDX file: it begins with ff 00 08 03", "train_images", b"\xff" + images[1:]),
            (r"train-images.* is compressed: unpack it with gunzip first", "train_images", gzip.compress(images)),
            (r"train-labels.* holds values of the IDX type 0x0d", "train_labels", idx([40], [0] * 40, 0x0D)),
            (r"train-labels.* has 3 dimensions instead of 1", "train_labels", images),
            (r"train-images.* has 1 dimensions instead of 3 to 4", "train_images", labels),
            (r"train-images.* is cut off inside its header: 10 bytes of 16", "train_images", images[:10]),
            (r"train-images.* is cut off: 40 x 6 x 8 values need 1920 bytes, 1919 are", "train_images", images[:-1]),
            (r"train-labels.* is too long: 40 values need 40 bytes, 42 are there", "train_labels", labels + b"\0\0"),
            (r"train-images.* says that its dimension 2 is 0", "train_images", idx([40, 0, 8], [])),
            (r"train-images.* says that its dimension 1 is 4294967295", "train_images", idx([2**32 - 1, 1, 1], [])),
            (r"train-images.* holds more than 2\^63 values", "train_images", idx([2**31 - 1] * 3, [])),
            (r"40 images in train-images, but 39 labels in train-labels", "train_labels", idx([39], [1] * 39)),
            (r"10 images in t10k-images, but 11 labels in t10k-labels", "test_labels", idx([11], [1] * 11)),
            (r"training images are 6 x 8, but the test images are 8 x 6", "test_images", idx([10, 8, 6], [0] * 480)),
            (r"label 9 of test image 3 is none of the 5 classes", "test_labels", idx([10], [0, 1, 2, 9, 4] * 2)),
            (r"all training labels are 0", "train_labels", idx([40], [0] * 40)),
        ]
        for number, (pattern, file, content) in enumerate(cases):
            with self.subTest(pattern=pattern):
                directory = self.write_data(f"data{number}", **{file: content})
                self.expect_failure(1, pattern, "train", "--data", directory, *TINY)

    def test_a_directory_where_a_file_should_be(self):
        directory = self.write_data(train_labels=None)
        (directory / FILES[1]).mkdir()
        self.expect_failure(1, r"cannot read .*train-labels-idx1-ubyte: ", "train", "--data", directory, *TINY)

    def test_where_it_looks(self):
        """--data, then NORMNET_DATA, then the cache, then generated digits."""
        first, second, third = (self.write_data(name) for name in ("first", "second", "third"))
        cache = self.home / ".cache" / "normnet"
        cache.mkdir(parents=True)
        generated = ["--limit", "100", "--epochs", "1", *SMALL_NETWORK]
        self.assertEqual(self.train(*generated)["data"]["source"], "generated")
        self.assertIn("Data: generated digits", self.output)
        third.rename(cache / "mnist")
        self.assertEqual(self.train(*TINY)["data"]["source"], str(cache / "mnist"))
        other = self.directory / "other"
        self.assertEqual(self.train(*generated, XDG_CACHE_HOME=other)["data"]["source"], "generated")
        self.assertEqual(self.train(*generated, "--data", "generated")["data"]["source"], "generated")
        self.assertEqual(self.train(*TINY, NORMNET_DATA=second)["data"]["source"], str(second))
        self.assertEqual(self.train(*TINY, "--data", first, NORMNET_DATA=second)["data"]["source"], str(first))
        self.expect_failure(1, r"cannot open .*nowhere", "train", *TINY, NORMNET_DATA=self.directory / "nowhere")

    def test_real_mnist(self):
        if not REAL_MNIST:
            self.skipTest("NORMNET_DATA does not name a directory with MNIST")
        arguments = ["--epochs", "2", "--augment", "none", *SMALL_NETWORK]
        result = self.train("--data", REAL_MNIST, *arguments)
        self.assertEqual((result["data"]["mean"], result["data"]["std"]), ([0.1307], [0.3081]))
        self.assertEqual((result["data"]["training_images"], result["data"]["test_images"]), (60000, 10000))
        self.assertLess(result["history"][1]["train_loss"], result["history"][0]["train_loss"])


class Training(TestCase):
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
        # A run that fails leaves an older file as it was, and nothing beside it.
        target = self.directory / "old.json"
        target.write_text("old")
        link = self.directory / "link.json"
        link.symlink_to(target)
        self.expect_failure(1, r"cannot open", "train", "--data", self.directory / "nowhere", "--json", target)
        self.assertEqual(target.read_text(), "old")
        self.assertEqual(self.run_program(*arguments, link).returncode, 0)
        self.assertTrue(link.is_symlink())
        self.assertEqual(json.loads(target.read_text())["parameters"], 4 * 9 + 8 + 20)
        self.assertEqual(sorted(p.name for p in self.directory.iterdir()), ["data", "home", "link.json", "old.json"])

    def test_history_survives_a_failure(self):
        """A training that diverges keeps the epochs before in its files, and these can be read."""
        path, checkpoint = self.directory / "r.json", self.directory / "r.ckpt"
        data = self.write_data()
        result = self.run_program(
            *["train", "--data", data, "--epochs", "400", "--batch", "40", "--json", path, "--save", checkpoint],
            *["--schedule", "step", "--step-size", "1", "--step-gamma", "1000"],
            *["--architecture", "conv3-4 relu gap conv1-5"],
        )
        self.assertEqual(result.returncode, 1, result)
        self.assertRegex(result.stderr, r"^normnet-mnist: epoch \d+: the test loss is (inf|nan): the training has div")
        history = json.loads(path.read_text())["history"]
        self.assertEqual(len(history), int(re.search(r"epoch (\d+)", result.stderr)[1]) - 1)
        self.assertGreater(len(history), 0)
        self.assertNotIn(None, [epoch["test_loss"] for epoch in history])
        result = self.run_program("train", "--data", data, "--resume", checkpoint)
        self.assertIn(f"r.ckpt: {len(history)} of 400 epochs and 0 of 40 images", result.stdout)

    def test_both_files_are_tried(self):
        """A place that vanishes while the training runs costs the other file nothing."""
        for lost, kept in (("--json", "--save"), ("--save", "--json")):
            folder, path = self.directory / "folder", self.directory / f"kept{kept}"
            folder.mkdir()
            arguments = [lost, folder / "file", kept, path, "--data", "generated", "--limit", "3000", "--epochs", "1"]
            with self.start(*arguments, *SMALL_NETWORK, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
                output = self.read_head(process)
                folder.rmdir()
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
            arguments = [PROGRAM, "train", "--data", self.data(), *TINY, "--save", model, "--json", path]
            with subprocess.Popen(
                [*map(str, arguments)],
                stdout=subprocess.DEVNULL,
                preexec_fn=lambda closed=closed: [os.close(number) for number in closed],
            ) as process:
                self.assertEqual(process.wait(), 0)
            self.assertEqual(len(json.loads(path.read_text())["history"]), 1)
            self.assertEqual(self.run_program("evaluate", "--model", model, "--data", self.data()).returncode, 0)
            model.unlink()

    def data(self):
        return self.directory / "data" if (self.directory / "data").exists() else self.write_data()

    def test_full_disk(self):
        if not os.path.exists("/dev/full"):
            self.skipTest("there is no /dev/full here")
        with open("/dev/full", "w", encoding="utf-8") as full:
            result = subprocess.run([PROGRAM, "--help"], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
        self.assertEqual(result.returncode, 1)
        self.assertIn("cannot write to standard output", result.stderr)

    def run_in_terminal(self, *arguments):
        """What a program prints that exits with 0."""
        controller, terminal = pty.openpty()
        process = subprocess.Popen(
            [PROGRAM, *map(str, arguments)],
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
        """From (marks, minutes, seconds) of each bar: more of the first, less of the others."""
        self.assertGreater(len(bars), 3)
        lengths = [len(marks) for marks, *_ in bars]
        self.assertEqual(lengths, sorted(lengths))
        self.assertLess(lengths[0], lengths[-1])
        left = [60 * int(minutes) + int(seconds) for _, minutes, seconds in bars]
        self.assertGreater(left[1], left[-1])
        self.assertLessEqual(left[-1], 1)

    SLOW_NETWORK = ["--data", "generated", "--augment", "none", "--threads", "1"]
    SLOW_NETWORK += ["--architecture", "conv3-64 conv3-64 gap conv1-10"]

    def test_terminal(self):
        """Bars with what is left of a training and of a test, that are gone in the end."""
        model = self.directory / "model"
        arguments = [*self.SLOW_NETWORK, "--limit", "2000", "--epochs", "1", "--save", model]
        for command in (["train", *arguments], ["evaluate", "--data", "generated", "--threads", "1", "--model", model]):
            start = time.monotonic()
            output = self.run_in_terminal(*command)
            tests = re.findall(r"\r\[(#*) *\] test: \d+ of 10000 images, (\d+):(\d\d) left\x1b\[K", output)
            if tests or time.monotonic() - start > 8:  # a fast machine needs no bar
                self.expect_movement(tests)
            if command[0] == "train":
                training = r"1/1 loss \d+\.\d{4}, accuracy \d+\.\d\d %, \d+ images/s"
                self.expect_movement(re.findall(rf"\r\[(#*) *\] {training}, (\d+):(\d\d) left\x1b\[K", output))
                self.assertRegex(output, r"(?m)\x1b\[K  1/1 [^#]*$")
            end = output.rsplit(" left\x1b[K", 1)[1]
            self.assertRegex(end, r"^\r\x1b\[K[^#\r\x1b]*$")


def without_times(result):
    """What two runs of the same training have in common."""
    history = [{k: v for k, v in e.items() if k not in ("seconds", "images_per_second")} for e in result["history"]]
    configuration = {**result["configuration"], "threads": 0}
    return {**result, "history": history, "configuration": configuration}


class Resuming(TestCase):
    """A training that is stopped and goes on ends with the same weights and the same history."""

    # Everything that a step depends on: dropout, augmentation, one-cycle, ghost batch norm, a short last batch.
    ARGUMENTS = ["--data", "generated", "--limit", "1000", "--epochs", "4", "--batch", "48", "--virtual-batch", "16"]
    ARGUMENTS += ["--dropout", "0.2", "--seed", "5", "--threads", "1"]
    ARGUMENTS += ["--architecture", "conv3-4 norm relu dropout maxpool2 conv3-8 norm relu gap conv1-10"]

    def setUp(self):
        super().setUp()
        self.checkpoint = self.directory / "run.ckpt"
        self.json = self.directory / "run.json"

    def stop(self, number, seconds, *arguments):
        """Starts a training, sends it a signal and returns its exit code and output."""
        process = self.start(*arguments, "--json", self.json, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        output = self.read_head(process)
        time.sleep(seconds)
        process.send_signal(number)
        rest, errors = process.communicate(timeout=60)
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
                    command = f"Go on with: normnet-mnist train --resume {self.checkpoint} --data generated "
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
        place = re.search(stopped + r"saved .*run.ckpt. Go on", output)
        self.assertIsNotNone(place, output)
        epochs = json.loads(self.json.read_text())["history"] if place[1] != "1" else []
        self.assertEqual(len(epochs), int(place[1]) - 1)
        output = self.stop(signal.SIGINT, 0, "--data", "generated", "--resume", self.checkpoint)[1]
        self.assertIn(f"{int(place[1]) - 1} of 1000 epochs and {place[2]} of 1000 images of the next are done", output)

    def test_a_signal_in_the_last_test(self):
        """Everything is done and saved: the training is complete."""
        test = ["conv3-64 conv3-64 gap conv1-10", "--limit", "2", "--augment", "none"]
        process = self.start("--data", "generated", "--epochs", "1", "--architecture", *test, stdout=subprocess.PIPE)
        self.read_head(process)
        time.sleep(0.3)  # the one step is far shorter than the test of 10,000 images
        process.send_signal(signal.SIGINT)
        output = process.communicate()[0]
        self.assertEqual(process.returncode, 0, output)
        self.assertIn("SHA-256", output)

    def test_a_reader_that_goes_away(self):
        """`| less` and q, or a `tee` that the same Ctrl-C ends: the training goes on to its end or saves and stops."""
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

    def test_the_command_that_goes_on(self):
        """It works as it is printed, and asks for what this run was asked for."""
        data = self.write_data("my data; it's")
        self.checkpoint = self.directory / "$HOME *'.ckpt"
        options = ["--data", data, "--save", self.checkpoint, "--save-every", "5", "--threads", "1", "--cpu=portable"]
        arguments = ["--epochs", "3000", "--batch", "8", *TINY[4:], *options]
        for _ in range(2):
            code, output = self.stop(signal.SIGINT, 0.05, *arguments)
            self.assertEqual(code, 130, output)
            command = re.search(r"Go on with: normnet-mnist (train .*)\n", output)[1]
            for option in ("--resume", "--data", "--save-every", "--json", "--threads", "--cpu"):
                self.assertIn(f" {option} ", command)
            words = shlex.split(command)
            self.assertEqual(words[words.index("--resume") + 1], str(self.checkpoint))
            self.assertEqual(words[words.index("--data") + 1], str(data))
            script = f'"$0" {command} --epochs 3000 & sleep 0.2; kill -TERM $!; wait $!'
            run = subprocess.run(["sh", "-c", script, PROGRAM], capture_output=True, text=True, check=False)
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
        forgotten = re.search(r"\nThe first (\d+) epochs of the history have no room in it; with --json, name", output)
        self.assertGreater(int(forgotten[1]), 50)
        before = self.json.read_bytes()
        resume = ["train", "--data", data, "--resume", self.checkpoint]
        pattern = rf"run.json exists, and may hold the first {forgotten[1]} epochs of the history, for which .*run.ckpt"
        self.expect_failure(1, pattern, *resume, "--json", self.json)
        self.assertEqual(self.json.read_bytes(), before)
        other = self.directory / "other.json"
        process = self.start(*resume[1:], "--json", other, stdout=subprocess.PIPE)
        self.assertIn(f"The first {forgotten[1]} epochs of the history had no room in it\n", self.read_head(process))
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        process.communicate()
        result = json.loads(other.read_text())
        self.assertEqual(result["forgotten_epochs"], int(forgotten[1]))
        self.assertEqual(result["history"][0]["epoch"], int(forgotten[1]) + 1)

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
        self.assertEqual(process.wait(timeout=30), -signal.SIGINT)

    def test_from_every_step(self):
        """The checkpoints of --save-every, caught as they appear."""
        arguments = [*self.ARGUMENTS, "--epochs", "2"]
        whole = without_times(self.train(*arguments))
        caught = {}
        command = [PROGRAM, "train", *arguments, "--save", str(self.checkpoint), "--save-every", "1"]
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
        """--save-every counts the steps of the training; a resumed run writes where --save says."""
        self.stop(signal.SIGINT, 0, *self.ARGUMENTS, "--save", self.checkpoint)
        before = self.checkpoint.read_bytes()
        other = self.directory / "other.ckpt"
        self.resume("--save", other, "--save-every", "4")
        self.assertEqual(self.checkpoint.read_bytes(), before)
        self.assertTrue(other.exists())

    def test_save_every(self):
        """After every so many steps of the training, at the ends of its epochs, and at no other time."""
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
        expected = f"is complete: 4 epochs. Test loss {last['test_loss']:.4f}, accuracy {last['test_accuracy']:.2f} %"
        self.assertIn(expected, self.output)
        self.assertEqual(self.checkpoint.read_bytes(), before)
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
        relative = os.path.relpath(self.checkpoint)
        for path, *arguments in [
            (self.checkpoint, *self.ARGUMENTS),
            (relative, *self.ARGUMENTS),
            (other, "--data", "generated", "--resume", self.checkpoint),
        ]:
            pattern = rf"{path} exists; go on with --resume {path}, or remove it\n"
            self.expect_failure(1, pattern, "train", *arguments, "--save", path)
        self.assertEqual((self.checkpoint.read_bytes(), other.read_text()), (before, "old"))
        # The file that is resumed may be named twice, in any way.
        self.resume("--save", relative)

    def test_options_that_differ(self):
        self.train(*self.ARGUMENTS, "--epochs", "1", "--save", self.checkpoint)
        before = self.checkpoint.read_bytes()
        resume = ["train", "--data", "generated", "--resume", self.checkpoint]
        for pattern, *arguments in [
            (r"--epochs is 5, but .*run.ckpt was begun with 1\n", "--epochs", "5"),
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
            (r"--augment is 'none', but .* was begun with 'affine'\n", "--preset", "fast"),
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
        self.expect_failure(2, r"--lr is 0.1, but .* was begun with 0.05\n", *resume, "--preset", "fast")

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
            ("flipped", r"flipped: .*crc32c", bytes(flipped)),
            ("note", r"note: .*crc32c", bytes(renamed)),
            ("cut", r"cut: .*", content[:-1]),
            ("short", r"short: .*", content[:20]),
            ("empty", r"empty: .*", b""),
            ("text", r"text: .*", b"This is no checkpoint, but a text of some length."),
            ("weights", r"weights is no checkpoint that normnet-mnist train --save wrote", weights.read_bytes()),
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
            self.assertLess(time.monotonic() - start, 10)
        self.assertTrue(pipe.is_fifo())


def pgm(width, height, values, magic="P5", largest=255, comment=""):
    body = bytes(values) if magic in ("P5", "P6") else " ".join(map(str, values)).encode() + b"\n"
    return f"{magic}\n{comment}{width} {height}\n{largest}\n".encode() + body


class Models(TestCase):
    """evaluate, predict and export."""

    def setUp(self):
        super().setUp()
        self.data = self.write_data()
        self.model = self.directory / "model"
        self.result = self.train("--data", self.data, *TINY, "--epochs", "3", "--lr", "0.1", "--save", self.model)
        self.pixels = (self.data / FILES[2]).read_bytes()[16:]

    def answer(self, *arguments):
        path = self.directory / "answer.json"
        result = self.run_program(*arguments, "--json", path)
        self.assertEqual((result.returncode, result.stderr), (0, ""), result)
        self.output = result.stdout
        return json.loads(path.read_text(encoding="utf-8"))

    def predict(self, *images, model=None):
        return self.answer("predict", "--model", model or self.model, *images)["images"]

    def image(self, name, content):
        path = self.directory / name
        path.write_bytes(content)
        return path

    def test_evaluate(self):
        last = self.result["history"][-1]
        result = self.answer("evaluate", "--model", self.model, "--data", self.data)
        self.assertEqual(result["weights_sha256"], self.result["weights_sha256"])
        self.assertEqual((result["loss"], result["accuracy"]), (last["test_loss"], last["test_accuracy"]))
        self.assertEqual(result["data"], {"source": str(self.data), "test_images": 10})
        confusion = result["confusion"]
        self.assertEqual([sum(row) for row in confusion], [2] * 5)
        self.assertEqual(sum(confusion[i][i] for i in range(5)) * 10, result["accuracy"])
        for i, entry in enumerate(result["classes"]):
            expected = {"class": i, "images": 2, "correct": confusion[i][i], "accuracy": confusion[i][i] * 50}
            self.assertEqual(entry, expected)
            row = "".join(f"{n:7d}" for n in confusion[i])
            self.assertIn(f"\n{i:5d}{row}        2  {entry['accuracy']:6.2f} %\n", self.output)
        self.assertIn(f"Test loss {last['test_loss']:.4f}, accuracy {last['test_accuracy']:.2f} %: ", self.output)
        # The same in one thread, from a file of weights, and without the training images.
        weights = self.directory / "weights"
        self.assertEqual(self.run_program("export", "--model", self.model, "--weights", weights).returncode, 0)
        (self.data / FILES[0]).unlink()
        (self.data / FILES[1]).unlink()
        again = self.answer("evaluate", "--model", weights, "--data", self.data, "--threads", "1")
        self.assertEqual({**again, "model": str(self.model)}, result)

    def test_evaluate_the_generated_digits(self):
        arguments = ["--data", "generated", "--limit", "600", "--epochs", "1", "--augment", "none"]
        model = self.directory / "generated"
        last = self.train(*arguments, "--label-smoothing", "0.1", "--save", model)["history"][-1]
        result = self.answer("evaluate", "--model", model)
        self.assertEqual((result["loss"], result["accuracy"]), (last["test_loss"], last["test_accuracy"]))
        self.assertEqual(result["data"], {"source": "generated", "test_images": 10000})

    def test_a_class_without_images(self):
        (self.data / FILES[3]).write_bytes(idx([10], [0, 1, 2, 3, 3] * 2))
        result = self.answer("evaluate", "--model", self.model, "--data", self.data)
        self.assertIsNone(result["classes"][4]["accuracy"])
        self.assertRegex(self.output, r"(?m)^    4 .* 0 +-$")

    def test_evaluate_mistakes(self):
        evaluate = ["evaluate", "--model", self.model, "--data"]
        for name, pattern, changed in [
            ("shape", r"model takes images of 1 x 6 x 8; the test images are 1 x 8 x 6", idx([10, 8, 6], [0] * 480)),
            ("rank", r"model takes images of 1 x 6 x 8; the test images are 2 x 3 x 8", idx([10, 2, 3, 8], [0] * 480)),
        ]:
            self.expect_failure(1, pattern, *evaluate, self.write_data(name, test_images=changed))
        labels = self.write_data("labels", test_labels=idx([10], [0, 5] * 5))
        self.expect_failure(1, r"model knows 5 classes; the label of test image 1 is 5\n", *evaluate, labels)
        missing = self.directory / "nowhere" / "x"
        self.expect_failure(1, r"cannot open '.*nowhere/x'", "evaluate", "--model", missing)
        self.expect_failure(1, r"cannot write .*nowhere/x: No such", *evaluate, self.data, "--json", missing)
        self.expect_failure(1, r"train-labels-idx1-ubyte: ", "evaluate", "--model", self.data / FILES[1])

    def test_predict_idx(self):
        file = self.data / FILES[2]
        answers = self.predict(file)
        self.assertEqual([answer["index"] for answer in answers], list(range(10)))
        for answer in answers:
            self.assertEqual(answer["file"], str(file))
            self.assertAlmostEqual(sum(answer["probabilities"]), 1, 5)
            self.assertEqual(answer["probability"], max(answer["probabilities"]))
            self.assertEqual(answer["probabilities"][answer["class"]], answer["probability"])
            columns = "".join(f"{100 * p:7.2f}" for p in answer["probabilities"])
            head = f"{file}:{answer['index']}  {answer['class']:5d}  {100 * answer['probability']:11.2f} "
            self.assertIn(f"{head}{columns}\n", self.output)
        correct = sum(answer["class"] == i % 5 for i, answer in enumerate(answers))
        self.assertEqual(correct * 10, self.result["history"][-1]["test_accuracy"])
        self.assertEqual(self.predict(file, "--first", "3", "--count", "4"), answers[3:7])
        self.assertEqual(self.predict("--first", "8", file), answers[8:])
        self.assertEqual(self.predict(f"{file}:9", f"{file}:0"), [answers[9], answers[0]])
        named = self.image("digits:3", file.read_bytes())
        self.assertEqual(len(self.predict(named)), 10)
        self.assertEqual(self.predict(f"{named}:3")[0]["probabilities"], answers[3]["probabilities"])

    def test_predict_many(self):
        """More than are asked at a time; 100 unless --count says otherwise."""
        file = self.image("many", idx([600, 6, 8], self.pixels * 60))
        self.assertEqual(len(self.predict(file)), 100)
        self.assertIn("Left out: 500 more images", self.output)
        answers = self.predict(file, "--count", "1000")
        self.assertNotIn("Left out", self.output)
        self.assertEqual([a["index"] for a in answers], list(range(600)))
        for i in range(10, 600):
            self.assertEqual(answers[i]["probabilities"], answers[i % 10]["probabilities"], i)

    def test_predict_pictures(self):
        """Every way to write an image leads to what the IDX file does."""
        answers = self.predict(self.data / FILES[2])
        for i in range(10):
            values = list(self.pixels[48 * i : 48 * i + 48])
            plain = "\n".join(" ".join(map(str, values[8 * y : 8 * y + 8])) for y in range(6))
            for content in (
                pgm(8, 6, values),
                pgm(8, 6, values, magic="P2"),
                pgm(8, 6, values, comment="# by a camera\n#\n"),
                f"P2 8\t6\r\n255\n{plain}".encode(),
                b"P5\n8# 9\n 6\n#\n255 " + bytes(values),
            ):
                answer = self.predict(self.image("picture.pgm", content))
                self.assertEqual(len(answer), 1)
                self.assertNotIn("index", answer[0])
                self.assertEqual(answer[0]["probabilities"], answers[i]["probabilities"], content)
        # A largest value below 255 is scaled up.
        for largest in (1, 15, 254):
            values = [(7 * i) % (largest + 1) for i in range(48)]
            scaled = [(2 * 255 * value + largest) // (2 * largest) for value in values]
            several = [
                self.image("small.pgm", pgm(8, 6, values, largest=largest)),
                self.image("plain.pgm", pgm(8, 6, values, magic="P2", largest=largest)),
                self.image("full.pgm", pgm(8, 6, scaled)),
            ]
            found = self.predict(*several)
            self.assertEqual([Path(a["file"]).name for a in found], ["small.pgm", "plain.pgm", "full.pgm"])
            self.assertEqual(found[0]["probabilities"], found[1]["probabilities"])
            self.assertEqual(found[0]["probabilities"], found[2]["probabilities"])

    def test_predict_from_a_pipe(self):
        """Images may come from another program."""
        answers = self.predict(self.data / FILES[2])
        pipe = self.make_pipe()
        for content, expected in [
            ((self.data / FILES[2]).read_bytes(), answers),
            (pgm(8, 6, self.pixels[:48]), answers[:1]),
        ]:
            writer = threading.Thread(target=pipe.write_bytes, args=(content,))
            writer.start()
            found = self.predict(pipe)
            writer.join()
            self.assertEqual([a["probabilities"] for a in found], [a["probabilities"] for a in expected])

    def test_predict_colours(self):
        planes = [[(i * k + 40 * channel) % 256 for k in range(48)] for channel in range(3) for i in (3, 5)]
        first, second = ([planes[i], planes[i + 2], planes[i + 4]] for i in (0, 1))
        flat = [v for i in range(20) for image in (first, second) for plane in image for v in plane]
        directory = self.write_data("colours", train_images=None, test_images=None)
        (directory / "train-images-idx4-ubyte").write_bytes(idx([40, 3, 6, 8], flat))
        (directory / "t10k-images-idx4-ubyte").write_bytes(idx([10, 3, 6, 8], flat[: 10 * 144]))
        model = self.directory / "colour"
        self.train("--data", directory, *TINY, "--save", model)
        answers = self.predict(directory / "t10k-images-idx4-ubyte", model=model)
        interleaved = [plane[k] for k in range(48) for plane in first]
        for magic in ("P6", "P3"):
            found = self.predict(self.image("x.ppm", pgm(8, 6, interleaved, magic=magic)), model=model)
            self.assertEqual(found[0]["probabilities"], answers[0]["probabilities"])
        grey = self.image("grey.pgm", pgm(8, 6, first[0]))
        expected = r"grey.pgm: its size is 1 x 6 x 8 \(channels, height, width\); the model takes 3 x 6 x 8"
        self.expect_failure(1, expected, "predict", "--model", model, grey)
        colour = self.image("colour.ppm", pgm(8, 6, interleaved, magic="P6"))
        self.expect_failure(1, r"its size is 3 x 6 x 8 .* takes 1 x 6 x 8", "predict", "--model", self.model, colour)

    def test_predict_mistakes(self):
        good = pgm(8, 6, [0] * 48)
        predict = ["predict", "--model", self.model]
        for pattern, content in [
            (r"its size is 1 x 8 x 6 .*; the model takes 1 x 6 x 8", pgm(6, 8, [0] * 48)),
            (r"its size is 1 x 8 x 6 .*; the model takes 1 x 6 x 8", idx([1, 8, 6], [0] * 48)),
            (r"is cut off: 1 x 6 x 8 values need 48 bytes, 47 are there", good[:-1]),
            (r"is too long: 1 x 6 x 8 values need 48 bytes, 49 are there", good + b"\0"),
            (r"is cut off: it ends where its next pixel should be", pgm(8, 6, [0] * 47, magic="P2")),
            (r"is too long: the byte 0x37 stands after its last pixel", pgm(8, 6, [0] * 48 + [7], magic="P2")),
            (r"its next pixel is 256; expected 0 to 255", pgm(8, 6, [256] * 48, magic="P2")),
            (r"its next pixel is 9+; expected 0 to 3", pgm(8, 6, [10**40 - 1] * 48, magic="P2", largest=3)),
            (r"its next pixel begins with the byte 0x2d instead of a digit", pgm(8, 6, [-1] * 48, magic="P2")),
            (r"a pixel is 4; its largest value is 3", pgm(8, 6, [4] * 48, largest=3)),
            (r"its largest value is 65535; expected 1 to 255", pgm(8, 6, [0] * 96, largest=65535)),
            (r"its largest value is 0; expected 1 to 255", pgm(8, 6, [0] * 48, largest=0)),
            (r"its width is 4097; expected 1 to 4096", pgm(4097, 6, [])),
            (r"its width is 9{20}; expected 1 to 4096", pgm(10**30 - 1, 6, [])),
            (r"its height is 0; expected 1 to 4096", pgm(8, 0, [])),
            (r"its height begins with the byte 0x78 instead of a digit", b"P5 8 x 255 "),
            (r"its height begins with the byte 0x2d", b"P5 8 -6 255 "),
            (r"a blank is missing before its width", b"P58 6 255 " + bytes(48)),
            (r"a blank is missing before its height", b"P5 8x6 255 " + bytes(48)),
            (r"is cut off: it ends where its width should be", b"P5"),
            (r"is cut off: it ends where its height should be", b"P5 8 # 6"),
            (r"is cut off after its header", b"P5 8 6 255"),
            (r"its largest value is followed by the byte 0x23", b"P5 8 6 255#\n" + bytes(48)),
            (r"does not begin with P2, P3, P5 or P6", b"P4 8 6 " + bytes(6)),
            (r"does not begin with P2, P3, P5 or P6", b"P"),
            (r"is neither a PGM or PPM image nor an IDX file: it begins with the byte 0x89", b"\x89PNG\r\n"),
            (r"is compressed: unpack it with gunzip", gzip.compress(good)),
            (r"is too short for an IDX file: 0 bytes", b""),
            (r"is cut off: 2 x 6 x 8 values need 96 bytes, 95 are there", idx([2, 6, 8], [0] * 95)),
            (r"has 1 dimensions instead of 3 to 4", idx([48], [0] * 48)),
        ]:
            with self.subTest(pattern=pattern):
                path = self.image("x.pgm", content)
                result = self.expect_failure(1, r"x\.pgm.*" + pattern, *predict, self.data / FILES[2], path)
                self.assertEqual(result.stdout, "")  # nothing is answered in part
        file = self.data / FILES[2]
        self.expect_failure(1, r"there is no image 10; the last of its 10 is 9", *predict, f"{file}:10")
        self.expect_failure(1, r"there is no image 10; the last of its 10 is 9", *predict, file, "--first", "10")
        picture = self.image("good.pgm", good)
        self.expect_failure(1, r"good.pgm holds one image; the index 0 is for IDX files", *predict, f"{picture}:0")
        self.expect_failure(2, r"--first has no effect without an IDX file", *predict, picture, "--first", "1")
        self.expect_failure(2, r"--count has no effect without an IDX file", *predict, f"{file}:1", "--count", "1")
        self.expect_failure(1, r"cannot open .*missing.pgm: No such file", *predict, self.directory / "missing.pgm")
        self.expect_failure(1, r"cannot read .*", *predict, self.directory)
        missing = self.directory / "nowhere" / "x"
        self.expect_failure(1, r"cannot write .*nowhere/x: No such file", *predict, file, "--json", missing)
        self.expect_failure(1, r"cannot open '.*nowhere/x'", "predict", "--model", missing, file)

    def test_export(self):
        onnx, weights, link = (self.directory / name for name in ("m.onnx", "m.safetensors", "link"))
        link.symlink_to(weights)
        weights.touch()
        result = self.run_program("export", "--model", self.model, "--onnx", onnx, "--weights", link)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertEqual(result.stdout, f"Wrote {onnx}\nWrote {link}\n")
        self.assertTrue(link.is_symlink())
        self.assertIn(b"Conv", onnx.read_bytes())
        self.assertIn(b'"normnet.kind":"weights"', weights.read_bytes())
        self.assertNotIn(b"normnet.note", weights.read_bytes())
        missing = self.directory / "nowhere" / "x"
        export = ["export", "--model", self.model]
        self.expect_failure(1, r"cannot write '.*nowhere/x'", *export, "--onnx", missing)
        onnx.unlink()
        self.expect_failure(1, r"cannot write .*nowhere/x", *export, "--onnx", onnx, "--weights", missing)
        self.assertFalse(onnx.exists())
        self.expect_failure(1, r"cannot open '.*nowhere/x'", "export", "--model", missing, "--onnx", onnx)


    def test_no_file_takes_the_place_of_another(self):
        """However the two are written."""
        link, missing = self.directory / "link", self.directory / "missing"
        link.symlink_to(self.model)
        missing.symlink_to("new")
        folder = self.directory / "folder"
        folder.symlink_to(self.directory)
        picture = self.image("picture.pgm", pgm(8, 6, [0] * 48))
        before = self.contents()
        evaluate, predict, export = ([word, "--model", self.model] for word in ("evaluate", "predict", "export"))
        train, images = ["train", "--data", self.data, *TINY], self.data / FILES[2]
        for pattern, *arguments in [
            (r"--model and --json both name the file", *evaluate, "--json", f"{self.directory}/./model"),
            (r"--model and --json both name the file", *evaluate, "--json", link),
            (r"--model and --json both name the file", *evaluate, "--json", folder / "model"),
            (r"--model and --json both name the file", *predict, picture, "--json", os.path.relpath(self.model)),
            (r"--model and --onnx both name the file", *export, "--onnx", link),
            (r"--model and --weights both name the file", *export, "--weights", folder / "model"),
            (r"--onnx and --weights both name the file", *export, "--onnx", folder / "x", "--weights", f"{folder}/./x"),
            (r"--onnx and --weights both name the file", *export, "--onnx", missing, "--weights", folder / "new"),
            (r"--resume and --json both name the file", "train", "--resume", self.model, "--json", link),
            (r"--save and --json both name the file", *train, "--save", folder / "x", "--json", f"{folder}/./x"),
            (r"--save and --json both name the file", *train, "--save", folder / "new", "--json", missing),
            (r"--json names .*picture.pgm, one of the images", *predict, picture, "--json", folder / "picture.pgm"),
            (r"--json names .*images-idx3-ubyte, one of", *predict, f"{images}:3", "--json", images),
            (r"--json names .*, a file of the data set", *train, "--json", folder / "data" / FILES[1]),
            (r"--json names .*, a file of the data set", *evaluate, "--data", self.data, "--json", images),
        ]:
            with self.subTest(arguments=arguments):
                self.expect_failure(2, pattern, *arguments)
                self.assertEqual(self.contents(), before)
        self.expect_failure(1, r"labels-idx1-ubyte exists; ", *train, "--save", self.data / FILES[1])
        self.assertEqual(self.contents(), before)

    def contents(self):
        return {path: path.read_bytes() for path in self.directory.rglob("*") if path.is_file()}

    def test_output_that_goes_into_the_file(self):
        log = self.directory / "results.log"
        log.write_text("of other runs\n")
        for options in (["--json", "/dev/stdout"], ["--json", log]):
            with open(log, "a", encoding="utf-8") as stream:
                command = [PROGRAM, "evaluate", "--model", self.model, "--data", self.data, *options]
                result = subprocess.run(command, stdout=stream, stderr=subprocess.PIPE, text=True, check=False)
            self.assertEqual(result.returncode, 1)
            self.assertRegex(result.stderr, r"^normnet-mnist: cannot write .*: what the program prints goes into it\n$")
            self.assertEqual(log.read_text(), "of other runs\n")

    def test_what_is_replaced_keeps_its_place_and_permissions(self):
        answer, weights, link = (self.directory / name for name in ("answer.json", "weights", "link"))
        for path in (answer, weights):
            path.touch()
            path.chmod(0o600)
        self.answer("evaluate", "--model", self.model, "--data", self.data)
        export = ["export", "--model", self.model]
        self.assertEqual(self.run_program(*export, "--weights", weights).returncode, 0)
        for path in (answer, weights):
            self.assertEqual(path.stat().st_mode & 0o777, 0o600)
            self.assertGreater(path.stat().st_size, 0)
        # A link that leads nowhere is followed, too.
        evaluate = ["evaluate", "--model", self.model, "--data", self.data]
        for option, command in [("--onnx", export), ("--json", evaluate)]:
            link.symlink_to("new")
            self.assertEqual(self.run_program(*command, option, link).returncode, 0)
            self.assertTrue(link.is_symlink())
            self.assertGreater((self.directory / "new").stat().st_size, 0)
            link.unlink()
            (self.directory / "new").unlink()


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    requests = []

    def log_message(self, *arguments):
        self.requests.append(self.path)


class Fetch(TestCase):
    def setUp(self):
        super().setUp()
        self.mirror = self.directory / "mirror"
        self.mirror.mkdir()
        self.cache = self.home / ".cache" / "normnet" / "mnist"
        QuietHandler.requests = []
        handler = functools.partial(QuietHandler, directory=str(self.mirror))
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        self.address = f"http://127.0.0.1:{server.server_port}"

    def fetch(self, *arguments, **variables):
        return subprocess.run(
            ["sh", str(FETCH), *arguments],
            capture_output=True,
            text=True,
            env=environment(self.home, **{"NORMNET_MIRROR": self.address, **variables}),
            timeout=120,
            check=False,
        )

    def expect_refusal(self, pattern, **variables):
        result = self.fetch(**variables)
        self.assertEqual(result.returncode, 1, result)
        self.assertRegex(result.stderr, pattern)
        installed = [path.name for path in self.cache.rglob("*")] if self.cache.exists() else []
        self.assertEqual(installed, [])
        return result

    def serve_mnist(self):
        if not REAL_MNIST:
            self.skipTest("NORMNET_DATA does not name a directory with MNIST")
        for name in FILES:
            (self.mirror / f"{name}.gz").write_bytes(gzip.compress((Path(REAL_MNIST) / name).read_bytes(), 1))

    def test_help_and_mistakes(self):
        result = self.fetch("--help")
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertIn("NORMNET_MIRROR", result.stdout)
        result = self.fetch("--quick")
        self.assertEqual(result.returncode, 2)
        self.assertIn("there is no option --quick", result.stderr)

    def test_installs_and_keeps(self):
        self.serve_mnist()
        result = self.fetch()
        self.assertEqual(result.returncode, 0, result)
        self.assertEqual(sorted(path.name for path in self.cache.iterdir()), sorted(FILES))
        for name in FILES:
            expected = hashlib.sha256((Path(REAL_MNIST) / name).read_bytes()).hexdigest()
            self.assertEqual(hashlib.sha256((self.cache / name).read_bytes()).hexdigest(), expected)
        self.assertEqual(QuietHandler.requests[-1], f"/{FILES[0]}.gz")  # the file that says that all are there

        # A second time nothing is fetched; what is damaged is replaced, and only that.
        QuietHandler.requests.clear()
        self.assertEqual(self.fetch().returncode, 0)
        self.assertEqual(QuietHandler.requests, [])
        (self.cache / FILES[3]).write_bytes(b"damaged")
        self.assertEqual(self.fetch().returncode, 0)
        self.assertEqual(QuietHandler.requests, [f"/{FILES[3]}.gz"])

        # And the program finds it.
        result = self.train("--limit", "64", "--epochs", "1", *SMALL_NETWORK)
        self.assertEqual(result["data"]["source"], str(self.cache))

    def test_second_mirror(self):
        self.serve_mnist()
        mirrors = f"{self.address}/nothing {self.address}/"
        result = self.fetch(NORMNET_MIRROR=mirrors, XDG_CACHE_HOME=self.directory / "x")
        self.assertEqual(result.returncode, 0, result)
        self.assertTrue((self.directory / "x" / "normnet" / "mnist" / FILES[0]).exists())

    def test_refuses_other_contents(self):
        for name in FILES:
            (self.mirror / f"{name}.gz").write_bytes(gzip.compress(idx([10], range(10))))
        self.expect_refusal(r"is not the MNIST file: its contents have the SHA-256 [0-9a-f]{64}")
        self.assertEqual(len(QuietHandler.requests), 1)

    def test_refuses_what_is_no_archive(self):
        for name in FILES:
            (self.mirror / f"{name}.gz").write_bytes(b"<html>Log in to the network of this hotel</html>")
        self.expect_refusal(r"is not the MNIST file")

    def test_refuses_a_bomb(self):
        """An archive that unpacks to far more than MNIST is cut off, not written out."""
        with gzip.open(self.mirror / f"{FILES[2]}.gz", "wb", 1) as file:
            for _ in range(300):
                file.write(bytes(1 << 20))
        self.expect_refusal(r"is not the MNIST file")

    def test_missing_files(self):
        result = self.expect_refusal(r"404")
        self.assertIn("could not fetch t10k-images-idx3-ubyte.gz; set NORMNET_MIRROR to another mirror", result.stderr)

    def test_no_server(self):
        start = time.monotonic()
        self.expect_refusal(r"could not fetch", NORMNET_MIRROR="http://127.0.0.1:1")
        self.assertLess(time.monotonic() - start, 10)

    def test_no_home(self):
        result = self.fetch(HOME="")
        self.assertEqual(result.returncode, 1)
        self.assertIn("neither HOME nor XDG_CACHE_HOME is set", result.stderr)


def name_of(test):
    return test.id().removeprefix("__main__.")


class LineResult(unittest.TestResult):
    """`ok NAME`, `FAIL NAME: ...` or `skip NAME: why` per test, as the tests in C print them."""

    def addSuccess(self, test):
        super().addSuccess(test)
        print(f"ok {name_of(test)}", flush=True)

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        print(f"skip {name_of(test)}: {reason}", flush=True)

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.report(test, self.failures[-1][1])

    def addError(self, test, err):
        super().addError(test, err)
        self.report(test, self.errors[-1][1])

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err is not None:
            self.report(subtest, "".join(text for failed, text in self.failures + self.errors if failed is subtest))

    @staticmethod
    def report(test, text):
        print(f"FAIL {name_of(test)}: {text}", flush=True)


def main():
    global PROGRAM
    if len(sys.argv) < 2 or sys.argv[1].startswith("-"):
        print(__doc__, file=sys.stderr)
        return 2
    PROGRAM = os.path.abspath(sys.argv[1])
    loader = unittest.TestLoader()
    loader.testNamePatterns = [f"*{part}*" for part in sys.argv[2:]] or None
    result = LineResult()
    loader.loadTestsFromModule(sys.modules[__name__]).run(result)
    failed = len({test.id().split(" ")[0] for test, _ in result.failures + result.errors})
    print(f"{result.testsRun - failed - len(result.skipped)} passed, {failed} failed, {len(result.skipped)} skipped")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
