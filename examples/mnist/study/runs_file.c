/* SPDX-License-Identifier: MIT */
#include "study/runs_file.h"

#include "study/run_line.h"
#include "study/run_line_check.h"
#include "support/atomic_file.h"
#include "support/file_system.h"
#include "support/folder.h"
#include "support/json_reader.h"
#include "support/minmax.h"
#include "support/report.h"
#include "support/whole_file.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- From a line ------------------------------------------------------------------------------- */

static void copy_key(char to[65], const char *from)
{
    snprintf(to, 65, "%.64s", from ? from : "");
}

static double number_at(const struct json_value *object, const char *key, const char *inner)
{
    const struct json_value *member = json_member(object, key);

    return json_number(inner ? json_member(member, inner) : member);
}

/* A number as an integer; -1 if there is none that a double holds exactly. */
static int64_t integer_at(const struct json_value *object, const char *key)
{
    const double number = number_at(object, key, NULL);

    return number >= 0 && number <= 0x1p53 ? (int64_t)number : -1;
}

/* The smaller of two numbers, of which the first may be NaN. */
static double smaller(double a, double b)
{
    return isnan(a) ? b : double_min(a, b);
}

static void take_epoch(struct run_record *record, const struct json_value *epoch)
{
    const double test = number_at(epoch, "test_accuracy", NULL);

    ++record->epochs;
    record->test = test;
    record->best_test = isnan(record->best_test) ? test : double_max(record->best_test, test);
    record->test_loss = number_at(epoch, "test_loss", NULL);
    record->validation = number_at(epoch, "validation_accuracy", NULL);
    record->train = number_at(epoch, "train_accuracy", NULL);
    record->average_test = number_at(epoch, "average_test_accuracy", NULL);
    record->average_validation = number_at(epoch, "average_validation_accuracy", NULL);
    record->average_test_loss = number_at(epoch, "average_test_loss", NULL);
    record->images_per_second = number_at(epoch, "images_per_second", NULL);
    record->batch = number_at(epoch, "batch_statistics", "test_accuracy");
    record->updated = number_at(epoch, "new_statistics", "test_accuracy");
    if (record->epochs > 1) {
        record->lowest = smaller(record->lowest, test);
        record->lowest_batch = smaller(record->lowest_batch, record->batch);
        record->lowest_updated = smaller(record->lowest_updated, record->updated);
    }
}

static double share_of_small(const struct json_value *line)
{
    const struct json_value *weights = json_member(line, "weights");
    double small = 0, count = 0;

    for (weights = weights ? weights->first : NULL; weights; weights = weights->next) {
        small += json_number(json_member(weights, "small"));
        count += json_number(json_member(weights, "count"));
    }
    return small / count;
}

void run_record_take(struct run_record *record, const struct json_value *line)
{
    const struct json_value *history = json_member(line, "history");

    *record = (struct run_record){
        .seed = integer_at(line, "seed"),
        .parameters = integer_at(line, "parameters"),
        .images = integer_at(json_member(line, "data"), "training_images"),
        .test_images = integer_at(json_member(line, "data"), "test_images"),
        .validation_images = integer_at(json_member(line, "data"), "validation_images"),
        .failed = json_string(json_member(line, "failure")) != NULL,
        .seconds = number_at(line, "seconds", NULL),
        .small_share = share_of_small(line),
        .pruned_accuracy = number_at(line, "pruned", "test_accuracy"),
        .test = NAN,
        .validation = NAN,
        .train = NAN,
        .test_loss = NAN,
        .best_test = NAN,
        .average_test = NAN,
        .average_validation = NAN,
        .average_test_loss = NAN,
        .tta_test = number_at(line, "tta", "test_accuracy"),
        .tta_validation = number_at(line, "tta", "validation_accuracy"),
        .tta_average_test = number_at(line, "tta", "average_test_accuracy"),
        .images_per_second = NAN,
        .batch = NAN,
        .updated = NAN,
        .lowest = NAN,
        .lowest_batch = NAN,
        .lowest_updated = NAN,
    };
    copy_key(record->key, json_string(json_member(line, "key")));
    copy_key(record->weights, json_string(json_member(line, "weights_sha256")));
    for (const struct json_value *epoch = history->first; epoch; epoch = epoch->next)
        take_epoch(record, epoch);
    if (record->failed) { /* it has no last accuracy */
        record->test = record->validation = record->train = record->test_loss = NAN;
        record->average_test = record->average_validation = record->average_test_loss = NAN;
    }
}

/* ---- Reading ----------------------------------------------------------------------------------- */

static int add_record(struct runs_file *file, const struct json_value *line)
{
    if (file->count == file->room) {
        const size_t room = file->room ? 2 * file->room : 64;
        struct run_record *records = realloc(file->records, room * sizeof *records);

        if (!records)
            return report_error("not enough memory for %zu runs", room);
        file->records = records;
        file->room = room;
    }
    run_record_take(&file->records[file->count++], line);
    return 0;
}

