/* SPDX-License-Identifier: MIT */
#include "shared_model.h"

#include "support/report.h"

#include <inttypes.h>
#include <stdlib.h>

/* The file of rank 0's model in all ranks; free() it. NULL, and 0 bytes, in all of them if it cannot be made. */
static void *share_file(const struct ranks *ranks, normnet_model *model, int32_t kind, int64_t *size)
{
    normnet_save_options options;
    void *bytes;

    *size = 0;
    normnet_save_options_init(&options);
    options.kind = kind;
    if (ranks->rank == 0) {
        options.note = kind == NORMNET_FILE_CHECKPOINT ? normnet_model_note(model) : NULL;
        if (normnet_model_serialize(model, NULL, 0, size, &options) != NORMNET_OK)
            report_error("%s", normnet_error_message());
    }
    ranks_copy(ranks, size, sizeof *size);
    bytes = *size > 0 ? malloc((size_t)*size) : NULL;
    if (*size > 0 && !bytes)
        report_error("not enough memory for a model of %" PRId64 " bytes", *size);
    if (ranks->rank == 0 && bytes && normnet_model_serialize(model, bytes, *size, size, &options) != NORMNET_OK) {
        report_error("%s", normnet_error_message());
        free(bytes);
        bytes = NULL;
    }
    if (ranks_agree(ranks, bytes == NULL) != 0) {
        free(bytes);
        return NULL;
    }
    ranks_copy(ranks, bytes, *size);
    return bytes;
}

int share_checkpoint(const struct ranks *ranks, struct checkpoint *checkpoint, const char *path)
{
    normnet_status status = NORMNET_OK;
    normnet_model *model = NULL;
    normnet_config host;
    int64_t size;
    void *bytes = share_file(ranks, checkpoint->model, NORMNET_FILE_CHECKPOINT, &size);

    if (!bytes)
        return EXIT_FAILED;
    if (ranks->rank > 0) {
        normnet_config_init(&host, NORMNET_NORM_NONE);
        host.max_batch = 1;
        host.memory_limit = 0;
        status = normnet_model_deserialize(&model, bytes, size, &host);
    }
    free(bytes);
    if (status != NORMNET_OK)
        return report_error("%s", normnet_error_message());
    return ranks->rank > 0 ? checkpoint_adopt(checkpoint, model, path) : 0;
}

int share_weights(const struct ranks *ranks, normnet_model *model)
{
    normnet_status status = NORMNET_OK;
    int64_t size;
    void *bytes = share_file(ranks, model, NORMNET_FILE_WEIGHTS, &size);

    if (!bytes)
        return EXIT_FAILED;
    if (ranks->rank > 0)
        status = normnet_deserialize_weights(model, bytes, size);
    free(bytes);
    return status == NORMNET_OK ? 0 : report_error("%s", normnet_error_message());
}
