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

normnet_status normnet__check_metrics(const normnet_metrics *metrics)
{
    if (metrics == NULL)
        return NORMNET_OK;
    return normnet__check_struct_size(metrics->struct_size, NORMNET__METRICS, "metrics");
}

normnet_status normnet__write_metrics(normnet_metrics *metrics, const normnet_metrics *from)
{
    if (metrics == NULL)
        return NORMNET_OK;
    return normnet__write_struct(metrics, NORMNET__METRICS, from, (int32_t)sizeof *from, "metrics");
}
