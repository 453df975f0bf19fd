# SPDX-License-Identifier: MIT
"""examples/python/normnet.py: what becomes images and labels, and what is written to arrays of the caller."""
import array
import gc
import re
import sys
import threading
import warnings
import weakref

import hypothesis
import numpy
import pytest
from hypothesis import strategies

import normnet
from test_binding import batch, fails, model

SHAPE = (5, 2, 9, 8)
BYTES = ("uint8", "int8", "int16", "uint16", "int32", "uint32", "int64", "uint64")
FLOATS = ("float16", "float32", "float64", "longdouble", "bool")
SWAPPED = ">" if sys.byteorder == "little" else "<"


@pytest.fixture(scope="module", name="network")
def one_model():
    with model(readers=4) as network:
        yield network


def same(one, other):
    return all(left.tobytes() == right.tobytes() for left, right in zip(one, other))


# ---- Any dtype, any strides ------------------------------------------------------------------------


@strategies.composite
def dtypes(draw, names):
    dtype = numpy.dtype(draw(strategies.sampled_from(names)))
    return dtype.newbyteorder(SWAPPED) if draw(strategies.booleans()) else dtype


@strategies.composite
def empty_views(draw, shape, dtype):
    """An array of a shape with any order of its axes in memory, any steps, and perhaps one element along an axis."""
    axes = draw(strategies.permutations(range(len(shape))))
    steps = [draw(strategies.sampled_from((1, 1, 2, 3, -1, -2))) for _ in shape]
    offsets = [draw(strategies.integers(0, 2)) for _ in shape]
    lengths = [offset + abs(step) * length for offset, step, length in zip(offsets, steps, shape)]
    gap = draw(strategies.sampled_from((0, 0, 1)))  # of bytes after an element, which make the strides odd
    record = numpy.dtype({"names": ["value"], "formats": [dtype], "itemsize": dtype.itemsize + gap})
    memory = numpy.zeros([lengths[axis] for axis in axes], record)["value"].transpose(numpy.argsort(axes))
    view = memory[tuple(slice(offset, None) for offset in offsets)]
    view = view[tuple(slice(None, None, step) for step in steps)]
    return view[tuple(slice(0, length) for length in shape)]


@hypothesis.settings(deadline=None, max_examples=150, database=None)
@hypothesis.given(strategies.data())
def test_images_of_any_dtype_and_strides(network, data):
    dtype = data.draw(dtypes(BYTES + FLOATS))
    view = data.draw(empty_views(SHAPE, dtype))
    random = numpy.random.default_rng(data.draw(strategies.integers(0, 99)))
    if dtype.kind in "iu":
        expected = random.integers(0, 128 if dtype.itemsize == 1 else 256, SHAPE).astype(numpy.uint8)
        view[...] = expected
    else:
        view[...] = random.integers(0, 2, SHAPE) if dtype.kind == "b" else random.normal(0, 3, SHAPE)
        expected = numpy.array(view, numpy.float32)
    before = view.tobytes()
    assert same(network.predict(view), network.predict(expected))
    assert view.tobytes() == before


@hypothesis.settings(deadline=None, max_examples=60, database=None)
@hypothesis.given(strategies.data())
def test_labels_of_any_dtype_and_strides(network, data):
    images, labels = batch()
    dtype = data.draw(dtypes(BYTES + FLOATS[:-1]))
    view = data.draw(empty_views((20,), dtype))
    view[...] = labels
    assert network.evaluate(images, view) == network.evaluate(images, labels)


@hypothesis.settings(deadline=None, max_examples=100, database=None)
@hypothesis.given(strategies.data())
def test_output_of_any_strides(network, data):
    images = batch()[0]
    expected = network.predict(images)
    scores = data.draw(empty_views((20, 5), numpy.dtype("float32")))
    kind = data.draw(strategies.sampled_from(("uint8", "int32", "int64")))
    classes = data.draw(empty_views((20,), numpy.dtype(kind)))
    odd = [view for view in (scores, classes) if view.strides[0] % view.itemsize or view.strides[-1] % view.itemsize]
    if odd:
        with pytest.raises(ValueError, match=re.escape(f"strides {odd[0].strides} in bytes")):
            network.predict(images, out=(scores, classes))
        assert not scores.any() and not classes.any()
    else:
        result = network.predict(images, out=(scores, classes))
        assert result[0] is scores and result[1] is classes
        assert same((scores, classes.astype(numpy.int64)), expected)


