/* SPDX-License-Identifier: MIT */
/*
 * A harness for libFuzzer: bytes for examples/mnist/data/inflate.c. Beyond what sanitizers see, it stops where a
 * promise is broken: data beyond the limit, data after a rejection, a wrapper with the right checksum that is rejected
 * or one with a wrong checksum or length that is accepted.
 *
 *     fuzz_inflate -max_len=4096 -len_control=0 [FOLDER FOR FINDINGS]
 *
 * There is no corpus to keep: without one, the harness begins with a dynamic block of its own.
 */
#include "data/inflate.h"
#include "support/checksums.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LIMIT = 1 << 20, HEADER = 10, TRAILER = 8, MAX_SIZE = 4096 };

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t most);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned random);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int holds, const char *promise)
{
    if (holds)
        return;
    fprintf(stderr, "broken: %s\n", promise);
    abort();
}

/* A dynamic block with matches; random bytes rarely begin with the code lengths of one. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned random)
{
    static const uint8_t block[] = {0x85, 0x8d, 0xd9, 0x0d, 0xc0, 0x00, 0x08, 0x42, 0x67, 0x55, 0xbc, 0xf6, 0x9f,
                                    0xa0, 0x78, 0xb4, 0xbf, 0x7d, 0x31, 0x51, 0x41, 0xa2, 0xbb, 0x0b, 0x31, 0x04,
                                    0x31, 0xa2, 0x4d, 0x0f, 0xe6, 0x9e, 0xa9, 0x5a, 0x05, 0xda, 0x06, 0x60, 0x7d,
                                    0xea, 0x7d, 0x0a, 0x74, 0xeb, 0xa8, 0x84, 0x2f, 0x11, 0x45, 0x46, 0x5f, 0x23,
                                    0x8f, 0x59, 0x64, 0xb2, 0xf1, 0xd1, 0x89, 0xf9, 0x75, 0xd7, 0x33, 0x1c, 0xab,
                                    0xf2, 0x25, 0xaa, 0x24, 0xdf, 0xa0, 0x28, 0x7e, 0xeb, 0x01};

    (void)random;
    if (size < 2 && most >= sizeof block) {
        memcpy(data, block, sizeof block);
        return sizeof block;
    }
    return LLVMFuzzerMutate(data, size, most);
}

/* Unpacks in a given format; returns the data, which the caller frees, or NULL after a rejection. */
static uint8_t *unpack(enum inflate_format format, const uint8_t *bytes, size_t size, size_t limit, size_t *unpacked)
{
    static uint8_t untouched;
    uint8_t *data = &untouched;
    const char *wrong = inflate_data(format, bytes, size, limit, &data, unpacked);

    require(data != &untouched, "*data is set");
    require(*unpacked <= limit, "no more data than the limit");
    if (wrong) {
        require(data == NULL && *unpacked == 0, "a rejection leaves no data");
        return NULL;
    }
    return data ? data : calloc(1, 1);
}

static void put_little(uint8_t *bytes, uint32_t value)
{
    for (int i = 0; i < 4; ++i)
        bytes[i] = (uint8_t)(value >> 8 * i);
}

/* Raw data that can be unpacked, with a gzip header and trailer around it. */
static void require_wrapper(const uint8_t *bytes, size_t size, const uint8_t *data, size_t unpacked)
{
    static uint8_t member[HEADER + MAX_SIZE + TRAILER];
    const size_t whole = HEADER + size + TRAILER;
    size_t again = 0;

    if (size > MAX_SIZE)
        return;
    memcpy(member, "\x1f\x8b\x08\0\0\0\0\0\0\xff", HEADER);
    memcpy(member + HEADER, bytes, size);
    put_little(member + HEADER + size, crc32_of(data, unpacked));
    put_little(member + HEADER + size + 4, (uint32_t)unpacked);
    uint8_t *same = unpack(INFLATE_GZIP, member, whole, unpacked, &again);
    require(same && again == unpacked && memcmp(same, data, unpacked) == 0, "a gzip member has the same data");
    free(same);
    require(unpacked == 0 || !unpack(INFLATE_GZIP, member, whole, unpacked - 1, &again), "the limit is exact");
    for (size_t i = 0; i < TRAILER; ++i) {
        member[HEADER + size + i] ^= 1;
        require(!unpack(INFLATE_GZIP, member, whole, unpacked, &again), "a wrong checksum or length is found");
        member[HEADER + size + i] ^= 1;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t unpacked = 0;
    uint8_t *raw = unpack(INFLATE_RAW, data, size, LIMIT, &unpacked);

    if (raw)
        require_wrapper(data, size, raw, unpacked);
    free(raw);
    free(unpack(INFLATE_ZLIB, data, size, LIMIT, &unpacked));
    free(unpack(INFLATE_GZIP, data, size, LIMIT, &unpacked));
    return 0;
}
