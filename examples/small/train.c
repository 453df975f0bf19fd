/* SPDX-License-Identifier: MIT */
/* Learns to tell upright bars from flat ones: cc train.c $(pkg-config --cflags --libs normnet) && ./a.out */
#include <normnet.h>
#include <stdio.h>
#include <stdlib.h>

enum { BATCH = 100, STEPS = 200, SIDE = 28, PIXELS = SIDE * SIDE };
static unsigned char images[BATCH][PIXELS], labels[BATCH], classes[BATCH];

static void draw_bars(void) /* anywhere in the image, brighter than the noise around them */
{
    for (int i = 0; i < BATCH; ++i) {
        int middle = rand() % SIDE, flat = labels[i] = rand() & 1;
        for (int p = 0; p < PIXELS; ++p)
            images[i][p] = (unsigned char)(rand() % 128 + (abs((flat ? p / SIDE : p % SIDE) - middle) < 3 ? 127 : 0));
    }
}
int main(void)
{
    normnet_model *model = NULL;
    normnet_config config;
    normnet_tensor x, y, predicted;
    int correct = 0;
    normnet_tensor_init(&x, NORMNET_U8, images, 4, (const int64_t[]){BATCH, 1, SIDE, SIDE});
    normnet_tensor_init(&y, NORMNET_U8, labels, 1, (const int64_t[]){BATCH});
    normnet_tensor_init(&predicted, NORMNET_U8, classes, 1, (const int64_t[]){BATCH});
    normnet_config_init(&config, NORMNET_NORM_GROUP);
    config.classes = 2;
    config.architecture = "conv3-8 norm relu maxpool2 conv3-8 norm relu gap conv1-2";
    normnet_status status = normnet_model_create(&model, &config);
    draw_bars();
    for (int step = 0; status == NORMNET_OK && step < STEPS; ++step, draw_bars())
        status = normnet_train_step(model, &x, &y, NULL);
    if (status != NORMNET_OK || normnet_predict(model, &x, NULL, &predicted, NULL) != NORMNET_OK)
        return puts(normnet_error_message()), 1;
    for (int i = 0; i < BATCH; ++i)
        correct += classes[i] == labels[i];
    printf("%d of %d new images recognized\n", correct, BATCH);
    normnet_model_destroy(model);
}
