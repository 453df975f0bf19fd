/* SPDX-License-Identifier: MIT */
#include "commands/predict.h"

#include "commands/network_options.h"
#include "data/image_files.h"
#include "support/atomic_file.h"
#include "support/file_claim.h"
#include "support/file_system.h"
#include "support/interrupt.h"
#include "support/json.h"
#include "support/machine.h"
#include "support/minmax.h"
#include "support/options.h"
#include "support/report.h"
#include "support/text.h"
#include "support/utf8_text.h"
#include "training/model_file.h"
#include "training/results.h"
#include "training/shifted_copies.h"

#include <inttypes.h>
#include <normnet.h>
#include <stdlib.h>
#include <string.h>

enum {
    CHUNK = SHIFTED_CHUNK, /* images per call of the library */
    DEFAULT_COUNT = 100,   /* images of an IDX file without --count */
    MAX_COLUMNS = 20,      /* with more classes, only the most probable one is printed */
    MAX_NAME_WIDTH = 60
};

static const char program_name[] = "normnet-mnist predict";

static const struct help predict_help = {
    .introduction = "Usage: normnet-mnist predict --model FILE [OPTION]... IMAGE...\n"
                    "\n"
                    "Prints the most probable class of each image and the probabilities of all\n"
                    "classes. Defaults are in [brackets].\n",
    .examples = "Examples:\n"
                "  normnet-mnist predict --model digits.ckpt seven.png three.pgm\n"
                "  scan | normnet-mnist predict --model digits.ckpt --fit mnist -\n"
                "  normnet-mnist predict --model digits.ckpt t10k-images-idx3-ubyte --count 10\n"
                "  normnet-mnist predict --model digits.ckpt t10k-images-idx3-ubyte:42\n"
                "  normnet-mnist predict --model fashion.ckpt --classes names.txt boot.png\n",
};

struct prediction {
    const char *path, *json;
    int64_t threads, first, max_count, tta;
    struct file_arguments arguments;
    bool count_given, first_given;
    int32_t fit, invert; /* enum fit, enum invert */
    int32_t use;         /* enum use */

    struct file_claim claim; /* of the file of --json */
    struct network_options network_options;
    const normnet_config *network; /* NULL = the model's file says it */

    normnet_model *model;
    normnet_config config;
    struct image_files images;
    int name_width;

    /* Of one chunk of images. */
    float *scores;
    int32_t classes[CHUNK];
    struct shifted_copies copies; /* with --tta */
};

