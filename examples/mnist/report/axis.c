/* SPDX-License-Identifier: MIT */
#include "report/axis.h"

#include "support/minmax.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const double largest = 1e100; /* so that differences are finite */

/* ---- Ranges ------------------------------------------------------------------------------------ */

struct range range_begin(void)
{
    return (struct range){INFINITY, -INFINITY};
}

void range_add(struct range *range, double value)
{
    if (!(fabs(value) < largest))
        return;
    range->low = double_min(range->low, value);
    range->high = double_max(range->high, value);
}

static int compare_doubles(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

struct range range_of_most(double *values, size_t count)
{
    struct range range = range_begin();

    if (count == 0)
        return range;
    qsort(values, count, sizeof *values, compare_doubles);
    const double middle = values[(count - 1) / 2], top = values[count - 1];
    const double floor = middle - 4 * (top - middle) - 0.5;
    for (size_t i = 0; i < count; ++i) {
        if (values[i] >= floor)
            range_add(&range, values[i]);
    }
    return range;
}

struct range range_widen(struct range range, double share, double least)
{
    const double middle = (range.low + range.high) / 2;
    const double half = double_max((range.high - range.low) * (0.5 + share), least / 2);

    return range.low > range.high ? (struct range){0, 1} : (struct range){middle - half, middle + half};
}

/* ---- Places ------------------------------------------------------------------------------------ */

double axis_place(const struct axis *axis, double value)
{
    const double share = axis->logarithmic ? log(value / axis->low) / log(axis->high / axis->low)
                                           : (value - axis->low) / (axis->high - axis->low);

    return axis->from + share * (axis->to - axis->from);
}

/* ---- Ticks ------------------------------------------------------------------------------------- */

/* 1, 2 or 5 times a power of ten, so that there are at most about `wanted` steps. */
static double round_step(double length, int wanted)
{
    const double raw = length / wanted, power = pow(10, floor(log10(raw)));
    const double factor = raw / power;

    return power * (factor <= 1.0001 ? 1 : factor <= 2.0001 ? 2 : factor <= 5.0001 ? 5 : 10);
}

static int linear_ticks(const struct axis *axis, int wanted, double ticks[MOST_TICKS])
{
    const double step = double_max(round_step(axis->high - axis->low, wanted), axis->least_step);
    const double first = ceil(axis->low / step - 1e-9);
    int count = 0;

    while (count < MOST_TICKS && (first + count) * step <= axis->high + step * 1e-9) {
        ticks[count] = (first + count) * step;
        ++count;
    }
    return count;
}

/* At every power of ten, or if they are many at every second, third ... */
static int logarithmic_ticks(const struct axis *axis, int wanted, double ticks[MOST_TICKS])
{
    static const double factors[] = {1, 2, 5};
    const bool close = axis->high / axis->low < 300; /* else powers of ten alone */
    const int first = (int)floor(log10(axis->low)), last = (int)ceil(log10(axis->high));
    const int step = 1 + (last - first) / (2 * wanted);
    int count = 0;

    for (int power = first; power <= last; power += step) {
        for (int k = 0; k < (close ? 3 : 1); ++k) {
            const double tick = factors[k] * pow(10, power);

            if (tick >= axis->low * 0.9999 && tick <= axis->high * 1.0001 && count < MOST_TICKS)
                ticks[count++] = tick;
        }
    }
    return count;
}

int axis_ticks(const struct axis *axis, int wanted, double ticks[MOST_TICKS])
{
    if (!(axis->high > axis->low) || !isfinite(axis->high - axis->low))
        return 0;
    return axis->logarithmic ? logarithmic_ticks(axis, wanted, ticks) : linear_ticks(axis, wanted, ticks);
}

/* The digits after the point that a round number needs: 0.002 needs three. */
static int decimals_of(double value)
{
    return value > 0 && value < 1 ? (int)ceil(-log10(value) - 1e-9) : 0;
}

void axis_tick_text(const struct axis *axis, const double ticks[], int count, int index, char text[TICK_ROOM])
{
    const double value = ticks[index], size = fabs(value);
    const double unit = axis->logarithmic || count < 2 ? size : ticks[1] - ticks[0];
    const double wide = axis->logarithmic ? 1e5 : 1e7; /* losses stand on the left, where there is room for 5 digits */
    const char *sign = value < 0 ? "−" : "";

    if ((unit > 0 && unit < 1e-6) || size >= wide) /* as many digits as a step changes */
        snprintf(text, TICK_ROOM, "%s%.*g", sign, size > unit ? (int)ceil(log10(size / unit) + 1e-9) + 1 : 1, size);
    else
        snprintf(text, TICK_ROOM, "%s%.*f", sign, decimals_of(unit), size);
}
