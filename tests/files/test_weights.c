/* SPDX-License-Identifier: MIT */
/* Files of weights: what a model is made or filled from, and which networks they fit. */
#include "training_runs.h"

/* ---- What comes from where -------------------------------------------------------------------- */

/* The network comes from the file, the settings of training from the caller. */
static void weights_bring_the_network(const void *argument)
{
    const normnet_config config = training_config(&training_runs[3], 1);
    normnet_model *model = CHECK_CREATE(&config), *other;
    normnet_config host, loaded;
    struct bytes file;

    (void)argument;
    train(model, 4);
    file = serialize(model, NORMNET_FILE_WEIGHTS);
    CHECK_OK(normnet_config_init(&host, NORMNET_NORM_BATCH));
    host.lr = 0.5;
    host.seed = 77;
    host.dropout = 0.25;
    host.total_steps = 9;
    host.schedule = NORMNET_SCHEDULE_ONE_CYCLE;
    other = load(&file, &host);
    loaded = model_config(other);
    CHECK_EQUAL(loaded.norm, NORMNET_NORM_GROUP);
    CHECK_EQUAL(loaded.groups, 2);
    CHECK_EQUAL(loaded.height, SIDE);
    CHECK_EQUAL(loaded.schedule, NORMNET_SCHEDULE_ONE_CYCLE);
    CHECK_EQUAL(loaded.total_steps, 9);
    CHECK_EQUAL(loaded.seed, 77);
    CHECK(loaded.lr == 0.5 && loaded.dropout == 0.25 && loaded.input_mean[0] == 0.4);
    CHECK_EQUAL(normnet_steps_taken(other), 0);
    CHECK(hash_state(model) == hash_state(other));
    free(file.data);
    normnet_model_destroy(model);
    normnet_model_destroy(other);
}

/* Step and momentum stay as they are, as with normnet_set_state. */
static void load_weights_fills(const void *argument)
{
    const normnet_config config = training_config(&training_runs[1], 1);
    normnet_model *source = CHECK_CREATE(&config), *model = CHECK_CREATE(&config), *twin = CHECK_CREATE(&config);
    const int32_t kinds[] = {NORMNET_FILE_CHECKPOINT, NORMNET_FILE_WEIGHTS};

    (void)argument;
    train(source, 11);
    train(model, 4);
    train(twin, 4);
    for (int32_t i = 0; i < normnet_state_count(source); ++i) {
        const normnet_state_info info = state_info(source, i);
        normnet_tensor tensor;

        normnet_tensor_init(&tensor, info.dtype, info.data, info.rank, info.shape);
        CHECK_OK(normnet_set_state(twin, info.name, &tensor));
    }
    for (int kind = 0; kind < 2; ++kind) {
        const normnet_save_options options = save_options(kinds[kind], NULL);

        CHECK_OK(normnet_model_save(source, "test_weights.weights", &options));
        CHECK_OK(normnet_load_weights(model, "test_weights.weights"));
        CHECK_EQUAL_MODELS(model, twin);
    }
    CHECK_EQUAL(normnet_steps_taken(model), 4);
    train(model, 3);
    train(twin, 3);
    CHECK_EQUAL_MODELS(model, twin);
    remove("test_weights.weights");
    normnet_model_destroy(source);
    normnet_model_destroy(model);
    normnet_model_destroy(twin);
}

/* Pending gradients stay. What becomes of running statistics is a subject of test_pending. */
static void load_weights_keeps_pending_gradients(const void *argument)
{
    struct twins *pair = twins_open(NORMNET_NORM_GROUP);
    struct bytes file = serialize(pair->model, NORMNET_FILE_WEIGHTS);

    (void)argument;
    twins_make_pending(pair);
    CHECK_OK(normnet_deserialize_weights(pair->model, file.data, file.size));
    CHECK(hash_state(pair->model) == hash_state(pair->twin));
    twins_advance(__FILE__, __LINE__, "load_weights", pair);
    free(file.data);
    twins_close(pair);
}

