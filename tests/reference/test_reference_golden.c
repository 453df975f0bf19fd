/* SPDX-License-Identifier: MIT */
/* The reference against the golden values. This program does not use the library. */
#include "golden.h"
#include "harness/check.h"
#include "reference.h"

/* ---- Golden values ---------------------------------------------------------------------------- */

static void compare_values(const char *what, const double *values, const double *golden, int count, double tolerance)
{
    for (int i = 0; i < count; ++i) {
        if (!(fabs(values[i] - golden[i]) <= tolerance))
            CHECK_FAIL("%s[%d] is %.12g, expected %.12g", what, i, values[i], golden[i]);
    }
}

static void golden_batch_norm(const void *argument)
{
    const struct reference_shape shape = {4, 1, 1, 1};
    const struct reference_norm norm = {NORMNET_NORM_BATCH, 0, 3, 0, NORMNET_AFFINE_CHANNEL, 1e-5};
    double mean, variance, y[4], dx[4], dgamma = 0, dbeta = 0, running[] = {0, 1, 0};
    int count;

    (void)argument;
    reference_norm_statistics(shape, &norm, golden_batch_x, &mean, &variance, &count);
    CHECK_CLOSE(mean, golden_batch_mean, 1e-15);
    CHECK_CLOSE(variance, golden_batch_variance, 1e-15);
    reference_norm_forward(shape, &norm, golden_batch_x, &mean, &variance, &golden_batch_gamma, &golden_batch_beta, y);
    compare_values("y", y, golden_batch_y, 4, 6e-10);
    reference_norm_backward(shape, &norm, golden_batch_x, &mean, &variance, &golden_batch_gamma, golden_batch_dy, 0, dx,
                            &dgamma, &dbeta);
    compare_values("dx", dx, golden_batch_dx, 4, 6e-10);
    CHECK_CLOSE(dgamma, golden_batch_dgamma, 6e-10);
    CHECK_CLOSE(dbeta, golden_batch_dbeta, 1e-15);
    for (int i = 0; i < 2; ++i) {
        reference_running_statistics(1, &mean, &variance, count, 0.1, &running[0], &running[1], &running[2]);
        compare_values("running statistics", running, golden_batch_running[i], 2, 6e-9);
        CHECK_CLOSE(running[2], i + 1, 0);
        if (i == 0) {
            reference_norm_forward(shape, &norm, golden_batch_x, &running[0], &running[1], &golden_batch_gamma,
                                   &golden_batch_beta, y);
            compare_values("y in evaluation", y, golden_batch_evaluation_y, 4, 6e-10);
            reference_norm_backward(shape, &norm, golden_batch_x, &running[0], &running[1], &golden_batch_gamma,
                                    golden_batch_dy, 1, dx, NULL, NULL);
            compare_values("dx in evaluation", dx, golden_batch_evaluation_dx, 4, 6e-10);
        }
    }
}

static void cumulative_statistics(const void *argument)
{
    const double mean[] = {3, 5, 10}, variance[] = {3, 6, 12};
    double running[] = {0, 1, 0};

    (void)argument;
    for (int i = 0; i < 3; ++i)
        reference_running_statistics(1, &mean[i], &variance[i], 4, -1, &running[0], &running[1], &running[2]);
    CHECK_CLOSE(running[0], 6, 1e-14);
    CHECK_CLOSE(running[1], 7 * 4.0 / 3, 1e-14);
    CHECK_CLOSE(running[2], 3, 0);
}

