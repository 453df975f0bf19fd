/* SPDX-License-Identifier: MIT */
#include "commands/train_options.h"

#include "commands/train_checks.h"
#include "support/machine.h"
#include "support/options.h"
#include "support/report.h"
#include "support/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const struct help train_help = {
    .introduction = "Usage: normnet-mnist train [OPTION]...\n"
                    "\n"
                    "Trains a small convolutional network on MNIST, or on another data set in IDX,\n"
                    "NumPy, CSV or zip files, and tests it after every epoch. The default is batch\n"
                    "norm, 20 epochs, the one-cycle schedule and augmentation.\n"
                    "\n"
                    "Defaults are in [brackets].\n"
                    "\n"
                    "General\n",
    .examples = "Augmentation: --augment SPEC\n"
                "  SPEC is none or a list of operations, separated by commas. They are applied\n"
                "  from left to right.\n"
                "\n"
                "  rotate:DEG:fill=G   Rotate by a random angle from -DEG to DEG degrees. Pixels\n"
                "                      from outside the image get the grey level G, 0 to 255 [0].\n"
                "                      interpolation=bilinear mixes four pixels [nearest].\n"
                "  affine:deg=DEG,shear=DEG,translate=T,scale=LOW-HIGH,fill=G\n"
                "                      Rotate, shear along x by up to DEG degrees, shift by up to\n"
                "                      T of each side in whole pixels, and scale. Every parameter\n"
                "                      is optional, also interpolation=bilinear.\n"
                "  elastic:alpha=A,sigma=S,fill=G\n"
                "                      Move each pixel by smooth noise, by about A / 12 / S\n"
                "                      pixels: the larger sigma, the smoother. alpha [50],\n"
                "                      sigma [5], interpolation=nearest [bilinear].\n"
                "  jitter:V            Multiply brightness and contrast by random factors from\n"
                "                      1-V to 1+V. jitter:brightness=V,contrast=V sets both.\n"
                "\n"
                "  Without parameters, elastic has its defaults, rotate is short for\n"
                "  rotate:7:fill=1, and affine is short for\n"
                "  rotate:6:fill=1,affine:deg=7,shear=7,translate=.1,scale=.8-1.2,jitter:.4\n"
                "\n"
                "Layers: --architecture TEXT\n"
                "  conv<k>-<out>       k x k convolution to <out> channels. Append s<stride>,\n"
                "                      p<padding> or b for a bias.\n"
                "  fc-<out>            Fully connected, after flatten. Append b for a bias.\n"
                "  maxpool<k>, avgpool<k>, gap (mean over all pixels), flatten\n"
                "  relu, leakyrelu<slope>\n"
                "  dropout, dropout<share>\n"
                "  norm                The normalization of --norm.\n"
                "  batchnorm, groupnorm<groups>, layernorm, instancenorm, rmsnorm\n"
                "                      This normalization, whatever --norm is.\n"
                "\n"
                "Exit status\n"
                "  0    The training is complete.\n"
                "  1    The data, a file or the training failed.\n"
                "  2    The command line is wrong.\n"
                "  130  Ctrl-C stopped the training. The current step was finished, and a\n"
                "       checkpoint was written if --save was given. A second Ctrl-C ends the\n"
                "       program at once.\n"
                "\n"
                "Examples:\n"
                "  normnet-mnist train --norm group --epochs 5\n"
                "  normnet-mnist train --preset fast\n"
                "  normnet-mnist train --preset accurate --save digits.ckpt\n"
                "  normnet-mnist train --data ~/fashion --augment none --json result.json\n"
                "  normnet-mnist train --schedule step --lr 0.02 --step-size 6 --augment rotate\n"
                "  normnet-mnist train --architecture \"conv3-16 norm relu maxpool2 gap conv1-10\"\n"
                "  normnet-mnist train --norm layer --report layer.html\n"
                "  normnet-mnist train --average --save digits.ckpt\n"
                "  normnet-mnist train --resume digits.ckpt\n"
                "  normnet-mnist train --resume digits.ckpt --new-cycle --save more.ckpt\n",
};

/* ---- The options ------------------------------------------------------------------------------- */

static bool is_listed(const char *name, const char *const *names)
{
    for (; *names; ++names) {
        if (strcmp(name, *names) == 0)
            return true;
    }
    return false;
}

