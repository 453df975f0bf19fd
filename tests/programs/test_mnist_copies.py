# SPDX-License-Identifier: MIT
"""normnet-mnist evaluate and predict --tta: probabilities averaged over shifted copies."""
import json
import math
import struct

import mnist_program
from mnist_program import FILES, TINY, idx

ROWS, COLUMNS, CLASSES = 6, 8, 5
PIXELS = ROWS * COLUMNS


def shifted(image, x, y):
    """The image moved x columns to the right and y rows down; its border is repeated."""
    def source(i, shift, side):
        return min(max(i - shift, 0), side - 1)

    return [image[source(row, y, ROWS) * COLUMNS + source(column, x, COLUMNS)]
            for row in range(ROWS) for column in range(COLUMNS)]


def shifts(radius):
    """(x, y, weight) of each copy."""
    reach = range(-radius, radius + 1)
    return [(x, y, (radius + 1 - abs(x)) * (radius + 1 - abs(y)) / (radius + 1) ** 4) for x in reach for y in reach]


class Copies(mnist_program.TestCase):
    def setUp(self):
        super().setUp()
        self.data = self.write_data()
        self.model = self.directory / "model"
        # Two dimensional images, which a shift changes in both directions, and probabilities that are neither 0 nor 1.
        pixels = [(i % PIXELS * 13 + i // PIXELS * 71 + i * i % 19) % 256 for i in range(10 * PIXELS)]
        (self.data / FILES[2]).write_bytes(idx([10, ROWS, COLUMNS], pixels))
        self.images = [pixels[PIXELS * i : PIXELS * (i + 1)] for i in range(10)]
        network = ["--architecture", "conv3-4 norm relu flatten fc-5", "--label-smoothing", "0.1"]
        self.train("--data", self.data, *TINY[:4], "--epochs", "6", *network, "--save", self.model)

    def answer(self, *arguments):
        path = self.directory / "answer.json"
        path.unlink(missing_ok=True)
        result = self.run_program(*arguments, "--model", self.model, "--json", path)
        self.assertEqual((result.returncode, result.stderr), (0, ""), result)
        self.output = result.stdout
        return json.loads(path.read_text(encoding="utf-8"))

    def means(self, radius):
        """By predictions of single copies."""
        sums = [[0.0] * CLASSES for _ in self.images]
        for x, y, weight in shifts(radius):
            path = self.directory / "shifted"
            path.write_bytes(idx([10, ROWS, COLUMNS], [v for image in self.images for v in shifted(image, x, y)]))
            for total, answer in zip(sums, self.answer("predict", path)["images"]):
                for k, probability in enumerate(answer["probabilities"]):
                    total[k] += weight * probability
        return sums

    def test_predict(self):
        plain = self.answer("predict", self.data / FILES[2])["images"]
        for radius in (1, 2, 8):
            result = self.answer("predict", self.data / FILES[2], "--tta", radius)
            self.assertEqual(result["tta"], radius)
            means = self.means(radius)
            for answer, expected in zip(result["images"], means):
                for probability, mean in zip(answer["probabilities"], expected):
                    self.assertAlmostEqual(probability, mean, 6)
                self.assertAlmostEqual(sum(answer["probabilities"]), 1, 6)
                self.assertEqual(answer["class"], expected.index(max(expected)))
                self.assertEqual(answer["probability"], answer["probabilities"][answer["class"]])
            difference = max(abs(a - b) for answer, other in zip(result["images"], plain)
                             for a, b in zip(answer["probabilities"], other["probabilities"]))
            self.assertGreater(difference, 0.01)
        self.assertEqual(self.answer("predict", self.data / FILES[2], "--tta", "0")["images"], plain)

    def test_evaluate(self):
        labels = (self.data / FILES[3]).read_bytes()[-10:]
        for radius in (1, 3):
            result = self.answer("evaluate", "--data", self.data, "--tta", radius)
            self.assertEqual(result["tta"], radius)
            self.assertIn(f"Probabilities are means over {(2 * radius + 1) ** 2} copies of each image, shifted by up to "
                          f"{radius} pixels", self.output)
            means = self.means(radius)
            confusion = [[0] * CLASSES for _ in range(CLASSES)]
            loss = 0.0
            for label, mean in zip(labels, means):
                confusion[label][mean.index(max(mean))] += 1
                loss -= 0.9 * math.log(mean[label]) + 0.1 / CLASSES * sum(math.log(p) for p in mean)
            self.assertEqual(result["confusion"], confusion)
            self.assertEqual(result["accuracy"], 10.0 * sum(confusion[k][k] for k in range(CLASSES)))
            self.assertAlmostEqual(result["loss"], loss / 10, 5)
        # Without it, the same as in the training.
        plain = self.answer("evaluate", "--data", self.data)
        self.assertNotIn("tta", plain)
        self.assertEqual(self.answer("evaluate", "--data", self.data, "--tta", "0"), plain)

    def test_more_images_than_one_call_takes(self):
        """300 images, in any order and number of threads, have the probabilities of the ten that they repeat."""
        many = self.directory / "many"
        many.write_bytes(idx([300, ROWS, COLUMNS], [v for image in self.images for v in image] * 30))
        ten = self.answer("predict", self.data / FILES[2], "--tta", "1")["images"]
        for threads in ("1", "3"):
            answers = self.answer("predict", many, "--count", "300", "--tta", "1", "--threads", threads)["images"]
            for i, answer in enumerate(answers):
                self.assertEqual(answer["probabilities"], ten[i % 10]["probabilities"], i)
        data = self.write_data("many-data", test_images=many.read_bytes(),
                               test_labels=idx([300], (self.data / FILES[3]).read_bytes()[-10:] * 30))
        few = self.answer("evaluate", "--data", self.data, "--tta", "1")
        result = self.answer("evaluate", "--data", data, "--tta", "1")
        self.assertEqual(result["accuracy"], few["accuracy"])
        self.assertAlmostEqual(result["loss"], few["loss"], 12)

    def test_overflow(self):
        """As without copies: such an image is wrong and in no column, and the loss is no number."""
        (self.data / FILES[2]).write_bytes(idx([10, ROWS, COLUMNS], [255] * 480))
        tensors = {"1.weight": {"dtype": "F32", "shape": [5, PIXELS], "data_offsets": [0, 20 * PIXELS]}}
        header = json.dumps(tensors).encode()
        weights = self.directory / "huge.safetensors"
        weights.write_bytes(struct.pack("<Q", len(header)) + header + struct.pack("<f", 3e38) * (5 * PIXELS))
        described = ["--architecture", "flatten fc-5", "--image", "1x6x8", "--classes", "5"]
        answers = []
        for radius in ("0", "1"):
            result = self.run_program("evaluate", "--data", self.data, "--model", weights, *described, "--tta", radius)
            self.assertEqual((result.returncode, result.stderr), (0, ""), result)
            answers.append(result.stdout[result.stdout.index("Images by label") :])
            self.assertIn("Test loss nan, accuracy 0.00%: 0 of 10 images", answers[-1].replace("-nan", "nan"))
            predict = self.run_program("predict", self.data / FILES[2], "--model", weights, *described, "--tta", radius)
            self.assertEqual((predict.returncode, predict.stderr), (0, ""), predict)
        self.assertEqual(answers[0], answers[1])

    def test_mistakes(self):
        file = self.data / FILES[2]
        for command in (["evaluate", "--data", self.data], ["predict", file]):
            for radius in ("9", "-1", "one"):
                pattern = rf"--tta: '{radius}' is not a whole number from 0 to 8\n"
                self.expect_failure(2, pattern, *command, "--model", self.model, "--tta", radius)


if __name__ == "__main__":
    mnist_program.main()
