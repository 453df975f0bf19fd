# SPDX-License-Identifier: MIT
"""The time of a single call with a single image."""
import statistics

import numpy

import normnet_contestant
import onnx_contestant
import programs
import pytorch_contestant
from compiler import Compiler
from networks import draw_data
from race import check_agreement, duration_turn, interleave
from report import Column, case_columns

OURS_IN_C = "normnet from C"
PERCENTILE = 95
NOTE = """\
all but `normnet from C` are calls from Python. A call of normnet includes the views of arrays, which ctypes creates in
Python, and new arrays for scores and classes; a call of ONNX Runtime includes the same, created in compiled code. The
input and output of `ORT, bound` are bound before it is timed, so that little more than the call itself remains."""


def contestants(case, compiler):
    state, (images, _) = pytorch_contestant.drawn_state(case), draw_data(case, case.batch)
    return [normnet_contestant.prediction(case, state, images),
            *pytorch_contestant.prediction(case, state, images, compiler),
            onnx_contestant.prediction(case, state, images),
            onnx_contestant.bound_prediction(case, state, images)]


def turn_in_c(case):
    """A turn of latency.c, without an interpreter between two calls."""
    program = programs.build("latency", *programs.library())
    return lambda seconds: [1e-9 * taken for taken in programs.run(program, seconds, *programs.model_arguments(case))]


def microseconds(turns):
    """The medians over turns of the median and of the percentile of a turn."""
    return {"median": 1e6 * statistics.median(map(statistics.median, turns)),
            "percentile": 1e6 * statistics.median(float(numpy.percentile(taken, PERCENTILE)) for taken in turns)}


def measure(case, compiler, options):
    """A row of the table."""
    rivals = contestants(case, compiler)
    check_agreement(case, rivals)
    turns = {OURS_IN_C: turn_in_c(case), **{rival.name: duration_turn(rival) for rival in rivals}}
    results = {name: microseconds(taken) for name, taken in interleave(turns, options.repeats, options.seconds).items()}
    medians = {name: result["median"] for name, result in results.items()}
    ours_in_c, ours, *others = medians
    fastest = min(others, key=medians.get)
    cells = {name: f"{result['median']:.0f} {result['percentile']:4.0f}" for name, result in results.items()}
    return {"network": case.network.name, "norm": case.norm, "batch": case.batch, "threads": case.threads, **cells,
            "fastest rival": fastest, "ratio in C": medians[fastest] / medians[ours_in_c],
            "ratio": medians[fastest] / medians[ours], "microseconds": results}


def table_of(report, compiler):
    names = [OURS_IN_C, normnet_contestant.NAME, *pytorch_contestant.INFERENCE, *compiler.names,
             onnx_contestant.NAME, onnx_contestant.BOUND]
    return report.table(
        "latency", f"one image per call, microseconds: median and {PERCENTILE}th percentile", [
            *case_columns(), Column("threads", "threads", 7), *(Column(name, name, 10) for name in names),
            Column("ratio in C", "ratio in C", 7, ".2f"), Column("ratio", "ratio", 6, ".2f")])


def run(options, report):
    compiler = Compiler(options.compile, report.note)
    table = table_of(report, compiler)
    cases = [case for threads in sorted({1, options.threads}) for case in options.cases(batches=(1,), threads=threads)]
    for case in report.track(cases):
        table.add(measure(case, compiler, options))
    report.note(NOTE)
