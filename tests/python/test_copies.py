# SPDX-License-Identifier: MIT
"""examples/python/normnet.py: models that are copied, pickled and loaded, and what else could be lost on the way."""
import copy
import gc
import os
import pickle
import subprocess
import sys
import threading

import numpy
import pytest

import memory
import normnet
from test_binding import batch, fails, model

HOST = {"threads": 2, "readers": 3, "max_batch": 21, "cpu": "portable", "memory_limit": 10 ** 8}


def pickled(network):
    return pickle.loads(pickle.dumps(network))


def out_of_band(network):
    """As joblib and multiprocessing do: another protocol, with a pickler of their own."""
    return pickle.loads(pickle.dumps(network, protocol=5, buffer_callback=lambda _: True))


COPIES = {"copy": copy.copy, "deepcopy": copy.deepcopy, "pickle": pickled, "protocol 5": out_of_band,
          "protocol 0": lambda network: pickle.loads(pickle.dumps(network, protocol=0)),
          "clone": normnet.Model.clone, "in a list": lambda network: copy.deepcopy([network, network])[1]}


def trained(**config):
    network = model(norm="batch", **config)
    for seed in range(3):
        network.train_step(*batch(seed=seed))
    return network


def same(one, other):
    return one.serialize() == other.serialize()


@pytest.mark.parametrize("make", COPIES.values(), ids=COPIES)
def test_copies_live_their_own_life(make):
    network, twin = trained(), trained()
    other = make(network)
    assert type(other) is normnet.Model and same(other, network)
    other.train_step(*batch(seed=9))
    assert same(network, twin) and not same(other, network)
    network.train_step(*batch(seed=9))
    assert same(other, network)
    del other
    gc.collect()
    assert network.parameter_count == twin.parameter_count
    other = make(network)
    del network
    gc.collect()
    assert other.predict(batch()[0])[0].shape == (20, 5)
    other.close()
    fails(normnet.Status.EINVAL, other.predict, batch()[0])


@pytest.mark.parametrize("make", COPIES.values(), ids=COPIES)
def test_each_copy_is_closed_by_itself(make):
    network = trained()
    with make(network) as other:
        assert other.steps_taken == 3
    fails(normnet.Status.EINVAL, other.summary)
    assert network.steps_taken == 3
    other = make(network)
    with network:
        pass
    fails(normnet.Status.EINVAL, network.summary)
    assert other.steps_taken == 3
    fails(normnet.Status.EINVAL, make, network)
    with pytest.raises(normnet.NormnetError, match="closed"):
        with network:
            pass


@pytest.mark.parametrize("make", COPIES.values(), ids=COPIES)
def test_copies_keep_the_host_program_s_fields_and_the_note(make):
    with trained(**HOST) as first, normnet.Model.deserialize(first.serialize(note="søren"), **HOST) as network:
        with make(network) as other:
            assert other.config == network.config and other.note == network.note == "søren"
            assert (other.config.threads, other.config.max_batch, other.cpu_name) == (2, 21, "portable")


class Named(normnet.Model):
    """A model with what a program adds to it."""

    def __init__(self, name, **config):
        super().__init__(**config)
        self.name, self.history = name, [1, 2]


@pytest.mark.parametrize("make", [copy.copy, copy.deepcopy, pickled], ids=["copy", "deepcopy", "pickle"])
def test_copies_of_a_class_derived_from_model(make):
    with Named("seven") as network, make(network) as other:
        assert type(other) is Named and other.name == "seven" and other.history == [1, 2]
        assert (other.history is network.history) == (make is copy.copy)
        assert same(other, network)


class Slotted(normnet.Model):
    __slots__ = ("name", "_Slotted__secret", "unset")

    def __init__(self, **config):
        super().__init__(**config)
        self.name, self._Slotted__secret, self.free = "slots", 7, [1]


class Chosen(normnet.Model):
    """A class that says itself what a copy has."""

    def __getstate__(self):
        return {"seen": 1}

    def __setstate__(self, state):
        self.seen = state["seen"] + 1


@pytest.mark.parametrize("make", [copy.copy, copy.deepcopy, pickled], ids=["copy", "deepcopy", "pickle"])
def test_copies_of_classes_with_slots_or_a_state_of_their_own(make):
    with Slotted(norm="batch") as network, make(network) as other:
        assert (other.name, other._Slotted__secret, other.free) == ("slots", 7, [1])
        assert not hasattr(other, "unset") and same(other, network)
    with Chosen(norm="batch") as network:
        network.seen = 5
        with make(network) as other:
            assert other.seen == 2 and same(other, network)


class Everything(normnet.Model):
    """Removes what should not be copied from a copy of its dictionary, as the manual of pickle shows."""

    def __getstate__(self):
        state = self.__dict__.copy()
        del state["cache"]
        return state


