/* SPDX-License-Identifier: MIT */
#include "support/report.h"

#include "support/text.h"

#include <stdarg.h>
#include <stdio.h>

enum { MAX_MESSAGE = 4096 };

static const char *program = "normnet-mnist";

void report_as(const char *name)
{
    program = name;
}

/* Without allocation, since memory may be what is missing. A longer message ends with dots. */
static void print_message(const char *format, va_list values)
{
    char text[MAX_MESSAGE] = "";
    const int length = vsnprintf(text, sizeof text, format, values);

    text_make_printable(text);
    fflush(stdout);
    fprintf(stderr, "%s: %s%s\n", program, text, length >= MAX_MESSAGE ? "..." : "");
}

int report_error(const char *format, ...)
{
    va_list values;

    va_start(values, format);
    print_message(format, values);
    va_end(values);
    return EXIT_FAILED;
}

int report_usage(const char *format, ...)
{
    va_list values;

    va_start(values, format);
    print_message(format, values);
    va_end(values);
    fputs("Run the command with --help for its options and examples.\n", stderr);
    return EXIT_USAGE;
}
