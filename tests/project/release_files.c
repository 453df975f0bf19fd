/* SPDX-License-Identifier: MIT */
/*
 * The files of a release: release_files --write FOLDER writes a checkpoint and a file of weights; release_files FOLDER
 * loads them. Both print what the models predict and how the checkpoint's training goes on, bit for bit. Compiled with
 * the header of the release.
 */
#include <normnet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { IMAGES = 24, SIDE = 12, CLASSES = 3 };

static unsigned char pixels[IMAGES][SIDE][SIDE], digits[IMAGES];
static const int64_t image_shape[4] = {IMAGES, 1, SIDE, SIDE}, label_shape[1] = {IMAGES};

static void require(normnet_status status)
{
    if (status != NORMNET_OK) {
        fprintf(stderr, "error: %s\n", normnet_error_message());
        exit(EXIT_FAILURE);
    }
}

static void train(normnet_model *model, int steps)
{
    normnet_tensor images, labels;

    normnet_tensor_init(&images, NORMNET_U8, pixels, 4, image_shape);
    normnet_tensor_init(&labels, NORMNET_U8, digits, 1, label_shape);
    for (int step = 0; step < steps; ++step)
        require(normnet_train_step(model, &images, &labels, NULL));
}

static void print_logits(const char *name, normnet_model *model)
{
    const int64_t score_shape[2] = {IMAGES, CLASSES};
    float logits[IMAGES * CLASSES];
    normnet_predict_options options;
    normnet_tensor images, scores;

    normnet_predict_options_init(&options);
    options.scores = NORMNET_SCORES_LOGITS;
    normnet_tensor_init(&images, NORMNET_U8, pixels, 4, image_shape);
    normnet_tensor_init(&scores, NORMNET_F32, logits, 2, score_shape);
    require(normnet_predict(model, &images, &scores, NULL, &options));
    for (int i = 0; i < IMAGES * CLASSES; ++i) {
        uint32_t bits;

        memcpy(&bits, &logits[i], sizeof bits);
        printf("%s %d %08lx\n", name, i, (unsigned long)bits);
    }
}

/* Trains a model with all kinds of state: running statistics, momentum, dropout and an average. */
static void write_files(const char *checkpoint, const char *weights)
{
    normnet_save_options options;
    normnet_config config;
    normnet_model *model = NULL;

    require(normnet_config_init(&config, NORMNET_NORM_BATCH));
    config.height = config.width = SIDE;
    config.classes = CLASSES;
    config.architecture = "conv3-6p1 norm leakyrelu0.1 maxpool2 conv3-8s2b groupnorm2 relu dropout0.2 flatten fc-3b";
    config.schedule = NORMNET_SCHEDULE_ONE_CYCLE;
    config.total_steps = 40;
    config.l2 = 1e-4;
    config.average_decay = 0.9;
    require(normnet_model_create(&model, &config));
    train(model, 20);
    normnet_save_options_init(&options);
    options.note = "a release";
    require(normnet_model_save(model, checkpoint, &options));
    options.kind = NORMNET_FILE_WEIGHTS;
    require(normnet_model_save(model, weights, &options));
    normnet_model_destroy(model);
}

int main(int argc, char **argv)
{
    char checkpoint[1024], weights[1024];
    normnet_model *model = NULL;
    const char *folder = argv[argc - 1];

    if (argc != 2 && !(argc == 3 && strcmp(argv[1], "--write") == 0)) {
        fprintf(stderr, "usage: release_files [--write] FOLDER\n");
        return 2;
    }
    for (int i = 0; i < IMAGES; ++i) {
        digits[i] = (unsigned char)(i % CLASSES);
        for (int j = 0; j < SIDE * SIDE; ++j)
            pixels[i][j / SIDE][j % SIDE] = (unsigned char)((i * 7919 + j * 104729) % 251 / (1 + i % CLASSES));
    }
    snprintf(checkpoint, sizeof checkpoint, "%s/checkpoint.safetensors", folder);
    snprintf(weights, sizeof weights, "%s/weights.safetensors", folder);
    if (argc == 3)
        write_files(checkpoint, weights);

    require(normnet_model_load(&model, weights, NULL));
    print_logits("weights", model);
    normnet_model_destroy(model);
    model = NULL;
    require(normnet_model_load(&model, checkpoint, NULL));
    print_logits("checkpoint", model);
    train(model, 20);
    print_logits("continued", model);
    normnet_model_destroy(model);
    return EXIT_SUCCESS;
}
