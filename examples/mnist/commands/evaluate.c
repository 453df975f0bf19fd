/* SPDX-License-Identifier: MIT */
#include "commands/evaluate.h"

#include "commands/network_options.h"
#include "data/dataset.h"
#include "support/atomic_file.h"
#include "support/file_claim.h"
#include "support/json.h"
#include "support/machine.h"
#include "support/options.h"
#include "support/report.h"
#include "training/model_file.h"
#include "training/results.h"
#include "training/shifted_copies.h"
#include "training/testing.h"

#include <inttypes.h>
#include <math.h>
#include <normnet.h>
#include <stdlib.h>
#include <string.h>

static const char program_name[] = "normnet-mnist evaluate";

enum { MAX_COLUMNS = 20 }; /* a confusion matrix of more classes is not printed */

static const struct help evaluate_help = {
    .introduction = "Usage: normnet-mnist evaluate --model FILE [OPTION]...\n"
                    "\n"
                    "Tests a model that train or export wrote, and prints its loss, its accuracy and\n"
                    "its confusion matrix. The loss has the label smoothing of the training if the\n"
                    "file is a checkpoint. Defaults are in [brackets].\n",
    .examples = "Examples:\n"
                "  normnet-mnist evaluate --model digits.ckpt\n"
                "  normnet-mnist evaluate --model digits.ckpt --data ~/fashion --json test.json\n"
                "  normnet-mnist evaluate --model digits.ckpt --validate 10000 --tta 1\n"
                "  normnet-mnist evaluate --model fashion.ckpt --classes names.txt\n"
                "  normnet-mnist evaluate --model averaged.ckpt --use last\n",
};

struct evaluation {
    const char *path, *directory, *json;
    int64_t threads, validate, tta;
    int32_t use;             /* enum use */
    struct file_claim claim; /* of the file of --json */
    struct network_options network_options;
    const normnet_config *network; /* NULL = the model's file says it */

    normnet_model *model;
    normnet_config config;
    struct dataset data;
    struct test_result result;
};

static int parse_evaluate(struct evaluation *evaluation, int argc, char **argv)
{
    const struct option list[] = {
        {.kind = OPTION_HEADING, .name = "Options"},
        {OPTION_TEXT, "--model", "FILE", "A checkpoint or a file of weights. Required.",
         .target.text = &evaluation->path},
        {OPTION_CHOICE, "--use", "WHICH", model_file_use_help, .target.choice = &evaluation->use,
         .choices = model_file_use_names},
        {OPTION_TEXT, "--data", "DIR",
         "A directory with t10k-images-idx3-ubyte and t10k-labels-idx1-ubyte or other files that train reads, or the "
         "word generated for generated digits. [as for train]",
         .target.text = &evaluation->directory},
        {OPTION_INTEGER, "--validate", "N",
         "Test with the last N training images instead, which a training with --validate N has held out. [0]",
         .target.integer = &evaluation->validate, .max = 1e9},
        {OPTION_INTEGER, "--tta", "N",
         "Test-time augmentation: average the probabilities over the copies of an image that are shifted by -N to N "
         "whole pixels along x and y, (2N+1)^2 in all. A shift by x and y has the weight (N+1-|x|)(N+1-|y|)/(N+1)^4; "
         "the pixels of the border are repeated outside. [0: only the image itself]",
         .target.integer = &evaluation->tta, .max = SHIFTED_MAX_RADIUS},
        {OPTION_INTEGER, "--threads", "N", "Threads. The results do not depend on their number. [one per core]",
         .target.integer = &evaluation->threads, .min = 1, .max = 1024},
        {OPTION_TEXT, "--json", "FILE",
         "Write the results to a JSON file. An older file is replaced if this command wrote it.",
         .target.text = &evaluation->json},
    };
    enum { OPTIONS = sizeof list / sizeof list[0] };
    struct option options[OPTIONS + NETWORK_OPTIONS];
    memcpy(options, list, sizeof list);
    const int count = OPTIONS + network_options_list(options + OPTIONS, &evaluation->network_options, true);

    int code = options_run(options, count, &evaluate_help, argc, argv);
    if (code == OPTIONS_HELP)
        return code;
    if (code == 0 && !evaluation->path)
        return report_usage("--model FILE is missing");
    if (code == 0)
        code = network_options_read(&evaluation->network_options, options, count, &evaluation->network);
    return code == 0 ? options_check_distinct(options, count, "--model", "--json") : code;
}

