/* SPDX-License-Identifier: MIT */
/* One run of an experiment: the training with one seed, and what is kept of it. */
#ifndef MNIST_SEED_RUN_H
#define MNIST_SEED_RUN_H

#include "study/experiment.h"
#include "study/portrait.h"
#include "training/progress.h"

#include <normnet.h>
#include <stdbool.h>

/* Loss per image, and accuracy in percent. */
struct score {
    double loss, accuracy;
};

struct study_epoch {
    struct epoch_result result; /* of the training */
    double momentum;            /* of the epoch's last step */
    struct score test, validation;
    struct score average_test, average_validation; /* of the averaged weights, with column `average` */
    /* With column `statistics`: of the test images, if batch norm takes the statistics of the batch, or if its running
       statistics are computed anew; and the Euclidean norm of all parameters. */
    struct score batch, updated;
    double parameter_norm;
};

struct seed_run {
    const struct experiment *experiment;
    int64_t seed;
    struct dataset data; /* a part of the study's */
    struct settings settings;
    normnet_model *model;
    struct study_epoch *history;
    int64_t epochs;    /* that are finished */
    char failure[400]; /* why the training could not go on; "" = it is complete */
    bool stopped;      /* by a signal: the run is not complete */
    /* With column `tta`: of the last weights and of their average, with shifted copies of the images. */
    struct score tta_test, tta_validation, tta_average_test, tta_average_validation;
    double seconds; /* of all */
    struct portrait portrait;
};

/* Is told after each step how many images have been trained since the step before. */
struct run_watch {
    void (*step)(void *user, const struct seed_run *run, int64_t images);
    void *user;
};

/*
 * Trains, tests and describes. A training that cannot go on, for example because it diverges, is a result. Returns 0,
 * or reports what else has failed. Close the run after a failure too.
 */
int seed_run_train(struct seed_run *run, const struct experiment *experiment, int64_t seed, const struct dataset *whole,
                   const struct run_watch *watch);
void seed_run_close(struct seed_run *run);

/* The configuration of the library. It points into `settings` and `data`. */
void seed_run_configure(const struct experiment *experiment, int64_t seed, const struct dataset *data,
                        struct settings *settings, normnet_config *config);

#endif
