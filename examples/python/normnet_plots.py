# SPDX-License-Identifier: MIT
"""Pictures of trainings, with matplotlib: curves, intervals over seeds, confusion matrices, misclassified images.

    from normnet_plots import confusion, curves, gallery, histories, intervals

    curves(histories("study/runs.jsonl"))                  # what normnet-mnist study has written
    curves({"layer": [history]}, "train_loss")             # one dict per epoch, e.g. {"epoch": 1, "train_loss": 0.3}
    confusion(model.evaluate(images, labels, confusion=True).confusion)
    gallery(images, labels, *model.predict(images))

Each function draws into `axes` if they are given, otherwise into a new figure, and returns what it has drawn into. It
can be copied without normnet.py.
"""
import json
import math
import os

import matplotlib.pyplot as plt
import numpy

#: The colours of the reports that normnet-mnist writes. Other names take matplotlib's.
COLOURS = {"none": "#4d4d4d", "batch": "#0072b2", "ghost": "#3f9fd6", "group": "#d98e00", "layer": "#009e73",
           "instance": "#b8568f", "rms": "#d55e00"}
#: What the members of a history are called beside an axis.
LABELS = {"train_loss": "training loss", "train_accuracy": "training accuracy, %", "test_loss": "test loss",
          "test_accuracy": "test accuracy, %", "validation_loss": "validation loss",
          "validation_accuracy": "validation accuracy, %", "lr": "learning rate"}


def histories(path):
    """The histories in a file: {name: [history of each run]}, where a history has one dict per epoch.

    path: runs.jsonl of a study, whose names are ids of experiments, or what `normnet-mnist train --json` has written,
        whose name is the norm. ValueError for another file. A line that a study is still writing is left out.
    """
    with open(path, encoding="utf-8") as file:
        text = file.read()
    try:
        runs = [json.loads(text)]
    except json.JSONDecodeError:
        try:
            runs = [json.loads(line) for line in text[:text.rfind("\n") + 1].splitlines()]
        except json.JSONDecodeError as error:
            raise ValueError(f"{os.fspath(path)!r} is not JSON: {error}; expected the runs of normnet-mnist") from None
    found = {}
    for run in runs:
        if not isinstance(run, dict) or not isinstance(run.get("history"), list):
            raise ValueError(f"{os.fspath(path)!r} has no histories; expected runs.jsonl of normnet-mnist study, or"
                             " what train --json has written")
        name = run.get("experiment") or run["configuration"]["norm"]
        found.setdefault(name, []).append(run["history"])
    return found


def curves(runs, value="test_accuracy", axes=None):
    """Draws a value over the epochs: the mean of the runs of each name as a line, and from the lowest to the highest
    as a band. Returns the axes.

    runs: {name: [history of each run]}; a name that begins with that of a norm has its colour
    value: a key of the dicts in a history: "test_accuracy" (default), "train_loss", ...; epochs without it are left out
    """
    drawn = False
    axes = _axes(axes)
    for name, some in runs.items():
        by_epoch = {}
        for history in some:
            for number, epoch in enumerate(history, 1):
                if epoch.get(value) is not None:
                    by_epoch.setdefault(epoch.get("epoch", number), []).append(epoch[value])
        if not by_epoch:
            continue
        epochs = sorted(by_epoch)
        line, = axes.plot(epochs, [numpy.mean(by_epoch[epoch]) for epoch in epochs], label=name, color=_colour(name))
        if len(some) > 1:
            axes.fill_between(epochs, [min(by_epoch[epoch]) for epoch in epochs],
                              [max(by_epoch[epoch]) for epoch in epochs], color=line.get_color(), alpha=.13, lw=0)
        drawn = True
    if not drawn:
        raise ValueError(f"no run has a value {value!r}; expected a key of the dicts in a history, e.g. 'train_loss'")
    axes.set_xlabel("epoch")
    axes.set_ylabel(LABELS.get(value, value))
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.legend(frameon=False)
    return axes


