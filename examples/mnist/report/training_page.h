/* SPDX-License-Identifier: MIT */
/* The report on one training: a page that needs nothing else. */
#ifndef MNIST_TRAINING_PAGE_H
#define MNIST_TRAINING_PAGE_H

#include "report/training_facts.h"

/* Writes the page to `path`, replacing an older one. Returns 0, or reports what has failed; then no file is changed. */
int training_page_write(const struct training_facts *facts, const char *path);

#endif
