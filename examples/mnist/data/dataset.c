/* SPDX-License-Identifier: MIT */
#include "data/dataset.h"

#include "data/digits.h"
#include "support/file_system.h"
#include "support/machine.h"
#include "support/report.h"
#include "support/sha256.h"
#include "support/text.h"

#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { GENERATED_TRAIN = 60000, GENERATED_TEST = 10000 };

/* ---- Files ------------------------------------------------------------------------------------- */

static void take_shape(struct dataset *data, const struct image_set *set)
{
    data->channels = set->channels;
    data->height = set->height;
    data->width = set->width;
}

/* "28 x 28", or "3 x 32 x 32" */
static void image_shape_text(char *text, size_t size, const struct image_set *set)
{
    if (set->channels == 1)
        snprintf(text, size, "%" PRId32 " x %" PRId32, set->height, set->width);
    else
        snprintf(text, size, "%" PRId32 " x %" PRId32 " x %" PRId32, set->channels, set->height, set->width);
}

static int read_shapes(struct dataset *data)
{
    char train_shape[64], test_shape[64];

    image_shape_text(train_shape, sizeof train_shape, &data->train);
    image_shape_text(test_shape, sizeof test_shape, &data->test);
    if (strcmp(train_shape, test_shape) != 0)
        return report_error("%s: the training images are %s, but the test images are %s", data->directory, train_shape,
                            test_shape);
    take_shape(data, &data->train);
    return 0;
}

static int count_classes(struct dataset *data)
{
    uint8_t largest = 0;

    for (int64_t i = 0; i < data->train.count; ++i)
        largest = data->train.labels[i] > largest ? data->train.labels[i] : largest;
    if (largest == 0)
        return report_error("%s: all training labels are 0; expected at least two classes", data->directory);
    data->classes = largest + 1;
    for (int64_t i = 0; i < data->test.count; ++i) {
        if (data->test.labels[i] > largest)
            return report_error("%s: the label of test image %" PRId64 " is %d; the training labels have %" PRId32
                                " classes",
                                data->directory, i, data->test.labels[i], data->classes);
    }
    return 0;
}

/*
 * Kaggle's test.csv is for a competition and has no labels. The last sixth of the training images, which is MNIST's own
 * proportion, is the test set then.
 */
static int hold_out_test_images(struct dataset *data)
{
    struct image_set *train = &data->train;

    data->held_out = train->count / 6;
    if (data->held_out == 0)
        return report_error("%s has no labels, and of %" PRId64 " training images none can be held out for the test",
                            data->files.paths[TEST_IMAGES], train->count);
    train->count -= data->held_out;
    image_set_close(&data->test);
    data->test.images = train->images + (size_t)train->count * dataset_image_bytes(data);
    data->test.labels = train->labels + train->count;
    data->test.count = data->held_out;
    return 0;
}

static int check_validate(const char *source, int64_t validate, int64_t images)
{
    if (validate < images)
        return 0;
    return report_usage("--validate is %" PRId64 "; %s has %" PRId64
                        " training images, of which at least one must be left to train with",
                        validate, source, images);
}

/* The memory stays that of the training images. */
static int hold_out_validation_images(struct dataset *data, int64_t validate)
{
    struct image_set *train = &data->train;
    const char *source = data->directory ? data->directory : DATASET_GENERATED;
    const int code = check_validate(source, validate, train->count);

    if (code != 0 || validate == 0)
        return code;
    train->count -= validate;
    data->validation.images = train->images + (size_t)train->count * dataset_image_bytes(data);
    data->validation.labels = train->labels + train->count;
    data->validation.count = validate;
    return 0;
}

static int open_test_set(struct dataset *data)
{
    int code = set_files_find(&data->files, data->directory, true);

    if (code == 0)
        code = image_set_open(&data->test, &data->files, true);
    take_shape(data, &data->test);
    if (code != 0 || data->test.labels)
        return code;
    if (!data->files.paths[TRAIN_IMAGES])
        return report_error("%s has no labels", data->files.paths[TEST_IMAGES]);
    code = image_set_open(&data->train, &data->files, false);
    if (code == 0)
        code = read_shapes(data);
    return code == 0 ? hold_out_test_images(data) : code;
}

static int open_both_sets(struct dataset *data, int64_t validate)
{
    int code = set_files_find(&data->files, data->directory, false);

    if (code == 0)
        code = image_set_open(&data->train, &data->files, false);
    if (code == 0)
        code = image_set_open(&data->test, &data->files, true);
    if (code == 0)
        code = read_shapes(data);
    if (code == 0 && !data->test.labels)
        code = hold_out_test_images(data);
    if (code == 0)
        code = count_classes(data);
    return code == 0 ? hold_out_validation_images(data, validate) : code;
}

/* ---- Generated digits -------------------------------------------------------------------------- */

