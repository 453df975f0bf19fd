# SPDX-License-Identifier: MIT
"""examples/fetch_mnist.sh against a local web server."""
import functools
import gzip
import hashlib
import http.server
import subprocess
import threading
import time
from pathlib import Path

import mnist_program
from mnist_program import FETCH, FILES, REAL_MNIST, SMALL_NETWORK, TIME_LIMIT, environment, idx


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    requests = []

    def log_message(self, *arguments):
        self.requests.append(self.path)


class Fetch(mnist_program.TestCase):
    def setUp(self):
        super().setUp()
        self.mirror = self.directory / "mirror"
        self.mirror.mkdir()
        self.cache = self.home / ".cache" / "normnet" / "mnist"
        QuietHandler.requests = []
        handler = functools.partial(QuietHandler, directory=str(self.mirror))
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        self.address = f"http://127.0.0.1:{server.server_port}"

    def fetch(self, *arguments, **variables):
        return subprocess.run(
            ["sh", str(FETCH), *arguments],
            capture_output=True,
            text=True,
            env=environment(self.home, **{"NORMNET_MIRROR": self.address, **variables}),
            timeout=TIME_LIMIT,
            check=False,
        )

    def expect_rejection(self, pattern, **variables):
        result = self.fetch(**variables)
        self.assertEqual(result.returncode, 1, result)
        self.assertRegex(result.stderr, pattern)
        installed = [path.name for path in self.cache.rglob("*")] if self.cache.exists() else []
        self.assertEqual(installed, [])
        return result

    def serve_mnist(self):
        if not REAL_MNIST:
            self.skipTest("NORMNET_DATA does not name a directory with MNIST")
        for name in FILES:
            (self.mirror / f"{name}.gz").write_bytes(gzip.compress((Path(REAL_MNIST) / name).read_bytes(), 1))

    def test_help_and_mistakes(self):
        result = self.fetch("--help")
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertIn("NORMNET_MIRROR", result.stdout)
        result = self.fetch("--quick")
        self.assertEqual(result.returncode, 2)
        self.assertIn("there is no option --quick", result.stderr)

    def test_installs_and_keeps(self):
        self.serve_mnist()
        result = self.fetch()
        self.assertEqual(result.returncode, 0, result)
        self.assertEqual(sorted(path.name for path in self.cache.iterdir()), sorted(FILES))
        for name in FILES:
            expected = hashlib.sha256((Path(REAL_MNIST) / name).read_bytes()).hexdigest()
            self.assertEqual(hashlib.sha256((self.cache / name).read_bytes()).hexdigest(), expected)
        self.assertEqual(QuietHandler.requests[-1], f"/{FILES[0]}.gz")  # its presence means that all files are there

        # A second time nothing is fetched; what is damaged is replaced, and only that.
        QuietHandler.requests.clear()
        self.assertEqual(self.fetch().returncode, 0)
        self.assertEqual(QuietHandler.requests, [])
        (self.cache / FILES[3]).write_bytes(b"damaged")
        self.assertEqual(self.fetch().returncode, 0)
        self.assertEqual(QuietHandler.requests, [f"/{FILES[3]}.gz"])

        # And the program finds it.
        result = self.train("--limit", "64", "--epochs", "1", *SMALL_NETWORK)
        self.assertEqual(result["data"]["source"], str(self.cache))

    def test_second_mirror(self):
        self.serve_mnist()
        mirrors = f"{self.address}/nothing {self.address}/"
        result = self.fetch(NORMNET_MIRROR=mirrors, XDG_CACHE_HOME=self.directory / "x")
        self.assertEqual(result.returncode, 0, result)
        self.assertTrue((self.directory / "x" / "normnet" / "mnist" / FILES[0]).exists())

    def test_rejects_other_contents(self):
        for name in FILES:
            (self.mirror / f"{name}.gz").write_bytes(gzip.compress(idx([10], range(10))))
        self.expect_rejection(r"is not the MNIST file: its contents have the SHA-256 [0-9a-f]{64}")
        self.assertEqual(len(QuietHandler.requests), 1)

    def test_rejects_what_is_no_archive(self):
        for name in FILES:
            (self.mirror / f"{name}.gz").write_bytes(b"<html>Log in to the network of this hotel</html>")
        self.expect_rejection(r"is not the MNIST file")

    def test_rejects_a_bomb(self):
        """An archive that unpacks to far more than MNIST is cut off, not written out."""
        with gzip.open(self.mirror / f"{FILES[2]}.gz", "wb", 1) as file:
            for _ in range(300):
                file.write(bytes(1 << 20))
        self.expect_rejection(r"is not the MNIST file")

    def test_missing_files(self):
        result = self.expect_rejection(r"404")
        self.assertIn("could not fetch t10k-images-idx3-ubyte.gz; set NORMNET_MIRROR to another mirror", result.stderr)

    def test_no_server(self):
        start = time.monotonic()
        self.expect_rejection(r"could not fetch", NORMNET_MIRROR="http://127.0.0.1:1")
        self.assertLess(time.monotonic() - start, 600)

    def test_no_home(self):
        result = self.fetch(HOME="")
        self.assertEqual(result.returncode, 1)
        self.assertIn("neither HOME nor XDG_CACHE_HOME is set", result.stderr)


if __name__ == "__main__":
    mnist_program.main()
