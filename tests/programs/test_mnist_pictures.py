# SPDX-License-Identifier: MIT
"""normnet-mnist predict reads pictures as people have them: PNM, PNG, other sizes, dark on white, standard input."""
import gzip
import math
import os
import random
import struct
import subprocess
from fractions import Fraction

import mnist_program
from mnist_data_files import npy
from mnist_pictures import COLOURS, GREY_ALPHA, SIDE, PictureTestCase, png
from mnist_program import TINY, idx, pgm

def rounded(value):
    return math.floor(value + Fraction(1, 2))


def reference_scale(rows, height, width):
    """The mean of the area under each new pixel, exactly."""
    old_height, old_width = len(rows), len(rows[0])

    def shares(old, new):
        for i in range(new):
            low, high = Fraction(i * old, new), Fraction((i + 1) * old, new)
            yield [(k, min(high, k + 1) - max(low, k)) for k in range(math.floor(low), math.ceil(high))]

    columns = list(shares(old_width, width))
    area = Fraction(old_height * old_width, height * width)
    return [[rounded(sum(p * q * rows[y][x] for y, p in down for x, q in across) / area) for across in columns]
            for down in shares(old_height, height)]


def reference_mnist(rows, side=SIDE):
    """A bright digit on 0, as MNIST's makers did: a box of 20 x 20, the centre of mass in the middle of 28 x 28."""
    ink = [(y, x) for y, row in enumerate(rows) for x, value in enumerate(row) if value >= 64]
    top, left = min(y for y, _ in ink), min(x for _, x in ink)
    height, width = max(y for y, _ in ink) + 1 - top, max(x for _, x in ink) + 1 - left
    scale = Fraction(side * 20, 28 * max(height, width))
    digit = reference_scale([row[left : left + width] for row in rows[top : top + height]],
                            max(1, rounded(height * scale)), max(1, rounded(width * scale)))
    mass = sum(map(sum, digit))
    y_centre = sum((y + Fraction(1, 2)) * sum(row) for y, row in enumerate(digit)) / mass
    x_centre = sum((x + Fraction(1, 2)) * value for row in digit for x, value in enumerate(row)) / mass
    down = min(max(rounded(Fraction(side, 2) - y_centre), 0), side - len(digit))
    right = min(max(rounded(Fraction(side, 2) - x_centre), 0), side - len(digit[0]))
    image = [[0] * side for _ in range(side)]
    for y, row in enumerate(digit):
        image[down + y][right : right + len(row)] = row
    return image


