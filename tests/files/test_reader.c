/* SPDX-License-Identifier: MIT */
/*
 * The reader of files: which it takes, which it refuses, and that a refusal changes nothing. Every file is given both
 * to normnet_model_deserialize and to normnet_deserialize_weights.
 */
#include "headers.h"
#include "reading.h"

/* ---- The length and the size ------------------------------------------------------------------- */

/* The first `size` bytes of a file of 64 that says that its header has `length`. */
typedef struct length_case {
    const char *name;
    uint64_t length;
    int64_t size;
    normnet_status status;
    const char *words[2];
} length_case;

static const length_case length_cases[] = {
    {"no bytes", 0, 0, NORMNET_ETRUNCATED, {"0 bytes"}},
    {"one byte", 2, 1, NORMNET_ETRUNCATED, {"1 bytes"}},
    {"seven bytes", 2, 7, NORMNET_ETRUNCATED, {"7 bytes"}},
    {"a length and no header", 2, 8, NORMNET_ETRUNCATED, {"8 bytes", "10"}},
    {"length 0 and no header", 0, 8, NORMNET_EFORMAT, {"byte 0:"}},
    {"length 0", 0, 64, NORMNET_EFORMAT, {"byte 0:"}},
    {"length 1", 1, 64, NORMNET_EFORMAT, {"byte 0:"}},
    {"one byte of two", 2, 9, NORMNET_ETRUNCATED, {"9 bytes", "10"}},
    {"one byte more than there are", 57, 64, NORMNET_ETRUNCATED, {"64 bytes", "65"}},
    {"the size of the file", 64, 64, NORMNET_ETRUNCATED, {"64 bytes", "72"}},
    {"2^20", 1u << 20, 64, NORMNET_ETRUNCATED, {"64 bytes", "1048584"}},
    {"2^20 + 1", (1u << 20) + 1, 64, NORMNET_ELIMIT, {"1048577", "1048576"}},
    {"2^31", (uint64_t)1 << 31, 64, NORMNET_ELIMIT, {"2147483648"}},
    {"2^32 + 2", ((uint64_t)1 << 32) + 2, 64, NORMNET_ELIMIT, {"4294967298"}},
    {"2^63 - 1", INT64_MAX, 64, NORMNET_ELIMIT, {"9223372036854775807"}},
    {"2^63", (uint64_t)1 << 63, 64, NORMNET_ELIMIT, {"9223372036854775808"}},
    {"2^64 - 8", UINT64_MAX - 7, 64, NORMNET_ELIMIT, {"18446744073709551608"}},
    {"2^64 - 1", UINT64_MAX, 64, NORMNET_ELIMIT, {"18446744073709551615"}},
    {"2^64 - 1 and nothing else", UINT64_MAX, 8, NORMNET_ELIMIT, {"18446744073709551615"}},
};

static void refused_length(const void *argument)
{
    const length_case *want = argument;
    const char *const words[] = {want->words[0], want->words[1], NULL};
    reading *self = reading_open();
    file whole = file_of("{}", 2, 54);
    crafted_put_little(whole.bytes, want->length);
    whole.size = want->size;
    expect_outcome(self, &whole, want->status, want->status, words);
    file_free(&whole);
    reading_close(self);
}

/* A negative size is not a large one. */
static void negative_sizes(const void *argument)
{
    const int64_t sizes[] = {-1, INT64_MIN};
    reading *self = reading_open();
    int i;
    (void)argument;
    for (i = 0; i < CHECK_COUNT(sizes); ++i) {
        outcome result = {NORMNET_OK, NORMNET_OK, "", ""};
        offer_to_create(self, self->weights.bytes, sizes[i], &result);
        offer_to_fill(self, self->weights.bytes, sizes[i], &result);
        CHECK_STATUS(result.created, NORMNET_EINVAL);
        CHECK_STATUS(result.filled, NORMNET_EINVAL);
    }
    reading_close(self);
}

/* ---- Headers ----------------------------------------------------------------------------------- */

static void refused_header(const void *argument)
{
    const broken_header *want = argument;
    const int64_t before = want->before != NULL ? (int64_t)strlen(want->before) : 0;
    char place[32] = "";
    const char *const words[] = {place, want->words[0], want->words[1], NULL};
    reading *self = reading_open();
    file whole = file_begin();
    if (want->before != NULL) {
        snprintf(place, sizeof place, "byte %d:", (int)(CRAFTED_LENGTH + before));
        file_put(&whole, want->before, before);
    }
    file_put(&whole, want->after, want->length);
    file_end_header(&whole);
    file_fill(&whole, '"', want->data); /* ends a string that runs on beyond the header */
    expect_outcome(self, &whole, want->status, want->status, words);
    file_free(&whole);
    reading_close(self);
}

/* The header is in order: what is refused is that it is of no network, and not of the model's. */
static void expect_sound(reading *self, const file *offered)
{
    const outcome result = offer(self, offered->bytes, offered->size);
    const char *const creating[] = {"normnet.architecture", NULL}, *const filling[] = {"'0.weight'", NULL};
    expect("deserialize", result.created, result.created_sentence, NORMNET_EARCH, creating);
    expect("deserialize_weights", result.filled, result.filled_sentence, NORMNET_EMISMATCH, filling);
}

static void accepted_header(const void *argument)
{
    const sound_header *want = argument;
    reading *self = reading_open();
    file whole = file_of(want->header, want->length, want->data);
    expect_sound(self, &whole);
    file_free(&whole);
    reading_close(self);
}

/* `count` tensors with names that differ in their last digits only, as long as names can be. */
static file many_tensors(int count)
{
    file self = file_begin();
    int i;
    file_print(&self, "{");
    for (i = 0; i < count; ++i)
        file_print(&self, "%s\"%0127d\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[%d,%d]}", i > 0 ? "," : "", i,
                   4 * i, 4 * i + 4);
    file_print(&self, "}");
    file_end_header(&self);
    file_fill(&self, 0, 4 * (int64_t)count);
    return self;
}

