/* SPDX-License-Identifier: MIT */
/* The answer, in words: which norm is best on equal footing, and which differences are real. */
#include "report/html.h"
#include "report/sections.h"

#include <math.h>
#include <string.h>

static void write_strong_name(FILE *page, const struct report_row *row)
{
    fputs("<strong>", page);
    write_row_name(page, row);
    fputs("</strong>", page);
}

/* "97.53 % (95 % interval 97.40 to 97.66, 5 seeds)" */
static void write_accuracy(FILE *page, const struct sample *sample)
{
    html_number(page, sample->mean, 2);
    fputs("&nbsp;%", page);
    if (isfinite(sample->low)) {
        fputs(" (95&nbsp;% interval ", page);
        html_number(page, sample->low, 2);
        fputs(" to ", page);
        html_number(page, sample->high > 100 ? 100 : sample->high, 2);
        fprintf(page, ", %zu seeds)", sample->count);
    } else
        fprintf(page, " (%zu seed%s)", sample->count, sample->count == 1 ? "" : "s");
}

static void write_difference(FILE *page, const struct sample *difference)
{
    if (!isfinite(difference->low))
        return;
    fputs(" by ", page);
    html_number(page, difference->mean, 2);
    fputs("&nbsp;points <span class=\"soft\">(", page);
    html_number(page, difference->low, 2);
    fputs(" to ", page);
    html_number(page, difference->high, 2);
    fputs(")</span>", page);
}

/* The rows that the best one is compared with to this verdict: "It is really better than a by 0.2 points (0.1 to 0.3)".
 */
static void write_others(FILE *page, const struct group *group, enum verdict verdict, const char *words)
{
    size_t told = 0;

    for (size_t i = 1; i < group->count; ++i) {
        struct sample difference;
        const struct comparison *pair = group_pair(group, group->rows[0], group->rows[i], &difference);

        if (!pair || pair->verdict != verdict)
            continue;
        fprintf(page, "%s", told++ == 0 ? words : ", ");
        fputs("<b>", page);
        write_row_name(page, group->rows[i]);
        fputs("</b>", page);
        write_difference(page, &difference);
    }
    fputs(told > 0 ? ".</li>\n" : "", page);
}

static void write_choice(FILE *page, const struct group *group)
{
    const struct report_row *choice = group_choice(group);

    if (!choice)
        return;
    fputs("<li>The validation images, which alone may choose, ", page);
    if (choice == group->rows[0])
        fputs("choose the same one.</li>\n", page);
    else {
        fputs("choose ", page);
        write_strong_name(page, choice);
        fputs(", whose test accuracy is ", page);
        html_number(page, choice->summary->test.mean, 2);
        fputs("&nbsp;%.</li>\n", page);
    }
}

static void write_counts(FILE *page, const struct group *group)
{
    size_t told[4] = {0};

    for (size_t i = 0; i < group->pair_count; ++i)
        ++told[group->pairs[i].verdict];
    if (told[VERDICT_UNKNOWN] == group->pair_count)
        fputs("<li>With one seed each, no difference can be told from noise: run more seeds.</li>\n", page);
    else
        fprintf(page, "<li>Of all %zu differences, %zu %s real, %zu perhaps, and %zu cannot be told from noise.</li>\n",
                group->pair_count, told[VERDICT_REAL], told[VERDICT_REAL] == 1 ? "is" : "are", told[VERDICT_PERHAPS],
                told[VERDICT_NOT_DISTINGUISHABLE] + told[VERDICT_UNKNOWN]);
}

static void write_group(FILE *page, const struct group *group, const char *css)
{
    const struct report_row *best = group->rows[0];

    fprintf(page, "<p class=\"%s\">In <em>", css);
    html_text(page, group->title);
    fputs("</em>, ", page);
    if (isnan(best->summary->test.mean)) {
        fputs("no training went to its end.</p>\n", page);
        return;
    }
    write_strong_name(page, best);
    fputs(" has the highest mean test accuracy: ", page);
    write_accuracy(page, &best->summary->test);
    fputs(".</p>\n<ul class=\"plain\">\n", page);
    write_others(page, group, VERDICT_REAL, "<li>It is <em>really</em> better than ");
    write_others(page, group, VERDICT_PERHAPS, "<li>It is <em>perhaps</em> better than ");
    write_others(page, group, VERDICT_NOT_DISTINGUISHABLE, "<li>It <em>cannot be told</em> from ");
    write_choice(page, group);
    write_counts(page, group);
    fputs("</ul>\n", page);
}

