/* SPDX-License-Identifier: MIT */
/* What a training run is asked to do: the options of `normnet-mnist train`. */
#ifndef MNIST_SETTINGS_H
#define MNIST_SETTINGS_H

#include "data/augment.h"
#include "data/dataset.h"

#include <normnet.h>
#include <stdbool.h>

/* A set of defaults for the other settings. */
enum preset { PRESET_STANDARD, PRESET_FAST };

struct settings {
    int32_t preset; /* enum preset */

    const char *data; /* NULL = where dataset_open() looks */
    int64_t limit;    /* training images, 0 = all */
    const char *augment;
    struct augment_list augment_list; /* the same, parsed */

    int32_t norm; /* normnet_norm */
    int64_t groups, layer_dims;
    int32_t affine; /* normnet_affine */
    int64_t virtual_batch;
    const char *architecture; /* NULL = the library's */
    double dropout;

    int64_t epochs, batch;
    int32_t schedule;  /* normnet_schedule */
    double lr;         /* of one-cycle its peak */
    double max_lr;     /* that peak, if it is not given as --lr */
    int64_t step_size; /* in epochs */
    double step_gamma;
    double momentum;
    bool hold_momentum; /* one-cycle: at `momentum`, instead of cycling it */
    bool nesterov;
    double l1, l2, label_smoothing;
    int64_t seed;

    int64_t threads;
    int32_t cpu;      /* normnet_cpu */
    const char *save; /* the checkpoint to write, NULL = none */
    int64_t save_every;
    const char *resume; /* the checkpoint to go on with, NULL = a new training */
    const char *json;   /* NULL = none */
};

/* The defaults. */
void settings_init(struct settings *settings);

/* Replaces what the preset sets differently; all the rest stays. */
void settings_use_preset(struct settings *settings, int32_t preset);

/* The preset with this name, or -1. */
int32_t settings_find_preset(const char *name);

/* The reverse of settings_configure(), whose settings->epochs are known; the texts stay those of `config`. */
void settings_adopt(struct settings *settings, const normnet_config *config);

/* The library's configuration for these settings and this data, which must outlive it. */
void settings_configure(const struct settings *settings, const struct dataset *data, normnet_config *config);

/* The words of the command line for the values of the enums, ended by NULL. */
extern const char *const settings_preset_names[];
extern const char *const settings_norm_names[];
extern const char *const settings_affine_names[];
extern const char *const settings_schedule_names[];
extern const char *const settings_cpu_names[];

#endif