/* Fills the table of the options, whose values are stored in `s`. Returns the number of options. */
static int list_train_options(struct option *options, struct settings *s)
{
    const double large = 1e9; /* for values that the library checks */
    const struct option list[] = {
        {OPTION_CHOICE, "--preset", "NAME",
         "Other defaults: standard; fast for a small network, 2 epochs, no augmentation, no dropout, a peak learning "
         "rate of 0.1 and Nesterov momentum; or accurate for a network of 144,288 parameters, 30 epochs, smooth "
         "augmentation, a dropout of 0.2, a peak learning rate of 0.1, --l2 5e-4 and --average. Other options "
         "override the preset. [standard]",
         .target.choice = &s->preset, .choices = settings_preset_names},

        {.kind = OPTION_HEADING, .name = "Data"},
        {OPTION_TEXT, "--data", "DIR",
         "A directory with train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte and "
         "t10k-labels-idx1-ubyte (idx4 for images with channels, N x C x H x W); their names may have a prefix, test "
         "for t10k, and .gz. Or with train.csv and test.csv, or with mnist.npz. Or a zip archive of these, or a file "
         "of one of "
         "several such sets. "
         "There are at most 256 classes, with labels from 0 to 255. "
         "Or the word generated for generated digits. [$NORMNET_DATA; without it MNIST in the user's cache directory; "
         "without that generated digits]",
         .target.text = &s->data},
        {OPTION_INTEGER, "--limit", "N",
         "Use only the first N training images, or all if there are fewer, also for their mean and standard deviation. "
         "[0: all]",
         .target.integer = &s->limit, .max = large},
        {OPTION_INTEGER, "--validate", "N",
         "Hold out the last N training images: the network is not trained with them, but tested after every epoch. "
         "What is chosen by their accuracy, as by --keep best, leaves the test images a test. --limit counts the "
         "others. [0]",
         .target.integer = &s->validate, .max = large},
        {OPTION_TEXT, "--augment", "SPEC",
         "How to change the training images at random; see Augmentation in train --help. [affine]",
         .target.text = &s->augment},

        {.kind = OPTION_HEADING, .name = "Network"},
        {OPTION_CHOICE, "--norm", "NORM",
         "The normalization of the layers `norm`: none, batch, group, layer, instance or rms. [batch]",
         .target.choice = &s->norm, .choices = settings_norm_names},
        {OPTION_INTEGER, "--groups", "N", "Groups of group norm. [0: one group per four channels]",
         .target.integer = &s->groups, .min = -large, .max = large},
        {OPTION_INTEGER, "--layer-dims", "N", "Trailing dimensions that layer norm normalizes over: 3, 2 or 1. [3]",
         .target.integer = &s->layer_dims, .min = 1, .max = 3},
        {OPTION_CHOICE, "--affine", "FORM",
         "Gamma and beta of the norm: channel for one pair per channel, element for one pair per element, or none. "
         "default means channel, but none for layer norm over 2 dimensions or 1. [default]",
         .target.choice = &s->affine, .choices = settings_affine_names},
        {OPTION_INTEGER, "--virtual-batch", "N",
         "Ghost batch norm: normalize every N images by themselves. N is a multiple of 16. [0: off]",
         .target.integer = &s->virtual_batch, .max = large},
        {OPTION_TEXT, "--architecture", "TEXT",
         "The layers, separated by spaces; see Layers in train --help. [a network of 7,704 parameters for 10 classes, "
         "for images from 8 x 8]",
         .target.text = &s->architecture},
        {OPTION_REAL, "--dropout", "P", "The share of the values that a layer `dropout` sets to zero. [0.03]",
         .target.real = &s->dropout, .max = 1},

        {.kind = OPTION_HEADING, .name = "Training"},
        {OPTION_INTEGER, "--epochs", "N",
         "Passes over the training images; for a resumed run, including the finished ones. [20]",
         .target.integer = &s->epochs, .min = 1, .max = 1e6},
        {OPTION_INTEGER, "--batch", "N", "Images per step. [64]", .target.integer = &s->batch, .min = 1,
         .max = 1048576},
        {OPTION_CHOICE, "--schedule", "NAME", "The learning rate schedule: constant, step or one-cycle. [one-cycle]",
         .target.choice = &s->schedule, .choices = settings_schedule_names},
        {OPTION_REAL, "--lr", "X",
         "The learning rate; with one-cycle, its peak. [0.015 with one-cycle, 0.01 otherwise]", .target.real = &s->lr,
         .max = large},
        {OPTION_REAL, "--max-lr", "X", "The same as --lr, for one-cycle only.", .target.real = &s->max_lr,
         .max = large},
        {OPTION_INTEGER, "--step-size", "N",
         "With the step schedule, epochs after which the learning rate is multiplied by --step-gamma. [6]",
         .target.integer = &s->step_size, .min = 1, .max = 1e6},
        {OPTION_REAL, "--step-gamma", "X", "The factor of the step schedule. [0.1]", .target.real = &s->step_gamma,
         .max = large},
        {OPTION_REAL, "--momentum", "X",
         "The momentum of SGD. [0.9; with one-cycle, from 0.95 to 0.85 and back unless it is given]",
         .target.real = &s->momentum, .max = 1},
        {OPTION_FLAG, "--nesterov", NULL, "Use Nesterov momentum.", .target.flag = &s->nesterov},
        {OPTION_REAL, "--l1", "X", "Add X * sum |p| to the loss. [0]", .target.real = &s->l1, .max = large},
        {OPTION_REAL, "--l2", "X", "Add X * p to the gradient (weight decay). [0]", .target.real = &s->l2,
         .max = large},
        {OPTION_REAL, "--label-smoothing", "X", "The share of the target that is spread over all classes. [0]",
         .target.real = &s->label_smoothing, .max = 1},
        {OPTION_REAL, "--average", "[DECAY]",
         "Also keep an average of the weights over the steps, and test it after every epoch: average = DECAY * average "
         "+ (1 - DECAY) * weights. 1 means the mean of all. With batch norm, the statistics of the average are "
         "computed "
         "from 10,000 training images. [0: no average; without DECAY 0.999]",
         .target.real = &s->average, .max = 1, .without = "0.999"},
        {OPTION_INTEGER, "--average-from", "N", "Epochs after which the average begins. [0]",
         .target.integer = &s->average_from, .max = 1e6},
        {OPTION_INTEGER, "--seed", "N",
         "The seed of the weights, the order of the images, the augmentation and dropout. [1]",
         .target.integer = &s->seed, .max = 9223372036854775807.0},

        {.kind = OPTION_HEADING, .name = "Run"},
        {OPTION_INTEGER, "--threads", "N", "Threads. The weights do not depend on their number. [one per core]",
         .target.integer = &s->threads, .min = 1, .max = 1024},
        {OPTION_CHOICE, "--cpu", "NAME",
         "The instruction set: best, portable, avx2, avx512 or neon. The weights do not depend on it. [best]",
         .target.choice = &s->cpu, .choices = settings_cpu_names},
        {OPTION_TEXT, "--save", "FILE",
         "Write a checkpoint after every epoch. FILE must not exist yet, unless it is the file of --resume. [with "
         "--resume and without --new-cycle, the same file]",
         .target.text = &s->save},
        {OPTION_INTEGER, "--save-every", "N",
         "Write the checkpoint after every N training steps, too. [0: only after epochs]",
         .target.integer = &s->save_every, .max = large},
        {OPTION_CHOICE, "--keep", "WHICH",
         "best: write the weights of the epoch with the highest validation accuracy, of equal ones with the lowest "
         "validation loss, to FILE.best beside the checkpoint FILE, which always has the last ones; with --average, "
         "the averaged weights. Needs --validate and --save. [last]",
         .target.choice = &s->keep, .choices = settings_keep_names},
        {OPTION_TEXT, "--resume", "FILE",
         "Continue the training of a checkpoint. The final weights are those of a run that was never stopped. "
         "Options that change the training are an error; --data, those of this section and, unless the schedule is "
         "one-cycle, --epochs are allowed.",
         .target.text = &s->resume},
        {OPTION_FLAG, "--new-cycle", NULL,
         "With --resume: begin a new training with the weights of the checkpoint, which is not changed. --save names "
         "another file. The settings are those of the checkpoint, the seed is one more, and all options are allowed "
         "but --preset and those of the network.",
         .target.flag = &s->new_cycle},
        {OPTION_FLAG, "--summary", NULL, "Print a table of the layers before the training.",
         .target.flag = &s->summary},
        {OPTION_FLAG, "--plot", NULL,
         "Draw the curves of loss and accuracy at the end (ASCII unless the locale is UTF-8).",
         .target.flag = &s->plot},
        {OPTION_TEXT, "--json", "FILE",
         "Write the configuration, the history and the SHA-256 of the weights after every epoch, and the reason if the "
         "training fails. FILE must not exist yet, unless it has the history of the training that is resumed.",
         .target.text = &s->json},
        {OPTION_TEXT, "--report", "FILE",
         "At the end, write a page of HTML about the training: results, curves, misclassified images, confusion "
         "matrix, weights and layers. It needs no network and no other file, and has this command, but of absolute "
         "paths the last part alone. FILE must not exist yet, unless it is the report of the training that is "
         "resumed.",
         .target.text = &s->report},
        {OPTION_TEXT, "--classes", "FILE", "The names of the classes for the report, one per line.",
         .target.text = &s->classes},
    };
    _Static_assert(sizeof list <= TRAIN_MAX_OPTIONS * sizeof *list, "TRAIN_MAX_OPTIONS is too small");

    memcpy(options, list, sizeof list);
    return (int)(sizeof list / sizeof *list);
}

