/* SPDX-License-Identifier: MIT */
#include "base/elementary.h"
#include "base/message.h"
#include "layers/loss.h"
#include "model/config.h"
#include "model/model.h"
#include "model/sized_struct.h"
#include "model/views.h"

#include <string.h>

static normnet_status read_options(const normnet_predict_options *from, normnet_predict_options *options)
{
    *options = (normnet_predict_options){.struct_size = (int32_t)sizeof *options};
    if (from != NULL) {
        const normnet_status status =
            normnet__read_struct(options, (int32_t)sizeof *options, NORMNET__PREDICT_OPTIONS_FIRST, from, "options");
        if (status != NORMNET_OK)
            return status;
    }
    if (options->scores < 0 || options->scores > NORMNET_SCORES_LOGITS)
        return normnet__fail(NORMNET_EUNSUPPORTED, "options.scores is %d; expected 0 to 2", options->scores);
    if (options->statistics < 0 || options->statistics > NORMNET_STATISTICS_BATCH)
        return normnet__fail(NORMNET_EUNSUPPORTED, "options.statistics is %d; expected 0 or 1", options->statistics);
    if (options->reserved != 0)
        return normnet__fail(NORMNET_EINVAL, "options.reserved is %d; expected 0", options->reserved);
    return NORMNET_OK;
}

/* ---- The two ways of running ----------------------------------------------------------------------- */

/* A call under way: as a reader, or alone with the batch's own statistics in the memory of training. */
struct reading {
    normnet_model *model;
    struct reader *reader; /* the one taken, or the first if alone */
    bool alone;
    struct images images;
};

static void end_reading(struct reading *reading)
{
    if (reading->alone)
        normnet__end_writing(reading->model);
    else
        normnet__end_reading(reading->model, reading->reader);
}

static normnet_status begin_reading(struct reading *reading, normnet_model *model, const normnet_tensor *images,
                                    const normnet_predict_options *options)
{
    normnet_status status;

    *reading = (struct reading){.model = model, .alone = options->statistics == NORMNET_STATISTICS_BATCH};
    status = reading->alone ? normnet__begin_writing(model) : normnet__begin_reading(model, &reading->reader);
    if (status != NORMNET_OK)
        return status;
    if (reading->alone)
        reading->reader = &model->readers[0];
    status = normnet__view_images(&reading->images, images, model->network.input,
                                  reading->alone ? model->config.max_batch : INT64_MAX);
    if (status == NORMNET_OK && reading->alone)
        status = normnet__check_batch_norms(model, reading->images.count);
    if (status != NORMNET_OK)
        end_reading(reading);
    return status;
}

/* Cannot fail any more once everything has been checked: the statistics are of these images alone, without reduce. */
static normnet_status run(struct reading *reading, int32_t last, block_callback *callback, void *context)
{
    normnet_model *model = reading->model;
    struct training_pass training = model->training;

    if (reading->alone) {
        training.reduction = (struct reduction){NULL, NULL};
        return normnet__forward_batch(&model->engine, &training, &reading->images, NULL, NULL, last, callback, context);
    }
    normnet__evaluate(&model->engine, &reading->reader->team, &reading->images, last, callback, context);
    return NORMNET_OK;
}

static float *final_output(const normnet_model *model, const struct block *block)
{
    return normnet__output(&model->network.layers[model->network.layer_count - 1], block);
}

/* ---- Evaluate -------------------------------------------------------------------------------------- */

struct evaluation {
    const normnet_model *model;
    struct team *team; /* its trees sum one loss per block */
    struct labels labels;
    int64_t *confusion;
};

static void add_block(void *context, int32_t thread, const struct block *block)
{
    const struct evaluation *evaluation = context;
    const int32_t classes = evaluation->model->network.classes;
    struct tree *tree = &evaluation->team->trees[thread];
    int32_t labels[NORMNET__LANES], predictions[NORMNET__LANES];
    double losses[NORMNET__LANES];

    for (int32_t lane = 0; lane < block->count; ++lane)
        labels[lane] = (int32_t)normnet__label(&evaluation->labels, block->index * NORMNET__LANES + lane);
    normnet__cross_entropy(final_output(evaluation->model, block), classes, labels, block->count,
                           evaluation->model->config.label_smoothing, losses, predictions, false);
    normnet__tree_leaf(tree)[0] = normnet__tree_sum(losses, block->count, 1);
    normnet__tree_push(tree, block->index);
    for (int32_t lane = 0; lane < block->count; ++lane) {
        evaluation->team->workers[thread].correct += predictions[lane] == labels[lane];
        /* Counts are whole numbers: the order of these additions cannot be seen. */
        if (evaluation->confusion != NULL)
            __atomic_fetch_add(&evaluation->confusion[(int64_t)labels[lane] * classes + predictions[lane]], 1,
                               __ATOMIC_RELAXED);
    }
}

