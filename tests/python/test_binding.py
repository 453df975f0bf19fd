# SPDX-License-Identifier: MIT
"""examples/python/normnet.py: failures, arrays, models and files."""
import gc
import json
import os
import re
import shutil
import struct
import subprocess
import sys

import numpy
import pytest

import memory
import normnet

ARCHITECTURE = "conv3-4 norm relu conv3-6 norm relu gap conv1-5"


def model(**config):
    settings = {"norm": "group", "channels": 2, "height": 9, "width": 8, "classes": 5, "groups": 2, "lr": 0.1,
                "architecture": ARCHITECTURE, "max_batch": 20}
    return normnet.Model(**{**settings, **config})


def batch(count=20, seed=1):
    random = numpy.random.default_rng(seed)
    return (random.integers(0, 256, (count, 2, 9, 8), numpy.uint8),
            random.integers(0, 5, count).astype(numpy.uint8))


# ---- Failures --------------------------------------------------------------------------------------


def fails(status, call, *arguments, **keywords):
    with pytest.raises(normnet.NormnetError) as caught:
        call(*arguments, **keywords)
    assert caught.value.status == status, str(caught.value)
    assert caught.value.name == "NORMNET_" + normnet.Status(status).name
    assert caught.value.message and str(caught.value) == f"{caught.value.name}: {caught.value.message}"
    return caught.value.message


def test_failures_raise_the_message_of_the_library():
    assert "conv3-x" in fails(normnet.Status.EARCH, model, architecture="conv3-x gap conv1-5")
    fails(normnet.Status.EVALUE, model, lr=float("nan"))
    fails(normnet.Status.EUNSUPPORTED, model, norm=77)
    with model() as network:
        before = network.state_dict()
        images, labels = batch()
        labels[7] = 5
        assert "5" in fails(normnet.Status.ELABEL, network.train_step, images, labels)
        fails(normnet.Status.EINVAL, network.train_step, images[0], labels)
        fails(normnet.Status.EINVAL, network.train_step, images[:, :, :5], labels)
        fails(normnet.Status.EINVAL, network.train_step, images[:0], labels[:0])
        fails(normnet.Status.ESTATE, network.apply_gradients, 20)
        fails(normnet.Status.EMISMATCH, network.set_state, "0.bias", numpy.zeros(4, numpy.float32))
        fails(normnet.Status.EMISMATCH, network.set_state, "0.weight", numpy.zeros((4, 2, 3), numpy.float32))
        fails(normnet.Status.EVALUE, network.set_state, "1.weight", numpy.full(4, numpy.inf, numpy.float32))
        fails(normnet.Status.EMISMATCH, network.set_parameters, numpy.zeros(3, numpy.float32))
        for name, array in network.state_dict().items():
            assert array.tobytes() == before[name].tobytes()


def test_mistakes_in_python_are_named():
    with pytest.raises(TypeError, match="no field 'learning_rate'; did you mean 'lr'?"):
        model(learning_rate=0.1)
    with pytest.raises(TypeError, match="no field 'archtecture'; did you mean 'architecture'?"):
        model(archtecture="gap conv1-5")
    with pytest.raises(TypeError, match="no field 'zzz'$"):
        model(zzz=1)
    with pytest.raises(TypeError, match="no field 'struct_size'"):
        model(struct_size=4)
    with pytest.raises(ValueError, match="norm is 'batchnorm'; expected none, batch, .* or rms; did you mean 'batch'"):
        model(norm="batchnorm")
    with pytest.raises(ValueError, match="schedule is 'cosine'; expected constant, step or one_cycle$"):
        model(schedule="cosine")
    with pytest.raises(TypeError, match="no field 'epochs'; did you mean 'total_steps'?"):
        model(epochs=10)
    with pytest.raises(ValueError, match="input_mean has 3 values; expected 2, one per channel"):
        model(input_mean=[0.1, 0.2, 0.3])
    with pytest.raises(OverflowError, match="threads = 4294967297"):
        model(threads=2 ** 32 + 1)
    with model() as network:
        images, labels = batch()
        with pytest.raises(TypeError, match="the dtype of images is complex128; expected uint8 or float32"):
            network.train_step(images * 1j, labels)
        with pytest.raises(TypeError, match="the dtype of labels is object; expected uint8, int32 or int64"):
            network.evaluate(images, None)
        with pytest.raises(TypeError, match="the dtype of 0.weight is int16; expected uint8, float32, int32 or int64"):
            network.set_state("0.weight", numpy.zeros((4, 2, 3, 3), numpy.int16))
        with pytest.raises(ValueError, match="images has 9 dimensions"):
            network.train_step(images.reshape(20, 2, 9, 8, 1, 1, 1, 1, 1), labels)
        with pytest.raises(ValueError, match=r"shape of values is \(3,\)"):
            network.set_gradients(numpy.zeros(3))
        with pytest.raises(ValueError, match="scores is 'logit'; expected probabilities, .*; did you mean 'logits'"):
            network.predict(images, scores="logit")
        with pytest.raises(ValueError, match="kind is 'weight'; expected checkpoint or weights; did you mean"):
            network.serialize("weight")
        with pytest.raises(IndexError, match="layer is 8; expected 0 to 7"):
            network.layer_output(images, 8)


