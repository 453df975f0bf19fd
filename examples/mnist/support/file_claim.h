/* SPDX-License-Identifier: MIT */
/*
 * The right to write a file. While one process has claimed the file, others are told so before they begin their work.
 * The claim is a lock on the empty file PATH.lock, which is removed with it. A signal that ends the process
 * removes it, too. The system ends the claim of a process that is killed; the next one uses the file that is left.
 * Other programs know nothing of the lock, and some file systems have none, so that the owner also notices if another
 * file has taken the place.
 */
#ifndef MNIST_FILE_CLAIM_H
#define MNIST_FILE_CLAIM_H

#include "support/file_system.h"

#include <stdint.h>

struct file_claim {
    char *place; /* the file, with symbolic links resolved; NULL = nothing is claimed */
    char *lock;  /* the path of the locked file */
    intptr_t handle;
    struct file_stamp stamp; /* of the file when it was claimed or last written */
};

/*
 * Claims the file at `path`, which need not exist. Returns 0, or reports that it cannot be written, that another
 * process writes it, or that its name or that of its lock is taken by another claim of this process. On a file system
 * without locks every claim succeeds.
 */
int file_claim_take(struct file_claim *claim, const char *path);

/*
 * Before the file is replaced: returns 0, or reports that another program has changed it. That it was removed is no
 * change.
 */
int file_claim_check(const struct file_claim *claim);

/* After the file was replaced. */
void file_claim_update(struct file_claim *claim);

/* Also if nothing is claimed. */
void file_claim_release(struct file_claim *claim);

#endif
