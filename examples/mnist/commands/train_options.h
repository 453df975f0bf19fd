/* SPDX-License-Identifier: MIT */
/* The options of `normnet-mnist train`. */
#ifndef MNIST_TRAIN_OPTIONS_H
#define MNIST_TRAIN_OPTIONS_H

#include "support/options.h"
#include "training/checkpoint.h"
#include "training/settings.h"

enum { TRAIN_MAX_OPTIONS = 46 };

/*
 * For another command that trains: fills the table with the options of data, network and training that do not depend on
 * epochs; returns their number, which leaves room for ten more. And after these were parsed: parses the augmentation,
 * and reports an option that has no effect. Returns 0 or the exit code of the report.
 */
int train_options_share(struct option *options, struct settings *settings);
int train_options_check(const struct option *options, int count, struct settings *settings);

/*
 * Fills the settings from the arguments after the command's name. Returns 0, OPTIONS_HELP after printing the help, or
 * the exit code of the report. With --resume only the settings of this run are filled; train_options_resume() does
 * the rest.
 */
int train_options_parse(struct settings *settings, int argc, char **argv);

/*
 * After train_options_parse() found --resume: takes the settings of the checkpoint, then the arguments, which may
 * change the run but not the training, except for more epochs and for a new cycle. Returns 0, or reports the argument
 * that would change it. The strings of `settings` are those of `resumed` and `argv`, which must outlive it.
 */
int train_options_resume(struct settings *settings, const struct checkpoint *resumed, int argc, char **argv);

/* Prints the command that continues the training in `checkpoint` with the options of this run. `json` may be NULL. */
void train_options_print_resume(const struct settings *settings, const char *checkpoint, const char *json);

#endif
