# SPDX-License-Identifier: MIT
"""Inference of batches of 1 and 128, and loss and accuracy of 10,000 images."""
import normnet_contestant
import onnx_contestant
import pytorch_contestant
from compiler import Compiler
from networks import draw_data, flops
from race import race
from report import speed_table, summarize

EVALUATION = 10_000
BATCHES = (1, 128, EVALUATION)


def contestants(case, compiler):
    state, (images, labels) = pytorch_contestant.drawn_state(case), draw_data(case, case.batch)
    if case.batch == EVALUATION:
        return [normnet_contestant.evaluation(case, state, images, labels),
                *pytorch_contestant.evaluation(case, state, images, labels, compiler),
                onnx_contestant.evaluation(case, state, images, labels)]
    return [normnet_contestant.prediction(case, state, images),
            *pytorch_contestant.prediction(case, state, images, compiler),
            onnx_contestant.prediction(case, state, images)]


def run(options, report):
    compiler = Compiler(options.compile, report.note)
    names = [normnet_contestant.NAME, *pytorch_contestant.INFERENCE, *compiler.names, onnx_contestant.NAME]
    table = speed_table(report, "evaluate", f"prediction of 1 and 128 images, evaluation of {EVALUATION:,},"
                        f" {options.threads} threads, images/s", names)
    for case in report.track(options.cases(batches=BATCHES)):
        table.add(race(case, contestants(case, compiler), flops(case).inference, options))
    summarize(report, table.rows)
