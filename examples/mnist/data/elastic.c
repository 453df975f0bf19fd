/* SPDX-License-Identifier: MIT */
#include "data/elastic.h"

#include <math.h>

enum { MAX_RADIUS = 400 }; /* of ELASTIC_MAX_SIGMA */

static int32_t kernel_radius(double sigma)
{
    return (int32_t)(8 * sigma + 1) / 2;
}

/* exp(-x) for 0 <= x <= 50, by additions and multiplications: exp(-x) = exp(-x / 2^10)^(2^10). */
static double decay(double x)
{
    const double small = x / 1024;
    double power = 1;

    /* |small| < 0.05: the next term is below 2^-60. */
    for (int n = 10; n >= 1; --n)
        power = 1 - power * small / n;
    for (int i = 0; i < 10; ++i)
        power *= power;
    return power;
}

/* weights[i] = exp(-i^2 / (2 sigma^2)) / sum for i from 0 to the radius; those of -i are the same. */
static void gaussian_weights(double sigma, float *weights)
{
    const int32_t radius = kernel_radius(sigma);
    const double ratio = decay(1 / (2 * sigma * sigma)); /* w[i + 1] / w[i] = ratio^(2 i + 1) */
    double values[MAX_RADIUS + 1], value = 1, step = ratio, sum = 0;

    for (int32_t i = 0; i <= radius; ++i) {
        values[i] = value;
        sum += i == 0 ? value : 2 * value;
        value *= step;
        step *= ratio * ratio;
    }
    for (int32_t i = 0; i <= radius; ++i)
        weights[i] = (float)(values[i] / sum);
}

/* The pixel of 0 to side - 1 that mirrors show at `index`, without repeating the first and the last one. */
static int32_t mirrored(int32_t index, int32_t side)
{
    const int32_t period = side > 1 ? 2 * (side - 1) : 1;
    const int32_t rest = (index % period + period) % period;

    return rest < side ? rest : period - rest;
}

/* out[x] += weight * in[x] */
static void add_scaled(float *restrict out, const float *restrict in, float weight, int32_t count)
{
    for (int32_t x = 0; x < count; ++x)
        out[x] += weight * in[x];
}

static void clear(float *values, int32_t count)
{
    for (int32_t x = 0; x < count; ++x)
        values[x] = 0;
}

/* Smooths each row of `plane` in place. `line` is room for a row with `radius` mirrored pixels on both sides. */
static void smooth_rows(float *plane, const float *weights, int32_t radius, int32_t height, int32_t width, float *line)
{
    for (int32_t y = 0; y < height; ++y) {
        float *row = plane + (size_t)y * (size_t)width;

        for (int32_t x = -radius; x < width + radius; ++x)
            line[x + radius] = row[mirrored(x, width)];
        clear(row, width);
        for (int32_t i = -radius; i <= radius; ++i)
            add_scaled(row, line + radius + i, weights[i < 0 ? -i : i], width);
    }
}

static void smooth_columns(float *out, const float *in, const float *weights, int32_t radius, int32_t height,
                           int32_t width)
{
    for (int32_t y = 0; y < height; ++y) {
        float *row = out + (size_t)y * (size_t)width;

        clear(row, width);
        for (int32_t i = -radius; i <= radius; ++i)
            add_scaled(row, in + (size_t)mirrored(y + i, height) * (size_t)width, weights[i < 0 ? -i : i], width);
    }
}

size_t elastic_room(int32_t height, int32_t width)
{
    const size_t line = (size_t)width + 2 * MAX_RADIUS;

    if ((size_t)height > (SIZE_MAX / sizeof(float) - line) / 3 / (size_t)width)
        return 0;
    return 3 * (size_t)height * (size_t)width + line;
}

void elastic_draw(struct random_stream *random, double alpha, double sigma, int32_t height, int32_t width, float *room)
{
    const size_t plane = (size_t)height * (size_t)width;
    const int32_t radius = kernel_radius(sigma);
    float *noise = room + 2 * plane, *line = noise + plane;
    float weights[MAX_RADIUS + 1] = {0};

    gaussian_weights(sigma, weights);
    for (int axis = 0; axis < 2; ++axis) {
        float *result = room + (size_t)axis * plane;

        for (size_t i = 0; i < plane; ++i)
            noise[i] = (float)(random_uniform(random, -1, 1) * (alpha / 2));
        smooth_rows(noise, weights, radius, height, width, line);
        smooth_columns(result, noise, weights, radius, height, width);
    }
}