int train_options_share(struct option *options, struct settings *settings)
{
    static const char *const names[] = {"Data",
                                        "--preset",
                                        "--data",
                                        "--limit",
                                        "--validate",
                                        "--augment",
                                        "Network",
                                        "--norm",
                                        "--groups",
                                        "--layer-dims",
                                        "--affine",
                                        "--virtual-batch",
                                        "--architecture",
                                        "--dropout",
                                        "Training",
                                        "--batch",
                                        "--momentum",
                                        "--nesterov",
                                        "--l1",
                                        "--l2",
                                        "--label-smoothing",
                                        "--seed",
                                        "--threads",
                                        "--cpu",
                                        NULL};
    struct option all[TRAIN_MAX_OPTIONS];
    const int count = list_train_options(all, settings);
    int shared = 0;

    for (int i = 0; i < count; ++i) {
        if (!is_listed(all[i].name, names))
            continue;
        options[shared] = all[i];
        if (strcmp(all[i].name, "--validate") == 0) /* what train says of it is about epochs */
            options[shared].help = "Hold out the last N training images, as train --validate does. --limit counts the "
                                   "others. [0]";
        ++shared;
    }
    return shared;
}

/* ---- Parsing ----------------------------------------------------------------------------------- */

/* Sets lr and max_lr to the one that was given, or to the default of the schedule. */
static int choose_lr(const struct option *options, int count, struct settings *settings)
{
    bool lr_given = options_given(options, count, "--lr");

    if (lr_given && options_given(options, count, "--max-lr"))
        return report_usage("--lr %g and --max-lr %g both name the peak of one-cycle", settings->lr, settings->max_lr);
    if (!lr_given && settings->schedule == NORMNET_SCHEDULE_ONE_CYCLE)
        settings->lr = settings->max_lr;
    settings->max_lr = settings->lr;
    return 0;
}

