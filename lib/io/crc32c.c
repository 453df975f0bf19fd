/* SPDX-License-Identifier: MIT */
#include "io/crc32c.h"

/* The remainder of each value of four bits; the reflected polynomial is 0x82F63B78. */
static const uint32_t nibbles[16] = {
    0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3, 0x61c69362, 0x7198540d,
    0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9, 0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
};

uint32_t normnet__crc32c(uint32_t checksum, const void *bytes, int64_t count)
{
    const unsigned char *byte = bytes;

    checksum = ~checksum;
    for (int64_t i = 0; i < count; ++i) {
        checksum ^= byte[i];
        checksum = checksum >> 4 ^ nibbles[checksum & 15];
        checksum = checksum >> 4 ^ nibbles[checksum & 15];
    }
    return ~checksum;
}
