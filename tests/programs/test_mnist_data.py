# SPDX-License-Identifier: MIT
"""Which data normnet-mnist reads, and which files it rejects."""
import gzip
import math

import mnist_program
from mnist_program import FILES, REAL_MNIST, SMALL_NETWORK, TINY, idx


class Data(mnist_program.TestCase):
    def test_any_shape_and_classes(self):
        result = self.train("--data", self.write_data(), *TINY)
        expected = {"training_images": 40, "test_images": 10, "channels": 1, "height": 6, "width": 8, "classes": 5}
        self.assertEqual({key: result["data"][key] for key in expected}, expected)
        self.assertIn(f"Data: {self.directory}/data\n", self.output)

    def test_mean_and_deviation(self):
        pixels = [(7 * i * i) % 256 for i in range(40 * 48)]
        result = self.train("--data", self.write_data(train_images=idx([40, 6, 8], pixels)), *TINY)
        mean = sum(pixels) / len(pixels)
        deviation = (sum((p - mean) ** 2 for p in pixels) / len(pixels)) ** 0.5
        self.assertEqual(result["data"]["mean"], [round(mean / 255, 4)])
        self.assertEqual(result["data"]["std"], [round(deviation / 255, 4)])
        # With --limit of the images that are used, from files as from the generator.
        result = self.train("--data", self.directory / "data", *TINY, "--limit", "3")
        used = pixels[: 3 * 48]
        mean = sum(used) / len(used)
        deviation = (sum((p - mean) ** 2 for p in used) / len(used)) ** 0.5
        self.assertEqual(result["data"]["mean"], [round(mean / 255, 4)])
        self.assertEqual(result["data"]["std"], [round(deviation / 255, 4)])
        self.assertEqual(result["data"]["classes"], 5)

    def test_colour_images(self):
        """Files with four dimensions are N x C x H x W; each channel has its own mean."""
        train = bytes(value for i in range(40) for value in [i] * 48 + [200] * 48)
        directory = self.write_data(train_images=None, test_images=None)
        (directory / "train-images-idx4-ubyte").write_bytes(idx([40, 2, 6, 8], train))
        (directory / "t10k-images.idx4-ubyte").write_bytes(idx([10, 2, 6, 8], train[: 10 * 96]))
        result = self.train("--data", directory, *TINY)
        self.assertEqual((result["data"]["channels"], result["data"]["height"]), (2, 6))
        self.assertEqual(result["data"]["mean"], [round(19.5 / 255, 4), round(200 / 255, 4)])
        self.assertEqual(result["data"]["std"][1], 1)

    def test_defaults_fit_the_data(self):
        """The networks of all presets take the classes and the image size of the data."""
        for shape, classes in [((28, 28), 26), ((28, 28), 47), ((8, 8), 10), ((16, 16), 10), ((3, 32, 32), 10),
                               ((9, 40), 3)]:
            train, test = 3 * classes, classes
            size = math.prod(shape)
            directory = self.write_data(
                f"{classes}-{'x'.join(map(str, shape))}",
                train_images=idx([train, *shape], bytes(i * i % 251 for i in range(train * size))),
                train_labels=idx([train], [i % classes for i in range(train)]),
                test_images=idx([test, *shape], bytes(i * i % 251 for i in range(test * size))),
                test_labels=idx([test], list(range(classes))))
            for preset in ("standard", "fast", "accurate"):
                with self.subTest(shape=shape, classes=classes, preset=preset):
                    result = self.train("--data", directory, "--preset", preset, "--epochs", "1", "--threads", "1")
                    self.assertEqual((result["data"]["classes"], result["data"]["height"]), (classes, shape[-2]))
                    self.assertTrue(result["configuration"]["architecture"].endswith(f"-{classes}"))

    def test_images_too_small_for_the_default(self):
        directory = self.write_data()
        self.expect_failure(2, r"images of at least 8x8 pixels; height is 6 and width 8: set --architecture\n", "train", "--data", directory)

    def test_broken_files(self):
        images, labels = idx([40, 6, 8], [0] * (40 * 48)), idx([40], [i % 5 for i in range(40)])
        cases = [
            (r"cannot open .*train-images-idx3-ubyte: No such file", "train_images", None),
            (r"cannot open .*t10k-labels-idx1-ubyte: No such file", "test_labels", None),
            (r"train-images.* is empty; expected an IDX file", "train_images", b""),
            (r"train-images.* is too short for an IDX file: 3 bytes", "train_images", b"\0\0\x08"),
            (r"train-images.* is not an IDX file: it begins with .*\(ff 00 08 03\)", "train_images", b"\xff" + images[1:]),
            (r"train-images.* is a web page .*: a download has failed", "train_images", b"<html>" + images),
            (r"train-labels.* is a PGM image; expected an IDX file", "train_labels", b"P5\n1 1\n255\nx"),
            (r"train-images.* is cut off: its compressed data", "train_images", gzip.compress(images)[:-1]),
            (r"train-images.* is damaged: its checksum", "train_images", gzip.compress(images)[:-8] + bytes(8)),
            (r"train-images.* is too long: something", "train_images", gzip.compress(images) + b"x"),
            (r"train-labels.* holds values of the unknown IDX type 0x0a", "train_labels", idx([40], [0] * 40, 0x0A)),
            (r"train-labels.* is cut off: 40 values need 160 bytes, but the file has 40", "train_labels", idx([40], [0] * 40, 0x0D)),
            (r"train-labels.* has 3 dimensions instead of 1", "train_labels", images),
            (r"train-images.* has 1 dimensions instead of 3 to 4", "train_images", labels),
            (r"train-images.* is cut off inside its header: 10 bytes of 16", "train_images", images[:10]),
            (r"train-images.* is cut off: 40 x 6 x 8 values need 1920 bytes, but the file has 1919", "train_images", images[:-1]),
            (r"train-labels.* is too long: 40 values need 40 bytes, but the file has 42", "train_labels", labels + b"\0\0"),
            (r"train-images.* its dimension 2 is 0; expected 1", "train_images", idx([40, 0, 8], [])),
            (r"train-images.* its dimension 1 is 4294967295; expected 1", "train_images", idx([2**32 - 1, 1, 1], [])),
            (r"train-images.* the product of its dimensions is above 2\^63", "train_images", idx([2**31 - 1] * 3, [])),
            (r"40 images in .*train-images.*, but 39 labels in .*train-labels", "train_labels", idx([39], [1] * 39)),
            (r"10 images in .*t10k-images.*, but 11 labels in .*t10k-labels", "test_labels", idx([11], [1] * 11)),
            (r"training images are 6 x 8, but the test images are 8 x 6", "test_images", idx([10, 8, 6], [0] * 480)),
            (r"the label of test image 3 is 9; the training labels have 5 classes", "test_labels", idx([10], [0, 1, 2, 9, 4] * 2)),
            (r"all training labels are 0", "train_labels", idx([40], [0] * 40)),
        ]
        for number, (pattern, file, content) in enumerate(cases):
            with self.subTest(pattern=pattern):
                directory = self.write_data(f"data{number}", **{file: content})
                self.expect_failure(1, pattern, "train", "--data", directory, *TINY)

    def test_a_directory_where_a_file_should_be(self):
        directory = self.write_data(train_labels=None)
        (directory / FILES[1]).mkdir()
        self.expect_failure(1, r"cannot read .*train-labels-idx1-ubyte: ", "train", "--data", directory, *TINY)

    def test_where_it_looks(self):
        """--data, then NORMNET_DATA, then the cache, then generated digits."""
        first, second, third = (self.write_data(name) for name in ("first", "second", "third"))
        cache = self.home / ".cache" / "normnet"
        cache.mkdir(parents=True)
        generated = ["--limit", "100", "--epochs", "1", *SMALL_NETWORK]
        self.assertEqual(self.train(*generated)["data"]["source"], "generated")
        self.assertIn("Data: generated digits", self.output)
        third.rename(cache / "mnist")
        self.assertEqual(self.train(*TINY)["data"]["source"], str(cache / "mnist"))
        other = self.directory / "other"
        self.assertEqual(self.train(*generated, XDG_CACHE_HOME=other)["data"]["source"], "generated")
        self.assertEqual(self.train(*generated, "--data", "generated")["data"]["source"], "generated")
        self.assertEqual(self.train(*TINY, NORMNET_DATA=second)["data"]["source"], str(second))
        self.assertEqual(self.train(*TINY, "--data", first, NORMNET_DATA=second)["data"]["source"], str(first))
        self.expect_failure(1, r"cannot open .*nowhere", "train", *TINY, NORMNET_DATA=self.directory / "nowhere")

    def test_equal_pixels(self):
        data = self.write_data("equal", train_images=idx([40, 6, 8], [51] * 40 * 48))
        self.assertEqual(self.train("--data", data, *TINY)["data"]["std"], [1])
        self.assertIn("; training mean 0.2000, standard deviation 0 (of equal pixels; 1 is used)\n", self.output)

    def test_real_mnist(self):
        if not REAL_MNIST:
            self.skipTest("NORMNET_DATA does not name a directory with MNIST")
        arguments = ["--epochs", "2", "--augment", "none", *SMALL_NETWORK]
        result = self.train("--data", REAL_MNIST, *arguments)
        self.assertEqual((result["data"]["mean"], result["data"]["std"]), ([0.1307], [0.3081]))
        self.assertEqual((result["data"]["training_images"], result["data"]["test_images"]), (60000, 10000))
        self.assertLess(result["history"][1]["train_loss"], result["history"][0]["train_loss"])


if __name__ == "__main__":
    mnist_program.main()
