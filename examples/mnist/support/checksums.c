/* SPDX-License-Identifier: MIT */
#include "support/checksums.h"

uint32_t crc32_of(const uint8_t *bytes, size_t size)
{
    uint32_t table[256], crc = UINT32_MAX;

    for (uint32_t i = 0; i < 256; ++i) {
        table[i] = i;
        for (int k = 0; k < 8; ++k)
            table[i] = table[i] >> 1 ^ (table[i] & 1 ? UINT32_C(0xedb88320) : 0);
    }
    for (size_t i = 0; i < size; ++i)
        crc = crc >> 8 ^ table[(crc ^ bytes[i]) & 255];
    return ~crc;
}

uint32_t adler32_of(const uint8_t *bytes, size_t size)
{
    enum { MODULUS = 65521, RUN = 5552 }; /* the sums of a run stay below 2^32 */
    uint32_t a = 1, b = 0;

    for (size_t i = 0; i < size; ++i) {
        a += bytes[i];
        b += a;
        if (i % RUN == RUN - 1) {
            a %= MODULUS;
            b %= MODULUS;
        }
    }
    return b % MODULUS << 16 | a % MODULUS;
}
