/* SPDX-License-Identifier: MIT */
#include "study/experiments_file.h"

#include "study/default_experiments.h"
#include "support/nearest.h"
#include "support/report.h"
#include "support/utf8_text.h"
#include "support/whole_file.h"
#include "training/settings_checks.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char blanks[] = " \t";
enum { MAX_CELLS = 64, MAX_COLUMN_NUMBER = 1000000 };

/* What is known while the lines are read one after another. */
struct reader {
    struct experiments *experiments;
    char *next; /* the rest of the text */
    int line;   /* of the current line, from 1 */
    const char *start;

    struct experiment shared, study; /* the settings before the first study, and those of the current one */
    int set_in[MOST_COLUMNS];        /* lines of the settings since the last table or study; 0 = not set since */
    const struct column *header[MAX_CELLS];
    int columns, header_line; /* 0 = no names of columns yet */
};

/* ---- Messages ---------------------------------------------------------------------------------- */

static int column_number(const struct reader *reader, const char *at)
{
    const ptrdiff_t offset = at - reader->start;

    return offset < 0 || offset > MAX_COLUMN_NUMBER ? 1 : (int)offset + 1;
}

static int reject_value(const struct reader *reader, const char *at, const char *name, const char *value,
                        const char *expected)
{
    return report_usage("%s:%d:%d: %s is '%s'; expected %s", reader->experiments->name, reader->line,
                        column_number(reader, at), name, value, expected);
}

static int reject_name(const struct reader *reader, const char *name)
{
    struct nearest nearest = nearest_begin(name, strlen(name));
    char suggestion[NEAREST_ROOM];

    for (int i = 0; i < experiment_column_count; ++i)
        nearest_try(&nearest, experiment_columns[i].name);
    return report_usage("%s:%d:%d: there is no column '%s'%s", reader->experiments->name, reader->line,
                        column_number(reader, name), name, nearest_text(&nearest, suggestion));
}

/* ---- Words ------------------------------------------------------------------------------------- */

/* Cuts blanks off both ends, makes one space of those between words, and makes the rest printable. */
static char *tidy(char *text)
{
    char *to, *from;

    text += strspn(text, blanks);
    for (to = from = text; *from; ++from) {
        if (!strchr(blanks, *from))
            *to++ = *from;
        else if (to > text && to[-1] != ' ')
            *to++ = ' ';
    }
    if (to > text && to[-1] == ' ')
        --to;
    *to = '\0';
    text_make_printable(text);
    return text;
}

static bool is_name(const char *text)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._";

    return *text && strspn(text, allowed) == strlen(text);
}

static int set_column(struct reader *reader, struct experiment *experiment, const struct column *column,
                      const char *value)
{
    char expected[EXPECTED_ROOM];
    int code = 0;

    if (!experiment_set(experiment, column, value, expected))
        return reject_value(reader, value, column->name, value, expected);
    if (strcmp(column->name, "augment") == 0) {
        char *name =
            text_of("%s:%d:%d: augment", reader->experiments->name, reader->line, column_number(reader, value));

        code = name ? augment_parse(&experiment->augment_list, value, name) : report_error("not enough memory");
        free(name);
    }
    return code;
}

/* ---- Lines ------------------------------------------------------------------------------------- */

/* After a table or in another study, a setting may be changed. */
static void forget_settings(struct reader *reader)
{
    memset(reader->set_in, 0, sizeof reader->set_in);
}

/* "[004]" */
static int begin_study(struct reader *reader, char *line)
{
    char *end = strchr(line, ']');

    if (!end)
        return reject_value(reader, line, "the line", line, "a ] after the name of the study, as in [004]");
    *end = '\0';
    char *name = tidy(line + 1);
    if (end[1 + strspn(end + 1, blanks)] || !is_name(name))
        return reject_value(reader, line, "the name of a study", line + 1,
                            "letters, digits, - . _ between brackets, as in [004]");
    reader->study = reader->shared;
    reader->study.study = name;
    reader->columns = 0;
    forget_settings(reader);
    return 0;
}

/* "l1 = 0.01" */
static int take_setting(struct reader *reader, char *line)
{
    char *equals = strchr(line, '=');

    if (!equals)
        return reject_value(reader, line, "the line", line,
                            "[study], column = value, a row that begins with |, or a comment that begins with #");
    *equals = '\0';
    const char *name = tidy(line);
    const struct column *column = experiment_column(name);
    if (!column)
        return reject_name(reader, name);
    if (strcmp(name, "id") == 0)
        return reject_value(reader, line, "a setting", name, "a setting of several rows; the id is a column of a row");
    int *set_in = &reader->set_in[column - experiment_columns];
    if (*set_in > 0)
        return report_usage("%s:%d:%d: %s is set here and in line %d; expected it once before a table",
                            reader->experiments->name, reader->line, column_number(reader, line), name, *set_in);
    *set_in = reader->line;
    return set_column(reader, *reader->study.study ? &reader->study : &reader->shared, column, tidy(equals + 1));
}

