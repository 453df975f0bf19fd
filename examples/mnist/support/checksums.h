/* SPDX-License-Identifier: MIT */
/* The checksums of packed files. */
#ifndef MNIST_CHECKSUMS_H
#define MNIST_CHECKSUMS_H

#include <stddef.h>
#include <stdint.h>

/* The CRC-32 of gzip, zip and PNG. */
uint32_t crc32_of(const uint8_t *bytes, size_t size);

/* The Adler-32 of zlib. */
uint32_t adler32_of(const uint8_t *bytes, size_t size);

#endif
