/* SPDX-License-Identifier: MIT */
/*
 * The layout of every public struct and the value of every enumerator, as released. Lines are added, never edited:
 * a program built against an older header relies on each of them.
 */
#include "model/sized_struct.h"
#include "normnet.h"

#include <assert.h>
#include <stddef.h>

enum { POINTER = sizeof(void *) };

static_assert(offsetof(normnet_config, struct_size) == 0, "normnet_config.struct_size");
static_assert(offsetof(normnet_config, norm) == 4, "normnet_config.norm");
static_assert(offsetof(normnet_config, channels) == 8, "normnet_config.channels");
static_assert(offsetof(normnet_config, height) == 12, "normnet_config.height");
static_assert(offsetof(normnet_config, width) == 16, "normnet_config.width");
static_assert(offsetof(normnet_config, classes) == 20, "normnet_config.classes");
static_assert(offsetof(normnet_config, groups) == 24, "normnet_config.groups");
static_assert(offsetof(normnet_config, layer_dims) == 28, "normnet_config.layer_dims");
static_assert(offsetof(normnet_config, affine) == 32, "normnet_config.affine");
static_assert(offsetof(normnet_config, virtual_batch) == 36, "normnet_config.virtual_batch");
static_assert(offsetof(normnet_config, cumulative_statistics) == 40, "normnet_config.cumulative_statistics");
static_assert(offsetof(normnet_config, penalty_on) == 44, "normnet_config.penalty_on");
static_assert(offsetof(normnet_config, schedule) == 48, "normnet_config.schedule");
static_assert(offsetof(normnet_config, anneal) == 52, "normnet_config.anneal");
static_assert(offsetof(normnet_config, three_phase) == 56, "normnet_config.three_phase");
static_assert(offsetof(normnet_config, cycle_momentum) == 60, "normnet_config.cycle_momentum");
static_assert(offsetof(normnet_config, nesterov) == 64, "normnet_config.nesterov");
static_assert(offsetof(normnet_config, threads) == 68, "normnet_config.threads");
static_assert(offsetof(normnet_config, readers) == 72, "normnet_config.readers");
static_assert(offsetof(normnet_config, max_batch) == 76, "normnet_config.max_batch");
static_assert(offsetof(normnet_config, cpu) == 80, "normnet_config.cpu");
static_assert(offsetof(normnet_config, reserved) == 84, "normnet_config.reserved");
static_assert(offsetof(normnet_config, seed) == 88, "normnet_config.seed");
static_assert(offsetof(normnet_config, total_steps) == 96, "normnet_config.total_steps");
static_assert(offsetof(normnet_config, step_size) == 104, "normnet_config.step_size");
static_assert(offsetof(normnet_config, memory_limit) == 112, "normnet_config.memory_limit");
static_assert(offsetof(normnet_config, eps) == 120, "normnet_config.eps");
static_assert(offsetof(normnet_config, batchnorm_momentum) == 128, "normnet_config.batchnorm_momentum");
static_assert(offsetof(normnet_config, dropout) == 136, "normnet_config.dropout");
static_assert(offsetof(normnet_config, l1) == 144, "normnet_config.l1");
static_assert(offsetof(normnet_config, l2) == 152, "normnet_config.l2");
static_assert(offsetof(normnet_config, label_smoothing) == 160, "normnet_config.label_smoothing");
static_assert(offsetof(normnet_config, lr) == 168, "normnet_config.lr");
static_assert(offsetof(normnet_config, momentum) == 176, "normnet_config.momentum");
static_assert(offsetof(normnet_config, dampening) == 184, "normnet_config.dampening");
static_assert(offsetof(normnet_config, step_gamma) == 192, "normnet_config.step_gamma");
static_assert(offsetof(normnet_config, max_lr) == 200, "normnet_config.max_lr");
static_assert(offsetof(normnet_config, base_momentum) == 208, "normnet_config.base_momentum");
static_assert(offsetof(normnet_config, max_momentum) == 216, "normnet_config.max_momentum");
static_assert(offsetof(normnet_config, pct_start) == 224, "normnet_config.pct_start");
static_assert(offsetof(normnet_config, div_factor) == 232, "normnet_config.div_factor");
static_assert(offsetof(normnet_config, final_div_factor) == 240, "normnet_config.final_div_factor");
static_assert(offsetof(normnet_config, clip_norm) == 248, "normnet_config.clip_norm");
static_assert(offsetof(normnet_config, architecture) == 256, "normnet_config.architecture");
static_assert(offsetof(normnet_config, input_mean) == 256 + 1 * POINTER, "normnet_config.input_mean");
static_assert(offsetof(normnet_config, input_std) == 256 + 2 * POINTER, "normnet_config.input_std");
static_assert(offsetof(normnet_config, allocate) == 256 + 3 * POINTER, "normnet_config.allocate");
static_assert(offsetof(normnet_config, deallocate) == 256 + 4 * POINTER, "normnet_config.deallocate");
static_assert(offsetof(normnet_config, allocator_user) == 256 + 5 * POINTER, "normnet_config.allocator_user");
static_assert(offsetof(normnet_config, reduce) == 256 + 6 * POINTER, "normnet_config.reduce");
static_assert(offsetof(normnet_config, reduce_user) == 256 + 7 * POINTER, "normnet_config.reduce_user");
static_assert(offsetof(normnet_config, parallel_for) == 256 + 8 * POINTER, "normnet_config.parallel_for");
static_assert(offsetof(normnet_config, parallel_user) == 256 + 9 * POINTER, "normnet_config.parallel_user");
static_assert(offsetof(normnet_config, average_decay) == 256 + 10 * POINTER, "normnet_config.average_decay");
static_assert(offsetof(normnet_config, average_from) == 264 + 10 * POINTER, "normnet_config.average_from");
static_assert(sizeof(normnet_config) == 272 + 10 * POINTER, "normnet_config");

