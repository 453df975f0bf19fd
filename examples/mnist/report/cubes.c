/* SPDX-License-Identifier: MIT */
/*
 * Which values share their statistics, as the figure of the paper on group norm (Wu and He, 2018) shows it: a block of
 * activations, its images one behind the other, its channels side by side, and the pixels of a map on top of each
 * other.
 */
#include "report/html.h"
#include "report/sections.h"

#include <string.h>

enum {
    IMAGES = 4,
    CHANNELS = 6,
    PIXELS = 5,
    CELL = 22,
    AWAY_X = 13, /* from an image to the one behind it */
    AWAY_Y = 9,
    LEFT = 34,
    TOP = 22 + IMAGES * AWAY_Y,
    WIDTH = LEFT + CHANNELS * CELL + IMAGES * AWAY_X + 40,
    HEIGHT = TOP + PIXELS * CELL + 26
};

struct sharing {
    const char *name, *css;
    const char *words;
    int images, channels, pixels; /* how many of each share one mean, beginning with the first */
};

static const struct sharing sharings[] = {
    {"batch norm", "n-batch", "Each channel, over all images of the batch and all pixels.", IMAGES, 1, PIXELS},
    {"ghost batch norm", "n-ghost", "Each channel, over a part of the batch (<code>virtual_batch</code> images).", 2, 1,
     PIXELS},
    {"group norm", "n-group", "Each image alone, over the channels of a group.", 1, CHANNELS / 2, PIXELS},
    {"layer norm", "n-layer", "Each image alone, over all channels and pixels.", 1, CHANNELS, PIXELS},
    {"instance norm", "n-instance", "Each image and each channel alone, over its pixels.", 1, 1, PIXELS},
    {"RMS norm", "n-rms", "As layer norm, but only divided by the root of the mean square: no mean is subtracted.", 1,
     CHANNELS, PIXELS},
    {"layer norm over the width", "n-layer", "Each row of pixels of each channel alone; a cell stands for a row here.",
     1, 1, 1},
};
enum { SHARINGS = sizeof sharings / sizeof sharings[0], NARROW = SHARINGS - 1 };

/* A face's parallelogram with a corner and two edges. */
static void write_cell(FILE *page, const struct sharing *sharing, int image, int channel, int pixel, const char *path)
{
    const bool on = image < sharing->images && channel < sharing->channels && pixel < sharing->pixels;

    fprintf(page, "<path%s d=\"M%s\"/>", on ? " class=\"on\"" : "", path);
}

static void write_front(FILE *page, const struct sharing *sharing)
{
    char path[80];

    for (int channel = 0; channel < CHANNELS; ++channel) {
        for (int pixel = 0; pixel < PIXELS; ++pixel) {
            snprintf(path, sizeof path, "%d %dh%dv%dh%dz", LEFT + channel * CELL, TOP + pixel * CELL, CELL, CELL,
                     -CELL);
            write_cell(page, sharing, 0, channel, pixel, path);
        }
    }
}

static void write_top(FILE *page, const struct sharing *sharing)
{
    char path[80];

    for (int image = 0; image < IMAGES; ++image) {
        for (int channel = 0; channel < CHANNELS; ++channel) {
            snprintf(path, sizeof path, "%d %dl%d %dh%dl%d %dz", LEFT + channel * CELL + image * AWAY_X,
                     TOP - image * AWAY_Y, AWAY_X, -AWAY_Y, CELL, -AWAY_X, AWAY_Y);
            write_cell(page, sharing, image, channel, 0, path);
        }
    }
}

static void write_side(FILE *page, const struct sharing *sharing)
{
    char path[80];

    for (int image = 0; image < IMAGES; ++image) {
        for (int pixel = 0; pixel < PIXELS; ++pixel) {
            snprintf(path, sizeof path, "%d %dl%d %dv%dl%d %dz", LEFT + CHANNELS * CELL + image * AWAY_X,
                     TOP + pixel * CELL - image * AWAY_Y, AWAY_X, -AWAY_Y, CELL, -AWAY_X, AWAY_Y);
            write_cell(page, sharing, image, CHANNELS - 1, pixel, path);
        }
    }
}

static void write_cube(FILE *page, const struct sharing *sharing)
{
    fprintf(page, "<div><svg class=\"cube %s\" viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"%s\">", sharing->css,
            WIDTH, HEIGHT, sharing->name);
    fprintf(page, "<text class=\"title\" x=\"4\" y=\"13\">%s</text>", sharing->name);
    write_top(page, sharing);
    write_side(page, sharing);
    write_front(page, sharing);
    fprintf(page, "<text class=\"mid\" x=\"%d\" y=\"%d\">C channels</text>", LEFT + CHANNELS * CELL / 2,
            TOP + PIXELS * CELL + 16);
    fprintf(page, "<text class=\"mid\" transform=\"translate(%d %d) rotate(-90)\">H × W pixels</text>", LEFT - 10,
            TOP + PIXELS * CELL / 2);
    fprintf(page, "<text x=\"%d\" y=\"%d\">N images</text></svg>\n<p class=\"soft\">%s</p></div>\n",
            LEFT + CHANNELS * CELL + IMAGES * AWAY_X / 2 + 12, TOP + PIXELS * CELL - 6, sharing->words);
}

static const struct report_row *find_row(const struct material *material, int index)
{
    for (size_t i = 0; i < material->row_count; ++i) {
        const struct report_row *row = &material->rows[i];
        const bool narrow = row->experiment->norm == NORMNET_NORM_LAYER && row->experiment->layer_dims == 1;

        if (index == NARROW ? narrow : !narrow && strcmp(row->look.css, sharings[index].css) == 0)
            return row;
    }
    return NULL;
}

int section_cubes(FILE *page, const struct material *material)
{
    const struct report_row *shown[SHARINGS];
    size_t count = 0;

    for (int i = 0; i < SHARINGS; ++i)
        count += find_row(material, i) != NULL;
    if (count == 0) {
        html_empty_section(page, "cubes", "Which values share statistics", "None of these networks has a norm.");
        return 0;
    }
    html_begin_section(page, "cubes", "Which values share statistics");
    fputs(
        "<p>A norm subtracts a mean and divides by a standard deviation. The norms differ in the values that these are "
        "taken of: the coloured ones here, of which one set is shown.</p>\n<figure>\n<div class=\"grid small\">\n",
        page);
    count = 0;
    for (int i = 0; i < SHARINGS; ++i) {
        const struct report_row *row = find_row(material, i);

        if (!row)
            continue;
        write_cube(page, &sharings[i]);
        shown[count++] = row;
    }
    fputs("</div>\n", page);
    end_figure(page, material, "Norms of these runs.", shown, count);
    html_end_section(page);
    return 0;
}
