/* SPDX-License-Identifier: MIT */
#include "data/augment.h"

#include "data/elastic.h"
#include "support/angle.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

/* ---- Geometry ---------------------------------------------------------------------------------- */

/* The source of the output pixel (x, y) is (a x + b y + c, d x + e y + f). Pixel centres are at .5. */
struct source_map {
    double a, b, c, d, e, f;
};

static int64_t fixed_point(double value)
{
    return (int64_t)floor(value * 65536.0 + 0.5);
}

/*
 * `count` pixels of nearest-neighbour sampling. As an unsigned number, a negative coordinate is larger than any side,
 * so one comparison per axis is enough. There are no branches, because they would be mispredicted often.
 */
static void sample_row(uint8_t *restrict out, const uint8_t *restrict in, int32_t height, int32_t width, int32_t count,
                       int64_t x, int64_t y, int64_t step_x, int64_t step_y, uint8_t fill)
{
    const uint64_t rows = (uint64_t)height, columns = (uint64_t)width;

    for (int32_t i = 0; i < count; ++i) {
        uint64_t column_index = (uint64_t)x >> 16, row_index = (uint64_t)y >> 16;
        bool inside = (column_index < columns) & (row_index < rows);
        uint64_t index = row_index * columns + column_index;
        uint8_t value = in[inside ? index : 0];

        out[i] = inside ? value : fill;
        x += step_x;
        y += step_y;
    }
}

/* The two pixels of an axis whose centres are around a coordinate, and the weight of the second in 1 / 65536. */
struct neighbours {
    int64_t first, second, weight;
};

static struct neighbours find_neighbours(int64_t coordinate, int32_t side)
{
    const int64_t from_centre = coordinate + 32768; /* one pixel more than the distance, so as not to be negative */
    const int64_t first = (from_centre >> 16) - 1;

    return (struct neighbours){first < 0 ? 0 : first, first + 1 < side ? first + 1 : side - 1, from_centre & 65535};
}

/* One pixel of bilinear sampling. The sum of the weights of four pixels is 2^32. */
static uint8_t interpolate(const uint8_t *in, int32_t height, int32_t width, int64_t x, int64_t y, uint8_t fill)
{
    const int64_t rows = (int64_t)height << 16, columns = (int64_t)width << 16;

    if (x < 0 || y < 0 || x >= columns || y >= rows)
        return fill;
    const struct neighbours column = find_neighbours(x, width), row = find_neighbours(y, height);
    const uint8_t *upper = in + row.first * width, *lower = in + row.second * width;
    const int64_t left = 65536 - column.weight, right = column.weight;
    const int64_t above = upper[column.first] * left + upper[column.second] * right;
    const int64_t below = lower[column.first] * left + lower[column.second] * right;
    const int64_t sum = above * (65536 - row.weight) + below * row.weight;

    return (uint8_t)((sum + (INT64_C(1) << 31)) >> 32);
}

static void interpolate_row(uint8_t *restrict out, const uint8_t *restrict in, int32_t height, int32_t width, int64_t x,
                            int64_t y, int64_t step_x, int64_t step_y, uint8_t fill)
{
    for (int32_t i = 0; i < width; ++i, x += step_x, y += step_y)
        out[i] = interpolate(in, height, width, x, y, fill);
}

/* PIL's transform(AFFINE): the source of the centre of pixel (0, 0), then steps in 16.16 fixed point. */
static void sample_image(uint8_t *out, const uint8_t *in, const struct source_map *map, uint8_t fill, bool bilinear,
                         int32_t channels, int32_t height, int32_t width)
{
    const int64_t a = fixed_point(map->a), b = fixed_point(map->b), d = fixed_point(map->d), e = fixed_point(map->e);
    const size_t plane = (size_t)height * (size_t)width;

    for (int32_t channel = 0; channel < channels; ++channel) {
        int64_t x = fixed_point(map->c + map->a * 0.5 + map->b * 0.5);
        int64_t y = fixed_point(map->f + map->d * 0.5 + map->e * 0.5);

        for (int32_t row = 0; row < height; ++row) {
            const uint8_t *plane_in = in + (size_t)channel * plane;
            uint8_t *row_out = out + (size_t)channel * plane + (size_t)row * (size_t)width;

            if (bilinear)
                interpolate_row(row_out, plane_in, height, width, x, y, a, d, fill);
            else
                sample_row(row_out, plane_in, height, width, width, x, y, a, d, fill);
            x += b;
            y += e;
        }
    }
}

/*
 * torchvision's _get_inverse_affine_matrix: the inverse of shearing along x, rotating and scaling about the centre, and
 * shifting.
 */
static struct source_map inverse_affine(double degrees, double shear, double scale, double shift_x, double shift_y,
                                        int32_t height, int32_t width)
{
    double sine, cosine, shear_sine, shear_cosine;

    angle_sine_cosine(degrees, &sine, &cosine);
    angle_sine_cosine(shear, &shear_sine, &shear_cosine);
    double tangent = shear_sine / shear_cosine;
    double x = 0.5 * width, y = 0.5 * height;
    struct source_map map = {
        .a = (cosine - sine * tangent) / scale,
        .b = (sine + cosine * tangent) / scale,
        .d = -sine / scale,
        .e = cosine / scale,
    };
    map.c = map.a * (-x - shift_x) + map.b * (-y - shift_y) + x;
    map.f = map.d * (-x - shift_x) + map.e * (-y - shift_y) + y;
    return map;
}

static double random_shift(struct random_stream *random, double max)
{
    return floor(random_uniform(random, -max, max) + 0.5);
}

