/* SPDX-License-Identifier: MIT */
/* One run of `normnet-mnist train`: its parts, and the training and testing of one epoch. */
#ifndef MNIST_RUN_H
#define MNIST_RUN_H

#include "data/class_names.h"
#include "data/dataset.h"
#include "support/file_claim.h"
#include "training/best_file.h"
#include "training/checkpoint.h"
#include "training/pipeline.h"
#include "training/progress.h"
#include "training/settings.h"

#include <normnet.h>
#include <stdbool.h>

struct run {
    struct settings settings;
    struct file_claim save_claim, json_claim, report_claim; /* from before the checkpoint is read to the end */
    struct best_file best;
    struct checkpoint resumed; /* empty if the training is new; a new cycle has only its model and settings */
    struct dataset data;
    normnet_model *model;
    struct pipeline *pipeline;
    struct progress progress;
    struct training_state training;
    char failure[400];          /* why the training could not go on; "" = nothing has failed */
    struct class_names classes; /* for the report */
    int argument_count;         /* of the command line, for the report */
    char **arguments;
};

/* Whether this run continues the training of a checkpoint, and does not begin a new one with its weights. */
bool run_continues(const struct run *run);

/* Whether this run saves to the checkpoint that it resumed from. */
bool run_saves_in_place(const struct run *run);

/* Writes the checkpoint if --save is given. Returns 0, or reports why it cannot. */
int run_save(struct run *run);

/* Writes the JSON file if --json is given. Returns 0, or reports why it cannot. */
int run_write_results(struct run *run);

/*
 * Trains until the end of the epoch result->epoch, or until a signal stops the program. Returns 0, or reports which
 * batch failed.
 */
int run_train_epoch(struct run *run, struct epoch_result *result);

/*
 * Tests the model, and the average of its weights with --average, and fills the losses and accuracies on the validation
 * images, if there are any, and on the test images. Returns 0, or reports a failure or a loss that is not finite.
 */
int run_test(struct run *run, struct epoch_result *result);

/* Tests after the last batch of an epoch, completes `result`, writes the files and prints the line of the epoch. */
int run_finish_epoch(struct run *run, struct epoch_result *result);

void run_close(struct run *run);

#endif
