/* SPDX-License-Identifier: MIT */
#include "data/png.h"

#include "data/inflate.h"
#include "support/checksums.h"
#include "support/report.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const uint8_t signature[8] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};

enum { GREY = 0, COLOURS = 2, PALETTE = 3, GREY_ALPHA = 4, COLOURS_ALPHA = 6 };

struct png {
    const char *name;
    int32_t width, height;
    int bits, kind;
    int samples; /* per pixel in the file */
    bool interlaced;

    uint8_t palette[256][3], alpha[256];
    int colours;          /* of the palette */
    bool has_transparent; /* one colour is transparent: */
    uint32_t transparent[3];
    uint32_t background; /* what transparency shows */

    uint8_t *packed; /* the contents of all IDAT chunks */
    size_t packed_size;
};

bool png_begins(const uint8_t *bytes, size_t size)
{
    return size >= sizeof signature && memcmp(bytes, signature, sizeof signature) == 0;
}

static uint32_t get_32(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

/* ---- Chunks ------------------------------------------------------------------------------------ */

static int check_size(const struct png *png, const char *what, uint32_t size)
{
    if (size >= 1 && size <= PICTURE_MAX_SIDE)
        return 0;
    return report_error("%s: its %s is %" PRIu32 "; expected 1 to %d", png->name, what, size, PICTURE_MAX_SIDE);
}

static int read_png_header(struct png *png, const uint8_t *data, uint32_t length)
{
    static const uint8_t samples[] = {[GREY] = 1, [COLOURS] = 3, [PALETTE] = 1, [GREY_ALPHA] = 2, [COLOURS_ALPHA] = 4};

    if (length != 13)
        return report_error("%s is damaged: its header has %" PRIu32 " bytes instead of 13", png->name, length);
    int code = check_size(png, "width", get_32(data));
    if (code == 0)
        code = check_size(png, "height", get_32(data + 4));
    if (code != 0)
        return code;
    png->width = (int32_t)get_32(data);
    png->height = (int32_t)get_32(data + 4);
    png->bits = data[8];
    png->kind = data[9];
    png->samples = png->kind < (int)sizeof samples ? samples[png->kind] : 0;
    const bool small = png->bits == 1 || png->bits == 2 || png->bits == 4;
    const bool possible = png->bits == 8 || (png->bits == 16 && png->kind != PALETTE) ||
                          (small && (png->kind == GREY || png->kind == PALETTE));
    if (png->samples == 0 || !possible)
        return report_error("%s is damaged: there is no PNG of colour type %d with %d bits", png->name, png->kind,
                            png->bits);
    if (data[10] != 0 || data[11] != 0 || data[12] > 1)
        return report_error("%s is packed or filtered in an unknown way", png->name);
    png->interlaced = data[12] == 1;
    return 0;
}

static int read_palette(struct png *png, const uint8_t *data, uint32_t length)
{
    if (length == 0 || length % 3 != 0 || length > sizeof png->palette)
        return report_error("%s is damaged: its palette has %" PRIu32 " bytes", png->name, length);
    memcpy(png->palette, data, length);
    png->colours = (int)(length / 3);
    return 0;
}

/* The opacity of each colour of the palette, or a transparent colour. */
static int read_transparency(struct png *png, const uint8_t *data, uint32_t length)
{
    const uint32_t expected = png->kind == GREY ? 2 : png->kind == COLOURS ? 6 : 0;

    if (png->kind == PALETTE ? length > sizeof png->alpha : length != expected || expected == 0)
        return report_error("%s is damaged: its transparency has %" PRIu32 " bytes", png->name, length);
    if (png->kind == PALETTE) {
        memcpy(png->alpha, data, length);
        return 0;
    }
    png->has_transparent = true;
    for (uint32_t i = 0; i < length / 2; ++i)
        png->transparent[i] = (uint32_t)data[2 * i] << 8 | data[2 * i + 1];
    return 0;
}

static int read_chunk(struct png *png, const uint8_t *type, const uint8_t *data, uint32_t length)
{
    if (memcmp(type, "IHDR", 4) == 0)
        return png->width == 0 ? read_png_header(png, data, length)
                               : report_error("%s is damaged: it has two headers", png->name);
    if (png->width == 0)
        return report_error("%s is damaged: it does not begin with its header", png->name);
    if (memcmp(type, "PLTE", 4) == 0)
        return read_palette(png, data, length);
    if (memcmp(type, "tRNS", 4) == 0)
        return read_transparency(png, data, length);
    if (memcmp(type, "IDAT", 4) == 0) {
        memcpy(png->packed + png->packed_size, data, length);
        png->packed_size += length;
        return 0;
    }
    if (type[0] & 32) /* a chunk that can be left out */
        return 0;
    return report_error("%s has an unknown critical chunk %.4s", png->name, (const char *)type);
}

/* Reads chunks up to IEND: length, type, data and the checksum of type and data. */
static int read_chunks(struct png *png, const uint8_t *bytes, size_t size)
{
    enum { FRAME = 12 };

    for (size_t place = sizeof signature; size - place >= FRAME;) {
        const uint8_t *chunk = bytes + place;
        const uint32_t length = get_32(chunk);

        if (length > size - place - FRAME)
            break;
        if (crc32_of(chunk + 4, (size_t)length + 4) != get_32(chunk + 8 + length))
            return report_error("%s is damaged: the checksum of its chunk %.4s is wrong", png->name,
                                (const char *)chunk + 4);
        if (memcmp(chunk + 4, "IEND", 4) == 0)
            return 0;
        int code = read_chunk(png, chunk + 4, chunk + 8, length);
        if (code != 0)
            return code;
        place += FRAME + (size_t)length;
    }
    return report_error("%s is cut off before its end", png->name);
}

/* ---- Passes ------------------------------------------------------------------------------------ */

/* Every `down`-th row beginning with `top`, and in it every `across`-th pixel beginning with `left`. */
struct pass {
    int32_t left, top, across, down;
};

static int count_passes(const struct png *png)
{
    return png->interlaced ? 7 : 1;
}

/* An interlaced picture is written as seven smaller ones (Adam7). */
static struct pass pass_at(const struct png *png, int i)
{
    static const struct pass all = {0, 0, 1, 1};
    static const struct pass parts[] = {{0, 0, 8, 8}, {4, 0, 8, 8}, {0, 4, 4, 8}, {2, 0, 4, 4},
                                        {0, 2, 2, 4}, {1, 0, 2, 2}, {0, 1, 1, 2}};

    return png->interlaced ? parts[i] : all;
}

static int32_t pass_width(const struct png *png, const struct pass *pass)
{
    return (png->width - pass->left + pass->across - 1) / pass->across;
}

/* A pass without pixels has no rows. */
static int32_t pass_height(const struct png *png, const struct pass *pass)
{
    return pass_width(png, pass) > 0 ? (png->height - pass->top + pass->down - 1) / pass->down : 0;
}

/* Bytes of a row without the byte of its filter. */
static size_t row_size(const struct png *png, const struct pass *pass)
{
    return ((size_t)pass_width(png, pass) * (size_t)(png->samples * png->bits) + 7) / 8;
}

/* ---- Rows -------------------------------------------------------------------------------------- */

static int paeth(int left, int above, int corner)
{
    const int estimate = left + above - corner;
    const int to_left = abs(estimate - left), to_above = abs(estimate - above), to_corner = abs(estimate - corner);

    if (to_left <= to_above && to_left <= to_corner)
        return left;
    return to_above <= to_corner ? above : corner;
}

/* Undoes the filter of a row in place. `above` is the row before it, `step` the bytes of a pixel. */
static bool unfilter_row(int filter, uint8_t *row, const uint8_t *above, size_t size, size_t step)
{
    enum { NONE, SUB, UP, AVERAGE, PAETH };

    if (filter > PAETH)
        return false;
    for (size_t i = 0; i < size; ++i) {
        const int left = i >= step ? row[i - step] : 0, corner = i >= step && above ? above[i - step] : 0;
        const int up = above ? above[i] : 0;
        const int estimate = filter == NONE      ? 0
                             : filter == SUB     ? left
                             : filter == UP      ? up
                             : filter == AVERAGE ? (left + up) / 2
                                                 : paeth(left, up, corner);

        row[i] = (uint8_t)(row[i] + estimate);
    }
    return true;
}

/* Undoes the filters of a pass, whose rows begin at `data`. */
static int unfilter(const struct png *png, const struct pass *pass, uint8_t *data)
{
    const size_t size = row_size(png, pass), bits = (size_t)(png->samples * png->bits);
    uint8_t *above = NULL;

    for (int32_t y = 0; y < pass_height(png, pass); ++y) {
        uint8_t *row = data + (size_t)y * (size + 1);

        if (!unfilter_row(row[0], row + 1, above, size, bits < 8 ? 1 : bits / 8))
            return report_error("%s is damaged: row %" PRId32 " has the unknown filter %d", png->name,
                                pass->top + y * pass->down, row[0]);
        above = row + 1;
    }
    return 0;
}

/* Sample i of a row, 0 to 2^bits - 1. */
static uint32_t sample_at(const struct png *png, const uint8_t *row, size_t i)
{
    const size_t bit = i * (size_t)png->bits;

    if (png->bits == 16)
        return (uint32_t)row[2 * i] << 8 | row[2 * i + 1];
    return row[bit / 8] >> (8 - (size_t)png->bits - bit % 8) & ((1U << png->bits) - 1);
}

static uint32_t to_byte(uint32_t value, uint32_t largest)
{
    return (value * 255 + largest / 2) / largest;
}

/* The colour of a pixel, 0 to 255, before the background. Returns false if it is not in the palette. */
static bool read_pixel(const struct png *png, const uint8_t *row, int32_t x, uint8_t colour[3])
{
    const uint32_t largest = (1U << png->bits) - 1;
    const size_t first = (size_t)x * (size_t)png->samples;
    const int channels = png->kind == COLOURS || png->kind == COLOURS_ALPHA ? 3 : 1;
    uint32_t values[4] = {0}, alpha = 255;
    bool transparent = png->has_transparent;

    for (int i = 0; i < png->samples; ++i)
        values[i] = sample_at(png, row, first + (size_t)i);
    if (png->kind == PALETTE) {
        if ((int)values[0] >= png->colours)
            return false;
        alpha = png->alpha[values[0]];
        for (int i = 2; i >= 0; --i)
            values[i] = png->palette[values[0]][i];
    } else {
        for (int i = 0; i < channels; ++i) {
            transparent = transparent && values[i] == png->transparent[i];
            values[i] = to_byte(values[i], largest);
        }
        if (png->samples > channels)
            alpha = to_byte(values[channels], largest);
        if (transparent)
            alpha = 0;
    }
    for (int i = 0; i < 3; ++i)
        colour[i] = (uint8_t)to_byte(values[i] * alpha + png->background * (255 - alpha), 255 * 255);
    return true;
}

/* Puts the pixels of a pass, whose rows begin at `data`, into their places in the picture. */
static int read_pixels(const struct png *png, const struct pass *pass, const uint8_t *data, struct picture *picture)
{
    const size_t plane = (size_t)png->width * (size_t)png->height;
    uint8_t colour[3] = {0};

    for (int32_t y = 0; y < pass_height(png, pass); ++y) {
        const uint8_t *row = data + (size_t)y * (row_size(png, pass) + 1) + 1;
        const size_t first = (size_t)(pass->top + y * pass->down) * (size_t)png->width + (size_t)pass->left;

        for (int32_t x = 0; x < pass_width(png, pass); ++x) {
            const size_t place = first + (size_t)x * (size_t)pass->across;

            if (!read_pixel(png, row, x, colour))
                return report_error("%s is damaged: a pixel has no colour in its palette of %d", png->name,
                                    png->colours);
            for (int32_t channel = 0; channel < picture->channels; ++channel)
                picture->pixels[(size_t)channel * plane + place] = colour[channel];
        }
    }
    return 0;
}

static size_t pass_size(const struct png *png, const struct pass *pass)
{
    return (row_size(png, pass) + 1) * (size_t)pass_height(png, pass);
}

/* Puts the pixels of all passes into the picture. */
static int read_passes(const struct png *png, const uint8_t *data, struct picture *picture)
{
    int code = 0;

    for (int i = 0; i < count_passes(png) && code == 0; ++i) {
        const struct pass pass = pass_at(png, i);

        code = read_pixels(png, &pass, data, picture);
        data += pass_size(png, &pass);
    }
    return code;
}

/* Unpacks the chunks, whose size the header says, and undoes the filters. */
static int unpack_rows(const struct png *png, uint8_t **data)
{
    size_t expected = 0, size = 0, place = 0;
    int code = 0;

    for (int i = 0; i < count_passes(png); ++i) {
        const struct pass pass = pass_at(png, i);

        expected += pass_size(png, &pass);
    }
    if (png->packed_size == 0)
        return report_error("%s is damaged: it has no pixels", png->name);
    const char *wrong = inflate_data(INFLATE_ZLIB, png->packed, png->packed_size, expected, data, &size);
    if (wrong)
        return report_error("%s %s", png->name, wrong);
    if (size != expected)
        return report_error("%s is cut off: its rows need %zu bytes, but there are %zu", png->name, expected, size);
    for (int i = 0; i < count_passes(png) && code == 0; ++i) {
        const struct pass pass = pass_at(png, i);

        code = unfilter(png, &pass, *data + place);
        place += pass_size(png, &pass);
    }
    return code;
}

static int decode_png(struct png *png, struct picture *picture, const uint8_t *bytes, size_t size)
{
    uint8_t *data = NULL;

    int code = read_chunks(png, bytes, size);
    if (code == 0 && png->width == 0)
        code = report_error("%s is damaged: it has no header", png->name);
    if (code == 0)
        code = unpack_rows(png, &data);
    if (code == 0)
        code = picture_create(picture, png->kind == GREY || png->kind == GREY_ALPHA ? 1 : 3, png->height, png->width,
                              png->name);
    if (code == 0)
        code = read_passes(png, data, picture);
    if (code == 0 && picture_is_blank(picture)) { /* white on transparent white */
        png->background = 0;
        code = read_passes(png, data, picture);
    }
    free(data);
    return code;
}

int png_read(struct picture *picture, const uint8_t *bytes, size_t size, const char *name)
{
    struct png png = {.name = name, .background = 255};

    *picture = (struct picture){0};
    if (!png_begins(bytes, size))
        return report_error("%s is not a PNG picture", name);
    memset(png.alpha, 255, sizeof png.alpha);
    png.packed = malloc(size);
    int code = png.packed ? decode_png(&png, picture, bytes, size) : report_error("not enough memory for %s", name);
    free(png.packed);
    if (code != 0)
        picture_free(picture);
    return code;
}
