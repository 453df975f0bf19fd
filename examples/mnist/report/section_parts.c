/* SPDX-License-Identifier: MIT */
/* What several sections write. */
#include "report/html.h"
#include "report/sections.h"
#include "report/training_facts.h"

#include <inttypes.h>
#include <string.h>

/* The names for --only: the study's if they are many, which has them all and perhaps more. */
static void write_names(FILE *page, const struct report_row *const *rows, size_t count)
{
    enum { MOST_IDS = 4 };

    for (size_t i = 0; i < count; ++i) {
        const struct experiment *experiment = rows[i]->experiment;
        const bool whole = count > MOST_IDS && experiment->select != SELECT_NAMED;

        if (i > 0 && whole && strcmp(rows[i - 1]->experiment->study, experiment->study) == 0)
            continue;
        if (i > 0)
            fputc(',', page);
        html_text(page, whole ? experiment->study : experiment->id);
    }
}

static void write_command(FILE *page, const struct material *material, const struct report_row *const *rows,
                          size_t count)
{
    const bool own_file = material->outside > 0 || material->experiments.source;
    const char *const experiments = own_file ? " --experiments FILE" : "";
    size_t seeds = 0; /* more than the experiments have */

    for (size_t i = 0; i < count; ++i)
        if ((int64_t)rows[i]->count > rows[i]->experiment->seeds && rows[i]->count > seeds)
            seeds = rows[i]->count;
    fputs("<code>normnet-mnist study --only ", page);
    write_names(page, rows, count);
    if (seeds > 0)
        fprintf(page, " --seeds %zu", seeds);
    fprintf(page, "%s --out DIR &amp;&amp; normnet-mnist report%s DIR</code>", experiments, experiments);
}

void end_figure(FILE *page, const struct material *material, const char *caption, const struct report_row *const *rows,
                size_t count)
{
    if (!material->training) {
        fprintf(page, "<figcaption>%s%s", caption, *caption ? " " : "");
        write_command(page, material, rows, count);
        fputs("</figcaption>\n", page);
    } else if (*caption)
        fprintf(page, "<figcaption>%s</figcaption>\n", caption);
    fputs("</figure>\n", page);
}

void write_panel_title(FILE *page, const struct panel *panel)
{
    if (!*panel->title)
        return;
    fputs("<h3>", page);
    html_text(page, panel->title);
    fputs("</h3>\n", page);
}

void write_curves_note(FILE *page)
{
    fputs(
        "<p>Both losses are cross-entropy per image, without penalties. Training loss and accuracy are measured during "
        "the epoch, with dropout, augmentation and the statistics of the batch; the test is made after it, without "
        "them. So test accuracy may be higher than training accuracy. Loss has a logarithmic axis where it changes "
        "much.</p>\n",
        page);
}

void write_class_name(FILE *page, const struct material *material, int32_t class_number, int most)
{
    const struct class_names *names = material->classes;

    if (names && class_number < names->count)
        html_short_text(page, class_name(names, class_number), most);
    else
        fprintf(page, "%" PRId32, class_number);
}

/* A word joiner keeps both in one line. */
void write_row_name(FILE *page, const struct report_row *row)
{
    fprintf(page, "<span class=\"swatch %s\"></span>\xe2\x81\xa0", row->look.css);
    html_text(page, row_name(row));
}

void leading_rows(struct panel *panel, const struct material *material)
{
    struct group group;
    size_t next = 0;

    *panel = (struct panel){.count = 0};
    while (next < material->summary.comparison_count) {
        next = group_at(&group, material, next);
        if (!group.of_norms)
            continue;
        while (panel->count < group.count && panel->count < PANEL_ROWS) {
            panel->rows[panel->count] = group.rows[panel->count];
            ++panel->count;
        }
        snprintf(panel->title, sizeof panel->title, "%s", group.title);
        return;
    }
    while (panel->count < material->row_count && panel->count < PANEL_ROWS &&
           strcmp(material->rows[panel->count].experiment->study, material->rows[0].experiment->study) == 0) {
        panel->rows[panel->count] = &material->rows[panel->count];
        ++panel->count;
    }
    snprintf(panel->title, sizeof panel->title, "%s", material->rows[0].experiment->study);
}
