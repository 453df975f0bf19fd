/* SPDX-License-Identifier: MIT */
#include "kernel_shapes.h"

#include "harness/check.h"

const int some_channels[SOME_CHANNELS] = {1, 2, 3, 5, 8, 9, 17};
const int some_sizes[SOME_SIZES] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 13, 20};

int draw_channels(struct workspace *w)
{
    return some_channels[draw(w, SOME_CHANNELS)];
}

int draw_size(struct workspace *w)
{
    return some_sizes[draw(w, SOME_SIZES)];
}

int draw_kernel(struct workspace *w)
{
    static const int kernels[] = {1, 2, 3, 5};

    return kernels[draw(w, CHECK_COUNT(kernels))];
}

int draw_count(struct workspace *w)
{
    return draw_bool(w) ? 1 + draw(w, 40) : draw_size(w) * draw_size(w);
}

struct map dense_map(struct workspace *w, int channels, int height, int width)
{
    return (struct map){channels, height, width, w->lanes, width, (int64_t)height * width + draw(w, 2) * draw(w, 4)};
}

struct map gapped_map(struct workspace *w, int channels, int height, int width)
{
    struct map map = dense_map(w, channels, height, width);
    const int gap = draw(w, 2) * draw(w, 3);

    map.row_stride += gap;
    map.channel_stride += (int64_t)height * gap;
    return map;
}

struct mask draw_mask(struct workspace *w, int64_t groups)
{
    uint16_t *bits = take(w, (size_t)groups * sizeof *bits, sizeof *bits);

    for (int64_t i = 0; i < groups; ++i)
        bits[i] = (uint16_t)random_bits(&w->random);
    remember(w, bits, (size_t)groups * sizeof *bits);
    return (struct mask){draw_bool(w) ? bits : NULL, 1.25f};
}
