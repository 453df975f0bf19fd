/* SPDX-License-Identifier: MIT */
#include "data/pgm.h"

#include "support/file_kind.h"
#include "support/report.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>

/* The unread part of a file. */
struct pgm_reader {
    const uint8_t *cursor, *end;
    const char *name;
};

static bool is_space(uint8_t byte)
{
    return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

static bool is_digit(uint8_t byte)
{
    return byte >= '0' && byte <= '9';
}

static void skip_space(struct pgm_reader *reader)
{
    while (reader->cursor < reader->end && is_space(*reader->cursor))
        ++reader->cursor;
}

/* Skips space and comments, which are from # to the end of the line and only in the header. */
static void skip_to_word(struct pgm_reader *reader)
{
    skip_space(reader);
    while (reader->cursor < reader->end && *reader->cursor == '#') {
        while (reader->cursor < reader->end && *reader->cursor != '\n')
            ++reader->cursor;
        skip_space(reader);
    }
}

/* Reports that the number `what` is missing or does not begin with a digit. */
static int reject_word(const struct pgm_reader *reader, const char *what)
{
    if (reader->cursor == reader->end)
        return report_error("%s is cut off: it ends where its %s should be", reader->name, what);
    return report_error("%s: its %s begins with the byte 0x%02x instead of a digit", reader->name, what,
                        *reader->cursor);
}

/* A decimal number at the cursor. */
static int read_pgm_number(struct pgm_reader *reader, const char *what, int32_t min, int32_t max, int32_t *value)
{
    const uint8_t *start = reader->cursor;
    int64_t number = 0;

    if (start == reader->end || !is_digit(*start))
        return reject_word(reader, what);
    for (; reader->cursor < reader->end && is_digit(*reader->cursor); ++reader->cursor) {
        if (number <= max)
            number = 10 * number + (*reader->cursor - '0');
    }
    if (number < min || number > max) {
        const int length = reader->cursor - start < 20 ? (int)(reader->cursor - start) : 20;

        return report_error("%s: its %s is %.*s; expected %" PRId32 " to %" PRId32, reader->name, what, length,
                            (const char *)start, min, max);
    }
    *value = (int32_t)number;
    return 0;
}

static int read_pgm_header_number(struct pgm_reader *reader, const char *what, int32_t max, int32_t *value)
{
    const uint8_t *before = reader->cursor;

    skip_to_word(reader);
    if (reader->cursor == before && reader->cursor < reader->end)
        return report_error("%s: there is no space before its %s", reader->name, what);
    return read_pgm_number(reader, what, 1, max, value);
}

/* Reads the header up to and including the one space before the pixels. */
static int read_pgm_header(struct pgm_reader *reader, struct picture *picture, int32_t *largest)
{
    int code = read_pgm_header_number(reader, "width", PICTURE_MAX_SIDE, &picture->width);

    if (code == 0)
        code = read_pgm_header_number(reader, "height", PICTURE_MAX_SIDE, &picture->height);
    if (code == 0)
        code = read_pgm_header_number(reader, "largest value", 255, largest);
    if (code != 0)
        return code;
    if (reader->cursor == reader->end)
        return report_error("%s is cut off after its header", reader->name);
    if (!is_space(*reader->cursor))
        return report_error("%s: its largest value is followed by the byte 0x%02x instead of a space", reader->name,
                            *reader->cursor);
    ++reader->cursor;
    return 0;
}

/* Checks that there is one byte per value. */
static int check_pgm_size(const struct pgm_reader *reader, const struct picture *picture)
{
    const int64_t needed = (int64_t)picture->channels * picture->width * picture->height;
    const int64_t there = reader->end - reader->cursor;

    if (there == needed)
        return 0;
    return report_error("%s is %s: %" PRId32 " x %" PRId32 " x %" PRId32 " values need %" PRId64 " bytes, %" PRId64
                        " are there",
                        reader->name, there < needed ? "cut off" : "too long", picture->channels, picture->height,
                        picture->width, needed, there);
}

static int read_byte_pixel(struct pgm_reader *reader, uint8_t *value, int32_t largest)
{
    *value = *reader->cursor++;
    if (*value > largest)
        return report_error("%s: a pixel is %d; its largest value is %" PRId32, reader->name, *value, largest);
    return 0;
}

static int read_text_pixel(struct pgm_reader *reader, uint8_t *value, int32_t largest)
{
    int32_t number = 0;

    skip_space(reader);
    int code = read_pgm_number(reader, "next pixel", 0, largest, &number);
    *value = (uint8_t)number;
    return code;
}

static int check_pgm_end(struct pgm_reader *reader)
{
    skip_space(reader);
    if (reader->cursor < reader->end)
        return report_error("%s is too long: the byte 0x%02x stands after its last pixel", reader->name,
                            *reader->cursor);
    return 0;
}

/* The file has the channels of a pixel next to each other; picture->pixels has one plane per channel. */
static int read_pgm_pixels(struct pgm_reader *reader, struct picture *picture, bool text, int32_t largest)
{
    const size_t plane = (size_t)picture->width * (size_t)picture->height;
    uint8_t value = 0;
    int code = text ? 0 : check_pgm_size(reader, picture);

    for (size_t pixel = 0; pixel < plane && code == 0; ++pixel) {
        for (size_t channel = 0; channel < (size_t)picture->channels && code == 0; ++channel) {
            code = text ? read_text_pixel(reader, &value, largest) : read_byte_pixel(reader, &value, largest);
            picture->pixels[channel * plane + pixel] = (uint8_t)((value * 255 + largest / 2) / largest);
        }
    }
    return code == 0 && text ? check_pgm_end(reader) : code;
}

int picture_read(struct picture *picture, const uint8_t *bytes, size_t size, const char *name)
{
    int32_t largest = 255;

    *picture = (struct picture){0};
    if (size < 2 || bytes[0] != 'P' || (bytes[1] != '2' && bytes[1] != '3' && bytes[1] != '5' && bytes[1] != '6'))
        return file_kind_reject(name, bytes, size, "a PGM or PPM image (P2, P3, P5 or P6)");
    struct pgm_reader reader = {bytes + 2, bytes + size, name};
    const bool text = bytes[1] == '2' || bytes[1] == '3';
    picture->channels = bytes[1] == '3' || bytes[1] == '6' ? 3 : 1;
    int code = read_pgm_header(&reader, picture, &largest);
    if (code != 0)
        return code;
    picture->pixels = malloc((size_t)picture->channels * (size_t)picture->width * (size_t)picture->height);
    if (!picture->pixels)
        return report_error("not enough memory for %s", name);
    code = read_pgm_pixels(&reader, picture, text, largest);
    if (code != 0)
        picture_free(picture);
    return code;
}

void picture_free(struct picture *picture)
{
    free(picture->pixels);
    *picture = (struct picture){0};
}
