# SPDX-License-Identifier: MIT
"""`normnet-mnist train --report`: what the page has, which files it may replace, and trainings that stop."""
import html
import json
import math
import os
import re
import signal
import subprocess
import time
import zipfile

import pytest

from conftest import HOSTILE, TRAINING
from page import Page, section, words

ANCHORS = ["result", "networks", "curves", "rates", "confusion", "gallery", "layers", "sparsity"]
SHORT = [*TRAINING, "--epochs", "2"]


@pytest.fixture(scope="session")
def text(program):
    return (program.directory / "training.html").read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def result(program):
    return json.loads((program.directory / "training.json").read_text(encoding="utf-8"))


def lines_of(chart):
    """The values of a chart's lines by their names; those of a gap are None."""
    found = re.findall(r'data-n="([^"]*)" data-y="([^"]*)"', chart)
    return {name: [float(value) if value else None for value in values.split(",")] for name, values in found}


def charts_of(text, anchor):
    return {re.search('class="title"[^>]*>([^<]*)', chart)[1]: lines_of(chart)
            for chart in re.findall(r'<svg class="chart".*?</svg></svg>', section(text, anchor), re.S)}


def report(program, *arguments, code=0, name="page.html"):
    """Trains for two epochs with a new page; returns its text, or the result of a command that fails."""
    (program.directory / name).unlink(missing_ok=True)
    ran = program.run("train", *SHORT, "--report", name, *arguments, code=code)
    return ran if code else (program.directory / name).read_text(encoding="utf-8")


# ---- The page -----------------------------------------------------------------------------------


def test_sections_and_names(text):
    page = Page(text)
    assert [attributes["id"] for tag, attributes in page.elements if tag == "section"] == ANCHORS
    assert [a["href"] for tag, a in page.elements if tag == "a"][:len(ANCHORS)] == ["#" + anchor for anchor in ANCHORS]
    everything = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(everything) == len(set(everything))
    for tag, attributes in page.elements:
        for name in ("src", "href", "data", "action"):
            assert not attributes.get(name) or attributes[name].startswith(("#", "data:")), (tag, attributes)
    assert not re.search(r"url\(|@import|https?://", text.replace("http://www.w3.org/2000/svg", ""))
    assert sum(tag == "script" for tag, _ in page.elements) == 1
    assert not any(name.startswith("on") for _, attributes in page.elements for name in attributes)
    assert HOSTILE in "".join(page.texts)
    markup = re.sub(r"<style>.*?</style>|<script>.*?</script>", "", text, flags=re.S)
    assert not re.search(r"\bnan\b|\binf\b|seed[s ]*(that|of|each)|over the seeds", words(markup).lower())


def test_result(program, text, result):
    shown, last = section(text, "result"), result["history"][-1]
    rows = [words(row).rsplit(" ", 4) for row in re.findall(r"<tr>(<td.*?)</tr>", shown, re.S)[:5]]
    table = {name: values for name, *values in rows}
    for name, key in {"training": "train", "validation": "validation", "test": "test",
                      "validation, averaged weights": "average_validation",
                      "test, averaged weights": "average_test"}.items():
        values = [epoch[key + "_accuracy"] for epoch in result["history"]]
        assert table[name] == [f"{last[key + '_loss']:.4f}", f"{values[-1]:.2f}", f"{max(values):.2f}",
                               str(values.index(max(values)) + 1)], name
    plain = words(shown)
    assert f"After 6 epochs, the averaged weights have a test accuracy of {last['average_test_accuracy']:.2f} %" in plain
    for value in (result["weights_sha256"], result["average_sha256"], result["best"]["weights_sha256"]):
        assert value in shown
    assert f"Epoch {result['best']['epoch']} was kept" in plain and "run.ckpt.best" in plain
    assert f"{result['parameters']} parameters" in plain and "110 training, 10 validation and 60 test images" in plain
    seconds = sum(epoch["seconds"] for epoch in result["history"])
    assert f"6 epochs of training in {seconds:.2f} seconds: {6 * 110 / seconds:.0f} images per second" in plain
    command = words(re.search("The command: <code>(.*?)</code>", shown, re.S)[1])
    assert command.startswith("normnet-mnist train --data data --batch 32 --epochs 6 ")
    assert "&#39;conv3-4 norm relu conv3-4 relu gap conv1-5&#39; --average .9" in command
    configuration = words(shown.split("<summary>All settings</summary>")[1])
    for setting in ("norm batch", "batch 32", "lr 0.05", "l1 0.001", "average 0.9", "validate 10", "momentum 0.9"):
        assert setting in configuration and setting in words(shown).replace("Configuration:", "")


