/* SPDX-License-Identifier: MIT */
/* The reader of files: files that are written in another way than the library's and must be accepted. */
#include "reader_cases.h"

/* ---- Files that must be taken ----------------------------------------------------------------- */

enum { TENSORS = 7 };

/* Of the model. */
struct content {
    const char *name, *dtype, *shape;
    int elements;
};

static const struct content contents[TENSORS] = {
    {"0.weight", "F32", "2,1,3,3", 18}, {"2.weight", "F32", "2", 2},      {"2.bias", "F32", "2", 2},
    {"2.running_mean", "F32", "2", 2},  {"2.running_var", "F32", "2", 2}, {"2.num_batches_tracked", "I64", "", 1},
    {"4.weight", "F32", "2,2,1,1", 4},
};

/* How a file is written. */
struct variant {
    const char *name;
    int header_first, data_first; /* the order of the tensors: from this one on, around the end */
    int backwards;                /* the header, in the other direction */
    int fields;                   /* of an entry, in another order in each entry */
    int escapes;                  /* 1, 2: every character of a name by escape, in lower or upper case */
    const char *blank;            /* whitespace between any two tokens */
    const char *metadata;         /* an entry of the header */
    int metadata_at;              /* before which tensor */
    int tail;                     /* spaces after it, to this length modulo 8 */
};

static const struct variant variants[] = {
    {.name = "as plain as can be"},
    {.name = "whitespace between tokens", .blank = " \t\r\n"},
    {.name = "tensors in another order", .header_first = 3},
    {.name = "tensors backwards", .backwards = 1},
    {.name = "data in another order", .data_first = 5},
    {.name = "both in another order", .header_first = 2, .data_first = 6, .backwards = 1},
    {.name = "fields in every order", .fields = 1},
    {.name = "names by escapes", .escapes = 1},
    {.name = "names by escapes in upper case", .escapes = 2},
    {.name = "empty metadata", .metadata = "\"__metadata__\":{}"},
    {.name = "a string of PyTorch's", .metadata = "\"__metadata__\":{\"format\":\"pt\"}"},
    {.name = "unknown metadata at the end",
     .metadata = "\"__metadata__\":{\"x\":\"y\",\"\":\"\\ud83d\\ude00\\u0001\"}",
     .metadata_at = TENSORS},
    {.name = "unknown metadata of ours",
     .metadata = "\"__metadata__\":{\"normnet.later\":\"\\n\",\"normnet.crc32c\":\"........\"}",
     .metadata_at = 3},
    {.name = "the architecture by escapes",
     .metadata = "\"__metadata__\":{\"normnet.\\u0061rchitecture\":\"\\u0063onv3-2 relu norm gap conv1-2\","
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
     .metadata = "\"__metadata__\":{\"a\":\"b\"}",
     .metadata_at = 1,
     .tail = 3},
};

static const char *blank_of(const struct variant *how)
{
    return how->blank != NULL ? how->blank : "";
}

static int content_bytes(const struct content *tensor)
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

static void put_name(struct file *self, const struct variant *how, const char *name)
{
    file_print(self, "\"");
    for (; *name != '\0'; ++name)
        file_print(self, how->escapes == 0 ? "%c" : how->escapes == 1 ? "\\u%04x" : "\\u%04X", *name);
    file_print(self, "\"");
}

