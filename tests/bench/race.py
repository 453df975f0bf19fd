# SPDX-License-Identifier: MIT
"""Lets contestants take turns, so that what disturbs the machine disturbs all of them alike."""
import contextlib
import dataclasses
import statistics
import time
from typing import Any, Callable

import fma_peak
from comparison import error

AGREEMENT = 1e-4  # largest difference of answers, relative to the largest value: float32 in another order
WARM_UP = 0.1     # of the length of a turn


class Disagreement(Exception):
    """Contestants that compute different things cannot be compared."""


@dataclasses.dataclass
class Contestant:
    name: str
    call: Callable[[], Any]                           # the work that is timed
    answer: Callable[[], Any]                         # an array in which the contestants must agree
    surroundings: Callable[[], contextlib.AbstractContextManager] = contextlib.nullcontext  # of call and answer


def check_agreement(case, contestants):
    """Raises Disagreement unless the answers of all are the first one's."""
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
    """The seconds of each call over about `seconds`: at least one."""
    taken, start = [], time.perf_counter()
    before = start
    while not taken or before - start < seconds:
        call()
        after = time.perf_counter()
        taken.append(after - before)
        before = after
    return taken


def duration_turn(contestant):
    """A turn: a moment to warm up, then the seconds of each call."""
    def turn(seconds):
        with contestant.surroundings():
            durations(contestant.call, WARM_UP * seconds)
            return durations(contestant.call, seconds)
    return turn


def speed_turn(contestant):
    """A turn that comes to calls per second."""
    take_turn = duration_turn(contestant)

    def turn(seconds):
        taken = take_turn(seconds)
        return len(taken) / sum(taken)
    return turn


def interleave(turns, repeats, seconds):
    """What each turn came to, `repeats` times, by name."""
    results = {name: [] for name in turns}
    for _ in range(repeats):
        for name, turn in turns.items():
            results[name].append(turn(seconds))
    return results


def race(case, contestants, flops, options):
    """A row for speed_table: images per second of normnet, the first contestant, and of its rivals."""
    check_agreement(case, contestants)
    turns = {contestant.name: speed_turn(contestant) for contestant in contestants}
    results = interleave({**turns, "peak": fma_peak.turn(case.threads)}, options.repeats, options.seconds)
    peaks = results.pop("peak")
    peak = statistics.median(peaks)
    speeds = {name: case.batch * statistics.median(speeds) for name, speeds in results.items()}
    ours, *rivals = speeds
    best = max(rivals, key=speeds.get)
    gflops = 1e-9 * flops * speeds[ours]
    return {"network": case.network.name, "norm": case.norm, "batch": case.batch, "threads": case.threads, **speeds,
            "best rival": best, "ratio": speeds[ours] / speeds[best], "flops": flops, "gflops": gflops, "peak": peak,
            "share": gflops / peak, "roofline": 1e9 * peak / flops, "calls_per_second": results, "peaks": peaks}
