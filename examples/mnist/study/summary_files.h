/* SPDX-License-Identifier: MIT */
/* The summary of a study as files, which docs/study.md describes. */
#ifndef MNIST_SUMMARY_FILES_H
#define MNIST_SUMMARY_FILES_H

#include "study/summary.h"
#include "support/json.h"

/* Replaces summary.csv, comparisons.csv and summary.json in the directory. Returns 0, or reports why it cannot. */
int summary_write_files(const struct summary *summary, const struct experiments *experiments, const char *directory);

/* Write the parts of these files elsewhere. */
void summary_write_rows(FILE *stream, const struct summary *summary);
void summary_write_comparisons(FILE *stream, const struct summary *summary);
void summary_write_members(struct json_writer *json, const struct summary *summary,
                           const struct experiments *experiments);

#endif
