/* SPDX-License-Identifier: MIT */
/*
 * How the program says what is wrong: one sentence on standard error and an exit code. Every function
 * of this program that can fail returns 0 or the exit code of report_error() or report_usage(), so
 * that the sentence is written where the offending value is known and only the code travels up.
 */
#ifndef MNIST_REPORT_H
#define MNIST_REPORT_H

#include "support/text.h"

enum {
    EXIT_FAILED = 1, /* the data or the training */
    EXIT_USAGE = 2   /* the command line */
};

/* Writes "normnet-mnist: " and the sentence; returns EXIT_FAILED. */
int report_error(const char *format, ...) PRINTF_FORMAT;

/* The same and where to find help; returns EXIT_USAGE. */
int report_usage(const char *format, ...) PRINTF_FORMAT;

#endif