#: A value of the wrong type for each kind of field; integers would be taken for addresses.
WRONG_TYPES = {"architecture": (5, "a string"), "lr": ("0.1", "a number"), "dropout": (None, "a number"),
               "classes": (5.0, "an integer"), "seed": ("1", "an integer"), "schedule": (1.5, "an integer"),
               "input_mean": (0.5, "a list of numbers, one"), "input_std": (["1", "2"], "a list of numbers, one"),
               "reduce": (5, "a function of one array"), "allocate": (len, "a normnet.Allocate"),
               "parallel_for": (len, "a normnet.ParallelFor"), "reduce_user": ("x", "an address")}


@pytest.mark.parametrize("name", WRONG_TYPES)
def test_a_field_of_another_type_is_named(name):
    value, expected = WRONG_TYPES[name]
    with pytest.raises(TypeError, match=f"^{name} is {re.escape(repr(value))}; expected {expected}"):
        model(**{name: value})


def test_functions_may_be_none():
    with model(allocate=None, deallocate=None, reduce=None, parallel_for=None, reduce_user=None) as network:
        network.train_step(*batch())


#: Calls with arguments that C would take in another way, or not at all, and the beginning of the message.
WRONG_ARGUMENTS = {
    "images_in_all is 8.5": (TypeError, lambda network: network.apply_gradients(8.5)),
    "images_in_all = 18446744073709551636": (OverflowError, lambda network: network.apply_gradients(2 ** 64 + 20)),
    "first_sample = 18446744073709551616": (
        OverflowError, lambda network: network.compute_gradients(*batch(), first_sample=2 ** 64)),
    "lr is '0.1'": (TypeError, lambda network: network.set_learning_rate("0.1", 0.9)),
    "momentum is None": (TypeError, lambda network: network.set_learning_rate(0.1, None)),
    "layer is 'gap'": (TypeError, lambda network: network.layer_output(batch()[0], "gap")),
    "name is 7": (TypeError, lambda network: network.set_state(7, numpy.zeros(4, numpy.float32))),
    "data is of type str": (TypeError, lambda _: normnet.Model.deserialize("model.ckpt")),
    "data is of type int": (TypeError, lambda network: network.deserialize_weights(100)),
    "scores is 1.5": (TypeError, lambda network: network.predict(batch()[0], scores=1.5)),
    "rank = 4294967296": (OverflowError, lambda _: normnet.shard(10, 2, 2 ** 32)),
    "images is '10'": (TypeError, lambda _: normnet.shard("10", 2, 0)),
    "step is 1.0": (TypeError, lambda _: normnet.step_lr(1.0)),
    "lr = (an integer of 1329 bits) does not fit into a double": (OverflowError, lambda _: model(lr=10 ** 400)),
    "threads = (an integer of 16610 bits) does not fit": (OverflowError, lambda _: model(threads=10 ** 5000)),
    "input_mean[1] = (an integer of 1329 bits)": (OverflowError, lambda _: model(input_mean=[0, 10 ** 400])),
    "input_std is 5; expected a list": (TypeError, lambda network: network.clone(input_std=5)),
    "path is None; expected the name of a file": (TypeError, lambda _: normnet.Model.load(None)),
    "path is 7; expected the name of a file": (TypeError, lambda network: network.save(7)),
    "path is 'a\\x00b'; expected a string without": (ValueError, lambda network: network.load_weights("a\0b")),
    "architecture is '\\udce9'; expected a string that can": (ValueError, lambda _: model(architecture="\udce9")),
    "note is '\\udce9'; expected a string that can": (ValueError, lambda network: network.serialize(note="\udce9")),
    "architecture is '\ufffd'; the model has": (ValueError, lambda network: network.clone(architecture=b"\xff")),
    "state is of type NoneType; expected a dict": (TypeError, lambda network: network.load_state_dict(None)),
    "seed is None; expected an integer": (TypeError, lambda _: normnet.epoch_order(8, None, 0)),
    "count is 'x'; expected an integer": (TypeError, lambda _: normnet.epoch_order("x", 1, 0)),
    "norm is 'group'; the model has 'batch'": (
        ValueError, lambda _: normnet.Model.deserialize(model(norm="batch").serialize(), norm="group")),
    "schedule is 'step'; the model has 'constant'": (ValueError, lambda network: network.clone(schedule="step")),
}


