/* SPDX-License-Identifier: MIT */
/*
 * Memory of the caller that others change during a call, as memory that is shared or mapped may: what has been checked
 * is what is used. A function of the configuration changes it between the two, or a second thread does all the time.
 */
#include "harness/twins.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

/* ---- Labels, and pixels that are floats ----------------------------------------------------------- */

/* Changes labels and pixels when the first block is about to be computed, after all have been checked. */
struct saboteur {
    struct twins_inputs *in;
    int64_t label;
    float pixel;
    int calls;
};

static void change_first(void *user, int32_t count, normnet_task *task, void *context)
{
    struct saboteur *self = user;

    ++self->calls;
    for (int i = 0; i < TWINS_IMAGES; ++i) {
        self->in->digits[i] = self->label;
        self->in->digits32[i] = (int32_t)self->label;
        self->in->digits8[i] = (uint8_t)self->label;
    }
    self->in->floats[TWINS_PIXELS / 2] = self->pixel;
    for (int32_t i = 0; i < count; ++i)
        task(context, i);
}

static struct twins *open_sabotaged(struct saboteur *saboteur, int32_t norm)
{
    normnet_config config = twins_config(norm);
    struct twins *pair;

    config.threads = 2;
    config.parallel_for = change_first;
    config.parallel_user = saboteur;
    pair = twins_open_config(&config);
    saboteur->in = &pair->in;
    return pair;
}

static const int64_t wrong_labels[] = {TWINS_CLASSES, -1, INT32_MAX, INT32_MIN, (int64_t)1 << 40, INT64_MIN};

/* A step takes the labels that were checked, so that the twin of its model takes the same without the change. */
static void labels_in_training(const void *argument)
{
    for (int32_t norm = NORMNET_NORM_NONE; norm < NORM_COUNT; ++norm)
        for (int i = 0; i < CHECK_COUNT(wrong_labels); ++i)
            for (int j = 0; j < 3; ++j) {
                struct saboteur saboteur = {NULL, wrong_labels[i], 0.5f, 0};
                struct twins *pair = open_sabotaged(&saboteur, norm);
                const normnet_tensor *const labels[] = {&pair->labels, &pair->labels32, &pair->labels8};
                const int calls = saboteur.calls;

                CHECK_OK(normnet_train_step(pair->model, &pair->images, labels[j], NULL));
                CHECK(saboteur.calls > calls);
                memcpy(&pair->in, &pair->in_before, sizeof pair->in);
                saboteur.label = 0;
                CHECK_EQUAL(normnet_train_step(pair->model, &pair->images, labels[j], NULL), NORMNET_OK);
                memcpy(&pair->in, &pair->in_before, sizeof pair->in);
                for (int step = 0; step < 2; ++step) {
                    CHECK_OK(normnet_train_step(pair->twin, &pair->images, &pair->labels, NULL));
                    memcpy(&pair->in, &pair->in_before, sizeof pair->in);
                }
                CHECK(hash_state(pair->model) == hash_state(pair->twin));
                twins_close(pair);
            }
    (void)argument;
}

/* An evaluation has no memory for the labels of any number of images: it fails. */
static void labels_in_evaluation(const void *argument)
{
    const normnet_predict_options options[] = {options_init(NORMNET_SCORES_LOGITS, NORMNET_STATISTICS_RUNNING),
                                               options_init(NORMNET_SCORES_LOGITS, NORMNET_STATISTICS_BATCH)};

    (void)argument;
    for (int i = 0; i < CHECK_COUNT(wrong_labels); ++i)
        for (int j = 0; j < CHECK_COUNT(options); ++j) {
            struct saboteur saboteur = {NULL, wrong_labels[i], 0.5f, 0};
            struct twins *pair = open_sabotaged(&saboteur, NORMNET_NORM_BATCH);
            const uint64_t before = hash_state(pair->model);

            CHECK_EQUAL(
                normnet_evaluate(pair->model, &pair->images, &pair->labels, NULL, pair->out.confusion, &options[j]),
                NORMNET_ELABEL);
            CHECK(strstr(normnet_error_message(), "label was changed") != NULL);
            CHECK(hash_state(pair->model) == before);
            twins_close(pair);
        }
}

