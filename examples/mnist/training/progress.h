/* SPDX-License-Identifier: MIT */
/*
 * The progress of a run: a table with one line per epoch on standard output and, below it on a terminal, a bar with
 * loss, accuracy, images per second and remaining time. A test has a bar, too, if it takes more than a second.
 */
#ifndef MNIST_PROGRESS_H
#define MNIST_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* Losses are means per image, accuracies in percent. */
struct epoch_result {
    int64_t epoch; /* from 1 */
    double train_loss, train_accuracy;
    double test_loss, test_accuracy;
    double lr; /* of the epoch's last step */
    double images_per_second;
    double seconds;                              /* of training, without the test */
    double validation_loss, validation_accuracy; /* 0 without validation images */
    /* The same of the averaged weights, 0 without --average. */
    double average_test_loss, average_test_accuracy;
    double average_validation_loss, average_validation_accuracy;
};

struct progress {
    FILE *terminal;                       /* where to draw the bar; NULL = no bar */
    int64_t epochs, images;               /* epochs of the training, images per epoch */
    bool validates;                       /* the table has columns for the validation images */
    bool averages;                        /* and for the averaged weights */
    int64_t before, epoch_before;         /* images of earlier runs: in total, in the current epoch */
    double started, epoch_started, drawn; /* seconds */
};

/* For the bar of a test, without a table. */
struct progress progress_open(void);

/*
 * Prints the head of the table. `validates` is whether there are validation images, `averages` whether there are
 * averaged weights, `before` the number of images, over all epochs, that earlier runs have done.
 */
struct progress progress_start(int64_t epochs, int64_t images, bool validates, bool averages, int64_t before);

/* Draws the bar, at most ten times per second. `done`, `correct` and `loss_sum` are those of the epoch so far. */
void progress_draw(struct progress *progress, int64_t epoch, int64_t done, int64_t correct, double loss_sum);

/* Draws the bar of a test that began at `started` (seconds_now()) and has done `done` of `images` images. */
void progress_draw_test(struct progress *progress, double started, int64_t done, int64_t images);

/* Erases the bar, so that lines can be printed. The next call draws it again. */
void progress_clear(struct progress *progress);

/* Prints the line of an epoch and begins the next one. */
void progress_epoch(struct progress *progress, const struct epoch_result *result);

/* Four decimals, or, of a loss that would be wider than 9 columns, four digits and an exponent. Returns `text`. */
enum { LOSS_ROOM = 24 };
const char *loss_text(char text[LOSS_ROOM], double loss);

#endif
