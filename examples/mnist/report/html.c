/* SPDX-License-Identifier: MIT */
#include "report/html.h"

#include "support/utf8_text.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Control characters are not allowed in HTML, other than blanks. */
static void write_character(FILE *page, const char *character, int length)
{
    switch (*character) {
    case '&':
        fputs("&amp;", page);
        break;
    case '<':
        fputs("&lt;", page);
        break;
    case '>':
        fputs("&gt;", page);
        break;
    case '"':
        fputs("&quot;", page);
        break;
    case '\'':
        fputs("&#39;", page);
        break;
    default:
        if (length == 0 || ((unsigned char)*character < 0x20 && !strchr("\t\n", *character)) || *character == 0x7f)
            fputs("\xef\xbf\xbd", page);
        else
            fwrite(character, 1, (size_t)length, page);
    }
}

void html_short_text(FILE *page, const char *text, int most)
{
    while (*text) {
        const int length = utf8_length(text);

        if (most-- == 0) {
            fputs("…", page);
            return;
        }
        write_character(page, text, length);
        text += length ? length : 1;
    }
}

void html_text(FILE *page, const char *text)
{
    html_short_text(page, text, -1);
}

static void write_number(FILE *page, double value, int decimals, bool with_sign)
{
    char text[400];

    if (!isfinite(value)) {
        fputs("–", page);
        return;
    }
    snprintf(text, sizeof text, with_sign ? "%+.*f" : "%.*f", decimals, value);
    if (strtod(text, NULL) == 0)
        snprintf(text, sizeof text, "%.*f", decimals, 0.0);
    if (*text == '-')
        fprintf(page, "−%s", text + 1);
    else
        fputs(text, page);
}

void html_number(FILE *page, double value, int decimals)
{
    write_number(page, value, decimals, false);
}

void html_signed(FILE *page, double value, int decimals)
{
    write_number(page, value, decimals, true);
}

void html_number_cell(FILE *page, double value, int decimals)
{
    fputs("<td>", page);
    html_number(page, value, decimals);
    fputs("</td>", page);
}

void html_text_cell(FILE *page, const char *text)
{
    fputs("<td class=\"t\">", page);
    html_text(page, text);
    fputs("</td>", page);
}

void html_begin_section(FILE *page, const char *anchor, const char *title)
{
    fprintf(page, "<section id=\"%s\">\n<h2><a href=\"#%s\">%s</a></h2>\n", anchor, anchor, title);
}

void html_end_section(FILE *page)
{
    fputs("</section>\n", page);
}

void html_empty_section(FILE *page, const char *anchor, const char *title, const char *reason)
{
    html_begin_section(page, anchor, title);
    fprintf(page, "<p>%s</p>\n", reason);
    html_end_section(page);
}

void html_begin_table(FILE *page, const char *head)
{
    fprintf(page, "<div class=\"wide\" tabindex=\"0\"><table>\n<thead><tr>%s</tr></thead>\n<tbody>\n", head);
}

void html_begin_names_table(FILE *page, const char *head)
{
    fprintf(page, "<div class=\"wide names\" tabindex=\"0\"><table>\n<thead><tr>%s</tr></thead>\n<tbody>\n", head);
}

void html_end_table(FILE *page)
{
    fputs("</tbody></table></div>\n", page);
}
