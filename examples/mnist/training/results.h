/* SPDX-License-Identifier: MIT */
/*
 * The JSON file of a run:
 *
 *     {"program", "version", "bits_version",
 *      "configuration": {...}, "data": {...}, "parameters": 7704,
 *      "forgotten_epochs": 5,     (only if a checkpoint had no room for the results of the first 5 epochs)
 *      "history": [{"epoch", "train_loss", "train_accuracy", "test_loss", "test_accuracy", "lr",
 *                   "images_per_second", "seconds"}, ...],     (with --validate, "validation_loss" and
 *                                                              "validation_accuracy" after "train_accuracy")
 *                                (with --average, "average_test_loss", "average_test_accuracy", and before them those
 *                                 of the validation images, after "seconds")
 *      "best": {the epoch as in "history", "weights_sha256"},  (only with --keep best)
 *      "failure": "epoch 3, ...", (only if the training could not go on: why)
 *      "weights_sha256": "...",   (after the last epoch; with a failure, of the weights that it left)
 *      "average_sha256": "..."}  (only with --average)
 */
#ifndef MNIST_RESULTS_H
#define MNIST_RESULTS_H

#include "data/dataset.h"
#include "support/json.h"
#include "training/checkpoint.h"
#include "training/settings.h"

#include <normnet.h>

/* SHA-256 of the data of all state entries in their order, with little-endian numbers. */
void results_hash_weights(const normnet_model *model, char hexadecimal[65]);

/* The same of their average. */
void results_hash_average(const normnet_model *model, char hexadecimal[65]);

/* Begins the JSON file of a command: "normnet-mnist train", say, and the version of the library. */
void results_begin(struct json_writer *json, const char *command);

/* Returns 0 if `path` is NULL, there is no file or the command wrote it, or reports that it is another file. */
int results_check_written_by(const char *path, const char *command);

/* Writes where the images are from, their number and shape, and how pixels are scaled: "data": {...} */
void results_data(struct json_writer *json, const struct dataset *data);

/* Writes the path of a model and the SHA-256 of its weights. */
void results_model(struct json_writer *json, const char *path, const normnet_model *model);

/*
 * The file of a training run that wrote its results to `path` may be replaced by a longer history of the same training,
 * to which `resumed` belongs. Returns 0, or reports that the file has something else. An empty file may be replaced,
 * and one without epochs, of a training that failed in the first.
 */
int results_check_older(const char *path, const struct training_state *resumed);

/*
 * What identifies a training in the page of its report: the results of its first epoch, since no two take the same
 * time. "" if they are not known.
 */
enum { RESULTS_MARK_ROOM = 100 };
void results_mark(const struct training_state *training, char mark[RESULTS_MARK_ROOM]);

/* The page of a report may be replaced by that of the same training. Returns 0, or reports that it is another file. */
int results_check_older_page(const char *path, const struct training_state *resumed);

/* Replaces the file settings->json; returns 0, or reports why it cannot. `failure` is "" if nothing has failed. */
int results_write(const struct settings *settings, const struct dataset *data, const normnet_model *model,
                  const struct training_state *training, const char *failure);

#endif
