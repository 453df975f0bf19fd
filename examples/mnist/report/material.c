/* SPDX-License-Identifier: MIT */
#include "report/material.h"

#include "study/from_line.h"
#include "study/kept_experiments.h"
#include "study/published.h"
#include "study/run_line_check.h"
#include "support/file_system.h"
#include "support/report.h"
#include "support/whole_file.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- Problems ---------------------------------------------------------------------------------- */

/* Takes over the text, which is NULL without memory. */
static int add_problem(struct material *material, char *text)
{
    char **problems = realloc(material->problems, (material->problem_count + 1) * sizeof *problems);

    if (problems)
        material->problems = problems;
    if (!problems || !text) {
        free(text);
        return report_error("not enough memory for the report");
    }
    problems[material->problem_count++] = text;
    return 0;
}

/* ---- Lines ------------------------------------------------------------------------------------- */

enum { MAX_LINES_NAMED = 10 }; /* of those that are left out: the rest is counted */

/* The same for a line that is left out. */
static int leave_out(struct material *material, char *text)
{
    if (material->lines_left_out++ < MAX_LINES_NAMED)
        return add_problem(material, text);
    free(text);
    return 0;
}

static int count_others_left_out(struct material *material)
{
    if (material->lines_left_out <= MAX_LINES_NAMED)
        return 0;
    const size_t others = material->lines_left_out - MAX_LINES_NAMED;
    return add_problem(material,
                       text_of("%zu other line%s left out for such reasons.", others, others == 1 ? " is" : "s are"));
}

static int add_run(struct material *material, const struct json_value *line)
{
    struct runs_file *file = &material->file;

    if (file->count == file->room) {
        const size_t room = file->room ? 2 * file->room : 64;
        struct run_record *records = realloc(file->records, room * sizeof *records);

        if (records)
            file->records = records;
        struct run *runs = records ? realloc(material->runs, room * sizeof *runs) : NULL;
        if (!runs)
            return report_error("not enough memory for %zu runs", room);
        material->runs = runs;
        file->room = room;
    }
    run_record_take(&file->records[file->count], line);
    return run_take(&material->runs[file->count++], line);
}

static const struct experiment *find_experiment(const struct experiments *experiments, const struct run_record *record,
                                                const char *data)
{
    char key[65];

    for (size_t i = 0; i < experiments->count; ++i) {
        experiment_key(&experiments->rows[i], record->seed, data, key);
        if (strcmp(key, record->key) == 0)
            return &experiments->rows[i];
    }
    return NULL;
}

/* Keeps the line, which the experiment points into. */
static int keep_line(struct material *material, struct json_value *line, const struct experiment *experiment)
{
    struct experiments *experiments = &material->experiments;
    struct json_value **kept =
        realloc(material->kept,
                (material->kept_count + 1) * sizeof *kept); /* NOLINT(bugprone-sizeof-expression): of a pointer */

    if (kept) {
        material->kept = kept;
        kept[material->kept_count++] = line;
    } else
        json_free(line);
    struct experiment *rows = kept ? realloc(experiments->rows, (experiments->count + 1) * sizeof *rows) : NULL;
    if (!rows)
        return report_error("not enough memory for the experiments");
    experiments->rows = rows;
    rows[experiments->count++] = *experiment;
    return 0;
}

static void drop_last_run(struct material *material)
{
    run_free(&material->runs[--material->file.count]);
}

/* Takes over the line, which has the members of a run. */
static int take_line(struct material *material, int number, struct json_value *line)
{
    struct experiment experiment;

    int code = add_run(material, line);
    if (code != 0) {
        json_free(line);
        return code;
    }
    const struct run_record *record = &material->file.records[material->file.count - 1];
    const char *data = material->runs[material->file.count - 1].data;
    if (find_experiment(&material->experiments, record, data)) {
        json_free(line);
        return 0;
    }
    const char *unknown = experiment_from_line(&experiment, line);
    if (!unknown)
        return keep_line(material, line, &experiment);
    drop_last_run(material);
    code = leave_out(material,
                     text_of("Line %d is left out: this program does not know its value of %s.", number, unknown));
    json_free(line);
    return code;
}

/* Whether something is wrong with a line; then `text` says what, or is NULL without memory. */
static bool find_problem(const struct material *material, int number, const struct json_value *line, char **text)
{
    char wrong[WRONG_ROOM];

    if (run_line_is_wrong(line, wrong))
        *text = text_of("Line %d is left out: %s.", number, wrong);
    else if (runs_file_find(&material->file, json_string(json_member(line, "key"))))
        *text = text_of("Line %d is left out: an earlier line has the same run.", number);
    else
        return false;
    return true;
}

