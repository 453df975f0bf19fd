/* SPDX-License-Identifier: MIT */
#include "training/checkpoint.h"

#include "support/report.h"
#include "support/text.h"
#include "training/model_file.h"
#include "training/pipeline.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/*
 * The library allows 65,536 bytes per note. A line of the history has fewer than 128 bytes with the numbers of
 * training and test, and 34 more with each loss and accuracy of the validation images and of the averaged weights.
 */
enum { NOTE_ROOM = 65537, TESTED_ROOM = 128, TESTED_REALS = 6, PAIR_ROOM = 34, MAX_REALS = 12, BEST_WEIGHTS_ROOM = 80 };

/* What the lines of the epochs have besides the numbers of training and test. */
struct line_form {
    bool validates, averages;
};

static struct line_form form_of(const struct settings *settings)
{
    return (struct line_form){settings->validate > 0, settings->average > 0};
}

/* That of the best epoch: only of the weights that are kept. */
static const struct line_form best_form = {.validates = true};

/* Losses and accuracies, two numbers each, of a line. */
static int count_pairs(struct line_form form)
{
    return (form.validates ? 1 : 0) + (form.averages ? 1 : 0) + (form.validates && form.averages ? 1 : 0);
}

static int line_room(struct line_form form)
{
    return TESTED_ROOM + count_pairs(form) * PAIR_ROOM;
}

static const char first_line[] = "normnet-mnist train 2";

/* ---- Writing ----------------------------------------------------------------------------------- */

