/* SPDX-License-Identifier: MIT */
#include "layers/loss.h"

#include "base/elementary.h"

#include <math.h>

int32_t normnet__argmax(struct logits logits, int32_t lane)
{
    int32_t best = 0;

    for (int32_t k = 1; k < logits.classes; ++k)
        if (*normnet__logit(logits, k, lane) > *normnet__logit(logits, best, lane) ||
            isnan(*normnet__logit(logits, best, lane)))
            best = k;
    return best;
}

void normnet__log_sum_exp(struct logits logits, int32_t lane, double *log_sum, double *maximum)
{
    double sum = 0.0;

    *maximum = (double)*normnet__logit(logits, normnet__argmax(logits, lane), lane);
    for (int32_t k = 0; k < logits.classes; ++k)
        sum += normnet__exp((double)*normnet__logit(logits, k, lane) - *maximum);
    *log_sum = normnet__log(sum);
}

/* Those of the lanes from `count` on, which have no image. */
static void clear_logits(struct logits logits, int32_t count)
{
    for (int32_t k = 0; k < logits.classes; ++k)
        for (int32_t lane = count; lane < logits.lanes; ++lane)
            *normnet__logit(logits, k, lane) = 0.0f;
}

void normnet__cross_entropy(const struct kernels *kernels, struct logits logits, const int32_t *labels, int32_t count,
                            double smoothing, double *losses, int32_t *predictions, bool backward)
{
    const double uniform = smoothing / logits.classes;
    double log_sum[NORMNET__MAX_LANES] = {0}, logp[NORMNET__MAX_LANES];
    struct softmax softmax;

    clear_logits(logits, count); /* after images that went one by one, nothing has been written there */
    kernels->softmax(logits.values, logits.classes, &softmax);
    for (int32_t lane = 0; lane < count; ++lane) {
        log_sum[lane] = normnet__log(softmax.sum[lane]);
        logp[lane] = ((double)*normnet__logit(logits, labels[lane], lane) - softmax.maximum[lane]) - log_sum[lane];
    }
    if (backward)
        kernels->softmax_gradient(logits.values, logits.classes, softmax.maximum, log_sum, uniform);
    for (int32_t lane = 0; lane < count; ++lane) {
        const bool finite = (softmax.finite >> lane & 1) != 0;
        const double sum_logp = softmax.sum_centered[lane] - logits.classes * log_sum[lane];

        predictions[lane] = finite ? softmax.best[lane] : -1;
        losses[lane] = finite ? -(1.0 - smoothing) * logp[lane] - uniform * sum_logp : (double)NAN;
        if (backward)
            *normnet__logit(logits, labels[lane], lane) =
                (float)(normnet__exp(logp[lane]) - uniform - (1.0 - smoothing));
    }
    if (backward)
        clear_logits(logits, count); /* the gradients */
}
