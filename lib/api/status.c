/* SPDX-License-Identifier: MIT */
#include "normnet.h"

#define TEXT_OF(number) #number
#define TEXT(number) TEXT_OF(number)

const char *normnet_version(void)
{
    return TEXT(NORMNET_VERSION_MAJOR) "." TEXT(NORMNET_VERSION_MINOR) "." TEXT(NORMNET_VERSION_PATCH);
}

int32_t normnet_abi_version(void)
{
    return NORMNET_ABI_VERSION;
}

int32_t normnet_bits_version(void)
{
    return NORMNET_BITS_VERSION;
}
