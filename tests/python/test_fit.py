# SPDX-License-Identifier: MIT
"""examples/python/normnet.py: training on a data set."""
import copy
import re
import sys
import types

import numpy
import pytest

import normnet
from test_binding import batch, fails, model


class Recorder(normnet.Model):
    """A model that remembers what it was trained on."""

    def train_step(self, images, labels):
        self.__dict__.setdefault("steps", []).append((images.copy(), labels.copy()))
        return super().train_step(images, labels)


def recorder(**config):
    return Recorder(**{**vars_of_model(), **config})


def vars_of_model():
    return {"norm": "group", "channels": 2, "height": 9, "width": 8, "classes": 5, "groups": 2, "lr": 0.1,
            "architecture": "conv3-4 norm relu gap conv1-5", "max_batch": 20}


def bars(count, seed=3):
    """Images that a network can learn: the class is the row with the bright bar."""
    random = numpy.random.default_rng(seed)
    labels = random.integers(0, 5, count)
    images = random.integers(0, 60, (count, 2, 9, 8)).astype(numpy.uint8)
    images[numpy.arange(count), :, labels + 2] += 180
    return images, labels


def test_each_epoch_is_a_permutation_in_batches():
    images, _ = batch(50)
    labels = numpy.arange(50) % 5
    images[:, 0, 0, 0] = numpy.arange(50)  # so that it can be told which image it is
    with recorder() as network:
        history = network.fit(images, labels, epochs=3, batch_size=16)
        assert [len(step_labels) for _, step_labels in network.steps] == [16, 16, 16, 2] * 3
        orders = []
        for epoch in range(3):
            steps = network.steps[4 * epoch:4 * epoch + 4]
            order = numpy.concatenate([step_images[:, 0, 0, 0] for step_images, _ in steps])
            assert sorted(order) == list(range(50))
            assert numpy.array_equal(numpy.concatenate([step_labels for _, step_labels in steps]), order % 5)
            assert all(numpy.array_equal(image, images[index])
                       for index, image in zip(order, numpy.concatenate([each for each, _ in steps])))
            orders.append(tuple(order))
        assert len(set(orders)) == 3 and tuple(range(50)) not in orders
        assert [row.epoch for row in history] == [1, 2, 3] and [row.step for row in history] == [4, 8, 12]


def test_history_is_what_the_steps_and_tests_say():
    images, labels = batch(45)
    validation = batch(30, seed=8)
    with recorder() as network, model(architecture="conv3-4 norm relu gap conv1-5") as twin:
        history = network.fit(images, labels, epochs=2, validation=validation)
        for row, steps in zip(history, (network.steps[:3], network.steps[3:])):
            results = [twin.train_step(*step) for step in steps]
            total = sum(result.loss * result.count for result in results)
            assert (row.loss, row.accuracy) == (pytest.approx(total / 45, rel=1e-14),
                                                sum(result.correct for result in results) / 45)
            assert (row.lr, row.step) == (results[-1].lr, results[-1].step)
            test = twin.evaluate(*validation)
            assert (row.validation_loss, row.validation_accuracy) == (test.loss, test.correct / 30)
        assert network.serialize() == twin.serialize()
        row = network.fit(images, labels)[0]
        assert row.epoch == 1 and row.validation_loss is None and row.validation_accuracy is None


def test_the_same_seed_gives_the_same_bits():
    images, labels = batch(50)
    with model() as network, model() as other, model() as third:
        first = network.fit(images, labels, epochs=3, seed=7)
        numpy.random.seed(5)
        numpy.random.random(3)  # what anyone does with numpy's generator changes nothing
        assert other.fit(images.tolist(), labels.astype(float), epochs=3, seed=7) == first
        assert other.serialize() == network.serialize()
        third.fit(images, labels, epochs=3, seed=8)
        assert third.serialize(kind="weights") != network.serialize(kind="weights")
    for seed in (0, -1, 2 ** 63 - 1, -2 ** 63):
        with model(seed=seed) as network, model(seed=seed) as other:
            assert network.fit(images, labels) == other.fit(images, labels, seed=seed)


def test_the_order_never_changes():
    """Neither with the version of numpy nor with the machine."""
    assert normnet.epoch_order(8, 1, 0).tolist() == [5, 2, 1, 6, 4, 0, 3, 7]
    assert normnet.epoch_order(8, -1, 2 ** 40 + 3).tolist() == [4, 3, 6, 5, 0, 1, 7, 2]


