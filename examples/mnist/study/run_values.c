/* SPDX-License-Identifier: MIT */
#include "study/run_values.h"

#include "study/from_line.h"

#include <stdio.h>
#include <string.h>

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

static bool epoch_is_wrong(const struct json_value *epoch, int number, bool failed, bool validates,
                           char wrong[WRONG_ROOM])
{
    static const char *const names[] = {"train_accuracy", "test_accuracy", "validation_accuracy",
                                        "average_test_accuracy", "average_validation_accuracy"};

    for (int i = 0; i < 5; ++i) {
        const struct json_value *value = json_member(epoch, names[i]);

        if (!accuracy_is_wrong(epoch, names[i], !failed && (i < 2 || (i == 2 && validates))))
            continue;
        snprintf(wrong, WRONG_ROOM, "%s of epoch %d is %.40s; expected 0 to 100", names[i], number,
                 value && value->text ? value->text : "missing");
        return true;
    }
    return false;
}

bool run_values_wrong(const struct json_value *line, char wrong[WRONG_ROOM])
{
    const struct json_value *configuration = json_member(line, "configuration");
    const double epochs = json_number(json_member(configuration, "epochs"));
    const bool failed = json_member(line, "failure") != NULL;
    const bool validates = json_number(json_member(configuration, "validate")) > 0;
    int count = 0;

    if (key_is_wrong(line)) {
        snprintf(wrong, WRONG_ROOM, "its key does not fit its configuration and seed");
        return true;
    }
    for (const struct json_value *epoch = json_member(line, "history")->first; epoch; epoch = epoch->next) {
        if (epoch_is_wrong(epoch, ++count, failed, validates, wrong))
            return true;
    }
    if (failed || !(epochs > 0) || count == (int)epochs)
        return false;
    snprintf(wrong, WRONG_ROOM, "its history has %d epoch%s; expected %g", count, count == 1 ? "" : "s", epochs);
    return true;
}
