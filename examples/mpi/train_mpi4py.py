# SPDX-License-Identifier: MIT
"""Trains the default network on MNIST in several processes that MPI connects, by mpi4py.
mpirun starts the processes on one machine or several. The weights do not depend on the number of processes, if it is a
power of two: see docs/ranks.md.
"""
from __future__ import annotations

import pathlib
import sys
import traceback

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "distributed"))

try:
    from mpi4py import MPI
    from ranks import Array, main, read_options
except (ImportError, RuntimeError) as error:  # mpi4py raises the latter if it finds no MPI
    sys.exit(f"error: {error}; install the packages that docs/ranks.md names")

EXAMPLES = """\
examples:
  mpirun -n 2 python examples/mpi/train_mpi4py.py
  mpirun -n 4 --hostfile hosts python examples/mpi/train_mpi4py.py --norm group
  python examples/mpi/train_mpi4py.py                    one process, same bits"""


class Mpi:
    """The ranks of MPI_COMM_WORLD, see ranks.Ranks. The functions with a capital take the array's memory as it is."""

    def __init__(self) -> None:
        self.rank, self.count = MPI.COMM_WORLD.Get_rank(), MPI.COMM_WORLD.Get_size()

    def send(self, values: Array, rank: int) -> None:
        MPI.COMM_WORLD.Send(values, rank)

    def receive(self, values: Array, rank: int) -> None:
        MPI.COMM_WORLD.Recv(values, rank)

    def broadcast(self, values: Array, rank: int) -> None:
        MPI.COMM_WORLD.Bcast(values, rank)


def run() -> int:
    """main(), where an exception in this rank alone ends all of them, which would wait for it for ever."""
    options = read_options(__doc__ or "", EXAMPLES, None)
    try:
        return main(Mpi(), options)
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
        MPI.COMM_WORLD.Abort(1)
        raise


if __name__ == "__main__":
    sys.exit(run())
