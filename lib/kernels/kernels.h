/* SPDX-License-Identifier: MIT */
/*
 * The table of kernels: inner loops over blocks of 16 samples, one entry per operation, one table per
 * instruction set. Every table computes the same bits: the contract of an entry includes the order of its sums. Maps,
 * planes and lane groups are those of map.h; sizes count lane groups.
 */
#ifndef NORMNET_KERNELS_KERNELS_H
#define NORMNET_KERNELS_KERNELS_H

#include "kernels/map.h"

#include <stdbool.h>
#include <stdint.h>

/* A convolution: what it reads, what it writes, and how. */
struct convolution {
    struct map x, y;
    int32_t kernel, stride, padding;
    bool winograd;           /* see algorithm.h */
    int32_t inputs, outputs; /* channels, for convolve_channels, whose maps count planes */
};

/* What becomes of each output of a convolution on its way to memory: the bias, then one of the others or neither. */
struct epilogue {
    const float *bias; /* [y.channels]: y + bias; or NULL */
    bool relu;         /* y < 0 ? 0 : y, so NaN stays */
    bool relu_mask;    /* y' > 0 ? y : 0 for the y' that lies in memory: the gradient of the ReLU that put it there */
};

/* Dropout: x becomes bit of the mask ? x * scale : 0. One mask per group, a bit per lane; NULL for none. */
struct mask {
    const uint16_t *bits;
    float scale;
};

/* The coefficients of an input gradient, each for 16 lanes. */
struct gradient_coefficients {
    const float *mean, *a, *b, *c;
};

struct kernels {
    const char *name;

    /*
     * y[k][i][j] = sum over (c, u, v) of w[k][c][u][v] * x[c][i * stride + u - padding][j * stride + v - padding], then
     * the epilogue. Directly: a chain of fused multiply-adds in the order c, u, v that starts at 0; padding must be 0.
     * By Winograd's algorithm: the sums of winograd_kernels.h. `weights` are in the order of normnet__pack_weights,
     * `scratch` holds normnet__convolution_scratch groups.
     */
    void (*convolve)(const struct convolution *convolution, const float *x, const float *weights,
                     const struct epilogue *epilogue, float *y, float *scratch);

    /*
     * The same for a single image whose channels are the lanes (normnet__channel_at) in both maps,
     * and the bias is aligned and padded to whole groups. No gate. Up to 15 floats after the weights are read, but
     * nothing that is made of them is of use.
     */
    void (*convolve_channels)(const struct convolution *convolution, const float *x, const float *weights,
                              const struct epilogue *epilogue, float *y, float *scratch);

    /*
     * dw[k][c][u][v] = sum over lanes of (sum over (i, j) of x[c][i * stride + u][j * stride + v] * dy[k][i][j]), dy in
     * the map convolution->y, padding 0. Directly, per lane a chain of fused multiply-adds in the order i, j that
     * starts at 0; by Winograd's algorithm the sums of winograd_gradient_kernels.h. Then the tree over lanes in double.
     * `scratch` holds normnet__weight_gradient_scratch groups.
     */
    void (*weight_gradient)(const struct convolution *convolution, const float *x, const float *dy, double *dw,
                            float *scratch);

    /*
     * mean[lane] and sum of squared deviations m2[lane] of `count` groups: mean = pivot + sum d / count and
     * m2 = sum d^2 - (sum d)^2 / count with d = x - pivot; the sums are those of normalization_kernels.h.
     */
    void (*moments)(const float *x, int64_t count, double *mean, double *m2);

    /* y = fma(x - mean, scale, shift), lane by lane, and dropout after it; x and y may be the same. */
    void (*normalize)(const float *x, int64_t count, const float *mean, const float *scale, const float *shift,
                      struct mask mask, float *y);

    /* y = fma(y, gamma[i], beta[i]) for group i. */
    void (*affine_elements)(float *y, int64_t count, const float *gamma, const float *beta);

