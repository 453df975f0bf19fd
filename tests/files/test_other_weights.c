/* SPDX-License-Identifier: MIT */
/*
 * The reader of files: weights that other programs wrote, as far as PyTorch would load them into the same Sequential.
 * pytorch.safetensors is what PyTorch and safetensors wrote; tests/python/test_exchange.py writes it again.
 */
#include "written_weights.h"

/* ---- Types ------------------------------------------------------------------------------------ */

/* A number of this type is widened, or rounded once, to a float. */
struct value_case {
    const char *type;
    int bytes;
    uint64_t bits;
    float value;
};

static const struct value_case value_cases[] = {
    {"F16", 2, 0x3C00, 1.0f},
    {"F16", 2, 0x3555, 0x1.554p-2f},
    {"F16", 2, 0x7BFF, 65504.0f},
    {"F16", 2, 0x0400, 0x1p-14f},
    {"F16", 2, 0x03FF, 0x1.ff8p-15f},
    {"F16", 2, 0x0001, 0x1p-24f},
    {"F16", 2, 0x8000, -0.0f},
    {"BF16", 2, 0x3F80, 1.0f},
    {"BF16", 2, 0x40FF, 0x1.fep2f},
    {"BF16", 2, 0x7F7F, 0x1.fep127f},
    {"BF16", 2, 0x0001, 0x1p-133f},
    {"BF16", 2, 0x8000, -0.0f},
    {"F32", 4, 0x00000001, 0x1p-149f},
    {"F32", 4, 0x7F7FFFFF, 0x1.fffffep127f},
    {"F64", 8, 0x3FF0000000000000, 1.0f},
    {"F64", 8, 0x3FF0000010000000, 1.0f},
    {"F64", 8, 0x3FF0000010000001, 0x1.000002p0f},
    {"F64", 8, 0x3FF0000030000000, 0x1.000004p0f},
    {"F64", 8, 0x47EFFFFFEFFFFFFF, 0x1.fffffep127f},
    {"F64", 8, 0x3690000000000000, 0.0f},
    {"F64", 8, 0x3690000000000001, 0x1p-149f},
    {"F64", 8, 0x0000000000000001, 0.0f},
    {"F64", 8, 0x8000000000000001, -0.0f},
    {"F8_E5M2", 1, 0x3C, 1.0f},
    {"F8_E5M2", 1, 0x7B, 57344.0f},
    {"F8_E5M2", 1, 0x01, 0x1p-16f},
    {"F8_E4M3", 1, 0x38, 1.0f},
    {"F8_E4M3", 1, 0x7E, 448.0f},
    {"F8_E4M3", 1, 0x01, 0x1p-9f},
    {"I64", 8, 16777217, 16777216.0f},
    {"I64", 8, 0x4000004000000001, 0x1.000002p62f},
    {"I32", 4, 3, 3.0f},
    {"I16", 2, 0x7FFF, 32767.0f},
    {"I8", 1, 0x7F, 127.0f},
    {"U64", 8, 0x8000008000000001, 0x1.000002p63f},
    {"U32", 4, 0xFFFFFFFF, 0x1p32f},
    {"U16", 2, 0xFFFF, 65535.0f},
    {"U8", 1, 0xFF, 255.0f},
    {"BOOL", 1, 1, 1.0f},
};

static void any_type(const void *argument)
{
    const struct value_case *want = argument;
    struct reading *self = reading_open();
    struct writing how = plain;

    how.type = want->type;
    how.bytes = want->bytes;
    how.value = want->bits;
    read_file(self, &how, NORMNET_OK, "", "");
    expect_floats(self, want->value);
    CHECK_EQUAL(count_of(self), 7);
    CHECK_EQUAL(normnet_steps_taken(self->model), 2);
    reading_close(self);
}

/* Infinity, no number, what no float holds, and a negative variance, in the type's own bits. */
static void values_that_are_refused(const void *argument)
{
    static const struct {
        const char *type;
        int bytes;
        uint64_t bits;
        const char *word;
    } cases[] = {
        {"F16", 2, 0x7C00, "is inf"},
        {"F16", 2, 0xFC00, "is -inf"},
        {"F16", 2, 0x7C01, "is nan"},
        {"F16", 2, 0xBC00, "'2.running_var' is -1"},
        {"BF16", 2, 0x7F80, "is inf"},
        {"BF16", 2, 0xFFC0, "is nan"},
        {"F64", 8, 0x7FF0000000000000, "is inf"},
        {"F64", 8, 0x7FF0000000000001, "is nan"},
        {"F64", 8, 0x47EFFFFFF0000000, "is 3.4"},
        {"F64", 8, 0x7E37E43C8800759C, "is 1e+300"},
        {"F64", 8, 0xBFF0000000000000, "'2.running_var' is -1"},
        {"F8_E5M2", 1, 0x7C, "is inf"},
        {"F8_E5M2", 1, 0xFF, "is nan"},
        {"F8_E4M3", 1, 0x7F, "is nan"},
        {"F8_E4M3", 1, 0xFF, "is nan"},
        {"I8", 1, 0x80, "'2.running_var' is -128"},
        {"I64", 8, UINT64_MAX, "'2.running_var' is -1"},
    };

    (void)argument;
    for (int i = 0; i < CHECK_COUNT(cases); ++i) {
        struct reading *self = reading_open();
        struct writing how = plain;

        how.type = cases[i].type;
        how.bytes = cases[i].bytes;
        how.value = cases[i].bits;
        read_file(self, &how, NORMNET_EVALUE, cases[i].word, "; expected ");
        reading_close(self);
    }
}

