/* SPDX-License-Identifier: MIT */
/* What L1 buys: weights that can be left out, and what that costs. */
#include "report/html.h"
#include "report/sections.h"

#include <math.h>
#include <string.h>

static bool has_shares(const struct report_row *row)
{
    return isfinite(row->summary->small_share.mean);
}

/* A share as a bar behind its number. */
static void write_share(FILE *page, const struct report_row *row, double share)
{
    if (!isfinite(share)) {
        fputs("<td>–</td>", page);
        return;
    }
    fprintf(page,
            "<td class=\"%s\" style=\"background:linear-gradient(90deg,color-mix(in srgb,var(--c) 32%%,transparent) "
            "%.1f%%,transparent %.1f%%)\">%.1f</td>",
            row->look.css, 100 * share, 100 * share, 100 * share);
}

/* Whether the study has a row with L1, so that the row is worth comparing with it; a training is shown in any case. */
static bool is_compared(const struct material *material, const struct report_row *row)
{
    if (material->training)
        return has_shares(row);
    for (size_t i = 0; i < material->row_count; ++i) {
        const struct experiment *other = material->rows[i].experiment;

        if (other->l1 > 0 && strcmp(other->study, row->experiment->study) == 0)
            return has_shares(row);
    }
    return false;
}

static void write_table(FILE *page, const struct material *material)
{
    html_begin_table(
        page, "<th>experiment<th>L1<th>small weights&nbsp;%<th>test&nbsp;%<th>test&nbsp;% without them<th>difference");
    for (size_t i = 0; i < material->row_count; ++i) {
        const struct report_row *row = &material->rows[i];
        const struct summary_row *summary = row->summary;

        if (!is_compared(material, row))
            continue;
        fputs("<tr><td>", page);
        write_row_name(page, row);
        fprintf(page, " <span class=\"soft\">");
        html_text(page, row->experiment->study);
        fprintf(page, "</span></td><td>%g</td>", row->experiment->l1);
        write_share(page, row, summary->small_share.mean);
        html_number_cell(page, summary->test.mean, 2);
        html_number_cell(page, summary->pruned_accuracy.mean, 2);
        fputs("<td>", page);
        html_signed(page, summary->pruned_accuracy.mean - summary->test.mean, 2);
        fputs("</td></tr>\n", page);
    }
    html_end_table(page);
}

/* The mean over the runs that have the entry. */
static double layer_share(const struct report_row *row, size_t layer)
{
    double sum = 0;
    size_t runs = 0;

    for (size_t i = 0; i < row->count; ++i) {
        if (layer < row->runs[i]->weight_count && row->runs[i]->weights[layer].count > 0) {
            sum += row->runs[i]->weights[layer].small / row->runs[i]->weights[layer].count;
            ++runs;
        }
    }
    return runs > 0 ? sum / (double)runs : NAN;
}

static void write_layers(FILE *page, const struct report_row *row)
{
    fputs("<details><summary>", page);
    write_row_name(page, row);
    fprintf(page, ", L1 %g: layer by layer</summary>\n", row->experiment->l1);
    html_begin_table(page, "<th>entry<th>values<th>small&nbsp;%");
    for (size_t i = 0; i < row->runs[0]->weight_count; ++i) {
        fputs("<tr>", page);
        html_text_cell(page, row->runs[0]->weights[i].name);
        html_number_cell(page, row->runs[0]->weights[i].count, 0);
        write_share(page, row, layer_share(row, i));
        fputs("</tr>\n", page);
    }
    html_end_table(page);
    fputs("</details>\n", page);
}

int section_sparsity(FILE *page, const struct material *material)
{
    const struct report_row *shown[PANEL_ROWS];
    size_t count = 0;

    for (size_t i = 0; i < material->row_count; ++i) {
        if (is_compared(material, &material->rows[i]) && count < PANEL_ROWS)
            shown[count++] = &material->rows[i];
    }
    if (count == 0) {
        html_empty_section(page, "sparsity", "L1 and sparsity", "No network here was trained with L1.");
        return 0;
    }
    html_begin_section(page, "sparsity", "L1 and sparsity");
    fprintf(
        page,
        "<p>Small weights have an absolute value below 0.001. “Without them” is the test after those of convolutions "
        "and fully connected layers were set to 0.%s</p>\n<figure>\n",
        material->training ? "" : " All figures are means over the seeds.");
    write_table(page, material);
    for (size_t i = 0; i < material->row_count; ++i) {
        const struct report_row *row = &material->rows[i];

        if ((row->experiment->l1 > 0 || material->training) && has_shares(row))
            write_layers(page, row);
    }
    end_figure(page, material, "", shown, count);
    html_end_section(page);
    return 0;
}