def test_paths_of_the_machine_are_left_out(program):
    """Files are named without the folders above them, also in the command, where relative paths are as typed."""
    folder = program.directory.resolve()
    (folder / "some names.txt").write_text("a\nb\nc\nd\ne\n")
    program.run("train", *SHORT, "--save", folder / "first.ckpt", "--keep", "best")
    program.run("train", "--resume", folder / "first.ckpt", "--data", folder / "data", "--epochs", "3",
                f"--save={folder}/later.ckpt", "--report", "./paths.html", "--schedule", "constant",
                f"--classes={folder}/some names.txt", "--json", folder / "paths.json")
    page = (folder / "paths.html").read_text(encoding="utf-8")
    command = html.unescape(re.search("The command: <code>(.*?)</code>", page, flags=re.S)[1])
    assert command == ("normnet-mnist train --resume first.ckpt --data data --epochs 3 '--save=later.ckpt' --report "
                       "./paths.html --schedule constant '--classes=some names.txt' --json paths.json")
    assert str(folder) not in page and "first.ckpt</code>" in page and "images of <code>data</code>" in page


def test_paths_in_archives_keep_the_archive(program):
    """The command of a page finds the data again where the archive is."""
    folder = program.directory.resolve()
    with zipfile.ZipFile(folder / "digits.zip", "w") as archive:
        for path in sorted((folder / "data").iterdir()):
            archive.write(path, f"raw/{path.name}")
    inside = "digits.zip/raw/train-images-idx3-ubyte"
    program.run("train", *SHORT, "--data", folder / inside, "--report", "archive.html")
    page = (folder / "archive.html").read_text(encoding="utf-8")
    assert str(folder) not in page and f"--data {inside} --report archive.html" in page


def test_network(program, text):
    assert "AdaptiveAvgPool2d" in section(text, "networks") and "notice" not in section(text, "networks")
    warned = report(program, "--norm", "instance", "--architecture", "conv3-4 relu norm gap conv1-5")
    assert re.search('class="notice">.*lie inside the windows of layer', section(warned, "networks"), re.S)


def test_curves(text, result):
    charts = charts_of(text, "curves")
    assert list(charts) == ["Loss", "Accuracy, %", "Loss, the last epochs", "Accuracy, the last epochs, %"]
    for name, key in {"training": "train", "validation": "validation", "test": "test",
                      "validation, averaged weights": "average_validation",
                      "test, averaged weights": "average_test"}.items():
        losses, accuracies = ([epoch[key + end] for epoch in result["history"]] for end in ("_loss", "_accuracy"))
        for title, values, error in (("Loss", losses, 6e-5), ("Accuracy, %", accuracies, 6e-3)):
            assert charts[title][name] == pytest.approx(values, abs=error)
        assert charts["Loss, the last epochs"][name] == charts["Loss"][name][4:]
        assert charts["Accuracy, the last epochs, %"][name] == charts["Accuracy, %"][name][4:]
    rows = section(text, "curves").split("<tr>")[2:]
    assert len(rows) == 6
    assert words(rows[2]).startswith(f"3 {result['history'][2]['train_loss']:.4f} ")


def test_only_what_there_is(program):
    """Without validation images and average there are three lines fewer, and rows."""
    text = report(program, "--validate", "0", "--norm", "none")
    assert list(charts_of(text, "curves")["Loss"]) == ["training", "test"]
    assert "averaged" not in text and "validation," not in words(section(text, "result"))
    assert "After 2 epochs, the network has a test accuracy of" in words(section(text, "result"))
    assert "last epochs" not in text


def test_rates(text, result):
    rate = charts_of(text, "rates")["Learning rate"]
    assert rate["computed for every step"] == [0.05] * 24
    reported = [value for value in rate["reported by the run, last step of an epoch"] if value is not None]
    assert reported == [epoch["lr"] for epoch in result["history"]]


@pytest.mark.parametrize("schedule, momentum", [
    (["--schedule", "one-cycle"], (0.85, 0.95)),
    (["--schedule", "one-cycle", "--momentum", ".8"], (0.8, 0.8)),
    (["--schedule", "step", "--step-size", "1", "--step-gamma", ".5"], (0.9, 0.9)),
])
def test_rates_of_schedules(program, schedule, momentum):
    charts = charts_of(report(program, *schedule), "rates")
    computed, reported = charts["Learning rate"].values()
    points = [(a, b) for a, b in zip(computed, reported) if b is not None]
    assert len(points) == 2 and all(math.isclose(a, b, abs_tol=1e-6) for a, b in points)
    values = charts["Momentum"]["computed for every step"]
    assert (min(values), max(values)) == pytest.approx(momentum, abs=0.005)


