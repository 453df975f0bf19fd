/* SPDX-License-Identifier: MIT */
/* What the library says about its configuration, in the words of the command line. */
#ifndef MNIST_CONFIG_MESSAGE_H
#define MNIST_CONFIG_MESSAGE_H

#include <normnet.h>

/*
 * A message of the library with options in the place of fields: "--batch is 0" for "config.max_batch is 0". A field
 * that no option sets is named by its words. Returns `text`; a long message is cut off.
 */
enum { CONFIG_MESSAGE_ROOM = 1024 };
const char *config_message(char text[CONFIG_MESSAGE_ROOM], const char *message);

/* Reports that the library rejected a configuration made of options, which is a mistake unless memory is short. */
int config_report(normnet_status status);

#endif
