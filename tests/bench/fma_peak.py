# SPDX-License-Identifier: MIT
"""The most multiply-adds per second that the vectors of the library allow on this machine."""
import normnet
import programs

#: Flags for the instruction sets of normnet_cpu_name(). Without one, the bound is multiplications and additions in
#: vectors of 16 bytes, which the portable kernels stay far from: they compute fused multiply-adds in software.
FLAGS = {"avx512": ("-mavx512f", "-DVECTOR_BYTES=64"), "avx2": ("-mavx2", "-mfma", "-DVECTOR_BYTES=32"),
         "neon": ("-DCHAINS=20",)}


def cpu_name():
    """The best instruction set of the library on this machine."""
    return normnet.library.normnet_cpu_name(None).decode()


def turn(threads):
    """A turn of the program that comes to GFLOP/s."""
    program = programs.build("fma_peak", "-ffp-contract=fast", "-pthread", *FLAGS.get(cpu_name(), ()))
    return lambda seconds: programs.run(program, threads, seconds)[0]