def test_mistakes_are_those_of_evaluate(program, text):
    """Of the averaged weights, with the names of the classes."""
    (program.directory / "evaluate.json").unlink(missing_ok=True)
    program.run("evaluate", "--model", "run.ckpt", "--data", "data", "--json", "evaluate.json")
    evaluated = json.loads((program.directory / "evaluate.json").read_text(encoding="utf-8"))
    confusion = evaluated["confusion"]
    counts = [count for row in confusion for count in row if count]
    matrix = section(text, "confusion")
    assert [int(count) for count in re.findall(r'<text class="mid(?: head)?"[^>]*>(\d+)</text>', matrix)] == counts
    wrong = sum(map(sum, confusion)) - sum(confusion[i][i] for i in range(5))
    assert wrong > 0
    gallery = section(text, "gallery")
    assert words(gallery).startswith(f"Misclassified images {wrong} mistakes in 60 test images.")
    assert gallery.count('class="digit"') == wrong == len(re.findall("<image ", gallery))
    for i, name in ((0, "zero"), (2, "two"), (3, "三番目の名前")):
        assert f"{name} {i}</text>" in matrix
        assert (f"True class {name}" in words(gallery)) == (sum(confusion[i]) > confusion[i][i])
    assert "a name that is too l 4</text>" in matrix
    numbers = section(report(program), "gallery")
    assert re.search(r"True class \d <span", numbers) and re.search(r"</svg>\d → <b>\d</b>", numbers)


def test_layers_and_sparsity(text, result):
    shares = charts_of(text, "layers")
    assert len(shares) >= 4 + 6
    assert all(math.isclose(sum(values), 100, abs_tol=0.5) for lines in shares.values() for values in lines.values())
    sparsity = section(text, "sparsity")
    summed = sum(int(words(row).split()[1]) for row in sparsity.split("<tr>") if re.match(r'<td class="t">\d+\.', row))
    assert summed == result["parameters"]
    row = words(sparsity.split("<tr>")[2])
    assert f"0.001 {float(row.split()[3]):.1f} {result['history'][-1]['average_test_accuracy']:.2f}" in row


def test_weights_do_not_depend_on_it(program):
    with_report = re.search("SHA-256 of the weights: <code>(.*?)</code>", report(program))[1]
    assert with_report in program.run("train", *SHORT).stdout


# ---- Other runs ---------------------------------------------------------------------------------


def test_resumed(program):
    """The page of a longer training replaces that of its beginning, and of no other training."""
    page = program.directory / "resumed.html"
    (program.directory / "resumed.ckpt").unlink(missing_ok=True)
    arguments = ["--save", "resumed.ckpt", "--report", "resumed.html"]
    program.run("train", *SHORT, *arguments)
    assert len(charts_of(page.read_text(encoding="utf-8"), "curves")["Loss"]["test"]) == 2
    program.run("train", "--resume", "resumed.ckpt", "--data", "data", "--epochs", "4", "--report", "resumed.html")
    text = page.read_text(encoding="utf-8")
    Page(text)
    whole = report(program, "--epochs", "4", name="whole.html")
    assert charts_of(text, "curves") == charts_of(whole, "curves")
    assert "It continues the training of the checkpoint resumed.ckpt" in words(section(text, "result"))
    for other in (SHORT, ["--resume", "resumed.ckpt", "--data", "data", "--new-cycle"]):
        failed = program.run("train", *other, "--report", "resumed.html", code=1)
        assert "resumed.html exists and was not written by this training" in failed.stderr
        assert page.read_text(encoding="utf-8") == text
    finished = program.run("train", "--resume", "resumed.ckpt", "--data", "data", "--report", "finished.html")
    assert "The report is in finished.html" in finished.stdout
    later = (program.directory / "finished.html").read_text(encoding="utf-8")
    for anchor in ANCHORS[2:]:
        assert section(later, anchor) == section(text, anchor)


