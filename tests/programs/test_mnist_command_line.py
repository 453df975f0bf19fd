# SPDX-License-Identifier: MIT
"""The command line of normnet-mnist: help, options and mistakes."""
import platform
import time

import mnist_program
from mnist_program import TINY, pgm


class CommandLine(mnist_program.TestCase):
    def test_help(self):
        general = self.run_program("--help")
        self.assertEqual((general.returncode, general.stderr), (0, ""))
        self.assertIn("train", general.stdout)
        train = self.run_program("train", "--help")
        self.assertEqual((train.returncode, train.stderr), (0, ""))
        for option in (
            "data norm groups architecture epochs batch lr momentum schedule l1 l2 dropout augment seed threads json "
            "max-lr step-size step-gamma label-smoothing layer-dims affine virtual-batch nesterov limit cpu preset "
            "save save-every resume validate keep plot report classes"
        ).split():
            self.assertRegex(train.stdout, rf"(?m)^  --{option}\b")
        for command in ("train", "lr-find", "compare", "evaluate", "predict", "export"):
            self.assertRegex(general.stdout, rf"(?m)^  {command} ")
            text = self.run_program(command, "--help").stdout
            self.assertIn(f"Usage: normnet-mnist {command} ", text)
            self.assertIn("\n\nExamples:\n", text)
            self.assertLessEqual(max(map(len, (general.stdout + text).splitlines())), 80, text)

    def test_version(self):
        result = self.run_program("--version")
        self.assertEqual(result.returncode, 0)
        self.assertRegex(result.stdout, r"^normnet-mnist \d+\.\d+\.\d+\n$")

    def test_mistakes(self):
        for pattern, *arguments in [
            (r"a command is missing",),
            (r"there is no command 'trian'; did you mean train\?\n", "trian"),
            (r"there is no command 'Evaluate'; did you mean evaluate\?\n", "Evaluate"),
            (r"there is no command 'test'\n", "test"),
            (r"there is no command 'help'; did you mean --help\?\n", "help"),
            (r"there is no command '-help'; did you mean --help\?\n", "-help"),
            (r"a command is missing before --epochs, e.g. train\n", "--epochs", "3"),
            (r"--help takes no value\n", "train", "--help=all"),
            (r"--save needs a value: FILE; --nesterov is an option\n", "train", "--save", "--nesterov"),
            (r"--model needs a value: FILE; --json is an option\n", "predict", "--model", "--json", "x", "y.png"),
            (r"--save needs a value: FILE; for '--' write --save=--\n", "train", "--save", "--"),
            (r"--save needs a value: FILE; for '--x' write --save=--x\n", "train", "--save", "--x"),
            (r"--save needs a value: FILE; --epochs=3 is an option\n", "train", "--save", "--epochs=3"),
            (r"an option is missing before '--epochs'; did you mean --epochs\?\n", "train", "--", "--epochs", "3"),
            (r"there is no option '--epoch'; did you mean --epochs\?\n", "train", "--epoch", "3"),
            (r"there is no option '--ephocs'; did you mean --epochs\?\n", "train", "--ephocs=3"),
            (r"there is no option '--step_size'; did you mean --step-size\?\n", "train", "--step_size", "3"),
            (r"there is no option '--batch-size'; did you mean --batch\?\n", "train", "--batch-size", "3"),
            (r"there is no option '-epochs'; did you mean --epochs\?\n", "train", "-epochs", "3"),
            (r"there is no option '--Seed'; did you mean --seed\?\n", "train", "--Seed", "3"),
            (r"there is no option '--hlep'; did you mean --help\?\n", "train", "--hlep"),
            (r"there is no option '--colour'\n", "train", "--colour"),
            (r"there is no option '-e'\n", "train", "-e", "3"),
            (r"there is no option '-+'\n", "train", "---"),
            (r"there is no option '--x+'\n", "train", "--" + "x" * 100),
            (r"an option is missing before '3'\n", "train", "3"),
            (r"an option is missing before 'epochs'; did you mean --epochs\?\n", "train", "epochs=3"),
            (r"--epochs needs a value: N", "train", "--epochs"),
            (r"--epochs: '0' is not a whole number from 1 to 1000000", "train", "--epochs", "0"),
            (r"--epochs: '2x' is not", "train", "--epochs", "2x"),
            (r"--epochs: '' is not", "train", "--epochs="),
            (r"--epochs: ' 2' is not", "train", "--epochs", " 2"),
            (r"--epochs: '1.5' is not", "train", "--epochs=1.5"),
            (r"--seed: '9223372036854775808' is not a whole number from 0 to 2\^63 - 1", "train", "--seed", str(2**63)),
            (r"--seed: '-1' is not", "train", "--seed", "-1"),
            (r"--lr: 'fast' is not a number", "train", "--lr", "fast"),
            (r"--lr: 'nan' is not a number", "train", "--lr", "nan"),
            (r"--lr: 'inf' is not a number", "train", "--lr", "inf"),
            (r"--lr: '-0.1' is not a number", "train", "--lr", "-0.1"),
            (r"--lr: '0x1p-3' is not a number", "train", "--lr", "0x1p-3"),
            (r"--dropout: '1.5' is not a number from 0 to 1", "train", "--dropout", "1.5"),
            (r"--norm: 'bacth' is not none, batch, .* or rms; did you mean batch\?\n", "train", "--norm", "bacth"),
            (r"--norm: 'batchnorm2d' is not .*; did you mean batch\?\n", "train", "--norm", "batchnorm2d"),
            (r"--norm: 'GroupNorm' is not .*; did you mean group\?\n", "evaluate", "--norm", "GroupNorm"),
            (r"--norm: 'x' is not none, batch, group, layer, instance or rms\n", "train", "--norm", "x"),
            (r"--norm: '' is not none, batch, group, layer, instance or rms\n", "train", "--norm="),
            (r"--schedule: 'one_cycle' is not .*; did you mean one-cycle\?\n", "train", "--schedule", "one_cycle"),
            (r"--schedule: 'onecycle' is not .*; did you mean one-cycle\?\n", "train", "--schedule", "onecycle"),
            (r"--preset: 'fats' is not standard, fast or accurate; did you mean fast\?\n", "train", "--preset", "fats"),
            (r"--affine: 'chanel' is not .*; did you mean channel\?\n", "train", "--affine", "chanel"),
            (r"--cpu: 'avx' is not .*; did you mean avx2\?\n", "train", "--cpu", "avx"),
            (r"--schedule: 'cosine' is not constant, step or one-cycle", "train", "--schedule", "cosine"),
            (r"--preset: 'quick' is not standard, fast or accurate", "train", "--preset", "quick"),
            (r"--nesterov takes no value", "train", "--nesterov=1"),
            (r"--threads: '0' is not", "train", "--threads", "0"),
            (r"--groups has no effect without group norm", "train", "--norm", "batch", "--groups", "4"),
            (r"--layer-dims has no effect without layer norm", "train", "--layer-dims", "1"),
            (r"--virtual-batch has no effect without batch norm", "train", "--norm=none", "--virtual-batch=16"),
            (r"--norm has no effect without a layer `norm`", "train", "--norm=group", "--architecture", "gap conv1-10"),
            (r"--groups has no effect without group norm", "train", "--groups=2", "--architecture", "groupnorm4 gap"),
            (r"--affine has no effect without a norm", "train", "--norm", "none", "--affine", "element"),
            (r"--affine has no effect without a norm", "train", "--affine", "channel", "--architecture", "gap fc-2"),
            (r"--dropout has no effect without a layer `dropout`", "train", "--preset", "fast", "--dropout", "0.5"),
            (r"--dropout has no effect without a layer", "train", "--dropout=.1", "--architecture", "dropout.5 gap"),
            (r"--step-size has no effect without --schedule step", "train", "--step-size", "3"),
            (r"--max-lr has no effect without --schedule one-cycle", "train", "--schedule", "step", "--max-lr", "1"),
            (r"--lr 0.1 and --max-lr 0.2 both", "train", "--lr", "0.1", "--max-lr", "0.2"),
            (r"--save-every has no effect without --save", "train", "--save-every", "5"),
            (r"--save-every: '-1' is not a whole number", "train", "--save", "x", "--save-every", "-1"),
            (r"--save and --json both name the file x", "train", "--save", "x", "--json", "x"),
            (r"--model FILE is missing", "evaluate"),
            (r"--model FILE is missing", "predict", "seven.pgm"),
            (r"--model FILE is missing", "export", "--onnx", "x.onnx"),
            (r"an image is missing", "predict", "--model", "m"),
            (r"there is no option '--modl'; did you mean --model\?\n", "predict", "--modl", "m", "seven.pgm"),
            (r"there is no option '--batch'\n", "evaluate", "--model", "m", "--batch", "5"),
            (r"an option is missing before 'm'\n", "evaluate", "m"),
            (r"--count: '0' is not a whole number from 1", "predict", "--model", "m", "x", "--count", "0"),
            (r"--first: '-1' is not a whole number from 0", "predict", "--model", "m", "x", "--first", "-1"),
            (r"--onnx FILE or --weights FILE is missing", "export", "--model", "m"),
            (r"--model and --onnx both name the file m", "export", "--model", "m", "--onnx", "m"),
            (r"--model and --weights both name the file m", "export", "--model", "m", "--weights", "m"),
            (r"--model and --json both name the file m", "evaluate", "--model", "m", "--json", "m"),
            (r"--model and --json both name the file m", "predict", "x.pgm", "--model", "m", "--json", "m"),
            (r"--onnx and --weights both name the file x", "export", "--model", "m", "--onnx", "x", "--weights", "x"),
            (r"--augment has 5000 characters; expected at most 4096", "train", "--augment", "x" * 5000),
            (r"--save needs a value: FILE", "train", "--save", ""),
            (r"--json needs a value: FILE", "train", "--json="),
            (r"--data needs a value: DIR", "train", "--data", ""),
            (r"--resume needs a value: FILE", "train", "--resume", ""),
            (r"--augment needs a value: SPEC", "train", "--augment", ""),
            (r"--model needs a value: FILE", "evaluate", "--model", ""),
        ]:
            with self.subTest(arguments=arguments):
                self.expect_failure(2, pattern, *arguments)

    def test_the_end_of_the_options(self):
        """After -- a name may begin with dashes, and -- may be such a name."""
        data, model = self.write_data(), self.directory / "model"
        self.train("--data", data, *TINY, "--save", model)
        for name in ("--help", "-x.pgm", "--", "seven.pgm"):
            (self.directory / name).write_bytes(pgm(8, 6, [200] * 48))
            result = self.run_program("predict", "--model", model, "--", name)
            self.assertEqual((result.returncode, result.stderr), (0, ""), result)
            self.assertRegex(result.stdout, rf"(?m)^{name} ")
        self.assertEqual(self.run_program("predict", "--", "seven.pgm", "-x.pgm", "--model").returncode, 2)
        self.assertEqual(self.run_program("train", "--data", data, *TINY, "--save=--model").returncode, 0)
        self.assertTrue((self.directory / "--model").exists())

    def test_augment_mistakes(self):
        for spec, pattern in [
            ("rotat:6", r"'rotat' at column 1; expected rotate, affine, elastic or jitter; did you mean rotate\?\n"),
            ("non", r"'non' at column 1; expected rotate, affine, elastic or jitter; did you mean none\?\n"),
            ("rotate:6,jiter:.4", r"rotate has no parameter 'jiter' \(column 10\); did you mean jitter\?\n"),
            ("affine:sheer=7", r"affine has no parameter 'sheer=7' \(column 8\); did you mean shear\?\n"),
            ("rotate:6,", r"a parameter of rotate is missing at column 10"),
            ("affine:deg=7,,shear=7", r"a parameter of affine is missing at column 14"),
            ("rotate:6,none", r"'none' at column 10"),
            ("rotate:6,fil=1", r"rotate has no parameter 'fil=1' \(column 10\)"),
            ("rotate:361", r"'361' at column 8: deg of rotate is a number from 0 to 360"),
            ("rotate:-6", r"'-6' at column 8"),
            ("rotate:6:fill=1.5", r"fill of rotate is a whole number from 0 to 255"),
            ("rotate:6:fill=256", r"fill of rotate is a whole number from 0 to 255"),
            ("rotate:6x", r"'6x' at column 8"),
            ("rotate:nan", r"'nan' at column 8"),
            ("rotate:0x10", r"'0x10' at column 8"),
            ("rotate,jitter", r"jitter at column 8 needs parameters, e.g. jitter:.4"),
            ("affine:7", r"affine has no parameter '7' \(column 8\)"),
            ("affine:deg=", r"'deg=' at column 8"),
            ("affine:scale=.8", r"scale of affine is a range LOW-HIGH from 0.1 to 10"),
            ("affine:scale=1.2-.8", r"scale of affine is a range LOW-HIGH"),
            ("affine:scale=0-1", r"scale of affine is a range LOW-HIGH"),
            ("affine:shear=90", r"shear of affine is a number from 0 to 80"),
            ("affine:translate=2", r"translate of affine is a number from 0 to 1"),
            ("rotate:6:interpolation=bicubic", r"'interpolation=bicubic' at column 10: interpolation of rotate is nearest or "
                                               r"bilinear\n"),
            ("affine:deg=7,interpolation=bilinaer", r"at column 14: interpolation of affine is nearest or bilinear; did "
                                                    r"you mean bilinear\?\n"),
            ("affine:interpolation=", r"'interpolation=' at column 8: interpolation of affine is nearest or bilinear\n"),
            ("rotate:6:interpolation=near", r"'interpolation=near' at column 10"),
            ("jitter:interpolation=nearest", r"jitter has no parameter 'interpolation=nearest'"),
            ("elastic:50", r"elastic has no parameter '50' \(column 9\)"),
            ("elastic:alpha=1001", r"alpha of elastic is a number from 0 to 1000"),
            ("elastic:sigma=0", r"sigma of elastic is a number from 0.5 to 100"),
            ("elastic:sigma=4,alpa=3", r"elastic has no parameter 'alpa=3' \(column 17\); did you mean alpha\?\n"),
            ("jitter:2", r"brightness of jitter is a number from 0 to 1"),
            (",".join(["jitter:.1"] * 17), r"more than 16 operations at column 161"),
            (",".join(["affine"] * 6), r"more than 16 operations at column 36"),
        ]:
            with self.subTest(spec=spec):
                self.expect_failure(2, r"^normnet-mnist: --augment: .*(?:" + pattern + ")", "train", "--augment", spec)

    def test_network_mistakes(self):
        """What the library rejects is a mistake on the command line too, with options in the place of its fields."""
        data = self.write_data()
        missing = {"x86_64": "neon", "AMD64": "neon"}.get(platform.machine(), "avx512")
        for pattern, *arguments in [
            (r"conv3-8x", "--architecture", "conv3-8x gap conv1-5"),
            (r"4", "--architecture", "conv3-4 gap conv1-4"),
            (r"-1", "--norm", "group", "--groups", "-1"),
            (r": --virtual-batch is 24; expected a multiple of 16\n", "--virtual-batch", "24"),
            (r": --momentum is 1; expected 0 to less than 1, e.g. 0.9\n", "--momentum", "1"),
            (rf": --cpu is {missing}: not available on this machine or in this build\n", "--cpu", missing),
            (r": --nesterov .* needs a --momentum above 0\n", "--nesterov", "--momentum", "0"),
            (r": --nesterov .* needs a --momentum above 0\n", "--preset", "fast", "--momentum", "0"),
        ]:
            for command, *options in (["train", *TINY[:2]], ["lr-find"]):
                with self.subTest(command=command, arguments=arguments):
                    options += ["--data", data, *TINY[2:], *arguments]
                    result = self.expect_failure(2, pattern, command, *options)
                    self.assertNotIn("config.", result.stderr)

    def test_layers_that_take_an_option(self):
        data = self.write_data()
        for architecture, *arguments in [
            ("conv3-4 groupnorm gap conv1-5", "--groups", "2"),
            ("conv3-4 layernorm gap conv1-5", "--layer-dims", "2"),
            ("conv3-4 batchnorm gap conv1-5", "--virtual-batch", "16", "--norm", "none"),
            ("conv3-4 groupnorm4 gap conv1-5", "--affine", "none"),
            ("conv3-4\tdropout\ngap conv1-5", "--dropout", "0.1"),
            ("conv3-4 gap conv1-5", "--dropout", "0", "--norm", "none"),
        ]:
            with self.subTest(architecture=architecture):
                self.train("--data", data, *TINY[:4], "--architecture", architecture, *arguments)

    def test_a_last_batch_that_is_too_short(self):
        """Batch norm over 1 x 1 pixels cannot be trained on one image, which is known before the first."""
        data = self.write_data()
        for network in ("conv3-4 gap conv1-4 norm conv1-5", "conv3-4 gap flatten norm fc-5"):
            arguments = ["train", "--data", data, "--architecture", network]
            for pattern, *options in [
                (r"40 training images in batches of 13 end with a batch of 1: layer \d .*1x1", "--batch", "13"),
                (r"40 training images in batches of 1 end with a batch of 1: layer", "--batch", "1"),
                (r"1 training image in batches of 1 end with a batch of 1: layer", "--limit", "1"),
                (r"33 training images in .* choose another --batch or --limit\n", "--limit", "33", "--batch", "32"),
            ]:
                start = time.monotonic()
                result = self.expect_failure(2, pattern, *arguments, *options)
                self.assertEqual(result.stdout, "")
                self.assertLess(time.monotonic() - start, 600)
            for options in ("--batch=12", "--batch=13 --limit=39", "--batch=13 --norm=layer"):
                self.train(*arguments[1:], "--epochs", "1", *options.split())
        self.train("--data", data, *TINY, "--batch", "13")  # 6 x 8 pixels are enough


if __name__ == "__main__":
    mnist_program.main()
