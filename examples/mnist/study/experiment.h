/* SPDX-License-Identifier: MIT */
/*
 * An experiment: a network and a recipe that are trained with several seeds, what was published about it, and how to
 * present it. Its columns are those of the file of experiments (experiments_file.h), which describes them.
 */
#ifndef MNIST_EXPERIMENT_H
#define MNIST_EXPERIMENT_H

#include "data/augment.h"
#include "data/dataset.h"
#include "support/json.h"
#include "training/settings.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MAX_SEEDS = 1000 }; /* of an experiment: 1, 2, ... */

/* When it is run: in a study of everything, with --quick, or only if --only names it. */
enum experiment_select { SELECT_FULL, SELECT_QUICK, SELECT_NAMED };

enum experiment_outcome { EXPECT_WORKS, EXPECT_FAILS };

/* The images that published figures are of: those of the study, whatever they are, or MNIST's. */
enum published_on { PUBLISHED_ON_ANY, PUBLISHED_ON_MNIST };

/* Texts belong to the file. */
struct experiment {
    /* About it: nothing of this changes the run. */
    const char *id, *study, *name, *source, *note;
    int32_t select, expect; /* enums above */
    const char *compare;    /* words: experiments of a study that share one are compared in pairs */
    int64_t seeds;
    double best, final, best_train, loss; /* published, accuracies in percent; NaN = not published */
    int64_t best_epoch;                   /* 0 = not published */
    int32_t published_on;                 /* enum above */
    bool withheld;                        /* these figures were taken away (published.h) */

    /* The run. */
    const char *architecture; /* "default" = the library's */
    int32_t norm, affine;     /* normnet_norm, normnet_affine */
    int64_t groups, layer_dims, virtual_batch;
    double dropout;
    int64_t batch, epochs;
    int32_t schedule;    /* normnet_schedule */
    double lr, momentum; /* momentum NaN = cycled by one-cycle */
    bool nesterov;
    int64_t step_size; /* in epochs */
    double step_gamma, l1, l2, label_smoothing;
    double average;       /* decay of the average of the weights; 1 = equal weights, 0 = none */
    int64_t average_from; /* epochs before it begins */
    const char *augment;
    struct augment_list augment_list;
    int64_t limit, validate; /* training images: used, 0 = all; held out of them */
    bool statistics;         /* test every epoch with other statistics of batch norm, too */
    int64_t tta; /* radius in pixels: test the last weights with shifted copies of the images, too; 0 = not */

    int line; /* of the file */
};

/* What a column holds. */
enum column_kind {
    COLUMN_TEXT,
    COLUMN_INTEGER,
    COLUMN_REAL,
    COLUMN_OPTIONAL, /* a number, or `absent` for NaN */
    COLUMN_CHOICE,
    COLUMN_FLAG /* yes or no */
};

struct column {
    const char *name;
    enum column_kind kind;
    bool of_run; /* it changes the run */
    size_t offset;
    const char *value; /* the default, as it would be written; NULL = none */
    double min, max;
    const char *absent;
    const char *const *choices;
    const char *help;
};

extern const struct column experiment_columns[];
extern const int experiment_column_count; /* at most MOST_COLUMNS */
enum { MOST_COLUMNS = 64 };

/* The column with this name, or NULL. */
const struct column *experiment_column(const char *name);

/* Sets all columns but id to their defaults. */
void experiment_init(struct experiment *experiment);

/*
 * Sets a column from its text. Returns false for a value that it cannot have; `expected` then says what is expected:
 * "a number from 0 to 1".
 */
enum { EXPECTED_ROOM = 200 };
bool experiment_set(struct experiment *experiment, const struct column *column, const char *text,
                    char expected[EXPECTED_ROOM]);

/* Writes the value of a column as it could be read from the file. */
enum { COLUMN_ROOM = 64 };
const char *experiment_text(const struct experiment *experiment, const struct column *column, char text[COLUMN_ROOM]);

/* Whether a column has its default. */
bool experiment_has_default(const struct experiment *experiment, const struct column *column);

/*
 * What identifies a run: SHA-256 of the seed, the data and the columns of the run that differ from their defaults, so
 * that a new column changes no identity. `data` has the checksums of the images.
 */
void experiment_key(const struct experiment *experiment, int64_t seed, const char *data, char key[65]);

/* Write members of an object: the columns of the run, or those about it. */
void experiment_write_run(struct json_writer *json, const struct experiment *experiment);
void experiment_write_about(struct json_writer *json, const struct experiment *experiment);

/* Fills the settings of a run with one thread. They point into the experiment. */
void experiment_settings(const struct experiment *experiment, int64_t seed, struct settings *settings);

/* The reverse: the columns of the run; the others have their defaults. It points into the settings. */
void experiment_of_settings(struct experiment *experiment, const struct settings *settings);

#endif
