/* SPDX-License-Identifier: MIT */
/* The answer, in words: which norm is best on equal footing, and which differences are real. */
#include "report/html.h"
#include "report/sections.h"
#include "study/answer.h"

#include <math.h>

static void write_sentence(FILE *page, const char *css, const char *text)
{
    fprintf(page, "<p class=\"%s\">", css);
    html_text(page, text);
    fputs("</p>\n", page);
}

/* The rows with this verdict, under a heading. */
static void write_rows(FILE *page, const struct material *material, const struct answer *answer, enum verdict verdict)
{
    size_t told = 0;

    for (size_t i = 0; i < answer->count; ++i) {
        const struct answer_row *row = &answer->rows[i];

        if (row->verdict != verdict)
            continue;
        if (told++ == 0)
            fprintf(page, "<p><b>%s:</b></p>\n<ul class=\"plain\">\n", answer_heading(verdict));
        fprintf(page, "<li><span class=\"swatch %s\"></span>\xe2\x81\xa0", material_row(material, row->row)->look.css);
        html_text(page, row->text);
        fputs("</li>\n", page);
    }
    fputs(told > 0 ? "</ul>\n" : "", page);
}

static void write_answer(FILE *page, const struct material *material, const struct answer *answer)
{
    write_sentence(page, "lead", answer->lead);
    for (int i = 0; i < ANSWER_VERDICTS && answer->best; ++i)
        write_rows(page, material, answer, answer_order[i]);
    if (answer->test)
        write_sentence(page, "prose", answer->test);
    fputs("<p>", page);
    html_text(page, answer->training);
    if (answer->command) {
        fputs(" <code>", page);
        html_text(page, answer->command);
        fputs("</code>", page);
    }
    fputs("</p>\n", page);
    if (answer->method)
        write_sentence(page, "soft", answer->method);
}

static int write_group(FILE *page, const struct material *material, const struct group *group)
{
    struct answer answer;

    const int code = answer_make(&answer, &material->summary, &material->experiments, group->first);
    if (code == 0) {
        fputs(group->of_norms ? "<h3>Which norm is best in study " : "<h3>Which is best in study ", page);
        html_text(page, group->title);
        fputs("?</h3>\n", page);
        write_answer(page, material, &answer);
    }
    answer_free(&answer);
    return code;
}

/* Sets `count` to how many groups there are. */
static int write_groups(FILE *page, const struct material *material, bool of_norms, size_t *count)
{
    struct group group;
    int code = 0;

    *count = 0;
    for (size_t next = 0; next < material->summary.comparison_count && code == 0;) {
        next = group_at(&group, material, next);
        if (group.of_norms != of_norms)
            continue;
        if ((*count)++ == 0 && !of_norms)
            fputs("<details><summary>One norm with different settings</summary>\n", page);
        code = write_group(page, material, &group);
    }
    fputs(*count > 0 && !of_norms ? "</details>\n" : "", page);
    return code;
}

/* How many published figures are reached, as the section on them says one by one. */
static void write_published(FILE *page, const struct material *material)
{
    size_t works = 0, reached = 0, fails = 0;

    for (size_t i = 0; i < material->row_count; ++i) {
        const struct report_row *row = &material->rows[i];

        if (isnan(row->experiment->best) && isnan(row->experiment->final))
            continue;
        if (row->experiment->expect == EXPECT_FAILS)
            fails += row_fails(row);
        else {
            ++works;
            reached += row_reaches(row);
        }
    }
    if (works > 0)
        fprintf(
            page,
            "<p>Published figures of networks that are expected to work: %zu of %zu are reached, with a mean over the "
            "seeds at most 0.15 points below the best figure that was published.</p>\n",
            reached, works);
    if (fails > 0)
        fprintf(page,
                "<p>%zu published %s here, too; the <a href=\"#failures\">failures</a> are explained below.</p>\n",
                fails, fails == 1 ? "failure happens" : "failures happen");
}

static void write_problems(FILE *page, const struct material *material)
{
    for (size_t i = 0; i < material->problem_count; ++i) {
        fputs("<p class=\"notice\">", page);
        html_text(page, material->problems[i]);
        fputs("</p>\n", page);
    }
}

int section_verdict(FILE *page, const struct material *material)
{
    size_t norms, others;

    html_begin_section(page, "verdict", "Verdict");
    int code = write_groups(page, material, true, &norms);
    if (code == 0 && norms == 0)
        fputs("<p class=\"lead\">No norms were compared on equal footing here. "
              "<code>normnet-mnist study --only equal --out DIR</code> does it.</p>\n",
              page);
    if (code == 0)
        code = write_groups(page, material, false, &others);
    write_published(page, material);
    write_problems(page, material);
    html_end_section(page);
    return code;
}
