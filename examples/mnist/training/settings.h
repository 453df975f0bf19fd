/* SPDX-License-Identifier: MIT */
/* What a training run is asked to do: the options of `normnet-mnist train`. */
#ifndef MNIST_SETTINGS_H
#define MNIST_SETTINGS_H

#include "data/augment.h"
#include "data/dataset.h"

#include <normnet.h>
#include <stdbool.h>

struct settings {
    int32_t preset; /* what the others are without being given */

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

/*
 * Returns 0, OPTIONS_HELP after printing the help, or the exit code of the report. With --resume the rest of the
 * settings follows from settings_resume().
 */
int settings_parse(struct settings *settings, int argc, char **argv);

/*
 * After settings_parse() named a checkpoint to resume: its settings, and what the arguments say about this run. Returns
 * 0 or reports which argument would change the training. The texts stay those of `stored` and the arguments.
 */
int settings_resume(struct settings *settings, const struct settings *stored, int argc, char **argv);

/* Prints the command that goes on with the training in `checkpoint` as this run does; NULL = without --json. */
void settings_print_resume(const struct settings *settings, const char *checkpoint, const char *json);

/* The reverse of settings_configure(), whose settings->epochs are known; the texts stay those of `config`. */
void settings_adopt(struct settings *settings, const normnet_config *config);

/* The library's configuration for these settings and this data, which must outlive it. */
void settings_configure(const struct settings *settings, const struct dataset *data, normnet_config *config);

/* The preset that is called so; -1 = none. */
int32_t settings_find_preset(const char *name);

/* The words of the command line for values of the library's enums. */
const char *settings_preset_name(int32_t preset);
const char *settings_norm_name(int32_t norm);
const char *settings_affine_name(int32_t affine);
const char *settings_schedule_name(int32_t schedule);

#endif
