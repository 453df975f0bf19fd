/* SPDX-License-Identifier: MIT */
/*
 * Prints the peak resident set of a process in KiB, before it creates a model and after a few training steps: memory
 * and the model's arguments. Linux only.
 */
#include "model_arguments.h"

enum { STEPS = 5 };

/* VmHWM is the peak of this program; getrusage() includes that of the program which started it. */
static long peak_resident_set(void)
{
    FILE *file = fopen("/proc/self/status", "r");
    char line[256];
    long peak = -1;

    while (peak < 0 && file != NULL && fgets(line, sizeof line, file) != NULL)
        sscanf(line, "VmHWM: %ld", &peak);
    if (peak < 0) {
        fputs("error: /proc/self/status does not contain the peak resident set\n", stderr);
        exit(1);
    }
    fclose(file);
    return peak;
}

int main(int count, char **arguments)
{
    if (count != 1 + MODEL_ARGUMENT_COUNT)
        return fputs("usage: memory " MODEL_ARGUMENTS "\n", stderr), 2;
    const normnet_config config = model_config(arguments + 1);
    const normnet_tensor images = draw_images(&config);
    normnet_tensor labels;
    normnet_model *model;

    normnet_tensor_init(&labels, NORMNET_U8, touched(config.max_batch), 1, (const int64_t[]){config.max_batch});
    const long before = peak_resident_set();
    check(normnet_model_create(&model, &config));
    for (int step = 0; step < STEPS; ++step)
        check(normnet_train_step(model, &images, &labels, NULL));
    printf("%ld %ld\n", before, peak_resident_set());
    normnet_model_destroy(model);
    return 0;
}
