/* SPDX-License-Identifier: MIT */
/* The version of the library as a string constant, e.g. "0.9.0". */
#ifndef NORMNET_MODEL_VERSION_H
#define NORMNET_MODEL_VERSION_H

#include "normnet.h"

/* Two macros, so that the numbers are expanded before they become text. */
#define NORMNET__TEXT_OF(number) #number
#define NORMNET__TEXT(number) NORMNET__TEXT_OF(number)

#define NORMNET__VERSION                                                                                               \
    NORMNET__TEXT(NORMNET_VERSION_MAJOR)                                                                               \
    "." NORMNET__TEXT(NORMNET_VERSION_MINOR) "." NORMNET__TEXT(NORMNET_VERSION_PATCH)

#endif