static void golden_group_norm(const void *argument)
{
    const struct golden_group *golden = argument;
    const struct reference_shape shape = {1, GOLDEN_GROUP_CHANNELS, 1, 2};
    struct reference_norm norm = {NORMNET_NORM_GROUP, 0, 3, 0, NORMNET_AFFINE_CHANNEL, 1e-5};
    double mean[2], variance[2], y[GOLDEN_GROUP_VALUES], dx[GOLDEN_GROUP_VALUES];
    double dgamma[GOLDEN_GROUP_CHANNELS] = {0}, dbeta[GOLDEN_GROUP_CHANNELS] = {0};
    int counts[2], as_layer;

    for (as_layer = 0; as_layer <= (golden->groups == 1); ++as_layer) { /* layer norm per channel is one group */
        norm.kind = as_layer ? NORMNET_NORM_LAYER : NORMNET_NORM_GROUP;
        norm.groups = golden->groups;
        memset(dgamma, 0, sizeof dgamma);
        memset(dbeta, 0, sizeof dbeta);
        CHECK_EQUAL(reference_norm_sets(shape, &norm), golden->groups);
        reference_norm_statistics(shape, &norm, golden_group_x, mean, variance, counts);
        compare_values("mean", mean, golden->mean, golden->groups, 1e-15);
        compare_values("variance", variance, golden->variance, golden->groups, 1e-15);
        reference_norm_forward(shape, &norm, golden_group_x, mean, variance, golden_group_gamma, golden_group_beta, y);
        compare_values("y", y, golden->y, GOLDEN_GROUP_VALUES, 6e-10);
        reference_norm_backward(shape, &norm, golden_group_x, mean, variance, golden_group_gamma, golden_group_dy, 0,
                                dx, dgamma, dbeta);
        compare_values("dx", dx, golden->dx, GOLDEN_GROUP_VALUES, 6e-10);
        compare_values("dgamma", dgamma, golden->dgamma, GOLDEN_GROUP_CHANNELS, 6e-10);
        compare_values("dbeta", dbeta, golden_group_dbeta, GOLDEN_GROUP_CHANNELS, 1e-15);
    }
}

static void golden_row(const void *argument)
{
    const struct reference_shape shape = {1, 1, 1, 4};
    const struct reference_norm norm = {NORMNET_NORM_LAYER, 0, 1, 0, NORMNET_AFFINE_NONE, 1e-5};
    double mean, variance, y[4];
    int count;

    (void)argument;
    reference_norm_statistics(shape, &norm, golden_batch_x, &mean, &variance, &count);
    reference_norm_forward(shape, &norm, golden_batch_x, &mean, &variance, NULL, NULL, y);
    compare_values("y", y, golden_row_y, 4, 6e-10);
    CHECK_CLOSE(y[0] + y[1] + y[2] + y[3], 0, 1e-15);
}

static void golden_input(const void *argument)
{
    const double mean = 0.1307, std = 0.3081;
    normnet_config config;
    struct reference_network *network;
    struct reference_pass *pass;
    double x[5];

    (void)argument;
    reference_config_init(&config, NORMNET_NORM_NONE);
    config.architecture = "flatten";
    config.height = 1;
    config.width = config.classes = 5;
    config.input_mean = &mean;
    config.input_std = &std;
    network = reference_network_create(&config);
    pass = reference_pass_create(network, 1);
    for (int i = 0; i < 5; ++i)
        x[i] = golden_pixel[i] / 255.0;
    reference_set_images(pass, x);
    compare_values("x", pass->outputs[0], golden_pixel_scaled, 5, 2e-7); /* golden values are those of float32 */
    reference_pass_destroy(pass);
    free(network);
}

static void golden_log_softmax(const void *argument)
{
    double logp[3], dlogits[3];
    int label = 2;

    (void)argument;
    reference_log_softmax(1, 3, golden_logits, logp);
    compare_values("log softmax", logp, golden_log_probabilities, 3, 6e-12);
    CHECK_CLOSE(reference_loss(1, 3, golden_logits, &label, 0, dlogits), golden_loss, 6e-12);
    CHECK_CLOSE(reference_loss(1, 3, golden_logits, &label, 0.1, dlogits), golden_smooth_loss, 6e-12);
    label = 1;
    reference_loss(1, 3, golden_logits, &label, 0, dlogits);
    compare_values("gradient", dlogits, golden_dlogits, 3, 6e-12);
    reference_loss(1, 3, golden_logits, &label, 0.1, dlogits);
    compare_values("smooth gradient", dlogits, golden_smooth_dlogits, 3, 6e-12);
}

static void first_of_equals_wins(const void *argument)
{
    const struct reference_shape shape = {1, 1, 2, 4};
    const double x[] = {0, 0, 5, 7, 0, 0, 7, 5}, dy[] = {1, 2}, golden_dx[] = {1, 0, 0, 2, 0, 0, 0, 0};
    double y[2], dx[8];
    int winners[2];

    (void)argument;
    reference_maxpool_forward(shape, 2, x, y, winners);
    reference_maxpool_backward(shape, 2, winners, dy, dx);
    CHECK_CLOSE(y[0], 0, 0);
    CHECK_CLOSE(y[1], 7, 0);
    compare_values("dx", dx, golden_dx, 8, 0);
}

