/* SPDX-License-Identifier: MIT */
/*
 * The IDX files of MNIST and its relatives: 0, 0, the type of a value (8 = unsigned byte), the number
 * of dimensions, each dimension as a big-endian 32-bit number, then the values. The values are used
 * where the file is mapped, without a copy.
 */
#ifndef MNIST_IDX_H
#define MNIST_IDX_H

#include "support/mapped_file.h"

struct idx_file {
    struct mapped_file file;
    const uint8_t *values;
    int32_t rank;
    int64_t shape[4];
};

/*
 * Opens a file of unsigned bytes with `least` to `most` (at most 4) dimensions. Returns 0, or reports
 * what is wrong with it: unreadable, not IDX, another type or number of dimensions, shorter or longer
 * than its dimensions say.
 */
int idx_open(struct idx_file *idx, const char *path, int32_t least, int32_t most);

/* The same for the file `path` that is open already; it belongs to `idx` then, also after a failure. */
int idx_take(struct idx_file *idx, struct mapped_file *file, const char *path, int32_t least, int32_t most);
void idx_close(struct idx_file *idx);

#endif
