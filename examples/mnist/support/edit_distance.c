/* SPDX-License-Identifier: MIT */
#include "support/edit_distance.h"

static int minimum(int a, int b)
{
    return a < b ? a : b;
}

int edit_distance(const char *a, int a_length, const char *b, int b_length)
{
    int rows[3][EDIT_DISTANCE_MAX +
                1]; /* of a's beginnings of i - 2, i - 1 and i letters, by the length of b's beginning */
    int *before = rows[0], *last = rows[1], *row = rows[2];

    for (int k = 0; k <= b_length; ++k)
        last[k] = k;
    for (int i = 1; i <= a_length; ++i) {
        row[0] = i;
        for (int k = 1; k <= b_length; ++k) {
            row[k] = minimum(last[k - 1] + (a[i - 1] != b[k - 1]), minimum(last[k], row[k - 1]) + 1);
            if (i > 1 && k > 1 && a[i - 1] == b[k - 2] && a[i - 2] == b[k - 1])
                row[k] = minimum(row[k], before[k - 2] + 1);
        }
        int *oldest = before;
        before = last;
        last = row;
        row = oldest;
    }
    return last[b_length];
}
