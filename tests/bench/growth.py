# SPDX-License-Identifier: MIT
"""How the ratio to PyTorch changes as one number of a network or a batch grows."""
import statistics
import sys
from typing import NamedTuple

import fma_peak
import normnet_contestant
import pytorch_contestant
import train
from compiler import Compiler
from networks import NETWORKS, Case, Network
from race import check_agreement, duration_turn, interleave
from report import Column

NORM = "none"
BATCH = 128
MAX_BATCH_PIXELS = 128 * 64 * 64  # of a batch of larger images, which has fewer, but at least 16
RIVAL = "PyTorch"


class Row(NamedTuple):
    grows: str
    value: object
    network: Network
    batch: int = BATCH


def images(side):
    return max(16, min(BATCH, MAX_BATCH_PIXELS // side ** 2))


def stack(layer, side, channels=1, head="gap conv1-10"):
    """Three times a layer, then a small head."""
    return Network("stack", f"{layer} relu " * 3 + head, channels=channels, height=side, width=side)


def rows():
    """One number at a time, from small to large."""
    yield from (Row("channels, 3x3 on 16x16", n, stack(f"conv3-{n}p1", 16)) for n in (8, 16, 32, 64, 128, 256, 512))
    yield from (Row("channels, 1x1 on 16x16", n, stack(f"conv1-{n}", 16)) for n in (8, 32, 64, 128, 256, 512))
    yield from (Row("kernel, 16 channels on 28x28", n, stack(f"conv{n}-16p{n // 2}", 28)) for n in (1, 3, 5, 7, 9, 11))
    yield from (Row("kernel, 64 channels on 16x16", n, stack(f"conv{n}-64p{n // 2}", 16)) for n in (3, 5, 7))
    yield from (Row("side, 3x3 of 16 channels", n, stack("conv3-16p1", n), images(n)) for n in (8, 16, 28, 64, 128, 224))
    for kernel, channels in ((3, (16, 32, 64)), (3, (64, 128, 128)), (5, (16, 32, 64))):
        layers = " ".join(f"conv{kernel}-{n}s2p{kernel // 2} relu" for n in channels)
        network = Network("strides", layers + " gap conv1-10", channels=3, height=32, width=32)
        yield Row(f"stride 2, {kernel}x{kernel}", "-".join(map(str, channels)), network)
    yield from (Row("batch, network 004", n, NETWORKS["004"], n) for n in (1, 4, 8, 16, 32, 128, 1024, 4096))
    for n in (10, 100, 1000, 10000):
        head = Network("classes", f"conv3-16 relu maxpool2 conv3-16 relu maxpool2 flatten fc-256 relu fc-{n}", classes=n)
        yield Row("classes, after fc-256", n, head)
    yield from (Row("units, two layers", n, Network("units", f"flatten fc-{n} relu fc-{n} relu fc-10"))
                for n in (64, 128, 256, 512, 1024, 2048, 4096))


def selected(texts):
    """The rows that contain one of the texts in their first two columns; all without texts."""
    found = [row for row in rows() if not texts or any(text in f"{row.grows} {row.value}" for text in texts)]
    if not found:
        sys.exit(f"error: no row of growth contains {' or '.join(map(repr, texts))}; rows: "
                 + ", ".join(dict.fromkeys(row.grows for row in rows())))
    return found


def fastest_tenth(durations):
    """The duration that a tenth of the calls did not exceed."""
    return sorted(durations)[(len(durations) - 1) // 10]


def measure(row, options):
    case = Case(row.network, NORM, row.batch, options.threads, options.cpu)
    contestants = train.contestants(case, Compiler(None, None))
    check_agreement(case, contestants)
    turns = {contestant.name: duration_turn(contestant) for contestant in contestants}
    results = interleave({**turns, "peak": fma_peak.turn(case)}, options.repeats, options.seconds)
    peak = statistics.median(results.pop("peak"))
    calls = {name: [seconds for turn in taken for seconds in turn] for name, taken in results.items()}
    medians = {name: statistics.median(map(statistics.median, taken)) for name, taken in results.items()}
    fast = {name: fastest_tenth(taken) for name, taken in calls.items()}
    ours, rivals = normnet_contestant.NAME, pytorch_contestant.TRAINING
    best = min(medians[name] for name in rivals)
    return {"grows": row.grows, "value": str(row.value), "batch": row.batch, ours: row.batch / medians[ours],
            RIVAL: row.batch / best, "ratio": best / medians[ours], "peak": peak,
            "fast ratio": min(fast[name] for name in rivals) / fast[ours], "medians": medians, "fastest tenth": fast}


def run(options, report):
    table = report.table("growth", f"training as networks grow, norm {NORM}, {options.threads} threads, images/s", [
        Column("grows", "what grows", 29, adjust=str.ljust), Column("value", "to", 10), Column("batch", "batch", 5),
        Column(normnet_contestant.NAME, "normnet", 9, ",.0f"), Column(RIVAL, RIVAL, 9, ",.0f"),
        Column("ratio", "ratio", 6, ".2f"), Column("fast ratio", "fastest tenth", 7, ".2f")])
    for row in report.track(selected(options.rows)):
        table.add(measure(row, options))
    peaks = [row["peak"] for row in table.rows]
    report.write(f"peak of multiply-adds: {statistics.median(peaks):.0f} GFLOP/s; lowest ratio"
                 f" {min(row['ratio'] for row in table.rows):.2f}")
