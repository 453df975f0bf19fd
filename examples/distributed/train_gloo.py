# SPDX-License-Identifier: MIT
"""Trains the default network on MNIST in several processes that torch.distributed connects, by its backend gloo.
torchrun starts the processes on one machine or several; without it, each needs four environment variables. The weights
do not depend on the number of processes, if it is a power of two: see docs/ranks.md.
"""
from __future__ import annotations

import datetime
import os
import sys

try:
    import torch
    import torch.distributed
    from ranks import Array, main, read_options
except ImportError as error:
    sys.exit(f"error: {error}; install the packages that docs/ranks.md names")

EXAMPLES = """\
examples:
  torchrun --nproc-per-node 2 examples/distributed/train_gloo.py
  python examples/distributed/train_gloo.py              one process, same bits
  MASTER_ADDR=host0 MASTER_PORT=29500 WORLD_SIZE=2 RANK=1 \\
      python examples/distributed/train_gloo.py --norm group --epochs 5"""

#: How long a rank waits for another one whose connection is open, before it gives up.
PATIENCE = datetime.timedelta(minutes=10)


class Gloo:
    """The ranks of torch.distributed, see ranks.Ranks. torch.from_numpy() is a tensor over the array's memory."""

    def __init__(self) -> None:
        if "WORLD_SIZE" in os.environ:
            torch.distributed.init_process_group("gloo", timeout=PATIENCE)
        else:
            store = torch.distributed.HashStore()  # type: ignore[attr-defined, unused-ignore]
            torch.distributed.init_process_group("gloo", rank=0, world_size=1, store=store)
        self.rank, self.count = torch.distributed.get_rank(), torch.distributed.get_world_size()

    def send(self, values: Array, rank: int) -> None:
        torch.distributed.send(torch.from_numpy(values), rank)

    def receive(self, values: Array, rank: int) -> None:
        torch.distributed.recv(torch.from_numpy(values), rank)

    def broadcast(self, values: Array, rank: int) -> None:
        torch.distributed.broadcast(torch.from_numpy(values), rank)


def end() -> None:
    """Ends gloo's threads, which otherwise may abort the process at its exit."""
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


def run() -> int:
    """main(), where a rank that has ended or cannot be reached ends the others, each when it next hears nothing."""
    options = read_options(__doc__ or "", EXAMPLES, None)
    try:
        return main(Gloo(), options)
    except RuntimeError as error:  # what torch.distributed raises
        sys.exit(f"error: rank {os.environ.get('RANK', 0)} has lost another one: {error}")
    finally:
        end()


if __name__ == "__main__":
    sys.exit(run())
