/* SPDX-License-Identifier: MIT */
#include "training/run_file.h"

#include "support/file_kind.h"
#include "support/report.h"
#include "support/whole_file.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const char expected[] = "a JSON file of normnet-mnist train --json";

/* Returns 0, or reports in which line and column it is no JSON. */
static int parse_json(struct run_file *run, const char *text, size_t size)
{
    struct json_problem problem;
    int64_t line = 1, column = 1;

    run->root = json_parse(text, size, &problem);
    if (run->root)
        return 0;
    if (problem.memory)
        return report_error("not enough memory to read %s", run->path);
    for (size_t i = 0; i < problem.offset; ++i) {
        column = text[i] == '\n' ? 1 : column + 1;
        line += text[i] == '\n';
    }
    return report_error("%s is not valid JSON: expected %s at line %" PRId64 ", column %" PRId64, run->path,
                        problem.expected, line, column);
}

static int parse_file(struct run_file *run)
{
    struct whole_file file;

    int code = whole_file_open(&file, run->path);
    if (code != 0)
        return code;
    size_t start = 0;
    while (start < file.size && strchr(" \t\r\n", file.data[start]) && file.data[start])
        ++start;
    if (start == file.size || file.data[start] != '{')
        code = file_kind_reject(run->path, file.data, file.size, expected);
    else
        code = parse_json(run, (const char *)file.data, (size_t)file.size);
    whole_file_close(&file);
    return code;
}

static int check_program(const struct run_file *run)
{
    const struct json_value *program = json_find(run->root, "program", JSON_TEXT);

    if (!program)
        return report_error("%s is JSON, but not %s: it has no \"program\"", run->path, expected);
    if (strcmp(program->text, "normnet-mnist train") != 0)
        return report_error("%s was written by %s; expected %s", run->path, program->text, expected);
    return 0;
}

static int reject_field(const struct run_file *run, const char *field)
{
    return report_error("%s is damaged: it has no valid \"%s\"", run->path, field);
}

static int read_numbers(const struct run_file *run, const struct json_value *object, struct epoch_result *result)
{
    double epoch = 0;
    const struct {
        const char *key;
        double *target;
        bool needed;
    } fields[] = {
        {"epoch", &epoch, true},
        {"train_loss", &result->train_loss, true},
        {"train_accuracy", &result->train_accuracy, true},
        {"validation_loss", &result->validation_loss, run->validated},
        {"validation_accuracy", &result->validation_accuracy, run->validated},
        {"test_loss", &result->test_loss, true},
        {"test_accuracy", &result->test_accuracy, true},
        {"lr", &result->lr, true},
        {"images_per_second", &result->images_per_second, true},
        {"seconds", &result->seconds, true},
    };

    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; ++i) {
        const struct json_value *value = json_member(object, fields[i].key);
        const bool null = value && value->kind == JSON_NULL; /* a number that was not finite */

        if (fields[i].needed && !null && (!value || value->kind != JSON_NUMBER))
            return reject_field(run, fields[i].key);
        if (value)
            *fields[i].target = json_number(value);
    }
    if (!(epoch >= 1 && epoch <= 1e9))
        return reject_field(run, "epoch");
    result->epoch = (int64_t)epoch;
    return 0;
}

static int read_history(struct run_file *run)
{
    const struct json_value *history = json_find(run->root, "history", JSON_ARRAY);
    int code = 0;

    if (!history)
        return reject_field(run, "history");
    for (const struct json_value *value = history->first; value; value = value->next)
        ++run->epochs;
    if (run->epochs == 0)
        return report_error("%s has no finished epoch", run->path);
    run->history = calloc((size_t)run->epochs, sizeof *run->history);
    if (!run->history)
        return report_error("not enough memory for %" PRId64 " epochs", run->epochs);
    run->validated = json_member(history->first, "validation_loss") != NULL;
    int64_t i = 0;
    for (const struct json_value *value = history->first; value && code == 0; value = value->next, ++i) {
        code = read_numbers(run, value, &run->history[i]);
        if (code == 0 && run->history[i].epoch != run->history[0].epoch + i)
            code = reject_field(run, "epoch");
    }
    return code;
}

int run_file_open(struct run_file *run, const char *path)
{
    *run = (struct run_file){.path = path};
    int code = parse_file(run);
    if (code == 0)
        code = check_program(run);
    if (code != 0)
        return code;
    const struct json_value *parameters = json_find(run->root, "parameters", JSON_NUMBER);
    const struct json_value *bits = json_find(run->root, "bits_version", JSON_NUMBER);
    run->configuration = json_find(run->root, "configuration", JSON_OBJECT);
    run->data = json_find(run->root, "data", JSON_OBJECT);
    if (!parameters || !bits || !run->configuration || !run->data)
        return reject_field(run, !run->configuration ? "configuration"
                                 : !run->data        ? "data"
                                 : !parameters       ? "parameters"
                                                     : "bits_version");
    run->parameters = parameters->number;
    run->bits_version = bits->number;
    return read_history(run);
}

void run_file_close(struct run_file *run)
{
    json_free(run->root);
    run->root = NULL;
    free(run->history);
    run->history = NULL;
}
