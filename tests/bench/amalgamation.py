# SPDX-License-Identifier: MIT
"""The library as one file, beside the library that meson has built of the same sources.

Both are in this process and take turns. What counts is the processor's time, which other programs affect less.
"""
import importlib.util
import os
import pathlib
import statistics
import time

import normnet
import normnet_contestant
import programs
import pytorch_contestant
from networks import draw_data
from race import PAUSE, WARM_UP, Disagreement
from report import Column, case_columns
from train import draw_batches

OURS, OTHER = "meson", "one file"
STEPS = 3  # of the training after which both must have the same bits
NOTE = """ratio is the median of the turns' ratios, one file to meson: above 1, the one file is faster."""


def module_of(library):
    """normnet.py once more, with another library."""
    before = os.environ.get("NORMNET_LIBRARY")
    os.environ["NORMNET_LIBRARY"] = str(library)
    try:
        spec = importlib.util.spec_from_file_location("normnet_of_one_file", normnet.__file__)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    finally:
        del os.environ["NORMNET_LIBRARY"]
        if before is not None:
            os.environ["NORMNET_LIBRARY"] = before
    return module


def check_bits(case, modules, state, batches):
    """Raises Disagreement unless both train the same weights."""
    states = []
    for module in modules.values():
        with normnet_contestant.build(case, state, module) as model:
            for images, labels in batches[:1] * STEPS:
                model.train_step(images, labels)
            states.append({name: values.tobytes() for name, values in model.state_dict().items()})
    if states[0] != states[1]:
        raise Disagreement(f"{OURS} and {OTHER} have other bits on {case.network.name} with norm {case.norm}")


def calls_of(case, module, state):
    """{what is measured: (a call, its images)}"""
    batches, (image, _) = draw_batches(case), draw_data(case, 1)
    return {"train": (normnet_contestant.training(case, state, batches, module).call, case.batch),
            "predict": (normnet_contestant.prediction(case, state, batches[0][0], module=module).call, case.batch),
            "predict 1": (normnet_contestant.prediction(case, state, image, module=module).call, 1)}


def images_per_second(call, images, seconds):
    """Of processor time, in a turn of about `seconds`."""
    for limit in (WARM_UP * seconds, seconds):
        count, start = 0, time.process_time()
        while count == 0 or time.process_time() - start < limit:
            call()
            count += 1
    return images * count / (time.process_time() - start)


def race(calls, options):
    """The speeds of both in each turn."""
    speeds = {name: [] for name in calls}
    for turn in range(options.repeats):
        for name, (call, images) in sorted(calls.items(), reverse=turn % 2 == 1):
            if options.threads > 1:
                time.sleep(PAUSE)
            speeds[name].append(images_per_second(call, images, options.seconds))
    return speeds


def measure(case, modules, options):
    """The rows of a network."""
    state = pytorch_contestant.drawn_state(case)
    check_bits(case, modules, state, draw_batches(case))
    calls = {name: calls_of(case, module, state) for name, module in modules.items()}
    for what in calls[OURS]:
        speeds = race({name: known[what] for name, known in calls.items()}, options)
        ratios = [other / ours for ours, other in zip(speeds[OURS], speeds[OTHER])]
        yield {"network": case.network.name, "norm": case.norm, "batch": calls[OURS][what][1], "what": what.split()[0],
               "cpu": case.cpu, "ratio": statistics.median(ratios), "ratios": ratios,
               **{name: statistics.median(figures) for name, figures in speeds.items()}}


def run(options, report):
    modules = {OURS: normnet, OTHER: module_of(programs.one_file(pathlib.Path(normnet.library._name).resolve()))}
    table = report.table("amalgamation", f"one file and meson's build, {options.threads} threads, images per second of"
                         " processor time", [
                             *case_columns(), Column("cpu", "set", 8), Column("what", "call", 8),
                             Column(OURS, OURS, 10, ",.0f"), Column(OTHER, OTHER, 10, ",.0f"),
                             Column("ratio", "ratio", 6, ".3f")])
    for case in report.track(options.cases()):
        for row in measure(case, modules, options):
            table.add(row)
    ratios = [row["ratio"] for row in table.rows]
    report.write(f"one file to meson: {min(ratios):.3f} to {max(ratios):.3f}, median {statistics.median(ratios):.3f}")
    report.note(NOTE)
