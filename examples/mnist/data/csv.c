/* SPDX-License-Identifier: MIT */
#include "data/csv.h"

#include "support/report.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Text of a table, line by line. */
struct csv_reader {
    const char *cursor, *end, *path;
    int64_t line;
    char separator;
    int64_t columns;
    int64_t label; /* its column; -1 = there is none */
    bool wide;     /* values are stored as float, otherwise as bytes */
};

static bool is_blank(char c)
{
    return c == ' ' || c == '"' || c == '\'';
}

static bool at_line_end(const struct csv_reader *csv)
{
    return csv->cursor == csv->end || *csv->cursor == '\n' || *csv->cursor == '\r';
}

/* Moves to the next line that is not empty. */
static void next_line(struct csv_reader *csv)
{
    while (csv->cursor < csv->end && *csv->cursor != '\n' && *csv->cursor != '\r')
        ++csv->cursor;
    while (csv->cursor < csv->end && (*csv->cursor == '\n' || *csv->cursor == '\r' || *csv->cursor == ' '))
        csv->line += *csv->cursor++ == '\n';
}

/* The field at the cursor without blanks and quotes around it; moves to its end. */
static const char *take_field(struct csv_reader *csv, int *length)
{
    while (!at_line_end(csv) && is_blank(*csv->cursor))
        ++csv->cursor;
    const char *start = csv->cursor;
    while (!at_line_end(csv) && *csv->cursor != csv->separator)
        ++csv->cursor;
    const char *end = csv->cursor;
    while (end > start && is_blank(end[-1]))
        --end;
    *length = end - start < 1000 ? (int)(end - start) : 1000;
    return start;
}

/* A decimal number, as strtod() reads it; false if the field is something else. */
static bool parse_number(const char *field, int length, double *value)
{
    char text[64], *end = NULL;

    if (length < 1 || length >= (int)sizeof text || !strchr("+-.0123456789", field[0]))
        return false;
    memcpy(text, field, (size_t)length);
    text[length] = '\0';
    if (strspn(text, "+-.0123456789eE") != (size_t)length)
        return false;
    *value = strtod(text, &end);
    return *end == '\0';
}

/* Reads the first line: separator, columns, names. Stays on it unless it has names. */
static int read_first_line(struct csv_reader *csv)
{
    static const char separators[] = ",;\t";
    const char *const start = csv->cursor;
    bool names = false;
    double value = 0;
    int length = 0;

    next_line(csv);
    const char *line_end = csv->cursor;
    csv->cursor = start;
    csv->line = 1;
    for (const char *s = separators; *s && !csv->separator; ++s) {
        if (memchr(start, *s, (size_t)(line_end - start)))
            csv->separator = *s;
    }
    for (bool more = csv->separator != '\0'; more; ++csv->columns) {
        const char *field = take_field(csv, &length);
        const bool number = parse_number(field, length, &value);

        names = names || (csv->columns == 0 && !number);
        if ((length == 5 && strncmp(field, "label", 5) == 0) || (length == 5 && strncmp(field, "class", 5) == 0) ||
            (length == 5 && strncmp(field, "Label", 5) == 0))
            csv->label = csv->columns;
        more = !at_line_end(csv);
        csv->cursor += more;
    }
    if (names)
        next_line(csv);
    else
        csv->cursor = start;
    if (csv->label >= 0)
        return 0;
    if (csv->columns < 2 || csv->cursor == csv->end)
        return report_error("%s is not a table of images: its first line has %" PRId64 " columns", csv->path,
                            csv->columns);
    return 0;
}

static bool is_square(int64_t number)
{
    int64_t side = 1;

    while (side * side < number)
        ++side;
    return side * side == number;
}

/* Without names, the label is first if that leaves a square image. */
static int find_label(struct csv_reader *csv)
{
    if (csv->label < 0 && is_square(csv->columns - 1))
        csv->label = 0;
    if (is_square(csv->label < 0 ? csv->columns : csv->columns - 1))
        return 0;
    return report_error("%s has %" PRId64 " columns; expected a label and the pixels of a square image, e.g. 785",
                        csv->path, csv->columns);
}

static int64_t count_lines(const struct csv_reader *csv)
{
    struct csv_reader copy = *csv;
    int64_t lines = 0;

    for (; copy.cursor < copy.end; next_line(&copy))
        ++lines;
    return lines;
}

