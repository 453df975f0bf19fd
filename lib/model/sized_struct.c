/* SPDX-License-Identifier: MIT */
#include "model/sized_struct.h"

#include "base/message.h"

#include <string.h>

enum { MAX_STRUCT_SIZE = 4096 }; /* a larger struct_size has most likely not been initialized */

static const struct {
    int32_t min_size;
    const char *initializer;
} structs[] = {
    [NORMNET__CONFIG] = {NORMNET__CONFIG_MIN_SIZE, "normnet_config_init"},
    [NORMNET__TENSOR] = {NORMNET__TENSOR_MIN_SIZE, "normnet_tensor_init"},
    [NORMNET__METRICS] = {NORMNET__METRICS_MIN_SIZE, "normnet_metrics_init"},
    [NORMNET__BATCH] = {NORMNET__BATCH_MIN_SIZE, "normnet_batch_init"},
    [NORMNET__PREDICT_OPTIONS] = {NORMNET__PREDICT_OPTIONS_MIN_SIZE, "normnet_predict_options_init"},
    [NORMNET__SAVE_OPTIONS] = {NORMNET__SAVE_OPTIONS_MIN_SIZE, "normnet_save_options_init"},
    [NORMNET__LAYER_INFO] = {NORMNET__LAYER_INFO_MIN_SIZE, "normnet_layer_info_init"},
    [NORMNET__STATE_INFO] = {NORMNET__STATE_INFO_MIN_SIZE, "normnet_state_info_init"},
};

normnet_status normnet__check_struct_size(int32_t size, enum sized_struct type, const char *name)
{
    const int32_t min_size = structs[type].min_size;

    /* Structs grow by 8 bytes at a time, so any other size ends inside a field. */
    if (size >= min_size && size <= MAX_STRUCT_SIZE && size % 8 == 0)
        return NORMNET_OK;
    return normnet__fail(NORMNET_EINVAL,
                         "%s.struct_size is %d; expected a multiple of 8 from %d to %d: initialize the struct with "
                         "%s()",
                         name, size, min_size, (int)MAX_STRUCT_SIZE, structs[type].initializer);
}

normnet_status normnet__read_struct_size(const void *from, enum sized_struct type, const char *name, int32_t *size)
{
    *size = *(const volatile int32_t *)from;
    return normnet__check_struct_size(*size, type, name);
}

/* Copies the fields that both structs have, without the size. */
static void copy_fields(void *to, const void *from, int32_t one_size, int32_t other_size)
{
    const size_t common = (size_t)(one_size < other_size ? one_size : other_size), first = sizeof(int32_t);

    memcpy((char *)to + first, (const char *)from + first, common - first);
}

normnet_status normnet__read_struct(void *to, int32_t size, enum sized_struct type, const void *from, const char *name)
{
    const unsigned char *bytes = from;
    int32_t given_size;
    const normnet_status status = normnet__read_struct_size(from, type, name, &given_size);

    if (status != NORMNET_OK)
        return status;
    for (int32_t i = size; i < given_size; ++i)
        if (bytes[i] != 0)
            return normnet__fail(NORMNET_EINVAL, "%s sets a field at byte %d, which this version does not support",
                                 name, i);
    copy_fields(to, from, size, given_size);
    return NORMNET_OK;
}

void normnet__write_struct(void *to, int32_t given_size, const void *from, int32_t size)
{
    copy_fields(to, from, size, given_size);
    if (given_size > size)
        memset((char *)to + size, 0, (size_t)(given_size - size));
}
