/* SPDX-License-Identifier: MIT */
/* The command `normnet-mnist export`. */
#ifndef MNIST_EXPORT_H
#define MNIST_EXPORT_H

/* Takes the arguments after the command's name; returns the exit code of the program. */
int export_command(int argc, char **argv);

#endif
