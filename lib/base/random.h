/* SPDX-License-Identifier: MIT */
/*
 * Counter-based random numbers: a pure function of a key and a counter. A draw depends on its purpose alone, not on
 * earlier draws or on the thread.
 */
#ifndef NORMNET_BASE_RANDOM_H
#define NORMNET_BASE_RANDOM_H

#include <stdint.h>

/* The purpose of a draw. Never renumber: the weights of every seed depend on these values. */
enum stream {
    NORMNET__STREAM_WEIGHTS = 1,   /* (layer, position) */
    NORMNET__STREAM_DROPOUT = 2,   /* (layer, step, sample) */
    NORMNET__STREAM_STATISTICS = 3 /* dropout inside update_statistics: (layer, batch, sample) */
};

struct random {
    uint32_t word[4];
};

/*
 * Philox4x32-10 (Salmon et al., Parallel Random Numbers: As Easy as 1, 2, 3, SC 2011). The key is `seed`; the four
 * words of the counter are the low and the high half of `index`, `major`, and `stream` with `minor` (below 2^28).
 */
struct random normnet__random(uint64_t seed, enum stream stream, uint32_t minor, uint32_t major, uint64_t index);

#endif