def intervals(samples, axes=None):
    """Draws a row for each name: its values as dots, and their mean with its 95 % interval by Student's t. Returns the
    axes.

    samples: {name: values, one per seed}
    """
    from scipy.stats import t  # matplotlib does without scipy

    if not samples or not all(len(values) for values in samples.values()):
        raise ValueError("samples has a name without values; expected at least one of each")
    axes = _axes(axes)
    for row, (name, values) in enumerate(samples.items()):
        values = numpy.asarray(values, float)
        dots = axes.plot(values, numpy.full(len(values), row), "o", markersize=4, alpha=.5, color=_colour(name))[0]
        half = 0 if len(values) < 2 else (
            t.ppf(.975, len(values) - 1) * values.std(ddof=1) / math.sqrt(len(values)))
        axes.errorbar(values.mean(), row, xerr=half, fmt="D", markersize=6, capsize=4, color=dots.get_color())
    axes.set_yticks(range(len(samples)), list(samples))
    axes.set_ylim(len(samples) - .5, -.5)
    return axes


def confusion(counts, classes=None, axes=None):
    """Draws a confusion matrix, row = label and column = prediction, coloured by the share of the row.

    Returns the axes.

    counts: classes x classes, as evaluate(confusion=True) and sklearn.metrics.confusion_matrix return it
    classes: the names of the classes; their numbers by default
    """
    counts = numpy.asarray(counts)
    if counts.ndim != 2 or counts.shape[0] != counts.shape[1]:
        raise ValueError(f"the shape of counts is {counts.shape}; expected classes x classes")
    classes = list(range(len(counts))) if classes is None else list(classes)
    if len(classes) != len(counts):
        raise ValueError(f"there are {len(classes)} names of classes; expected {len(counts)}")
    axes = _axes(axes)
    shares = counts / numpy.maximum(counts.sum(axis=1, keepdims=True), 1)
    # The square root shows single errors beside hundreds that are right.
    axes.imshow(numpy.sqrt(shares), cmap="Blues", vmin=0, vmax=1)
    for row, column in numpy.argwhere(counts):
        axes.text(column, row, str(counts[row, column]), ha="center", va="center", fontsize=8,
                  color="white" if shares[row, column] > .4 else "black")
    axes.set_xticks(range(len(classes)), classes)
    axes.set_yticks(range(len(classes)), classes)
    axes.set_xlabel("predicted")
    axes.set_ylabel("actual")
    return axes


def gallery(images, labels, scores, predictions, classes=None, most=24, columns=8):
    """Draws misclassified images, those first of which the network was surest. Returns the figure; None if there are
    none.

    images: n x channels x height x width or n x height x width; 1 or 3 channels
    labels: n; scores, predictions: what Model.predict() returns, n x classes and n
    classes: the names of the classes; their numbers by default
    most, columns: how many images at most, and how many side by side
    """
    images, labels, scores, predictions = map(numpy.asarray, (images, labels, scores, predictions))
    if images.ndim == 3:
        images = images[:, None]
    if images.ndim != 4 or images.shape[1] not in (1, 3):
        raise ValueError(f"the shape of images is {images.shape}; expected n x 1 or 3 x height x width, or"
                         " n x height x width")
    if not len(images) == len(labels) == len(scores) == len(predictions):
        raise ValueError(f"there are {len(images)} images, {len(labels)} labels, {len(scores)} scores and"
                         f" {len(predictions)} predictions; expected as many of each")
    wrong = numpy.flatnonzero(labels != predictions)
    if not wrong.size:
        return None
    wrong = wrong[numpy.argsort(-scores[wrong].max(axis=1), kind="stable")][:most]
    rows = -(-len(wrong) // columns)
    figure, grid = plt.subplots(rows, columns, figsize=(1.1 * columns, 1.4 * rows), squeeze=False, layout="constrained")
    for axes in grid.flat:
        axes.axis("off")
    lowest, highest = images.min(), images.max()
    for axes, number in zip(grid.flat, wrong):
        pixels = (images[number].transpose(1, 2, 0).astype(float) - lowest) / max(highest - lowest, 1e-30)
        axes.imshow(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels, cmap="gray", vmin=0, vmax=1)
        actual, predicted = (label if classes is None else classes[label]
                             for label in (labels[number], predictions[number]))
        axes.set_title(f"{actual}, not {predicted}\n{100 * scores[number].max():.0f} %", fontsize=8)
    return figure


def _axes(axes):
    return plt.subplots(layout="constrained")[1] if axes is None else axes


def _colour(name):
    """The colour of a norm, by the words of a name such as "equal-batch-l1"; None for matplotlib's next one."""
    return next((COLOURS[word] for word in str(name).replace("-", " ").split() if word in COLOURS), None)