/* A file that is larger than memory_limit is not read, however little of it is a header. */
static void files_keep_to_the_limit(const void *argument)
{
    enum { LIMIT = 1 << 20 };
    normnet_config config = training_config(&training_runs[0], 1);
    normnet_model *model, *other = NULL;
    char *zeros = check_allocate(LIMIT + 1, 1);

    (void)argument;
    config.max_batch = 1;
    config.memory_limit = LIMIT;
    model = CHECK_CREATE(&config);
    for (int more = 0; more < 2; ++more) {
        const normnet_status expected = more ? NORMNET_ELIMIT : NORMNET_EFORMAT;
        FILE *stream = fopen("test_weights.zeros", "wb");

        CHECK_EQUAL((int64_t)fwrite(zeros, 1, LIMIT + (size_t)more, stream), LIMIT + more);
        fclose(stream);
        CHECK_STATUS(normnet_load_weights(model, "test_weights.zeros"), expected);
        CHECK_STATUS(normnet_model_load(&other, "test_weights.zeros", &config), expected);
    }
    CHECK(other == NULL);
    remove("test_weights.zeros");
    free(zeros);
    normnet_model_destroy(model);
}

/* The same shapes, but another function: rejected, with nothing changed. */
static void another_network_is_rejected(const void *argument)
{
    const normnet_config config = training_config(&training_runs[3], 1);
    normnet_model *model = CHECK_CREATE(&config);
    struct bytes before = serialize(model, NORMNET_FILE_CHECKPOINT);

    (void)argument;
    for (int change = 0; change < 3; ++change) {
        normnet_config other_config = config;
        normnet_model *other;
        struct bytes file, after;

        if (change == 0)
            other_config.norm = NORMNET_NORM_LAYER;
        else if (change == 1)
            other_config.groups = 4;
        else
            other_config.architecture = "conv3-4p1 relu norm dropout maxpool2 conv3-8 relu norm dropout conv1-4b norm "
                                        "relu flatten fc-5b";
        other = CHECK_CREATE(&other_config);
        file = serialize(other, NORMNET_FILE_WEIGHTS);
        CHECK_STATUS(normnet_deserialize_weights(model, file.data, file.size), NORMNET_EMISMATCH);
        after = serialize(model, NORMNET_FILE_CHECKPOINT);
        CHECK(same_bytes(&before, &after));
        free(file.data);
        free(after.data);
        normnet_model_destroy(other);
    }
    free(before.data);
    normnet_model_destroy(model);
}

struct network_text {
    const char *architecture;
    int32_t norm, groups, layer_dims;
};

static normnet_model *model_of(const struct network_text *text)
{
    normnet_config config;

    CHECK_OK(normnet_config_init(&config, text->norm));
    config.architecture = text->architecture;
    config.groups = text->groups;
    config.layer_dims = text->layer_dims;
    config.height = config.width = 8;
    config.classes = 3;
    return CHECK_CREATE(&config);
}

