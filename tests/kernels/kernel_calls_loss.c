/* SPDX-License-Identifier: MIT */
#include "kernel_calls.h"

#include "base/elementary.h"
#include "harness/check.h"

#include <math.h>

/* What `softmax` is to write for lanes whose logits are finite: in plain C, from its contract. */
static void expect_softmax(const float *logits, int64_t classes, int32_t lanes, int32_t lane,
                           const struct softmax *softmax)
{
    double maximum = (double)logits[lane], sum_centered = 0.0, sum = 0.0;
    int32_t best = 0;
    bool finite = true;

    for (int64_t k = 0; k < classes; ++k) {
        const double logit = (double)logits[k * lanes + lane];

        finite = finite && isfinite(logit);
        if (logit > maximum) {
            maximum = logit;
            best = (int32_t)k;
        }
    }
    CHECK_EQUAL(softmax->finite >> lane & 1, finite);
    if (!finite)
        return;
    for (int64_t k = 0; k < classes; ++k) {
        sum_centered += (double)logits[k * lanes + lane] - maximum;
        sum += normnet__exp((double)logits[k * lanes + lane] - maximum);
    }
    CHECK_EQUAL(softmax->best[lane], best);
    CHECK(softmax->maximum[lane] == maximum && softmax->sum_centered[lane] == sum_centered &&
          softmax->sum[lane] == sum);
}

void call_softmax(const struct kernels *kernels, struct workspace *w)
{
    const int classes = 2 + draw(w, 40);
    const float *logits = take_groups(w, classes);
    double *sums = take_sums(w, 3 * w->lanes);
    int32_t *best = take(w, (size_t)w->lanes * sizeof *best, sizeof *best);
    struct softmax softmax;

    mark(w, best, (size_t)w->lanes * sizeof *best, EXACT);
    kernels->softmax(logits, classes, &softmax);
    for (int lane = 0; lane < w->lanes; ++lane) {
        const bool finite = (softmax.finite >> lane & 1) != 0;

        expect_softmax(logits, classes, w->lanes, lane, &softmax);
        best[lane] = finite ? softmax.best[lane] : -1;
        sums[lane] = finite ? softmax.maximum[lane] : 0.0;
        sums[w->lanes + lane] = finite ? softmax.sum_centered[lane] : 0.0;
        sums[2 * w->lanes + lane] = finite ? softmax.sum[lane] : 0.0;
    }
}

/* Numbers from below the range of exp to 0. */
void call_softmax_gradient(const struct kernels *kernels, struct workspace *w)
{
    const int classes = 2 + draw(w, 40);
    const double scale = draw_bool(w) ? 1.0 : 100.0;
    float *logits = take_groups(w, classes);
    double *maximum = take_sums(w, w->lanes), *log_sum = take_sums(w, w->lanes);

    mark_groups(w, logits, classes, FLOATS);
    for (int i = 0; i < classes * w->lanes; ++i)
        logits[i] = (float)(-scale * draw(w, 1000) / 97.0);
    for (int lane = 0; lane < w->lanes; ++lane) {
        maximum[lane] = 0.01 * draw(w, 100);
        log_sum[lane] = 0.01 * draw(w, 100);
    }
    kernels->softmax_gradient(logits, classes, maximum, log_sum, 0.1 * draw(w, 2));
}
