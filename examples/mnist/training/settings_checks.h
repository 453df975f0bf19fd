/* SPDX-License-Identifier: MIT */
/* Settings that do not fit together, for options of commands and for files of experiments. */
#ifndef MNIST_SETTINGS_CHECKS_H
#define MNIST_SETTINGS_CHECKS_H

#include "training/settings.h"

/* Whether the network or the schedule uses a setting. */
struct setting_use {
    const char *option, *column; /* its name on the command line and in a file of experiments; NULL = none there */
    bool used;
    const char *needs;        /* what uses it: "group norm" */
    const char *column_needs; /* the same in the words of a file of experiments, if they are others, or NULL */
};

enum { SETTING_USES = 10 };
void settings_list_uses(const struct settings *settings, struct setting_use uses[SETTING_USES]);

/* Whether there is no average, or it begins before the end of the training. */
bool settings_average_begins(const struct settings *settings);

#endif
