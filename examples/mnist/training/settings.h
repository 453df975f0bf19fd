/* SPDX-License-Identifier: MIT */
/* The settings of a training run: the options of `normnet-mnist train`. */
#ifndef MNIST_SETTINGS_H
#define MNIST_SETTINGS_H

#include "data/augment.h"
#include "data/dataset.h"

#include <normnet.h>
#include <stdbool.h>

/* A set of defaults for the other settings. */
enum preset { PRESET_STANDARD, PRESET_FAST, PRESET_ACCURATE };

/* Which weights are saved: those of the last epoch, or also those of the best one. */
enum keep { KEEP_LAST, KEEP_BEST };

struct settings {
    int32_t preset; /* enum preset */

    const char *data; /* NULL = the default of dataset_open() */
    int64_t limit;    /* training images, 0 = all */
    int64_t validate; /* training images that are held out, 0 = none */
    const char *augment;
    struct augment_list augment_list; /* `augment`, parsed */

    int32_t norm; /* normnet_norm */
    int64_t groups, layer_dims;
    int32_t affine; /* normnet_affine */
    int64_t virtual_batch;
    const char *architecture;      /* NULL = the library's default */
    char fitted_architecture[256]; /* of settings_fit_data() */
    double dropout;

    int64_t epochs, batch;
    int32_t schedule;  /* normnet_schedule */
    double lr;         /* with one-cycle, its peak */
    double max_lr;     /* of one-cycle: the peak without --lr; the same as lr after parsing */
    int64_t step_size; /* in epochs */
    double step_gamma;
    double momentum;
    bool hold_momentum; /* one-cycle: keep `momentum` constant */
    bool nesterov;
    double l1, l2, label_smoothing;
    double average;       /* decay of the average of the weights; 1 = equal weights, 0 = none */
    int64_t average_from; /* epochs before it begins */
    int64_t seed;

    int64_t threads;
    int32_t cpu;      /* normnet_cpu */
    const char *save; /* the checkpoint to write, NULL = none */
    int64_t save_every;
    int32_t keep;        /* enum keep */
    const char *resume;  /* the checkpoint to resume, NULL = a new run */
    bool new_cycle;      /* begin a new run with the weights of `resume` */
    const char *json;    /* NULL = none */
    bool summary;        /* print the table of the layers */
    bool plot;           /* draw the curves at the end */
    const char *report;  /* the page to write at the end, NULL = none */
    const char *classes; /* the names of the classes for it, NULL = none */
};

/* The defaults. */
void settings_init(struct settings *settings);

/* Replaces what the preset sets differently; all the rest stays. */
void settings_use_preset(struct settings *settings, int32_t preset);

/* The preset with this name, or -1. */
int32_t settings_find_preset(const char *name);

/*
 * The reverse of settings_configure(), for what a checkpoint stores of the configuration and this number of training
 * images. settings->batch must be set. The strings are those of `config`.
 */
void settings_adopt(struct settings *settings, const normnet_config *config, int64_t images);

/* Gives the preset's architecture the classes and the padding that the data need. Do not move the settings after it. */
void settings_fit_data(struct settings *settings, const struct dataset *data);

/* Fills the library's configuration. It points into the settings and the data, which must outlive it. */
void settings_configure(const struct settings *settings, const struct dataset *data, normnet_config *config);

/* Reports that the library rejected this configuration, in the words of the command line. */
int settings_report_rejected(const struct settings *settings, normnet_status status);

/* The words of the command line for the values of the enums, ended by NULL. */
extern const char *const settings_preset_names[];
extern const char *const settings_norm_names[];
extern const char *const settings_affine_names[];
extern const char *const settings_schedule_names[];
extern const char *const settings_keep_names[];
extern const char *const settings_cpu_names[];

#endif
