/* SPDX-License-Identifier: MIT */
#include "support/bar.h"

#include "support/terminal.h"

#include <inttypes.h>
#include <stdint.h>
#include <string.h>

enum { MAX_BAR = 40 };

void duration_text(char *text, size_t size, double seconds)
{
    int64_t whole = (int64_t)(seconds + 0.5);
    int64_t hours = whole / 3600, minutes = whole / 60 % 60;

    if (hours > 0)
        snprintf(text, size, "%" PRId64 ":%02" PRId64 ":%02" PRId64, hours, minutes, whole % 60);
    else
        snprintf(text, size, "%" PRId64 ":%02" PRId64, minutes, whole % 60);
}

/* The bar fills the rest of the line. A line that wraps could not be erased. */
void bar_draw(FILE *terminal, double share, const char *line)
{
    char bar[MAX_BAR + 1];
    int width = terminal_width(terminal) - 1;
    int room = width - (int)strlen(line) - 3; /* brackets and a space */

    room = room < 0 ? 0 : room > MAX_BAR ? MAX_BAR : room;
    memset(bar, ' ', sizeof bar);
    memset(bar, '#', (size_t)((double)room * share));
    bar[room] = '\0';
    if (room > 4)
        fprintf(terminal, "\r[%s] %s\033[K", bar, line);
    else
        fprintf(terminal, "\r%.*s\033[K", width, line);
    fflush(terminal);
}

void bar_erase(FILE *terminal)
{
    fputs("\r\033[K", terminal);
    fflush(terminal);
}
