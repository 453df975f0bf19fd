/* SPDX-License-Identifier: MIT */
#include "report/panels.h"

#include "support/report.h"

#include <stdlib.h>
#include <string.h>

/* Columns that divide a study: the first always, for a common axis; the others in this order while rows are too many.
 */
static const char *const dividing[] = {"epochs", "l1", "l2", "batch", "schedule", "norm", "lr"};
enum { DIVIDING = sizeof dividing / sizeof dividing[0] };

/* Where a row belongs while the rows are divided: with the first row of its part. */
struct place {
    size_t first;
    unsigned divided; /* a bit for each column that divided it */
};

static size_t count_part(const struct place *places, size_t count, size_t first)
{
    size_t rows = 0;

    for (size_t i = 0; i < count; ++i)
        rows += places[i].first == first;
    return rows;
}

static bool same_value(const struct report_row *a, const struct report_row *b, const struct column *column)
{
    char x[COLUMN_ROOM], y[COLUMN_ROOM];

    return strcmp(experiment_text(a->experiment, column, x), experiment_text(b->experiment, column, y)) == 0;
}

static void place_by_study(struct place *places, const struct material *material)
{
    for (size_t i = 0; i < material->row_count; ++i) {
        size_t first = 0;

        while (strcmp(material->rows[first].experiment->study, material->rows[i].experiment->study) != 0)
            ++first;
        places[i] = (struct place){first, 0};
    }
}

/* Divides the part that begins with `first` by a column. */
static void divide_part(struct place *places, const struct material *material, size_t first, int index)
{
    const struct column *column = experiment_column(dividing[index]);
    bool differ = false;

    for (size_t i = first; i < material->row_count; ++i)
        differ =
            differ || (places[i].first == first && !same_value(&material->rows[first], &material->rows[i], column));
    for (size_t i = material->row_count;
         differ && i-- > first;) { /* from the end, so that those before are not moved */
        size_t like = first;

        if (places[i].first != first)
            continue;
        while (places[like].first != first || !same_value(&material->rows[like], &material->rows[i], column))
            ++like;
        places[i].first = like;
        places[i].divided |= 1u << index;
    }
}

static void divide(struct place *places, const struct material *material)
{
    for (int index = 0; index < DIVIDING; ++index) {
        for (size_t i = 0; i < material->row_count; ++i) {
            if (places[i].first == i && (index == 0 || count_part(places, material->row_count, i) > PANEL_ROWS))
                divide_part(places, material, i, index);
        }
    }
}

static void write_title(struct panel *panel, const struct place *place)
{
    const struct experiment *experiment = panel->rows[0]->experiment;
    char value[COLUMN_ROOM];
    size_t length = (size_t)snprintf(panel->title, sizeof panel->title, "%s", experiment->study);

    for (int i = 0; i < DIVIDING && length < sizeof panel->title; ++i) {
        if (place->divided & 1u << i)
            length += (size_t)snprintf(panel->title + length, sizeof panel->title - length, ", %s %s", dividing[i],
                                       experiment_text(experiment, experiment_column(dividing[i]), value));
    }
}

/* Those that are still too many are cut. */
static void gather(struct panels *panels, const struct place *places, const struct material *material)
{
    for (size_t first = 0; first < material->row_count; ++first) {
        struct panel *panel = NULL;

        for (size_t i = first; i < material->row_count && places[first].first == first; ++i) {
            if (places[i].first != first)
                continue;
            if (!panel || panel->count == PANEL_ROWS) {
                panel = &panels->panels[panels->count++];
                *panel = (struct panel){.count = 0};
            }
            panel->rows[panel->count++] = &material->rows[i];
            if (panel->count == 1)
                write_title(panel, &places[i]);
        }
    }
}

int panels_make(struct panels *panels, const struct material *material)
{
    struct place *places = calloc(material->row_count + 1, sizeof *places);

    *panels = (struct panels){0};
    panels->panels = calloc(material->row_count + 1, sizeof *panels->panels);
    if (!places || !panels->panels) {
        free(places);
        return report_error("not enough memory for the report");
    }
    place_by_study(places, material);
    divide(places, material);
    gather(panels, places, material);
    free(places);
    return 0;
}

void panels_free(struct panels *panels)
{
    free(panels->panels);
    *panels = (struct panels){0};
}

int panel_dash(const struct panel *panel, size_t row)
{
    int dash = 0;

    for (size_t i = 0; i < row; ++i)
        dash += strcmp(panel->rows[i]->look.css, panel->rows[row]->look.css) == 0;
    return dash;
}
