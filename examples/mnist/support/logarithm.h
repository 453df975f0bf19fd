/* SPDX-License-Identifier: MIT */
/* The natural logarithm with the same bits on every machine, unlike that of libm. */
#ifndef MNIST_LOGARITHM_H
#define MNIST_LOGARITHM_H

/* The error is a few units in the last place. x is finite and above 0. */
double logarithm(double x);

#endif