@pytest.mark.parametrize("message", WRONG_ARGUMENTS)
def test_an_argument_that_c_would_misread_is_named(message):
    error, call = WRONG_ARGUMENTS[message]
    with model() as network:
        network.compute_gradients(*batch())
        before = network.gradients()
        with pytest.raises(error, match="^" + re.escape(message)):
            call(network)
        assert numpy.array_equal(network.gradients(), before)


@pytest.mark.parametrize("create", [model, lambda: object.__new__(normnet.Model)], ids=["closed", "never created"])
def test_a_closed_model_rejects_every_call(create):
    network = create()
    network.close()
    network.close()
    properties = ("config", "cpu_name", "parameter_count", "steps_taken", "note")
    assert all(isinstance(getattr(normnet.Model, name), property) for name in properties)
    calls = [lambda name=name: getattr(network, name) for name in properties]
    calls += [network.layers, network.state_dict, network.summary, network.gradients, network.clone, network.serialize,
              lambda: network.train_step(*batch()), lambda: network.save("never"), lambda: network.load_state_dict({}),
              lambda: network.predict(batch()[0]), lambda: network.evaluate(*batch(), confusion=True)]
    for call in calls:
        fails(normnet.Status.EINVAL, call)


def test_memory_comes_from_the_given_functions_and_returns_to_them():
    held, freed = {}, []
    network = model(**memory.functions(held, freed))
    gc.collect()
    assert held
    network.train_step(*batch())
    del network
    gc.collect()
    assert not held and freed


@pytest.mark.skipif(not os.path.exists("/proc/self/task"), reason="the system does not show threads")
def test_the_code_of_threads_is_not_unloaded():
    code = ("import _ctypes, numpy, os, time, normnet; network = normnet.Model(threads=3, max_batch=48);"
            "network.predict(numpy.zeros((48, 1, 28, 28), numpy.uint8));"
            "alone = len(os.listdir('/proc/self/task')) == 1;"
            "_ctypes.dlclose(normnet.library._handle); time.sleep(0.1);"
            "print(alone or network.parameter_count, flush=True); os._exit(0)")
    environment = {**os.environ, "PYTHONPATH": os.path.dirname(os.path.abspath(normnet.__file__)),
                   "NORMNET_LIBRARY": normnet.library._name, "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE,
                          universal_newlines=True)
    assert done.returncode == 0 and done.stdout in ("True\n", f"{normnet.Model().parameter_count}\n")


def test_the_module_works_without_numpy():
    code = ("import sys; sys.modules['numpy'] = None; import normnet; print(normnet.shard(128, 2, 1));"
            "print(normnet.Model('layer').parameter_count); print(normnet.one_cycle_lr(0, total_steps=20, max_lr=1.0))")
    environment = {**os.environ, "PYTHONPATH": os.path.dirname(os.path.abspath(normnet.__file__)),
                   "NORMNET_LIBRARY": normnet.library._name}
    done = subprocess.run([sys.executable, "-c", code], env=environment, check=True, stdout=subprocess.PIPE,
                          universal_newlines=True)
    assert done.stdout.splitlines() == ["(64, 64)", "7704", "(0.040000000000000036, 0.95)"]


