/* SPDX-License-Identifier: MIT */
#include "data/shift.h"

#include "support/minmax.h"

#include <string.h>

static void shift_row(uint8_t *out, const uint8_t *in, int64_t width, int64_t right)
{
    const int64_t kept = int64_max(width - (right < 0 ? -right : right), 0);

    if (right >= 0) {
        memset(out, in[0], (size_t)(width - kept));
        memcpy(out + (width - kept), in, (size_t)kept);
    } else {
        memcpy(out, in + (width - kept), (size_t)kept);
        memset(out + kept, in[width - 1], (size_t)(width - kept));
    }
}

void shift_planes(uint8_t *out, const uint8_t *in, int64_t planes, int32_t height, int32_t width, int32_t right,
                  int32_t down)
{
    const size_t plane = (size_t)height * (size_t)width;

    for (int64_t i = 0; i < planes; ++i) {
        for (int64_t row = 0; row < height; ++row) {
            const int64_t source = int64_min(int64_max(row - down, 0), height - 1);

            shift_row(out + (size_t)i * plane + (size_t)(row * width),
                      in + (size_t)i * plane + (size_t)(source * width), width, right);
        }
    }
}
