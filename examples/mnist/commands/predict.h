/* SPDX-License-Identifier: MIT */
/*
 * The command `normnet-mnist predict`. Its JSON file:
 *
 *     {"program", "version", "model", "weights_sha256", "tta" (with --tta N),
 *      "images": [{"file", "index" (in a file of several), "class", "name" (with --classes FILE), "probability", "fit":
 * "none", "stretch" or "mnist", "inverted", "probabilities": [...]}, ...]}
 */
#ifndef MNIST_PREDICT_H
#define MNIST_PREDICT_H

/* Takes the arguments after the command's name; returns the exit code of the program. */
int predict_command(int argc, char **argv);

#endif
