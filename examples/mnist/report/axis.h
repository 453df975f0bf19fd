/* SPDX-License-Identifier: MIT */
/* The range of an axis, where its ticks are, and where a value is drawn. */
#ifndef MNIST_AXIS_H
#define MNIST_AXIS_H

#include <stdbool.h>
#include <stddef.h>

struct axis {
    double low, high; /* the values at `from` and `to` */
    double from, to;  /* in the units of the picture */
    bool logarithmic;
    double least_step; /* between ticks, as 1 where only whole numbers have a meaning; 0 = any */
};

/* The range of values that are finite and below 1e100; empty (low above high) at first. */
struct range {
    double low, high;
};
struct range range_begin(void);
void range_add(struct range *range, double value);

/*
 * The part of the range that is worth looking at: values far below all others, as those of a training that failed,
 * would hide the differences of the others. Sorts `values`, which are finite.
 */
struct range range_of_most(double *values, size_t count);

/* Gives the range some room on both sides, and at least `least` in all. */
struct range range_widen(struct range range, double share, double least);

double axis_place(const struct axis *axis, double value);

/* Fills `ticks` with round values within the axis, at most about `wanted`; returns how many. */
enum { MOST_TICKS = 24 };
int axis_ticks(const struct axis *axis, int wanted, double ticks[MOST_TICKS]);

/* The text of a tick, with as many digits as its neighbours. */
enum { TICK_ROOM = 32 };
void axis_tick_text(const struct axis *axis, const double ticks[], int count, int index, char text[TICK_ROOM]);

#endif