/* A pixel that becomes NaN ends a step as one that diverges, and changes no model. */
static void pixels_in_training(const void *argument)
{
    const float pixels[] = {NAN, INFINITY, -INFINITY};

    (void)argument;
    for (int32_t norm = NORMNET_NORM_NONE; norm < NORM_COUNT; ++norm)
        for (int i = 0; i < CHECK_COUNT(pixels); ++i) {
            struct saboteur saboteur = {NULL, 1, pixels[i], 0};
            struct twins *pair = open_sabotaged(&saboteur, norm);
            const uint64_t before = hash_state(pair->model);

            CHECK_EQUAL(normnet_train_step(pair->model, &pair->float_images, &pair->labels, NULL), NORMNET_EVALUE);
            CHECK(hash_state(pair->model) == before);
            memcpy(&pair->in, &pair->in_before, sizeof pair->in);
            CHECK_OK(normnet_predict(pair->model, &pair->float_images, &pair->scores, &pair->classes, NULL));
            for (int j = 0; j < TWINS_IMAGES; ++j)
                CHECK(pair->out.classes[j] >= 0 && pair->out.classes[j] < TWINS_CLASSES);
            twins_close(pair);
        }
}

/* ---- A second thread ------------------------------------------------------------------------------ */

/* What another thread writes all the time, now one and now the other value. */
struct flipper {
    volatile int64_t *label;
    volatile float *number;
    int64_t labels[2];
    float numbers[2];
    atomic_bool stop;
};

static void *flip(void *context)
{
    struct flipper *self = context;

    for (unsigned i = 0; !self->stop; ++i) {
        *self->label = self->labels[i % 2];
        *self->number = self->numbers[i % 2];
    }
    return NULL;
}

static void second_thread(const void *argument)
{
    enum { ROUNDS = 1000 };
    struct twins *pair = twins_open(NORMNET_NORM_GROUP);
    const int64_t count = normnet_parameter_count(pair->model);
    float *values = check_allocate((size_t)count, sizeof *values);
    struct flipper flipper = {&pair->in.digits[3], &values[count - 1], {1, (int64_t)1 << 40}, {0.5f, NAN}, false};
    const normnet_state_info first = state_info(pair->model, 0);
    pthread_t thread;
    int accepted = 0;

    (void)argument;
    CHECK_EQUAL(pthread_create(&thread, NULL, flip, &flipper), 0);
    /* On a busy machine, the other thread may rest while the label is wrong. */
    for (int i = 0; i < ROUNDS || accepted == 0; ++i) {
        const normnet_status step = normnet_train_step(pair->model, &pair->images, &pair->labels, NULL);
        const normnet_status evaluation =
            normnet_evaluate(pair->model, &pair->images, &pair->labels, NULL, pair->out.confusion, NULL);
        const normnet_status set = normnet_set_parameters(pair->model, values, count);

        if (step != NORMNET_OK && step != NORMNET_ELABEL)
            CHECK_FAIL("train_step returned %s", normnet_status_string((int32_t)step));
        if (evaluation != NORMNET_OK && evaluation != NORMNET_ELABEL)
            CHECK_FAIL("evaluate returned %s", normnet_status_string((int32_t)evaluation));
        if (set != NORMNET_OK && set != NORMNET_EVALUE)
            CHECK_FAIL("set_parameters returned %s", normnet_status_string((int32_t)set));
        if (!isfinite(((const float *)first.data)[count - 1]))
            CHECK_FAIL("round %d: set_parameters has set a value that it rejects", i);
        accepted += step == NORMNET_OK;
    }
    flipper.stop = true;
    CHECK_EQUAL(pthread_join(thread, NULL), 0);
    free(values);
    twins_close(pair);
}

/* A tensor whose data another thread moves all the time: to the images, and to what the call writes. */
struct mover {
    const void *volatile *data;
    const void *places[2];
    atomic_bool stop;
};

static void *move(void *context)
{
    struct mover *self = context;

    for (unsigned i = 0; !self->stop; ++i)
        *self->data = self->places[i % 2];
    return NULL;
}