/* ---- The test ---------------------------------------------------------------------------------- */

/* What the messages call the images that the model is tested with. */
static const char *set_name(const struct evaluation *evaluation)
{
    return evaluation->validate > 0 ? "validation" : "test";
}

static const struct image_set *tested_set(const struct evaluation *evaluation)
{
    return evaluation->validate > 0 ? &evaluation->data.validation : &evaluation->data.test;
}

static int check_test_shape(const struct evaluation *evaluation)
{
    const struct dataset *data = &evaluation->data;
    const normnet_config *config = &evaluation->config;

    if (data->channels == config->channels && data->height == config->height && data->width == config->width)
        return 0;
    return report_error("%s takes images of %" PRId32 " x %" PRId32 " x %" PRId32 "; the %s images are %" PRId32
                        " x %" PRId32 " x %" PRId32,
                        evaluation->path, config->channels, config->height, config->width, set_name(evaluation),
                        data->channels, data->height, data->width);
}

static int check_test_labels(const struct evaluation *evaluation)
{
    const struct image_set *set = tested_set(evaluation);

    for (int64_t i = 0; i < set->count; ++i) {
        if (set->labels[i] >= evaluation->config.classes)
            return report_error("%s has %" PRId32 " classes; the label of %s image %" PRId64 " is %d", evaluation->path,
                                evaluation->config.classes, set_name(evaluation), i, set->labels[i]);
    }
    return 0;
}

static const struct class_names *class_names_of(const struct evaluation *evaluation)
{
    return &evaluation->network_options.names;
}

/* The table of confusions grows with the square of the classes, and a file of 300 kB may have 65,536 of them. */
static int check_classes(const struct evaluation *evaluation)
{
    enum { MAX_CLASSES = 1024 };

    if (evaluation->config.classes <= MAX_CLASSES)
        return 0;
    return report_error("%s has %" PRId32 " classes; the confusions of up to %d are counted", evaluation->path,
                        evaluation->config.classes, (int)MAX_CLASSES);
}

static int open_evaluation_data(struct evaluation *evaluation)
{
    const int64_t unused = 1; /* training image, the fewest that can be opened */

    return evaluation->validate > 0
               ? dataset_open(&evaluation->data, evaluation->directory, unused, evaluation->validate)
               : dataset_open_test(&evaluation->data, evaluation->directory);
}

static int open_evaluation(struct evaluation *evaluation)
{
    int code = evaluation->json ? file_claim_take(&evaluation->claim, evaluation->json) : 0;

    if (code == 0)
        code = model_file_open(&evaluation->model, evaluation->path, MODEL_UNTRUSTED, evaluation->threads,
                               evaluation->network, evaluation->network_options.given);
    if (code == 0)
        code = model_file_use(&evaluation->model, &evaluation->use, evaluation->path);
    if (code != 0)
        return code;
    normnet_model_config(evaluation->model, &evaluation->config);
    code = check_classes(evaluation);
    if (code == 0)
        code = class_names_check(class_names_of(evaluation), evaluation->config.classes, evaluation->path);
    if (code != 0)
        return code;
    code = open_evaluation_data(evaluation);
    if (code == 0)
        code = dataset_check_distinct(&evaluation->data, "--json", evaluation->json);
    if (code == 0)
        code = results_check_written_by(evaluation->json, program_name);
    if (code == 0)
        code = check_test_shape(evaluation);
    return code == 0 ? check_test_labels(evaluation) : code;
}

