/* SPDX-License-Identifier: MIT */
/*
 * Does the runs of a plan side by side: each in a thread of its own, with one thread for the library, so that the cores
 * need not wait for each other. No result depends on it.
 */
#ifndef MNIST_CREW_H
#define MNIST_CREW_H

#include "study/plan.h"

/*
 * Adds each finished run to the file and prints a line about it. After a signal, the runs that are not finished are
 * given up. Returns 0 after all runs or a signal, or reports what has failed.
 */
int crew_work(const struct plan *plan, struct runs_file *file, const struct dataset *data, const char *data_key,
              int64_t jobs);

#endif