/* ---- num_batches_tracked ---------------------------------------------------------------------- */

/* PyTorch's batch norm keeps its count then. */
static void without_count(const void *argument)
{
    struct reading *self = reading_open();
    const int64_t before = count_of(self);
    struct writing how = plain;

    (void)argument;
    CHECK(before == 2);
    how.count_type = NULL;
    read_file(self, &how, NORMNET_OK, "", "");
    expect_floats(self, 1.0f);
    CHECK_EQUAL(count_of(self), before);
    how.without = "2.running_mean";
    CHECK_OK(normnet_deserialize_weights(self->model, self->checkpoint.bytes, self->checkpoint.size));
    read_file(self, &how, NORMNET_EMISMATCH, "no tensor '2.running_mean'", "");
    reading_close(self);
}

static void any_count(const void *argument)
{
    static const struct {
        const char *type;
        int bytes;
        const char *shape;
        uint64_t bits;
        normnet_status status;
        int64_t count;
        const char *word;
    } cases[] = {
        {"I64", 8, "1", 9, NORMNET_OK, 9, ""},
        {"I64", 8, "", INT64_MAX, NORMNET_OK, INT64_MAX, ""},
        {"I32", 4, "", 9, NORMNET_OK, 9, ""},
        {"I32", 4, "1", INT32_MAX, NORMNET_OK, INT32_MAX, ""},
        {"I16", 2, "", 9, NORMNET_OK, 9, ""},
        {"I8", 1, "", 9, NORMNET_OK, 9, ""},
        {"U64", 8, "", INT64_MAX, NORMNET_OK, INT64_MAX, ""},
        {"U32", 4, "", UINT32_MAX, NORMNET_OK, UINT32_MAX, ""},
        {"U16", 2, "", 65535, NORMNET_OK, 65535, ""},
        {"U8", 1, "1", 255, NORMNET_OK, 255, ""},
        {"BOOL", 1, "", 1, NORMNET_OK, 1, ""},
        {"F32", 4, "", 0x41100000, NORMNET_OK, 9, ""},
        {"F32", 4, "1", 0x406CCCCD, NORMNET_OK, 3, ""}, /* 3.7 */
        {"F32", 4, "", 0xBF000000, NORMNET_OK, 0, ""},  /* -0.5 */
        {"F16", 2, "", 0x4880, NORMNET_OK, 9, ""},
        {"BF16", 2, "", 0x4110, NORMNET_OK, 9, ""},
        {"F64", 8, "", 0x4022000000000000, NORMNET_OK, 9, ""},
        {"F64", 8, "", 0x43DFFFFFFFFFFFFF, NORMNET_OK, INT64_MAX - 1023, ""},
        {"I64", 8, "", UINT64_MAX, NORMNET_EVALUE, 0, "is -1;"},
        {"I32", 4, "", UINT32_MAX, NORMNET_EVALUE, 0, "is -1;"},
        {"I8", 1, "", 0x80, NORMNET_EVALUE, 0, "is -128;"},
        {"U64", 8, "", (uint64_t)1 << 63, NORMNET_EVALUE, 0, "is 9.22"},
        {"F32", 4, "", 0xBF800000, NORMNET_EVALUE, 0, "is -1;"},
        {"F32", 4, "", 0x7FC00000, NORMNET_EVALUE, 0, "is nan"},
        {"F16", 2, "", 0x7C00, NORMNET_EVALUE, 0, "is inf"},
        {"F64", 8, "", 0x43E0000000000000, NORMNET_EVALUE, 0, "is 9.22"},
        {"I64", 8, "1,1", 9, NORMNET_EMISMATCH, 0, "1x1 of I64"},
    };

    (void)argument;
    for (int i = 0; i < CHECK_COUNT(cases); ++i) {
        struct reading *self = reading_open();
        struct writing how = plain;

        how.count_type = cases[i].type;
        how.count_bytes = cases[i].bytes;
        how.count_shape = cases[i].shape;
        how.count = cases[i].bits;
        read_file(self, &how, cases[i].status, "'2.num_batches_tracked'", cases[i].word);
        if (cases[i].status == NORMNET_OK)
            CHECK_EQUAL(count_of(self), cases[i].count);
        reading_close(self);
    }
}

/* ---- A file of PyTorch ------------------------------------------------------------------------ */

