/* SPDX-License-Identifier: MIT */
#include "training/settings_checks.h"

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

/* Whether the network has this norm, through the setting `norm` or through the layer `word`. */
static bool has_norm(const struct settings *settings, int32_t norm, const char *word)
{
    return (settings->norm == norm && has_layer(settings, "norm")) || has_layer(settings, word);
}

void settings_list_uses(const struct settings *settings, struct setting_use uses[SETTING_USES])
{
    const bool batch = has_norm(settings, NORMNET_NORM_BATCH, "batchnorm");
    const bool group = has_norm(settings, NORMNET_NORM_GROUP, "groupnorm");
    const bool layer = has_norm(settings, NORMNET_NORM_LAYER, "layernorm");
    const bool any = batch || layer || has_norm(settings, NORMNET_NORM_GROUP, "groupnorm*") ||
                     has_norm(settings, NORMNET_NORM_INSTANCE, "instancenorm") ||
                     has_norm(settings, NORMNET_NORM_RMS, "rmsnorm");
    const bool steps = settings->schedule == NORMNET_SCHEDULE_STEP;
    const struct setting_use list[] = {
        {"--norm", "norm", has_layer(settings, "norm") || settings->norm == NORMNET_NORM_NONE, "a layer `norm`", NULL},
        {"--groups", "groups", group || settings->groups == 0, "group norm", NULL},
        {"--layer-dims", "layer_dims", layer || settings->layer_dims == 3, "layer norm", NULL},
        {"--virtual-batch", "virtual_batch", batch || settings->virtual_batch == 0, "batch norm", NULL},
        {"--affine", "affine", any || settings->affine == NORMNET_AFFINE_DEFAULT, "a norm", NULL},
        {"--dropout", "dropout", has_layer(settings, "dropout") || settings->dropout == 0, "a layer `dropout`", NULL},
        {"--max-lr", NULL, settings->schedule == NORMNET_SCHEDULE_ONE_CYCLE, "--schedule one-cycle", NULL},
        {"--step-size", "step_size", steps, "--schedule step", "schedule = step"},
        {"--step-gamma", "step_gamma", steps, "--schedule step", "schedule = step"},
        {"--average-from", "average_from", settings->average > 0 || settings->average_from == 0, "--average",
         "average"},
    };
    _Static_assert(sizeof list == SETTING_USES * sizeof *list, "SETTING_USES is another");

    memcpy(uses, list, sizeof list);
}

bool settings_average_begins(const struct settings *settings)
{
    return settings->average == 0 || settings->average_from < settings->epochs;
}
