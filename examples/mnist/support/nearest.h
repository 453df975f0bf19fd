/* SPDX-License-Identifier: MIT */
/* The word that a user probably meant. */
#ifndef MNIST_NEAREST_H
#define MNIST_NEAREST_H

#include <stddef.h>

enum { NEAREST_ROOM = 100 };

struct nearest {
    const char *word; /* as it was typed: `length` bytes */
    size_t length;
    const char *best; /* NULL = no word is near */
    int distance;
};

struct nearest nearest_begin(const char *word, size_t length);

/*
 * Compares one more of the words that there are. Near is one that is made from the other by a few letters that are left
 * out, added, replaced or exchanged, or by its continuation. Dashes at the beginning, capitals and _ do not count.
 */
void nearest_try(struct nearest *nearest, const char *word);

/* "; did you mean --epochs?", or "" if no word is near. */
const char *nearest_text(const struct nearest *nearest, char text[NEAREST_ROOM]);

#endif
