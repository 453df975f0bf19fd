/* SPDX-License-Identifier: MIT */
/*
 * What the page does in C: images of digits, a small network that is trained on them step by step, so that the page can
 * show each, and the recognition of a drawing. The functions are called from worker.js, or natively by a test, with the
 * same bits.
 */
#ifndef BROWSER_TRAINER_H
#define BROWSER_TRAINER_H

#include <normnet.h>

enum trainer_set { TRAINER_TRAIN, TRAINER_TEST };
enum { TRAINER_SIDE = 28, TRAINER_PIXELS = TRAINER_SIDE * TRAINER_SIDE, TRAINER_CLASSES = 10, TRAINER_BATCH = 64 };

struct trainer;

/* NULL without memory. */
struct trainer *trainer_create(void);
void trainer_destroy(struct trainer *trainer);

/*
 * Room for the images of a set, to be filled by the caller: TRAINER_PIXELS bytes each, then a label for each, 0 to 9.
 * What the set had before is gone. NULL without memory.
 */
uint8_t *trainer_room(struct trainer *trainer, int32_t set, int32_t count);

/* Where that is. */
const uint8_t *trainer_images(const struct trainer *trainer, int32_t set);

/* Fills `count` images of the room from `first` on, with their labels, with generated digits. */
void trainer_generate(struct trainer *trainer, int32_t set, int32_t first, int32_t count);

/* Makes an untrained network with this normalization (normnet_norm), to be trained for so many epochs. */
normnet_status trainer_begin(struct trainer *trainer, int32_t norm, int32_t epochs, int32_t seed);

/* The number of the network's parameters. */
int32_t trainer_parameters(const struct trainer *trainer);

/* One training step. Fills what trainer_progress() points to. */
normnet_status trainer_step(struct trainer *trainer);

/* Steps taken and in all, steps of an epoch, and of the last step: images, correct ones, mean loss. */
enum { TRAINER_PROGRESS = 6 };
const double *trainer_progress(const struct trainer *trainer);

/* How many of `count` test images from `first` on are recognized; -1 after a failure. */
int32_t trainer_test(struct trainer *trainer, int32_t first, int32_t count);

/*
 * Recognizes a picture of side x side pixels with a digit, made into an image as MNIST's makers did, which is written
 * to `image`. Writes the probabilities of the ten digits. Returns the digit, or -1 if there is nothing on the picture.
 */
int32_t trainer_recognize(struct trainer *trainer, const uint8_t *pixels, int32_t side, uint8_t *image,
                          float *probabilities);

/* The checkpoint of the training, and its length; free() it. NULL after a failure. */
uint8_t *trainer_checkpoint(const struct trainer *trainer, int32_t *size);

/* The SHA-256 of the checkpoint's bytes in hexadecimal, which stays valid until the next call; "" after a failure. */
const char *trainer_hash(struct trainer *trainer);

/* Why the last call has failed. */
const char *trainer_message(void);

#endif
