/* SPDX-License-Identifier: MIT */
/* The numbers of a report as files. */
#ifndef MNIST_DATA_FILES_H
#define MNIST_DATA_FILES_H

#include "report/material.h"

#include <stdio.h>

/* A row per experiment, epoch and value. */
void data_write_curves(FILE *stream, const struct material *material);

/* A row per experiment, seed and mistake. */
void data_write_mistakes(FILE *stream, const struct material *material);

/* Both. */
void data_write_json(FILE *stream, const struct material *material);

#endif
