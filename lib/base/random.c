/* SPDX-License-Identifier: MIT */
#include "base/random.h"

/* The constants of the paper: multipliers, and increments of the key. */
enum { ROUNDS = 10 };
static const uint32_t multiplier[2] = {0xD2511F53u, 0xCD9E8D57u};
static const uint32_t increment[2] = {0x9E3779B9u, 0xBB67AE85u};

struct random normnet__random(uint64_t seed, enum stream stream, uint32_t minor, uint32_t major, uint64_t index)
{
    uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    /* The stream has the top four bits; minor, the layer, is below 2,048. */
    struct random counter = {{(uint32_t)index, (uint32_t)(index >> 32), major, (uint32_t)stream << 28 | minor}};

    for (int round = 0; round < ROUNDS; ++round) {
        const uint64_t product0 = (uint64_t)multiplier[0] * counter.word[0];
        const uint64_t product1 = (uint64_t)multiplier[1] * counter.word[2];

        counter = (struct random){{(uint32_t)(product1 >> 32) ^ counter.word[1] ^ key[0], (uint32_t)product1,
                                   (uint32_t)(product0 >> 32) ^ counter.word[3] ^ key[1], (uint32_t)product0}};
        key[0] += increment[0];
        key[1] += increment[1];
    }
    return counter;
}
