# SPDX-License-Identifier: MIT
"""Writes vectors/*.npz: training steps of PyTorch in float64, against which
test_vectors.py holds libnormnet.

Run it with PyTorch 2.13 when its cases change:

    python tests/python/make_vectors.py

Each file holds the configuration ("config", JSON), and for every step s the
images and labels (uint8), the state before it ("s/before/<name>", float32),
and PyTorch's results in float64: "s/logits", "s/loss", "s/gradient/<name>" (of
the mean data loss) and the state after it, "s/after/<name>". A step begins
with the rounded results of the one before it. "own" (JSON) tells of each of
these the error of PyTorch in float32.
"""
import argparse
import copy
import json
import pathlib

import numpy
import torch

import torch_network
from comparison import MEAN, STD, draw_images, draw_labels, draw_state, error, normalized

FOLDER = pathlib.Path(__file__).resolve().parent / "vectors"
ARCHITECTURE = "conv3-4 relu norm conv3-6p1b norm relu maxpool2 conv1-4 conv2-6s1 norm relu avgpool2 flatten fc-10b"
ROWS = ARCHITECTURE.replace("relu norm", "norm relu")  # rows left over by ReLU would hardly deviate
BATCH, STEPS, SHAPE, KINK, DEVIATION = 19, 2, (1, 12, 11), 2e-5, 0.1

CASES = {
    "none": {"norm": "none", "lr": 0.05},
    "batch": {"norm": "batch", "lr": 0.05, "l1": 1e-3},
    "batch-ghost": {"norm": "batch", "virtual_batch": 16, "batch": 37, "lr": 0.05, "l2": 1e-2},
    "group": {"norm": "group", "groups": 2, "schedule": "one_cycle", "max_lr": 0.1, "total_steps": 3},
    "instance": {"norm": "instance", "lr": 0.05, "nesterov": 1},
    "layer": {"norm": "layer", "lr": 0.05, "label_smoothing": 0.1},
    "layer-element": {"norm": "layer", "affine": "element", "lr": 0.05, "l1": 1e-3, "penalty_on": "weights"},
    "layer2": {"norm": "layer", "layer_dims": 2, "affine": "element", "architecture": ROWS, "lr": 0.05,
               "dampening": 0.5},
    "layer1": {"norm": "layer", "layer_dims": 1, "architecture": ROWS, "lr": 0.05, "schedule": "step", "step_size": 1,
               "step_gamma": 0.5},
}


def results(trainer, images, labels):
    """What one training step of PyTorch yields, as float64 arrays."""
    loss, logits, gradients = trainer.gradients(images, labels)
    trainer.update()
    found = {"logits": logits, "loss": loss}
    found.update((f"gradient/{name}", gradient) for name, gradient in gradients.items())
    found.update((f"after/{name}", value) for name, value in trainer.network.state_dict().items())
    return {name: value.double().numpy().copy() for name, value in found.items()}


def vector(title, case):
    """The arrays of one file."""
    random = numpy.random.default_rng(list(title.encode()))
    channels, height, width = SHAPE
    shape = {"channels": channels, "height": height, "width": width}
    architecture = case.get("architecture", ARCHITECTURE)
    settings = {name: value for name, value in case.items() if name not in ("batch", "architecture")}
    norm_names = ("norm", "groups", "layer_dims", "affine", "virtual_batch")
    norm = {name: settings[name] for name in norm_names if name in settings}
    recipe = {name: value for name, value in settings.items() if name not in norm_names}
    batch = case.get("batch", BATCH)

    network = torch_network.build(architecture, dropout=0.0, **shape, **norm)
    state = draw_state(random, {name: value.numpy() for name, value in network.state_dict().items()}, architecture)
    single = torch_network.Trainer(network, **recipe)
    truth = torch_network.Trainer(copy.deepcopy(network).double(), **recipe)
    config = {**settings, **shape, "architecture": architecture, "dropout": 0.0, "max_batch": batch,
              "input_mean": [MEAN] * channels, "input_std": [STD] * channels}
    arrays, own = {"config": numpy.array(json.dumps(config))}, {}
    for step in range(STEPS):
        for trainer in (single, truth):
            trainer.network.load_state_dict({name: torch.from_numpy(value) for name, value in state.items()})
        drawn = []  # of float images, as the network sees them, and the bytes they came from

        def draw(count):
            images = draw_images(random, count, *SHAPE)
            drawn.extend(images)
            return normalized(images)

        images = torch_network.draw_clear(truth.network, draw, batch, KINK, DEVIATION)
        assert images is not None, f"draw other weights for {title}"
        pixels = {normalized(image).tobytes(): image for image in drawn}
        labels = draw_labels(random, batch)
        arrays[f"{step}/images"] = numpy.stack([pixels[image.tobytes()] for image in images])
        arrays[f"{step}/labels"] = labels
        arrays.update((f"{step}/before/{name}", value) for name, value in state.items())
        x, y = torch.from_numpy(images), torch.from_numpy(labels).long()
        right, rounded = results(truth, x.double(), y), results(single, x, y)
        for name, value in right.items():
            arrays[f"{step}/{name}"] = value
            own[f"{step}/{name}"] = error(rounded[name], value)
        state = {name: right[f"after/{name}"].astype(value.dtype) for name, value in state.items()}
    arrays["own"] = numpy.array(json.dumps(own))
    return arrays


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    FOLDER.mkdir(exist_ok=True)
    torch.set_num_threads(1)
    for title, case in CASES.items():
        path = FOLDER / f"{title}.npz"
        numpy.savez_compressed(path, **vector(title, case))
        print(f"{path.name}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
