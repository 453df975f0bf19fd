# SPDX-License-Identifier: MIT
"""normnet-mnist predict reads PNG of every kind."""
import gzip
import struct
import zlib

import mnist_program
from mnist_pictures import COLOURS, COLOURS_ALPHA, GREY_ALPHA, PALETTE, SIDE, PictureTestCase, chunk, png


class Png(PictureTestCase):
    def test_all_kinds(self):
        values = self.values
        colours = [value for value in values for _ in range(3)]
        opaque = [v for value in values for v in (value, 255)]
        palette = sorted(set(values))
        indices = [palette.index(value) for value in values]
        plte = chunk(b"PLTE", bytes(v for value in palette for v in (value, value, value)))
        wide = [257 * value for value in values]
        files = [png(SIDE, SIDE, values, choose=lambda row, kind=kind: kind) for kind in range(5)]
        files += [png(SIDE, SIDE, values, parts=parts, level=level) for parts, level in ((1, 0), (7, 9), (100, 1))]
        files += [
            png(SIDE, SIDE, colours, COLOURS), png(SIDE, SIDE, opaque, GREY_ALPHA),
            png(SIDE, SIDE, [v for value in values for v in (value, value, value, 255)], COLOURS_ALPHA),
            png(SIDE, SIDE, wide, bits=16), png(SIDE, SIDE, [257 * v for v in colours], COLOURS, bits=16),
            png(SIDE, SIDE, [257 * v for v in opaque], GREY_ALPHA, bits=16),
            png(SIDE, SIDE, indices, PALETTE, extra=plte),
            gzip.compress(png(SIDE, SIDE, values)),
        ]
        self.expect_values(values, files)
        for bits in (1, 2, 4):
            levels = [value * (2**bits - 1) // 255 for value in values]
            scaled = [level * 255 // (2**bits - 1) for level in levels]
            colours = chunk(b"PLTE", bytes(v for i in range(2**bits) for v in [i * 255 // (2**bits - 1)] * 3))
            self.expect_values(scaled, [png(SIDE, SIDE, levels, bits=bits),
                                        png(SIDE, SIDE, levels, PALETTE, bits=bits, extra=colours)])

    def test_interlaced(self):
        """The same picture in seven passes, of every kind and of sizes that leave passes out."""
        colours = [value for value in self.values for _ in range(3)]
        palette = chunk(b"PLTE", bytes(v for i in range(256) for v in (i, i, i)))
        wide = [257 * value for value in self.values]
        self.expect_values(self.values, [png(SIDE, SIDE, *arguments, interlace=1, **more) for arguments, more in [
            ([self.values], {}), ([self.values], {"choose": lambda row: 4}), ([colours, COLOURS], {"parts": 7}),
            ([[257 * v for v in colours], COLOURS], {"bits": 16}), ([wide], {"bits": 16}),
            ([[v for value in self.values for v in (value, 255)], GREY_ALPHA], {}),
            ([[v for value in self.values for v in (value, value, value, 255)], COLOURS_ALPHA], {}),
            ([self.values, PALETTE], {"extra": palette}),
        ]])
        for bits in (1, 2, 4):
            levels = [value * (2**bits - 1) // 255 for value in self.values]
            self.expect_values([level * 255 // (2**bits - 1) for level in levels],
                               [png(SIDE, SIDE, levels, bits=bits, interlace=1)])
        for height, width in ((1, 2), (2, 1), (3, 5), (5, 3), (4, 9), (9, 4), (8, 8), (17, 33)):
            values = [(37 * i) % 256 for i in range(height * width)]
            self.assertEqual(self.probabilities(png(width, height, values, interlace=1), "--fit", "stretch"),
                             self.probabilities(png(width, height, values), "--fit", "stretch"), (height, width))

    def test_white_on_transparent(self):
        """White ink cannot be seen on white: it is shown on black."""
        self.expect_values(self.values, [
            png(SIDE, SIDE, [v for value in self.values for v in (255, value)], GREY_ALPHA),
            png(SIDE, SIDE, [v for value in self.values for v in (255, 255, 255, value)], COLOURS_ALPHA),
        ], "--invert", "no")

    def test_transparent_is_white(self):
        """Black ink on nothing is black on white."""
        ink = [255 - value for value in self.values]
        black = [v for value in ink for v in (0, 255 - value)]
        palette = chunk(b"PLTE", bytes(3 * 256)) + chunk(b"tRNS", bytes(255 - i for i in range(256)))
        grey = [value if value < 255 else 77 for value in ink]
        pictures = [
            png(SIDE, SIDE, black, GREY_ALPHA),
            png(SIDE, SIDE, [v for value in ink for v in (0, 0, 0, 255 - value)], COLOURS_ALPHA),
            png(SIDE, SIDE, ink, PALETTE, extra=palette),
        ]
        self.expect_values(ink, pictures, "--invert", "no")
        self.expect_values(self.values, pictures, "--invert", "auto")
        ink = [255 if value == 77 else value for value in grey]
        self.expect_values(ink, [
            png(SIDE, SIDE, grey, extra=chunk(b"tRNS", b"\0\x4d")),
            png(SIDE, SIDE, [v for value in grey for v in [value] * 3], COLOURS, extra=chunk(b"tRNS", b"\0\x4d" * 3)),
        ], "--invert", "no")

    def test_broken(self):
        good = png(SIDE, SIDE, self.values)
        rows = zlib.compress(bytes(SIDE * (SIDE + 1) - 1))
        head = chunk(b"IHDR", struct.pack(">IIBBBBB", SIDE, SIDE, 8, 0, 0, 0, 0))
        start, end = good[:8], chunk(b"IEND", b"")

        def header(*fields):
            return start + chunk(b"IHDR", struct.pack(">IIBBBBB", *fields)) + chunk(b"IDAT", rows) + end

        cases = [
            (r"is cut off before its end", good[:-12]),
            (r"is damaged: the checksum of its chunk IHDR is wrong", good[:20] + b"\1" + good[21:]),
            (r"its rows need 837 bytes, but there are 811", header(SIDE, SIDE, 8, 0, 0, 0, 1)),
            (r"row 4 has the unknown filter 5",
             start + chunk(b"IHDR", struct.pack(">IIBBBBB", SIDE, SIDE, 8, 0, 0, 0, 1)) +
             chunk(b"IDAT", zlib.compress(b"\0" * (4 * 5 + 4 * 4) + b"\5" * 801)) + end),
            (r"its width is 0; expected 1 to 4096", header(0, SIDE, 8, 0, 0, 0, 0)),
            (r"its height is 4097; expected 1 to 4096", header(SIDE, 4097, 8, 0, 0, 0, 0)),
            (r"there is no PNG of colour type 2 with 4 bits", header(SIDE, SIDE, 4, 2, 0, 0, 0)),
            (r"there is no PNG of colour type 5 with 8 bits", header(SIDE, SIDE, 8, 5, 0, 0, 0)),
            (r"is packed or filtered in an unknown way", header(SIDE, SIDE, 8, 0, 1, 0, 0)),
            (r"its rows need 812 bytes, but there are 811", start + head + chunk(b"IDAT", rows) + end),
            (r"unpacks to more data than expected", start + head + chunk(b"IDAT", zlib.compress(bytes(813))) + end),
            (r"row 0 has the unknown filter 5", start + head + chunk(b"IDAT", zlib.compress(b"\5" * 812)) + end),
            (r"is damaged: it has no pixels", start + head + end),
            (r"does not begin with its header", start + chunk(b"IDAT", rows) + head + end),
            (r"unknown critical chunk ABCD", start + head + chunk(b"ABCD", b"") + end),
            (r"a pixel has no colour in its palette of 2", png(SIDE, SIDE, [2] * SIDE * SIDE, PALETTE, extra=chunk(b"PLTE", bytes(6)))),
            (r"its palette has 5 bytes", png(SIDE, SIDE, [0] * SIDE * SIDE, PALETTE, extra=chunk(b"PLTE", bytes(5)))),
            (r"its transparency has 1 bytes", png(SIDE, SIDE, self.values, extra=chunk(b"tRNS", b"\0"))),
        ]
        for pattern, content in cases:
            with self.subTest(pattern=pattern):
                self.expect_failure(1, r"x\.png.*" + pattern, "predict", "--model", self.model, self.write("x.png", content))
        self.expect_failure(1, r"x.png holds one image; the index 2 is for files of several", "predict", "--model",
                            self.model, f"{self.write('x.png', good)}:2")


if __name__ == "__main__":
    mnist_program.main()
