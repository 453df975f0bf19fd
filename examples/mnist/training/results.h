/* SPDX-License-Identifier: MIT */
/*
 * The JSON file of a run:
 *
 *     {"program", "version", "bits_version",
 *      "configuration": {...}, "data": {...}, "parameters": 7704,
 *      "forgotten_epochs": 5,     (only after a checkpoint without room for so many before those in "history")
 *      "history": [{"epoch", "train_loss", "train_accuracy", "test_loss", "test_accuracy", "lr",
 *                   "images_per_second", "seconds"}, ...],
 *      "weights_sha256": "..."}
 */
#ifndef MNIST_RESULTS_H
#define MNIST_RESULTS_H

#include "data/dataset.h"
#include "support/json.h"
#include "training/checkpoint.h"
#include "training/settings.h"

#include <normnet.h>

/* SHA-256 over the data of all state entries in their order, every number little-endian. */
void results_hash_weights(const normnet_model *model, char hexadecimal[65]);

/* What the JSON files of all commands begin with. */
void results_begin(struct json_writer *json, const char *command);

/* The file that a model is from, and what is in it. */
void results_model(struct json_writer *json, const char *path, const normnet_model *model);

/* Replaces the file settings->json; returns 0, or reports why it cannot. */
int results_write(const struct settings *settings, const struct dataset *data, const normnet_model *model,
                  const struct training_pass *training);

#endif