    /*
     * sum_dy[lane] = sum of dy and sum_dyx[lane] = sum of dy * (x - mean), dy with the dropout: as in moments; the
     * difference is a float.
     */
    void (*gradient_moments)(const float *x, const float *dy, int64_t count, const float *mean, struct mask mask,
                             double *sum_dy, double *sum_dyx);

    /*
     * dx = fma(a, dy, fma(b, x - mean, c)), dy with the dropout, lane by lane, in the place of x; 0 where the bit of
     * `valid` is 0 and, if there is a gate, where x is not positive.
     */
    void (*normalize_gradient)(float *x, const float *dy, int64_t count, const struct gradient_coefficients *form,
                               struct mask mask, uint32_t valid, bool relu_mask);

    /* dy = dy * gamma[i] for group i. */
    void (*multiply_elements)(float *dy, int64_t count, const float *gamma);

    /*
     * For each i < count: sum_dy[i] = sum of dy and sum_dyx[i] = sum of dy * y over group i of each of `chains` chains,
     * which begin at group offsets[chain], where y = fma(x - mean, scale, shift) and coefficients is
     * [chains][mean, scale, shift][16]: per lane in the order of the chains, in double, then the tree over the lanes.
     */
    void (*affine_gradient)(const float *x, const float *dy, int64_t count, int64_t chains, const int64_t *offsets,
                            const float *coefficients, double *sum_dy, double *sum_dyx);

    /* The sum over groups and lanes: per lane in order, in double, then the tree over lanes. */
    double (*sum_all)(const float *dy, int64_t count);

    /* y = x < 0 ? 0 : x (so NaN stays); y and x may be the same. Rows are dense, here and in the next two. */
    void (*relu)(struct map map, const float *x, float *y);

    /* dx = dy in the place of x, 0 where there is a gate and x is not positive. The maps may differ in their strides.
     */
    void (*copy_gradient)(struct map x_map, float *x, struct map dy_map, const float *dy, bool relu_mask);

    /*
     * One 16-bit draw per element; bit `lane` of masks[i] is set if the draw of group i is at least `threshold`
     * (0 to 65,536). key is [2][16]: two words per sample. The draws of groups 2 j and 2 j + 1 are the low and high
     * half of the hash of counter j.
     */
    void (*dropout_masks)(const uint32_t *key, int64_t count, uint32_t threshold, uint16_t *masks);

    /* x with the dropout, in place; there are no gaps between the masks of planes. */
    void (*dropout)(struct map map, float *x, struct mask mask);

    /*
     * Windows of kernel x kernel, side by side. The maximum is the first of equals in row order, or the
     * last NaN; winners[i * 16 + lane] is its position in the window. The gradient goes there only, in the place of x,
     * and is 0 where there is a gate and x is not positive.
     */
    void (*max_pool)(struct map x_map, const float *x, int32_t kernel, struct map y_map, float *y, uint8_t *indices);
    void (*max_pool_gradient)(struct map y_map, const float *dy, const uint8_t *indices, int32_t kernel,
                              struct map x_map, float *x, bool relu_mask);

    /* The mean of windows of `height` x `width`: the sum in row order, divided by their number. */
    void (*average_pool)(struct map x_map, const float *x, int32_t height, int32_t width, struct map y_map, float *y);
    void (*average_pool_gradient)(struct map y_map, const float *dy, int32_t height, int32_t width, struct map x_map,
                                  float *x, bool relu_mask);
};

extern const struct kernels normnet__kernels_portable;
#if defined(__x86_64__)
extern const struct kernels normnet__kernels_avx2, normnet__kernels_avx512;
#elif defined(__AARCH64EL__)
extern const struct kernels normnet__kernels_neon;
#endif

/*
 * The table for a normnet_cpu value: the best that the processor and the operating system support for
 * NORMNET_CPU_BEST, NULL for one that they lack.
 */
const struct kernels *normnet__select_kernels(int32_t cpu);

#endif
