/* SPDX-License-Identifier: MIT */
/* The reader of files: a checkpoint or a file of weights in which one thing is changed or missing. */
#include "reader_cases.h"

/* ---- Saved files, changed --------------------------------------------------------------------- */

/* The header's first `find` becomes `replacement`, up to three times, and the checksum follows. */
struct edit_case {
    const char *name;
    int32_t kind;
    normnet_status created, filled;
    const char *word;
    const char *edits[3][2];
};

#define CHECKPOINT NORMNET_FILE_CHECKPOINT
#define WEIGHTS NORMNET_FILE_WEIGHTS
#define MISMATCH NORMNET_EMISMATCH, NORMNET_EMISMATCH
#define SECOND_GAMMA "\"2.weight\":{\"dtype\":\"F32\",\"shape\":"
#define COUNTER "\"2.num_batches_tracked\":{\"dtype\":\"I64\",\"shape\":[]"

static const struct edit_case edit_cases[] = {
    {"nothing", CHECKPOINT, NORMNET_OK, NORMNET_OK, "", {{NULL}}},
    {"nothing of a file of weights", WEIGHTS, NORMNET_OK, NORMNET_OK, "", {{NULL}}},

    {"format version 2",
     WEIGHTS,
     NORMNET_EUNSUPPORTED,
     NORMNET_EUNSUPPORTED,
     "version 2",
     {{"format_version\":\"1\"", "format_version\":\"2\""}}},
    {"format version 2 of a checkpoint",
     CHECKPOINT,
     NORMNET_EUNSUPPORTED,
     NORMNET_EUNSUPPORTED,
     "version 2",
     {{"format_version\":\"1\"", "format_version\":\"2\""}, {"\"checkpoint\"", "\"album\""}}},
    {"format version 0",
     WEIGHTS,
     NORMNET_EUNSUPPORTED,
     NORMNET_EUNSUPPORTED,
     "version 0",
     {{"format_version\":\"1\"", "format_version\":\"0\""}}},
    {"no format version", WEIGHTS, NORMNET_OK, NORMNET_OK, "", {{"\"normnet.format_version\":\"1\",", ""}}},
    {"format version one",
     WEIGHTS,
     NORMNET_EFORMAT,
     NORMNET_EFORMAT,
     "normnet.format_version is 'one'",
     {{"format_version\":\"1\"", "format_version\":\"one\""}}},
    {"an unknown kind",
     WEIGHTS,
     NORMNET_EFORMAT,
     NORMNET_EFORMAT,
     "normnet.kind is 'album'",
     {{"\"weights\"", "\"album\""}}},
    {"a kind with a newline in it",
     WEIGHTS,
     NORMNET_EFORMAT,
     NORMNET_EFORMAT,
     "normnet.kind",
     {{"\"weights\"", "\"weights\\n\""}}},
    {"an empty kind", CHECKPOINT, NORMNET_EFORMAT, NORMNET_EFORMAT, "normnet.kind", {{"\"checkpoint\"", "\"\""}}},
    {"weights whose kind is checkpoint",
     WEIGHTS,
     NORMNET_EFORMAT,
     NORMNET_EMISMATCH,
     "",
     {{"\"weights\"", "\"checkpoint\""}}},
    {"a checkpoint whose kind is weights",
     CHECKPOINT,
     MISMATCH,
     "'optim.0.weight'",
     {{"\"checkpoint\"", "\"weights\""}}},
    {"a checkpoint without a kind",
     CHECKPOINT,
     MISMATCH,
     "'optim.0.weight'",
     {{"\"normnet.kind\":\"checkpoint\",", ""}}},

    {"no architecture",
     WEIGHTS,
     NORMNET_EARCH,
     NORMNET_OK,
     "normnet.architecture",
     {{"\"normnet.architecture\":\"conv3-2 relu norm gap conv1-2\",", ""}}},
    {"no architecture in a checkpoint",
     CHECKPOINT,
     NORMNET_EARCH,
     NORMNET_OK,
     "normnet.architecture",
     {{"\"normnet.architecture\":\"conv3-2 relu norm gap conv1-2\",", ""}}},
    {"an unknown layer", WEIGHTS, NORMNET_EARCH, NORMNET_EMISMATCH, "roof", {{"relu norm", "roof norm"}}},
    {"an unknown layer with a control character",
     WEIGHTS,
     NORMNET_EARCH,
     NORMNET_EMISMATCH,
     "roof",
     {{"relu norm", "roof\\u001b[1m norm"}}},
    {"a newline between the layers", WEIGHTS, NORMNET_OK, NORMNET_OK, "", {{"relu norm", "relu\\nnorm"}}},
    {"another spelling", CHECKPOINT, NORMNET_OK, NORMNET_OK, "", {{"conv3-2 relu norm", "conv3-2s1p0 relu batchnorm"}}},
    {"an empty architecture",
     WEIGHTS,
     NORMNET_EARCH,
     NORMNET_EARCH,
     "architecture",
     {{"\"conv3-2 relu norm gap conv1-2\"", "\"\""}}},
    {"another architecture",
     WEIGHTS,
     NORMNET_EMISMATCH,
     NORMNET_EMISMATCH,
     "",
     {{"conv3-2 relu norm gap conv1-2", "conv3-2 relu gap conv1-2"}}},
    {"a longer architecture of equal tensors",
     CHECKPOINT,
     NORMNET_OK,
     NORMNET_EMISMATCH,
     "layer 5 is relu",
     {{"gap conv1-2", "gap conv1-2 relu"}}},
    {"the beginning of the architecture",
     WEIGHTS,
     NORMNET_EMISMATCH,
     NORMNET_EMISMATCH,
     "",
     {{"relu norm gap conv1-2", "relu norm gap"}}},

    {"another norm", WEIGHTS, NORMNET_EMISMATCH, NORMNET_EMISMATCH, "", {{"norm\":\"1\"", "norm\":\"4\""}}},
    {"an unknown norm",
     CHECKPOINT,
     NORMNET_EUNSUPPORTED,
     NORMNET_EUNSUPPORTED,
     "norm",
     {{"norm\":\"1\"", "norm\":\"99\""}}},
    {"no channels",
     CHECKPOINT,
     NORMNET_EVALUE,
     NORMNET_OK,
     "normnet.channels is 0",
     {{"channels\":\"1\"", "channels\":\"0\""}}},
    {"4097 channels",
     CHECKPOINT,
     NORMNET_EVALUE,
     NORMNET_OK,
     "normnet.channels is 4097",
     {{"channels\":\"1\"", "channels\":\"4097\""}}},
    {"4096 channels with a mean for one",
     WEIGHTS,
     NORMNET_EFORMAT,
     NORMNET_OK,
     "normnet.input_mean",
     {{"channels\":\"1\"", "channels\":\"4096\""}}},
    {"two channels with a std for one",
     WEIGHTS,
     NORMNET_EFORMAT,
     NORMNET_OK,
     "normnet.input_std",
     {{"channels\":\"1\"", "channels\":\"2\""}, {"mean\":\"", "mean\":\"0000000000000000 "}}},
    {"a std of 0",
     WEIGHTS,
     NORMNET_EVALUE,
     NORMNET_OK,
     "input_std",
     {{"std\":\"3ff0000000000000", "std\":\"0000000000000000"}}},
    {"a mean that is no number",
     WEIGHTS,
     NORMNET_EVALUE,
     NORMNET_OK,
     "input_mean",
     {{"mean\":\"0000000000000000", "mean\":\"7ff8000000000000"}}},
    {"more memory than the host allows",
     WEIGHTS,
     NORMNET_ELIMIT,
     NORMNET_OK,
     "memory_limit",
     {{"height\":\"6\"", "height\":\"4096\""}, {"width\":\"6\"", "width\":\"4096\""}}},
    {"layer_dims of a model without layer norm",
     WEIGHTS,
     NORMNET_OK,
     NORMNET_OK,
     "",
     {{"dims\":\"3\"", "dims\":\"2\""}}},
    {"a negative learning rate", CHECKPOINT, NORMNET_EVALUE, NORMNET_OK, "lr", {{"lr\":\"3", "lr\":\"b"}}},
    {"an unknown schedule",
     CHECKPOINT,
     NORMNET_EUNSUPPORTED,
     NORMNET_OK,
     "schedule",
     {{"schedule\":\"0\"", "schedule\":\"3\""}}},

    {"a negative step",
     CHECKPOINT,
     NORMNET_EVALUE,
     NORMNET_OK,
     "normnet.step is -1",
     {{"step\":\"2\"", "step\":\"-1\""}}},
    {"step -2^63",
     CHECKPOINT,
     NORMNET_EVALUE,
     NORMNET_OK,
     "normnet.step is -9223372036854775808",
     {{"step\":\"2\"", "step\":\"-9223372036854775808\""}}},
    {"step 2^63 - 1",
     CHECKPOINT,
     NORMNET_EVALUE,
     NORMNET_OK,
     "normnet.step is 9223372036854775807",
     {{"step\":\"2\"", "step\":\"9223372036854775807\""}}},
    {"step 2^63",
     CHECKPOINT,
     NORMNET_EFORMAT,
     NORMNET_OK,
     "normnet.step is '9223372036854775808'",
     {{"step\":\"2\"", "step\":\"9223372036854775808\""}}},
    {"a step after total_steps",
     CHECKPOINT,
     NORMNET_EVALUE,
     NORMNET_OK,
     "normnet.step is 11",
     {{"schedule\":\"0\"", "schedule\":\"2\""},
      {"steps\":\"0\"", "steps\":\"10\""},
      {"step\":\"2\"", "step\":\"11\""}}},
    {"the last of total_steps",
     CHECKPOINT,
     NORMNET_OK,
     NORMNET_OK,
     "",
     {{"schedule\":\"0\"", "schedule\":\"2\""},
      {"steps\":\"0\"", "steps\":\"10\""},
      {"step\":\"2\"", "step\":\"10\""}}},
    {"has_momentum 2",
     CHECKPOINT,
     NORMNET_EVALUE,
     NORMNET_OK,
     "normnet.has_momentum is 2",
     {{"has_momentum\":\"1\"", "has_momentum\":\"2\""}}},
    {"has_momentum true",
     CHECKPOINT,
     NORMNET_EFORMAT,
     NORMNET_OK,
     "normnet.has_momentum is 'true'",
     {{"has_momentum\":\"1\"", "has_momentum\":\"true\""}}},

    {"fewer elements",
     WEIGHTS,
     MISMATCH,
     "'2.weight'",
     {{SECOND_GAMMA "[2],\"data_offsets\":[72,80]}", SECOND_GAMMA
       "[1],\"data_offsets\":[72,76]},\"new\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[76,80]}"}}},
    {"another order of dimensions", WEIGHTS, MISMATCH, "'0.weight'", {{"[2,1,3,3]", "[1,2,3,3]"}}},
    {"fewer dimensions", WEIGHTS, MISMATCH, "'0.weight'", {{"[2,1,3,3]", "[2,1,9]"}}},
    {"more dimensions", WEIGHTS, MISMATCH, "'0.weight'", {{"[2,1,3,3]", "[2,1,3,3,1]"}}},
    {"one dimension of 1 more", WEIGHTS, MISMATCH, "'4.weight'", {{"[2,2,1,1]", "[2,2,1,1,1]"}}},
    {"one dimension of 1 less", WEIGHTS, MISMATCH, "'4.weight'", {{"[2,2,1,1]", "[2,2,1]"}}},
    {"no dimensions of 1", WEIGHTS, MISMATCH, "'4.weight'", {{"[2,2,1,1]", "[2,2]"}}},
    {"dimensions of 1 in front", WEIGHTS, MISMATCH, "'4.weight'", {{"[2,2,1,1]", "[1,1,2,2]"}}},
    {"a vector for a matrix", WEIGHTS, MISMATCH, "'4.weight'", {{"[2,2,1,1]", "[4]"}}},
    {"a column for a vector", WEIGHTS, MISMATCH, "'2.weight'", {{SECOND_GAMMA "[2]", SECOND_GAMMA "[2,1]"}}},
    {"a row for a vector", WEIGHTS, MISMATCH, "'2.weight'", {{SECOND_GAMMA "[2]", SECOND_GAMMA "[1,2]"}}},
    {"a momentum without dimensions of 1",
     CHECKPOINT,
     MISMATCH,
     "'optim.4.weight'",
     {{"\"optim.4.weight\":{\"dtype\":\"F32\",\"shape\":[2,2,1,1]",
       "\"optim.4.weight\":{\"dtype\":\"F32\",\"shape\":[2,2]"}}},
    {"a vector for the scalar",
     WEIGHTS,
     MISMATCH,
     "'2.num_batches_tracked'",
     {{COUNTER, "\"2.num_batches_tracked\":{\"dtype\":\"I64\",\"shape\":[1]"}}},
    {"floats for the count",
     WEIGHTS,
     MISMATCH,
     "'2.num_batches_tracked'",
     {{COUNTER, "\"2.num_batches_tracked\":{\"dtype\":\"F32\",\"shape\":[2]"}}},
    {"a count for floats",
     WEIGHTS,
     MISMATCH,
     "'2.weight'",
     {{SECOND_GAMMA "[2]", "\"2.weight\":{\"dtype\":\"I64\",\"shape\":[1]"}}},
    {"another shape of a momentum",
     CHECKPOINT,
     MISMATCH,
     "'optim.4.weight'",
     {{"\"optim.4.weight\":{\"dtype\":\"F32\",\"shape\":[2,2,1,1]",
       "\"optim.4.weight\":{\"dtype\":\"F32\",\"shape\":[4,1,1]"}}},
    {"another dtype of a momentum",
     CHECKPOINT,
     MISMATCH,
     "'optim.4.weight'",
     {{"\"optim.4.weight\":{\"dtype\":\"F32\",\"shape\":[2,2,1,1]",
       "\"optim.4.weight\":{\"dtype\":\"I64\",\"shape\":[2,1,1]"}}},
    {"a momentum of a statistic", CHECKPOINT, MISMATCH, "", {{"\"optim.2.bias\"", "\"optim.2.running_mean\""}}},
    {"a momentum in a file of weights", WEIGHTS, MISMATCH, "'4.weight'", {{"\"4.weight\"", "\"optim.4.weight\""}}},
};

