/* SPDX-License-Identifier: MIT */
/*
 * The table of kernels: the inner loops of all layers over a block of `lanes` samples. There is one table per
 * instruction set, and all compute the same bits: the contract of an entry includes the order of its sums. Maps, planes
 * and lane groups are those of map.h; sizes are in lane groups.
 */
#ifndef NORMNET_KERNELS_KERNELS_H
#define NORMNET_KERNELS_KERNELS_H

#include "kernels/map.h"

#include <stdbool.h>
#include <stdint.h>

/* How a convolution is computed: Winograd's algorithm makes patches of 2x2 or of 4x4 outputs. */
enum algorithm { NORMNET__DIRECT, NORMNET__WINOGRAD_2, NORMNET__WINOGRAD_4 };

/* How a weight gradient is computed: directly, or by Winograd's algorithm along the rows or in two dimensions. */
enum gradient_algorithm { NORMNET__GRADIENT_DIRECT, NORMNET__GRADIENT_ROWS, NORMNET__GRADIENT_PATCHES };

/*
 * The shape of a convolution and its algorithm. x may be dilated: its rows and columns stand for every `dilation`th
 * ones, and those between are 0. Either the dilation or the stride is 1.
 */
struct convolution {
    struct map x, y;
    int32_t kernel, stride, padding, dilation;
    int32_t border; /* rows and columns of zeros around x, in its map; x with padding has them, unless by Winograd */
    enum algorithm algorithm;         /* as algorithm.h chooses */
    enum gradient_algorithm gradient; /* the same, of a weight gradient */
    int32_t inputs, outputs;          /* channels, for convolve_channels, whose maps count planes of lanes */
};

/* What happens to each output of a convolution before it is stored: the bias is added, then one of the others or none.
 */
struct epilogue {
    const float *bias; /* [y.channels], or NULL */
    bool relu;         /* y < 0 ? 0 : y, so that NaN stays */
    bool relu_mask;    /* the gradient of a ReLU: 0 where y, which holds the ReLU's output, is not positive */
};

/*
 * The factors of the weight gradient of a fully connected layer: x is [block][lane][input], so that vectors of inputs
 * can be loaded, and dy is [block][output][lane].
 */
struct outer_products {
    int32_t inputs, outputs, blocks;
    int64_t row;    /* from x of a sample to that of the next one: normnet__outer_product_row of all inputs */
    int64_t stride; /* from x and dy of a block to those of the next one */
    const float *x, *dy;
};

/* Dropout: x becomes bit of the mask ? x * scale : 0. One 16-bit mask per group, one bit per lane; NULL for none. */
struct mask {
    const uint16_t *bits;
    float scale;
};

/*
 * What all kernels of norms do to x first, a group each: (x - mean) * power. The power of two brings deviations near
 * 1, so that their products neither overflow nor vanish whatever the scale of x. The product is exact.
 */
struct standardization {
    const float *mean, *power;
};

/* The coefficients of normalize_gradient, a group each. */
struct gradient_coefficients {
    const float *a, *b, *c;
};

/*
 * Of the logits z of each lane: the first class with the highest logit, max z, and the sums over the classes, in order,
 * of z - max z and exp(z - max z). Bit `lane` of `finite` is set if all logits are finite.
 */
struct softmax {
    int32_t best[NORMNET__MAX_LANES];
    double maximum[NORMNET__MAX_LANES], sum_centered[NORMNET__MAX_LANES], sum[NORMNET__MAX_LANES];
    uint32_t finite;
};

/* How a step changes the parameters: update_kernels.h has the formula. */
struct update_rule {
    double images, scale;
    bool penalized; /* else l1 and l2 are not used */
    double l1, l2;
    double momentum_of_buffer, momentum_of_gradient;
    double step_of_gradient, step_of_momentum;
    double lr;
    bool keeps_buffer; /* the momentum is used, but not stored */
};

/*
 * Sums over parameters p and their gradients g: |p| and p * p if they are penalized, else 0; and g * g. And whether all
 * new values are finite floats.
 */
struct update_sums {
    double absolute, square, gradient_square;
    bool finite;
};

/*
 * The outputs begin, ..., end - 1 of a convolution, in units that are computed at once: the rows of y, or the patches
 * of Winograd's algorithm, row by row. There are normnet__count_units of them.
 */
struct units {
    int32_t begin, end;
};

struct kernels {
    const char *name;
    int64_t group_lanes; /* the lanes of a group */

    /* ---- Convolution (convolution_kernels.h) ---- */