# ---- What becomes an array -------------------------------------------------------------------------


class Interface:
    """An object with __array_interface__ and nothing else."""

    def __init__(self, kept):
        self.kept, self.__array_interface__ = kept, kept.__array_interface__


class Exchanged:
    """An object with DLPack and nothing else."""

    def __init__(self, kept):
        self.kept = kept

    def __dlpack__(self, **options):
        return self.kept.__dlpack__(**options)

    def __dlpack_device__(self):
        return self.kept.__dlpack_device__()


def containers(tmp_path):
    images, labels = batch()
    numpy.save(tmp_path / "images.npy", images)
    yield "lists", images.tolist(), labels.tolist(), False
    yield "list of arrays", list(images), tuple(labels), False
    yield "bytes", memoryview(images.tobytes()).cast("B", images.shape), labels.tobytes(), True
    yield "bytearray", memoryview(bytearray(images.tobytes())).cast("B", images.shape), bytearray(labels), True
    yield "array", images, array.array("q", labels.tolist()), True
    yield "interface", Interface(images), Interface(labels), True
    yield "DLPack", Exchanged(images), Exchanged(labels.astype(numpy.int32)), True
    yield "file", numpy.load(tmp_path / "images.npy", mmap_mode="r"), labels, True
    yield "warning", numpy.broadcast_arrays(images, images[:1])[0], labels, True


def test_containers(tmp_path, network):
    images, labels = batch()
    expected = network.evaluate(images, labels)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for name, their_images, their_labels, without_copy in containers(tmp_path):
            assert network.evaluate(their_images, their_labels) == expected, name
            tensor = normnet._images(their_images)
            assert numpy.shares_memory(tensor.array, numpy.asarray(getattr(their_images, "kept", their_images))) \
                == without_copy, name


# ---- Mistakes --------------------------------------------------------------------------------------


def images_with(value, dtype):
    images = numpy.zeros(SHAPE, dtype)
    images[3, 1, 2, 5] = value
    return images


#: The beginning of the message, the type of the error, and the images.
WRONG_IMAGES = {
    "images has -1; expected integers from 0 to 255": (ValueError, images_with(-1, "int16")),
    "images has 256; expected integers from 0 to 255": (ValueError, images_with(256, "int64")),
    "images has 18446744073709551615; expected integers": (ValueError, images_with(2 ** 64 - 1, "uint64")),
    "images has 1e+39; expected numbers that a float32 can hold": (ValueError, images_with(1e39, "float64")),
    "images has -3.5e+38; expected numbers that a float32": (ValueError, images_with(-3.5e38, "float64")),
    "the dtype of images is complex64; expected uint8 or float32": (TypeError, images_with(1, "complex64")),
    "the dtype of images is datetime64[s]; expected": (TypeError, images_with(1, "datetime64[s]")),
    "the dtype of images is <U9; expected": (TypeError, "digit.png"),
    "the dtype of images is object; expected": (TypeError, None),
    "images is of type list and does not become an array": (ValueError, [[1, 2], [3]]),
    "images is of type MaskedArray and does not become an array: it has masked elements": (
        TypeError, numpy.ma.masked_equal(images_with(7, "uint8"), 7)),
}


@pytest.mark.parametrize("message", WRONG_IMAGES)
def test_images_that_cannot_be_converted(message, network):
    error, images = WRONG_IMAGES[message]
    with pytest.raises(error, match="^" + re.escape(message)):
        network.predict(images)


def test_empty_arrays(network):
    for nothing in (numpy.zeros((0, 2, 9, 8), numpy.uint8), numpy.zeros((0, 2, 9, 8)), batch()[0][:0], [], 5,
                    numpy.zeros((20, 2, 0, 8), numpy.float32), numpy.broadcast_to(numpy.float32(1), (0, 2, 9, 8))):
        fails(normnet.Status.EINVAL, network.predict, nothing)
    fails(normnet.Status.EINVAL, network.evaluate, batch()[0], [])


def test_what_is_not_finite_is_for_the_library(network):
    for value in (numpy.inf, -numpy.inf, numpy.nan):
        fails(normnet.Status.EVALUE, network.predict, images_with(value, "float64"))
    unmasked = numpy.ma.masked_equal(images_with(0, "uint8"), 7)
    assert same(network.predict(unmasked), network.predict(unmasked.data))