@pytest.mark.parametrize("build", ["build", "builddir", "build/release", "build/examples", "build/dev"])
def test_the_library_is_found_in_the_builds_of_the_tree(build, tmp_path):
    """Those that README and HACKING set up."""
    if not sys.platform.startswith("linux"):
        pytest.skip("the library has another name")
    for folder in ("examples/python", build + "/lib"):
        (tmp_path / folder).mkdir(parents=True)
    shutil.copy(normnet.__file__, tmp_path / "examples" / "python")
    library = tmp_path / build / "lib" / "libnormnet.so.0"
    shutil.copy(normnet.library._name, library)
    environment = {name: value for name, value in os.environ.items() if name != "NORMNET_LIBRARY"}
    done = subprocess.run([sys.executable, "-c", "import normnet; print(normnet.library._name)"],
                          env={**environment, "PYTHONPATH": str(tmp_path / "examples" / "python")}, check=True,
                          stdout=subprocess.PIPE, universal_newlines=True)
    assert done.stdout.strip() == str(library)


# ---- Arrays ----------------------------------------------------------------------------------------


def views():
    """Arrays that hold what batch() holds, in other ways, and whether they pass without a copy."""
    images, labels = batch()
    yield "contiguous", images, labels, True
    rows_of_pixels = numpy.ascontiguousarray(images.transpose(0, 2, 3, 1))
    yield "nhwc", rows_of_pixels.transpose(0, 3, 1, 2), labels.astype(numpy.int32), True
    yield "backwards", images[::-1, ::-1, ::-1, ::-1].copy()[::-1, ::-1, ::-1, ::-1], labels[::-1].copy()[::-1], True
    window = numpy.full((22, 3, 12, 13), 99, numpy.uint8)
    window[1:21, 1:, 2:11, 3:11] = images
    yield "window", window[1:21, 1:, 2:11, 3:11], numpy.repeat(labels.astype(numpy.int64), 3)[::3], True
    read_only = images.copy()
    read_only.flags.writeable = False
    yield "read-only", read_only, labels.tolist(), True
    records = numpy.zeros((20, 2, 9, 8), [("pixel", "u1"), ("rest", "u1", 2)])
    records["pixel"] = images
    yield "records", records["pixel"], labels, True
    floats = (images.astype(numpy.float32) / numpy.float32(255))
    yield "float32", floats, labels, True
    packed = numpy.zeros((20, 2, 9, 8), [("flag", "u1"), ("pixel", "<f4")])
    packed["pixel"] = floats
    yield "odd strides", packed["pixel"], labels, False
    yield "byte order", floats.astype(">f4" if sys.byteorder == "little" else "<f4"), labels, False


@pytest.mark.parametrize("view", list(views()), ids=lambda view: view[0])
def test_strided_arrays_train_to_the_same_bits(view):
    _, images, labels, without_copy = view
    assert (normnet._tensor(images).data == images.ctypes.data) == without_copy
    with model() as expected, model() as network:
        for _ in range(2):
            metrics = network.train_step(images, labels)
            assert metrics == expected.train_step(*batch())
        for name, array in expected.state_dict().items():
            assert network.state_dict()[name].tobytes() == array.tobytes(), name


def test_repeated_elements():
    one = numpy.random.default_rng(2).random((1, 2, 9, 8), numpy.float32)
    flat = numpy.full((1, 1, 1, 1), 0.5, numpy.float32)
    three = numpy.full(20, 3, numpy.uint8)
    for images, labels, copied in ((numpy.broadcast_to(one, (20, 2, 9, 8)), three, False),
                                   (numpy.broadcast_to(one[:, :1], (20, 2, 9, 8)), three, False),
                                   (numpy.broadcast_to(flat, (20, 2, 9, 8)), numpy.broadcast_to(three[:1], 20), True)):
        assert (normnet._tensor(images).data != images.ctypes.data) == copied
        with model() as expected, model() as network:
            assert network.train_step(images, labels) == expected.train_step(images.copy(), labels.copy())
    # All strides zero: as one channel of 20 samples it passes as it is, for a dimension of 1 takes any stride.
    flat = numpy.broadcast_to(flat, (20, 1, 9, 8))
    assert normnet._tensor(flat).data == flat.ctypes.data
    with model(channels=1) as expected, model(channels=1) as network:
        assert network.train_step(flat, three) == expected.train_step(flat.copy(), three)


# ---- Models ----------------------------------------------------------------------------------------


