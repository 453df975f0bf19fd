/* SPDX-License-Identifier: MIT */
/* The options of `normnet-mnist train`. */
#ifndef MNIST_TRAIN_OPTIONS_H
#define MNIST_TRAIN_OPTIONS_H

#include "training/checkpoint.h"
#include "training/settings.h"

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
