/* SPDX-License-Identifier: MIT */
#include "data/array.h"

#include "support/report.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Values ------------------------------------------------------------------------------------ */

int array_type_bytes(enum array_type type)
{
    static const uint8_t bytes[] = {
        [ARRAY_U8] = 1,  [ARRAY_I8] = 1,  [ARRAY_U16] = 2, [ARRAY_I16] = 2, [ARRAY_U32] = 4, [ARRAY_I32] = 4,
        [ARRAY_U64] = 8, [ARRAY_I64] = 8, [ARRAY_F32] = 4, [ARRAY_F64] = 8, [ARRAY_BOOL] = 1};

    return bytes[type];
}

static bool is_floating(enum array_type type)
{
    return type == ARRAY_F32 || type == ARRAY_F64;
}

/* The bits of value i as an unsigned number. */
static uint64_t value_bits(const struct array *array, size_t i)
{
    const size_t size = (size_t)array_type_bytes(array->type);
    const uint8_t *bytes = array->values + i * size;
    uint64_t bits = 0;

    for (size_t k = 0; k < size; ++k)
        bits = bits << 8 | bytes[array->big_endian ? k : size - 1 - k];
    return bits;
}

/* Exact for whole numbers up to 2^53; those above are out of every range. */
static double value_at(const struct array *array, size_t i)
{
    const uint64_t bits = value_bits(array, i);
    const uint32_t low = (uint32_t)bits;
    float single;
    double number;

    switch (array->type) {
    case ARRAY_I8:
        return (double)((int32_t)(low ^ 0x80) - 0x80);
    case ARRAY_I16:
        return (double)((int32_t)(low ^ 0x8000) - 0x8000);
    case ARRAY_I32:
        return (double)((int64_t)(low ^ UINT32_C(0x80000000)) - INT64_C(0x80000000));
    case ARRAY_I64:
        return bits >> 63 ? -(double)(~bits + 1) : (double)bits;
    case ARRAY_F32:
        memcpy(&single, &low, sizeof single);
        return (double)single;
    case ARRAY_F64:
        memcpy(&number, &bits, sizeof number);
        return number;
    default:
        return (double)bits;
    }
}

/* ---- Shapes ------------------------------------------------------------------------------------ */

/* "40 x 6 x 8" */
static void shape_text(char text[128], const struct array *array)
{
    size_t length = 0;

    text[0] = '\0';
    for (int i = 0; i < array->rank && length < 100; ++i)
        length += (size_t)snprintf(text + length, 128 - length, i ? " x %" PRId64 : "%" PRId64, array->shape[i]);
}

int array_check_size(const struct array *array, uint64_t bytes, const char *path)
{
    uint64_t expected = (uint64_t)array_type_bytes(array->type);
    char shape[128];

    for (int i = 0; i < array->rank; ++i) {
        if (array->shape[i] < 1 || array->shape[i] > INT32_MAX)
            return report_error("%s: its dimension %d is %" PRId64 "; expected 1 to 2147483647", path, i + 1,
                                array->shape[i]);
        if (expected > (uint64_t)INT64_MAX / (uint64_t)array->shape[i])
            return report_error("%s: the product of its dimensions is above 2^63", path);
        expected *= (uint64_t)array->shape[i];
    }
    if (bytes == expected)
        return 0;
    shape_text(shape, array);
    return report_error("%s is %s: %s values need %" PRIu64 " bytes, but the file has %" PRIu64, path,
                        bytes < expected ? "cut off" : "too long", shape, expected, bytes);
}

/* ---- Images ------------------------------------------------------------------------------------ */

/* The side of a square image of this many pixels, or 0. */
static int32_t square_side(int64_t pixels)
{
    int32_t side = 1;

    while (side < 32768 && (int64_t)side * side < pixels)
        ++side;
    return (int64_t)side * side == pixels ? side : 0;
}

bool array_is_square(int64_t pixels)
{
    return square_side(pixels) > 1;
}

bool array_may_be_picture(int64_t rows, int64_t columns)
{
    enum { MAX_SIDE = 4096 };

    return rows <= MAX_SIDE && columns <= MAX_SIDE && rows <= 4 * columns && columns <= 4 * rows;
}

/* Sets the shape of the images and whether the channels come last. */
static int read_image_shape(struct image_array *images, const struct array *array, bool *last, const char *path)
{
    const int64_t *shape = array->shape;
    const int32_t side = array->rank == 2 ? square_side(shape[1]) : 0;
    char text[128];

    *last = array->rank == 4 && (shape[3] == 1 || shape[3] == 3) && shape[1] != 1 && shape[1] != 3;
    images->count = shape[0];
    images->channels = 1;
    if (array->rank == 3 || *last) {
        images->height = (int32_t)shape[1];
        images->width = (int32_t)shape[2];
        images->channels = *last ? (int32_t)shape[3] : 1;
    } else if (array->rank == 4) {
        images->channels = (int32_t)shape[1];
        images->height = (int32_t)shape[2];
        images->width = (int32_t)shape[3];
    } else if (side > 1) {
        images->height = images->width = side;
    } else {
        shape_text(text, array);
        return report_error("%s has %" PRId32 " dimensions instead of 3 to 4: %s", path, array->rank, text);
    }
    return 0;
}

