# SPDX-License-Identifier: MIT
"""normnet-mnist reads data as people have them: packed, with other names, in other places, types and formats."""
import gzip
import io
import zipfile
from pathlib import Path

import mnist_program
from mnist_data_files import CLASSES, CONTENTS, IMAGES, LABELS, PIXELS, SIZE, DataTestCase, archive, keras, npy, typed
from mnist_program import FILES, REAL_MNIST, SMALL_NETWORK, TINY, idx

class DataFiles(DataTestCase):
    def test_gzip_and_zip(self):
        self.expect_same(self.folder(**{name + ".gz": gzip.compress(c) for name, c in zip(FILES, CONTENTS)}))
        mixed = {name + (".gz" if i % 2 else ""): gzip.compress(c) if i % 2 else c
                 for i, (name, c) in enumerate(zip(FILES, CONTENTS))}
        self.expect_same(self.folder(**mixed))
        # Compressed without an ending that says so, in two members, and beside the unpacked files, which are taken.
        self.expect_same(self.folder(**{name: gzip.compress(c[:9]) + gzip.compress(c[9:])
                                        for name, c in zip(FILES, CONTENTS)}))
        both = {**dict(zip(FILES, CONTENTS)), **{name + ".gz": b"\x1f\x8b" for name in FILES}}
        self.expect_same(self.folder(**both))
        for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            packed = {}
            for name, content in zip(FILES, CONTENTS):
                file = io.BytesIO()
                with zipfile.ZipFile(file, "w", method) as writer:
                    writer.writestr("__MACOSX/._" + name, b"junk")
                    writer.writestr(name, content)
                packed[name + ".zip"] = file.getvalue()
            self.expect_same(self.folder(**packed))

    def test_archives(self):
        """All files of a set in one archive, as Kaggle's and EMNIST's downloads are; a file in it can be named."""
        def packed(files, method=zipfile.ZIP_DEFLATED):
            file = io.BytesIO()
            with zipfile.ZipFile(file, "w", method) as writer:
                writer.writestr("__MACOSX/._train-images-idx3-ubyte", b"junk")
                writer.writestr("MNIST/", b"")
                for name, content in files.items():
                    writer.writestr(name, content)
            return self.folder(**{"archive.zip": file.getvalue()}) / "archive.zip"

        files = dict(zip(FILES, CONTENTS))
        gzipped = {f"gzip/emnist-letters-{n}.gz": gzip.compress(c) for n, c in files.items()}
        for content in [
            files, {f"MNIST/raw/{n}": c for n, c in files.items()}, gzipped, {"readme.txt": b"", "deep/er/m.npz": keras(), },
            {f"a b/{n}": c for n, c in files.items()}, {f"{n}/{n}": c for n, c in files.items()},
        ]:
            for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                self.expect_same_file(packed(content, method))
        arrays = dict(zip(("x_train.npy", "y_train.npy", "x_test.npy", "y_test.npy"),
                          (npy([40, 6, 8], PIXELS), npy([40], LABELS), npy([10, 6, 8], PIXELS[:480]), npy([10], LABELS[:10]))))
        self.expect_same_file(packed(arrays))
        several = packed({**gzipped, **{f"other/{n}": gzip.compress(CONTENTS[1]) for n in FILES},
                          **{f"third/{n}": gzip.compress(CONTENTS[1]) for n in FILES}})
        name = "gzip/emnist-letters-t10k-labels-idx1-ubyte.gz"
        self.expect_same_file(several / name)
        # Commands other than train, and files that are no set.
        model = self.trained()
        answer = self.run_program("evaluate", "--model", model, "--data", several / name)
        self.assertIn("of 10 images", answer.stdout, answer)
        answer = self.run_program("predict", "--model", model, f"{several}/gzip/emnist-letters-t10k-images-idx3-ubyte.gz:3")
        self.assertEqual((answer.returncode, "ubyte.gz:3  " in answer.stdout), (0, True), answer)
        before = several.read_bytes()
        for pattern, code, arguments in [
            (r"archive.zip has 3 data sets; choose one by naming one of its files: \S*archive.zip/gzip/emnist-letters-train-"
             r"images-idx3-ubyte.gz, \S*archive.zip/other/train-images", 1, ["train", "--data", several]),
            (r"archive.zip has no file gzip/x; the first of its 12 is gzip/emnist", 1,
             ["predict", "--model", model, f"{several}/gzip/x"]),
            (r"archive.zip holds 12 files; name one of them, e.g. \S*archive.zip/gzip/emnist", 1,
             ["predict", "--model", model, several]),
            (r"the name of \S*archive.zip/gzip/x is not that of a file of a data set", 1, ["train", "--data", several / "gzip/x"]),
            (r"--json names \S*archive.zip, a file of the data set", 2,
             ["evaluate", "--model", model, "--data", several / name, "--json", several]),
            (r"--json names \S*archive.zip, one of the images", 2,
             ["predict", "--model", model, f"{several}/gzip/emnist-letters-t10k-images-idx3-ubyte.gz:3", "--json", several]),
            (r"cannot open \S*archive.zip/raw/t10k-labels-idx1-ubyte: No such file", 1,
             ["train", "--data", packed({f"raw/{n}": c for n, c in zip(FILES[:3], CONTENTS)})]),
            (r"archive.zip has no file of a data set, such as train-images-idx3-ubyte", 1,
             ["train", "--data", packed({"data/0/1.png": b"", "data/1/2.png": b""})]),
            (r"cannot open \S*model/x: \S*model is no zip archive", 1, ["predict", "--model", model, f"{model}/x"]),
        ]:
            with self.subTest(pattern=pattern):
                self.expect_failure(code, pattern, *arguments)
        self.assertEqual(several.read_bytes(), before)
        cut = self.folder(**{"cut.zip": before[:-9]}) / "cut.zip"
        self.expect_failure(1, r"cut.zip is cut off: its list of files is missing at the end", "train", "--data", cut)

    def trained(self):
        """A model of these images."""
        path = self.directory / "model"
        if not path.exists():
            self.train("--data", self.directory / "plain", *TINY, "--save", path)
        return path

    def test_a_bomb(self):
        """100 MB of zeros in 100 kB are refused before they are in memory."""
        bomb = gzip.compress(idx([131072, 28, 28], bytes(131072 * 784)))
        directory = self.folder(**{**dict(zip(FILES, CONTENTS)), FILES[0]: bomb})
        self.expect_failure(1, r"train-images\S* unpacks to more data than expected", "train", "--data", directory, *TINY)

    def test_names(self):
        for names in [
            "train-images.idx3-ubyte train-labels.idx1-ubyte t10k-images.idx3-ubyte t10k-labels.idx1-ubyte",
            "train-image-idx3-ubyte train-label-idx1-ubyte test-image-idx3-ubyte test-label-idx1-ubyte",
            "train.images.idx3.ubyte train.labels.idx1.ubyte t10k.images.idx3.ubyte t10k.labels.idx1.ubyte",
            "train_images_idx3_ubyte train_labels_idx1_ubyte test_images_idx3_ubyte test_labels_idx1_ubyte",
            "train-images-idx3-ubyte train-labels-idx1-ubyte test-images-idx3-ubyte test-labels-idx1-ubyte",
            "Train-Images-IDX3-UBYTE.GZ TRAIN-labels-idx1-ubyte.gz T10K-images-idx3-ubyte t10k-labels-idx1-ubyte",
            "train-images train-labels test-images test-labels",
            "train-images.idx train-labels.idx test-images.idx test-labels.idx",
            "emnist-letters-train-images-idx3-ubyte.gz emnist-letters-train-labels-idx1-ubyte.gz "
            "emnist-letters-test-images-idx3-ubyte.gz emnist-letters-test-labels-idx1-ubyte.gz",
            "qmnist-train-images-idx3-ubyte qmnist-train-labels-idx2-int qmnist-test-images-idx3-ubyte "
            "qmnist-test-labels-idx2-int",
            "MNIST/raw/train-images-idx3-ubyte MNIST/raw/train-labels-idx1-ubyte MNIST/raw/t10k-images-idx3-ubyte "
            "MNIST/raw/t10k-labels-idx1-ubyte",
            "raw/train-images-idx3-ubyte.gz raw/train-labels-idx1-ubyte.gz raw/t10k-images-idx3-ubyte.gz "
            "raw/t10k-labels-idx1-ubyte.gz",
            " ".join(f"{name}/{name}" for name in FILES),
        ]:
            with self.subTest(names=names):
                files = dict(zip(names.split(), CONTENTS))
                files = {n: gzip.compress(c) if n.lower().endswith("gz") else c for n, c in files.items()}
                directory = self.folder(**files, **{"notes.txt": b"", "other/notes.txt": b"", "__MACOSX/._x": b""})
                self.expect_same(directory)
                self.assertIn(f"Data: {directory}\n", self.output)
                self.assertIn(f"\n  {directory}/{names.split()[3]}\n", self.output)  # which files were meant

    def test_a_set_is_named_by_one_of_its_files(self):
        others = [idx([n], [(i + 1) % 5 for i in range(n)]) for n in (40, 10)]
        names = [f"{p}-{n}" for p in ("one", "two") for n in FILES]
        contents = CONTENTS + [CONTENTS[0], others[0], CONTENTS[2], others[1]]
        directory = self.folder(**dict(zip(names, contents)))
        pattern = r"set\d+ has 2 data sets; choose one by naming one of its files: \S*/one-\S+, \S*/two-\S+\n"
        self.expect_failure(1, pattern, "train", "--data", directory, *TINY)
        self.expect_same_file(directory / ("one-" + FILES[2]))
        self.assertNotEqual(self.weights(directory / ("two-" + FILES[0])), self.expected)
        # The plain names are those of the help: other sets beside them leave them alone.
        for name, content in zip(FILES, CONTENTS):
            (directory / name).write_bytes(content)
        self.expect_same(directory)
        # In different places.
        places = self.folder(**{f"{place}/raw/{name}": c for place in ("MNIST", "Fashion")
                                for name, c in zip(FILES, CONTENTS)})
        self.expect_failure(1, r"has 2 data sets.*Fashion/raw/.*MNIST/raw/", "train", "--data", places, *TINY)
        # Two files that may both be the test images.
        directory = self.folder(**dict(zip(FILES, CONTENTS)), **{"test-images-idx3-ubyte": CONTENTS[2]})
        self.expect_failure(1, r"t10k-images\S* and \S*test-images\S* both have the images", "train", "--data", directory,
                            *TINY)
        for pattern, content in [
            (r"the name of \S*strange is not that of a file of a data set, such as train-images", b"hello"),
            (r"the name of \S*strange is not that of a file of a data set, such as train-images", b"label,a,b\n"),
            (r"strange is empty; expected a directory of a data set, or a file of one", b""),
            (r"strange is a Parquet file; expected a directory", b"PAR1"),
            (r"strange is a pickle of Python; expected a directory", gzip.compress(b"\x80\2}q")),
            (r"strange is a tar archive; expected a directory .*: unpack it first",
             gzip.compress(bytes(257) .replace(b"\0", b"n") + b"ustar")),
        ]:
            strange = self.folder(**{"strange": content}) / "strange"
            self.expect_failure(1, pattern, "train", "--data", strange, *TINY)

    def test_the_nearest_name(self):
        for wrong, part in [("trian-images-idx3-ubyte", 0), ("train-lables-idx1-ubyte", 1),
                            ("t10k-images-idx3-ubyte.download", 2), ("t1Ok-labels-idx1-ubyte", 3)]:
            names = FILES.copy()
            names[part] = wrong
            pattern = f"cannot open .*{FILES[part]}: No such file.*; the nearest name there is {wrong}\n"
            self.expect_failure(1, pattern, "train", "--data", self.folder(**dict(zip(names, CONTENTS))), *TINY)
        for pattern, files in [
            ("", {}), ("; the directory has holiday.jpg", {"holiday.jpg": b""}),
            (r"; the directory has a.parquet \(a Parquet file\), b.pt \(a zip archive, which can be named itself\), c/ and 2 more",
             {"a.parquet": b"PAR1", "b.pt": b"PK\3\4", "c/d/e/f": b"", "g": b"", "h": b""}),
        ]:
            self.expect_failure(1, rf"cannot open \S*/train-images-idx3-ubyte: No such file or directory{pattern}\n",
                                "train", "--data", self.folder(**files), *TINY)
        missing = self.folder(**{"fashion/a": b""}) / "fahsion"
        for command in (["train"], ["evaluate", "--model", self.trained()]):
            self.expect_failure(1, r"cannot open \S*fahsion: No such file or directory; did you mean fashion\?\n", *command,
                                "--data", missing)
            self.expect_failure(1, r"cannot open \S*nowhere: No such file or directory\n", *command, "--data",
                                missing.parent / "nowhere")
        prefixed = self.folder(**{f"kmnist-{name}": c for name, c in zip(FILES[:3], CONTENTS)})
        self.expect_failure(1, r"cannot open \S*/kmnist-t10k-labels-idx1-ubyte: No such", "train", "--data", prefixed,
                            *TINY)

    def test_output_does_not_replace_data(self):
        for name in ("raw/kmnist-train-images-idx3-ubyte", "raw/kmnist-t10k-labels-idx1-ubyte"):
            directory = self.folder(**{f"raw/kmnist-{name}": c for name, c in zip(FILES, CONTENTS)})
            self.expect_failure(2, r"--json names .*, a file of the data set", "train", "--data", directory, *TINY,
                                "--json", directory / name)

    def test_types_of_values(self):
        def data(images=None, labels=None):
            return self.folder(**{FILES[0]: images or CONTENTS[0], FILES[1]: labels or CONTENTS[1],
                                  FILES[2]: CONTENTS[2], FILES[3]: CONTENTS[3]})

        eight = [value for label in LABELS for value in (label, 7, 2600 + label, 1, 99999, 0, 0, 0)]
        hot = [int(label == column) for label in LABELS for column in range(5)]
        for labels in [
            typed([40], LABELS, 0x09, "b"), typed([40], LABELS, 0x0B, "h"), typed([40], LABELS, 0x0C, "i"),
            typed([40], LABELS, 0x0D, "f"), typed([40], LABELS, 0x0E, "d"), typed([40, 1], LABELS, 0x0C, "i"),
            typed([40, 8], eight, 0x0C, "i"), typed([40, 5], hot, 0x0C, "i"), idx([40, 5], hot),
        ]:
            self.expect_same(data(labels=labels))
        for images in [
            typed([40, 6, 8], PIXELS, 0x0B, "h"), typed([40, 6, 8], PIXELS, 0x0C, "i"),
            typed([40, 6, 8], PIXELS, 0x0D, "f"), typed([40, 6, 8], PIXELS, 0x0E, "d"),
            typed([40, 6, 8], [p / 255 for p in PIXELS], 0x0D, "f"), typed([40, 6, 8], [p / 255 for p in PIXELS], 0x0E, "d"),
            idx([40, 1, 6, 8], PIXELS), idx([40, 6, 8, 1], PIXELS),
        ]:
            self.expect_same(data(images=images))
        for pattern, changed in [
            (r"train-labels\S* the label of image 3 is 2.5; expected a whole number from 0 to 255",
             {"labels": typed([40], [0, 1, 2, 2.5] * 10, 0x0D, "f")}),
            (r"the label of image 1 is -1; expected", {"labels": typed([40], [0, -1] * 20, 0x0C, "i")}),
            (r"the label of image 0 is 256; expected", {"labels": typed([40], [256] * 40, 0x0C, "i")}),
            (r"the label of image 0 is nan; expected", {"labels": typed([40], [float("nan")] * 40, 0x0D, "f")}),
            (r"train-labels\S* has 6 columns; expected one label", {"labels": typed([40, 6], [0, 1] * 120, 0x0C, "i")}),
            (r"train-images\S* a pixel of image 1 is 300; expected 0 to 255",
             {"images": typed([40, 6, 8], [0] * SIZE + [300] * 39 * SIZE, 0x0B, "h")}),
            (r"a pixel of image 0 is -1; expected", {"images": typed([40, 6, 8], [-1] * 40 * SIZE, 0x09, "b")}),
            (r"its values are from -0.4\d* to 2.8\d*; expected images from 0 to 1 or from 0 to 255",
             {"images": typed([40, 6, 8], [-0.42, 2.82] * 20 * SIZE, 0x0D, "f")}),
            (r"its values are from 0 to 1.5; expected", {"images": typed([40, 6, 8], [0, 1.5] * 20 * SIZE, 0x0D, "f")}),
            (r"its values are from 0 to 65535; expected", {"images": typed([40, 6, 8], [0, 65535] * 20 * SIZE, 0x0E, "d")}),
            (r"value 1 is nan; expected", {"images": typed([40, 6, 8], [0, float("nan")] * 20 * SIZE, 0x0D, "f")}),
        ]:
            with self.subTest(pattern=pattern):
                self.expect_failure(1, pattern, "train", "--data", data(**changed), *TINY)

    def test_archives_of_numpy(self):
        scaled = npy([40, 6, 8], [p / 255 for p in PIXELS], "f", "<f4")
        for content in [
            keras(), keras(zipfile.ZIP_DEFLATED),
            keras(y_train=npy([40], LABELS, "q", "<i8"), y_test=npy([10, 1], LABELS[:10], "i", ">i4")),
            keras(x_train=npy([40, 6, 8, 1], PIXELS)), keras(x_train=npy([40, 1, 6, 8], PIXELS)),
            keras(x_train=scaled), keras(x_train=npy([40, 6, 8], [p / 255 for p in PIXELS], "d", ">f8", version=2)),
            keras(y_train=npy([40, 5], [int(c == v) for v in LABELS for c in range(5)], "d", "<f8")),
            archive(zipfile.ZIP_DEFLATED, train_images=npy([40, 6, 8], PIXELS), train_labels=npy([40, 1], LABELS),
                    val_images=b"x", val_labels=b"x", test_images=npy([10, 6, 8], PIXELS[:480]),
                    test_labels=npy([10, 1], LABELS[:10])),
        ]:
            directory = self.folder(**{"mnist.npz": content})
            self.expect_same(directory)
            self.expect_same_file(directory / "mnist.npz")
            self.train("--data", directory / "mnist.npz", *TINY)
            self.assertEqual(self.output.count("mnist.npz\n"), 1, self.output)
        # Arrays in files of their own, and in archives of their own, as Kuzushiji-MNIST has them.
        arrays = [npy([40, 6, 8], PIXELS), npy([40], LABELS), npy([10, 6, 8], PIXELS[:480]), npy([10], LABELS[:10])]
        self.expect_same(self.folder(**dict(zip(["x_train.npy", "y_train.npy", "x_test.npy", "y_test.npy"], arrays))))
        names = ["kmnist-train-imgs.npz", "kmnist-train-labels.npz", "kmnist-test-imgs.npz", "kmnist-test-labels.npz"]
        self.expect_same(self.folder(**{n: archive(zipfile.ZIP_DEFLATED, arr_0=a) for n, a in zip(names, arrays)}))

    def test_colours_last(self):
        """N x H x W x 3 is N x 3 x H x W in another order."""
        first = [(7 * i) % 251 for i in range(40 * 3 * SIZE)]
        last = [first[(n * 3 + c) * SIZE + k] for n in range(40) for k in range(SIZE) for c in range(3)]
        sets = [keras(x_train=npy([40, *shape], values), x_test=npy([10, *shape], values[: 30 * SIZE]))
                for shape, values in (((3, 6, 8), first), ((6, 8, 3), last))]
        self.assertEqual(*(self.weights(self.folder(**{"cifar.npz": content})) for content in sets))

    def test_broken_archives(self):
        good = keras(zipfile.ZIP_DEFLATED)
        encrypted = bytearray(good)
        place = good.index(b"PK\1\2")
        encrypted[place + 8] |= 1
        method = bytearray(good)
        method[place + 10] = 12
        crc = bytearray(good)
        crc[place + 16] ^= 1
        for pattern, content in [
            (r"m.npz is not an archive of NumPy", b"hello"),
            (r"m.npz is cut off: its list of files is missing", good[:-1]),
            (r"m.npz: x_train.npy is encrypted", encrypted),
            (r"m.npz: x_train.npy is packed in a way that cannot be read", method),
            (r"m.npz: x_train.npy is damaged: its checksum", crc),
            (r"m.npz has no array x_train; it has weights.npy", archive(weights=npy([1], [1]))),
            (r"m.npz has no array x_train; it has data.npy, target.npy", archive(data=npy([1], [1]), target=npy([1], [1]))),
            (r"m.npz has no array x_train; it has no file", archive()),
            (r"m.npz: x_train.npy has 1 dimensions", keras(x_train=npy([40], LABELS))),
            (r"40 images in .*m.npz, but 39 labels in .*m.npz", keras(y_train=npy([39], LABELS[:39]))),
            (r"m.npz: x_train.npy is cut off: 40 x 6 x 8 values need 1920 bytes, but the file has 1919",
             keras(x_train=npy([40, 6, 8], PIXELS)[:-1])),
            (r"x_train.npy holds values of NumPy's type '<U5'", keras(x_train=npy([40, 6, 8], PIXELS, descr="<U5"))),
            (r"x_train.npy is in Fortran's order", keras(x_train=npy([40, 6, 8], PIXELS, fortran=True))),
            (r"x_train.npy is not an array of NumPy", keras(x_train=b"hello")),
            (r"x_train.npy has the shape \(\)?.*; expected 1 to 5", keras(x_train=npy([1] * 6, [1]))),
            (r"x_train.npy and train_images.npy could both be x_train", keras(train_images=npy([1], [1]))),
        ]:
            with self.subTest(pattern=pattern):
                directory = self.folder(**{"m.npz": bytes(content)})
                self.expect_failure(1, pattern, "train", "--data", directory, *TINY)
        # Every cut and every changed byte ends with a message or with a training.
        for cut in range(0, len(good), 41):
            directory = self.folder(**{"m.npz": good[:cut]})
            self.expect_failure(1, r"m.npz", "train", "--data", directory, *TINY)
        for place in range(0, len(good), 17):
            changed = bytearray(good)
            changed[place] ^= 0x15
            directory = self.folder(**{"m.npz": bytes(changed)})
            result = self.run_program("train", "--data", directory, *TINY)
            self.assertIn(result.returncode, (0, 1, 2), result)

    def test_many_classes_and_small_images(self):
        """EMNIST's 26 letters and 47 classes, images of 8 x 8 and 3 x 32 x 32, with the default network."""
        def sets(classes, shape):
            size = 1
            for side in shape:
                size *= side
            pixels = [(37 * i) % 256 for i in range(size)]
            train = bytes(value for i in range(classes) for value in (pixels[i:] + pixels[:i]))
            return [idx([classes, *shape], train), idx([classes], range(classes))] * 2

        rank = {2: "idx3", 3: "idx4"}
        for classes, shape in ((26, (28, 28)), (47, (28, 28)), (10, (8, 8)), (10, (3, 32, 32))):
            names = [f"emnist-{set}-{part}.gz" for set in ("train", "test")
                     for part in (f"images-{rank[len(shape)]}-ubyte", "labels-idx1-ubyte")]
            directory = self.folder(**{n: gzip.compress(c) for n, c in zip(names, sets(classes, shape))})
            result = self.train("--data", directory, "--epochs", "1")
            self.assertEqual((result["data"]["classes"], result["data"]["width"]), (classes, shape[-1]))

    def test_real_mnist(self):
        """Packed by gzip(1), as it is published; NumPy's archive and tables give the same data too."""
        if not REAL_MNIST:
            self.skipTest("NORMNET_DATA does not name a directory with MNIST")
        contents = [(Path(REAL_MNIST) / name).read_bytes() for name in FILES]
        pixels, labels = [c[16:] for c in contents[::2]], [c[8:] for c in contents[1::2]]
        arguments = ["--limit", "2000", "--epochs", "1", *SMALL_NETWORK]
        expected = self.train("--data", REAL_MNIST, *arguments)["weights_sha256"]

        def lines(images, classes):
            return b"\n".join(
                b",".join([b"%d" % label, *(b"%d" % v for v in images[784 * i : 784 * i + 784])])
                for i, label in enumerate(classes)
            )

        def array(values, *shape):
            return npy([len(values) // (784 if shape else 1), *shape], b"")  + values

        packed = self.folder(**{name + ".gz": gzip.compress(c, 6) for name, c in zip(FILES, contents)})
        keras_set = archive(zipfile.ZIP_DEFLATED, x_train=array(pixels[0], 28, 28), y_train=array(labels[0]),
                            x_test=array(pixels[1], 28, 28), y_test=array(labels[1]))
        tables = {"mnist_train.csv": lines(pixels[0], labels[0]), "mnist_test.csv": lines(pixels[1], labels[1])}
        for directory in (packed, self.folder(**{"mnist.npz": keras_set}), self.folder(**tables)):
            self.assertEqual(self.train("--data", directory, *arguments)["weights_sha256"], expected)


if __name__ == "__main__":
    mnist_program.main()
