/* SPDX-License-Identifier: MIT */
/* The average of the weights in checkpoints and clones, and copies of it. */
#include "reading.h"

enum { IMAGES = READING_IMAGES, PIXELS = READING_SIDE * READING_SIDE };

/* ---- Models with an average ----------------------------------------------------------------------- */

/* A reader of files, and a model with an average. */
struct averaged {
    struct reading *reading;
    normnet_config config;
    normnet_model *model;
    float pixels[IMAGES * PIXELS];
    uint8_t digits[IMAGES];
    normnet_tensor images, labels;
};

static struct averaged *averaged_open(double decay, int64_t from, int steps)
{
    struct averaged *self = check_allocate(1, sizeof *self);
    struct random_stream random = {3};

    self->reading = reading_open();
    self->config = self->reading->config;
    self->config.average_decay = decay;
    self->config.average_from = from;
    self->model = CHECK_CREATE(&self->config);
    for (int i = 0; i < CHECK_COUNT(self->pixels); ++i)
        self->pixels[i] = (float)random_uniform(&random, -1.0, 1.0);
    self->digits[1] = 1;
    self->images = tensor_images(NORMNET_F32, self->pixels, IMAGES, &self->config);
    self->labels = tensor_1d(NORMNET_U8, self->digits, IMAGES);
    for (; steps > 0; --steps)
        CHECK_OK(normnet_train_step(self->model, &self->images, &self->labels, NULL));
    return self;
}

static void averaged_close(struct averaged *self)
{
    normnet_model_destroy(self->model);
    reading_close(self->reading);
    free(self);
}

static int same_files(const struct file *one, const struct file *other)
{
    return one->size == other->size && memcmp(one->bytes, other->bytes, (size_t)one->size) == 0;
}

/* ---- Checkpoints ---------------------------------------------------------------------------------- */

/* From any step, before the average begins and after its statistics were updated, too. */
static void a_checkpoint_has_the_average(const void *argument)
{
    (void)argument;
    for (int steps = 0; steps < 6; ++steps)
        for (int updated = 0; updated < 2; ++updated) {
            struct averaged *self = averaged_open(0.75, 2, steps);
            normnet_model *loaded = NULL, *cloned = NULL;
            struct file before, after, clones;

            if (updated)
                CHECK_OK(normnet_update_average_statistics(self->model, &self->images, 1));
            before = serialized(self->model, NORMNET_FILE_CHECKPOINT);
            CHECK_OK(normnet_model_deserialize(&loaded, before.bytes, before.size, &self->config));
            CHECK_OK(normnet_model_clone(&cloned, self->model, NULL));
            for (int i = 0; i < 3; ++i) {
                file_free(&before);
                before = serialized(self->model, NORMNET_FILE_CHECKPOINT);
                after = serialized(loaded, NORMNET_FILE_CHECKPOINT);
                clones = serialized(cloned, NORMNET_FILE_CHECKPOINT);
                CHECK(same_files(&before, &after) && same_files(&before, &clones));
                file_free(&after);
                file_free(&clones);
                CHECK_OK(normnet_train_step(self->model, &self->images, &self->labels, NULL));
                CHECK_OK(normnet_train_step(loaded, &self->images, &self->labels, NULL));
                CHECK_OK(normnet_train_step(cloned, &self->images, &self->labels, NULL));
            }
            file_free(&before);
            normnet_model_destroy(loaded);
            normnet_model_destroy(cloned);
            averaged_close(self);
        }
}

