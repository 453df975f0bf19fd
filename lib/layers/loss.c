/* SPDX-License-Identifier: MIT */
#include "layers/loss.h"

#include "base/elementary.h"

#include <math.h>

int32_t normnet__argmax(const float *logits, int32_t classes, int32_t lane)
{
    int32_t best = 0;

    for (int32_t k = 1; k < classes; ++k)
        if (logits[k * NORMNET__LANES + lane] > logits[best * NORMNET__LANES + lane] ||
            isnan(logits[best * NORMNET__LANES + lane]))
            best = k;
    return best;
}

void normnet__log_sum_exp(const float *logits, int32_t classes, int32_t lane, double *log_sum, double *maximum)
{
    double sum = 0.0;

    *maximum = (double)logits[normnet__argmax(logits, classes, lane) * NORMNET__LANES + lane];
    for (int32_t k = 0; k < classes; ++k)
        sum += normnet__exp((double)logits[k * NORMNET__LANES + lane] - *maximum);
    *log_sum = normnet__log(sum);
}

static bool all_finite(const float *logits, int32_t classes, int32_t lane)
{
    for (int32_t k = 0; k < classes; ++k)
        if (!isfinite(logits[k * NORMNET__LANES + lane]))
            return false;
    return true;
}

void normnet__cross_entropy(float *logits, int32_t classes, const int32_t *labels, int32_t count, double smoothing,
                            double *losses, int32_t *predictions, bool backward)
{
    const double uniform = smoothing / classes;

    for (int32_t lane = 0; lane < count; ++lane) {
        const bool finite = all_finite(logits, classes, lane);
        double log_sum, maximum, of_label, of_all = 0.0;

        predictions[lane] = finite ? normnet__argmax(logits, classes, lane) : -1;
        normnet__log_sum_exp(logits, classes, lane, &log_sum, &maximum);
        of_label = ((double)logits[labels[lane] * NORMNET__LANES + lane] - maximum) - log_sum;
        for (int32_t k = 0; k < classes; ++k) {
            float *logit = &logits[k * NORMNET__LANES + lane];
            const double logp = ((double)*logit - maximum) - log_sum;

            of_all += logp;
            if (backward)
                *logit = (float)(normnet__exp(logp) - uniform - (k == labels[lane] ? 1.0 - smoothing : 0.0));
        }
        losses[lane] = finite ? -(1.0 - smoothing) * of_label - uniform * of_all : (double)NAN;
    }
    for (int32_t k = 0; backward && k < classes; ++k)
        for (int32_t lane = count; lane < NORMNET__LANES; ++lane)
            logits[k * NORMNET__LANES + lane] = 0.0f;
}
