/* SPDX-License-Identifier: MIT */
/* The command `normnet-mnist train`. */
#ifndef MNIST_TRAIN_H
#define MNIST_TRAIN_H

/* Takes the arguments after the command's name; returns the exit code of the program. */
int train_command(int argc, char **argv);

#endif