static file many_texts(int count)
{
    file self = file_begin();
    int i;
    file_print(&self, "{\"__metadata__\":{");
    for (i = 0; i < count; ++i)
        file_print(&self, "%s\"%c%c\":\"\"", i > 0 ? "," : "", 'a' + i / 26, 'a' + i % 26);
    file_print(&self, "}}");
    file_end_header(&self);
    return self;
}

static void most_tensors(const void *argument)
{
    const char *const words[] = {"byte ", "4096 tensors", NULL};
    reading *self = reading_open();
    file whole = many_tensors(4096), larger = many_tensors(4097);
    (void)argument;
    expect_sound(self, &whole);
    expect_outcome(self, &larger, NORMNET_ELIMIT, NORMNET_ELIMIT, words);
    file_free(&whole);
    file_free(&larger);
    reading_close(self);
}

/* As many as fit into the longest header, in the reverse of the order of their data. */
static void longest_header(const void *argument)
{
    const char *const words[] = {"1048577", "1048576", NULL};
    reading *self = reading_open();
    file whole = file_begin();
    int i;
    (void)argument;
    file_print(&whole, "{");
    for (i = 4095; i >= 0; --i)
        file_print(&whole, "\"%0127d\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,1,1],\"data_offsets\":[%d,%d]},", i,
                   4 * i, 4 * i + 4);
    file_print(&whole, "\"__metadata__\":{\"filling\":\"");
    file_fill(&whole, '~', CRAFTED_LENGTH + (1 << 20) - whole.size - 3);
    file_print(&whole, "\"}}");
    file_end_header(&whole);
    CHECK_EQUAL((int64_t)crafted_read_little(whole.bytes), 1 << 20);
    file_fill(&whole, 0, 4 * 4096);
    expect_sound(self, &whole);
    file_splice(&whole, CRAFTED_LENGTH, 0, " ");
    expect_outcome(self, &whole, NORMNET_ELIMIT, NORMNET_ELIMIT, words);
    file_free(&whole);
    reading_close(self);
}

/* No brackets, however many, take the stack of a reader. */
static void deepest_header(const void *argument)
{
    const char *const before[] = {"", "{\"a\":", "{\"a\":{\"shape\":", "{\"__metadata__\":{\"a\":"};
    const char *const words[] = {"expected", NULL};
    reading *self = reading_open();
    int i;
    (void)argument;
    for (i = 0; i < 2 * CHECK_COUNT(before); ++i) {
        file whole = file_begin();
        file_print(&whole, "%s", before[i / 2]);
        file_fill(&whole, i % 2 == 0 ? '[' : '{', CRAFTED_LENGTH + (1 << 20) - whole.size);
        file_end_header(&whole);
        expect_outcome(self, &whole, NORMNET_EFORMAT, NORMNET_EFORMAT, words);
        file_free(&whole);
    }
    reading_close(self);
}

static void most_texts(const void *argument)
{
    const char *const words[] = {"byte ", "256 texts", NULL};
    reading *self = reading_open();
    file whole = many_texts(256), larger = many_texts(257);
    (void)argument;
    expect_sound(self, &whole);
    expect_outcome(self, &larger, NORMNET_ELIMIT, NORMNET_ELIMIT, words);
    file_free(&whole);
    file_free(&larger);
    reading_close(self);
}

/* ---- Files of ours, changed -------------------------------------------------------------------- */

/* The header's first `find` becomes `replacement`, up to three times, and the checksum follows. */
typedef struct edit_case {
    const char *name;
    int32_t kind;
    normnet_status created, filled;
    const char *word;
    const char *edits[3][2];
} edit_case;

#define CHECKPOINT NORMNET_FILE_CHECKPOINT
#define WEIGHTS NORMNET_FILE_WEIGHTS
#define MISMATCH NORMNET_EMISMATCH, NORMNET_EMISMATCH
#define SECOND_GAMMA "\"2.weight\":{\"dtype\":\"F32\",\"shape\":"
#define COUNTER "\"2.num_batches_tracked\":{\"dtype\":\"I64\",\"shape\":[]"