static_assert(offsetof(normnet_tensor, struct_size) == 0, "normnet_tensor.struct_size");
static_assert(offsetof(normnet_tensor, dtype) == 4, "normnet_tensor.dtype");
static_assert(offsetof(normnet_tensor, rank) == 8, "normnet_tensor.rank");
static_assert(offsetof(normnet_tensor, reserved) == 12, "normnet_tensor.reserved");
static_assert(offsetof(normnet_tensor, shape) == 16, "normnet_tensor.shape");
static_assert(offsetof(normnet_tensor, strides) == 80, "normnet_tensor.strides");
static_assert(offsetof(normnet_tensor, data) == 144, "normnet_tensor.data");
static_assert(sizeof(normnet_tensor) == 152, "normnet_tensor");

static_assert(offsetof(normnet_layer_info, struct_size) == 0, "normnet_layer_info.struct_size");
static_assert(offsetof(normnet_layer_info, channels) == 4, "normnet_layer_info.channels");
static_assert(offsetof(normnet_layer_info, height) == 8, "normnet_layer_info.height");
static_assert(offsetof(normnet_layer_info, width) == 12, "normnet_layer_info.width");
static_assert(offsetof(normnet_layer_info, receptive_field) == 16, "normnet_layer_info.receptive_field");
static_assert(offsetof(normnet_layer_info, reserved) == 20, "normnet_layer_info.reserved");
static_assert(offsetof(normnet_layer_info, parameters) == 24, "normnet_layer_info.parameters");
static_assert(offsetof(normnet_layer_info, multiply_adds) == 32, "normnet_layer_info.multiply_adds");
static_assert(offsetof(normnet_layer_info, token) == 40, "normnet_layer_info.token");
static_assert(offsetof(normnet_layer_info, module) == 40 + 1 * POINTER, "normnet_layer_info.module");
static_assert(sizeof(normnet_layer_info) == 40 + 2 * POINTER, "normnet_layer_info");

static_assert(offsetof(normnet_state_info, struct_size) == 0, "normnet_state_info.struct_size");
static_assert(offsetof(normnet_state_info, dtype) == 4, "normnet_state_info.dtype");
static_assert(offsetof(normnet_state_info, rank) == 8, "normnet_state_info.rank");
static_assert(offsetof(normnet_state_info, trained) == 12, "normnet_state_info.trained");
static_assert(offsetof(normnet_state_info, shape) == 16, "normnet_state_info.shape");
static_assert(offsetof(normnet_state_info, name) == 80, "normnet_state_info.name");
static_assert(offsetof(normnet_state_info, data) == 80 + 1 * POINTER, "normnet_state_info.data");
static_assert(offsetof(normnet_state_info, average) == 80 + 2 * POINTER, "normnet_state_info.average");
static_assert(sizeof(normnet_state_info) == 88 + 2 * POINTER, "normnet_state_info");

