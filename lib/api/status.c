/* SPDX-License-Identifier: MIT */
/* Names of status values, the last error message, and versions. */
#include "base/message.h"
#include "model/version.h"

const char *normnet_status_string(int32_t status)
{
    static const char *const names[] = {
        "NORMNET_OK",      "NORMNET_EINVAL",    "NORMNET_ENOMEM",       "NORMNET_EIO",   "NORMNET_ETRUNCATED",
        "NORMNET_EFORMAT", "NORMNET_ELIMIT",    "NORMNET_EUNSUPPORTED", "NORMNET_EARCH", "NORMNET_EMISMATCH",
        "NORMNET_EVALUE",  "NORMNET_ECHECKSUM", "NORMNET_ELABEL",       "NORMNET_EBUSY", "NORMNET_ESTATE",
    };
    const int32_t count = (int32_t)(sizeof names / sizeof names[0]);

    return status >= 0 && status < count ? names[status] : "unknown status";
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
