/* SPDX-License-Identifier: MIT */
/* A training that is shared by the ranks of a job: what each of them has. */
#ifndef MPI_JOB_H
#define MPI_JOB_H

#include "data/dataset.h"
#include "ranks.h"
#include "support/file_claim.h"
#include "training/checkpoint.h"
#include "training/pipeline.h"
#include "training/progress.h"
#include "training/settings.h"

#include <normnet.h>
#include <stdbool.h>

struct job {
    struct ranks ranks;
    struct settings settings;
    bool local_statistics; /* batch norm normalizes the images of each rank by themselves */
    bool whole;            /* this rank computes a batch whole, as the others do: nothing is added */

    struct file_claim claim; /* of --save, by rank 0 */
    struct dataset data;
    struct checkpoint resumed; /* empty if the training is new */
    normnet_model *model;
    struct pipeline_options batches;
    struct pipeline *pipeline;
    struct progress progress; /* drawn by rank 0 */

    /* `correct` and `loss_sum` are those of `counted` images: of this rank since the last job_collect(). */
    struct training_state training;
    int64_t counted;
};

/*
 * Opens data, checkpoint, model and batches. All ranks must have the same images. Returns 0 in all ranks, or the same
 * code in all after the first one that failed has reported why.
 */
int job_open(struct job *job);
void job_close(struct job *job);

/*
 * Trains until the end of an epoch, or until a rank receives a signal. Returns 0 in all ranks, or the same code in all
 * after one has reported which batch failed.
 */
int job_train_epoch(struct job *job, struct epoch_result *result);

/* Tests the model on the validation and the test images, of which each rank takes a share. Returns as above. */
int job_test(struct job *job, struct epoch_result *result);

/* Gives rank 0 the losses and counts of all ranks in the current epoch. */
void job_collect(struct job *job);

/* Writes the checkpoint if --save is given: rank 0. Returns as job_train_epoch(). */
int job_save(struct job *job);

#endif
