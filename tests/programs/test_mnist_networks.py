# SPDX-License-Identifier: MIT
"""normnet-mnist evaluate, predict and export for files of weights that do not say their network."""
import json
import struct

import mnist_program
from mnist_program import FILES, TINY, idx


def without_metadata(content):
    """The same tensors as PyTorch and Python's safetensors write them."""
    length = struct.unpack("<Q", content[:8])[0]
    header = json.loads(content[8 : 8 + length])
    header["__metadata__"] = {"format": "pt"}
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + content[8 + length :]


class Networks(mnist_program.TestCase):
    NETWORK = "conv3-4 norm relu gap conv1-5"

    def make(self, data, *arguments):
        """A model, a file of its weights alone, and the options that describe it but for the norm."""
        self.model, self.weights = self.directory / "model", self.directory / "torch.safetensors"
        result = self.train("--data", data, *TINY, *arguments, "--save", self.model)
        exported = self.directory / "exported"
        self.assertEqual(self.run_program("export", "--model", self.model, "--weights", exported).returncode, 0)
        self.weights.write_bytes(without_metadata(exported.read_bytes()))
        exported.unlink()
        about = result["data"]
        image = "x".join(str(about[side]) for side in ("channels", "height", "width"))
        scaling = [",".join(map(repr, about[name])) for name in ("mean", "std")]
        described = ["--architecture", self.NETWORK, "--image", image, "--classes", "5"]
        return [*described, "--mean", scaling[0], "--std", scaling[1]]

    def answer(self, *arguments):
        path = self.directory / "answer.json"
        path.unlink(missing_ok=True)
        result = self.run_program(*arguments, "--json", path)
        self.assertEqual((result.returncode, result.stderr), (0, ""), result)
        return {**json.loads(path.read_text(encoding="utf-8")), "model": ""}

    def test_the_same_results(self):
        data = self.write_data()
        for norm in (["group", "--groups", "2"], ["layer", "--layer-dims", "2", "--affine", "element"], ["batch"]):
            described = [*self.make(data, "--norm", *norm), "--norm", *norm]
            for command in (["evaluate", "--data", data], ["predict", data / FILES[2]]):
                expected = self.answer(*command, "--model", self.model)
                self.assertEqual(self.answer(*command, "--model", self.weights, *described), expected)
            # What export writes says its network, byte for byte as the export of the checkpoint.
            written = self.directory / "written.safetensors", self.directory / "expected.safetensors"
            for path, source in zip(written, ([self.weights, *described], [self.model])):
                export = self.run_program("export", "--model", *source, "--weights", path)
                self.assertEqual((export.returncode, export.stderr), (0, ""), export)
            self.assertEqual(written[0].read_bytes(), written[1].read_bytes())
            self.model.unlink()

    def test_colours(self):
        images = idx([40, 3, 6, 8], [(i * 7 + i // 48) % 256 for i in range(40 * 144)])
        data = self.write_data(train_images=None, test_images=None)
        (data / "train-images-idx4-ubyte").write_bytes(images)
        (data / "t10k-images-idx4-ubyte").write_bytes(idx([10, 3, 6, 8], images[20 : 20 + 1440]))
        described = self.make(data)
        expected = self.answer("evaluate", "--data", data, "--model", self.model)
        self.assertEqual(self.answer("evaluate", "--data", data, "--model", self.weights, *described), expected)

    def test_many_classes(self):
        """A small file asks for a table of 34 GB."""
        data, classes = self.write_data(), 65536
        header = json.dumps({"1.weight": {"dtype": "F32", "shape": [classes, 1, 1, 1], "data_offsets": [0, 4 * classes]}})
        weights = self.directory / "many.safetensors"
        weights.write_bytes(struct.pack("<Q", len(header)) + header.encode() + bytes(4 * classes))
        described = ["--architecture", f"gap conv1-{classes}", "--image", "1x6x8", "--classes", classes]
        self.expect_failure(1, r"many.safetensors has 65536 classes; the confusions of up to 1024 are counted\n",
                            "evaluate", "--data", data, "--model", weights, *described)
        self.answer("predict", data / FILES[2], "--model", weights, *described)

    def test_mistakes(self):
        data = self.write_data()
        described = self.make(data)
        evaluate = ["evaluate", "--data", data, "--model"]
        unknown = r"torch.safetensors': .*; describe its network with --architecture, --norm and so on\n"
        self.expect_failure(1, unknown, *evaluate, self.weights)
        self.expect_failure(1, unknown, "predict", "--model", self.weights, data / FILES[2])
        self.expect_failure(1, unknown, "export", "--model", self.weights, "--onnx", self.directory / "x")
        self.expect_failure(1, r"torch.safetensors.: .*tensor", *evaluate, self.weights, *described, "--norm", "none")
        for pattern, *arguments in [
            (r"model already describes its network; --norm is not allowed\n", self.model, "--norm", "group"),
            (r"--image: '28x28' is not channels, rows and columns such as 1x28x28", self.weights, "--image", "28x28"),
            (r"--image: '1x28x28x1' is not", self.weights, "--image", "1x28x28x1"),
            (r"--image has 65 channels; expected at most 64", self.weights, "--image", "65x8x8"),
            (r"--mean: '1,2' is not one number, or 1 separated by commas", self.weights, "--mean", "1,2"),
            (r"--std: 'x' is not one number", self.weights, "--std", "x"),
            (r"--std: '1,2' has 2 numbers; expected one, or one per channel: 3",
             self.weights, "--image", "3x6x8", "--std", "1,2"),
            (r"^normnet-mnist: --std is 0; expected", self.weights, *described, "--std", "0"),
            (r"relux", self.weights, *described, "--architecture", "conv3-4 relux gap"),
        ]:
            with self.subTest(arguments=arguments):
                self.expect_failure(2, pattern, *evaluate, *arguments)


if __name__ == "__main__":
    mnist_program.main()