static_assert(offsetof(normnet_metrics, struct_size) == 0, "normnet_metrics.struct_size");
static_assert(offsetof(normnet_metrics, reserved) == 4, "normnet_metrics.reserved");
static_assert(offsetof(normnet_metrics, loss) == 8, "normnet_metrics.loss");
static_assert(offsetof(normnet_metrics, penalty) == 16, "normnet_metrics.penalty");
static_assert(offsetof(normnet_metrics, count) == 24, "normnet_metrics.count");
static_assert(offsetof(normnet_metrics, correct) == 32, "normnet_metrics.correct");
static_assert(offsetof(normnet_metrics, step) == 40, "normnet_metrics.step");
static_assert(offsetof(normnet_metrics, lr) == 48, "normnet_metrics.lr");
static_assert(offsetof(normnet_metrics, momentum) == 56, "normnet_metrics.momentum");
static_assert(offsetof(normnet_metrics, gradient_norm) == 64, "normnet_metrics.gradient_norm");
static_assert(sizeof(normnet_metrics) == 72, "normnet_metrics");

static_assert(offsetof(normnet_batch, struct_size) == 0, "normnet_batch.struct_size");
static_assert(offsetof(normnet_batch, reserved) == 4, "normnet_batch.reserved");
static_assert(offsetof(normnet_batch, first_sample) == 8, "normnet_batch.first_sample");
static_assert(offsetof(normnet_batch, images_in_all) == 16, "normnet_batch.images_in_all");
static_assert(sizeof(normnet_batch) == 24, "normnet_batch");

static_assert(offsetof(normnet_predict_options, struct_size) == 0, "normnet_predict_options.struct_size");
static_assert(offsetof(normnet_predict_options, scores) == 4, "normnet_predict_options.scores");
static_assert(offsetof(normnet_predict_options, statistics) == 8, "normnet_predict_options.statistics");
static_assert(offsetof(normnet_predict_options, weights) == 12, "normnet_predict_options.weights");
static_assert(sizeof(normnet_predict_options) == 16, "normnet_predict_options");

static_assert(offsetof(normnet_save_options, struct_size) == 0, "normnet_save_options.struct_size");
static_assert(offsetof(normnet_save_options, kind) == 4, "normnet_save_options.kind");
static_assert(offsetof(normnet_save_options, note) == 8, "normnet_save_options.note");
static_assert(sizeof(normnet_save_options) == 16, "normnet_save_options");

/* A struct never becomes smaller than in the first release. */
static_assert(sizeof(normnet_config) >= NORMNET__CONFIG_MIN_SIZE, "normnet_config");
static_assert(sizeof(normnet_tensor) >= NORMNET__TENSOR_MIN_SIZE, "normnet_tensor");
static_assert(sizeof(normnet_metrics) >= NORMNET__METRICS_MIN_SIZE, "normnet_metrics");
static_assert(sizeof(normnet_batch) >= NORMNET__BATCH_MIN_SIZE, "normnet_batch");
static_assert(sizeof(normnet_predict_options) >= NORMNET__PREDICT_OPTIONS_MIN_SIZE, "normnet_predict_options");
static_assert(sizeof(normnet_save_options) >= NORMNET__SAVE_OPTIONS_MIN_SIZE, "normnet_save_options");
static_assert(sizeof(normnet_layer_info) >= NORMNET__LAYER_INFO_MIN_SIZE, "normnet_layer_info");
static_assert(sizeof(normnet_state_info) >= NORMNET__STATE_INFO_MIN_SIZE, "normnet_state_info");

static_assert(NORMNET_OK == 0, "NORMNET_OK");
static_assert(NORMNET_EINVAL == 1, "NORMNET_EINVAL");
static_assert(NORMNET_ENOMEM == 2, "NORMNET_ENOMEM");
static_assert(NORMNET_EIO == 3, "NORMNET_EIO");
static_assert(NORMNET_ETRUNCATED == 4, "NORMNET_ETRUNCATED");
static_assert(NORMNET_EFORMAT == 5, "NORMNET_EFORMAT");
static_assert(NORMNET_ELIMIT == 6, "NORMNET_ELIMIT");
static_assert(NORMNET_EUNSUPPORTED == 7, "NORMNET_EUNSUPPORTED");
static_assert(NORMNET_EARCH == 8, "NORMNET_EARCH");
static_assert(NORMNET_EMISMATCH == 9, "NORMNET_EMISMATCH");
static_assert(NORMNET_EVALUE == 10, "NORMNET_EVALUE");
static_assert(NORMNET_ECHECKSUM == 11, "NORMNET_ECHECKSUM");
static_assert(NORMNET_ELABEL == 12, "NORMNET_ELABEL");
static_assert(NORMNET_EBUSY == 13, "NORMNET_EBUSY");
static_assert(NORMNET_ESTATE == 14, "NORMNET_ESTATE");