def test_configuration_comes_back():
    with model(norm="batch", schedule="one_cycle", total_steps=9, input_mean=[0.1, 0.2], cpu="portable",
               seed=5) as network:
        config = network.config
        assert config.norm == normnet.Norm.BATCH and config.schedule == normnet.Schedule.ONE_CYCLE
        assert config.architecture == ARCHITECTURE
        assert config.input_mean == [0.1, 0.2] and config.input_std in (None, [1, 1])
        assert (config.total_steps, config.seed, config.max_lr, config.eps) == (9, 5, 0.015, 1e-5)
        assert network.cpu_name == "portable"
    with model() as network:
        network.set_learning_rate(0.25, 0.5)
        assert (network.config.lr, network.config.momentum) == (0.25, 0.5)
        metrics = network.train_step(*batch())
        assert (metrics.lr, metrics.momentum, metrics.step, metrics.count) == (0.25, 0.5, 1, 20)


def test_layers_and_summary():
    with model() as network:
        layers = network.layers()
        assert [layer.token for layer in layers] == ARCHITECTURE.split()
        assert [layer.module for layer in layers][:3] == ["Conv2d", "GroupNorm", "ReLU"]
        assert (layers[3].channels, layers[3].height, layers[3].width, layers[3].parameters) == (6, 5, 4, 6 * 4 * 9)
        assert sum(layer.parameters for layer in layers) == network.parameter_count
        text = network.summary()
        assert all(token in text for token in ARCHITECTURE.split())


def test_state_goes_in_and_out():
    with model(norm="batch") as network:
        state = network.state_dict()
        assert list(state)[:6] == ["0.weight", "1.weight", "1.bias", "1.running_mean", "1.running_var",
                                   "1.num_batches_tracked"]
        random = numpy.random.default_rng(3)
        for name, array in state.items():
            state[name] = random.uniform(0.1, 9, array.shape).astype(array.dtype)
        network.load_state_dict(state)
        for name, array in network.state_dict().items():
            assert array.dtype == state[name].dtype and numpy.array_equal(array, state[name]), name
        values = random.random(network.parameter_count, numpy.float32)
        network.set_parameters(values[::1])
        parts = network.split(values)
        assert all(numpy.array_equal(network.state_dict()[name], part) for name, part in parts.items())
        assert sum(part.size for part in parts.values()) == values.size


def test_a_dictionary_that_does_not_fit_changes_nothing():
    with model(norm="batch") as network:
        before = network.serialize()
        good = {**network.state_dict(), "0.weight": numpy.zeros((4, 2, 3, 3), numpy.float32)}
        for status, bad in ((normnet.Status.EMISMATCH, {"9.weight": good["0.weight"]}),
                            (normnet.Status.EMISMATCH, {"1.weight": numpy.zeros(3, numpy.float32)}),
                            (normnet.Status.EVALUE, {"1.weight": numpy.full(4, numpy.nan, numpy.float32)})):
            fails(status, network.load_state_dict, {**good, **bad})
            assert network.serialize() == before
        network.load_state_dict(good)
        assert network.serialize() != before


def test_zeros_do_not_cut_texts(tmp_path):
    with model() as network:
        for call in (lambda: network.save(f"{tmp_path}/a\0b"), lambda: network.serialize(note="a\0b"),
                     lambda: normnet.Model.load("a\0b"), lambda: model(architecture="gap\0x"),
                     lambda: network.set_state("0.weight\0", numpy.zeros((4, 2, 3, 3), numpy.float32))):
            with pytest.raises(ValueError, match="zero"):
                call()
        assert not list(tmp_path.iterdir())


def test_gradients_of_halves_make_a_whole_step():
    images, labels = batch()
    with model() as whole, model() as halves, model() as machines:
        whole.train_step(images, labels)
        first, second = normnet.shard(20, 2, 0), normnet.shard(20, 2, 1)
        assert first[0] == 0 and second[0] == first[1] and second[0] + second[1] == 20
        total = 0
        for start, count in (first, second):
            part = slice(start, start + count)
            halves.compute_gradients(images[part], labels[part], first_sample=start, images_in_all=20)
            machines.compute_gradients(images[part], labels[part], first_sample=start, images_in_all=20)
            total = total + machines.gradients()
            machines.discard_gradients()
            assert not machines.gradients().any()
        halves.apply_gradients(20)
        machines.compute_gradients(images, labels)
        machines.set_gradients(total)
        machines.apply_gradients(20)
        for name, array in halves.state_dict().items():
            assert array.tobytes() == machines.state_dict()[name].tobytes()
            numpy.testing.assert_allclose(array, whole.state_dict()[name], rtol=1e-5, atol=1e-7)


