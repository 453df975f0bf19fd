# SPDX-License-Identifier: MIT
"""Training in several processes (ranks): what train_gloo.py here and examples/mpi/train_mpi4py.py have in common.

A program brings an object with what its engine can do, see Ranks below, and calls main(). docs/ranks.md
explains the whole.

All ranks must do the same sends, receives and broadcasts in the same order, or they wait for each other for ever. So
whatever only one of them may notice, such as a wrong label in its share of a batch, is told to the others by
raise_together() before they go on.
"""
from __future__ import annotations

import argparse
import hashlib
import json
import pathlib
import sys
import textwrap
from typing import Any, Protocol

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "python"))

import numpy
from numpy.typing import NDArray

import normnet
from normnet_digits import Digits, load

Array = NDArray[Any]

LONGEST_MESSAGE = 1000  # bytes of what one rank tells the others about its failure


class Ranks(Protocol):
    """An engine. The arrays are contiguous and are sent from, and received into, where they are: nothing is copied."""

    rank: int   # of this process, from 0
    count: int  # of all processes

    def send(self, values: Array, rank: int) -> None:
        """Sends an array to another rank."""

    def receive(self, values: Array, rank: int) -> None:
        """Receives an array of the same size and type from another rank."""

    def broadcast(self, values: Array, rank: int) -> None:
        """Replaces the array in all ranks by that of `rank`."""


class RankError(Exception):
    """What went wrong in one of the ranks or more; all ranks raise it, with the same message."""


# ---- Sums ------------------------------------------------------------------------------------------


def sum_over_ranks(ranks: Ranks, values: Array) -> None:
    """Replaces an array of doubles, in place, by its sum over all ranks, with the same bits in each.

    It is added along a binomial tree: (rank 0 + rank 1) + (rank 2 + rank 3), and so on. One process adds the gradients
    of its images along such a tree, too, of which normnet.shard() gives each rank a subtree if their number is a power
    of two. So the result has the bits of one process. An all-reduce of the engine has some other order: with
    floating-point numbers, (a + b) + (c + d) is not ((a + b) + c) + d.
    """
    distance = 1
    while distance < ranks.count:
        if ranks.rank % (2 * distance):  # a higher rank: the lower one has the sum of both from now on
            ranks.send(values, ranks.rank - distance)
            break
        if ranks.rank + distance < ranks.count:
            others = numpy.empty_like(values)
            ranks.receive(others, ranks.rank + distance)
            values += others
        distance *= 2
    ranks.broadcast(values, 0)


# ---- Failures --------------------------------------------------------------------------------------


def raise_together(ranks: Ranks, failure: Exception | None) -> None:
    """Raises RankError in all ranks if one of them comes with a failure; returns in all of them if none does."""
    codes = numpy.zeros(ranks.count)
    codes[ranks.rank] = _code(failure)
    sum_over_ranks(ranks, codes)
    failed = numpy.flatnonzero(codes)
    if not len(failed):
        return
    # With config.reduce, a call whose images or labels are rejected in one rank fails with NORMNET_EVALUE in the
    # others. These have nothing to tell, unless nobody has another error.
    guilty = failed[codes[failed] != normnet.Status.EVALUE]
    raise RankError("; ".join(f"rank {rank}: {_share_text(ranks, str(failure) or type(failure).__name__, rank)}"
                              for rank in (guilty if len(guilty) else failed).tolist()))


def _code(failure: Exception | None) -> int:
    """0 for none, the status of an error of the library, -1 for another error."""
    return 0 if failure is None else failure.status if isinstance(failure, normnet.NormnetError) else -1


def _share_text(ranks: Ranks, text: str, rank: int) -> str:
    """The text of `rank`, in all ranks."""
    buffer = numpy.zeros(LONGEST_MESSAGE, numpy.uint8)
    if ranks.rank == rank:
        data = numpy.frombuffer(text.encode(errors="replace")[:LONGEST_MESSAGE], numpy.uint8)
        buffer[:len(data)] = data
    ranks.broadcast(buffer, rank)
    return buffer.tobytes().rstrip(b"\0").decode(errors="ignore")


# ---- A model in all ranks --------------------------------------------------------------------------


