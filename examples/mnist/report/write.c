/* SPDX-License-Identifier: MIT */
#include "report/write.h"

#include "report/data_files.h"
#include "report/page.h"
#include "study/answer.h"
#include "support/atomic_file.h"
#include "support/report.h"

#include <stdlib.h>
#include <string.h>

static const char program_name[] = "normnet-mnist report";

enum output { OUTPUT_PAGE, OUTPUT_CURVES, OUTPUT_MISTAKES, OUTPUT_JSON, OUTPUTS };

/* What is added to the stem, and the text near the beginning of an older file that may be replaced. */
static const struct {
    const char *suffix, *mark;
} outputs[OUTPUTS] = {
    {NULL, page_mark},
    {"-curves.csv", "id,study,norm,epoch,value,"},
    {"-mistakes.csv", "id,study,norm,seed,image,"},
    {".json", "\"program\":\"normnet-mnist report\""},
};

struct places {
    char *paths[OUTPUTS];
    char *stem; /* what their names begin with */
};

/* The files beside the page have its path without ".html". */
static int find_places(struct places *places, const char *page)
{
    static const char ending[] = ".html";
    const size_t length = strlen(page), cut = sizeof ending - 1;
    const char *name = text_base_name(page);
    const size_t stem = length > cut && strcmp(page + length - cut, ending) == 0 ? length - cut : length;

    places->stem = text_of("%.*s", (int)(page + stem - name), name);
    if (!places->stem)
        return report_error("not enough memory");
    for (int i = 0; i < OUTPUTS; ++i) {
        places->paths[i] =
            i == OUTPUT_PAGE ? text_of("%s", page) : text_of("%.*s%s", (int)stem, page, outputs[i].suffix);
        if (!places->paths[i])
            return report_error("not enough memory");
    }
    return 0;
}

static int check_places(const struct places *places)
{
    int code = 0;

    for (int i = 0; i < OUTPUTS && code == 0; ++i) {
        code = atomic_file_check(places->paths[i]);
        if (code == 0)
            code = atomic_file_check_older(places->paths[i], outputs[i].mark, program_name);
    }
    return code;
}

static int write_contents(FILE *stream, enum output output, const struct material *material, const char *stem)
{
    int code = 0;

    switch (output) {
    case OUTPUT_PAGE:
        code = page_write(stream, material, stem);
        break;
    case OUTPUT_CURVES:
        data_write_curves(stream, material);
        break;
    case OUTPUT_MISTAKES:
        data_write_mistakes(stream, material);
        break;
    default:
        data_write_json(stream, material);
    }
    return code;
}

/* All are written before the first takes its place. */
static int write_all(const struct places *places, const struct material *material)
{
    struct atomic_file files[OUTPUTS] = {{NULL, NULL, NULL}};
    int code = 0;

    for (int i = 0; i < OUTPUTS && code == 0; ++i) {
        code = atomic_file_open(&files[i], places->paths[i]);
        if (code == 0)
            code = write_contents(files[i].stream, (enum output)i, material, places->stem);
    }
    for (int i = 0; i < OUTPUTS; ++i) {
        if (code == 0)
            code = atomic_file_commit(&files[i]);
        else
            atomic_file_discard(&files[i]);
    }
    return code;
}

static void print_result(const struct places *places, const struct material *material)
{
    printf("%zu run%s of %zu experiment%s", material->run_count, material->run_count == 1 ? "" : "s",
           material->row_count, material->row_count == 1 ? "" : "s");
    print_name(": see ", places->paths[OUTPUT_PAGE], "\n");
    for (size_t i = 0; i < material->problem_count; ++i)
        print_name("  ", material->problems[i], "\n");
}

static void free_places(struct places *places)
{
    free(places->stem);
    for (int i = 0; i < OUTPUTS; ++i)
        free(places->paths[i]);
}

static char *default_page(const char *directory)
{
    return text_of("%s/report.html", directory);
}

int report_check(const char *directory)
{
    struct places places = {{NULL}, NULL};
    char *page = default_page(directory);

    int code = page ? find_places(&places, page) : report_error("not enough memory");
    if (code == 0)
        code = check_places(&places);
    free(page);
    free_places(&places);
    return code;
}

int report_write(const struct report_request *request)
{
    struct places places = {{NULL}, NULL};
    struct material material = {0};
    char *page = request->out ? text_of("%s", request->out) : default_page(request->directory);

    int code = material_open(&material, request);
    if (code == 0)
        code = page ? find_places(&places, page) : report_error("not enough memory");
    if (code == 0)
        code = check_places(&places);
    if (code == 0)
        code = write_all(&places, &material);
    if (code == 0) {
        print_result(&places, &material);
        code = answers_print(&material.summary, &material.experiments);
    }
    free(page);
    free_places(&places);
    material_close(&material);
    return code;
}
