/* SPDX-License-Identifier: MIT */
/*
 * Files offered to the two functions that read from memory. Whatever is in a file: a rejection leaves no memory after,
 * does not touch *model, and leaves a model that was to be filled bit for bit as it was.
 */
#ifndef READING_H
#define READING_H

#include "harness/allocator.h"
#include "harness/crafted.h"
#include "harness/test_random.h"

/* ---- Files ------------------------------------------------------------------------------------- */

/* Bytes that grow. */
struct file {
    unsigned char *bytes;
    int64_t size, room;
};

static inline void file_put(struct file *self, const void *bytes, int64_t count)
{
    if (self->size + count > self->room) {
        struct file larger = {NULL, self->size, 2 * (self->size + count)};

        larger.bytes = check_allocate((size_t)larger.room, 1);
        if (self->size > 0)
            memcpy(larger.bytes, self->bytes, (size_t)self->size);
        free(self->bytes);
        *self = larger;
    }
    if (count > 0)
        memcpy(self->bytes + self->size, bytes, (size_t)count);
    self->size += count;
}

CHECK_FORMAT(2, 3)
static inline void file_print(struct file *self, const char *format, ...)
{
    char text[512];
    va_list values;
    int length;

    va_start(values, format);
    length = vsnprintf(text, sizeof text, format, values);
    va_end(values);
    if (length < 0 || length >= (int)sizeof text)
        CHECK_FAIL("the test prints %d bytes at once", length);
    else
        file_put(self, text, length);
}

static inline void file_fill(struct file *self, unsigned char byte, int64_t count)
{
    for (; count > 0; --count)
        file_put(self, &byte, 1);
}

static inline void file_free(struct file *self)
{
    free(self->bytes);
    memset(self, 0, sizeof *self);
}

/* An empty file; its header comes next. */
static inline struct file file_begin(void)
{
    struct file self = {NULL, 0, 0};

    file_fill(&self, 0, CRAFTED_LENGTH);
    return self;
}

/* All so far is the header; what follows is data. */
static inline void file_end_header(struct file *self)
{
    crafted_put_little(self->bytes, (uint64_t)(self->size - CRAFTED_LENGTH));
}

static inline struct file file_of(const void *header, int64_t length, int64_t data)
{
    struct file self = file_begin();

    file_put(&self, header, length);
    file_end_header(&self);
    file_fill(&self, 0, data);
    return self;
}

static inline struct file file_copy(const struct file *from)
{
    struct file self = {NULL, 0, 0};

    file_put(&self, from->bytes, from->size);
    return self;
}

/* Bytes [at, at + count) of the header become `text`; the header's length follows, the checksum does not. */
static inline void file_splice(struct file *self, int64_t at, int64_t count, const char *text)
{
    const uint64_t header = crafted_read_little(self->bytes);
    const int64_t length = (int64_t)strlen(text);
    struct file whole = {NULL, 0, 0};

    file_put(&whole, self->bytes, at);
    file_put(&whole, text, length);
    file_put(&whole, self->bytes + at + count, self->size - at - count);
    crafted_put_little(whole.bytes, header + (uint64_t)length - (uint64_t)count);
    file_free(self);
    *self = whole;
}

/* The header's first `find` becomes `replacement`. */
static inline int file_replace(struct file *self, const char *find, const char *replacement)
{
    const int64_t at = crafted_find(self->bytes, self->size, find);

    if (at < 0)
        return CHECK_FAIL("the header has no %s", find);
    file_splice(self, at, (int64_t)strlen(find), replacement);
    return 1;
}

/* Where the string of a key under __metadata__ begins, and its length; 0 and a failure without such a key. */
static inline int64_t file_string(const struct file *self, const char *key, int64_t *length)
{
    char find[96];
    int64_t at;

    *length = 0;
    snprintf(find, sizeof find, ",\"%s\":\"", key);
    at = crafted_find(self->bytes, self->size, find);
    if (at < 0)
        return CHECK_FAIL("the header has no %s", find);
    at += (int64_t)strlen(find);
    *length = (const unsigned char *)memchr(self->bytes + at, '"', (size_t)(self->size - at)) - (self->bytes + at);
    return at;
}

