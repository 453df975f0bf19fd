/* SPDX-License-Identifier: MIT */
/* How far a misspelled word is from one that exists. */
#ifndef NORMNET_BASE_EDIT_DISTANCE_H
#define NORMNET_BASE_EDIT_DISTANCE_H

#include <stdint.h>

enum { NORMNET__MAX_EDITED = 31 }; /* characters of a word; longer ones are far from all others */

/*
 * The least number of letters that are inserted, removed or replaced, or swapped with the next one, to make `word` of
 * the first `length` characters of `text`. Case does not count. INT32_MAX if either is too long.
 */
int32_t normnet__edit_distance(const char *text, int32_t length, const char *word);

#endif
