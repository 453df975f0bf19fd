/* SPDX-License-Identifier: MIT */
/* Tensors that are rejected for their description: size, rank, dtype, shape, strides and data. */
#include "tensor_calls.h"

/* ---- The calls, each with one argument to corrupt ----------------------------------------------- */

static normnet_status predict_scores(struct twins *pair, const normnet_tensor *scores)
{
    normnet_tensor output = *scores;

    return normnet_predict(pair->model, &pair->images, &output, &pair->classes, NULL);
}

static normnet_status predict_classes(struct twins *pair, const normnet_tensor *classes)
{
    normnet_tensor output = *classes;

    return normnet_predict(pair->model, &pair->images, &pair->scores, &output, NULL);
}

static normnet_status layer_map(struct twins *pair, const normnet_tensor *map)
{
    normnet_tensor output = *map;

    return normnet_layer_output(pair->model, &pair->images, 0, &output, NULL);
}

static const struct named_call output_calls[] = {
    {"predict(scores)", predict_scores, 0},
    {"predict(classes)", predict_classes, 0},
    {"layer_output(output)", layer_map, 0},
};

/* ---- The description -------------------------------------------------------------------------- */

/* Wrong for every tensor. */
static const struct corruption corruptions[] = {
    {"struct_size 0", SIZE, 0, 0, NORMNET_EINVAL, "struct_size"},
    {"struct_size 4", SIZE, 0, 4, NORMNET_EINVAL, "4"},
    {"struct_size 151", SIZE, 0, 151, NORMNET_EINVAL, "151"},
    {"struct_size 4097", SIZE, 0, 4097, NORMNET_EINVAL, "4097"},
    {"struct_size -1", SIZE, 0, -1, NORMNET_EINVAL, "-1"},
    {"struct_size 2^31 - 1", SIZE, 0, INT32_MAX, NORMNET_EINVAL, "2147483647"},
    {"struct_size -2^31", SIZE, 0, INT32_MIN, NORMNET_EINVAL, "-2147483648"},
    {"dtype 0", DTYPE, 0, 0, NORMNET_EUNSUPPORTED, "0"},
    {"dtype 5", DTYPE, 0, 5, NORMNET_EUNSUPPORTED, "5"},
    {"dtype -1", DTYPE, 0, -1, NORMNET_EUNSUPPORTED, "-1"},
    {"dtype 2^31 - 1", DTYPE, 0, INT32_MAX, NORMNET_EUNSUPPORTED, "2147483647"},
    {"rank -1", RANK, 0, -1, NORMNET_EINVAL, "-1"},
    {"rank 9", RANK, 0, 9, NORMNET_EINVAL, "9"},
    {"rank 2^31 - 1", RANK, 0, INT32_MAX, NORMNET_EINVAL, "2147483647"},
    {"rank -2^31", RANK, 0, INT32_MIN, NORMNET_EINVAL, "-2147483648"},
    {"rank 0", RANK, 0, 0, NORMNET_EINVAL, "shape"},
    {"reserved 1", RESERVED, 0, 1, NORMNET_EINVAL, "reserved"},
    {"reserved -2^31", RESERVED, 0, INT32_MIN, NORMNET_EINVAL, "-2147483648"},
    {"no data", DATA, 0, 0, NORMNET_EINVAL, "data"},
    {"an empty batch", SHAPE, 0, 0, NORMNET_EINVAL, "0"},
    {"-1 of them", SHAPE, 0, -1, NORMNET_EINVAL, "-1"},
    {"-2^63 of them", SHAPE, 0, INT64_MIN, NORMNET_EINVAL, "-9223372036854775808"},
    {"2^63 - 1 of them", SHAPE, 0, INT64_MAX, NORMNET_EINVAL, "shape"},
    {"stride -2^63", STRIDE, 0, INT64_MIN, NORMNET_EINVAL, "stride"},
    {"stride 2^63 - 1", STRIDE, 0, INT64_MAX, NORMNET_EINVAL, "stride"},
    {"stride -2^63 + 1", STRIDE, 0, -INT64_MAX, NORMNET_EINVAL, "stride"},
    {"a stride to below address 0", STRIDE, 0, -((int64_t)1 << 55), NORMNET_EINVAL, "exceeds the address space"},
};

