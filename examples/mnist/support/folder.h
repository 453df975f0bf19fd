/* SPDX-License-Identifier: MIT */
/* Directories. */
#ifndef MNIST_FOLDER_H
#define MNIST_FOLDER_H

#include <stdbool.h>
#include <stddef.h>

struct folder_entry { /* a name in a directory */
    char *name;
    bool is_folder; /* also through a symbolic link */
};

/* Sorted by name, without hidden names, which begin with a dot. */
struct folder {
    struct folder_entry *entries;
    size_t count;
};

/* Returns 0 or the value of errno; close the folder after a failure too. */
int folder_open(struct folder *folder, const char *path);
void folder_close(struct folder *folder);

/* Creates the directory unless it is there. Returns 0 or the value of errno. */
int folder_create(const char *path);

#endif
