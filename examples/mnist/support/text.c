/* SPDX-License-Identifier: MIT */
#include "support/text.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

char *text_of(const char *format, ...)
{
    va_list values;

    va_start(values, format);
    int length = vsnprintf(NULL, 0, format, values);
    va_end(values);
    char *text = length < 0 ? NULL : malloc((size_t)length + 1);
    if (!text)
        return NULL;
    va_start(values, format);
    vsnprintf(text, (size_t)length + 1, format, values);
    va_end(values);
    return text;
}

static bool is_control(char c)
{
    return (c >= 0 && c < ' ') || c == 0x7f;
}

void text_make_printable(char *text)
{
    for (; *text; ++text) {
        if (is_control(*text))
            *text = '?';
    }
}

void print_name(const char *before, const char *name, const char *after)
{
    fputs(before, stdout);
    for (; *name; ++name)
        putchar(is_control(*name) ? '?' : *name);
    fputs(after, stdout);
}

bool text_is_absolute(const char *path)
{
    const char letter = (char)(path[0] | 0x20); /* lower case */

    if (letter >= 'a' && letter <= 'z' && path[1] == ':')
        path += 2;
    return path[0] == '/' || path[0] == '\\';
}

const char *text_base_name(const char *path)
{
    const char *name = path;

    for (; *path; ++path) {
        if (strchr("/\\", *path) && path[1])
            name = path + 1;
    }
    return name;
}

char *text_quote(const char *word)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+./:,@"
#if defined(_WIN32)
                                "\\";
    const char quote = '"'; /* not allowed in file names */
#else
        ;
    const char quote = '\'';
#endif
    char *text = malloc(4 * strlen(word) + 3);

    if (!text)
        return NULL;
    if (*word && !word[strspn(word, plain)])
        return strcpy(text, word);
    char *to = text;
    *to++ = quote;
    for (; *word; ++word) {
        if (*word == quote) { /* ends the quotation, adds a quote, and begins another one */
            memcpy(to, "'\\'", 3);
            to += 3;
        }
        *to++ = *word;
    }
    *to++ = quote;
    *to = '\0';
    return text;
}

void print_word(FILE *stream, const char *word)
{
    char *quoted = text_quote(word);

    fputs(quoted ? quoted : word, stream);
    free(quoted);
}
