# SPDX-License-Identifier: MIT
"""The reference of the tests in C against PyTorch, both in float64, on random configurations.

test_random_configs compares the library with this reference on networks, norms and options that nobody thought of;
here a sample of them is computed by PyTorch, from the same weights and images, for two steps of training. Networks
with dropout are left out, since their masks are the library's own.
"""
import json
import os
import subprocess

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed: pip install torch==2.13.0")

import torch_network  # noqa: E402

torch.set_num_threads(1)
PRINTER = os.environ.get("NORMNET_RANDOM_NETWORKS")
LAST = int(os.environ.get("NORMNET_RANDOM_NETWORKS_LAST", "300"))
STEP = 50       # networks of one case
CLOSE = 1e-7    # relative to the largest value of a kind: float64, where norms may magnify what sums differ by
#: Rows of equal values through five norms, each of which magnifies roundings by up to 316: the gradient of a bias, which
#: is zero, is a sum of much larger terms.
ILL_CONDITIONED = {9190}
SMALL = 1e-3    # of kinds whose values may all vanish, this instead of the largest
if not PRINTER:
    pytest.skip("NORMNET_RANDOM_NETWORKS is not set to the program print_random_networks", allow_module_level=True)


def tensor(numbers):
    return torch.tensor(numbers, dtype=torch.float64)


def fill(tensors, numbers):
    """Writes the numbers to the tensors, one after the other."""
    place = 0
    for target in tensors:
        target.data.copy_(tensor(numbers[place:place + target.numel()]).view(target.shape))
        place += target.numel()
    assert place == len(numbers)


def together(tensors):
    return torch.cat([torch.zeros(0, dtype=torch.float64), *(value.detach().double().flatten() for value in tensors)])


class Twin:
    """PyTorch's network of a line of the program, its trainer, and where it differs from the reference."""

    def __init__(self, line):
        channels, height, width = line["shape"]
        self.number, self.steps, self.differences = line["network"], line["steps"], []
        self.network = torch_network.build(line["architecture"], channels=channels, height=height, width=width,
                                           **line["options"]).double()
        self.shape = line["shape"]
        fill(self.network.parameters(), line["parameters"])
        self.trainer = torch_network.Trainer(self.network, **line["recipe"])

    def compare(self, step, kind, ours, expected):
        ours, expected = torch.atleast_1d(ours.double()), torch.atleast_1d(tensor(expected))
        assert ours.shape == expected.shape, (self.number, kind)
        difference = float((ours - expected).abs().max()) if len(ours) else 0.0
        largest = max(SMALL, float(expected.abs().max()) if len(expected) else 0.0)
        if not difference <= CLOSE * largest:
            self.differences.append(f"network {self.number}, step {step}: {kind} differ by {difference / largest:.1e}")

    def step(self, index, expected):
        images = tensor(expected["images"]).view(-1, *self.shape)
        labels = torch.tensor(expected["labels"])
        loss, _, gradients = self.trainer.gradients(images, labels)
        self.compare(index, "losses", loss * len(images), expected["loss"])
        self.compare(index, "gradients", together(gradients.values()) * len(images), expected["gradient"])
        metrics = self.trainer.update()
        for name, value in expected["metrics"].items():
            self.compare(index, name, tensor(metrics[name]), value)
        self.compare(index, "parameters", together(self.network.parameters()), expected["parameters"])
        self.compare(index, "statistics", together(self.network.buffers()), expected["statistics"])
        with torch.no_grad():
            logits = self.network.eval()(images).flatten()
        self.compare(index, "logits", logits, expected["logits"])

    def run(self):
        for index, expected in enumerate(self.steps):
            self.step(index, expected)
        return self.differences


@pytest.mark.parametrize("first", range(1, LAST + 1, STEP))
def test_networks(first):
    printed = subprocess.run([PRINTER, str(first), str(first + STEP - 1)], check=True, capture_output=True, text=True)
    lines = printed.stdout.splitlines()
    assert len(lines) > STEP // 4
    twins = [Twin(json.loads(line)) for line in lines]
    differences = [difference for twin in twins if twin.number not in ILL_CONDITIONED for difference in twin.run()]
    assert not differences, "\n".join(differences)