/* Weights of one network into the other: what counts is what they compute, not how they are spelled. */
static void weights_know_their_network(const void *argument)
{
    static const struct {
        struct network_text from, to;
        normnet_status status;
    } pairs[] = {
        {{"conv3-8 groupnorm gap conv1-3", NORMNET_NORM_NONE, 2, 3},
         {"conv3-8 groupnorm gap conv1-3", NORMNET_NORM_NONE, 4, 3},
         NORMNET_EMISMATCH},
        {{"conv3-8 groupnorm4 gap conv1-3", NORMNET_NORM_NONE, 2, 3},
         {"conv3-8 norm gap conv1-3", NORMNET_NORM_GROUP, 4, 3},
         NORMNET_OK},
        {{"conv3-8 groupnorm8 gap conv1-3", NORMNET_NORM_NONE, 0, 3},
         {"conv3-8 instancenorm gap conv1-3", NORMNET_NORM_NONE, 0, 3},
         NORMNET_OK},
        {{"conv3-8 groupnorm1 gap conv1-3", NORMNET_NORM_NONE, 0, 3},
         {"conv3-8 layernorm gap conv1-3", NORMNET_NORM_NONE, 0, 3},
         NORMNET_EMISMATCH},
        {{"conv3-8 layernorm gap conv1-3", NORMNET_NORM_NONE, 0, 1},
         {"conv3-8 layernorm gap conv1-3", NORMNET_NORM_NONE, 0, 2},
         NORMNET_EMISMATCH},
        {{"conv3-8 relu gap conv1-3", NORMNET_NORM_NONE, 0, 2},
         {"conv3-8 relu gap conv1-3", NORMNET_NORM_NONE, 3, 1},
         NORMNET_OK},
        {{"conv3-8p1b relu gap conv1-3", NORMNET_NORM_NONE, 0, 3},
         {"  conv3-8bp1 relu\tgap conv1-3", NORMNET_NORM_NONE, 0, 3},
         NORMNET_OK},
        {{"conv3-8p1 relu gap conv1-3", NORMNET_NORM_NONE, 0, 3},
         {"conv3-8 relu gap conv1-3", NORMNET_NORM_NONE, 0, 3},
         NORMNET_EMISMATCH},
        {{"conv3-8s2p1 relu gap conv1-3", NORMNET_NORM_NONE, 0, 3},
         {"conv3-8p1 relu gap conv1-3", NORMNET_NORM_NONE, 0, 3},
         NORMNET_EMISMATCH},
        {{"conv3-8 dropout0.1 gap conv1-3", NORMNET_NORM_NONE, 0, 3},
         {"conv3-8 dropout.5 gap conv1-3", NORMNET_NORM_NONE, 0, 3},
         NORMNET_OK},
        {{"conv3-8 maxpool2 gap conv1-3", NORMNET_NORM_NONE, 0, 3},
         {"conv3-8 avgpool2 gap conv1-3", NORMNET_NORM_NONE, 0, 3},
         NORMNET_EMISMATCH},
        {{"conv3-8 maxpool2 gap conv1-3", NORMNET_NORM_NONE, 0, 3},
         {"conv3-8 maxpool3 gap conv1-3", NORMNET_NORM_NONE, 0, 3},
         NORMNET_EMISMATCH},
        {{"conv3-8 norm gap conv1-3", NORMNET_NORM_BATCH, 0, 3},
         {"conv3-8 batchnorm gap conv1-3", NORMNET_NORM_LAYER, 0, 3},
         NORMNET_OK},
    };

    (void)argument;
    for (int i = 0; i < CHECK_COUNT(pairs); ++i) {
        normnet_model *from = model_of(&pairs[i].from), *to = model_of(&pairs[i].to);
        struct bytes file = serialize(from, NORMNET_FILE_WEIGHTS);
        const normnet_status status = normnet_deserialize_weights(to, file.data, file.size);

        if (status != pairs[i].status)
            CHECK_FAIL("'%s' into '%s': %s, expected %s", pairs[i].from.architecture, pairs[i].to.architecture,
                       normnet_status_string((int32_t)status), normnet_status_string((int32_t)pairs[i].status));
        free(file.data);
        normnet_model_destroy(from);
        normnet_model_destroy(to);
    }
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*function)(const void *argument);
    } cases[] = {
        {"weights hold the network, the caller passes the recipe", weights_bring_the_network},
        {"load_weights leaves step and momentum", load_weights_fills},
        {"load_weights keeps pending gradients", load_weights_keeps_pending_gradients},
        {"a file beyond memory_limit is ELIMIT", files_keep_to_the_limit},
        {"load_weights rejects another network of the same shapes", another_network_is_rejected},
        {"load_weights compares networks, not their spelling", weights_know_their_network},
    };
    if (!check_begin(argc, argv))
        return check_end();
    for (int i = 0; i < CHECK_COUNT(cases); ++i)
        check_case_named(cases[i].function, NULL, "files: %s", cases[i].name);
    return check_end();
}
