/* SPDX-License-Identifier: MIT */
/*
 * How activations lie in memory. The unit is the lane group: `lanes` floats, one per sample, aligned to their size. A
 * plane is one channel: `height` rows of `width` groups. A map is `channels` planes. Sizes and strides count groups, so
 * that group i of x begins at x[lanes * i].
 */
#ifndef NORMNET_KERNELS_MAP_H
#define NORMNET_KERNELS_MAP_H

#include <stdint.h>

/* Of the widest group, in any instruction set. */
enum { NORMNET__MAX_LANES = 16 };

/* The strides are the distances from one row to the next and from one channel to the next. */
struct map {
    int32_t channels, height, width;
    int32_t lanes; /* of a group: those of the kernels */
    int64_t row_stride, channel_stride;
};

/*
 * A map with dense rows and planes. Planes of 64 groups and more begin an odd number of groups apart: at a multiple of
 * 64 groups, 4 KiB, the same pixel of all channels would map to the same few sets of the L1 cache.
 */
static inline struct map normnet__spaced_map(int32_t channels, int32_t height, int32_t width, int32_t lanes)
{
    const int64_t plane = (int64_t)height * width;

    return (struct map){channels, height, width, lanes, width, plane >= 64 ? plane | 1 : plane};
}

/* The size of its memory in groups. */
static inline int64_t normnet__map_groups(struct map map)
{
    return map.channels * map.channel_stride;
}

/* The same in floats. */
static inline int64_t normnet__map_floats(struct map map)
{
    return normnet__map_groups(map) * map.lanes;
}

/* The offset of channel c in floats if the lanes are channels: lane c % lanes of plane c / lanes. */
static inline int64_t normnet__channel_at(struct map map, int32_t c)
{
    return c / map.lanes * map.channel_stride * map.lanes + c % map.lanes;
}

#endif
