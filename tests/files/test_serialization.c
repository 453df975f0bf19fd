/* SPDX-License-Identifier: MIT */
/* Saving and serializing: sizes, options, notes, limits, and models that cannot be saved; NULL for any argument. */
#include "training_runs.h"

/* ---- Bytes and notes -------------------------------------------------------------------------- */

static void serialize_tells_the_size(const void *argument)
{
    const normnet_config config = training_config(&training_runs[1], 1);
    normnet_model *model = CHECK_CREATE(&config);
    struct bytes file = serialize(model, NORMNET_FILE_CHECKPOINT);
    unsigned char *room = check_allocate((size_t)file.size + 8, 1);
    int64_t needed = -5;

    (void)argument;
    memset(room, 0xEE, (size_t)file.size + 8);
    CHECK_STATUS(normnet_model_serialize(model, room, file.size - 1, &needed, NULL), NORMNET_EINVAL);
    CHECK_EQUAL(needed, -5);
    CHECK_EQUAL(room[0], 0xEE);
    CHECK_STATUS(normnet_model_serialize(model, room, -1, &needed, NULL), NORMNET_EINVAL);
    CHECK_STATUS(normnet_model_serialize(model, NULL, 10, &needed, NULL), NORMNET_EINVAL);
    CHECK_STATUS(normnet_model_serialize(model, room, file.size, NULL, NULL), NORMNET_EINVAL);
    CHECK_STATUS(normnet_model_serialize(NULL, room, file.size, &needed, NULL), NORMNET_EINVAL);
    CHECK_OK(normnet_model_serialize(model, room, file.size + 8, &needed, NULL));
    CHECK_EQUAL(needed, file.size);
    CHECK(memcmp(room, file.data, (size_t)file.size) == 0); /* no options: a checkpoint */
    CHECK_EQUAL(room[file.size], 0xEE);
    free(room);
    free(file.data);
    normnet_model_destroy(model);
}

static void options_are_checked(const void *argument)
{
    const normnet_config config = training_config(&training_runs[1], 1);
    normnet_model *model = CHECK_CREATE(&config);
    normnet_save_options options = save_options(2, NULL);
    int64_t needed = 0;
    struct {
        normnet_save_options options;
        int64_t unknown;
    } longer = {save_options(NORMNET_FILE_WEIGHTS, NULL), 0};

    (void)argument;
    CHECK_STATUS(normnet_model_serialize(model, NULL, 0, &needed, &options), NORMNET_EUNSUPPORTED);
    options = save_options(-1, NULL);
    CHECK_STATUS(normnet_model_save(model, "test_serialization.none", &options), NORMNET_EUNSUPPORTED);
    options.struct_size = 8;
    CHECK_STATUS(normnet_model_serialize(model, NULL, 0, &needed, &options), NORMNET_EINVAL);
    longer.options.struct_size = sizeof longer;
    CHECK_OK(normnet_model_serialize(model, NULL, 0, &needed, &longer.options));
    longer.unknown = 1;
    CHECK_STATUS(normnet_model_serialize(model, NULL, 0, &needed, &longer.options), NORMNET_EINVAL);
    CHECK(fopen("test_serialization.none", "rb") == NULL);
    normnet_model_destroy(model);
}

static void notes_come_back(const void *argument)
{
    static const char *const notes[] = {"", "batch 64\n\"quoted\" \\ back\tslash\x01\x7f",
                                        "gr\xc3\xbc\xc3\x9f dich \xe2\x98\x83 \xf0\x9f\x99\x82"};
    const normnet_config config = training_config(&training_runs[0], 1);
    normnet_model *model = CHECK_CREATE(&config);

    (void)argument;
    CHECK_TEXT(normnet_model_note(model), "");
    CHECK(normnet_model_note(NULL) == NULL);
    for (int i = 0; i < CHECK_COUNT(notes); ++i) {
        const normnet_save_options options = save_options(i % 2, notes[i]);
        normnet_model *other = NULL, *copy = NULL;

        CHECK_OK(normnet_model_save(model, "test_serialization.note", &options));
        CHECK_OK(normnet_model_load(&other, "test_serialization.note", NULL));
        CHECK_TEXT(normnet_model_note(other), notes[i]);
        CHECK_OK(normnet_model_clone(&copy, other, NULL));
        CHECK_TEXT(normnet_model_note(copy), notes[i]);
        normnet_model_destroy(other);
        normnet_model_destroy(copy);
    }
    remove("test_serialization.note");
    normnet_model_destroy(model);
}

