/* SPDX-License-Identifier: MIT */
#include "report/page.h"

#include "data/dataset.h"
#include "report/frame.h"
#include "report/html.h"
#include "report/sections.h"

#include <inttypes.h>
#include <string.h>

const char page_mark[] = "<meta name=\"generator\" content=\"normnet-mnist report\">";

static const struct part parts[] = {
    {"verdict", "Verdict", section_verdict},
    {"equal", "Equal footing", section_equal},
    {"published", "Published figures", section_published},
    {"curves", "Curves", section_curves},
    {"cubes", "Shared statistics", section_cubes},
    {"rates", "Learning rate", section_rates},
    {"failures", "Failures", section_failures},
    {"gallery", "Misclassified images", section_gallery},
    {"confusion", "Confusion", section_confusion},
    {"layers", "Weights and outputs", section_layers},
    {"sparsity", "Sparsity", section_sparsity},
    {"speed", "Time", section_speed},
    {"networks", "Networks", section_warnings},
};
enum { PARTS = sizeof parts / sizeof parts[0] };

static const char *source_name(const char *source)
{
    return strcmp(source, DATASET_GENERATED) == 0 ? "generated digits" : source;
}

static void write_introduction(FILE *page, const struct material *material)
{
    size_t seeds = 0;

    for (size_t i = 0; i < material->row_count; ++i)
        seeds = material->rows[i].count > seeds ? material->rows[i].count : seeds;
    fprintf(page,
            "<header>\n<h1>Norms, compared with several seeds</h1>\n<p class=\"soft\">%zu experiment%s, %zu run%s, up "
            "to %zu "
            "seed%s each, %" PRId64 " test images of ",
            material->row_count, material->row_count == 1 ? "" : "s", material->run_count,
            material->run_count == 1 ? "" : "s", seeds, seeds == 1 ? "" : "s", material->rows[0].runs[0]->test_images);
    html_text(page, source_name(material->rows[0].runs[0]->source));
    fprintf(page,
            ". Written by <code>normnet-mnist report DIR</code>, version %s; DIR is the directory of "
            "<code>runs.jsonl</code>.</p>\n",
            normnet_version());
    frame_contents(page, parts, PARTS);
    fputs("</header>\n", page);
}

static void write_footer(FILE *page, const char *stem)
{
    static const char *const suffixes[] = {"-curves.csv", "-mistakes.csv", ".json"};

    fputs("<footer><p>The numbers as files: those of the tables are in <code>summary.csv</code>, "
          "<code>comparisons.csv</code> and <code>summary.json</code>, which a study writes into its directory; curves "
          "and mistakes are beside this page in ",
          page);
    for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; ++i) {
        fprintf(page, "%s<code>", i > 0 ? ", " : "");
        html_text(page, stem);
        fprintf(page, "%s</code>", suffixes[i]);
    }
    fputs(".</p></footer>\n", page);
}

int page_write(FILE *page, const struct material *material, const char *stem)
{
    frame_begin(page, page_mark, "Norms, compared with several seeds");
    write_introduction(page, material);
    const int code = frame_sections(page, parts, PARTS, material);
    write_footer(page, stem);
    frame_end(page);
    return code;
}
