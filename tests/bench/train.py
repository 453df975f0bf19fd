# SPDX-License-Identifier: MIT
"""Whole training steps: forward, cross-entropy, backward, and SGD with momentum and a one-cycle schedule."""
import normnet_contestant
import pytorch_contestant
from compiler import Compiler
from networks import draw_data, flops
from race import race
from report import speed_table, summarize

IMAGES = 2048  # of all batches together; at least one batch and at most four


def draw_batches(case):
    count = max(1, min(4, IMAGES // case.batch))
    images, labels = draw_data(case, count * case.batch)
    return [(images[first:first + case.batch], labels[first:first + case.batch])
            for first in range(0, len(images), case.batch)]


def contestants(case, compiler):
    state, batches = pytorch_contestant.drawn_state(case), draw_batches(case)
    return [normnet_contestant.training(case, state, batches),
            *pytorch_contestant.training(case, state, batches, compiler)]


def measure(cases, report, options, name, title):
    """A table of training speeds."""
    compiler = Compiler(options.compile, report.note)
    names = [normnet_contestant.NAME, *pytorch_contestant.TRAINING, *compiler.names]
    table = speed_table(report, name, f"{title}, images/s", names)
    for case in report.track(cases):
        table.add(race(case, contestants(case, compiler), flops(case).training, options))
    summarize(report, table.rows)


def run(options, report):
    measure(options.cases(), report, options, "train", f"training, {options.threads} threads")
