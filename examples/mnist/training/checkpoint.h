/* SPDX-License-Identifier: MIT */
/* clang-format off: the lines of the note are as they are */
/*
 * A training in a file, to go on from bit for bit. The library's checkpoint holds the network, its weights and how they
 * are trained; what only this program knows is the note in it, lines of text in this order:
 *
 *     normnet-mnist train 2
 *     preset standard
 *     limit 0
 *     batch 64
 *     epochs 20
 *     augment affine
 *     images 60000                 to train with
 *     train 3f1c...                the checksums of dataset_checksum() of the images to train
 *     test 09b2...                 and to test with
 *     correct 1234                 of the images of the epoch in progress: recognized,
 *     loss_sum 40937a3d70a3d70a    sum of the losses,
 *     seconds 3ff19db22d0e5604     seconds so far
 *     forgotten 0                  the oldest epochs, which did not fit into a note
 *     epoch 1 ...                  the others that are finished: training loss and accuracy, test loss and
 *                                  accuracy, learning rate, seconds
 *
 * Numbers with a fraction are the 16 hexadecimal digits of their bits, so that nothing is rounded on the way.
 */
/* clang-format on */
#ifndef MNIST_CHECKPOINT_H
#define MNIST_CHECKPOINT_H

#include "training/progress.h"
#include "training/settings.h"

#include <normnet.h>

/* Where a training stands. */
struct training_pass {
    int64_t images;                     /* per epoch */
    char train_data[65], test_data[65]; /* dataset_checksum() of the images to train and to test with */

    struct epoch_result *history; /* has room for all epochs */
    int64_t finished;             /* epochs in it, of which */
    int64_t forgotten;            /* the first are not known any more */

    /* Of the epoch in progress. */
    int64_t done, correct; /* images */
    double loss_sum, seconds;
};

struct checkpoint {
    normnet_model *model;     /* as the file holds it, for batches of one image; clone it to train */
    struct settings settings; /* without what belongs to the run alone */
    struct training_pass training;
    char *note; /* settings.augment points into it */
};

/* Returns 0, or reports why the file cannot be written; an older one is then as it was. */
int checkpoint_save(const char *path, normnet_model *model, const struct settings *settings,
                    const struct training_pass *training);

/* How many of the oldest epochs have no room in such a file. */
int64_t checkpoint_forgets(const struct settings *settings, const struct training_pass *training);

/* Returns 0, or reports why there is no training in the file to go on with. */
int checkpoint_open(struct checkpoint *checkpoint, const char *path);
void checkpoint_close(struct checkpoint *checkpoint);

/* The note by itself; free() it. NULL without memory. */
char *checkpoint_write_note(const struct settings *settings, const struct training_pass *training);

/*
 * Fills checkpoint->settings and ->training from checkpoint->note, whose line ends it overwrites. `step` and
 * `total_steps` are the library's. Returns 0, or reports what is wrong with the note of the file `path`.
 */
int checkpoint_read_note(struct checkpoint *checkpoint, const char *path, int64_t step, int64_t total_steps);

#endif
