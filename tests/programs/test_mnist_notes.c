/* SPDX-License-Identifier: MIT */
/* Parts of normnet-mnist: the notes of checkpoints, and the settings of a training run. */
#include "part_checks.h"

#include "support/json.h"
#include "training/config_message.h"

#include <float.h>
#include <stdbool.h>

/* ---- Notes ------------------------------------------------------------------------------------ */

enum { NOTE_EPOCHS = 700, NOTE_IMAGES = 1000, NOTE_BATCH = 48, NOTE_BATCHES = 21, NOTE_TOTAL = 700 * 21 };

/* A training run that has finished this many epochs and two batches of the next. */
static struct training_state note_training(struct epoch_result *history, int64_t finished)
{
    struct training_state training = {
        .images = NOTE_IMAGES,
        .history = history,
        .finished = finished,
        .done = 2 * NOTE_BATCH,
        .correct = 17,
        .loss_sum = 1.0 / 3,
        .seconds = 1e-300,
    };

    memset(training.train_data, 'a', 64);
    memset(training.test_data, '5', 64);
    for (int64_t i = 0; i < finished; ++i)
        history[i] = (struct epoch_result){
            .epoch = i + 1,
            .train_loss = 1.0 / (double)(i + 3),
            .train_accuracy = 12.3,
            .test_loss = 1e300,
            .test_accuracy = 99.9,
            .lr = 5e-324,
            .seconds = 0.1,
        };
    return training;
}

/* Without validation images, with them, with the weights of the best epoch; without and with averaged weights. */
enum note_kind { NOTE_PLAIN, NOTE_VALIDATED, NOTE_BEST, NOTE_AVERAGED, NOTE_BEST_AVERAGED, NOTE_KINDS };

static bool note_validates(enum note_kind kind)
{
    return kind != NOTE_PLAIN && kind != NOTE_AVERAGED;
}

static bool note_averages(enum note_kind kind)
{
    return kind == NOTE_AVERAGED || kind == NOTE_BEST_AVERAGED;
}

static bool note_has_best(enum note_kind kind)
{
    return kind == NOTE_BEST || kind == NOTE_BEST_AVERAGED;
}

static char *write_note(struct epoch_result *history, int64_t finished, enum note_kind kind)
{
    struct settings settings = {
        .preset = 1, .limit = 5, .batch = NOTE_BATCH, .epochs = NOTE_EPOCHS, .augment = "rotate:6"};
    struct training_state training = note_training(history, finished);

    settings.average = note_averages(kind) ? 0.9 : 0.0;
    if (note_validates(kind)) {
        settings.validate = 100;
        memset(training.validation_data, '0', 64);
    }
    for (int64_t i = 0; i < finished && note_validates(kind); ++i) {
        history[i].validation_loss = 0.1 + (double)i;
        history[i].validation_accuracy = 99.0 / 7;
    }
    for (int64_t i = 0; i < finished && note_averages(kind); ++i) {
        history[i].average_test_loss = 0.7 / (double)(i + 1);
        history[i].average_test_accuracy = 99.5;
        history[i].average_validation_loss = note_validates(kind) ? 1e-9 : 0.0;
        history[i].average_validation_accuracy = note_validates(kind) ? 97.0 / 3 : 0.0;
    }
    if (note_has_best(kind)) {
        settings.keep = KEEP_BEST;
        training.best = history[finished / 2];
        memset(training.best_weights, 'b', 64);
    }
    return checkpoint_write_note(&settings, &training);
}

/* Takes the note; the checkpoint has no model. */
static int read_note(struct checkpoint *checkpoint, char *note, enum note_kind kind, int64_t step)
{
    *checkpoint = (struct checkpoint){.note = note, .settings = {.average = note_averages(kind) ? 0.9 : 0.0}};
    return checkpoint_read_note(checkpoint, "file", step, NOTE_TOTAL);
}

static void check_validation(const struct checkpoint *checkpoint, enum note_kind kind,
                             const struct epoch_result *history)
{
    const struct training_state *training = &checkpoint->training;
    const bool best = note_has_best(kind) && training->finished > 0;

    CHECK_EQUAL(checkpoint->settings.validate, note_validates(kind) ? 100 : 0);
    CHECK_EQUAL(checkpoint->settings.keep, note_has_best(kind) ? KEEP_BEST : KEEP_LAST);
    CHECK_EQUAL(training->validation_data[63], note_validates(kind) ? '0' : 0);
    CHECK_EQUAL(training->best.epoch, best ? training->finished / 2 + 1 : 0);
    CHECK(!best || (training->best_weights[63] == 'b' &&
                    training->best.validation_loss == history[training->finished / 2].validation_loss));
}