static int generate_image_set(struct image_set *set, enum digits_set which, int64_t first, int64_t count)
{
    uint8_t *images = malloc((size_t)count * (DIGITS_PIXELS + 1));
    if (!images)
        return report_error("not enough memory for %" PRId64 " generated images", count);
    uint8_t *labels = images + (size_t)count * DIGITS_PIXELS;
    digits_draw(which, first, count, images, labels);
    set->memory[0] = images;
    set->images = images;
    set->labels = labels;
    set->count = count;
    return 0;
}

static int generate_test_set(struct dataset *data)
{
    data->channels = 1;
    data->height = DIGITS_SIDE;
    data->width = DIGITS_SIDE;
    return generate_image_set(&data->test, DIGITS_TEST, 0, GENERATED_TEST);
}

/* Draws only the images that are used. */
static int generate_sets(struct dataset *data, int64_t limit, int64_t validate)
{
    const int64_t left = GENERATED_TRAIN - validate, used = limit > 0 && limit < left ? limit : left;
    int code = check_validate(DATASET_GENERATED, validate, GENERATED_TRAIN);

    if (code == 0)
        code = generate_test_set(data);
    if (code == 0)
        code = generate_image_set(&data->train, DIGITS_TRAIN, 0, used);
    if (code == 0 && validate > 0)
        code = generate_image_set(&data->validation, DIGITS_TRAIN, left, validate);
    data->classes = DIGITS_CLASSES;
    return code;
}

/* ---- Mean and standard deviation --------------------------------------------------------------- */

enum { EQUAL_PIXELS_STD = 1 }; /* instead of 0, by which nothing can be divided; that of other pixels is at most 0.5 */

/* To four decimals: the usual 0.1307 and 0.3081 for MNIST. */
static double round_to_4_decimals(double value)
{
    return floor(value * 1e4 + 0.5) / 1e4;
}

/* The sums are of integers and so exact in any order. */
static void measure_channel(const struct dataset *data, int32_t channel, double *mean, double *std)
{
    const size_t plane = (size_t)data->height * (size_t)data->width;
    uint64_t sum = 0, squares = 0;

    for (int64_t i = 0; i < data->train.count; ++i) {
        const uint8_t *pixels = data->train.images + ((size_t)i * (size_t)data->channels + (size_t)channel) * plane;

        for (size_t k = 0; k < plane; ++k) {
            sum += pixels[k];
            squares += (uint32_t)pixels[k] * pixels[k];
        }
    }
    double count = (double)data->train.count * (double)plane;
    double average = (double)sum / count;
    double variance = (double)squares / count - average * average;
    *mean = round_to_4_decimals(average / 255);
    *std = round_to_4_decimals(sqrt(variance > 0 ? variance : 0) / 255);
    if (*std == 0)
        *std = EQUAL_PIXELS_STD;
}

static int measure_mean_std(struct dataset *data)
{
    data->mean = malloc(2 * (size_t)data->channels * sizeof *data->mean);
    if (!data->mean)
        return report_error("not enough memory for %" PRId32 " channels", data->channels);
    data->std = data->mean + data->channels;
    for (int32_t channel = 0; channel < data->channels; ++channel)
        measure_channel(data, channel, &data->mean[channel], &data->std[channel]);
    return 0;
}

/* ---- The data set ------------------------------------------------------------------------------ */

/*
 * The cache directory if MNIST is complete in it, or NULL; free() it. examples/fetch_mnist.sh puts the training images
 * there last.
 */
static char *cached_mnist(void)
{
    char *directory = cache_directory();
    char *path = directory ? text_of("%s/train-images-idx3-ubyte", directory) : NULL;
    bool there = path && file_exists(path);

    free(path);
    if (there)
        return directory;
    free(directory);
    return NULL;
}

/* Sets data->directory; NULL means the generated digits. */
static int choose_directory(struct dataset *data, const char *directory)
{
    *data = (struct dataset){0};
    if (!directory) {
        const char *variable = getenv("NORMNET_DATA");

        directory = variable && *variable ? variable : NULL;
    }
    if (!directory) {
        data->directory = cached_mnist();
        return 0;
    }
    if (strcmp(directory, DATASET_GENERATED) == 0)
        return 0;
    data->directory = text_of("%s", directory);
    return data->directory ? 0 : report_error("not enough memory");
}

int dataset_open(struct dataset *data, const char *directory, int64_t limit, int64_t validate)
{
    int code = choose_directory(data, directory);

    if (code == 0)
        code = data->directory ? open_both_sets(data, validate) : generate_sets(data, limit, validate);
    if (code == 0 && limit > 0 && limit < data->train.count)
        data->train.count = limit;
    if (code == 0)
        code = measure_mean_std(data);
    if (code != 0)
        dataset_close(data);
    return code;
}

int dataset_open_test(struct dataset *data, const char *directory)
{
    int code = choose_directory(data, directory);

    if (code == 0)
        code = data->directory ? open_test_set(data) : generate_test_set(data);
    if (code != 0)
        dataset_close(data);
    return code;
}

int dataset_divide(struct dataset *part, const struct dataset *whole, int64_t limit, int64_t validate)
{
    *part = *whole;
    part->mean = NULL;
    const int code = hold_out_validation_images(part, validate);
    if (code != 0)
        return code;
    if (limit > 0 && limit < part->train.count)
        part->train.count = limit;
    return measure_mean_std(part);
}