/* It is rejected, or read where it does not overlap. */
static void tensor_that_moves(const void *argument)
{
    enum { ROUNDS = 4000 };
    struct twins *pair = twins_open(NORMNET_NORM_GROUP);
    normnet_tensor images = pair->float_images, scores;
    const int64_t shape[2] = {TWINS_IMAGES, TWINS_CLASSES};
    const size_t count = (size_t)TWINS_IMAGES * TWINS_PIXELS;
    float *memory = check_allocate(count, sizeof *memory), expected[TWINS_IMAGES * TWINS_CLASSES];
    struct mover mover = {(const void *volatile *)&images.data, {images.data, memory}, false};
    pthread_t thread;

    (void)argument;
    normnet_tensor_init(&scores, NORMNET_F32, expected, 2, shape);
    CHECK_OK(normnet_predict(pair->model, &images, &scores, NULL, NULL));
    scores.data = memory;
    CHECK_EQUAL(pthread_create(&thread, NULL, move, &mover), 0);
    for (int i = 0; i < ROUNDS; ++i) {
        const normnet_status status = normnet_predict(pair->model, &images, &scores, NULL, NULL);

        if (status != NORMNET_OK && status != NORMNET_EINVAL)
            CHECK_FAIL("predict returned %s", normnet_status_string((int32_t)status));
        if (status == NORMNET_OK && memcmp(memory, expected, sizeof expected) != 0)
            CHECK_FAIL("round %d: predict has read the memory that it writes", i);
    }
    mover.stop = true;
    CHECK_EQUAL(pthread_join(thread, NULL), 0);
    free(memory);
    twins_close(pair);
}

static void release(void *user, void *block, int64_t size)
{
    (void)user;
    (void)size;
    free(block);
}

/* ---- A configuration ------------------------------------------------------------------------------ */

/* What the allocator writes to the arrays and the text that the configuration points to, at its first call. */
struct config_writer {
    double mean[TWINS_CHANNELS], std[TWINS_CHANNELS];
    char architecture[1000];
    double new_mean, new_std;
    const char *new_architecture;
};

static void *write_config_and_allocate(void *user, int64_t size, int64_t alignment)
{
    struct config_writer *self = user;

    self->mean[1] = self->new_mean;
    self->std[1] = self->new_std;
    strcpy(self->architecture, self->new_architecture);
    return aligned_alloc((size_t)alignment, (size_t)((size + alignment - 1) / alignment * alignment));
}

static char *repeat(char *text, const char *part, int count)
{
    text[0] = '\0';
    while (count-- > 0)
        strcat(text, part);
    return text;
}

/* A model has values that are valid, or is not made; what it says of itself can be loaded. */
static normnet_status check_made(normnet_config *config, struct config_writer *writer)
{
    normnet_model *model = NULL, *copy = NULL;
    normnet_status status;

    for (int c = 0; c < TWINS_CHANNELS; ++c) {
        writer->mean[c] = 0.25;
        writer->std[c] = 0.5;
    }
    strcpy(writer->architecture, "conv3-4 relu gap conv1-10");
    status = normnet_model_create(&model, config);
    if (status == NORMNET_OK)
        CHECK_OK(normnet_model_clone(&copy, model, NULL));
    else if (status != NORMNET_EVALUE && status != NORMNET_EARCH)
        CHECK_FAIL("create returned %s", normnet_status_string((int32_t)status));
    normnet_model_destroy(copy);
    normnet_model_destroy(model);
    return status;
}

static void arrays_of_a_configuration(const void *argument)
{
    static const double values[] = {0.0, NAN, INFINITY, -1.0, 1e300};
    char longer[900], shorter[] = "gap";
    struct config_writer writer;
    normnet_config config = twins_config(NORMNET_NORM_NONE);

    (void)argument;
    config.architecture = writer.architecture;
    config.input_mean = writer.mean;
    config.input_std = writer.std;
    config.allocate = write_config_and_allocate;
    config.deallocate = release;
    config.allocator_user = &writer;
    writer.new_mean = writer.new_std = 0.5;
    writer.new_architecture = "conv3-4 relu gap conv1-10";
    CHECK_EQUAL(check_made(&config, &writer), NORMNET_OK);
    for (int i = 0; i < CHECK_COUNT(values); ++i) {
        writer.new_mean = values[i];
        check_made(&config, &writer);
        writer.new_std = values[i];
        writer.new_mean = 0.5;
        check_made(&config, &writer);
        writer.new_std = 0.5;
    }
    for (int count = 1; count < 100; ++count) {
        writer.new_architecture = strcat(repeat(longer, "relu ", count), "gap conv1-10");
        check_made(&config, &writer);
    }
    writer.new_architecture = shorter;
    check_made(&config, &writer);
    writer.new_architecture = "";
    check_made(&config, &writer);
}