static void dropout_scale(const void *argument)
{
    (void)argument;
    CHECK_CLOSE(reference_dropout_share(0.5), 0.5, 0);
    CHECK_CLOSE(reference_dropout_share(0.1), 6554 / 65536.0, 0);
    CHECK_CLOSE(reference_dropout_scale(0.03), 1.0309278, 1e-5);
    CHECK_CLOSE(reference_dropout_scale(0), 1, 0);
    CHECK_CLOSE(reference_dropout_scale(1), 0, 0);
}

static void golden_penalties(const void *argument)
{
    double gradient[3] = {0}, twice[3] = {0};

    (void)argument;
    CHECK_CLOSE(reference_l1(3, golden_l1_factor, golden_l1_parameters, gradient), golden_l1_penalty, 1e-17);
    compare_values("l1 gradient", gradient, golden_l1_gradient, 3, 0);
    CHECK_CLOSE(reference_l2(3, 4, golden_l1_parameters, twice), 2 * (0.25 + 0.0625), 1e-17);
    CHECK_CLOSE(twice[1], -1, 0);
}

static void clipping(const void *argument)
{
    double gradient[] = {3, -4};

    (void)argument;
    CHECK_CLOSE(reference_clip(2, 0, gradient), 5, 0);
    CHECK_CLOSE(reference_clip(2, 5.5, gradient), 5, 0);
    CHECK_CLOSE(gradient[1], -4, 0);
    CHECK_CLOSE(reference_clip(2, 0.5, gradient), 5, 0);
    CHECK_CLOSE(gradient[0], 0.3, 1e-16);
    CHECK_CLOSE(gradient[1], -0.4, 1e-16);
}

static void golden_descent(const void *argument)
{
    const struct golden_sgd *golden = argument;
    double parameter = 1, buffer = 0;

    for (int i = 0; i < GOLDEN_SGD_STEPS; ++i) {
        const struct reference_sgd sgd = {golden_sgd_lr, golden->momentum, golden->dampening, golden->nesterov, i == 0};
        double gradient = golden_sgd_gradient[i];

        reference_l2(1, golden->l2, &parameter, &gradient);
        reference_sgd_step(1, &sgd, &gradient, &buffer, &parameter);
        CHECK_CLOSE(parameter, golden->parameter[i], 1e-15);
    }
}

static void golden_schedules(const void *argument)
{
    normnet_config config;
    double lr, momentum;

    (void)argument;
    reference_config_init(&config, NORMNET_NORM_NONE);
    for (int i = 0; i < CHECK_COUNT(golden_one_cycles); ++i) {
        const struct golden_one_cycle *golden = &golden_one_cycles[i];

        config.total_steps = golden->total_steps;
        config.max_lr = golden->max_lr;
        config.anneal = golden->anneal;
        config.three_phase = golden->three_phase;
        reference_one_cycle(&config, golden->step, &lr, &momentum);
        CHECK_CLOSE(lr, golden->lr, golden_schedule_tolerance * golden->max_lr);
        if (golden->momentum > 0)
            CHECK_CLOSE(momentum, golden->momentum, golden_schedule_tolerance);
    }
    config.step_size = 6;
    for (int i = 0; i < CHECK_COUNT(golden_step); ++i) {
        reference_step_schedule(&config, golden_step[i], &lr, &momentum);
        CHECK_CLOSE(lr, golden_step_lr[i], 1e-17);
        CHECK_CLOSE(momentum, 0.9, 0);
    }
}

int main(int argc, char **argv)
{
    if (!check_begin(argc, argv))
        return check_end();
    check_case("golden: batch norm", golden_batch_norm, NULL);
    check_case("golden: cumulative statistics", cumulative_statistics, NULL);
    for (int i = 0; i < CHECK_COUNT(golden_groups); ++i)
        check_case_named(golden_group_norm, &golden_groups[i], "golden: group norm, %d groups",
                         golden_groups[i].groups);
    check_case("golden: layer norm of a row", golden_row, NULL);
    check_case("golden: input", golden_input, NULL);
    check_case("golden: log softmax and loss", golden_log_softmax, NULL);
    check_case("golden: first of equal values wins", first_of_equals_wins, NULL);
    check_case("golden: dropout scale", dropout_scale, NULL);
    check_case("golden: penalties", golden_penalties, NULL);
    check_case("golden: clipping", clipping, NULL);
    for (int i = 0; i < CHECK_COUNT(golden_sgds); ++i)
        check_case_named(golden_descent, &golden_sgds[i], "golden: descent %d", i);
    check_case("golden: schedules", golden_schedules, NULL);
    return check_end();
}
