/* SPDX-License-Identifier: MIT */
/* `normnet-mnist study`: many experiments, with several seeds each. */
#ifndef MNIST_STUDY_H
#define MNIST_STUDY_H

int study_command(int argc, char **argv);

#endif
