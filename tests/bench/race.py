# SPDX-License-Identifier: MIT
"""Measures contestants in turn, so that a disturbance of the machine affects all of them."""
import contextlib
import dataclasses
import statistics
import time
from typing import Any, Callable

import fma_peak
from comparison import error

AGREEMENT = 1e-4  # maximum difference of answers relative to the maximum value: float32 sums in another order
WARM_UP = 0.1     # in units of the length of a turn
PAUSE = 0.25      # seconds between turns: idle threads of OpenMP runtimes spin for a while, LLVM's for 200 ms


class Disagreement(Exception):
    """Contestants that compute different things cannot be compared."""


@dataclasses.dataclass
class Contestant:
    name: str
    call: Callable[[], Any]                           # what is timed
    answer: Callable[[], Any]                         # an array in which all contestants must agree
    surroundings: Callable[[], contextlib.AbstractContextManager] = contextlib.nullcontext  # for call and answer


def check_agreement(case, contestants):
    """Raises Disagreement unless all answers equal the first one."""
    answers = {}
    for contestant in contestants:
        with contestant.surroundings():
            answers[contestant.name] = contestant.answer()
    first, *others = answers
    for name in others:
        difference = error(answers[name], answers[first])
        if not difference <= AGREEMENT:
            raise Disagreement(f"{name} and {first} differ by {difference:.1e} on {case.network.name} with norm"
                               f" {case.norm}, which is more than {AGREEMENT}")


def durations(call, seconds):
    """Calls for about `seconds`, at least once, and returns the seconds of each call."""
    taken, start = [], time.perf_counter()
    before = start
    while not taken or before - start < seconds:
        call()
        after = time.perf_counter()
        taken.append(after - before)
        before = after
    return taken


def duration_turn(contestant):
    """A turn that warms up, then measures the seconds of each call."""
    def turn(seconds):
        with contestant.surroundings():
            durations(contestant.call, WARM_UP * seconds)
            return durations(contestant.call, seconds)
    return turn


def speed_turn(contestant):
    """A turn that measures calls per second."""
    take_turn = duration_turn(contestant)

    def turn(seconds):
        taken = take_turn(seconds)
        return len(taken) / sum(taken)
    return turn


def interleave(turns, repeats, seconds):
    """Takes each turn `repeats` times and returns the lists of results by name."""
    results = {name: [] for name in turns}
    for _ in range(repeats):
        for name, turn in turns.items():
            time.sleep(PAUSE)
            results[name].append(turn(seconds))
    return results


def race(case, contestants, flops, options):
    """A row for speed_table: images per second of normnet, the first contestant, and of its rivals."""
    check_agreement(case, contestants)
    turns = {contestant.name: speed_turn(contestant) for contestant in contestants}
    results = interleave({**turns, "peak": fma_peak.turn(case)}, options.repeats, options.seconds)
    peaks = results.pop("peak")
    peak = statistics.median(peaks)
    speeds = {name: case.batch * statistics.median(speeds) for name, speeds in results.items()}
    ours, *rivals = speeds
    best = max(rivals, key=speeds.get)
    gflops = 1e-9 * flops * speeds[ours]
    return {"network": case.network.name, "norm": case.norm, "batch": case.batch, "threads": case.threads, **speeds,
            "best rival": best, "ratio": speeds[ours] / speeds[best], "flops": flops, "gflops": gflops, "peak": peak,
            "share": gflops / peak, "roofline": 1e9 * peak / flops, "calls_per_second": results, "peaks": peaks}
