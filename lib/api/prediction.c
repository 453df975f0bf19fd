/* SPDX-License-Identifier: MIT */
/* Evaluation, prediction and the outputs of single layers. */
#include "api/arguments.h"
#include "base/message.h"
#include "model/enumerators.h"
#include "model/inference.h"
#include "model/sized_struct.h"

static normnet_status read_predict_options(const normnet_predict_options *from, normnet_predict_options *options)
{
    *options = (normnet_predict_options){.struct_size = (int32_t)sizeof *options};
    if (from != NULL) {
        const normnet_status status =
            normnet__read_struct(options, (int32_t)sizeof *options, NORMNET__PREDICT_OPTIONS, from, "options");

        if (status != NORMNET_OK)
            return status;
    }
    if (options->scores < 0 || options->scores > NORMNET__LAST_SCORES)
        return normnet__fail(NORMNET_EUNSUPPORTED, "options.scores is %d; expected 0 to %d", options->scores,
                             (int)NORMNET__LAST_SCORES);
    if (options->statistics < 0 || options->statistics > NORMNET__LAST_STATISTICS)
        return normnet__fail(NORMNET_EUNSUPPORTED, "options.statistics is %d; expected 0 to %d", options->statistics,
                             (int)NORMNET__LAST_STATISTICS);
    if (options->weights < 0 || options->weights > NORMNET__LAST_WEIGHTS)
        return normnet__fail(NORMNET_EUNSUPPORTED, "options.weights is %d; expected 0 to %d", options->weights,
                             (int)NORMNET__LAST_WEIGHTS);
    return NORMNET_OK;
}

/* The counts and the metrics are both written. Compared as numbers, since they need not be parts of one object. */
static normnet_status check_separate(const normnet_metrics *metrics, int32_t metrics_size, const int64_t *confusion,
                                     int32_t classes)
{
    const uintptr_t counts = (uintptr_t)confusion, other = (uintptr_t)metrics;
    const uintptr_t bytes = (uintptr_t)classes * (uintptr_t)classes * sizeof *confusion;

    if (confusion == NULL || metrics == NULL)
        return NORMNET_OK;
    if (counts < other ? bytes <= other - counts : (uintptr_t)metrics_size <= counts - other)
        return NORMNET_OK;
    return normnet__fail(NORMNET_EINVAL, "confusion overlaps metrics");
}

normnet_status normnet_evaluate(normnet_model *model, const normnet_tensor *images, const normnet_tensor *labels,
                                normnet_metrics *metrics, int64_t *confusion, const normnet_predict_options *from)
{
    normnet_metrics filled;
    int32_t metrics_size;
    normnet_predict_options options;
    struct inference inference;
    normnet_status status = normnet__require(model, "model");

    if (status == NORMNET_OK)
        status = normnet__read_metrics_size(metrics, &metrics_size);
    if (status == NORMNET_OK)
        status = check_separate(metrics, metrics_size, confusion, model->network.classes);
    if (status == NORMNET_OK)
        status = read_predict_options(from, &options);
    if (status == NORMNET_OK)
        status = normnet__begin_inference(&inference, model, images, &options);
    if (status != NORMNET_OK)
        return status;
    status = normnet__evaluate_model(&inference, labels, confusion, &filled);
    if (status == NORMNET_OK)
        normnet__write_metrics(metrics, metrics_size, &filled);
    normnet__end_inference(&inference);
    return status;
}

normnet_status normnet_predict(normnet_model *model, const normnet_tensor *images, normnet_tensor *scores,
                               normnet_tensor *classes, const normnet_predict_options *from)
{
    normnet_predict_options options;
    struct inference inference;
    normnet_status status = normnet__require(model, "model");

    if (status == NORMNET_OK)
        status = read_predict_options(from, &options);
    if (status == NORMNET_OK)
        status = normnet__begin_inference(&inference, model, images, &options);
    if (status != NORMNET_OK)
        return status;
    status = normnet__predict(&inference, options.scores, scores, classes);
    normnet__end_inference(&inference);
    return status;
}

normnet_status normnet_layer_output(normnet_model *model, const normnet_tensor *images, int32_t layer,
                                    normnet_tensor *output, const normnet_predict_options *from)
{
    normnet_predict_options options;
    struct inference inference;
    normnet_status status = normnet__require(model, "model");

    if (status == NORMNET_OK)
        status = read_predict_options(from, &options);
    if (status == NORMNET_OK)
        status = normnet__begin_inference(&inference, model, images, &options);
    if (status != NORMNET_OK)
        return status;
    status = normnet__check_index(layer, model->network.layer_count, "layer");
    if (status == NORMNET_OK)
        status = normnet__layer_output(&inference, layer, output);
    normnet__end_inference(&inference);
    return status;
}