@pytest.mark.parametrize("make", [lambda network: network, copy.deepcopy, lambda network: network.clone(),
                                  lambda network: normnet.Model.deserialize(network.serialize(), max_batch=20)],
                         ids=["same", "deepcopy", "clone", "file"])
def test_two_calls_are_one(make):
    """So an interrupted training goes on as if nothing had happened."""
    images, labels = batch(50)
    with model(norm="batch", dropout=0.1) as whole, model(norm="batch", dropout=0.1) as first:
        expected = whole.fit(images, labels, epochs=3, validation=(images, labels))
        history = first.fit(images, labels, epochs=1, validation=(images, labels))
        with make(first) as second:
            assert second.fit(images, labels, epochs=2, validation=(images, labels), history=history) is history
            assert history == expected and second.serialize() == whole.serialize()


def test_it_learns():
    images, labels = bars(400)
    test = bars(100, seed=4)
    with model(architecture="conv3-8 relu norm flatten fc-5b", schedule="one_cycle", total_steps=100,
               max_lr=0.1) as network:
        history = network.fit(images, labels, epochs=5, validation=test)
        assert history[-1].validation_accuracy > 0.95 and history[-1].loss < history[0].loss / 2
        with pytest.raises(ValueError, match="20 steps, and the one-cycle schedule has 0 left: .*total_steps=120"):
            network.fit(images, labels)


IMAGES, LABELS = batch(50)
BAD = LABELS.copy()
BAD[31] = 5
NAN, INFINITE = IMAGES.astype(numpy.float64), IMAGES[::-1].astype(numpy.float32)
NAN[[49, 31], 1, 2, 3] = numpy.nan
INFINITE[31, 1, 2, [3, 5]] = -numpy.inf, numpy.nan
#: Arguments of fit(), the type of the error, and the beginning of its message.
MISTAKES = {
    "epochs is 0; expected at least 1": (ValueError, {"epochs": 0}),
    "epochs is 2.5; expected an integer": (TypeError, {"epochs": 2.5}),
    "batch_size is 0; expected 1 to 20, the max_batch of the model": (ValueError, {"batch_size": 0}),
    "batch_size is 21; expected 1 to 20": (ValueError, {"batch_size": 21}),
    "seed is 'x'; expected an integer": (TypeError, {"seed": "x"}),
    "seed = 9223372036854775808 does not fit": (OverflowError, {"seed": 2 ** 63}),
    "history is of type dict; expected a list": (TypeError, {"history": {}}),
    "the shapes of images and labels are (50, 2, 9, 8) and (49,)": (ValueError, {"labels": LABELS[1:]}),
    "the shapes of images and labels are (50, 2, 9, 8) and (50, 1)": (ValueError, {"labels": LABELS[:, None]}),
    "the shapes of images and labels are (0, 2, 9, 8) and (0,)": (
        ValueError, {"images": IMAGES[:0], "labels": LABELS[:0]}),
    "the shapes of images and labels are () and ()": (ValueError, {"images": 1, "labels": 1}),
    "NORMNET_ELABEL: labels[31] is 5; expected 0 to 4": (normnet.NormnetError, {"labels": BAD}),
    "the shapes of images and labels are (50, 1, 9, 8) and (50,); expected N x 2 x 9 x 8 and N": (
        ValueError, {"images": IMAGES[:, :1]}),
    "NORMNET_EVALUE: images[31][1][2][3] is nan; expected a finite number": (normnet.NormnetError, {"images": NAN}),
    "NORMNET_EVALUE: validation images[31][1][2][3] is -inf": (
        normnet.NormnetError, {"validation": (INFINITE, LABELS)}),
    "validation is of type float; expected a pair of images and labels": (TypeError, {"validation": 0.2}),
    "validation is of type ndarray; expected a pair": (TypeError, {"validation": IMAGES[:2]}),
    "the shapes of validation images and validation labels are (50, 2, 9, 8) and (3,)": (
        ValueError, {"validation": (IMAGES, LABELS[:3])}),
    "the dtype of validation images is complex128; expected": (
        TypeError, {"validation": (IMAGES.astype(complex), LABELS)}),
    "NORMNET_ELABEL: validation labels[31] is 5": (normnet.NormnetError, {"validation": (IMAGES, BAD)}),
    "the shapes of validation images and validation labels are (50, 2, 9, 7) and (50,)": (
        ValueError, {"validation": (IMAGES[..., 1:], LABELS)}),
}


