/* SPDX-License-Identifier: MIT */
/* The reader of files: checksums, tensors and values that are wrong, files that are cut off, and any changed bit. */
#include "reader_cases.h"

/* ---- The checksum ----------------------------------------------------------------------------- */

/* The digits are not part of what is summed up, so only their spelling is wrong here. */
static void checksum_spelling(const void *argument)
{
    const char *const words[] = {"normnet.crc32c", "eight", NULL};
    struct reading *self = reading_open();
    struct file signed_file = file_copy(&self->weights);
    int64_t length;
    const int64_t at = file_string(&signed_file, "normnet.crc32c", &length);

    (void)argument;
    do { /* until the first digit is a letter */
        *file_data(&signed_file, "0.weight") += 1;
        CHECK(crafted_enter_checksum(signed_file.bytes, signed_file.size));
    } while (signed_file.bytes[at] < 'a');
    expect_outcome(self, &signed_file, NORMNET_OK, NORMNET_OK, words);
    CHECK_OK(normnet_deserialize_weights(self->model, self->weights.bytes, self->weights.size));
    for (int digit = 0; digit < CRAFTED_DIGITS; ++digit) {
        struct file changed = file_copy(&signed_file);
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
    struct reading *self = reading_open();
    struct file changed = file_copy(&self->checkpoint);

    (void)argument;
    *file_data(&changed, "0.weight") ^= 1;
    expect_outcome(self, &changed, NORMNET_ECHECKSUM, NORMNET_ECHECKSUM, words);
    for (int i = 0; i < CHECK_COUNT(edits); ++i) {
        file_free(&changed);
        changed = file_copy(&self->checkpoint);
        file_replace(&changed, edits[i][0], edits[i][1]);
        expect_outcome(self, &changed, NORMNET_ECHECKSUM, NORMNET_ECHECKSUM, words);
    }
    file_remove_string(&changed, "normnet.crc32c");
    expect_outcome(self, &changed, NORMNET_ECHECKSUM, NORMNET_ECHECKSUM, words);
    file_free(&changed);
    reading_close(self);
}

/* ---- Tensors and their values ----------------------------------------------------------------- */

static const char *const tensor_names[] = {
    "0.weight", "2.weight",       "2.bias",         "2.running_mean", "2.running_var", "2.num_batches_tracked",
    "4.weight", "optim.0.weight", "optim.2.weight", "optim.2.bias",   "optim.4.weight"};

/* One tensor is missing, and there is one more than there should be. */
static void renamed_tensor(const void *argument)
{
    const char *name = *(const char *const *)argument;
    struct reading *self = reading_open();
    struct file changed = file_copy(&self->checkpoint);
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
    struct reading *self = reading_open();
    struct file changed = file_copy(file_of_kind(self, *kind));
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

/* The same name and shape, and the size that the dtype requires. */
static void other_dtype(const void *argument)
{
    static const char counts[] = "\"I64\",\"shape\":[2,2,1,1],\"data_offsets\":[112,144]";
    static const char count[] = "\"F32\",\"shape\":[],\"data_offsets\":[104,108]";
    struct reading *self = reading_open();
    struct file changed = file_copy(&self->weights);

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
    struct reading *self = reading_open();

    for (int i = 0; i < CHECK_COUNT(names); ++i) {
        struct file changed = file_copy(file_of_kind(self, *kind));
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
struct value_case {
    const char *name, *tensor;
    int element;
    uint64_t bits;
    normnet_status status;
    const char *word;
};

static const struct value_case value_cases[] = {
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
    const struct value_case *want = argument;
    const char *const words[] = {want->word, want->status != NORMNET_OK ? want->tensor : "", "byte ", NULL};
    const int size = strcmp(want->tensor, "2.num_batches_tracked") == 0 ? 8 : 4;
    struct reading *self = reading_open();
    struct file changed = file_copy(&self->checkpoint);
    unsigned char *element = file_data(&changed, want->tensor) + size * want->element;

    for (int i = 0; i < size; ++i)
        element[i] = (unsigned char)(want->bits >> 8 * i & 255);
    CHECK(crafted_enter_checksum(changed.bytes, changed.size));
    expect_outcome(self, &changed, want->status, want->status, words);
    file_free(&changed);
    reading_close(self);
}

/* Names and shapes are checked before any value, and the checksum before both. */
static void order_of_rules(const void *argument)
{
    struct reading *self = reading_open();
    struct file changed = file_copy(&self->weights);
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

/* ---- Every prefix and every bit --------------------------------------------------------------- */

static void expect_rejection(struct reading *self, const struct file *offered, const char *what, int64_t at)
{
    const struct outcome result = offer(self, offered->bytes, offered->size);

    if (result.created == NORMNET_OK || result.filled == NORMNET_OK)
        CHECK_FAIL("%s %" PRId64 ": %s and %s", what, at, normnet_status_string((int32_t)result.created),
                   normnet_status_string((int32_t)result.filled));
}

static void every_prefix(const void *argument)
{
    const int32_t *kind = argument;
    struct reading *self = reading_open();
    const struct file *whole = file_of_kind(self, *kind);
    struct file prefix = *whole;

    for (prefix.size = 0; prefix.size < whole->size; ++prefix.size)
        expect_rejection(self, &prefix, "the first bytes, to", prefix.size);
    reading_close(self);
}

/* The header determines the size, so one byte more is as wrong as one less. */
static void longer_file(const void *argument)
{
    const int32_t *kind = argument;
    struct reading *self = reading_open();
    struct file longer = file_copy(file_of_kind(self, *kind));
    const int64_t size = longer.size;

    while (longer.size < size + 9) {
        file_fill(&longer, 0, 1);
        expect_rejection(self, &longer, "bytes after the end, to", longer.size);
        expect_signed(self, &longer, NORMNET_EFORMAT, NORMNET_EFORMAT, "belong to no tensor");
    }
    file_free(&longer);
    reading_close(self);
}

static void every_bit(const void *argument)
{
    const int32_t *kind = argument;
    struct reading *self = reading_open();
    struct file changed = file_copy(file_of_kind(self, *kind));

    for (int64_t bit = 0; bit < 8 * changed.size; ++bit) {
        changed.bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
        expect_rejection(self, &changed, "bit", bit);
        changed.bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
    }
    file_free(&changed);
    reading_close(self);
}

/* After the checksum: whatever a byte of the header becomes, the file is rejected or taken, and nothing else happens.
 */
static void every_byte_signed(const void *argument)
{
    const int32_t *kind = argument;
    const unsigned char values[] = {0, ' ', '"', '0', '9', ',', '}', '\\', 0xC3};
    struct reading *self = reading_open();
    const struct file *before = file_of_kind(self, *kind);
    struct file changed = file_copy(before);
    const int64_t end = crafted_header_end(changed.bytes, changed.size);
    int rejected = 0;

    for (int64_t at = CRAFTED_LENGTH; at < end; ++at)
        for (int i = 0; i < CHECK_COUNT(values); ++i) {
            struct outcome result;

            memcpy(changed.bytes, before->bytes, (size_t)before->size);
            changed.bytes[at] = values[i];
            (void)crafted_enter_checksum(changed.bytes, changed.size);
            result = offer(self, changed.bytes, changed.size);
            rejected += result.created != NORMNET_OK;
            if (result.filled == NORMNET_OK) /* perhaps from other places */
                CHECK_OK(normnet_deserialize_weights(self->model, before->bytes, before->size));
        }
    CHECK(rejected > (int)(end - CRAFTED_LENGTH));
    file_free(&changed);
    reading_close(self);
}

int main(int argc, char **argv)
{
    if (!check_begin(argc, argv))
        return check_end();
    for (int i = 0; i < CHECK_COUNT(tensor_names); ++i)
        check_case_named(renamed_tensor, &tensor_names[i], "renamed: %s", tensor_names[i]);
    for (int i = 0; i < CHECK_COUNT(value_cases); ++i)
        check_case_named(value, &value_cases[i], "value: %s", value_cases[i].name);
    for (int i = 0; i < FILE_KINDS; ++i) {
        check_case_named(missing_tensor, &file_kinds[i], "a tensor is missing: %s", file_kind_names[i]);
        check_case_named(extra_tensor, &file_kinds[i], "a tensor too many: %s", file_kind_names[i]);
        check_case_named(longer_file, &file_kinds[i], "bytes after the end: %s", file_kind_names[i]);
        check_case_named(every_prefix, &file_kinds[i], "every prefix: %s", file_kind_names[i]);
        check_case_named(every_bit, &file_kinds[i], "every bit: %s", file_kind_names[i]);
        check_case_named(every_byte_signed, &file_kinds[i], "every byte of the header, signed: %s", file_kind_names[i]);
    }
    check_case("the spelling of the checksum", checksum_spelling, NULL);
    check_case("another checksum", checksum_differs, NULL);
    check_case("another dtype of the same shape", other_dtype, NULL);
    check_case("the order of the rules", order_of_rules, NULL);
    return check_end();
}
