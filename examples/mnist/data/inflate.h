/* SPDX-License-Identifier: MIT */
/*
 * Unpacks data that were compressed with DEFLATE (RFC 1951), as they are in zip archives, and in its two wrappers: zlib
 * (RFC 1950), which PNG uses, and gzip (RFC 1952). Lengths and checksums must be right. The memory used is at most
 * twice the unpacked data, whatever the input claims, and no more than `limit` bytes are unpacked.
 */
#ifndef MNIST_INFLATE_H
#define MNIST_INFLATE_H

#include <stddef.h>
#include <stdint.h>

enum inflate_format {
    INFLATE_RAW,
    INFLATE_ZLIB,
    INFLATE_GZIP /* one or more members, whose contents are joined; zeros may follow, as in gzip(1) */
};

/*
 * Unpacks all of `input` into newly allocated memory: free(*data), which is NULL if nothing was in it. Returns NULL, or
 * what is wrong as the end of a sentence about the file ("is cut off"); *data is then NULL.
 */
const char *inflate_data(enum inflate_format format, const uint8_t *input, size_t input_size, size_t limit,
                         uint8_t **data, size_t *size);

/*
 * A limit for data of unknown size, against small files that unpack into a full memory: 64 MiB or 100 times the packed
 * size, whichever is larger. Images are packed to a tenth at best.
 */
size_t inflate_limit(size_t input_size);

#endif
