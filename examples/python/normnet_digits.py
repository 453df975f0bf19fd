# SPDX-License-Identifier: MIT
"""Images for the examples: MNIST from its four IDX files, or digits that are drawn where MNIST is not at hand.

    from normnet_digits import load

    data = load()                       # or load("folder with MNIST's files")
    model.fit(data.images, data.labels, validation=(data.test_images, data.test_labels))

It can be copied without normnet.py. Accuracies on drawn digits say nothing about handwriting.
"""
from __future__ import annotations

import os
import pathlib
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Bytes = NDArray[numpy.uint8]

SIDE, CLASSES = 28, 10

#: Rows of 5 x 7 points, as a dot matrix printer has them.
_GLYPHS = ("01110 10001 10011 10101 11001 10001 01110", "00100 01100 00100 00100 00100 00100 01110",
           "01110 10001 00001 00010 00100 01000 11111", "11111 00010 00100 00010 00001 10001 01110",
           "00010 00110 01010 10010 11111 00010 00010", "11111 10000 11110 00001 00001 10001 01110",
           "00110 01000 10000 11110 10001 10001 01110", "11111 00001 00010 00100 01000 01000 01000",
           "01110 10001 10001 01110 10001 10001 01110", "01110 10001 10001 01111 00001 00010 01100")


class Digits(NamedTuple):
    """Two sets of images, uint8 N x 1 x 28 x 28, and their labels, uint8 N. Those of files are read-only."""
    images: Bytes
    labels: Bytes
    test_images: Bytes
    test_labels: Bytes
    source: str  # where they come from, for people


def load(folder: str | os.PathLike[str] | None = None, drawn: int = 6000) -> Digits:
    """The data set in a folder with MNIST's four files. OSError if a file is missing, ValueError if it is something
    else.

    Without a folder, the one that the environment variable NORMNET_DATA names, or the one into which `sh
    examples/fetch_mnist.sh` puts MNIST. If there is none, `drawn` digits to train with and 1000 to test with.
    """
    cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "normnet" / "mnist"
    folder = folder or os.environ.get("NORMNET_DATA") or (cache if cache.is_dir() else None)
    if folder is None:
        return Digits(*draw(drawn, seed=1), *draw(1000, seed=2), "drawn digits: no NORMNET_DATA, no MNIST in the cache")
    arrays = [read_idx(pathlib.Path(folder) / name) for name in (
        "train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")]
    for images, labels in (arrays[:2], arrays[2:]):
        if images.shape != (*labels.shape, SIDE, SIDE) or labels.ndim != 1 or not len(labels):
            raise ValueError(f"{folder}: images and labels of the shapes {images.shape} and {labels.shape}; expected"
                             f" N x {SIDE} x {SIDE} and N")
    return Digits(arrays[0][:, None], arrays[1], arrays[2][:, None], arrays[3], os.fspath(folder))


def read_idx(path: str | os.PathLike[str]) -> Bytes:
    """The bytes of an IDX file, read-only. They are read, not mapped: a file that someone cuts off later cannot end the
    program."""
    data = pathlib.Path(path).read_bytes()
    rank = data[3] if data[:3] == b"\0\0\x08" and len(data) > 3 else 0
    header = 4 + 4 * rank
    if rank == 0 or len(data) < header:
        raise ValueError(f"{os.fspath(path)} is no IDX file of bytes")
    shape = tuple(int.from_bytes(data[i:i + 4], "big") for i in range(4, header, 4))
    if len(data) - header != numpy.prod(shape, dtype=numpy.float64):
        raise ValueError(f"{os.fspath(path)} has {len(data) - header} elements; its header says {shape}")
    return numpy.frombuffer(data, numpy.uint8, offset=header).reshape(shape)


def draw(count: int, seed: int) -> tuple[Bytes, Bytes]:
    """`count` digits, each a glyph with its own size, slant, place, ink and noise, and their labels."""
    random: Any = numpy.random.RandomState(seed)  # whose numbers never change
    points = numpy.array([[[float(bit) for bit in row] for row in glyph.split()] for glyph in _GLYPHS])
    padded = numpy.pad(points, ((0, 0), (2, 2), (2, 2)))  # so that a border of 0 is around each
    images, labels = numpy.empty((count, 1, SIDE, SIDE), numpy.uint8), random.randint(0, CLASSES, count)
    for first in range(0, count, 1000):  # so that the coordinates of all pixels fit into a cache
        part = slice(first, min(first + 1000, count))
        images[part, 0] = _ink(padded, labels[part], random)
    return images, labels.astype(numpy.uint8)


def _ink(padded: Any, labels: Any, random: Any) -> Any:
    """The pixels of some digits: each looks up where it is in its glyph, between the four nearest points."""
    def each(low: float, high: float) -> Any:
        return random.uniform(low, high, (len(labels), 1, 1))

    y, x = numpy.mgrid[:SIDE, :SIDE] - (SIDE - 1) / 2
    rows = (y - each(-3, 3)) / each(2.2, 3.4)
    columns = (x - each(-3, 3)) / each(2.2, 3.8) + each(-.5, .5) * rows
    rows = numpy.clip(rows + 5, 0, padded.shape[1] - 1.001)      # 5 and 4: the middle of the padded glyph
    columns = numpy.clip(columns + 4, 0, padded.shape[2] - 1.001)
    top, left, which = rows.astype(int), columns.astype(int), labels[:, None, None]
    down, right = rows - top, columns - left
    ink = ((1 - down) * (1 - right) * padded[which, top, left] + (1 - down) * right * padded[which, top, left + 1]
           + down * (1 - right) * padded[which, top + 1, left] + down * right * padded[which, top + 1, left + 1])
    noise = random.normal(0, 20, ink.shape)
    return numpy.clip(numpy.minimum(each(1, 1.7) * ink, 1) * each(120, 255) + noise, 0, 255).astype(numpy.uint8)
