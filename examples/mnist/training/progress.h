/* SPDX-License-Identifier: MIT */
/*
 * What a run shows while it runs: a table with one line per epoch on standard output and, on a
 * terminal, a bar with loss, accuracy, images per second and time left of the training below it,
 * or with the time left of a test that takes more than a second.
 */
#ifndef MNIST_PROGRESS_H
#define MNIST_PROGRESS_H

#include <stdint.h>
#include <stdio.h>

/* Losses are means per image, accuracies in percent. */
struct epoch_result {
    int64_t epoch; /* from 1 */
    double train_loss, train_accuracy;
    double test_loss, test_accuracy;
    double lr; /* of the epoch's last step */
    double images_per_second;
    double seconds; /* of training, without the test */
};

struct progress {
    FILE *terminal;                       /* where the bar goes; NULL = no bar */
    int64_t epochs, images;               /* of the run, per epoch */
    int64_t before, epoch_before;         /* images that this run did not see: in all, of the current epoch */
    double started, epoch_started, drawn; /* seconds */
};

/* For a bar alone, of a test. */
struct progress progress_open(void);

/* Prints the head of the table. An earlier run has done `before` images of all epochs. */
struct progress progress_start(int64_t epochs, int64_t images, int64_t before);

/* Draws the bar, at most ten times a second: `done` images of `epoch`, of which `correct`, with a sum of losses. */
void progress_draw(struct progress *progress, int64_t epoch, int64_t done, int64_t correct, double loss_sum);

/* The same for a test of `images` images that began at `started` and has done some. */
void progress_draw_test(struct progress *progress, double started, int64_t done, int64_t images);

/* Takes the bar away, so that lines can be printed; the next call draws it again. */
void progress_clear(struct progress *progress);

/* Prints the line of an epoch; the next one begins. */
void progress_epoch(struct progress *progress, const struct epoch_result *result);

#endif
