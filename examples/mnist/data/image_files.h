/* SPDX-License-Identifier: MIT */
/* The images of the command `predict`, read from PGM, PPM and IDX files. */
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

    /* For IDX files that are named without an index: */
    int64_t first, max_count; /* the images to take of each */
    int64_t idx_files;        /* how many of them there were */
    int64_t left_out;         /* images after the last one that was taken */

    int64_t count;
    struct image_name *names;
    uint8_t *pixels; /* count x channels x height x width */
};

/*
 * Appends the images of one argument: a PGM or PPM file, an IDX file, or FILE:INDEX for one image of an IDX file,
 * unless a file has this very name. The argument must outlive `images`. Returns 0, or reports what is wrong with the
 * file.
 */
int image_files_add(struct image_files *images, const char *argument);

/* Bytes of one image: channels x height x width. */
size_t image_files_bytes(const struct image_files *images);

void image_files_free(struct image_files *images);

#endif
