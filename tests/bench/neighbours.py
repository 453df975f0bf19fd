# SPDX-License-Identifier: MIT
r"""How training shares the cores with other work: images/s of builds with
different threads, beside busy neighbours.

usage: python tests/bench/neighbours.py NAME=LIBRARY... [--norms batch,group]
           [--threads 2,4,8] [--neighbours 0,1,2] [--repeats 5] [--seconds 1]
           [-h | --help]

example: python tests/bench/neighbours.py pool=build/release/lib/libnormnet.so \
             openmp=build/openmp/lib/libnormnet.so

Trains the default network in batches of 128. A neighbour is a process that
computes without end. Builds take turns; each figure is the median of its
turns, each turn a process of its own.
"""
import argparse
import contextlib
import itertools
import os
import pathlib
import statistics
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
BATCH = 128
TURN = """
import sys, time, numpy, normnet
norm, threads, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
random = numpy.random.default_rng(1)
images = random.integers(0, 256, (%d, 1, 28, 28), numpy.uint8)
labels = random.integers(0, 10, %d).astype(numpy.uint8)
with normnet.Model(norm, threads=threads) as model:
    steps = 0
    begin = time.perf_counter()
    while time.perf_counter() - begin < seconds / 5:
        model.train_step(images, labels)
    begin = time.perf_counter()
    while time.perf_counter() - begin < seconds:
        model.train_step(images, labels)
        steps += 1
    print(%d * steps / (time.perf_counter() - begin))
""" % (BATCH, BATCH, BATCH)


def turn(library, norm, threads, seconds):
    """Images per second."""
    environment = {**os.environ, "NORMNET_LIBRARY": library, "PYTHONPATH": str(ROOT / "examples" / "python")}
    done = subprocess.run([sys.executable, "-c", TURN, norm, str(threads), str(seconds)], env=environment, check=True,
                          stdout=subprocess.PIPE, text=True)
    return float(done.stdout)


@contextlib.contextmanager
def neighbours(count):
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for process in busy:
            process.kill()
            process.wait()


def numbers(text):
    return [int(part) for part in text.split(",")]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("builds", nargs="+", metavar="NAME=LIBRARY")
    parser.add_argument("--norms", default="batch,group", type=lambda text: text.split(","))
    parser.add_argument("--threads", default="2,4,8", type=numbers)
    parser.add_argument("--neighbours", default="0,1,2", type=numbers)
    parser.add_argument("--repeats", default=5, type=int)
    parser.add_argument("--seconds", default=1.0, type=float, help="of a turn")
    options = parser.parse_args()
    builds = dict(build.split("=", 1) for build in options.builds)
    print("norm   threads  neighbours" + "".join(f"{name:>12}" for name in builds) + "   images/s", flush=True)
    for norm, threads, busy in itertools.product(options.norms, options.threads, options.neighbours):
        speeds = {name: [] for name in builds}
        with neighbours(busy):
            for _ in range(options.repeats):
                for name, library in builds.items():
                    speeds[name].append(turn(library, norm, threads, options.seconds))
        print(f"{norm:6} {threads:7}  {busy:10}" +
              "".join(f"{statistics.median(figures):12,.0f}" for figures in speeds.values()), flush=True)


if __name__ == "__main__":
    main()
