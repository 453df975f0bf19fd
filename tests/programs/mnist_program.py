# SPDX-License-Identifier: MIT
"""What the tests of normnet-mnist share. Each of them is a program:

usage: python3 test_mnist_training.py PATH_TO_NORMNET_MNIST
           [--without] [PART OF A TEST'S NAME]... | -h | --help

--without runs the tests with none of the parts in their name. They need Python
alone. If NORMNET_DATA names a directory with MNIST, it is used where real data
matters.
"""
import json
import os
import signal
import struct
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

TIME_LIMIT = 3600  # seconds: for a program that hangs, never for a slow machine
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


def heed_signals():
    """For a new process: with nohup and in the background of a shell, some signals are ignored, and so by children."""
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)


class TestCase(unittest.TestCase):
    program = ""  # the path of normnet-mnist; set in main()

    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = Path(directory.name)
        self.home = self.directory / "home"
        self.home.mkdir()

    def run_program(self, *arguments, **variables):
        """In the test's directory, so that a file with an unexpected name is not left elsewhere."""
        return subprocess.run(
            [self.program, *map(str, arguments)],
            capture_output=True,
            text=True,
            cwd=self.directory,
            env=environment(self.home, **variables),
            timeout=TIME_LIMIT,
            check=False,
        )

    def expect_failure(self, code, pattern, *arguments, **variables):
        """One message on standard error, no signal, nothing on standard output."""
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
        """A training run in the background, which signals end."""
        return subprocess.Popen(
            [self.program, "train", *map(str, arguments)],
            text=True,
            env=environment(self.home),
            preexec_fn=heed_signals,
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
        """Trains and returns the JSON file's contents, which replace those of the training run before."""
        path = self.directory / "result.json"
        path.unlink(missing_ok=True)
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


def pgm(width, height, values, magic="P5", largest=255, comment=""):
    body = bytes(values) if magic in ("P5", "P6") else " ".join(map(str, values)).encode() + b"\n"
    return f"{magic}\n{comment}{width} {height}\n{largest}\n".encode() + body


def without_times(result):
    """What two training runs with the same settings have in common."""
    history = [{k: v for k, v in e.items() if k not in ("seconds", "images_per_second")} for e in result["history"]]
    configuration = {**result["configuration"], "threads": 0}
    return {**result, "history": history, "configuration": configuration}


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


def selected_tests(parts, without):
    """This program's tests with one of the parts in their names, or with none of them; all if there is no part."""
    loaded = unittest.TestLoader().loadTestsFromModule(sys.modules["__main__"])
    tests = [test for group in loaded for test in group]
    if parts:
        tests = [test for test in tests if any(part in name_of(test) for part in parts) != without]
    return unittest.TestSuite(tests)


def main():
    arguments = sys.argv[1:]
    if not arguments or arguments[0].startswith("-"):
        print(__doc__)
        sys.exit(0 if arguments and arguments[0] in ("-h", "--help") else 2)
    TestCase.program = os.path.abspath(arguments[0])
    without = "--without" in arguments
    result = LineResult()
    selected_tests([part for part in arguments[1:] if part != "--without"], without).run(result)
    failed = len({test.id().split(" ")[0] for test, _ in result.failures + result.errors})
    print(f"{result.testsRun - failed - len(result.skipped)} passed, {failed} failed, {len(result.skipped)} skipped")
    sys.exit(failed > 0 or result.testsRun == 0)
