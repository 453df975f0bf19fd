# SPDX-License-Identifier: MIT
"""What a call costs from Python over what it costs from C: a single image, in microseconds."""
import statistics

import numpy
import torch

import normnet_contestant
import onnx_contestant
import pytorch_contestant
from latency import OURS_IN_C, turn_in_c
from networks import draw_data
from race import check_agreement, duration_turn, interleave
from report import Column, case_columns

CALLS = {"predict": "predict()", "out": "with out=", "tensor": "of a torch tensor", "floats": "of a float64 array"}
NOTE = """\
`over C` is the median over the turns of the difference between the medians of a turn and of the turn in C beside it. A
call of predict() makes views of its arrays and new arrays for scores and classes, out= writes to arrays of the caller.
ONNX Runtime does the same in compiled code; `bound` has bound its input and output before it is timed."""


def contestants(case):
    """Our calls by their keys, then the rivals' by their names."""
    state, (images, _) = pytorch_contestant.drawn_state(case), draw_data(case, case.batch)
    out = numpy.empty((case.batch, case.network.classes), numpy.float32), numpy.empty(case.batch, numpy.int64)

    def ours(name, inputs, **options):
        return normnet_contestant.prediction(case, state, inputs, name, **options)
    return [ours("predict", images), ours("out", images, out=out), ours("tensor", torch.from_numpy(images)),
            ours("floats", images.astype(numpy.float64) / 255),
            onnx_contestant.prediction(case, state, images), onnx_contestant.bound_prediction(case, state, images)]


def measure(case, options):
    """A row of the table."""
    rivals = contestants(case)
    check_agreement(case, rivals)
    turns = {OURS_IN_C: turn_in_c(case), **{rival.name: duration_turn(rival) for rival in rivals}}
    taken = interleave(turns, options.repeats, options.seconds)
    medians = {name: [1e6 * statistics.median(turn) for turn in turns] for name, turns in taken.items()}
    over = {f"{key} over C": statistics.median(call - in_c for call, in_c in zip(medians[key], medians[OURS_IN_C]))
            for key in CALLS}
    return {"network": case.network.name, "norm": case.norm, "batch": case.batch, "threads": case.threads,
            **{name: statistics.median(turns) for name, turns in medians.items()}, **over, "microseconds": medians}


def table_of(report):
    ours = [column for key, title in CALLS.items() for column in (
        Column(key, title, 9, ".1f"), Column(f"{key} over C", "over C", 6, ".1f"))]
    rivals = [Column(name, name, 8, ".1f") for name in (onnx_contestant.NAME, onnx_contestant.BOUND)]
    return report.table("calls", "one image per call, medians in microseconds",
                        [*case_columns(), Column(OURS_IN_C, OURS_IN_C, 8, ".1f"), *ours, *rivals])


def run(options, report):
    table = table_of(report)
    for case in report.track(options.cases(batches=(1,), threads=1)):
        table.add(measure(case, options))
    report.note(NOTE)