static_assert(NORMNET_NORM_NONE == 0, "NORMNET_NORM_NONE");
static_assert(NORMNET_NORM_BATCH == 1, "NORMNET_NORM_BATCH");
static_assert(NORMNET_NORM_GROUP == 2, "NORMNET_NORM_GROUP");
static_assert(NORMNET_NORM_LAYER == 3, "NORMNET_NORM_LAYER");
static_assert(NORMNET_NORM_INSTANCE == 4, "NORMNET_NORM_INSTANCE");
static_assert(NORMNET_NORM_RMS == 5, "NORMNET_NORM_RMS");

static_assert(NORMNET_AFFINE_DEFAULT == 0, "NORMNET_AFFINE_DEFAULT");
static_assert(NORMNET_AFFINE_CHANNEL == 1, "NORMNET_AFFINE_CHANNEL");
static_assert(NORMNET_AFFINE_ELEMENT == 2, "NORMNET_AFFINE_ELEMENT");
static_assert(NORMNET_AFFINE_NONE == 3, "NORMNET_AFFINE_NONE");

static_assert(NORMNET_PENALTY_ALL == 0, "NORMNET_PENALTY_ALL");
static_assert(NORMNET_PENALTY_WEIGHTS == 1, "NORMNET_PENALTY_WEIGHTS");

static_assert(NORMNET_SCHEDULE_CONSTANT == 0, "NORMNET_SCHEDULE_CONSTANT");
static_assert(NORMNET_SCHEDULE_STEP == 1, "NORMNET_SCHEDULE_STEP");
static_assert(NORMNET_SCHEDULE_ONE_CYCLE == 2, "NORMNET_SCHEDULE_ONE_CYCLE");

static_assert(NORMNET_ANNEAL_COSINE == 0, "NORMNET_ANNEAL_COSINE");
static_assert(NORMNET_ANNEAL_LINEAR == 1, "NORMNET_ANNEAL_LINEAR");

static_assert(NORMNET_CPU_BEST == 0, "NORMNET_CPU_BEST");
static_assert(NORMNET_CPU_PORTABLE == 1, "NORMNET_CPU_PORTABLE");
static_assert(NORMNET_CPU_AVX2 == 2, "NORMNET_CPU_AVX2");
static_assert(NORMNET_CPU_AVX512 == 3, "NORMNET_CPU_AVX512");
static_assert(NORMNET_CPU_NEON == 4, "NORMNET_CPU_NEON");

static_assert(NORMNET_U8 == 1, "NORMNET_U8");
static_assert(NORMNET_F32 == 2, "NORMNET_F32");
static_assert(NORMNET_I32 == 3, "NORMNET_I32");
static_assert(NORMNET_I64 == 4, "NORMNET_I64");

static_assert(NORMNET_SCORES_PROBABILITIES == 0, "NORMNET_SCORES_PROBABILITIES");
static_assert(NORMNET_SCORES_LOG_PROBABILITIES == 1, "NORMNET_SCORES_LOG_PROBABILITIES");
static_assert(NORMNET_SCORES_LOGITS == 2, "NORMNET_SCORES_LOGITS");

static_assert(NORMNET_STATISTICS_RUNNING == 0, "NORMNET_STATISTICS_RUNNING");
static_assert(NORMNET_STATISTICS_BATCH == 1, "NORMNET_STATISTICS_BATCH");

static_assert(NORMNET_WEIGHTS_CURRENT == 0, "NORMNET_WEIGHTS_CURRENT");
static_assert(NORMNET_WEIGHTS_AVERAGE == 1, "NORMNET_WEIGHTS_AVERAGE");

static_assert(NORMNET_FILE_CHECKPOINT == 0, "NORMNET_FILE_CHECKPOINT");
static_assert(NORMNET_FILE_WEIGHTS == 1, "NORMNET_FILE_WEIGHTS");
