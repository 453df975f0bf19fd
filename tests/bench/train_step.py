# SPDX-License-Identifier: MIT
"""Images per second of whole training steps: normnet against PyTorch eager, side by side."""
import argparse
import os
import pathlib
import statistics
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "examples" / "python"), str(ROOT / "tests" / "parity")]

import numpy  # noqa: E402
import torch  # noqa: E402

import normnet  # noqa: E402
import torch_network  # noqa: E402
from comparison import MEAN, SEEDS, STD, draw_images, normalized  # noqa: E402

NORMS = ("none", "batch", "group", "layer", "instance")
EXAMPLES = """
A step is forward, cross-entropy, backward and SGD with momentum under a one-cycle schedule; tokens `dropout`
drop 3 %. The data lies in memory: bytes for normnet, which scales them itself, normalized floats for PyTorch,
in both of its memory formats and with both of its SGD implementations that run on the CPU. Contestants take
turns; the table shows medians, and the ratio of normnet to the fastest PyTorch.

examples:
  python tests/bench/train_step.py
  python tests/bench/train_step.py --networks 003 sibling --norms batch group --threads 1 --batch 64
  NORMNET_LIBRARY=build/libnormnet.so python tests/bench/train_step.py --repeats 15 --seconds 1
"""


def positive(kind):
    def parse(text):
        value = kind(text)
        if not value > 0:
            raise argparse.ArgumentTypeError(f"{text} is not positive")
        return value
    return parse


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, epilog=EXAMPLES,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=positive(int), default=2, help="threads of either (default 2)")
    parser.add_argument("--batch", type=positive(int), default=128, help="images per step (default 128)")
    parser.add_argument("--networks", nargs="+", choices=sorted(SEEDS), default=["003", "004"], metavar="SEED",
                        help=f"of {', '.join(sorted(SEEDS))} (default 003 004)")
    parser.add_argument("--norms", nargs="+", choices=NORMS, default=list(NORMS), metavar="NORM",
                        help=f"of {', '.join(NORMS)} (default all)")
    parser.add_argument("--repeats", type=positive(int), default=7, help="turns of every contestant (default 7)")
    parser.add_argument("--seconds", type=positive(float), default=0.5, help="length of a turn (default 0.5)")
    return parser.parse_args()


def normnet_step(architecture, norm, groups, batches, batch, threads):
    """A function that trains normnet on the given batch of bytes."""
    model = normnet.Model(norm, architecture=architecture, groups=groups, schedule="one_cycle", total_steps=10 ** 7,
                          max_batch=batch, threads=threads, input_mean=[MEAN], input_std=[STD])
    return lambda index: model.train_step(*batches[index])


def torch_step(architecture, norm, groups, batches, memory_format, fused):
    """A function that trains PyTorch on the given batch of normalized floats."""
    network = torch_network.build(architecture, norm, groups=groups).to(memory_format=memory_format)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.01, momentum=0.9, fused=fused or None)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.015, total_steps=10 ** 7)
    data = [(torch.from_numpy(normalized(images)).contiguous(memory_format=memory_format),
             torch.from_numpy(labels).long()) for images, labels in batches]
    cross_entropy = torch.nn.functional.cross_entropy

    def step(index):
        images, labels = data[index]
        optimizer.zero_grad(set_to_none=True)
        cross_entropy(network(images).flatten(1), labels).backward()
        optimizer.step()
        schedule.step()
    return step


def turn(step, batches, seconds):
    """Steps per second over about `seconds`, after a moment to warm up."""
    for index in range(batches):
        step(index)
    count, start = 0, time.perf_counter()
    while True:
        step(count % batches)
        count += 1
        elapsed = time.perf_counter() - start
        if elapsed >= seconds:
            return count / elapsed


def main():
    options = arguments()
    torch.set_num_threads(options.threads)
    torch.manual_seed(1)
    random = numpy.random.default_rng(1)
    batches = [(draw_images(random, options.batch, 1, 28, 28), random.integers(0, 10, options.batch, numpy.uint8))
               for _ in range(4)]
    with normnet.Model() as model:
        print(f"normnet {normnet.version()} ({model.cpu_name}) against PyTorch {torch.__version__}"
              f" ({torch.backends.cpu.get_cpu_capability()}): training, batch {options.batch},"
              f" {options.threads} threads, median of {options.repeats}, images/s")
    if hasattr(os, "getloadavg") and os.getloadavg()[0] > 0.5:
        print(f"warning: the load average is {os.getloadavg()[0]:.1f}; what else runs here distorts the figures")
    names = ("normnet", "contiguous", "..fused", "channels_last", "..fused")
    print("{:8}  {:9}".format("network", "norm") + "".join(f"{name:>15}" for name in names) + f"{'ratio':>9}")
    for network in options.networks:
        architecture, groups, _ = SEEDS[network]
        for norm in options.norms:
            chosen = groups if norm == "group" else 0
            steps = [normnet_step(architecture, norm, chosen, batches, options.batch, options.threads)]
            steps += [torch_step(architecture, norm, chosen, batches, memory_format, fused)
                      for memory_format in (torch.contiguous_format, torch.channels_last) for fused in (False, True)]
            turns = [[turn(step, len(batches), options.seconds) for step in steps] for _ in range(options.repeats)]
            speeds = [statistics.median(column) * options.batch for column in zip(*turns)]
            print(f"{network:8}  {norm:9}" + "".join(f"{speed:15,.0f}" for speed in speeds)
                  + f"{speeds[0] / max(speeds[1:]):8.2f}x", flush=True)


if __name__ == "__main__":
    main()
