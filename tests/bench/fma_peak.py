# SPDX-License-Identifier: MIT
"""The peak of multiply-adds per second with the vectors that the library uses on this machine."""
import normnet
import programs

#: The flags of the instruction sets of normnet_cpu_name(), where there are any. portable computes fused multiply-adds
#: in software; its peak is that of multiplications and additions in vectors of 16 bytes.
FLAGS = {"avx512": ("-mavx512f",), "avx2": ("-mavx2", "-mfma")}


def cpu_name(cpu="best"):
    """The instruction set that the library uses on this machine."""
    return normnet.library.normnet_cpu_name(None).decode() if cpu == "best" else cpu


def turn(case):
    """A function of seconds that measures GFLOP/s."""
    cpu = cpu_name(case.cpu)
    program = programs.build("fma_peak", str(programs.HERE / "fma_chains.c"), "-ffp-contract=fast", "-pthread",
                             f"-DNORMNET_ISA={cpu}", *FLAGS.get(cpu, ()))
    return lambda seconds: programs.run(program, case.threads, seconds)[0]
