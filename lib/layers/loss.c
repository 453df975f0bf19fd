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

static bool all_finite(struct logits logits, int32_t lane)
{
    for (int32_t k = 0; k < logits.classes; ++k)
        if (!isfinite(*normnet__logit(logits, k, lane)))
            return false;
    return true;
}

void normnet__cross_entropy(struct logits logits, const int32_t *labels, int32_t count, double smoothing,
                            double *losses, int32_t *predictions, bool backward)
{
    const double uniform = smoothing / logits.classes;

    for (int32_t lane = 0; lane < count; ++lane) {
        const bool finite = all_finite(logits, lane);
        double log_sum, maximum, of_label, of_all = 0.0;

        predictions[lane] = finite ? normnet__argmax(logits, lane) : -1;
        normnet__log_sum_exp(logits, lane, &log_sum, &maximum);
        of_label = ((double)*normnet__logit(logits, labels[lane], lane) - maximum) - log_sum;
        for (int32_t k = 0; k < logits.classes; ++k) {
            float *logit = normnet__logit(logits, k, lane);
            const double logp = ((double)*logit - maximum) - log_sum;

            of_all += logp;
            if (backward)
                *logit = (float)(normnet__exp(logp) - uniform - (k == labels[lane] ? 1.0 - smoothing : 0.0));
        }
        losses[lane] = finite ? -(1.0 - smoothing) * of_label - uniform * of_all : (double)NAN;
    }
    for (int32_t k = 0; backward && k < logits.classes; ++k)
        for (int32_t lane = count; lane < logits.lanes; ++lane)
            *normnet__logit(logits, k, lane) = 0.0f;
}