static void edited(const void *argument)
{
    const struct edit_case *want = argument;
    struct reading *self = reading_open();
    struct file changed = file_copy(file_of_kind(self, want->kind));

    for (int i = 0; i < 3 && want->edits[i][0] != NULL; ++i)
        file_replace(&changed, want->edits[i][0], want->edits[i][1]);
    expect_signed(self, &changed, want->created, want->filled, want->word);
    file_free(&changed);
    reading_close(self);
}

/* ---- Settings --------------------------------------------------------------------------------- */

struct setting_case {
    const char *key;
    int bits;    /* 32 or 64 of an integer, 0 for the digits of a double */
    int network; /* which every reader looks at */
    normnet_status out_of_range;
};

static const struct setting_case setting_cases[] = {
    {"normnet.norm", 32, 1, NORMNET_EUNSUPPORTED},
    {"normnet.channels", 32, 1, NORMNET_EVALUE},
    {"normnet.height", 32, 1, NORMNET_EVALUE},
    {"normnet.width", 32, 1, NORMNET_EVALUE},
    {"normnet.classes", 32, 1, NORMNET_EVALUE},
    {"normnet.groups", 32, 1, NORMNET_EARCH},
    {"normnet.layer_dims", 32, 1, NORMNET_EVALUE},
    {"normnet.affine", 32, 1, NORMNET_EUNSUPPORTED},
    {"normnet.eps", 0, 1, NORMNET_EVALUE},
    {"normnet.input_mean", 0, 0, NORMNET_EVALUE},
    {"normnet.input_std", 0, 0, NORMNET_EVALUE},
    {"normnet.virtual_batch", 32, 0, NORMNET_EVALUE},
    {"normnet.cumulative_statistics", 32, 0, NORMNET_EVALUE},
    {"normnet.penalty_on", 32, 0, NORMNET_EUNSUPPORTED},
    {"normnet.schedule", 32, 0, NORMNET_EUNSUPPORTED},
    {"normnet.anneal", 32, 0, NORMNET_EUNSUPPORTED},
    {"normnet.three_phase", 32, 0, NORMNET_EVALUE},
    {"normnet.cycle_momentum", 32, 0, NORMNET_EVALUE},
    {"normnet.nesterov", 32, 0, NORMNET_EVALUE},
    {"normnet.seed", 64, 0, NORMNET_OK},
    {"normnet.total_steps", 64, 0, NORMNET_EVALUE},
    {"normnet.step_size", 64, 0, NORMNET_EVALUE},
    {"normnet.batchnorm_momentum", 0, 0, NORMNET_EVALUE},
    {"normnet.dropout", 0, 0, NORMNET_EVALUE},
    {"normnet.l1", 0, 0, NORMNET_EVALUE},
    {"normnet.l2", 0, 0, NORMNET_EVALUE},
    {"normnet.label_smoothing", 0, 0, NORMNET_EVALUE},
    {"normnet.lr", 0, 0, NORMNET_EVALUE},
    {"normnet.momentum", 0, 0, NORMNET_EVALUE},
    {"normnet.dampening", 0, 0, NORMNET_EVALUE},
    {"normnet.step_gamma", 0, 0, NORMNET_EVALUE},
    {"normnet.max_lr", 0, 0, NORMNET_EVALUE},
    {"normnet.base_momentum", 0, 0, NORMNET_EVALUE},
    {"normnet.max_momentum", 0, 0, NORMNET_EVALUE},
    {"normnet.pct_start", 0, 0, NORMNET_EVALUE},
    {"normnet.div_factor", 0, 0, NORMNET_EVALUE},
    {"normnet.final_div_factor", 0, 0, NORMNET_EVALUE},
    {"normnet.clip_norm", 0, 0, NORMNET_EVALUE},
    {"normnet.step", 64, 0, NORMNET_EVALUE},
    {"normnet.has_momentum", 64, 0, NORMNET_EVALUE},
};

