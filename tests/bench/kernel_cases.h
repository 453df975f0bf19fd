/* SPDX-License-Identifier: MIT */
/* What the benchmark of the kernels measures: one call of each kernel for typical shapes, for tables with so many
 * lanes. */
#ifndef NORMNET_BENCH_KERNEL_CASES_H
#define NORMNET_BENCH_KERNEL_CASES_H

#include "base/allocator.h"
#include "kernels/kernels.h"

enum { MAX_KERNEL_CASES = 160 };

struct kernel_case {
    const char *kernel;
    void (*call)(const struct kernels *kernels, const struct kernel_case *self);
    char shape[64];
    int32_t lanes;
    struct convolution convolution; /* x and y are also the maps of the other kernels */
    double flops;                   /* of direct convolution, two per multiply-add; 0 for the other kernels */
    double bytes;                   /* that the other kernels read and write: floats, masks and indices */

    struct allocator allocator;
    void *memory;
    int64_t memory_bytes;
    float *x, *y, *weights, *scratch, *zeros, *ones; /* zeros and ones: a group for each group of x */
    double *sums;
    uint16_t *masks;
    uint8_t *indices;
};

/* All cases, in the order of struct kernels; returns their number. Their memory must be freed. */
int create_kernel_cases(struct kernel_case cases[MAX_KERNEL_CASES], int32_t lanes);
void destroy_kernel_case(struct kernel_case *self);

#endif
