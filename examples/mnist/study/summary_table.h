/* SPDX-License-Identifier: MIT */
/* The summary of a study, and the experiments of a file, as tables for people. */
#ifndef MNIST_SUMMARY_TABLE_H
#define MNIST_SUMMARY_TABLE_H

#include "study/plan.h"
#include "study/summary.h"

/* Prints the rows with their published figures. */
void summary_print(const struct summary *summary);

/* Prints the experiments that were selected. */
void plan_print(const struct plan *plan);

#endif
