# SPDX-License-Identifier: MIT
"""examples/distributed/ranks.py without an engine: ranks are threads here, and messages go through queues."""
import json
import os
import pathlib
import queue
import subprocess
import sys
import threading

import numpy
import pytest

import normnet
import rank_runs
import ranks
from rank_runs import BATCH, EPOCHS, IMAGES, NORMS, TRAINING, hash_of_one_process, write_data
from test_python_tree import BUILT


class Queues:
    """An engine whose messages are copies, so that a rank which changes an array later changes no message."""

    def __init__(self, rank, count, boxes):
        self.rank, self.count, self.boxes = rank, count, boxes

    def send(self, values, rank):
        self.boxes[self.rank, rank].put(values.copy())

    def receive(self, values, rank):
        message = self.boxes[rank, self.rank].get(timeout=rank_runs.PATIENCE)
        assert (message.shape, message.dtype) == (values.shape, values.dtype)
        values[...] = message

    def broadcast(self, values, rank):
        if rank == self.rank:
            for other in set(range(self.count)) - {rank}:
                self.send(values, other)
        else:
            self.receive(values, rank)


def in_ranks(count, function):
    """What function(engine) returns, or the exception that it raises, in each of `count` ranks; and no message may be
    left over."""
    boxes = {(a, b): queue.Queue() for a in range(count) for b in range(count)}
    results = [None] * count

    def call(rank):
        try:
            results[rank] = function(Queues(rank, count, boxes))
        except Exception as error:
            results[rank] = error

    threads = [threading.Thread(target=call, args=(rank,), daemon=True) for rank in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(rank_runs.PATIENCE)
        assert not thread.is_alive(), results
    assert all(box.empty() for box in boxes.values())
    return results


def options_of(*arguments):
    return ranks.read_options("", "", [str(argument) for argument in arguments])


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 8])
def test_sums_are_added_along_the_tree_in_place(count):
    parts = [numpy.array([10. ** rank, 2. ** -rank, 1.]) * .1 for rank in range(count)]
    level = list(parts)
    while len(level) > 1:  # (0 + 1), (2 + 3), ...
        level = [sum(level[i:i + 2]) for i in range(0, len(level), 2)]

    def add(engine):
        values = parts[engine.rank].copy()
        address = values.ctypes.data
        ranks.sum_over_ranks(engine, values)
        assert values.ctypes.data == address
        return values.tobytes()

    assert in_ranks(count, add) == [level[0].tobytes()] * count


def test_which_batches_have_images_for_everyone():
    assert not ranks.everyone_has_images(4, 24) and not ranks.everyone_has_images(4, 33)
    assert ranks.everyone_has_images(4, 25) and ranks.everyone_has_images(3, 3)
    for count in (1, 2, 4, 8, 16):  # what prepare() recommends
        assert all(ranks.everyone_has_images(count, 8 * count * times) for times in range(1, 40))


@pytest.mark.parametrize("count", [1, 2, 4])
@pytest.mark.parametrize("norm", NORMS)
def test_the_bits_of_one_process(norm, count, tmp_path):
    folder = write_data(tmp_path / "data")
    found = in_ranks(count, lambda engine: ranks.run(engine, options_of(
        "--data", folder, "--norm", norm, "--threads", 1 + engine.rank % 2, *TRAINING)))
    assert found == [hash_of_one_process(norm)] * count


def test_other_numbers_of_ranks_have_the_same_weights_in_each(tmp_path):
    folder = write_data(tmp_path / "data")
    found = in_ranks(3, lambda engine: ranks.run(engine, options_of("--data", folder, *TRAINING)))
    assert len(set(found)) == 1 and len(found[0]) == 64


def test_a_short_batch_that_leaves_a_rank_without_images_is_left_out(tmp_path, capfd):
    """Of 72 images, 8 remain, all of which would be those of rank 0; one process leaves nothing out."""
    folder = write_data(tmp_path / "data", count=72)
    run = lambda engine: ranks.run(engine, options_of("--data", folder, "--norm", "group", *TRAINING))  # noqa: E731
    assert in_ranks(1, run) == [hash_of_one_process("group", images=72)]
    assert "left out" not in capfd.readouterr().out
    found = in_ranks(2, run)
    assert capfd.readouterr().out.count("the last batch of an epoch, of 8 images, is left out") == 1
    images, labels = rank_runs.draw(72, seed=3)
    with normnet.Model("group", schedule="one_cycle", max_lr=.03, total_steps=2 * EPOCHS, max_batch=BATCH) as model:
        for _ in range(EPOCHS):
            some = normnet.epoch_order(72, 1, model.steps_taken)[:BATCH]
            model.train_step(images[some], labels[some])
        assert found == [ranks.hash_weights(model)] * 2


@pytest.mark.parametrize("norm", ["none", "batch"])
def test_a_wrong_label_of_one_rank_ends_all_with_one_message(norm, tmp_path):
    good, bad = write_data(tmp_path / "good"), write_data(tmp_path / "bad", labels=[77] * IMAGES)
    found = in_ranks(4, lambda engine: ranks.run(engine, options_of(
        "--data", bad if engine.rank == 2 else good, "--norm", norm, *TRAINING)))
    assert all(isinstance(error, ranks.RankError) for error in found), found
    assert len({str(error) for error in found}) == 1
    assert str(found[0]).startswith("rank 2: NORMNET_ELABEL: labels[0] is 77"), found[0]


