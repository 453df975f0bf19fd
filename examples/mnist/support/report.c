/* SPDX-License-Identifier: MIT */
#include "support/report.h"

#include <stdarg.h>
#include <stdio.h>

static void print_message(const char *format, va_list values)
{
    fflush(stdout);
    fputs("normnet-mnist: ", stderr);
    vfprintf(stderr, format, values);
    fputc('\n', stderr);
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
