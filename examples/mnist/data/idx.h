/* SPDX-License-Identifier: MIT */
/*
 * IDX, the file format of MNIST: 0, 0, the type of the values (8 = unsigned byte), the number of dimensions, each
 * dimension as a big-endian 32-bit number, then the values. The values are used where the file is mapped, without a
 * copy.
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
 * Opens a file of unsigned bytes with min_rank to max_rank dimensions, at most 4. Returns 0, or reports what is wrong
 * with it: unreadable, not IDX, another type or number of dimensions, shorter or longer than its header says.
 */
int idx_open(struct idx_file *idx, const char *path, int32_t min_rank, int32_t max_rank);

/* Does the same for a file that is open. `idx` becomes its owner, even after a failure. */
int idx_take(struct idx_file *idx, struct mapped_file *file, const char *path, int32_t min_rank, int32_t max_rank);
void idx_close(struct idx_file *idx);

#endif
