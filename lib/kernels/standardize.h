/* SPDX-License-Identifier: MIT */
/* A standardization (kernels.h) of one vector, for the kernels of norms. */
#ifndef NORMNET_KERNELS_STANDARDIZE_H
#define NORMNET_KERNELS_STANDARDIZE_H

#include "kernels/kernels.h"
#include "kernels/lanes.h"

struct standard_lanes {
    lanes mean, power;
};

LANES_INLINE struct standard_lanes load_standard(struct standardization standard, int lane)
{
    return (struct standard_lanes){lanes_load(standard.mean + lane), lanes_load(standard.power + lane)};
}

LANES_INLINE lanes standardize(lanes x, struct standard_lanes standard)
{
    return (x - standard.mean) * standard.power;
}

#endif
