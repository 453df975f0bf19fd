/* SPDX-License-Identifier: MIT */
#include "training/model_file.h"

#include "support/atomic_file.h"
#include "support/report.h"
#include "training/average.h"
#include "training/config_message.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Whether the last failure is that of a file that has weights only. */
static bool says_no_network(normnet_status status)
{
    return status == NORMNET_EARCH && strstr(normnet_error_message(), "normnet.architecture");
}

static int open_weights(normnet_model **model, const char *path, const normnet_config *network, int64_t threads)
{
    normnet_config config = *network;

    config.max_batch = 1;
    config.threads = (int32_t)threads;
    normnet_status status = normnet_model_create(model, &config);
    if (status != NORMNET_OK)
        return config_report(status);
    status = normnet_load_weights(*model, path);
    return status == NORMNET_OK ? 0 : report_error("%s", normnet_error_message());
}

int model_file_open(normnet_model **model, const char *path, enum model_file_trust trust, int64_t threads,
                    const normnet_config *network, const char *option)
{
    normnet_config host;
    char message[CONFIG_MESSAGE_ROOM];

    normnet_config_init(&host, NORMNET_NORM_NONE);
    host.max_batch = 1; /* only training needs the memory of a batch */
    host.threads = (int32_t)threads;
    if (trust == MODEL_TRUSTED)
        host.memory_limit = 0;
    const normnet_status status = normnet_model_load(model, path, &host);
    if (network && says_no_network(status))
        return open_weights(model, path, network, threads);
    if (status != NORMNET_OK)
        return report_error("%s%s", config_message(message, normnet_error_message()),
                            says_no_network(status) && trust == MODEL_UNTRUSTED
                                ? "; describe its network with --architecture, --norm and so on"
                                : "");
    if (network)
        return report_usage("%s already describes its network; %s is not allowed", path, option);
    return 0;
}

const char *const model_file_use_names[] = {"auto", "average", "last", NULL};
const char model_file_use_help[] =
    "Which weights of a checkpoint of train --average: average, last, or auto for the average if the file has one. "
    "[auto]";

int model_file_use(normnet_model **model, int32_t *use, const char *path)
{
    const bool kept = average_is_kept(*model);
    normnet_model *average = NULL;

    if (*use == USE_AVERAGE && !kept)
        return report_error("%s has no average of its weights, which train --average keeps; leave out --use average",
                            path);
    if (*use == USE_AUTO)
        *use = kept ? USE_AVERAGE : USE_LAST;
    if (*use == USE_LAST)
        return 0;
    if (normnet_model_clone_average(&average, *model, NULL) != NORMNET_OK)
        return report_error("%s", normnet_error_message());
    normnet_model_destroy(*model);
    *model = average;
    return 0;
}

int model_file_copy_weights(normnet_model *model, normnet_model *from)
{
    normnet_save_options options = {.struct_size = sizeof options, .kind = NORMNET_FILE_WEIGHTS};
    int64_t size = 0;

    normnet_status status = normnet_model_serialize(from, NULL, 0, &size, &options);
    void *bytes = status == NORMNET_OK ? malloc((size_t)size) : NULL;
    if (status == NORMNET_OK && !bytes)
        return report_error("not enough memory for %" PRId64 " bytes of weights", size);
    if (status == NORMNET_OK)
        status = normnet_model_serialize(from, bytes, size, &size, &options);
    if (status == NORMNET_OK)
        status = normnet_deserialize_weights(model, bytes, size);
    free(bytes);
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
