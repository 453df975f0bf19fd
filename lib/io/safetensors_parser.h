/* SPDX-License-Identifier: MIT */
/* The parser of the header of a safetensors file: strictly as docs/format.md describes it. */
#ifndef NORMNET_IO_SAFETENSORS_PARSER_H
#define NORMNET_IO_SAFETENSORS_PARSER_H

#include "io/safetensors.h"

/*
 * Parses a header of `length` bytes into the tables of `file`, whose `bytes` and `size` are known. The tables have room
 * for all entries that such a header can have, and `strings` for length + 1 bytes.
 */
normnet_status normnet__parse_header(struct safetensors *file, int64_t length, char *strings);

/* "byte <offset>: tensor '<name>': <problem>". */
normnet_status normnet__reject_tensor(normnet_status status, const struct file_tensor *tensor, const char *problem);

#endif
