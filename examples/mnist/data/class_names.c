/* SPDX-License-Identifier: MIT */
#include "data/class_names.h"

#include "support/file_kind.h"
#include "support/report.h"
#include "support/utf8_text.h"
#include "support/whole_file.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_BYTES = 1 << 24 }; /* of a file of names: a million classes have shorter names */

/* ---- Reading ----------------------------------------------------------------------------------- */

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Copies the file into names->text, without a byte order mark and white space at the end. */
static int read_text(struct class_names *names, const struct whole_file *file)
{
    const size_t mark = utf8_mark(file->data, file->size);
    const char *start = (const char *)file->data + mark;
    size_t length = file->size - mark;

    if (file->size > MAX_BYTES || (file->size > 0 && memchr(file->data, 0, file->size)))
        return file_kind_reject(names->path, file->data, file->size, "a text file with the name of a class per line");
    while (length > 0 && is_space(start[length - 1]))
        --length;
    if (length == 0)
        return report_error("%s is empty; expected the name of a class per line", names->path);
    names->text = malloc(length + 1);
    if (!names->text)
        return report_error("not enough memory to read %s", names->path);
    memcpy(names->text, start, length);
    names->text[length] = '\0';
    return 0;
}

static int count_lines(const char *text)
{
    int lines = 1;

    for (; *text; ++text)
        lines += *text == '\n';
    return lines;
}

/* Ends the line and returns it without the spaces around it; moves `cursor` to the next. */
static char *take_line(char **cursor)
{
    char *line = *cursor, *end = strchr(line, '\n');

    *cursor = end ? end + 1 : line + strlen(line);
    if (end)
        *end = '\0';
    while (*line && is_space(*line))
        ++line;
    for (size_t length = strlen(line); length > 0 && is_space(line[length - 1]); --length)
        line[length - 1] = '\0';
    return line;
}

static int check_name(const struct class_names *names, const char *name)
{
    const int32_t line = names->count + 1;

    if (!*name)
        return report_error("%s: line %" PRId32 " is empty; expected the name of class %" PRId32, names->path, line,
                            names->count);
    for (const char *cursor = name; *cursor; cursor += utf8_length(cursor)) {
        if (utf8_length(cursor) == 0)
            return report_error("%s: line %" PRId32 " is not UTF-8", names->path, line);
    }
    return 0;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(**(char **const *)a, **(char **const *)b);
}

/* Two classes with one name could not be told apart. */
static int check_different(const struct class_names *names)
{
    char ***sorted = malloc((size_t)names->count * sizeof *sorted);
    int code = 0;

    if (!sorted)
        return report_error("not enough memory to read %s", names->path);
    for (int32_t i = 0; i < names->count; ++i)
        sorted[i] = &names->names[i];
    qsort(sorted, (size_t)names->count, sizeof *sorted, compare_names);
    for (int32_t i = 1; i < names->count && code == 0; ++i) {
        const int32_t first = (int32_t)(sorted[i - 1] - names->names), second = (int32_t)(sorted[i] - names->names);

        if (strcmp(names->names[first], names->names[second]) == 0)
            code = report_error("%s: lines %" PRId32 " and %" PRId32 " both have the name '%s'", names->path,
                                (first < second ? first : second) + 1, (first < second ? second : first) + 1,
                                names->names[first]);
    }
    free(sorted);
    return code;
}

static int split_lines(struct class_names *names)
{
    const int lines = count_lines(names->text);
    char *cursor = names->text;

    names->names = calloc((size_t)lines, sizeof *names->names);
    if (!names->names)
        return report_error("not enough memory to read %s", names->path);
    while (names->count < lines) {
        char *name = take_line(&cursor);
        const int code = check_name(names, name);

        if (code != 0)
            return code;
        text_make_printable(name);
        names->names[names->count++] = name;
    }
    return check_different(names);
}

int class_names_read(struct class_names *names, const char *path)
{
    struct whole_file file;

    *names = (struct class_names){.path = path};
    int code = whole_file_open(&file, path);
    if (code != 0)
        return code;
    code = read_text(names, &file);
    whole_file_close(&file);
    return code == 0 ? split_lines(names) : code;
}

void class_names_free(struct class_names *names)
{
    free(names->names);
    free(names->text);
    *names = (struct class_names){.count = 0};
}

/* ---- Use --------------------------------------------------------------------------------------- */

int class_names_check(const struct class_names *names, int32_t classes, const char *model)
{
    if (names->count == 0 || names->count == classes)
        return 0;
    return report_usage("--classes: %s has %" PRId32 " name%s, but %s has %" PRId32 " classes", names->path,
                        names->count, names->count == 1 ? "" : "s", model, classes);
}

const char *class_name(const struct class_names *names, int32_t index)
{
    return names->count > 0 ? names->names[index] : "";
}

int class_names_columns(const struct class_names *names)
{
    int columns = 0;

    for (int32_t i = 0; i < names->count; ++i) {
        const int own = utf8_columns(names->names[i]);

        columns = own > columns ? own : columns;
    }
    return columns < CLASS_NAMES_MAX_COLUMNS ? columns : CLASS_NAMES_MAX_COLUMNS;
}

void class_names_print(const struct class_names *names, int32_t index)
{
    const char *name = class_name(names, index);
    const int columns = class_names_columns(names);

    printf("%.*s%*s", utf8_cut(name, columns), name, utf8_blanks(name, columns), "");
}
