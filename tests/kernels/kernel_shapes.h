/* SPDX-License-Identifier: MIT */
/* Random shapes: numbers of channels, sizes, maps with gaps, and masks of dropout. */
#ifndef KERNEL_SHAPES_H
#define KERNEL_SHAPES_H

#include "kernel_memory.h"

#include "kernels/kernels.h"

/* Around multiples of the sizes of tiles. */
enum { SOME_CHANNELS = 7, SOME_SIZES = 11 };
extern const int some_channels[SOME_CHANNELS], some_sizes[SOME_SIZES];

int draw_channels(struct workspace *w);
int draw_size(struct workspace *w);
int draw_kernel(struct workspace *w);

/* The groups of a chain: around the pieces over which moments_kernels.h sums, and more. */
int draw_count(struct workspace *w);

/* Dense rows, and planes with or without gaps between them. */
struct map dense_map(struct workspace *w, int channels, int height, int width);

/* Gaps between rows as well. */
struct map gapped_map(struct workspace *w, int channels, int height, int width);

/* A mask for `groups` groups, or none. */
struct mask draw_mask(struct workspace *w, int64_t groups);

#endif
