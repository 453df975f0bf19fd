/* SPDX-License-Identifier: MIT */
/*
 * DIR/experiments.txt: the file of experiments of the last study in a directory, so that its report knows them without
 * being told. A study of the built-in experiments keeps none.
 */
#ifndef MNIST_KEPT_EXPERIMENTS_H
#define MNIST_KEPT_EXPERIMENTS_H

#include "study/experiments_file.h"

/* Returns 0, or reports that there is a file which neither a study has written nor this one was given. */
int kept_experiments_check(const char *directory, const struct experiments *experiments);

/* Writes the file, or removes that of an older study. Returns 0, or reports a failure. */
int kept_experiments_write(const char *directory, const struct experiments *experiments);

/* Sets `path` to that of the file, or to NULL if there is none; free() it. Returns 0, or reports that it is no
 * regular file, or that there is no memory. */
int kept_experiments_find(const char *directory, char **path);

#endif
