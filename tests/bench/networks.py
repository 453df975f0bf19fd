# SPDX-License-Identifier: MIT
"""The networks that are measured, their cost, and their data."""
import dataclasses
from typing import NamedTuple

import numpy

import normnet
from comparison import SEEDS, draw_images

NORMS = ("none", "batch", "group", "layer", "instance", "rms")
DISTINCT = 256  # images; larger sets repeat them, which does not affect the speed


@dataclasses.dataclass(frozen=True)
class Network:
    name: str
    architecture: str  # with a `norm` wherever one is possible
    channels: int = 1
    height: int = 28
    width: int = 28
    groups: int = 0  # of group norm; 0 = one group per four channels
    classes: int = 10


def three_by_three(channels):
    """A stack of 3x3 convolutions, to see how speed depends on the number of channels."""
    return Network(f"3x3-{channels}", f"conv3-{channels} relu norm " * 3 + "gap conv1-10")


LENET = ("conv5-6p2b relu norm maxpool2 conv5-16b relu norm maxpool2 flatten fc-120b relu fc-84b relu fc-10b")
RGB32 = ("conv3-32p1 relu norm dropout conv3-32p1 relu norm dropout maxpool2 conv3-64p1 relu norm dropout"
         " conv3-64p1 relu norm dropout maxpool2 conv3-64p1 relu norm dropout gap conv1-10")

NETWORKS = {name: Network(name, architecture, groups=groups) for name, (architecture, groups, _) in SEEDS.items()}
NETWORKS["lenet"] = Network("lenet", LENET, groups=2)
NETWORKS["rgb32"] = Network("rgb32", RGB32, channels=3, height=32, width=32)


@dataclasses.dataclass(frozen=True)
class Case:
    """A network with a norm, and how it is run."""
    network: Network
    norm: str
    batch: int
    threads: int
    cpu: str = "best"  # the instruction set of normnet

    @property
    def architecture(self):
        """The network's, without its norms if the norm is none: no contestant has to skip an empty layer."""
        tokens = self.network.architecture.split()
        return " ".join(token for token in tokens if self.norm != "none" or token != "norm")

    @property
    def options(self):
        """The arguments of normnet.Model and torch_network.build besides architecture and norm."""
        network = self.network
        return {"channels": network.channels, "height": network.height, "width": network.width,
                "groups": network.groups if self.norm == "group" else 0, "classes": network.classes}


class Flops(NamedTuple):
    """Floating-point operations per image, as direct convolution needs them."""
    training: int
    inference: int


def flops(case):
    """Two per multiply-add. Backward costs as much as two forward passes, less the first layer's input gradient."""
    with normnet.Model(case.norm, architecture=case.architecture, **case.options) as model:
        multiply_adds = [layer.multiply_adds for layer in model.layers() if layer.multiply_adds]
    forward = sum(multiply_adds)
    return Flops(training=2 * (3 * forward - multiply_adds[0]), inference=2 * forward)


def draw_data(case, count):
    """Images (uint8, N x C x H x W) and labels (uint8)."""
    random, network = numpy.random.default_rng(1), case.network
    distinct = draw_images(random, min(count, DISTINCT), network.channels, network.height, network.width)
    return numpy.resize(distinct, (count, *distinct.shape[1:])), random.integers(0, 10, count, numpy.uint8)
