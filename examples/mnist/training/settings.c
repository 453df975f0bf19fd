/* SPDX-License-Identifier: MIT */
#include "training/settings.h"

#include "support/machine.h"
#include "support/report.h"
#include "training/config_message.h"
#include "training/pipeline.h"

#include <stdio.h>
#include <string.h>

/* In the order of the enums. */
const char *const settings_preset_names[] = {"standard", "fast", "accurate", NULL};
const char *const settings_norm_names[] = {"none", "batch", "group", "layer", "instance", "rms", NULL};
const char *const settings_affine_names[] = {"default", "channel", "element", "none", NULL};
const char *const settings_schedule_names[] = {"constant", "step", "one-cycle", NULL};
const char *const settings_keep_names[] = {"last", "best", NULL};
const char *const settings_cpu_names[] = {"best", "portable", "avx2", "avx512", "neon", NULL};

/* ---- Presets ----------------------------------------------------------------------------------- */

void settings_init(struct settings *settings)
{
    *settings = (struct settings){
        .preset = PRESET_STANDARD,
        .augment = "affine",
        .norm = NORMNET_NORM_BATCH,
        .layer_dims = 3,
        .dropout = 0.03,
        .epochs = 20,
        .batch = 64,
        .schedule = NORMNET_SCHEDULE_ONE_CYCLE,
        .lr = 0.01,
        .max_lr = 0.015,
        .step_size = 6,
        .step_gamma = 0.1,
        .momentum = 0.9,
        .seed = 1,
        .threads = core_count(),
    };
}

/* What a preset sets differently; docs/results.md says how they were chosen, by the last 10,000 training images. */
struct preset_values {
    const char *architecture; /* for 10 classes and images from `min_size`; for smaller ones its convolutions pad */
    int32_t min_size;         /* rows and columns */
    const char *augment;
    int64_t epochs;
    double dropout, max_lr, l2, average;
    bool nesterov;
};

/* The shortest time to 99.0%, and with more epochs to 99.4%. A pool before a norm leaves fewer values to normalize. */
static const struct preset_values fast = {
    .architecture = "conv3-8 relu maxpool2 norm conv3-16 relu norm conv3-24 relu maxpool2 norm conv3-32 relu norm "
                    "flatten fc-10",
    .min_size = 22,
    .augment = "none",
    .epochs = 2,
    .max_lr = 0.1,
    .nesterov = true,
};

/* The highest accuracy that was found for a network of this size. */
static const struct preset_values accurate = {
    .architecture = "conv3-32 relu norm conv3-32 relu maxpool2 norm conv3-64 relu norm conv3-64 relu maxpool2 norm "
                    "conv3-128 relu norm flatten dropout fc-10",
    .min_size = 24,
    .augment = "affine:deg=12,shear=10,translate=.1,scale=.85-1.15,interpolation=bilinear",
    .epochs = 30,
    .dropout = 0.2,
    .max_lr = 0.1,
    .l2 = 5e-4,
    .average = 0.999,
};

/* The standard ones are those of settings_init(). */
static const struct preset_values *const presets[] = {
    [PRESET_STANDARD] = NULL, [PRESET_FAST] = &fast, [PRESET_ACCURATE] = &accurate};

void settings_use_preset(struct settings *settings, int32_t preset)
{
    const struct preset_values *values = presets[preset];

    settings->preset = preset;
    if (!values)
        return;
    settings->architecture = values->architecture;
    settings->augment = values->augment;
    settings->epochs = values->epochs;
    settings->dropout = values->dropout;
    settings->max_lr = values->max_lr;
    settings->l2 = values->l2;
    settings->average = values->average;
    settings->nesterov = values->nesterov;
}

int32_t settings_find_preset(const char *name)
{
    for (int32_t i = 0; settings_preset_names[i]; ++i) {
        if (strcmp(settings_preset_names[i], name) == 0)
            return i;
    }
    return -1;
}