/* Cuts a row at its bars. Returns the number of cells, or -1 if there are too many. */
static int cut_cells(char *line, char *cells[MAX_CELLS])
{
    int count = 0;

    for (char *bar = line; bar; ++count) {
        char *cell = bar + 1;

        bar = strchr(cell, '|');
        if (bar)
            *bar = '\0';
        cell = tidy(cell);
        if (!bar && !*cell)
            break; /* after the last bar */
        if (count == MAX_CELLS)
            return -1;
        cells[count] = cell;
    }
    return count;
}

static int take_header(struct reader *reader, char *cells[MAX_CELLS], int count)
{
    for (int i = 0; i < count; ++i) {
        reader->header[i] = experiment_column(cells[i]);
        if (!reader->header[i])
            return reject_name(reader, cells[i]);
        for (int k = 0; k < i; ++k) {
            if (reader->header[k] == reader->header[i])
                return reject_value(reader, cells[i], "a column", cells[i], "each column once");
        }
    }
    reader->columns = count;
    reader->header_line = reader->line;
    return 0;
}

static const struct experiment *find_row(const struct experiments *experiments, const char *id)
{
    for (size_t i = 0; i < experiments->count; ++i) {
        if (strcmp(experiments->rows[i].id, id) == 0)
            return &experiments->rows[i];
    }
    return NULL;
}

/*
 * Whether the file asks for the value that a row has. The default asks for something in a cell of the row only: as a
 * setting, it takes back one that stood before.
 */
static bool is_given(const struct reader *reader, const struct experiment *row, char *cells[MAX_CELLS],
                     const struct column *column)
{
    for (int i = 0; i < reader->columns; ++i) {
        if (reader->header[i] == column && *cells[i])
            return true;
    }
    return !experiment_has_default(row, column);
}

/* What would be ignored. */
static int check_uses(const struct reader *reader, const struct experiment *row, char *cells[MAX_CELLS])
{
    struct setting_use uses[SETTING_USES];
    struct settings settings;
    char text[COLUMN_ROOM];

    experiment_settings(row, 1, &settings);
    settings_list_uses(&settings, uses);
    for (int i = 0; i < SETTING_USES; ++i) {
        const struct setting_use *use = &uses[i];

        const struct column *column = use->column ? experiment_column(use->column) : NULL;

        if (column && !use->used && is_given(reader, row, cells, column))
            return report_usage("%s:%d: %s: %s is %s, which has no effect without %s", reader->experiments->name,
                                reader->line, row->id, column->name, experiment_text(row, column, text),
                                use->column_needs ? use->column_needs : use->needs);
    }
    if (!settings_average_begins(&settings))
        return report_usage("%s:%d: %s: average_from is %" PRId64 ", but the training has %" PRId64
                            " epoch%s: the average would never begin",
                            reader->experiments->name, reader->line, row->id, row->average_from, row->epochs,
                            row->epochs == 1 ? "" : "s");
    return 0;
}

static int add_row(struct reader *reader, const struct experiment *row, char *cells[MAX_CELLS])
{
    const char *at = cells[0];
    struct experiments *experiments = reader->experiments;
    const struct experiment *same = find_row(experiments, row->id);

    if (!is_name(row->id))
        return reject_value(reader, at, "id", row->id, "letters, digits, - . _");
    if (same)
        return report_usage("%s:%d:%d: id is '%s', as in line %d; expected another name", experiments->name,
                            reader->line, column_number(reader, at), row->id, same->line);
    if (isnan(row->momentum) && row->schedule != NORMNET_SCHEDULE_ONE_CYCLE)
        return report_usage("%s:%d: %s: momentum is 'cycle', but the schedule is %s; expected one-cycle, or a number",
                            experiments->name, reader->line, row->id, settings_schedule_names[row->schedule]);
    const int code = check_uses(reader, row, cells);
    if (code != 0)
        return code;
    struct experiment *rows = realloc(experiments->rows, (experiments->count + 1) * sizeof *rows);
    if (!rows)
        return report_error("not enough memory for %zu experiments", experiments->count + 1);
    experiments->rows = rows;
    rows[experiments->count++] = *row;
    return 0;
}

static int take_row(struct reader *reader, char *cells[MAX_CELLS], int count)
{
    struct experiment row = reader->study;
    int code = 0;

    if (reader->columns == 0)
        return reject_value(reader, cells[0], "the first cell", cells[0],
                            "id: the first line of a table has the names of the columns");
    if (count != reader->columns)
        return report_usage("%s:%d: the row has %d cell%s; expected %d, as in line %d", reader->experiments->name,
                            reader->line, count, count == 1 ? "" : "s", reader->columns, reader->header_line);
    row.line = reader->line;
    for (int i = 0; i < count && code == 0; ++i) {
        if (*cells[i] || i == 0)
            code = set_column(reader, &row, reader->header[i], cells[i]);
    }
    return code == 0 ? add_row(reader, &row, cells) : code;
}

static bool is_rule(char *cells[MAX_CELLS], int count)
{
    for (int i = 0; i < count; ++i) {
        if (!*cells[i] || cells[i][strspn(cells[i], ":-")])
            return false;
    }
    return true;
}

