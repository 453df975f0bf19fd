/* SPDX-License-Identifier: MIT */
#include "api/arguments.h"

#include "base/message.h"
#include "model/sized_struct.h"

normnet_status normnet__require(const void *pointer, const char *name)
{
    return pointer != NULL ? NORMNET_OK : normnet__fail(NORMNET_EINVAL, "%s is NULL", name);
}

normnet_status normnet__check_index(int32_t index, int32_t count, const char *name)
{
    if (index >= 0 && index < count)
        return NORMNET_OK;
    return normnet__fail(NORMNET_EINVAL, "%s is %d; expected 0 to %d", name, index, count - 1);
}

normnet_status normnet__read_metrics_size(const normnet_metrics *metrics, int32_t *size)
{
    *size = 0;
    return metrics == NULL ? NORMNET_OK : normnet__read_struct_size(metrics, NORMNET__METRICS, "metrics", size);
}

void normnet__write_metrics(normnet_metrics *metrics, int32_t size, const normnet_metrics *from)
{
    if (metrics != NULL)
        normnet__write_struct(metrics, size, from, (int32_t)sizeof *from);
}