static int parse_predict(struct prediction *prediction, int argc, char **argv)
{
    const struct option list[] = {
        {.kind = OPTION_HEADING, .name = "Arguments"},
        {.kind = OPTION_FILES,
         .name = "IMAGE...",
         .help =
             "A PNG, PBM, PGM or PPM picture, or a file of several images: IDX, NumPy's .npy, a CSV table or several "
             "PGM in one file. It may be packed with gzip, or lie in a zip archive: ARCHIVE/FILE. FILE:INDEX is one "
             "image "
             "of several, counted from 0; - is standard input.",
         .target.files = &prediction->arguments},
        {.kind = OPTION_HEADING, .name = "Options"},
        {OPTION_TEXT, "--model", "FILE", "A checkpoint or a file of weights. Required.",
         .target.text = &prediction->path},
        {OPTION_CHOICE, "--use", "WHICH", model_file_use_help, .target.choice = &prediction->use,
         .choices = model_file_use_names},
        {OPTION_INTEGER, "--first", "N", "The first image to use of a file of several. [0]",
         .target.integer = &prediction->first, .max = 1e9},
        {OPTION_INTEGER, "--count", "N", "The maximum number of images to use of a file of several. [100]",
         .target.integer = &prediction->max_count, .min = 1, .max = 1e9},
        {OPTION_CHOICE, "--fit", "HOW",
         "How pictures get the model's size: mnist (the digit is cut out, scaled and centred as MNIST's makers did, "
         "also "
         "in pictures of the right size), stretch (scaled), none (another size is an error) or auto (mnist for other "
         "sizes; stretch for models of colours). [auto]",
         .target.choice = &prediction->fit, .choices = fit_names},
        {OPTION_CHOICE, "--invert", "WHEN",
         "Whether dark and bright are exchanged: yes, no or auto (if the border is bright and the training images were "
         "mostly dark, or the other way round). [auto]",
         .target.choice = &prediction->invert, .choices = invert_names},
        {OPTION_INTEGER, "--tta", "N",
         "Test-time augmentation: average the probabilities over the copies of an image that are shifted by -N to N "
         "whole pixels along x and y, (2N+1)^2 in all. A shift by x and y has the weight (N+1-|x|)(N+1-|y|)/(N+1)^4; "
         "the pixels of the border are repeated outside. [0: only the image itself]",
         .target.integer = &prediction->tta, .max = SHIFTED_MAX_RADIUS},
        {OPTION_INTEGER, "--threads", "N", "Threads. The results do not depend on their number. [one per core]",
         .target.integer = &prediction->threads, .min = 1, .max = 1024},
        {OPTION_TEXT, "--json", "FILE",
         "Write the results to a JSON file, with the probabilities of all classes. An older file is replaced if this "
         "command wrote it.",
         .target.text = &prediction->json},
    };
    enum { OPTIONS = sizeof list / sizeof list[0] };
    struct option options[OPTIONS + NETWORK_OPTIONS];
    memcpy(options, list, sizeof list);
    const int count = OPTIONS + network_options_list(options + OPTIONS, &prediction->network_options, true);

    int code = options_run(options, count, &predict_help, argc, argv);
    if (code == OPTIONS_HELP)
        return code;
    prediction->first_given = options_given(options, count, "--first");
    prediction->count_given = options_given(options, count, "--count");
    if (code == 0 && !prediction->path)
        return report_usage("--model FILE is missing");
    if (code == 0 && prediction->arguments.count == 0)
        return report_usage("an image is missing, e.g. seven.pgm");
    if (code == 0)
        code = network_options_read(&prediction->network_options, options, count, &prediction->network);
    return code == 0 ? options_check_distinct(options, count, "--model", "--json") : code;
}

/* The file that an image is from; free() it. NULL without memory. */
static char *image_path(const struct image_name *name)
{
    return text_of("%.*s", name->path_length, name->path);
}

/* ---- Model and images -------------------------------------------------------------------------- */

static int open_prediction_model(struct prediction *prediction)
{
    normnet_config *config = &prediction->config;

    int code = model_file_open(&prediction->model, prediction->path, MODEL_UNTRUSTED, prediction->threads,
                               prediction->network, prediction->network_options.given);
    if (code == 0)
        code = model_file_use(&prediction->model, &prediction->use, prediction->path);
    if (code != 0)
        return code;
    normnet_model_config(prediction->model, config);
    code = class_names_check(&prediction->network_options.names, config->classes, prediction->path);
    if (code != 0)
        return code;
    prediction->scores = malloc(CHUNK * (size_t)config->classes * sizeof *prediction->scores);
    if (!prediction->scores)
        return report_error("not enough memory for %" PRId32 " classes", config->classes);
    if (prediction->tta > 0) {
        const int code_of_copies = shifted_open(&prediction->copies, prediction->model, prediction->tta);
        if (code_of_copies != 0)
            return code_of_copies;
    }
    if (prediction->fit == FIT_MNIST && config->channels != 1)
        return report_usage("--fit mnist is for models with one channel; %s has %" PRId32, prediction->path,
                            config->channels);
    prediction->images = (struct image_files){
        .target = {config->channels, config->height, config->width, config->input_mean ? config->input_mean[0] : 0,
                   (enum fit)prediction->fit, (enum invert)prediction->invert},
        .first = prediction->first,
        .max_count = prediction->max_count,
    };
    return 0;
}

static int open_prediction_images(struct prediction *prediction)
{
    int code = 0;

    for (int i = 0; i < prediction->arguments.count && code == 0; ++i)
        code = image_files_add(&prediction->images, prediction->arguments.names[i]);
    if (code == 0 && prediction->images.several == 0 && (prediction->first_given || prediction->count_given))
        return report_usage("%s has no effect without a file of several images",
                            prediction->first_given ? "--first" : "--count");
    return code;
}