/* ---- Bytes of a file ------------------------------------------------------------------------------ */

/* Overwrites the bytes at a certain allocation of the call that reads them. */
struct overwriter {
    unsigned char *bytes;
    int64_t size;
    int at, allocations;
};

static void *overwrite(void *user, int64_t size, int64_t alignment)
{
    struct overwriter *self = user;

    if (++self->allocations == self->at)
        memset(self->bytes, 0x7B, (size_t)self->size);
    return aligned_alloc((size_t)alignment, (size_t)((size + alignment - 1) / alignment * alignment));
}

/* The first allocation is for the copy, so that what is there then is read, and what comes later is not. */
static void bytes_of_a_file(const void *argument)
{
    struct twins *pair = twins_open(NORMNET_NORM_BATCH);
    struct overwriter overwriter = {.at = 2};
    normnet_config host = pair->config;
    unsigned char *saved;
    int64_t size = 0;

    (void)argument;
    CHECK_OK(normnet_model_serialize(pair->model, NULL, 0, &size, NULL));
    saved = check_allocate((size_t)size, 1);
    CHECK_OK(normnet_model_serialize(pair->model, saved, size, &size, NULL));
    overwriter.bytes = check_allocate((size_t)size, 1);
    overwriter.size = size;
    host.allocate = overwrite;
    host.deallocate = release;
    host.allocator_user = &overwriter;
    do {
        normnet_model *model = NULL, *other;

        memcpy(overwriter.bytes, saved, (size_t)size);
        overwriter.allocations = 0;
        if (CHECK_OK(normnet_model_deserialize(&model, overwriter.bytes, size, &host)))
            CHECK(hash_state(model) == hash_state(pair->model));
        normnet_model_destroy(model);
        other = CHECK_CREATE(&host);
        memcpy(overwriter.bytes, saved, (size_t)size);
        overwriter.allocations = 0;
        CHECK_OK(normnet_deserialize_weights(other, overwriter.bytes, size));
        normnet_model_destroy(other);
    } while (++overwriter.at < 8);
    free(overwriter.bytes);
    free(saved);
    twins_close(pair);
}

/* ---- A note ---------------------------------------------------------------------------------------- */

/* Others of the same length: escaped as six bytes or two, or not UTF-8, or shorter. */
static const char other_notes[][4] = {"\x01\x01\x01", "\"\"\"", "\xFF\xFF\xFF", "\xC3\xC3\xC3", "", "a", "ab", "abc"};
enum { NOTE_LENGTH = 60000 };

static void write_note(char *note, const char *part)
{
    for (int i = 0; i < NOTE_LENGTH; ++i)
        note[i] = part[0] == '\0' ? '\0' : part[(size_t)i % strlen(part)];
    note[NOTE_LENGTH] = '\0';
}

/* Whether a file with a note of the caller, who changes it, can be loaded. */
static void check_loads(const void *bytes, int64_t size)
{
    normnet_model *model = NULL;

    CHECK_OK(normnet_model_deserialize(&model, bytes, size, NULL));
    normnet_model_destroy(model);
}

/* The allocator of a model that is saved, which is called after the note has been measured, writes another note. */
struct note_writer {
    char *note;
    const char *part;
};

static void *write_note_and_allocate(void *user, int64_t size, int64_t alignment)
{
    const struct note_writer *self = user;

    if (self->part != NULL)
        write_note(self->note, self->part);
    return aligned_alloc((size_t)alignment, (size_t)((size + alignment - 1) / alignment * alignment));
}

