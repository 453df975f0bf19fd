/* SPDX-License-Identifier: MIT */
#include "support/nearest.h"

#include "support/edit_distance.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { MAX_WORD = 40, MIN_BEGINNING = 3 };

/* The letters that are compared; returns their number, or -1 if there are too many for a word of this program. */
static int take_letters(const char *word, size_t length, char letters[MAX_WORD])
{
    static const char capitals[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ_", small[] = "abcdefghijklmnopqrstuvwxyz-";

    while (length > 0 && *word == '-')
        ++word, --length;
    if (length > MAX_WORD)
        return -1;
    for (size_t i = 0; i < length; ++i) {
        const char *capital = word[i] ? strchr(capitals, word[i]) : NULL;

        letters[i] = word[i];
        if (capital)
            letters[i] = small[capital - capitals];
    }
    return (int)length;
}

static int minimum(int a, int b)
{
    return a < b ? a : b;
}

struct nearest nearest_begin(const char *word, size_t length)
{
    return (struct nearest){word, length, NULL, INT32_MAX};
}

void nearest_try(struct nearest *nearest, const char *word)
{
    char typed[MAX_WORD], other[MAX_WORD];
    const int length = take_letters(nearest->word, nearest->length, typed);
    const int other_length = take_letters(word, strlen(word), other);
    const int shorter = minimum(length, other_length);

    if (shorter < 1)
        return;
    int distance = edit_distance(typed, length, other, other_length);
    /* One mistake in a short word, one in three letters of a longer one. A continuation counts as one mistake. */
    if (shorter >= MIN_BEGINNING && memcmp(typed, other, (size_t)shorter) == 0)
        distance = minimum(distance, 1);
    else if (distance >= shorter || (distance > 1 && 3 * distance > length))
        return;
    if (distance < nearest->distance) {
        nearest->distance = distance;
        nearest->best = word;
    }
}

const char *nearest_text(const struct nearest *nearest, char text[NEAREST_ROOM])
{
    text[0] = '\0';
    if (nearest->best)
        snprintf(text, NEAREST_ROOM, "; did you mean %s?", nearest->best);
    return text;
}