/* Copies the layers; convolutions get a padding if `pads`, and the last layer this number of classes. */
static void fit_architecture(const char *layers, bool pads, int32_t classes, char *fitted, size_t size)
{
    size_t length = 0;

    for (;;) {
        const int word = (int)strcspn(layers, " ");
        const bool last = layers[word] == '\0';

        if (last)
            length += (size_t)snprintf(fitted + length, size - length, "fc-%d", (int)classes);
        else
            length += (size_t)snprintf(fitted + length, size - length, "%.*s%s ", word, layers,
                                       pads && strncmp(layers, "conv", 4) == 0 ? "p1" : "");
        if (last)
            return;
        layers += word + 1;
    }
}

void settings_fit_data(struct settings *settings, const struct dataset *data)
{
    const struct preset_values *values = presets[settings->preset];

    if (!values || settings->architecture != values->architecture)
        return;
    fit_architecture(values->architecture, data->height < values->min_size || data->width < values->min_size,
                     data->classes, settings->fitted_architecture, sizeof settings->fitted_architecture);
    settings->architecture = settings->fitted_architecture;
}

/* ---- The configuration of the library ---------------------------------------------------------- */

void settings_configure(const struct settings *settings, const struct dataset *data, normnet_config *config)
{
    int64_t batch = settings->batch < data->train.count ? settings->batch : data->train.count;
    int64_t steps = pipeline_batches(data->train.count, batch); /* per epoch */

    normnet_config_init(config, settings->norm);
    config->channels = data->channels;
    config->height = data->height;
    config->width = data->width;
    config->classes = data->classes;
    config->input_mean = data->mean;
    config->input_std = data->std;

    config->groups = (int32_t)settings->groups;
    config->layer_dims = (int32_t)settings->layer_dims;
    config->affine = settings->affine;
    config->virtual_batch = (int32_t)settings->virtual_batch;
    config->architecture = settings->architecture;
    config->dropout = settings->dropout;

    config->schedule = settings->schedule;
    config->lr = settings->lr;
    config->max_lr = settings->lr;
    config->momentum = settings->momentum;
    config->cycle_momentum = settings->hold_momentum ? 0 : 1;
    /* Only one-cycle depends on the end of the training. */
    config->total_steps = settings->schedule == NORMNET_SCHEDULE_ONE_CYCLE ? settings->epochs * steps : 0;
    config->step_size = settings->step_size * steps;
    config->step_gamma = settings->step_gamma;
    config->nesterov = settings->nesterov;
    config->l1 = settings->l1;
    config->l2 = settings->l2;
    config->label_smoothing = settings->label_smoothing;
    config->average_decay = settings->average;
    config->average_from = settings->average_from * steps;
    config->seed = settings->seed;

    config->max_batch = (int32_t)batch;
    config->threads = (int32_t)settings->threads;
    config->cpu = settings->cpu;
    config->memory_limit = 0; /* no limit: the user chose the size */
}

int settings_report_rejected(const struct settings *settings, normnet_status status)
{
    /* The library knows the instruction set by its number. */
    if (status == NORMNET_EUNSUPPORTED && settings->cpu != NORMNET_CPU_BEST &&
        strncmp(normnet_error_message(), "config.cpu ", strlen("config.cpu ")) == 0)
        return report_usage("--cpu is %s: not available on this machine or in this build",
                            settings_cpu_names[settings->cpu]);
    return config_report(status);
}

void settings_adopt(struct settings *settings, const normnet_config *config, int64_t images)
{
    const int64_t steps = pipeline_batches(images, settings->batch < images ? settings->batch : images);

    settings->norm = config->norm;
    settings->groups = config->groups;
    settings->layer_dims = config->layer_dims;
    settings->affine = config->affine;
    settings->virtual_batch = config->virtual_batch;
    settings->architecture = config->architecture;
    settings->dropout = config->dropout;

    settings->schedule = config->schedule;
    settings->lr = config->lr;
    settings->max_lr = config->max_lr;
    settings->momentum = config->momentum;
    settings->hold_momentum = !config->cycle_momentum;
    settings->step_size = config->step_size / steps;
    settings->step_gamma = config->step_gamma;
    settings->nesterov = config->nesterov;
    settings->l1 = config->l1;
    settings->l2 = config->l2;
    settings->label_smoothing = config->label_smoothing;
    settings->average = config->average_decay;
    settings->average_from = config->average_from / steps;
    settings->seed = config->seed;
}
