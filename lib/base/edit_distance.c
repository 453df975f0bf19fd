/* SPDX-License-Identifier: MIT */
#include "base/edit_distance.h"

#include <stdbool.h>
#include <string.h>

static int lower(char character)
{
    return character >= 'A' && character <= 'Z' ? character - 'A' + 'a' : character;
}

static bool same(char one, char other)
{
    return lower(one) == lower(other);
}

static int32_t least(int32_t one, int32_t other)
{
    return one < other ? one : other;
}

/* Of the first i letters of the text and the first j of the word, for all i and j: the last letters decide. */
int32_t normnet__edit_distance(const char *text, int32_t length, const char *word)
{
    int32_t distance[NORMNET__MAX_EDITED + 1][NORMNET__MAX_EDITED + 1];
    const size_t word_length = strlen(word);
    const int32_t columns = (int32_t)word_length;

    if (length > NORMNET__MAX_EDITED || word_length > NORMNET__MAX_EDITED)
        return INT32_MAX;
    for (int32_t i = 0; i <= length; ++i)
        for (int32_t j = 0; j <= columns; ++j) {
            int32_t *cell = &distance[i][j];

            *cell = i + j;
            if (i == 0 || j == 0)
                continue;
            *cell = least(distance[i - 1][j], distance[i][j - 1]) + 1;
            *cell = least(*cell, distance[i - 1][j - 1] + !same(text[i - 1], word[j - 1]));
            if (i > 1 && j > 1 && same(text[i - 1], word[j - 2]) && same(text[i - 2], word[j - 1]))
                *cell = least(*cell, distance[i - 2][j - 2] + 1);
        }
    return distance[length][columns];
}
