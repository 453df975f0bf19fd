/* SPDX-License-Identifier: MIT */
/* Messages about files of a data set that are not there, with what is there instead. */
#ifndef MNIST_MISSING_FILE_H
#define MNIST_MISSING_FILE_H

/* Reports that there is no file `name` in the directory, and the nearest name in it or what else it has. */
int missing_file_report(const char *directory, const char *name);

/* Reports that there is no file or directory `place`, and the nearest name beside it. */
int missing_place_report(const char *place);

#endif
