/* SPDX-License-Identifier: MIT */
#include "settings.h"

#include "options.h"
#include "pipeline.h"
#include "platform.h"
#include "report.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* In the order of the library's enums. */
static const char *const norm_names[] = {"none", "batch", "group", "layer", "instance", NULL};
static const char *const affine_names[] = {"default", "channel", "element", "none", NULL};
static const char *const schedule_names[] = {"constant", "step", "one-cycle", NULL};
static const char *const cpu_names[] = {"best", "portable", "avx2", "avx512", "neon", NULL};

/* What the other options are without being given. */
enum preset { PRESET_STANDARD, PRESET_FAST };
static const char *const preset_names[] = {"standard", "fast", NULL};

static const char introduction[] =
    "Usage: normnet-mnist train [OPTION]...\n"
    "\n"
    "Trains a small convolutional network on MNIST, or any data set in four IDX files, and tests it\n"
    "after every epoch. Without options: batch norm, 20 epochs, the one-cycle schedule, augmentation.\n"
    "\n"
    "Examples:\n"
    "  normnet-mnist train --norm group --epochs 5\n"
    "  normnet-mnist train --preset fast\n"
    "  normnet-mnist train --data ~/fashion --augment none --json result.json\n"
    "  normnet-mnist train --schedule step --lr 0.02 --momentum 0.9 --step-size 6 --augment rotate\n"
    "  normnet-mnist train --architecture \"conv3-16 norm relu maxpool2 conv3-32 norm relu gap conv1-10\"\n";

static const char augment_help[] = "changes to the training images, applied from left to right [affine]\n"
                                   "none | rotate | affine | OPERATION:PARAMETERS,OPERATION:PARAMETERS,...\n"
                                   "rotate:DEG:fill=G   by an angle from -DEG to DEG; grey level G, 0 to 255\n"
                                   "                    (0 if left out), for what comes from outside\n"
                                   "affine:deg=DEG,shear=DEG,translate=T,scale=LOW-HIGH,fill=G\n"
                                   "                    rotation and shear along x by up to +-DEG, shift by up\n"
                                   "                    to T of the side in whole pixels, scale; each optional\n"
                                   "jitter:V            brightness and contrast by factors from 1-V to 1+V;\n"
                                   "                    or jitter:brightness=V,contrast=V\n"
                                   "rotate = rotate:7:fill=1; affine = rotate:6:fill=1,affine:deg=7,shear=7,\n"
                                   "translate=.1,scale=.8-1.2,jitter:.4";

static const char data_help[] = "directory with train-images-idx3-ubyte, train-labels-idx1-ubyte,\n"
                                "t10k-images-idx3-ubyte and t10k-labels-idx1-ubyte (idx4: N x C x H x W),\n"
                                "or the word generated [$NORMNET_DATA, else MNIST in the user's cache\n"
                                "directory, else generated digits]";

/* What an option needs to have an effect; without it the option would be silently ignored. */
static int check_use(const struct option *options, int count, const struct settings *settings)
{
    const struct {
        const char *name;
        bool used;
        const char *needs;
    } uses[] = {
        {"--groups", settings->norm == NORMNET_NORM_GROUP || settings->groups == 0, "--norm group"},
        {"--layer-dims", settings->norm == NORMNET_NORM_LAYER || settings->layer_dims == 3, "--norm layer"},
        {"--virtual-batch", settings->norm == NORMNET_NORM_BATCH || settings->virtual_batch == 0, "--norm batch"},
        {"--max-lr", settings->schedule == NORMNET_SCHEDULE_ONE_CYCLE, "--schedule one-cycle"},
        {"--step-size", settings->schedule == NORMNET_SCHEDULE_STEP, "--schedule step"},
        {"--step-gamma", settings->schedule == NORMNET_SCHEDULE_STEP, "--schedule step"},
    };

    for (size_t i = 0; i < sizeof uses / sizeof uses[0]; ++i) {
        if (options_given(options, count, uses[i].name) && !uses[i].used)
            return report_usage("%s has no effect without %s", uses[i].name, uses[i].needs);
    }
    return 0;
}

