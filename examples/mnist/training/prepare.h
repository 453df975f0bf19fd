/* SPDX-License-Identifier: MIT */
/* Everything that a run needs before its first step: data, model and batches, checked. */
#ifndef MNIST_PREPARE_H
#define MNIST_PREPARE_H

#include "training/run.h"

/*
 * Claims the files of --save, --json and --report, so that no other training run writes them. Call it before the
 * checkpoint of --resume is read: another run could still be writing it. Returns 0, or reports why the files cannot be
 * written.
 */
int run_claim_files(struct run *run);

/*
 * Fills the rest of a run whose settings, and with --resume whose checkpoint, are known. Prints the data and the
 * network. Returns 0, or reports what is wrong; run_close() frees what there is either way.
 */
int run_prepare(struct run *run);

#endif
