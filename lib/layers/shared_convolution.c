/* SPDX-License-Identifier: MIT */
#include "layers/shared_convolution.h"

#include "base/parallel.h"
#include "kernels/algorithm.h"

/* Handing over less work would cost more than sharing saves: 3 us at the peak of AVX2. */
enum { MIN_SHARED_MULTIPLY_ADDS = 200000 };

static bool is_shared(const struct block *block, const struct convolution *convolution)
{
    const struct map *x = &convolution->x, *y = &convolution->y;
    const double taps = (double)convolution->kernel * convolution->kernel;
    const double multiply_adds = taps * x->channels * y->channels * y->height * y->width * y->lanes;

    return block->helpers != NULL && multiply_adds >= MIN_SHARED_MULTIPLY_ADDS;
}

/* The arguments of a kernel; `scratch` of thread 0. */
struct shared_call {
    const struct block *block;
    const struct convolution *convolution;
    const float *x;
    float *scratch;

    /* Of convolve. */
    const float *weights;
    const struct epilogue *epilogue;
    float *y;

    /* Of weight_gradient. */
    const float *dy;
    double *dw;
};

static float *scratch_of(const struct shared_call *call, int32_t thread)
{
    return thread == 0 ? call->scratch : call->block->helpers->scratch[thread];
}

/* ---- Convolution: each thread has some units of y ----------------------------------------------------- */

static void convolve_units(void *context, int32_t thread, int64_t begin, int64_t end)
{
    const struct shared_call *call = context;

    call->block->kernels->convolve(call->convolution, call->x, call->weights, call->epilogue,
                                   (struct units){(int32_t)begin, (int32_t)end}, call->y, scratch_of(call, thread));
}

void normnet__convolve(const struct block *block, const struct convolution *convolution, const float *x,
                       const float *weights, const struct epilogue *epilogue, float *y, float *scratch)
{
    const int32_t units = normnet__count_units(convolution);
    struct shared_call call = {.block = block,
                               .convolution = convolution,
                               .x = x,
                               .scratch = scratch,
                               .weights = weights,
                               .epilogue = epilogue,
                               .y = y};

    if (is_shared(block, convolution))
        normnet__parallel(block->helpers->threads, units, convolve_units, &call);
    else
        block->kernels->convolve(convolution, x, weights, epilogue, (struct units){0, units}, y, scratch);
}

/* ---- Weight gradient: each thread has the weights of some outputs -------------------------------------- */

static void sum_outputs(void *context, int32_t thread, int64_t begin, int64_t end)
{
    const struct shared_call *call = context;
    const int64_t first = begin * NORMNET__MAX_SUM_OUTPUTS, last = end * NORMNET__MAX_SUM_OUTPUTS;
    const int64_t taps = (int64_t)call->convolution->kernel * call->convolution->kernel;
    struct convolution own = *call->convolution;

    own.y.channels = (int32_t)((last < own.y.channels ? last : own.y.channels) - first);
    call->block->kernels->weight_gradient(&own, call->x, call->dy + first * own.y.channel_stride * own.y.lanes,
                                          call->dw + first * own.x.channels * taps, scratch_of(call, thread));
}

void normnet__weight_gradient(const struct block *block, const struct convolution *convolution, const float *x,
                              const float *dy, double *dw, float *scratch)
{
    struct shared_call call = {
        .block = block, .convolution = convolution, .x = x, .scratch = scratch, .dy = dy, .dw = dw};
    const int32_t tiles = (convolution->y.channels + NORMNET__MAX_SUM_OUTPUTS - 1) / NORMNET__MAX_SUM_OUTPUTS;

    if (is_shared(block, convolution))
        normnet__parallel(block->helpers->threads, tiles, sum_outputs, &call);
    else
        block->kernels->weight_gradient(convolution, x, dy, dw, scratch);
}
