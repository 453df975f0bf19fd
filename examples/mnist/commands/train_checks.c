/* SPDX-License-Identifier: MIT */
#include "commands/train_checks.h"

#include "support/report.h"
#include "training/settings_checks.h"

#include <inttypes.h>
#include <stdbool.h>

static int reject_unused(const char *name, const char *needs)
{
    return report_usage("%s has no effect without %s", name, needs);
}

/* Rejects an option that would be ignored because the network, the schedule or the run does not use it. */
static int check_has_effect(const struct option *options, int count, const struct settings *settings)
{
    const struct {
        const char *name;
        bool used;
        const char *needs;
    } files[] = {
        {"--save-every", settings->save != NULL, "--save"},
        {"--keep", settings->save != NULL || settings->keep == KEEP_LAST, "--save"},
        {"--classes", settings->report != NULL, "--report"},
        {"--new-cycle", settings->resume != NULL, "--resume"},
    };
    struct setting_use uses[SETTING_USES];

    settings_list_uses(settings, uses);
    for (int i = 0; i < SETTING_USES; ++i) {
        if (options_given(options, count, uses[i].option) && !uses[i].used)
            return reject_unused(uses[i].option, uses[i].needs);
    }
    for (size_t i = 0; i < sizeof files / sizeof files[0]; ++i) {
        if (options_given(options, count, files[i].name) && !files[i].used)
            return reject_unused(files[i].name, files[i].needs);
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
    if (settings_average_begins(settings))
        return 0;
    return report_usage("--average-from is %" PRId64 ", but the training has %" PRId64
                        " epoch%s: the average would never begin",
                        settings->average_from, settings->epochs, settings->epochs == 1 ? "" : "s");
}

static int check_nesterov(const struct settings *settings)
{
    if (!settings->nesterov || settings->momentum > 0)
        return 0;
    return report_usage("--nesterov is momentum that looks ahead, and needs a --momentum above 0");
}

int train_check_options(const struct option *options, int count, const struct settings *settings)
{
    int code = check_keep(settings);

    if (code == 0)
        code = check_average(settings);
    if (code == 0)
        code = check_nesterov(settings);
    return code == 0 ? check_has_effect(options, count, settings) : code;
}
