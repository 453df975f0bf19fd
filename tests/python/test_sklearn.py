# SPDX-License-Identifier: MIT
"""examples/python/normnet_sklearn.py: a classifier by scikit-learn's own rules, and what it learns."""
import pickle

import joblib
import numpy
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits, load_iris
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import normnet
from normnet_sklearn import NormNetClassifier

DIGITS = load_digits()
TRAIN, TEST = train_test_split(numpy.arange(len(DIGITS.target)), test_size=400, random_state=0)
SMALL = TRAIN[:200]


def digits(estimator, numbers=TRAIN, images=DIGITS.images):
    return estimator.fit(images[numbers], DIGITS.target[numbers])


def accuracy(estimator, images=DIGITS.images):
    return estimator.score(images[TEST], DIGITS.target[TEST])


@parametrize_with_checks([NormNetClassifier(epochs=30), NormNetClassifier("none", epochs=30)])
def test_scikit_learn_takes_it(estimator, check):
    check(estimator)


@pytest.mark.parametrize("norm", ["batch", "group", "layer", "rms"])
def test_it_learns_digits(norm):
    assert accuracy(digits(NormNetClassifier(norm, random_state=0))) >= .97


def test_flat_rows_are_features_and_are_learned():
    estimator = digits(NormNetClassifier(random_state=0), images=DIGITS.data)
    assert estimator.image_shape_ == (64, 1, 1)
    assert accuracy(estimator, DIGITS.data) >= .95


def test_rows_with_a_shape_are_the_images():
    flat = digits(NormNetClassifier(image_shape=(8, 8), epochs=2, random_state=3), SMALL, DIGITS.data)
    whole = digits(NormNetClassifier(epochs=2, random_state=3), SMALL)
    channels = digits(NormNetClassifier(epochs=2, random_state=3), SMALL, DIGITS.images[:, None])
    expected = whole.predict_proba(DIGITS.images)
    assert numpy.array_equal(flat.predict_proba(DIGITS.data), expected)
    assert numpy.array_equal(channels.predict_proba(DIGITS.images[:, None]), expected)
    assert whole.n_features_in_ == flat.n_features_in_ == 64


@pytest.mark.parametrize("dtype", [numpy.uint8, numpy.int64, numpy.float16, numpy.float32])
def test_the_type_of_the_numbers_does_not_matter(dtype):
    expected = digits(NormNetClassifier(epochs=2, random_state=3), SMALL)
    estimator = digits(NormNetClassifier(epochs=2, random_state=3), SMALL, DIGITS.images.astype(dtype))
    numpy.testing.assert_allclose(estimator.predict_proba(DIGITS.images), expected.predict_proba(DIGITS.images),
                                  atol=1e-3)


def test_a_seed_gives_the_same_bits_with_any_number_of_threads():
    networks = [digits(NormNetClassifier("batch", epochs=2, random_state=7, n_jobs=jobs), SMALL).model_.state_dict()
                for jobs in (None, 3, -1)]
    for other in networks[1:]:
        for name, value in networks[0].items():
            assert numpy.array_equal(value, other[name]), name
    different = digits(NormNetClassifier("batch", epochs=2, random_state=8), SMALL).model_.state_dict()
    assert not numpy.array_equal(networks[0]["0.weight"], different["0.weight"])


@pytest.mark.parametrize("names", [["zero", "one", "two"], [-3, 0, 70000], [False, True]])
def test_labels_of_any_kind(names):
    numbers = numpy.flatnonzero(DIGITS.target < len(names))
    labels = numpy.array(names)[DIGITS.target[numbers]]
    estimator = NormNetClassifier(epochs=4, random_state=0).fit(DIGITS.images[numbers], labels)
    assert list(estimator.classes_) == sorted(names)
    assert estimator.predict(DIGITS.images[numbers]).dtype == labels.dtype
    assert estimator.score(DIGITS.images[numbers], labels) > .95


def test_scores_agree():
    estimator = digits(NormNetClassifier(epochs=2, random_state=0), SMALL)
    scores = estimator.predict_proba(DIGITS.images)
    assert scores.shape == (len(DIGITS.images), 10)
    numpy.testing.assert_allclose(scores.sum(axis=1), 1, rtol=1e-5)
    numpy.testing.assert_allclose(numpy.exp(estimator.predict_log_proba(DIGITS.images)), scores, rtol=1e-4, atol=1e-30)
    assert numpy.array_equal(estimator.classes_[scores.argmax(axis=1)], estimator.predict(DIGITS.images))