static int read_line(struct material *material, int number, const char *text, size_t size)
{
    struct json_problem problem = {0};
    struct json_value *line = json_parse(text, size, &problem);
    char *wrong;

    if (!line && problem.memory)
        return report_error("not enough memory for the report");
    if (!line)
        return leave_out(material, text_of("Line %d is left out: it is damaged at byte %zu, expected %s.", number,
                                           problem.offset + 1, problem.expected));
    if (!find_problem(material, number, line, &wrong))
        return take_line(material, number, line);
    json_free(line);
    return leave_out(material, wrong);
}

/* A last line without an end belongs to a study that is being run, or was killed. */
static int read_lines(struct material *material, const struct whole_file *text)
{
    const char *next = (const char *)text->data, *end = text->size ? next + text->size : next;
    int code = 0;

    for (int number = 1; next < end && code == 0; ++number) {
        const char *feed = memchr(next, '\n', (size_t)(end - next));

        if (!feed)
            break;
        code = read_line(material, number, next, (size_t)(feed - next));
        next = feed + 1;
    }
    return code == 0 ? count_others_left_out(material) : code;
}

static int read_runs(struct material *material)
{
    struct whole_file text;
    char *path = material->file.path = text_of("%s/runs.jsonl", material->directory);

    if (!path)
        return report_error("not enough memory");
    if (!file_exists(path))
        return report_error("%s does not exist; expected the directory of a study: normnet-mnist study --out %s", path,
                            material->directory);
    int code = whole_file_open(&text, path);
    if (code != 0)
        return code;
    code = read_lines(material, &text);
    whole_file_close(&text);
    if (code == 0 && material->file.count == 0)
        code = report_error("%s has no run to report%s%s", path, material->problem_count > 0 ? ": " : "",
                            material->problem_count > 0 ? material->problems[0] : "");
    return code;
}

/* ---- One data set ------------------------------------------------------------------------------ */

static size_t count_runs_of(const struct material *material, const char *data)
{
    size_t count = 0;

    for (size_t i = 0; i < material->file.count; ++i)
        count += strcmp(material->runs[i].data, data) == 0;
    return count;
}

/* Of two data sets with as many runs, the one that comes first. */
static const char *data_of_most(const struct material *material)
{
    const char *data = material->runs[0].data;
    size_t most = 0;

    for (size_t i = 0; i < material->file.count; ++i) {
        const size_t count = count_runs_of(material, material->runs[i].data);

        if (count > most) {
            most = count;
            data = material->runs[i].data;
        }
    }
    return data;
}

/* The name of the data set that is shown. */
static const char *source_of(const struct material *material)
{
    for (size_t i = 0; i < material->file.count; ++i) {
        if (strcmp(material->runs[i].data, material->data_key) == 0)
            return material->runs[i].source;
    }
    return "";
}

/* Runs with other images cannot be compared: one data set is reported. */
static int choose_data(struct material *material, const char *data_key)
{
    snprintf(material->data_key, sizeof material->data_key, "%s", data_key ? data_key : data_of_most(material));
    material->run_count = count_runs_of(material, material->data_key);
    const size_t others = material->file.count - material->run_count;
    if (others == 0)
        return 0;
    return add_problem(material,
                       text_of("The report is on the images of %s (data_sha256 %.12s...); %zu run%s left out: "
                               "%s trained on other images.",
                               source_of(material), material->data_key, others, others == 1 ? " is" : "s are",
                               others == 1 ? "it was" : "they were"));
}

/* ---- Rows -------------------------------------------------------------------------------------- */

static int fill_row(struct material *material, struct report_row *row, const struct summary_row *summary)
{
    *row = (struct report_row){.experiment = summary->experiment, .summary = summary};
    row->look = look_of(row->experiment);
    row->runs = calloc(summary->count, sizeof *row->runs); /* NOLINT(bugprone-sizeof-expression): of a pointer */
    if (!row->runs)
        return report_error("not enough memory for the report");
    for (; row->count < summary->count; ++row->count)
        row->runs[row->count] = &material->runs[summary->runs[row->count] - material->file.records];
    return 0;
}

int material_make_rows(struct material *material)
{
    int code = 0;

    material->rows = calloc(material->summary.count + 1, sizeof *material->rows);
    if (!material->rows)
        return report_error("not enough memory for the report");
    for (; material->row_count < material->summary.count && code == 0; ++material->row_count)
        code = fill_row(material, &material->rows[material->row_count], &material->summary.rows[material->row_count]);
    return code;
}

/* Runs that a row lacks of its seeds, as far as another row of its study has them. */
static size_t missing_runs(const struct material *material, const struct report_row *row)
{
    size_t most = 0;

    for (size_t i = 0; i < material->row_count; ++i) {
        const struct report_row *other = &material->rows[i];

        if (strcmp(other->experiment->study, row->experiment->study) == 0 && other->count > most)
            most = other->count;
    }
    if ((int64_t)most > row->experiment->seeds)
        most = (size_t)row->experiment->seeds;
    return most > row->count ? most - row->count : 0;
}

