/* SPDX-License-Identifier: MIT */
#include "support/random.h"

static const uint64_t golden_ratio = UINT64_C(0x9e3779b97f4a7c15); /* 2^64 / 1.618..., made odd */

static uint64_t splitmix64_mix(uint64_t bits)
{
    bits = (bits ^ (bits >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    bits = (bits ^ (bits >> 27)) * UINT64_C(0x94d049bb133111eb);
    return bits ^ (bits >> 31);
}

struct random_stream random_open(uint64_t seed, enum random_purpose purpose, uint64_t epoch, uint64_t index)
{
    uint64_t key = splitmix64_mix(seed + golden_ratio);

    key = splitmix64_mix((key ^ (uint64_t)purpose) + golden_ratio);
    key = splitmix64_mix((key ^ epoch) + golden_ratio);
    key = splitmix64_mix((key ^ index) + golden_ratio);
    return (struct random_stream){key, 0};
}

uint64_t random_bits(struct random_stream *stream)
{
    return splitmix64_mix(stream->key + ++stream->drawn * golden_ratio);
}

double random_uniform(struct random_stream *stream, double low, double high)
{
    double unit = (double)(random_bits(stream) >> 11) * (1.0 / 9007199254740992.0);

    return low + (high - low) * unit;
}

uint32_t random_below(struct random_stream *stream, uint32_t bound)
{
    return (uint32_t)(((random_bits(stream) >> 32) * bound) >> 32);
}

double random_bell(struct random_stream *stream)
{
    /* Four 16-bit numbers from one draw: their sum has mean 2 * 65535 and variance 4 * (65536^2 - 1) / 12. */
    uint64_t bits = random_bits(stream);
    uint64_t sum = (bits & 0xffff) + (bits >> 16 & 0xffff) + (bits >> 32 & 0xffff) + (bits >> 48);
    return ((double)sum - 131070.0) * (1.0 / 37837.227);
}
