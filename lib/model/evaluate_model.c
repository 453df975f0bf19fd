/* SPDX-License-Identifier: MIT */
#include "base/message.h"
#include "layers/loss.h"
#include "model/inference.h"
#include "model/views.h"

#include <stdatomic.h>
#include <string.h>

struct model_evaluation {
    const normnet_model *model;
    struct team *team; /* its trees sum one loss per block */
    struct labels labels;
    int64_t *confusion;
    atomic_bool wrong_label; /* one was changed after all had been checked */
};

/* The labels of a block. There is no memory for those of all images, which can be any number. */
static bool read_labels(const struct model_evaluation *evaluation, const struct block *block, int32_t *labels)
{
    const int64_t first = block->index * evaluation->model->network.lanes;
    bool valid = true;

    for (int32_t lane = 0; lane < block->count; ++lane)
        valid = normnet__read_label(&evaluation->labels, first + lane, &labels[lane]) && valid;
    return valid;
}

static void evaluate_block(void *context, int32_t thread, const struct block *block)
{
    struct model_evaluation *evaluation = context;
    const int32_t classes = evaluation->model->network.classes;
    struct tree *tree = &evaluation->team->trees[thread];
    int32_t labels[NORMNET__MAX_LANES], predictions[NORMNET__MAX_LANES];
    double losses[NORMNET__MAX_LANES];

    if (!read_labels(evaluation, block, labels)) {
        atomic_store(&evaluation->wrong_label, true);
        return;
    }
    normnet__cross_entropy(block->kernels, normnet__block_logits(evaluation->model, block), labels, block->count,
                           evaluation->model->config.label_smoothing, losses, predictions, false);
    normnet__tree_next_leaf(tree)[0] = normnet__tree_sum(losses, block->count, 1);
    normnet__tree_push(tree, block->index);
    for (int32_t lane = 0; lane < block->count; ++lane) {
        evaluation->team->workers[thread].correct += predictions[lane] == labels[lane];
        /* The counts are integers, so that the order of these additions does not matter. */
        if (evaluation->confusion != NULL && predictions[lane] >= 0)
            __atomic_fetch_add(&evaluation->confusion[(int64_t)labels[lane] * classes + predictions[lane]], 1,
                               __ATOMIC_RELAXED);
    }
}

static void begin_sums(struct model_evaluation *evaluation, int64_t images)
{
    const int64_t classes = evaluation->model->network.classes;

    for (int32_t thread = 0; thread < evaluation->model->config.threads; ++thread) {
        evaluation->team->workers[thread].correct = 0;
        normnet__tree_begin(&evaluation->team->trees[thread], normnet__count_blocks(&evaluation->model->engine, images),
                            0, 1);
    }
    if (evaluation->confusion != NULL)
        memset(evaluation->confusion, 0, (size_t)(classes * classes) * sizeof *evaluation->confusion);
}

/* The counts are set to zero before the first label is read: none may lie among them. */
static normnet_status check_confusion(const struct inference *inference, const struct labels *labels,
                                      int64_t *confusion)
{
    const int64_t classes = inference->model->network.classes, shape[2] = {classes, classes};
    const normnet_tensor tensor = {
        .struct_size = sizeof tensor, .dtype = NORMNET_I64, .rank = 2, .shape = {classes, classes}, .data = confusion};
    struct view view;
    normnet_status status;

    if (confusion == NULL)
        return NORMNET_OK;
    status = normnet__view_output(&view, &tensor, "confusion", 2, shape, &inference->images_view);
    return status == NORMNET_OK ? normnet__view_output(&view, &tensor, "confusion", 2, shape, &labels->view) : status;
}

normnet_status normnet__evaluate_model(struct inference *inference, const normnet_tensor *labels, int64_t *confusion,
                                       normnet_metrics *metrics)
{
    normnet_model *model = inference->model;
    struct model_evaluation evaluation = {.model = model, .team = &inference->reader->team, .confusion = confusion};
    const int64_t count = inference->images.count;
    normnet_status status = normnet__view_labels(&evaluation.labels, labels, count, model->network.classes);

    if (status == NORMNET_OK)
        status = normnet__copy_labels(&evaluation.labels, count, NULL);
    if (status == NORMNET_OK)
        status = check_confusion(inference, &evaluation.labels, confusion);
    if (status != NORMNET_OK)
        return status;
    begin_sums(&evaluation, count);
    status = normnet__run_inference(inference, model->network.layer_count - 1, evaluate_block, &evaluation);
    if (status == NORMNET_OK && evaluation.wrong_label)
        status = normnet__fail(NORMNET_ELABEL, "a label was changed during the call; expected 0 to %d",
                               model->network.classes - 1);
    if (status != NORMNET_OK)
        return status;
    *metrics = (normnet_metrics){.count = count, .step = model->state.step};
    normnet__tree_combine(evaluation.team->trees, model->config.threads, 0, 1, &metrics->loss);
    metrics->loss /= (double)count;
    for (int32_t thread = 0; thread < model->config.threads; ++thread)
        metrics->correct += evaluation.team->workers[thread].correct;
    return NORMNET_OK;
}
