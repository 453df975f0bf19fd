# SPDX-License-Identifier: MIT
"""`pip install ./examples/python`: the package that is built from a clean tree, in a virtual environment of its own."""
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tarfile
import zipfile

import numpy
import pytest

import normnet

ROOT = pathlib.Path(__file__).resolve().parents[2]
WINDOWS = os.name == "nt"
MODULES = ["normnet_plots.py", "normnet_sklearn.py"]


def run(*command, code=0, **settings):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, stdin=subprocess.DEVNULL,
                          check=False, **settings)
    assert done.returncode == code, f"{command}: {done.returncode}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done


def sources():
    """The files that a commit of the tree has, with changes that are not committed."""
    if (ROOT / ".git").exists() and shutil.which("git"):
        names = run("git", "-C", ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard").stdout
        return sorted(name for name in names.split("\0") if name and (ROOT / name).is_file())
    return sorted(path.relative_to(ROOT).as_posix() for path in ROOT.rglob("*")
                  if path.is_file() and path.relative_to(ROOT).parts[0] != "build" and "__pycache__" not in path.parts)


def hashes(folder):
    """The files of a folder, but for what Python itself makes of those that it imports."""
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in folder.rglob("*") if path.is_file() and path.parent.name != "__pycache__"}


def environment():
    """What the build may use: the tools beside this Python, and no library or module of this tree."""
    found = {name: value for name, value in os.environ.items()
             if name not in ("NORMNET_LIBRARY", "PYTHONPATH", "MESON", "DESTDIR")}
    found["PATH"] = os.pathsep.join([str(pathlib.Path(sys.executable).parent), found["PATH"]])
    return found


@pytest.fixture(scope="module")
def clean(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clean") / "a folder"  # whose name has a space
    for name in sources():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, target)
    return folder


@pytest.fixture(scope="module")
def wheel(clean, tmp_path_factory):
    out, before = tmp_path_factory.mktemp("wheel"), hashes(clean)
    run(sys.executable, "-m", "pip", "wheel", "--no-index", "--no-deps", "--no-build-isolation", "-w", out,
        "./examples/python", cwd=clean, env=environment())
    assert hashes(clean) == before, "the build changes the source tree"
    found, = out.iterdir()
    return found


class Installation:
    def __init__(self, folder, wheel):
        self.folder = folder
        self.scripts = folder / ("Scripts" if WINDOWS else "bin")
        self.python = self.scripts / ("python.exe" if WINDOWS else "python")
        run(sys.executable, "-m", "venv", "--without-pip", folder)
        run(sys.executable, "-m", "pip", "--python", self.python, "install", "--no-index", "--no-deps", wheel)

    def run(self, *arguments, code=0, numpy_too=False, path=None, **settings):
        env = {name: value for name, value in environment().items() if name != "NORMNET_DATA"}
        if path is not None:
            env["PATH"] = str(path)
        if numpy_too:
            env["PYTHONPATH"] = str(pathlib.Path(numpy.__file__).parents[1])
        return run(self.python, *arguments, code=code, cwd=self.folder, env=env, **settings)

    def evaluate(self, program, **settings):
        """What a program prints, as JSON."""
        return json.loads(self.run("-c", "import json\n" + program, **settings).stdout)


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    return Installation(tmp_path_factory.mktemp("venv"), wheel)