def test_partial_fit_learns_in_parts():
    estimator = NormNetClassifier("batch", random_state=0)
    for _ in range(8):
        for part in numpy.array_split(TRAIN, 5):
            estimator.partial_fit(DIGITS.images[part], DIGITS.target[part], classes=numpy.arange(10))
    assert accuracy(estimator) >= .95
    assert len(estimator.loss_curve_) == 40
    assert estimator.loss_curve_[-1] < estimator.loss_curve_[0]


def test_partial_fit_with_names():
    names = numpy.array(["naught", "one", "two"])
    numbers = numpy.flatnonzero(DIGITS.target < 3)
    estimator = NormNetClassifier(random_state=0)
    for _ in range(10):
        estimator.partial_fit(DIGITS.images[numbers], names[DIGITS.target[numbers]], classes=names[::-1])
    assert estimator.score(DIGITS.images[numbers], names[DIGITS.target[numbers]]) > .95


def test_the_loss_curve_is_the_mean_per_image():
    part = SMALL[:65]
    estimator = digits(NormNetClassifier(epochs=2, lr=0, dropout=0, batch_size=32, random_state=0), part)
    expected = estimator.model_.evaluate(DIGITS.images[part][:, None].astype(numpy.float32), DIGITS.target[part]).loss
    assert estimator.loss_curve_ == pytest.approx([expected, expected], rel=1e-6)
    assert len(digits(estimator, part).loss_curve_) == 2


def test_partial_fit_goes_on_after_fit():
    estimator = digits(NormNetClassifier("batch", epochs=3, random_state=0), SMALL)
    before = estimator.model_.state_dict()
    estimator.set_params(lr=0.0)
    estimator.partial_fit(DIGITS.images[SMALL], DIGITS.target[SMALL])
    after = estimator.model_.state_dict()
    assert all(numpy.array_equal(before[name], after[name]) for name in before if name.endswith((".weight", ".bias")))
    estimator = digits(NormNetClassifier("batch", epochs=3, lr=.01, random_state=0), SMALL)
    first = accuracy(estimator)
    for _ in range(10):
        estimator.partial_fit(DIGITS.images[TRAIN], DIGITS.target[TRAIN])
    assert accuracy(estimator) > first


def test_a_pickle_goes_on_as_the_original():
    estimator = NormNetClassifier("batch", random_state=0)
    estimator.partial_fit(DIGITS.images[SMALL], DIGITS.target[SMALL], classes=range(10))
    copy = pickle.loads(pickle.dumps(estimator))
    for each in (estimator, copy):
        each.partial_fit(DIGITS.images[SMALL], DIGITS.target[SMALL])
    assert numpy.array_equal(estimator.predict_proba(DIGITS.images), copy.predict_proba(DIGITS.images))


def part_of(estimator, classes=range(10)):
    return estimator.partial_fit(DIGITS.images[SMALL], DIGITS.target[SMALL], classes=classes)


def test_partial_fit_goes_on_with_what_can_change():
    estimator = part_of(NormNetClassifier("batch", batch_size=16, lr=.01, random_state=0))
    weights = estimator.model_.state_dict()
    estimator.set_params(lr=0, batch_size=64, n_jobs=2, config={"momentum": 0.0})
    part_of(estimator)
    config = estimator.model_.config
    assert (config.lr, config.momentum, config.max_batch, config.threads) == (0, 0, 64, 2)
    after = estimator.model_.state_dict()
    assert all(numpy.array_equal(weights[name], after[name]) for name in weights if name.endswith((".weight", ".bias")))
    assert estimator.model_.steps_taken == 13 + 4
    part_of(estimator.set_params(config=None, lr=.5))
    assert (estimator.model_.config.lr, estimator.model_.config.momentum) == (.5, .9)


def test_threads_and_larger_batches_do_not_disturb_the_training():
    one, other = (part_of(NormNetClassifier("batch", dropout=.2, random_state=0)) for _ in range(2))
    part_of(one)
    part_of(other.set_params(n_jobs=2))
    assert one.model_.serialize() == other.model_.serialize()


