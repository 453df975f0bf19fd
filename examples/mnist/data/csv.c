/* SPDX-License-Identifier: MIT */
#include "data/csv.h"

#include "support/file_kind.h"
#include "support/report.h"
#include "support/utf8_text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Text of a table, line by line. */
struct csv_reader {
    const char *cursor, *end, *path;
    int64_t line;
    char separator;
    int64_t columns; /* without those before the first that is read */
    int64_t skipped; /* columns before it: numbers of the images */
    int64_t label;   /* its column after the skipped ones; -1 = there is none */
    bool wide;       /* values are stored as float, otherwise as bytes */
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

/* Numbers that are no bytes are stored as float, and judged where images and labels are. */
static bool fits_byte(double value)
{
    return value >= 0 && value <= 255 && value == (double)(uint8_t)value;
}

/* Moves over a separator that stands before nothing but the end of the line. */
static void skip_last_separator(struct csv_reader *csv)
{
    struct csv_reader rest = *csv;

    if (at_line_end(csv))
        return;
    ++rest.cursor;
    while (!at_line_end(&rest) && *rest.cursor == ' ')
        ++rest.cursor;
    if (at_line_end(&rest))
        csv->cursor = rest.cursor;
}

/* ---- The first line ---------------------------------------------------------------------------- */

/* Whether the field is one of the words, in any case. */
static bool is_word(const char *field, int length, const char *const *words)
{
    for (; *words; ++words) {
        int same = 0;

        while (same < length && (*words)[same] &&
               (field[same] >= 'A' && field[same] <= 'Z' ? field[same] + ('a' - 'A') : field[same]) == (*words)[same])
            ++same;
        if (same == length && (*words)[same] == '\0')
            return true;
    }
    return false;
}

/* The first of the separators that the line has; '\0' if it has none. Blanks are one if nothing else is. */
static char find_separator(const char *line, const char *end)
{
    static const char separators[] = ",;\t| ";

    while (end > line && (end[-1] == ' ' || end[-1] == '\n' || end[-1] == '\r'))
        --end;
    while (line < end && *line == ' ')
        ++line;
    for (const char *s = separators; *s; ++s) {
        if (memchr(line, *s, (size_t)(end - line)))
            return *s;
    }
    return '\0';
}

/* Counts the columns and understands their names, if the line has names. Returns whether it has. */
static bool read_names(struct csv_reader *csv)
{
    static const char *const labels[] = {"label", "labels", "class", "target", "y", "digit", NULL};
    static const char *const numbers[] = {"", "id", "imageid", "image_id", "index", "unnamed: 0", NULL};
    bool names = false, counts = true;
    double value = 0, first = 0;
    int length = 0;

    for (bool more = csv->separator != '\0'; more;) {
        const char *field = take_field(csv, &length);
        const bool number = parse_number(field, length, &value);

        first = csv->columns == 0 ? value : first;
        names = names || (csv->columns == 0 && csv->skipped == 0 && !number);
        counts = counts && number && value == first + (double)csv->columns;
        if (names && csv->columns == 0 && is_word(field, length, numbers)) {
            ++csv->skipped;
        } else {
            if (is_word(field, length, labels))
                csv->label = csv->columns;
            ++csv->columns;
        }
        skip_last_separator(csv);
        more = !at_line_end(csv);
        csv->cursor += more;
    }
    return names || (counts && csv->columns > 2); /* 0, 1, 2, ... is what pandas calls columns without names */
}

/* Shows how a file begins that has no line of a table. */
static int reject_line(const struct csv_reader *csv, const char *start)
{
    enum { SHOWN = 40 };
    int length = 0;

    while (length < SHOWN && start + length < csv->end && start[length] >= ' ' && start[length] <= '~')
        ++length;
    return report_error("%s is not a table of images: its first line has %" PRId64 " columns; it begins with '%.*s'",
                        csv->path, csv->columns, length, start);
}

/* Reads the first line: separator, columns, names. Stays on it unless it has names. */
static int read_first_line(struct csv_reader *csv, bool *names)
{
    const char *const start = csv->cursor;

    next_line(csv);
    csv->separator = find_separator(start, csv->cursor);
    csv->cursor = start;
    csv->line = 1;
    *names = read_names(csv);
    if (*names)
        next_line(csv);
    else
        csv->cursor = start;
    if (csv->label < 0 && (csv->columns < 2 || csv->cursor == csv->end))
        return reject_line(csv, start);
    return 0;
}

/* ---- The column of the labels ------------------------------------------------------------------ */

static bool is_square(int64_t number)
{
    int64_t side = 1;

    while (side * side < number)
        ++side;
    return side * side == number;
}

/* The values of a column. */
struct column_values {
    bool seen[256];
    bool bytes; /* nothing but whole numbers that a byte holds */
    int most, different;
};

static void count_value(struct column_values *values, const char *field, int length)
{
    double value = 0;

    values->bytes = values->bytes && parse_number(field, length, &value) && fits_byte(value);
    if (!values->bytes)
        return;
    values->different += !values->seen[(int)value];
    values->seen[(int)value] = true;
    values->most = (int)value > values->most ? (int)value : values->most;
}

/* Whether it has every class from 0 or 1 to its last, at least two. */
static bool has_all_classes(const struct column_values *values)
{
    return values->bytes && values->different > 1 && values->different >= values->most + values->seen[0];
}

/* The last field of the line at the cursor. */
static const char *last_field(const struct csv_reader *csv, int *length)
{
    const char *start = csv->cursor, *end = start;

    while (end < csv->end && *end != '\n' && *end != '\r')
        ++end;
    while (end > start && (is_blank(end[-1]) || end[-1] == csv->separator))
        --end;
    const char *field = end;
    while (field > start && field[-1] != csv->separator && !is_blank(field[-1]))
        --field;
    *length = end - field < 1000 ? (int)(end - field) : 1000;
    return field;
}

/*
 * Whether the labels stand in the last column: it has all classes, with two images of each on average, while the first
 * has not, and is the same everywhere, as the corners of digits are, or has more than twice as many values.
 */
static bool label_is_last(struct csv_reader csv)
{
    struct column_values first = {.bytes = true}, last = {.bytes = true};
    int64_t lines = 0;
    int length = 0;

    for (; csv.cursor < csv.end; next_line(&csv), ++lines) {
        struct csv_reader line = csv;
        const char *field = take_field(&line, &length);

        count_value(&first, field, length);
        field = last_field(&csv, &length);
        count_value(&last, field, length);
    }
    return has_all_classes(&last) && !has_all_classes(&first) && lines >= 2 * last.different &&
           (!first.bytes || first.different == 1 || first.different > 2 * last.different);
}

static int64_t count_lines(const struct csv_reader *csv)
{
    struct csv_reader copy = *csv;
    int64_t lines = 0;

    for (; copy.cursor < copy.end; next_line(&copy))
        ++lines;
    return lines;
}

/* Without its name, the label is first if that leaves a square image; without any names it may be the last. */
static void find_label(struct csv_reader *csv, bool names)
{
    if (csv->label < 0 && is_square(csv->columns - 1))
        csv->label = !names && label_is_last(*csv) ? csv->columns - 1 : 0;
}

/* Whether the lines are the rows of one image, if each is not an image of `pixels` pixels with or without a label. */
static bool is_matrix(const struct csv_reader *csv, bool names, int64_t lines, int64_t pixels)
{
    if (names || pixels == 0 || csv->columns == pixels || csv->columns == pixels + 1 ||
        !array_may_be_picture(lines, csv->columns))
        return false;
    return lines == csv->columns || !(is_square(csv->columns) || is_square(csv->columns - 1));
}

static int check_columns(const struct csv_reader *csv)
{
    if (is_square(csv->label < 0 ? csv->columns : csv->columns - 1))
        return 0;
    return report_error("%s has %" PRId64 " columns; expected a label and the pixels of a square image, e.g. 785",
                        csv->path, csv->skipped + csv->columns);
}

/* ---- The lines --------------------------------------------------------------------------------- */

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
                        csv->skipped + column + 1, length < 40 ? length : 40, field);
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
    int length = 0;

    for (int64_t column = -csv->skipped; column < csv->columns; ++column) {
        int code = 0;

        if (column < 0)
            take_field(csv, &length);
        else
            code = take_value(csv, column, &value);
        if (code != 0)
            return code;
        if (column == csv->columns - 1)
            skip_last_separator(csv);
        if (at_line_end(csv) != (column == csv->columns - 1))
            return report_error("%s, line %" PRId64 ": it has %s columns than the first line, which has %" PRId64,
                                csv->path, csv->line, at_line_end(csv) ? "fewer" : "more", csv->skipped + csv->columns);
        csv->cursor += !at_line_end(csv);
        if (column < 0)
            continue;
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

    if (pixels < 1 || (uint64_t)lines * (uint64_t)csv.columns > SIZE_MAX / 4)
        return report_error("%s is %s", csv.path, pixels < 1 ? "a table without pixels" : "too large");
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

bool csv_begins(const uint8_t *data, size_t size)
{
    enum { ENOUGH = 4096 };
    const char *text = (const char *)data;
    const size_t mark = utf8_mark(text, size), end = size < ENOUGH ? size : ENOUGH;
    size_t length = mark;

    if (mark == end || file_kind_name(data, size))
        return false;
    for (size_t i = mark; i < end; ++i) {
        if ((data[i] < ' ' && !strchr("\t\r\n", text[i])) || data[i] == 0 || data[i] > '~')
            return false;
    }
    while (length < end && text[length] != '\n' && text[length] != '\r')
        ++length;
    const char separator = find_separator(text + mark, text + length);
    return separator != '\0' && (separator != ' ' || strchr("0123456789", text[mark]));
}

int csv_read(struct csv_table *table, const struct whole_file *file, const char *path, int64_t pixels)
{
    struct csv_reader csv = {.cursor = (const char *)file->data, .path = path, .line = 1, .label = -1};
    bool wide = false, names = false;

    *table = (struct csv_table){0};
    if (file->size == 0 || file_kind_name(file->data, file->size))
        return file_kind_reject(path, file->data, file->size, "a table of images (CSV)");
    csv.end = csv.cursor + file->size;
    csv.cursor += utf8_mark(csv.cursor, file->size);
    int code = read_first_line(&csv, &names);
    if (code != 0)
        return code;
    const int64_t lines = count_lines(&csv);
    if (lines == 0)
        return report_error("%s has no images after its line of names", path);
    const bool matrix = is_matrix(&csv, names, lines, pixels);
    if (!matrix) {
        find_label(&csv, names);
        code = check_columns(&csv);
    }
    if (code != 0)
        return code;
    code = read_lines(csv, table, lines, &wide);
    if (code == 0 && wide) {
        csv.wide = true;
        wide = false;
        code = read_lines(csv, table, lines, &wide);
    }
    return code;
}
