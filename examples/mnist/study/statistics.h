/* SPDX-License-Identifier: MIT */
/* Means over seeds with their uncertainty: Student's t. */
#ifndef MNIST_STATISTICS_H
#define MNIST_STATISTICS_H

#include <stddef.h>

/* Of `count` values that are assumed to be normally distributed. What is undefined is NaN. */
struct sample {
    size_t count;
    double mean, sd;  /* sd: with count - 1 */
    double low, high; /* the 95 % interval of the mean */
    double p;         /* how probable a mean at least as far from 0 is if the true mean is 0; two-sided */
};

struct sample statistics_of(const double *values, size_t count);

/*
 * The same for people: Student's interval of accuracies in percent may go beyond 0 and 100, where no mean can be, and
 * ends there. What computes takes the sample as it is.
 */
struct sample statistics_of_accuracy(struct sample percent);

/*
 * The differences a[i] - b[i], which are of the same seed, of values that are multiples of `step`. Differences that are
 * equal, or nearly so, are not more certain than what rounding to these multiples leaves of them: the interval and p
 * are those of an sd of at least step / sqrt(6), that of two roundings. 0: the values are not rounded.
 */
struct sample statistics_of_pairs(const double *a, const double *b, size_t count, double step);

/* The probability that |t| is at most `t` (t >= 0) with this many degrees of freedom (at least 1). */
double student_within(double t, int degrees);

/* That it is more: also if that is very improbable. */
double student_beyond(double t, int degrees);

/* The t with student_within() = `probability`, 0 to below 1. */
double student_quantile(double probability, int degrees);

/*
 * Holm's correction for several tests: replaces each p by one that is at most `level` for any false difference with
 * probability `level` over all tests together. NaN stays, and does not count as a test.
 */
void statistics_correct(double *p, size_t count);

#endif
