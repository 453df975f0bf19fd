/* SPDX-License-Identifier: MIT */
/* Weights as another program writes them, for the tests of the reader. */
#ifndef WRITTEN_WEIGHTS_H
#define WRITTEN_WEIGHTS_H

#include "reader_cases.h"

/* How a state_dict of the model is written: every float has the bits `value`, and the count the bits `count`. */
struct writing {
    const char *prefix;
    const char *type;
    int bytes;
    uint64_t value;
    const char *count_type; /* NULL: without num_batches_tracked */
    int count_bytes;
    const char *count_shape;
    uint64_t count;
    const char *without; /* the name of a tensor that is left out, or NULL */
    const char *beside;  /* names of other tensors, separated by blanks, each with one number; or NULL */
};

static const struct writing plain = {"", "F32", 4, 0x3F800000, "I64", 8, "", 7, NULL, NULL};

static inline void put_tensor_data(struct file *data, int bytes, int elements, uint64_t value)
{
    for (int i = 0; i < elements; ++i)
        for (int byte = 0; byte < bytes; ++byte)
            file_fill(data, (unsigned char)(value >> 8 * byte & 255), 1);
}

static inline struct file written(const struct writing *how)
{
    static const struct {
        const char *name, *shape;
        int elements;
    } tensors[] = {
        {"0.weight", "2,1,3,3", 18}, {"2.weight", "2", 2},      {"2.bias", "2", 2},
        {"2.running_mean", "2", 2},  {"2.running_var", "2", 2}, {"2.num_batches_tracked", NULL, 1},
        {"4.weight", "2,2,1,1", 4},
    };
    struct file self = file_begin(), data = {NULL, 0, 0};

    file_print(&self, "{\"__metadata__\":{\"format\":\"pt\"}");
    for (int i = 0; i < CHECK_COUNT(tensors); ++i) {
        const int counts = tensors[i].shape == NULL;
        const int begin = (int)data.size;

        if ((counts && how->count_type == NULL) || (how->without != NULL && strcmp(how->without, tensors[i].name) == 0))
            continue;
        put_tensor_data(&data, counts ? how->count_bytes : how->bytes, tensors[i].elements,
                        counts ? how->count : how->value);
        file_print(&self, ",\"%s%s\":{\"dtype\":\"%s\",\"shape\":[%s],\"data_offsets\":[%d,%d]}", how->prefix,
                   tensors[i].name, counts ? how->count_type : how->type, counts ? how->count_shape : tensors[i].shape,
                   begin, (int)data.size);
    }
    for (const char *name = how->beside; name != NULL && *name != '\0';) {
        const int length = (int)strcspn(name, " "), begin = (int)data.size;

        put_tensor_data(&data, 4, 1, 0);
        file_print(&self, ",\"%.*s\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[%d,%d]}", length, name, begin,
                   (int)data.size);
        name += length + (name[length] == ' ');
    }
    file_print(&self, "}");
    file_end_header(&self);
    file_put(&self, data.bytes, data.size);
    file_free(&data);
    return self;
}

/* Reads the file; a rejection has the words and changes nothing. */
static inline void read_file(struct reading *self, const struct writing *how, normnet_status expected,
                             const char *first, const char *second)
{
    const char *const words[] = {first, second, NULL};
    struct file whole = written(how);
    struct outcome result = {NORMNET_OK, NORMNET_OK, "", ""};

    offer_to_fill(self, whole.bytes, whole.size, &result);
    expect("deserialize_weights", result.filled, result.filled_message, expected, words);
    file_free(&whole);
}

static inline void expect_floats(struct reading *self, float value)
{
    for (int32_t i = 0; i < normnet_state_count(self->model); ++i) {
        const normnet_state_info info = state_info(self->model, i);

        for (int64_t j = 0; info.dtype == NORMNET_F32 && j < state_length(&info); ++j)
            if (memcmp((const float *)info.data + j, &value, sizeof value) != 0)
                CHECK_FAIL("%s[%d] is %a, not %a", info.name, (int)j, (double)((const float *)info.data)[j],
                           (double)value);
    }
}

static inline int64_t count_of(const struct reading *self)
{
    const normnet_state_info info = state_info(self->model, 5);

    CHECK_TEXT(info.name, "2.num_batches_tracked");
    return *(const int64_t *)info.data;
}

#endif
