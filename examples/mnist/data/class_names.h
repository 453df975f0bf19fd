/* SPDX-License-Identifier: MIT */
/*
 * The names of classes, from a text file in UTF-8: line i is the name of class i, counted from 0. Spaces around a name
 * and empty lines at the end do not count.
 */
#ifndef MNIST_CLASS_NAMES_H
#define MNIST_CLASS_NAMES_H

#include <stdint.h>

enum { CLASS_NAMES_MAX_COLUMNS = 20 }; /* of a name in a table; a longer one is cut */

struct class_names {
    const char *path;
    int32_t count; /* 0 = there are no names */
    char **names;
    char *text; /* the names point into it */
};

/* Returns 0, or reports what is wrong with the file. Free the names either way. `path` must outlive them. */
int class_names_read(struct class_names *names, const char *path);
void class_names_free(struct class_names *names);

/* Returns 0, also without names, or reports that the model in the file `model` has another number of classes. */
int class_names_check(const struct class_names *names, int32_t classes, const char *model);

/* The name of a class; "" without names. */
const char *class_name(const struct class_names *names, int32_t index);

/* The columns that the longest name takes in a table; 0 without names. */
int class_names_columns(const struct class_names *names);

/* Prints a name in a table, cut or filled with spaces to the columns of the longest. */
void class_names_print(const struct class_names *names, int32_t index);

#endif