/* The JSON file must not replace an image. */
static int check_json_target(struct prediction *prediction)
{
    const struct image_files *images = &prediction->images;

    for (int64_t i = 0; i < images->count && prediction->json; ++i) {
        const struct image_name *name = &images->names[i];

        if (i > 0 && name->path == images->names[i - 1].path)
            continue; /* another image of the same file */
        char *path = image_path(name), *holder = path ? file_holder(path) : NULL;
        const bool same = holder && (strcmp(path, STANDARD_INPUT) == 0 ? file_is_input(prediction->json)
                                                                       : file_same(holder, prediction->json));
        free(holder);
        free(path);
        if (same)
            return report_usage("--json names %s, one of the images", prediction->json);
    }
    int code = prediction->json ? file_claim_take(&prediction->claim, prediction->json) : 0;
    return code == 0 ? results_check_written_by(prediction->json, program_name) : code;
}

/* ---- Predictions ------------------------------------------------------------------------------- */

/* "seven.pgm" or "images:42", printable; free() it. NULL without memory. */
static char *image_name_text(const struct image_name *name)
{
    char *text =
        name->index < 0 ? image_path(name) : text_of("%.*s:%" PRId64, name->path_length, name->path, name->index);

    if (text)
        text_make_printable(text);
    return text;
}

static int32_t class_columns(const struct prediction *prediction)
{
    return prediction->config.classes <= MAX_COLUMNS ? prediction->config.classes : 0;
}

/* After the number of a class: a space and its name. */
static int columns_of_names(const struct prediction *prediction)
{
    const int columns = class_names_columns(&prediction->network_options.names);

    return columns > 0 ? columns + 1 : 0;
}

static void print_table_head(struct prediction *prediction)
{
    int width = (int)strlen("image");

    for (int64_t i = 0; i < prediction->images.count; ++i) {
        char *name = image_name_text(&prediction->images.names[i]);
        const int columns = name ? utf8_columns(name) : 0;

        if (columns > width)
            width = columns < MAX_NAME_WIDTH ? columns : MAX_NAME_WIDTH;
        free(name);
    }
    prediction->name_width = width;
    if (class_columns(prediction) > 0)
        printf("Probabilities are in percent; the last columns are the classes.\n\n");
    printf("%-*s  class%*s  probability ", prediction->name_width, "image", columns_of_names(prediction), "");
    for (int32_t i = 0; i < class_columns(prediction); ++i)
        printf("%7" PRId32, i);
    printf("\n");
}

static int print_row(const struct prediction *prediction, const struct image_name *name, int32_t class,
                     const float *scores)
{
    char *text = image_name_text(name);

    if (!text)
        return report_error("not enough memory");
    printf("%s%*s  %5" PRId32 "%s", text, utf8_blanks(text, prediction->name_width), "", class,
           columns_of_names(prediction) > 0 ? " " : "");
    class_names_print(&prediction->network_options.names, class);
    printf("  %11.2f ", 100.0 * (double)scores[class]);
    for (int32_t i = 0; i < class_columns(prediction); ++i)
        printf("%7.2f", 100.0 * (double)scores[i]);
    printf("\n");
    free(text);
    return 0;
}

static int write_row(const struct prediction *prediction, struct json_writer *json, const struct image_name *name,
                     int32_t class, const float *scores)
{
    char *path = image_path(name);

    if (!path)
        return report_error("not enough memory");
    json_begin_object(json, NULL);
    json_text(json, "file", path);
    if (name->index >= 0)
        json_integer(json, "index", name->index);
    json_integer(json, "class", class);
    if (prediction->network_options.names.count > 0)
        json_text(json, "name", class_name(&prediction->network_options.names, class));
    json_real(json, "probability", (double)scores[class]);
    json_text(json, "fit", fit_names[name->fit]);
    json_boolean(json, "inverted", name->inverted);
    json_begin_array(json, "probabilities");
    for (int32_t i = 0; i < prediction->config.classes; ++i)
        json_real(json, NULL, (double)scores[i]);
    json_end_array(json);
    json_end_object(json);
    free(path);
    return 0;
}

/* The same for the means over shifted copies. */
static int predict_shifted_chunk(struct prediction *prediction, const uint8_t *images, int64_t count)
{
    const int code = shifted_predict(&prediction->copies, images, count, prediction->path);

    for (int64_t i = 0; i < count * prediction->config.classes && code == 0; ++i)
        prediction->scores[i] = (float)prediction->copies.probabilities[i];
    for (int64_t i = 0; i < count && code == 0; ++i)
        prediction->classes[i] = shifted_class(&prediction->copies, i);
    return code;
}

