/* SPDX-License-Identifier: MIT */
#include "data/fit.h"

#include "support/minmax.h"
#include "support/report.h"
#include "support/text.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *const fit_names[] = {"auto", "none", "stretch", "mnist", NULL};
const char *const invert_names[] = {"auto", "yes", "no", NULL};

/* ---- Brightness -------------------------------------------------------------------------------- */

/* Photographs have means in between, and any border. */
static const double max_dark_mean = 0.35, min_bright_mean = 0.65;

static bool knows_mean(const struct fit_target *target)
{
    return target->mean > 0 && target->mean < 1;
}

bool fit_takes_drawings(const struct fit_target *target)
{
    return target->channels == 1 && knows_mean(target) &&
           (target->mean <= max_dark_mean || target->mean >= min_bright_mean);
}

bool fit_inverts(const struct fit_target *target, double border)
{
    if (target->invert != INVERT_AUTO)
        return target->invert == INVERT_YES;
    return fit_takes_drawings(target) && (target->mean <= max_dark_mean ? border > 0.5 : border < 0.5);
}

/* ---- As MNIST was made ------------------------------------------------------------------------- */

/* The value that is in the middle of those of the border. */
static int border_median(const struct picture *picture)
{
    const int32_t height = picture->height, width = picture->width;
    int64_t counts[256] = {0}, total = 0, below = 0;
    int value = 0;

    for (int32_t y = 0; y < height; ++y) {
        for (int32_t x = 0; x < width; ++x) {
            if (y > 0 && y < height - 1 && x > 0 && x < width - 1)
                continue;
            ++counts[picture->pixels[(size_t)y * (size_t)width + (size_t)x]];
            ++total;
        }
    }
    while (2 * (below + counts[value]) < total)
        below += counts[value++];
    return value;
}

/* Makes the background 0 and the brightest pixel 255; false if there is nothing but background. */
static bool spread_contrast(struct picture *picture)
{
    enum { LEAST_CONTRAST = 16 };
    const size_t count = (size_t)picture->height * (size_t)picture->width;
    const int background = border_median(picture);
    int brightest = 0;

    for (size_t i = 0; i < count; ++i)
        brightest = picture->pixels[i] > brightest ? picture->pixels[i] : brightest;
    const int range = brightest - background;
    if (range < LEAST_CONTRAST)
        return false;
    for (size_t i = 0; i < count; ++i) {
        const int above = picture->pixels[i] - background;

        picture->pixels[i] = (uint8_t)(above > 0 ? (above * 255 + range / 2) / range : 0);
    }
    return true;
}

static struct rectangle find_ink(const struct picture *picture)
{
    enum { INK = 64 };
    int32_t left = picture->width, right = 0, top = picture->height, bottom = 0;

    for (int32_t y = 0; y < picture->height; ++y) {
        for (int32_t x = 0; x < picture->width; ++x) {
            if (picture->pixels[(size_t)y * (size_t)picture->width + (size_t)x] < INK)
                continue;
            left = x < left ? x : left;
            right = x >= right ? x + 1 : right;
            top = y < top ? y : top;
            bottom = y + 1;
        }
    }
    return (struct rectangle){left, top, right - left, bottom - top};
}

/* The side of the box that a digit fills, in proportion to MNIST's. */
static double box_side(int32_t side)
{
    return side * 20 / 28.0;
}

static int32_t round_size(double size)
{
    return size < 1 ? 1 : (int32_t)floor(size + 0.5);
}

/* Where a digit of `size` pixels begins, so that its centre of mass is in the middle and all of it in the image. */
static int32_t place_digit(double centre, int32_t size, int32_t whole)
{
    return (int32_t)double_clamp(floor(whole / 2.0 - centre + 0.5), 0, whole - size);
}

/* Puts the scaled digit into an empty image. */
static void paste_digit(const uint8_t *digit, int32_t height, int32_t width, struct picture *image)
{
    double mass = 0, x_sum = 0, y_sum = 0;

    for (int32_t y = 0; y < height; ++y) {
        for (int32_t x = 0; x < width; ++x) {
            const double value = digit[(size_t)y * (size_t)width + (size_t)x];

            mass += value;
            x_sum += value * (x + 0.5);
            y_sum += value * (y + 0.5);
        }
    }
    const int32_t left = place_digit(mass > 0 ? x_sum / mass : width / 2.0, width, image->width);
    const int32_t top = place_digit(mass > 0 ? y_sum / mass : height / 2.0, height, image->height);
    memset(image->pixels, 0, (size_t)image->height * (size_t)image->width);
    for (int32_t y = 0; y < height; ++y)
        memcpy(image->pixels + (size_t)(top + y) * (size_t)image->width + (size_t)left,
               digit + (size_t)y * (size_t)width, (size_t)width);
}

