#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Tests normnet-mpi, a training with several processes: the weights must be those
of one process.

usage: python3 test_mpi.py PATH-TO-NORMNET-MNIST [KIND= PATH]... | -h | --help

KIND= PATH is the program as it was built with this MPI: openmpi or mpich. It is
started by the mpirun of its kind; a kind without a program or without its
mpirun is skipped. Needs Python alone.
"""
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

import suite

TIME_LIMIT = 300  # seconds: for ranks that wait for each other for ever
MNIST = ""
PROGRAMS = {}
KINDS = ("openmpi", "mpich")
NETWORK = ["--data", "generated", "--architecture", "conv3-4 norm relu dropout maxpool2 conv3-8 norm relu gap conv1-10"]
# Batches of 64, 64, 64, 64 and 44 images, of which 4 ranks get 16, 16, 8 and 4.
SHARED = [*NETWORK, "--limit", "300", "--epochs", "2"]
# Or of 5, which is too few for 2 ranks: each computes them.
WHOLE = [*NETWORK, "--limit", "261", "--epochs", "2"]
LONG = [*NETWORK, "--limit", "2500", "--epochs", "2"]
# Without norm or ReLU, a rate of a billion makes numbers that are not finite.
DIVERGING = ["--data", "generated", "--limit", "300", "--architecture", "conv3-4 conv3-8 gap conv1-10", "--lr", "1e9"]
ENVIRONMENT = {**os.environ, "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
               "OMPI_MCA_rmaps_base_oversubscribe": "1", "OMPI_MCA_mpi_yield_when_idle": "1"}


def weights(text):
    found = re.findall(r"^SHA-256 of the weights: ([0-9a-f]{64})$", text, re.M)
    return found[0] if len(found) == 1 else f"{len(found)} hashes in {text!r}"


def one_process(*arguments):
    result = subprocess.run([MNIST, "train", "--threads", "2", *arguments], capture_output=True, text=True, check=False,
                            timeout=TIME_LIMIT)
    return weights(result.stdout) if result.returncode == 0 else result.stderr


def rank_of(process):
    """The rank of a process of a job; None for other processes."""
    try:
        environment = Path(f"/proc/{process}/environ").read_bytes().split(b"\0")
    except OSError:
        return None
    ranks = [entry.split(b"=")[1] for entry in environment
             if entry.startswith((b"OMPI_COMM_WORLD_RANK=", b"PMI_RANK="))]
    return int(ranks[0]) if ranks else None


def find_rank(rank, directory):
    """The process of a rank that works in the directory."""
    for path in Path("/proc").glob("[0-9]*"):
        try:
            here = os.readlink(path / "cwd") == str(directory)
        except OSError:
            continue
        if here and rank_of(path.name) == rank and b"normnet-mpi" in (path / "cmdline").read_bytes().split(b"\0")[0]:
            return int(path.name)
    return None


class Mpi(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = Path(directory.name).resolve()

    def command(self, kind, ranks, *arguments):
        if kind not in PROGRAMS:
            self.skipTest(f"normnet-mpi was not built with {kind}; apt-get install openmpi-bin libopenmpi-dev mpich "
                          "libmpich-dev")
        start = shutil.which("mpirun." + kind)
        if start is None:
            self.skipTest(f"needs mpirun.{kind}")
        return [start, "-np", str(ranks), PROGRAMS[kind], "--threads", "1", *arguments]

    def run_job(self, kind, ranks, *arguments):
        return subprocess.run(self.command(kind, ranks, *arguments), cwd=self.directory, env=ENVIRONMENT, text=True,
                              capture_output=True, timeout=TIME_LIMIT, check=False)

    def job_weights(self, kind, ranks, *arguments):
        result = self.run_job(kind, ranks, *arguments)
        self.assertEqual(result.returncode, 0, result)
        return weights(result.stdout)

    def messages(self, result):
        return [line for line in result.stderr.splitlines() if line.startswith("normnet-mpi")]

    def check_bits(self, kind, norm, arguments, counts=(1, 2, 4)):
        expected = one_process("--norm", norm, *arguments)
        self.assertRegex(expected, r"^[0-9a-f]{64}$")
        for ranks in counts:
            with self.subTest(f"{kind}, {norm}, {ranks} ranks"):
                self.assertEqual(self.job_weights(kind, ranks, "--norm", norm, *arguments), expected)

    def test_bits_of_one_process_openmpi(self):
        for norm in ("none", "batch", "group", "layer"):
            self.check_bits("openmpi", norm, SHARED)

    def test_bits_of_one_process_mpich(self):
        for norm in ("batch", "group"):
            self.check_bits("mpich", norm, SHARED, (2, 4))

    def test_batch_too_small_for_the_ranks(self):
        for norm in ("batch", "layer"):
            self.check_bits("openmpi", norm, WHOLE, (2, 4))

    def test_any_number_of_ranks(self):
        first = self.job_weights("openmpi", 3, *SHARED)
        self.assertEqual(self.job_weights("openmpi", 3, *SHARED), first)

    def test_local_statistics(self):
        local = self.job_weights("openmpi", 2, "--local-statistics", *SHARED)
        self.assertNotEqual(local, one_process(*SHARED))
        group = self.job_weights("openmpi", 2, "--local-statistics", "--norm", "group", *SHARED)
        self.assertEqual(group, one_process("--norm", "group", *SHARED))  # only batch norm has statistics of a batch

    def kill_rank(self, kind, rank, *arguments):
        """Runs a job until it has written a checkpoint, and kills a rank; returns what the job printed."""
        checkpoint = self.directory / "run.ckpt"
        job = subprocess.Popen(self.command(kind, 2, "--save", checkpoint.name, "--save-every", "7", *arguments),
                               cwd=self.directory, env=ENVIRONMENT, text=True, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT)
        self.addCleanup(job.stdout.close)
        self.addCleanup(job.kill)
        for _ in range(100 * TIME_LIMIT):
            if checkpoint.exists() or job.poll() is not None:
                break
            time.sleep(0.01)
        victim = find_rank(rank, self.directory)
        self.assertIsNotNone(victim, f"rank {rank} was not found")
        os.kill(victim, signal.SIGKILL)
        text, _ = job.communicate(timeout=TIME_LIMIT)
        self.assertNotEqual(job.returncode, 0, text)
        self.assertRegex(text, r"(?i)signal.* 9 |SIGNAL 9|EXIT CODE: 9|Killed")
        self.assertRegex(text, r"After a failure, resume with: mpirun -np 2 normnet-mpi --resume run\.ckpt")
        return text

    def check_killed(self, kind, *cases):
        expected = one_process(*LONG)
        for rank, then in cases:
            with self.subTest(f"{kind}, rank {rank} killed, resumed with {then}"):
                self.kill_rank(kind, rank, *LONG)
                checkpoint = self.directory / "run.ckpt"
                shutil.copy(checkpoint, self.directory / "copy.ckpt")
                resumed = self.job_weights(kind, then, "--resume", "run.ckpt", "--data", "generated")
                self.assertEqual(resumed, expected)
                alone = subprocess.run([MNIST, "train", "--resume", "copy.ckpt", "--data", "generated"], text=True,
                                       cwd=self.directory, capture_output=True, timeout=TIME_LIMIT, check=False)
                self.assertEqual(weights(alone.stdout), expected, alone.stderr)
                checkpoint.unlink()

    def test_killed_rank_openmpi(self):
        self.check_killed("openmpi", (1, 2), (0, 4))

    def test_killed_rank_mpich(self):
        self.check_killed("mpich", (1, 1))

    def test_resuming_a_training_of_one_process(self):
        expected = one_process(*LONG)
        process = subprocess.Popen([MNIST, "train", "--save", "run.ckpt", "--save-every", "9", *LONG],
                                   cwd=self.directory, stdout=subprocess.DEVNULL)
        while not (self.directory / "run.ckpt").exists() and process.poll() is None:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.wait()
        self.assertEqual(self.job_weights("openmpi", 2, "--resume", "run.ckpt", "--data", "generated"), expected)

    def test_validation(self):
        arguments = [*SHARED, "--validate", "50"]
        alone = subprocess.run([MNIST, "train", *arguments], text=True, capture_output=True, timeout=TIME_LIMIT,
                               check=False).stdout
        shared = self.run_job("mpich", 2, *arguments).stdout
        rows = [[row.split()[1:7] for row in re.findall(r"^ +\d/2 .*$", text, re.M)]
                for text in (alone, shared)]
        self.assertEqual([len(row) for row in rows[0]], [6, 6], alone)
        self.assertEqual(rows[1], rows[0])  # losses and accuracies of training, validation and test

    def test_resuming_refuses_another_training(self):
        self.job_weights("openmpi", 2, "--save", "run.ckpt", *SHARED)
        result = self.run_job("openmpi", 2, "--resume", "run.ckpt", "--norm", "group")
        self.assertEqual(len(self.messages(result)), 1, result)
        self.assertRegex(result.stderr, "--norm cannot be chosen for the training in run.ckpt, which goes on as it")
        result = self.run_job("openmpi", 2, "--save", "run.ckpt", *SHARED)
        self.assertEqual(len(self.messages(result)), 1, result)
        self.assertRegex(result.stderr, "run.ckpt exists; resume it with --resume run.ckpt, or remove it")

    def test_mistakes_are_said_once(self):
        mistakes = {
            "--epochs: 'x' is not a whole number": ["--epochs", "x"],
            "--epoch": ["--epoch", "3"],
            "nowhere": ["--data", "nowhere"],
            "unknown layer|conv0": ["--data", "generated", "--architecture", "conv0"],
            "none.ckpt": ["--resume", "none.ckpt"],
            "a batch of 8 images has none for some of 2 ranks; expected --batch 16 or more": [*SHARED, "--batch", "8"],
        }
        for pattern, arguments in mistakes.items():
            with self.subTest(pattern):
                result = self.run_job("openmpi", 2, *arguments)
                self.assertNotEqual(result.returncode, 0)
                self.assertEqual(len(self.messages(result)), 1, result)
                self.assertRegex(self.messages(result)[0], pattern)

    def test_diverging_training_is_said_once(self):
        result = self.run_job("openmpi", 2, *DIVERGING, "--norm", "none", "--dropout", "0")
        self.assertNotEqual(result.returncode, 0)
        self.assertEqual(len(self.messages(result)), 1, result)
        self.assertRegex(result.stderr, r"epoch \d, image \d+: ")

    def test_ranks_must_have_the_same_images(self):
        command = self.command("openmpi", 1, *SHARED[2:])
        names = ["train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"]
        for folder in ("a", "b"):
            (self.directory / folder).mkdir()
            for name in names:
                images = "images" in name
                head = [0, 0, 8, 3, 0, 0, 1, 44, 0, 0, 0, 28, 0, 0, 0, 28] if images else [0, 0, 8, 1, 0, 0, 1, 44]
                count = 300 * 784 if images else 300
                value = (lambda i: (i * 7 + (folder == "b")) % 251) if images else (lambda i: i % 10)
                (self.directory / folder / name).write_bytes(bytes(head) + bytes(map(value, range(count))))
        both = [command[0], "-np", "1", *command[3:], "--data", "a", ":", "-np", "1", *command[3:], "--data", "b"]
        result = subprocess.run(both, cwd=self.directory, env=ENVIRONMENT, text=True, capture_output=True,
                                timeout=TIME_LIMIT, check=False)
        self.assertNotEqual(result.returncode, 0)
        self.assertEqual(len(self.messages(result)), 1, result)
        self.assertRegex(result.stderr, "the ranks have different images")

    def test_help(self):
        result = self.run_job("openmpi", 2, "--help")
        self.assertEqual((result.returncode, result.stdout.count("Usage: mpirun -np RANKS normnet-mpi")), (0, 1))


def main():
    global MNIST
    if len(sys.argv) < 2 or sys.argv[1].startswith("-"):
        helped = sys.argv[1:2] in (["-h"], ["--help"])
        print(__doc__, file=sys.stdout if helped else sys.stderr)
        return 0 if helped else 2
    MNIST = os.path.abspath(sys.argv[1])
    PROGRAMS.update((kind.rstrip("="), os.path.abspath(path)) for kind, path in zip(sys.argv[2::2], sys.argv[3::2]))
    return suite.run()


if __name__ == "__main__":
    sys.exit(main())
