/* SPDX-License-Identifier: MIT */
#include "study/summary_files.h"

#include "support/atomic_file.h"
#include "support/json.h"
#include "support/report.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char program_name[] = "normnet-mnist study";

static const char rows_head[] =
    "id,study,name,parameters,seeds,failed,test_mean,test_sd,test_low,test_high,validation_mean,validation_sd,"
    "validation_low,validation_high,train_mean,best_test_mean,test_loss_mean,published_final,published_best,"
    "difference,seconds_mean,images_per_second_mean,small_share_mean,pruned_accuracy_mean,average_test_mean,"
    "average_validation_mean,average_test_loss_mean,tta_test_mean,tta_test_sd,tta_test_low,tta_test_high,"
    "tta_validation_mean,tta_average_test_mean\n";

static const char comparisons_head[] =
    "study,group,a,b,seeds,test_mean,test_sd,test_low,test_high,p,corrected_p,verdict,validation_mean,"
    "validation_sd,validation_low,validation_high,decided_by\n";

/* ---- CSV --------------------------------------------------------------------------------------- */

/* RFC 4180: in quotes if it has to be, with quotes doubled. */
static void write_cell_part(FILE *stream, const char *text, size_t length)
{
    if (strcspn(text, ",\"\n") >= length) {
        fwrite(text, 1, length, stream);
        return;
    }
    fputc('"', stream);
    for (size_t i = 0; i < length; ++i) {
        if (text[i] == '"')
            fputc('"', stream);
        fputc(text[i], stream);
    }
    fputc('"', stream);
}

static void write_cell(FILE *stream, const char *text)
{
    write_cell_part(stream, text, strlen(text));
}

/* An empty cell for NaN. */
static void write_number(FILE *stream, double value)
{
    fputc(',', stream);
    if (isfinite(value))
        fprintf(stream, "%.6g", value);
}

static void write_sample(FILE *stream, const struct sample *sample)
{
    write_number(stream, sample->mean);
    write_number(stream, sample->sd);
    write_number(stream, sample->low);
    write_number(stream, sample->high);
}

static void write_rows(FILE *stream, const struct summary *summary)
{
    fputs(rows_head, stream);
    for (size_t i = 0; i < summary->count; ++i) {
        const struct summary_row *row = &summary->rows[i];

        write_cell(stream, row->experiment->id);
        fputc(',', stream);
        write_cell(stream, row->experiment->study);
        fputc(',', stream);
        write_cell(stream, row->experiment->name);
        fprintf(stream, ",%" PRId64 ",%zu,%" PRId64, row->runs[0]->parameters, row->count, row->failed);
        write_sample(stream, &row->test);
        write_sample(stream, &row->validation);
        write_number(stream, row->train.mean);
        write_number(stream, row->best_test.mean);
        write_number(stream, row->test_loss.mean);
        write_number(stream, row->experiment->final);
        write_number(stream, row->experiment->best);
        write_number(stream, row->test.mean - row->experiment->final);
        write_number(stream, row->seconds.mean);
        write_number(stream, row->images_per_second.mean);
        write_number(stream, row->small_share.mean);
        write_number(stream, row->pruned_accuracy.mean);
        write_number(stream, row->average_test.mean);
        write_number(stream, row->average_validation.mean);
        write_number(stream, row->average_test_loss.mean);
        write_sample(stream, &row->tta_test);
        write_number(stream, row->tta_validation.mean);
        write_number(stream, row->tta_average_test.mean);
        fputc('\n', stream);
    }
}

static const char *decider_name(const struct comparison *pair)
{
    return pair->by_validation ? "validation" : "test";
}

static void write_comparisons(FILE *stream, const struct summary *summary)
{
    fputs(comparisons_head, stream);
    for (size_t i = 0; i < summary->comparison_count; ++i) {
        const struct comparison *pair = &summary->comparisons[i];

        write_cell(stream, pair->a->experiment->study);
        fputc(',', stream);
        write_cell_part(stream, pair->group, pair->group_length);
        fprintf(stream, ",%s,%s,%zu", pair->a->experiment->id, pair->b->experiment->id, pair->test.count);
        write_sample(stream, &pair->test);
        write_number(stream, comparison_deciding(pair)->p);
        write_number(stream, pair->corrected_p);
        fprintf(stream, ",%s", verdict_names[pair->verdict]);
        write_sample(stream, &pair->validation);
        fprintf(stream, ",%s\n", decider_name(pair));
    }
}

/* ---- JSON -------------------------------------------------------------------------------------- */

static void write_sample_json(struct json_writer *json, const char *key, const struct sample *sample)
{
    json_begin_object(json, key);
    json_integer(json, "count", (int64_t)sample->count);
    json_real(json, "mean", sample->mean);
    json_real(json, "sd", sample->sd);
    json_real(json, "low", sample->low);
    json_real(json, "high", sample->high);
    json_end_object(json);
}

static void write_runs_json(struct json_writer *json, const struct summary_row *row)
{
    json_begin_array(json, "runs");
    for (size_t i = 0; i < row->count; ++i) {
        json_begin_object(json, NULL);
        json_integer(json, "seed", row->runs[i]->seed);
        json_text(json, "key", row->runs[i]->key);
        json_text(json, "weights_sha256", row->runs[i]->weights);
        json_real(json, "test_accuracy", row->runs[i]->test);
        json_end_object(json);
    }
    json_end_array(json);
}