def test_the_wheel_has_the_module_the_library_and_the_program(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
        assert archive.read("normnet/__init__.py") == (ROOT / "examples/python/normnet.py").read_bytes()
        metadata = archive.read(f"normnet-{normnet.version()}.dist-info/METADATA").decode()
    libraries = {name for name in names if name.startswith("normnet/") and "normnet." in name.split("/")[1]}
    programs = {name for name in names if ".data/scripts/" in name}
    assert len(libraries) == len(programs) == 1
    assert names - libraries - programs == {"normnet/__init__.py", "normnet/__main__.py", "normnet/py.typed", *MODULES}
    assert f"\nVersion: {normnet.version()}\n" in metadata
    assert "\nRequires-Dist: numpy\n" in metadata


def test_any_later_python_takes_the_wheel(wheel):
    assert wheel.name.startswith(f"normnet-{normnet.version()}-cp3{sys.version_info[1]}-abi3-")


def test_the_module_finds_the_library_in_the_package(installed):
    file, library, version, parameters = installed.evaluate(
        "import normnet\n"
        "print(json.dumps([normnet.__file__, normnet.library._name, normnet.version(),"
        " normnet.Model('group').parameter_count]))")
    assert pathlib.Path(library).parent == pathlib.Path(file).parent
    assert installed.folder in pathlib.Path(library).resolve().parents
    assert (version, parameters) == (normnet.version(), 7704)


PROGRAM = """
import hashlib, numpy, normnet
random = numpy.random.RandomState(0)
images, labels = random.randint(0, 256, (40, 1, 28, 28)).astype(numpy.uint8), random.randint(0, 10, 40)
with normnet.Model("batch", seed=3) as model:
    for _ in range(3):
        model.train_step(images, labels)
    state = model.state_dict()
result = {name: hashlib.sha256(values.tobytes()).hexdigest() for name, values in state.items()}
"""


def test_its_weights_have_the_same_bits(installed):
    here = {}
    exec(PROGRAM, here)
    assert installed.evaluate(PROGRAM + "print(json.dumps(result))", numpy_too=True) == here["result"]


def test_python_m_trains_predicts_and_reports(installed):
    assert installed.run("-m", "normnet", "--version").stdout == f"normnet-mnist {normnet.version()}\n"
    assert "predict" in installed.run("-m", "normnet", "--help").stdout
    images = numpy.zeros((60, 8, 8), numpy.uint8)
    labels = numpy.arange(60) % 4
    for image, label in zip(images, labels):
        image[2 * label:2 * label + 2] = 255
    numpy.savez(installed.folder / "bars.npz", x_train=images, y_train=labels, x_test=images[:20], y_test=labels[:20])
    numpy.save(installed.folder / "three.npy", images[2:5])
    installed.run("-m", "normnet", "train", "--data", "bars.npz", "--epochs", "10", "--augment", "none", "--batch",
                  "10", "--threads", "1", "--save", "bars.ckpt", "--json", "bars.json", "--report", "bars.html")
    history = json.loads((installed.folder / "bars.json").read_text(encoding="utf-8"))["history"]
    assert history[-1]["test_accuracy"] == 100
    assert "<svg" in (installed.folder / "bars.html").read_text(encoding="utf-8")
    predictions = installed.run("-m", "normnet", "predict", "--model", "bars.ckpt", "three.npy").stdout
    assert [line.split()[1] for line in predictions.splitlines() if line.startswith("three.npy")] == ["2", "3", "0"]


def test_python_m_passes_mistakes_and_exit_codes_on(installed):
    done = installed.run("-m", "normnet", "trian", code=2)
    assert "there is no command 'trian'; did you mean train?" in done.stderr


def test_the_program_is_a_command(installed):
    command = installed.scripts / ("normnet-mnist.exe" if WINDOWS else "normnet-mnist")
    assert run(command, "--version", env={"PATH": ""}).stdout == f"normnet-mnist {normnet.version()}\n"


def test_a_program_that_has_been_removed_is_named(wheel, tmp_path):
    other = Installation(tmp_path / "venv", wheel)
    for path in other.scripts.glob("normnet-mnist*"):
        path.unlink()
    failed = other.run("-m", "normnet", "train", code=1, path=other.scripts)  # where no other one is
    assert failed.stderr.startswith("error: normnet-mnist was not found")


def test_a_source_distribution_makes_the_same_wheel(clean, wheel, tmp_path):
    """It has all that the build reads."""
    before = hashes(clean)
    name = run(sys.executable, "-c", "import backend; print('file', backend.build_sdist(%r))" % str(tmp_path),
               cwd=clean / "examples" / "python", env={**environment(), "PYTHONDONTWRITEBYTECODE": "1"}
               ).stdout.split("file ")[-1].strip()
    assert hashes(clean) == before, "the build changes the source tree"
    assert name == f"normnet-{normnet.version()}.tar.gz"
    with tarfile.open(tmp_path / name) as archive:
        archive.extractall(tmp_path)
    tree = tmp_path / name.removesuffix(".tar.gz")
    assert f"\nVersion: {normnet.version()}\n" in (tree / "PKG-INFO").read_text(encoding="utf-8")
    for folder in ("include", "lib", "examples"):
        assert hashes(tree / folder) == hashes(clean / folder)
    # pip unpacks it and builds there, far from any tree.
    # Without optimization, which takes less time and changes no bits.
    run(sys.executable, "-m", "pip", "wheel", "--no-index", "--no-deps", "--no-build-isolation", "-w", tmp_path / "out",
        "--config-settings=setup-args=-Doptimization=0", tmp_path / name, cwd=tmp_path, env=environment())
    built, = (tmp_path / "out").iterdir()
    assert built.name == wheel.name
    with zipfile.ZipFile(built) as ours, zipfile.ZipFile(wheel) as theirs:
        assert ours.namelist() == theirs.namelist()
    installed = Installation(tmp_path / "venv", built)
    here = {}
    exec(PROGRAM, here)
    assert installed.evaluate(PROGRAM + "print(json.dumps(result))", numpy_too=True) == here["result"]
    assert installed.run("-m", "normnet", "--version").stdout == f"normnet-mnist {normnet.version()}\n"
