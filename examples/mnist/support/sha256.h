/* SPDX-License-Identifier: MIT */
/* SHA-256 (FIPS 180-4). */
#ifndef MNIST_SHA256_H
#define MNIST_SHA256_H

#include <stddef.h>
#include <stdint.h>

struct sha256 {
    uint32_t state[8];
    uint64_t bytes; /* hashed so far */
    uint8_t block[64];
};

void sha256_init(struct sha256 *hash);
void sha256_update(struct sha256 *hash, const void *data, size_t size);

/* Writes the digest as 64 lower-case hexadecimal digits and a terminating 0. */
void sha256_final(struct sha256 *hash, char hexadecimal[65]);

#endif
