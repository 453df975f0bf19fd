# SPDX-License-Identifier: MIT
"""normnet-mnist evaluate and predict --classes FILE: the names of classes."""
import json

import mnist_program
from mnist_program import FILES, TINY

NAMES = ["T-shirt/top", "お", "Ankle boot", "a\"b\\c", "of a length that no table has room for"]


class ClassNames(mnist_program.TestCase):
    def setUp(self):
        super().setUp()
        self.data = self.write_data()
        self.model = self.directory / "model"
        self.train("--data", self.data, *TINY, "--save", self.model)

    def names_file(self, content, name="names.txt"):
        path = self.directory / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def answer(self, *arguments):
        path = self.directory / "answer.json"
        path.unlink(missing_ok=True)
        result = self.run_program(*arguments, "--json", path)
        self.assertEqual((result.returncode, result.stderr), (0, ""), result)
        self.output = result.stdout
        return json.loads(path.read_text(encoding="utf-8"))

    def evaluate(self, *arguments):
        return self.answer("evaluate", "--model", self.model, "--data", self.data, *arguments)

    def predict(self, *arguments):
        return self.answer("predict", "--model", self.model, self.data / FILES[2], *arguments)

    def test_ways_to_write_a_file(self):
        lines = "\n".join(NAMES)
        for content in (lines, lines + "\n", lines + "\n\n \n", "\ufeff" + lines, lines.replace("\n", "\r\n") + "\r\n",
                        "\n".join(f"  {name}\t" for name in NAMES)):
            with self.subTest(content=content):
                result = self.evaluate("--classes", self.names_file(content))
                self.assertEqual([entry["name"] for entry in result["classes"]], NAMES)
                self.assertEqual([entry["class"] for entry in result["classes"]], list(range(5)))

    def test_evaluate(self):
        plain = self.evaluate()
        named = self.evaluate("--classes", self.names_file("\n".join(NAMES)))
        for entry in named["classes"]:
            del entry["name"]
        self.assertEqual(named, plain)
        # Columns of the terminal, of which a character of East Asia takes two; the longest name is cut at 20.
        self.assertIn(f"\nlabel{'':21}{0:7d}", self.output)
        for label, name in enumerate(NAMES):
            width = sum(2 if ord(c) > 0x1100 else 1 for c in name[:20])
            counts = "".join(f"{n:7d}" for n in named["confusion"][label])
            self.assertIn(f"\n{label:5d} {name[:20]}{'':{20 - width}}{counts} ", self.output)

    def test_the_most_frequent_error(self):
        confusion = self.evaluate("--classes", self.names_file("\n".join(NAMES)))["confusion"]
        count, label, taken = max((confusion[i][k], -i, -k) for i in range(5) for k in range(5) if i != k)
        expected = f"{count} of 2 images of class {-label} {NAMES[-label]} taken for {-taken} {NAMES[-taken]}\n"
        self.assertIn(f"\nMost frequent error: {expected}", self.output)
        self.evaluate()
        self.assertIn(f"\nMost frequent error: {count} of 2 images of class {-label} taken for {-taken}\n", self.output)

    def test_predict(self):
        plain = self.predict()["images"]
        named = self.predict("--classes", self.names_file("\n".join(NAMES)))["images"]
        for answer, other in zip(named, plain):
            name = NAMES[answer["class"]]
            self.assertEqual(answer.pop("name"), name)
            self.assertEqual(answer, other)
            width = sum(2 if ord(c) > 0x1100 else 1 for c in name[:20])
            self.assertIn(f"  {answer['class']:5d} {name[:20]}{'':{20 - width}}  {100 * answer['probability']:11.2f} ",
                          self.output)

    def test_a_described_network(self):
        """The names also say how many classes a file of weights has."""
        weights = self.directory / "torch.safetensors"
        content = self.model.read_bytes()
        header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
        names = [key for key in header if key != "__metadata__" and not key.startswith("optim.")]
        body, entries = b"", {}
        for key in names:
            first, last = header[key]["data_offsets"]
            start = 8 + int.from_bytes(content[:8], "little")
            entries[key] = {**header[key], "data_offsets": [len(body), len(body) + last - first]}
            body += content[start + first : start + last]
        text = json.dumps(entries).encode()
        weights.write_bytes(len(text).to_bytes(8, "little") + text + body)
        described = ["--architecture", TINY[-1], "--image", "1x6x8"]
        evaluate = ["evaluate", "--model", weights, "--data", self.data, *described]
        result = self.answer(*evaluate, "--classes", self.names_file("\n".join(NAMES)))
        self.assertEqual([entry["name"] for entry in result["classes"]], NAMES)
        self.assertNotIn("name", self.answer(*evaluate, "--classes", "5")["classes"][0])
        # Names alone describe nothing.
        self.expect_failure(1, r"describe its network with", *evaluate[:5], "--classes", self.directory / "names.txt")

    def test_mistakes(self):
        evaluate = ["evaluate", "--model", self.model, "--data", self.data, "--classes"]
        predict = ["predict", "--model", self.model, self.data / FILES[2], "--classes"]
        for pattern, code, content in [
            (r"--classes: .*names.txt has 4 names, but .*model has 5 classes\n", 2, "\n".join(NAMES[:4])),
            (r"--classes: .*names.txt has 6 names, but .*model has 5 classes\n", 2, "\n".join([*NAMES, "x"])),
            (r"names.txt: line 2 is empty; expected the name of class 1\n", 1, "a\n\nb\nc\nd"),
            (r"names.txt: line 1 is empty", 1, "\na\nb\nc\nd\ne"),
            (r"names.txt: lines 1 and 4 both have the name 'a'\n", 1, "a\nb\nc\n a\nd"),
            (r"names.txt: line 3 is not UTF-8\n", 1, b"a\nb\n\xe4\nd\ne"),
            (r"names.txt: line 3 is not UTF-8\n", 1, b"a\nb\n\xed\xa0\x80\nd\ne"),
            (r"names.txt is empty; expected the name of a class per line\n", 1, ""),
            (r"names.txt is empty; expected the name of a class per line\n", 1, "\ufeff \r\n\r\n"),
            (r"names.txt is a PNG image; expected a text file with the name of a class per line", 1, b"\x89PNG\r\n\x1a\n\0\0"),
            (r"names.txt is not a text file with the name of a class per line: ", 1, b"a\0b\nc"),
        ]:
            path = self.names_file(content)
            for command in (evaluate, predict):
                with self.subTest(content=content, command=command[0]):
                    result = self.expect_failure(code, pattern, *command, path)
                    self.assertEqual(result.stdout, "")
        for command in (evaluate, predict):
            pattern = r"--classes: '.*nowhere' is neither a whole number from 1 to 1048576 nor a file of names\n"
            self.expect_failure(2, pattern, *command, self.directory / "nowhere")
            self.expect_failure(1, r"cannot read .*: |cannot open .*: ", *command, self.directory)
            self.expect_failure(2, r"--classes: '0' is not a whole number from 1 to 1048576\n", *command, "0")
            self.expect_failure(2, r"--classes: '1.5' is not a whole number", *command, "1.5")
            self.expect_failure(2, r"--classes: '1048577' is not", *command, "1048577")
            self.expect_failure(2, r"model already describes its network; --classes is not allowed\n", *command, "5")
        names = self.names_file("\n".join(NAMES))
        export = ["export", "--model", self.model, "--onnx", self.directory / "x.onnx", "--classes", names]
        self.expect_failure(2, r"--classes: '.*names.txt' is not a whole number from 1 to 1048576\n", *export)
        self.expect_failure(1, r"names.txt exists and was not written by", *evaluate, names, "--json", names)

    def test_control_characters(self):
        """They do not steer the terminal."""
        self.evaluate("--classes", self.names_file("a\x1b[31m\nb\tc\nd\x7f\ne\nf"))
        self.assertNotIn("\x1b", self.output)
        self.assertIn("a?[31m", self.output)
        self.assertIn("b?c", self.output)


if __name__ == "__main__":
    mnist_program.main()
