/* SPDX-License-Identifier: MIT */
/* The networks, norms, recipes and inputs for which library and reference are compared. */
#ifndef PARITY_CASES_H
#define PARITY_CASES_H

#include "harness/published_networks.h"
#include "parity_bench.h"

/* clang-format off */
static const struct norm_case norms[] = {
    {"none", NORMNET_NORM_NONE, 0, 0, 0, 0, 0, 0, 0},
    {"batch", NORMNET_NORM_BATCH, 0, 0, 0, 0, 0, 0, 0},
    {"batch without affine", NORMNET_NORM_BATCH, 0, 0, NORMNET_AFFINE_NONE, 0, 0, 0, 0},
    {"batch, cumulative", NORMNET_NORM_BATCH, 0, 0, 0, 0, 1, 0, 0},
    {"batch, ghosts of 16", NORMNET_NORM_BATCH, 0, 0, 0, 16, 0, 0, 0},
    {"batch, ghosts of 32, cumulative", NORMNET_NORM_BATCH, 0, 0, 0, 32, 1, 0, 0},
    {"batch, eps .001, momentum .3", NORMNET_NORM_BATCH, 0, 0, 0, 0, 0, 1e-3, 0.3},
    {"group, eps .01", NORMNET_NORM_GROUP, 0, 0, 0, 0, 0, 0.01, 0},
    {"group", NORMNET_NORM_GROUP, 0, 0, 0, 0, 0, 0, 0},
    {"2 groups", NORMNET_NORM_GROUP, 2, 0, 0, 0, 0, 0, 0},
    {"2 groups without affine", NORMNET_NORM_GROUP, 2, 0, NORMNET_AFFINE_NONE, 0, 0, 0, 0},
    {"instance", NORMNET_NORM_INSTANCE, 0, 0, 0, 0, 0, 0, 0},
    {"instance without affine", NORMNET_NORM_INSTANCE, 0, 0, NORMNET_AFFINE_NONE, 0, 0, 0, 0},
    {"layer per channel", NORMNET_NORM_LAYER, 0, 3, 0, 0, 0, 0, 0},
    {"layer per element", NORMNET_NORM_LAYER, 0, 3, NORMNET_AFFINE_ELEMENT, 0, 0, 0, 0},
    {"layer without affine", NORMNET_NORM_LAYER, 0, 3, NORMNET_AFFINE_NONE, 0, 0, 0, 0},
    {"RMS per channel", NORMNET_NORM_RMS, 0, 3, 0, 0, 0, 0, 0},
    {"RMS per element", NORMNET_NORM_RMS, 0, 3, NORMNET_AFFINE_ELEMENT, 0, 0, 0, 0},
    {"RMS without affine", NORMNET_NORM_RMS, 0, 3, NORMNET_AFFINE_NONE, 0, 0, 0, 0},
    {"layer 2", NORMNET_NORM_LAYER, 0, 2, 0, 0, 0, 0, 0},
    {"layer 2 per element", NORMNET_NORM_LAYER, 0, 2, NORMNET_AFFINE_ELEMENT, 0, 0, 0, 0},
    {"layer 1", NORMNET_NORM_LAYER, 0, 1, 0, 0, 0, 0, 0},
    {"layer 1 per element", NORMNET_NORM_LAYER, 0, 1, NORMNET_AFFINE_ELEMENT, 0, 0, 0, 0},
};

/* name, l1, l2, label_smoothing, clip_norm, penalty_on, nesterov, dampening, schedule, anneal, three_phase,
   no_cycle_momentum */