WRONG_LABELS = {
    "labels has 1.5; expected whole numbers": (ValueError, [1.5] * 20),
    "labels has nan; expected whole numbers": (ValueError, [numpy.nan] * 20),
    "labels has 1e+30; expected whole numbers": (ValueError, [1e30] * 20),
    "labels has 18446744073709551615; expected whole": (ValueError, numpy.full(20, 2 ** 64 - 1, numpy.uint64)),
    "the dtype of labels is <U5; expected uint8, int32 or int64": (TypeError, ["seven"] * 20),
}


@pytest.mark.parametrize("message", WRONG_LABELS)
def test_labels_that_cannot_be_converted(message, network):
    error, labels = WRONG_LABELS[message]
    with pytest.raises(error, match="^" + re.escape(message)):
        network.evaluate(batch()[0], labels)


def test_state_of_another_dtype():
    """Floats are rounded once, as load_weights() does."""
    values = numpy.random.default_rng(1).normal(0, 1, (4, 2, 3, 3))
    with model() as network:
        for dtype in ("float64", "float16", "longdouble", SWAPPED + "f4"):
            network.set_state("0.weight", values.astype(dtype))
            assert numpy.array_equal(network.state_dict()["0.weight"], values.astype(dtype).astype(numpy.float32))
        with pytest.raises(ValueError, match="0.weight has 1e[+]39; expected numbers that a float32 can hold"):
            network.set_state("0.weight", values * 0 + 1e39)


SETTERS = ["set_parameters", "set_gradients"]


@pytest.mark.parametrize("setter", SETTERS)
def test_parameters_and_gradients_of_any_dtype_and_strides(setter):
    values = numpy.random.default_rng(2).integers(-3, 4, 338)
    with model() as network:
        for dtype in ("int8", "int64", "float16", "float32", "float64", "longdouble", SWAPPED + "f4"):
            for array in (values.astype(dtype), numpy.repeat(values.astype(dtype), 2)[::2], values.tolist()):
                getattr(network, setter)(array)
                parameters = numpy.concatenate([each.ravel() for each in network.state_views().values()])
                assert numpy.array_equal(parameters if setter == "set_parameters" else network.gradients(), values)


#: The beginning of the message, the type of the error, and an element of the values.
WRONG_VALUES = {
    "the dtype of values is complex128; expected": (TypeError, 1j),
    "the dtype of values is <U3; expected": (TypeError, "1.5"),
    "the dtype of values is object; expected": (TypeError, None),
    "NORMNET_EVALUE: values[7] is nan; expected a finite number": (normnet.NormnetError, numpy.nan),
    "NORMNET_EVALUE: values[7] is -inf; expected a finite number": (normnet.NormnetError, -numpy.inf),
}


@pytest.mark.parametrize("setter", SETTERS)
@pytest.mark.parametrize("message", WRONG_VALUES)
def test_parameters_and_gradients_that_cannot_be_converted(setter, message):
    error, value = WRONG_VALUES[message]
    values = numpy.zeros(338, numpy.asarray(value).dtype)
    values[7] = value
    with model() as network:
        network.compute_gradients(*batch())
        state, gradients = network.serialize(kind="weights"), network.gradients()
        with pytest.raises(error, match="^" + re.escape(message)):
            getattr(network, setter)(values)
        assert network.serialize(kind="weights") == state and numpy.array_equal(network.gradients(), gradients)


def test_parameters_and_gradients_that_are_too_large(network):
    with pytest.raises(ValueError, match="^values has 1e[+]300; expected numbers that a float32 can hold, up to 3.4e"):
        network.set_parameters([1e300] * 338)
    largest = numpy.finfo("longdouble").max
    if largest > numpy.finfo("float64").max:
        with pytest.raises(ValueError, match="^values has .*; expected numbers that a float64 can hold, up to 1.8e"):
            network.set_gradients(numpy.full(338, largest))


def test_values_of_another_shape(network):
    for values in ([1.0] * 337, numpy.zeros((338, 1)), numpy.zeros(400), None):
        with pytest.raises(ValueError, match="^the shape of values is .*; expected .338,."):
            network.split(values)


