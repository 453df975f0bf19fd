# SPDX-License-Identifier: MIT
"""`normnet-mnist report`: what the page and the files beside it have, and lines and options that are wrong."""
import csv
import json
import math
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
    assert result.stdout == "23 runs of 9 experiments: see study/report.html\n"
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
    name = EXPERIMENTS.replace(HOSTILE, "\udcff\udc80 \x07 ü").encode("utf-8", "surrogateescape")
    (program.directory / "bytes.txt").write_bytes(name)
    program.run("report", "study", "--experiments", "bytes.txt", "--data", "data", "--out", "bytes.html")
    text = (program.directory / "bytes.html").read_bytes().decode("utf-8")
    assert "\ufffd\ufffd \ufffd ü" in text
    assert "\x07" not in text


def test_equal_footing_has_the_figures_of_the_lines(program):
    lines = [json.loads(line) for line in program.lines()]
    tests = [run["history"][-1]["test_accuracy"] for run in lines if run["experiment"] == "tiny-group"]
    text = section(program.page(), "equal")
    row = next(words(row) for row in text.split("<tr>") if "\u2060group</td>" in row)
    assert row.startswith(f"group 3 {statistics.mean(tests):.2f} {statistics.stdev(tests):.2f}"), row
    assert text.count('class="intervals"') == 2
    assert "All 15 pairs" in text


def test_published_figures(program):
    text = section(program.page(), "published")
    assert "99.10" in text and "82.60" in text
    assert re.search("(fails, as published|works, unlike published)", text)
    assert len(re.findall(r'class="mark"|◇ 82.60', text)) == 2


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
    good = [sum(epoch["test_accuracy"] >= 99.4 for epoch in run["history"]) for run in lines
            if run["experiment"] == "tiny-layer"]
    row = next(words(row) for row in curves.split("<tr>") if "\u2060layer</td>" in row)
    assert row.endswith(f"{max(values[-1]):.2f} {statistics.mean(good):.1f}"), row
    assert curves.count(">epoch</text>") == len(titles)


def test_averaged_weights(program):
    """In the table of the study that has them, and in no other."""
    curves = section(program.page(), "curves")
    tables = [table for table in re.findall(r"<table>.*?</table>", curves, re.S) if "averaged weights" in table]
    assert len(tables) == 1
    last = [json.loads(line)["history"][-1] for line in program.lines() if json.loads(line)["experiment"] == "avg-with"]
    row = next(words(row) for row in tables[0].split("<tr>") if "\u2060avg-with</td>" in row)
    expected = [statistics.mean(epoch[name] for epoch in last) for name in ("average_test_loss", "average_test_accuracy")]
    assert row.endswith(f" {expected[0]:.4f} {expected[1]:.2f}"), row
    row = next(words(row) for row in tables[0].split("<tr>") if "\u2060avg-plain</td>" in row)
    assert row.endswith("– –")
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
    assert len(rows_of(directory / "report-experiments.csv")) == 9
    assert len(rows_of(directory / "report-comparisons.csv")) == 15
    content = json.loads((directory / "report.json").read_text(encoding="utf-8"))
    assert [row["id"] for row in content["curves"]] == [row["id"] for row in content["experiments"]]
    assert content["program"] == "normnet-mnist report"
    assert content["comparisons"] == json.loads((directory / "summary.json").read_text(encoding="utf-8"))["comparisons"]


def test_one_seed(program):
    program.copy("seed1", [line for line in program.lines() if json.loads(line)["seed"] == 1])
    program.report("seed1")
    Page(program.page("seed1"))
    verdict = words(section(program.page("seed1"), "verdict"))
    assert "With one seed each, it cannot be said which norm is best." in verdict
    assert "nan" not in re.sub(r"<style>.*?</style>|<script>.*?</script>", "", program.page("seed1"), flags=re.S).lower()


def with_accuracies(line, accuracies):
    """The run with another end: test and validation accuracy by id, plus what the seed adds."""
    run = json.loads(line)
    if run["experiment"] in accuracies:
        test, validation, seeds = accuracies[run["experiment"]]
        run["history"][-1].update(test_accuracy=test + seeds[run["seed"] - 1], validation_accuracy=validation)
    return json.dumps(run) + "\n"


