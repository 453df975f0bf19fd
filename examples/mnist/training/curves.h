/* SPDX-License-Identifier: MIT */
/* The curves of a training run on the terminal (train --plot). */
#ifndef MNIST_CURVES_H
#define MNIST_CURVES_H

#include "training/checkpoint.h"

/*
 * Prints the losses, on a logarithmic axis, and the accuracies of the finished epochs whose results are known. Returns
 * 0, or reports that there is not enough memory.
 */
int curves_print(const struct training_state *training, bool validates);

#endif
