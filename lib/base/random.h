/* SPDX-License-Identifier: MIT */
/*
 * Counter-based random numbers: a pure function of a key and a counter, so that a draw depends on
 * what it is for and not on what was drawn before it, by whom, or in which thread.
 */
#ifndef NORMNET_BASE_RANDOM_H
#define NORMNET_BASE_RANDOM_H

#include <stdint.h>

/* What a counter is used for; never renumbered, since the weights of every seed depend on it. */
enum stream {
    NORMNET__STREAM_WEIGHTS = 1,   /* (layer, position) */
    NORMNET__STREAM_DROPOUT = 2,   /* (layer, step, sample) */
    NORMNET__STREAM_STATISTICS = 3 /* dropout inside update_statistics: (layer, batch, sample) */
};

struct random {
    uint32_t word[4];
};

/*
 * Philox4x32-10 (Salmon et al., Parallel Random Numbers: As Easy as 1, 2, 3, SC 2011) with the key
 * `seed` and the counter (low and high half of `index`, major, stream and minor).
 */
struct random normnet__random(uint64_t seed, enum stream stream, uint32_t minor, uint32_t major, uint64_t index);

#endif
