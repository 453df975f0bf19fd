/* SPDX-License-Identifier: MIT */
/* The summary of a study as files, which docs/study.md describes. */
#ifndef MNIST_SUMMARY_FILES_H
#define MNIST_SUMMARY_FILES_H

#include "study/summary.h"

/* Before the runs: whether these files can be written. Returns 0, or reports e.g. that one is somebody else's. */
int summary_check_files(const char *directory);

/* Replaces summary.csv, comparisons.csv and summary.json in the directory. Returns 0, or reports why it cannot. */
int summary_write_files(const struct summary *summary, const struct experiments *experiments, const char *directory);

#endif
