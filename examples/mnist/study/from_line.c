/* SPDX-License-Identifier: MIT */
#include "study/from_line.h"

#include <math.h>
#include <stdio.h>

/* The value as it would stand in a file of experiments; NULL if there is none. */
static const char *text_of_value(const struct json_value *value, const struct column *column, char text[COLUMN_ROOM])
{
    if (value->kind == JSON_NULL)
        return column->absent;
    if (value->kind == JSON_TRUE || value->kind == JSON_FALSE)
        return value->kind == JSON_TRUE ? "yes" : "no";
    if (value->kind == JSON_TEXT)
        return value->text;
    snprintf(text, COLUMN_ROOM, "%.17g", json_number(value));
    return value->kind == JSON_NUMBER ? text : NULL;
}

const char *experiment_from_line(struct experiment *experiment, const struct json_value *line)
{
    const struct json_value *configuration = json_member(line, "configuration");
    const char *id = json_string(json_member(line, "experiment"));
    const char *study = json_string(json_member(line, "study"));
    char text[COLUMN_ROOM], expected[EXPECTED_ROOM];

    experiment_init(experiment);
    if (!id || !study)
        return id ? "study" : "experiment";
    experiment->id = id;
    experiment->study = study;
    for (int i = 0; i < experiment_column_count; ++i) {
        const struct column *column = &experiment_columns[i];
        const struct json_value *value = column->of_run ? json_member(configuration, column->name) : NULL;

        if (!value)
            continue;
        const char *written = text_of_value(value, column, text);
        if (!written || !experiment_set(experiment, column, written, expected))
            return column->name;
    }
    return NULL;
}