def test_reduce_is_called_and_its_failure_is_the_cause():
    calls = []

    def reduce(values):
        calls.append(values.copy())

    with model(norm="batch", reduce=reduce) as network, model(norm="batch") as alone:
        network.train_step(*batch())
        alone.train_step(*batch())
        assert calls and all(call.dtype == numpy.float64 and call.size for call in calls)
        for name, array in alone.state_dict().items():
            assert array.tobytes() == network.state_dict()[name].tobytes()

    def broken(values):
        raise ConnectionError("rank 1 is gone")
    with model(norm="batch", reduce=broken) as network:
        with pytest.raises(normnet.NormnetError) as caught:
            network.train_step(*batch())
        assert caught.value.status == normnet.Status.EIO and isinstance(caught.value.__cause__, ConnectionError)
        with network.clone() as copy:  # continues as the original would
            with pytest.raises(normnet.NormnetError) as caught:
                copy.train_step(*batch())
            assert isinstance(caught.value.__cause__, ConnectionError)
        with network.clone(reduce=reduce) as copy:
            copy.train_step(*batch())


def test_prediction_agrees_with_itself():
    images, labels = batch(50)
    with model() as network:
        logits, classes = network.predict(images, scores="logits")
        probabilities, again = network.predict(images)
        logs, _ = network.predict(images, scores="log_probabilities")
        assert logits.shape == (50, 5) and numpy.array_equal(classes, again)
        assert numpy.array_equal(classes, logits.argmax(1))
        numpy.testing.assert_allclose(probabilities.sum(1), 1, rtol=1e-6)
        numpy.testing.assert_allclose(numpy.exp(logs), probabilities, rtol=1e-5)
        numpy.testing.assert_array_equal(network.layer_output(images, 7).reshape(50, 5), logits)
        assert network.layer_output(images, 0).shape == (50, 4, 7, 6)
        metrics = network.evaluate(images, labels, confusion=True)
        assert metrics.correct == (classes == labels).sum() == metrics.confusion.trace()
        assert metrics.confusion.sum() == metrics.count == 50
        assert metrics.confusion[3, 2] == ((labels == 3) & (classes == 2)).sum()
        assert metrics.loss == pytest.approx(-logs[numpy.arange(50), labels].mean(dtype=numpy.float64), rel=1e-5)
    with model(norm="none", architecture="conv3-4 relu flatten fc-5b") as network:
        assert network.layer_output(images, 2).shape == (50, 168)
        assert network.layer_output(images, 3).shape == (50, 5)


def test_running_statistics_can_be_recomputed():
    images, _ = batch()
    with model(norm="batch") as network:
        network.update_statistics(images[:12], reset=True)
        network.update_statistics(images[12:], reset=False)
        first = network.layer_output(images, 0)
        means = (first[:12].mean((0, 2, 3)) + first[12:].mean((0, 2, 3))) / 2
        numpy.testing.assert_allclose(network.state_dict()["1.running_mean"], means, rtol=1e-4, atol=1e-6)


def test_pure_functions():
    assert normnet.one_cycle_lr(0, total_steps=20, max_lr=1.0) == (0.040000000000000036, 0.95)
    lr, momentum = normnet.one_cycle_lr(12, total_steps=20, max_lr=1.0)
    assert lr == pytest.approx(0.50000199999999995, rel=1e-15) and momentum == pytest.approx(0.9, rel=1e-15)
    assert normnet.step_lr(6, lr=0.01, step_size=6)[0] == pytest.approx(0.001, rel=1e-15)
    fails(normnet.Status.ESTATE, normnet.one_cycle_lr, 20, total_steps=20)
    fails(normnet.Status.EINVAL, normnet.one_cycle_lr, -1, total_steps=20)
    shares = [normnet.shard(100, 3, rank) for rank in range(3)]
    assert shares[0][0] == 0 and sum(count for _, count in shares) == 100
    assert all(first + count == shares[rank + 1][0] for rank, (first, count) in enumerate(shares[:-1]))


# ---- Files -----------------------------------------------------------------------------------------

HOST = {"struct_size", "threads", "readers", "max_batch", "cpu", "reserved", "memory_limit", "allocate", "deallocate",
        "allocator_user", "reduce", "reduce_user", "parallel_for", "parallel_user"}
