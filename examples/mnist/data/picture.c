/* SPDX-License-Identifier: MIT */
#include "data/picture.h"

#include "support/minmax.h"
#include "support/report.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static size_t plane_size(const struct picture *picture)
{
    return (size_t)picture->height * (size_t)picture->width;
}

int picture_create(struct picture *picture, int32_t channels, int32_t height, int32_t width, const char *name)
{
    *picture = (struct picture){channels, height, width, NULL};
    picture->pixels = malloc((size_t)channels * plane_size(picture));
    return picture->pixels ? 0 : report_error("not enough memory for %s", name);
}

void picture_free(struct picture *picture)
{
    free(picture->pixels);
    *picture = (struct picture){0};
}

bool picture_is_blank(const struct picture *picture)
{
    const size_t plane = plane_size(picture), count = (size_t)picture->channels * plane;

    for (size_t i = 0; i < count; ++i) {
        if (picture->pixels[i] != picture->pixels[i - i % plane])
            return false;
    }
    return true;
}

void picture_invert(struct picture *picture)
{
    for (size_t i = 0; i < (size_t)picture->channels * plane_size(picture); ++i)
        picture->pixels[i] = (uint8_t)(255 - picture->pixels[i]);
}

void picture_to_grey(struct picture *picture)
{
    const size_t plane = plane_size(picture);
    uint8_t *pixels = picture->pixels;

    for (size_t i = 0; i < plane; ++i)
        pixels[i] = (uint8_t)((299 * pixels[i] + 587 * pixels[plane + i] + 114 * pixels[2 * plane + i] + 500) / 1000);
    picture->channels = 1;
}

int picture_to_colour(struct picture *picture, const char *name)
{
    const size_t plane = plane_size(picture);
    uint8_t *larger = realloc(picture->pixels, 3 * plane);

    if (!larger)
        return report_error("not enough memory for %s", name);
    memcpy(larger + plane, larger, plane);
    memcpy(larger + 2 * plane, larger, plane);
    picture->pixels = larger;
    picture->channels = 3;
    return 0;
}

/* The mean of the area from (left, top) to (right, bottom) of a plane, which is not empty. */
static double area_mean(const uint8_t *plane, int32_t stride, double left, double top, double right, double bottom)
{
    const int32_t last_row = (int32_t)ceil(bottom) - 1, last_column = (int32_t)ceil(right) - 1;
    double sum = 0;

    for (int32_t y = (int32_t)floor(top); y <= last_row; ++y) {
        const double rows = double_min(bottom, y + 1) - double_max(top, y);

        for (int32_t x = (int32_t)floor(left); x <= last_column; ++x)
            sum +=
                rows * (double_min(right, x + 1) - double_max(left, x)) * plane[(size_t)y * (size_t)stride + (size_t)x];
    }
    return sum / ((right - left) * (bottom - top));
}

void picture_scale_plane(const uint8_t *plane, int32_t stride, struct rectangle from, uint8_t *to, int32_t height,
                         int32_t width)
{
    plane += (size_t)from.y * (size_t)stride + (size_t)from.x;
    for (int32_t y = 0; y < height; ++y) {
        for (int32_t x = 0; x < width; ++x) {
            const double left = (double)x * from.width / width, right = (double)(x + 1) * from.width / width;
            const double top = (double)y * from.height / height, bottom = (double)(y + 1) * from.height / height;
            const double mean = area_mean(plane, stride, left, top, right, bottom);

            *to++ = (uint8_t)double_clamp(floor(mean + 0.5), 0, 255);
        }
    }
}

double picture_border(const uint8_t *pixels, int64_t planes, int32_t height, int32_t width)
{
    double sum = 0, count = 0;

    for (int64_t plane = 0; plane < planes; ++plane) {
        for (int32_t y = 0; y < height; ++y) {
            const bool edge = y == 0 || y == height - 1;

            for (int32_t x = 0; x < width; x += edge || width == 1 || x == width - 1 ? 1 : width - 1) {
                sum += pixels[(size_t)y * (size_t)width + (size_t)x];
                ++count;
            }
        }
        pixels += (size_t)height * (size_t)width;
    }
    return sum / count;
}
