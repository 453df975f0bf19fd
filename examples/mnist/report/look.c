/* SPDX-License-Identifier: MIT */
#include "report/look.h"

#include <string.h>

/* style.css has the colours. */
const struct look looks[LOOKS] = {
    {"n-none", "none"},   {"n-batch", "batch"},       {"n-ghost", "ghost"}, {"n-group", "group"},
    {"n-layer", "layer"}, {"n-instance", "instance"}, {"n-rms", "rms"},
};

struct look look_of(const struct experiment *experiment)
{
    const char *norm = settings_norm_names[experiment->norm];

    if (strcmp(norm, "batch") == 0 && experiment->virtual_batch > 0)
        norm = "ghost";
    for (int i = 0; i < LOOKS; ++i) {
        if (strcmp(looks[i].name, norm) == 0)
            return looks[i];
    }
    return (struct look){"n-other", norm};
}