static const struct corruption image_corruptions[] = {
    {"rank 3", RANK, 0, 3, NORMNET_EINVAL, "33x2x12"},
    {"rank 5", RANK, 0, 5, NORMNET_EINVAL, "shape"},
    {"dtype i32", DTYPE, 0, NORMNET_I32, NORMNET_EUNSUPPORTED, "i32"},
    {"dtype i64", DTYPE, 0, NORMNET_I64, NORMNET_EUNSUPPORTED, "i64"},
    {"0 channels", SHAPE, 1, 0, NORMNET_EINVAL, "0"},
    {"1 channel", SHAPE, 1, 1, NORMNET_EINVAL, "33x1x12x12"},
    {"3 channels", SHAPE, 1, 3, NORMNET_EINVAL, "33x3x12x12"},
    {"11 rows", SHAPE, 2, 11, NORMNET_EINVAL, "33x2x11x12"},
    {"13 columns", SHAPE, 3, 13, NORMNET_EINVAL, "33x2x12x13"},
    {"0 columns", SHAPE, 3, 0, NORMNET_EINVAL, "0"},
    {"2^32 + 12 columns", SHAPE, 3, ((int64_t)1 << 32) + 12, NORMNET_EINVAL, "4294967308"},
};

static const struct corruption label_corruptions[] = {
    {"rank 2", RANK, 0, 2, NORMNET_EINVAL, "0"},
    {"dtype f32", DTYPE, 0, NORMNET_F32, NORMNET_EUNSUPPORTED, "f32"},
    {"one too few", SHAPE, 0, TWINS_IMAGES - 1, NORMNET_EINVAL, "32"},
    {"one too many", SHAPE, 0, TWINS_IMAGES + 1, NORMNET_EINVAL, "34"},
    {"2^32 + 33 of them", SHAPE, 0, ((int64_t)1 << 32) + TWINS_IMAGES, NORMNET_EINVAL, "4294967329"},
};

static const struct corruption output_corruptions[] = {
    {"one row too few", SHAPE, 0, TWINS_IMAGES - 1, NORMNET_EINVAL, "32"},
    {"one row too many", SHAPE, 0, TWINS_IMAGES + 1, NORMNET_EINVAL, "34"},
    {"rank 3", RANK, 0, 3, NORMNET_EINVAL, "shape"},
};

static void corrupt_tensor(struct twins *pair, const struct named_call *calls, int call_count,
                           const normnet_tensor *tensor, const struct corruption *table, int count)
{
    for (int i = 0; i < call_count; ++i)
        for (int j = 0; j < count; ++j) {
            const normnet_tensor wrong = corrupted(tensor, &table[j]);

            reject_tensor(pair, &calls[i], &wrong, table[j].how, table[j].status, table[j].word);
        }
}

static void images_described(const void *argument)
{
    const int32_t *norm = argument;
    struct twins *pair = twins_open(*norm);

    corrupt_tensor(pair, image_calls, CHECK_COUNT(image_calls), &pair->images, corruptions, CHECK_COUNT(corruptions));
    corrupt_tensor(pair, image_calls, CHECK_COUNT(image_calls), &pair->float_images, corruptions,
                   CHECK_COUNT(corruptions));
    corrupt_tensor(pair, image_calls, CHECK_COUNT(image_calls), &pair->images, image_corruptions,
                   CHECK_COUNT(image_corruptions));
    twins_close(pair);
}

static void labels_described(const void *argument)
{
    struct twins *pair = twins_open(NORMNET_NORM_BATCH);

    (void)argument;
    corrupt_tensor(pair, label_calls, CHECK_COUNT(label_calls), &pair->labels, corruptions, CHECK_COUNT(corruptions));
    corrupt_tensor(pair, label_calls, CHECK_COUNT(label_calls), &pair->labels8, corruptions, CHECK_COUNT(corruptions));
    corrupt_tensor(pair, label_calls, CHECK_COUNT(label_calls), &pair->labels, label_corruptions,
                   CHECK_COUNT(label_corruptions));
    twins_close(pair);
}

static void outputs_described(const void *argument)
{
    struct twins *pair = twins_open(NORMNET_NORM_BATCH);
    const normnet_tensor *const tensors[] = {&pair->scores, &pair->classes, &pair->map};

    (void)argument;
    for (int i = 0; i < CHECK_COUNT(output_calls); ++i) {
        corrupt_tensor(pair, &output_calls[i], 1, tensors[i], corruptions, CHECK_COUNT(corruptions));
        corrupt_tensor(pair, &output_calls[i], 1, tensors[i], output_corruptions, CHECK_COUNT(output_corruptions));
    }
    twins_close(pair);
}