# ---- Memory ----------------------------------------------------------------------------------------


def test_arrays_are_read_at_each_call(network):
    """Whatever has happened to an array since the last call with it: other contents, another shape, other memory."""
    random = numpy.random.default_rng(4)
    images = random.integers(0, 256, (20, 2, 9, 8), numpy.uint8)
    network.predict(images)

    def check():
        assert same(network.predict(images), network.predict(images.copy()))
    images[...] = random.integers(0, 256, images.shape)
    check()
    for shape in ((10, 2, 9, 8), (400, 2, 9, 8), (20, 2, 9, 8), (1, 2, 9, 8)):
        images.resize(shape, refcheck=False)
        images[...] = random.integers(0, 256, shape)
        check()
    images = numpy.zeros((4, 2, 9, 8), numpy.uint8)
    network.predict(images)
    images.resize((1, 8, 9, 8), refcheck=False)
    fails(normnet.Status.EINVAL, network.predict, images)
    for _ in range(20):  # the next array is often where the last one was
        images = numpy.zeros((4, 2, 9, 8), numpy.float32)
        check()
        images = numpy.full((4, 2, 9, 32), 3, numpy.uint8)[..., ::4]
        check()


def test_an_address_that_is_not_aligned(network):
    """The same layout as the array before, at an address that C refuses."""
    images = batch()[0].astype(numpy.float32)
    memory = numpy.zeros(images.nbytes + 4, numpy.uint8)
    for first in (0, 1, 4, 2):
        view = memory[first:first + images.nbytes].view(numpy.float32).reshape(images.shape)
        view[...] = images
        assert same(network.predict(view), network.predict(images))
        assert network.evaluate(view, batch()[1]) == network.evaluate(images, batch()[1])
    scores = numpy.zeros(404, numpy.uint8)[1:401].view(numpy.float32).reshape(20, 5)
    with pytest.raises(ValueError, match="out.0. has the strides .20, 4. in bytes, or an address, that C cannot use"):
        network.predict(images, out=(scores, None))


def test_arrays_are_not_kept(network):
    buffer = bytearray(batch()[0].tobytes())
    arrays = [batch()[0], batch()[0].astype(numpy.float64), numpy.empty((20, 5), numpy.float32), numpy.empty(20, int)]
    references = [weakref.ref(each) for each in arrays]
    network.predict(arrays[0], out=(arrays[2], arrays[3]))
    network.predict(arrays[1])
    network.predict(memoryview(buffer).cast("B", (20, 2, 9, 8)))
    del arrays
    gc.collect()
    assert not any(reference() is not None for reference in references)
    buffer.append(0)  # which is refused while someone reads it


