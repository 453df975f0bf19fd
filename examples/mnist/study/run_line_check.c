/* SPDX-License-Identifier: MIT */
#include "study/run_line_check.h"

#include "study/from_line.h"
#include "study/run_line.h"

#include <normnet.h>
#include <stdio.h>
#include <string.h>

static bool is_run(const struct json_value *line)
{
    const struct json_value *history = json_member(line, "history");
    const char *key = json_string(json_member(line, "key"));
    const double seed = json_number(json_member(line, "seed"));

    return key && strlen(key) == 64 && history && history->kind == JSON_ARRAY && seed >= 1 && seed <= MAX_SEEDS;
}

static bool is_of_another_program(const struct json_value *line, char wrong[WRONG_ROOM])
{
    const double format = json_number(json_member(line, "format"));
    const double bits = json_number(json_member(line, "bits_version"));

    if (format != RUN_LINE_FORMAT)
        snprintf(wrong, WRONG_ROOM, "its format is %g; this program reads %d", format, RUN_LINE_FORMAT);
    else if (bits != normnet_bits_version())
        snprintf(wrong, WRONG_ROOM, "its weights are of version %g of the bits, and this library has version %d", bits,
                 (int)normnet_bits_version());
    else
        return false;
    return true;
}

/* A configuration that this program does not know is no mistake: a newer one may have written it. */
static bool key_is_wrong(const struct json_value *line)
{
    const char *data = json_string(json_member(line, "data_sha256"));
    struct experiment experiment;
    char key[65];

    if (experiment_from_line(&experiment, line) || !data)
        return false;
    experiment_key(&experiment, (int64_t)json_number(json_member(line, "seed")), data, key);
    return strcmp(key, json_string(json_member(line, "key"))) != 0;
}

/* Of a training that has failed, the last epoch may have no accuracies. */
static bool accuracy_is_wrong(const struct json_value *epoch, const char *name, bool needed)
{
    const struct json_value *value = json_member(epoch, name);
    const double accuracy = json_number(value);

    if (!value || value->kind == JSON_NULL)
        return needed;
    return !(accuracy >= 0 && accuracy <= 100);
}

/* The accuracies of an epoch, or those with shifted copies, which have none of the training. `of` says whose. */
static bool tests_are_wrong(const struct json_value *tests, const char *of, bool trained, bool needed, bool validates,
                            char wrong[WRONG_ROOM])
{
    const struct {
        const char *name;
        bool needed;
    } accuracies[] = {{"train_accuracy", needed && trained},
                      {"test_accuracy", needed},
                      {"validation_accuracy", needed && validates},
                      {"average_test_accuracy", false},
                      {"average_validation_accuracy", false}};

    for (int i = 0; i < 5; ++i) {
        const struct json_value *value = json_member(tests, accuracies[i].name);

        if (!accuracy_is_wrong(tests, accuracies[i].name, accuracies[i].needed))
            continue;
        snprintf(wrong, WRONG_ROOM, "%s of %s is %.40s; expected 0 to 100", accuracies[i].name, of,
                 value && value->text ? value->text : "missing");
        return true;
    }
    return false;
}

static bool history_is_wrong(const struct json_value *line, char wrong[WRONG_ROOM])
{
    const struct json_value *configuration = json_member(line, "configuration");
    const double epochs = json_number(json_member(configuration, "epochs"));
    const bool failed = json_member(line, "failure") != NULL;
    const bool validates = json_number(json_member(configuration, "validate")) > 0;
    int count = 0;

    for (const struct json_value *epoch = json_member(line, "history")->first; epoch; epoch = epoch->next) {
        char of[40];

        snprintf(of, sizeof of, "epoch %d", ++count);
        if (tests_are_wrong(epoch, of, true, !failed, validates, wrong))
            return true;
    }
    const bool shifts = json_number(json_member(configuration, "tta")) > 0;
    if (tests_are_wrong(json_member(line, "tta"), "tta", false, !failed && shifts, validates, wrong))
        return true;
    if (failed || !(epochs > 0) || count == (int)epochs)
        return false;
    snprintf(wrong, WRONG_ROOM, "its history has %d epoch%s; expected %g", count, count == 1 ? "" : "s", epochs);
    return true;
}

bool run_line_is_wrong(const struct json_value *line, char wrong[WRONG_ROOM])
{
    if (!is_run(line))
        snprintf(wrong, WRONG_ROOM, "it is not a run of a study: it needs key, seed and history");
    else if (is_of_another_program(line, wrong))
        return true;
    else if (key_is_wrong(line))
        snprintf(wrong, WRONG_ROOM, "its key does not fit its configuration and seed");
    else
        return history_is_wrong(line, wrong);
    return true;
}
