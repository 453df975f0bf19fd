/* SPDX-License-Identifier: MIT */
/* A program that uses the library, in C and in C++: trains a step, predicts, and prints the library's version. */
#include <normnet.h>
#include <stdio.h>

int main(void)
{
    static unsigned char pixels[20 * 28 * 28], digits[20];
    float scores[20 * 10];
    const int64_t images_shape[] = {20, 1, 28, 28}, scores_shape[] = {20, 10};
    normnet_config config;
    normnet_model *model = NULL;
    normnet_tensor images, labels, output;

    for (int i = 0; i < 20 * 28 * 28; ++i)
        pixels[i] = (unsigned char)(i * 7919 / 16);
    normnet_tensor_init(&images, NORMNET_U8, pixels, 4, images_shape);
    normnet_tensor_init(&labels, NORMNET_U8, digits, 1, images_shape);
    normnet_tensor_init(&output, NORMNET_F32, scores, 2, scores_shape);
    if (normnet_config_init(&config, NORMNET_NORM_BATCH) != NORMNET_OK)
        return 1;
    config.threads = 2;
    if (normnet_model_create(&model, &config) != NORMNET_OK ||
        normnet_train_step(model, &images, &labels, NULL) != NORMNET_OK ||
        normnet_predict(model, &images, &output, NULL, NULL) != NORMNET_OK) {
        fprintf(stderr, "%s\n", normnet_error_message());
        return 1;
    }
    normnet_model_destroy(model);
    printf("normnet %s\n", normnet_version());
    return 0;
}