static void notes_have_limits(const void *argument)
{
    enum { MOST = 65536 };
    const normnet_config config = training_config(&training_runs[0], 1);
    normnet_model *model = CHECK_CREATE(&config), *other;
    char *note = check_allocate(MOST + 2, 1);
    const normnet_save_options options = save_options(NORMNET_FILE_WEIGHTS, note);
    int64_t needed = 0;
    struct bytes file;

    (void)argument;
    memset(note, '\x01', MOST + 1); /* six bytes each in the file */
    CHECK_STATUS(normnet_model_serialize(model, NULL, 0, &needed, &options), NORMNET_ELIMIT);
    CHECK(strstr(normnet_error_message(), "65537") != NULL);
    note[MOST] = '\0';
    CHECK_OK(normnet_model_serialize(model, NULL, 0, &file.size, &options));
    file.data = check_allocate((size_t)file.size, 1);
    CHECK_OK(normnet_model_serialize(model, file.data, file.size, &needed, &options));
    other = load(&file, NULL);
    CHECK_TEXT(normnet_model_note(other), note);
    strcpy(note, "\xc3");
    CHECK_STATUS(normnet_model_serialize(model, NULL, 0, &needed, &options), NORMNET_EINVAL);
    free(file.data);
    free(note);
    normnet_model_destroy(model);
    normnet_model_destroy(other);
}

/* ---- State of the model ----------------------------------------------------------------------- */

static void pending_gradients(const void *argument)
{
    struct twins *pair = twins_open(NORMNET_NORM_BATCH);
    const normnet_save_options weights = save_options(NORMNET_FILE_WEIGHTS, NULL);
    int64_t needed = 0;

    (void)argument;
    twins_make_pending(pair);
    CHECK_REJECTED(pair, normnet_model_serialize(pair->model, NULL, 0, &needed, NULL), NORMNET_ESTATE, "gradients");
    CHECK_REJECTED(pair, normnet_model_save(pair->model, "test_serialization.none", NULL), NORMNET_ESTATE, "gradients");
    CHECK_OK(normnet_model_serialize(pair->model, NULL, 0, &needed, &weights));
    twins_close(pair);
}

static void more_tensors_than_a_file_holds(const void *argument)
{
    enum { NORMS = 4096 / 7 + 1 }; /* batch norm: five entries, two of them with momentum */
    static char architecture[NORMS * 5 + 32];
    normnet_config config;
    normnet_model *model;
    int64_t needed = 0;
    const normnet_save_options weights = save_options(NORMNET_FILE_WEIGHTS, NULL);

    (void)argument;
    for (int i = 0; i < NORMS; ++i)
        strcat(architecture, "norm ");
    strcat(architecture, "gap");
    CHECK_OK(normnet_config_init(&config, NORMNET_NORM_BATCH));
    config.architecture = architecture;
    config.channels = config.classes = 2;
    config.height = config.width = 4;
    model = CHECK_CREATE(&config);
    CHECK_STATUS(normnet_model_serialize(model, NULL, 0, &needed, NULL), NORMNET_ELIMIT);
    CHECK(strstr(normnet_error_message(), "4096") != NULL);
    CHECK_OK(normnet_model_serialize(model, NULL, 0, &needed, &weights));
    normnet_model_destroy(model);
}

static int32_t try_to_save(void *user, double *values, int64_t count)
{
    normnet_model **model = user;
    int64_t needed = 0;
    normnet_model *copy = NULL;

    (void)values;
    (void)count;
    CHECK_STATUS(normnet_model_serialize(*model, NULL, 0, &needed, NULL), NORMNET_EBUSY);
    CHECK_STATUS(normnet_model_save(*model, "test_serialization.none", NULL), NORMNET_EBUSY);
    CHECK_STATUS(normnet_model_export_onnx(*model, "test_serialization.none"), NORMNET_EBUSY);
    CHECK_STATUS(normnet_model_clone(&copy, *model, NULL), NORMNET_EBUSY);
    CHECK_STATUS(normnet_deserialize_weights(*model, "", 0), NORMNET_EBUSY);
    return 0;
}