/* A checkpoint needs it; filling a model does not. */
static void missing_setting(const void *argument)
{
    const struct setting_case *want = argument;
    struct reading *self = reading_open();
    struct file changed = file_copy(&self->checkpoint);

    file_remove_string(&changed, want->key);
    expect_signed(self, &changed, NORMNET_EFORMAT, NORMNET_OK, want->key);
    file_free(&changed);
    reading_close(self);
}

static void malformed_setting(const void *argument)
{
    static const char *const integers[] = {"",
                                           " ",
                                           "-",
                                           "-0",
                                           "+1",
                                           "01",
                                           "-01",
                                           "1 ",
                                           " 1",
                                           "1.0",
                                           "1e0",
                                           "0x1",
                                           "one",
                                           "1,0",
                                           "\\u0661",
                                           "9223372036854775808",
                                           "-9223372036854775809",
                                           "18446744073709551617",
                                           "100000000000000000000"};
    static const char *const narrow[] = {"2147483648", "-2147483649", "4294967297", "9223372036854775807"};
    static const char *const doubles[] = {"",
                                          "0",
                                          "0.5",
                                          "3ff000000000000",
                                          "3ff00000000000000",
                                          "3FF0000000000000",
                                          "3ff000000000000g",
                                          "3ff000000000000 ",
                                          " 3ff000000000000",
                                          "0x3ff00000000000",
                                          "-ff0000000000000",
                                          "3ff0000000000000 ",
                                          "3ff0000000000000\\n",
                                          "3ff0000000000000 3ff0000000000000"};
    const struct setting_case *want = argument;
    const char *const *strings = want->bits > 0 ? integers : doubles;
    const int count = want->bits > 0 ? CHECK_COUNT(integers) : CHECK_COUNT(doubles);
    const int more = want->bits == 32 ? CHECK_COUNT(narrow) : 0;
    struct reading *self = reading_open();

    for (int i = 0; i < count + more; ++i) {
        struct file changed = file_copy(&self->checkpoint);

        file_set_string(&changed, want->key, i < count ? strings[i] : narrow[i - count]);
        expect_signed(self, &changed, NORMNET_EFORMAT, want->network ? NORMNET_EFORMAT : NORMNET_OK, want->key);
        file_free(&changed);
    }
    reading_close(self);
}

