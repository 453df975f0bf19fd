/* SPDX-License-Identifier: MIT */
/*
 * A file for reading, copied into memory. It is not mapped: a mapped file that another program cuts off ends this one
 * with SIGBUS in the middle of a training, and one that is rewritten changes the data under it.
 */
#ifndef MNIST_WHOLE_FILE_H
#define MNIST_WHOLE_FILE_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* The bytes of a file or pipe. */
struct whole_file {
    const uint8_t *data; /* NULL for an empty file */
    size_t size;
};

/*
 * Reads the bytes that the file has when it is opened, or a pipe or device to its end, which has to come within 1 GiB.
 * Returns 0, or reports why the file cannot be read.
 */
int whole_file_open(struct whole_file *file, const char *path);

/* Reads what is left of a stream, as bytes. `name` is for messages. Returns 0, or reports why it cannot be read. */
int whole_file_read(struct whole_file *file, FILE *stream, const char *name);
void whole_file_close(struct whole_file *file);

#endif
