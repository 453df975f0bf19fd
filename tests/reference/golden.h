/* SPDX-License-Identifier: MIT */
/*
 * Golden values: small cases computed by hand or in double precision with PyTorch's formulas, which both the reference
 * (test_reference_golden.c) and the library (tests/numerics/test_golden_*.c) must give.
 */
#ifndef GOLDEN_H
#define GOLDEN_H

#include <normnet.h>

/* ---- Normalization --------------------------------------------------------------------------- */

/* Batch norm of one channel, gamma 1.5, beta .25, fresh statistics (0, 1), momentum .1, eps 1e-5. */
enum { GOLDEN_BATCH_VALUES = 4 };
static const double golden_batch_gamma = 1.5, golden_batch_beta = 0.25;
static const double golden_batch_x[] = {1, 2, 3, 6};
static const double golden_batch_mean = 3, golden_batch_variance = 3.5;
static const double golden_batch_y[] = {-1.353565161, -0.551782580, 0.25, 2.655347741};
static const double golden_batch_running[2][2] = {{0.3, 1.36666667}, {0.57, 1.69666667}}; /* after 1 and 2 */
static const double golden_batch_dy[] = {0.1, -0.2, 0.3, 0.4};
static const double golden_batch_dx[] = {0.097358921, -0.211899878, 0.120267387, -0.005726429};
static const double golden_batch_dgamma = 0.641426064, golden_batch_dbeta = 0.6;
/* The same in evaluation, after the first batch. */
static const double golden_batch_evaluation_y[] = {1.148165583, 2.431259273, 3.714352963, 7.563634033};
static const double golden_batch_evaluation_dx[] = {0.128309369, -0.256618738, 0.384928107, 0.513237476};

/* Group norm of one image of four channels with two values each. */
enum { GOLDEN_GROUP_CHANNELS = 4, GOLDEN_GROUP_VALUES = 8 };
static const double golden_group_x[] = {1, 2, 3, 6, 0, 4, -2, 2};
static const double golden_group_gamma[] = {1, 2, 0.5, -1};
static const double golden_group_beta[] = {0, 0.1, 0.2, 0.3};
static const double golden_group_dy[] = {0.1, -0.2, 0.3, 0.4, -0.5, 0.6, 0.7, -0.8};
static const double golden_group_dbeta[] = {-0.1, 0.7, 0.1, -0.1};

struct golden_group {
    int groups;
    double mean[2], variance[2];
    double y[GOLDEN_GROUP_VALUES];
    double dx[GOLDEN_GROUP_VALUES];
    double dgamma[GOLDEN_GROUP_CHANNELS];
};

static const struct golden_group golden_groups[] = {
    {2,
     {3, 1},
     {3.5, 5},
     {-1.069043440, -0.534521720, 0.1, 3.307130321, -0.023606574, 0.870819722, 1.641639445, -0.147213148},
     {0.062996679, -0.188991870, 0.146993473, -0.020998282, -0.038013299, -0.154287993, -0.058138253, 0.250439544},
     {0, 0.641426064, 1.028590241, -1.296918130}},
    {1,
     {2},
     {5.25},
     {-0.436435365, 0, 0.972870730, 3.591482919, -0.236435365, 0.636435365, 2.045741459, 0.3},
     {0.043513495, -0.166390983, 0.103783441, -0.045851090, -0.030265015, -0.106121036, -0.068713193, 0.270044382},
     {-0.043643536, 0.829227193, 0.960157803, -1.222019021}}};

/* Layer norm over a row of 1, 2, 3, 6 without affine. */
static const double golden_row_y[] = {-1.069043440, -0.534521720, 0, 1.603565161};

/* ---- Input and loss -------------------------------------------------------------------------- */

/* u8 pixels with mean .1307 and standard deviation .3081. */
static const int golden_pixel[] = {0, 1, 33, 127, 255};
static const double golden_pixel_scaled[] = {-0.42421296, -0.41148472, -0.00418122, 1.1922727, 2.8214867};

static const double golden_logits[] = {1, 2, 3};
static const double golden_log_probabilities[] = {-2.40760596444, -1.40760596444, -0.40760596444};
static const double golden_loss = 0.40760596444, golden_smooth_loss = 0.50760596444;   /* label 2, smoothing .1 */
static const double golden_dlogits[] = {0.09003057317, -0.75527152895, 0.66524095577}; /* label 1 */
static const double golden_smooth_dlogits[] = {0.05669723984, -0.68860486228, 0.63190762244};

/* ---- Regularization and optimization --------------------------------------------------------- */

static const double golden_l1_factor = 0.01, golden_l1_penalty = 0.0075;
static const double golden_l1_parameters[] = {0.5, -0.25, 0};
static const double golden_l1_gradient[] = {0.01, -0.01, 0};

/* A parameter that starts at 1 with lr .1, and the gradients of four steps. */
enum { GOLDEN_SGD_STEPS = 4 };
static const double golden_sgd_lr = 0.1;
static const double golden_sgd_gradient[] = {0.5, -0.25, 1, 0.125};

struct golden_sgd {
    double momentum, l2, dampening;
    int nesterov;
    double parameter[GOLDEN_SGD_STEPS];
};

static const struct golden_sgd golden_sgds[] = {
    {0.9, 0, 0, 0, {0.95, 0.93, 0.812, 0.6933}},
    {0.9, 0.01, 0, 0, {0.949, 0.927151, 0.806559749, 0.684721063351}},
    {0.9, 0.01, 0, 1, {0.9031, 0.90757411, 0.698189208191, 0.575483053766337}},
    {0.9, 0, 0.5, 0, {0.95, 0.9175, 0.83825, 0.760675}}};

