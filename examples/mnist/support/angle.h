/* SPDX-License-Identifier: MIT */
/*
 * Sine and cosine with the same bits on every machine, unlike those of libm. They use only additions and
 * multiplications of doubles, which IEEE 754 defines exactly. (Compile with -ffp-contract=off, and not for the x87
 * unit.)
 */
#ifndef MNIST_ANGLE_H
#define MNIST_ANGLE_H

/* For -36000 to 36000 degrees. The error is below 3e-16, and 0 at multiples of 90 degrees. */
void angle_sine_cosine(double degrees, double *sine, double *cosine);

#endif
