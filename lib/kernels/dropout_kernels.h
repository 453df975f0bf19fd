/* SPDX-License-Identifier: MIT */
/* Dropout; included by kernel_table.c only. */
#ifndef NORMNET_KERNELS_DROPOUT_KERNELS_H
#define NORMNET_KERNELS_DROPOUT_KERNELS_H

#include "kernels/kernels.h"
#include "kernels/lanes.h"

/*
 * A hash of a counter under a key of two words: a Weyl sequence, then two rounds of xor-shift and multiplication with
 * the constants that C. Wellons' search found least biased (nullprogram.com, Hash Prospector, 2018: 16, 0x7feb352d, 15,
 * 0x846ca68b, 16). The second word is added between the rounds, so that the sequences of two keys are never the same
 * one shifted.
 */
LANES_INLINE lanes_bits hash(lanes_bits key, lanes_bits second, uint32_t counter)
{
    lanes_bits bits = key + counter * 0x9E3779B9u;

    bits = (bits ^ bits >> 16) * 0x7feb352du;
    bits ^= second;
    bits = (bits ^ bits >> 15) * 0x846ca68bu;
    return bits ^ bits >> 16;
}

LANES_INLINE lanes_bits load_bits(const uint32_t *from)
{
    lanes_bits bits;

    memcpy(&bits, from, sizeof bits);
    return bits;
}

static void KERNEL(dropout_masks)(const uint32_t *key, int64_t count, uint32_t threshold, uint16_t *masks)
{
    /* Signed, since every instruction set compares signed integers; all values are below 2^17. */
    const lanes_int limit = (lanes_int){0} + (int32_t)threshold - 1;

    for (int64_t i = 0; i < count; i += 2) {
        uint32_t even = 0, odd = 0;

        for (int lane = 0; lane < LANES; lane += VECTOR_LANES) {
            const lanes_bits draw = hash(load_bits(key + lane), load_bits(key + LANES + lane), (uint32_t)(i / 2));

            even |= lanes_mask_bits((lanes_int)(draw & 0xFFFFu) > limit) << lane;
            odd |= lanes_mask_bits((lanes_int)(draw >> 16) > limit) << lane;
        }
        masks[i] = (uint16_t)even;
        if (i + 1 < count)
            masks[i + 1] = (uint16_t)odd;
    }
}

/* Dropout of one vector, which begins at `lane` of its group. */
LANES_INLINE lanes apply_dropout(struct mask mask, int64_t group, int lane, lanes value)
{
    const lanes zero = lanes_splat(0.0f);

    return lanes_select(lanes_mask((uint32_t)mask.bits[group] >> lane), value * lanes_splat(mask.scale), zero);
}

static void KERNEL(dropout)(struct map map, float *x, struct mask mask)
{
    const int64_t plane = (int64_t)map.height * map.width;

    for (int32_t c = 0; c < map.channels; ++c, x += map.channel_stride * LANES, mask.bits += plane)
        for (int64_t i = 0; i < plane; ++i)
            for (int lane = 0; lane < LANES; lane += VECTOR_LANES) {
                float *value = x + i * LANES + lane;

                lanes_store(value, apply_dropout(mask, i, lane, lanes_load(value)));
            }
}

/* The vector at `lane` of a group of dy, after dropout if there is any. */
LANES_INLINE lanes load_gradient(const float *dy, int64_t group, int lane, struct mask mask, const bool dropout)
{
    lanes value = lanes_load(dy + group * LANES + lane);

    if (dropout)
        value = apply_dropout(mask, group, lane, value);
    return value;
}

#endif
