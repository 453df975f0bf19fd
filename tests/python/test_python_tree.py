# SPDX-License-Identifier: MIT
"""`python examples/python COMMAND` and `python -m normnet COMMAND` without an installation: the program that meson has
built in the source tree, and for a copy of normnet.py the one on PATH."""
import os
import pathlib
import shutil
import signal
import subprocess
import sys

import numpy
import pytest

import normnet

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILDS = ["build", "builddir", "build/release", "build/examples", "build/dev"]
NAME = "normnet-mnist.exe" if os.name == "nt" else "normnet-mnist"
# The one of the build under test, which has none with -Dexamples=false.
BUILT = pathlib.Path(normnet.library._name).resolve().parents[1] / "examples" / "mnist" / NAME
posix = pytest.mark.skipif(os.name == "nt", reason="scripts that are programs: POSIX")


class Tree:
    """The files of examples/python in a tree of their own, since those of the source tree find its builds."""

    def __init__(self, folder):
        self.folder = folder
        self.python = folder / "examples" / "python"
        self.python.mkdir(parents=True)
        for path in (ROOT / "examples" / "python").iterdir():
            if path.is_file():
                shutil.copy(path, self.python)

    def add_program(self, build, text):
        """A program that stands for the one of a build."""
        program = self.folder / build / "examples" / "mnist" / NAME
        program.parent.mkdir(parents=True)
        program.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
        program.chmod(0o755)

    def start(self, *arguments, module=False, path=None):
        # It needs neither numpy nor the library, and finds no package and no program that is installed.
        environment = {name: value for name, value in os.environ.items() if name != "NORMNET_LIBRARY"}
        environment.update(PATH=str(path or self.folder / "none"), PYTHONPATH=str(self.python) if module else "")
        started = ["-m", "normnet"] if module else [str(self.python)]
        return subprocess.Popen([sys.executable, "-S", *started, *map(str, arguments)], env=environment,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                cwd=self.folder)

    def run(self, *arguments, code=0, **how):
        process = self.start(*arguments, **how)
        output, errors = process.communicate(timeout=600)
        assert process.returncode == code, f"{process.returncode}\n{output}\n{errors}"
        return output, errors


@pytest.fixture
def tree(tmp_path):
    return Tree(tmp_path / "a tree")  # whose name has a space


@pytest.fixture
def built(tree):
    if not BUILT.is_file():
        pytest.skip(f"{BUILT} has not been built")
    library = pathlib.Path(normnet.library._name).resolve()
    for path in (BUILT, *library.parent.glob(library.name.split(".")[0] + ".*")):
        place = tree.folder / "build" / path.relative_to(BUILT.parents[2])
        place.parent.mkdir(parents=True, exist_ok=True)
        if path.is_file():
            shutil.copy(path, place)
    return tree


def test_it_trains_and_predicts(built):
    images, labels = numpy.zeros((60, 8, 8), numpy.uint8), numpy.arange(60) % 4
    for image, label in zip(images, labels):
        image[2 * label:2 * label + 2] = 255
    numpy.savez(built.folder / "bars.npz", x_train=images, y_train=labels, x_test=images[:20], y_test=labels[:20])
    numpy.save(built.folder / "three.npy", images[2:5])
    built.run("train", "--data", "bars.npz", "--epochs", "10", "--augment", "none", "--batch", "10", "--threads", "1",
              "--save", "bars.ckpt")
    output, _ = built.run("predict", "--model", "bars.ckpt", "three.npy")
    assert [line.split()[1] for line in output.splitlines() if line.startswith("three.npy")] == ["2", "3", "0"]


def test_its_help_mistakes_and_exit_codes_are_the_programs(built):
    assert built.run("--version")[0] == f"normnet-mnist {normnet.version()}\n"
    assert "predict" in built.run("--help")[0]
    assert "there is no command 'trian'; did you mean train?" in built.run("trian", code=2)[1]


@posix
@pytest.mark.parametrize("module", [False, True])
def test_arguments_and_the_exit_code_arrive(tree, module):
    tree.add_program("build", 'printf "<%s>" "$@"; exit 7')
    output, _ = tree.run("train", "two words", "", "*", "--epochs=1", code=7, module=module)
    assert output == "<train><two words><><*><--epochs=1>"


@posix
def test_a_copy_of_the_module_starts_the_program_on_the_path(tree):
    for path in tree.python.iterdir():
        if path.name != "normnet.py":
            path.unlink()
    tree.add_program("elsewhere", 'printf "<%s>" "$@"; exit 7')
    path = tree.folder / "elsewhere" / "examples" / "mnist"
    assert tree.run("train", "two words", code=7, module=True, path=path)[0] == "<train><two words>"


@posix
def test_the_program_takes_the_place_of_python(tree):
    """So that a signal that ends Python ends the program."""
    tree.add_program("build", f"echo $$; exec {shutil.which('sleep')} 600")
    process = tree.start()
    assert int(process.stdout.readline()) == process.pid
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=600)
    assert process.returncode == -signal.SIGTERM


@posix
@pytest.mark.parametrize("first", range(len(BUILDS)))
def test_build_directories_are_tried_in_order(tree, first):
    for build in BUILDS[first:]:
        tree.add_program(build, f"echo {build}")
    assert tree.run()[0] == BUILDS[first] + "\n"


@pytest.mark.parametrize("module", [False, True])
def test_without_a_program_it_says_so(tree, module):
    errors = tree.run("train", code=1, module=module)[1]
    assert errors.startswith("error: normnet-mnist was not found: pip install") and errors.count("\n") == 1
