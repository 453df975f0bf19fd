/* SPDX-License-Identifier: MIT */
#include "training/curves.h"

#include "support/plot.h"
#include "support/report.h"

#include <inttypes.h>
#include <stdlib.h>

enum { TRAIN, TEST, VALIDATION, CURVES };

static void print_curves(const char *title, bool logarithmic, double *const values[CURVES], int curves, int64_t first,
                         int64_t count)
{
    char left[32], right[32];
    const struct plot_series series[CURVES] = {
        {"training", values[TRAIN], count}, {"test", values[TEST], count}, {"validation", values[VALIDATION], count}};

    snprintf(left, sizeof left, "epoch %" PRId64, first);
    snprintf(right, sizeof right, "%" PRId64, first + count - 1);
    plot_print(&(struct plot){
        .title = title,
        .series = series,
        .count = curves,
        .logarithmic = logarithmic,
        .left = left,
        .right = count > 1 ? right : "",
    });
}

int curves_print(const struct training_state *training, bool validates)
{
    const int64_t first = training->dropped, count = training->finished - first;
    double *memory = calloc(2 * CURVES, (size_t)count * sizeof *memory);
    double *losses[CURVES], *accuracies[CURVES];

    if (!memory)
        return report_error("not enough memory for the curves of %" PRId64 " epochs", count);
    for (int i = 0; i < CURVES; ++i) {
        losses[i] = memory + i * count;
        accuracies[i] = memory + (CURVES + i) * count;
    }
    for (int64_t i = 0; i < count; ++i) {
        const struct epoch_result *result = &training->history[first + i];

        losses[TRAIN][i] = result->train_loss;
        losses[TEST][i] = result->test_loss;
        losses[VALIDATION][i] = result->validation_loss;
        accuracies[TRAIN][i] = result->train_accuracy;
        accuracies[TEST][i] = result->test_accuracy;
        accuracies[VALIDATION][i] = result->validation_accuracy;
    }
    putchar('\n');
    print_curves("Loss", true, losses, validates ? CURVES : CURVES - 1, first + 1, count);
    putchar('\n');
    print_curves("Accuracy in percent", false, accuracies, validates ? CURVES : CURVES - 1, first + 1, count);
    free(memory);
    return 0;
}