static void put_field(struct file *self, const struct variant *how, int tensor, int field)
{
    const struct content *what = &contents[tensor];
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

static void put_entry(struct file *self, const struct variant *how, int tensor)
{
    static const int orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    const int *order = orders[how->fields != 0 ? tensor % 6 : 0];
    const char *b = blank_of(how);

    put_name(self, how, contents[tensor].name);
    file_print(self, "%s:%s{", b, b);
    for (int i = 0; i < 3; ++i) {
        file_print(self, "%s%s", i > 0 ? "," : "", b);
        put_field(self, how, tensor, order[i]);
        file_print(self, "%s", b);
    }
    file_print(self, "}");
}

static void put_header(struct file *self, const struct variant *how)
{
    const char *b = blank_of(how);

    file_print(self, "%s{%s", b, b);
    for (int i = 0; i <= TENSORS; ++i) {
        const int place = (how->header_first + i) % TENSORS;

        if (how->metadata != NULL && how->metadata_at == i)
            file_print(self, "%s%s%s%s%s", i == TENSORS ? "," : "", b, how->metadata, b, i < TENSORS ? "," : "");
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

static void put_content(struct file *self, int tensor)
{
    for (int i = 0; i < contents[tensor].elements; ++i) {
        const float number = content_float(tensor, i);
        uint32_t bits;

        memcpy(&bits, &number, sizeof bits);
        for (int byte = 0; byte < 4; ++byte)
            file_fill(self, (unsigned char)(bits >> 8 * byte & 255), 1);
        if (contents[tensor].dtype[0] == 'I')
            file_fill(self, 0, 4);
    }
}

static struct file composed(const struct variant *how)
{
    struct file self = file_begin();

    put_header(&self, how);
    for (int i = 0; i < TENSORS; ++i)
        put_content(&self, (how->data_first + i) % TENSORS);
    if (how->metadata != NULL)
        (void)crafted_enter_checksum(self.bytes, self.size);
    return self;
}

static void expect_content(normnet_model *model)
{
    CHECK_EQUAL(normnet_state_count(model), TENSORS);
    for (int tensor = 0; tensor < TENSORS; ++tensor) {
        const normnet_state_info info = state_info(model, tensor);
        const float *values = info.data;

        CHECK_TEXT(info.name, contents[tensor].name);
        for (int i = 0; i < contents[tensor].elements && info.dtype == NORMNET_F32; ++i)
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
    const struct variant *how = argument;
    struct reading *self = reading_open();
    struct file whole = composed(how);

    if (how->tail > 0)
        CHECK_EQUAL((int64_t)crafted_read_little(whole.bytes) % 8, how->tail);
    CHECK_OK(normnet_deserialize_weights(self->model, whole.bytes, whole.size));
    expect_content(self->model);
    CHECK_EQUAL(normnet_steps_taken(self->model), 2);
    file_free(&whole);
    reading_close(self);
}

/* A file of weights with no more about its network than `metadata`. */
static struct file composed_with(const char *metadata)
{
    struct variant how = {0};
    char entry[256];

    snprintf(entry, sizeof entry,
             "\"__metadata__\":{\"normnet.architecture\":\"conv3-2 relu norm gap conv1-2\"%s,"
             "\"normnet.crc32c\":\"........\"}",
             metadata);
    how.metadata = entry;
    return composed(&how);
}

/* Settings that the file does not hold are the caller's. */
static void created_from_weights(const void *argument)
{
    const double mean[] = {0.25}, std[] = {0.5};
    struct reading *self = reading_open();
    struct file whole = composed_with("");
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

/* The caller's means are for the caller's number of channels, whatever the file's is. */
static void means_for_other_channels(const void *argument)
{
    const char *const words[] = {"1 channels", "2", NULL};
    double *just_one = check_allocate(1, sizeof *just_one);
    struct file whole = composed_with(",\"normnet.channels\":\"2\"");

    (void)argument;
    *just_one = 0.25;
    for (int i = 0; i < 2; ++i) {
        struct reading *self = reading_open();
        struct outcome result = {NORMNET_OK, NORMNET_OK, "", ""};

        *(i == 0 ? &self->config.input_mean : &self->config.input_std) = just_one;
        offer_to_create(self, whole.bytes, whole.size, &result);
        expect("deserialize", result.created, result.created_message, NORMNET_EMISMATCH, words);
        reading_close(self);
    }
    free(just_one);
    file_free(&whole);
}

/* What was saved is what is loaded, bit for bit. */
static void saved_and_loaded(const void *argument)
{
    const int32_t *kind = argument;
    struct reading *self = reading_open();
    const struct file *whole = file_of_kind(self, *kind);
    normnet_model *model = NULL;

    CHECK_OK(normnet_model_deserialize(&model, whole->bytes, whole->size, &self->config));
    if (model != NULL) {
        struct file again = serialized(model, *kind);

        CHECK_EQUAL(again.size, whole->size);
        CHECK(memcmp(again.bytes, whole->bytes, (size_t)whole->size) == 0);
        file_free(&again);
    }
    normnet_model_destroy(model);
    reading_close(self);
}

int main(int argc, char **argv)
{
    if (!check_begin(argc, argv))
        return check_end();
    for (int i = 0; i < CHECK_COUNT(variants); ++i)
        check_case_named(accepted_file, &variants[i], "accepted file: %s", variants[i].name);
    for (int i = 0; i < FILE_KINDS; ++i) {
        check_case_named(saved_and_loaded, &file_kinds[i], "saved and loaded: %s", file_kind_names[i]);
    }
    check_case("a model from weights and the caller's settings", created_from_weights, NULL);
    check_case("means for another number of channels", means_for_other_channels, NULL);
    return check_end();
}