/*
 * How images of floating-point numbers are scaled: 255 for those from 0 to 1, of which resampling may leave a little
 * above 1. Returns 0, or reports a value that is in neither range.
 */
static int choose_scale(const struct array *array, size_t count, double *scale, const char *path)
{
    const double rounding = 1.0 / 512;
    double least = 0, most = 0;

    for (size_t i = 0; i < count; ++i) {
        const double value = value_at(array, i);

        if (!isfinite(value))
            return report_error("%s: value %zu is %g; expected 0 to 1 or 0 to 255", path, i, value);
        least = value < least ? value : least;
        most = value > most ? value : most;
    }
    *scale = most <= 1 + rounding ? 255 : 1;
    if (least < -rounding || most > 255.5 || (*scale == 1 && most < 2))
        return report_error("%s: its values are from %g to %g; expected images from 0 to 1 or from 0 to 255", path,
                            least, most);
    return 0;
}

static int convert_pixels(struct image_array *images, const struct array *array, bool last, const char *path)
{
    const size_t plane = (size_t)images->height * (size_t)images->width, channels = (size_t)images->channels;
    const size_t count = (size_t)images->count * channels * plane;
    const bool floating = is_floating(array->type);
    double scale = array->type == ARRAY_BOOL ? 255 : 1;

    int code = floating ? choose_scale(array, count, &scale, path) : 0;
    if (code != 0)
        return code;
    images->converted = malloc(count);
    if (!images->converted)
        return report_error("not enough memory for the images of %s", path);
    for (size_t i = 0; i < count; ++i) {
        const size_t image = i / (channels * plane), rest = i % (channels * plane);
        const size_t to = last ? (image * channels + rest % channels) * plane + rest / channels : i;
        double value = scale * value_at(array, i);

        if (floating)
            value = value < 0 ? 0 : value > 255 ? 255 : floor(value + 0.5);
        if (!(value >= 0 && value <= 255))
            return report_error("%s: a pixel of image %zu is %.17g; expected 0 to 255", path, image, value);
        images->converted[to] = (uint8_t)value;
    }
    return 0;
}

int array_images(struct image_array *images, const struct array *array, const char *path)
{
    bool last = false;

    *images = (struct image_array){0};
    int code = read_image_shape(images, array, &last, path);
    if (code != 0)
        return code;
    images->pixels = array->values;
    if (array->type == ARRAY_U8 && (!last || images->channels == 1))
        return 0;
    code = convert_pixels(images, array, last, path);
    images->pixels = images->converted;
    if (code != 0) {
        free(images->converted);
        *images = (struct image_array){0};
    }
    return code;
}

/* ---- Labels ------------------------------------------------------------------------------------ */

/* The column of the only value in a row that is not 0, if that is 1; otherwise -1. */
static int64_t hot_column(const struct array *array, int64_t row, int64_t columns)
{
    int64_t hot = -1;

    for (int64_t column = 0; column < columns; ++column) {
        const double value = value_at(array, (size_t)(row * columns + column));

        if (value == 1 && hot < 0)
            hot = column;
        else if (value != 0)
            return -1;
    }
    return hot;
}

static bool is_one_hot(const struct array *array, int64_t columns)
{
    bool hot = columns > 1;

    for (int64_t row = 0; row < array->shape[0] && hot; ++row)
        hot = hot_column(array, row, columns) >= 0;
    return hot;
}

int array_labels(struct label_array *labels, const struct array *array, const char *path)
{
    enum { QMNIST_COLUMNS = 8 };
    const int64_t columns = array->rank == 2 ? array->shape[1] : 1;
    char shape[128];

    *labels = (struct label_array){.count = array->shape[0], .labels = array->values};
    if (array->rank > 2) {
        shape_text(shape, array);
        return report_error("%s has %" PRId32 " dimensions instead of 1: %s", path, array->rank, shape);
    }
    if (array->type == ARRAY_U8 && columns == 1)
        return 0;
    const bool hot = is_one_hot(array, columns);
    if (columns != 1 && columns != QMNIST_COLUMNS && !hot)
        return report_error("%s has %" PRId64 " columns; expected one label per image, the 8 columns of QMNIST, or a "
                            "single 1 per row in the column of the class",
                            path, columns);
    labels->converted = malloc((size_t)labels->count);
    if (!labels->converted)
        return report_error("not enough memory for the labels of %s", path);
    for (int64_t i = 0; i < labels->count; ++i) {
        const double value = hot ? (double)hot_column(array, i, columns) : value_at(array, (size_t)(i * columns));

        if (!(value >= 0 && value <= 255 && value == floor(value))) {
            free(labels->converted);
            *labels = (struct label_array){0};
            return report_error("%s: the label of image %" PRId64
                                " is %.17g; expected a whole number from 0 to 255, as there may be 256 classes",
                                path, i, value);
        }
        labels->converted[i] = (uint8_t)value;
    }
    labels->labels = labels->converted;
    return 0;
}