#: Parameters that have changed, and the beginning of the message.
CHANGES = [
    ({"norm": "group"}, "norm is 'group'; the network was made with 'batch', which cannot be changed in it: call fit"),
    ({"architecture": "gap conv1-10"}, "architecture is 'gap conv1-10'; the network was made with None"),
    ({"image_shape": (4, 16)}, "image_shape is (4, 16); the network was made with (8, 8)"),
    ({"image_shape": 8}, "image_shape is 8; the network was made with (8, 8)"),
    ({"dropout": .5}, "dropout is 0.5; the network was made with 0.03"),
    ({"l1": .1}, "l1 is 0.1; the network was made with 0.0"),
    ({"l2": .1, "lr": .5}, "l2 is 0.1; the network was made with 0.0"),
    ({"label_smoothing": .1}, "label_smoothing is 0.1; the network was made with 0.0"),
    ({"config": {"clip_norm": 1}}, "config is {'clip_norm': 1}; the network was made with {}"),
    ({"lr": -1}, "the network cannot be trained: lr is -1; expected a number from 0"),
    ({"lr": "x"}, "lr is 'x'; expected a number"),
    ({"n_jobs": 10 ** 6}, "the network cannot be trained: n_jobs is 1000000; expected 1 to"),
    ({"batch_size": 2 ** 31}, "batch_size is 2147483648; expected an integer of at least 1"),
]


@pytest.mark.parametrize("changes, message", CHANGES)
def test_partial_fit_names_what_cannot_change(changes, message):
    estimator = part_of(NormNetClassifier("batch", image_shape=[8, 8], random_state=0))
    before = estimator.model_.serialize()
    with pytest.raises((ValueError, TypeError)) as failure:
        part_of(estimator.set_params(**changes))
    assert str(failure.value).startswith(message)
    assert estimator.model_.serialize() == before


def test_partial_fit_after_fit_takes_other_penalties():
    estimator = digits(NormNetClassifier("group", epochs=1, random_state=0), SMALL)
    part_of(estimator.set_params(l2=.1, config={"clip_norm": 1}))
    assert (estimator.model_.config.l2, estimator.model_.config.clip_norm) == (.1, 1)
    with pytest.raises(ValueError, match="l2 is 0; the network was made with 0.1"):
        part_of(estimator.set_params(l2=0))
    for changes, message in (({"norm": "batch"}, "norm is 'batch'; the network was made with 'group'"),
                             ({"config": {"groups": 4}}, "groups is 4; the model has 0, which cannot be changed")):
        digits(estimator.set_params(norm="group", config=None), SMALL)
        with pytest.raises(ValueError, match=message):
            part_of(estimator.set_params(**changes))


def test_negative_jobs_are_those_of_joblib():
    for jobs in (-1, -2, -10 ** 6):
        estimator = part_of(NormNetClassifier(n_jobs=jobs, random_state=0))
        assert estimator.model_.config.threads == max(1, joblib.cpu_count() + 1 + jobs)


def test_searches_and_pipelines():
    grid = {"norm": ["layer", "batch"], "lr": [1e-6, .03]}
    search = GridSearchCV(NormNetClassifier(epochs=8, random_state=0), grid, cv=2)
    digits(search, SMALL)
    assert search.best_params_["lr"] == .03
    pipeline = make_pipeline(MinMaxScaler(), NormNetClassifier(epochs=60, random_state=0))
    assert cross_val_score(pipeline, *load_iris(return_X_y=True)).mean() >= .9


def test_images_with_channels_and_other_fields():
    images = numpy.repeat(DIGITS.images[SMALL][:, None], 3, axis=1) * numpy.array([1, -2, .5])[:, None, None] + 5
    estimator = NormNetClassifier("group", architecture="conv3-8 norm relu gap conv1-10", epochs=1, l1=1e-5, l2=1e-4,
                                  label_smoothing=.1, config={"groups": 4, "clip_norm": 1.0}, random_state=0)
    config = estimator.fit(images, DIGITS.target[SMALL]).model_.config
    assert (config.channels, config.groups, config.clip_norm, config.l1, config.l2, config.label_smoothing) == (
        3, 4, 1, 1e-5, 1e-4, .1)
    numpy.testing.assert_allclose(config.input_mean, images.mean(axis=(0, 2, 3)))
    numpy.testing.assert_allclose(config.input_std, images.std(axis=(0, 2, 3)))


def test_constant_features_and_the_scale_of_features_do_not_matter():
    features, labels = load_iris(return_X_y=True)
    constant = numpy.broadcast_to([.1, 0], (len(features), 2))
    odd = numpy.column_stack([features * [1e-9, 1, 1e6, 1e9], constant])
    estimator = NormNetClassifier(random_state=0).fit(odd, labels)
    assert estimator.score(odd, labels) >= .9
    assert estimator.model_.config.input_std[4:] == [1, 1]