static inline void file_set_string(struct file *self, const char *key, const char *value)
{
    int64_t length;
    const int64_t at = file_string(self, key, &length);

    if (at > 0)
        file_splice(self, at, length, value);
}

static inline void file_remove_string(struct file *self, const char *key)
{
    const int64_t before = (int64_t)strlen(key) + 5; /* ,"key":"value" */
    int64_t length;
    const int64_t at = file_string(self, key, &length);

    if (at > 0)
        file_splice(self, at - before, before + length + 1, "");
}

/* The data of a tensor. */
static inline unsigned char *file_data(const struct file *self, const char *name)
{
    static const char offsets[] = "\"data_offsets\":[";
    char find[160];
    int64_t at, begin = 0;

    snprintf(find, sizeof find, "\"%s\":{", name);
    at = crafted_find(self->bytes, self->size, find);
    if (at < 0) {
        CHECK_FAIL("the header has no %s", find);
        return self->bytes;
    }
    while (memcmp(self->bytes + at, offsets, sizeof offsets - 1) != 0)
        ++at;
    for (at += (int64_t)sizeof offsets - 1; self->bytes[at] != ','; ++at)
        begin = begin * 10 + (self->bytes[at] - '0');
    return self->bytes + crafted_header_end(self->bytes, self->size) + begin;
}

/* ---- A model and its files --------------------------------------------------------------------- */

enum { READING_SIDE = 6, READING_IMAGES = 4 };

struct reading {
    struct allocator memory; /* of all models here */
    normnet_config config;
    normnet_model *model;
    struct file checkpoint, weights; /* of the model */
};

static inline struct file serialized(normnet_model *model, int32_t kind)
{
    normnet_save_options options;
    struct file self = {NULL, 0, 0};

    normnet_save_options_init(&options);
    options.kind = kind;
    CHECK_OK(normnet_model_serialize(model, NULL, 0, &self.size, &options));
    self.room = self.size;
    self.bytes = check_allocate((size_t)self.room, 1);
    CHECK_OK(normnet_model_serialize(model, self.bytes, self.room, &self.size, &options));
    return self;
}

/* Two steps, so that momentum, statistics and the step are not what they began with. */
static inline void reading_train(struct reading *self)
{
    float pixels[READING_IMAGES * READING_SIDE * READING_SIDE];
    uint8_t digits[READING_IMAGES] = {0, 1, 1, 0};
    const normnet_tensor images = tensor_images(NORMNET_F32, pixels, READING_IMAGES, &self->config);
    const normnet_tensor labels = tensor_1d(NORMNET_U8, digits, READING_IMAGES);
    struct random_stream random = {7};

    for (int i = 0; i < CHECK_COUNT(pixels); ++i)
        pixels[i] = (float)random_uniform(&random, -1.0, 1.0);
    CHECK_OK(normnet_train_step(self->model, &images, &labels, NULL));
    CHECK_OK(normnet_train_step(self->model, &images, &labels, NULL));
}

static inline struct reading *reading_open(void)
{
    struct reading *self = check_allocate(1, sizeof *self);

    self->memory.fill = 0xA5;
    CHECK_OK(normnet_config_init(&self->config, NORMNET_NORM_BATCH));
    self->config.height = self->config.width = READING_SIDE;
    self->config.classes = 2;
    self->config.max_batch = READING_IMAGES;
    self->config.memory_limit = 1 << 22;
    self->config.architecture = "conv3-2 relu norm gap conv1-2";
    allocator_use(&self->memory, &self->config);
    self->model = CHECK_CREATE(&self->config);
    if (self->model == NULL) {
        fprintf(stderr, "the test cannot go on without a model: %s\n", normnet_error_message());
        exit(1);
    }
    reading_train(self);
    self->checkpoint = serialized(self->model, NORMNET_FILE_CHECKPOINT);
    self->weights = serialized(self->model, NORMNET_FILE_WEIGHTS);
    return self;
}