def test_history_that_is_too_long(program):
    """Epochs that the checkpoint has forgotten are a gap, and the page of such a training is never replaced."""
    program.run("train", *TRAINING, "--epochs", "700", "--save", "long.ckpt")
    resume = ["train", "--resume", "long.ckpt", "--data", "data", "--report", "long.html", "--epochs"]
    program.run(*resume, "705")
    text = (program.directory / "long.html").read_text(encoding="utf-8")
    Page(text)
    dropped = int(re.search(r"no room for the results of the first (\d+) epochs", text)[1])
    losses = charts_of(text, "curves")["Loss"]["test"]
    assert len(losses) == 705 and [value is None for value in losses] == [True] * dropped + [False] * (705 - dropped)
    assert words(section(text, "curves").split("<tr>")[2]).startswith(f"{dropped + 1} ")
    assert "long.html exists and was not written by this training" in program.run(*resume, "710", code=1).stderr


@pytest.mark.parametrize("lr, finishes", [("2", True), ("1e9", False)])
def test_divergence(program, lr, finishes):
    """The code of the failure, and a page that says why and shows the epochs before."""
    failed = report(program, "--norm", "none", "--l2", "1.2", "--lr", lr, "--epochs", "200", code=1)
    page = (program.directory / "page.html").read_text(encoding="utf-8")
    Page(page)
    reason = re.search(r"normnet-mnist: (epoch (\d+).*)", failed.stderr)
    shown = words(section(page, "result"))
    assert f"The training could not go on: {reason[1]}" in shown
    assert (int(reason[2]) > 1) == finishes
    assert ("No epoch was finished" in shown) != finishes
    if finishes:
        assert len(charts_of(page, "curves")["Loss"]["test"]) == int(reason[2]) - 1
        assert f"After {int(reason[2]) - 1} epoch" in shown and "weights when it stopped" in shown


def test_interrupted(program):
    """Ctrl-C writes no page; the command that is printed to resume does."""
    names = ("stopped.ckpt", "stopped.html")
    for name in names:
        (program.directory / name).unlink(missing_ok=True)
    environment = {**os.environ, "HOME": str(program.directory)}
    environment.pop("NORMNET_DATA", None)
    process = subprocess.Popen([os.environ["NORMNET_MNIST"], "train", *TRAINING, "--epochs", "3000", "--save", names[0],
                                "--report", names[1], "--classes", "names.txt"], cwd=program.directory, text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment,
                               preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
    end = time.monotonic() + 120
    while not (program.directory / names[0]).exists() and time.monotonic() < end:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate()
    assert process.returncode == 130, errors
    assert not (program.directory / names[1]).exists()
    assert re.search(r"Resume with: .*--report stopped.html --classes names.txt", output)


# ---- What is wrong ------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments, code, message", [
    (["--report", "names.txt"], 1, r"names.txt exists and was not written by this training"),
    (["--report", "study"], 1, r"cannot write study: it is not a regular file"),
    (["--report", "none/page.html"], 1, r"cannot write none/page.html: No such file"),
    (["--report", "study/report.html"], 1, r"report.html exists and was not written by this training"),
    (["--report", "x", "--json", "x"], 2, r"--json and --report both name the file x"),
    (["--report", "x", "--save", "./x"], 2, r"--save and --report both name the file ./x"),
    (["--report", "x.best", "--save", "x", "--keep", "best"], 2,
     r"--report names x.best, which is for the weights of the best epoch"),
    (["--report", "data/t10k-labels-idx1-ubyte"], 2, r"--report names \S+, a file of the data set"),
    (["--report", "names.txt", "--classes", "names.txt"], 2, r"--classes and --report both name the file names.txt"),
    (["--classes", "names.txt"], 2, r"--classes has no effect without --report"),
    (["--report", "x", "--classes", "none.txt"], 1, r"none.txt"),
    (["--report", "x", "--classes", "three.txt"], 2, r"--classes: three.txt has 3 names, but data has 5 classes"),
    (["--report"], 2, r"--report needs a value: FILE"),
])
def test_mistakes(program, arguments, code, message):
    """Found before the training; nothing is written and nothing changed."""
    def files():
        return {path: path.read_bytes() for path in program.directory.rglob("*") if path.is_file()}

    (program.directory / "three.txt").write_text("a\nb\nc\n", encoding="utf-8")
    before = files()
    failed = program.run("train", *TRAINING, *arguments, code=code)
    assert re.search(message, failed.stderr), failed.stderr
    assert "epoch" not in failed.stdout
    assert files() == before


def test_empty_file_is_replaced(program):
    (program.directory / "empty.html").write_text("", encoding="utf-8")
    program.run("train", *SHORT, "--report", "empty.html")
    Page((program.directory / "empty.html").read_text(encoding="utf-8"))
    assert not (program.directory / "empty.html.lock").exists()
