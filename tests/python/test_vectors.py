# SPDX-License-Identifier: MIT
"""libnormnet against recorded training steps of PyTorch in float64 (see make_vectors.py). Needs numpy only."""
import json
import pathlib

import numpy
import pytest

import normnet
from comparison import LARGEST, SUMMARY, ZERO, Errors, error

FILES = sorted((pathlib.Path(__file__).resolve().parent / "vectors").glob("*.npz"))


class Vector:
    """The arrays of one file and the errors of what was compared with them."""

    def __init__(self, path):
        self.arrays, self.errors = dict(numpy.load(path)), Errors()
        self.config, self.own = (json.loads(str(self.arrays.pop(name))) for name in ("config", "own"))

    def under(self, prefix):
        return {key[len(prefix):]: array for key, array in self.arrays.items() if key.startswith(prefix)}

    def compare(self, name, result):
        """Checks one array; a gradient whose truth is zero is held against the largest of its layer."""
        truth, kind = self.arrays[name], name.split("/")[1]
        if numpy.abs(truth).max() < 1e-12:
            layer = self.under(name.rsplit(".", 1)[0] + ".")
            assert numpy.abs(result).max() <= ZERO * max(numpy.abs(array).max() for array in layer.values()), name
            return
        distance = error(result, truth)
        self.errors.add(kind, distance, self.own[name])
        SUMMARY.add(f"vectors: {kind}", distance, self.own[name])
        assert distance <= LARGEST, f"{name} is off by {distance:.2e}, PyTorch in float32 by {self.own[name]:.2e}"


def test_there_are_vectors():
    assert FILES


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_vector(path):
    vector = Vector(path)
    with normnet.Model(**vector.config) as model:
        for step in range(2):
            images, labels = vector.arrays[f"{step}/images"], vector.arrays[f"{step}/labels"]
            before = vector.under(f"{step}/before/")
            assert list(model.state_dict()) == list(before)
            model.load_state_dict(before)
            logits, _ = model.predict(images, scores="logits", statistics="batch")
            vector.compare(f"{step}/logits", logits)
            model.compute_gradients(images, labels)
            for name, gradient in model.split(model.gradients() / len(images)).items():
                vector.compare(f"{step}/gradient/{name}", gradient)
            model.discard_gradients()
            vector.compare(f"{step}/loss", model.train_step(images, labels).loss)
            for name, value in model.state_dict().items():
                if name.endswith("num_batches_tracked"):
                    assert value == vector.arrays[f"{step}/after/{name}"]
                else:
                    vector.compare(f"{step}/after/{name}", value)
    too_large = vector.errors.too_large()
    assert not too_large, "\n".join(too_large)
