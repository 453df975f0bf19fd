# SPDX-License-Identifier: MIT
"""`normnet-mnist report`: what the page and the files beside it have, and lines and options that are wrong."""
import csv
import hashlib
import html
import json
import math
import os
import re
import shutil
import statistics

import pytest

from conftest import EXPERIMENTS, HOSTILE, write_data
from page import Page, section, words

ANCHORS = ["verdict", "equal", "published", "curves", "cubes", "rates", "failures", "gallery", "confusion", "layers",
           "sparsity", "speed", "networks"]


@pytest.fixture(scope="session")
def page(program):
    return Page(program.page())


def rows_of(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_study_writes_the_report(program):
    before = program.page()
    result = program.report()
    assert result.stdout.startswith("23 runs of 9 experiments: see study/report.html\n")
    assert program.page() == before  # and a report of the same lines has the same bytes


def test_sections_and_contents(page):
    ids = [attributes["id"] for tag, attributes in page.elements if tag == "section"]
    links = [attributes["href"] for tag, attributes in page.elements if tag == "a"]
    assert ids == ANCHORS
    assert [link for link in links if link == "#" + link[1:]][:len(ANCHORS)] == ["#" + anchor for anchor in ANCHORS]
    everything = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(everything) == len(set(everything))


def test_the_page_needs_nothing_else(program, page):
    for tag, attributes in page.elements:
        for name in ("src", "href", "data", "action"):
            if attributes.get(name):
                assert attributes[name].startswith(("#", "data:")), (tag, attributes)
    assert not re.search(r"url\(|@import|https?://", re.sub(r"http://www.w3.org/2000/svg", "", program.page()))


def test_names_are_text(program, page):
    text = "".join(page.texts)
    assert HOSTILE in text
    assert "<img src=x onerror=alert(2)>" in text
    assert not any(attributes.get("id") == "evil" or tag == "h1" and attributes for tag, attributes in page.elements)
    assert sum(tag == "script" for tag, _ in page.elements) == 1
    assert not any(name.startswith("on") for _, attributes in page.elements for name in attributes)
    assert any(attributes.get("data-n") == HOSTILE for attributes in page.with_class("series"))


def test_bytes_that_are_no_text(program):
    """In the file of experiments, and in a line."""
    report = ["report", "bytes", "--experiments", "bytes.txt", "--data", "data"]
    lines = program.copy("bytes", program.lines()) / "runs.jsonl"
    (program.directory / "bytes.txt").write_bytes(EXPERIMENTS.replace(HOSTILE, "\x07 ü").encode())
    lines.write_bytes(lines.read_bytes().replace(b'"summary":"', b'"summary":"\xff\x80 \\u0007 '))
    program.run(*report)
    text = program.page("bytes")
    assert "? ü" in text
    assert "\ufffd\ufffd \ufffd" in text
    assert "\x07" not in text
    (program.directory / "bytes.txt").write_bytes(EXPERIMENTS.encode() + b"note = \xff\n")
    assert "the line is not UTF-8" in program.run(*report, code=2).stderr


def test_equal_footing_has_the_figures_of_the_lines(program):
    lines = [json.loads(line) for line in program.lines()]
    last = [run["history"][-1] for run in lines if run["experiment"] == "tiny-group"]
    test, chosen = [[epoch[name] for epoch in last] for name in ("test_accuracy", "validation_accuracy")]
    text = section(program.page(), "equal")
    row = next(words(row) for row in text.split("<tr>") if "\u2060group</td>" in row)
    assert row.startswith(f"group 3 {statistics.mean(chosen):.2f} {statistics.stdev(chosen):.2f}"), row
    assert f" {statistics.mean(test):.2f} " in row, row
    assert text.count('class="intervals"') == 2
    assert "All 15 pairs" in text


def test_published_figures(program):
    text = section(program.page(), "published")
    assert "99.10" in text and "82.60" in text
    assert re.search("(fails, as published|works, unlike published)", text)
    assert len(re.findall(r'class="mark"|◇ 82.60', text)) == 2


MNIST = ("b1622d2cae254cb0e14e739b0976e4022f593aed596954fa1778cd14f3365ba5-"
         "a1bf1262c781b6b0f517623d1caea3febe8a1b655afca68dccb6b7bf2e1326f5")


def test_published_figures_of_other_images(program):
    """Figures of MNIST stand beside runs of MNIST only, and the report says why."""
    (program.directory / "of-mnist.txt").write_text("published_on = mnist\n" + EXPERIMENTS, encoding="utf-8")
    lines = []
    for line in map(json.loads, program.lines()):
        if line["experiment"] == "tiny-none":
            line["data_sha256"] = MNIST
            line["key"] = hashlib.sha256("\n".join([
                f"seed={line['seed']}", "data=" + MNIST, "architecture=" + line["configuration"]["architecture"],
                "batch=32", "epochs=6", "lr=0.05", "validate=10"]).encode()).hexdigest()
            lines.append(json.dumps(line) + "\n")
    program.copy("mnist", lines)
    for study in ("study", "mnist"):
        program.run("report", study, "--experiments", "of-mnist.txt", "--data", "data", "--out", "figures.html")
        page = (program.directory / "figures.html").read_text(encoding="utf-8")
        shown = section(page, "published"), section(page, "verdict"), section(page, "failures")
        reason = "Published figures are of MNIST and are not shown, because these runs are of other images."
        assert (reason in shown[0]) == (study == "study")
        assert ("99.10" in shown[0]) == (study == "mnist")
        assert ("ublished figures of networks" in shown[1]) == (study == "mnist")
        assert "82.6" not in "".join(shown)


def test_curves(program):
    curves = section(program.page(), "curves")
    lines = [json.loads(line) for line in program.lines()]
    titles = re.findall(r'<text class="title"[^>]*>([^<]*)', curves)
    assert titles[:4] == ["Training loss", "Test loss", "Training accuracy, %", "Test accuracy, %"]
    assert any("the last epochs" in title for title in titles)
    values = [[run["history"][epoch]["test_accuracy"] for run in lines if run["experiment"] == "tiny-layer"]
              for epoch in range(6)]
    expected = ",".join(f"{statistics.mean(value):.2f}" for value in values)
    assert f'data-n="layer" data-y="{expected}"' in curves
    assert len(re.findall('class="band"', curves)) >= 4 * 6
    row = next(words(row) for row in curves.split("<tr>") if "\u2060layer</td>" in row)
    assert row.endswith(f" {min(values[-1]):.2f} {max(values[-1]):.2f}"), row
    assert curves.count(">epoch</text>") == len(titles)


def test_averages_and_shifted_copies(program):
    """In the table of the study that has them, and in no other."""
    curves = section(program.page(), "curves")
    tables = [table for table in re.findall(r"<table>.*?</table>", curves, re.S) if "averaged weights" in table]
    assert len(tables) == 1
    assert sum("shifted copies" in table for table in re.findall(r"<table>.*?</table>", curves, re.S)) == 1
    runs = [run for run in map(json.loads, program.lines()) if run["experiment"] == "avg-with"]
    last = [run["history"][-1] for run in runs]
    row = next(words(row) for row in tables[0].split("<tr>") if "\u2060avg-with</td>" in row)
    expected = [statistics.mean(epoch[name] for epoch in last) for name in ("average_test_loss", "average_test_accuracy")]
    shifted = [statistics.mean(run["tta"][name] for run in runs) for name in ("test_accuracy", "average_test_accuracy")]
    assert row.endswith(f" {expected[0]:.4f} {expected[1]:.2f} {shifted[0]:.2f} {shifted[1]:.2f}"), row
    row = next(words(row) for row in tables[0].split("<tr>") if "\u2060avg-plain</td>" in row)
    assert row.endswith("– – – –")
    rows = rows_of(program.directory / "study" / "report-curves.csv")
    found = {(row["id"], row["epoch"]): row for row in rows if row["value"] == "average_test_loss"}
    assert {key[0] for key in found} == {"avg-with"}
    assert math.isclose(float(found["avg-with", "6"]["mean"]), expected[0], rel_tol=1e-6)


def test_cubes_of_the_norms(program):
    cubes = section(program.page(), "cubes")
    names = re.findall(r'class="cube [\w-]+"[^>]*aria-label="([^"]*)"', cubes)
    assert names == ["batch norm", "ghost batch norm", "group norm", "layer norm", "instance norm", "RMS norm"]
    marked = {name: svg.count('class="on"') for name, svg in zip(names, cubes.split("<svg")[1:])}
    # of the 4 images, 6 channels and 5 pixels: those of the front, the top and the side
    assert marked == {"batch norm": 5 + 4, "ghost batch norm": 5 + 2, "group norm": 15 + 3, "layer norm": 30 + 6 + 5,
                      "instance norm": 5 + 1, "RMS norm": 30 + 6 + 5}


def test_rates_are_those_of_the_runs(program):
    """At the last step of each epoch the computed curve passes through what the run reports."""
    for chart in re.findall(r'<svg class="chart".*?</svg></svg>', section(program.page(), "rates"), re.S):
        computed, reported = [values.split(",") for values in re.findall(r'data-y="([^"]*)"', chart)]
        points = [(a, b) for a, b in zip(computed, reported) if b]
        assert len(points) >= 6
        assert all(math.isclose(float(a), float(b), abs_tol=2e-6) for a, b in points), points


def test_networks_are_shown_once(program):
    """One table of layers for all norms; layer norm says how many groups it is."""
    networks = section(program.page(), "networks")
    tables = re.findall(r"<pre.*?</pre>", networks, re.S)
    assert len(tables) == 3 and networks.count("multiply-adds per image") == 3
    assert "<summary>tiny-none, tiny-batch, tiny-ghost, tiny-group, tiny-layer, tiny-rms</summary>" in networks
    assert "BatchNorm2d" in tables[0] and "here that of tiny-batch." in networks


def test_failures_and_warnings(program):
    failures, networks = section(program.page(), "failures"), section(program.page(), "networks")
    assert "running statistics" in failures and "Euclidean norm of all parameters" in failures
    assert "lie inside the windows of layer" in networks
    assert re.search("So the (weights are good|statistics)", failures)


def test_pictures_are_the_test_images(program):
    text = program.page()
    pictures = dict(re.findall(r'<image id="image(\d+)"[^>]*href="data:image/png;base64,([^"]*)"', text))
    referred = set(re.findall(r'<use href="#image(\d+)"', text))
    assert referred and referred == set(pictures)
    import base64
    import zlib

    images = (program.directory / "data" / "t10k-images-idx3-ubyte").read_bytes()[16:]
    for number, code in pictures.items():
        png, at, data = base64.b64decode(code, validate=True), 8, b""
        while at < len(png):
            size = int.from_bytes(png[at:at + 4], "big")
            assert zlib.crc32(png[at + 4:at + 8 + size]) == int.from_bytes(png[at + 8 + size:at + 12 + size], "big")
            data += png[at + 8:at + 8 + size] if png[at + 4:at + 8] == b"IDAT" else b""
            at += 12 + size
        rows = zlib.decompress(data)
        pixels = b"".join(rows[9 * y + 1:9 * y + 9] for y in range(8))
        assert pixels == images[64 * int(number):64 * int(number) + 64]


def test_gallery_without_data(program):
    program.copy("nodata", program.lines())
    result = program.run("report", "nodata", "--experiments", "experiments.txt", "--data", "nowhere")
    assert "nowhere" in result.stderr and "no pictures" in result.stderr
    text = program.page("nodata")
    assert "could not be found" in section(text, "gallery") and "base64" not in text
    other = program.run("report", "nodata", "--experiments", "experiments.txt", "--data", "generated")
    assert "not those of the runs" in other.stdout


def test_files_beside_it(program):
    directory = program.directory / "study"
    lines = [json.loads(line) for line in program.lines()]
    curves = rows_of(directory / "report-curves.csv")
    for row in curves[:200]:
        values = [run["history"][int(row["epoch"]) - 1] for run in lines if run["experiment"] == row["id"]]
        values = [value.get(row["value"]) for value in values]
        if None not in values:
            assert math.isclose(float(row["mean"]), statistics.mean(values), rel_tol=1e-6)
            assert float(row["lowest"]) <= float(row["mean"]) * (1 + 1e-8)
    mistakes = rows_of(directory / "report-mistakes.csv")
    assert len(mistakes) == sum(len(run["mistakes"]) for run in lines)
    content = json.loads((directory / "report.json").read_text(encoding="utf-8"))
    assert content["program"] == "normnet-mnist report"
    summary = json.loads((directory / "summary.json").read_text(encoding="utf-8"))
    assert [row["id"] for row in content["curves"]] == [row["id"] for row in summary["experiments"]]


def test_no_two_files_have_the_same_numbers(program):
    """The study has the rows and the pairs, the report the curves and the mistakes."""
    names = sorted(path.name for path in (program.directory / "study").iterdir())
    assert names == ["comparisons.csv", "experiments.txt", "report-curves.csv", "report-mistakes.csv", "report.html", "report.json",
                     "runs.jsonl", "summary.csv", "summary.json"]
    heads = [path.read_text(encoding="utf-8").splitlines()[0] for path in (program.directory / "study").glob("*.csv")]
    assert len(heads) == len(set(heads))
    members = [json.loads((program.directory / "study" / name).read_text(encoding="utf-8")).keys()
               for name in ("summary.json", "report.json")]
    assert members[0] & members[1] == {"program", "version", "bits_version"}


def test_one_seed(program):
    program.copy("seed1", [line for line in program.lines() if json.loads(line)["seed"] == 1])
    program.report("seed1")
    Page(program.page("seed1"))
    verdict = words(section(program.page("seed1"), "verdict"))
    assert "Undecided: a difference can be told from chance only with two seeds or more in common." in verdict
    assert "fewer than two seeds in common" in verdict
    assert "nan" not in re.sub(r"<style>.*?</style>|<script>.*?</script>", "", program.page("seed1"), flags=re.S).lower()


def with_accuracies(line, accuracies):
    """The run with another end: validation and test accuracy by id, and what each seed adds to both. They are whole
    numbers of the images that it then has."""
    run = json.loads(line)
    run["data"].update(validation_images=100_000, test_images=100_000)
    if run["experiment"] in accuracies:
        validation, test, seeds = accuracies[run["experiment"]]
        more = seeds[run["seed"] - 1]
        run["history"][-1].update(validation_accuracy=validation + more, test_accuracy=test + more)
    return json.dumps(run) + "\n"


def answer_of(program, name, accuracies):
    """The verdict of the page and what is printed at last, of a study with these accuracies: they have one text."""
    program.copy(name, [with_accuracies(line, accuracies) for line in program.lines()])
    printed = program.report(name).stdout.split("Which norm is best in study tiny, norms?")[1]
    shown = html.unescape(words(section(program.page(name), "verdict"))).split("Which norm is best in study tiny, norms?")[1]
    assert shown.strip().startswith(" ".join(printed.split()))
    return " ".join(printed.split()), shown


ACCURACIES = {"tiny-batch": (99.0, 98.0, (0, .01, .021)), "tiny-ghost": (98.98, 99.0, (.05, 0, .02)),
              "tiny-group": (97.0, 97.0, (0, .012, .02)), "tiny-layer": (98.9, 97.0, (0, .02, .05)),
              "tiny-none": (98.0, 97.0, (0, .01, .02)), "tiny-rms": (96.0, 97.0, (0, 0.3, 1.2))}


def test_the_answer_names_the_best_and_the_others(program):
    """Of 15 pairs: the intervals are of single pairs, the verdicts are Holm's."""
    for text in answer_of(program, "verdict", ACCURACIES):
        assert ("Batch norm was best: 99.01 % of the validation images, which decide, and 98.01 % of the test images "
                "(means of 3 seeds).") in text
        same, perhaps, real = re.search("Could not be told from it:(.*)Perhaps worse; more seeds decide:(.*)Really worse:"
                                        "(.*)The test images disagree", text).groups()
        assert "ghost batch norm: difference 0.01 (-0.07 to 0.09); test 99.02 %" in same
        assert "layer norm: difference 0.09" in perhaps
        assert "group norm: difference 2.00 (2.00 to 2.00); test 97.01 %" in real
        assert text.index("ghost batch norm") < text.index("layer norm: ") < text.index("group norm: ")
        assert "'really' means p <= 0.05 after Holm's correction for all 15 pairs, 'perhaps' only without it." in text
        assert "not adjusted for the number of pairs" in text
        assert ("Each was trained for 6 epochs of 110 images, in batches of 32. Ghost batch norm is of 16 images each. "
                "Group norm has one group per 4 channels.") in text


def test_the_validation_images_decide(program):
    """One winner, and a sentence on what the test images would have chosen."""
    for text in answer_of(program, "disagree", ACCURACIES):
        assert "The test images disagree: they have ghost batch norm first, with 99.02 %; difference 1.01 (" in text
    agreeing = {**ACCURACIES, "tiny-ghost": (98.98, 97.9, (.05, 0, .02))}
    for text in answer_of(program, "agree", agreeing):
        assert "The test images rank the same network first." in text and "disagree" not in text


def test_undecided(program):
    """Nothing is named best if nothing is really worse."""
    noise = {row: (98.0, 98.0, seeds) for row, seeds in zip(ACCURACIES, [(0, .5, 1), (.6, .1, .9), (1, .2, 0), (.1, 1, 0),
                                                                        (.9, .3, .2), (.4, .8, .2)])}
    for text in answer_of(program, "noise", noise):
        assert "Undecided: no network is really worse than the one with the highest mean. That is " in text
        assert "was best" not in text and "Really worse" not in text


def test_pairs_are_in_one_order(program):
    """The best first, in the page, the CSV and the JSON; so no difference of means is negative."""
    program.copy("order", [with_accuracies(line, ACCURACIES) for line in program.lines()])
    program.run("study", "--experiments", "experiments.txt", "--data", "data", "--out", "order")
    ids = [f"tiny-{name}" for name in ("batch", "ghost", "layer", "none", "group", "rms")]
    pairs = rows_of(program.directory / "order" / "comparisons.csv")
    assert [(pair["a"], pair["b"]) for pair in pairs] == [(a, b) for i, a in enumerate(ids) for b in ids[i + 1:]]
    assert all(float(pair["validation_mean"]) >= 0 and pair["decided_by"] == "validation" for pair in pairs)
    content = json.loads((program.directory / "order" / "summary.json").read_text(encoding="utf-8"))
    assert [(pair["a"], pair["b"]) for pair in content["comparisons"]] == [(pair["a"], pair["b"]) for pair in pairs]
    text = words(section(program.page("order"), "equal"))
    order = [text.index(pair) for pair in ("batch \u2212 ghost", "batch \u2212 layer", "ghost \u2212 layer")]
    assert order == sorted(order)


def test_columns_of_zeros_are_hidden(program):
    """How many epochs reach 99.4 % is told if any does."""
    assert "epochs from 99.4" not in words(section(program.page(), "curves"))
    lines = [json.loads(line) for line in program.lines()]
    for run in lines:
        if run["experiment"] == "tiny-layer":
            for epoch in run["history"][:run["seed"]]:
                epoch["test_accuracy"] = 99.4
    program.copy("good", [json.dumps(run) + "\n" for run in lines])
    program.report("good")
    curves = section(program.page("good"), "curves")
    table = next(table for table in re.findall(r"<table>.*?</table>", curves, re.S) if "epochs from 99.4" in words(table))
    row = next(words(row) for row in table.split("<tr>") if "\u2060layer</td>" in row)
    assert row.endswith(" 2.0"), row


def test_names_of_classes(program):
    """In galleries and matrices, as a study and as a report writes them; with the same checks of the file as train."""
    program.run("report", "study", "--experiments", "experiments.txt", "--data", "data", "--classes", "names.txt",
                "--out", "named.html")
    named = (program.directory / "named.html").read_text(encoding="utf-8")
    Page(named)
    for anchor in ("gallery", "confusion"):
        assert "\u4e09\u756a\u76ee" in section(named, anchor), anchor
        assert "\u4e09\u756a\u76ee" not in section(program.page(), anchor), anchor
    assert HOSTILE not in named
    shutil.rmtree(program.directory / "classes", ignore_errors=True)
    arguments = ["study", "--experiments", "experiments.txt", "--only", "warned", "--data", "data", "--out", "classes"]
    program.run(*arguments, "--classes", "names.txt")
    assert "\u4e09\u756a\u76ee" in section(program.page("classes"), "confusion")
    (program.directory / "four.txt").write_text("a\nb\nc\nd\n", encoding="utf-8")
    for command, model in ((["report", "study", "--data", "data"], "study/runs.jsonl"), (arguments, "the data set")):
        assert f"--classes: four.txt has 4 names, but {model} has 5 classes" in program.run(
            *command, "--classes", "four.txt", code=2).stderr


def test_many_classes(program):
    """A matrix of 47 classes cannot be read: its most frequent mistakes are listed."""
    write_data(program.directory / "letters", classes=47)
    (program.directory / "letters.txt").write_text("".join(f"letter {i}\n" for i in range(47)), encoding="utf-8")
    (program.directory / "many.txt").write_text(
        "seeds = 2\nbatch = 32\n[many]\narchitecture = conv3-4 norm relu gap conv1-47\ncompare = norms\n"
        "| id | norm |\n| a | batch |\n| b | layer |\n", encoding="utf-8")
    program.run("study", "--experiments", "many.txt", "--data", "letters", "--out", "many", "--classes", "letters.txt")
    Page(program.page("many"))
    confusion = section(program.page("many"), "confusion")
    assert 'class="matrix' not in confusion and confusion.count("<table>") == 2
    runs = [json.loads(line) for line in (program.directory / "many" / "runs.jsonl").read_text().splitlines()]
    matrices = [run["confusion"] for run in runs if run["experiment"] == "a"]
    means = {(i, k): statistics.mean(matrix[i][k] for matrix in matrices)
             for i in range(47) for k in range(47) if i != k}
    rows = [re.match(r"letter (\d+) letter (\d+) (\d+(?:\.\d)?) (\d+\.\d)", words(row)).groups()
            for row in confusion.split("\u2060a</h4>")[1].split("</table>")[0].split("<tr>")[2:]]
    assert len(rows) == 20
    assert [float(row[2]) for row in rows] == sorted(means.values(), reverse=True)[:20]
    for actual, predicted, count, share in rows:
        assert means[int(actual), int(predicted)] == float(count)
        assert float(share) == round(100 * float(count) / sum(matrices[0][int(actual)]), 1)


def test_one_run(program):
    program.copy("run1", program.lines()[:1])
    program.report("run1")
    Page(program.page("run1"))
    assert "No norms were compared on equal footing here" in program.page("run1")


def test_experiments_that_the_file_does_not_have(program):
    program.copy("outside", program.lines())
    program.run("report", "outside", "--data", "data")
    text = words(section(program.page("outside"), "verdict"))
    assert "9 experiments are not in the file of experiments" in text
    assert "tiny-layer" in program.page("outside")


def test_unfinished_last_line(program):
    lines = program.lines()
    program.copy("cut", lines[:-1] + [lines[-1][:1000]])
    assert program.report("cut").stdout.startswith(f"{len(lines) - 1} runs")


def changed(line, **members):
    return json.dumps({**json.loads(line), **members}) + "\n"


def test_lines_that_are_left_out(program):
    lines = program.lines()
    run = json.loads(lines[2])
    bad = [
        (lines[2][:-40] + "\n", "Line 3 is left out: it is damaged at byte"),
        ("\n", "Line 3 is left out: it is damaged at byte 1, expected a value"),
        (changed(lines[2], key="0" * 64, configuration={**run["configuration"], "norm": "<b>evo"}),
         "Line 3 is left out: this program does not know its value of norm"),
    ]
    for line, message in bad:
        program.copy("bad", lines[:2] + [line] + lines[3:])
        result = program.report("bad")
        assert message in result.stdout, result
        assert message in program.page("bad")
        assert result.stdout.startswith(f"{len(lines) - 1} runs")


def test_the_experiments_of_the_study(program):
    """Without --experiments they are those that the study has kept, or the user's file that it was given there."""
    before = program.page()
    program.run("report", "study", "--data", "data")
    assert program.page() == before
    directory = program.copy("own", program.lines()[:3])
    (directory / "experiments.txt").write_text(EXPERIMENTS, encoding="utf-8")
    result = program.run("study", "--only", "quick-width-ln", "--data", "generated", "--out", "own", code=1)
    assert "own/experiments.txt exists and is not this study's file of experiments; name it with" in result.stderr
    result = program.run("report", "own", "--data", "data")
    assert "not in the file of experiments" not in result.stdout
    program.run("study", "--experiments", "own/experiments.txt", "--only", "avg-plain", "--data", "data", "--out", "own")
    assert (directory / "experiments.txt").read_text(encoding="utf-8") == EXPERIMENTS
    kept = (program.directory / "study" / "experiments.txt").read_text(encoding="utf-8")
    assert kept.endswith("\n" + EXPERIMENTS) and kept.count("\n") == EXPERIMENTS.count("\n") + 1
    (directory / "experiments.txt").write_text(kept, encoding="utf-8")
    program.run("study", "--only", "quick-width-ln", "--data", "generated", "--out", "own")
    assert not (directory / "experiments.txt").exists()  # the built-in ones now
    assert "test images of generated digits." in words(program.page("own"))


def test_a_study_that_is_not_finished(program):
    lines = [line for line in program.lines() if (run := json.loads(line))["experiment"] != "tiny-layer" or run["seed"] == 1]
    program.copy("part", lines)
    message = "The study is not finished: 1 experiment has fewer seeds than the others of the study, and 2 runs are missing."
    assert message in program.report("part").stdout
    assert message in words(section(program.page("part"), "verdict"))
    assert "is not finished" not in program.page()


def test_what_all_miss_is_known_as_far_as_mistakes_are_listed(program):
    lines = [line for line in program.lines() if json.loads(line)["study"] == "tiny"]
    images = range(20, 60)  # every network misses these
    wrong = [[0] * 5 for _ in range(5)]
    for image in images:
        wrong[image % 5][(image + 1) % 5] += 1
    mistakes = [[image, image % 5, (image + 1) % 5, .9] for image in images]
    short = next(i for i, line in enumerate(lines) if json.loads(line)["experiment"] == "tiny-group")
    for count, text in ((40, "40 images are missed by every one"),
                        (10, "Of the first 30 test images, up to which the mistakes of all runs are listed, 10 images are")):
        program.copy("missed", [changed(line, confusion=wrong, mistakes=mistakes[:count] if i == short else mistakes)
                                for i, line in enumerate(lines)])
        program.report("missed")
        assert text in words(section(program.page("missed"), "gallery"))


def test_what_the_page_is_about(program, page):
    assert "MNIST" not in program.page()
    assert "60 test images of data." in words(program.page())
    commands = set(re.findall(r"normnet-mnist study --only [^<]*", html.unescape(program.page())))
    assert commands
    for command in commands:
        assert command.endswith("--experiments FILE --out DIR && normnet-mnist report --experiments FILE DIR"), command
        assert "--seeds" not in command  # those of the file


def test_runs_with_other_images(program):
    write_data(program.directory / "more", state=2)
    program.run("study", "--experiments", "experiments.txt", "--only", "tiny-layer", "--data", "more", "--out", "other")
    others = (program.directory / "other" / "runs.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    program.copy("mixed", others + program.lines())
    result = program.report("mixed")
    assert result.stdout.splitlines()[:2] == [
        f"{len(program.lines())} runs of 9 experiments: see mixed/report.html",
        f"  The report is on the images of data (data_sha256 {json.loads(program.lines()[0])['data_sha256'][:12]}...); "
        f"{len(others)} runs are left out: they were trained on other images."]
    figures = section(program.page("mixed"), "equal")
    assert figures == section(program.page(), "equal")


def test_members_of_other_types(program):
    """A line with its key, configuration and history can have anything else: the page stays whole."""
    line = program.lines()[0]
    for member in json.loads(line):
        if member in ("format", "key", "seed", "bits_version", "configuration", "history", "data_sha256"):
            continue
        for value in (None, 7, "x", [], {}, [[]], [{}], [[1, 2]], {"a": [1]}, -1e308):
            program.copy("types", [changed(line, **{member: value})])
            program.report("types")
            Page(program.page("types"))


def test_values_that_no_study_writes(program):
    """Such a line is left out, since one value would decide for the whole row."""
    lines = program.lines()
    run = json.loads(lines[2])
    epochs, last = run["history"][:-1], run["history"][-1]
    fit = "key does not fit its configuration and seed"
    none = "it is not a run of a study: it needs key, seed and history"
    cases = [
        ({"format": 7}, "its format is 7; this program reads 1"),
        ({"bits_version": 999}, "its weights are of version 999 of the bits, and this library has version"),
        ({"seed": 0}, none),
        ({"seed": 1e300}, none),
        ({"key": "0"}, none),
        ({"history": {}}, none),
        ({"key": "0" * 64}, fit),
        ({"configuration": {}}, fit),
        ({"configuration": {**run["configuration"], "lr": 1}}, fit),
        ({"seed": run["seed"] + 1}, fit),
        ({"history": []}, f"its history has 0 epochs; expected {len(epochs) + 1}"),
        ({"history": run["history"] + [last]}, f"its history has {len(epochs) + 2} epochs"),
        ({"history": epochs + [None]}, "train_accuracy of epoch 6 is missing; expected 0 to 100"),
        ({"history": epochs + [{**last, "test_accuracy": 250}]}, "test_accuracy of epoch 6 is 250; expected 0 to 100"),
        ({"history": epochs + [{**last, "test_accuracy": "99"}]}, "test_accuracy of epoch 6 is 99; expected 0 to 100"),
        ({"history": epochs + [{**last, "validation_accuracy": -1e300}]}, "validation_accuracy of epoch 6 is -1e+300"),
        ({"tta": {"test_accuracy": 101}}, "test_accuracy of tta is 101; expected 0 to 100"),
    ]
    for changes, message in cases:
        program.copy("values", lines[:2] + [changed(lines[2], **changes)] + lines[3:])
        result = program.report("values")
        assert "Line 3 is left out: " in result.stdout and message in result.stdout, result.stdout
        assert result.stdout.startswith(f"{len(lines) - 1} runs")
        result = program.run("study", "--experiments", "experiments.txt", "--data", "data", "--out", "values", code=1)
        assert "runs.jsonl:3: " in result.stderr and message in result.stderr, result.stderr
        assert "remove the line, and the run is done again" in result.stderr
    program.copy("values", lines + lines[:1])
    result = program.report("values")
    assert f"Line {len(lines) + 1} is left out: an earlier line has the same run" in result.stdout
    assert result.stdout.startswith(f"{len(lines)} runs")


def test_no_runs(program):
    strange = [changed(program.lines()[0], data_sha256="x" * 1000)]
    for lines, pattern in ((strange, r"has no run to report"),
                           ([], r"empty/runs\.jsonl has no run to report$"),
                           (["x\n"], r"has no run to report: Line 1 is left out: it is damaged at byte 1")):
        program.copy("empty", lines)
        result = program.report("empty", code=1)
        assert re.search(pattern, result.stderr.strip()), result.stderr
        assert not (program.directory / "empty" / "report.html").exists()
    shutil.rmtree(program.directory / "empty")
    result = program.report("empty", code=1)
    assert result.stderr == ("normnet-mnist: empty/runs.jsonl does not exist; expected the directory of a study: "
                             "normnet-mnist study --out empty\n")


def test_files_of_others_stay(program):
    directory = program.copy("mine", program.lines())
    for name in ("report.html", "report.json", "report-curves.csv"):
        (directory / name).write_text("my own text", encoding="utf-8")
        result = program.report("mine", code=1)
        assert f"{name} exists and was not written by normnet-mnist report" in result.stderr
        assert sorted(path.name for path in directory.iterdir()) == sorted(["runs.jsonl", name])
        (directory / name).unlink()


def test_files_of_others_end_no_study(program):
    """They are found before the first run, and nothing is added."""
    directory = program.copy("others", program.lines()[:2])
    before = (directory / "runs.jsonl").read_bytes()
    outside = program.directory / "outside.txt"
    outside.write_text("my own text", encoding="utf-8")
    study = ["study", "--experiments", "experiments.txt", "--data", "data", "--out", "others"]
    for name in ("summary.csv", "comparisons.csv", "summary.json", "report.html", "report.json", "report-curves.csv",
                 "report-mistakes.csv", "experiments.txt"):
        for make in (lambda path: path.write_text("my own text", encoding="utf-8"),
                     lambda path: path.symlink_to(outside), os.mkfifo):
            make(directory / name)
            result = program.run(*study, code=1)
            assert f"others/{name} exists and " in result.stderr or f"others/{name}: it is not a regular" in result.stderr
            assert sorted(path.name for path in directory.iterdir()) == sorted(["runs.jsonl", name])
            assert (directory / "runs.jsonl").read_bytes() == before
            assert outside.read_text(encoding="utf-8") == "my own text"
            if name == "experiments.txt":
                program.run("report", "others", "--data", "data", code=1 if make == os.mkfifo else 2)
            (directory / name).unlink()


def test_many_damaged_lines(program):
    """Ten are named, the others are counted."""
    program.copy("damaged", program.lines() + ["x\n"] * 1000)
    result = program.report("damaged")
    assert result.stdout.count("it is damaged at byte 1") == 10
    assert "990 other lines are left out for such reasons." in result.stdout
    assert "990 other lines" in words(section(program.page("damaged"), "verdict"))


def test_command_line(program):
    assert "the directory of a study is missing" in program.run("report", code=2).stderr
    assert "study and other are two directories" in program.run("report", "study", "other", code=2).stderr
    assert "no experiments" in program.run("report", "study", "--experiments", "/dev/null", code=2).stderr
    program.run("report", "study", "--experiments", "experiments.txt", "--data", "data", "--out", "elsewhere.html")
    names = {path.name for path in program.directory.iterdir() if path.name.startswith("elsewhere")}
    assert names == {"elsewhere.html", "elsewhere.json", "elsewhere-curves.csv", "elsewhere-mistakes.csv"}
    assert "elsewhere-curves.csv" in (program.directory / "elsewhere.html").read_text(encoding="utf-8")
