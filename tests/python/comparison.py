# SPDX-License-Identifier: MIT
"""How far a result may lie from the truth, and how the inputs of a comparison are drawn. Numpy only."""
import numpy

#: The seeds' networks: architecture, groups of group norm, parameters with a per-channel normalization.
SEEDS = {
    "000": ("conv3-8 relu norm dropout conv3-16 relu norm dropout conv1-8 maxpool2 conv3-16 relu norm dropout"
            " conv3-8 relu norm dropout conv3-16 relu norm dropout conv3-16 relu norm dropout avgpool4 conv1-10",
            4, 7432),
    "001-bn": ("conv3-4 norm relu conv3-8 norm relu conv1-16 maxpool2 conv3-16 norm relu dropout conv1-16"
               " conv3-16 norm relu dropout conv3-16 norm relu conv3-10 norm relu avgpool4 conv1-10", 2, 9300),
    "001-ln": ("conv3-4 relu norm conv3-8 relu norm conv1-16 maxpool2 conv3-16 relu norm dropout conv1-16"
               " conv3-16 norm relu dropout conv3-16 relu norm conv3-10 relu norm avgpool4 conv1-10", 2, 9300),
    "003": ("conv3-8 relu norm dropout conv3-16 relu norm dropout maxpool2 conv1-8 conv3-16 relu norm dropout"
            " conv3-16 relu norm dropout conv3-16 relu norm dropout avgpool6 conv1-16 relu norm dropout conv1-10",
            0, 7704),
    "004": ("conv3-8 relu norm conv3-24 relu norm conv1-18 relu maxpool2 conv3-16 relu norm conv3-16 relu norm"
            " conv3-16 relu norm avgpool6 conv1-10", 8, 9752),
    "sibling": ("conv3-8 norm relu dropout conv3-16 norm relu dropout maxpool2 conv1-8 norm relu dropout"
                " conv3-8 norm relu dropout conv3-16 norm relu dropout conv3-16 norm relu dropout conv1-10 avgpool6",
                2, 5688),
}

#: Every kind of layer in a few of them, norm on both sides of ReLU; after flatten; and the norms spelled out.
FEW = "conv3-8 relu norm conv3-12p1b norm relu maxpool2 conv1-8 conv3-8s2 relu norm avgpool2 flatten fc-12b relu fc-10"
FLAT = "conv3-6 relu maxpool2 flatten fc-24b norm relu dropout fc-10"
MIXED = ("conv3-8 batchnorm relu conv3-8s2p1 groupnorm2 relu conv3-8b layernorm relu conv3-12 instancenorm"
         " relu gap conv1-10b")

#: Every normalization and every form of its affine that it may have.
NORMS = {
    "none": {"norm": "none"},
    "batch": {"norm": "batch"},
    "batch.plain": {"norm": "batch", "affine": "none"},
    "batch.ghost": {"norm": "batch", "virtual_batch": 16},
    "batch.cumulative": {"norm": "batch", "cumulative_statistics": 1},
    "group": {"norm": "group"},
    "group.plain": {"norm": "group", "groups": 2, "affine": "none"},
    "instance": {"norm": "instance"},
    "instance.plain": {"norm": "instance", "affine": "none"},
    "layer": {"norm": "layer"},
    "layer.element": {"norm": "layer", "affine": "element"},
    "layer.plain": {"norm": "layer", "affine": "none"},
    "rms": {"norm": "rms"},
    "rms.element": {"norm": "rms", "affine": "element"},
    "rms.plain": {"norm": "rms", "affine": "none"},
    "layer2": {"norm": "layer", "layer_dims": 2},
    "layer2.element": {"norm": "layer", "layer_dims": 2, "affine": "element"},
    "layer1": {"norm": "layer", "layer_dims": 1},
    "layer1.element": {"norm": "layer", "layer_dims": 1, "affine": "element"},
}