static const struct recipe_case recipes[] = {
    {"plain", 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
    {"l1", 1e-3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
    {"l2", 0, 1e-2, 0, 0, 0, 0, 0, 0, 0, 0, 0},
    {"l1 and l2 on weights", 1e-3, 1e-2, 0, 0, NORMNET_PENALTY_WEIGHTS, 0, 0, 0, 0, 0, 0},
    {"label smoothing", 0, 0, 0.1, 0, 0, 0, 0, 0, 0, 0, 0},
    {"nesterov", 0, 1e-3, 0, 0, 0, 1, 0, 0, 0, 0, 0},
    {"dampening", 0, 0, 0, 0, 0, 0, 0.4, 0, 0, 0, 0},
    {"clipped", 1e-3, 1e-3, 0, 0.2, 0, 0, 0, 0, 0, 0, 0},
    {"step schedule", 0, 0, 0, 0, 0, 0, 0, NORMNET_SCHEDULE_STEP, 0, 0, 0},
    {"one cycle", 0, 0, 0, 0, 0, 0, 0, NORMNET_SCHEDULE_ONE_CYCLE, 0, 0, 0},
    {"one cycle, linear, three phases", 0, 0, 0, 0, 0, 0, 0, NORMNET_SCHEDULE_ONE_CYCLE, NORMNET_ANNEAL_LINEAR, 1, 0},
    {"one cycle, fixed momentum, nesterov", 0, 0, 0, 0, 0, 1, 0, NORMNET_SCHEDULE_ONE_CYCLE, 0, 0, 1},
    {"everything", 1e-4, 1e-3, 0.05, 0.5, 0, 1, 0, NORMNET_SCHEDULE_ONE_CYCLE, 0, 0, 0},
};

static const struct input_case inputs[] = {
    {"f32", NORMNET_F32, CONTIGUOUS, 0},
    {"u8", NORMNET_U8, CONTIGUOUS, 0},
    {"f32 standardized", NORMNET_F32, CONTIGUOUS, 1},
    {"u8 standardized", NORMNET_U8, CONTIGUOUS, 1},
    {"f32 nhwc", NORMNET_F32, NHWC, 1},
    {"u8 nhwc", NORMNET_U8, NHWC, 1},
    {"f32 flipped", NORMNET_F32, FLIPPED, 0},
    {"u8 flipped", NORMNET_U8, FLIPPED, 1},
    {"f32 window", NORMNET_F32, WINDOW, 1},
    {"u8 window", NORMNET_U8, WINDOW, 0},
    {"f32 repeated", NORMNET_F32, REPEATED, 0},
};

/* Every token, with sizes that fit nothing. */
static const struct network_case token_networks[] = {
    {"conv1", "conv1-4 flatten fc-3b", 1, 5, 4, 3},
    {"conv2", "conv2-3 relu conv2-3p1b flatten fc-3", 2, 7, 5, 3},
    {"conv3", "conv3-4 relu conv3-5p1 relu gap conv1-4b", 3, 9, 11, 4},
    {"conv4", "conv4-3s2 relu conv3-5p2b flatten fc-2", 2, 12, 9, 2},
    {"conv5", "conv5-3s2p2b relu conv5-2 gap", 3, 13, 10, 2},
    {"conv6", "conv6-2p3 relu conv6-3s3p2 flatten fc-5", 1, 8, 11, 5},
    {"conv7", "conv7-3p3 relu conv7-4s2p1b flatten fc-3", 5, 11, 10, 3},
    {"conv11", "conv11-3p5b relu conv1-3 gap", 4, 12, 14, 3},
    {"stride 3", "conv3-8s3 relu conv1-7s2 flatten fc-3", 4, 17, 14, 3},
    {"stride beyond kernel", "conv2-3s3 relu conv1-4s4 flatten fc-3", 2, 21, 18, 3},
    {"padding of kernel less one", "conv3-4p2 relu conv4-3p3s2 relu gap conv1-2", 2, 4, 5, 2},
    {"kernel as large as the image", "conv5-6 relu conv1-3", 2, 5, 5, 3},
    {"many channels", "conv3-24 relu conv3-16 relu conv3-9 gap flatten fc-10b", 1, 12, 13, 10},
    {"Winograd's algorithm of both sizes", "conv3-24p1 relu conv3-32p1 relu conv3-25b relu gap conv1-3b", 2, 9, 14, 3},
    {"kernels in parts", "conv5-20p2 relu conv7-17p3 relu conv4-18 relu gap conv1-3b", 2, 11, 10, 3},
    {"33 channels", "conv3-33p1 relu conv3-17 relu conv1-5 gap", 5, 6, 7, 5},
    {"many of both", "conv3-32p1 relu conv3-33p2b relu conv3-40 gap conv1-3", 2, 10, 9, 3},
    {"maxpool", "conv3-7 relu maxpool2 conv3-5 maxpool3 flatten fc-3", 2, 15, 19, 3},
    {"maxpool first", "maxpool2 conv3-4 relu gap conv1-2", 2, 11, 12, 2},
    {"maxpool1 and avgpool1", "maxpool1 conv2-3 avgpool1 gap", 2, 6, 7, 3},
    {"maxpool4", "conv1-4 maxpool4 flatten fc-3", 1, 9, 7, 3},
    {"maxpool15", "maxpool15 conv2-3 gap", 1, 31, 47, 3},
    {"avgpool", "conv3-7 avgpool2 relu conv2-5 avgpool3 flatten fc-3", 2, 17, 19, 3},
    {"avgpool first", "avgpool3 conv1-4 relu flatten fc-2", 3, 10, 8, 2},
    {"gap first", "gap conv1-6b relu conv1-3", 4, 5, 6, 3},
    {"fc", "flatten fc-9 relu fc-7b relu fc-4", 2, 5, 7, 4},
    {"fc alone", "flatten fc-2", 5, 3, 2, 2},
    {"relu first", "relu conv3-2 gap", 3, 6, 7, 2},
    {"one pixel", "conv1-6 relu conv1-3b", 3, 1, 1, 3},
    {"one row", "conv1-4 relu conv1-5 gap flatten fc-3", 2, 1, 40, 3},
    {"dropout of nothing", "dropout0 conv3-4 dropout0.0 relu flatten dropout fc-3", 2, 6, 5, 3},
    {"two pools in a row", "conv2-4 avgpool2 maxpool2 gap conv1-3", 1, 13, 12, 3},
    {"all norms", "conv3-6 batchnorm relu conv3-6p1 groupnorm3 relu maxpool2 instancenorm conv1-4 layernorm flatten "
        "fc-3", 2, 17, 15, 3},
    {"norms of features", "flatten fc-24 groupnorm3 relu fc-16 layernorm relu fc-3b", 2, 4, 5, 3},
    {"norm first", "batchnorm conv3-4 relu groupnorm2 gap conv1-3", 3, 7, 8, 3},
    {"norm after norm", "conv3-4b batchnorm conv1-4b batchnorm instancenorm relu layernorm gap conv1-3", 2, 9, 7, 3},
};

static const struct network_case norm_network = {
    "network", "conv3-8b norm relu maxpool2 conv3-8p1 norm relu conv2-4 norm flatten fc-5b", 2, 17, 22, 5};
static const struct network_case relu_network = {
    "network with relu in front", "conv3-8b relu norm maxpool2 conv3-8 relu norm flatten fc-5b", 2, 17, 22, 5};
static const struct network_case gap_network = {
    "network ending in gap", "conv3-8 norm relu conv3-8 norm gap conv1-4b", 1, 13, 12, 4};
static const struct network_case first_network = {
    "norm in front", "norm conv3-4 norm relu gap conv1-3", 4, 5, 6, 3};
static const struct network_case feature_network = {"network of features", "flatten fc-16 norm relu fc-3", 1, 4, 5, 3};
static const struct network_case input_network = {"images", "conv3-4 relu norm maxpool2 conv1-3 gap", 3, 9, 12, 3};
static const struct network_case default_network = {"default network", NULL, 1, 28, 28, 10};
static const struct network_case seeds[] = {
    {"seed 000", SEED_000, 1, 28, 28, 10},
    {"seed 001 batch", SEED_001_BATCH, 1, 28, 28, 10},
    {"seed 001", SEED_001, 1, 28, 28, 10},
    {"seed 003", SEED_003, 1, 28, 28, 10},
    {"seed 004", SEED_004, 1, 28, 28, 10},
    {"sibling", SIBLING, 1, 28, 28, 10},
};
static const struct norm_case usual_norms[] = {
    {"none", NORMNET_NORM_NONE, 0, 0, 0, 0, 0, 0, 0},
    {"batch", NORMNET_NORM_BATCH, 0, 0, 0, 0, 0, 0, 0},
    {"2 groups", NORMNET_NORM_GROUP, 2, 0, 0, 0, 0, 0, 0},
    {"layer", NORMNET_NORM_LAYER, 0, 3, 0, 0, 0, 0, 0},
    {"instance", NORMNET_NORM_INSTANCE, 0, 0, 0, 0, 0, 0, 0},
};
static const struct norm_case row_norm = {"layer 1", NORMNET_NORM_LAYER, 0, 1, 0, 0, 0, 0, 0};
/* clang-format on */

#endif
