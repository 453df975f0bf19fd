/* SPDX-License-Identifier: MIT */
/* A file for reading, mapped into memory. */
#ifndef MNIST_MAPPED_FILE_H
#define MNIST_MAPPED_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* The bytes of a file or pipe: mapped if the system can map it, otherwise read into allocated memory. */
struct mapped_file {
    const uint8_t *data; /* NULL for an empty file */
    size_t size;
    bool mapped;
};

/* Returns 0, or reports why the file cannot be read. */
int mapped_file_open(struct mapped_file *file, const char *path);

/* Reads what is left of a stream, as bytes. `name` is for messages. Returns 0, or reports why it cannot be read. */
int mapped_file_read(struct mapped_file *file, FILE *stream, const char *name);
void mapped_file_close(struct mapped_file *file);

#endif