static int read_line(struct runs_file *file, int number, const char *text, size_t size)
{
    struct json_problem problem = {0};
    struct json_value *line = json_parse(text, size, &problem);
    char wrong[WRONG_ROOM];

    if (!line && problem.memory)
        return report_error("not enough memory to read %s", file->path);
    if (!line)
        return report_error("%s:%d:%zu: the line is damaged: expected %s; remove it, and the run is done again",
                            file->path, number, problem.offset + 1, problem.expected);
    int code = 0;
    if (run_line_is_wrong(line, wrong))
        code = report_error("%s:%d: %s; remove the line, and the run is done again, or choose another --out",
                            file->path, number, wrong);
    else if (!runs_file_find(file, json_string(json_member(line, "key")))) /* not twice */
        code = add_record(file, line);
    json_free(line);
    return code;
}

/* Sets `whole` to the size of the lines that have an end. */
static int read_lines(struct runs_file *file, const struct whole_file *text, size_t *whole)
{
    const char *next = (const char *)text->data, *end = next + text->size;
    int code = 0;

    *whole = 0;
    for (int number = 1; next < end && code == 0; ++number) {
        const char *feed = memchr(next, '\n', (size_t)(end - next));

        if (!feed)
            break;
        code = read_line(file, number, next, (size_t)(feed - next));
        next = feed + 1;
        *whole = (size_t)(next - (const char *)text->data);
    }
    return code;
}

/* Replaces the file by its first bytes. */
static int cut_file(const struct runs_file *file, const struct whole_file *text, size_t whole)
{
    struct atomic_file shorter;

    int code = atomic_file_open(&shorter, file->path);
    if (code != 0)
        return code;
    if (whole > 0)
        fwrite(text->data, 1, whole, shorter.stream);
    code = atomic_file_commit(&shorter);
    if (code == 0) {
        print_name("The last line of ", file->path, " has no end: the study was killed while it was written.\n");
        printf("It is dropped, and its run is done again.\n\n");
    }
    return code;
}

static int read_file(struct runs_file *file)
{
    struct whole_file text;
    size_t whole = 0;

    if (!file_exists(file->path))
        return 0;
    int code = whole_file_open(&text, file->path);
    if (code != 0)
        return code;
    if (text.size > 0)
        code = read_lines(file, &text, &whole);
    if (code == 0 && whole < text.size)
        code = cut_file(file, &text, whole);
    whole_file_close(&text);
    return code;
}

int runs_file_open(struct runs_file *file, const char *directory)
{
    *file = (struct runs_file){0};
    const int error = folder_create(directory);
    if (error != 0)
        return report_error("cannot create the directory %s: %s", directory, strerror(error));
    file->path = text_of("%s/runs.jsonl", directory);
    if (!file->path)
        return report_error("not enough memory");
    int code = file_claim_take(&file->claim, file->path);
    if (code == 0)
        code = read_file(file);
    if (code != 0)
        return code;
    file->stream = fopen(file->path, "ab");
    if (!file->stream)
        return report_error("cannot write %s: %s", file->path, strerror(errno));
    return 0;
}

void runs_file_close(struct runs_file *file)
{
    if (file->stream)
        fclose(file->stream);
    file_claim_release(&file->claim);
    free(file->path);
    free(file->records);
    *file = (struct runs_file){0};
}

const struct run_record *runs_file_find(const struct runs_file *file, const char *key)
{
    for (size_t i = 0; i < file->count; ++i) {
        if (strcmp(file->records[i].key, key) == 0)
            return &file->records[i];
    }
    return NULL;
}

/* ---- Writing ----------------------------------------------------------------------------------- */

/* The record is made from the line that was written, as it will be when the file is read. */
static int add_written(struct runs_file *file, long begin)
{
    struct whole_file text;
    int code = whole_file_open(&text, file->path);

    if (code != 0)
        return code;
    if (begin < 0 || (size_t)begin >= text.size)
        code = report_error("%s was changed by another program while the study ran", file->path);
    else
        code = read_line(file, (int)file->count + 1, (const char *)text.data + begin, text.size - (size_t)begin);
    whole_file_close(&text);
    return code;
}

int runs_file_add(struct runs_file *file, const struct seed_run *run, const char *key, const char *data_key)
{
    fseek(file->stream, 0, SEEK_END);
    const long begin = ftell(file->stream);
    run_line_write(file->stream, run, key, data_key);
    if (ferror(file->stream) || fflush(file->stream) != 0 || !file_sync(file->stream))
        return report_error("cannot write %s: %s", file->path, strerror(errno));
    return add_written(file, begin);
}
