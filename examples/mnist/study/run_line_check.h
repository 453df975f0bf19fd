/* SPDX-License-Identifier: MIT */
/* Whether a line of runs.jsonl is a run as this program writes it: an edited or damaged one decides nothing. */
#ifndef MNIST_RUN_LINE_CHECK_H
#define MNIST_RUN_LINE_CHECK_H

#include "support/json_reader.h"

#include <stdbool.h>

enum { WRONG_ROOM = 160 };

/*
 * Returns true, and says what is wrong, if the line lacks what a run has, is of another format or version of the bits,
 * its key does not fit its configuration and seed, epochs are missing, or an accuracy is not one. "its history has 2
 * epochs; expected 4"
 */
bool run_line_is_wrong(const struct json_value *line, char wrong[WRONG_ROOM]);

#endif
