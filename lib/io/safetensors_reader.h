/* SPDX-License-Identifier: MIT */
/* Opening a safetensors file in memory: nothing in it is trusted before everything has been checked. */
#ifndef NORMNET_IO_SAFETENSORS_READER_H
#define NORMNET_IO_SAFETENSORS_READER_H

#include "base/allocator.h"
#include "io/safetensors.h"

/*
 * Checks the header, that the tensors cover the data, and the checksum. NORMNET_ETRUNCATED, NORMNET_EFORMAT,
 * NORMNET_EUNSUPPORTED, NORMNET_ELIMIT, NORMNET_ECHECKSUM or NORMNET_ENOMEM; the message has the offset in the file. An
 * open file must be closed.
 */
normnet_status normnet__open_safetensors(struct safetensors *file, const void *bytes, int64_t size,
                                         const struct allocator *allocator);
void normnet__close_safetensors(struct safetensors *file, const struct allocator *allocator);

#endif