    /*
     * y[k][i][j] = sum over (c, u, v) of w[k][c][u][v] * x[c][i * stride + u - padding][j * stride + v - padding], then
     * the epilogue, where x is dilated and 0 outside. Directly: fused multiply-adds in the order c, u, v. By Winograd's
     * algorithm, without dilation: the sums of winograd_patches.h. Both in pieces, as long_sums.h cuts and adds them.
     * `weights` are packed (packed_weights.h) and aligned, `scratch` holds normnet__convolution_scratch groups. Only
     * the given units of y are computed, so that threads can share a convolution.
     */
    void (*convolve)(const struct convolution *convolution, const float *x, const float *weights,
                     const struct epilogue *epilogue, struct units units, float *y, float *scratch);

    /*
     * The same for a single image whose channels are the lanes of both maps (normnet__channel_at). The bias is aligned
     * and padded to whole groups; there is no relu_mask.
     */
    void (*convolve_channels)(const struct convolution *convolution, const float *x, const float *weights,
                              const struct epilogue *epilogue, float *y, float *scratch);

    /*
     * dw[k][c][u][v] = sum over lanes of (sum over (i, j) of x[c][i * stride + u - padding][j * stride + v - padding] *
     * dy[k][i][j]), where dy has the map convolution->y, and x is 0 outside; only patches may have padding. Directly:
     * per lane fused multiply-adds in the order i, j. By Winograd's algorithm: the sums of winograd_gradient_kernels.h
     * or winograd_patch_gradient_kernels.h. All in chains over pieces of the map, as gradient_sums.h cuts and adds
     * them. The lanes are added along the tree, in double. `scratch` holds normnet__weight_gradient_scratch groups.
     */
    void (*weight_gradient)(const struct convolution *convolution, const float *x, const float *dy, double *dw,
                            float *scratch);

    /*
     * The weight gradient of a layer with one pixel, over blocks of up to NORMNET__GROUP_SAMPLES samples that are a
     * subtree: dw[k][c] = sum over samples of x[c] * dy[k]. Leaves of NORMNET__LEAF_SAMPLES samples are summed by fused
     * multiply-adds, then in double along the tree. `scratch` holds normnet__outer_product_scratch groups.
     */
    void (*outer_products)(const struct outer_products *products, double *dw, float *scratch);

    /* ---- Normalization (moments_kernels.h, normalization_kernels.h) ---- */

    /*
     * Of `count` groups, per lane: the mean, and m2, the sum of squared deviations from it. mean = pivot + sum d /
     * count and m2 = sum d^2 - (sum d)^2 / count with d = x - pivot; moments_kernels.h has the pivots and the order of
     * the sums. Only vectors with lanes in use are read: others may hold anything.
     */
    void (*moments)(const float *x, int64_t count, int32_t lanes_in_use, double *mean, double *m2);

    /* y = fma((x - mean) * power, scale, shift) per lane, then dropout. y may be x. */
    void (*normalize)(const float *x, int64_t count, struct standardization standard, const float *scale,
                      const float *shift, struct mask mask, float *y);

    /* y = fma(y, gamma[i], beta[i]) for each group i. */
    void (*affine_elements)(float *y, int64_t count, const float *gamma, const float *beta);

    /*
     * Per lane: sum_dy = sum of dy and sum_dyx = sum of dy * (x - mean) * power, after dropout of dy. x - mean is
     * rounded to float; the order of the sums is that of `moments`.
     */
    void (*gradient_moments)(const float *x, const float *dy, int64_t count, struct standardization standard,
                             struct mask mask, double *sum_dy, double *sum_dyx);

    /*
     * dx = fma(a, dy, fma(b, (x - mean) * power, c)) per lane, after dropout of dy. dx replaces x. It is 0 in lanes
     * whose bit of `valid` is 0 and, with relu_mask, where x is not positive.
     */
    void (*normalize_gradient)(float *x, const float *dy, int64_t count, struct standardization standard,
                               const struct gradient_coefficients *coefficients, struct mask mask, uint32_t valid,
                               bool relu_mask);

    /* dy = dy * gamma[i] for each group i. */
    void (*multiply_elements)(float *dy, int64_t count, const float *gamma);

    /*
     * The gradients of beta and gamma: for each i < count the sums over lanes and chains of dy and of dy * y in group i
     * of a chain, where y = fma((x - mean) * power, scale, shift). Chain j begins at group offsets[j] of x and dy;
     * `coefficients` is [chains][mean, power, scale, shift][NORMNET__MAX_LANES]. Per lane in the order of the chains,
     * then over the lanes along the tree, all in double. sum_dy may be NULL.
     */
    void (*affine_gradient)(const float *x, const float *dy, int64_t count, int64_t chains, const int64_t *offsets,
                            const float *coefficients, double *sum_dy, double *sum_dyx);

