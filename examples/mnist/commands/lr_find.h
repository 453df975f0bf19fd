/* SPDX-License-Identifier: MIT */
/*
 * The command `normnet-mnist lr-find`. Its JSON file:
 *
 *     {"program", "version", "from", "to", "diverged", "suggestion" (null if there is none), "steepest", "minimum",
 *      "steps": [{"step", "lr", "loss", "smoothed"}, ...]}
 *
 * and its CSV file: step,lr,loss,smoothed
 */
#ifndef MNIST_LR_FIND_H
#define MNIST_LR_FIND_H

/* Takes the arguments after the command's name; returns the exit code of the program. */
int lr_find_command(int argc, char **argv);

#endif