void dataset_close_part(struct dataset *part)
{
    free(part->mean);
    *part = (struct dataset){0};
}

void dataset_close(struct dataset *data)
{
    image_set_close(&data->train);
    image_set_close(&data->validation);
    image_set_close(&data->test);
    set_files_free(&data->files);
    free(data->mean);
    free(data->directory);
    *data = (struct dataset){0};
}

int dataset_check_distinct(const struct dataset *data, const char *option, const char *path)
{
    for (int i = 0; path && i < SET_PARTS; ++i) {
        char *holder = data->files.paths[i] ? file_holder(data->files.paths[i]) : NULL;
        const bool same = holder && file_same(holder, path);

        free(holder);
        if (same)
            return report_usage("%s names %s, a file of the data set", option, path);
    }
    return 0;
}

void dataset_checksum(const struct dataset *data, const struct image_set *set, char hexadecimal[65])
{
    const size_t image_bytes = dataset_image_bytes(data);
    char shape[80];
    struct sha256 hash;

    int length = snprintf(shape, sizeof shape, "%" PRId64 " %" PRId32 " %" PRId32 " %" PRId32 "\n", set->count,
                          data->channels, data->height, data->width);
    sha256_init(&hash);
    sha256_update(&hash, shape, (size_t)length);
    sha256_update(&hash, set->images, (size_t)set->count * image_bytes);
    sha256_update(&hash, set->labels, (size_t)set->count);
    sha256_final(&hash, hexadecimal);
}

/* Whether the file has the name that the help speaks of. */
static bool is_usual_file(const struct dataset *data, enum set_part part)
{
    static const char *const names[] = {"train-images-idx", "train-labels-idx", "t10k-images-idx", "t10k-labels-idx"};
    const char *path = data->files.paths[part];
    const size_t folder = strlen(data->directory);

    return !path ||
           (strncmp(path, data->directory, folder) == 0 && path[folder] == '/' && !strchr(path + folder + 1, '/') &&
            strncmp(path + folder + 1, names[part], strlen(names[part])) == 0);
}

/* Which files were meant is said where it is not plain. */
static void print_source(const struct dataset *data)
{
    bool usual = true;

    for (enum set_part part = 0; part < SET_PARTS && data->directory; ++part)
        usual = usual && is_usual_file(data, part);
    if (data->directory)
        print_name("Data: ", data->directory, "\n");
    for (enum set_part part = 0; part < SET_PARTS && !usual; ++part) {
        if (data->files.paths[part] && strcmp(data->files.paths[part], data->directory) != 0)
            print_name("  ", data->files.paths[part], "\n");
    }
    if (data->held_out > 0) {
        print_name("", data->files.paths[TEST_IMAGES], " has no labels: ");
        printf("the test images are the last %" PRId64 " of the training images\n", data->held_out);
    }
    if (!data->directory)
        printf("Data: generated digits, not MNIST (for MNIST use --data, set NORMNET_DATA or run fetch_mnist.sh)\n");
}

void dataset_print(const struct dataset *data)
{
    print_source(data);
    printf("%" PRId64 " training", data->train.count);
    if (data->validation.count > 0)
        printf(", %" PRId64 " validation", data->validation.count);
    printf(" and %" PRId64 " test images of %" PRId32 " x %" PRId32 " x %" PRId32 ", %" PRId32
           " classes; training mean",
           data->test.count, data->channels, data->height, data->width, data->classes);
    for (int32_t channel = 0; channel < data->channels; ++channel)
        printf(" %.4f", data->mean[channel]);
    printf(", standard deviation");
    for (int32_t channel = 0; channel < data->channels; ++channel) {
        if (data->std[channel] == EQUAL_PIXELS_STD)
            printf(" 0 (of equal pixels; 1 is used)");
        else
            printf(" %.4f", data->std[channel]);
    }
    printf("\n\n");
}

void dataset_print_test(const struct dataset *data)
{
    const bool validation = data->validation.count > 0;

    print_source(data);
    printf("%" PRId64 " %s images of %" PRId32 " x %" PRId32 " x %" PRId32 "%s\n\n",
           validation ? data->validation.count : data->test.count, validation ? "validation" : "test", data->channels,
           data->height, data->width, validation ? ", the last of the training images" : "");
}

size_t dataset_image_bytes(const struct dataset *data)
{
    return (size_t)data->channels * (size_t)data->height * (size_t)data->width;
}

void dataset_tensors(const struct dataset *data, const uint8_t *images, const uint8_t *labels, int64_t count,
                     normnet_tensor *image_tensor, normnet_tensor *label_tensor)
{
    const int64_t shape[4] = {count, data->channels, data->height, data->width};

    normnet_tensor_init(image_tensor, NORMNET_U8, images, 4, shape);
    normnet_tensor_init(label_tensor, NORMNET_U8, labels, 1, &count);
}