def share_bytes(ranks: Ranks, data: bytes) -> bytes:
    """The bytes of rank 0, in all ranks."""
    length = numpy.array([len(data)], numpy.int64)
    ranks.broadcast(length, 0)
    buffer = numpy.frombuffer(data, numpy.uint8).copy() if ranks.rank == 0 else numpy.empty(length[0], numpy.uint8)
    ranks.broadcast(buffer, 0)
    return buffer.tobytes()


def create_model(ranks: Ranks, norm: str, synchronized: bool, threads: int, **config: Any) -> normnet.Model:
    """The model of rank 0, in all ranks: weights, running statistics, momentum, and all that decides about the bits.

    Ranks with the same configuration and seed would have the same weights without this. But so a model of any origin
    can be shared, such as a checkpoint that only rank 0 has.
    """
    host: dict[str, Any] = {"threads": threads, "max_batch": config["max_batch"]}  # which no file has
    if synchronized:
        host["reduce"] = lambda values: sum_over_ranks(ranks, values)  # in the library's own memory
    failure: Exception | None = None
    data = b""
    if ranks.rank == 0:
        try:
            with normnet.Model(norm, **config) as original:
                data = original.serialize()
        except Exception as error:
            failure = error
    raise_together(ranks, failure)
    data = share_bytes(ranks, data)
    try:
        model = normnet.Model.deserialize(data, **host)
    except Exception as error:  # not enough memory in one of them
        failure = error
    raise_together(ranks, failure)
    return model


# ---- Training --------------------------------------------------------------------------------------


def everyone_has_images(ranks: int, images: int) -> bool:
    """Whether a batch of so many images has one or more for each rank, without which a rank could not take part."""
    return all(normnet.shard(images, ranks, rank)[1] > 0 for rank in range(ranks))


def train_batch(model: normnet.Model, ranks: Ranks, images: Array, labels: Array, batch: Array) -> Array:
    """A step on the images with the indices `batch`, of which each rank computes its share. Returns the sum of the loss
    over this rank's images, the number of those that were recognized, and their number."""
    first, count = normnet.shard(len(batch), ranks.count, ranks.rank)
    mine = batch[first:first + count]
    mine_images, mine_labels = images[mine], labels[mine]  # the only copy: the images of a share are not neighbours
    failure: Exception | None = None
    done = numpy.zeros(3)
    try:
        # The place in the whole batch decides which values dropout removes.
        metrics = model.compute_gradients(mine_images, mine_labels, first_sample=first, images_in_all=len(batch))
        done += metrics.loss * metrics.count, metrics.correct, metrics.count
    except normnet.NormnetError as error:
        failure = error
    raise_together(ranks, failure)  # before anyone waits for gradients that will not come
    sum_over_ranks(ranks, model.gradient_view())  # in the model's memory
    model.apply_gradients(len(batch))  # the same in all ranks: so are the weights, also if it fails
    return done


def train(model: normnet.Model, ranks: Ranks, data: Digits, epochs: int, batch: int, seed: int) -> None:
    """Trains as model.fit() does, with its order of the images. Rank 0 prints a line per epoch."""
    images = len(data.labels)
    short = images % batch
    if short and not everyone_has_images(ranks.count, short):
        if ranks.rank == 0:
            print(f"the last batch of an epoch, of {short} images, is left out: it has none for some of the ranks")
        images -= short
    for epoch in range(1, epochs + 1):
        order = normnet.epoch_order(len(data.labels), seed, model.steps_taken)
        totals = numpy.zeros(3)
        for first in range(0, images, batch):
            totals += train_batch(model, ranks, data.images, data.labels, order[first:min(first + batch, images)])
        sum_over_ranks(ranks, totals)
        if ranks.rank == 0:
            loss, correct, count = totals
            print(f"epoch {epoch}: loss {loss / count:.4f}, accuracy {correct / count:.2%}", flush=True)


def hash_weights(model: normnet.Model) -> str:
    """SHA-256 of all weights and running statistics in order, little-endian: the weights_sha256 of normnet-mnist."""
    digest = hashlib.sha256()
    for array in model.state_views().values():
        digest.update(array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes())
    return digest.hexdigest()


# ---- The program -----------------------------------------------------------------------------------