/* The one of --lr and --max-lr that was given, else the default of the schedule. */
static int choose_lr(const struct option *options, int count, struct settings *settings, double max_lr)
{
    bool lr_given = options_given(options, count, "--lr"), max_lr_given = options_given(options, count, "--max-lr");

    if (lr_given && max_lr_given)
        return report_usage("--lr %g and --max-lr %g both name the peak of one-cycle", settings->lr, max_lr);
    if (max_lr_given)
        settings->lr = max_lr;
    else if (!lr_given)
        settings->lr = settings->schedule == NORMNET_SCHEDULE_ONE_CYCLE ? settings->max_lr : 0.01;
    return 0;
}

/*
 * `fast` was chosen on the last 10,000 training images for the time to 99.0 % with its epochs, and to 99.4 % with
 * --epochs 8 --augment affine:translate=.05 (docs/results.md). Pools in front of norms leave little to normalize.
 */
static void set_defaults(struct settings *settings, int32_t preset)
{
    *settings = (struct settings){
        .preset = preset,
        .augment = "affine",
        .norm = NORMNET_NORM_BATCH,
        .layer_dims = 3,
        .dropout = 0.03,
        .epochs = 20,
        .batch = 64,
        .schedule = NORMNET_SCHEDULE_ONE_CYCLE,
        .max_lr = 0.015,
        .step_size = 6,
        .step_gamma = 0.1,
        .momentum = 0.9,
        .seed = 1,
        .threads = core_count(),
    };
    if (preset == PRESET_FAST) {
        settings->architecture = "conv3-8 relu maxpool2 norm conv3-16 relu norm conv3-24 relu maxpool2 norm "
                                 "conv3-32 relu norm flatten fc-10";
        settings->augment = "none";
        settings->dropout = 0;
        settings->epochs = 2;
        settings->max_lr = 0.1;
        settings->nesterov = true;
    }
}