/* From inside a training step: of the reading and writing kinds. */
static void a_model_that_trains_is_busy(const void *argument)
{
    normnet_config config = training_config(&training_runs[1], 1);
    normnet_model *model = NULL;

    (void)argument;
    config.reduce = try_to_save;
    config.reduce_user = &model;
    model = CHECK_CREATE(&config);
    train(model, 1);
    normnet_model_destroy(model);
}

/* ---- Clones ----------------------------------------------------------------------------------- */

static void nothing_to_read(const void *argument)
{
    struct twins *pair = twins_open(NORMNET_NORM_BATCH);
    normnet_model *model = NULL;
    int64_t needed = -5;

    (void)argument;
    CHECK_REJECTED(pair, normnet_model_save(pair->model, NULL, NULL), NORMNET_EINVAL, "path", "NULL");
    CHECK_REJECTED(pair, normnet_model_export_onnx(pair->model, NULL), NORMNET_EINVAL, "path", "NULL");
    CHECK_REJECTED(pair, normnet_load_weights(pair->model, NULL), NORMNET_EINVAL, "path", "NULL");
    CHECK_REJECTED(pair, normnet_deserialize_weights(pair->model, NULL, 8), NORMNET_EINVAL, "bytes", "NULL");
    CHECK_REJECTED(pair, normnet_deserialize_weights(pair->model, NULL, 0), NORMNET_EINVAL, "bytes", "NULL");
    CHECK_REJECTED(pair, normnet_model_load(&model, NULL, NULL), NORMNET_EINVAL, "path", "NULL");
    CHECK_REJECTED(pair, normnet_model_deserialize(&model, NULL, 8, NULL), NORMNET_EINVAL, "bytes", "NULL");
    CHECK_REJECTED(pair, normnet_model_deserialize(&model, NULL, 0, NULL), NORMNET_EINVAL, "bytes", "NULL");
    CHECK_REJECTED(pair, normnet_model_serialize(pair->model, NULL, 8, &needed, NULL), NORMNET_EINVAL, "bytes", "NULL");
    CHECK_REJECTED(pair, normnet_model_serialize(pair->model, NULL, 0, NULL, NULL), NORMNET_EINVAL, "needed", "NULL");
    CHECK_REJECTED(pair, normnet_model_clone(NULL, pair->model, NULL), NORMNET_EINVAL, "copy", "NULL");
    CHECK(model == NULL && needed == -5);
    twins_close(pair);
}

static void nothing_to_describe(const void *argument)
{
    (void)argument;
    CHECK_EQUAL(normnet_steps_taken(NULL), 0);
    CHECK_STATUS(normnet_model_save(NULL, "x", NULL), NORMNET_EINVAL);
    CHECK_STATUS(normnet_model_load(NULL, "x", NULL), NORMNET_EINVAL);
    CHECK_STATUS(normnet_load_weights(NULL, "x"), NORMNET_EINVAL);
    CHECK_STATUS(normnet_model_export_onnx(NULL, "x"), NORMNET_EINVAL);
    CHECK_STATUS(normnet_deserialize_weights(NULL, "x", 1), NORMNET_EINVAL);
    CHECK_STATUS(normnet_model_deserialize(NULL, "x", 1, NULL), NORMNET_EINVAL);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*function)(const void *argument);
    } cases[] = {
        {"serialize reports the size", serialize_tells_the_size},
        {"save options", options_are_checked},
        {"notes come back", notes_come_back},
        {"limits of notes", notes_have_limits},
        {"a checkpoint while gradients are pending is ESTATE", pending_gradients},
        {"more tensors than a file holds", more_tensors_than_a_file_holds},
        {"a model that trains is busy", a_model_that_trains_is_busy},
        {"NULL", nothing_to_describe},
        {"NULL for paths and bytes", nothing_to_read},
    };
    if (!check_begin(argc, argv))
        return check_end();
    for (int i = 0; i < CHECK_COUNT(cases); ++i)
        check_case_named(cases[i].function, NULL, "files: %s", cases[i].name);
    return check_end();
}
