/* SPDX-License-Identifier: MIT */
#include "report/page.h"

#include "report/html.h"
#include "report/page_parts.h"
#include "report/sections.h"

#include <inttypes.h>
#include <string.h>

const char page_mark[] = "<meta name=\"generator\" content=\"normnet-mnist report\">";

static const struct part {
    const char *anchor, *title;
    int (*write)(FILE *page, const struct material *material);
} parts[] = {
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

static void write_lines(FILE *page, const char *const *lines)
{
    for (; *lines; ++lines) {
        fputs(*lines, page);
        fputc('\n', page);
    }
}

static void write_head(FILE *page)
{
    fprintf(page,
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n%s\n"
            "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
            "<link rel=\"icon\" href=\"data:,\">\n<title>Norms on MNIST: report of a study</title>\n<style>\n",
            page_mark);
    write_lines(page, page_style);
    fputs("</style>\n</head>\n<body>\n", page);
}

static void write_introduction(FILE *page, const struct material *material)
{
    size_t seeds = 0;

    for (size_t i = 0; i < material->row_count; ++i)
        seeds = material->rows[i].count > seeds ? material->rows[i].count : seeds;
    fprintf(page,
            "<header>\n<h1>Norms, compared with several seeds</h1>\n<p class=\"soft\">%zu experiment%s, %zu run%s, up "
            "to %zu "
            "seed%s each, %" PRId64
            " test images. Written by <code>normnet-mnist report DIR</code>, version %s; DIR is the "
            "directory of <code>runs.jsonl</code>.</p>\n<nav aria-label=\"Contents\"><ol>\n",
            material->row_count, material->row_count == 1 ? "" : "s", material->run_count,
            material->run_count == 1 ? "" : "s", seeds, seeds == 1 ? "" : "s", material->rows[0].runs[0]->test_images,
            normnet_version());
    for (int i = 0; i < PARTS; ++i)
        fprintf(page, "<li><a href=\"#%s\">%s</a></li>\n", parts[i].anchor, parts[i].title);
    fputs("</ol></nav>\n</header>\n<main>\n", page);
}

static void write_end(FILE *page, const char *stem)
{
    static const char *const suffixes[] = {"-experiments.csv", "-comparisons.csv", "-curves.csv", "-mistakes.csv",
                                           ".json"};

    fputs("</main>\n<footer><p>The same numbers as files beside this one: ", page);
    for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; ++i) {
        fprintf(page, "%s<code>", i > 0 ? ", " : "");
        html_text(page, stem);
        fprintf(page, "%s</code>", suffixes[i]);
    }
    fputs(".</p></footer>\n<script>\n", page);
    write_lines(page, page_script);
    fputs("</script>\n</body>\n</html>\n", page);
}

int page_write(FILE *page, const struct material *material, const char *stem)
{
    int code = 0;

    write_head(page);
    write_introduction(page, material);
    for (int i = 0; i < PARTS && code == 0; ++i)
        code = parts[i].write(page, material);
    write_end(page, stem);
    return code;
}
