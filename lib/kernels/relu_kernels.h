/* SPDX-License-Identifier: MIT */
/* ReLU, leaky ReLU and their gradients; included by kernel_table.c only. */
#ifndef NORMNET_KERNELS_RELU_KERNELS_H
#define NORMNET_KERNELS_RELU_KERNELS_H

#include "kernels/kernels.h"
#include "kernels/lanes.h"

static void KERNEL(relu)(struct map map, const float *x, float *y)
{
    const int64_t plane = (int64_t)map.height * map.width * LANES;

    for (int32_t c = 0; c < map.channels; ++c) {
        const int64_t begin = c * map.channel_stride * LANES;

        for (int64_t i = begin; i < begin + plane; i += VECTOR_LANES)
            lanes_store(y + i, lanes_max_zero(lanes_load(x + i)));
    }
}

/* `value` where x is positive, else slope * value. */
LANES_INLINE lanes leak(lanes x, lanes value, float slope)
{
    return lanes_select(x > lanes_splat(0.0f), value, value * lanes_splat(slope));
}

static void KERNEL(leaky_relu)(struct map map, const float *x, float slope, float *y)
{
    const int64_t plane = (int64_t)map.height * map.width * LANES;

    for (int32_t c = 0; c < map.channels; ++c) {
        const int64_t begin = c * map.channel_stride * LANES;

        for (int64_t i = begin; i < begin + plane; i += VECTOR_LANES)
            lanes_store(y + i, leak(lanes_load(x + i), lanes_load(x + i), slope));
    }
}

static void KERNEL(leaky_relu_gradient)(struct map map, float *x, const float *dy, float slope)
{
    const int64_t plane = (int64_t)map.height * map.width * LANES;

    for (int32_t c = 0; c < map.channels; ++c) {
        const int64_t begin = c * map.channel_stride * LANES;

        for (int64_t i = begin; i < begin + plane; i += VECTOR_LANES)
            lanes_store(x + i, leak(lanes_load(x + i), lanes_load(dy + i), slope));
    }
}

/* The gradient of a ReLU whose output is x: dx where x is positive, else 0. */
LANES_INLINE lanes mask_gradient(const float *x, lanes dx)
{
    const lanes zero = lanes_splat(0.0f);

    return lanes_select(lanes_load(x) > zero, dx, zero);
}

/* Replaces x by dx. */
LANES_INLINE void store_gradient(float *x, lanes dx, bool relu_mask)
{
    lanes_store(x, relu_mask ? mask_gradient(x, dx) : dx);
}

static void KERNEL(copy_gradient)(struct map x_map, float *x, struct map dy_map, const float *dy, bool relu_mask)
{
    const int64_t plane = (int64_t)x_map.height * x_map.width * LANES;

    for (int32_t c = 0; c < x_map.channels; ++c) {
        float *to = x + c * x_map.channel_stride * LANES;
        const float *from = dy + c * dy_map.channel_stride * LANES;

        for (int64_t i = 0; i < plane; i += VECTOR_LANES)
            store_gradient(to + i, lanes_load(from + i), relu_mask);
    }
}

#endif