/* Every entry is there as average.NAME, with the bytes that normnet_state() shows. */
static void tensors_of_a_checkpoint(const void *argument)
{
    struct averaged *self = averaged_open(0.75, 0, 3);
    struct file file;

    (void)argument;
    CHECK_OK(normnet_update_average_statistics(self->model, &self->images, 1));
    file = serialized(self->model, NORMNET_FILE_CHECKPOINT);
    for (int32_t i = 0; i < normnet_state_count(self->model); ++i) {
        const normnet_state_info info = state_info(self->model, i);
        const unsigned char *data;
        char name[64];

        snprintf(name, sizeof name, "average.%s", info.name);
        data = file_data(&file, name);
        for (int64_t j = 0; j < state_length(&info); ++j) {
            uint32_t bits = 0;
            uint32_t narrow;

            if (info.dtype == NORMNET_I64) {
                CHECK_EQUAL((int64_t)crafted_read_little(data), *(const int64_t *)info.average);
                continue;
            }
            for (int k = 3; k >= 0; --k)
                bits = bits << 8 | data[4 * j + k];
            memcpy(&narrow, (const float *)info.average + j, sizeof narrow);
            CHECK(bits == narrow);
        }
    }
    file_free(&file);
    averaged_close(self);
}

/* A file of weights is the same with and without an average; a checkpoint without one does not mention any. */
static void files_without_the_average(const void *argument)
{
    struct averaged *self = averaged_open(0.75, 0, 3), *plain = averaged_open(0.0, 7, 3);
    struct file with = serialized(self->model, NORMNET_FILE_WEIGHTS),
                without = serialized(plain->model, NORMNET_FILE_WEIGHTS),
                checkpoint = serialized(plain->model, NORMNET_FILE_CHECKPOINT);
    normnet_model *loaded = NULL;

    (void)argument;
    CHECK(same_files(&with, &without));
    CHECK(crafted_find(checkpoint.bytes, checkpoint.size, "average") < 0);
    /* The weights begin an average of their own, if the host wants one. */
    CHECK_OK(normnet_model_deserialize(&loaded, with.bytes, with.size, &self->config));
    CHECK(model_config(loaded).average_decay == 0.75);
    for (int32_t i = 0; i < normnet_state_count(loaded); ++i) {
        const normnet_state_info info = state_info(loaded, i);

        CHECK(memcmp(info.data, info.average, state_size(&info)) == 0);
    }
    normnet_model_destroy(loaded);
    file_free(&with);
    file_free(&without);
    file_free(&checkpoint);
    averaged_close(self);
    averaged_close(plain);
}

/* Only its weights are used, but all of the file must be valid. */
static void weights_of_a_checkpoint(const void *argument)
{
    struct averaged *self = averaged_open(1.0, 0, 3);
    struct file file = serialized(self->model, NORMNET_FILE_CHECKPOINT);
    normnet_model *model = self->reading->model;

    (void)argument;
    CHECK_OK(normnet_deserialize_weights(model, file.bytes, file.size));
    for (int32_t i = 0; i < normnet_state_count(model); ++i) {
        const normnet_state_info ours = state_info(model, i), theirs = state_info(self->model, i);

        CHECK(ours.average == NULL && memcmp(ours.data, theirs.data, state_size(&ours)) == 0);
    }
    file_free(&file);
    averaged_close(self);
}

/* ---- Damaged checkpoints -------------------------------------------------------------------------- */

struct damage {
    const char *what, *find, *replacement; /* in the header; `find` NULL: the mean of the average becomes infinite */
    normnet_status created, filled;
    const char *word;
};

static const struct damage damages[] = {
    {"a missing decay", ",\"normnet.average_decay\":\"3fe8000000000000\"", "", NORMNET_EMISMATCH, NORMNET_EMISMATCH,
     "no tensor 'average."},
    {"a missing beginning", ",\"normnet.average_from\":\"1\"", "", NORMNET_EFORMAT, NORMNET_OK, "normnet.average_from"},
    {"a decay above 1", "3fe8000000000000", "4000000000000000", NORMNET_EVALUE, NORMNET_OK, "average_decay is 2"},
    {"a decay that is no number", "3fe8000000000000", "3fe8", NORMNET_EFORMAT, NORMNET_EFORMAT, "average_decay"},
    {"a negative beginning", "average_from\":\"1\"", "average_from\":\"-1\"", NORMNET_EVALUE, NORMNET_OK,
     "average_from is -1"},
    {"another name", "average.0.weight", "average.9.weight", NORMNET_EMISMATCH, NORMNET_EMISMATCH, "average."},
    {"another name of a statistic", "average.2.running_var", "average.2.running_ver", NORMNET_EMISMATCH,
     NORMNET_EMISMATCH, "average.2.running_var"},
    {"another shape", "\"average.0.weight\":{\"dtype\":\"F32\",\"shape\":[2,1,3,3]",
     "\"average.0.weight\":{\"dtype\":\"F32\",\"shape\":[2,3,1,3]", NORMNET_EMISMATCH, NORMNET_EMISMATCH,
     "average.0.weight"},
    {"an infinite mean", NULL, NULL, NORMNET_EVALUE, NORMNET_EVALUE, "average.2.running_mean"},
};

