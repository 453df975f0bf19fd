# SPDX-License-Identifier: MIT
"""examples/python/normnet_digits.py: files like MNIST's, and digits that are drawn."""
import hashlib

import numpy
import pytest

from normnet_digits import draw, load, read_idx
from rank_runs import write_data, write_idx


def test_a_folder_is_read(tmp_path, monkeypatch):
    folder = write_data(tmp_path / "data", count=30)
    images, labels = draw(30, seed=3)
    monkeypatch.setenv("NORMNET_DATA", str(folder))
    for data in load(folder), load():
        assert data.source == str(folder)
        assert numpy.array_equal(data.images, images) and numpy.array_equal(data.labels, labels)
        assert data.images.dtype == data.labels.dtype == numpy.uint8 and data.test_images.shape == (50, 1, 28, 28)


def test_without_mnist_digits_are_drawn(tmp_path, monkeypatch):
    monkeypatch.setenv("NORMNET_DATA", "")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    data = load(drawn=40)
    assert data.images.shape == (40, 1, 28, 28) and len(data.test_labels) == 1000 and "drawn" in data.source
    write_data(tmp_path / "data", count=30)
    (tmp_path / "normnet").mkdir()
    (tmp_path / "data").rename(tmp_path / "normnet" / "mnist")
    assert len(load(drawn=40).labels) == 30


def test_drawn_digits_never_change():
    images, labels = draw(1500, seed=1)
    assert hashlib.sha256(labels.tobytes()).hexdigest()[:8] == "8a053ccc"
    assert numpy.array_equal(images[:3], draw(1500, seed=1)[0][:3])
    assert not numpy.array_equal(images[:3], draw(1500, seed=2)[0][:3])
    assert 0.02 < (images > 128).mean() < 0.3 and set(labels.tolist()) == set(range(10))


@pytest.mark.parametrize("data", [b"", b"\0\0\x08", b"\0\0\x08\0", b"\0\0\x0d\x01\0\0\0\1\0", b"\0\0\x08\x01\0\0",
                                  b"\0\0\x08\x01\0\0\0\2\0", b"\0\0\x08\x01\0\0\0\1\0\0", b"\x1f\x8b\x08\x01"])
def test_files_of_another_kind(data, tmp_path):
    path = tmp_path / "file"
    path.write_bytes(data)
    with pytest.raises(ValueError, match="file"):
        read_idx(path)


def test_images_and_labels_that_do_not_belong_together(tmp_path):
    folder = write_data(tmp_path / "data", count=30)
    write_idx(folder / "train-labels-idx1-ubyte", numpy.zeros(29, numpy.uint8))
    with pytest.raises(ValueError, match=r"\(30, 28, 28\) and \(29,\)"):
        load(folder)
    with pytest.raises(OSError, match="train-images"):
        load(tmp_path)
