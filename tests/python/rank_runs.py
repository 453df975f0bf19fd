# SPDX-License-Identifier: MIT
"""What the tests of several processes have in common: data, the weights of one process, and programs with a time limit.

TRAINING is short, but its last batch of 45 images is smaller than the others and gives four ranks 16, 16, 8 and 5.
"""
import contextlib
import os
import pathlib
import signal
import socket
import subprocess
import sys
import threading

import numpy

ROOT = pathlib.Path(__file__).resolve().parents[2]
GLOO = ROOT / "examples" / "distributed" / "train_gloo.py"
MPI4PY = ROOT / "examples" / "mpi" / "train_mpi4py.py"
WORKER = pathlib.Path(__file__).resolve().parent / "rank_worker.py"
sys.path += [str(GLOO.parent), str(ROOT / "examples" / "python")]

import normnet  # noqa: E402
import ranks  # noqa: E402
from normnet_digits import draw  # noqa: E402

IMAGES, BATCH, EPOCHS = 173, 64, 2
TRAINING = ["--epochs", str(EPOCHS), "--batch", str(BATCH)]
NORMS = ("none", "batch", "group", "layer")
PATIENCE = 100  # seconds, after which a program is taken to hang


def write_idx(path, array):
    head = bytes([0, 0, 8, array.ndim]) + b"".join(length.to_bytes(4, "big") for length in array.shape)
    path.write_bytes(head + array.tobytes())


def write_data(folder, labels=None, count=IMAGES):
    """A folder with four files like MNIST's; `labels` instead of the right ones."""
    folder.mkdir()
    for part, (images, right) in (("train", draw(count, seed=3)), ("t10k", draw(50, seed=4))):
        write_idx(folder / f"{part}-images-idx3-ubyte", images[:, 0])
        write_idx(folder / f"{part}-labels-idx1-ubyte",
                  right if labels is None or part == "t10k" else numpy.asarray(labels, numpy.uint8))
    return folder


def hash_of_one_process(norm, images=IMAGES, batch=BATCH):
    """The weights that fit() gives, in this process and with train_step(): no rank, no sum, no examples/distributed."""
    with normnet.Model(norm, schedule="one_cycle", max_lr=.03, total_steps=EPOCHS * -(-images // batch),
                       max_batch=batch, seed=1) as model:
        model.fit(*draw(images, seed=3), epochs=EPOCHS, batch_size=batch, progress=False)
        return ranks.hash_weights(model)


def environment(**more):
    return {**os.environ, "OMP_WAIT_POLICY": "passive", "OMP_NUM_THREADS": "1", "NORMNET_DATA": "", **more}


class Program:
    """A process whose output is read as it comes; whatever happens, it and those that it has started end with the
    `with` block."""

    def __init__(self, *command, **more):
        self.process = subprocess.Popen([str(word) for word in command], env=environment(**more), text=True,
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        start_new_session=True)
        self.lines, self.errors, self.first_line = [], [], threading.Event()
        self.readers = [threading.Thread(target=self._read, args=pair, daemon=True)
                        for pair in ((self.process.stdout, self.lines), (self.process.stderr, self.errors))]
        for reader in self.readers:
            reader.start()

    def _read(self, pipe, lines):
        for line in pipe:
            lines.append(line.rstrip("\n"))
            if line.startswith("epoch 1:"):
                self.first_line.set()

    def end(self):
        """The exit code. TimeoutExpired if the program hangs."""
        code = self.process.wait(PATIENCE)
        for reader in self.readers:
            reader.join(PATIENCE)
        return code

    def text(self):
        return "\n".join(self.lines + self.errors)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        with contextlib.suppress(ProcessLookupError):  # none of them is left
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def gloo_environments(count):
    """The variables of each rank, as torchrun sets them."""
    port = free_port()
    return [{"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": str(count), "RANK": str(rank)}
            for rank in range(count)]


def check_worker(results, count):
    """The files of all ranks of rank_worker.py: in each rank and with each norm, the weights of one process."""
    found = []
    for rank in range(count):
        lines = (results / str(rank)).read_text(encoding="utf-8").splitlines()
        found.append({line.split()[0]: line.split()[1:] for line in lines})
    for norm in NORMS:
        expected = hash_of_one_process(norm)
        for rank in range(count):
            assert found[rank][norm][0] == expected, (norm, rank)
    local = [found[rank]["local"] for rank in range(count)]
    assert len({parameters for _, parameters in local}) == 1  # the same steps in all ranks
    assert len({state for state, _ in local}) == count        # from statistics of their own
    assert (local[0][0] == hash_of_one_process("batch")) == (count == 1)