static void note_of_a_file(const void *argument)
{
    static char note[NOTE_LENGTH + 1];
    struct note_writer writer = {note, NULL};
    normnet_config config = twins_config(NORMNET_NORM_BATCH);
    const normnet_save_options options = {.struct_size = (int32_t)sizeof options, .note = note};
    normnet_model *model;

    (void)argument;
    config.allocate = write_note_and_allocate;
    config.deallocate = release;
    config.allocator_user = &writer;
    model = CHECK_CREATE(&config);
    for (int i = 0; i < CHECK_COUNT(other_notes); ++i) {
        normnet_model *loaded = NULL;
        normnet_status status;

        writer.part = NULL;
        write_note(note, "abc");
        CHECK_OK(normnet_model_save(model, "changed.normnet", &options));
        write_note(note, "abc");
        writer.part = other_notes[i];
        status = normnet_model_save(model, "changed.normnet", &options);
        if (status != NORMNET_OK && status != NORMNET_EINVAL)
            CHECK_FAIL("save returned %s", normnet_status_string((int32_t)status));
        CHECK_OK(normnet_model_load(&loaded, "changed.normnet", NULL));
        normnet_model_destroy(loaded);
    }
    CHECK_EQUAL(remove("changed.normnet"), 0);
    normnet_model_destroy(model);
}

/* A second thread, and memory with nothing after it that the file may reach. */
struct note_flipper {
    char *note;
    const char *part;
    atomic_bool stop;
};

static void *flip_note(void *context)
{
    struct note_flipper *self = context;

    for (unsigned i = 0; !self->stop; ++i)
        write_note(self->note, i % 2 == 0 ? "abc" : self->part);
    return NULL;
}

static void note_in_memory(const void *argument)
{
    enum { ROUNDS = 60, AFTER = 6 * NOTE_LENGTH };
    static char note[NOTE_LENGTH + 1];
    const normnet_save_options options = {.struct_size = (int32_t)sizeof options, .note = note};
    struct twins *pair = twins_open(NORMNET_NORM_BATCH);
    unsigned char *bytes;
    int64_t needed = 0, size;

    (void)argument;
    write_note(note, "abc");
    CHECK_OK(normnet_model_serialize(pair->model, NULL, 0, &size, &options));
    bytes = check_allocate((size_t)size + AFTER, 1);
    for (int i = 0; i < CHECK_COUNT(other_notes); ++i) {
        struct note_flipper flipper = {note, other_notes[i], false};
        pthread_t thread;

        CHECK_EQUAL(pthread_create(&thread, NULL, flip_note, &flipper), 0);
        for (int round = 0; round < ROUNDS; ++round) {
            normnet_status status;

            memset(bytes, 0xA5, (size_t)size + AFTER);
            status = normnet_model_serialize(pair->model, bytes, size, &needed, &options);
            if (status != NORMNET_OK && status != NORMNET_EINVAL)
                CHECK_FAIL("serialize returned %s", normnet_status_string((int32_t)status));
            for (int64_t at = size; at < size + AFTER; ++at)
                if (bytes[at] != 0xA5)
                    CHECK_FAIL("byte %d after the %d of the file was written", (int)(at - size), (int)size);
            if (status == NORMNET_OK)
                check_loads(bytes, needed);
        }
        flipper.stop = true;
        CHECK_EQUAL(pthread_join(thread, NULL), 0);
        write_note(note, "abc");
        CHECK_OK(normnet_model_serialize(pair->model, bytes, size, &needed, &options));
        check_loads(bytes, needed);
    }
    free(bytes);
    twins_close(pair);
}

int main(int argc, char **argv)
{
    if (!check_begin(argc, argv))
        return check_end();
    check_case("labels that change in a training step are those that were checked", labels_in_training, NULL);
    check_case("labels that change in an evaluation are an error", labels_in_evaluation, NULL);
    check_case("pixels that become NaN are an error in training", pixels_in_training, NULL);
    check_case("a second thread that changes labels and parameters breaks nothing", second_thread, NULL);
    check_case("a tensor that moves during a call is read once", tensor_that_moves, NULL);
    check_case("arrays and texts of a configuration that change during create", arrays_of_a_configuration, NULL);
    check_case("bytes of a file that change while they are read", bytes_of_a_file, NULL);
    check_case("a note that changes while it is saved", note_of_a_file, NULL);
    check_case("a note that changes while it is serialized", note_in_memory, NULL);
    return check_end();
}
