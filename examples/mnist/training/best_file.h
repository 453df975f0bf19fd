/* SPDX-License-Identifier: MIT */
/*
 * The weights of the best epoch of a training run (--keep best), in the file CHECKPOINT.best beside its checkpoint. The
 * best epoch is the one with the highest accuracy on the validation images; of equal ones, the one with the lowest loss
 * on them; of these, the first. The file has the kind of `export --weights` and the number of the epoch in its note.
 *
 * It is written before the checkpoint of its epoch. If the program is killed between the two, the file is of an epoch
 * that the checkpoint does not know yet; a resumed run repeats that epoch with the same bits, and writes it again.
 */
#ifndef MNIST_BEST_FILE_H
#define MNIST_BEST_FILE_H

#include "support/file_claim.h"
#include "training/checkpoint.h"

#include <normnet.h>
#include <stdbool.h>

struct best_file {
    char *path; /* NULL = the best epoch is not kept */
    struct file_claim claim;
};

/* Whether `result` is a better epoch than `best`, whose epoch is 0 if there is none. */
bool best_is_better(const struct epoch_result *result, const struct epoch_result *best);

/*
 * With KEEP_BEST: claims the file beside settings->save. If the run continues the training `resumed` of the checkpoint
 * settings->resume, its best weights must be there, and are copied if the run saves to another checkpoint. If `resumed`
 * is NULL the run is new. Nothing that another run wrote is replaced. Returns 0, or reports what is wrong.
 */
int best_file_open(struct best_file *file, const struct settings *settings, const struct training_state *resumed);

/* For a file that another command writes: returns 0, or reports that it has the best weights of a training. */
int best_file_check_older(const char *path);

/* If the epoch is the best so far: writes the file and notes it in `training`. Returns 0, or reports the failure. */
int best_file_update(struct best_file *file, normnet_model *model, const struct epoch_result *result,
                     struct training_state *training);

/* Also if nothing is open. */
void best_file_close(struct best_file *file);

#endif