static void damaged(const void *argument)
{
    const struct damage *want = argument;
    static const unsigned char infinity[] = {0, 0, 0x80, 0x7F};
    struct averaged *self = averaged_open(0.75, 1, 3);
    struct file file = serialized(self->model, NORMNET_FILE_CHECKPOINT);

    if (want->find != NULL)
        file_replace(&file, want->find, want->replacement);
    else
        memcpy(file_data(&file, "average.2.running_mean"), infinity, sizeof infinity);
    CHECK(crafted_enter_checksum(file.bytes, file.size));
    if (want->filled == NORMNET_OK) { /* the reading's model changes: it is compared with its checkpoint no more */
        normnet_model *model = NULL;

        CHECK_STATUS(normnet_model_deserialize(&model, file.bytes, file.size, &self->config), want->created);
        CHECK(model == NULL && strstr(normnet_error_message(), want->word) != NULL);
        CHECK_OK(normnet_deserialize_weights(self->reading->model, file.bytes, file.size));
    } else {
        const char *const words[] = {want->word, NULL};

        expect_outcome(self->reading, &file, want->created, want->filled, words);
    }
    file_free(&file);
    averaged_close(self);
}

/* ---- Copies of the average ------------------------------------------------------------------------ */

/* A model in which the state was set to the average, one by one. */
static normnet_model *model_of_average(const struct averaged *self)
{
    normnet_config config = self->config;
    normnet_model *made;

    config.average_decay = 0.0;
    config.average_from = 0;
    made = CHECK_CREATE(&config);
    for (int32_t i = 0; i < normnet_state_count(made); ++i) {
        const normnet_state_info info = state_info(self->model, i);
        normnet_tensor tensor;

        normnet_tensor_init(&tensor, info.dtype, info.average, info.rank, info.shape);
        CHECK_OK(normnet_set_state(made, info.name, &tensor));
    }
    return made;
}

static void a_clone_of_the_average(const void *argument)
{
    struct averaged *self = averaged_open(0.75, 1, 5);
    normnet_config host = self->config;
    normnet_model *made, *clone = NULL;
    struct file ours, theirs, before, after;

    (void)argument;
    CHECK_OK(normnet_update_average_statistics(self->model, &self->images, 1));
    CHECK_OK(normnet_compute_gradients(self->model, &self->images, &self->labels, NULL, NULL));
    made = model_of_average(self);
    host.threads = 2;
    CHECK_OK(normnet_model_clone_average(&clone, self->model, &host));
    CHECK_EQUAL(model_config(clone).threads, 2);
    CHECK(model_config(clone).average_decay == 0.0);
    CHECK_EQUAL(model_config(clone).average_from, 0);
    CHECK_EQUAL(normnet_steps_taken(clone), 5);
    ours = serialized(clone, NORMNET_FILE_WEIGHTS);
    theirs = serialized(made, NORMNET_FILE_WEIGHTS);
    CHECK(same_files(&ours, &theirs));
    /* It trains as a new model with these weights, without momentum and pending gradients. */
    CHECK_OK(normnet_train_step(clone, &self->images, &self->labels, NULL));
    CHECK_OK(normnet_train_step(made, &self->images, &self->labels, NULL));
    file_free(&ours);
    file_free(&theirs);
    ours = serialized(clone, NORMNET_FILE_WEIGHTS);
    theirs = serialized(made, NORMNET_FILE_WEIGHTS);
    CHECK(same_files(&ours, &theirs));
    /* And the original has not changed. */
    CHECK_OK(normnet_discard_gradients(self->model));
    before = serialized(self->model, NORMNET_FILE_CHECKPOINT);
    normnet_model_destroy(clone);
    CHECK_OK(normnet_model_clone_average(&clone, self->model, NULL));
    after = serialized(self->model, NORMNET_FILE_CHECKPOINT);
    CHECK(same_files(&before, &after));
    file_free(&before);
    file_free(&after);
    file_free(&ours);
    file_free(&theirs);
    normnet_model_destroy(clone);
    normnet_model_destroy(made);
    averaged_close(self);
}