static void begin_sums(struct evaluation *evaluation, int64_t images)
{
    const int64_t classes = evaluation->model->network.classes;

    for (int32_t thread = 0; thread < evaluation->model->config.threads; ++thread) {
        evaluation->team->workers[thread].correct = 0;
        normnet__tree_begin(&evaluation->team->trees[thread], (images + NORMNET__LANES - 1) / NORMNET__LANES, 0, 1);
    }
    if (evaluation->confusion != NULL)
        memset(evaluation->confusion, 0, (size_t)(classes * classes) * sizeof *evaluation->confusion);
}

static normnet_status evaluate(struct reading *reading, const normnet_tensor *labels, int64_t *confusion,
                               normnet_metrics *metrics)
{
    normnet_model *model = reading->model;
    struct evaluation evaluation = {.model = model, .team = &reading->reader->team, .confusion = confusion};
    const int64_t count = reading->images.count;
    normnet_status status = normnet__view_labels(&evaluation.labels, labels, count, model->network.classes);

    if (status != NORMNET_OK)
        return status;
    begin_sums(&evaluation, count);
    status = run(reading, model->network.layer_count - 1, add_block, &evaluation);
    if (status != NORMNET_OK)
        return status;
    metrics->loss = normnet__tree_combine(evaluation.team->trees, model->config.threads)[0] / (double)count;
    metrics->count = count;
    metrics->step = model->state.step;
    for (int32_t thread = 0; thread < model->config.threads; ++thread)
        metrics->correct += evaluation.team->workers[thread].correct;
    return NORMNET_OK;
}

normnet_status normnet_evaluate(normnet_model *model, const normnet_tensor *images, const normnet_tensor *labels,
                                normnet_metrics *metrics, int64_t *confusion, const normnet_predict_options *from)
{
    normnet_metrics filled = {0};
    normnet_predict_options options;
    struct reading reading;
    normnet_status status = normnet__require(model, "model");

    if (status == NORMNET_OK)
        status = normnet__check_metrics(metrics);
    if (status == NORMNET_OK)
        status = read_options(from, &options);
    if (status == NORMNET_OK)
        status = begin_reading(&reading, model, images, &options);
    if (status != NORMNET_OK)
        return status;
    status = evaluate(&reading, labels, confusion, &filled);
    if (status == NORMNET_OK)
        status = normnet__write_metrics(metrics, &filled);
    end_reading(&reading);
    return status;
}

/* ---- Predict --------------------------------------------------------------------------------------- */

struct prediction {
    const normnet_model *model;
    int32_t kind; /* normnet_scores */
    struct view scores, classes;
    bool has_scores, has_classes;
};

static float score(const float *logits, int32_t kind, int32_t k, int32_t lane, double log_sum, double maximum)
{
    const float logit = logits[k * NORMNET__LANES + lane];
    const double logp = ((double)logit - maximum) - log_sum;

    switch (kind) {
    case NORMNET_SCORES_LOGITS:
        return logit;
    case NORMNET_SCORES_LOG_PROBABILITIES:
        return (float)logp;
    default:
        return (float)normnet__exp(logp);
    }
}

static void write_class(const struct view *view, int64_t index, int32_t value)
{
    void *at = (char *)view->tensor.data + index * view->tensor.strides[0] * view->element;

    switch (view->tensor.dtype) {
    case NORMNET_U8:
        *(uint8_t *)at = (uint8_t)value;
        break;
    case NORMNET_I32:
        *(int32_t *)at = value;
        break;
    default:
        *(int64_t *)at = value;
    }
}

static void write_predictions(void *context, int32_t thread, const struct block *block)
{
    const struct prediction *prediction = context;
    const float *logits = final_output(prediction->model, block);
    const int32_t classes = prediction->model->network.classes;

    (void)thread;
    for (int32_t lane = 0; lane < block->count; ++lane) {
        const int64_t index = block->index * NORMNET__LANES + lane;
        const int64_t *strides = prediction->scores.tensor.strides;
        double log_sum = 0.0, maximum = 0.0;

        if (prediction->has_classes)
            write_class(&prediction->classes, index, normnet__argmax(logits, classes, lane));
        if (!prediction->has_scores)
            continue;
        if (prediction->kind != NORMNET_SCORES_LOGITS)
            normnet__log_sum_exp(logits, classes, lane, &log_sum, &maximum);
        for (int32_t k = 0; k < classes; ++k)
            ((float *)prediction->scores.tensor.data)[index * strides[0] + k * strides[1]] =
                score(logits, prediction->kind, k, lane, log_sum, maximum);
    }
}

static normnet_status view_classes(struct prediction *prediction, const normnet_tensor *classes, int64_t count,
                                   const normnet_tensor *images)
{
    const normnet_status status = normnet__view_output(&prediction->classes, classes, "classes", 1, &count, images);

    if (status != NORMNET_OK)
        return status;
    if (prediction->classes.tensor.dtype == NORMNET_F32)
        return normnet__fail(NORMNET_EUNSUPPORTED, "classes are f32; expected u8, i32 or i64");
    if (prediction->classes.tensor.dtype == NORMNET_U8 && prediction->model->network.classes > 256)
        return normnet__fail(NORMNET_EUNSUPPORTED, "classes are u8, which cannot hold %d classes",
                             prediction->model->network.classes);
    return NORMNET_OK;
}