def test_each_epoch_has_a_line(capsys):
    digits(NormNetClassifier(epochs=2, random_state=0, verbose=True), SMALL)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert lines[1].startswith("epoch 2/2: loss ") and lines[1].endswith("%, 0 s left")


MISTAKES = [
    ({"norm": "bach"}, "did you mean 'batch'"),
    ({"epochs": 0}, "epochs is 0; expected an integer of at least 1"),
    ({"batch_size": 1.5}, "batch_size is 1.5; expected an integer of at least 1"),
    ({"lr": -1}, "trained: lr is -1; expected"),
    ({"lr": "x"}, "lr is 'x'; expected a number"),
    ({"lr": None}, "lr is None; expected a number"),
    ({"dropout": 2}, "trained: dropout is 2; expected"),
    ({"n_jobs": 0}, "n_jobs is 0; expected None, a number of threads"),
    ({"n_jobs": 1.5}, "n_jobs is 1.5; expected None, a number of threads"),
    ({"n_jobs": 10 ** 6}, "trained: n_jobs is 1000000; expected 1 to"),
    ({"n_jobs": 2 ** 31}, "n_jobs is 2147483648; expected"),
    ({"batch_size": 2 ** 31}, "batch_size is 2147483648; expected an integer of at least 1"),
    ({"image_shape": 8}, "image_shape is 8; expected (height, width) or (channels, height, width)"),
    ({"image_shape": (8,)}, "image_shape is (8,); expected (height, width) or (channels, height, width)"),
    ({"image_shape": (4, 16)}, "image_shape is (4, 16); X has 64 values per image of shape (1, 8, 8)"),
    ({"architecture": "conv3-8 rellu gap conv1-10"}, "rellu"),
    ({"architecture": "conv3-8 gap conv1-9"}, "10"),
    ({"config": {"clip_norms": 1}}, "clip_norm"),
    ({"config": {"clip_norm": -1}}, "trained: config.clip_norm is -1; expected"),
    ({"config": {"schedule": "step"}}, "config has 'schedule'; expected none of channels"),
    ({"config": {"classes": 5}}, "config has 'classes'; expected none of channels"),
    ({"config": {"threads": 2}}, "config has 'threads'; expected it as the parameter n_jobs"),
    ({"config": [1]}, "config is [1]; expected a dict of fields of normnet_config"),
    ({"config": {1: 2}}, "config is {1: 2}; expected a dict of fields of normnet_config"),
]


@pytest.mark.parametrize("parameters, message", MISTAKES)
def test_a_wrong_parameter_is_named(parameters, message):
    estimator = NormNetClassifier(**{"random_state": 0, **parameters})
    with pytest.raises((ValueError, TypeError)) as failure:
        digits(estimator, SMALL)
    assert message in str(failure.value)
    assert not hasattr(estimator, "model_")


def test_wrong_data_is_refused_and_changes_nothing():
    estimator = digits(NormNetClassifier(epochs=1, random_state=0), SMALL)
    expected = estimator.predict_proba(DIGITS.images)
    with pytest.raises(ValueError, match="shape"):
        estimator.predict(DIGITS.images.reshape(-1, 4, 16))
    with pytest.raises(ValueError, match="64 features"):
        estimator.predict(DIGITS.images[:, :7])
    with pytest.raises(ValueError, match="float32"):
        estimator.predict(numpy.full((1, 8, 8), 1e39))
    with pytest.raises(ValueError, match="label 10"):
        estimator.partial_fit(DIGITS.images[:1], [10])
    with pytest.raises(ValueError, match="first call"):
        estimator.partial_fit(DIGITS.images[:1], [1], classes=[0, 1])
    assert numpy.array_equal(estimator.predict_proba(DIGITS.images), expected)
    with pytest.raises(ValueError, match="all labels in the first call"):
        NormNetClassifier().partial_fit(DIGITS.images, DIGITS.target)
    with pytest.raises(ValueError, match="5000 features"):
        NormNetClassifier().fit(numpy.zeros((4, 5000)), [0, 1, 0, 1])
    with pytest.raises(NotFittedError):
        clone(estimator).predict(DIGITS.images)


def test_the_model_can_be_saved(tmp_path):
    estimator = digits(NormNetClassifier(epochs=1, random_state=0), SMALL)
    estimator.model_.save(tmp_path / "digits.safetensors")
    with normnet.Model.load(tmp_path / "digits.safetensors") as model:
        scores, _ = model.predict(DIGITS.images[:, None].astype(numpy.float32))
    assert numpy.array_equal(scores, estimator.predict_proba(DIGITS.images))
