/* SPDX-License-Identifier: MIT */
/* The defaults of a configuration. */
#include "api/arguments.h"
#include "base/message.h"
#include "model/config.h"
#include "model/enumerators.h"
#include "model/sized_struct.h"

normnet_status normnet_config_init_size(normnet_config *config, int32_t struct_size, int32_t norm)
{
    normnet_config filled;
    normnet_status status = normnet__require(config, "config");

    if (status == NORMNET_OK)
        status = normnet__check_struct_size(struct_size, NORMNET__CONFIG, "config");
    if (status != NORMNET_OK)
        return status;
    if (norm < 0 || norm > NORMNET__LAST_NORM)
        return normnet__fail(NORMNET_EUNSUPPORTED, "norm is %d; expected 0 to %d", norm, (int)NORMNET__LAST_NORM);
    filled = normnet__default_config(norm);
    config->struct_size = struct_size;
    normnet__write_struct(config, struct_size, &filled, (int32_t)sizeof filled);
    return NORMNET_OK;
}
