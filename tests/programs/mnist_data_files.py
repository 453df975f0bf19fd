# SPDX-License-Identifier: MIT
"""What the tests of data sets share: files of every format, and the training that they must give."""
import io
import os
import struct
import zipfile

import mnist_program
from mnist_program import TINY, idx

LABELS = [i % 5 for i in range(40)]
SIZE = 6 * 8
PIXELS = [(label * 50 + 3 * i) % 256 for label in LABELS for i in range(SIZE)]
IMAGES = {"train": idx([40, 6, 8], PIXELS), "test": idx([10, 6, 8], PIXELS[: 10 * SIZE])}
CLASSES = {"train": idx([40], LABELS), "test": idx([10], LABELS[:10])}
CONTENTS = [IMAGES["train"], CLASSES["train"], IMAGES["test"], CLASSES["test"]]


def typed(dimensions, values, code, form):
    """An IDX file of another type than bytes."""
    return idx(dimensions, b"".join(struct.pack(">" + form, value) for value in values), code)


def npy(shape, values, form="B", descr="|u1", version=1, fortran=False):
    text = "{'descr': '%s', 'fortran_order': %s, 'shape': (%s,), }" % (descr, fortran, ", ".join(map(str, shape)))
    head = b"\x93NUMPY" + bytes([version, 0])
    text += " " * (-(len(head) + len(text) + 5) % 64) + "\n"
    length = struct.pack("<H" if version == 1 else "<I", len(text))
    order = ">" if descr[0] == ">" else "<"
    return head + length + text.encode() + b"".join(struct.pack(order + form, value) for value in values)


def archive(method=zipfile.ZIP_STORED, **members):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as writer:
        for name, content in members.items():
            with writer.open(name + ".npy", "w", force_zip64=True) as member:  # as NumPy does
                member.write(content)
    return file.getvalue()


def keras(method=zipfile.ZIP_STORED, **changed):
    members = {"x_train": npy([40, 6, 8], PIXELS), "y_train": npy([40], LABELS),
               "x_test": npy([10, 6, 8], PIXELS[: 10 * SIZE]), "y_test": npy([10], LABELS[:10])}
    return archive(method, **{**members, **changed})


def table(count, header=True, separator=",", end="\n", side=8, label=True, form="{}"):
    names = [*(["label"] if label else []), *(f"pixel{i}" for i in range(side * side))]
    lines = [separator.join(names)] if header else []
    for i in range(count):
        numbers = [*([LABELS[i]] if label else []), *(form.format((LABELS[i] * 50 + 3 * k) % 256) for k in range(side * side))]
        lines.append(separator.join(map(str, numbers)))
    return (end.join(lines) + end).encode()


class DataTestCase(mnist_program.TestCase):
    def setUp(self):
        super().setUp()
        self.expected = self.weights(self.write_data("plain"))
        self.number = 0

    def weights(self, place, *arguments):
        return self.train("--data", place, *TINY, *arguments)["weights_sha256"]

    def folder(self, **files):
        """A new directory with files; / in a name makes directories."""
        self.number += 1
        directory = self.directory / f"set{self.number}"
        directory.mkdir()
        for name, content in files.items():
            path = directory / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        return directory

    def expect_same(self, directory):
        """The training of the four plain files."""
        self.assertEqual(self.weights(directory), self.expected, sorted(os.listdir(directory)))

    def expect_same_file(self, path):
        self.assertEqual(self.weights(path), self.expected, path)
