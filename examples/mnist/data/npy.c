/* SPDX-License-Identifier: MIT */
#include "data/npy.h"

#include "support/report.h"
#include "support/text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const char magic[] = "\x93NUMPY";
enum { MAGIC = sizeof magic - 1, MAX_HEADER = 65535 };

bool npy_begins(const uint8_t *data, size_t size)
{
    return size >= MAGIC && memcmp(data, magic, MAGIC) == 0;
}

/* Moves behind white space and then behind `mark`; false if something else is there. */
static bool skip_mark(const char **cursor, char mark)
{
    *cursor += strspn(*cursor, " \t\r\n");
    if (**cursor != mark)
        return false;
    ++*cursor;
    return true;
}

/* The value of a key in the dictionary, e.g. after 'shape': ; NULL if it is missing. */
static const char *find_value(const char *header, const char *key)
{
    for (const char *place = strstr(header, key); place; place = strstr(place + 1, key)) {
        const char quote = place[-(place > header)];
        const char *cursor = place + strlen(key);

        if ((quote != '\'' && quote != '"') || *cursor != quote)
            continue;
        ++cursor;
        if (skip_mark(&cursor, ':'))
            return cursor + strspn(cursor, " \t");
    }
    return NULL;
}

/* '<f4' and the like. Returns 0, or reports that such values cannot be read. */
static int read_type(struct array *array, const char *value, const char *path)
{
    static const struct {
        char text[3];
        enum array_type type;
    } types[] = {{"u1", ARRAY_U8},  {"i1", ARRAY_I8},  {"u2", ARRAY_U16}, {"i2", ARRAY_I16},
                 {"u4", ARRAY_U32}, {"i4", ARRAY_I32}, {"u8", ARRAY_U64}, {"i8", ARRAY_I64},
                 {"f4", ARRAY_F32}, {"f8", ARRAY_F64}, {"b1", ARRAY_BOOL}};
    const int length = (int)strcspn(value, ",}");

    if ((*value == '\'' || *value == '"') && value[1] && strchr("<>|=", value[1]) && length == 5 &&
        value[4] == *value) {
        array->big_endian = value[1] == '>';
        for (size_t i = 0; i < sizeof types / sizeof types[0]; ++i) {
            array->type = types[i].type;
            if (strncmp(value + 2, types[i].text, 2) == 0)
                return 0;
        }
    }
    return report_error("%s holds values of NumPy's type %.*s; expected integers, float32 or float64", path,
                        length < 80 ? length : 80, value);
}

/* (40, 28, 28). Returns 0, or reports what is wrong. */
static int read_shape(struct array *array, const char *value, const char *path)
{
    const char *cursor = value;
    bool good = skip_mark(&cursor, '(');

    while (good && !skip_mark(&cursor, ')')) {
        char *end = NULL;

        good = *cursor >= '0' && *cursor <= '9' && array->rank < ARRAY_MAX_RANK;
        if (good)
            array->shape[array->rank++] = strtoll(cursor, &end, 10);
        cursor = good ? end : cursor;
        good = good && (skip_mark(&cursor, ',') || *cursor == ')');
    }
    if (good && array->rank > 0)
        return 0;
    return report_error("%s has the shape %.*s; expected 1 to %d dimensions", path, (int)strcspn(value, "}\n"), value,
                        ARRAY_MAX_RANK);
}

static int read_header(struct array *array, const char *header, const char *path)
{
    const char *type = find_value(header, "descr"), *order = find_value(header, "fortran_order");
    const char *shape = find_value(header, "shape");

    if (!type || !order || !shape)
        return report_error("%s is damaged: its header has no 'descr', 'fortran_order' or 'shape'", path);
    int code = read_type(array, type, path);
    if (code == 0)
        code = read_shape(array, shape, path);
    if (code == 0 && strncmp(order, "False", 5) != 0 && array->rank > 1)
        return report_error("%s is in Fortran's order; save it as numpy.ascontiguousarray(x)", path);
    return code;
}

int npy_read(struct array *array, const struct whole_file *file, const char *path)
{
    const size_t before = file->size > MAGIC && file->data[MAGIC] == 1 ? MAGIC + 4 : MAGIC + 6;
    size_t length = 0;

    *array = (struct array){0};
    if (!npy_begins(file->data, file->size))
        return report_error("%s is not an array of NumPy: it does not begin with \\x93NUMPY", path);
    if (file->size < before)
        return report_error("%s is cut off inside its header", path);
    if (file->data[MAGIC] < 1 || file->data[MAGIC] > 3)
        return report_error("%s has version %d of NumPy's format; expected 1 to 3", path, file->data[MAGIC]);
    for (size_t i = before; i > MAGIC + 2; --i)
        length = length << 8 | file->data[i - 1];
    if (length > file->size - before)
        return report_error("%s is cut off inside its header", path);
    if (length > MAX_HEADER)
        return report_error("%s has a header of %zu bytes; expected at most %d", path, length, MAX_HEADER);
    char *header = text_of("%.*s", (int)length, (const char *)file->data + before);
    if (!header)
        return report_error("not enough memory for %s", path);
    int code = read_header(array, header, path);
    free(header);
    if (code != 0)
        return code;
    array->values = file->data + before + length;
    return array_check_size(array, file->size - before - length, path);
}
