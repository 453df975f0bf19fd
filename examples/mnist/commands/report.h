/* SPDX-License-Identifier: MIT */
/* `normnet-mnist report`: what the runs of a study say, as a page of HTML. */
#ifndef MNIST_REPORT_COMMAND_H
#define MNIST_REPORT_COMMAND_H

int report_command(int argc, char **argv);

#endif
