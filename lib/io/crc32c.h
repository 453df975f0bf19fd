/* SPDX-License-Identifier: MIT */
/* CRC-32C, the checksum of iSCSI (RFC 3720) and of many file formats. */
#ifndef NORMNET_IO_CRC32C_H
#define NORMNET_IO_CRC32C_H

#include <stdint.h>

/* Continues `checksum`, that of the bytes before, with `count` more bytes. It begins as 0. */
uint32_t normnet__crc32c(uint32_t checksum, const void *bytes, int64_t count);

#endif