class Deep(normnet.Model):
    """Copies each of its attributes."""

    def __deepcopy__(self, memo):
        other = type(self).__new__(type(self))
        for name, value in vars(self).items():
            setattr(other, name, copy.deepcopy(value, memo))
        return other


@pytest.mark.parametrize("make", [copy.copy, copy.deepcopy, pickled], ids=["copy", "deepcopy", "pickle"])
def test_copies_of_a_class_that_copies_its_dictionary(make):
    network = Everything(norm="batch", architecture="norm flatten fc-5", channels=2, height=9, width=8, classes=5)
    network.cache, network.seen = 1, 2
    with make(network) as other:
        assert same(other, network) and other.seen == 2 and not hasattr(other, "cache")
        other.train_step(*batch())
        assert (network.steps_taken, other.steps_taken) == (0, 1)
    network.train_step(*batch())


@pytest.mark.parametrize("make", [copy.copy, copy.deepcopy, pickle.dumps], ids=["copy", "deepcopy", "pickle"])
def test_a_handle_is_not_copied(make):
    network = Deep(norm="batch")
    for mistake in (lambda: make(network._handle), lambda: copy.deepcopy(network)):
        with pytest.raises(TypeError, match="handle of a model cannot be copied.*clone"):
            mistake()
    assert network.parameter_count > 0


def test_closed_during_a_call():
    """Another thread may close a model at any time: its memory is freed when the call returns."""
    held, entered, closed, losses = {}, threading.Event(), threading.Event(), []

    def wait(values):
        entered.set()
        assert closed.wait(60)

    network = model(norm="batch", reduce=wait, threads=2, **memory.functions(held, []))
    trainer = threading.Thread(target=lambda: losses.append(network.train_step(*batch()).loss))
    trainer.start()
    assert entered.wait(60)
    network.close()
    assert held
    closed.set()
    trainer.join()
    assert losses[0] > 0 and not held
    fails(normnet.Status.EINVAL, network.train_step, *batch())


def test_pending_gradients():
    """A clone has them; a pickle is a checkpoint, which cannot."""
    with trained() as network:
        network.compute_gradients(*batch())
        with copy.deepcopy(network) as other:
            assert numpy.array_equal(other.gradients(), network.gradients()) and other.gradients().any()
        fails(normnet.Status.ESTATE, pickle.dumps, network)
        assert network.gradients().any()


def reduce(values):
    """Of one rank."""


def test_callbacks():
    with trained(reduce=reduce) as network:
        with pickled(network) as other:
            assert other._config.reducer is reduce
        with copy.copy(network) as other:
            other.train_step(*batch())

    @normnet.ParallelFor
    def one_after_another(user, count, task, context):
        for index in range(count):
            task(context, index)

    with trained(parallel_for=one_after_another) as network:
        with pytest.raises(TypeError, match="parallel_for cannot be pickled"):
            pickle.dumps(network)
        with copy.deepcopy(network) as other:
            other.train_step(*batch())


def test_functions_live_as_long_as_the_last_copy():
    held = {}
    network = trained(**memory.functions(held, []))
    for _ in range(3):
        network = network.clone()  # only the last one of the chain is left
        gc.collect()
    assert held and network.steps_taken == 3
    del network
    gc.collect()
    assert not held


def test_a_shared_handle_lives_as_long_as_the_last_object():
    """What copies the attributes of an object by itself does no harm; and a second __init__ frees the first model."""
    held = {}
    network = trained(**memory.functions(held, []))
    other = normnet.Model.__new__(normnet.Model)
    fails(normnet.Status.EINVAL, other.summary)
    vars(other).update(vars(network))
    network.close()
    fails(normnet.Status.EINVAL, network.summary)
    assert other.steps_taken == 3 and held
    del other
    gc.collect()
    assert not held
    network = trained()
    network.__init__("group")
    assert network.config.norm == normnet.Norm.GROUP and network.steps_taken == 0


def test_pickles_are_read_by_another_process(tmp_path):
    with trained(**HOST) as network:
        (tmp_path / "model.pickle").write_bytes(pickle.dumps(network))
        expected = network.predict(batch()[0])[0].sum()
    code = ("import pickle, sys, test_binding; network = pickle.load(open(sys.argv[1], 'rb'));"
            "print(repr(float(network.predict(test_binding.batch()[0])[0].sum())))")
    paths = [os.path.dirname(os.path.abspath(file)) for file in (normnet.__file__, __file__)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "NORMNET_LIBRARY": normnet.library._name}
    done = subprocess.run([sys.executable, "-c", code, tmp_path / "model.pickle"], env=environment, check=True,
                          stdout=subprocess.PIPE, universal_newlines=True)
    assert float(done.stdout) == float(expected)


# ---- Fields that would be ignored --------------------------------------------------------------------