def test_all_that_have_something_to_tell_are_named():
    def fail(engine):
        ranks.raise_together(engine, None)  # nobody fails
        ranks.raise_together(engine, [None, ValueError("é" * 2000), normnet.NormnetError(
            normnet.Status.EVALUE, "NORMNET_EVALUE", "another rank"), OSError("lost")][engine.rank])

    messages = {str(error) for error in in_ranks(4, fail)}
    assert messages == {f"rank 1: {'é' * 500}; rank 3: lost"}


@pytest.mark.parametrize("failure, message", [(OSError("no file \udcff"), "rank 0: no file ?"),
                                              (MemoryError(), "rank 0: MemoryError")])
def test_messages_that_are_no_text(failure, message):
    """A name of a file in another encoding, and an exception that says nothing: neither may fail in one rank alone."""
    found = in_ranks(2, lambda engine: ranks.raise_together(engine, None if engine.rank else failure))
    assert [str(error) for error in found] == [message] * 2


def test_a_value_that_is_not_finite_names_those_that_say_so():
    """With NORMNET_EVALUE in all ranks, nothing tells which of them are only informed: all are named."""
    errors = [normnet.NormnetError(normnet.Status.EVALUE, "NORMNET_EVALUE", f"message {rank}") for rank in range(2)]
    messages = {str(error) for error in in_ranks(2, lambda engine: ranks.raise_together(engine, errors[engine.rank]))}
    assert messages == {"rank 0: NORMNET_EVALUE: message 0; rank 1: NORMNET_EVALUE: message 1"}


@pytest.mark.parametrize("mistake, message", [
    (["--batch", 32], "rank 1: batch is 32, and 64 in rank 0"),
    (["--norm", "group", "--seed", 5], "rank 1: norm is group, and batch in rank 0, seed is 5, and 1 in rank 0"),
    (["--data", "/nonexistent"], "rank 1: [Errno 2] No such file or directory: '/nonexistent/train-images-idx3-ubyte'"),
    (["--batch", 8], "rank 1: --batch 8 leaves some of 2 ranks without images; expected a multiple of 16"),
])
def test_options_that_differ_are_an_error_in_all(mistake, message, tmp_path):
    folder = write_data(tmp_path / "data")
    found = in_ranks(2, lambda engine: ranks.run(engine, options_of(
        "--data", folder, *TRAINING, *(mistake if engine.rank == 1 else []))))
    assert [str(error) for error in found] == [message] * 2


def test_a_failure_is_printed_once_and_is_the_exit_code_of_all(tmp_path, capfd):
    bad = write_data(tmp_path / "bad", labels=[11] * IMAGES)
    assert in_ranks(2, lambda engine: ranks.main(engine, options_of("--data", bad, *TRAINING))) == [1, 1]
    errors = capfd.readouterr().err
    assert errors.count("\n") == 1 and errors.startswith("error: rank 0: NORMNET_ELABEL: "), errors


def test_a_model_is_that_of_rank_0():
    """Also if the others ask for another one: it is sent, not created."""
    def create(engine):
        with ranks.create_model(engine, "group", False, 1, max_batch=8, seed=7 + engine.rank) as model:
            return ranks.hash_weights(model), model.config.seed

    assert len(set(in_ranks(3, create))) == 1


def test_a_configuration_that_is_no_model_is_an_error_in_all():
    found = in_ranks(2, lambda engine: ranks.create_model(engine, "batch", True, 1, max_batch=8, channels=-1))
    assert all(isinstance(error, ranks.RankError) and "rank 0: NORMNET_EINVAL" in str(error) for error in found), found


def test_weights_sha256_is_that_of_normnet_mnist(tmp_path):
    if not BUILT.is_file():
        pytest.skip(f"{BUILT} has not been built")
    folder = write_data(tmp_path / "data")
    with normnet.Model("batch") as model:
        model.fit(*rank_runs.draw(IMAGES, seed=3), batch_size=64)
        model.save(tmp_path / "model")
        subprocess.run([BUILT, "evaluate", "--model", tmp_path / "model", "--data", folder, "--json",
                        tmp_path / "json"], check=True, stdout=subprocess.DEVNULL)
        found = json.loads((tmp_path / "json").read_text(encoding="utf-8"))
        assert found["weights_sha256"] == ranks.hash_weights(model)


def test_hints(tmp_path):
    mypy = pytest.importorskip("mypy.api", reason="pip install mypy")
    folders = [rank_runs.GLOO.parent, pathlib.Path(normnet.__file__).parent]
    os.environ["MYPYPATH"] = os.pathsep.join(map(str, folders))
    output, errors, code = mypy.run(["--strict", "--python-executable", sys.executable, "--cache-dir",
                                     str(tmp_path / "cache"), str(rank_runs.GLOO.parent / "ranks.py"),
                                     str(folders[1] / "normnet_digits.py")])
    assert code == 0 and not errors, output
