/* SPDX-License-Identifier: MIT */
/*
 * Sine and cosine whose bits are the same on every machine: nothing but additions and multiplications
 * of doubles, which IEEE 754 defines exactly, where those of libm differ from one machine to the next.
 * (Compile with -ffp-contract=off, and not for the x87 unit.)
 */
#ifndef MNIST_ANGLE_H
#define MNIST_ANGLE_H

/* For -36000 to 36000 degrees, within 3e-16; exact at multiples of 90. */
void angle_sine_cosine(double degrees, double *sine, double *cosine);

#endif
