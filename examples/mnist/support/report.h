/* SPDX-License-Identifier: MIT */
/*
 * Error messages. Every function of this program that can fail returns 0 or the exit code of report_error() or
 * report_usage(): the message is printed where the offending value is known, and its callers pass on only the code.
 */
#ifndef MNIST_REPORT_H
#define MNIST_REPORT_H

#include "support/text.h"

enum {
    EXIT_FAILED = 1, /* the data or the training */
    EXIT_USAGE = 2   /* the command line */
};

/* The name before the messages, instead of normnet-mnist; the string must stay valid. */
void report_as(const char *name);

/* Prints "normnet-mnist: " and the message on standard error; returns EXIT_FAILED. */
int report_error(const char *format, ...) PRINTF_FORMAT;

/* Prints the message and a reference to --help; returns EXIT_USAGE. */
int report_usage(const char *format, ...) PRINTF_FORMAT;

#endif