#: Fields that a checkpoint has, with other values than those of trained().
OTHERS = {"norm": "group", "lr": 0.5, "momentum": 0.5, "seed": 7, "classes": 6, "architecture": "gap conv1-5",
          "input_mean": [0.5, 0.5], "input_std": [0.5, 0.25], "schedule": "step", "label_smoothing": 0.1, "eps": 1e-3}
#: Those of them that a file of weights does not have.
OF_TRAINING = ("lr", "momentum", "seed", "schedule", "label_smoothing")


@pytest.mark.parametrize("name", OTHERS)
def test_a_field_that_would_be_ignored_is_an_error(name, tmp_path):
    with trained() as network:
        network.save(tmp_path / "checkpoint")
        network.save(tmp_path / "weights", kind="weights")
        for call in (lambda **field: normnet.Model.load(tmp_path / "checkpoint", **field),
                     lambda **field: normnet.Model.deserialize(network.serialize(), **field), network.clone):
            with pytest.raises(ValueError, match=f"{name} is .*; the model has "):
                call(**{name: OTHERS[name]})
            # What the model has anyway may be said.
            call(**{name: getattr(network.config, name)}).close()
        if name in OF_TRAINING:
            with normnet.Model.load(tmp_path / "weights", **{name: OTHERS[name]}) as other:
                assert getattr(other.config, name) != getattr(network.config, name)
        else:
            with pytest.raises(ValueError, match=f"{name} is "):
                normnet.Model.load(tmp_path / "weights", **{name: OTHERS[name]})


def test_the_end_of_a_cycle_is_fixed(tmp_path):
    with trained(schedule="one_cycle", total_steps=50) as network:
        network.save(tmp_path / "checkpoint")
        fails(normnet.Status.ESTATE, normnet.Model.load, tmp_path / "checkpoint", total_steps=60)
        with pytest.raises(ValueError, match="total_steps is 60"):
            network.clone(total_steps=60)


# ---- State dicts -------------------------------------------------------------------------------------


def test_a_state_dict_must_be_complete():
    with trained() as network, trained() as other:
        other.train_step(*batch(seed=7))
        state, before = other.state_dict(), network.serialize()
        message = fails(normnet.Status.EMISMATCH, network.load_state_dict, {})
        assert message.startswith("missing keys: '0.weight', '1.weight', '1.bias', '1.running_mean'")
        assert "unexpected" not in message
        wrong = {("2.weight" if name == "3.weight" else name): array for name, array in state.items()}
        assert (fails(normnet.Status.EMISMATCH, network.load_state_dict, wrong)
                == "missing keys: '3.weight'; unexpected keys: '2.weight'")
        assert "'module.0.weight'" in fails(normnet.Status.EMISMATCH, network.load_state_dict,
                                            {"module." + name: array for name, array in state.items()})
        assert fails(normnet.Status.EMISMATCH, network.load_state_dict, {**state, 7: 1}) == "unexpected keys: 7"
        assert network.serialize() == before
        keys = network.load_state_dict(state)
        assert keys.missing_keys == keys.unexpected_keys == []
        assert network.serialize(kind="weights") == other.serialize(kind="weights")


def test_a_state_dict_without_counts_is_complete():
    """As it is for torch.nn.BatchNorm2d."""
    with trained() as network, trained() as other:
        other.train_step(*batch(seed=7))
        state = {name: array for name, array in other.state_dict().items() if "num_batches" not in name}
        network.load_state_dict(state)
        assert network.state_dict()["1.num_batches_tracked"] == 3
        assert all(numpy.array_equal(network.state_dict()[name], array) for name, array in state.items())


def test_parts_of_a_state_dict():
    with trained() as network:
        before = network.state_dict()
        zeros = numpy.zeros_like(before["0.weight"])
        keys = network.load_state_dict({"0.weight": zeros, "head.bias": zeros}, strict=False)
        assert keys.unexpected_keys == ["head.bias"] and "1.weight" in keys.missing_keys
        assert "0.weight" not in keys.missing_keys
        for name, array in network.state_dict().items():
            assert numpy.array_equal(array, zeros if name == "0.weight" else before[name])


def test_a_state_dict_that_fails_changes_nothing_that_waits():
    """The update of running statistics that waits with gradients survives a dict whose last entry is wrong."""
    with trained() as network, trained() as twin:
        for each in (network, twin):
            each.compute_gradients(*batch())
        state = network.state_dict()
        for status, wrong in ((normnet.Status.EMISMATCH, numpy.zeros(3, numpy.float32)),
                              (normnet.Status.EVALUE, numpy.full_like(state["7.weight"], numpy.nan))):
            fails(status, network.load_state_dict, {**state, "7.weight": wrong})
        for each in (network, twin):
            each.apply_gradients(20)
        assert same(network, twin)
