/* SPDX-License-Identifier: MIT */
#include "base/elementary.h"
#include "base/message.h"
#include "layers/loss.h"
#include "model/inference.h"
#include "model/overlap.h"

struct prediction {
    const normnet_model *model;
    int32_t kind; /* normnet_scores */
    struct view scores, classes;
    bool has_scores, has_classes;
};

/* `log_sum` is log(sum exp(logit - maximum)) of the sample. */
static float convert_logit(float logit, int32_t kind, double log_sum, double maximum)
{
    const double log_probability = ((double)logit - maximum) - log_sum;

    switch (kind) {
    case NORMNET_SCORES_LOGITS:
        return logit;
    case NORMNET_SCORES_LOG_PROBABILITIES:
        return (float)log_probability;
    default:
        return (float)normnet__exp(log_probability);
    }
}

static void write_class(const struct view *view, int64_t index, int32_t value)
{
    void *at = (char *)view->tensor.data + index * view->tensor.strides[0] * view->element_bytes;

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

static void predict_block(void *context, int32_t thread, const struct block *block)
{
    const struct prediction *prediction = context;
    const struct logits logits = normnet__block_logits(prediction->model, block);

    (void)thread;
    for (int32_t lane = 0; lane < block->count; ++lane) {
        const int64_t index = block->index * logits.lanes + lane;
        const int64_t *strides = prediction->scores.tensor.strides;
        double log_sum = 0.0, maximum = 0.0;

        if (prediction->has_classes)
            write_class(&prediction->classes, index, normnet__argmax(logits, lane));
        if (!prediction->has_scores)
            continue;
        if (prediction->kind != NORMNET_SCORES_LOGITS)
            normnet__log_sum_exp(logits, lane, &log_sum, &maximum);
        for (int32_t k = 0; k < logits.classes; ++k)
            ((float *)prediction->scores.tensor.data)[index * strides[0] + k * strides[1]] =
                convert_logit(*normnet__logit(logits, k, lane), prediction->kind, log_sum, maximum);
    }
}

static normnet_status view_scores(struct prediction *prediction, const normnet_tensor *scores, int64_t count,
                                  const struct view *images)
{
    const int64_t shape[2] = {count, prediction->model->network.classes};
    const normnet_status status = normnet__view_output(&prediction->scores, scores, "scores", 2, shape, images);
    const int32_t dtype = prediction->scores.tensor.dtype;

    if (status != NORMNET_OK || dtype == NORMNET_F32)
        return status;
    return normnet__fail(NORMNET_EUNSUPPORTED, "scores are %s; expected f32", normnet__dtype_name(dtype));
}

static normnet_status view_classes(struct prediction *prediction, const normnet_tensor *classes, int64_t count,
                                   const struct view *images)
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

normnet_status normnet__predict(struct inference *inference, int32_t kind, const normnet_tensor *scores,
                                const normnet_tensor *classes)
{
    struct prediction prediction = {
        .model = inference->model, .kind = kind, .has_scores = scores != NULL, .has_classes = classes != NULL};
    const int64_t count = inference->images.count;
    normnet_status status = NORMNET_OK;

    if (scores != NULL)
        status = view_scores(&prediction, scores, count, &inference->images_view);
    if (status == NORMNET_OK && classes != NULL)
        status = view_classes(&prediction, classes, count, &inference->images_view);
    if (status == NORMNET_OK && scores != NULL && classes != NULL &&
        normnet__views_overlap(&prediction.scores, &prediction.classes))
        status = normnet__fail(NORMNET_EINVAL, "classes overlaps scores");
    if (status != NORMNET_OK)
        return status;
    return normnet__run_inference(inference, prediction.model->network.layer_count - 1, predict_block, &prediction);
}
