# SPDX-License-Identifier: MIT
"""examples/python/normnet_plots.py: what its pictures show, read back from matplotlib."""
import json

import matplotlib
import numpy
import pytest

matplotlib.use("Agg")

import matplotlib.pyplot as plt  # noqa: E402

from normnet_plots import COLOURS, confusion, curves, gallery, histories, intervals  # noqa: E402


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def history(*accuracies):
    return [{"epoch": number, "test_accuracy": accuracy} for number, accuracy in enumerate(accuracies, 1)]


def test_curves_are_means_with_bands_from_the_lowest_to_the_highest():
    axes = curves({"batch": [history(90, 95), history(92, 99)], "other": [history(80, 81)]})
    batch, other = axes.get_lines()
    assert batch.get_xydata().tolist() == [[1, 91], [2, 97]]
    assert batch.get_color() == COLOURS["batch"]
    assert other.get_xydata().tolist() == [[1, 80], [2, 81]]
    band, = axes.collections
    assert {tuple(point) for point in band.get_paths()[0].vertices.tolist()} == {(1, 90), (1, 92), (2, 95), (2, 99)}
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["batch", "other"]
    axes.figure.canvas.draw()
    assert all(tick == int(tick) for tick in axes.get_xticks())


def test_curves_of_runs_that_ended_early_or_diverged():
    axes = curves({"none": [history(50, 60, 70), history(40), [{"epoch": 1, "test_accuracy": None}]]})
    assert axes.get_lines()[0].get_xydata().tolist() == [[1, 45], [2, 60], [3, 70]]
    with pytest.raises(ValueError, match="'test_acuracy'"):
        curves({"none": [history(50)]}, "test_acuracy")


def test_curves_of_a_resumed_run_begin_later():
    late = [{"epoch": 7, "test_accuracy": 50}, {"epoch": 8, "test_accuracy": 60}]
    assert curves({"none": [late]}).get_lines()[0].get_xydata().tolist() == [[7, 50], [8, 60]]


def test_curves_draw_into_given_axes():
    axes = plt.subplots()[1]
    assert curves({"rms": [history(1)]}, axes=axes) is axes


def test_intervals_are_those_of_students_t():
    axes = intervals({"equal-group": [1., 2., 3.], "b": [5.]})
    dots, mean = axes.get_lines()[:2]
    assert dots.get_xdata().tolist() == [1, 2, 3]
    assert dots.get_color() == COLOURS["group"]
    assert mean.get_xdata()[0] == 2
    segments = [segment for bars in axes.collections for segment in bars.get_segments()]
    half = 4.302653 / 3 ** .5  # 97.5 % of Student's t with 2 degrees of freedom; the standard deviation is 1
    numpy.testing.assert_allclose(segments[0][:, 0], [2 - half, 2 + half], rtol=1e-6)
    numpy.testing.assert_allclose(segments[1][:, 0], [5, 5])
    assert [text.get_text() for text in axes.get_yticklabels()] == ["equal-group", "b"]
    assert axes.yaxis_inverted()  # the first name is above
    with pytest.raises(ValueError):
        intervals({"b": []})


def test_confusion_shows_each_count_that_is_not_0():
    axes = confusion([[3, 0], [1, 2]], ["cat", "dog"])
    assert {(text.get_text(), text.get_position()) for text in axes.texts} == {
        ("3", (0, 0)), ("1", (0, 1)), ("2", (1, 1))}
    numpy.testing.assert_allclose(axes.images[0].get_array() ** 2, [[1, 0], [1 / 3, 2 / 3]])
    assert [text.get_text() for text in axes.get_xticklabels()] == ["cat", "dog"]
    confusion(numpy.zeros((2, 2), int))
    with pytest.raises(ValueError, match="3 names of classes; expected 2"):
        confusion([[3, 0], [1, 2]], "abc")
    with pytest.raises(ValueError, match=r"\(2, 3\)"):
        confusion(numpy.zeros((2, 3)))


def test_gallery_shows_mistakes_the_surest_first():
    images = numpy.arange(5)[:, None, None] * numpy.ones((5, 4, 4), numpy.uint8)
    scores = numpy.array([[.9, .1], [.6, .4], [.2, .8], [.55, .45], [.3, .7]])
    figure = gallery(images, [0, 1, 0, 1, 1], scores, scores.argmax(axis=1), classes=["a", "b"], columns=2)
    shown = [axes for axes in figure.axes if axes.images]
    assert [axes.get_title() for axes in shown] == ["a, not b\n80 %", "b, not a\n60 %", "b, not a\n55 %"]
    assert [axes.images[0].get_array()[0, 0] for axes in shown] == [2 / 4, 1 / 4, 3 / 4]
    assert len(figure.axes) == 4
    one = gallery(images, [1, 0, 0, 1, 0], scores, scores.argmax(axis=1), most=1)
    assert len([axes for axes in one.axes if axes.images]) == 1
    assert gallery(images, [0, 0, 1, 0, 1], scores, scores.argmax(axis=1)) is None


def test_gallery_takes_channels_and_refuses_what_is_no_image():
    scores, wrong = numpy.array([[.9, .1]]), [1]
    figure = gallery(numpy.random.default_rng(0).random((1, 3, 5, 6)), wrong, scores, [0])
    assert figure.axes[0].images[0].get_array().shape == (5, 6, 3)
    with pytest.raises(ValueError, match=r"\(1, 2, 5, 6\)"):
        gallery(numpy.zeros((1, 2, 5, 6)), wrong, scores, [0])
    with pytest.raises(ValueError, match="2 images, 1 labels"):
        gallery(numpy.zeros((2, 1, 5, 6)), wrong, scores, [0])


def test_histories_of_a_study_and_of_a_training(tmp_path):
    lines = [{"experiment": experiment, "seed": seed, "history": history(accuracy)}
             for experiment, seed, accuracy in (("a", 1, 90), ("b", 1, 80), ("a", 2, 91))]
    path = tmp_path / "runs.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines) + '{"experiment": "b", "hist')
    assert histories(path) == {"a": [history(90), history(91)], "b": [history(80)]}
    training = tmp_path / "training.json"
    training.write_text(json.dumps({"configuration": {"norm": "rms"}, "history": history(70)}, indent=2))
    assert histories(training) == {"rms": [history(70)]}
    for text in ("{}", "[1]", "no\n"):
        training.write_text(text)
        with pytest.raises(ValueError, match="training.json"):
            histories(training)
