/* SPDX-License-Identifier: MIT */
#include "report/pixels.h"

#include "report/html.h"
#include "support/checksums.h"
#include "support/report.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

int pixels_open(struct pixels *pixels, const struct dataset *data)
{
    *pixels = (struct pixels){.data = data};
    if (!data)
        return 0;
    pixels->used = calloc((size_t)data->test.count + 1, sizeof *pixels->used);
    return pixels->used ? 0 : report_error("not enough memory for the pictures");
}

void pixels_close(struct pixels *pixels)
{
    free(pixels->used);
    *pixels = (struct pixels){0};
}

void pixels_refer(FILE *page, struct pixels *pixels, int64_t image, const char *text)
{
    if (!pixels->data || image >= pixels->data->test.count) {
        fputs("<div class=\"blank\"></div>", page);
        return;
    }
    pixels->used[image] = true;
    fprintf(page, "<svg viewBox=\"0 0 %d %d\" role=\"img\"><title>", (int)pixels->data->width,
            (int)pixels->data->height);
    html_text(page, text);
    fprintf(page, "</title><use href=\"#image%" PRId64 "\"/></svg>", image);
}

/* ---- PNG --------------------------------------------------------------------------------------- */

struct bytes {
    uint8_t *data;
    size_t size;
};

static void add_byte(struct bytes *to, unsigned value)
{
    to->data[to->size++] = (uint8_t)value;
}

static void add_number(struct bytes *to, uint32_t value)
{
    for (int shift = 24; shift >= 0; shift -= 8)
        add_byte(to, value >> shift & 0xff);
}

static void add_bytes(struct bytes *to, const uint8_t *from, size_t size)
{
    memcpy(to->data + to->size, from, size);
    to->size += size;
}

/* Returns where the chunk's type is, for end_chunk(). */
static size_t begin_chunk(struct bytes *to, uint32_t size, const char *type)
{
    add_number(to, size);
    add_bytes(to, (const uint8_t *)type, 4);
    return to->size - 4;
}

static void end_chunk(struct bytes *to, size_t begin)
{
    add_number(to, crc32_of(to->data + begin, to->size - begin));
}

/* Rows with a filter byte each; channels that are not grey or colours are left out. */
static void fill_rows(struct bytes *rows, const struct dataset *data, const uint8_t *image, int samples)
{
    const size_t plane = (size_t)data->height * (size_t)data->width;

    for (int32_t y = 0; y < data->height; ++y) {
        add_byte(rows, 0);
        for (int32_t x = 0; x < data->width; ++x) {
            for (int k = 0; k < samples; ++k)
                add_byte(rows, image[(size_t)k * plane + (size_t)y * (size_t)data->width + (size_t)x]);
        }
    }
}

enum { LARGEST_BLOCK = 65535 };

/* zlib data in stored blocks: images of digits are small. */
static void add_stored(struct bytes *to, const struct bytes *rows)
{
    add_byte(to, 0x78);
    add_byte(to, 0x01);
    for (size_t at = 0; at < rows->size; at += LARGEST_BLOCK) {
        const size_t left = rows->size - at;
        const unsigned size = left < LARGEST_BLOCK ? (unsigned)left : LARGEST_BLOCK;

        add_byte(to, left <= LARGEST_BLOCK);
        add_byte(to, size & 0xff);
        add_byte(to, size >> 8);
        add_byte(to, ~size & 0xff);
        add_byte(to, (~size >> 8) & 0xff);
        add_bytes(to, rows->data + at, size);
    }
    add_number(to, adler32_of(rows->data, rows->size));
}

static void make_png(struct bytes *png, struct bytes *rows, const struct dataset *data, const uint8_t *image)
{
    static const uint8_t signature[] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
    const int samples = data->channels == 3 ? 3 : 1;

    png->size = rows->size = 0;
    fill_rows(rows, data, image, samples);
    const size_t blocks = (rows->size + LARGEST_BLOCK - 1) / LARGEST_BLOCK;
    add_bytes(png, signature, sizeof signature);
    size_t begin = begin_chunk(png, 13, "IHDR");
    add_number(png, (uint32_t)data->width);
    add_number(png, (uint32_t)data->height);
    add_byte(png, 8);
    add_byte(png, samples == 3 ? 2 : 0); /* colours or grey */
    for (int i = 0; i < 3; ++i)
        add_byte(png, 0);
    end_chunk(png, begin);
    begin = begin_chunk(png, (uint32_t)(2 + 5 * blocks + rows->size + 4), "IDAT");
    add_stored(png, rows);
    end_chunk(png, begin);
    begin = begin_chunk(png, 0, "IEND");
    end_chunk(png, begin);
}

static void write_base64(FILE *page, const struct bytes *bytes)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    for (size_t i = 0; i < bytes->size; i += 3) {
        const size_t left = bytes->size - i;
        const unsigned value = (unsigned)bytes->data[i] << 16 | (left > 1 ? (unsigned)bytes->data[i + 1] << 8 : 0) |
                               (left > 2 ? bytes->data[i + 2] : 0);

        fputc(digits[value >> 18], page);
        fputc(digits[value >> 12 & 63], page);
        fputc(left > 1 ? digits[value >> 6 & 63] : '=', page);
        fputc(left > 2 ? digits[value & 63] : '=', page);
    }
}

int pixels_write(FILE *page, const struct pixels *pixels)
{
    const struct dataset *data = pixels->data;

    if (!data)
        return 0;
    const size_t most = 3 * (size_t)data->height * (size_t)data->width + (size_t)data->height;
    struct bytes rows = {malloc(most), 0}, png = {malloc(most + most / LARGEST_BLOCK * 5 + 100), 0};
    if (!rows.data || !png.data) {
        free(rows.data);
        free(png.data);
        return report_error("not enough memory for the pictures");
    }
    fputs("<svg class=\"hidden\" aria-hidden=\"true\"><defs>\n", page);
    for (int64_t i = 0; i < data->test.count; ++i) {
        if (!pixels->used[i])
            continue;
        make_png(&png, &rows, data, data->test.images + (size_t)i * dataset_image_bytes(data));
        fprintf(page, "<image id=\"image%" PRId64 "\" width=\"%d\" height=\"%d\" href=\"data:image/png;base64,", i,
                (int)data->width, (int)data->height);
        write_base64(page, &png);
        fputs("\"/>\n", page);
    }
    fputs("</defs></svg>\n", page);
    free(rows.data);
    free(png.data);
    return 0;
}