/* The smallest integer, and infinity: no argument of the call is wrong, so it is never EINVAL. */
static void out_of_range_setting(const void *argument)
{
    const struct setting_case *want = argument;
    struct reading *self = reading_open();
    struct file changed = file_copy(&self->checkpoint);
    struct outcome result = {NORMNET_OK, NORMNET_OK, "", ""};

    file_set_string(&changed, want->key,
                    want->bits == 0    ? "7ff0000000000000"
                    : want->bits == 32 ? "-2147483648"
                                       : "-9223372036854775808");
    CHECK(crafted_enter_checksum(changed.bytes, changed.size));
    offer_to_create(self, changed.bytes, changed.size, &result);
    CHECK_STATUS(result.created, want->out_of_range);
    if (result.created != NORMNET_OK)
        CHECK(strstr(result.created_message, strchr(want->key, '.') + 1) != NULL);
    file_free(&changed);
    reading_close(self);
}

/* The same file with a wrong argument: a host with no threads. */
static void out_of_range_host(const void *argument)
{
    struct reading *self = reading_open();
    struct outcome result = {NORMNET_OK, NORMNET_OK, "", ""};

    (void)argument;
    self->config.threads = 0;
    offer_to_create(self, self->checkpoint.bytes, self->checkpoint.size, &result);
    CHECK_STATUS(result.created, NORMNET_EINVAL);
    CHECK(strstr(result.created_message, "threads is 0") != NULL);
    reading_close(self);
}