/* Also with more epochs than a note has room for: the oldest are dropped. */
static void notes_read_back(const void *argument)
{
    const enum note_kind kind = *(const enum note_kind *)argument;
    static struct epoch_result history[NOTE_EPOCHS];
    struct checkpoint checkpoint;

    for (int64_t finished = 0; finished < NOTE_EPOCHS; finished += 233) {
        char *note = write_note(history, finished, kind);

        if (!CHECK(note && strlen(note) <= 65536))
            return;
        CHECK_EQUAL(read_note(&checkpoint, note, kind, finished * NOTE_BATCHES + 2), 0);
        const struct training_state *training = &checkpoint.training;
        CHECK_EQUAL(checkpoint.settings.preset, 1);
        CHECK_EQUAL(checkpoint.settings.limit, 5);
        CHECK_EQUAL(checkpoint.settings.batch, NOTE_BATCH);
        CHECK_EQUAL(checkpoint.settings.epochs, NOTE_EPOCHS);
        CHECK_TEXT(checkpoint.settings.augment, "rotate:6");
        CHECK_EQUAL(training->finished, finished);
        CHECK_EQUAL(training->done, 2 * NOTE_BATCH);
        CHECK_EQUAL(training->correct, 17);
        CHECK(training->loss_sum == 1.0 / 3 && training->seconds == 1e-300);
        CHECK_EQUAL(training->dropped > 0, finished > (kind == NOTE_PLAIN ? 600 : 400));
        CHECK(finished - training->dropped >= (finished < 270 ? finished : 270));
        CHECK(kind == NOTE_BEST_AVERAGED || finished - training->dropped >= (finished < 390 ? finished : 390));
        check_validation(&checkpoint, kind, history);
        for (int64_t i = training->dropped; i < finished; ++i) {
            history[i].images_per_second = NOTE_IMAGES / history[i].seconds;
            CHECK(memcmp(&history[i], &training->history[i], sizeof history[i]) == 0);
        }
        checkpoint_close(&checkpoint);
    }
}

/* The text of --augment is parsed elsewhere. */
static bool in_augment(const char *note, size_t place)
{
    const char *augment = strstr(note, "augment ") + strlen("augment ");

    return place >= (size_t)(augment - note) && place < (size_t)(strchr(augment, '\n') - note);
}

/* A note that is cut at any place, or has a wrong byte there, is rejected. */
static void notes_are_read_strictly(const void *argument)
{
    const enum note_kind kind = *(const enum note_kind *)argument;
    static struct epoch_result history[NOTE_EPOCHS];
    static const char wrong[] = {0, ' ', '\n', '-', 'g', '\x80'};
    struct checkpoint checkpoint;
    char *whole = write_note(history, 2, kind);

    for (size_t i = 0; whole && whole[i]; ++i) {
        for (size_t k = 0; k < sizeof wrong; ++k) {
            char *note = write_note(history, 2, kind);

            if (!CHECK(note != NULL) || note[i] == wrong[k] || (in_augment(whole, i) && wrong[k] && wrong[k] != '\n')) {
                free(note);
                continue;
            }
            note[i] = wrong[k];
            if (read_note(&checkpoint, note, kind, 2 * NOTE_BATCHES + 2) == 0)
                CHECK_FAIL("0x%02x as byte %zu is accepted", (unsigned)(unsigned char)wrong[k], i);
            checkpoint_close(&checkpoint);
        }
    }
    free(whole);
}

static void notes_of_other_training_runs(const void *argument)
{
    static struct epoch_result history[NOTE_EPOCHS];
    const int64_t steps[] = {-1, 0, 2, 42, 43, 45, 65, NOTE_TOTAL, NOTE_TOTAL + 1};
    struct checkpoint checkpoint;

    (void)argument;

    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; ++i) {
        char *note = steps[i] < 0 ? calloc(1, 1) : write_note(history, 2, NOTE_PLAIN);
        int code = read_note(&checkpoint, note, NOTE_PLAIN, steps[i]);

        /* The numbers of the epoch in progress could be those of any step but its first. */
        CHECK_EQUAL(code, steps[i] == 43 || steps[i] == 45 ? 0 : 1);
        checkpoint_close(&checkpoint);
    }
}

/* ---- Settings --------------------------------------------------------------------------------- */

/* The library's memory limit is for untrusted models, not for a training run. */
static void a_training_run_may_be_large(const void *argument)
{
    uint8_t bytes[SET];
    struct dataset data = numbered_images(bytes);
    struct settings settings;
    normnet_config config;

    (void)argument;

    settings_init(&settings);
    settings_configure(&settings, &data, &config);
    CHECK_EQUAL(config.memory_limit, 0);
}

static void messages_name_options(const void *argument)
{
    static const char *const pairs[][2] = {
        {"config.max_batch is 0; expected 1 to 2", "--batch is 0; expected 1 to 2"},
        {"config.total_steps is 0; config.lr is 1", "total steps is 0; --lr is 1"},
        {"height is 3: set config.architecture", "height is 3: set --architecture"},
        {"no fields, config. and words", "no fields, config. and words"},
        {"", ""},
    };
    char text[CONFIG_MESSAGE_ROOM], lengthy[2 * CONFIG_MESSAGE_ROOM];

    (void)argument;

    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; ++i)
        CHECK_TEXT(config_message(text, pairs[i][0]), pairs[i][1]);
    memset(lengthy, 'x', sizeof lengthy);
    memcpy(lengthy + CONFIG_MESSAGE_ROOM - 3, "config.max_batch ", strlen("config.max_batch "));
    lengthy[sizeof lengthy - 1] = '\0';
    CHECK_EQUAL((int64_t)strlen(config_message(text, lengthy)), CONFIG_MESSAGE_ROOM - 1);
    CHECK_TEXT(text + CONFIG_MESSAGE_ROOM - 4, "x--");
}

int main(int argc, char **argv)
{
    if (!check_begin(argc, argv))
        return check_end();
    check_case("settings: a training run may be large", a_training_run_may_be_large, NULL);
    for (enum note_kind kind = 0; kind < NOTE_KINDS; ++kind) {
        static const char *const names[] = {"plain", "validated", "best", "averaged", "best and averaged"};
        char name[80];

        snprintf(name, sizeof name, "notes: read back, %s", names[kind]);
        check_case(name, notes_read_back, &kind);
        snprintf(name, sizeof name, "notes: read strictly, %s", names[kind]);
        check_case(name, notes_are_read_strictly, &kind);
    }
    check_case("settings: messages name options", messages_name_options, NULL);
    check_case("notes: of other training runs", notes_of_other_training_runs, NULL);
    return check_end();
}
