/* SPDX-License-Identifier: MIT */
/* Zip archives, whose files are stored or deflated. NumPy's .npz files are such archives. */
#ifndef MNIST_ZIP_H
#define MNIST_ZIP_H

#include "support/whole_file.h"

#include <stdbool.h>

struct zip_entry {
    char *name;
    uint32_t flags, method, crc;
    uint64_t packed_size, size, offset; /* offset: of its local header */
};

struct zip {
    const uint8_t *data; /* of the archive, which must stay open */
    size_t size;
    struct zip_entry *entries; /* without directories and without what macOS adds */
    size_t count;
};

/* Whether the bytes begin as an archive does. */
bool zip_begins(const uint8_t *data, size_t size);

/* Reads the list of files. Returns 0, or reports what is wrong; close it after a failure too. */
int zip_open(struct zip *zip, const struct whole_file *archive, const char *path);

/* Unpacks a file. Returns 0, or reports what is wrong. */
int zip_unpack(const struct zip *zip, const struct zip_entry *entry, const char *path, struct whole_file *file);
void zip_close(struct zip *zip);

#endif
