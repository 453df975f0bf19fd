/* SPDX-License-Identifier: MIT */
#include "commands/train_checks.h"

#include "support/report.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

/*
 * Whether the architecture has the layer `word`. A "*" at the end of `word` matches any rest. The default network has
 * the layers norm and dropout.
 */
static bool has_layer(const struct settings *settings, const char *word)
{
    static const char space[] = " \t\n\r";
    const char *layer = settings->architecture ? settings->architecture : "norm dropout";
    const size_t length = strcspn(word, "*");

    for (layer += strspn(layer, space); *layer; layer += strspn(layer, space)) {
        const size_t whole = strcspn(layer, space);
        if (strncmp(layer, word, length) == 0 && (word[length] == '*' || whole == length))
            return true;
        layer += whole;
    }
    return false;
}

/* Whether the network has this norm, through --norm or through the layer `word`. */
static bool has_norm(const struct settings *settings, int32_t norm, const char *word)
{
    return (settings->norm == norm && has_layer(settings, "norm")) || has_layer(settings, word);
}

/* Rejects an option that would be ignored because the network or the schedule does not use it. */
static int check_has_effect(const struct option *options, int count, const struct settings *settings)
{
    const bool batch = has_norm(settings, NORMNET_NORM_BATCH, "batchnorm");
    const bool group = has_norm(settings, NORMNET_NORM_GROUP, "groupnorm");
    const bool layer = has_norm(settings, NORMNET_NORM_LAYER, "layernorm");
    const bool any = batch || layer || has_norm(settings, NORMNET_NORM_GROUP, "groupnorm*") ||
                     has_norm(settings, NORMNET_NORM_INSTANCE, "instancenorm") ||
                     has_norm(settings, NORMNET_NORM_RMS, "rmsnorm");
    const struct {
        const char *name;
        bool used;
        const char *needs;
    } uses[] = {
        {"--norm", has_layer(settings, "norm") || settings->norm == NORMNET_NORM_NONE, "a layer `norm`"},
        {"--groups", group || settings->groups == 0, "group norm"},
        {"--layer-dims", layer || settings->layer_dims == 3, "layer norm"},
        {"--virtual-batch", batch || settings->virtual_batch == 0, "batch norm"},
        {"--affine", any || settings->affine == NORMNET_AFFINE_DEFAULT, "a norm"},
        {"--dropout", has_layer(settings, "dropout") || settings->dropout == 0, "a layer `dropout`"},
        {"--max-lr", settings->schedule == NORMNET_SCHEDULE_ONE_CYCLE, "--schedule one-cycle"},
        {"--step-size", settings->schedule == NORMNET_SCHEDULE_STEP, "--schedule step"},
        {"--step-gamma", settings->schedule == NORMNET_SCHEDULE_STEP, "--schedule step"},
        {"--average-from", settings->average > 0 || settings->average_from == 0, "--average"},
        {"--save-every", settings->save != NULL, "--save"},
        {"--keep", settings->save != NULL || settings->keep == KEEP_LAST, "--save"},
        {"--classes", settings->report != NULL, "--report"},
        {"--new-cycle", settings->resume != NULL, "--resume"},
    };

    for (size_t i = 0; i < sizeof uses / sizeof uses[0]; ++i) {
        if (options_given(options, count, uses[i].name) && !uses[i].used)
            return report_usage("%s has no effect without %s", uses[i].name, uses[i].needs);
    }
    return 0;
}

static int check_keep(const struct settings *settings)
{
    if (settings->keep == KEEP_LAST || settings->validate > 0)
        return 0;
    return report_usage("--keep best needs --validate N: without validation images the best epoch would be chosen by "
                        "the test images, and its accuracy on them would no longer be that on new images");
}

static int check_average(const struct settings *settings)
{
    if (settings->average == 0 || settings->average_from < settings->epochs)
        return 0;
    return report_usage("--average-from is %" PRId64 ", but the training has %" PRId64
                        " epochs: the average would never begin",
                        settings->average_from, settings->epochs);
}

int train_check_options(const struct option *options, int count, const struct settings *settings)
{
    int code = check_keep(settings);

    if (code == 0)
        code = check_average(settings);
    return code == 0 ? check_has_effect(options, count, settings) : code;
}
