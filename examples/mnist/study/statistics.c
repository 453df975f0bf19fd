/* SPDX-License-Identifier: MIT */
#include "study/statistics.h"

#include <math.h>

static const double pi = 3.14159265358979323846;

/* Of the series below. */
static double next_term(double term, double cosine, int k)
{
    return term * (cosine * cosine * (k + 1) / (k + 2));
}

/*
 * With theta = atan(t / sqrt(n)), Abramowitz and Stegun 26.7.3 and 26.7.4:
 *
 *     n odd    2/pi (theta + sin cos (1 + 2/3 cos^2 + (2 4)/(3 5) cos^4 + ... to cos^(n-3)))
 *     n even   sin (1 + 1/2 cos^2 + (1 3)/(2 4) cos^4 + ... to cos^(n-2))
 */
double student_within(double t, int degrees)
{
    const double theta = atan(t / sqrt(degrees));
    const double sine = sin(theta), cosine = cos(theta);
    const int odd = degrees % 2;
    double term = 1, sum = 0;

    for (int k = odd; k <= degrees - 2; k += 2) {
        sum += term;
        term = next_term(term, cosine, k);
    }
    return odd ? 2 / pi * (theta + sine * cosine * sum) : sine * sum;
}

/*
 * 1 - student_within(), but also where that would be nothing but rounding: with all of their terms the series above are
 * 1, so that it is the rest of them.
 */
double student_beyond(double t, int degrees)
{
    const double theta = atan(t / sqrt(degrees)), within = student_within(t, degrees);
    const double sine = sin(theta), cosine = cos(theta);
    const int odd = degrees % 2;
    double term = 1, sum = 0;
    int k = odd;

    if (within < 0.5)
        return 1 - within;
    for (; k <= degrees - 2; k += 2)
        term = next_term(term, cosine, k);
    for (; sum + term > sum; k += 2) {
        sum += term;
        term = next_term(term, cosine, k);
    }
    return odd ? 2 / pi * sine * cosine * sum : sine * sum;
}

/* By bisection, to the last bit. */
double student_quantile(double probability, int degrees)
{
    double low = 0, high = 1;

    while (student_within(high, degrees) < probability && high < 1e12)
        high *= 2;
    for (;;) {
        const double middle = low + (high - low) / 2;

        if (middle <= low || middle >= high)
            return middle;
        if (student_within(middle, degrees) < probability)
            low = middle;
        else
            high = middle;
    }
}

/* The interval and p are those of an sd of at least `min_sd`. */
static struct sample sample_with_min_sd(const double *values, size_t count, double min_sd)
{
    struct sample sample = {count, NAN, NAN, NAN, NAN, NAN};
    double sum = 0, squares = 0;

    if (count == 0)
        return sample;
    for (size_t i = 0; i < count; ++i)
        sum += values[i];
    sample.mean = sum / (double)count;
    if (count == 1)
        return sample;
    for (size_t i = 0; i < count; ++i)
        squares += (values[i] - sample.mean) * (values[i] - sample.mean);
    sample.sd = sqrt(squares / (double)(count - 1));
    const double error = fmax(sample.sd, min_sd) / sqrt((double)count); /* of the mean */
    const double half = error * student_quantile(0.95, (int)count - 1);
    sample.low = sample.mean - half;
    sample.high = sample.mean + half;
    if (error > 0)
        sample.p = student_beyond(fabs(sample.mean) / error, (int)count - 1);
    else
        sample.p = sample.mean == 0; /* all values are equal */
    return sample;
}

struct sample statistics_of(const double *values, size_t count)
{
    return sample_with_min_sd(values, count, 0);
}

struct sample statistics_of_accuracy(struct sample percent)
{
    if (percent.low < 0)
        percent.low = 0;
    if (percent.high > 100)
        percent.high = 100;
    return percent;
}

/* Rounding to multiples of h adds an error that is uniform from -h / 2 to h / 2, whose variance is h^2 / 12. */
struct sample statistics_of_pairs(const double *a, const double *b, size_t count, double step)
{
    enum { MOST = 1000 };
    double differences[MOST];

    count = count > MOST ? MOST : count;
    for (size_t i = 0; i < count; ++i)
        differences[i] = a[i] - b[i];
    return sample_with_min_sd(differences, count, step / sqrt(6));
}

/* The position of the smallest p that is not yet corrected, which are marked by a sign; `count` if there is none. */
static size_t find_smallest(const double *p, size_t count)
{
    size_t smallest = count;

    for (size_t i = 0; i < count; ++i) {
        if (!isnan(p[i]) && !signbit(p[i]) && (smallest == count || p[i] < p[smallest]))
            smallest = i;
    }
    return smallest;
}

void statistics_correct(double *p, size_t count)
{
    size_t tests = 0;
    double before = 0;

    for (size_t i = 0; i < count; ++i) {
        tests += isnan(p[i]) ? 0 : 1;
        p[i] = p[i] <= 0 ? 0 : p[i]; /* also -0 */
    }
    for (; tests > 0; --tests) {
        const size_t i = find_smallest(p, count);
        const double corrected = fmin(1, p[i] * (double)tests);

        before = fmax(before, corrected);
        p[i] = -before; /* -0 for 0 is marked, too */
    }
    for (size_t i = 0; i < count; ++i)
        p[i] = fabs(p[i]);
}
