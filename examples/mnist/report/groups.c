/* SPDX-License-Identifier: MIT */
#include "report/groups.h"

/* The pairs of the best row come first, and name the others from the best to the worst. */
size_t group_at(struct group *group, const struct material *material, size_t first)
{
    const struct comparison *pairs = &material->summary.comparisons[first];

    *group = (struct group){
        .pairs = pairs,
        .pair_count = summary_group_end(&material->summary, first) - first,
        .first = first,
        .of_norms = summary_group_of_norms(&material->summary, first),
        .by_validation = pairs->by_validation,
    };
    group->rows[group->count++] = material_row(material, pairs->a);
    for (size_t i = 0; i < group->pair_count && pairs[i].a == pairs->a && group->count < GROUP_ROWS; ++i)
        group->rows[group->count++] = material_row(material, pairs[i].b);
    summary_group_title(pairs, group->title);
    return first + group->pair_count;
}

const struct comparison *group_pair(const struct group *group, size_t row)
{
    for (size_t i = 0; i < group->pair_count; ++i) {
        if (group->pairs[i].a == group->rows[0]->summary && group->pairs[i].b == group->rows[row]->summary)
            return &group->pairs[i];
    }
    return NULL;
}
