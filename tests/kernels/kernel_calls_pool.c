/* SPDX-License-Identifier: MIT */
/* Calls of pools with random shapes and values. */
#include "kernel_calls.h"
#include "kernel_shapes.h"

#include "harness/check.h"

/* A pool: adjacent windows, and sometimes rows and columns after the last one. */
struct pool {
    int32_t height, width; /* of a window */
    struct map x_map, y_map;
    float *x, *y;
};

static struct pool draw_pool(struct workspace *w, int32_t height, int32_t width)
{
    const int channels = draw_channels(w), rows = 1 + draw(w, 4), columns = 1 + draw(w, 4);
    struct pool pool = {.height = height, .width = width};

    pool.x_map = gapped_map(w, channels, rows * height + draw(w, height), columns * width + draw(w, width));
    pool.y_map = gapped_map(w, channels, rows, columns);
    pool.x = take_map(w, pool.x_map);
    pool.y = take_map(w, pool.y_map);
    return pool;
}

/* The maximum is 16, where the last position of a window is 255. */
static struct pool draw_max_pool(struct workspace *w)
{
    const int32_t kernel = draw(w, 8) == 0 ? 16 : draw_kernel(w);

    return draw_pool(w, kernel, kernel);
}

void call_max_pool(const struct kernels *kernels, struct workspace *w)
{
    const struct pool pool = draw_max_pool(w);
    const size_t lanes = (size_t)w->lanes;
    uint8_t *indices = take(w, (size_t)normnet__map_floats(pool.y_map), lanes);

    mark_map(w, pool.y, pool.y_map, EXACT);
    for (int c = 0; c < pool.y_map.channels; ++c)
        for (int i = 0; i < pool.y_map.height; ++i)
            mark(w, indices + (c * pool.y_map.channel_stride + i * pool.y_map.row_stride) * w->lanes,
                 (size_t)pool.y_map.width * lanes, EXACT);
    kernels->max_pool(pool.x_map, pool.x, pool.height, pool.y_map, pool.y, indices);
}

void call_max_pool_gradient(const struct kernels *kernels, struct workspace *w)
{
    const struct pool pool = draw_max_pool(w);
    const int64_t count = normnet__map_floats(pool.y_map);
    uint8_t *indices = take(w, (size_t)count, (size_t)w->lanes);

    for (int64_t i = 0; i < count; ++i)
        indices[i] = (uint8_t)draw(w, pool.height * pool.width);
    remember(w, indices, (size_t)count);
    mark_map(w, pool.x, pool.x_map, EXACT);
    kernels->max_pool_gradient(pool.y_map, pool.y, indices, pool.height, pool.x_map, pool.x, draw_bool(w));
}

void call_average_pool(const struct kernels *kernels, struct workspace *w)
{
    const struct pool pool = draw_pool(w, draw_size(w), draw_size(w));

    mark_map(w, pool.y, pool.y_map, FLOATS);
    kernels->average_pool(pool.x_map, pool.x, pool.height, pool.width, pool.y_map, pool.y);
}

void call_average_pool_gradient(const struct kernels *kernels, struct workspace *w)
{
    const struct pool pool = draw_pool(w, draw_size(w), draw_size(w));

    mark_map(w, pool.x, pool.x_map, FLOATS);
    kernels->average_pool_gradient(pool.y_map, pool.y, pool.height, pool.width, pool.x_map, pool.x, draw_bool(w));
}
