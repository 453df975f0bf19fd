/* SPDX-License-Identifier: MIT */
/*
 * Counter-based random numbers. A stream depends only on the numbers that it is opened with. So the augmentation of
 * image 1234 in epoch 5 depends neither on earlier images nor on the number of threads, and a training run can resume
 * anywhere. The generator is SplitMix64 (Steele, Lea, Flood 2014).
 */
#ifndef MNIST_RANDOM_H
#define MNIST_RANDOM_H

#include <stdint.h>

/* Streams for different purposes are independent, even with the same seed. */
enum random_purpose {
    RANDOM_SHUFFLE = 1,
    RANDOM_AUGMENT = 2,
    RANDOM_DIGITS_TRAIN = 3,
    RANDOM_DIGITS_TEST = 4,
    RANDOM_NAME = 5
};

struct random_stream {
    uint64_t key;
    uint64_t drawn; /* numbers drawn so far */
};

struct random_stream random_open(uint64_t seed, enum random_purpose purpose, uint64_t epoch, uint64_t index);

/* 64 random bits. */
uint64_t random_bits(struct random_stream *stream);

/* From low (included) to high, in steps of (high - low) / 2^53. */
double random_uniform(struct random_stream *stream, double low, double high);

/* A whole number from 0 to bound - 1; the bias is below bound / 2^32. */
uint32_t random_below(struct random_stream *stream, uint32_t bound);

/* Approximately normal: mean 0, standard deviation 1, range -3.5 to 3.5. The sum of four uniform numbers. */
double random_bell(struct random_stream *stream);

#endif
