/* SPDX-License-Identifier: MIT */
#include "report/data_files.h"

#include "report/curves.h"
#include "support/json.h"

#include <inttypes.h>
#include <math.h>

static void write_number(FILE *stream, double value)
{
    fputc(',', stream);
    if (isfinite(value))
        fprintf(stream, "%.9g", value);
}

/* Ids and studies need no quotes: they are letters, digits and - . _ in a file of experiments, or else are made so. */
static void write_id(FILE *stream, const char *id)
{
    for (; *id; ++id)
        fputc(*id == ',' || *id == '"' || (unsigned char)*id < ' ' ? '_' : *id, stream);
}

void data_write_curves(FILE *stream, const struct material *material)
{
    fputs("id,study,norm,epoch,value,seeds,mean,lowest,highest\n", stream);
    for (size_t i = 0; i < material->row_count; ++i) {
        const struct report_row *row = &material->rows[i];

        for (size_t epoch = 0; epoch < row_epochs(row); ++epoch) {
            for (int value = 0; value < EPOCH_VALUES; ++value) {
                const struct curve_point point = curve_point(row, epoch, (enum epoch_value)value);

                if (point.seeds == 0)
                    continue;
                write_id(stream, row->experiment->id);
                fputc(',', stream);
                write_id(stream, row->experiment->study);
                fprintf(stream, ",%s,%zu,%s,%zu", row->look.name, epoch + 1, epoch_value_names[value], point.seeds);
                write_number(stream, point.mean);
                write_number(stream, point.low);
                write_number(stream, point.high);
                fputc('\n', stream);
            }
        }
    }
}

void data_write_mistakes(FILE *stream, const struct material *material)
{
    fputs("id,study,norm,seed,image,actual,predicted,probability\n", stream);
    for (size_t i = 0; i < material->row_count; ++i) {
        const struct report_row *row = &material->rows[i];

        for (size_t k = 0; k < row->count; ++k) {
            for (size_t m = 0; m < row->runs[k]->mistake_count; ++m) {
                const struct run_mistake *mistake = &row->runs[k]->mistakes[m];

                write_id(stream, row->experiment->id);
                fputc(',', stream);
                write_id(stream, row->experiment->study);
                fprintf(stream, ",%s,%" PRId64 ",%" PRId64 ",%" PRId32 ",%" PRId32, row->look.name, row->runs[k]->seed,
                        mistake->image, mistake->actual, mistake->predicted);
                write_number(stream, mistake->probability);
                fputc('\n', stream);
            }
        }
    }
}

/* ---- JSON -------------------------------------------------------------------------------------- */

static void write_curve_json(struct json_writer *json, const struct report_row *row, enum epoch_value value)
{
    static const char *const names[] = {"mean", "lowest", "highest"};

    json_begin_object(json, epoch_value_names[value]);
    for (int part = 0; part < 3; ++part) {
        json_begin_array(json, names[part]);
        for (size_t epoch = 0; epoch < row_epochs(row); ++epoch) {
            const struct curve_point point = curve_point(row, epoch, value);

            json_real(json, NULL, part == 0 ? point.mean : part == 1 ? point.low : point.high);
        }
        json_end_array(json);
    }
    json_end_object(json);
}

static void write_mistakes_json(struct json_writer *json, const struct report_row *row)
{
    json_begin_array(json, "mistakes");
    for (size_t i = 0; i < row->count; ++i) {
        for (size_t m = 0; m < row->runs[i]->mistake_count; ++m) {
            const struct run_mistake *mistake = &row->runs[i]->mistakes[m];

            json_begin_object(json, NULL);
            json_integer(json, "seed", row->runs[i]->seed);
            json_integer(json, "image", mistake->image);
            json_integer(json, "actual", mistake->actual);
            json_integer(json, "predicted", mistake->predicted);
            json_real(json, "probability", mistake->probability);
            json_end_object(json);
        }
    }
    json_end_array(json);
}

static bool has_value(const struct report_row *row, enum epoch_value value)
{
    for (size_t epoch = 0; epoch < row_epochs(row); ++epoch) {
        if (curve_point(row, epoch, value).seeds > 0)
            return true;
    }
    return false;
}

void data_write_json(FILE *stream, const struct material *material)
{
    struct json_writer json = json_open_line(stream);

    json_begin_object(&json, NULL);
    json_text(&json, "program", "normnet-mnist report");
    json_text(&json, "version", normnet_version());
    json_integer(&json, "bits_version", normnet_bits_version());
    json_begin_array(&json, "curves");
    for (size_t i = 0; i < material->row_count; ++i) {
        const struct report_row *row = &material->rows[i];

        json_begin_object(&json, NULL);
        json_text(&json, "id", row->experiment->id);
        json_text(&json, "study", row->experiment->study);
        json_text(&json, "norm", row->look.name);
        for (int value = 0; value < EPOCH_VALUES; ++value) {
            if (has_value(row, (enum epoch_value)value))
                write_curve_json(&json, row, (enum epoch_value)value);
        }
        write_mistakes_json(&json, row);
        json_end_object(&json);
    }
    json_end_array(&json);
    json_end_object(&json);
}
