# SPDX-License-Identifier: MIT
"""examples/python/study.ipynb: is committed without outputs, runs, and shows what its text says."""
import pathlib
import re

import nbclient
import nbformat
import pytest

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "examples" / "python"
NOTEBOOK = FOLDER / "study.ipynb"
NORMS = ["none", "batch", "group", "layer", "instance", "rms"]


def read():
    return nbformat.read(NOTEBOOK, as_version=4)


def test_it_is_committed_without_outputs():
    nbformat.validate(read())
    for cell in read().cells:
        if cell.cell_type == "code":
            assert cell.outputs == [] and cell.execution_count is None
        assert cell.metadata == {}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The notebook with its outputs, on the digits of scikit-learn."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NORMNET_DATA", str(tmp_path_factory.mktemp("none")))
        patch.setenv("PYTHONPATH", str(FOLDER))
        patch.setenv("PYTHONDONTWRITEBYTECODE", "1")
        patch.setenv("IPYTHONDIR", str(tmp_path_factory.mktemp("ipython")))
        notebook = read()
        nbclient.NotebookClient(notebook, timeout=3600, kernel_name="python3",
                                resources={"metadata": {"path": str(tmp_path_factory.mktemp("work"))}}).execute()
    return notebook


def text_of(notebook):
    return "".join(output.text for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs
                   if output.output_type == "stream" and output.name == "stdout")


def test_every_norm_learns(run):
    accuracies = dict(re.findall(r"^(\w+) +\d+ parameters, test accuracy of the seeds: (.*)$", text_of(run), re.M))
    assert list(accuracies) == NORMS
    values = {norm: [float(value) for value in re.findall(r"([\d.]+)%", text)] for norm, text in accuracies.items()}
    assert all(len(some) == 3 for some in values.values())
    assert min(min(values[norm]) for norm in NORMS[1:]) > 80
    # As the text says.
    means = sorted(NORMS, key=lambda norm: sum(values[norm]))
    assert means[0] == "none" and set(means[-2:]) == {"batch", "instance"}


def test_each_pair_has_a_verdict(run):
    best = re.search(r"^best mean: (\w+), ", text_of(run), re.M)[1]
    verdicts = re.findall(rf"^{best} - (\w+) +-?[\d.]+ points .*(real|perhaps|not distinguishable)$", text_of(run),
                          re.M)
    assert [name for name, _ in verdicts] == [norm for norm in NORMS if norm != best]


def test_the_wrong_place_is_guessing_and_the_library_warns(run):
    loss, guessing, accuracy = map(float, re.search(r"loss ([\d.]+), that of guessing is ([\d.]+);"
                                                    r" test accuracy ([\d.]+)%", text_of(run)).groups())
    assert loss == pytest.approx(guessing, abs=.05)
    assert accuracy < 20
    assert re.search(r"^warning: layer", text_of(run), re.M)


def test_there_are_pictures_and_equal_bits_and_no_errors(run):
    outputs = [output for cell in run.cells if cell.cell_type == "code" for output in cell.outputs]
    assert sum("image/png" in output.get("data", {}) for output in outputs) == 4
    assert not [output for output in outputs if output.output_type == "stream" and output.name == "stderr"]
    assert re.search(r"^True$", text_of(run), re.M)