static inline void reading_close(struct reading *self)
{
    normnet_model_destroy(self->model);
    CHECK_ALL_FREED(&self->memory);
    file_free(&self->checkpoint);
    file_free(&self->weights);
    free(self);
}

/* ---- What becomes of a file -------------------------------------------------------------------- */

/* Of normnet_model_deserialize and normnet_deserialize_weights. */
struct outcome {
    normnet_status created, filled;
    char created_message[600], filled_message[600];
};

/* A message of one line without control characters, for any bytes in the file. */
static inline void keep_message(const char *function, char *message, size_t size)
{
    const char *character;

    snprintf(message, size, "%s", normnet_error_message());
    if (strlen(message) < 8)
        CHECK_FAIL("%s: no message: \"%s\"", function, message);
    for (character = message; *character != '\0'; ++character)
        if ((unsigned char)*character < 0x20 || *character == 0x7F) {
            CHECK_FAIL("%s: the control character %d in \"%s\"", function, *character, message);
            break;
        }
}

static inline void offer_to_create(struct reading *self, const unsigned char *bytes, int64_t size,
                                   struct outcome *result)
{
    const int blocks = self->memory.live_blocks;
    const int64_t live = self->memory.live;
    normnet_model *const untouched = (normnet_model *)(void *)self;
    normnet_model *model = untouched;

    result->created = normnet_model_deserialize(&model, bytes, size, &self->config);
    if (result->created == NORMNET_OK) {
        normnet_model_destroy(model);
    } else {
        keep_message("deserialize", result->created_message, sizeof result->created_message);
        CHECK(model == untouched);
    }
    CHECK_EQUAL(self->memory.live_blocks, blocks);
    CHECK_EQUAL(self->memory.live, live);
}

static inline void offer_to_fill(struct reading *self, const unsigned char *bytes, int64_t size, struct outcome *result)
{
    const int blocks = self->memory.live_blocks;
    const int64_t live = self->memory.live;

    result->filled = normnet_deserialize_weights(self->model, bytes, size);
    if (result->filled != NORMNET_OK) {
        struct file after = {NULL, 0, 0};

        keep_message("deserialize_weights", result->filled_message, sizeof result->filled_message);
        after = serialized(self->model, NORMNET_FILE_CHECKPOINT);
        CHECK_EQUAL(after.size, self->checkpoint.size);
        CHECK(memcmp(after.bytes, self->checkpoint.bytes, (size_t)after.size) == 0);
        file_free(&after);
    }
    CHECK_EQUAL(self->memory.live_blocks, blocks);
    CHECK_EQUAL(self->memory.live, live);
}

/* From an odd address, and so that a sanitizer sees the first byte that is read after the end. */
static inline struct outcome offer(struct reading *self, const unsigned char *bytes, int64_t size)
{
    unsigned char *block = check_allocate((size_t)size + 1, 1);
    struct outcome result = {NORMNET_OK, NORMNET_OK, "", ""};

    memcpy(block + 1, bytes, (size_t)size);
    offer_to_create(self, block + 1, size, &result);
    offer_to_fill(self, block + 1, size, &result);
    CHECK(memcmp(block + 1, bytes, (size_t)size) == 0);
    free(block);
    return result;
}

/* `words` end in NULL. */
static inline void expect(const char *what, normnet_status status, const char *message, normnet_status expected,
                          const char *const *words)
{
    if (status != expected)
        CHECK_FAIL("%s: %s, expected %s; the message is \"%s\"", what, normnet_status_string((int32_t)status),
                   normnet_status_string((int32_t)expected), message);
    for (; *words != NULL && status != NORMNET_OK; ++words)
        if (strstr(message, *words) == NULL)
            CHECK_FAIL("%s: \"%s\" does not name \"%s\"", what, message, *words);
}

static inline void expect_outcome(struct reading *self, const struct file *offered, normnet_status created,
                                  normnet_status filled, const char *const *words)
{
    const struct outcome result = offer(self, offered->bytes, offered->size);

    expect("deserialize", result.created, result.created_message, created, words);
    expect("deserialize_weights", result.filled, result.filled_message, filled, words);
}

#endif
