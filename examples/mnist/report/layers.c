/* SPDX-License-Identifier: MIT */
/* How weights and outputs are spread, layer by layer: a chart per layer with a line per network. */
#include "report/chart.h"
#include "report/html.h"
#include "report/sections.h"
#include "support/minmax.h"
#include "support/report.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BINS = 48, FEW_BINS = 12, FEW_VALUES = 100, NAME_ROOM = 120 };

/* The layers of a kind that the first runs of a panel have. */
struct spread {
    const struct panel *panel;
    bool outputs;
    int bins;                        /* of the current layer */
    double shares[PANEL_ROWS][BINS]; /* percent of the values */
    struct chart_line lines[PANEL_ROWS];
};

static size_t layer_count(const struct spread *spread, const struct run *run)
{
    return spread->outputs ? run->output_count : run->weight_count;
}

static const struct run_layer *layer_at(const struct spread *spread, const struct run *run, size_t index)
{
    return spread->outputs ? &run->outputs[index] : &run->weights[index];
}

/* The layer that is compared with layer `index` of another run: weights have names, outputs positions. */
static const struct run_layer *find_layer(const struct spread *spread, const struct run *run, size_t index,
                                          const struct run_layer *like)
{
    for (size_t i = 0; i < layer_count(spread, run); ++i) {
        const struct run_layer *layer = layer_at(spread, run, i);

        if (strcmp(layer->name, like->name) == 0 && (!spread->outputs || i == index))
            return layer;
    }
    return NULL;
}

static bool has_bins(const struct run_layer *layer)
{
    return layer && layer->bins > 0 && layer->high >= layer->low;
}

/* The bins of a line have their own ends: their counts are divided among those of the chart that they overlap. */
static void rebin(double shares[BINS], int bins, const struct run_layer *layer, struct range range)
{
    const double width = (range.high - range.low) / bins, own = (layer->high - layer->low) / (double)layer->bins;
    double all = 0;

    for (size_t i = 0; i < layer->bins; ++i)
        all += layer->counts[i];
    for (int k = 0; k < bins; ++k)
        shares[k] = 0;
    for (size_t i = 0; i < layer->bins; ++i) {
        const double low = layer->low + own * (double)i, high = low + own;
        const int first = (int)double_clamp((low - range.low) / width, 0, bins - 1);

        for (int k = first; k < bins && all > 0; ++k) {
            const double from = double_max(low, range.low + width * k),
                         to = double_min(high, range.low + width * (k + 1));

            if (own > 0 && to <= from && k > first)
                break;
            shares[k] += 100 * layer->counts[i] / all * (own > 0 ? double_max(to - from, 0) / own : k == first);
        }
    }
}

static struct range find_range(const struct spread *spread, size_t index, const struct run_layer *like)
{
    struct range range = range_begin();

    for (size_t i = 0; i < spread->panel->count; ++i) {
        const struct run_layer *layer = find_layer(spread, spread->panel->rows[i]->runs[0], index, like);

        if (has_bins(layer)) {
            range_add(&range, layer->low);
            range_add(&range, layer->high);
        }
    }
    return range_widen(range, 0, 1e-6);
}

/* Outputs have a peak at 0 after ReLU, so their shares get a logarithmic axis. */
static struct range share_range(const struct spread *spread, size_t lines)
{
    struct range range = range_begin();

    if (!spread->outputs)
        return range;
    for (size_t i = 0; i < lines; ++i) {
        for (int k = 0; k < spread->bins; ++k)
            range_add(&range, spread->lines[i].mean[k]);
    }
    range.low = 0.01;
    return range;
}

static void write_layer(FILE *page, struct spread *spread, size_t index, const struct run_layer *like)
{
    const struct range range = find_range(spread, index, like);
    char title[NAME_ROOM];

    spread->bins = like->count < FEW_VALUES ? FEW_BINS : BINS; /* gammas and betas */
    for (size_t i = 0; i < spread->panel->count; ++i) {
        const struct report_row *row = spread->panel->rows[i];
        const struct run_layer *layer = find_layer(spread, row->runs[0], index, like);

        spread->lines[i] = (struct chart_line){
            row_name(row), row->look.css, panel_dash(spread->panel, i), spread->shares[i], NULL, NULL, false};
        for (int k = 0; k < spread->bins; ++k)
            spread->shares[i][k] = NAN;
        if (has_bins(layer))
            rebin(spread->shares[i], spread->bins, layer, range);
    }
    if (spread->outputs)
        snprintf(title, sizeof title, "Layer %zu, %.60s: share of values, %%", index, like->name);
    else
        snprintf(title, sizeof title, "%.70s: share of values, %%", like->name);
    const struct chart chart = {
        .title = title,
        .x_title = "value",
        .first = range.low,
        .step = (range.high - range.low) / spread->bins,
        .count = (size_t)spread->bins,
        .lines = spread->lines,
        .line_count = spread->panel->count,
        .y = share_range(spread, spread->panel->count),
        .logarithmic = spread->outputs,
        .stairs = true,
        .decimals = 2,
    };
    chart_write(page, &chart);
}

/* Whether no row before has the layer, which is written when its first row comes. */
static bool is_new(const struct spread *spread, size_t row, size_t index, const struct run_layer *layer)
{
    for (size_t i = 0; i < row; ++i) {
        if (find_layer(spread, spread->panel->rows[i]->runs[0], index, layer))
            return false;
    }
    return has_bins(layer);
}

static size_t write_layers(FILE *page, struct spread *spread)
{
    size_t written = 0;

    for (size_t row = 0; row < spread->panel->count; ++row) {
        const struct run *run = spread->panel->rows[row]->runs[0];

        for (size_t i = 0; i < layer_count(spread, run); ++i) {
            if (is_new(spread, row, i, layer_at(spread, run, i))) {
                write_layer(page, spread, i, layer_at(spread, run, i));
                ++written;
            }
        }
    }
    return written;
}

static void write_part(FILE *page, const struct material *material, struct spread *spread, bool outputs)
{
    const struct panel *panel = spread->panel;

    spread->outputs = outputs;
    fprintf(page, "<details%s><summary>%s</summary>\n<figure class=\"panel\">\n", outputs ? "" : " open",
            outputs ? "Outputs of the layers, for the first test images" : "Weights");
    for (size_t i = 0; i < panel->count; ++i)
        spread->lines[i] = (struct chart_line){
            row_name(panel->rows[i]), panel->rows[i]->look.css, panel_dash(panel, i), NULL, NULL, NULL, false};
    if (!material->training)
        chart_write_legend(page, spread->lines, panel->count);
    fputs("<div class=\"grid\">\n", page);
    const size_t written = write_layers(page, spread);
    fputs(written > 0 ? "</div>\n" : "<p>The runs have no histograms.</p></div>\n", page);
    end_figure(page, material, material->training ? "" : "Of the first seed.", panel->rows, panel->count);
    fputs("</details>\n", page);
}

int section_layers(FILE *page, const struct material *material)
{
    struct panel panel;
    struct spread *spread = malloc(sizeof *spread);

    if (!spread)
        return report_error("not enough memory for the report");
    leading_rows(&panel, material);
    spread->panel = &panel;
    html_begin_section(page, "layers", "Weights and outputs of the layers");
    write_panel_title(page, &panel);
    write_part(page, material, spread, false);
    write_part(page, material, spread, true);
    html_end_section(page);
    free(spread);
    return 0;
}
