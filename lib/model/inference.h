/* SPDX-License-Identifier: MIT */
/*
 * Evaluation and prediction over a model. A call holds the lock as a reader and uses the running statistics of batch
 * norm; or it holds the lock as a writer and uses the statistics of its own images, in the memory of training.
 */
#ifndef NORMNET_MODEL_INFERENCE_H
#define NORMNET_MODEL_INFERENCE_H

#include "layers/loss.h"
#include "model/model.h"
#include "model/views.h"

/* One call on a model. */
struct inference {
    normnet_model *model;
    struct reader *reader;
    bool batch_statistics;
    struct engine engine; /* with the weights of the call */
    struct images images;
    struct view images_view; /* of the same tensor, for what must not overlap it */
};

/* Takes the lock and checks the images; the options have been checked. If it succeeds, end the inference. */
normnet_status normnet__begin_inference(struct inference *inference, normnet_model *model, const normnet_tensor *images,
                                        const normnet_predict_options *options);
void normnet__end_inference(struct inference *inference);

/* Runs layers 0, ..., last over all images and calls `callback` with every block. */
normnet_status normnet__run_inference(struct inference *inference, int32_t last, block_callback *callback,
                                      void *context);

/* The logits of a block that has passed the last layer. */
struct logits normnet__block_logits(const normnet_model *model, const struct block *block);

/* Loss and accuracy. `confusion` [classes][classes] may be NULL, and must not overlap the images or the labels. */
normnet_status normnet__evaluate_model(struct inference *inference, const normnet_tensor *labels, int64_t *confusion,
                                       normnet_metrics *metrics);

/* Scores of the kind `kind`, a normnet_scores, and classes; either may be NULL. They must not overlap the images. */
normnet_status normnet__predict(struct inference *inference, int32_t kind, const normnet_tensor *scores,
                                const normnet_tensor *classes);

/* The output of layer `index`, which must not overlap the images. */
normnet_status normnet__layer_output(struct inference *inference, int32_t index, const normnet_tensor *output);

#endif