/* dtypes, shapes and strides that are wrong for one output only. */
static void outputs_of_their_kind(const void *argument)
{
    struct twins *pair = twins_open(NORMNET_NORM_BATCH);
    normnet_tensor wrong = pair->scores;

    (void)argument;
    wrong.dtype = NORMNET_I32;
    reject_tensor(pair, &output_calls[0], &wrong, "dtype i32", NORMNET_EUNSUPPORTED, "3");
    wrong = pair->scores;
    wrong.shape[1] = TWINS_CLASSES - 1;
    reject_tensor(pair, &output_calls[0], &wrong, "9 columns", NORMNET_EINVAL, "33x9");
    wrong = pair->scores;
    wrong.rank = 1;
    reject_tensor(pair, &output_calls[0], &wrong, "rank 1", NORMNET_EINVAL, "33");
    wrong = pair->scores;
    wrong.strides[0] = TWINS_CLASSES; /* and 0 for the columns */
    reject_tensor(pair, &output_calls[0], &wrong, "all columns in one place", NORMNET_EINVAL, "itself");
    wrong.strides[0] = -1;
    reject_tensor(pair, &output_calls[0], &wrong, "all columns in one place, backwards", NORMNET_EINVAL, "itself");
    wrong.strides[0] = 4;
    wrong.strides[1] = -4;
    reject_tensor(pair, &output_calls[0], &wrong, "equal diagonals", NORMNET_EINVAL, "itself");
    wrong.strides[0] = TWINS_CLASSES - 1;
    wrong.strides[1] = 1;
    reject_tensor(pair, &output_calls[0], &wrong, "rows that overlap by one", NORMNET_EINVAL, "itself");
    wrong = pair->classes;
    wrong.dtype = NORMNET_F32;
    reject_tensor(pair, &output_calls[1], &wrong, "dtype f32", NORMNET_EUNSUPPORTED, "f32");
    wrong = pair->map;
    wrong.dtype = NORMNET_I32;
    reject_tensor(pair, &output_calls[2], &wrong, "dtype i32", NORMNET_EUNSUPPORTED, "3");
    wrong = pair->map;
    wrong.rank = 2;
    reject_tensor(pair, &output_calls[2], &wrong, "rank 2", NORMNET_EINVAL, "33x4");
    wrong = pair->map;
    wrong.shape[3] = 9;
    reject_tensor(pair, &output_calls[2], &wrong, "9 columns", NORMNET_EINVAL, "33x4x10x9");
    twins_close(pair);
}

static void misaligned(const void *argument)
{
    struct twins *pair = twins_open(NORMNET_NORM_GROUP);
    const struct corruption by[] = {{"data off by 1", DATA, 0, 1, NORMNET_EINVAL, "align"},
                                    {"data off by 2", DATA, 0, 2, NORMNET_EINVAL, "align"},
                                    {"data off by 3", DATA, 0, 3, NORMNET_EINVAL, "align"}};
    const struct corruption by_four = {"data off by 4", DATA, 0, 4, NORMNET_EINVAL, "align"};

    (void)argument;
    corrupt_tensor(pair, image_calls, CHECK_COUNT(image_calls), &pair->float_images, by, CHECK_COUNT(by));
    corrupt_tensor(pair, label_calls, CHECK_COUNT(label_calls), &pair->labels32, by, CHECK_COUNT(by));
    corrupt_tensor(pair, label_calls, CHECK_COUNT(label_calls), &pair->labels, by, CHECK_COUNT(by));
    corrupt_tensor(pair, label_calls, CHECK_COUNT(label_calls), &pair->labels, &by_four, 1);
    corrupt_tensor(pair, &output_calls[0], 1, &pair->scores, by, CHECK_COUNT(by));
    corrupt_tensor(pair, &output_calls[1], 1, &pair->classes, &by_four, 1);
    corrupt_tensor(pair, &output_calls[2], 1, &pair->map, by, CHECK_COUNT(by));
    twins_close(pair);
}

int main(int argc, char **argv)
{
    static const int32_t batch = NORMNET_NORM_BATCH, group = NORMNET_NORM_GROUP;

    if (!check_begin(argc, argv))
        return check_end();
    check_case("images: size, rank, dtype, shape, strides and data, batch norm", images_described, &batch);
    check_case("images: size, rank, dtype, shape, strides and data, group norm", images_described, &group);
    check_case("labels: size, rank, dtype, shape, strides and data", labels_described, NULL);
    check_case("outputs: size, rank, dtype, shape, strides and data", outputs_described, NULL);
    check_case("outputs: each has its shape and dtype and does not overlap itself", outputs_of_their_kind, NULL);
    check_case("tensors: data is aligned to its element", misaligned, NULL);
    return check_end();
}
