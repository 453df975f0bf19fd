# SPDX-License-Identifier: MIT
"""The memory that training adds to the peak resident set of a process, and the size of the library."""
import multiprocessing
import pathlib
import shutil
import subprocess
import tempfile

import torch

import normnet
import programs
import pytorch_contestant
from report import Column, case_columns

STEPS = 5  # as in memory.c


def peak_resident_set():
    """The peak resident set of this process in KiB."""
    for line in pathlib.Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1])
    raise OSError("/proc/self/status does not contain the peak resident set")


def train_pytorch(case):
    """The peak before the network is created and after a few steps; to be run in a new process."""
    torch.set_num_threads(case.threads)
    network = case.network
    images = torch.rand(case.batch, network.channels, network.height, network.width)
    labels = torch.ones(case.batch, dtype=torch.long)
    before = peak_resident_set()
    built = pytorch_contestant.build(case)
    step = pytorch_contestant.training_step(built, built, fused=True)
    for _ in range(STEPS):
        step(images, labels)
    return before, peak_resident_set()


def in_new_process(function, *arguments):
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(function, arguments)


def measure(case):
    """A row of the table, in MiB."""
    program = programs.build("memory", *programs.library())
    before, peak = (kib / 1024 for kib in programs.run(program, *programs.model_arguments(case)))
    rival_before, rival_peak = (kib / 1024 for kib in in_new_process(train_pytorch, case))
    added, rival_added = peak - before, rival_peak - rival_before
    return {"network": case.network.name, "norm": case.norm, "batch": case.batch, "threads": case.threads,
            "peak": peak, "added": added, "rival peak": rival_peak, "rival added": rival_added,
            "ratio": rival_added / added}


def stripped_size(library):
    """The bytes of the shared library without its symbols; None if there is no program strip."""
    strip = shutil.which("strip")
    if not strip:
        return None
    with tempfile.TemporaryDirectory() as folder:
        copy = pathlib.Path(folder) / "library"
        subprocess.run([strip, "-o", copy, library], check=True)
        return copy.stat().st_size


def size_table(report):
    library = pathlib.Path(normnet.library._name)
    if not library.exists():  # only the system's loader knows where it is
        return report.note("the library's size is left out: set NORMNET_LIBRARY to its path")
    table = report.table("library", "the shared library, bytes",
                         [Column("size", "as built", 12, ",d"), Column("stripped", "stripped", 12, ",d")])
    table.add({"size": library.stat().st_size, "stripped": stripped_size(library)})


def run(options, report):
    if not pathlib.Path("/proc/self/status").exists():
        return report.note("the memory of training is left out: it is read from /proc, which this system does not have")
    title = (f"{STEPS} training steps with {options.threads} threads, peak resident set in MiB: of the process,"
             " and added by the network")
    table = report.table("memory", title, [
        *case_columns(), Column("peak", "normnet (C)", 10, ".1f"), Column("added", "added", 10, ".1f"),
        Column("rival peak", "PyTorch (Python)", 10, ".1f"), Column("rival added", "added", 10, ".1f"),
        Column("ratio", "ratio of added", 8, ".1f")])
    for case in report.track(options.cases()):
        table.add(measure(case))
    size_table(report)