static int note_missing(struct material *material)
{
    size_t missing = 0, rows = 0;

    for (size_t i = 0; i < material->row_count; ++i) {
        const size_t runs = missing_runs(material, &material->rows[i]);

        missing += runs;
        rows += runs > 0;
    }
    if (missing == 0)
        return 0;
    return add_problem(material, text_of("The study is not finished: %zu experiment%s fewer seeds than the others of "
                                         "the study, and %zu run%s missing. Differences are of the seeds that both "
                                         "have.",
                                         rows, rows == 1 ? " has" : "s have", missing, missing == 1 ? " is" : "s are"));
}

static int note_outside(struct material *material)
{
    if (material->outside == 0)
        return 0;
    return add_problem(material, text_of("%zu experiment%s not in the file of experiments, so published figures and "
                                         "comparisons are missing: --experiments FILE names another file.",
                                         material->outside, material->outside == 1 ? " is" : "s are"));
}

static int make_rows(struct material *material)
{
    int code = summary_make(&material->summary, &material->experiments, &material->file, material->data_key);

    if (code == 0)
        code = material_make_rows(material);
    for (size_t i = 0; i < material->row_count; ++i)
        material->outside += material->rows[i].experiment >= material->experiments.rows + material->in_file;
    if (code == 0)
        code = note_outside(material);
    if (code == 0)
        code = note_missing(material);
    if (code == 0 && material->row_count == 0)
        code = report_error("%s has no run to report", material->file.path);
    return code;
}

const struct report_row *material_row(const struct material *material, const struct summary_row *row)
{
    return &material->rows[row - material->summary.rows];
}

const char *row_name(const struct report_row *row)
{
    return *row->experiment->name ? row->experiment->name : row->experiment->id;
}

size_t row_epochs(const struct report_row *row)
{
    size_t most = 0;

    for (size_t i = 0; i < row->count; ++i)
        most = row->runs[i]->epoch_count > most ? row->runs[i]->epoch_count : most;
    return most;
}

bool row_fails(const struct report_row *row)
{
    return !(row->summary->test.mean >= 95);
}

bool row_reaches(const struct report_row *row)
{
    const struct experiment *experiment = row->experiment;

    return row->summary->test.mean >= (isnan(experiment->best) ? experiment->final : experiment->best) - 0.15;
}

/* ---- Images ------------------------------------------------------------------------------------ */

/* The checksums in the lines are those of the training and of the test images. */
static int open_images(struct material *material, const char *directory)
{
    char test[65];
    const char *wanted = strchr(material->data_key, '-');

    if (dataset_open_test(&material->data, directory) != 0) {
        fprintf(stderr, "The report has no pictures of the test images.\n");
        return add_problem(material, text_of("The test images could not be read, so the galleries have no pictures: "
                                             "--data names their directory."));
    }
    dataset_checksum(&material->data, &material->data.test, test);
    material->has_images = wanted && strcmp(wanted + 1, test) == 0;
    if (material->has_images)
        return 0;
    return add_problem(material, text_of("The galleries have no pictures, because the test images that were found are "
                                         "not those of the runs: --data names their directory."));
}

/* Of the first run that is shown and says how many classes there are. */
static int check_classes(const struct material *material)
{
    for (size_t i = 0; material->classes && i < material->file.count; ++i) {
        const struct run *run = &material->runs[i];

        if (run->classes > 0 && strcmp(run->data, material->data_key) == 0)
            return class_names_check(material->classes, run->classes, material->file.path);
    }
    return 0;
}

static int open_experiments(struct material *material, const char *file)
{
    const int code = file ? 0 : kept_experiments_find(material->directory, &material->experiments_file);

    return code == 0 ? experiments_open(&material->experiments, file ? file : material->experiments_file) : code;
}

int material_open(struct material *material, const struct report_request *request)
{
    *material = (struct material){.directory = request->directory, .classes = request->classes};
    int code = open_experiments(material, request->experiments);
    material->in_file = material->experiments.count;
    if (code == 0)
        code = read_runs(material);
    if (code == 0)
        code = choose_data(material, request->data_key);
    if (code == 0) {
        published_withhold(&material->experiments, material->data_key);
        code = make_rows(material);
    }
    if (code == 0)
        code = check_classes(material);
    return code == 0 ? open_images(material, request->data) : code;
}

void material_close(struct material *material)
{
    dataset_close(&material->data);
    for (size_t i = 0; i < material->row_count; ++i)
        free(material->rows[i].runs);
    free(material->rows);
    summary_free(&material->summary);
    for (size_t i = 0; i < material->file.count; ++i)
        run_free(&material->runs[i]);
    free(material->runs);
    free(material->file.records);
    free(material->file.path);
    for (size_t i = 0; i < material->problem_count; ++i)
        free(material->problems[i]);
    free(material->problems);
    experiments_close(&material->experiments);
    free(material->experiments_file);
    for (size_t i = 0; i < material->kept_count; ++i)
        json_free(material->kept[i]);
    free(material->kept);
    *material = (struct material){0};
}
