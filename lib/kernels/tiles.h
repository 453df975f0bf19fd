/* SPDX-License-Identifier: MIT */
/*
 * How the kernels of convolutions cut channels and rows into tiles, whose sums are held in registers; included by
 * kernel_table.c only.
 *
 * A tile is a constant size, so that the compiler can give each sum a register. A multiply-add takes about four cycles
 * and two can start in each (one with the widest vectors): eight sums that do not depend on each other keep the units
 * busy.
 */
#ifndef NORMNET_KERNELS_TILES_H
#define NORMNET_KERNELS_TILES_H

#include "kernels/algorithm.h"
#include "kernels/lanes.h"

/* Neighbours of one row, pixels or patches. */
enum { TILE_PIXELS = 3 };

/* Outputs: 4 x 3 sums, 3 inputs and 1 weight fill 16 registers; of 32, 8 x 3 sums, 3 inputs and 1 weight use 28. */
enum { TILE_OUTPUTS = VECTOR_REGISTERS / 4 };

/* Of a single pixel, as in fully connected layers: a tile of so few sums as TILE_OUTPUTS would leave the units idle. */
enum { COLUMN_OUTPUTS = VECTOR_REGISTERS >= 16 ? 2 * TILE_OUTPUTS : TILE_OUTPUTS };

/*
 * Vectors of output channels, where the channels are the lanes: each input that is broadcast serves two or three of
 * them. Three, of the 16 registers of AVX2, need vectors that are whole panels: no tile may begin inside of one and end
 * in the next.
 */
enum {
    MAX_EVEN_VECTORS = VECTOR_REGISTERS >= 16 ? 2 : 1,
    TILE_VECTORS = VECTOR_REGISTERS == 16 ? 3 : MAX_EVEN_VECTORS
};
_Static_assert((int)TILE_VECTORS < 3 || (int)VECTOR_LANES == (int)LANES, "three vectors would leave their panel");

LANES_INLINE int32_t min_int(int32_t a, int32_t b)
{
    return a < b ? a : b;
}

LANES_INLINE int32_t max_int(int32_t a, int32_t b)
{
    return a > b ? a : b;
}

/* The size of the next tile of `left` neighbours: 3, but 4 are 2 + 2, since a single one leaves the units half idle. */
LANES_INLINE int32_t next_pixels(int32_t left)
{
    return left >= 3 && left != 4 ? 3 : left >= 2 ? 2 : 1;
}

/* The same for `left` channels or rows: as few tiles of up to `max` as possible, of similar sizes: 18 are 6 + 6 + 6. */
LANES_INLINE int32_t even_share(int32_t left, int32_t max)
{
    const int32_t tiles = (left + max - 1) / max;

    return (left + tiles - 1) / tiles;
}

/* The same in vectors, where the channels are the lanes. */
LANES_INLINE int32_t share_vectors(int32_t outputs)
{
    return even_share((outputs + VECTOR_LANES - 1) / VECTOR_LANES, TILE_VECTORS);
}

/* The same, but a power of two up to `max`. No more than `outputs` fill. */
static int32_t choose_vectors(int32_t outputs, int32_t max)
{
    while (max > 1 && (max - 1) * VECTOR_LANES >= outputs)
        max /= 2;
    return max;
}

/* ---- Panels -------------------------------------------------------------------------------------- */

/*
 * Packed weights, and the maps of a single image, have panels of as many outputs as lanes. The offset of output k if a
 * panel has `panel` floats; of two outputs the offsets may be added if the first is at a multiple of the second.
 */
LANES_INLINE int64_t panel_at(int64_t panel, int32_t k)
{
    return k / LANES * panel + k % LANES;
}

/* Where the panel of output k ends, of outputs up to `end` - 1. */
LANES_INLINE int32_t panel_end(int32_t k, int32_t end)
{
    return min_int(end, (k / LANES + 1) * LANES);
}

/* The outputs of the tile that begins at k, of outputs up to `end` - 1: it does not leave its panel. */
LANES_INLINE int32_t tile_outputs(int32_t k, int32_t end)
{
    return even_share(panel_end(k, end) - k, TILE_OUTPUTS);
}

LANES_INLINE int32_t column_outputs(int32_t k, int32_t end)
{
    return k % COLUMN_OUTPUTS == 0 && end - k >= COLUMN_OUTPUTS ? COLUMN_OUTPUTS : tile_outputs(k, end);
}

/* ---- Weight gradients ---------------------------------------------------------------------------- */

/* Output channels: more planes of dy would evict each other from the L1 cache. */
enum { GRADIENT_OUTPUTS = VECTOR_REGISTERS >= 16 ? 4 : 1 };
_Static_assert((int)GRADIENT_OUTPUTS <= (int)NORMNET__MAX_SUM_OUTPUTS, "normnet__weight_gradient_scratch assumes it");

#endif
