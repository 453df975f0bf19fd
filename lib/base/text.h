/* SPDX-License-Identifier: MIT */
/* Text that grows in a caller's memory, as with snprintf: what does not fit is counted but not written. */
#ifndef NORMNET_BASE_TEXT_H
#define NORMNET_BASE_TEXT_H

#include "base/message.h"

#include <stdint.h>

struct text {
    char *to; /* `size` bytes, or NULL if it is 0 */
    int64_t size;
    int64_t length; /* of all the text so far, whether it fits or not */
};

NORMNET__PRINTF void normnet__append(struct text *text, const char *format, ...);

#endif