def test_threads_do_not_share_what_they_pass(network):
    """As many readers as the model has predict different images of the same shape at the same time."""
    inputs = [batch(seed=seed)[0] for seed in range(4)]
    expected = [network.predict(images) for images in inputs]
    wrong = []

    def predict(images, answer):
        out = numpy.empty((20, 5), numpy.float32), numpy.empty(20, numpy.int64)
        for _ in range(300):
            if not same(network.predict(images), answer) or not same(network.predict(images, out=out), answer):
                wrong.append(images)
    threads = [threading.Thread(target=predict, args=pair) for pair in zip(inputs, expected)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert not wrong


# ---- Shapes ----------------------------------------------------------------------------------------


def refusals(network, images, labels):
    """The messages of the calls that take images. Strides are C's way of putting it."""
    calls = [lambda: network.predict(images), lambda: network.train_step(images, labels),
             lambda: network.evaluate(images, labels), lambda: network.layer_output(images, 0),
             lambda: network.fit(images, labels, epochs=1)]
    messages = []
    for call in calls:
        with pytest.raises((normnet.NormnetError, ValueError)) as caught:
            call()
        messages.append(str(caught.value))
        assert "strides" not in messages[-1]
    return messages


@pytest.mark.parametrize("channels, axes, call", [
    (2, (0, 2, 3, 1), "numpy.transpose(x, (0, 3, 1, 2))"), (1, (0, 2, 3, 1), "numpy.transpose(x, (0, 3, 1, 2))"),
    (2, (0, 2, 3, 1), "x.permute(0, 3, 1, 2)"),
    (1, None, "x.reshape(-1, 1, 9, 8)"), (2, "flat", "x.reshape(-1, 2, 9, 8)"),
])
def test_shapes_with_another_order(channels, axes, call):
    """The message says what to call, and that is right: also for a tensor of PyTorch."""
    right, labels = batch()
    right = right[:, :channels]
    wrong = right[:, 0] if axes is None else right.reshape(20, -1) if axes == "flat" else \
        numpy.ascontiguousarray(right.transpose(axes))
    with model(channels=channels) as network:
        for message in refusals(network, wrong, labels):
            assert "x".join(map(str, wrong.shape)) in message or str(wrong.shape) in message
            assert f"x{channels}x9x8" in message or f"N x {channels} x 9 x 8" in message
            assert call in message, message
        x = pytest.importorskip("torch").from_numpy(wrong) if "permute" in call else wrong
        mended = eval(call, {"numpy": numpy, "x": x})  # pylint: disable=eval-used
        assert numpy.array_equal(numpy.asarray(mended), right)
        assert same(network.predict(mended), network.predict(right))


def test_shapes_without_advice(network):
    labels = batch()[1]
    for shape in ((20, 2, 8, 9), (20, 9, 8), (20, 1, 9, 8), (9, 8), (20,), (), (20, 9, 8, 2, 1), (20, 8, 9, 2)):
        for message in refusals(network, numpy.zeros(shape, numpy.uint8), labels):
            assert "; call" not in message


def test_output_with_channels_last(network):
    with pytest.raises(normnet.NormnetError, match=r"20x7x6x4; expected 20x4x7x6; call numpy.transpose\(x, \(0, 3, 1, 2"):
        network.layer_output(batch()[0], 0, out=numpy.zeros((20, 7, 6, 4), numpy.float32))


# ---- Output ----------------------------------------------------------------------------------------


def test_output_into_arrays_of_the_caller(network):
    images = batch()[0]
    scores, classes = network.predict(images)
    mine = numpy.zeros((20, 5), numpy.float32)
    assert network.predict(images, out=(mine, None))[0] is mine and same((mine,), (scores,))
    few = numpy.zeros(20, numpy.uint8)
    ours, theirs = network.predict(images, scores="logits", out=[None, few])
    assert theirs is few and numpy.array_equal(few, classes) and same((ours,), network.predict(images, scores="logits"))
    output = numpy.zeros((20, 7, 6, 4), numpy.float32).transpose(0, 3, 1, 2)
    assert network.layer_output(images, 0, out=output) is output
    assert numpy.array_equal(output, network.layer_output(images, 0))


def test_output_that_cannot_be_written(network):
    images = batch()[0].astype(numpy.float32)
    scores, classes, kept = numpy.zeros((20, 5), numpy.float32), numpy.zeros(20, numpy.int64), images.copy()
    repeated = numpy.lib.stride_tricks.as_strided(classes, (20,), (0,))
    read_only = scores.copy()
    read_only.flags.writeable = False
    wrong = [(TypeError, "out is of type ndarray; expected a pair of arrays", scores),
             (TypeError, "out is of type tuple; expected a pair", (scores,)),
             (TypeError, "out[0] is of type list; expected a numpy array", (scores.tolist(), classes)),
             (TypeError, "the dtype of out[0] is float64; expected float32", (scores.astype(float), classes)),
             (TypeError, "the dtype of out[1] is float32; expected uint8, int32 or int64", (scores, scores[:, 0])),
             (ValueError, "out[0] is read-only", (read_only, classes)),
             (ValueError, "out[1] has the strides (0,)", (scores, repeated))]
    for error, message, out in wrong:
        with pytest.raises(error, match="^" + re.escape(message)):
            network.predict(images, out=out)
    for out in ((scores[:19], classes), (scores, classes[:19]), (scores[:, :4], classes), (scores.T, classes),
                (images.reshape(-1)[:100].reshape(20, 5), classes)):
        fails(normnet.Status.EINVAL, network.predict, images, out=out)
    with pytest.raises(TypeError, match="the dtype of out is float64"):
        network.layer_output(images, 0, out=numpy.zeros((20, 4, 7, 6)))
    fails(normnet.Status.EINVAL, network.layer_output, images, 0, out=numpy.zeros((20, 4, 7, 7), numpy.float32))
    assert not scores.any() and not classes.any() and numpy.array_equal(images, kept)
