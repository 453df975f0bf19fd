/* SPDX-License-Identifier: MIT */
/* Trains a network to tell vertical bars from horizontal ones, then tests it on new images. */
#include <normnet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 100, STEPS = 200, SIDE = 28 };
enum { VERTICAL, HORIZONTAL, CLASSES };

static unsigned char images[BATCH][SIDE][SIDE];
static unsigned char labels[BATCH];
static unsigned char predictions[BATCH];

/* Fills `images` with noise and one brighter bar each, 5 pixels wide, and `labels` with its direction. */
static void draw_bars(void)
{
    for (int i = 0; i < BATCH; ++i) {
        int middle = rand() % SIDE;

        labels[i] = (unsigned char)(rand() % CLASSES);
        for (int y = 0; y < SIDE; ++y) {
            for (int x = 0; x < SIDE; ++x) {
                int position = labels[i] == VERTICAL ? x : y;
                int brightness = rand() % 128;

                if (abs(position - middle) <= 2)
                    brightness += 127;
                images[i][y][x] = (unsigned char)brightness;
            }
        }
    }
}

static int count_correct(void)
{
    int correct = 0;

    for (int i = 0; i < BATCH; ++i) {
        if (predictions[i] == labels[i])
            ++correct;
    }
    return correct;
}

int main(int argc, char **argv)
{
    const int64_t image_shape[4] = {BATCH, 1, SIDE, SIDE}; /* images, channels, height, width */
    const int64_t label_shape[1] = {BATCH};
    normnet_tensor image_tensor, label_tensor, prediction_tensor;
    normnet_config config;
    normnet_model *model = NULL;
    normnet_status status;

    if (argc > 1) {
        printf("usage: train [-h | --help]\n");
        return strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "--help") == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
    }

    /* A tensor describes the program's own memory; nothing is copied here. */
    normnet_tensor_init(&image_tensor, NORMNET_U8, images, 4, image_shape);
    normnet_tensor_init(&label_tensor, NORMNET_U8, labels, 1, label_shape);
    normnet_tensor_init(&prediction_tensor, NORMNET_U8, predictions, 1, label_shape);

    status = normnet_config_init(&config, NORMNET_NORM_GROUP);
    if (status != NORMNET_OK)
        goto done;
    config.classes = CLASSES;
    config.architecture = "conv3-8 norm relu maxpool2 conv3-8 norm relu gap conv1-2";
    status = normnet_model_create(&model, &config);
    if (status != NORMNET_OK)
        goto done;

    for (int step = 0; step < STEPS; ++step) {
        draw_bars();
        status = normnet_train_step(model, &image_tensor, &label_tensor, NULL);
        if (status != NORMNET_OK)
            goto done;
    }

    draw_bars();
    status = normnet_predict(model, &image_tensor, NULL, &prediction_tensor, NULL);
    if (status != NORMNET_OK)
        goto done;
    printf("%d of %d new images recognized\n", count_correct(), BATCH);

done:
    if (status != NORMNET_OK)
        fprintf(stderr, "error: %s\n", normnet_error_message());
    normnet_model_destroy(model);
    return status == NORMNET_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
