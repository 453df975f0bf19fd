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

static bool has_control(const char *word)
{
    while (*word && !is_control(*word))
        ++word;
    return *word != '\0';
}

/* 'word', where a quote ends the quotation, is added, and begins another one. Windows has no quotes in file names. */
static void quote_plainly(char *to, const char *word, char quote)
{
    *to++ = quote;
    for (; *word; ++word) {
        if (*word == quote) {
            memcpy(to, "'\\'", 3);
            to += 3;
        }
        *to++ = *word;
    }
    *to++ = quote;
    *to = '\0';
}

/* $'word', as bash, zsh and ksh have it: a terminal would obey an escape sequence. */
static void quote_controls(char *to, const char *word)
{
    *to++ = '$';
    *to++ = '\'';
    for (; *word; ++word) {
        if (is_control(*word)) {
            to += sprintf(to, "\\%03o", (unsigned)(unsigned char)*word);
            continue;
        }
        if (*word == '\'' || *word == '\\')
            *to++ = '\\';
        *to++ = *word;
    }
    *to++ = '\'';
    *to = '\0';
}

char *text_quote(const char *word)
{
#if defined(_WIN32)
    static const char extra[] = "\\", quote = '"';
#else
    static const char extra[] = "", quote = '\'';
#endif
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+./:,@";
    char *text = malloc(4 * strlen(word) + 4);
    const char *rest = word;

    if (!text)
        return NULL;
    while (*rest && (strchr(plain, *rest) || strchr(extra, *rest)))
        ++rest;
    if (*word && !*rest)
        strcpy(text, word);
    else if (has_control(word))
        quote_controls(text, word);
    else
        quote_plainly(text, word, quote);
    return text;
}

void print_word(FILE *stream, const char *word)
{
    char *quoted = text_quote(word);

    if (quoted)
        fputs(quoted, stream);
    for (; !quoted && *word; ++word)
        fputc(is_control(*word) ? '?' : *word, stream);
    free(quoted);
}
