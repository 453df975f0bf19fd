/* SPDX-License-Identifier: MIT */
/* The JSON file of a finished or running training, as results_write() writes it, for reading. */
#ifndef MNIST_RUN_FILE_H
#define MNIST_RUN_FILE_H

#include "support/json_reader.h"
#include "training/progress.h"

#include <stdbool.h>

struct run_file {
    const char *path;
    struct json_value *root;
    const struct json_value *configuration, *data; /* in the root */
    double parameters, bits_version;
    struct epoch_result *history;
    int64_t epochs;
    bool validated; /* has validation losses and accuracies */
};

/* Returns 0, or reports why the file is not that of a run. Close it either way. `path` must outlive it. */
int run_file_open(struct run_file *run, const char *path);
void run_file_close(struct run_file *run);

#endif
