/* SPDX-License-Identifier: MIT */
/* What the tests of normnet-mnist's parts share. */
#ifndef PART_CHECKS_H
#define PART_CHECKS_H

#include "harness/check.h"

#include "data/augment.h"
#include "data/dataset.h"
#include "data/digits.h"
#include "support/sha256.h"
#include "training/checkpoint.h"
#include "training/pipeline.h"

static inline void checksum(const void *data, size_t size, char hexadecimal[65])
{
    struct sha256 hash;

    sha256_init(&hash);
    sha256_update(&hash, data, size);
    sha256_final(&hash, hexadecimal);
}

/* ---- Augmentation ----------------------------------------------------------------------------- */

enum { HEIGHT = 20, WIDTH = 28, CHANNELS = 3, PLANE = HEIGHT * WIDTH, PIXELS = CHANNELS * PLANE };

static inline void augment(const char *spec, uint64_t index, uint8_t *image)
{
    struct augment_list list;
    struct random_stream random = random_open(1, RANDOM_AUGMENT, 5, index);

    if (CHECK(augment_parse(&list, spec, "--augment") == 0)) {
        void *scratch = check_allocate(augment_scratch_bytes(&list, CHANNELS, HEIGHT, WIDTH), 1);

        augment_apply(&list, &random, image, scratch, CHANNELS, HEIGHT, WIDTH);
        free(scratch);
    }
}

/* ---- Batches ---------------------------------------------------------------------------------- */

enum { SET = 103, BATCH = 10, BATCHES = 11 };

/* Images of one pixel, which is the image's number. */
static inline struct dataset numbered_images(uint8_t *bytes)
{
    struct dataset data = {.channels = 1, .height = 1, .width = 1, .classes = SET};

    for (int i = 0; i < SET; ++i)
        bytes[i] = (uint8_t)i;
    data.train.images = bytes;
    data.train.labels = bytes;
    data.train.count = SET;
    return data;
}

#endif
