/* SPDX-License-Identifier: MIT */
#include "training/model_file.h"

#include "support/atomic_file.h"
#include "support/report.h"

#include <stdlib.h>

int model_file_open(normnet_model **model, const char *path, enum model_file_trust trust, int64_t threads)
{
    normnet_config host;

    normnet_config_init(&host, NORMNET_NORM_NONE);
    host.max_batch = 1; /* only training needs the memory of a batch */
    host.threads = (int32_t)threads;
    if (trust == MODEL_TRUSTED)
        host.memory_limit = 0;
    normnet_status status = normnet_model_load(model, path, &host);
    return status == NORMNET_OK ? 0 : report_error("%s", normnet_error_message());
}

int model_file_save(normnet_model *model, const char *path, int32_t kind, const char *note)
{
    normnet_save_options options = {.struct_size = sizeof options, .kind = kind, .note = note};
    char *target = atomic_file_place(path); /* the library would replace a symbolic link */

    if (!target)
        return EXIT_FAILED;
    normnet_status status = normnet_model_save(model, target, &options);
    free(target);
    return status == NORMNET_OK ? 0 : report_error("%s", normnet_error_message());
}

int model_file_export_onnx(normnet_model *model, const char *path)
{
    char *target = atomic_file_place(path);

    if (!target)
        return EXIT_FAILED;
    normnet_status status = normnet_model_export_onnx(model, target);
    free(target);
    return status == NORMNET_OK ? 0 : report_error("%s", normnet_error_message());
}
