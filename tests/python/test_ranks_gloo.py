# SPDX-License-Identifier: MIT
"""examples/distributed/train_gloo.py: processes that torch.distributed connects."""
import contextlib
import signal
import sys

from rank_runs import (GLOO, IMAGES, TRAINING, WORKER, Program, check_worker, free_port, gloo_environments,
                       hash_of_one_process, write_data)


def start_all(stack, count, commands):
    """A process for each rank, without a launcher."""
    return [stack.enter_context(Program(sys.executable, *command, **variables))
            for command, variables in zip(commands, gloo_environments(count))]


def test_the_bits_of_one_process_without_copies(tmp_path):
    folder = write_data(tmp_path / "data")
    with contextlib.ExitStack() as stack:
        programs = start_all(stack, 4, [[WORKER, "gloo", folder, tmp_path, *TRAINING]] * 4)
        codes = [program.end() for program in programs]
    assert codes == [0] * 4, "\n".join(program.text() for program in programs)
    check_worker(tmp_path, 4)


def test_torchrun_starts_two(tmp_path):
    folder = write_data(tmp_path / "data")
    with Program(sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", 2, "--master-port", free_port(),
                 WORKER, "gloo", folder, tmp_path, *TRAINING) as program:
        assert program.end() == 0, program.text()
    check_worker(tmp_path, 2)


def test_the_program_alone(tmp_path):
    folder = write_data(tmp_path / "data")
    with Program(sys.executable, GLOO, "--data", folder, "--norm", "group", *TRAINING) as program:
        assert program.end() == 0, program.text()
    assert program.lines[0] == f"{IMAGES} images ({folder}), ranks: 1"
    assert program.lines[-1] == "weights_sha256 " + hash_of_one_process("group")
    assert program.lines[-2].startswith("test accuracy ")


def test_a_wrong_label_of_one_rank_ends_all_with_one_message(tmp_path):
    good, bad = write_data(tmp_path / "good"), write_data(tmp_path / "bad", labels=[77] * IMAGES)
    with contextlib.ExitStack() as stack:
        programs = start_all(stack, 2, [[GLOO, "--data", folder, *TRAINING] for folder in (good, bad)])
        codes = [program.end() for program in programs]
    assert codes == [1, 1]
    errors = [line for program in programs for line in program.errors if line.startswith("error: ")]
    assert len(errors) == 1 and errors[0].startswith("error: rank 1: NORMNET_ELABEL: labels[0] is 77"), errors


def test_a_rank_that_is_killed_ends_the_others(tmp_path):
    folder = write_data(tmp_path / "data")
    with contextlib.ExitStack() as stack:
        programs = start_all(stack, 2, [[GLOO, "--data", folder, "--batch", "64", "--epochs", "1000000"]] * 2)
        assert programs[0].first_line.wait(60), programs[0].text()
        programs[1].process.send_signal(signal.SIGKILL)
        assert programs[0].end() == 1
    assert any(line.startswith("error: rank 0 has lost another one: ") for line in programs[0].errors)
