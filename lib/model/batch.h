/* SPDX-License-Identifier: MIT */
/* The images and labels of one call, checked against the model before anything is computed. */
#ifndef NORMNET_MODEL_BATCH_H
#define NORMNET_MODEL_BATCH_H

#include "model/model.h"

struct labeled_batch {
    struct images images;
    const int32_t *labels; /* copies, in the memory of training */
};

/* 1 to max_batch images for a pass that computes batch statistics; with labels, or without. */
normnet_status normnet__view_batch_images(const normnet_model *model, const normnet_tensor *tensor,
                                          struct images *images);
normnet_status normnet__view_batch(const normnet_model *model, const normnet_tensor *images,
                                   const normnet_tensor *labels, struct labeled_batch *batch);

/* NORMNET_EINVAL if a batch norm would compute statistics of a single value per channel. */
normnet_status normnet__check_batch_norms(const normnet_model *model, int64_t images);

#endif
