/* SPDX-License-Identifier: MIT */
/*
 * The masks of dropout, for the reference. They are not in the API, but depend only on the seed, the layer's index, the
 * step, the image's index in its batch and the place of a value in its image. So another model shows them: one in which
 * nothing but a fully connected layer follows the dropout. Of an image of ones, the gradient of a weight is 0 where the
 * value was dropped.
 */
#ifndef PARITY_DROPOUT_H
#define PARITY_DROPOUT_H

#include "parity_bench.h"

/* A model of the layer's input with dropout at the same index, on the step of the bench. */
static inline normnet_model *create_probe(const struct parity_bench *bench, int index)
{
    const struct reference_layer *layer = &bench->network->layers[index];
    normnet_config config;
    char text[512] = "";
    size_t length = 0;

    for (int i = 0; i < index; ++i) /* does nothing to ones */
        length += (size_t)snprintf(text + length, sizeof text - length, "relu ");
    snprintf(text + length, sizeof text - length, "dropout flatten fc-2");
    CHECK_OK(normnet_config_init(&config, NORMNET_NORM_NONE));
    config.channels = layer->in.channels;
    config.height = layer->in.height;
    config.width = layer->in.width;
    config.classes = 2;
    config.seed = bench->config.seed;
    config.lr = 0;
    config.dropout = layer->probability;
    config.architecture = text;
    return CHECK_CREATE(&config);
}

static inline void read_mask(normnet_model *probe, const normnet_tensor *image, int index, unsigned char *mask,
                             int count)
{
    static const uint8_t zero = 0;
    const normnet_tensor label = tensor_1d(NORMNET_U8, &zero, 1);
    normnet_batch batch;
    double *gradient = NULL;

    normnet_batch_init(&batch);
    batch.first_sample = index;
    batch.images_in_all = index + 1;
    CHECK_OK(normnet_compute_gradients(probe, image, &label, &batch, NULL));
    if (CHECK_OK(normnet_gradients(probe, &gradient, NULL))) {
        for (int k = 0; k < count; ++k)
            mask[k] = gradient[k] != 0;
    }
    CHECK_OK(normnet_discard_gradients(probe));
}

/* The masks of one layer in the next step of the bench. */
static inline void draw_layer_masks(struct parity_bench *bench, int index)
{
    const struct reference_layer *layer = &bench->network->layers[index];
    const int count = reference_count(layer->in);
    const int64_t shape[] = {1, layer->in.channels, layer->in.height, layer->in.width};
    float *ones = check_allocate((size_t)count, sizeof *ones);
    normnet_model *probe = create_probe(bench, index);
    normnet_tensor image;
    const uint8_t zero = 0;
    const normnet_tensor label = tensor_1d(NORMNET_U8, &zero, 1);

    for (int k = 0; k < count; ++k)
        ones[k] = 1;
    normnet_tensor_init(&image, NORMNET_F32, ones, 4, shape);
    for (int64_t i = 0; i < bench->trainer->step && probe != NULL; ++i)
        CHECK_OK(normnet_train_step(probe, &image, &label, NULL));
    for (int n = 0; n < bench->images && probe != NULL; ++n)
        read_mask(probe, &image, n, bench->pass->masks[index] + n * count, count);
    memcpy(bench->moved->masks[index], bench->pass->masks[index], (size_t)(bench->images * count));
    normnet_model_destroy(probe);
    free(ones);
}

static inline void draw_masks(struct parity_bench *bench)
{
    for (int i = 0; i < bench->network->layer_count; ++i) {
        const struct reference_layer *layer = &bench->network->layers[i];

        if (layer->kind == REFERENCE_DROPOUT && reference_dropout_share(layer->probability) > 0)
            draw_layer_masks(bench, i);
    }
}

#endif
