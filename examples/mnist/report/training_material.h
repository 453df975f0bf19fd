/* SPDX-License-Identifier: MIT */
/* The material of a report on one training: as of a study with one run, which no file has. */
#ifndef MNIST_TRAINING_MATERIAL_H
#define MNIST_TRAINING_MATERIAL_H

#include "report/material.h"
#include "report/training_facts.h"

/*
 * Describes the network, by its averaged weights if it keeps an average, as `evaluate` and `predict` take them. The
 * facts must outlive the material. Returns 0, or reports what has failed. Close it after a failure too.
 */
int training_material_open(struct material *material, const struct training_facts *facts);
void training_material_close(struct material *material);

/* Whether the network is described by its averaged weights. */
bool training_is_averaged(const struct training_facts *facts);

#endif
