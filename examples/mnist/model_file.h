/* SPDX-License-Identifier: MIT */
/* Models from files, to be tested, asked or looked at. */
#ifndef MNIST_MODEL_FILE_H
#define MNIST_MODEL_FILE_H

#include <normnet.h>

/* Opens a file of either kind. Returns 0, or reports what is wrong with it. Training goes image by image. */
int model_file_open(normnet_model **model, const char *path, int64_t threads);

#endif
