/* SPDX-License-Identifier: MIT */
/* A norm has one colour and one name in the whole report. */
#ifndef MNIST_LOOK_H
#define MNIST_LOOK_H

#include "study/experiment.h"

struct look {
    const char *css; /* the class that sets the colour */
    const char *name;
};

struct look look_of(const struct experiment *experiment);

/* The looks of all norms, in the order of tables and legends. */
enum { LOOKS = 7 };
extern const struct look looks[LOOKS];

#endif