static struct source_map random_map(const struct augment_operation *operation, struct random_stream *random,
                                    int32_t height, int32_t width)
{
    double degrees = random_uniform(random, -operation->degrees, operation->degrees);
    double shift_x = random_shift(random, operation->translate * width);
    double shift_y = random_shift(random, operation->translate * height);
    double scale = random_uniform(random, operation->scale_low, operation->scale_high);
    double shear = random_uniform(random, -operation->shear, operation->shear);

    return inverse_affine(degrees, shear, scale, shift_x, shift_y, height, width);
}

/* ---- Elastic deformation ----------------------------------------------------------------------- */

/* Each pixel looks where its displacement, from the centre of the pixel, leads. */
static void sample_displaced(uint8_t *out, const uint8_t *in, const float *displacements,
                             const struct augment_operation *operation, int32_t channels, int32_t height, int32_t width)
{
    const size_t plane = (size_t)height * (size_t)width;
    const uint8_t fill = (uint8_t)operation->fill;
    const bool bilinear = operation->interpolation != AUGMENT_NEAREST;

    for (int32_t channel = 0; channel < channels; ++channel, in += plane, out += plane) {
        for (size_t i = 0; i < plane; ++i) {
            const int64_t row = (int64_t)(i / (size_t)width), column = (int64_t)(i % (size_t)width);
            const int64_t x = column * 65536 + fixed_point(displacements[i] + 0.5);
            const int64_t y = row * 65536 + fixed_point(displacements[plane + i] + 0.5);

            if (bilinear)
                out[i] = interpolate(in, height, width, x, y, fill);
            else
                sample_row(out + i, in, height, width, 1, x, y, 0, 0, fill);
        }
    }
}

/* ---- Grey levels ------------------------------------------------------------------------------- */

enum { FACTOR_ONE = 1 << 14 }; /* factors are multiples of 2^-14, so that up to 2 they fit into 16 bits */

static uint16_t random_factor(struct random_stream *random, double max)
{
    return (uint16_t)floor(random_uniform(random, 1 - max, 1 + max) * FACTOR_ONE + 0.5);
}

/* Changes every x to clamp(centre + factor * (x - centre)), rounded down. */
static void scale_grey_levels(uint8_t *image, size_t pixels, int32_t centre, uint16_t factor)
{
    const int32_t constant = centre * (FACTOR_ONE - factor);

    for (size_t i = 0; i < pixels; ++i) {
        int32_t value = constant + (int32_t)((uint32_t)factor * (uint16_t)image[i]);

        value = value < 0 ? 0 : value > 255 * FACTOR_ONE ? 255 * FACTOR_ONE : value;
        image[i] = (uint8_t)(value / FACTOR_ONE);
    }
}

static int32_t rounded_mean(const uint8_t *image, size_t pixels)
{
    uint64_t sum = 0;

    if (pixels == 0)
        return 0;
    for (size_t i = 0; i < pixels; ++i)
        sum += image[i];
    return (int32_t)((2 * sum + pixels) / (2 * pixels));
}

static void jitter(const struct augment_operation *operation, struct random_stream *random, uint8_t *image,
                   size_t pixels)
{
    uint16_t brightness = random_factor(random, operation->brightness);
    uint16_t contrast = random_factor(random, operation->contrast);
    bool brightness_first = random_bits(random) >> 63;

    if (brightness_first)
        scale_grey_levels(image, pixels, 0, brightness);
    scale_grey_levels(image, pixels, rounded_mean(image, pixels), contrast);
    if (!brightness_first)
        scale_grey_levels(image, pixels, 0, brightness);
}

/* ---- The list of operations ------------------------------------------------------------------------------- */

/* Bytes at the beginning of the scratch memory, for the displacements of the list's operations. */
static size_t displacement_bytes(const struct augment_list *list, int32_t height, int32_t width)
{
    for (int i = 0; i < list->count; ++i) {
        if (list->operations[i].kind == AUGMENT_ELASTIC)
            return elastic_room(height, width) * sizeof(float);
    }
    return 0;
}

size_t augment_scratch_bytes(const struct augment_list *list, int32_t channels, int32_t height, int32_t width)
{
    const size_t image = (size_t)channels * (size_t)height * (size_t)width;
    const size_t displacements = displacement_bytes(list, height, width);

    return image <= SIZE_MAX - displacements ? image + displacements : 0;
}

/* From `in` to `out`. `room` is for displacements. */
static void move_pixels(const struct augment_operation *operation, struct random_stream *random, uint8_t *out,
                        const uint8_t *in, float *room, int32_t channels, int32_t height, int32_t width)
{
    if (operation->kind == AUGMENT_ELASTIC) {
        elastic_draw(random, operation->alpha, operation->sigma, height, width, room);
        sample_displaced(out, in, room, operation, channels, height, width);
    } else {
        struct source_map map = random_map(operation, random, height, width);

        sample_image(out, in, &map, (uint8_t)operation->fill, operation->interpolation != AUGMENT_NEAREST, channels,
                     height, width);
    }
}

void augment_apply(const struct augment_list *list, struct random_stream *random, uint8_t *image, void *scratch,
                   int32_t channels, int32_t height, int32_t width)
{
    const size_t pixels = (size_t)channels * (size_t)height * (size_t)width;
    uint8_t *current = image, *other = (uint8_t *)scratch + displacement_bytes(list, height, width);

    for (int i = 0; i < list->count; ++i) {
        const struct augment_operation *operation = &list->operations[i];

        if (operation->kind == AUGMENT_JITTER) {
            jitter(operation, random, current, pixels);
            continue;
        }
        move_pixels(operation, random, other, current, scratch, channels, height, width);
        uint8_t *swapped = current;
        current = other;
        other = swapped;
    }
    if (current != image)
        memcpy(image, current, pixels);
}
