/* SPDX-License-Identifier: MIT */
/*
 * Unpacks one case after another for test_mnist_inflate.py, with data/inflate.c. A case on standard input is the
 * format, the size of the input and the limit as little-endian 32-bit numbers, then the input; its answer is 1 and the
 * data, or 0 and the message, each after its length. The input is in memory of exactly its size, so that reading beyond
 * it shows under a sanitizer.
 */
#include "data/inflate.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(_WIN32)
#include <fcntl.h>
#include <io.h>
#endif

static bool read_number(uint32_t *number)
{
    uint8_t bytes[4];

    if (fread(bytes, 1, sizeof bytes, stdin) != sizeof bytes)
        return false;
    *number = (uint32_t)bytes[3] << 24 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[1] << 8 | bytes[0];
    return true;
}

static void write_answer(int good, const void *bytes, size_t size)
{
    const uint8_t head[5] = {(uint8_t)good, (uint8_t)size, (uint8_t)(size >> 8), (uint8_t)(size >> 16),
                             (uint8_t)(size >> 24)};

    fwrite(head, 1, sizeof head, stdout);
    if (size > 0)
        fwrite(bytes, 1, size, stdout);
}

int main(void)
{
    uint32_t format = 0, size = 0, limit = 0;

#if defined(_WIN32)
    _setmode(_fileno(stdin), _O_BINARY);
    _setmode(_fileno(stdout), _O_BINARY);
#endif
    while (read_number(&format) && read_number(&size) && read_number(&limit)) {
        uint8_t *input = malloc(size), *data = NULL;
        size_t unpacked = 0;

        if ((!input && size > 0) || fread(input, 1, size, stdin) != size)
            return 1;
        const char *wrong = inflate_data((enum inflate_format)format, input, size, limit, &data, &unpacked);
        if (wrong)
            write_answer(0, wrong, strlen(wrong));
        else
            write_answer(1, data, unpacked);
        free(data);
        free(input);
    }
    return 0;
}