static int test_shifted_copies(struct evaluation *evaluation, struct progress *progress)
{
    struct shifted_copies copies;

    int code = shifted_open(&copies, evaluation->model, evaluation->tta);
    if (code == 0)
        code = shifted_test(&evaluation->result, &copies, &evaluation->data, tested_set(evaluation), progress,
                            evaluation->path);
    shifted_close(&copies);
    return code;
}

static int run_evaluation(struct evaluation *evaluation)
{
    const size_t classes = (size_t)evaluation->config.classes;
    struct progress progress = progress_open();

    evaluation->result.confusion = calloc(classes, classes * sizeof *evaluation->result.confusion);
    if (!evaluation->result.confusion)
        return report_error("not enough memory for %zu x %zu classes", classes, classes);
    if (evaluation->tta > 0)
        return test_shifted_copies(evaluation, &progress);
    return testing_run(&evaluation->result, evaluation->model, &evaluation->data, tested_set(evaluation), &progress,
                       evaluation->path);
}

/* ---- Results ----------------------------------------------------------------------------------- */

static double total_accuracy(const struct evaluation *evaluation)
{
    return 100.0 * (double)evaluation->result.correct / (double)evaluation->result.images;
}

/* The number of images with this label for each predicted class. */
static const int64_t *confusion_row(const struct evaluation *evaluation, int32_t label)
{
    return evaluation->result.confusion + (size_t)label * (size_t)evaluation->config.classes;
}

static int64_t class_images(const struct evaluation *evaluation, int32_t label)
{
    int64_t images = 0;

    for (int32_t i = 0; i < evaluation->config.classes; ++i)
        images += confusion_row(evaluation, label)[i];
    return images;
}

/* In percent; NAN for a class without images. */
static double class_accuracy(const struct evaluation *evaluation, int32_t label)
{
    int64_t images = class_images(evaluation, label);

    return images > 0 ? 100.0 * (double)confusion_row(evaluation, label)[label] / (double)images : (double)NAN;
}

/* The label and the class that were most often confused, if there are errors. */
static void print_largest_error(const struct evaluation *evaluation)
{
    const int32_t classes = evaluation->config.classes;
    const struct class_names *names = class_names_of(evaluation);
    int64_t largest = 0;
    int32_t label = 0, taken_for = 0;

    for (int32_t i = 0; i < classes; ++i) {
        for (int32_t k = 0; k < classes; ++k) {
            if (i != k && confusion_row(evaluation, i)[k] > largest) {
                largest = confusion_row(evaluation, i)[k];
                label = i;
                taken_for = k;
            }
        }
    }
    if (largest > 0)
        printf("\nMost frequent error: %" PRId64 " of %" PRId64 " images of class %" PRId32 "%s%s taken for %" PRId32
               "%s%s\n",
               largest, class_images(evaluation, label), label, names->count > 0 ? " " : "", class_name(names, label),
               taken_for, names->count > 0 ? " " : "", class_name(names, taken_for));
}

static void print_confusion(const struct evaluation *evaluation)
{
    const struct class_names *names = class_names_of(evaluation);
    const int columns_of_names = class_names_columns(names) > 0 ? class_names_columns(names) + 1 : 0;
    const int32_t classes = evaluation->config.classes;
    const int32_t columns = classes <= MAX_COLUMNS ? classes : 0;

    if (columns > 0)
        printf("Images by label (row) and predicted class (column):\n\n");
    printf("label%*s", columns_of_names, "");
    for (int32_t i = 0; i < columns; ++i)
        printf("%7" PRId32, i);
    printf("   images  accuracy\n");
    for (int32_t label = 0; label < classes; ++label) {
        printf("%5" PRId32 "%s", label, columns_of_names > 0 ? " " : "");
        class_names_print(names, label);
        for (int32_t i = 0; i < columns; ++i)
            printf("%7" PRId64, confusion_row(evaluation, label)[i]);
        printf("  %7" PRId64, class_images(evaluation, label));
        if (class_images(evaluation, label) > 0)
            printf("  %7.2f%%\n", class_accuracy(evaluation, label));
        else
            printf("         -\n");
    }
}