static int parse(struct settings *settings, int argc, char **argv)
{
    const double number = 1e9; /* enough for all that the library checks itself */
    struct settings *s = settings;
    double max_lr = 0;
    struct option options[] = {
        {OPTION_CHOICE, "--preset", "NAME",
         "standard, or fast: a small network, 2 epochs, no augmentation and\n"
         "dropout, peak learning rate 0.1, Nesterov, unless other options differ\n"
         "[standard]",
         .target.choice = &s->preset, .choices = preset_names},

        {.kind = OPTION_HEADING, .name = "Data"},
        {OPTION_TEXT, "--data", "DIR", data_help, .target.text = &s->data},
        {OPTION_INTEGER, "--limit", "N", "use only the first N training images [0 = all]", .target.integer = &s->limit,
         .most = number},
        {OPTION_TEXT, "--augment", "SPEC", augment_help, .target.text = &s->augment},

        {.kind = OPTION_HEADING, .name = "Network"},
        {OPTION_CHOICE, "--norm", "NORM",
         "what `norm` in the architecture stands for: none, batch, group, layer\n"
         "or instance [batch]",
         .target.choice = &s->norm, .choices = norm_names},
        {OPTION_INTEGER, "--groups", "N", "of group norm [0 = one group per four channels]",
         .target.integer = &s->groups, .least = -number, .most = number},
        {OPTION_INTEGER, "--layer-dims", "N", "trailing dimensions of layer norm: 3, 2 or 1 [3]",
         .target.integer = &s->layer_dims, .least = 1, .most = 3},
        {OPTION_CHOICE, "--affine", "FORM",
         "a gamma and beta per channel, per element or none; default is channel,\n"
         "or none for layer norm over 2 dimensions or 1 [default]",
         .target.choice = &s->affine, .choices = affine_names},
        {OPTION_INTEGER, "--virtual-batch", "N", "ghost batch norm over N images, a multiple of 16 [0 = off]",
         .target.integer = &s->virtual_batch, .most = number},
        {OPTION_TEXT, "--architecture", "TEXT",
         "the layers, e.g. \"conv3-8 relu norm dropout gap conv1-10\"\n"
         "[a network of 7,704 parameters for images from 18 x 18]",
         .target.text = &s->architecture},
        {OPTION_REAL, "--dropout", "P", "share of the values that `dropout` sets to zero [0.03]",
         .target.real = &s->dropout, .most = 1},

        {.kind = OPTION_HEADING, .name = "Training"},
        {OPTION_INTEGER, "--epochs", "N", "passes over the training images [20]", .target.integer = &s->epochs,
         .least = 1, .most = 1e6},
        {OPTION_INTEGER, "--batch", "N", "images per step [64]", .target.integer = &s->batch, .least = 1,
         .most = 1048576},
        {OPTION_CHOICE, "--schedule", "NAME", "of the learning rate: constant, step or one-cycle [one-cycle]",
         .target.choice = &s->schedule, .choices = schedule_names},
        {OPTION_REAL, "--lr", "X", "learning rate; of one-cycle the peak [0.015 for one-cycle, else 0.01]",
         .target.real = &s->lr, .most = number},
        {OPTION_REAL, "--max-lr", "X", "another name of --lr for one-cycle", .target.real = &max_lr, .most = number},
        {OPTION_INTEGER, "--step-size", "N", "epochs after which step multiplies the learning rate [6]",
         .target.integer = &s->step_size, .least = 1, .most = 1e6},
        {OPTION_REAL, "--step-gamma", "X", "by this [0.1]", .target.real = &s->step_gamma, .most = number},
        {OPTION_REAL, "--momentum", "X", "[0.9; one-cycle: from 0.95 to 0.85 and back, unless given]",
         .target.real = &s->momentum, .most = 1},
        {OPTION_FLAG, "--nesterov", NULL, "Nesterov's momentum", .target.flag = &s->nesterov},
        {OPTION_REAL, "--l1", "X", "adds X * sum |p| to the loss [0]", .target.real = &s->l1, .most = number},
        {OPTION_REAL, "--l2", "X", "adds X * p to the gradient (weight decay) [0]", .target.real = &s->l2,
         .most = number},
        {OPTION_REAL, "--label-smoothing", "X", "share of the target spread over all classes [0]",
         .target.real = &s->label_smoothing, .most = 1},
        {OPTION_INTEGER, "--seed", "N", "of the weights, the order of the images and all that is random [1]",
         .target.integer = &s->seed, .most = 9223372036854775807.0},

        {.kind = OPTION_HEADING, .name = "The run"},
        {OPTION_INTEGER, "--threads", "N", "the weights do not depend on it [one per core]",
         .target.integer = &s->threads, .least = 1, .most = 1024},
        {OPTION_CHOICE, "--cpu", "NAME", "best, portable, avx2, avx512 or neon; nor do they on this [best]",
         .target.choice = &s->cpu, .choices = cpu_names},
        {OPTION_TEXT, "--json", "FILE",
         "write configuration, history and SHA-256 of the weights, anew after\n"
         "every epoch",
         .target.text = &s->json},
    };
    const int count = (int)(sizeof options / sizeof options[0]);

    int code = options_parse(options, count, argc, argv);
    if (code == OPTIONS_HELP) {
        fputs(introduction, stdout);
        options_print(options, count);
        return code;
    }
    if (code == 0)
        code = check_use(options, count, settings);
    if (code == 0)
        code = choose_lr(options, count, settings, max_lr);
    if (code == 0)
        code = augment_parse(&settings->augment_list, settings->augment);
    settings->hold_momentum = options_given(options, count, "--momentum");
    return code;
}

int settings_parse(struct settings *settings, int argc, char **argv)
{
    set_defaults(settings, PRESET_STANDARD);
    int code = parse(settings, argc, argv);
    if (code != 0 || settings->preset == PRESET_STANDARD)
        return code;
    /* Once more, over the defaults that the first time has named. */
    set_defaults(settings, settings->preset);
    return parse(settings, argc, argv);
}

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
    config->total_steps = settings->epochs * steps;
    config->step_size = settings->step_size * steps;
    config->step_gamma = settings->step_gamma;
    config->nesterov = settings->nesterov;
    config->l1 = settings->l1;
    config->l2 = settings->l2;
    config->label_smoothing = settings->label_smoothing;
    config->seed = settings->seed;

    config->max_batch = (int32_t)batch;
    config->threads = (int32_t)settings->threads;
    config->cpu = settings->cpu;
}

const char *settings_norm_name(int32_t norm)
{
    return norm_names[norm];
}

const char *settings_affine_name(int32_t affine)
{
    return affine_names[affine];
}

const char *settings_schedule_name(int32_t schedule)
{
    return schedule_names[schedule];
}
