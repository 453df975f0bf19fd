/* SPDX-License-Identifier: MIT */
/* A report on the runs of a study: one page of HTML that needs nothing else, and its numbers as CSV and JSON. */
#ifndef MNIST_REPORT_WRITE_H
#define MNIST_REPORT_WRITE_H

#include "report/material.h"

/*
 * Before a study: whether report.html and the files beside it can be written in the directory. Returns 0, or reports
 * e.g. that one is somebody else's.
 */
int report_check(const char *directory);

/*
 * Writes the files, prints where they are and at last the answer. Returns 0, or reports what is wrong; then no file is
 * changed.
 */
int report_write(const struct report_request *request);

#endif
