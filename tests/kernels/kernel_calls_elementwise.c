/* SPDX-License-Identifier: MIT */
/* Calls of ReLU, leaky ReLU and dropout with random shapes and values. */
#include "kernel_calls.h"
#include "kernel_shapes.h"

#include "harness/check.h"

void call_relu(const struct kernels *kernels, struct workspace *w)
{
    const struct map map = dense_map(w, draw_channels(w), draw_size(w), draw_size(w));
    float *x = take_map(w, map), *y = draw_bool(w) ? x : take_map(w, map);

    mark_map(w, y, map, EXACT);
    kernels->relu(map, x, y);
}

void call_leaky_relu(const struct kernels *kernels, struct workspace *w)
{
    const struct map map = dense_map(w, draw_channels(w), draw_size(w), draw_size(w));
    float *x = take_map(w, map), *y = draw_bool(w) ? x : take_map(w, map);

    mark_map(w, y, map, FLOATS);
    kernels->leaky_relu(map, x, draw_bool(w) ? 0.25f : 0.01f, y);
}

void call_leaky_relu_gradient(const struct kernels *kernels, struct workspace *w)
{
    const struct map map = dense_map(w, draw_channels(w), draw_size(w), draw_size(w));
    float *x = take_map(w, map);
    const float *dy = take_map(w, map);

    mark_map(w, x, map, FLOATS);
    kernels->leaky_relu_gradient(map, x, dy, draw_bool(w) ? 0.25f : 0.01f);
}

void call_copy_gradient(const struct kernels *kernels, struct workspace *w)
{
    const int channels = draw_channels(w), height = draw_size(w), width = draw_size(w);
    const struct map x_map = dense_map(w, channels, height, width);
    const struct map dy_map = dense_map(w, channels, height, width);
    float *x = take_map(w, x_map);
    const float *dy = take_map(w, dy_map);

    mark_map(w, x, x_map, EXACT);
    kernels->copy_gradient(x_map, x, dy_map, dy, draw_bool(w));
}

void call_dropout_masks(const struct kernels *kernels, struct workspace *w)
{
    static const uint32_t thresholds[] = {0, 1, 1966, 32768, 65535, 65536};
    const int count = draw_count(w);
    uint32_t *key = take(w, 2 * group_bytes(w), sizeof *key);
    uint16_t *masks = take(w, (size_t)count * sizeof *masks, sizeof *masks);

    for (int i = 0; i < 2 * w->lanes; ++i)
        key[i] = (uint32_t)random_bits(&w->random);
    remember(w, key, 2 * group_bytes(w));
    mark(w, masks, (size_t)count * sizeof *masks, EXACT);
    kernels->dropout_masks(key, count, thresholds[draw(w, CHECK_COUNT(thresholds))], masks);
}

void call_dropout(const struct kernels *kernels, struct workspace *w)
{
    const struct map map = dense_map(w, draw_channels(w), draw_size(w), draw_size(w));
    struct mask mask;
    float *x = take_map(w, map);

    do
        mask = draw_mask(w, (int64_t)map.channels * map.height * map.width);
    while (mask.bits == NULL);
    mark_map(w, x, map, FLOATS);
    kernels->dropout(map, x, mask);
}
