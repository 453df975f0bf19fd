/* SPDX-License-Identifier: MIT */
/* Images from files that a command line names: PGM, PPM and IDX. */
#ifndef MNIST_IMAGE_FILES_H
#define MNIST_IMAGE_FILES_H

#include <stddef.h>
#include <stdint.h>

struct image_name {
    const char *path; /* not ended by 0 */
    int path_length;
    int64_t index; /* in an IDX file; -1 = the file is one image */
};

struct image_files {
    int32_t channels, height, width; /* all images are of this shape */
    int64_t first, most;             /* images of an IDX file that is named without an index */
    int64_t idx_files;               /* how many were named so, */
    int64_t left_out;                /* and the images after those that were wanted */

    int64_t count;
    struct image_name *names;
    uint8_t *pixels; /* count x channels x height x width */
};

/*
 * Appends what the argument names: a PGM or PPM image, an IDX file, or one image of it, FILE:INDEX (unless a file has
 * that very name). Keeps a pointer to the argument. Returns 0, or reports what is wrong with the file.
 */
int image_files_add(struct image_files *images, const char *argument);

/* Of one image: channels x height x width. */
size_t image_files_bytes(const struct image_files *images);

void image_files_free(struct image_files *images);

#endif
