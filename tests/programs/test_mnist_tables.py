# SPDX-License-Identifier: MIT
"""normnet-mnist reads tables of images as people have them."""
import gzip

import mnist_program
from mnist_data_files import CONTENTS, LABELS, DataTestCase, table
from mnist_program import FILES, TINY, idx

ROWS = [[(LABELS[i] * 50 + 3 * k) % 256 for k in range(64)] for i in range(40)]
DARK = [[0, *row[1:]] for row in ROWS]  # with a corner as digits have it


class Tables(DataTestCase):
    def plain_weights(self, rows):
        flat = [value for row in rows for value in row]
        files = [idx([40, 8, 8], flat), CONTENTS[1], idx([10, 8, 8], flat[:640]), CONTENTS[3]]
        return self.weights(self.folder(**dict(zip(FILES, files))))

    def test_tables(self):
        """Kaggle's and others' CSV."""
        expected = self.plain_weights(ROWS)
        for names in [("train.csv", "test.csv"), ("mnist_train.csv", "mnist_test.csv"), ("Train.CSV", "test.csv"),
                      ("fashion-mnist_train.csv", "fashion-mnist_test.csv"), ("mnist_train_small.csv", "mnist_test.csv"),
                      ("digits/mnist_train.csv.gz", "digits/mnist_test.csv.gz")]:
            for options in [{}, {"header": False}, {"separator": ";"}, {"separator": "\t", "end": "\r\n"},
                            {"form": "{}.0"}, {"form": '"{}"'}, {"separator": ", "}]:
                contents = [table(40, **options), table(10, **options)]
                if names[0].endswith("gz"):
                    contents = [gzip.compress(c) for c in contents]
                directory = self.folder(**dict(zip(names, contents)))
                self.assertEqual(self.weights(directory), expected, (names, options))
                if options:
                    break
        for options in [{"header": False}, {"separator": ";"}, {"separator": "\t", "end": "\r\n"}, {"form": "{}.0"},
                        {"form": '"{}"'}, {"separator": ", "}]:
            directory = self.folder(**{"train.csv": b"\xef\xbb\xbf" + table(40, **options), "test.csv": table(10)})
            self.assertEqual(self.weights(directory), expected, options)
            self.assertEqual(self.weights(directory / "train.csv"), expected, options)
        scaled = b"\n".join(",".join([str(LABELS[i]), *(repr(v / 255) for v in ROWS[i])]).encode() for i in range(40))
        self.assertEqual(self.weights(self.folder(**{"train.csv": scaled, "test.csv": table(10)})), expected)

    def test_without_labels(self):
        """Kaggle's test.csv: the last sixth of the training images is the test set, and this is said."""
        directory = self.folder(**{"train.csv": table(36), "test.csv": table(10, label=False)})
        model = self.directory / "kaggle"
        result = self.train("--data", directory, *TINY, "--save", model)
        self.assertEqual((result["data"]["training_images"], result["data"]["test_images"]), (30, 6))
        self.assertIn("test.csv has no labels: the test images are the last 6 of the training images\n", self.output)
        answer = self.run_program("evaluate", "--model", model, "--data", directory)
        self.assertRegex(answer.stdout, rf"accuracy {result['history'][0]['test_accuracy']:.2f}%: \d of 6 images")
        self.expect_failure(1, r"train.csv has no labels: all of its 64 columns", "train", *TINY, "--data",
                            self.folder(**{"train.csv": table(9, label=False), "test.csv": table(9)}))

    def test_broken(self):
        good = table(40).splitlines(keepends=True)
        for pattern, content in [
            (r"train.csv is empty", b""),
            (r"train.csv has no images after its line of names", good[0]),
            (r"train.csv, line 3: column 65 is 'x'; expected a number", good[0] + good[1] + good[2].rsplit(b",", 1)[0] + b",x\n"),
            (r"train.csv, line 3: column 2 is ''; expected a number", good[0] + good[1] + b"1,,1" + good[2][4:]),
            (r"train.csv, line 3: it has fewer columns than the first line, which has 65", good[0] + good[1] + b"1,2\n"),
            (r"train.csv, line 2: it has more columns than the first line", good[0] + good[1].strip() + b",7\n"),
            (r"train.csv has 52 columns; expected a label and", b",".join([b"1"] * 52) + b"\n"),
            (r"train.csv is not a table of images: its first line has 0 columns; it begins with 'hello'", b"hello\n"),
            (r"the label of image 0 is 300; expected", good[0] + b"300" + good[1][1:]),
            (r"its values are from 0 to 999; expected", good[0] + b"1," + b"0," * 63 + b"999\n"),
        ]:
            with self.subTest(pattern=pattern):
                directory = self.folder(**{"train.csv": content, "test.csv": table(10)})
                self.expect_failure(1, pattern, "train", "--data", directory, *TINY)

    @staticmethod
    def written(count, names=None, row=None, separator=",", end="\n", last=""):
        """Lines of the columns that `row` makes of a number, a label and pixels."""
        row = row or (lambda number, label, pixels: [label, *pixels])
        lines = [separator.join(names)] if names else []
        lines += [separator.join(map(str, row(i, LABELS[i], DARK[i]))) for i in range(count)]
        return "".join(line + last + end for line in lines).encode()

    def test_other_forms(self):
        """Other separators, columns of numbers before, the label at the end, columns without names of pandas."""
        pixels = [f"pixel{i}" for i in range(64)]
        numbered = {"row": lambda number, label, values: [number, label, *values]}
        at_end = {"row": lambda number, label, values: [*values, label]}
        forms = [
            {"separator": " "}, {"separator": "   "}, {"separator": "|"}, {"last": ","}, {"last": " "}, {"last": ",\r"},
            {"row": lambda number, label, values: [f"{v:.18e}" for v in (label, *values)], "separator": " "},  # savetxt
            {"names": ["LABEL", *pixels], "last": ","}, {"names": ["Labels", *pixels], "separator": "\t"},
            {"names": ["digit", *pixels]}, {"names": ['"label"', *pixels]},
            {"names": [*map(str, range(65))]}, {"names": [*map(str, range(1, 66))]},
            at_end, {**at_end, "separator": " "}, {**at_end, "last": ","}, {**at_end, "names": [*pixels, "Class"]},
            *({**numbered, "names": [name, "label", *pixels]}
              for name in ("", '""', "id", "Id", "ImageId", "index", "Unnamed: 0", "image_id")),
            {"names": ["id", *pixels, "target"], "row": lambda number, label, values: [number, *values, label]},
            {"names": ["", "id", "label", *pixels], "row": lambda number, label, values: [number, 99, label, *values]},
        ]
        expected = self.plain_weights(DARK)
        for number, form in enumerate(forms):
            train, test = (self.written(count, **form) for count in (40, 10))
            directory = self.folder(**{"train.csv": train, "test.csv": test})
            self.assertEqual(self.weights(directory), expected, number)

    def test_numbers_are_no_labels(self):
        """A test.csv of a competition begins with the numbers of its images."""
        names = [f"pixel{i}" for i in range(64)]
        test = self.written(10, ["id", *names], lambda number, label, pixels: [number % 5, *pixels])
        result = self.train("--data", self.folder(**{"train.csv": table(36), "test.csv": test}), *TINY)
        self.assertEqual((result["data"]["training_images"], result["data"]["test_images"]), (30, 6))

    def test_a_label_that_stands_first(self):
        """Where the last pixel looks like a class, the first column stays the label."""
        def row(number, label, pixels):
            return [label + (label > 2), *pixels[:-1], number % 4]  # without class 3

        files = {"train.csv": self.written(40, row=row), "test.csv": self.written(10, row=row)}
        self.assertEqual(self.train("--data", self.folder(**files), *TINY[:-2])["data"]["classes"], 6)

    def test_other_kinds(self):
        for pattern, content in [
            (r"is a web page \(HTML\); expected a table of images \(CSV\): a download has failed", b"<!DOCTYPE html>"),
            (r"is a pointer of Git LFS; expected a table", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n"),
            (r"is text in UTF-16; expected a table .*: save it in UTF-8", table(40).decode().encode("utf-16")),
            (r"is a PNG image; expected a table", b"\x89PNG\r\n"),
            (r"is empty; expected a table", b""),
        ]:
            with self.subTest(pattern=pattern):
                directory = self.folder(**{"train.csv": content, "test.csv": table(10)})
                self.expect_failure(1, "train.csv " + pattern, "train", "--data", directory, *TINY)
                directory = self.folder(**{"train.csv": table(40), "test.csv.gz": gzip.compress(content)})
                self.expect_failure(1, "test.csv.gz " + pattern, "train", "--data", directory, *TINY)


if __name__ == "__main__":
    mnist_program.main()
