/* SPDX-License-Identifier: MIT */
/* The lines of experiments.txt, ended by NULL. The build makes this array from the file. */
#ifndef MNIST_DEFAULT_EXPERIMENTS_H
#define MNIST_DEFAULT_EXPERIMENTS_H

extern const char *const default_experiments[];

#endif
