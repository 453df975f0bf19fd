/* SPDX-License-Identifier: MIT */
#include "report/missed.h"

#include "support/report.h"

#include <stdlib.h>

static int compare_images(const void *a, const void *b)
{
    const int64_t x = ((const struct missed_image *)a)->image, y = ((const struct missed_image *)b)->image;

    return (x > y) - (x < y);
}

static size_t count_mistakes(const struct panel *panel)
{
    size_t count = 0;

    for (size_t i = 0; i < panel->count; ++i) {
        for (size_t k = 0; k < panel->rows[i]->count; ++k)
            count += panel->rows[i]->runs[k]->mistake_count;
    }
    return count;
}

int64_t mistakes_of(const struct run *run)
{
    int64_t count = 0;

    for (int32_t i = 0; i < run->classes; ++i) {
        for (int32_t k = 0; k < run->classes; ++k)
            count += i == k ? 0 : run->confusion[i * run->classes + k];
    }
    return count > (int64_t)run->mistake_count ? count : (int64_t)run->mistake_count;
}

/* The line of the run lists its mistakes in the order of the images, up to some number. */
static void note_incomplete(struct missed *missed, const struct run *run)
{
    const int64_t end = run->mistake_count > 0 ? run->mistakes[run->mistake_count - 1].image + 1 : 0;

    missed->end = missed->end < end ? missed->end : end;
}

/* All images with a mistake, each once. */
static void gather(struct missed *missed, const struct panel *panel)
{
    size_t count = 0;

    for (size_t i = 0; i < panel->count; ++i) {
        for (size_t k = 0; k < panel->rows[i]->count; ++k) {
            const struct run *run = panel->rows[i]->runs[k];

            if (mistakes_of(run) > (int64_t)run->mistake_count)
                note_incomplete(missed, run);
            for (size_t m = 0; m < run->mistake_count; ++m)
                missed->images[count++] =
                    (struct missed_image){.image = run->mistakes[m].image, .actual = run->mistakes[m].actual};
        }
    }
    qsort(missed->images, count, sizeof *missed->images, compare_images);
    for (size_t i = 0; i < count; ++i) {
        if (missed->count == 0 || missed->images[missed->count - 1].image != missed->images[i].image)
            missed->images[missed->count++] = missed->images[i];
    }
}

static void add_answer(struct answer *answer, const struct run_mistake *mistake)
{
    if (answer->seeds == 0 || mistake->probability > answer->surest) {
        answer->surest = mistake->probability;
        answer->predicted = mistake->predicted;
    }
    answer->sum += mistake->probability;
    ++answer->seeds;
}

static void add_answers(struct missed *missed, const struct panel *panel)
{
    for (size_t i = 0; i < panel->count; ++i) {
        for (size_t k = 0; k < panel->rows[i]->count; ++k) {
            const struct run *run = panel->rows[i]->runs[k];

            for (size_t m = 0; m < run->mistake_count; ++m) {
                const struct missed_image key = {.image = run->mistakes[m].image};
                struct missed_image *image = bsearch(&key, missed->images, missed->count, sizeof key, compare_images);

                add_answer(&image->answers[i], &run->mistakes[m]);
            }
        }
    }
}

int missed_make(struct missed *missed, const struct panel *panel)
{
    *missed = (struct missed){.end = INT64_MAX};
    missed->images = calloc(count_mistakes(panel) + 1, sizeof *missed->images);
    if (!missed->images)
        return report_error("not enough memory for the mistakes");
    gather(missed, panel);
    add_answers(missed, panel);
    return 0;
}

void missed_free(struct missed *missed)
{
    free(missed->images);
    *missed = (struct missed){0};
}

bool missed_incomplete(const struct missed *missed)
{
    return missed->end < INT64_MAX;
}

bool missed_by_all(const struct missed *missed, const struct missed_image *image, const struct panel *panel)
{
    if (image->image >= missed->end)
        return false;
    for (size_t i = 0; i < panel->count; ++i) {
        if (image->answers[i].seeds == 0 || 2 * (size_t)image->answers[i].seeds < panel->rows[i]->count)
            return false;
    }
    return panel->count > 0;
}
