/* SPDX-License-Identifier: MIT */
/* The reader of files: the length of the header, headers that are rejected or accepted, and their limits. */
#include "headers.h"
#include "reader_cases.h"

/* ---- The length and the size ------------------------------------------------------------------ */

/* The first `size` bytes of a file of 64 whose header's length is `length`. */
struct length_case {
    const char *name;
    uint64_t length;
    int64_t size;
    normnet_status status;
    const char *words[2];
};

static const struct length_case length_cases[] = {
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

static void rejected_length(const void *argument)
{
    const struct length_case *want = argument;
    const char *const words[] = {want->words[0], want->words[1], NULL};
    struct reading *self = reading_open();
    struct file whole = file_of("{}", 2, 54);

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
    struct reading *self = reading_open();

    (void)argument;
    for (int i = 0; i < CHECK_COUNT(sizes); ++i) {
        struct outcome result = {NORMNET_OK, NORMNET_OK, "", ""};

        offer_to_create(self, self->weights.bytes, sizes[i], &result);
        offer_to_fill(self, self->weights.bytes, sizes[i], &result);
        CHECK_STATUS(result.created, NORMNET_EINVAL);
        CHECK_STATUS(result.filled, NORMNET_EINVAL);
    }
    reading_close(self);
}

/* ---- Headers ---------------------------------------------------------------------------------- */

static void rejected_header(const void *argument)
{
    const struct broken_header *want = argument;
    const int64_t before = want->before != NULL ? (int64_t)strlen(want->before) : 0;
    char place[32] = "";
    const char *const words[] = {place, want->words[0], want->words[1], NULL};
    struct reading *self = reading_open();
    struct file whole = file_begin();

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

/* The header is in order: what is rejected is that it is of no network, and not of the model's. */
static void expect_sound(struct reading *self, const struct file *offered)
{
    const struct outcome result = offer(self, offered->bytes, offered->size);
    const char *const creating[] = {"normnet.architecture", NULL}, *const filling[] = {"'0.weight'", NULL};

    expect("deserialize", result.created, result.created_message, NORMNET_EARCH, creating);
    expect("deserialize_weights", result.filled, result.filled_message, NORMNET_EMISMATCH, filling);
}

static void accepted_header(const void *argument)
{
    const struct valid_header *want = argument;
    struct reading *self = reading_open();
    struct file whole = file_of(want->header, want->length, want->data);

    expect_sound(self, &whole);
    file_free(&whole);
    reading_close(self);
}

/* A file at a limit is read, and one beyond it rejected. Frees both. */
static void expect_limit(struct file *at_limit, struct file *beyond, const char *const *words)
{
    struct reading *self = reading_open();

    expect_sound(self, at_limit);
    expect_outcome(self, beyond, NORMNET_ELIMIT, NORMNET_ELIMIT, words);
    file_free(at_limit);
    file_free(beyond);
    reading_close(self);
}

static void most_tensors(const void *argument)
{
    const char *const words[] = {"byte ", "4096 tensors", NULL};
    struct file whole = many_tensors(4096), larger = many_tensors(4097);

    (void)argument;
    expect_limit(&whole, &larger, words);
}

/* As many as fit into the longest header, in the reverse of the order of their data. */
static void longest_header(const void *argument)
{
    const char *const words[] = {"1048577", "1048576", NULL};
    struct reading *self = reading_open();
    struct file whole = file_begin();

    (void)argument;
    file_print(&whole, "{");
    for (int i = 4095; i >= 0; --i)
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
    struct reading *self = reading_open();

    (void)argument;
    for (int i = 0; i < 2 * CHECK_COUNT(before); ++i) {
        struct file whole = file_begin();

        file_print(&whole, "%s", before[i / 2]);
        file_fill(&whole, i % 2 == 0 ? '[' : '{', CRAFTED_LENGTH + (1 << 20) - whole.size);
        file_end_header(&whole);
        expect_outcome(self, &whole, NORMNET_EFORMAT, NORMNET_EFORMAT, words);
        file_free(&whole);
    }
    reading_close(self);
}

static void most_strings(const void *argument)
{
    const char *const words[] = {"byte ", "256 entries", NULL};
    struct file whole = many_strings(256), larger = many_strings(257);

    (void)argument;
    expect_limit(&whole, &larger, words);
}

int main(int argc, char **argv)
{
    if (!check_begin(argc, argv))
        return check_end();
    for (int i = 0; i < CHECK_COUNT(length_cases); ++i)
        check_case_named(rejected_length, &length_cases[i], "length: %s", length_cases[i].name);
    for (int i = 0; i < CHECK_COUNT(broken_headers); ++i)
        check_case_named(rejected_header, &broken_headers[i], "rejected header: %s", broken_headers[i].name);
    for (int i = 0; i < CHECK_COUNT(valid_headers); ++i)
        check_case_named(accepted_header, &valid_headers[i], "accepted header: %s", valid_headers[i].name);
    check_case("negative sizes", negative_sizes, NULL);
    check_case("4096 tensors and one more", most_tensors, NULL);
    check_case("256 strings and one more", most_strings, NULL);
    check_case("the longest header", longest_header, NULL);
    check_case("the deepest header", deepest_header, NULL);
    return check_end();
}
