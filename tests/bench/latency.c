/* SPDX-License-Identifier: MIT */
/* Prints the time of each call of normnet_predict in nanoseconds: latency SECONDS, then the model's arguments. */
#include "clock.h"

#include "model_arguments.h"

enum { MAX_CALLS = 1 << 22 };

/* Writes the seconds of each call and returns the number of calls, at least one. */
static int time_calls(normnet_model *model, const normnet_tensor *images, normnet_tensor *scores, double seconds,
                      double *taken)
{
    const normnet_predict_options options = {.struct_size = sizeof options, .scores = NORMNET_SCORES_LOGITS};
    const double start = now();
    double before = start;
    int count = 0;

    do {
        check(normnet_predict(model, images, scores, NULL, &options));
        const double after = now();
        taken[count++] = after - before;
        before = after;
    } while (before - start < seconds && count < MAX_CALLS);
    return count;
}

int main(int count, char **arguments)
{
    if (count != 2 + MODEL_ARGUMENT_COUNT)
        return fputs("usage: latency SECONDS " MODEL_ARGUMENTS "\n", stderr), 2;
    const double seconds = atof(arguments[1]);
    const normnet_config config = model_config(arguments + 2);
    const normnet_tensor images = draw_images(&config);
    double *taken = touched(MAX_CALLS * (int64_t)sizeof *taken);
    normnet_tensor scores;
    normnet_model *model;

    normnet_tensor_init(&scores, NORMNET_F32, touched(config.max_batch * CLASSES * (int64_t)sizeof(float)), 2,
                        (const int64_t[]){config.max_batch, CLASSES});
    check(normnet_model_create(&model, &config));
    time_calls(model, &images, &scores, seconds / 10, taken); /* to warm up */
    const int calls = time_calls(model, &images, &scores, seconds, taken);
    for (int i = 0; i < calls; ++i)
        printf("%.0f\n", 1e9 * taken[i]);
    normnet_model_destroy(model);
    return 0;
}