static void write_row_json(struct json_writer *json, const struct summary_row *row)
{
    json_begin_object(json, NULL);
    experiment_write_about(json, row->experiment);
    json_begin_object(json, "configuration");
    experiment_write_run(json, row->experiment);
    json_end_object(json);
    json_integer(json, "parameters", row->runs[0]->parameters);
    write_runs_json(json, row);
    json_integer(json, "failed", row->failed);
    write_sample_json(json, "test_accuracy", &row->test);
    write_sample_json(json, "validation_accuracy", &row->validation);
    write_sample_json(json, "train_accuracy", &row->train);
    write_sample_json(json, "best_test_accuracy", &row->best_test);
    write_sample_json(json, "test_loss", &row->test_loss);
    write_sample_json(json, "seconds", &row->seconds);
    write_sample_json(json, "images_per_second", &row->images_per_second);
    write_sample_json(json, "small_share", &row->small_share);
    write_sample_json(json, "pruned_test_accuracy", &row->pruned_accuracy);
    if (row->experiment->average > 0) {
        write_sample_json(json, "average_test_accuracy", &row->average_test);
        write_sample_json(json, "average_validation_accuracy", &row->average_validation);
        write_sample_json(json, "average_test_loss", &row->average_test_loss);
    }
    if (row->experiment->tta > 0) {
        write_sample_json(json, "tta_test_accuracy", &row->tta_test);
        write_sample_json(json, "tta_validation_accuracy", &row->tta_validation);
        if (row->experiment->average > 0)
            write_sample_json(json, "tta_average_test_accuracy", &row->tta_average_test);
    }
    if (row->experiment->statistics) {
        write_sample_json(json, "batch_statistics", &row->batch);
        write_sample_json(json, "new_statistics", &row->updated);
        write_sample_json(json, "lowest", &row->lowest);
        write_sample_json(json, "lowest_batch_statistics", &row->lowest_batch);
        write_sample_json(json, "lowest_new_statistics", &row->lowest_updated);
    }
    json_end_object(json);
}

static void write_comparison_json(struct json_writer *json, const struct comparison *pair)
{
    char group[100];

    snprintf(group, sizeof group, "%.*s", (int)pair->group_length, pair->group);
    json_begin_object(json, NULL);
    json_text(json, "study", pair->a->experiment->study);
    json_text(json, "group", group);
    json_text(json, "a", pair->a->experiment->id);
    json_text(json, "b", pair->b->experiment->id);
    write_sample_json(json, "test_accuracy", &pair->test);
    json_text(json, "decided_by", decider_name(pair));
    json_real(json, "p", comparison_deciding(pair)->p);
    json_real(json, "corrected_p", pair->corrected_p);
    json_text(json, "verdict", verdict_names[pair->verdict]);
    write_sample_json(json, "validation_accuracy", &pair->validation);
    json_end_object(json);
}

static void write_members(struct json_writer *json, const struct summary *summary,
                          const struct experiments *experiments)
{
    json_text(json, "version", normnet_version());
    json_integer(json, "bits_version", normnet_bits_version());
    json_text(json, "experiments_file", experiments->name);
    json_begin_array(json, "experiments");
    for (size_t i = 0; i < summary->count; ++i)
        write_row_json(json, &summary->rows[i]);
    json_end_array(json);
    json_begin_array(json, "comparisons");
    for (size_t i = 0; i < summary->comparison_count; ++i)
        write_comparison_json(json, &summary->comparisons[i]);
    json_end_array(json);
}

static void write_json(FILE *stream, const struct summary *summary, const struct experiments *experiments)
{
    struct json_writer json = json_open(stream);

    json_begin_object(&json, NULL);
    json_text(&json, "program", program_name);
    write_members(&json, summary, experiments);
    json_end_object(&json);
}

/* ---- Files ------------------------------------------------------------------------------------- */

enum summary_file { FILE_CSV, FILE_COMPARISONS, FILE_JSON, FILES };

/* With the text near the beginning of an older file that may be replaced, also one of an older version. */
static const struct {
    const char *name, *mark;
} files[FILES] = {
    {"summary.csv", "id,study,name,parameters,seeds,"},
    {"comparisons.csv", "study,group,a,b,seeds,"},
    {"summary.json", "\"program\": \"normnet-mnist study\""},
};

static char *path_of(enum summary_file kind, const char *directory)
{
    char *path = text_of("%s/%s", directory, files[kind].name);

    if (!path)
        report_error("not enough memory to write %s", files[kind].name);
    return path;
}

int summary_check_files(const char *directory)
{
    int code = 0;

    for (enum summary_file kind = FILE_CSV; kind < FILES && code == 0; ++kind) {
        char *path = path_of(kind, directory);

        code = path ? atomic_file_check(path) : EXIT_FAILED;
        if (code == 0)
            code = atomic_file_check_older(path, files[kind].mark, program_name);
        free(path);
    }
    return code;
}

static int write_file(enum summary_file kind, const struct summary *summary, const struct experiments *experiments,
                      const char *directory)
{
    char *path = path_of(kind, directory);
    struct atomic_file file;

    if (!path)
        return EXIT_FAILED;
    int code = atomic_file_open(&file, path);
    if (code == 0) {
        if (kind == FILE_CSV)
            write_rows(file.stream, summary);
        else if (kind == FILE_COMPARISONS)
            write_comparisons(file.stream, summary);
        else
            write_json(file.stream, summary, experiments);
        code = atomic_file_commit(&file);
    }
    free(path);
    return code;
}

int summary_write_files(const struct summary *summary, const struct experiments *experiments, const char *directory)
{
    int code = 0;

    for (enum summary_file kind = FILE_CSV; kind < FILES && code == 0; ++kind)
        code = write_file(kind, summary, experiments, directory);
    return code;
}
