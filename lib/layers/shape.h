/* SPDX-License-Identifier: MIT */
/* The shape of an activation, and where its values lie in the memory of a block. */
#ifndef NORMNET_LAYERS_SHAPE_H
#define NORMNET_LAYERS_SHAPE_H

#include "kernels/kernels.h"

#include <stdbool.h>
#include <stdint.h>

struct shape {
    int32_t channels, height, width;
    bool flat; /* after flatten: `channels` features */
};

static inline int64_t normnet__shape_size(struct shape shape)
{
    return (int64_t)shape.channels * shape.height * shape.width;
}

/* Its map in memory. Small planes, and so all features, have no gaps. */
static inline struct map normnet__shape_map(struct shape shape, int32_t lanes)
{
    return normnet__spaced_map(shape.channels, shape.height, shape.width, lanes);
}

/*
 * What a block's memory is used for. TRAINING and EVALUATION have samples as lanes. SINGLE is the evaluation of one
 * image with its channels as lanes: as many channels as lanes share a plane. Only forward and evaluation use that
 * layout.
 */
enum layout { NORMNET__LAYOUT_TRAINING, NORMNET__LAYOUT_EVALUATION, NORMNET__LAYOUT_SINGLE, NORMNET__LAYOUTS };

/* Planes of a map in the layout SINGLE. */
static inline int32_t normnet__channel_planes(int32_t channels, int32_t lanes)
{
    return (channels + lanes - 1) / lanes;
}

static inline struct map normnet__layout_map(struct shape shape, enum layout layout, int32_t lanes)
{
    if (layout == NORMNET__LAYOUT_SINGLE)
        shape.channels = normnet__channel_planes(shape.channels, lanes);
    return normnet__shape_map(shape, lanes);
}

#endif