/* "| 004-bn | batch | 0.01 |" */
static int take_table_line(struct reader *reader, char *line)
{
    char *cells[MAX_CELLS];
    const int count = cut_cells(line, cells);

    forget_settings(reader);
    if (count < 1)
        return reject_value(reader, line, "the number of cells", count < 0 ? "larger" : "0", "1 to 64");
    if (!*reader->study.study)
        return reject_value(reader, line, "the row", cells[0], "a line like [004] before it, which begins a study");
    if (strcmp(cells[0], "id") == 0)
        return take_header(reader, cells, count);
    return is_rule(cells, count) ? 0 : take_row(reader, cells, count);
}

static int take_line(struct reader *reader, char *line)
{
    line += strspn(line, blanks);
    if (*line == '#' || !*line)
        return 0;
    if (*line == '[')
        return begin_study(reader, line);
    return *line == '|' ? take_table_line(reader, line) : take_setting(reader, line);
}

/* ---- The text ---------------------------------------------------------------------------------- */

static bool is_setting(const char *line)
{
    return *line && !strchr("#[| \t\n", *line);
}

/* The next line, with those that continue a setting; NULL at the end. `lines` receives their number. */
static char *next_line(struct reader *reader, int *lines)
{
    char *line = reader->next;

    *lines = 1;
    if (!*line)
        return NULL;
    for (char *end = strchr(line, '\n');; end = strchr(end, '\n')) {
        if (!end) {
            reader->next = line + strlen(line);
            return line;
        }
        const char *after = end + 1 + strspn(end + 1, blanks);
        if (!is_setting(line) || after == end + 1 || !*after || strchr("#[|\n", *after)) {
            *end = '\0';
            reader->next = end + 1;
            return line;
        }
        *end = ' ';
        ++*lines;
    }
}

static int read_experiments(struct experiments *experiments)
{
    struct reader reader = {.experiments = experiments, .next = experiments->text, .line = 1};
    int code = 0, lines = 0;

    experiment_init(&reader.shared);
    reader.study = reader.shared;
    for (char *line = next_line(&reader, &lines); line && code == 0; line = next_line(&reader, &lines)) {
        reader.start = line;
        code = take_line(&reader, line);
        reader.line += lines;
    }
    if (code == 0 && experiments->count == 0)
        code = report_usage("%s has no experiments; expected rows that begin with |", experiments->name);
    return code;
}

static int check_text(const struct experiments *experiments, size_t size)
{
    int line = 1;

    if (strlen(experiments->text) != size)
        return report_usage("%s is not a text: byte %zu is 0", experiments->name, strlen(experiments->text));
    for (const char *character = experiments->text; *character; character += utf8_length(character)) {
        if (utf8_length(character) == 0)
            return report_usage("%s:%d: the line is not UTF-8", experiments->name, line);
        line += *character == '\n';
    }
    return 0;
}

/* What other systems write: a byte order mark, and \r at the end of lines. */
static void drop_marks(char *text)
{
    char *to = text;

    for (const char *from = text + utf8_mark(text, strlen(text)); *from; ++from) {
        if (*from != '\r')
            *to++ = *from;
    }
    *to = '\0';
}

static int copy_file(struct experiments *experiments, const char *path)
{
    struct whole_file file;

    experiments->name = path;
    int code = whole_file_open(&file, path);
    if (code != 0)
        return code;
    experiments->text = malloc(file.size + 1);
    if (experiments->text) {
        if (file.size > 0)
            memcpy(experiments->text, file.data, file.size);
        experiments->text[file.size] = '\0';
        code = check_text(experiments, file.size);
        drop_marks(experiments->text);
        experiments->source = text_of("%s", experiments->text);
    }
    if (!experiments->text || !experiments->source)
        code = report_error("not enough memory to read %s", path);
    whole_file_close(&file);
    return code;
}

static int copy_default(struct experiments *experiments)
{
    size_t size = 1;

    experiments->name = "the built-in experiments";
    for (int i = 0; default_experiments[i]; ++i)
        size += strlen(default_experiments[i]) + 1;
    char *to = experiments->text = malloc(size);
    if (!to)
        return report_error("not enough memory");
    for (int i = 0; default_experiments[i]; ++i) {
        const size_t length = strlen(default_experiments[i]);

        memcpy(to, default_experiments[i], length);
        to[length] = '\n';
        to += length + 1;
    }
    *to = '\0';
    return 0;
}

int experiments_open(struct experiments *experiments, const char *path)
{
    *experiments = (struct experiments){0};
    int code = path ? copy_file(experiments, path) : copy_default(experiments);
    return code == 0 ? read_experiments(experiments) : code;
}

void experiments_close(struct experiments *experiments)
{
    free(experiments->source);
    free(experiments->text);
    free(experiments->rows);
    *experiments = (struct experiments){0};
}

void experiments_print_default(void)
{
    for (int i = 0; default_experiments[i]; ++i)
        puts(default_experiments[i]);
}
