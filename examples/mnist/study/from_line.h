/* SPDX-License-Identifier: MIT */
/* An experiment as a line of runs.jsonl describes it, for runs that no experiment of the file has. */
#ifndef MNIST_FROM_LINE_H
#define MNIST_FROM_LINE_H

#include "study/experiment.h"
#include "support/json_reader.h"

/*
 * Fills the columns of the run, id and study. Its texts are those of the line. Returns NULL, or the name of the member
 * that has a value which this program does not know.
 */
const char *experiment_from_line(struct experiment *experiment, const struct json_value *line);

#endif