/* What can be saved can be loaded, also by a model that has taken as many steps as are counted, 2^52. */
static void last_step(const void *argument)
{
    struct reading *self = reading_open();
    struct file changed = file_copy(&self->checkpoint);
    normnet_model *model = NULL, *again = NULL;
    normnet_config config = {.struct_size = sizeof config};
    static unsigned char bytes[1 << 20];
    int64_t size;

    (void)argument;
    file_replace(&changed, "step\":\"2\"", "step\":\"4503599627370495\"");
    CHECK(crafted_enter_checksum(changed.bytes, changed.size));
    if (CHECK_OK(normnet_model_deserialize(&model, changed.bytes, changed.size, NULL))) {
        static uint8_t pixels[1 << 16], digits[2] = {0, 1};
        normnet_tensor images, labels;

        CHECK_OK(normnet_model_config(model, &config));
        images = tensor_images(NORMNET_U8, pixels, 2, &config);
        labels = tensor_1d(NORMNET_U8, digits, 2);
        pixels[3] = 200;
        CHECK_OK(normnet_train_step(model, &images, &labels, NULL));
        CHECK_STATUS(normnet_train_step(model, &images, &labels, NULL), NORMNET_ESTATE);
        CHECK_EQUAL(normnet_steps_taken(model), (int64_t)1 << 52);
        CHECK_OK(normnet_model_serialize(model, bytes, sizeof bytes, &size, NULL));
        CHECK_OK(normnet_model_deserialize(&again, bytes, size, NULL));
    }
    normnet_model_destroy(again);
    normnet_model_destroy(model);
    file_free(&changed);
    reading_close(self);
}

int main(int argc, char **argv)
{
    if (!check_begin(argc, argv))
        return check_end();
    for (int i = 0; i < CHECK_COUNT(edit_cases); ++i)
        check_case_named(edited, &edit_cases[i], "edited: %s", edit_cases[i].name);
    check_case("saved at the last step that is counted", last_step, NULL);
    for (int i = 0; i < CHECK_COUNT(setting_cases); ++i) {
        check_case_named(missing_setting, &setting_cases[i], "missing: %s", setting_cases[i].key);
        check_case_named(malformed_setting, &setting_cases[i], "malformed: %s", setting_cases[i].key);
        check_case_named(out_of_range_setting, &setting_cases[i], "out of range: %s", setting_cases[i].key);
    }
    check_case("out of range: threads of the host", out_of_range_host, NULL);
    return check_end();
}
