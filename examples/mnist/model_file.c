/* SPDX-License-Identifier: MIT */
#include "model_file.h"

#include "report.h"

int model_file_open(normnet_model **model, const char *path, int64_t threads)
{
    normnet_config host;

    normnet_config_init(&host, NORMNET_NORM_NONE);
    host.max_batch = 1; /* what a larger batch would need is not known yet, or never needed */
    host.threads = (int32_t)threads;
    normnet_status status = normnet_model_load(model, path, &host);
    if (status == NORMNET_EIO) /* the library's sentence names the file */
        return report_error("%s", normnet_error_message());
    if (status != NORMNET_OK)
        return report_error("%s: %s", path, normnet_error_message());
    return 0;
}
