# SPDX-License-Identifier: MIT
"""Unpacking (examples/mnist/data/inflate.c) against Python's zlib and gzip.

    python3 test_mnist_inflate.py PATH_TO_INFLATE_CASES [PART OF A TEST'S NAME]...
"""
import gzip
import random
import struct
import subprocess
import zlib

import mnist_program

RAW, ZLIB, GZIP = range(3)
WINDOWS = {RAW: -15, ZLIB: 15, GZIP: 31}  # zlib's wbits
STRATEGIES = [zlib.Z_DEFAULT_STRATEGY, zlib.Z_FILTERED, zlib.Z_HUFFMAN_ONLY, zlib.Z_RLE, zlib.Z_FIXED]
LIMIT = 1 << 24


def pack(data, wrapper, level=9, strategy=zlib.Z_DEFAULT_STRATEGY, memory=8, flush=0, window=15):
    wbits = {RAW: -window, ZLIB: window, GZIP: 16 + window}[wrapper]
    packer = zlib.compressobj(level, zlib.DEFLATED, wbits, memory, strategy)
    if not flush:
        return packer.compress(data) + packer.flush()
    parts = [packer.compress(data[i : i + flush]) + packer.flush(zlib.Z_FULL_FLUSH) for i in range(0, len(data), flush)]
    return b"".join(parts) + packer.flush()


def zlib_unpacks(packed, wrapper):
    """What zlib makes of one stream that fills its input, or None."""
    unpacker = zlib.decompressobj(WINDOWS[wrapper])
    try:
        data = unpacker.decompress(packed)
    except zlib.error:
        return None
    return data if unpacker.eof and not unpacker.unused_data else None


def contents():
    """Data of every kind: none, one byte, runs, digits, noise, far repetitions, skewed frequencies."""
    rng = random.Random(1)
    noise = rng.randbytes(70000)
    yield "nothing", b""
    yield "byte", b"x"
    yield "run", bytes(100000)
    yield "text", b"the quick brown fox jumps over the lazy dog. " * 300
    yield "noise", noise
    yield "far", noise[:32768] + noise[:32768] + noise[100:32000]
    yield "sparse", bytes(rng.choice([0] * 20 + list(range(256))) for _ in range(50000))
    yield "skewed", b"".join(bytes([i]) * (2**i) for i in range(17)) + bytes(range(256))
    yield "short periods", b"".join(rng.randbytes(n) * 50 for n in range(1, 40))


