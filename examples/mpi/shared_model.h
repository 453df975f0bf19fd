/* SPDX-License-Identifier: MIT */
/* A model of rank 0 for the other ranks, as the bytes of its file. */
#ifndef MPI_SHARED_MODEL_H
#define MPI_SHARED_MODEL_H

#include "ranks.h"
#include "training/checkpoint.h"

#include <normnet.h>

/* Opens the checkpoint that rank 0 has opened, in the other ranks. Returns 0 in each rank, or reports why it cannot. */
int share_checkpoint(const struct ranks *ranks, struct checkpoint *checkpoint, const char *path);

/* Replaces the weights and the running statistics of the other ranks by those of rank 0. Returns as above. */
int share_weights(const struct ranks *ranks, normnet_model *model);

#endif
