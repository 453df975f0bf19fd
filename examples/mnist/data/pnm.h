/* SPDX-License-Identifier: MIT */
/*
 * Pictures in the Netpbm formats: PBM (black and white; P1 as text, P4 as bits), PGM (one channel; P2, P5) and PPM
 * (red, green and blue; P3, P6). The maximum value in the header is at most 65535. Pixels are scaled so that it becomes
 * 255.
 */
#ifndef MNIST_PNM_H
#define MNIST_PNM_H

#include "data/picture.h"

#include <stdbool.h>

/* The unread part of a file, which has one or more pictures. */
struct pnm_file {
    const uint8_t *cursor, *end;
    const char *name;
};

/* Whether the bytes begin with P1 to P6. */
bool pnm_begins(const uint8_t *data, size_t size);

/* Decodes the next picture. Returns 0, or reports what is wrong with it. */
int pnm_read(struct pnm_file *file, struct picture *picture);

/* Whether another picture follows. */
bool pnm_follows(const struct pnm_file *file);

#endif