static int fit_as_mnist(struct picture *picture, struct picture *image, const char *name)
{
    const bool bright = picture_border(picture->pixels, 1, picture->height, picture->width) > 127.5;

    if (bright)
        picture_invert(picture);
    if (!spread_contrast(picture))
        return report_error("%s is empty: nothing in it differs from its border", name);
    const struct rectangle ink = find_ink(picture);
    const double scale = double_min(box_side(image->height) / ink.height, box_side(image->width) / ink.width);
    const int32_t height = round_size(ink.height * scale);
    const int32_t width = round_size(ink.width * scale);
    uint8_t *digit = malloc((size_t)height * (size_t)width);
    if (!digit)
        return report_error("not enough memory for %s", name);
    picture_scale_plane(picture->pixels, picture->width, ink, digit, height, width);
    paste_digit(digit, height, width, image);
    free(digit);
    if (bright)
        picture_invert(image);
    return 0;
}

/* ---- All of it --------------------------------------------------------------------------------- */

static void stretch(const struct picture *picture, struct picture *image)
{
    const struct rectangle all = {0, 0, picture->width, picture->height};

    for (int32_t channel = 0; channel < image->channels; ++channel) {
        const size_t from = (size_t)channel * (size_t)picture->height * (size_t)picture->width;
        const size_t to = (size_t)channel * (size_t)image->height * (size_t)image->width;

        picture_scale_plane(picture->pixels + from, picture->width, all, image->pixels + to, image->height,
                            image->width);
    }
}

static enum fit choose_fit(const struct picture *picture, const struct fit_target *target)
{
    if (target->fit == FIT_MNIST)
        return FIT_MNIST;
    if (picture->height == target->height && picture->width == target->width)
        return FIT_NONE;
    return target->fit != FIT_AUTO ? target->fit : target->channels == 1 ? FIT_MNIST : FIT_STRETCH;
}

static int fit_channels(struct picture *picture, const struct fit_target *target, const char *name)
{
    if (picture->channels == 3 && target->channels == 1)
        picture_to_grey(picture);
    else if (picture->channels == 1 && target->channels == 3)
        return picture_to_colour(picture, name);
    return 0;
}

static int fit_size(struct picture *picture, const struct fit_target *target, enum fit fit, const char *name)
{
    struct picture image;
    int code = picture_create(&image, target->channels, target->height, target->width, name);

    if (code != 0)
        return code;
    if (fit == FIT_MNIST)
        code = fit_as_mnist(picture, &image, name);
    else
        stretch(picture, &image);
    picture_free(code == 0 ? picture : &image);
    if (code == 0)
        *picture = image;
    return code;
}

int fit_picture(struct picture *picture, const struct fit_target *target, bool inverts, struct fit_result *result,
                const char *name)
{
    *result = (struct fit_result){
        .channels = picture->channels,
        .height = picture->height,
        .width = picture->width,
        .border = picture_border(picture->pixels, picture->channels, picture->height, picture->width) / 255,
        .inverted = inverts,
        .fit = choose_fit(picture, target),
    };
    result->undecided =
        target->invert == INVERT_AUTO && target->channels == 1 && !knows_mean(target) && result->border > 0.5;
    int code = fit_channels(picture, target, name);
    if (code != 0)
        return code;
    const bool same = picture->height == target->height && picture->width == target->width;
    if (picture->channels != target->channels || (result->fit == FIT_NONE && !same))
        return report_error("%s: its size is %" PRId32 " x %" PRId32 " x %" PRId32 " (channels, height, width); the "
                            "model takes %" PRId32 " x %" PRId32 " x %" PRId32,
                            name, result->channels, result->height, result->width, target->channels, target->height,
                            target->width);
    if (inverts)
        picture_invert(picture);
    return result->fit == FIT_NONE ? 0 : fit_size(picture, target, result->fit, name);
}

static char *invert_text(const struct fit_target *target, const struct fit_result *result)
{
    if (result->undecided)
        return text_of("its border is bright (%.2f), and the model does not say how bright its training images were: "
                       "set --invert",
                       result->border);
    if (!result->inverted)
        return text_of("%s", "");
    if (target->invert == INVERT_YES)
        return text_of("inverted");
    return text_of("inverted, since its border has a brightness of %.2f and the training images of %.2f",
                   result->border, target->mean);
}

static char *size_text(const struct fit_target *target, const struct fit_result *result)
{
    if (result->fit == FIT_STRETCH)
        return text_of("stretched from %" PRId32 " x %" PRId32 " to %" PRId32 " x %" PRId32, result->height,
                       result->width, target->height, target->width);
    if (result->fit == FIT_MNIST)
        return text_of("fitted from %" PRId32 " x %" PRId32 " as in MNIST: the digit in a box of %" PRId32 " x %" PRId32
                       ", its centre of mass in the middle of %" PRId32 " x %" PRId32,
                       result->height, result->width, round_size(box_side(target->height)),
                       round_size(box_side(target->width)), target->height, target->width);
    return text_of("%s", "");
}

char *fit_text(const struct fit_target *target, const struct fit_result *result)
{
    const char *channels = result->channels == target->channels ? ""
                           : target->channels == 1              ? "made grey"
                                                                : "made coloured";
    char *invert = invert_text(target, result), *size = size_text(target, result), *text = NULL;

    if (invert && size && (*channels || *invert || *size))
        text = text_of("%s%s%s%s%s", channels, *channels && *invert ? "; " : "", invert,
                       (*channels || *invert) && *size ? "; " : "", size);
    free(invert);
    free(size);
    return text;
}