    /* The sum over all groups and lanes: per lane in order, then over the lanes along the tree, in double. */
    double (*sum_all)(const float *dy, int64_t count);

    /* ---- Element by element (relu_kernels.h, dropout_kernels.h): rows are dense ---- */

    /* y = x < 0 ? 0 : x, so that NaN stays. y may be x. */
    void (*relu)(struct map map, const float *x, float *y);

    /* y = x > 0 ? x : slope * x; x and y may be the same. */
    void (*leaky_relu)(struct map map, const float *x, float slope, float *y);

    /* dx = x > 0 ? dy : slope * dy, which replaces x. */
    void (*leaky_relu_gradient)(struct map map, float *x, const float *dy, float slope);

    /* dx = dy, which replaces x; 0 where x is not positive if there is a relu_mask. The maps differ in strides only. */
    void (*copy_gradient)(struct map x_map, float *x, struct map dy_map, const float *dy, bool relu_mask);

    /*
     * One 16-bit draw per element: bit `lane` of masks[i] is set if the draw of group i is at least `threshold`
     * (0 to 65,536). key is [2][lanes], two words per sample. The draws of groups 2 j and 2 j + 1 are the low and the
     * high half of the hash of counter j.
     */
    void (*dropout_masks)(const uint32_t *key, int64_t count, uint32_t threshold, uint16_t *masks);

    /* Dropout of x in place. The masks of all planes are contiguous. */
    void (*dropout)(struct map map, float *x, struct mask mask);

    /* ---- Pools (pool_kernels.h): adjacent windows; rows and columns after the last whole window are ignored ---- */

    /*
     * The maximum is the first of equal values in row-major order, or the last NaN; indices[i * lanes + lane] is its
     * position in the window. The gradient dx, which replaces x, is dy there and 0 elsewhere and, with relu_mask, where
     * x is not positive.
     */
    void (*max_pool)(struct map x_map, const float *x, int32_t kernel, struct map y_map, float *y, uint8_t *indices);
    void (*max_pool_gradient)(struct map y_map, const float *dy, const uint8_t *indices, int32_t kernel,
                              struct map x_map, float *x, bool relu_mask);

    /*
     * The mean of windows of height x width: the sum in row order divided by the number of values. Up to 16 values in
     * float; larger windows in float over pieces of up to 16 columns of a row, and in double over the pieces.
     */
    void (*average_pool)(struct map x_map, const float *x, int32_t height, int32_t width, struct map y_map, float *y);
    void (*average_pool_gradient)(struct map y_map, const float *dy, int32_t height, int32_t width, struct map x_map,
                                  float *x, bool relu_mask);

    /* ---- Loss (loss_kernels.h): logits are a dense group for each class ---- */

    /* Fills `softmax` for each lane. Where a logit is not finite, only `finite` means something. */
    void (*softmax)(const float *logits, int64_t classes, struct softmax *softmax);

    /*
     * Replaces the logits by exp(logp) - uniform per lane, with logp = (logit - maximum) - log_sum, in double.
     */
    void (*softmax_gradient)(float *logits, int64_t classes, const double *maximum, const double *log_sum,
                             double uniform);

    /* ---- Parameters (update_kernels.h): dense, and at any address ---- */

    /* The sums in 8 chains, of every eighth parameter each, which are added along the tree. */
    struct update_sums (*measure_update)(const struct update_rule *rule, int64_t count, const double *gradient,
                                         const float *parameters, const float *buffer);
    void (*update)(const struct update_rule *rule, int64_t count, const double *gradient, float *parameters,
                   float *buffer);
    /* Moves averages by the share `share` of the way to the parameters. */
    void (*average)(double share, int64_t count, const float *parameters, float *averages);
};

extern const struct kernels normnet__kernels_portable;
#if defined(__x86_64__)
extern const struct kernels normnet__kernels_avx2, normnet__kernels_avx512;
#elif defined(__AARCH64EL__)
extern const struct kernels normnet__kernels_neon;
#endif

/*
 * The table for a normnet_cpu value; for NORMNET_CPU_BEST the best that this processor and operating system support.
 * NULL if they do not support it, or if this build has no such table.
 */
const struct kernels *normnet__select_kernels(int32_t cpu);

#endif
