/* SPDX-License-Identifier: MIT */
/*
 * Safetensors files made by hand: a length, a header, data, and the checksum, which is computed here once more so that
 * the library is not measured by itself.
 */
#ifndef CRAFTED_H
#define CRAFTED_H

#include <stdint.h>
#include <string.h>

enum { CRAFTED_LENGTH = 8, CRAFTED_DIGITS = 8 };

static const char crafted_checksum_key[] = "\"normnet.crc32c\":\"";

static inline void crafted_put_little(unsigned char *bytes, uint64_t value)
{
    for (int i = 0; i < CRAFTED_LENGTH; ++i)
        bytes[i] = (unsigned char)(value >> 8 * i & 255);
}

static inline uint64_t crafted_read_little(const unsigned char *bytes)
{
    uint64_t value = 0;

    for (int i = 0; i < CRAFTED_LENGTH; ++i)
        value |= (uint64_t)bytes[i] << 8 * i;
    return value;
}

/* CRC-32C bit by bit, as its definition has it. */
static inline uint32_t crafted_crc32c(const unsigned char *bytes, int64_t size)
{
    uint32_t checksum = 0xFFFFFFFFu;

    for (int64_t i = 0; i < size; ++i) {
        checksum ^= bytes[i];
        for (int bit = 0; bit < 8; ++bit)
            checksum = checksum >> 1 ^ ((checksum & 1) != 0 ? 0x82F63B78u : 0);
    }
    return ~checksum;
}

/* Where the header ends, or the end of the file if the header's length exceeds it. */
static inline int64_t crafted_header_end(const unsigned char *bytes, int64_t size)
{
    const uint64_t length = size < CRAFTED_LENGTH ? 0 : crafted_read_little(bytes);

    if (size < CRAFTED_LENGTH || length > (uint64_t)(size - CRAFTED_LENGTH))
        return size;
    return CRAFTED_LENGTH + (int64_t)length;
}

/* The place of `text` in the header, or -1. */
static inline int64_t crafted_find(const unsigned char *bytes, int64_t size, const char *text)
{
    const int64_t length = (int64_t)strlen(text), last = crafted_header_end(bytes, size) - length;

    for (int64_t at = CRAFTED_LENGTH; at <= last; ++at)
        if (memcmp(bytes + at, text, (size_t)length) == 0)
            return at;
    return -1;
}

/* Enters the checksum if the header has eight bytes for it; 1 if it has. */
static inline int crafted_enter_checksum(unsigned char *bytes, int64_t size)
{
    const int64_t key = crafted_find(bytes, size, crafted_checksum_key);
    const int64_t at = key + (int64_t)sizeof crafted_checksum_key - 1;
    uint32_t checksum;

    if (key < 0 || at + CRAFTED_DIGITS >= crafted_header_end(bytes, size) || bytes[at + CRAFTED_DIGITS] != '"')
        return 0;
    memset(bytes + at, '0', CRAFTED_DIGITS);
    checksum = crafted_crc32c(bytes, size);
    for (int i = 0; i < CRAFTED_DIGITS; ++i)
        bytes[at + i] = (unsigned char)"0123456789abcdef"[checksum >> (28 - 4 * i) & 15];
    return 1;
}

#endif
