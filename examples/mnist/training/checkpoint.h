/* SPDX-License-Identifier: MIT */
/* clang-format off: keep the lines of the note */
/*
 * A training run in a file, to resume with the same bits. The library's checkpoint holds the network, its weights, the
 * optimizer and the schedule. What this program has to store in addition is text in the checkpoint's note:
 *
 *     normnet-mnist train 2
 *     preset standard
 *     limit 0
 *     validate 10000               these two lines only with --validate
 *     keep best
 *     batch 64
 *     epochs 20
 *     augment affine
 *     images 60000                 training images
 *     train 3f1c...                dataset_checksum() of the training images
 *     validation 41d8...           of the validation images, if there are any,
 *     test 09b2...                 and of the test images
 *     correct 1234                 in the current epoch: images predicted correctly,
 *     loss_sum 40937a3d70a3d70a    sum of the losses
 *     seconds 3ff19db22d0e5604     and seconds of training
 *     forgotten 0                  number of the first epochs whose results did not fit into the note
 *     best 7 ...                   these two lines only with keep best, after the first epoch: its best epoch,
 *     best_weights c5a0...         as in the lines below, and the SHA-256 of its weights
 *     epoch 1 ...                  one line for each later finished epoch: training loss and accuracy, test loss and
 *                                  accuracy, learning rate, seconds; with --validate, validation loss and accuracy;
 *                                  with --average, the test loss and accuracy of the average, and with both its
 *                                  validation loss and accuracy
 *
 * Doubles are written as the 16 hexadecimal digits of their bits, so that they are not rounded.
 */
/* clang-format on */
#ifndef MNIST_CHECKPOINT_H
#define MNIST_CHECKPOINT_H

#include "training/progress.h"
#include "training/settings.h"

#include <normnet.h>

/* The state of a training run. */
struct training_state {
    int64_t images;                     /* per epoch */
    char train_data[65], test_data[65]; /* dataset_checksum() of the training and of the test images */
    char validation_data[65];           /* and of the validation images; "" if there are none */

    struct epoch_result *history; /* an array for all epochs */
    int64_t finished;             /* finished epochs; their results are in `history` */
    int64_t dropped;              /* except for the first `dropped` epochs, whose results are lost */

    struct epoch_result best; /* with KEEP_BEST: the best finished epoch, which may be a dropped one; epoch 0 = none */
    char best_weights[65];    /* results_hash_weights() after it */

    /* In the current epoch. */
    int64_t done, correct; /* images: trained, predicted correctly */
    double loss_sum, seconds;
};

struct checkpoint {
    normnet_model *model;     /* as in the file, for batches of one image; clone it to train */
    struct settings settings; /* of the training; those of the run have their defaults */
    struct training_state training;
    char *note; /* settings.augment points into it */
};

/* Returns 0, or reports why the file cannot be written; an older file is then unchanged. */
int checkpoint_save(const char *path, normnet_model *model, const struct settings *settings,
                    const struct training_state *training);

/* The number of first epochs whose results do not fit into a checkpoint. */
int64_t checkpoint_count_dropped(const struct settings *settings, const struct training_state *training);

/* Returns 0, or reports why the training in the file cannot be resumed. */
int checkpoint_open(struct checkpoint *checkpoint, const char *path);

/* The same for a model that was read from the file `path`, perhaps by another process. It now owns the model. */
int checkpoint_adopt(struct checkpoint *checkpoint, normnet_model *model, const char *path);

/* Keeps the model and the settings, to begin another training with them. */
void checkpoint_forget_training(struct checkpoint *checkpoint);
void checkpoint_close(struct checkpoint *checkpoint);

/* Returns the text of the note; free() it. NULL without memory. */
char *checkpoint_write_note(const struct settings *settings, const struct training_state *training);

/*
 * Fills checkpoint->settings and checkpoint->training from checkpoint->note, which it changes. `step` and `total_steps`
 * are those of the model; 0 = the schedule does not depend on the number of steps. Returns 0, or reports what is wrong
 * with the note of the file `path`.
 */
int checkpoint_read_note(struct checkpoint *checkpoint, const char *path, int64_t step, int64_t total_steps);

#endif
