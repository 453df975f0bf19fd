/* SPDX-License-Identifier: MIT */
/*
 * How activations lie in memory. The unit is the lane group: 16 floats, one per sample, aligned to 64 bytes. A plane is
 * one channel: `height` rows of `width` groups. A map is `channels` planes. Sizes and strides count groups, so that
 * group i of x begins at x[16 * i].
 */
#ifndef NORMNET_KERNELS_MAP_H
#define NORMNET_KERNELS_MAP_H

#include <stdint.h>

enum { NORMNET__LANES = 16 };

/* The strides are the distances from one row to the next and from one channel to the next. */
struct map {
    int32_t channels, height, width;
    int64_t row_stride, channel_stride;
};

/*
 * A map with dense rows and planes. Planes of 64 groups and more begin an odd number of groups apart: at a multiple of
 * 64 groups, 4 KiB, the same pixel of all channels would map to the same few sets of the L1 cache.
 */
static inline struct map normnet__spaced_map(int32_t channels, int32_t height, int32_t width)
{
    const int64_t plane = (int64_t)height * width;

    return (struct map){channels, height, width, width, plane >= 64 ? plane | 1 : plane};
}

/* The size of its memory in groups. */
static inline int64_t normnet__map_groups(struct map map)
{
    return map.channels * map.channel_stride;
}

/* The offset of channel c in floats if the lanes are channels: lane c % 16 of plane c / 16. */
static inline int64_t normnet__channel_at(struct map map, int32_t c)
{
    return c / NORMNET__LANES * map.channel_stride * NORMNET__LANES + c % NORMNET__LANES;
}

#endif