class Inflate(mnist_program.TestCase):
    def inflate(self, cases):
        """[(True, data) or (False, message)] of cases (wrapper, packed bytes, limit)."""
        text = b"".join(struct.pack("<III", wrapper, len(packed), limit) + packed for wrapper, packed, limit in cases)
        run = subprocess.run([self.program], input=text, capture_output=True, timeout=300, check=False)
        self.assertEqual((run.returncode, run.stderr), (0, b""))
        answers, place = [], 0
        while place < len(run.stdout):
            good, size = struct.unpack_from("<BI", run.stdout, place)
            place += 5 + size
            answer = run.stdout[place - size : place]
            answers.append((True, answer) if good else (False, answer.decode()))
        self.assertEqual(len(answers), len(cases))
        return answers

    def expect_data(self, cases, expected):
        for case, answer, data in zip(cases, self.inflate(cases), expected):
            self.assertEqual(answer == (True, data), True, (case[0], case[1][:40], answer[1][:80]))

    def test_all_levels_and_strategies(self):
        cases, expected = [], []
        for _, data in contents():
            for wrapper in (RAW, ZLIB, GZIP):
                for level in range(10):
                    for strategy in STRATEGIES:
                        cases.append((wrapper, pack(data, wrapper, level, strategy), len(data)))
                        expected.append(data)
        self.expect_data(cases, expected)

    def test_windows_memory_and_flushes(self):
        cases, expected = [], []
        for _, data in contents():
            for wrapper in (RAW, ZLIB, GZIP):
                variants = [pack(data, wrapper, window=n) for n in range(9, 16)]
                variants += [pack(data, wrapper, memory=n) for n in range(1, 10)]
                variants += [pack(data, wrapper, flush=n) for n in (997, 40000)]
                cases += [(wrapper, packed, LIMIT) for packed in variants]
                expected += [data] * len(variants)
        self.expect_data(cases, expected)

    def test_gzip_members_and_headers(self):
        """What RFC 1952 allows in a header, several members, and zeros behind them, as after a tape's last block."""
        body = pack(b"digits", RAW)
        tail = struct.pack("<II", zlib.crc32(b"digits"), 6)
        start = b"\x1f\x8b\x08"

        def header(flags, rest=b""):
            text = start + bytes([flags]) + b"\0\0\0\0\0\xff" + rest
            return text + struct.pack("<H", zlib.crc32(text) & 0xFFFF) if flags & 2 else text

        headers = [header(0), header(1), header(2), header(4, b"\3\0abc"), header(8, b"name\0"), header(16, b"text\0"),
                   header(31, b"\2\0abname\0text\0")]
        good = [text + body + tail for text in headers] + [gzip.compress(b"digits")]
        self.expect_data([(GZIP, packed, LIMIT) for packed in good], [b"digits"] * len(good))
        self.expect_data([(GZIP, packed + bytes(n), LIMIT) for packed in good[:1] for n in (1, 7, 512)], [b"digits"] * 3)
        self.expect_data([(GZIP, b"".join(good), LIMIT)], [b"digits" * len(good)])
        self.expect_data([(GZIP, gzip.compress(b"") + good[0], LIMIT)], [b"digits"])
        bad = [
            ("unknown way", start[:2] + b"\7" + header(0)[3:] + body + tail),
            ("unknown way", header(32) + body + tail),
            ("checksum", header(2)[:-1] + b"\0" + body + tail),
            ("cut off", good[0] + header(0)),
            ("too long", good[0] + b"x"),
            ("too long", good[0] + b"\0x"),
            ("cut off", header(4, b"\4\0abc")),
            ("cut off", header(8, b"name")),
            ("checksum", header(0) + body + b"\0" + tail[1:]),
            ("length", header(0) + body + tail[:4] + b"\7\0\0\0"),
        ]
        for (part, packed), (good, answer) in zip(bad, self.inflate([(GZIP, packed, LIMIT) for _, packed in bad])):
            self.assertFalse(good, packed)
            self.assertIn(part, answer)

    def test_a_member_does_not_see_the_one_before(self):
        """A match that reaches into the earlier member's data."""
        window = b"0123456789abcdef" * 8
        packer = zlib.compressobj(9, zlib.DEFLATED, -15, zdict=window)
        body = packer.compress(window) + packer.flush()
        member = b"\x1f\x8b\x08\0\0\0\0\0\0\xff" + body + struct.pack("<II", zlib.crc32(window), len(window))
        (good, message), = self.inflate([(GZIP, gzip.compress(window) + member, LIMIT)])
        self.assertFalse(good)
        self.assertIn("reaches behind the beginning", message)

    def test_limits(self):
        """A bomb of 16 MiB needs 16 KiB; it is refused at the limit, one byte less is enough to refuse."""
        bomb = bytes(1 << 24)
        cases = [(wrapper, pack(bomb, wrapper), limit) for wrapper in (RAW, ZLIB, GZIP)
                 for limit in (0, 1, 4095, 1 << 20, (1 << 24) - 1)]
        for good, message in self.inflate(cases):
            self.assertEqual((good, message), (False, "unpacks to more data than expected"))
        for data in (b"x", b"xyz" * 5000, random.Random(2).randbytes(5000)):
            for level in (0, 1, 9):
                packed = pack(data, ZLIB, level)
                (fits, _), (less, _) = self.inflate([(ZLIB, packed, len(data)), (ZLIB, packed, len(data) - 1)])
                self.assertEqual((fits, less), (True, False))

    def test_every_cut(self):
        for _, data in contents():
            data = data[:3000]
            for wrapper in (RAW, ZLIB, GZIP):
                for level, strategy in ((0, 0), (6, 0), (9, zlib.Z_FIXED)):
                    packed = pack(data, wrapper, level, strategy)
                    cuts = range(len(packed)) if len(packed) < 600 else range(0, len(packed), 37)
                    for good, message in self.inflate([(wrapper, packed[:cut], LIMIT) for cut in cuts]):
                        self.assertFalse(good)
                        self.assertIn("cut off", message)

    def test_every_changed_bit(self):
        """Accepted is what zlib accepts, with the same data."""
        cases = []
        for _, data in contents():
            for wrapper in (RAW, ZLIB, GZIP):
                for level, strategy in ((0, 0), (6, 0), (9, zlib.Z_FIXED)):
                    packed = bytearray(pack(data[:400], wrapper, level, strategy))
                    for bit in range(8 * len(packed)):
                        packed[bit // 8] ^= 1 << bit % 8
                        cases.append((wrapper, bytes(packed), LIMIT))
                        packed[bit // 8] ^= 1 << bit % 8
        self.compare_with_zlib(cases)

    def test_random_damage(self):
        rng = random.Random(3)
        cases = []
        for _, data in contents():
            for trial in range(300):
                wrapper = trial % 3
                packed = bytearray(pack(data[:2000], wrapper, rng.randrange(10), rng.choice(STRATEGIES)))
                for _ in range(rng.randrange(1, 4)):
                    packed[rng.randrange(len(packed))] = rng.randrange(256)
                if rng.randrange(3) == 0:
                    start = rng.randrange(len(packed))
                    del packed[start : start + rng.randrange(1, 9)]
                cases.append((wrapper, bytes(packed), LIMIT))
        cases += [(RAW, rng.randbytes(rng.randrange(1, 60)), LIMIT) for _ in range(20000)]
        # Headers of dynamic blocks: 3 bits say that it is the last and dynamic.
        cases += [(RAW, bytes([rng.randrange(256) & 0xF8 | 5]) + rng.randbytes(60), LIMIT) for _ in range(20000)]
        self.compare_with_zlib(cases)

    def compare_with_zlib(self, cases):
        accepted = 0
        for (wrapper, packed, _), (good, answer) in zip(cases, self.inflate(cases)):
            expected = zlib_unpacks(packed, wrapper)
            self.assertEqual(answer if good else None, expected, (wrapper, packed.hex(), answer))
            accepted += good
        self.assertGreater(accepted, 0)
        self.assertLess(accepted, len(cases))


if __name__ == "__main__":
    mnist_program.main()
