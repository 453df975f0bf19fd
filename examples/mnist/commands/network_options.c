/* SPDX-License-Identifier: MIT */
#include "commands/network_options.h"

#include "support/file_system.h"
#include "support/report.h"
#include "training/settings.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

int network_options_list(struct option *options, struct network_options *network, bool takes_names)
{
    const double large = 1e9; /* for values that the library checks */

    *network = (struct network_options){
        .image = "1x28x28",
        .mean = "0",
        .std = "1",
        .norm = NORMNET_NORM_BATCH,
        .layer_dims = 3,
        .classes = "10",
        .takes_names = takes_names,
        .eps = 1e-5,
    };
    const struct option list[] = {
        {.kind = OPTION_HEADING,
         .name = "Network, for a file of PyTorch or another program that does not say it\n"
                 "(normnet-mnist export writes one that does)"},
        {OPTION_TEXT, "--architecture", "TEXT",
         "The layers, as for train. [the default network of the library for these images and classes]",
         .target.text = &network->architecture},
        {OPTION_CHOICE, "--norm", "NORM",
         "The normalization of the layers `norm`: none, batch, group, layer, instance or rms. [batch]",
         .target.choice = &network->norm, .choices = settings_norm_names},
        {OPTION_INTEGER, "--groups", "N", "Groups of group norm. [0: one group per four channels]",
         .target.integer = &network->groups, .max = large},
        {OPTION_INTEGER, "--layer-dims", "N", "Trailing dimensions that layer norm normalizes over: 3, 2 or 1. [3]",
         .target.integer = &network->layer_dims, .min = 1, .max = 3},
        {OPTION_CHOICE, "--affine", "FORM", "Gamma and beta of the norm: default, channel, element or none. [default]",
         .target.choice = &network->affine, .choices = settings_affine_names},
        {OPTION_REAL, "--eps", "X", "What the norm adds to variances. [1e-05]", .target.real = &network->eps,
         .max = large},
        {OPTION_TEXT, "--classes", takes_names ? "N|FILE" : "N",
         takes_names ? "Classes, or a text file with the name of a class per line. Names are also for a file that says "
                       "its network. [10]"
                     : "Classes. [10]",
         .target.text = &network->classes},
        {OPTION_TEXT, "--image", "CxHxW", "Channels, rows and columns of an image. [1x28x28]",
         .target.text = &network->image},
        {OPTION_TEXT, "--mean", "LIST",
         "What was subtracted from pixels in 0 to 1: a number, or one per channel, separated by commas. [0]",
         .target.text = &network->mean},
        {OPTION_TEXT, "--std", "LIST", "What they were divided by then. For MNIST often --mean .1307 --std .3081. [1]",
         .target.text = &network->std},
    };
    _Static_assert(sizeof list <= NETWORK_OPTIONS * sizeof *list, "NETWORK_OPTIONS is too small");

    memcpy(options, list, sizeof list);
    return (int)(sizeof list / sizeof *list);
}

/* ---- Values ------------------------------------------------------------------------------------ */

static int read_image(const char *text, normnet_config *config)
{
    int32_t *const sides[3] = {&config->channels, &config->height, &config->width};
    const char *cursor = text;

    for (int i = 0; i < 3; ++i) {
        const size_t digits = strspn(cursor, "0123456789");

        if (digits == 0 || digits > 6 || cursor[digits] != (i < 2 ? 'x' : '\0'))
            return report_usage("--image: '%s' is not channels, rows and columns such as 1x28x28", text);
        *sides[i] = (int32_t)strtol(cursor, NULL, 10);
        cursor += digits + 1;
    }
    return 0;
}

static bool is_number(const char *text)
{
    return strspn(text, "+-.0123456789") == strlen(text);
}

/* Sets their number, and their names if the text is that of a file. */
static int read_classes(struct network_options *network, int32_t *count)
{
    const char *text = network->classes;
    const int64_t max_classes = 1048576;
    char *end;

    if (network->takes_names && !is_number(text)) {
        if (!file_exists(text))
            return report_usage("--classes: '%s' is neither a whole number from 1 to %" PRId64 " nor a file of names",
                                text, max_classes);
        const int code = class_names_read(&network->names, text);
        *count = network->names.count;
        return code;
    }
    const int64_t value = strtoll(text, &end, 10);
    if (*end || !strchr("0123456789", *text) || value < 1 || value > max_classes)
        return report_usage("--classes: '%s' is not a whole number from 1 to %" PRId64, text, max_classes);
    *count = (int32_t)value;
    return 0;
}

/* Fills one value per channel. */
static int read_channels(const char *name, const char *text, int32_t channels, double *values)
{
    int32_t count = 0;
    const char *cursor = text;
    char *end;

    if (channels > NETWORK_MAX_CHANNELS)
        return report_usage("--image has %" PRId32 " channels; expected at most %d", channels, NETWORK_MAX_CHANNELS);
    for (;; cursor = end + 1) {
        const double value = strtod(cursor, &end);

        if (end == cursor || (*end && *end != ',') || !strchr("+-.0123456789", *cursor) || count == channels)
            return report_usage("%s: '%s' is not one number, or %" PRId32 " separated by commas", name, text, channels);
        values[count++] = value;
        if (!*end)
            break;
    }
    if (count != 1 && count != channels)
        return report_usage("%s: '%s' has %" PRId32 " numbers; expected one, or one per channel: %" PRId32, name, text,
                            count, channels);
    for (int32_t i = count; i < channels; ++i)
        values[i] = values[0];
    return 0;
}

/* The first option that describes the network, or NULL. Names of classes alone do not. */
static const char *first_given(const struct network_options *network, const struct option *options, int count)
{
    static const char *const names[] = {"--architecture", "--norm",  "--groups", "--layer-dims", "--affine",
                                        "--eps",          "--image", "--mean",   "--std"};

    if (options_given(options, count, "--classes") && network->names.count == 0)
        return "--classes";
    for (size_t i = 0; i < sizeof names / sizeof names[0]; ++i) {
        if (options_given(options, count, names[i]))
            return names[i];
    }
    return NULL;
}

int network_options_read(struct network_options *network, const struct option *options, int count,
                         const normnet_config **result)
{
    normnet_config *config = &network->config;

    *result = NULL;
    normnet_config_init(config, network->norm);
    int code = read_classes(network, &config->classes);
    network->given = first_given(network, options, count);
    if (code != 0 || !network->given)
        return code;
    code = read_image(network->image, config);
    if (code == 0)
        code = read_channels("--mean", network->mean, config->channels, network->input_mean);
    if (code == 0)
        code = read_channels("--std", network->std, config->channels, network->input_std);
    if (code != 0)
        return code;
    config->architecture = network->architecture;
    config->groups = (int32_t)network->groups;
    config->layer_dims = (int32_t)network->layer_dims;
    config->affine = network->affine;
    config->eps = network->eps;
    config->input_mean = network->input_mean;
    config->input_std = network->input_std;
    *result = config;
    return 0;
}

void network_options_free(struct network_options *network)
{
    class_names_free(&network->names);
}
