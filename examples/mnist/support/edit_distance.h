/* SPDX-License-Identifier: MIT */
/* How far two words are from each other. */
#ifndef MNIST_EDIT_DISTANCE_H
#define MNIST_EDIT_DISTANCE_H

enum { EDIT_DISTANCE_MAX = 256 }; /* bytes of b */

/* Letters that are left out, added, replaced, or exchanged with their neighbour (the optimal string alignment). */
int edit_distance(const char *a, int a_length, const char *b, int b_length);

#endif
