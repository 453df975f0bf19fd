/* SPDX-License-Identifier: MIT */
/* Golden values through the public API: SGD, penalty, clipping and learning rate. */
#include "golden_networks.h"

/* ---- Optimization ----------------------------------------------------------------------------- */

/* A model of `count` weights that start at the given values; an image of one pixel. */
static normnet_model *weights_only(normnet_config *config, const float *values, int count)
{
    normnet_model *model;

    config->architecture = count == 2 ? "flatten fc-2" : "flatten fc-3";
    config->height = config->width = 1;
    config->classes = count;
    model = CHECK_CREATE(config);
    CHECK_OK(normnet_set_parameters(model, values, count));
    return model;
}

/* One step with gradients of the caller's choice, for a batch of four images. */
static void step_with(normnet_model *model, const double *chosen, int count)
{
    const float pixels[4] = {1, 1, 1, 1};
    const uint8_t label[4] = {0};
    const int64_t shape[] = {4, 1, 1, 1};
    normnet_tensor images, labels = tensor_1d(NORMNET_U8, label, 4);
    double *gradient = NULL;

    normnet_tensor_init(&images, NORMNET_F32, pixels, 4, shape);
    CHECK_OK(normnet_compute_gradients(model, &images, &labels, NULL, NULL));
    CHECK_OK(normnet_gradients(model, &gradient, NULL));
    for (int i = 0; i < count && gradient != NULL; ++i)
        gradient[i] = 4 * chosen[i];
    CHECK_OK(normnet_apply_gradients(model, 4));
}

static void golden_descent(const void *argument)
{
    const struct golden_sgd *golden = argument;
    const float start[] = {1, 1};
    normnet_config config;
    normnet_model *model;

    CHECK_OK(normnet_config_init(&config, NORMNET_NORM_NONE));
    config.lr = golden_sgd_lr;
    config.momentum = golden->momentum;
    config.l2 = golden->l2;
    config.dampening = golden->dampening;
    config.nesterov = golden->nesterov;
    model = weights_only(&config, start, 2);
    for (int i = 0; i < GOLDEN_SGD_STEPS; ++i) {
        const double gradient[] = {golden_sgd_gradient[i], golden_sgd_gradient[i]};

        step_with(model, gradient, 2);
        CHECK_CLOSE(((const float *)state_info(model, 0).data)[0], golden->parameter[i], (i + 1) * 6e-8);
        CHECK_CLOSE(((const float *)state_info(model, 0).data)[1], golden->parameter[i], (i + 1) * 6e-8);
    }
    normnet_model_destroy(model);
}

static void golden_l1(const void *argument)
{
    const float start[] = {0.5f, -0.25f, 0}, pixel = 1;
    const double nothing[3] = {0}, expected[] = {0.49, -0.24, 0};
    const uint8_t label = 0;
    normnet_config config;
    normnet_tensor images, labels = tensor_1d(NORMNET_U8, &label, 1);
    normnet_metrics metrics = metrics_init();
    normnet_model *model;

    (void)argument;
    CHECK_OK(normnet_config_init(&config, NORMNET_NORM_NONE));
    config.lr = 1;
    config.momentum = 0;
    config.l1 = golden_l1_factor;
    model = weights_only(&config, start, 3);
    images = tensor_images(NORMNET_F32, &pixel, 1, &config);
    step_with(model, nothing, 3);
    compare_values("parameters", state_info(model, 0).data, expected, 3, float_error);
    CHECK_OK(normnet_set_parameters(model, start, 3));
    CHECK_OK(normnet_train_step(model, &images, &labels, &metrics));
    CHECK_CLOSE(metrics.penalty, golden_l1_penalty, 1e-15);
    CHECK_EQUAL(metrics.step, 2);
    normnet_model_destroy(model);
}

/* Gradients of (3, -4) and the penalty of nothing have length 5. */
static void clipping(const void *argument)
{
    const float start[] = {1, 1};
    const double gradient[] = {3, -4}, clipped[] = {1 - 0.3, 1 + 0.4}, whole[] = {1 - 3, 1 + 4};
    normnet_config config;
    normnet_model *model;

    (void)argument;
    CHECK_OK(normnet_config_init(&config, NORMNET_NORM_NONE));
    config.lr = 1;
    config.momentum = 0;
    config.clip_norm = 0.5;
    model = weights_only(&config, start, 2);
    step_with(model, gradient, 2);
    compare_values("clipped", state_info(model, 0).data, clipped, 2, 1e-6);
    normnet_model_destroy(model);
    config.clip_norm = 5.5;
    model = weights_only(&config, start, 2);
    step_with(model, gradient, 2);
    compare_values("not clipped", state_info(model, 0).data, whole, 2, float_error);
    normnet_model_destroy(model);
}

static void learning_rate(const void *argument)
{
    const float start[] = {1, 1};
    const double gradient[] = {1, 1};
    normnet_config config, now;
    normnet_model *model;

    (void)argument;
    CHECK_OK(normnet_config_init(&config, NORMNET_NORM_NONE));
    config.lr = 0.5;
    config.momentum = 0.5;
    model = weights_only(&config, start, 2);
    step_with(model, gradient, 2); /* buffer 1 */
    CHECK_OK(normnet_set_learning_rate(model, 0.25, 0.75));
    step_with(model, gradient, 2); /* buffer 1.75 */
    CHECK_CLOSE(((const float *)state_info(model, 0).data)[0], 1 - 0.5 - 0.25 * 1.75, 0);
    memset(&now, 0, sizeof now);
    now.struct_size = (int32_t)sizeof now;
    CHECK_OK(normnet_model_config(model, &now));
    CHECK_CLOSE(now.lr, 0.25, 0);
    CHECK_CLOSE(now.momentum, 0.75, 0);
    normnet_model_destroy(model);
}

int main(int argc, char **argv)
{
    if (!check_begin(argc, argv))
        return check_end();
    for (int i = 0; i < CHECK_COUNT(golden_sgds); ++i)
        check_case_named(golden_descent, &golden_sgds[i], "descent %d", i);
    check_case("l1", golden_l1, NULL);
    check_case("clipping", clipping, NULL);
    check_case("learning rate", learning_rate, NULL);
    return check_end();
}