static void write_test_data(struct json_writer *json, const struct dataset *data)
{
    json_begin_object(json, "data");
    json_text(json, "source", data->directory ? data->directory : DATASET_GENERATED);
    if (data->validation.count > 0)
        json_integer(json, "validation_images", data->validation.count);
    else
        json_integer(json, "test_images", data->test.count);
    json_end_object(json);
}

static void write_classes(struct json_writer *json, const struct evaluation *evaluation)
{
    json_begin_array(json, "classes");
    for (int32_t label = 0; label < evaluation->config.classes; ++label) {
        json_begin_object(json, NULL);
        json_integer(json, "class", label);
        if (class_names_of(evaluation)->count > 0)
            json_text(json, "name", class_name(class_names_of(evaluation), label));
        json_integer(json, "images", class_images(evaluation, label));
        json_integer(json, "correct", confusion_row(evaluation, label)[label]);
        json_real(json, "accuracy", class_accuracy(evaluation, label));
        json_end_object(json);
    }
    json_end_array(json);
}

static void write_confusion(struct json_writer *json, const struct evaluation *evaluation)
{
    json_begin_array(json, "confusion");
    for (int32_t label = 0; label < evaluation->config.classes; ++label) {
        json_begin_array(json, NULL);
        for (int32_t i = 0; i < evaluation->config.classes; ++i)
            json_integer(json, NULL, confusion_row(evaluation, label)[i]);
        json_end_array(json);
    }
    json_end_array(json);
}

static int write_evaluation(const struct evaluation *evaluation)
{
    struct atomic_file file;

    if (!evaluation->json)
        return 0;
    int code = atomic_file_open(&file, evaluation->json);
    if (code != 0)
        return code;
    struct json_writer json = json_open(file.stream);
    results_begin(&json, program_name);
    results_model(&json, evaluation->path, evaluation->model);
    if (evaluation->use == USE_AVERAGE)
        json_boolean(&json, "average", true);
    write_test_data(&json, &evaluation->data);
    if (evaluation->tta > 0)
        json_integer(&json, "tta", evaluation->tta);
    json_real(&json, "loss", evaluation->result.loss);
    json_real(&json, "accuracy", total_accuracy(evaluation));
    write_classes(&json, evaluation);
    write_confusion(&json, evaluation);
    json_end_object(&json);
    return atomic_file_commit(&file);
}

static void print_evaluation(const struct evaluation *evaluation)
{
    dataset_print_test(&evaluation->data);
    if (evaluation->use == USE_AVERAGE)
        printf("With the average of the weights\n\n");
    if (evaluation->tta > 0)
        printf("Probabilities are means over %" PRId64 " copies of each image, shifted by up to %" PRId64
               " pixels along x and y\n\n",
               shifted_count(evaluation->tta), evaluation->tta);
    print_confusion(evaluation);
    print_largest_error(evaluation);
    printf("\n%s loss %.4f, accuracy %.2f%%: %" PRId64 " of %" PRId64 " images\n",
           evaluation->validate > 0 ? "Validation" : "Test", evaluation->result.loss, total_accuracy(evaluation),
           evaluation->result.correct, evaluation->result.images);
}

int evaluate_command(int argc, char **argv)
{
    struct evaluation evaluation = {
        .threads = core_count(),
        .config = {.struct_size = sizeof evaluation.config},
    };

    int code = parse_evaluate(&evaluation, argc, argv);
    if (code == OPTIONS_HELP)
        return 0;
    if (code == 0)
        code = open_evaluation(&evaluation);
    if (code == 0)
        code = run_evaluation(&evaluation);
    if (code == 0)
        code = write_evaluation(&evaluation);
    if (code == 0)
        print_evaluation(&evaluation);
    free(evaluation.result.confusion);
    dataset_close(&evaluation.data);
    network_options_free(&evaluation.network_options);
    normnet_model_destroy(evaluation.model);
    file_claim_release(&evaluation.claim);
    return code;
}
