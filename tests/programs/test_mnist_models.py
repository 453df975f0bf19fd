# SPDX-License-Identifier: MIT
"""normnet-mnist evaluate, predict and export."""
import gzip
import json
import os
import subprocess
import threading
from pathlib import Path

import mnist_program
from mnist_program import FILES, TINY, idx, pgm


class Models(mnist_program.TestCase):
    """evaluate, predict and export."""

    def setUp(self):
        super().setUp()
        self.data = self.write_data()
        self.model = self.directory / "model"
        self.result = self.train("--data", self.data, *TINY, "--epochs", "3", "--lr", "0.1", "--save", self.model)
        self.pixels = (self.data / FILES[2]).read_bytes()[16:]

    def answer(self, *arguments):
        path = self.directory / "answer.json"
        result = self.run_program(*arguments, "--json", path)
        self.assertEqual((result.returncode, result.stderr), (0, ""), result)
        self.output = result.stdout
        return json.loads(path.read_text(encoding="utf-8"))

    def predict(self, *images, model=None):
        return self.answer("predict", "--model", model or self.model, *images)["images"]

    def image(self, name, content):
        path = self.directory / name
        path.write_bytes(content)
        return path

    def test_evaluate(self):
        last = self.result["history"][-1]
        result = self.answer("evaluate", "--model", self.model, "--data", self.data)
        self.assertEqual(result["weights_sha256"], self.result["weights_sha256"])
        self.assertEqual((result["loss"], result["accuracy"]), (last["test_loss"], last["test_accuracy"]))
        self.assertEqual(result["data"], {"source": str(self.data), "test_images": 10})
        confusion = result["confusion"]
        self.assertEqual([sum(row) for row in confusion], [2] * 5)
        self.assertEqual(sum(confusion[i][i] for i in range(5)) * 10, result["accuracy"])
        for i, entry in enumerate(result["classes"]):
            expected = {"class": i, "images": 2, "correct": confusion[i][i], "accuracy": confusion[i][i] * 50}
            self.assertEqual(entry, expected)
            row = "".join(f"{n:7d}" for n in confusion[i])
            self.assertIn(f"\n{i:5d}{row}        2  {entry['accuracy']:7.2f}%\n", self.output)
        self.assertIn(f"Test loss {last['test_loss']:.4f}, accuracy {last['test_accuracy']:.2f}%: ", self.output)
        # The same in one thread, from a file of weights, and without the training images.
        weights = self.directory / "weights"
        self.assertEqual(self.run_program("export", "--model", self.model, "--weights", weights).returncode, 0)
        (self.data / FILES[0]).unlink()
        (self.data / FILES[1]).unlink()
        again = self.answer("evaluate", "--model", weights, "--data", self.data, "--threads", "1")
        self.assertEqual({**again, "model": str(self.model)}, result)

    def test_evaluate_the_generated_digits(self):
        arguments = ["--data", "generated", "--limit", "600", "--epochs", "1", "--augment", "none"]
        model = self.directory / "generated"
        last = self.train(*arguments, "--label-smoothing", "0.1", "--save", model)["history"][-1]
        result = self.answer("evaluate", "--model", model)
        self.assertEqual((result["loss"], result["accuracy"]), (last["test_loss"], last["test_accuracy"]))
        self.assertEqual(result["data"], {"source": "generated", "test_images": 10000})

    def test_a_class_without_images(self):
        (self.data / FILES[3]).write_bytes(idx([10], [0, 1, 2, 3, 3] * 2))
        result = self.answer("evaluate", "--model", self.model, "--data", self.data)
        self.assertIsNone(result["classes"][4]["accuracy"])
        self.assertRegex(self.output, r"(?m)^    4 .* 0 +-$")

    def test_evaluate_mistakes(self):
        evaluate = ["evaluate", "--model", self.model, "--data"]
        for name, pattern, changed in [
            ("shape", r"model takes images of 1 x 6 x 8; the test images are 1 x 8 x 6", idx([10, 8, 6], [0] * 480)),
            ("rank", r"model takes images of 1 x 6 x 8; the test images are 2 x 3 x 8", idx([10, 2, 3, 8], [0] * 480)),
        ]:
            self.expect_failure(1, pattern, *evaluate, self.write_data(name, test_images=changed))
        labels = self.write_data("labels", test_labels=idx([10], [0, 5] * 5))
        self.expect_failure(1, r"model has 5 classes; the label of test image 1 is 5\n", *evaluate, labels)
        missing = self.directory / "nowhere" / "x"
        self.expect_failure(1, r"cannot open '.*nowhere/x'", "evaluate", "--model", missing)
        self.expect_failure(1, r"cannot write .*nowhere/x: No such", *evaluate, self.data, "--json", missing)
        self.expect_failure(1, r"train-labels-idx1-ubyte': ", "evaluate", "--model", self.data / FILES[1])

    def test_no_end(self):
        """Anything but a regular file is read up to a limit; a regular file of any size takes no room if it is sparse."""
        predict = ["predict", "--model", self.model]
        self.expect_failure(1, r": /dev/zero has no end within 1073741824 bytes; only regular files may be longer",
                            *predict, "/dev/zero")
        sparse = self.directory / "sparse"
        sparse.touch()
        os.truncate(sparse, 1 << 40)
        self.expect_failure(1, r"sparse has 1099511627776 bytes; expected up to 4294967296\n$", *predict, sparse)

    def test_names_in_any_script(self):
        """They keep the table's columns: all rows are as wide as the head."""
        picture = pgm(8, 6, self.pixels[:48])
        self.predict(*(self.image(name, picture) for name in ("größe.pgm", "日本.pgm", "plain.pgm")))
        head, *rows = [line for line in self.output.splitlines() if line.startswith("image ") or ".pgm " in line]
        self.assertEqual(len(rows), 3, self.output)
        for row in rows:
            self.assertEqual(sum(2 if ord(letter) > 0x2e80 else 1 for letter in row), len(head), self.output)

    def test_predict_idx(self):
        file = self.data / FILES[2]
        answers = self.predict(file)
        self.assertEqual([answer["index"] for answer in answers], list(range(10)))
        for answer in answers:
            self.assertEqual(answer["file"], str(file))
            self.assertAlmostEqual(sum(answer["probabilities"]), 1, 5)
            self.assertEqual(answer["probability"], max(answer["probabilities"]))
            self.assertEqual(answer["probabilities"][answer["class"]], answer["probability"])
            columns = "".join(f"{100 * p:7.2f}" for p in answer["probabilities"])
            head = f"{file}:{answer['index']}  {answer['class']:5d}  {100 * answer['probability']:11.2f} "
            self.assertIn(f"{head}{columns}\n", self.output)
        correct = sum(answer["class"] == i % 5 for i, answer in enumerate(answers))
        self.assertEqual(correct * 10, self.result["history"][-1]["test_accuracy"])
        self.assertEqual(self.predict(file, "--first", "3", "--count", "4"), answers[3:7])
        self.assertEqual(self.predict("--first", "8", file), answers[8:])
        self.assertEqual(self.predict(f"{file}:9", f"{file}:0"), [answers[9], answers[0]])
        named = self.image("digits:3", file.read_bytes())
        self.assertEqual(len(self.predict(named)), 10)
        self.assertEqual(self.predict(f"{named}:3")[0]["probabilities"], answers[3]["probabilities"])

    def test_predict_many(self):
        """More than one call predicts; 100 without --count."""
        file = self.image("many", idx([600, 6, 8], self.pixels * 60))
        self.assertEqual(len(self.predict(file)), 100)
        self.assertIn("Left out: 500 more images", self.output)
        answers = self.predict(file, "--count", "1000")
        self.assertNotIn("Left out", self.output)
        self.assertEqual([a["index"] for a in answers], list(range(600)))
        for i in range(10, 600):
            self.assertEqual(answers[i]["probabilities"], answers[i % 10]["probabilities"], i)

    def test_predict_pictures(self):
        """Every way to write an image leads to what the IDX file does."""
        answers = self.predict(self.data / FILES[2])
        for i in range(10):
            values = list(self.pixels[48 * i : 48 * i + 48])
            plain = "\n".join(" ".join(map(str, values[8 * y : 8 * y + 8])) for y in range(6))
            for content in (
                pgm(8, 6, values),
                pgm(8, 6, values, magic="P2"),
                pgm(8, 6, values, comment="# by a camera\n#\n"),
                f"P2 8\t6\r\n255\n{plain}".encode(),
                b"P5\n8# 9\n 6\n#\n255 " + bytes(values),
            ):
                answer = self.predict(self.image("picture.pgm", content))
                self.assertEqual(len(answer), 1)
                self.assertNotIn("index", answer[0])
                self.assertEqual(answer[0]["probabilities"], answers[i]["probabilities"], content)
        # A largest value below 255 is scaled up.
        for largest in (1, 15, 254):
            values = [(7 * i) % (largest + 1) for i in range(48)]
            scaled = [(2 * 255 * value + largest) // (2 * largest) for value in values]
            several = [
                self.image("small.pgm", pgm(8, 6, values, largest=largest)),
                self.image("plain.pgm", pgm(8, 6, values, magic="P2", largest=largest)),
                self.image("full.pgm", pgm(8, 6, scaled)),
            ]
            found = self.predict(*several)
            self.assertEqual([Path(a["file"]).name for a in found], ["small.pgm", "plain.pgm", "full.pgm"])
            self.assertEqual(found[0]["probabilities"], found[1]["probabilities"])
            self.assertEqual(found[0]["probabilities"], found[2]["probabilities"])

    def test_predict_from_a_pipe(self):
        """Images may come from another program."""
        answers = self.predict(self.data / FILES[2])
        pipe = self.make_pipe()
        for content, expected in [
            ((self.data / FILES[2]).read_bytes(), answers),
            (pgm(8, 6, self.pixels[:48]), answers[:1]),
        ]:
            writer = threading.Thread(target=pipe.write_bytes, args=(content,))
            writer.start()
            found = self.predict(pipe)
            writer.join()
            self.assertEqual([a["probabilities"] for a in found], [a["probabilities"] for a in expected])

    def test_predict_colours(self):
        planes = [[(i * k + 40 * channel) % 256 for k in range(48)] for channel in range(3) for i in (3, 5)]
        first, second = ([planes[i], planes[i + 2], planes[i + 4]] for i in (0, 1))
        flat = [v for i in range(20) for image in (first, second) for plane in image for v in plane]
        directory = self.write_data("colours", train_images=None, test_images=None)
        (directory / "train-images-idx4-ubyte").write_bytes(idx([40, 3, 6, 8], flat))
        (directory / "t10k-images-idx4-ubyte").write_bytes(idx([10, 3, 6, 8], flat[: 10 * 144]))
        model = self.directory / "colour"
        self.train("--data", directory, *TINY, "--save", model)
        answers = self.predict(directory / "t10k-images-idx4-ubyte", model=model)
        interleaved = [plane[k] for k in range(48) for plane in first]
        for magic in ("P6", "P3"):
            found = self.predict(self.image("x.ppm", pgm(8, 6, interleaved, magic=magic)), model=model)
            self.assertEqual(found[0]["probabilities"], answers[0]["probabilities"])

    def test_predict_mistakes(self):
        good = pgm(8, 6, [0] * 48)
        predict = ["predict", "--model", self.model, "--fit", "none"]
        for pattern, content in [
            (r"its size is 1 x 8 x 6 .*; the model takes 1 x 6 x 8", pgm(6, 8, [0] * 48)),
            (r"its size is 1 x 8 x 6 .*; the model takes 1 x 6 x 8", idx([1, 8, 6], [0] * 48)),
            (r"its size is 2 x 6 x 8 .*; the model takes 1 x 6 x 8", idx([1, 2, 6, 8], [0] * 96)),
            (r"is cut off: 1 x 6 x 8 values need 48 bytes, but the file has 47", good[:-1]),
            (r"is too long: 1 x 6 x 8 values need 48 bytes, but the file has 49", good + b"\0"),
            (r"is cut off: it ends where its next pixel should be", pgm(8, 6, [0] * 47, magic="P2")),
            (r"is too long: the byte 0x37 stands after its last pixel", pgm(8, 6, [0] * 48 + [7], magic="P2")),
            (r"its next pixel is 256; expected 0 to 255", pgm(8, 6, [256] * 48, magic="P2")),
            (r"its next pixel is 9+; expected 0 to 3", pgm(8, 6, [10**40 - 1] * 48, magic="P2", largest=3)),
            (r"its next pixel begins with the byte 0x2d instead of a digit", pgm(8, 6, [-1] * 48, magic="P2")),
            (r"a pixel is 4; its largest value is 3", pgm(8, 6, [4] * 48, largest=3)),
            (r"its largest value is 65536; expected 1 to 65535", pgm(8, 6, [0] * 96, largest=65536)),
            (r"its largest value is 0; expected 1 to 65535", pgm(8, 6, [0] * 48, largest=0)),
            (r"is cut off: 1 x 6 x 8 values need 96 bytes, but the file has 48", pgm(8, 6, [0] * 48, largest=256)),
            (r"a pixel is 257; its largest value is 256", pgm(8, 6, [1] * 96, largest=256)),
            (r"its next pixel is 2; expected 0 to 1", b"P1 8 6 " + b"2" * 48),
            (r"its width is 4097; expected 1 to 4096", pgm(4097, 6, [])),
            (r"its width is 9{20}; expected 1 to 4096", pgm(10**30 - 1, 6, [])),
            (r"its height is 0; expected 1 to 4096", pgm(8, 0, [])),
            (r"its height begins with the byte 0x78 instead of a digit", b"P5 8 x 255 "),
            (r"its height begins with the byte 0x2d", b"P5 8 -6 255 "),
            (r"there is no space before its width", b"P58 6 255 " + bytes(48)),
            (r"there is no space before its height", b"P5 8x6 255 " + bytes(48)),
            (r"is cut off: it ends where its width should be", b"P5"),
            (r"is cut off: it ends where its height should be", b"P5 8 # 6"),
            (r"is cut off after its header", b"P5 8 6 255"),
            (r"its largest value is followed by the byte 0x23", b"P5 8 6 255#\n" + bytes(48)),
            (r"is cut off: its list of files is missing", b"PK\3\4" + bytes(40)),
            (r"is an image or video of the MP4 family .*; expected a PNG, PBM", b"\0\0\0\x18ftypheic" + bytes(8)),
            (r"is a web page \(HTML\); expected a PNG, .*: a download", b"\n<!DOCTYPE html>"),
            (r"has 3 columns; expected a label and the pixels", b"label,0,1\n2,3"),
            (r"is cut off: 1 x 6 x 8 values need 6 bytes, but the file has 5", b"P4 8 6 " + bytes(5)),
            (r"is not a PNG, .* it begins with 'P7 8 6 \?", b"P7 8 6 " + bytes(6)),
            (r"is not a PNG, .* it begins with 'P' \(50", b"P"),
            (r"is too long: 1 x 6 x 8 values need 48 bytes, but the file has 51", good + b"P7 "),
            (r"is a PNG image; expected a", b"\x89PNG\r\n"),
            (r"is cut off: its compressed data", gzip.compress(good)[:-9]),
            (r"is empty; expected a PNG", b""),
            (r"is cut off: 2 x 6 x 8 values need 96 bytes, but the file has 95", idx([2, 6, 8], [0] * 95)),
            (r"has 1 dimensions instead of 3 to 4", idx([49], [0] * 49)),
        ]:
            with self.subTest(pattern=pattern):
                path = self.image("x.pgm", content)
                result = self.expect_failure(1, r"x\.pgm.*" + pattern, *predict, self.data / FILES[2], path)
                self.assertEqual(result.stdout, "")  # nothing is answered in part
        file = self.data / FILES[2]
        self.expect_failure(1, r"there is no image 10; the last of its 10 is 9", *predict, f"{file}:10")
        self.expect_failure(1, r"there is no image 10; the last of its 10 is 9", *predict, file, "--first", "10")
        picture = self.image("good.pgm", good)
        self.expect_failure(1, r"good.pgm holds one image; the index 0 is for files of several", *predict, f"{picture}:0")
        self.expect_failure(2, r"--first has no effect without a file of several images", *predict, picture, "--first", "1")
        self.expect_failure(2, r"--count has no effect without a file of several images", *predict, f"{file}:1", "--count", "1")
        self.expect_failure(1, r"cannot open .*missing.pgm: No such file", *predict, self.directory / "missing.pgm")
        self.expect_failure(1, r"cannot read .*", *predict, self.directory)
        missing = self.directory / "nowhere" / "x"
        self.expect_failure(1, r"cannot write .*nowhere/x: No such file", *predict, file, "--json", missing)
        self.expect_failure(1, r"cannot open '.*nowhere/x'", "predict", "--model", missing, file)

    def test_export(self):
        onnx, weights, link = (self.directory / name for name in ("m.onnx", "m.safetensors", "link"))
        link.symlink_to(weights)
        weights.touch()
        result = self.run_program("export", "--model", self.model, "--onnx", onnx, "--weights", link)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertEqual(result.stdout, f"Wrote {onnx}\nWrote {link}\n")
        self.assertTrue(link.is_symlink())
        self.assertIn(b"Conv", onnx.read_bytes())
        self.assertIn(b'"normnet.kind":"weights"', weights.read_bytes())
        self.assertNotIn(b"normnet.note", weights.read_bytes())
        missing = self.directory / "nowhere" / "x"
        export = ["export", "--model", self.model]
        self.expect_failure(1, r"cannot write .*nowhere/x: No such", *export, "--onnx", missing)
        onnx.unlink()
        self.expect_failure(1, r"cannot write .*nowhere/x", *export, "--onnx", onnx, "--weights", missing)
        self.assertFalse(onnx.exists())
        self.expect_failure(1, r"cannot open '.*nowhere/x'", "export", "--model", missing, "--onnx", onnx)


    def test_no_file_takes_the_place_of_another(self):
        """However the two are written."""
        link, missing = self.directory / "link", self.directory / "missing"
        link.symlink_to(self.model)
        missing.symlink_to("new")
        folder = self.directory / "folder"
        folder.symlink_to(self.directory)
        picture = self.image("picture.pgm", pgm(8, 6, [0] * 48))
        before = self.contents()
        evaluate, predict, export = ([word, "--model", self.model] for word in ("evaluate", "predict", "export"))
        train, images = ["train", "--data", self.data, *TINY], self.data / FILES[2]
        for pattern, *arguments in [
            (r"--model and --json both name the file", *evaluate, "--json", f"{self.directory}/./model"),
            (r"--model and --json both name the file", *evaluate, "--json", link),
            (r"--model and --json both name the file", *evaluate, "--json", folder / "model"),
            (r"--model and --json both name the file", *predict, picture, "--json", os.path.relpath(self.model, self.directory)),
            (r"--model and --onnx both name the file", *export, "--onnx", link),
            (r"--model and --weights both name the file", *export, "--weights", folder / "model"),
            (r"--onnx and --weights both name the file", *export, "--onnx", folder / "x", "--weights", f"{folder}/./x"),
            (r"--onnx and --weights both name the file", *export, "--onnx", missing, "--weights", folder / "new"),
            (r"--resume and --json both name the file", "train", "--resume", self.model, "--json", link),
            (r"--save and --json both name the file", *train, "--save", folder / "x", "--json", f"{folder}/./x"),
            (r"--save and --json both name the file", *train, "--save", folder / "new", "--json", missing),
            (r"--json names .*picture.pgm, one of the images", *predict, picture, "--json", folder / "picture.pgm"),
            (r"--json names .*images-idx3-ubyte, one of", *predict, f"{images}:3", "--json", images),
            (r"--json names .*, a file of the data set", *train, "--json", folder / "data" / FILES[1]),
            (r"--json names .*, a file of the data set", *evaluate, "--data", self.data, "--json", images),
        ]:
            with self.subTest(arguments=arguments):
                self.expect_failure(2, pattern, *arguments)
                self.assertEqual(self.contents(), before)
        self.expect_failure(1, r"labels-idx1-ubyte exists; ", *train, "--save", self.data / FILES[1])
        self.assertEqual(self.contents(), before)

    def contents(self):
        return {path: path.read_bytes() for path in self.directory.rglob("*") if path.is_file()}

    def test_output_that_goes_into_the_file(self):
        log = self.directory / "results.log"
        log.write_text("of other runs\n")
        for options in (["--json", "/dev/stdout"], ["--json", log]):
            with open(log, "a", encoding="utf-8") as stream:
                command = [self.program, "evaluate", "--model", self.model, "--data", self.data, *options]
                result = subprocess.run(command, stdout=stream, stderr=subprocess.PIPE, text=True, check=False)
            self.assertEqual(result.returncode, 1)
            self.assertRegex(result.stderr, r"^normnet-mnist: cannot write .*: the output of the program goes to it\n$")
            self.assertEqual(log.read_text(), "of other runs\n")

    def test_what_is_replaced_keeps_its_place_and_permissions(self):
        answer, weights, link = (self.directory / name for name in ("answer.json", "weights", "link"))
        for path in (answer, weights):
            path.touch()
            path.chmod(0o600)
        self.answer("evaluate", "--model", self.model, "--data", self.data)
        export = ["export", "--model", self.model]
        self.assertEqual(self.run_program(*export, "--weights", weights).returncode, 0)
        for path in (answer, weights):
            self.assertEqual(path.stat().st_mode & 0o777, 0o600)
            self.assertGreater(path.stat().st_size, 0)
        # A link that leads nowhere is followed, too.
        evaluate = ["evaluate", "--model", self.model, "--data", self.data]
        for option, command in [("--onnx", export), ("--json", evaluate)]:
            link.symlink_to("new")
            self.assertEqual(self.run_program(*command, option, link).returncode, 0)
            self.assertTrue(link.is_symlink())
            self.assertGreater((self.directory / "new").stat().st_size, 0)
            link.unlink()
            (self.directory / "new").unlink()


if __name__ == "__main__":
    mnist_program.main()
