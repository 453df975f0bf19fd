# SPDX-License-Identifier: MIT
"""What the tests of pictures share: files in PNG, and predictions for files."""
import json
import random
import struct
import subprocess
import zlib

import mnist_program
from mnist_program import SMALL_NETWORK, pgm

SIDE = 28
GREY, COLOURS, PALETTE, GREY_ALPHA, COLOURS_ALPHA = 0, 2, 3, 4, 6
SAMPLES = {GREY: 1, COLOURS: 3, PALETTE: 1, GREY_ALPHA: 2, COLOURS_ALPHA: 4}


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def filtered(rows, step, choose):
    """The rows as PNG stores them, each after its filter."""
    above, result = bytes(len(rows[0])), b""
    for number, row in enumerate(rows):
        kind = choose(number)
        line = bytearray()
        for i, value in enumerate(row):
            left, corner = (row[i - step], above[i - step]) if i >= step else (0, 0)
            guess = left + above[i] - corner
            distances = [abs(guess - left), abs(guess - above[i]), abs(guess - corner)]
            best = (left, above[i], corner)[distances.index(min(distances))]
            line.append((value - [0, left, above[i], (left + above[i]) // 2, best][kind]) % 256)
        result += bytes([kind]) + bytes(line)
        above = row
    return result


# Left, top and the distances of columns and rows of the seven pictures that an interlaced one is written as (Adam7).
PASSES = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]


def png(width, height, values, kind=GREY, bits=8, extra=b"", choose=lambda row: row % 5, parts=1, level=9, interlace=0):
    """`values` are the samples of the pixels, row by row."""
    samples = SAMPLES[kind]
    data = b""
    for left, top, across, down in PASSES if interlace else [(0, 0, 1, 1)]:
        rows = []
        for y in range(top, height if left < width else 0, down):
            row = [v for x in range(left, width, across) for v in values[(y * width + x) * samples :][:samples]]
            text = "".join(format(value, f"0{bits}b") for value in row)
            text += "0" * (-len(text) % 8)
            rows.append(bytes(int(text[i : i + 8], 2) for i in range(0, len(text), 8)))
        data += filtered(rows, max(1, samples * bits // 8), choose) if rows else b""
    packed = zlib.compress(data, level)
    cut = -(-len(packed) // parts)
    data = b"".join(chunk(b"IDAT", packed[i : i + cut]) for i in range(0, len(packed), cut))
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, interlace))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"tEXt", b"Title\0seven") + extra + data + chunk(b"IEND", b"")


class PictureTestCase(mnist_program.TestCase):
    def setUp(self):
        super().setUp()
        self.model = self.directory / "model"
        arguments = ["--data", "generated", "--limit", "300", "--epochs", "1", "--augment", "none", *SMALL_NETWORK]
        self.train(*arguments, "--save", self.model)
        rng = random.Random(4)
        self.values = [0 if rng.randrange(2) else rng.randrange(256) for _ in range(SIDE * SIDE)]
        for i in range(SIDE):
            for k in (i, SIDE * (SIDE - 1) + i, SIDE * i, SIDE * i + SIDE - 1):
                self.values[k] = 0  # the background of the training images

    def write(self, name, content):
        path = self.directory / name
        path.write_bytes(content)
        return path

    def answer(self, *arguments, model=None, content=None):
        """The predictions; standard input has the content."""
        path = self.directory / "answer.json"
        result = subprocess.run(
            [self.program, "predict", "--model", model or self.model, "--json", path, *map(str, arguments)],
            input=content, capture_output=True, env=mnist_program.environment(self.home), timeout=300, check=False,
        )
        self.assertEqual((result.returncode, result.stderr), (0, b""), result)
        self.output = result.stdout.decode()
        return json.loads(path.read_text(encoding="utf-8"))["images"]

    def probabilities(self, content, *arguments, model=None):
        answer, = self.answer(self.write("picture", content), *arguments, model=model)
        return answer["probabilities"]

    def expect_values(self, values, contents, *arguments):
        """All pictures are taken as the pixels `values`."""
        expected = self.probabilities(pgm(SIDE, SIDE, values), "--fit", "none", "--invert", "no")
        for number, content in enumerate(contents):
            found = self.probabilities(content, *arguments)
            self.assertEqual(found, expected, (number, content[:60], self.output))