def read_options(description: str, examples: str, arguments: list[str] | None) -> argparse.Namespace:
    """The command line, which is the same for each engine."""
    parser = argparse.ArgumentParser(description=textwrap.fill(" ".join(description.split()), 79), epilog=examples,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", metavar="DIR", help="a folder with MNIST's four files [that of NORMNET_DATA or of"
                                                      " examples/fetch_mnist.sh; otherwise drawn digits]")
    parser.add_argument("--norm", default="batch", choices=[name.lower() for name in normnet.Norm.__members__],
                        help="[%(default)s]")
    parser.add_argument("--epochs", type=int, default=3, help="[%(default)s]")
    parser.add_argument("--batch", type=int, default=64, help="images per step, of all ranks together [%(default)s]")
    parser.add_argument("--threads", type=int, default=1, help="of each rank [%(default)s]")
    parser.add_argument("--seed", type=int, default=1, help="[%(default)s]")
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--sync-batch-norm", action="store_true", default=True, dest="synchronized",
                       help="batch norm over the whole batch, which gives the weights of one process [default]")
    group.add_argument("--local-statistics", action="store_false", dest="synchronized",
                       help="batch norm over the images of each rank, as in PyTorch's DistributedDataParallel: other"
                            " weights than those of one process; rank 0's running statistics are kept")
    options = parser.parse_args(arguments)
    for name in ("epochs", "batch", "threads"):
        if getattr(options, name) < 1:
            parser.error(f"--{name} is {getattr(options, name)}; expected at least 1")
    return options


def prepare(ranks: Ranks, options: argparse.Namespace) -> Digits:
    """The data, and what all ranks must agree on, or they would wait for each other."""
    failure: Exception | None = None
    data = None
    try:
        data = load(options.data)
        if not everyone_has_images(ranks.count, options.batch):
            raise ValueError(f"--batch {options.batch} leaves some of {ranks.count} ranks without images; expected a"
                             f" multiple of {8 * ranks.count}")
    except Exception as error:
        failure = error
    raise_together(ranks, failure)
    assert data is not None
    ours = {name: getattr(options, name) for name in ("norm", "epochs", "batch", "seed", "synchronized")}
    ours["images"] = len(data.labels)
    theirs = json.loads(share_bytes(ranks, json.dumps(ours).encode()))
    different = [f"{name} is {ours[name]}, and {theirs[name]} in rank 0" for name in ours if ours[name] != theirs[name]]
    raise_together(ranks, ValueError(", ".join(different)) if different else None)
    return data


def report(model: normnet.Model, ranks: Ranks, data: Digits) -> None:
    """Rank 0 tests the network and prints what comes out."""
    failure: Exception | None = None
    try:
        if ranks.rank == 0:
            metrics = model.evaluate(data.test_images, data.test_labels)
            print(f"test accuracy {metrics.correct / metrics.count:.2%}\nweights_sha256 {hash_weights(model)}",
                  flush=True)
    except normnet.NormnetError as error:
        failure = error
    raise_together(ranks, failure)


def run(ranks: Ranks, options: argparse.Namespace) -> str:
    """Trains and tests a network. Returns the hash of the weights."""
    data = prepare(ranks, options)
    steps = options.epochs * -(-len(data.labels) // options.batch)
    if ranks.rank == 0:
        print(f"{len(data.labels)} images ({data.source}), ranks: {ranks.count}", flush=True)
    with create_model(ranks, options.norm, options.synchronized and options.norm == "batch", options.threads,
                      schedule="one_cycle", max_lr=.03, total_steps=steps, max_batch=options.batch,
                      seed=options.seed) as model:
        train(model, ranks, data, options.epochs, options.batch, options.seed)
        report(model, ranks, data)
        return hash_weights(model)


def main(ranks: Ranks, options: argparse.Namespace) -> int:
    """run(), with what all ranks know to be wrong printed once. Returns the exit code of the process.

    Other exceptions, such as a lost connection, are raised: what this rank knows, the others may not.
    """
    code = 0
    try:
        run(ranks, options)
    except (RankError, normnet.NormnetError) as error:  # of apply_gradients(), whose arguments are the same in all
        code = 1
        if ranks.rank == 0:
            print(f"error: {error}", file=sys.stderr, flush=True)
    # Launchers end all ranks as soon as one has ended with an error: none may before rank 0 has printed it.
    ranks.broadcast(numpy.zeros(1), 0)
    return code