def seven(height, width, thickness=3):
    """A bright seven on black, from a corner of the picture."""
    rows = [[0] * width for _ in range(height)]
    for y in range(height // 8, height * 3 // 4):
        for x in range(width // 6, width // 2):
            stroke = width // 2 - (y - height // 8) * (width // 3) // (height * 5 // 8)
            if y < height // 8 + thickness or stroke - thickness <= x < stroke:
                rows[y][x] = 255
    return rows


def flat(rows):
    return [value for row in rows for value in row]


class Pictures(PictureTestCase):
    # ---- PNM ----

    def test_pnm_of_all_kinds(self):
        values = self.values
        colours = [value for value in values for _ in range(3)]
        wide = struct.pack(f">{SIDE * SIDE}H", *(257 * value for value in values))
        odd = [(value * 1000 + 127) // 255 for value in values]
        self.expect_values(values, [
            pgm(SIDE, SIDE, values), pgm(SIDE, SIDE, values, magic="P2"),
            pgm(SIDE, SIDE, colours, magic="P6"), pgm(SIDE, SIDE, colours, magic="P3"),  # grey PPM
            pgm(SIDE, SIDE, values, magic="P2").replace(b"\n0 ", b"\n# c 7\n0 # d 8\n", 1) + b"# the end",
            b"P5 28 28 65535\n" + wide, b"P6 28 28 65535\n" + struct.pack(f">{3 * SIDE * SIDE}H", *(257 * v for v in colours)),
            pgm(SIDE, SIDE, [257 * value for value in values], magic="P2", largest=65535),
            gzip.compress(pgm(SIDE, SIDE, values)),
        ])
        back = [(value * 255 + 500) // 1000 for value in odd]
        self.expect_values(back, [b"P5 28 28 1000\n" + struct.pack(f">{SIDE * SIDE}H", *odd),
                                  pgm(SIDE, SIDE, odd, magic="P2", largest=1000)])
        bits = [int(value > 0) for value in values]
        packed = bytes(int("".join(str(1 - b) for b in bits[y * SIDE : y * SIDE + SIDE]) + "1111", 2) >> 8 * k & 255
                       for y in range(SIDE) for k in (3, 2, 1, 0))
        self.expect_values([255 * bit for bit in bits], [  # 1 is black
            b"P4\n28 28\n" + packed,
            b"P1 28 28\n" + " ".join(str(1 - bit) for bit in bits).encode(),
            b"P1\n# c\n28 28\n" + "".join(str(1 - bit) for bit in bits).encode() + b"\n",
        ])

    def test_several_pictures_in_one_file(self):
        others = [self.values, [255 - v if 0 < v else 0 for v in self.values], self.values[::-1]]
        expected = [self.probabilities(pgm(SIDE, SIDE, values)) for values in others]
        for magic in ("P5", "P2", "P6", "P3"):
            size = 3 if magic in ("P6", "P3") else 1
            pages = [pgm(SIDE, SIDE, [v for v in values for _ in range(size)], magic=magic) for values in others]
            for between in (b"", b"\n"):
                path = self.write("pages", between.join(pages))
                answers = self.answer(path)
                self.assertEqual([a["probabilities"] for a in answers], expected)
                self.assertEqual([a["index"] for a in answers], [0, 1, 2])
                self.assertEqual([a["index"] for a in self.answer(path, "--first", "1", "--count", "1")], [1])
                last, = self.answer(f"{path}:2")
                self.assertEqual((last["index"], last["probabilities"]), (2, expected[2]))
        self.expect_failure(1, r"there is no image 3; the last of its 3 is 2", "predict", "--model", self.model,
                            f"{path}:3")
        self.write("pages", pages[0] + b"\n" + pages[1][:-30])
        self.expect_failure(1, r"pages is cut off", "predict", "--model", self.model, path)

    # ---- Brightness ----

    def test_dark_on_white(self):
        """Silently another class until now."""
        dark = [255 - value for value in self.values]
        self.expect_values(self.values, [pgm(SIDE, SIDE, dark), png(SIDE, SIDE, dark)])
        self.assertRegex(self.output, r"(?m)^\S*picture: inverted, since its border has a brightness of 1.00 and the "
                                      r"training images of 0.\d\d$")
        self.assertTrue(self.answer(self.directory / "picture")[0]["inverted"])
        self.expect_values(dark, [pgm(SIDE, SIDE, dark)], "--invert", "no")
        self.assertNotIn("inverted", self.output)
        self.expect_values(dark, [pgm(SIDE, SIDE, self.values)], "--invert", "yes")
        self.assertIn("picture: inverted\n", self.output)
        self.expect_values(self.values, [pgm(SIDE, SIDE, self.values)])
        self.assertNotIn("inverted", self.output)
        self.assertFalse(self.answer(self.directory / "picture")[0]["inverted"])

    def test_brightness_of_a_data_set(self):
        """One decision for all images of an array: some of a data set fill their border."""
        full = [255] * SIDE * SIDE
        path = self.write("images", idx([4, SIDE, SIDE], self.values * 3 + full))
        answers = self.answer(path)
        self.assertEqual([a["inverted"] for a in answers], [False] * 4)
        self.assertFalse(self.answer(f"{path}:3")[0]["inverted"])
        dark = self.write("dark", idx([4, SIDE, SIDE], [255 - v for v in self.values * 3 + full]))
        self.assertEqual([a["probabilities"] for a in self.answer(dark)], [a["probabilities"] for a in answers])
        self.assertEqual(self.output.count("inverted, since"), 1)

    def test_a_model_of_bright_images(self):
        """Trained on dark ink, it wants dark ink."""
        rng = random.Random(5)
        pixels = [255 - (rng.randrange(256) if rng.randrange(5) == 0 else 0) for _ in range(40 * 48)]
        model = self.directory / "bright"
        data = self.write_data("bright_data", train_images=idx([40, 6, 8], pixels), test_images=idx([10, 6, 8], pixels[:480]))
        self.train("--data", data, *TINY, "--save", model)
        image = [255] * 48
        image[12:20] = [0] * 8
        expected = self.probabilities(pgm(8, 6, image), model=model)
        self.assertEqual(self.probabilities(pgm(8, 6, [255 - v for v in image]), model=model), expected)
        self.assertIn("inverted, since its border has a brightness of 0", self.output)

    def test_photographs_are_left_alone(self):
        """Training images of medium brightness have any border."""
        data = self.write_data("medium")
        model = self.directory / "medium_model"
        self.train("--data", data, *TINY, "--save", model)
        for values in ([255] * 48, [0] * 48):
            answer, = self.answer(self.write("x.pgm", pgm(8, 6, values)), model=model)
            self.assertFalse(answer["inverted"])

    # ---- Sizes ----

    def test_fit_as_mnist(self):
        for height, width, thickness in [(200, 300, 20), (64, 64, 5), (28, 28, 3), (100, 30, 4), (9, 12, 2)]:
            rows = seven(height, width, thickness)
            image = flat(reference_mnist(rows))
            expected = self.probabilities(pgm(SIDE, SIDE, image), "--fit", "none")
            dark = [255 - v for v in flat(rows)]
            for content in (pgm(width, height, flat(rows)), png(width, height, dark),
                            png(width, height, [v for v in dark for _ in range(3)], COLOURS)):
                arguments = ["--fit", "mnist"] if (height, width) == (28, 28) else []
                found = self.probabilities(content, *arguments)
                for a, b in zip(found, expected):
                    self.assertAlmostEqual(a, b, 4)
                self.assertRegex(self.output, rf"picture: .*fitted from {height} x {width} as in MNIST: the digit in a box of "
                                              rf"20 x 20, its centre of mass in the middle of 28 x 28\n")
        # Grey paper and pale ink: the background becomes 0, the ink as bright as can be.
        rows = seven(120, 90, 9)
        pale = pgm(90, 120, [200 - v * 100 // 255 for v in flat(rows)])
        expected = self.probabilities(pgm(SIDE, SIDE, flat(reference_mnist(rows))), "--fit", "none")
        for a, b in zip(self.probabilities(pale), expected):
            self.assertAlmostEqual(a, b, 4)

    def test_an_enlarged_digit(self):
        """A digit that already is in MNIST's box comes back as it was, wherever it is and however large."""
        rng = random.Random(6)
        digit = [[255 if (x in (0, 19) or y in (0, 19)) else rng.randrange(256) for x in range(20)] for y in range(20)]
        image = flat(reference_mnist(digit))
        for factor, top, left in ((1, 0, 5), (3, 7, 1), (10, 20, 200)):
            height, width = 20 * factor + top + 3, 20 * factor + left + 9
            rows = [[0] * width for _ in range(height)]
            for y in range(20 * factor):
                for x in range(20 * factor):
                    rows[top + y][left + x] = digit[y // factor][x // factor]
            rows = [[0] * (width + 2), *([0, *row, 0] for row in rows), [0] * (width + 2)]
            self.expect_values(image, [pgm(width + 2, height + 2, flat(rows))])

    def test_stretch_and_none(self):
        rng = random.Random(7)
        rows = [[0 if y in (0, 41) or x in (0, 55) else rng.randrange(256) for x in range(56)] for y in range(42)]
        image = flat(reference_scale(rows, SIDE, SIDE))
        path = self.write("x.pgm", pgm(56, 42, flat(rows)))
        answer, = self.answer(path, "--fit", "stretch")
        self.assertEqual(answer["fit"], "stretch")
        self.assertIn("x.pgm: stretched from 42 x 56 to 28 x 28\n", self.output)
        for a, b in zip(answer["probabilities"], self.probabilities(pgm(SIDE, SIDE, image), "--fit", "none")):
            self.assertAlmostEqual(a, b, 3)
        self.expect_failure(1, r"x.pgm: its size is 1 x 42 x 56 .*; the model takes 1 x 28 x 28", "predict", "--model",
                            self.model, path, "--fit", "none")
        self.expect_failure(2, r"--fit: 'fill' is not auto, none, stretch or mnist", "predict", "--model", self.model, path,
                            "--fit", "fill")
        self.expect_failure(2, r"--invert: 'maybe' is not auto, yes or no", "predict", "--model", self.model, path,
                            "--invert", "maybe")
        # A picture of the right size stays as it is unless --fit mnist asks for more.
        self.assertEqual(self.answer(self.write("y.pgm", pgm(SIDE, SIDE, self.values)))[0]["fit"], "none")
        self.assertEqual(self.answer(self.write("y.pgm", pgm(SIDE, SIDE, self.values)), "--fit", "mnist")[0]["fit"], "mnist")

    def test_blank_pictures(self):
        """Of any size; with --fit none they are taken as they are."""
        for side in (SIDE, 50):
            for value in (0, 128, 255):
                for content in (png(side, side, [value] * side * side), pgm(side, side, [value] * side * side),
                                png(side, side, [value, 0] * side * side, GREY_ALPHA)):
                    self.expect_failure(1, r"blank is empty: nothing in it differs from its border", "predict", "--model",
                                        self.model, self.write("blank", content))
        self.probabilities(pgm(SIDE, SIDE, bytes(SIDE * SIDE)), "--fit", "none")

    def test_other_models(self):
        """Grey pictures for a model of colours, and a box in proportion for other sizes."""
        directory = self.write_data("colours", train_images=None, test_images=None)
        pixels = [(i * 37) % 256 for i in range(40 * 144)]
        (directory / "train-images-idx4-ubyte").write_bytes(idx([40, 3, 6, 8], pixels))
        (directory / "t10k-images-idx4-ubyte").write_bytes(idx([10, 3, 6, 8], pixels[:1440]))
        model = self.directory / "colour"
        self.train("--data", directory, *TINY, "--save", model)
        grey = [(i * 5) % 256 for i in range(48)]
        expected = self.probabilities(pgm(8, 6, [v for v in grey for _ in range(3)], magic="P6"), model=model)
        self.assertEqual(self.probabilities(pgm(8, 6, grey), model=model), expected)
        self.assertIn("picture: made coloured\n", self.output)
        self.assertEqual(len(self.probabilities(pgm(80, 60, [v for _ in range(100) for v in grey]), model=model)), 5)
        self.assertIn("stretched from 60 x 80 to 6 x 8", self.output)
        self.expect_failure(2, r"--fit mnist is for models with one channel; .*colour has 3", "predict", "--model", model,
                            self.directory / "picture", "--fit", "mnist")
        small = self.directory / "small"
        data = self.write_data("small_data", train_images=idx([40, 14, 14], [0] * 40 * 196 ), test_images=idx([10, 14, 14], [0] * 1960))
        self.train("--data", data, *TINY, "--save", small)
        self.probabilities(pgm(90, 60, flat(seven(60, 90, 8))), model=small)
        self.assertRegex(self.output, r"the digit in a box of 10 x 10, its centre of mass in the middle of 14 x 14")

    def test_colours_become_grey(self):
        colours = [v for value in self.values for v in (value, value // 2, 255 - value if value else 0)]
        grey = [(299 * r + 587 * g + 114 * b + 500) // 1000 for r, g, b in zip(*[iter(colours)] * 3)]
        self.expect_values(grey, [pgm(SIDE, SIDE, colours, magic="P6"), png(SIDE, SIDE, colours, COLOURS)])
        self.assertIn("picture: made grey\n", self.output)

    def test_a_model_that_does_not_say(self):
        """Weights of elsewhere have no mean: what cannot be decided is said."""
        data = self.write_data("black", train_images=idx([40, 6, 8], [0] * 40 * 48), test_images=idx([10, 6, 8], [0] * 480))
        model = self.directory / "unknown"
        self.train("--data", data, *TINY, "--save", model)
        answer, = self.answer(self.write("x.pgm", pgm(8, 6, [255] * 48)), model=model)
        self.assertFalse(answer["inverted"])
        self.assertIn("its border is bright (1.00), and the model does not say how bright its training images were",
                      self.output)

    # ---- Other sources ----

    def test_standard_input(self):
        expected = self.probabilities(pgm(SIDE, SIDE, self.values))
        pages = idx([2, SIDE, SIDE], self.values * 2)
        for content in (pgm(SIDE, SIDE, self.values), png(SIDE, SIDE, self.values), gzip.compress(pages)):
            answers = self.answer("-", content=content)
            self.assertEqual([(a["file"], a["probabilities"]) for a in answers], [("-", expected)] * len(answers))
        answer, = self.answer("-:1", content=pages)
        self.assertEqual((answer["file"], answer["index"]), ("-", 1))
        table = b"label,%s\n" % b",".join(b"p%d" % i for i in range(784)) + b",".join(b"%d" % v for v in [7, *self.values])
        self.assertEqual(self.answer("-", content=table)[0]["probabilities"], expected)
        for arguments, content, code, pattern in [
            (["-"], b"", 1, rb"standard input is empty; expected a PNG"),
            (["-", "-"], pgm(SIDE, SIDE, self.values), 2, rb"standard input is named twice; it can be read once"),
            (["-"], b"hello", 1, rb"standard input is not a PNG"),
        ]:
            result = subprocess.run([self.program, "predict", "--model", self.model, *arguments], input=content,
                                    capture_output=True, timeout=300, check=False)
            self.assertEqual(result.returncode, code)
            self.assertRegex(result.stderr, pattern)
        # The answer does not replace the picture that it is read from.
        path = self.write("input.pgm", pgm(SIDE, SIDE, self.values))
        with path.open("rb") as stream:
            result = subprocess.run([self.program, "predict", "--model", self.model, "-", "--json", path], stdin=stream,
                                    capture_output=True, timeout=300, check=False)
        self.assertEqual(result.returncode, 2)
        self.assertRegex(result.stderr, rb"--json names \S*input.pgm, one of the images")
        self.assertEqual(path.read_bytes(), pgm(SIDE, SIDE, self.values))

    def test_tables_and_arrays(self):
        """Kaggle's test.csv has no labels."""
        expected = self.probabilities(pgm(SIDE, SIDE, self.values))
        line = ",".join(map(str, self.values))
        names = ",".join(f"pixel{i}" for i in range(784))
        header = "{'descr': '|u1', 'fortran_order': False, 'shape': (2, 28, 28), }"
        array = b"\x93NUMPY\1\0" + struct.pack("<H", len(header)) + header.encode() + bytes(self.values * 2)
        for name, content in [("test.csv", f"{names}\n{line}\n{line}\n".encode()), ("x.csv", f"3,{line}\n4,{line}\n".encode()),
                              ("x.csv.gz", gzip.compress(f"label,{names}\n3,{line}\n4,{line}\n".encode())), ("x.npy", array)]:
            answers = self.answer(self.write(name, content))
            self.assertEqual([a["probabilities"] for a in answers], [expected] * 2, name)
            self.assertEqual([a["index"] for a in answers], [0, 1])

    def test_one_image_in_an_array(self):
        """numpy.save and numpy.savetxt of one image, which is not one of several."""
        values, rows = self.values, [self.values[SIDE * y : SIDE * y + SIDE] for y in range(SIDE)]
        colours = [value for value in values for _ in range(3)]
        wide = [[value for value in row for _ in range(2)] for row in rows]  # 28 x 56
        text = "\n".join(" ".join(map(str, row)) for row in rows).encode()
        self.expect_values(values, [
            npy([SIDE, SIDE], values), npy([SIDE * SIDE], values), npy([SIDE, SIDE, 1], values),
            npy([SIDE, SIDE, 3], colours), npy([1, SIDE * SIDE], values), idx([SIDE, SIDE], values), text + b"\n",
            text.replace(b" ", b","), text.replace(b" ", b"  "),
            "\n".join(" ".join(f"{v:.18e}" for v in row) for row in rows).encode(),
        ])
        expected = self.probabilities(pgm(2 * SIDE, SIDE, flat(wide)))
        self.assertEqual(self.probabilities(npy([SIDE, 2 * SIDE], flat(wide))), expected)
        square = [value for row in wide for _ in range(2) for value in row]  # 56 x 56
        expected = self.probabilities(pgm(2 * SIDE, 2 * SIDE, square))
        for content in (npy([2 * SIDE, 2 * SIDE], square), npy([2 * SIDE, 2 * SIDE, 3], [v for v in square for _ in range(3)])):
            self.assertEqual(self.probabilities(content), expected)
        for pattern, content in [  # labels, and tables with labels, are no images
            (r"has 1 dimensions", npy([10000], bytes(10000))), (r"has 2 dimensions", npy([100, 10], bytes(1000))),
            (r"has 2 dimensions", npy([500, 785], bytes(500 * 785))), (r"has 2 dimensions", idx([10000, 8], bytes(80000))),
            (r"has 30 columns", b"\n".join([b",".join([b"1"] * 30)] * 200)),
        ]:
            self.expect_failure(1, pattern, "predict", "--model", self.model, self.write("x", content))

    def test_other_kinds(self):
        """Also those that begin with zeros as IDX does, or with P."""
        for kind, content in [
            ("a JPEG image", b"\xff\xd8\xff\xe0"), ("a JPEG 2000 image", b"\0\0\0\x0cjP  \r\n\x87\n"),
            (r"an image or video of the MP4 family", b"\0\0\0\x18ftypheic"), ("a JPEG XL image", b"\xff\x0a\0\0"),
            (r"an icon \(ICO\)", b"\0\0\1\0\1\0"), ("a Parquet file", b"PAR1\x15\4"), ("a PAM image", b"P7\nWIDTH 2\n"),
            ("a PFM image", b"Pf\n2 2\n-1\n"), ("an SVG drawing", b"<svg xmlns"), ("a DICOM image", bytes(128).replace(b"\0", b"a") + b"DICM"),
            ("empty", b""),
        ]:
            self.expect_failure(1, rf"x.png is {kind}.*; expected a PNG, PBM, PGM or PPM picture", "predict", "--model",
                                self.model, self.write("x.png", content))
        self.expect_failure(1, r"x.tga is not a PNG.*\(00 00 02 00\)", "predict", "--model", self.model,
                            self.write("x.tga", b"\0\0\2\0\0\0"))

    def test_help(self):
        text = self.run_program("predict", "--help").stdout
        for word in ("--fit HOW", "--invert WHEN", "PNG", "standard input"):
            self.assertIn(word, " ".join(text.split()))
        self.assertLessEqual(max(map(len, text.splitlines())), 80)
        self.assertNotIn(os.sep + "tmp", text)


if __name__ == "__main__":
    mnist_program.main()