static const edit_case edit_cases[] = {
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
    {"weights that say that they are a checkpoint",
     WEIGHTS,
     NORMNET_EFORMAT,
     NORMNET_EMISMATCH,
     "",
     {{"\"weights\"", "\"checkpoint\""}}},
    {"a checkpoint that says that it is weights",
     CHECKPOINT,
     MISMATCH,
     "'optim.0.weight'",
     {{"\"checkpoint\"", "\"weights\""}}},
    {"a checkpoint that does not say what it is",
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
    {"a norm that is none",
     CHECKPOINT,
     NORMNET_EUNSUPPORTED,
     NORMNET_EUNSUPPORTED,
     "norm",
     {{"norm\":\"1\"", "norm\":\"5\""}}},
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

static const file *file_of_kind(const reading *self, int32_t kind)
{
    return kind == NORMNET_FILE_CHECKPOINT ? &self->checkpoint : &self->weights;
}

/* After a change. */
static void expect_signed(reading *self, file *changed, normnet_status created, normnet_status filled, const char *word)
{
    const char *const words[] = {word, NULL};
    CHECK(crafted_enter_checksum(changed->bytes, changed->size));
    expect_outcome(self, changed, created, filled, words);
}

static void edited(const void *argument)
{
    const edit_case *want = argument;
    reading *self = reading_open();
    file changed = file_copy(file_of_kind(self, want->kind));
    int i;
    for (i = 0; i < 3 && want->edits[i][0] != NULL; ++i)
        file_replace(&changed, want->edits[i][0], want->edits[i][1]);
    expect_signed(self, &changed, want->created, want->filled, want->word);
    file_free(&changed);
    reading_close(self);
}

/* ---- Settings ---------------------------------------------------------------------------------- */

typedef struct setting_case {
    const char *key;
    int bits;    /* 32 or 64 of an integer, 0 for the digits of a double */
    int network; /* which every reader looks at */
} setting_case;

static const setting_case setting_cases[] = {
    {"normnet.norm", 32, 1},
    {"normnet.channels", 32, 1},
    {"normnet.height", 32, 1},
    {"normnet.width", 32, 1},
    {"normnet.classes", 32, 1},
    {"normnet.groups", 32, 1},
    {"normnet.layer_dims", 32, 1},
    {"normnet.affine", 32, 1},
    {"normnet.eps", 0, 1},
    {"normnet.input_mean", 0, 0},
    {"normnet.input_std", 0, 0},
    {"normnet.virtual_batch", 32, 0},
    {"normnet.cumulative_statistics", 32, 0},
    {"normnet.penalty_on", 32, 0},
    {"normnet.schedule", 32, 0},
    {"normnet.anneal", 32, 0},
    {"normnet.three_phase", 32, 0},
    {"normnet.cycle_momentum", 32, 0},
    {"normnet.nesterov", 32, 0},
    {"normnet.seed", 64, 0},
    {"normnet.total_steps", 64, 0},
    {"normnet.step_size", 64, 0},
    {"normnet.batchnorm_momentum", 0, 0},
    {"normnet.dropout", 0, 0},
    {"normnet.l1", 0, 0},
    {"normnet.l2", 0, 0},
    {"normnet.label_smoothing", 0, 0},
    {"normnet.lr", 0, 0},
    {"normnet.momentum", 0, 0},
    {"normnet.dampening", 0, 0},
    {"normnet.step_gamma", 0, 0},
    {"normnet.max_lr", 0, 0},
    {"normnet.base_momentum", 0, 0},
    {"normnet.max_momentum", 0, 0},
    {"normnet.pct_start", 0, 0},
    {"normnet.div_factor", 0, 0},
    {"normnet.final_div_factor", 0, 0},
    {"normnet.clip_norm", 0, 0},
    {"normnet.step", 64, 0},
    {"normnet.has_momentum", 64, 0},
};

/* A checkpoint needs it; whoever fills a model does not. */
static void missing_setting(const void *argument)
{
    const setting_case *want = argument;
    reading *self = reading_open();
    file changed = file_copy(&self->checkpoint);
    file_remove_text(&changed, want->key);
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
    const setting_case *want = argument;
    const char *const *texts = want->bits > 0 ? integers : doubles;
    const int count = want->bits > 0 ? CHECK_COUNT(integers) : CHECK_COUNT(doubles);
    const int more = want->bits == 32 ? CHECK_COUNT(narrow) : 0;
    reading *self = reading_open();
    int i;
    for (i = 0; i < count + more; ++i) {
        file changed = file_copy(&self->checkpoint);
        file_set_text(&changed, want->key, i < count ? texts[i] : narrow[i - count]);
        expect_signed(self, &changed, NORMNET_EFORMAT, want->network ? NORMNET_EFORMAT : NORMNET_OK, want->key);
        file_free(&changed);
    }
    reading_close(self);
}

/* ---- The checksum ------------------------------------------------------------------------------ */

/* The digits are not part of what is summed up, so only their spelling is wrong here. */
static void checksum_spelling(const void *argument)
{
    const char *const words[] = {"normnet.crc32c", "eight", NULL};
    reading *self = reading_open();
    file signed_file = file_copy(&self->weights);
    int64_t length;
    const int64_t at = file_text(&signed_file, "normnet.crc32c", &length);
    int digit;
    (void)argument;
    do { /* until the first digit is a letter */
        *file_data(&signed_file, "0.weight") += 1;
        CHECK(crafted_enter_checksum(signed_file.bytes, signed_file.size));
    } while (signed_file.bytes[at] < 'a');
    expect_outcome(self, &signed_file, NORMNET_OK, NORMNET_OK, words);
    CHECK_OK(normnet_deserialize_weights(self->model, self->weights.bytes, self->weights.size));
    for (digit = 0; digit < CRAFTED_DIGITS; ++digit) {
        file changed = file_copy(&signed_file);
        char escape[8];
        snprintf(escape, sizeof escape, "\\u%04x", (unsigned)changed.bytes[at + digit]);
        file_splice(&changed, at + digit, 1, escape);
        expect_outcome(self, &changed, NORMNET_EFORMAT, NORMNET_EFORMAT, words);
        file_free(&changed);
    }
    signed_file.bytes[at] = (unsigned char)(signed_file.bytes[at] - 'a' + 'A');
    expect_outcome(self, &signed_file, NORMNET_EFORMAT, NORMNET_EFORMAT, words);
    file_free(&signed_file);
    reading_close(self);
}

/* What only the checksum sees: a weight, a setting, a tensor's name. */
static void checksum_differs(const void *argument)
{
    const char *const words[] = {"normnet.crc32c", NULL};
    const char *const edits[][2] = {{"seed\":\"1\"", "seed\":\"2\""}, {"\"0.weight\"", "\"0.height\""}, {"}}", "} }"}};
    reading *self = reading_open();
    file changed = file_copy(&self->checkpoint);
    int i;
    (void)argument;
    *file_data(&changed, "0.weight") ^= 1;
    expect_outcome(self, &changed, NORMNET_ECHECKSUM, NORMNET_ECHECKSUM, words);
    for (i = 0; i < CHECK_COUNT(edits); ++i) {
        file_free(&changed);
        changed = file_copy(&self->checkpoint);
        file_replace(&changed, edits[i][0], edits[i][1]);
        expect_outcome(self, &changed, NORMNET_ECHECKSUM, NORMNET_ECHECKSUM, words);
    }
    file_remove_text(&changed, "normnet.crc32c");
    expect_outcome(self, &changed, NORMNET_ECHECKSUM, NORMNET_ECHECKSUM, words);
    file_free(&changed);
    reading_close(self);
}

/* ---- Tensors and their values ------------------------------------------------------------------ */

static const char *const tensor_names[] = {
    "0.weight", "2.weight",       "2.bias",         "2.running_mean", "2.running_var", "2.num_batches_tracked",
    "4.weight", "optim.0.weight", "optim.2.weight", "optim.2.bias",   "optim.4.weight"};

/* One tensor is missing, and there is one more than there should be. */
static void renamed_tensor(const void *argument)
{
    const char *name = *(const char *const *)argument;
    reading *self = reading_open();
    file changed = file_copy(&self->checkpoint);
    char find[64], replacement[64], word[64];
    snprintf(find, sizeof find, "\"%s\"", name);
    snprintf(replacement, sizeof replacement, "\"%sx\"", name);
    snprintf(word, sizeof word, "'%s'", name);
    file_replace(&changed, find, replacement);
    expect_signed(self, &changed, NORMNET_EMISMATCH, NORMNET_EMISMATCH, word);
    file_free(&changed);
    reading_close(self);
}

/* The last tensor, with its data. */
static void missing_tensor(const void *argument)
{
    const int32_t *kind = argument;
    static const char *const names[] = {"optim.4.weight", "4.weight"};
    const char *name = names[*kind];
    reading *self = reading_open();
    file changed = file_copy(file_of_kind(self, *kind));
    char find[64], word[64];
    int64_t at;
    snprintf(find, sizeof find, ",\"%s\":{", name);
    snprintf(word, sizeof word, "'%s'", name);
    at = crafted_find(changed.bytes, changed.size, find);
    changed.size -= 16;
    file_splice(&changed, at, crafted_find(changed.bytes, changed.size, "}}") + 1 - at, "");
    expect_signed(self, &changed, NORMNET_EMISMATCH, NORMNET_EMISMATCH, word);
    file_free(&changed);
    reading_close(self);
}

/* The same name and shape, and as many bytes as the dtype asks for. */
static void other_dtype(const void *argument)
{
    static const char counts[] = "\"I64\",\"shape\":[2,2,1,1],\"data_offsets\":[112,144]";
    static const char count[] = "\"F32\",\"shape\":[],\"data_offsets\":[104,108]";
    reading *self = reading_open();
    file changed = file_copy(&self->weights);
    (void)argument;
    file_replace(&changed, "\"F32\",\"shape\":[2,2,1,1],\"data_offsets\":[112,128]", counts);
    file_fill(&changed, 0, 16);
    expect_signed(self, &changed, NORMNET_EMISMATCH, NORMNET_EMISMATCH, "'4.weight'");
    file_free(&changed);
    changed = file_copy(&self->weights);
    file_replace(&changed, "\"I64\",\"shape\":[],\"data_offsets\":[104,112]", count);
    file_replace(&changed, "[112,128]", "[108,124]");
    changed.size -= 4;
    expect_signed(self, &changed, NORMNET_EMISMATCH, NORMNET_EMISMATCH, "'2.num_batches_tracked'");
    file_free(&changed);
    reading_close(self);
}

static void extra_tensor(const void *argument)
{
    const char *const names[] = {"5.weight", "0.bias", "optim.2.running_mean", "optim.5.weight", "optim."};
    const int32_t *kind = argument;
    reading *self = reading_open();
    int i;
    for (i = 0; i < CHECK_COUNT(names); ++i) {
        file changed = file_copy(file_of_kind(self, *kind));
        const int64_t data = changed.size - crafted_header_end(changed.bytes, changed.size);
        char entry[160], word[64];
        snprintf(entry, sizeof entry, "},\"%s\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[%d,%d]}}", names[i],
                 (int)data, (int)data + 4);
        snprintf(word, sizeof word, "'%s'", names[i]);
        file_replace(&changed, "}}", entry);
        file_fill(&changed, 0, 4);
        expect_signed(self, &changed, NORMNET_EMISMATCH, NORMNET_EMISMATCH, word);
        file_free(&changed);
    }
    reading_close(self);
}

/* The lowest byte first: four of a float, eight of a count. */
typedef struct value_case {
    const char *name, *tensor;
    int element;
    uint64_t bits;
    normnet_status status;
    const char *word;
} value_case;

static const value_case value_cases[] = {
    {"a quiet NaN", "0.weight", 0, 0x7FC00000, NORMNET_EVALUE, "nan"},
    {"a negative NaN", "0.weight", 17, 0xFFC00001, NORMNET_EVALUE, "element 17"},
    {"a signalling NaN", "4.weight", 3, 0x7F800001, NORMNET_EVALUE, "nan"},
    {"an infinite weight", "2.weight", 1, 0x7F800000, NORMNET_EVALUE, "inf"},
    {"an infinite bias", "2.bias", 1, 0xFF800000, NORMNET_EVALUE, "-inf"},
    {"an infinite mean", "2.running_mean", 0, 0x7F800000, NORMNET_EVALUE, "inf"},
    {"an infinite variance", "2.running_var", 0, 0x7F800000, NORMNET_EVALUE, "inf"},
    {"a variance of -1", "2.running_var", 1, 0xBF800000, NORMNET_EVALUE, "-1"},
    {"the smallest negative variance", "2.running_var", 1, 0x80000001, NORMNET_EVALUE, "-1.4"},
    {"a variance that is no number", "2.running_var", 0, 0x7FC00000, NORMNET_EVALUE, "nan"},
    {"a count of -1", "2.num_batches_tracked", 0, UINT64_MAX, NORMNET_EVALUE, "is -1"},
    {"a count of -2^63", "2.num_batches_tracked", 0, (uint64_t)1 << 63, NORMNET_EVALUE, "is -9.22"},
    {"a momentum that is no number", "optim.0.weight", 9, 0x7FC00000, NORMNET_EVALUE, "element 9"},
    {"an infinite momentum", "optim.4.weight", 3, 0x7F800000, NORMNET_EVALUE, "inf"},
    {"a subnormal weight", "0.weight", 0, 0x00000001, NORMNET_OK, ""},
    {"a weight of -0", "0.weight", 17, 0x80000000, NORMNET_OK, ""},
    {"the largest weight", "4.weight", 3, 0x7F7FFFFF, NORMNET_OK, ""},
    {"a negative mean", "2.running_mean", 1, 0xBF800000, NORMNET_OK, ""},
    {"a variance of 0", "2.running_var", 0, 0x00000000, NORMNET_OK, ""},
    {"a variance of -0", "2.running_var", 0, 0x80000000, NORMNET_OK, ""},
    {"a count of 2^63 - 1", "2.num_batches_tracked", 0, INT64_MAX, NORMNET_OK, ""},
    {"a negative momentum", "optim.4.weight", 3, 0xBF800000, NORMNET_OK, ""},
};

static void value(const void *argument)
{
    const value_case *want = argument;
    const char *const words[] = {want->word, want->status != NORMNET_OK ? want->tensor : "", "byte ", NULL};
    const int size = strcmp(want->tensor, "2.num_batches_tracked") == 0 ? 8 : 4;
    reading *self = reading_open();
    file changed = file_copy(&self->checkpoint);
    unsigned char *element = file_data(&changed, want->tensor) + size * want->element;
    int i;
    for (i = 0; i < size; ++i)
        element[i] = (unsigned char)(want->bits >> 8 * i & 255);
    CHECK(crafted_enter_checksum(changed.bytes, changed.size));
    expect_outcome(self, &changed, want->status, want->status, words);
    file_free(&changed);
    reading_close(self);
}

/* Names and shapes are looked at before any value, and the checksum before both. */
static void order_of_rules(const void *argument)
{
    reading *self = reading_open();
    file changed = file_copy(&self->weights);
    const char *const mismatch[] = {"'4.weight'", NULL}, *const checksum[] = {"normnet.crc32c", NULL};
    (void)argument;
    memset(file_data(&changed, "0.weight"), 0xFF, 4);
    file_replace(&changed, "\"4.weight\"", "\"4.height\"");
    CHECK(crafted_enter_checksum(changed.bytes, changed.size));
    expect_outcome(self, &changed, NORMNET_EMISMATCH, NORMNET_EMISMATCH, mismatch);
    file_replace(&changed, "relu norm", "roof norm");
    expect_outcome(self, &changed, NORMNET_ECHECKSUM, NORMNET_ECHECKSUM, checksum);
    file_free(&changed);
    reading_close(self);
}

/* ---- Every prefix and every bit ---------------------------------------------------------------- */

static void expect_refusal(reading *self, const file *offered, const char *what, int64_t at)
{
    const outcome result = offer(self, offered->bytes, offered->size);
    if (result.created == NORMNET_OK || result.filled == NORMNET_OK)
        CHECK_FAIL("%s %" PRId64 ": %s and %s", what, at, normnet_status_string((int32_t)result.created),
                   normnet_status_string((int32_t)result.filled));
}

static void every_prefix(const void *argument)
{
    const int32_t *kind = argument;
    reading *self = reading_open();
    const file *whole = file_of_kind(self, *kind);
    file prefix = *whole;
    for (prefix.size = 0; prefix.size < whole->size; ++prefix.size)
        expect_refusal(self, &prefix, "the first bytes, to", prefix.size);
    reading_close(self);
}

/* The header says how much there is, so a byte more is as wrong as one less. */
static void longer_file(const void *argument)
{
    const int32_t *kind = argument;
    reading *self = reading_open();
    file longer = file_copy(file_of_kind(self, *kind));
    const int64_t size = longer.size;
    while (longer.size < size + 9) {
        file_fill(&longer, 0, 1);
        expect_refusal(self, &longer, "bytes after the end, to", longer.size);
        expect_signed(self, &longer, NORMNET_EFORMAT, NORMNET_EFORMAT, "belong to no tensor");
    }
    file_free(&longer);
    reading_close(self);
}

static void every_bit(const void *argument)
{
    const int32_t *kind = argument;
    reading *self = reading_open();
    file changed = file_copy(file_of_kind(self, *kind));
    int64_t bit;
    for (bit = 0; bit < 8 * changed.size; ++bit) {
        changed.bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
        expect_refusal(self, &changed, "bit", bit);
        changed.bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
    }
    file_free(&changed);
    reading_close(self);
}

/* After the checksum: whatever a byte of the header becomes, the file is refused or taken, and nothing else happens.
 */
static void every_byte_signed(const void *argument)
{
    const int32_t *kind = argument;
    const unsigned char values[] = {0, ' ', '"', '0', '9', ',', '}', '\\', 0xC3};
    reading *self = reading_open();
    const file *before = file_of_kind(self, *kind);
    file changed = file_copy(before);
    const int64_t end = crafted_header_end(changed.bytes, changed.size);
    int64_t at;
    int i, refused = 0;
    for (at = CRAFTED_LENGTH; at < end; ++at)
        for (i = 0; i < CHECK_COUNT(values); ++i) {
            outcome result;
            memcpy(changed.bytes, before->bytes, (size_t)before->size);
            changed.bytes[at] = values[i];
            (void)crafted_enter_checksum(changed.bytes, changed.size);
            result = offer(self, changed.bytes, changed.size);
            refused += result.created != NORMNET_OK;
            if (result.filled == NORMNET_OK) /* perhaps from other places */
                CHECK_OK(normnet_deserialize_weights(self->model, before->bytes, before->size));
        }
    CHECK(refused > (int)(end - CRAFTED_LENGTH));
    file_free(&changed);
    reading_close(self);
}

/* ---- Files that must be taken ------------------------------------------------------------------ */

enum { TENSORS = 7 };

/* Of the model. */
typedef struct content {
    const char *name, *dtype, *shape;
    int elements;
} content;

static const content contents[TENSORS] = {
    {"0.weight", "F32", "2,1,3,3", 18}, {"2.weight", "F32", "2", 2},      {"2.bias", "F32", "2", 2},
    {"2.running_mean", "F32", "2", 2},  {"2.running_var", "F32", "2", 2}, {"2.num_batches_tracked", "I64", "", 1},
    {"4.weight", "F32", "2,2,1,1", 4},
};

/* How a file says what it says. */
typedef struct manner {
    const char *name;
    int header_first, data_first; /* the order of the tensors: from this one on, around the end */
    int backwards;                /* the header, in the other direction */
    int fields;                   /* of an entry, in another order in each entry */
    int escapes;                  /* 1, 2: every character of a name by escape, in lower or upper case */
    const char *blank;            /* between any two tokens */
    const char *texts;            /* an entry of the header */
    int texts_at;                 /* before which tensor */
    int tail;                     /* blanks after, to this length modulo 8 */
} manner;

static const manner manners[] = {
    {.name = "as plain as can be"},
    {.name = "blanks between tokens", .blank = " \t\r\n"},
    {.name = "tensors in another order", .header_first = 3},
    {.name = "tensors backwards", .backwards = 1},
    {.name = "data in another order", .data_first = 5},
    {.name = "both in another order", .header_first = 2, .data_first = 6, .backwards = 1},
    {.name = "fields in every order", .fields = 1},
    {.name = "names by escapes", .escapes = 1},
    {.name = "names by escapes in upper case", .escapes = 2},
    {.name = "empty texts", .texts = "\"__metadata__\":{}"},
    {.name = "a text of PyTorch's", .texts = "\"__metadata__\":{\"format\":\"pt\"}"},
    {.name = "unknown texts at the end",
     .texts = "\"__metadata__\":{\"x\":\"y\",\"\":\"\\ud83d\\ude00\\u0001\"}",
     .texts_at = TENSORS},
    {.name = "unknown texts of ours",
     .texts = "\"__metadata__\":{\"normnet.later\":\"\\n\",\"normnet.crc32c\":\"........\"}",
     .texts_at = 3},
    {.name = "the architecture by escapes",
     .texts = "\"__metadata__\":{\"normnet.\\u0061rchitecture\":\"\\u0063onv3-2 relu norm gap conv1-2\","
              "\"normnet.crc32c\":\"........\"}"},
    {.name = "a length of 1 modulo 8", .tail = 1},
    {.name = "a length of 2 modulo 8", .tail = 2},
    {.name = "a length of 3 modulo 8", .tail = 3},
    {.name = "a length of 4 modulo 8", .tail = 4},
    {.name = "a length of 5 modulo 8", .tail = 5},
    {.name = "a length of 6 modulo 8", .tail = 6},
    {.name = "a length of 7 modulo 8", .tail = 7},
    {.name = "everything",
     .header_first = 4,
     .data_first = 1,
     .backwards = 1,
     .fields = 1,
     .escapes = 1,
     .blank = "\n \t\r ",
     .texts = "\"__metadata__\":{\"a\":\"b\"}",
     .texts_at = 1,
     .tail = 3},
};

static const char *blank_of(const manner *how)
{
    return how->blank != NULL ? how->blank : "";
}

static int content_bytes(const content *tensor)
{
    return tensor->elements * (tensor->dtype[0] == 'I' ? 8 : 4);
}

/* In the data of a file that begins with the tensor `first`. */
static int content_begin(int first, int tensor)
{
    int begin = 0;
    for (; first % TENSORS != tensor; ++first)
        begin += content_bytes(&contents[first % TENSORS]);
    return begin;
}

/* A value for each element, none of them twice; of variances and counts, a positive one. */
static float content_float(int tensor, int element)
{
    return (float)(tensor + 1) + (float)element / 64.0f;
}

static void put_name(file *self, const manner *how, const char *name)
{
    file_print(self, "\"");
    for (; *name != '\0'; ++name)
        file_print(self, how->escapes == 0 ? "%c" : how->escapes == 1 ? "\\u%04x" : "\\u%04X", *name);
    file_print(self, "\"");
}

static void put_field(file *self, const manner *how, int tensor, int field)
{
    const content *what = &contents[tensor];
    const int begin = content_begin(how->data_first, tensor);
    const char *b = blank_of(how);
    switch (field) {
    case 0:
        file_print(self, "\"dtype\"%s:%s\"%s\"", b, b, what->dtype);
        break;
    case 1:
        file_print(self, "\"shape\"%s:%s[%s%s%s]", b, b, b, what->shape, b);
        break;
    default:
        file_print(self, "\"data_offsets\"%s:%s[%s%d%s,%s%d%s]", b, b, b, begin, b, b, begin + content_bytes(what), b);
    }
}

static void put_entry(file *self, const manner *how, int tensor)
{
    static const int orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    const int *order = orders[how->fields != 0 ? tensor % 6 : 0];
    const char *b = blank_of(how);
    int i;
    put_name(self, how, contents[tensor].name);
    file_print(self, "%s:%s{", b, b);
    for (i = 0; i < 3; ++i) {
        file_print(self, "%s%s", i > 0 ? "," : "", b);
        put_field(self, how, tensor, order[i]);
        file_print(self, "%s", b);
    }
    file_print(self, "}");
}

static void put_header(file *self, const manner *how)
{
    const char *b = blank_of(how);
    int i;
    file_print(self, "%s{%s", b, b);
    for (i = 0; i <= TENSORS; ++i) {
        const int place = (how->header_first + i) % TENSORS;
        if (how->texts != NULL && how->texts_at == i)
            file_print(self, "%s%s%s%s%s", i == TENSORS ? "," : "", b, how->texts, b, i < TENSORS ? "," : "");
        if (i == TENSORS)
            break;
        put_entry(self, how, how->backwards ? TENSORS - 1 - place : place);
        file_print(self, "%s%s", b, i < TENSORS - 1 ? "," : "");
    }
    file_print(self, "}%s", b);
    while (how->tail > 0 && (self->size - CRAFTED_LENGTH) % 8 != how->tail)
        file_print(self, " ");
    file_end_header(self);
}

static void put_content(file *self, int tensor)
{
    int i, byte;
    for (i = 0; i < contents[tensor].elements; ++i) {
        const float number = content_float(tensor, i);
        uint32_t bits;
        memcpy(&bits, &number, sizeof bits);
        for (byte = 0; byte < 4; ++byte)
            file_fill(self, (unsigned char)(bits >> 8 * byte & 255), 1);
        if (contents[tensor].dtype[0] == 'I')
            file_fill(self, 0, 4);
    }
}

static file composed(const manner *how)
{
    file self = file_begin();
    int i;
    put_header(&self, how);
    for (i = 0; i < TENSORS; ++i)
        put_content(&self, (how->data_first + i) % TENSORS);
    if (how->texts != NULL)
        (void)crafted_enter_checksum(self.bytes, self.size);
    return self;
}

static void expect_content(normnet_model *model)
{
    int tensor, i;
    CHECK_EQUAL(normnet_state_count(model), TENSORS);
    for (tensor = 0; tensor < TENSORS; ++tensor) {
        const normnet_state_info info = state_info(model, tensor);
        const float *values = info.data;
        CHECK_TEXT(info.name, contents[tensor].name);
        for (i = 0; i < contents[tensor].elements && info.dtype == NORMNET_F32; ++i)
            if (values[i] != content_float(tensor, i)) /* each is a float exactly */
                CHECK_FAIL("%s[%d] is %g", info.name, i, (double)values[i]);
        if (info.dtype == NORMNET_I64) {
            float bits = content_float(tensor, 0);
            uint32_t count;
            memcpy(&count, &bits, sizeof count);
            CHECK_EQUAL(*(const int64_t *)info.data, count);
        }
    }
}

static void accepted_file(const void *argument)
{
    const manner *how = argument;
    reading *self = reading_open();
    file whole = composed(how);
    if (how->tail > 0)
        CHECK_EQUAL((int64_t)crafted_read_little(whole.bytes) % 8, how->tail);
    CHECK_OK(normnet_deserialize_weights(self->model, whole.bytes, whole.size));
    expect_content(self->model);
    CHECK_EQUAL(normnet_steps_taken(self->model), 2);
    file_free(&whole);
    reading_close(self);
}

/* A file of weights that says of its network nothing but `texts`. */
static file composed_with(const char *texts)
{
    manner how = {0};
    char entry[256];
    snprintf(entry, sizeof entry,
             "\"__metadata__\":{\"normnet.architecture\":\"conv3-2 relu norm gap conv1-2\"%s,"
             "\"normnet.crc32c\":\"........\"}",
             texts);
    how.texts = entry;
    return composed(&how);
}

/* What the file does not say is the host's. */
static void created_from_weights(const void *argument)
{
    const double mean[] = {0.25}, std[] = {0.5};
    reading *self = reading_open();
    file whole = composed_with("");
    normnet_model *model = NULL;
    (void)argument;
    self->config.architecture = NULL;
    self->config.input_mean = mean;
    self->config.input_std = std;
    CHECK_OK(normnet_model_deserialize(&model, whole.bytes, whole.size, &self->config));
    if (model != NULL) {
        normnet_config config = {0};
        config.struct_size = (int32_t)sizeof config;
        expect_content(model);
        CHECK_OK(normnet_model_config(model, &config));
        CHECK(config.input_mean[0] == mean[0] && config.input_std[0] == std[0]);
        CHECK_EQUAL(config.max_batch, READING_IMAGES);
    }
    normnet_model_destroy(model);
    file_free(&whole);
    reading_close(self);
}

/* The host's means are for as many channels as the host says, whatever the file does. */
static void means_for_other_channels(const void *argument)
{
    const char *const words[] = {"1 channels", "2", NULL};
    double *just_one = check_allocate(1, sizeof *just_one);
    file whole = composed_with(",\"normnet.channels\":\"2\"");
    int i;
    (void)argument;
    *just_one = 0.25;
    for (i = 0; i < 2; ++i) {
        reading *self = reading_open();
        outcome result = {NORMNET_OK, NORMNET_OK, "", ""};
        *(i == 0 ? &self->config.input_mean : &self->config.input_std) = just_one;
        offer_to_create(self, whole.bytes, whole.size, &result);
        expect("deserialize", result.created, result.created_sentence, NORMNET_EMISMATCH, words);
        reading_close(self);
    }
    free(just_one);
    file_free(&whole);
}

/* What was saved is what is loaded, bit for bit. */
static void saved_and_loaded(const void *argument)
{
    const int32_t *kind = argument;
    reading *self = reading_open();
    const file *whole = file_of_kind(self, *kind);
    normnet_model *model = NULL;
    CHECK_OK(normnet_model_deserialize(&model, whole->bytes, whole->size, &self->config));
    if (model != NULL) {
        file again = serialized(model, *kind);
        CHECK_EQUAL(again.size, whole->size);
        CHECK(memcmp(again.bytes, whole->bytes, (size_t)whole->size) == 0);
        file_free(&again);
    }
    normnet_model_destroy(model);
    reading_close(self);
}

/* ---- Memory ------------------------------------------------------------------------------------ */

/* Each allocation in turn fails, alone or with all after it. */
static void creation_without_memory(const void *argument)
{
    const char *const words[] = {"allocator", NULL};
    const int32_t *kind = argument;
    reading *self = reading_open();
    int sticky, fail;
    for (sticky = 0; sticky < 2; ++sticky)
        for (fail = 1;; ++fail) {
            outcome result = {NORMNET_OK, NORMNET_OK, "", ""};
            const file *whole = file_of_kind(self, *kind);
            const int failures = self->memory.failures;
            self->memory.fail_at = self->memory.allocations + fail;
            self->memory.sticky = sticky;
            offer_to_create(self, whole->bytes, whole->size, &result);
            self->memory.fail_at = 0;
            if (self->memory.failures == failures) {
                CHECK_STATUS(result.created, NORMNET_OK);
                break;
            }
            expect("deserialize", result.created, result.created_sentence, NORMNET_ENOMEM, words);
        }
    CHECK(fail > 3); /* the file's header, and two blocks of the model */
    reading_close(self);
}

static void filling_without_memory(const void *argument)
{
    const char *const words[] = {"allocator", NULL};
    const int32_t *kind = argument;
    reading *self = reading_open();
    const file *whole = file_of_kind(self, *kind);
    outcome result = {NORMNET_OK, NORMNET_OK, "", ""};
    int fail;
    for (fail = 1;; ++fail) {
        self->memory.fail_at = self->memory.allocations + fail;
        offer_to_fill(self, whole->bytes, whole->size, &result);
        self->memory.fail_at = 0;
        if (self->memory.failures < fail)
            break;
        expect("deserialize_weights", result.filled, result.filled_sentence, NORMNET_ENOMEM, words);
    }
    CHECK_STATUS(result.filled, NORMNET_OK);
    CHECK_EQUAL(fail, 3); /* the file's header, and its network */
    reading_close(self);
}

/*
 * No more than four times the file and 64 KiB, beside a model of `model` bytes if one comes of it. normnet_model_load
 * holds the bytes of the file as well, which are the caller's here.
 */
static void expect_frugal(const char *what, reading *self, const file *offered, int64_t model)
{
    const int64_t most = 4 * offered->size + 65536, before = self->memory.live;
    outcome result = {NORMNET_OK, NORMNET_OK, "", ""};
    int64_t taken;
    self->memory.peak = before;
    offer_to_create(self, offered->bytes, offered->size, &result);
    taken = self->memory.peak - before - (result.created == NORMNET_OK ? model : 0);
    if (taken + offered->size > most)
        CHECK_FAIL("%s: deserialize takes %" PRId64 " bytes for %" PRId64, what, taken, offered->size);
    self->memory.peak = before;
    offer_to_fill(self, offered->bytes, offered->size, &result);
    taken = self->memory.peak - before;
    if (taken + offered->size > most)
        CHECK_FAIL("%s: deserialize_weights takes %" PRId64 " bytes for %" PRId64, what, taken, offered->size);
}

/* A small file that names a network of eight million weights. */
static void expect_no_large_network(reading *self)
{
    file small = file_copy(&self->weights);
    outcome result = {NORMNET_OK, NORMNET_OK, "", ""};
    file_replace(&small, "\"conv3-2 relu norm gap conv1-2\"", "\"flatten fc-370 fc-2\"");
    file_replace(&small, "height\":\"6\"", "height\":\"150\"");
    file_replace(&small, "width\":\"6\"", "width\":\"150\"");
    CHECK(crafted_enter_checksum(small.bytes, small.size));
    expect_frugal("a large network", self, &small, 0);
    offer_to_create(self, small.bytes, small.size, &result);
    CHECK_STATUS(result.created, NORMNET_EMISMATCH);
    file_free(&small);
}

static void frugal(const void *argument)
{
    static const int counts[] = {0, 1, 2, 8, 32, 64, 128, 256};
    reading *self = reading_open();
    const int64_t before = self->memory.live;
    normnet_model *other = CHECK_CREATE(&self->config);
    const int64_t model = self->memory.live - before;
    int i;
    (void)argument;
    normnet_model_destroy(other);
    expect_frugal("a checkpoint", self, &self->checkpoint, model);
    expect_frugal("weights", self, &self->weights, model);
    expect_no_large_network(self);
    for (i = 0; i < CHECK_COUNT(counts); ++i) {
        file texts = many_texts(counts[i]), tensors = many_tensors(16 * counts[i]), blanks = file_begin();
        expect_frugal("texts", self, &texts, 0);
        expect_frugal("tensors", self, &tensors, 0);
        file_fill(&blanks, ' ', 40 * (int64_t)counts[i]);
        file_print(&blanks, "{}");
        file_end_header(&blanks);
        expect_frugal("blanks", self, &blanks, 0);
        file_free(&blanks);
        file_free(&texts);
        file_free(&tensors);
    }
    reading_close(self);
}

/* ---- All of them ------------------------------------------------------------------------------- */

/* `name` after what it is about. */
static void run(const char *about, const char *name, void (*function)(const void *argument), const void *argument)
{
    char text[160];
    snprintf(text, sizeof text, "%s: %s", about, name);
    check_case(text, function, argument);
}

static void run_tables(void)
{
    int i;
    for (i = 0; i < CHECK_COUNT(length_cases); ++i)
        run("length", length_cases[i].name, refused_length, &length_cases[i]);
    for (i = 0; i < CHECK_COUNT(broken_headers); ++i)
        run("refused header", broken_headers[i].name, refused_header, &broken_headers[i]);
    for (i = 0; i < CHECK_COUNT(sound_headers); ++i)
        run("accepted header", sound_headers[i].name, accepted_header, &sound_headers[i]);
    for (i = 0; i < CHECK_COUNT(edit_cases); ++i)
        run("edited", edit_cases[i].name, edited, &edit_cases[i]);
    for (i = 0; i < CHECK_COUNT(setting_cases); ++i) {
        run("missing", setting_cases[i].key, missing_setting, &setting_cases[i]);
        run("malformed", setting_cases[i].key, malformed_setting, &setting_cases[i]);
    }
    for (i = 0; i < CHECK_COUNT(tensor_names); ++i)
        run("renamed", tensor_names[i], renamed_tensor, &tensor_names[i]);
    for (i = 0; i < CHECK_COUNT(value_cases); ++i)
        run("value", value_cases[i].name, value, &value_cases[i]);
    for (i = 0; i < CHECK_COUNT(manners); ++i)
        run("accepted file", manners[i].name, accepted_file, &manners[i]);
}

/* What holds for checkpoints and for files of weights. */
static void run_kinds(void)
{
    static const int32_t kinds[] = {NORMNET_FILE_CHECKPOINT, NORMNET_FILE_WEIGHTS};
    static const char *const names[] = {"a checkpoint", "weights"};
    int i;
    for (i = 0; i < CHECK_COUNT(kinds); ++i) {
        run("saved and loaded", names[i], saved_and_loaded, &kinds[i]);
        run("a tensor is missing", names[i], missing_tensor, &kinds[i]);
        run("a tensor too many", names[i], extra_tensor, &kinds[i]);
        run("bytes after the end", names[i], longer_file, &kinds[i]);
        run("every prefix", names[i], every_prefix, &kinds[i]);
        run("every bit", names[i], every_bit, &kinds[i]);
        run("every byte of the header, signed", names[i], every_byte_signed, &kinds[i]);
        run("creation without memory", names[i], creation_without_memory, &kinds[i]);
        run("filling without memory", names[i], filling_without_memory, &kinds[i]);
    }
}

int main(int argc, char **argv)
{
    if (!check_begin(argc, argv))
        return check_end();
    run_tables();
    run_kinds();
    check_case("negative sizes", negative_sizes, NULL);
    check_case("4096 tensors and one more", most_tensors, NULL);
    check_case("256 texts and one more", most_texts, NULL);
    check_case("the longest header", longest_header, NULL);
    check_case("the deepest header", deepest_header, NULL);
    check_case("the spelling of the checksum", checksum_spelling, NULL);
    check_case("another checksum", checksum_differs, NULL);
    check_case("another dtype of the same shape", other_dtype, NULL);
    check_case("the order of the rules", order_of_rules, NULL);
    check_case("a model from weights and its host", created_from_weights, NULL);
    check_case("means for another number of channels", means_for_other_channels, NULL);
    check_case("memory beside the model", frugal, NULL);
    return check_end();
}