/* The length limit is what fits into a checkpoint. */
static int parse_augment(struct settings *settings)
{
    enum { MAX_AUGMENT = 4096 };
    size_t length = strlen(settings->augment);

    if (length > MAX_AUGMENT)
        return report_usage("--augment has %zu characters; expected at most %d", length, MAX_AUGMENT);
    return augment_parse(&settings->augment_list, settings->augment, "--augment");
}

int train_options_check(const struct option *options, int count, struct settings *settings)
{
    const int code = train_check_options(options, count, settings);

    return code == 0 ? parse_augment(settings) : code;
}

/* A resumed run saves to its own file unless another is named, a new cycle never does. */
static int choose_files(struct option *options, int count, struct settings *settings)
{
    static const char *const distinct[][2] = {
        {"--resume", "--json"}, {"--save", "--json"},    {"--resume", "--report"}, {"--save", "--report"},
        {"--json", "--report"}, {"--classes", "--save"}, {"--classes", "--json"},  {"--classes", "--report"}};
    const int pairs = sizeof distinct / sizeof distinct[0];

    if (settings->new_cycle) {
        const int code = options_check_distinct(options, count, "--resume", "--save");
        if (code != 0)
            return code;
    } else if (settings->resume && !settings->save)
        settings->save = settings->resume;
    int code = 0;
    for (int i = 0; i < pairs && code == 0; ++i)
        code = options_check_distinct(options, count, distinct[i][0], distinct[i][1]);
    return code;
}

/* Applies the arguments to the settings and checks the result. */
static int parse_settings(struct settings *settings, int argc, char **argv)
{
    struct option options[TRAIN_MAX_OPTIONS];
    const int count = list_train_options(options, settings);

    int code = options_run(options, count, &train_help, argc, argv);
    if (code == OPTIONS_HELP)
        return code;
    if (code == 0)
        code = choose_files(options, count, settings);
    if (code == 0)
        code = train_options_check(options, count, settings);
    if (code == 0)
        code = choose_lr(options, count, settings);
    if (options_given(options, count, "--momentum"))
        settings->hold_momentum = true;
    return code;
}

/* --preset and --resume choose the settings that the other options are applied to. */
static int parse_preset_and_resume(struct settings *settings, int argc, char **argv)
{
    struct option options[TRAIN_MAX_OPTIONS];
    const int count = list_train_options(options, settings);
    int code = options_parse(options, count, argc, argv);

    if (code == OPTIONS_HELP)
        return parse_settings(settings, argc, argv);
    return code == 0 ? choose_files(options, count, settings) : code;
}

