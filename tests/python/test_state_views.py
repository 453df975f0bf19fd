# SPDX-License-Identifier: MIT
"""examples/python/normnet.py: views of a model's weights, statistics and gradients, and what repr() shows."""
import copy
import gc
import pickle

import numpy
import pytest

import memory
import normnet
from test_binding import ARCHITECTURE, batch, fails, model


def test_views_show_what_the_model_has():
    with model(norm="batch") as network:
        views = network.state_views()
        state = network.state_dict()
        assert list(views) == list(state)
        for name, view in views.items():
            assert (view.dtype, view.shape) == (state[name].dtype, state[name].shape)
            assert view.tobytes() == state[name].tobytes()
            assert not numpy.shares_memory(view, state[name])
            assert numpy.shares_memory(view, network.state_views()[name])
        network.train_step(*batch())
        after = network.state_dict()
        assert all(views[name].tobytes() == after[name].tobytes() for name in after)
        assert views["1.num_batches_tracked"] == 1 and state["1.num_batches_tracked"] == 0
        assert not numpy.array_equal(views["0.weight"], state["0.weight"])
        network.set_state("0.weight", state["0.weight"])
        assert numpy.array_equal(views["0.weight"], state["0.weight"])


def test_views_are_read_only():
    with model() as network:
        before = network.serialize()
        for view in network.state_views().values():
            with pytest.raises(ValueError, match="read-only"):
                view[...] = 0
            with pytest.raises(ValueError, match="cannot set WRITEABLE"):
                view.flags.writeable = True
            with pytest.raises(ValueError, match="cannot set WRITEABLE"):
                view.reshape(-1)[:1].flags.writeable = True
        assert network.serialize() == before
        network.state_dict()["0.weight"][...] = 0  # of a copy
        assert network.serialize() == before


@pytest.mark.parametrize("end", ["close", "delete"])
def test_a_view_keeps_the_memory(end):
    held = {}
    network = model(**memory.functions(held, []))
    view, expected = network.state_views()["0.weight"].reshape(4, -1)[::2], network.state_dict()["0.weight"]
    if end == "close":
        network.close()
        fails(normnet.Status.EINVAL, network.state_views)
    del network
    gc.collect()
    assert held and numpy.array_equal(view, expected.reshape(4, -1)[::2])
    others = [pickle.loads(pickle.dumps(view)), copy.deepcopy(view)]
    del view
    gc.collect()
    assert not held and all(numpy.array_equal(other, expected.reshape(4, -1)[::2]) for other in others)


def test_the_gradients_are_changed_in_place():
    """As MPI or torch.from_numpy() does it: the same memory in each step, without a call that copies it."""
    with model(norm="batch") as network, model(norm="batch") as other:
        view = network.gradient_view()
        assert (view.dtype, view.shape) == (numpy.float64, (network.parameter_count,)) and view.flags.c_contiguous
        for seed in range(2):
            assert not view.any()
            network.compute_gradients(*batch(seed=seed))
            other.compute_gradients(*batch(seed=seed))
            assert view.ctypes.data == network.gradient_view().ctypes.data
            assert not numpy.shares_memory(view, network.gradients())
            assert view.any() and view.tobytes() == other.gradients().tobytes()
            view *= 2
            other.set_gradients(2 * other.gradients())
            network.apply_gradients(20)
            other.apply_gradients(20)
        assert network.serialize() == other.serialize()


def test_a_view_of_the_gradients_keeps_the_memory():
    held = {}
    network = model(**memory.functions(held, []))
    network.compute_gradients(*batch())
    view, expected = network.gradient_view()[::2], network.gradients()[::2]
    network.close()
    fails(normnet.Status.EINVAL, network.gradient_view)
    del network
    gc.collect()
    assert held and numpy.array_equal(view, expected)
    view[:] = 0
    del view
    gc.collect()
    assert not held


def test_views_of_the_average():
    with model(average_decay=0.5) as network, model() as without:
        network.train_step(*batch())
        average, current = network.state_views("average"), network.state_views()
        for name, array in network.state_dict("average").items():
            assert average[name].tobytes() == array.tobytes()
        network.train_step(*batch(seed=2))
        assert not numpy.array_equal(average["0.weight"], current["0.weight"])
        fails(normnet.Status.ESTATE, without.state_views, "average")


def test_a_view_can_be_set_in_another_model():
    with model() as network, model(seed=9) as other:
        other.load_state_dict(network.state_views())
        assert other.serialize(kind="weights") == network.serialize(kind="weights")
        network.set_state("0.weight", network.state_views()["0.weight"])


class Named(normnet.Model):
    """A subclass."""


def test_repr_shows_the_network():
    with Named("group", architecture=ARCHITECTURE, channels=2, height=9, width=8, classes=5, groups=2) as network:
        network.train_step(*batch())
        first, *lines, last = repr(network).splitlines()
        assert first == ("Named(norm='group', images 2 x 9 x 8, 5 classes, "
                         f"{network.parameter_count:,} parameters, step 1") and last == ")"
        assert [line.split()[:3] for line in lines] == [[f"({index})", layer.token, layer.module]
                                                        for index, layer in enumerate(network.layers())]
        assert lines[0].split(None, 3)[3] == "4 x 7 x 6"
    assert repr(network) == "Named(closed)"
    assert repr(normnet.Model.__new__(normnet.Model)) == "Model(closed)"
    with model(norm="none", architecture="flatten fc-5b") as network:
        assert [line.split(None, 3)[3] for line in repr(network).splitlines()[1:-1]] == ["144", "5"]
