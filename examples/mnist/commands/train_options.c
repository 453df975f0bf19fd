/* SPDX-License-Identifier: MIT */
#include "commands/train_options.h"

#include "support/machine.h"
#include "support/options.h"
#include "support/report.h"
#include "support/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

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
    "  normnet-mnist train --architecture \"conv3-16 norm relu maxpool2 conv3-32 norm relu gap conv1-10\"\n"
    "  normnet-mnist train --save digits.ckpt\n"
    "  normnet-mnist train --resume digits.ckpt\n"
    "\n"
    "Ctrl-C finishes the step, saves if --save is given, and ends with code 130; a second Ctrl-C ends at\n"
    "once. What is resumed goes on to the same weights as if it had never stopped. Other exit codes:\n"
    "1 if data, a file or the training fails, 2 for a mistake on the command line.\n"
    "\n"
    "The recipe\n";

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

/* ---- The options ------------------------------------------------------------------------------- */

enum { MAX_OPTIONS = 40 };

/* Fills the table of options whose values go to `s`; returns how many there are. */
static int list_train_options(struct option *options, struct settings *s)
{
    const double number = 1e9; /* enough for all that the library checks itself */
    const struct option list[] = {
        {OPTION_CHOICE, "--preset", "NAME",
         "standard, or fast: a small network, 2 epochs, no augmentation and\n"
         "dropout, peak learning rate 0.1, Nesterov, unless other options differ\n"
         "[standard]",
         .target.choice = &s->preset, .choices = settings_preset_names},

        {.kind = OPTION_HEADING, .name = "Data"},
        {OPTION_TEXT, "--data", "DIR", data_help, .target.text = &s->data},
        {OPTION_INTEGER, "--limit", "N",
         "use only the first N training images, also for mean and deviation\n"
         "[0 = all]",
         .target.integer = &s->limit, .most = number},
        {OPTION_TEXT, "--augment", "SPEC", augment_help, .target.text = &s->augment},

        {.kind = OPTION_HEADING, .name = "Network"},
        {OPTION_CHOICE, "--norm", "NORM",
         "what `norm` in the architecture stands for: none, batch, group, layer\n"
         "or instance [batch]",
         .target.choice = &s->norm, .choices = settings_norm_names},
        {OPTION_INTEGER, "--groups", "N", "of group norm [0 = one group per four channels]",
         .target.integer = &s->groups, .least = -number, .most = number},
        {OPTION_INTEGER, "--layer-dims", "N", "trailing dimensions of layer norm: 3, 2 or 1 [3]",
         .target.integer = &s->layer_dims, .least = 1, .most = 3},
        {OPTION_CHOICE, "--affine", "FORM",
         "a gamma and beta per channel, per element or none; default is channel,\n"
         "or none for layer norm over 2 dimensions or 1 [default]",
         .target.choice = &s->affine, .choices = settings_affine_names},
        {OPTION_INTEGER, "--virtual-batch", "N", "ghost batch norm over N images, a multiple of 16 [0 = off]",
         .target.integer = &s->virtual_batch, .most = number},
        {OPTION_TEXT, "--architecture", "TEXT",
         "the layers, e.g. \"conv3-8 relu norm dropout gap conv1-10\":\n"
         "conv<side>-<outputs>, then s<stride>, p<padding>, b for a bias;\n"
         "fc-<outputs>, then b; maxpool<side>, avgpool<side>, gap; flatten;\n"
         "relu, leakyrelu, leakyrelu<slope>; dropout, dropout<share>;\n"
         "norm, and whatever --norm says: batchnorm, groupnorm<groups>,\n"
         "layernorm, instancenorm\n"
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
         .target.choice = &s->schedule, .choices = settings_schedule_names},
        {OPTION_REAL, "--lr", "X", "learning rate; of one-cycle the peak [0.015 for one-cycle, else 0.01]",
         .target.real = &s->lr, .most = number},
        {OPTION_REAL, "--max-lr", "X", "another name of --lr for one-cycle", .target.real = &s->max_lr, .most = number},
        {OPTION_INTEGER, "--step-size", "N", "epochs after which step multiplies the learning rate [6]",
         .target.integer = &s->step_size, .least = 1, .most = 1e6},
        {OPTION_REAL, "--step-gamma", "X", "by this [0.1]", .target.real = &s->step_gamma, .most = number},
        {OPTION_REAL, "--momentum", "X",
         "share of an update that the next one keeps\n"
         "[0.9; one-cycle: from 0.95 to 0.85 and back, unless given]",
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
        {OPTION_INTEGER, "--threads", "N",
         "threads that share a batch; the weights do not depend on them\n"
         "[one per core]",
         .target.integer = &s->threads, .least = 1, .most = 1024},
        {OPTION_CHOICE, "--cpu", "NAME",
         "instruction set: best, portable, avx2, avx512 or neon; the weights do\n"
         "not depend on it [best]",
         .target.choice = &s->cpu, .choices = settings_cpu_names},
        {OPTION_TEXT, "--save", "FILE",
         "write a checkpoint to go on from, anew after every epoch; not in the\n"
         "place of another file [with --resume the file that is resumed]",
         .target.text = &s->save},
        {OPTION_INTEGER, "--save-every", "N", "and after every N training steps [0 = at the ends of epochs only]",
         .target.integer = &s->save_every, .most = number},
        {OPTION_TEXT, "--resume", "FILE",
         "go on with the training of a checkpoint, with the options it was begun\n"
         "with; other options than those of this section and --data may only\n"
         "repeat them",
         .target.text = &s->resume},
        {OPTION_TEXT, "--json", "FILE",
         "write configuration, history and SHA-256 of the weights, anew after\n"
         "every epoch",
         .target.text = &s->json},
    };
    _Static_assert(sizeof list <= MAX_OPTIONS * sizeof *list, "the tables of options have room for all");

    memcpy(options, list, sizeof list);
    return (int)(sizeof list / sizeof *list);
}

/* ---- Checks ------------------------------------------------------------------------------------ */

/*
 * Whether a layer of the network is called so: all of its word, or, before a "*", what it begins with. The library's
 * own network has norms and dropouts.
 */
static bool has_layer(const struct settings *settings, const char *word)
{
    static const char blanks[] = " \t\n\r";
    const char *layer = settings->architecture ? settings->architecture : "norm dropout";
    const size_t length = strcspn(word, "*");

    for (layer += strspn(layer, blanks); *layer; layer += strspn(layer, blanks)) {
        const size_t whole = strcspn(layer, blanks);
        if (strncmp(layer, word, length) == 0 && (word[length] == '*' || whole == length))
            return true;
        layer += whole;
    }
    return false;
}

/* Whether the network normalizes so, by --norm or by a word of its own. */
static bool has_norm(const struct settings *settings, int32_t norm, const char *word)
{
    return (settings->norm == norm && has_layer(settings, "norm")) || has_layer(settings, word);
}

/* What an option needs to have an effect; without it the option would be silently ignored. */
static int check_has_effect(const struct option *options, int count, const struct settings *settings)
{
    const bool batch = has_norm(settings, NORMNET_NORM_BATCH, "batchnorm");
    const bool group = has_norm(settings, NORMNET_NORM_GROUP, "groupnorm");
    const bool layer = has_norm(settings, NORMNET_NORM_LAYER, "layernorm");
    const bool any = batch || layer || has_norm(settings, NORMNET_NORM_GROUP, "groupnorm*") ||
                     has_norm(settings, NORMNET_NORM_INSTANCE, "instancenorm");
    const struct {
        const char *name;
        bool used;
        const char *needs;
    } uses[] = {
        {"--norm", has_layer(settings, "norm") || settings->norm == NORMNET_NORM_NONE, "a layer `norm`"},
        {"--groups", group || settings->groups == 0, "group norm"},
        {"--layer-dims", layer || settings->layer_dims == 3, "layer norm"},
        {"--virtual-batch", batch || settings->virtual_batch == 0, "batch norm"},
        {"--affine", any || settings->affine == NORMNET_AFFINE_DEFAULT, "a norm"},
        {"--dropout", has_layer(settings, "dropout") || settings->dropout == 0, "a layer `dropout`"},
        {"--max-lr", settings->schedule == NORMNET_SCHEDULE_ONE_CYCLE, "--schedule one-cycle"},
        {"--step-size", settings->schedule == NORMNET_SCHEDULE_STEP, "--schedule step"},
        {"--step-gamma", settings->schedule == NORMNET_SCHEDULE_STEP, "--schedule step"},
        {"--save-every", settings->save != NULL, "--save"},
    };

    for (size_t i = 0; i < sizeof uses / sizeof uses[0]; ++i) {
        if (options_given(options, count, uses[i].name) && !uses[i].used)
            return report_usage("%s has no effect without %s", uses[i].name, uses[i].needs);
    }
    return 0;
}

/* The one of --lr and --max-lr that was given, else the default of the schedule, as the value of both. */
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

/* A checkpoint has room for so much. */
static int parse_augment(struct settings *settings)
{
    enum { LONGEST_AUGMENT = 4096 };
    size_t length = strlen(settings->augment);

    if (length > LONGEST_AUGMENT)
        return report_usage("--augment: a text of %zu characters; %d are the most", length, LONGEST_AUGMENT);
    return augment_parse(&settings->augment_list, settings->augment);
}

/* Takes the arguments over what the settings are; the rest of the checks once these are complete. */
static int parse_settings(struct settings *settings, int argc, char **argv)
{
    struct option options[MAX_OPTIONS];
    const int count = list_train_options(options, settings);

    int code = options_run(options, count, introduction, argc, argv);
    if (code == OPTIONS_HELP)
        return code;
    if (settings->resume && !settings->save)
        settings->save = settings->resume;
    if (code == 0)
        code = check_has_effect(options, count, settings);
    if (code == 0)
        code = choose_lr(options, count, settings);
    if (code == 0)
        code = parse_augment(settings);
    if (code == 0)
        code = options_check_distinct(options, count, "--resume", "--json");
    if (code == 0)
        code = options_check_distinct(options, count, "--save", "--json");
    if (options_given(options, count, "--momentum"))
        settings->hold_momentum = true;
    return code;
}

/* The options that must be known before all others. */
static int parse_preset_and_resume(struct settings *settings, int argc, char **argv)
{
    struct option options[MAX_OPTIONS];
    const int count = list_train_options(options, settings);
    int code = options_parse(options, count, argc, argv);

    return code == OPTIONS_HELP ? parse_settings(settings, argc, argv) : code;
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

/* ---- Going on with a checkpoint ---------------------------------------------------------------- */

/* What a run may change without changing the training. */
static bool may_differ(const struct option *option)
{
    static const char *const names[] = {"--preset", "--data",       "--threads", "--cpu",
                                        "--save",   "--save-every", "--resume",  "--json"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; ++i) {
        if (strcmp(option->name, names[i]) == 0)
            return true;
    }
    return option->kind == OPTION_HEADING;
}

/* Whether the options leave the training as the checkpoint has it. */
static int check_unchanged(struct settings *settings, struct settings *stored)
{
    struct option options[MAX_OPTIONS], theirs[MAX_OPTIONS];
    const int count = list_train_options(options, settings);

    list_train_options(theirs, stored);
    for (int i = 0; i < count; ++i) {
        char own_text[OPTION_TEXT_ROOM], their_text[OPTION_TEXT_ROOM];
        if (may_differ(&options[i]) || options_equal(&options[i], &theirs[i]))
            continue;
        option_text(&options[i], own_text);
        option_text(&theirs[i], their_text);
        return report_usage("%s is %s, but %s was begun with %s", options[i].name, own_text, settings->resume,
                            their_text);
    }
    if (settings->schedule == NORMNET_SCHEDULE_ONE_CYCLE && settings->hold_momentum != stored->hold_momentum)
        return report_usage("--momentum is %g, but %s was begun without it", settings->momentum, settings->resume);
    return 0;
}

int train_options_resume(struct settings *settings, const struct settings *stored, int argc, char **argv)
{
    struct settings before = *stored;
    const int32_t preset = settings->preset;

    *settings = *stored;
    settings_use_preset(settings, preset);
    int code = parse_settings(settings, argc, argv);
    settings->preset = before.preset; /* what it was begun with, whoever repeats its values */
    return code == 0 ? check_unchanged(settings, &before) : code;
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
    if (settings->threads != core_count())
        printf(" --threads %" PRId64, settings->threads);
    if (settings->cpu != NORMNET_CPU_BEST)
        print_resume_option("--cpu", settings_cpu_names[settings->cpu]);
}