/* Computes scores and classes of `count` images, beginning with image `first`. */
static int predict_chunk(struct prediction *prediction, int64_t first, int64_t count)
{
    const normnet_config *config = &prediction->config;
    const int64_t shape[4] = {count, config->channels, config->height, config->width};
    const uint8_t *pixels = prediction->images.pixels + (size_t)first * image_files_bytes(&prediction->images);
    normnet_tensor images, scores, classes;

    if (prediction->tta > 0)
        return predict_shifted_chunk(prediction, pixels, count);
    normnet_tensor_init(&images, NORMNET_U8, pixels, 4, shape);
    normnet_tensor_init(&scores, NORMNET_F32, prediction->scores, 2, (const int64_t[]){count, config->classes});
    normnet_tensor_init(&classes, NORMNET_I32, prediction->classes, 1, &count);
    if (normnet_predict(prediction->model, &images, &scores, &classes, NULL) != NORMNET_OK)
        return report_error("%s: %s", prediction->path, normnet_error_message());
    return 0;
}

/* Prints the predictions, and writes them to `json` unless it is NULL. */
static int predict_images(struct prediction *prediction, struct json_writer *json)
{
    const struct image_files *images = &prediction->images;
    int code = 0;

    for (int64_t i = 0; i < images->count && code == 0; ++i) {
        const int64_t place = i % CHUNK;
        const float *scores = prediction->scores + (size_t)place * (size_t)prediction->config.classes;

        if (place == 0)
            code = predict_chunk(prediction, i, int64_min(images->count - i, CHUNK));
        if (code == 0)
            code = print_row(prediction, &images->names[i], prediction->classes[place], scores);
        if (code == 0 && json)
            code = write_row(prediction, json, &images->names[i], prediction->classes[place], scores);
    }
    return code;
}

static int predict_to_json(struct prediction *prediction)
{
    struct atomic_file file;

    int code = atomic_file_open(&file, prediction->json);
    if (code != 0)
        return code;
    struct json_writer json = json_open(file.stream);
    results_begin(&json, program_name);
    results_model(&json, prediction->path, prediction->model);
    if (prediction->use == USE_AVERAGE)
        json_boolean(&json, "average", true);
    if (prediction->tta > 0)
        json_integer(&json, "tta", prediction->tta);
    json_begin_array(&json, "images");
    code = predict_images(prediction, &json);
    json_end_array(&json);
    json_end_object(&json);
    if (code == 0)
        return atomic_file_commit(&file);
    atomic_file_discard(&file);
    return code;
}

static int run_prediction(struct prediction *prediction)
{
    for (int64_t i = 0; i < prediction->images.note_count; ++i)
        print_name("", prediction->images.notes[i], i + 1 < prediction->images.note_count ? "\n" : "\n\n");
    print_table_head(prediction);
    int code = prediction->json ? predict_to_json(prediction) : predict_images(prediction, NULL);
    if (code == 0 && prediction->images.left_out > 0 && !prediction->count_given)
        printf("\nLeft out: %" PRId64 " more images; set --count to see them\n", prediction->images.left_out);
    return code;
}

int predict_command(int argc, char **argv)
{
    struct prediction prediction = {
        .threads = core_count(),
        .max_count = DEFAULT_COUNT,
        .config = {.struct_size = sizeof prediction.config},
    };

    int code = parse_predict(&prediction, argc, argv);
    if (code == OPTIONS_HELP)
        return 0;
    if (code == 0)
        code = open_prediction_model(&prediction);
    if (code == 0)
        code = open_prediction_images(&prediction);
    if (code == 0)
        code = check_json_target(&prediction);
    if (prediction.json)
        interrupt_ignore_pipe();
    if (code == 0)
        code = run_prediction(&prediction);
    image_files_free(&prediction.images);
    shifted_close(&prediction.copies);
    free(prediction.scores);
    network_options_free(&prediction.network_options);
    normnet_model_destroy(prediction.model);
    file_claim_release(&prediction.claim);
    return code;
}
