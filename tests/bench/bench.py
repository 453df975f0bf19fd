# SPDX-License-Identifier: MIT
"""Speed and size of normnet, compared with PyTorch and ONNX Runtime."""
import argparse
import importlib
import os
import pathlib
import platform
import sys
import textwrap
from typing import NamedTuple

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "examples" / "python"), str(ROOT / "tests" / "python")]

try:
    import torch

    import fma_peak
    import normnet
    from networks import NETWORKS, NORMS, Case
    from programs import CompilerError
    from race import Disagreement
    from report import Report
except ImportError as missing:
    sys.exit(f"error: {missing}" + (f"; install the package {missing.name}" if missing.name else ""))


class Command(NamedTuple):
    about: str
    networks: tuple = ("003", "004", "lenet", "rgb32")
    norms: tuple = ("none", "batch", "group", "layer")


COMMANDS = {
    "train": Command("training steps against PyTorch"),
    "evaluate": Command("batches of 1, 128 and 10,000 images against PyTorch and ONNX Runtime"),
    "latency": Command("single images against PyTorch and ONNX Runtime, on several threads"),
    "calls": Command("what a call from Python costs over one from C, beside ONNX Runtime", networks=("lenet", "003"),
                     norms=("none", "batch")),
    "memory": Command("peak memory of training against PyTorch, and the size of the library"),
    "scaling": Command("training: threads, batches of 16 to 4096, 8 to 64 channels",
                       networks=("003", "rgb32"), norms=("batch", "group")),
    "growth": Command("training as channels, kernels, images, batches, classes or units grow; its own networks"),
    "amalgamation": Command("training and prediction of the library as one file against that of meson's build, in"
                            " processor time", networks=("003", "004", "lenet"), norms=("none", "batch", "group")),
}
#: What PyTorch and its libraries read when they are loaded. MKL may ignore it, and ONNX Runtime has no such variable.
RIVALS = {
    "best": {},
    "avx512": {},
    "avx2": {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2", "MKL_ENABLE_INSTRUCTIONS": "AVX2"},
}
CPUS = tuple(RIVALS)
NEWLINE = "\n"


def described(name, about):
    """The lines of a command in the help text."""
    return textwrap.wrap(f"{name:12} {about}", 80, initial_indent="  ", subsequent_indent=" " * 15)


EXAMPLES = f"""
commands:
{NEWLINE.join(line for name, command in COMMANDS.items() for line in described(name, command.about))}
  all          everything, in this order

All contestants have the same weights, and their results must agree before
anything is timed. They are measured in turn; a figure is the median of its
turns. The data are in memory: bytes for normnet, which normalizes them itself,
normalized floats for the others. Layers `dropout` drop 3% in training. The
other contestants evaluate many images in batches of the size that is fastest
for them.

  ratio     normnet to the fastest rival in the row: above 1, normnet is faster
            (or smaller)
  GFLOP/s   of normnet, as direct convolution needs them; Winograd's algorithm
            needs fewer and can exceed 100% of peak
  of peak   of the multiply-adds that all threads can compute in registers,
            measured in turn with the contestants
  bound     images/s of direct convolution at that peak

test_kernels --bench measures normnet's kernels one by one.

{textwrap.fill("networks: " + ", ".join(NETWORKS), 80)}
{textwrap.fill("norms: " + ", ".join(NORMS), 80)}

examples:
  python tests/bench/bench.py all --compile --json bench.json
  python tests/bench/bench.py train --networks 003 --norms batch --repeats 1
  python tests/bench/bench.py growth --rows "layers 512" "stride 2" --repeats 5
  NORMNET_LIBRARY=build/lib/libnormnet.so \\
    python tests/bench/bench.py latency --networks lenet --repeats 15
"""


class Options(argparse.Namespace):
    def cases(self, networks=None, batches=None, threads=None):
        """The cases that the options select; a command may set networks, batches or threads itself."""
        networks = networks or [NETWORKS[name] for name in self.networks]
        return [Case(network, norm, batch, threads or self.threads, self.cpu)
                for network in networks for norm in self.norms for batch in batches or (self.batch,)]


def positive(kind):
    def parse(text):
        value = kind(text)
        if not value > 0:
            raise argparse.ArgumentTypeError(f"{text} is not positive")
        return value
    return parse


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, epilog=EXAMPLES, allow_abbrev=False,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=[*COMMANDS, "all"], metavar="COMMAND", help="what to measure, see below")
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, metavar="NETWORK",
                        help="default 003 004 lenet rgb32; of calls lenet 003, of scaling 003 rgb32")
    parser.add_argument("--norms", nargs="+", choices=NORMS, metavar="NORM",
                        help="default none batch group layer; of calls none batch, of scaling batch group")
    parser.add_argument("--threads", type=positive(int), default=2, help="of every contestant (default 2)")
    parser.add_argument("--cpu", choices=CPUS, default="best",
                        help="instruction set of normnet and, as far as it can be told, of PyTorch (default best)")
    parser.add_argument("--batch", type=positive(int), default=128,
                        help="images per step of train, memory and scaling over threads (default 128)")
    parser.add_argument("--rows", nargs="+", metavar="TEXT",
                        help="of growth, the rows whose first two columns contain a TEXT (default all)")
    parser.add_argument("--repeats", type=positive(int), default=7, help="turns of every contestant (default 7)")
    parser.add_argument("--seconds", type=positive(float), default=0.5, help="length of a turn (default 0.5)")
    parser.add_argument("--compile", nargs="?", type=positive(float), const=300, metavar="SECONDS",
                        help="also torch.compile, at most SECONDS (default 300) per network; slow to start")
    parser.add_argument("--json", metavar="FILE", help="write every figure to FILE")
    return parser.parse_args(namespace=Options())


def processor():
    """The name of the processor, as far as the system has one."""
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def facts(options):
    """What the figures depend on, besides the code."""
    return {"processor": processor(), "processors": os.cpu_count(), "system": platform.platform(),
            "normnet": normnet.version(), "normnet instruction set": fma_peak.cpu_name(options.cpu),
            "library": normnet.library._name, "pytorch": torch.__version__,
            "pytorch instruction set": torch.backends.cpu.get_cpu_capability(), "options": vars(options)}


def introduce(report, options):
    known = report.contents
    report.write(f"normnet {known['normnet']} ({known['normnet instruction set']}) and PyTorch {known['pytorch']}"
                 f" ({known['pytorch instruction set']}) on {known['processors']} x {known['processor']}")
    report.write(f"library: {known['library']}; medians of {options.repeats} turns of {options.seconds:g} s")
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0
    if load > 0.5:
        report.write(f"warning: the load average is {load:.1f}; other programs distort the figures")


def run(name, options, report):
    command = COMMANDS[name]
    chosen = {"networks": options.networks or command.networks, "norms": options.norms or command.norms}
    # Imported here: not every command needs every package.
    importlib.import_module(name).run(Options(**{**vars(options), **chosen}), report)


def limit_rivals(cpu):
    """Starts the program again, unless its environment already tells PyTorch to use this instruction set."""
    if any(os.environ.get(name) != value for name, value in RIVALS[cpu].items()):
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **RIVALS[cpu]})


def main():
    options = arguments()
    limit_rivals(options.cpu)
    try:
        report = Report(facts(options), options.json)
        introduce(report, options)
        for name in COMMANDS if options.command == "all" else [options.command]:
            run(name, options, report)
            report.save()
    except ModuleNotFoundError as missing:
        sys.exit(f"error: {missing}; install the package {missing.name}")
    except (CompilerError, Disagreement, OSError) as failure:
        sys.exit(f"error: {failure}")
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
