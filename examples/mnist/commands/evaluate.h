/* SPDX-License-Identifier: MIT */
/*
 * The command `normnet-mnist evaluate`. Its JSON file:
 *
 *     {"program", "version", "model", "weights_sha256", "data": {...}, "tta" (with --tta N), "loss", "accuracy",
 *      "classes": [{"class", "name" (with --classes FILE), "images", "correct", "accuracy"}, ...],
 *      "confusion": [[...], ...]}       a row per label, a column per predicted class
 */
#ifndef MNIST_EVALUATE_H
#define MNIST_EVALUATE_H

/* Takes the arguments after the command's name; returns the exit code of the program. */
int evaluate_command(int argc, char **argv);

#endif
