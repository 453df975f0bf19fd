/* SPDX-License-Identifier: MIT */
#include "report/groups.h"

#include <math.h>
#include <string.h>

static bool same_group(const struct comparison *a, const struct comparison *b)
{
    return strcmp(a->a->experiment->study, b->a->experiment->study) == 0 && a->group_length == b->group_length &&
           strncmp(a->group, b->group, a->group_length) == 0;
}

/* Rows without a mean come last. */
static bool is_before(const struct report_row *a, const struct report_row *b)
{
    const double x = a->summary->test.mean, y = b->summary->test.mean;

    return isnan(y) ? !isnan(x) : x > y;
}

static void add_row(struct group *group, const struct report_row *row)
{
    size_t at = group->count;

    for (size_t i = 0; i < group->count; ++i) {
        if (group->rows[i] == row)
            return;
    }
    if (group->count == GROUP_ROWS)
        return;
    for (; at > 0 && is_before(row, group->rows[at - 1]); --at)
        group->rows[at] = group->rows[at - 1];
    group->rows[at] = row;
    ++group->count;
}

size_t group_at(struct group *group, const struct material *material, size_t first)
{
    const struct comparison *pairs = material->summary.comparisons;
    size_t end = first;

    *group = (struct group){.pairs = &pairs[first]};
    for (; end < material->summary.comparison_count && same_group(&pairs[first], &pairs[end]); ++end) {
        add_row(group, material_row(material, pairs[end].a));
        add_row(group, material_row(material, pairs[end].b));
    }
    group->pair_count = end - first;
    for (size_t i = 1; i < group->count; ++i)
        group->of_norms = group->of_norms || strcmp(group->rows[i]->look.css, group->rows[0]->look.css) != 0;
    if (pairs[first].group_length == strlen(pairs[first].a->experiment->study) &&
        strncmp(pairs[first].group, pairs[first].a->experiment->study, pairs[first].group_length) == 0)
        snprintf(group->title, sizeof group->title, "%s", pairs[first].a->experiment->study);
    else
        snprintf(group->title, sizeof group->title, "%s, %.*s", pairs[first].a->experiment->study,
                 (int)pairs[first].group_length, pairs[first].group);
    return end;
}

const struct comparison *group_pair(const struct group *group, const struct report_row *a, const struct report_row *b,
                                    struct sample *difference)
{
    for (size_t i = 0; i < group->pair_count; ++i) {
        const struct comparison *pair = &group->pairs[i];

        *difference = pair->test;
        if (pair->a == a->summary && pair->b == b->summary)
            return pair;
        if (pair->a == b->summary && pair->b == a->summary) {
            difference->mean = -pair->test.mean;
            difference->low = -pair->test.high;
            difference->high = -pair->test.low;
            return pair;
        }
    }
    return NULL;
}

const struct report_row *group_choice(const struct group *group)
{
    const struct report_row *best = NULL;

    for (size_t i = 0; i < group->count; ++i) {
        const double mean = group->rows[i]->summary->validation.mean;

        if (isnan(mean))
            return NULL;
        if (!best || mean > best->summary->validation.mean)
            best = group->rows[i];
    }
    return best;
}
