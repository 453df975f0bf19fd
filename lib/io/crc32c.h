/* SPDX-License-Identifier: MIT */
/* CRC-32C, the checksum of iSCSI (RFC 3720) and of most file formats that came after it. */
#ifndef NORMNET_IO_CRC32C_H
#define NORMNET_IO_CRC32C_H

#include <stdint.h>

/* The checksum of everything so far and of `count` bytes more; 0 is the checksum of nothing. */
uint32_t normnet__crc32c(uint32_t checksum, const void *bytes, int64_t count);

#endif