/* Returns how many groups there are. */
static size_t write_groups(FILE *page, const struct material *material, bool of_norms)
{
    struct group group;
    size_t count = 0;

    for (size_t next = 0; next < material->summary.comparison_count;) {
        next = group_at(&group, material, next);
        if (group.of_norms != of_norms)
            continue;
        if (count++ == 0 && !of_norms)
            fputs("<details><summary>One norm with different settings</summary>\n", page);
        write_group(page, &group, "prose");
    }
    fputs(count > 0 && !of_norms ? "</details>\n" : "", page);
    return count;
}

struct counts {
    size_t groups, pairs, real, unknown, distinct; /* distinct: networks with the highest mean of a group */
    const struct report_row *best;                 /* of the first group */
};

static struct counts count_norms(const struct material *material)
{
    struct counts counts = {0};
    struct group group;

    for (size_t next = 0; next < material->summary.comparison_count;) {
        next = group_at(&group, material, next);
        if (!group.of_norms)
            continue;
        if (counts.groups++ == 0)
            counts.best = group.rows[0];
        counts.distinct += strcmp(counts.best->look.css, group.rows[0]->look.css) != 0;
        counts.pairs += group.pair_count;
        for (size_t i = 0; i < group.pair_count; ++i) {
            counts.real += group.pairs[i].verdict == VERDICT_REAL;
            counts.unknown += group.pairs[i].verdict == VERDICT_UNKNOWN;
        }
    }
    return counts;
}

/* The answer in one or two sentences. */
static void write_lead(FILE *page, const struct material *material)
{
    const struct counts counts = count_norms(material);

    if (counts.groups == 0) {
        fputs("<p class=\"lead\">No norms were compared on equal footing here. "
              "<code>normnet-mnist study --only equal --out DIR</code> does it.</p>\n",
              page);
        return;
    }
    fputs("<p class=\"lead\">", page);
    if (counts.unknown == counts.pairs)
        fputs("With one seed each, it cannot be said which norm is best.", page);
    else if (counts.real == 0)
        fprintf(page,
                "With these seeds, <strong>no difference between norms is real</strong>: each of %zu may be noise.",
                counts.pairs);
    else
        fprintf(page, "Of %zu differences between norms, <strong>%zu %s real</strong>; the others may be noise.",
                counts.pairs, counts.real, counts.real == 1 ? "is" : "are");
    if (counts.groups == 1 || counts.distinct == 0) {
        fputs(" The highest mean has ", page);
        fprintf(page, "<span class=\"swatch %s\"></span>\xe2\x81\xa0<strong>%s</strong>", counts.best->look.css,
                counts.best->look.name);
        fputs(counts.groups == 1 ? "." : " with every recipe.", page);
    } else
        fputs(" Which norm has the highest mean depends on the recipe.", page);
    fputs("</p>\n", page);
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
    if (material->outside > 0)
        fprintf(page,
                "<p class=\"notice\">%zu experiment%s not in the file of experiments, so published figures and "
                "comparisons are missing: <code>--experiments FILE</code> names another file.</p>\n",
                material->outside, material->outside == 1 ? " is" : "s are");
}

int section_verdict(FILE *page, const struct material *material)
{
    html_begin_section(page, "verdict", "Verdict");
    write_lead(page, material);
    write_groups(page, material, true);
    if (material->summary.comparison_count > 0) {
        write_groups(page, material, false);
        fputs(
            "<p class=\"soft\">Compared are the test accuracies of the last epochs, seed by seed: the same seed gives "
            "every network the same order of images, and the same initial weights of convolutions. A difference is "
            "<em>real</em> if its p is at most 0.05 after Holm’s correction for all pairs of its group, and "
            "<em>perhaps</em> if only without it, so that one of many pairs may show it by chance.</p>\n",
            page);
    }
    write_published(page, material);
    write_problems(page, material);
    html_end_section(page);
    return 0;
}
