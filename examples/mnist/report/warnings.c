/* SPDX-License-Identifier: MIT */
/* The warnings of the models' summaries, and the networks. */
#include "report/html.h"
#include "report/sections.h"

#include <string.h>

static const char *find_warning(const char *summary)
{
    return strstr(summary, "warning: ");
}

static bool same_layers(const struct report_row *a, const struct report_row *b)
{
    return strcmp(a->experiment->architecture, b->experiment->architecture) == 0;
}

static bool is_new(const struct material *material, size_t index)
{
    for (size_t i = 0; i < index; ++i) {
        if (same_layers(&material->rows[i], &material->rows[index]))
            return false;
    }
    return true;
}

/* Of the rows with these layers, the one with the most parameters: its norm is not none. */
static const struct report_row *fullest(const struct material *material, size_t index)
{
    const struct report_row *most = &material->rows[index];

    for (size_t i = index; i < material->row_count; ++i) {
        const struct report_row *row = &material->rows[i];

        if (same_layers(row, most) && row->summary->runs[0]->parameters > most->summary->runs[0]->parameters)
            most = row;
    }
    return most;
}

static void write_warning(FILE *page, const struct material *material, const struct report_row *row)
{
    fputs("<p class=\"notice\">", page);
    if (!material->training) {
        fputs("<b>", page);
        html_text(page, row->experiment->id);
        fputs("</b>: ", page);
    }
    html_text(page, find_warning(row->runs[0]->summary) + strlen("warning: "));
    fputs("</p>\n", page);
}

/* One table for all norms, since they differ in the module of the layers `norm` alone. */
static void write_network(FILE *page, const struct material *material, size_t index)
{
    const struct report_row *shown = fullest(material, index);
    int told = 0;

    fprintf(page, "<details%s><summary>", material->training ? " open" : "");
    for (size_t i = index; i < material->row_count; ++i) {
        if (!same_layers(&material->rows[i], shown))
            continue;
        fputs(told++ > 0 ? ", " : "", page);
        html_text(page, material->rows[i].experiment->id);
    }
    fputs("</summary>\n", page);
    if (told > 1) {
        fputs("<p class=\"soft\">All have these layers; <code>norm</code> is the norm of each, here that of ", page);
        html_text(page, shown->experiment->id);
        fputs(".</p>\n", page);
    }
    fputs("<pre tabindex=\"0\">", page);
    html_text(page, shown->runs[0]->summary);
    fputs("</pre></details>\n", page);
}

int section_warnings(FILE *page, const struct material *material)
{
    size_t warnings = 0;

    html_begin_section(page, "networks", material->training ? "Network" : "Networks and their warnings");
    for (size_t i = 0; i < material->row_count; ++i) {
        if (find_warning(material->rows[i].runs[0]->summary)) {
            write_warning(page, material, &material->rows[i]);
            ++warnings;
        }
    }
    if (warnings > 0)
        fputs("<p>The library gives these warnings before the training.</p>\n", page);
    else if (!material->training)
        fputs("<p>The library warns of none of these networks.</p>\n", page);
    for (size_t i = 0; i < material->row_count; ++i) {
        if (*material->rows[i].runs[0]->summary && is_new(material, i))
            write_network(page, material, i);
    }
    html_end_section(page);
    return 0;
}
