/* SPDX-License-Identifier: MIT */
/*
 * Whether strided views share a byte: an array of records, for instance, can hold one view per field, whose ranges
 * overlap although no byte belongs to two. If the strides are so irregular that the answer takes too long, it is yes.
 */
#ifndef NORMNET_MODEL_OVERLAP_H
#define NORMNET_MODEL_OVERLAP_H

#include "model/views.h"

bool normnet__views_overlap(const struct view *one, const struct view *other);

/* Whether two elements of one view have the same address. */
bool normnet__view_overlaps_itself(const struct view *view);

#endif
