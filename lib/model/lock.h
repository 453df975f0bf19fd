/* SPDX-License-Identifier: MIT */
/*
 * The readers/writer lock of a model. Nothing waits: a call that cannot have the model fails with NORMNET_EBUSY. A
 * writer is alone; up to config.readers readers work at the same time, each with memory of its own. Who has the model
 * computes in the default floating-point mode and cannot be cancelled.
 */
#ifndef NORMNET_MODEL_LOCK_H
#define NORMNET_MODEL_LOCK_H

#include "model/model.h"

normnet_status normnet__begin_writing(normnet_model *model);
void normnet__end_writing(normnet_model *model);

/* `*reader` is the memory that belongs to the caller until normnet__end_reading. */
normnet_status normnet__begin_reading(normnet_model *model, struct reader **reader);
void normnet__end_reading(normnet_model *model, struct reader *reader);

#endif
