/* SPDX-License-Identifier: MIT */
#include "layers/moments.h"

#include "kernels/kernels.h"

/*
 * All three functions combine neighbours at distance 1, then 2, 4, ...; a part without a right neighbour is left for a
 * later round. That is the tree which splits at the largest power of two (base/tree.h).
 */
void normnet__combine_moments(struct moments *parts, int64_t count)
{
    for (int64_t distance = 1; distance < count; distance *= 2)
        for (int64_t i = 0; i + distance < count; i += 2 * distance) {
            struct moments *a = &parts[i];
            const struct moments *b = &parts[i + distance];
            const double n = a->count + b->count, difference = b->mean - a->mean;

            a->m2 = (a->m2 + b->m2) + difference * difference * (a->count * b->count / n);
            a->mean = a->mean + difference * (b->count / n);
            a->count = n;
        }
}

void normnet__combine_lane_moments(double *mean, double *m2, int64_t count, int64_t length, int32_t lanes)
{
    for (int64_t distance = 1; distance < count; distance *= 2)
        for (int64_t i = 0; i + distance < count; i += 2 * distance) {
            const int64_t rest = count - (i + distance);
            const double left = (double)(distance * length);
            const double right = (double)((rest < distance ? rest : distance) * length);
            const double share = right / (left + right), weight = left * right / (left + right);
            double *mean_a = mean + i * lanes, *m2_a = m2 + i * lanes;
            const double *mean_b = mean_a + distance * lanes, *m2_b = m2_a + distance * lanes;

            for (int lane = 0; lane < lanes; ++lane) {
                const double difference = mean_b[lane] - mean_a[lane];

                m2_a[lane] = (m2_a[lane] + m2_b[lane]) + difference * difference * weight;
                mean_a[lane] = mean_a[lane] + difference * share;
            }
        }
}

void normnet__add_lane_sums(double *rows, int64_t count, int32_t lanes)
{
    for (int64_t distance = 1; distance < count; distance *= 2)
        for (int64_t i = 0; i + distance < count; i += 2 * distance)
            for (int lane = 0; lane < lanes; ++lane)
                rows[i * lanes + lane] += rows[(i + distance) * lanes + lane];
}