#: The error of a tensor is max|a - b| / max|b| with b from PyTorch in float64. None may be larger than this.
LARGEST = 1e-5
#: And none larger than this many times the error of PyTorch in float32. Both are sums of roundings and as good as
#: random: of two equally good results one is by chance 3 times the other in many a case. So it is the root mean
#: square over the cases of a kind (see Errors) that is compared.
TIMES = 3
ENOUGH = 20  # comparisons in a kind for its mean to be more than chance
#: PyTorch may be exact by chance, too: its error counts as no smaller than makes the bound two roundings of float32.
FLOOR = 2.0 ** -23 / TIMES
#: Largest error where the truth is zero, relative to the typical gradient of the layer.
ZERO = 1e-6

#: Of the pixels of MNIST, scaled to [0, 1].
MEAN, STD = 0.1307, 0.3081


def error(result, truth):
    """max|a - b| / max|b|"""
    result, truth = numpy.asarray(result, numpy.float64), numpy.asarray(truth, numpy.float64)
    assert result.shape == truth.shape, f"shape {result.shape} instead of {truth.shape}"
    return float(numpy.max(numpy.abs(result - truth)) / numpy.max(numpy.abs(truth)))


def draw_images(random, count, channels, height, width):
    """Three bright strokes on a noisy dark ground: uint8, N x C x H x W."""
    def draw(end):
        return random.uniform(0, end, (count, channels, 3, 1, 1))
    rows, columns = numpy.mgrid[0:height, 0:width]
    rows, columns, angle = rows - draw(height), columns - draw(width), draw(numpy.pi)
    across = rows * numpy.cos(angle) + columns * numpy.sin(angle)
    along = columns * numpy.cos(angle) - rows * numpy.sin(angle)
    strokes = 215 * numpy.exp(-across ** 2 / 3 - (along ** 2 / (0.3 * height) ** 2) ** 2)
    ground = random.uniform(0, 40, (count, channels, height, width))
    return numpy.clip(ground + strokes.sum(2), 0, 255).astype(numpy.uint8)


def draw_labels(random, count):
    """Labels of 10 classes, some frequent: else the gradients of the images nearly cancel and leave their errors."""
    return random.binomial(9, 0.2, count).astype(numpy.uint8)


def normalized(images):
    """Pixels as float32 with the mean and deviation of MNIST taken away, rounded as PyTorch does."""
    return (images.astype(numpy.float32) / numpy.float32(255) - numpy.float32(MEAN)) / numpy.float32(STD)


def draw_state(random, state, architecture):
    """Values for every entry of a state_dict of arrays: weights as at creation, the rest away from where it starts."""
    tokens, drawn = architecture.split(), {}
    for name, array in state.items():
        index, kind = name.split(".")
        if kind == "num_batches_tracked":
            values = numpy.zeros(())
        elif kind == "running_mean":
            values = random.uniform(-0.5, 0.5, array.shape)
        elif kind == "running_var":
            values = random.uniform(0.5, 2.0, array.shape)
        elif kind == "bias":
            values = random.uniform(-0.3, 0.3, array.shape)
        elif tokens[int(index)].startswith(("conv", "fc")):
            values = random.uniform(-1, 1, array.shape) / numpy.sqrt(numpy.prod(array.shape[1:]))
        else:
            values = random.uniform(0.5, 1.5, array.shape)
        drawn[name] = values.astype(array.dtype)
    return drawn


class Errors:
    """Errors of normnet and of PyTorch in float32, by kinds of tensors, each with a key."""

    def __init__(self):
        self.pairs = {}

    def add(self, key, ours, pytorch):
        self.pairs.setdefault(key, []).append((ours, pytorch))

    def table(self):
        """Of each key: how often, the root mean squares of both errors, and the ratio of these."""
        for key, pairs in sorted(self.pairs.items()):
            ours, pytorch = numpy.sqrt(numpy.mean(numpy.square(pairs), axis=0))
            yield key, len(pairs), ours, pytorch, ours / max(pytorch, FLOOR)

    def too_large(self):
        """A message for each key with errors too many times those of PyTorch."""
        return [f"{key}: {ours:.2e} is {ratio:.2f} times PyTorch's {pytorch:.2e} ({count} comparisons)"
                for key, count, ours, pytorch, ratio in self.table() if count >= ENOUGH and not ratio <= TIMES]


#: What a run of the tests has compared, for the summary at its end.
SUMMARY = Errors()