/* ---- Schedules ------------------------------------------------------------------------------- */

struct golden_one_cycle {
    int total_steps;
    double max_lr;
    int anneal, three_phase;
    int step;
    double lr, momentum; /* momentum 0: no golden value */
};

static const struct golden_one_cycle golden_one_cycles[] = {
    {20, 1, NORMNET_ANNEAL_COSINE, 0, 0, 0.040000000000000036, 0.95},
    {20, 1, NORMNET_ANNEAL_COSINE, 0, 1, 0.1316718427000253, 0.94045084971874737},
    {20, 1, NORMNET_ANNEAL_COSINE, 0, 2, 0.37167184270002529, 0},
    {20, 1, NORMNET_ANNEAL_COSINE, 0, 4, 0.90832815729997474, 0.85954915028125256},
    {20, 1, NORMNET_ANNEAL_COSINE, 0, 5, 1, 0.85},
    {20, 1, NORMNET_ANNEAL_COSINE, 0, 6, 0.98746400623508734, 0.8512536043909088},
    {20, 1, NORMNET_ANNEAL_COSINE, 0, 12, 0.50000199999999995, 0.9},
    {20, 1, NORMNET_ANNEAL_COSINE, 0, 18, 0.012539993764912554, 0.94874639560909113},
    {20, 1, NORMNET_ANNEAL_COSINE, 0, 19, 4e-06, 0.95},
    {20, 1, NORMNET_ANNEAL_LINEAR, 0, 0, 0.04, 0.95},
    {20, 1, NORMNET_ANNEAL_LINEAR, 0, 1, 0.232, 0.93},
    {20, 1, NORMNET_ANNEAL_LINEAR, 0, 5, 1, 0.85},
    {20, 1, NORMNET_ANNEAL_LINEAR, 0, 6, 0.92857171428571428, 0.8571428571428571},
    {20, 1, NORMNET_ANNEAL_LINEAR, 0, 12, 0.50000200000000006, 0.9},
    {20, 1, NORMNET_ANNEAL_LINEAR, 0, 18, 0.071432285714285726, 0},
    {20, 1, NORMNET_ANNEAL_LINEAR, 0, 19, 4.000000000004e-06, 0},
    {20, 1, NORMNET_ANNEAL_COSINE, 1, 5, 1, 0.85},
    {20, 1, NORMNET_ANNEAL_COSINE, 1, 6, 0.90832815729997474, 0.85954915028125256},
    {20, 1, NORMNET_ANNEAL_COSINE, 1, 10, 0.04, 0.95},
    {20, 1, NORMNET_ANNEAL_COSINE, 1, 11, 0.038793973030476596, 0.95},
    {20, 1, NORMNET_ANNEAL_COSINE, 1, 13, 0.030001000000000003, 0.95},
    {20, 1, NORMNET_ANNEAL_COSINE, 1, 18, 0.0012100269695234057, 0.95},
    {20, 1, NORMNET_ANNEAL_COSINE, 1, 19, 4e-06, 0.95},
    {18760, 0.015, NORMNET_ANNEAL_COSINE, 0, 0, 0.0006, 0.95},
    {18760, 0.015, NORMNET_ANNEAL_COSINE, 0, 1, 0.00060000112214351684, 0.94999999220733666},
    {18760, 0.015, NORMNET_ANNEAL_COSINE, 0, 5627, 0.015, 0.85},
    {18760, 0.015, NORMNET_ANNEAL_COSINE, 0, 9380, 0.012174781888619165, 0.86883486274865651},
    {18760, 0.015, NORMNET_ANNEAL_COSINE, 0, 18758, 6.0214618682827356e-08, 0},
    {18760, 0.015, NORMNET_ANNEAL_COSINE, 0, 18759, 6e-08, 0.95},
    {7035, 0.015, NORMNET_ANNEAL_COSINE, 0, 2109, 0.014999998003895952, 0.85000001386183366},
    {7035, 0.015, NORMNET_ANNEAL_COSINE, 0, 2110, 0.014999999618455676, 0.85000000254363894},
    {7035, 0.015, NORMNET_ANNEAL_COSINE, 0, 7034, 6e-08, 0},
    {7, 0.1, NORMNET_ANNEAL_COSINE, 0, 0, 0.004, 0},
    {7, 0.1, NORMNET_ANNEAL_COSINE, 0, 1, 0.098055662733495877, 0.85202535131927515},
    {7, 0.1, NORMNET_ANNEAL_COSINE, 0, 2, 0.091904437626971064, 0},
    {7, 0.1, NORMNET_ANNEAL_COSINE, 0, 3, 0.067268383648054514, 0},
    {7, 0.1, NORMNET_ANNEAL_COSINE, 0, 5, 0.0099296791893265599, 0},
    {7, 0.1, NORMNET_ANNEAL_COSINE, 0, 6, 4e-07, 0}};

/* Learning rates that went through cosines of another libm, written with 17 digits: a few units in the last. */
static const double golden_schedule_tolerance = 4e-16; /* times the highest rate */

/* Step schedule: lr .01, gamma .1, step size 6. */
static const int golden_step[] = {0, 5, 6, 11, 12, 17, 18, 19};
static const double golden_step_lr[] = {0.01, 0.01, 0.001, 0.001, 1e-4, 1e-4, 1e-5, 1e-5};

#endif