static uint64_t bits_of(double value)
{
    uint64_t bits;

    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static bool keeps_best(const struct settings *settings)
{
    return settings->validate > 0 && settings->keep == KEEP_BEST;
}

/* The lines of --validate, or "" without it. */
static void write_validation_lines(char *text, size_t size, const struct settings *settings)
{
    text[0] = '\0';
    if (settings->validate > 0)
        snprintf(text, size, "validate %" PRId64 "\nkeep %s\n", settings->validate,
                 settings_keep_names[settings->keep]);
}

static int write_note_head(char *note, size_t size, const struct settings *settings,
                           const struct training_state *training, int64_t dropped)
{
    const bool validates = settings->validate > 0;
    char validation[80];

    write_validation_lines(validation, sizeof validation, settings);
    return snprintf(note, size,
                    "%s\npreset %s\nlimit %" PRId64 "\n%sbatch %" PRId64 "\nepochs %" PRId64
                    "\naugment %s\nimages %" PRId64 "\ntrain %s\n%s%s%stest %s\ncorrect %" PRId64
                    "\nloss_sum %016" PRIx64 "\nseconds %016" PRIx64 "\nforgotten %" PRId64 "\n",
                    first_line, settings_preset_names[settings->preset], settings->limit, validation, settings->batch,
                    settings->epochs, settings->augment, training->images, training->train_data,
                    validates ? "validation " : "", validates ? training->validation_data : "", validates ? "\n" : "",
                    training->test_data, training->correct, bits_of(training->loss_sum), bits_of(training->seconds),
                    dropped);
}

static int write_note_pair(char *line, double loss, double accuracy)
{
    return snprintf(line, PAIR_ROOM + 1, " %016" PRIx64 " %016" PRIx64, bits_of(loss), bits_of(accuracy));
}

/* A line of numbers after `key`: "epoch", or "best". */
static int write_note_epoch(char *line, const char *key, const struct epoch_result *result, struct line_form form)
{
    int length = snprintf(
        line, TESTED_ROOM,
        "%s %" PRId64 " %016" PRIx64 " %016" PRIx64 " %016" PRIx64 " %016" PRIx64 " %016" PRIx64 " %016" PRIx64, key,
        result->epoch, bits_of(result->train_loss), bits_of(result->train_accuracy), bits_of(result->test_loss),
        bits_of(result->test_accuracy), bits_of(result->lr), bits_of(result->seconds));

    if (form.validates)
        length += write_note_pair(line + length, result->validation_loss, result->validation_accuracy);
    if (form.averages)
        length += write_note_pair(line + length, result->average_test_loss, result->average_test_accuracy);
    if (form.validates && form.averages)
        length += write_note_pair(line + length, result->average_validation_loss, result->average_validation_accuracy);
    line[length] = '\n';
    return length + 1;
}

static int write_note_best(char *lines, const struct training_state *training)
{
    const int length = write_note_epoch(lines, "best", &training->best, best_form);

    return length + snprintf(lines + length, BEST_WEIGHTS_ROOM, "best_weights %s\n", training->best_weights);
}

int64_t checkpoint_count_dropped(const struct settings *settings, const struct training_state *training)
{
    const int best = keeps_best(settings) ? line_room(best_form) + BEST_WEIGHTS_ROOM : 0;
    const int head = write_note_head(NULL, 0, settings, training, INT64_MAX) + best;
    int64_t room = (NOTE_ROOM - head) / line_room(form_of(settings));
    int64_t dropped = training->finished - (room > 0 ? room : 0);

    return dropped > training->dropped ? dropped : training->dropped;
}

char *checkpoint_write_note(const struct settings *settings, const struct training_state *training)
{
    char *note = malloc(NOTE_ROOM);

    if (!note)
        return NULL;
    const int64_t dropped = checkpoint_count_dropped(settings, training);
    int length = write_note_head(note, NOTE_ROOM, settings, training, dropped);
    if (keeps_best(settings) && training->finished > 0)
        length += write_note_best(note + length, training);
    for (int64_t epoch = dropped; epoch < training->finished && length < NOTE_ROOM; ++epoch)
        length += write_note_epoch(note + length, "epoch", &training->history[epoch], form_of(settings));
    note[length] = '\0';
    return note;
}

int checkpoint_save(const char *path, normnet_model *model, const struct settings *settings,
                    const struct training_state *training)
{
    char *note = checkpoint_write_note(settings, training);

    if (!note)
        return report_error("not enough memory to write %s", path);
    int code = model_file_save(model, path, NORMNET_FILE_CHECKPOINT, note);
    free(note);
    return code;
}

/* ---- Reading lines ----------------------------------------------------------------------------- */

/* The unread part of a note. */
struct note_reader {
    char *cursor;
    int line;
    const char *path;
};

static int reject_line(const struct note_reader *reader, char *line, const char *key, const char *expected)
{
    for (char *byte = line; *byte; ++byte) { /* for a terminal */
        if (*byte < ' ' || *byte > '~')
            *byte = '?';
    }
    return report_error("%s: line %d of its note is '%.80s' instead of '%s' and %s", reader->path, reader->line, line,
                        key, expected);
}

/* The next line. An empty line after the last one, and for a last line without "\n". */
static char *next_note_line(struct note_reader *reader)
{
    char *line = reader->cursor, *end = strchr(line, '\n');

    ++reader->line;
    if (!end)
        return line + strlen(line);
    *end = '\0';
    reader->cursor = end + 1;
    return line;
}

/* The text after the key and a space; NULL if the line has another key. */
static const char *note_value(const char *line, const char *key)
{
    size_t length = strlen(key);

    return strncmp(line, key, length) == 0 && line[length] == ' ' ? line + length + 1 : NULL;
}

static int read_note_text(struct note_reader *reader, const char *key, const char **text)
{
    char *line = next_note_line(reader);

    *text = note_value(line, key);
    return *text && **text ? 0 : reject_line(reader, line, key, "a text");
}

/* Parses a decimal number without sign or leading zeros. Returns its end, or NULL if it is invalid or above `max`. */
static const char *parse_integer(const char *text, int64_t max, int64_t *value)
{
    *value = 0;
    if (*text < '0' || *text > '9' || (*text == '0' && text[1] >= '0' && text[1] <= '9'))
        return NULL;
    for (; *text >= '0' && *text <= '9'; ++text) {
        if (*value > (max - (*text - '0')) / 10)
            return NULL;
        *value = 10 * *value + (*text - '0');
    }
    return text;
}

static int read_note_integer(struct note_reader *reader, const char *key, int64_t min, int64_t max, int64_t *value)
{
    char expected[80], *line = next_note_line(reader);
    const char *text = note_value(line, key), *end = text ? parse_integer(text, max, value) : NULL;

    if (end && !*end && *value >= min)
        return 0;
    snprintf(expected, sizeof expected, "a whole number from %" PRId64 " to %" PRId64, min, max);
    return reject_line(reader, line, key, expected);
}

/* Parses 16 hexadecimal digits of a finite double of at least 0. Returns their end, or NULL if they are invalid. */
static const char *parse_real(const char *text, double *value)
{
    static const char digits[] = "0123456789abcdef";
    uint64_t bits = 0;

    for (int i = 0; i < 16; ++i, ++text) {
        const char *digit = *text ? strchr(digits, *text) : NULL;

        if (!digit)
            return NULL;
        bits = bits << 4 | (uint64_t)(digit - digits);
    }
    memcpy(value, &bits, sizeof bits);
    return isfinite(*value) && *value >= 0 ? text : NULL;
}

static int read_note_real(struct note_reader *reader, const char *key, double *value)
{
    char *line = next_note_line(reader);
    const char *text = note_value(line, key), *end = text ? parse_real(text, value) : NULL;

    return end && !*end ? 0 : reject_line(reader, line, key, "16 hexadecimal digits of a number");
}

static double *take_pair(double *reals, double *loss, double *accuracy)
{
    *loss = reals[0];
    *accuracy = reals[1];
    return reals + 2;
}

/* Reads the line of an epoch whose number is from `min` to `max`. */
static int read_note_epoch(struct note_reader *reader, const char *key, int64_t min, int64_t max,
                           struct epoch_result *result, struct line_form form, int64_t images)
{
    const int count = TESTED_REALS + 2 * count_pairs(form);
    double reals[MAX_REALS] = {0}, *next = reals + TESTED_REALS;
    char expected[100], *line = next_note_line(reader);
    int64_t epoch = 0;

    const char *text = note_value(line, key);
    text = text ? parse_integer(text, max, &epoch) : NULL;
    for (int i = 0; text && i < count; ++i)
        text = *text == ' ' ? parse_real(text + 1, &reals[i]) : NULL;
    if (!text || *text || epoch < min) {
        snprintf(expected, sizeof expected,
                 "the number of an epoch from %" PRId64 " to %" PRId64 " and %d numbers of 16 hexadecimal digits", min,
                 max, count);
        return reject_line(reader, line, key, expected);
    }
    *result = (struct epoch_result){
        .epoch = epoch,
        .train_loss = reals[0],
        .train_accuracy = reals[1],
        .test_loss = reals[2],
        .test_accuracy = reals[3],
        .lr = reals[4],
        .seconds = reals[5],
        .images_per_second = reals[5] > 0 ? (double)images / reals[5] : 0,
    };
    if (form.validates)
        next = take_pair(next, &result->validation_loss, &result->validation_accuracy);
    if (form.averages)
        next = take_pair(next, &result->average_test_loss, &result->average_test_accuracy);
    if (form.validates && form.averages)
        take_pair(next, &result->average_validation_loss, &result->average_validation_accuracy);
    return 0;
}

/* ---- Reading a note ---------------------------------------------------------------------------- */

static int read_note_preset(struct note_reader *reader, int32_t *preset)
{
    const char *name = NULL;
    int code = read_note_text(reader, "preset", &name);

    if (code != 0)
        return code;
    *preset = settings_find_preset(name);
    if (*preset < 0)
        return report_error("%s: line %d of its note names no preset of this program", reader->path, reader->line);
    return 0;
}

/* Whether the next line has this key. */
static bool next_has_key(const struct note_reader *reader, const char *key)
{
    return note_value(reader->cursor, key) != NULL;
}

static int read_note_keep(struct note_reader *reader, int32_t *keep)
{
    const char *name = NULL;
    int code = read_note_text(reader, "keep", &name);

    for (*keep = 0; code == 0 && settings_keep_names[*keep]; ++*keep) {
        if (strcmp(settings_keep_names[*keep], name) == 0)
            return 0;
    }
    return code != 0 ? code
                     : report_error("%s: line %d of its note has neither last nor best", reader->path, reader->line);
}

/* Training runs without validation images have no such lines. */
static int read_note_validation(struct note_reader *reader, struct settings *settings)
{
    if (!next_has_key(reader, "validate"))
        return 0;
    const int code = read_note_integer(reader, "validate", 1, INT32_MAX, &settings->validate);
    return code == 0 ? read_note_keep(reader, &settings->keep) : code;
}

static int read_note_settings(struct note_reader *reader, struct settings *settings)
{
    int code = read_note_preset(reader, &settings->preset);

    if (code == 0)
        code = read_note_integer(reader, "limit", 0, 1000000000, &settings->limit);
    if (code == 0)
        code = read_note_validation(reader, settings);
    if (code == 0)
        code = read_note_integer(reader, "batch", 1, 1048576, &settings->batch);
    if (code == 0)
        code = read_note_integer(reader, "epochs", 1, 1000000, &settings->epochs);
    if (code == 0)
        code = read_note_text(reader, "augment", &settings->augment);
    return code;
}

static int read_note_checksum(struct note_reader *reader, const char *key, char checksum[65])
{
    const char *text = NULL;
    int code = read_note_text(reader, key, &text);

    if (code == 0 && (strlen(text) != 64 || strspn(text, "0123456789abcdef") != 64))
        code = report_error("%s: line %d of its note is not a SHA-256 of 64 hexadecimal digits", reader->path,
                            reader->line);
    if (code == 0)
        memcpy(checksum, text, 65);
    return code;
}

static int read_note_data(struct note_reader *reader, struct training_state *training, bool validates)
{
    int code = read_note_integer(reader, "images", 1, INT32_MAX, &training->images);

    if (code == 0)
        code = read_note_checksum(reader, "train", training->train_data);
    if (code == 0 && validates)
        code = read_note_checksum(reader, "validation", training->validation_data);
    return code == 0 ? read_note_checksum(reader, "test", training->test_data) : code;
}

/* Computes the finished epochs and images from the step of the model, which must fit the note. */
static int check_steps(struct checkpoint *checkpoint, const char *path, int64_t step, int64_t total_steps)
{
    const struct settings *settings = &checkpoint->settings;
    struct training_state *training = &checkpoint->training;
    int64_t batch = settings->batch < training->images ? settings->batch : training->images;
    int64_t batches = pipeline_batches(training->images, batch);

    const int64_t noted = settings->epochs * batches;
    if ((total_steps > 0 && total_steps != noted) || step > noted)
        return report_error("%s does not fit its note: %" PRId64 " of %" PRId64 " steps are done, but the note "
                            "has %" PRId64 " epochs of %" PRId64 " steps",
                            path, step, total_steps > 0 ? total_steps : noted, settings->epochs, batches);
    training->finished = step / batches;
    training->done = step % batches * batch;
    training->history = calloc((size_t)settings->epochs, sizeof *training->history);
    return training->history ? 0 : report_error("not enough memory for %" PRId64 " epochs", settings->epochs);
}

static int read_note_best(struct note_reader *reader, struct training_state *training)
{
    const int code =
        read_note_epoch(reader, "best", 1, training->finished, &training->best, best_form, training->images);

    return code == 0 ? read_note_checksum(reader, "best_weights", training->best_weights) : code;
}

static int read_note_progress(struct note_reader *reader, struct training_state *training,
                              const struct settings *settings)
{
    int code = read_note_integer(reader, "correct", 0, training->done, &training->correct);

    if (code == 0)
        code = read_note_real(reader, "loss_sum", &training->loss_sum);
    if (code == 0)
        code = read_note_real(reader, "seconds", &training->seconds);
    if (code == 0)
        code = read_note_integer(reader, "forgotten", 0, training->finished, &training->dropped);
    if (code == 0 && keeps_best(settings) && training->finished > 0)
        code = read_note_best(reader, training);
    for (int64_t i = training->dropped; code == 0 && i < training->finished; ++i)
        code =
            read_note_epoch(reader, "epoch", i + 1, i + 1, &training->history[i], form_of(settings), training->images);
    if (code == 0 && *reader->cursor)
        code = report_error("%s: its note has more text after the %d lines of its %" PRId64 " epochs", reader->path,
                            reader->line, training->finished);
    return code;
}

int checkpoint_read_note(struct checkpoint *checkpoint, const char *path, int64_t step, int64_t total_steps)
{
    struct note_reader reader = {checkpoint->note, 0, path};

    if (strcmp(next_note_line(&reader), first_line) != 0)
        return report_error("%s was not written by normnet-mnist train --save: it has a model, but not the state of "
                            "its training",
                            path);
    int code = read_note_settings(&reader, &checkpoint->settings);
    if (code == 0)
        code = read_note_data(&reader, &checkpoint->training, checkpoint->settings.validate > 0);
    if (code == 0)
        code = check_steps(checkpoint, path, step, total_steps);
    if (code == 0)
        code = read_note_progress(&reader, &checkpoint->training, &checkpoint->settings);
    return code;
}

/* ---- A file ------------------------------------------------------------------------------------ */

static int read_model_note(struct checkpoint *checkpoint, const char *path)
{
    normnet_config config = {.struct_size = sizeof config};

    checkpoint->note = text_of("%s", normnet_model_note(checkpoint->model));
    if (!checkpoint->note)
        return report_error("not enough memory to read %s", path);
    settings_init(&checkpoint->settings);
    normnet_model_config(checkpoint->model, &config);
    checkpoint->settings.average = config.average_decay; /* which the lines of the epochs depend on */
    int64_t step = normnet_steps_taken(checkpoint->model);
    /* The other schedules do not depend on it, and a training run may have got more epochs. */
    const int64_t total_steps = config.schedule == NORMNET_SCHEDULE_ONE_CYCLE ? config.total_steps : 0;
    int code = checkpoint_read_note(checkpoint, path, step, total_steps);
    if (code == 0)
        settings_adopt(&checkpoint->settings, &config, checkpoint->training.images);
    return code;
}

int checkpoint_adopt(struct checkpoint *checkpoint, normnet_model *model, const char *path)
{
    *checkpoint = (struct checkpoint){.model = model};
    const int code = read_model_note(checkpoint, path);
    if (code != 0)
        checkpoint_close(checkpoint);
    return code;
}

int checkpoint_open(struct checkpoint *checkpoint, const char *path)
{
    normnet_model *model = NULL;

    *checkpoint = (struct checkpoint){.model = NULL};
    const int code = model_file_open(&model, path, MODEL_TRUSTED, 1, NULL, NULL);
    return code == 0 ? checkpoint_adopt(checkpoint, model, path) : code;
}

void checkpoint_forget_training(struct checkpoint *checkpoint)
{
    free(checkpoint->training.history);
    checkpoint->training = (struct training_state){.images = 0};
}

void checkpoint_close(struct checkpoint *checkpoint)
{
    normnet_model_destroy(checkpoint->model);
    free(checkpoint->training.history);
    free(checkpoint->note);
    *checkpoint = (struct checkpoint){.model = NULL};
}