/* Weights of half precision, of a network within DataParallel; element i of each tensor is 1 + i / 8. */
static void file_of_pytorch(const void *argument)
{
    struct reading *self = reading_open();

    (void)argument;
    if (CHECK_OK(normnet_load_weights(self->model, GOLDEN)))
        for (int32_t i = 0; i < normnet_state_count(self->model); ++i) {
            const normnet_state_info info = state_info(self->model, i);

            for (int64_t j = 0; info.dtype == NORMNET_F32 && j < state_length(&info); ++j)
                if (((const float *)info.data)[j] != 1.0f + (float)j / 8.0f)
                    CHECK_FAIL("%s[%d] is %g", info.name, (int)j, (double)((const float *)info.data)[j]);
        }
    CHECK_EQUAL(count_of(self), 1);
    reading_close(self);
}

/* ---- What stays strict, and messages ---------------------------------------------------------- */

/* The library writes one form only, so another form of its file is a mistake. */
static void own_files(const void *argument)
{
    static const struct {
        const char *name, *find, *replacement;
    } edits[] = {
        {"no count", "\"2.num_batches_tracked\":{\"dtype\":\"I64\"", "\"2.bias_x\":{\"dtype\":\"I64\""},
        {"another type of count", "\"I64\",\"shape\":[]", "\"F64\",\"shape\":[]"},
        {"an unsigned count", "\"I64\",\"shape\":[]", "\"U64\",\"shape\":[]"},
        {"a count of shape [1]", "\"I64\",\"shape\":[]", "\"I64\",\"shape\":[1]"},
        {"weights of whole numbers", "\"0.weight\":{\"dtype\":\"F32\"", "\"0.weight\":{\"dtype\":\"I32\""},
    };
    const int32_t *kind = argument;
    struct reading *self = reading_open();

    for (int i = 0; i < CHECK_COUNT(edits); ++i) {
        struct file changed = file_copy(file_of_kind(self, *kind));

        file_replace(&changed, edits[i].find, edits[i].replacement);
        expect_signed(self, &changed, NORMNET_EMISMATCH, NORMNET_EMISMATCH, "tensor '");
        file_free(&changed);
    }
    reading_close(self);
}

/* A mismatch has what is missing, what the file has in its place, and the model's network. */
static void both_are_shown(const void *argument)
{
    static const struct {
        const char *find, *replacement, *words[4];
    } edits[] = {
        {"\"2.weight\"",
         "\"2.gamma\"",
         {"'2.weight'", "2 of F32", "; the file has '2.gamma' of 2, '0.weight' of 2x1x3x3"}},
        {"\"F32\",\"shape\":[2,1,3,3]",
         "\"F32\",\"shape\":[2,3,3,1]",
         {"byte ", "'0.weight' is 2x3x3x1 of F32; the model's is 2x1x3x3 of F32", "and 3 more"}},
        {"\"2.num_batches_tracked\"",
         "\"3.batches\"",
         {"the model has no tensor '3.batches'", "has '3.batches' of []"}},
    };
    struct reading *self = reading_open();

    (void)argument;
    for (int i = 0; i < CHECK_COUNT(edits); ++i) {
        const char *const words[] = {edits[i].words[0], edits[i].words[1], edits[i].words[2] ? edits[i].words[2] : "",
                                     "; the model is 'conv3-2 relu norm gap conv1-2'", NULL};
        struct file whole = written(&plain);
        struct outcome result = {NORMNET_OK, NORMNET_OK, "", ""};

        file_replace(&whole, edits[i].find, edits[i].replacement);
        offer_to_fill(self, whole.bytes, whole.size, &result);
        expect(edits[i].replacement, result.filled, result.filled_message, NORMNET_EMISMATCH, words);
        file_free(&whole);
    }
    {
        const char *const words[] = {"the file has no tensors; the model", NULL};
        struct file whole = file_of("{}", 2, 0);
        struct outcome result = {NORMNET_OK, NORMNET_OK, "", ""};

        offer_to_fill(self, whole.bytes, whole.size, &result);
        expect("no tensors", result.filled, result.filled_message, NORMNET_EMISMATCH, words);
        file_free(&whole);
    }
    reading_close(self);
}

int main(int argc, char **argv)
{
    if (!check_begin(argc, argv))
        return check_end();
    for (int i = 0; i < CHECK_COUNT(value_cases); ++i)
        check_case_named(any_type, &value_cases[i], "type %s: %a", value_cases[i].type, (double)value_cases[i].value);
    check_case("values that are refused, in every type", values_that_are_refused, NULL);
    check_case("no num_batches_tracked", without_count, NULL);
    check_case("num_batches_tracked of any type", any_count, NULL);
    check_case("a file of PyTorch", file_of_pytorch, NULL);
    for (int i = 0; i < FILE_KINDS; ++i)
        check_case_named(own_files, &file_kinds[i], "another form of a file of the library: %s", file_kind_names[i]);
    check_case("a mismatch shows the file and the model", both_are_shown, NULL);
    return check_end();
}
