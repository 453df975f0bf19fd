/* SPDX-License-Identifier: MIT */
/*
 * DIR/runs.jsonl: a line of JSON for each finished run, which docs/study.md describes. Lines are only added. A line
 * counts when it ends with a line feed; one that a killed study has left without is dropped.
 */
#ifndef MNIST_RUNS_FILE_H
#define MNIST_RUNS_FILE_H

#include "study/seed_run.h"
#include "support/file_claim.h"
#include "support/json_reader.h"

#include <stdbool.h>

/* What a summary needs of a run. */
struct run_record {
    char key[65], weights[65];
    int64_t seed, epochs, parameters;
    int64_t images;                                             /* of an epoch; 0 = the line does not say */
    int64_t test_images, validation_images;                     /* the same */
    bool failed;                                                /* the training could not go on */
    double test, validation, train;                             /* accuracies of the last epoch; NaN = none */
    double test_loss, best_test;                                /* best_test: the best of all epochs */
    double average_test, average_validation, average_test_loss; /* of the averaged weights, in the last epoch */
    double tta_test, tta_validation, tta_average_test;          /* with shifted copies of the images */
    double seconds, images_per_second;
    double small_share, pruned_accuracy;
    double batch, updated;                       /* the last test accuracies with other statistics */
    double lowest, lowest_batch, lowest_updated; /* and the lowest of all epochs, from the second on */
};

struct runs_file {
    char *path;
    struct file_claim claim;
    FILE *stream; /* to add lines */
    struct run_record *records;
    size_t count, room;
};

/* Fills the record from a line, which must have an array `history`. */
void run_record_take(struct run_record *record, const struct json_value *line);

/*
 * Creates the directory and the file if they are missing, claims the file, and reads its lines. Returns 0, or reports
 * what is wrong with which line. Close the file after a failure too.
 */
int runs_file_open(struct runs_file *file, const char *directory);
void runs_file_close(struct runs_file *file);

/* The record of a run, or NULL. Of several with the same key, the first. */
const struct run_record *runs_file_find(const struct runs_file *file, const char *key);

/* Adds a finished run to the file and to the records. Returns 0, or reports why it cannot be written. */
int runs_file_add(struct runs_file *file, const struct seed_run *run, const char *key, const char *data_key);

#endif
