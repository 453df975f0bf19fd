/* SPDX-License-Identifier: MIT */
/* A run as a line of JSON; docs/study.md describes its members. */
#ifndef MNIST_RUN_LINE_H
#define MNIST_RUN_LINE_H

#include "study/seed_run.h"

/* Increases if readers of older lines would misunderstand newer ones. Members may be added without. */
enum { RUN_LINE_FORMAT = 1 };

/* `data_key` has the checksums of the images, as in the key. For write errors, see ferror() of the stream. */
void run_line_write(FILE *stream, const struct seed_run *run, const char *key, const char *data_key);

#endif