static void a_clone_has_the_note(const void *argument)
{
    struct averaged *self = averaged_open(1.0, 0, 2);
    normnet_save_options options;
    normnet_model *loaded = NULL, *clone = NULL;
    unsigned char bytes[8192];
    int64_t size;

    (void)argument;
    normnet_save_options_init(&options);
    options.note = "epoch 7";
    CHECK_OK(normnet_model_serialize(self->model, bytes, sizeof bytes, &size, &options));
    CHECK_OK(normnet_model_deserialize(&loaded, bytes, size, NULL));
    CHECK_OK(normnet_model_clone_average(&clone, loaded, NULL));
    CHECK_TEXT(normnet_model_note(clone), "epoch 7");
    normnet_model_destroy(clone);
    normnet_model_destroy(loaded);
    averaged_close(self);
}

static void clones_are_rejected(const void *argument)
{
    struct averaged *self = averaged_open(1.0, 0, 2);
    struct allocator memory = {.fill = 0xA5};
    normnet_config host = self->config;
    normnet_model *clone = NULL;

    (void)argument;
    CHECK_STATUS(normnet_model_clone_average(NULL, self->model, NULL), NORMNET_EINVAL);
    CHECK_STATUS(normnet_model_clone_average(&clone, NULL, NULL), NORMNET_EINVAL);
    CHECK_STATUS(normnet_model_clone_average(&clone, self->reading->model, NULL), NORMNET_ESTATE);
    host.threads = 0;
    CHECK_STATUS(normnet_model_clone_average(&clone, self->model, &host), NORMNET_EINVAL);
    host.threads = 1;
    host.memory_limit = 1000;
    CHECK_STATUS(normnet_model_clone_average(&clone, self->model, &host), NORMNET_ELIMIT);
    host.memory_limit = 0;
    allocator_use(&memory, &host);
    for (memory.fail_at = 1; memory.fail_at <= 2; ++memory.fail_at) {
        memory.allocations = 0;
        CHECK_STATUS(normnet_model_clone_average(&clone, self->model, &host), NORMNET_ENOMEM);
        CHECK_ALL_FREED(&memory);
    }
    CHECK(clone == NULL);
    CHECK_OK(normnet_train_step(self->model, &self->images, &self->labels, NULL)); /* not busy for ever */
    averaged_close(self);
}

int main(int argc, char **argv)
{
    if (!check_begin(argc, argv))
        return check_end();
    check_case("files: checkpoints and clones have the average", a_checkpoint_has_the_average, NULL);
    check_case("files: the average is in the tensors average.*", tensors_of_a_checkpoint, NULL);
    check_case("files: weights, and checkpoints without an average", files_without_the_average, NULL);
    check_case("files: the weights of a checkpoint with an average", weights_of_a_checkpoint, NULL);
    for (int i = 0; i < CHECK_COUNT(damages); ++i)
        check_case_named(damaged, &damages[i], "files: a checkpoint of an average with %s", damages[i].what);
    check_case("files: a clone of the average", a_clone_of_the_average, NULL);
    check_case("files: a clone of the average has the note", a_clone_has_the_note, NULL);
    check_case("files: clones of the average are rejected", clones_are_rejected, NULL);
    return check_end();
}