@pytest.mark.parametrize("message", MISTAKES)
def test_mistakes_are_found_before_the_first_step(message):
    error, changes = MISTAKES[message]
    with model() as network:
        before = network.serialize()
        with pytest.raises(error) as caught:
            network.fit(**{"images": IMAGES, "labels": LABELS, **changes})
        assert str(caught.value).startswith(message)
        assert network.serialize() == before


@pytest.mark.parametrize("count, size", [(9, 8), (5, 4), (1, 8), (4, 1)])
def test_a_last_batch_that_batch_norm_cannot_take(count, size):
    """It is found before the first step, not after an epoch."""
    features = {"norm": "batch", "architecture": "flatten fc-8 norm relu fc-5", "max_batch": 8}
    with model(**features) as network, model(**{**features, "norm": "layer"}) as other:
        before = network.serialize()
        with pytest.raises(ValueError, match=f"^{count} images in batches of {size} end with a batch of 1: .*norm"
                                             ".*more than one value per channel.*; choose another batch_size$"):
            network.fit(IMAGES[:count], LABELS[:count], batch_size=size)
        assert network.serialize() == before
        other.fit(IMAGES[:count], LABELS[:count], batch_size=size)
        network.fit(IMAGES[:9], LABELS[:9], batch_size=7)
        with network.clone(reduce=lambda values: numpy.multiply(values, 2, values)) as rank:
            rank.fit(IMAGES[:9], LABELS[:9])  # as if another rank had the same images


def test_what_was_learned_before_a_failure_is_kept():
    images = IMAGES.astype(numpy.float32) / 255
    with model(norm="none") as network:
        history = network.fit(images, LABELS)
        taken = network.steps_taken
        network.set_learning_rate(1e30, 0.9)  # with which it diverges
        fails(normnet.Status.EVALUE, network.fit, images, LABELS, epochs=9, history=history)
        assert len(history) == 1 and network.steps_taken > taken

    class Interrupted(Recorder):
        def evaluate(self, *arguments, **keywords):
            if self.steps_taken == 6:
                raise KeyboardInterrupt
            return super().evaluate(*arguments, **keywords)
    with Interrupted(**vars_of_model()) as network:
        history = []
        with pytest.raises(KeyboardInterrupt):
            network.fit(IMAGES, LABELS, epochs=3, validation=(IMAGES, LABELS), history=history)
        assert [row.step for row in history] == [3] and network.steps_taken == 6


class Bar:
    """Stands for tqdm, and remembers how it was used."""
    used = []

    def __init__(self, **options):
        self.options, self.texts, self.steps, self.closed = options, [], 0, False
        self.used.append(self)

    def set_description(self, text):
        self.texts.append(text)

    def set_postfix_str(self, text, refresh=True):
        assert re.fullmatch(r"loss \d+\.\d{4}, accuracy \d+\.\d\d%", text) and not refresh

    def update(self, steps):
        self.steps += steps

    def close(self):
        self.closed = True


def test_progress(monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm", types.ModuleType("tqdm"))
    monkeypatch.setitem(sys.modules, "tqdm.auto", types.SimpleNamespace(tqdm=Bar))
    with model(norm="none") as network:
        for shown, disable in ((None, None), (True, False), (False, True)):
            Bar.used.clear()
            history = network.fit(IMAGES, LABELS, epochs=2, validation=(IMAGES, LABELS), progress=shown)
            (bar,) = Bar.used
            assert bar.options == {"total": 6, "unit": "step", "disable": disable}
            assert bar.steps == 6 and bar.closed
            assert bar.texts == ["epoch 1 of 2", "epoch 2 of 2, validation accuracy "
                                                 f"{history[0].validation_accuracy:.2%}"]
        Bar.used.clear()
        with network.clone() as other:
            other.set_learning_rate(1e30, 0.9)  # with which it diverges
            fails(normnet.Status.EVALUE, other.fit, IMAGES, LABELS, epochs=9)
        assert Bar.used[0].closed
        monkeypatch.setitem(sys.modules, "tqdm.auto", None)
        network.fit(IMAGES, LABELS)
        network.fit(IMAGES, LABELS, progress=False)
        with pytest.raises(ImportError):
            network.fit(IMAGES, LABELS, progress=True)


def test_progress_of_tqdm(capsys):
    pytest.importorskip("tqdm")
    with model() as network:
        network.fit(IMAGES, LABELS)
        assert capsys.readouterr() == ("", "")  # not a terminal
        network.fit(IMAGES, LABELS, progress=True)
        output = capsys.readouterr()
        assert output.out == "" and "epoch 1 of 1" in output.err and "3/3" in output.err and "accuracy" in output.err
