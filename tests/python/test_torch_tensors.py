# SPDX-License-Identifier: MIT
"""examples/python/normnet.py: tensors of PyTorch as images, labels and state."""
import numpy
import pytest
import torch

import normnet
from test_binding import batch, model


def same(one, other):
    return all(left.tobytes() == right.tobytes() for left, right in zip(one, other))


def test_images_and_labels():
    network = model()
    images, labels = batch()
    expected = network.evaluate(images, labels), network.predict(images.astype(numpy.float32))
    ours = torch.from_numpy(images)
    assert normnet._images(ours).data == ours.data_ptr()
    for memory_format in (torch.contiguous_format, torch.channels_last):
        ours = torch.from_numpy(images).contiguous(memory_format=memory_format)
        assert network.evaluate(ours, torch.from_numpy(labels).long()) == expected[0]
        for kind in (torch.float32, torch.float64, torch.float16):
            assert same(network.predict(ours.to(kind)), expected[1])
    with pytest.raises(TypeError, match="images is of type Tensor and does not become an array: .*requires grad"):
        network.predict(ours.float().requires_grad_())
    with pytest.raises(TypeError, match="images is of type Tensor and does not become an array: .*BFloat16"):
        network.predict(ours.bfloat16())
    if torch.backends.mps.is_available() or torch.cuda.is_available():
        with pytest.raises(TypeError, match="images is of type Tensor and does not become an array"):
            network.predict(ours.to("cuda" if torch.cuda.is_available() else "mps"))


def test_state():
    """Floats of any precision, as load_weights() takes them."""
    with model(norm="batch") as network, model(norm="batch", seed=5) as other:
        network.train_step(*batch())
        state = {name: torch.from_numpy(values) for name, values in network.state_dict().items()}
        other.load_state_dict({name: values.double() if values.is_floating_point() else values
                               for name, values in state.items()})
        assert other.serialize(kind="weights") == network.serialize(kind="weights")
        views = {name: torch.from_numpy(view.copy()) for name, view in network.state_views().items()}
        assert all(torch.equal(views[name], values) for name, values in state.items())
