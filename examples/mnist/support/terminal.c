/* SPDX-License-Identifier: MIT */
#if !defined(_WIN32)
#define _DEFAULT_SOURCE /* strict C11 hides POSIX */
#define _DARWIN_C_SOURCE
#endif

#include "support/terminal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#if defined(_WIN32)
#include <io.h>
#include <windows.h>
#else
#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>
#endif

void open_standard_streams(void)
{
#if !defined(_WIN32)
    for (int descriptor = STDIN_FILENO; descriptor <= STDERR_FILENO; ++descriptor) {
        if (fcntl(descriptor, F_GETFD) < 0 && errno == EBADF)
            open("/dev/null", O_RDWR); /* gets the lowest free number, which is this one */
    }
#endif
}

bool is_terminal(FILE *stream)
{
#if defined(_WIN32)
    return _isatty(_fileno(stream)) != 0;
#else
    const char *kind = getenv("TERM");
    return isatty(fileno(stream)) && kind && strcmp(kind, "dumb") != 0;
#endif
}

#if !defined(_WIN32)
/* POSIX: the first of these that is set and not empty is the locale of characters. */
static const char *locale_name(void)
{
    static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; ++i) {
        const char *value = getenv(names[i]);

        if (value && *value)
            return value;
    }
    return "C";
}
#endif

bool terminal_is_utf8(void)
{
#if defined(_WIN32)
    return GetConsoleOutputCP() == CP_UTF8;
#else
    const char *name = locale_name();
    return strstr(name, "UTF-8") || strstr(name, "utf8") || strstr(name, "UTF8") || strstr(name, "utf-8");
#endif
}

int terminal_width(FILE *stream)
{
#if !defined(_WIN32)
    struct winsize window;
    if (ioctl(fileno(stream), TIOCGWINSZ, &window) == 0 && window.ws_col > 0)
        return window.ws_col;
#else
    (void)stream;
#endif
    return 80;
}
