/* SPDX-License-Identifier: MIT */
#include "training/config_message.h"

#include "support/report.h"

#include <stdio.h>
#include <string.h>

static const char prefix[] = "config.";
static const char field_letters[] = "abcdefghijklmnopqrstuvwxyz0123456789_";

/* The option that sets a field, or NULL. */
static const char *find_option(const char *field, size_t length)
{
    static const struct {
        const char *field, *option;
    } options[] = {
        {"architecture", "--architecture"},
        {"affine", "--affine"},
        {"average_decay", "--average"},
        {"cpu", "--cpu"},
        {"dropout", "--dropout"},
        {"eps", "--eps"},
        {"groups", "--groups"},
        {"input_mean", "--mean"},
        {"input_std", "--std"},
        {"l1", "--l1"},
        {"l2", "--l2"},
        {"label_smoothing", "--label-smoothing"},
        {"layer_dims", "--layer-dims"},
        {"lr", "--lr"},
        {"max_batch", "--batch"},
        {"max_lr", "--lr"},
        {"momentum", "--momentum"},
        {"nesterov", "--nesterov"},
        {"norm", "--norm"},
        {"seed", "--seed"},
        {"step_gamma", "--step-gamma"},
        {"threads", "--threads"},
        {"virtual_batch", "--virtual-batch"},
    };

    for (size_t i = 0; i < sizeof options / sizeof options[0]; ++i) {
        if (strlen(options[i].field) == length && strncmp(options[i].field, field, length) == 0)
            return options[i].option;
    }
    return NULL;
}

/* Appends `length` bytes as far as there is room, and ends the text. */
static void append(char text[CONFIG_MESSAGE_ROOM], const char *part, size_t length)
{
    const size_t used = strlen(text), room = CONFIG_MESSAGE_ROOM - 1 - used, taken = length < room ? length : room;

    memcpy(text + used, part, taken);
    text[used + taken] = '\0';
}

static void append_field(char text[CONFIG_MESSAGE_ROOM], const char *field, size_t length)
{
    const char *option = find_option(field, length);
    char *name = text + strlen(text);

    append(text, option ? option : field, option ? strlen(option) : length);
    for (; !option && *name; ++name) {
        if (*name == '_')
            *name = ' ';
    }
}

const char *config_message(char text[CONFIG_MESSAGE_ROOM], const char *message)
{
    text[0] = '\0';
    for (const char *found; (found = strstr(message, prefix)) != NULL;) {
        const char *field = found + strlen(prefix);
        const size_t length = strspn(field, field_letters);

        append(text, message, (size_t)((length > 0 ? found : field) - message));
        append_field(text, field, length);
        message = field + length;
    }
    append(text, message, strlen(message));
    return text;
}

int config_report(normnet_status status)
{
    char text[CONFIG_MESSAGE_ROOM];

    config_message(text, normnet_error_message());
    return status == NORMNET_ENOMEM ? report_error("%s", text) : report_usage("%s", text);
}
