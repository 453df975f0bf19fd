/* SPDX-License-Identifier: MIT */
/* Names of status values, the last error message, and versions. */
#include "base/message.h"
#include "model/enumerators.h"
#include "model/version.h"

const char *normnet_status_string(int32_t status)
{
    static const char *const names[NORMNET__LAST_STATUS + 1] = {
        "NORMNET_OK",      "NORMNET_EINVAL",    "NORMNET_ENOMEM",       "NORMNET_EIO",   "NORMNET_ETRUNCATED",
        "NORMNET_EFORMAT", "NORMNET_ELIMIT",    "NORMNET_EUNSUPPORTED", "NORMNET_EARCH", "NORMNET_EMISMATCH",
        "NORMNET_EVALUE",  "NORMNET_ECHECKSUM", "NORMNET_ELABEL",       "NORMNET_EBUSY", "NORMNET_ESTATE",
    };

    return status >= 0 && status <= NORMNET__LAST_STATUS ? names[status] : "unknown status";
}

const char *normnet_error_message(void)
{
    return normnet__error_message();
}

const char *normnet_version(void)
{
    return NORMNET__VERSION;
}

int32_t normnet_abi_version(void)
{
    return NORMNET_ABI_VERSION;
}

int32_t normnet_bits_version(void)
{
    return NORMNET_BITS_VERSION;
}