static normnet_status predict(struct reading *reading, const normnet_tensor *images, normnet_tensor *scores,
                              normnet_tensor *classes, const normnet_predict_options *options)
{
    struct prediction prediction = {
        .model = reading->model, .kind = options->scores, .has_scores = scores != NULL, .has_classes = classes != NULL};
    const int64_t shape[2] = {reading->images.count, reading->model->network.classes};
    normnet_status status = NORMNET_OK;

    if (scores != NULL)
        status = normnet__view_output(&prediction.scores, scores, "scores", 2, shape, images);
    if (status == NORMNET_OK && scores != NULL && prediction.scores.tensor.dtype != NORMNET_F32)
        status =
            normnet__fail(NORMNET_EUNSUPPORTED, "scores have dtype %d; expected f32", prediction.scores.tensor.dtype);
    if (status == NORMNET_OK && classes != NULL)
        status = view_classes(&prediction, classes, shape[0], images);
    if (status == NORMNET_OK && scores != NULL && classes != NULL && prediction.scores.begin < prediction.classes.end &&
        prediction.classes.begin < prediction.scores.end)
        status = normnet__fail(NORMNET_EINVAL, "classes overlaps an input or another output");
    return status == NORMNET_OK ? run(reading, reading->model->network.layer_count - 1, write_predictions, &prediction)
                                : status;
}

normnet_status normnet_predict(normnet_model *model, const normnet_tensor *images, normnet_tensor *scores,
                               normnet_tensor *classes, const normnet_predict_options *from)
{
    normnet_predict_options options;
    struct reading reading;
    normnet_status status = normnet__require(model, "model");

    if (status == NORMNET_OK)
        status = read_options(from, &options);
    if (status == NORMNET_OK)
        status = begin_reading(&reading, model, images, &options);
    if (status != NORMNET_OK)
        return status;
    status = predict(&reading, images, scores, classes, &options);
    end_reading(&reading);
    return status;
}

/* ---- Layer output ---------------------------------------------------------------------------------- */

struct layer_output {
    const struct layer *layer;
    struct view view;
};

static void write_layer_output(void *context, int32_t thread, const struct block *block)
{
    const struct layer_output *output = context;
    const struct shape shape = output->layer->out;
    const int64_t *strides = output->view.tensor.strides;
    const struct map map = normnet__shape_map(shape);
    const float *values = normnet__output(output->layer, block);

    (void)thread;
    for (int32_t c = 0; c < shape.channels; ++c)
        for (int32_t i = 0; i < shape.height; ++i)
            for (int32_t j = 0; j < shape.width; ++j)
                for (int32_t lane = 0; lane < block->count; ++lane) {
                    const int64_t sample = block->index * NORMNET__LANES + lane;
                    /* After flatten i and j are 0, and so are the strides of the dimensions that are not there. */
                    const int64_t at = sample * strides[0] + c * strides[1] + i * strides[2] + j * strides[3];

                    ((float *)output->view.tensor.data)[at] =
                        values[(c * map.channel_stride + i * map.row_stride + j) * NORMNET__LANES + lane];
                }
}

static normnet_status write_output(struct reading *reading, const normnet_tensor *images, int32_t index,
                                   const normnet_tensor *tensor)
{
    const struct network *network = &reading->model->network;
    struct layer_output output;
    int64_t shape[4] = {reading->images.count};
    normnet_status status;

    if (index < 0 || index >= network->layer_count)
        return normnet__fail(NORMNET_EINVAL, "layer is %d; expected 0 to %d", index, network->layer_count - 1);
    output.layer = &network->layers[index];
    shape[1] = output.layer->out.channels;
    shape[2] = output.layer->out.height;
    shape[3] = output.layer->out.width;
    status = normnet__view_output(&output.view, tensor, "output", output.layer->out.flat ? 2 : 4, shape, images);
    if (status != NORMNET_OK)
        return status;
    if (output.view.tensor.dtype != NORMNET_F32)
        return normnet__fail(NORMNET_EUNSUPPORTED, "output has dtype %d; expected f32", output.view.tensor.dtype);
    return run(reading, index, write_layer_output, &output);
}

normnet_status normnet_layer_output(normnet_model *model, const normnet_tensor *images, int32_t layer,
                                    normnet_tensor *output, const normnet_predict_options *from)
{
    normnet_predict_options options;
    struct reading reading;
    normnet_status status = normnet__require(model, "model");

    if (status == NORMNET_OK)
        status = read_options(from, &options);
    if (status == NORMNET_OK)
        status = begin_reading(&reading, model, images, &options);
    if (status != NORMNET_OK)
        return status;
    status = write_output(&reading, images, layer, output);
    end_reading(&reading);
    return status;
}
