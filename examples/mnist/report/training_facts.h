/* SPDX-License-Identifier: MIT */
/* One training, as its report is told of it. */
#ifndef MNIST_TRAINING_FACTS_H
#define MNIST_TRAINING_FACTS_H

#include "data/class_names.h"
#include "data/dataset.h"
#include "training/checkpoint.h"

#include <normnet.h>

struct training_facts {
    const struct settings *settings;
    const struct dataset *data;
    normnet_model *model; /* after the last epoch */
    const struct training_state *training;
    const struct class_names *classes;
    const char *best;    /* the file of the best epoch; NULL = none */
    const char *failure; /* why the training could not go on; "" = it is complete */
    int argument_count;  /* of the command line, after "normnet-mnist train" */
    char **arguments;
};

#endif
