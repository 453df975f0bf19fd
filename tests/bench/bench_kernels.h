/* SPDX-License-Identifier: MIT */
/* The benchmark of the kernels: test_kernels --bench. */
#ifndef NORMNET_BENCH_BENCH_KERNELS_H
#define NORMNET_BENCH_BENCH_KERNELS_H

/* Reads the arguments after --bench, prints a table and returns the exit code. */
int bench_kernels(int count, char **arguments);

#endif