def test_verdict_in_words(program):
    accuracies = {"tiny-none": (98.0, 97, (0, .01, .02)), "tiny-batch": (99.0, 98, (0, .01, .021)),
                  "tiny-ghost": (98.98, 99, (.05, 0, .02)), "tiny-group": (97.0, 97, (0, .012, .02)),
                  "tiny-layer": (98.9, 97, (0, .02, .05)), "tiny-rms": (96, 97, (0, 0.3, 1.2))}
    program.copy("verdict", [with_accuracies(line, accuracies) for line in program.lines()])
    program.report("verdict")
    verdict = words(section(program.page("verdict"), "verdict"))
    real = len(re.findall(r"(?m),real,", (program.directory / "verdict" / "report-comparisons.csv").read_text()))
    assert real >= 3
    assert f"Of 15 differences between norms, {real} are real ; the others may be noise. The highest mean has batch" in verdict
    assert "batch has the highest mean test accuracy: 99.01 % (95 % interval 98.98 to 99.04, 3 seeds)" in verdict
    really = re.search("It is really better than (.*?) \\. It", verdict)[1]
    assert "group by 2.00 points (2.00 to 2.00)" in really and "alert" in really
    assert re.search(r"It cannot be told from .*ghost by 0\.01 points", verdict)
    assert "choose ghost , whose test accuracy is 99.00 %" in verdict
    equal = section(program.page("verdict"), "equal")
    order = re.findall("\u2060([a-z]+)", equal.split("</table>")[0])
    assert order[0] == "batch" and order[1] == "ghost" and order[-2:] == ["group", "a"]


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
        ("[1]\n", "Line 3 is left out: it is not a run of a study"),
        (changed(lines[2], bits_version=999), "Line 3 is left out: its weights are of version 999 of the bits"),
        (changed(lines[2], format=7), "Line 3 is left out: its format is not 1"),
        (changed(lines[2], key="0" * 64), "Line 3 is left out: its key does not fit its configuration"),
        (changed(lines[2], key="0" * 64, configuration={**run["configuration"], "norm": "<b>evo"}),
         "Line 3 is left out: this program does not know its value of norm"),
        (changed(lines[2], key="0" * 64, seed=-1), "Line 3 is left out: it is not a run of a study"),
        (changed(lines[2], seed=1e300), "Line 3 is left out: it is not a run of a study"),
    ]
    for line, message in bad:
        program.copy("bad", lines[:2] + [line] + lines[3:])
        result = program.report("bad")
        assert message in result.stdout, result
        assert message in program.page("bad")
        assert result.stdout.startswith(f"{len(lines) - 1} runs")


def test_runs_with_other_images(program):
    write_data(program.directory / "more", state=2)
    program.run("study", "--experiments", "experiments.txt", "--only", "tiny-layer", "--data", "more", "--out", "other")
    others = (program.directory / "other" / "runs.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    program.copy("mixed", others + program.lines())
    result = program.report("mixed")
    assert result.stdout.splitlines() == [
        f"{len(program.lines())} runs of 9 experiments: see mixed/report.html",
        f"  {len(others)} runs are left out: they were trained on other images than the {len(program.lines())} that are shown."]
    figures = section(program.page("mixed"), "equal")
    assert figures == section(program.page(), "equal")


def test_members_of_other_types(program):
    """A line with its key, seed and history can have anything else: the page stays whole."""
    line = program.lines()[0]
    for member in json.loads(line):
        if member in ("format", "key", "seed", "bits_version", "history", "data_sha256"):
            continue
        for value in (None, 7, "x", [], {}, [[]], [{}], [[1, 2]], {"a": [1]}, -1e308):
            program.copy("types", [changed(line, **{member: value})])
            program.report("types")
            Page(program.page("types"))
    for history in ([], [None], [{}], [{"test_accuracy": "x", "test_loss": 1e308}], [{"test_accuracy": -1e308}] * 3):
        program.copy("types", [changed(line, history=history)])
        program.report("types")
        Page(program.page("types"))


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


def test_command_line(program):
    assert "the directory of a study is missing" in program.run("report", code=2).stderr
    assert "study and other are two directories" in program.run("report", "study", "other", code=2).stderr
    assert "no experiments" in program.run("report", "study", "--experiments", "/dev/null", code=2).stderr
    program.run("report", "study", "--experiments", "experiments.txt", "--data", "data", "--out", "elsewhere.html")
    names = {path.name for path in program.directory.iterdir() if path.name.startswith("elsewhere")}
    assert names == {"elsewhere.html", "elsewhere.json", "elsewhere-curves.csv", "elsewhere-mistakes.csv",
                     "elsewhere-experiments.csv", "elsewhere-comparisons.csv"}
    assert "elsewhere-curves.csv" in (program.directory / "elsewhere.html").read_text(encoding="utf-8")
