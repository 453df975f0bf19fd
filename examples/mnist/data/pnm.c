/* SPDX-License-Identifier: MIT */
#include "data/pnm.h"

#include "support/report.h"

#include <inttypes.h>
#include <stdlib.h>

static bool is_space(uint8_t byte)
{
    return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

static bool is_digit(uint8_t byte)
{
    return byte >= '0' && byte <= '9';
}

static void skip_space(struct pnm_file *file)
{
    while (file->cursor < file->end && is_space(*file->cursor))
        ++file->cursor;
}

/* Skips space and comments, which are from # to the end of the line: in the header and between pixels in text. */
static void skip_to_word(struct pnm_file *file)
{
    skip_space(file);
    while (file->cursor < file->end && *file->cursor == '#') {
        while (file->cursor < file->end && *file->cursor != '\n')
            ++file->cursor;
        skip_space(file);
    }
}

/* Reports that the number `what` is missing or does not begin with a digit. */
static int reject_word(const struct pnm_file *file, const char *what)
{
    if (file->cursor == file->end)
        return report_error("%s is cut off: it ends where its %s should be", file->name, what);
    return report_error("%s: its %s begins with the byte 0x%02x instead of a digit", file->name, what, *file->cursor);
}

/* A decimal number at the cursor. */
static int read_pnm_number(struct pnm_file *file, const char *what, int32_t min, int32_t max, int32_t *value)
{
    const uint8_t *start = file->cursor;
    int64_t number = 0;

    if (start == file->end || !is_digit(*start))
        return reject_word(file, what);
    for (; file->cursor < file->end && is_digit(*file->cursor); ++file->cursor) {
        if (number <= max)
            number = 10 * number + (*file->cursor - '0');
    }
    if (number < min || number > max) {
        const int length = file->cursor - start < 20 ? (int)(file->cursor - start) : 20;

        return report_error("%s: its %s is %.*s; expected %" PRId32 " to %" PRId32, file->name, what, length,
                            (const char *)start, min, max);
    }
    *value = (int32_t)number;
    return 0;
}

static int read_pnm_header_number(struct pnm_file *file, const char *what, int32_t max, int32_t *value)
{
    const uint8_t *before = file->cursor;

    skip_to_word(file);
    if (file->cursor == before && file->cursor < file->end)
        return report_error("%s: there is no space before its %s", file->name, what);
    return read_pnm_number(file, what, 1, max, value);
}

/* What the two bytes at the beginning say. */
struct pnm_kind {
    bool bits, colours, text; /* bits: without a largest value, 1 is black */
    int32_t largest;
};

/* Reads the header up to and including the one space before the pixels. */
static int read_pnm_header(struct pnm_file *file, struct pnm_kind *kind, struct picture *picture)
{
    int code = read_pnm_header_number(file, "width", PICTURE_MAX_SIDE, &picture->width);

    if (code == 0)
        code = read_pnm_header_number(file, "height", PICTURE_MAX_SIDE, &picture->height);
    if (code == 0 && !kind->bits)
        code = read_pnm_header_number(file, "largest value", 65535, &kind->largest);
    if (code != 0)
        return code;
    if (file->cursor == file->end)
        return report_error("%s is cut off after its header", file->name);
    if (!is_space(*file->cursor))
        return report_error("%s: its %s is followed by the byte 0x%02x instead of a space", file->name,
                            kind->bits ? "height" : "largest value", *file->cursor);
    ++file->cursor;
    return 0;
}

/* Bytes of a row of pixels that are not text. */
static int64_t row_bytes(const struct pnm_kind *kind, const struct picture *picture)
{
    if (kind->bits)
        return (picture->width + 7) / 8;
    return (int64_t)picture->channels * picture->width * (kind->largest > 255 ? 2 : 1);
}

bool pnm_begins(const uint8_t *data, size_t size)
{
    return size >= 2 && data[0] == 'P' && data[1] >= '1' && data[1] <= '6';
}

bool pnm_follows(const struct pnm_file *file)
{
    struct pnm_file rest = *file;

    skip_space(&rest);
    return rest.end - rest.cursor >= 3 && pnm_begins(rest.cursor, 3) &&
           (is_space(rest.cursor[2]) || rest.cursor[2] == '#');
}

/* Checks that there are as many bytes as the pixels need, and then the end or another picture. */
static int check_pnm_size(const struct pnm_file *file, const struct pnm_kind *kind, const struct picture *picture)
{
    const int64_t needed = row_bytes(kind, picture) * picture->height, there = file->end - file->cursor;
    struct pnm_file after = *file;

    after.cursor += there < needed ? there : needed;
    if (there == needed || (there > needed && pnm_follows(&after)))
        return 0;
    return report_error("%s is %s: %" PRId32 " x %" PRId32 " x %" PRId32 " values need %" PRId64
                        " bytes, but the file has %" PRId64,
                        file->name, there < needed ? "cut off" : "too long", picture->channels, picture->height,
                        picture->width, needed, there);
}

/* One or two bytes, the higher one first. */
static int read_raw_value(struct pnm_file *file, int32_t *value, int32_t largest)
{
    *value = *file->cursor++;
    if (largest > 255)
        *value = *value << 8 | *file->cursor++;
    if (*value > largest)
        return report_error("%s: a pixel is %" PRId32 "; its largest value is %" PRId32, file->name, *value, largest);
    return 0;
}

/* Text may have the digits of a PBM without space between them. */
static int read_text_value(struct pnm_file *file, int32_t *value, const struct pnm_kind *kind)
{
    skip_to_word(file);
    if (!kind->bits || file->cursor == file->end || !is_digit(*file->cursor))
        return read_pnm_number(file, "next pixel", 0, kind->largest, value);
    *value = *file->cursor++ - '0';
    if (*value > 1)
        return report_error("%s: its next pixel is %" PRId32 "; expected 0 to 1", file->name, *value);
    return 0;
}

static int read_value(struct pnm_file *file, int32_t *value, const struct pnm_kind *kind, int32_t column)
{
    if (kind->text)
        return read_text_value(file, value, kind);
    if (!kind->bits)
        return read_raw_value(file, value, kind->largest);
    *value = file->cursor[column / 8] >> (7 - column % 8) & 1;
    return 0;
}

/* The file has the channels of a pixel next to each other; picture->pixels has one plane per channel. */
static int read_pnm_pixels(struct pnm_file *file, struct picture *picture, const struct pnm_kind *kind)
{
    const size_t plane = (size_t)picture->width * (size_t)picture->height;
    const int32_t largest = kind->largest;
    int32_t value = 0;

    for (size_t pixel = 0; pixel < plane; ++pixel) {
        const int32_t column = (int32_t)(pixel % (size_t)picture->width);

        for (size_t channel = 0; channel < (size_t)picture->channels; ++channel) {
            int code = read_value(file, &value, kind, column);

            if (code != 0)
                return code;
            value = kind->bits ? 1 - value : value;
            picture->pixels[channel * plane + pixel] = (uint8_t)((value * 255 + largest / 2) / largest);
        }
        if (kind->bits && !kind->text && column == picture->width - 1)
            file->cursor += row_bytes(kind, picture);
    }
    return 0;
}

/* Text may end with white space and comments. */
static int check_pnm_end(struct pnm_file *file)
{
    if (pnm_follows(file))
        return 0;
    skip_to_word(file);
    if (file->cursor < file->end)
        return report_error("%s is too long: the byte 0x%02x stands after its last pixel", file->name, *file->cursor);
    return 0;
}

int pnm_read(struct pnm_file *file, struct picture *picture)
{
    *picture = (struct picture){0};
    if (file->end - file->cursor > 2)
        skip_space(file); /* between pictures */
    if (!pnm_begins(file->cursor, (size_t)(file->end - file->cursor)))
        return report_error("%s is not a PBM, PGM or PPM picture: it does not begin with P1 to P6", file->name);
    const int digit = file->cursor[1] - '0';
    struct pnm_kind kind = {.bits = digit % 3 == 1, .colours = digit % 3 == 0, .text = digit <= 3, .largest = 1};
    struct picture head = {.channels = kind.colours ? 3 : 1};
    file->cursor += 2;
    int code = read_pnm_header(file, &kind, &head);
    if (code == 0 && !kind.text)
        code = check_pnm_size(file, &kind, &head);
    if (code == 0)
        code = picture_create(picture, head.channels, head.height, head.width, file->name);
    if (code == 0)
        code = read_pnm_pixels(file, picture, &kind);
    if (code == 0 && kind.text)
        code = check_pnm_end(file);
    if (code != 0)
        picture_free(picture);
    return code;
}
