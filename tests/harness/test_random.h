/* SPDX-License-Identifier: MIT */
/* Random numbers for tests: SplitMix64 (Steele, Lea, Flood 2014), the same on every machine. */
#ifndef TEST_RANDOM_H
#define TEST_RANDOM_H

#include <stdint.h>

struct random_stream {
    uint64_t state;
};

static inline uint64_t random_bits(struct random_stream *stream)
{
    uint64_t z = (stream->state += 0x9e3779b97f4a7c15u);

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* Uniform in [low, high). */
static inline double random_uniform(struct random_stream *stream, double low, double high)
{
    return low + (high - low) * ((double)(random_bits(stream) >> 11) / 9007199254740992.0);
}

/* An integer of 0 ... limit - 1. */
static inline int random_below(struct random_stream *stream, int limit)
{
    return (int)(random_bits(stream) % (uint64_t)limit);
}

#endif