#: No two fields of a type alike, but those that are 0 or 1.
DIFFERENT = {"norm": "group", "channels": 4, "height": 9, "width": 8, "classes": 5, "groups": 12, "layer_dims": 3,
             "affine": "none", "virtual_batch": 16, "schedule": "constant", "seed": -3, "total_steps": 10 ** 12,
             "step_size": 2 ** 53 + 1, "eps": 1e-4, "batchnorm_momentum": 0.2, "dropout": 0.3, "l1": 1e-3, "l2": 2e-3,
             "label_smoothing": 0.05, "lr": 0.1, "momentum": 0.7, "dampening": 0.0, "step_gamma": 0.4, "max_lr": 0.06,
             "base_momentum": 0.8, "max_momentum": 0.75, "pct_start": 0.6, "div_factor": 5.0, "final_div_factor": 50.0,
             "clip_norm": 1.25, "average_decay": 0.875, "average_from": 10 ** 11, "input_mean": [0.1, -1 / 3, 7.0, 0.0], "input_std": [0.5, 1 / 7, 2.0, 3.0],
             "architecture": "conv3-12 norm relu gap conv1-5"}
FLAGS = ["cumulative_statistics", "penalty_on", "anneal", "three_phase", "cycle_momentum", "nesterov"]


def header(data):
    """The metadata of a file, the names of its tensors, and where its data begins."""
    end = 8 + struct.unpack("<Q", data[:8])[0]
    tensors = json.loads(data[8:end])
    return tensors.pop("__metadata__"), list(tensors), end


def decoded(string, value):
    """A string of the metadata as what the field of that value has."""
    if isinstance(value, float):
        return struct.unpack(">d", bytes.fromhex(string))[0]
    if isinstance(value, list):
        return [decoded(number, 0.0) for number in string.split(" ")]
    return string if isinstance(value, str) else int(string)


@pytest.mark.parametrize("flag", FLAGS)
def test_metadata_name_every_field(flag):
    """Each string holds the value of the field whose name it has; one field at a time that is 0 or 1 is 1."""
    changes = {**dict.fromkeys(FLAGS, 0), flag: 1, "dampening": 0.125 * (flag != "nesterov")}
    with normnet.Model(**{**DIFFERENT, **changes}) as network:
        fields = {name: getattr(network.config, name) for name, _ in normnet.Config._fields_ if name not in HOST}
        checkpoint, weights = network.serialize(), network.serialize(kind="weights")
    assert fields[flag] == 1 and fields["architecture"] == DIFFERENT["architecture"]
    metadata, _, _ = header(checkpoint)
    assert {name: decoded(metadata["normnet." + name], value) for name, value in fields.items()} == fields
    network_fields, _, _ = header(weights)
    for key in ("norm", "channels", "height", "width", "classes", "groups", "layer_dims", "affine", "eps",
                "input_mean", "input_std", "architecture"):
        assert network_fields["normnet." + key] == metadata["normnet." + key]


def test_metadata_besides_the_fields():
    with model(norm="batch") as network:
        files = [network.serialize()]
        network.train_step(*batch())
        files.append(network.serialize(note="of the caller"))
        files.append(network.serialize(kind="weights", note="of the caller"))
        state = list(network.state_dict())
        optimizer = ["optim." + name for name in network.split(numpy.zeros(network.parameter_count))]
    own = {"format": "pt", "normnet.format_version": "1", "normnet.version": normnet.version(),
           "normnet.bits_version": str(normnet.library.normnet_bits_version())}
    expected = [{**own, "normnet.kind": "checkpoint", "normnet.step": "0", "normnet.has_momentum": "0"},
                {**own, "normnet.kind": "checkpoint", "normnet.step": "1", "normnet.has_momentum": "1",
                 "normnet.note": "of the caller"},
                {**own, "normnet.kind": "weights", "normnet.note": "of the caller"}]
    fields = {"normnet." + name for name, _ in normnet.Config._fields_ if name not in HOST}
    for data, strings in zip(files, expected):
        metadata, names, begin = header(data)
        assert begin % 64 == 0
        assert names == state + optimizer * (strings["normnet.kind"] == "checkpoint")
        rest = {key: string for key, string in metadata.items() if key not in fields and key != "normnet.crc32c"}
        assert rest == strings
        assert re.fullmatch("[0-9a-f]{8}", metadata["normnet.crc32c"])


@pytest.mark.parametrize("length", range(64))
def test_data_begins_at_a_multiple_of_64(length):
    with model() as network:
        assert header(network.serialize(note="x" * length))[2] % 64 == 0
