# SPDX-License-Identifier: MIT
"""examples/mpi/train_mpi4py.py: processes that MPI connects."""
import subprocess
import sys

import pytest

from rank_runs import GLOO, IMAGES, MPI4PY, TRAINING, WORKER, Program, check_worker, hash_of_one_process, write_data

OPEN_MPI = "Open MPI" in subprocess.run(["mpirun", "--version"], capture_output=True, text=True, check=True).stdout
#: More processes than cores, which give way while they wait; and Open MPI's mpirun otherwise refuses to work for root.
MPIRUN = ["mpirun", *(["--oversubscribe"] if OPEN_MPI else []), "-n"]
SETTINGS = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1", "OMPI_MCA_mpi_yield_when_idle": "1"}


def run(count, *words):
    with Program(*MPIRUN, count, sys.executable, *words, **SETTINGS) as program:
        return program, program.end()


@pytest.mark.parametrize("count", [2, 4])
def test_the_bits_of_one_process_without_copies(count, tmp_path):
    folder = write_data(tmp_path / "data")
    program, code = run(count, WORKER, "mpi", folder, tmp_path, *TRAINING)
    assert code == 0, program.text()
    check_worker(tmp_path, count)


@pytest.mark.parametrize("count", [1, 2])
def test_the_program(count, tmp_path):
    folder = write_data(tmp_path / "data")
    program, code = run(count, MPI4PY, "--data", folder, *TRAINING)
    assert code == 0, program.text()
    assert program.lines[0] == f"{IMAGES} images ({folder}), ranks: {count}"
    assert program.lines[-1] == "weights_sha256 " + hash_of_one_process("batch")


@pytest.mark.parametrize("norm", ["batch", "layer"])
def test_a_wrong_label_of_one_rank_ends_all_with_one_message(norm, tmp_path):
    good, bad = write_data(tmp_path / "good"), write_data(tmp_path / "bad", labels=[77] * IMAGES)
    options = [MPI4PY, "--norm", norm, *TRAINING, "--data"]
    program, code = run(1, *options, good, ":", "-n", 1, sys.executable, *options, bad)
    assert code == 1, program.text()
    errors = [line for line in program.errors if line.startswith("error: ")]
    assert len(errors) == 1 and errors[0].startswith("error: rank 1: NORMNET_ELABEL: labels[0] is 77"), errors


FAULTY = """
import runpy, sys
sys.path.append(sys.argv[1])
import ranks
def fail(*arguments):
    raise OSError("lost")
ranks.train_batch, sys.argv = fail, sys.argv[2:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def test_an_exception_in_one_rank_alone_ends_the_others(tmp_path):
    """The other one waits for its gradients, or for its part of a sum of batch norm."""
    program = [MPI4PY, "--data", write_data(tmp_path / "data"), *TRAINING]
    result, code = run(1, *program, ":", "-n", 1, sys.executable, "-c", FAULTY, GLOO.parent, *program)
    assert code == 1 and "OSError: lost" in result.text(), result.text()
