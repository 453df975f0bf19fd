/* SPDX-License-Identifier: MIT */
/* The comparisons as tables and interval plots. */
#include "report/html.h"
#include "report/intervals.h"
#include "report/sections.h"

#include <math.h>

static void write_interval_cell(FILE *page, const struct sample *sample)
{
    fputs("<td>", page);
    if (sample && isfinite(sample->low)) {
        html_number(page, sample->low, 2);
        fputs(" to ", page);
        html_number(page, sample->high, 2);
    } else
        fputs("–", page);
    fputs("</td>", page);
}

/* What decides comes first, with the difference of the best one to the row. */
static void write_head(FILE *page, const struct group *group)
{
    static const char *const heads[] = {
        "<th>norm<th>seeds<th>test&nbsp;%<th>sd<th>behind the best<th>95&nbsp;% interval<th class=\"t\">verdict<th>"
        "train&nbsp;%<th>test loss",
        "<th>norm<th>seeds<th>validation&nbsp;%<th>sd<th>behind the best<th>95&nbsp;% interval<th "
        "class=\"t\">verdict<th>"
        "test&nbsp;%<th>behind the best, test<th>95&nbsp;% interval, test<th>train&nbsp;%<th>test loss",
    };

    html_begin_table(page, heads[group->by_validation]);
}

static void write_difference_cells(FILE *page, const struct sample *difference)
{
    html_number_cell(page, difference ? difference->mean : NAN, 2);
    write_interval_cell(page, difference);
}

static void write_table(FILE *page, const struct group *group)
{
    write_head(page, group);
    for (size_t i = 0; i < group->count; ++i) {
        const struct summary_row *row = group->rows[i]->summary;
        const struct comparison *pair = i > 0 ? group_pair(group, i) : NULL;

        fputs("<tr><td>", page);
        write_row_name(page, group->rows[i]);
        fprintf(page, "</td><td>%zu</td>", group->rows[i]->count);
        html_number_cell(page, summary_deciding(row, group->by_validation)->mean, 2);
        html_number_cell(page, summary_deciding(row, group->by_validation)->sd, 2);
        write_difference_cells(page, pair ? comparison_deciding(pair) : NULL);
        html_text_cell(page, i == 0 ? "highest mean" : pair ? verdict_names[pair->verdict] : "");
        if (group->by_validation) {
            html_number_cell(page, row->test.mean, 2);
            write_difference_cells(page, pair ? &pair->test : NULL);
        }
        html_number_cell(page, row->train.mean, 2);
        html_number_cell(page, row->test_loss.mean, 4);
        fputs("</tr>\n", page);
    }
    html_end_table(page);
}

static int write_means(FILE *page, const struct group *group)
{
    struct interval_row rows[GROUP_ROWS];

    for (size_t i = 0; i < group->count; ++i)
        rows[i] = (struct interval_row){
            row_name(group->rows[i]), group->rows[i]->look.css,
            statistics_of_accuracy(*summary_deciding(group->rows[i]->summary, group->by_validation)), NAN};
    const struct interval_plot plot = {group->by_validation ? "Validation accuracy of the last epoch, %"
                                                            : "Test accuracy of the last epoch, %",
                                       rows, group->count, false, 2};
    return intervals_write(page, &plot);
}

/* Only they say whether a difference is real: intervals of means overlap even if every seed agrees. */
static int write_differences(FILE *page, const struct group *group)
{
    struct interval_row rows[GROUP_ROWS];
    size_t count = 0;

    for (size_t i = 1; i < group->count; ++i) {
        const struct comparison *pair = group_pair(group, i);

        if (pair)
            rows[count++] = (struct interval_row){row_name(group->rows[i]), group->rows[i]->look.css,
                                                  *comparison_deciding(pair), NAN};
    }
    const struct interval_plot plot = {"Points behind the best, by seed", rows, count, true, 2};
    return count > 0 ? intervals_write(page, &plot) : 0;
}

static void write_pairs(FILE *page, const struct group *group)
{
    fprintf(page, "<details><summary>All %zu pairs</summary>\n", group->pair_count);
    html_begin_table(page,
                     "<th>better − worse<th>seeds<th>difference<th>sd<th>95&nbsp;% interval<th>p<th>p, corrected<th "
                     "class=\"t\">verdict");
    for (size_t i = 0; i < group->pair_count; ++i) {
        const struct comparison *pair = &group->pairs[i];
        const struct sample *difference = comparison_deciding(pair);

        fputs("<tr><td>", page);
        html_text(page, *pair->a->experiment->name ? pair->a->experiment->name : pair->a->experiment->id);
        fputs(" − ", page);
        html_text(page, *pair->b->experiment->name ? pair->b->experiment->name : pair->b->experiment->id);
        fprintf(page, "</td><td>%zu</td>", difference->count);
        html_number_cell(page, difference->mean, 2);
        html_number_cell(page, difference->sd, 2);
        write_interval_cell(page, difference);
        html_number_cell(page, difference->p, 4);
        html_number_cell(page, pair->corrected_p, 4);
        html_text_cell(page, verdict_names[pair->verdict]);
        fputs("</tr>\n", page);
    }
    html_end_table(page);
    fputs("</details>\n", page);
}

static int write_group(FILE *page, const struct material *material, const struct group *group)
{
    fputs("<h3>", page);
    html_text(page, group->title);
    fputs("</h3>\n<figure>\n", page);
    write_table(page, group);
    if (group->pair_count > group->count * (group->count - 1) / 2)
        fprintf(page, "<p class=\"soft\">Only %zu experiments of this group are shown; all pairs are below.</p>\n",
                group->count);
    fputs("<div class=\"grid\">\n", page);
    int code = write_means(page, group);
    if (code == 0)
        code = write_differences(page, group);
    fputs("</div>\n", page);
    write_pairs(page, group);
    end_figure(page, material, "", group->rows, group->count);
    return code;
}

static int write_groups(FILE *page, const struct material *material, bool of_norms)
{
    struct group group;
    int code = 0;

    for (size_t next = 0; next < material->summary.comparison_count && code == 0;) {
        next = group_at(&group, material, next);
        if (group.of_norms == of_norms)
            code = write_group(page, material, &group);
    }
    return code;
}

int section_equal(FILE *page, const struct material *material)
{
    if (material->summary.comparison_count == 0) {
        html_empty_section(page, "equal", "On equal footing",
                           "No experiments were compared. Only rows that share a word in the column "
                           "<code>compare</code> are compared.");
        return 0;
    }
    html_begin_section(page, "equal", "On equal footing");
    fputs("<p>The best comes first. Dots are means over the seeds, lines their 95&nbsp;% intervals (Student’s t). "
          "Whether "
          "two networks differ is in the plot of differences, where every seed is compared with itself: a line that "
          "does not reach 0 is more than chance, if no other pair was looked at. <em>Real</em> differences are so for "
          "all pairs together (Holm’s correction), <em>perhaps</em> means without that.</p>\n",
          page);
    int code = write_groups(page, material, true);
    if (code == 0)
        code = write_groups(page, material, false);
    html_end_section(page);
    return code;
}
