/* SPDX-License-Identifier: MIT */
#include "report/training_page.h"

#include "report/frame.h"
#include "report/sections.h"
#include "report/training_material.h"
#include "support/atomic_file.h"
#include "training/results.h"

static const struct part parts[] = {
    {"result", "Result", section_result},
    {"networks", "Network", section_warnings},
    {"curves", "Curves", section_training_curves},
    {"rates", "Learning rate", section_rates},
    {"confusion", "Confusion", section_confusion},
    {"gallery", "Misclassified images", section_gallery},
    {"layers", "Weights and outputs", section_layers},
    {"sparsity", "Sparsity", section_sparsity},
};
enum { PARTS = sizeof parts / sizeof parts[0] };

static int write_page(FILE *page, const struct material *material)
{
    char mark[RESULTS_MARK_ROOM], marks[RESULTS_MARK_ROOM + 60];

    results_mark(material->training->training, mark);
    snprintf(marks, sizeof marks, "<meta name=\"generator\" content=\"normnet-mnist train\">%s", mark);
    frame_begin(page, marks, "Report of a training");
    fprintf(page,
            "<header>\n<h1>Report of a training</h1>\n<p class=\"soft\">Written by <code>normnet-mnist train "
            "--report</code>, version %s.</p>\n",
            normnet_version());
    frame_contents(page, parts, PARTS);
    fputs("</header>\n", page);
    const int code = frame_sections(page, parts, PARTS, material);
    frame_end(page);
    return code;
}

int training_page_write(const struct training_facts *facts, const char *path)
{
    struct material material;
    struct atomic_file file;

    int code = training_material_open(&material, facts);
    if (code == 0)
        code = atomic_file_open(&file, path);
    if (code == 0) {
        code = write_page(file.stream, &material);
        if (code == 0)
            code = atomic_file_commit(&file);
        else
            atomic_file_discard(&file);
    }
    training_material_close(&material);
    return code;
}
