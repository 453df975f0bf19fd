# SPDX-License-Identifier: MIT
"""How the speed of training depends on threads, images per batch and channels."""
import dataclasses
import statistics

import fma_peak
import normnet_contestant
import pytorch_contestant
import train
from compiler import Compiler
from networks import three_by_three
from race import check_agreement, interleave, speed_turn
from report import Column, case_columns

BATCHES = (16, 32, 64, 128, 256, 1024, 4096)
CHANNELS = (8, 16, 24, 32, 48, 64)
PEAK = "FMA peak"
#: The contestants of each column in the table of threads, of which the fastest counts.
SIDES = {"normnet": [normnet_contestant.NAME], "PyTorch": pytorch_contestant.TRAINING, PEAK: [PEAK]}


def speeds(cases, options):
    """Images per second of each contestant, and GFLOP/s of the peak, by name and threads."""
    turns = {}
    for case in cases:
        contestants = train.contestants(case, Compiler(None, None))
        check_agreement(case, contestants)
        turns.update({(contestant.name, case.threads): speed_turn(contestant) for contestant in contestants})
        turns[PEAK, case.threads] = fma_peak.turn(case)
    results = interleave(turns, options.repeats, options.seconds)
    return {(name, threads): statistics.median(figures) * (1 if name == PEAK else cases[0].batch)
            for (name, threads), figures in results.items()}


def threads_table(options, report):
    """One thread against several."""
    many = options.threads
    columns = [column for side in SIDES for column in (
        Column(f"{side}, 1", f"{side}, 1", 9, ",.0f"), Column(f"{side}, {many}", f"{side}, {many}", 9, ",.0f"),
        Column(f"{side}, gain", "gain", 6, ".2f"))]
    table = report.table("threads", f"training with 1 and {many} threads, images/s (peak: GFLOP/s)",
                         [*case_columns(), *columns])
    for case in report.track(options.cases()):
        measured = speeds([dataclasses.replace(case, threads=threads) for threads in (1, many)], options)
        row = {"network": case.network.name, "norm": case.norm, "batch": case.batch}
        for side, names in SIDES.items():
            one, several = (max(measured[name, threads] for name in names) for threads in (1, many))
            row.update({f"{side}, 1": one, f"{side}, {many}": several, f"{side}, gain": several / one})
        table.add(row)


def run(options, report):
    if options.threads > 1:
        threads_table(options, report)
    train.measure(options.cases(batches=BATCHES), report, options, "batches",
                  f"training in batches of {BATCHES[0]} to {BATCHES[-1]}, {options.threads} threads")
    train.measure(options.cases(networks=map(three_by_three, CHANNELS)), report, options, "channels",
                  f"training three 3x3 convolutions of {CHANNELS[0]} to {CHANNELS[-1]} channels,"
                  f" {options.threads} threads")