/* Small whole numbers, which almost all fields are; false for others, without moving. */
static bool take_byte(struct csv_reader *csv, double *value)
{
    const char *c = csv->cursor;
    int number = 0;

    for (; c < csv->end && *c >= '0' && *c <= '9' && c - csv->cursor < 4; ++c)
        number = 10 * number + (*c - '0');
    if (c == csv->cursor || (c < csv->end && *c != csv->separator && *c != '\n' && *c != '\r'))
        return false;
    csv->cursor = c;
    *value = number;
    return true;
}

static int take_value(struct csv_reader *csv, int64_t column, double *value)
{
    int length = 0;

    if (take_byte(csv, value))
        return 0;
    const char *field = take_field(csv, &length);
    if (parse_number(field, length, value))
        return 0;
    return report_error("%s, line %" PRId64 ": column %" PRId64 " is '%.*s'; expected a number", csv->path, csv->line,
                        column + 1, length < 40 ? length : 40, field);
}

/* Numbers that are no bytes are stored as float, and judged where images and labels are. */
static bool fits_byte(double value)
{
    return value >= 0 && value <= 255 && value == (double)(uint8_t)value;
}

static void store_value(const struct csv_reader *csv, uint8_t *values, int64_t place, double value)
{
    if (csv->wide) {
        const float single = (float)value;
        uint32_t bits;

        memcpy(&bits, &single, sizeof bits);
        for (int i = 0; i < 4; ++i)
            values[4 * place + i] = (uint8_t)(bits >> 8 * i);
    } else {
        values[place] = (uint8_t)value;
    }
}

static int take_line(struct csv_reader *csv, uint8_t *pixels, uint8_t *label, bool *wide)
{
    int64_t place = 0;
    double value = 0;

    for (int64_t column = 0; column < csv->columns; ++column) {
        int code = take_value(csv, column, &value);

        if (code != 0)
            return code;
        if (at_line_end(csv) != (column == csv->columns - 1))
            return report_error("%s, line %" PRId64 ": it has %s columns than the first line, which has %" PRId64,
                                csv->path, csv->line, at_line_end(csv) ? "fewer" : "more", csv->columns);
        csv->cursor += !at_line_end(csv);
        if (!csv->wide && !fits_byte(value)) {
            *wide = true;
            return 0;
        }
        if (column == csv->label)
            store_value(csv, label, 0, value);
        else
            store_value(csv, pixels, place++, value);
    }
    next_line(csv);
    return 0;
}

/* Reads all lines; `wide` becomes true if bytes do not suffice. */
static int read_lines(struct csv_reader csv, struct csv_table *table, int64_t lines, bool *wide)
{
    const int64_t pixels = csv.columns - (csv.label >= 0), bytes = csv.wide ? 4 : 1;
    int code = 0;

    if ((uint64_t)lines * (uint64_t)csv.columns > SIZE_MAX / 4)
        return report_error("%s is too large", csv.path);
    table->memory = malloc((size_t)(lines * csv.columns * bytes));
    if (!table->memory)
        return report_error("not enough memory for %s", csv.path);
    uint8_t *labels = table->memory + lines * pixels * bytes;
    for (int64_t i = 0; i < lines && code == 0 && !*wide; ++i)
        code = take_line(&csv, table->memory + i * pixels * bytes, labels + i * bytes, wide);
    table->images = (struct array){csv.wide ? ARRAY_F32 : ARRAY_U8, false, 2, {lines, pixels}, table->memory};
    table->labels = (struct array){table->images.type, false, 1, {lines}, csv.label >= 0 ? labels : NULL};
    if (code != 0 || *wide) {
        free(table->memory);
        *table = (struct csv_table){0};
    }
    return code;
}

int csv_read(struct csv_table *table, const struct mapped_file *file, const char *path)
{
    struct csv_reader csv = {.cursor = (const char *)file->data, .path = path, .line = 1, .label = -1};
    bool wide = false;

    *table = (struct csv_table){0};
    if (file->size == 0)
        return report_error("%s is empty", path);
    csv.end = csv.cursor + file->size;
    if (file->size >= 3 && memcmp(csv.cursor, "\xef\xbb\xbf", 3) == 0)
        csv.cursor += 3; /* a byte order mark */
    int code = read_first_line(&csv);
    if (code == 0)
        code = find_label(&csv);
    if (code != 0)
        return code;
    const int64_t lines = count_lines(&csv);
    if (lines == 0)
        return report_error("%s has no images after its line of names", path);
    code = read_lines(csv, table, lines, &wide);
    if (code == 0 && wide) {
        csv.wide = true;
        wide = false;
        code = read_lines(csv, table, lines, &wide);
    }
    return code;
}
