/* SPDX-License-Identifier: MIT */
/*
 * A program that passes every public struct to the library, for libraries of other versions. It prints what it was
 * told, in digits that show every bit. Compiled with -DNEWER, its header has fields and a function that the library
 * may not have: each struct ends with `planted`.
 */
#include <inttypes.h>
#include <normnet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { IMAGES = 20, GUARD = 64 };

#ifdef NEWER
#pragma weak normnet_planted
#define PLANTED(object) ((object).planted)
#else
#define PLANTED(object) 0
#endif

/* A struct, and behind it bytes that a library with a longer one must not touch. */
#define GUARDED(type, name)                                                                                            \
    struct {                                                                                                           \
        type value;                                                                                                    \
        unsigned char guard[GUARD];                                                                                    \
    } name;                                                                                                            \
    memset(&name, 0xa5, sizeof name)

static void need(int condition, const char *what)
{
    if (condition)
        return;
    printf("failed: %s; last message: %s\n", what, normnet_error_message());
    exit(1);
}

static void check_guard(const unsigned char *guard, const char *what)
{
    for (int i = 0; i < GUARD; ++i)
        need(guard[i] == 0xa5, what);
}

#define NEED(call) need((call) == NORMNET_OK, #call)
#define CHECK_OUTPUT(object)                                                                                           \
    do {                                                                                                               \
        check_guard((object).guard, #object " is longer than its type");                                               \
        need(PLANTED((object).value) == 0, #object " has a field of the library's future");                            \
    } while (0)

static void describe(normnet_model *model)
{
    GUARDED(normnet_config, config);
    GUARDED(normnet_layer_info, layer);
    GUARDED(normnet_state_info, state);

    normnet_layer_info_init(&layer.value);
    normnet_state_info_init(&state.value);
    NEED(normnet_config_init(&config.value, NORMNET_NORM_BATCH));
    NEED(normnet_model_config(model, &config.value));
    NEED(normnet_layer(model, 0, &layer.value));
    NEED(normnet_state(model, 0, &state.value));
    CHECK_OUTPUT(config);
    CHECK_OUTPUT(layer);
    CHECK_OUTPUT(state);
    printf("%s, %" PRId64 " parameters, %s, max_lr %a, final_div_factor %a\n", layer.value.module,
           layer.value.parameters, state.value.name, config.value.max_lr, config.value.final_div_factor);
}

#ifdef NEWER
/* A field that the library does not know is refused, in every struct that it reads. */
static void refuse(normnet_model *model, normnet_tensor *images, normnet_tensor *labels)
{
    normnet_model *other = NULL;
    normnet_config config;
    normnet_tensor tensor = *images;
    normnet_batch batch;
    normnet_predict_options options;
    normnet_save_options save_options;
    int64_t size;
    int32_t classes[IMAGES];
    const int64_t shape[] = {IMAGES};
    normnet_tensor output;

    NEED(normnet_config_init(&config, NORMNET_NORM_BATCH));
    normnet_batch_init(&batch);
    normnet_predict_options_init(&options);
    normnet_save_options_init(&save_options);
    normnet_tensor_init(&output, NORMNET_I32, classes, 1, shape);
    config.planted = tensor.planted = batch.planted = options.planted = save_options.planted = 1;
    printf("%d", normnet_model_create(&other, &config));
    printf(" %s\n", normnet_error_message());
    printf("%d", normnet_train_step(model, &tensor, labels, NULL));
    printf(" %d", normnet_compute_gradients(model, images, labels, &batch, NULL));
    printf(" %d", normnet_predict(model, images, NULL, &output, &options));
    printf(" %d\n", normnet_model_serialize(model, NULL, 0, &size, &save_options));
    printf("normnet_planted is %s\n", normnet_planted == NULL ? "missing" : "there");
}
#endif

int main(void)
{
    static unsigned char pixels[IMAGES * 28 * 28], digits[IMAGES];
    float scores[IMAGES * 10];
    const int64_t images_shape[] = {IMAGES, 1, 28, 28}, scores_shape[] = {IMAGES, 10};
    normnet_model *model = NULL;
    normnet_tensor images, labels, output;
    normnet_batch batch;
    normnet_predict_options options;
    normnet_save_options save_options;
    int64_t size = 0;
    GUARDED(normnet_config, config);
    GUARDED(normnet_metrics, metrics);

    for (int i = 0; i < IMAGES * 28 * 28; ++i)
        pixels[i] = (unsigned char)(i * 7919 / 16);
    for (int i = 0; i < IMAGES; ++i)
        digits[i] = (unsigned char)(i % 10);
    normnet_tensor_init(&images, NORMNET_U8, pixels, 4, images_shape);
    normnet_tensor_init(&labels, NORMNET_U8, digits, 1, images_shape);
    normnet_tensor_init(&output, NORMNET_F32, scores, 2, scores_shape);
    normnet_metrics_init(&metrics.value);
    normnet_batch_init(&batch);
    normnet_predict_options_init(&options);
    normnet_save_options_init(&save_options);
    NEED(normnet_config_init(&config.value, NORMNET_NORM_BATCH));
    CHECK_OUTPUT(config);
    NEED(normnet_model_create(&model, &config.value));
    NEED(normnet_compute_gradients(model, &images, &labels, &batch, &metrics.value));
    CHECK_OUTPUT(metrics);
    NEED(normnet_apply_gradients(model, IMAGES));
    NEED(normnet_train_step(model, &images, &labels, &metrics.value));
    CHECK_OUTPUT(metrics);
    NEED(normnet_predict(model, &images, &output, NULL, &options));
    NEED(normnet_model_serialize(model, NULL, 0, &size, &save_options));
    printf("loss %a, score %a, %" PRId64 " bytes\n", metrics.value.loss, (double)scores[0], size);
    describe(model);
#ifdef NEWER
    refuse(model, &images, &labels);
#endif
    normnet_model_destroy(model);
    return 0;
}
