/* SPDX-License-Identifier: MIT */
/*
 * Memory for one call of a kernel: all that it reads and writes, drawn from the number of the case, the same for every
 * table. Each piece is aligned to what lib/kernels/kernels.h requires and to no more, with other values around it. The
 * parts that the kernel may write are marked with a role; everything else must keep its bits.
 */
#ifndef KERNEL_MEMORY_H
#define KERNEL_MEMORY_H

#include "harness/test_random.h"

#include "kernels/map.h"

#include <stdbool.h>
#include <stddef.h>

/* What a kernel may do with a byte. The bits of a NaN are compared in EXACT memory only, where values are copied. */
enum role { UNTOUCHED, EXACT, FLOATS, DOUBLES, SCRATCH };

/* The kinds of values. */
enum style { ORDINARY, WIDE, TINY, TIED, FEW_SPECIAL, MANY_SPECIAL, STYLES };

struct workspace {
    int number;    /* of the case */
    int32_t lanes; /* of the tables that run it */
    struct random_stream random;
    enum style style;
    size_t used;
    char *block, *memory, *before; /* `memory` begins at a page in `block`; `before` are its values before the call */
    uint8_t *roles;
    char shape[160]; /* for messages */
};

void open_workspace(struct workspace *w);
void close_workspace(struct workspace *w);

/* Begins the case `number` for tables with so many lanes: draws its style of values and frees all memory. */
void begin_case(struct workspace *w, int number, int32_t lanes);

/* Ends it: makes the memory comparable, so that scratch is 0 and all NaNs are the same. */
void end_case(struct workspace *w);

/* The offset of a byte that was written but has no role; -1 if there is none. */
int64_t find_damage(const struct workspace *w);

/* The size of a lane group. */
size_t group_bytes(const struct workspace *w);

/* From 0 to limit - 1. */
int draw(struct workspace *w, int limit);
bool draw_bool(struct workspace *w);

/* `bytes` of memory with values, aligned to `alignment` and to no more. */
void *take(struct workspace *w, size_t bytes, size_t alignment);
float *take_floats(struct workspace *w, int64_t count);
float *take_groups(struct workspace *w, int64_t groups);
float *take_map(struct workspace *w, struct map map);

/* The same with a role. */
double *take_sums(struct workspace *w, int64_t count);
float *take_scratch(struct workspace *w, int64_t groups);

void mark(struct workspace *w, const void *at, size_t bytes, enum role role);
void mark_groups(struct workspace *w, const float *at, int64_t groups, enum role role);
void mark_map(struct workspace *w, const float *x, struct map map, enum role role);

/* Must follow where a test itself writes to the memory. */
void remember(struct workspace *w, const void *at, size_t bytes);

#endif