int train_options_parse(struct settings *settings, int argc, char **argv)
{
    settings_init(settings);
    int code = parse_preset_and_resume(settings, argc, argv);
    if (code != 0 || settings->resume)
        return code;
    int32_t preset = settings->preset;
    settings_init(settings);
    settings_use_preset(settings, preset);
    return parse_settings(settings, argc, argv);
}

/* ---- Resuming a checkpoint --------------------------------------------------------------------- */

/* Whether a run with these settings may change this option of the checkpoint that it begins with. */
static bool may_differ(const struct option *option, const struct settings *settings)
{
    static const char *const of_network[] = {"--preset", "--norm",         "--groups", "--layer-dims",
                                             "--affine", "--architecture", NULL};
    static const char *const of_run[] = {"--data",   "--threads", "--cpu",       "--save",    "--save-every",
                                         "--resume", "--json",    "--new-cycle", "--summary", "--plot",
                                         "--report", "--classes", NULL};

    if (option->kind == OPTION_HEADING)
        return true;
    if (settings->new_cycle)
        return !is_listed(option->name, of_network);
    if (strcmp(option->name, "--epochs") == 0)
        return settings->schedule != NORMNET_SCHEDULE_ONE_CYCLE;
    return is_listed(option->name, of_run);
}

/* Returns 0, or reports an option that differs from the checkpoint's. */
static int check_unchanged(struct settings *settings, struct settings *stored)
{
    struct option options[TRAIN_MAX_OPTIONS], stored_options[TRAIN_MAX_OPTIONS];
    const int count = list_train_options(options, settings);

    list_train_options(stored_options, stored);
    for (int i = 0; i < count; ++i) {
        char text[OPTION_TEXT_ROOM], stored_text[OPTION_TEXT_ROOM];
        if (may_differ(&options[i], settings) || options_equal(&options[i], &stored_options[i]))
            continue;
        option_text(&options[i], text);
        option_text(&stored_options[i], stored_text);
        return report_usage("%s is %s, but %s was begun with %s%s", options[i].name, text, settings->resume,
                            stored_text,
                            strcmp(options[i].name, "--epochs") == 0
                                ? ", which one-cycle depends on; --new-cycle begins another cycle with its weights"
                                : "");
    }
    if (!settings->new_cycle && settings->schedule == NORMNET_SCHEDULE_ONE_CYCLE &&
        settings->hold_momentum != stored->hold_momentum)
        return report_usage("--momentum is %g, but %s was begun without it", settings->momentum, settings->resume);
    return 0;
}

/* A shorter training run is a part of the longer one, but what is done stays done. */
static int check_epochs(const struct settings *settings, const struct training_state *training)
{
    const int64_t begun = training->finished + (training->done > 0);

    if (settings->new_cycle || settings->epochs >= begun)
        return 0;
    return report_usage("--epochs is %" PRId64 ", but epoch %" PRId64 " of %s has begun", settings->epochs, begun,
                        settings->resume);
}

int train_options_resume(struct settings *settings, const struct checkpoint *resumed, int argc, char **argv)
{
    struct settings before = resumed->settings;
    const bool new_cycle = settings->new_cycle;

    *settings = before;                          /* a preset would set again what other options have overridden */
    if (new_cycle && settings->seed < INT64_MAX) /* not the same order of the same images again */
        ++settings->seed;
    int code = parse_settings(settings, argc, argv);
    if (!settings->save) /* a new cycle that saves nothing */
        settings->keep = KEEP_LAST;
    if (code == 0)
        code = check_unchanged(settings, &before);
    return code == 0 ? check_epochs(settings, &resumed->training) : code;
}

static void print_resume_option(const char *name, const char *value)
{
    printf(" %s ", name);
    print_word(stdout, value);
}

void train_options_print_resume(const struct settings *settings, const char *checkpoint, const char *json)
{
    printf("normnet-mnist train");
    print_resume_option("--resume", checkpoint);
    if (settings->data)
        print_resume_option("--data", settings->data);
    if (settings->save_every > 0)
        printf(" --save-every %" PRId64, settings->save_every);
    if (json)
        print_resume_option("--json", json);
    if (settings->plot)
        printf(" --plot");
    if (settings->report)
        print_resume_option("--report", settings->report);
    if (settings->classes)
        print_resume_option("--classes", settings->classes);
    if (settings->threads != core_count())
        printf(" --threads %" PRId64, settings->threads);
    if (settings->cpu != NORMNET_CPU_BEST)
        print_resume_option("--cpu", settings_cpu_names[settings->cpu]);
}
