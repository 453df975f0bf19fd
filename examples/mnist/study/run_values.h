/* SPDX-License-Identifier: MIT */
/* Whether the line of a run has values that a study can have written: an edited or damaged one decides nothing. */
#ifndef MNIST_RUN_VALUES_H
#define MNIST_RUN_VALUES_H

#include "support/json_reader.h"

#include <stdbool.h>

enum { WRONG_ROOM = 160 };

/*
 * For a line that has a key, a seed and a history. Returns true, and says what is wrong, if its key does not fit its
 * configuration and seed, epochs are missing, or an accuracy is not one. "its history has 2 epochs; expected 4"
 */
bool run_values_wrong(const struct json_value *line, char wrong[WRONG_ROOM]);

#endif
