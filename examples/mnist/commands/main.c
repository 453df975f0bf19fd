/* SPDX-License-Identifier: MIT */
/* normnet-mnist: libnormnet as a program, for MNIST and every other data set in IDX files. */
#include "commands/evaluate.h"
#include "commands/export.h"
#include "commands/predict.h"
#include "commands/train.h"
#include "support/report.h"
#include "support/terminal.h"

#include <normnet.h>
#include <stdio.h>
#include <string.h>

static const struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *help;
} commands[] = {
    {"train", train_command, "train a network and test it after every epoch, or go on with a training"},
    {"evaluate", evaluate_command, "test a saved model and show which classes it confuses"},
    {"predict", predict_command, "say what a saved model sees in images"},
    {"export", export_command, "write a saved model for PyTorch or as ONNX"},
};
enum { COMMANDS = sizeof commands / sizeof commands[0] };

static int print_program_help(void)
{
    printf("Usage: normnet-mnist COMMAND [OPTION]...\n"
           "\n"
           "Trains small image-classification networks with the normalization of your choice on MNIST, on any\n"
           "data set in four IDX files, or on generated digits.\n"
           "\n"
           "Commands:\n");
    for (int i = 0; i < COMMANDS; ++i)
        printf("  %-10s %s\n", commands[i].name, commands[i].help);
    printf("\n"
           "  --help     this text; after a command its options\n"
           "  --version  the version of the library\n"
           "\n"
           "Examples:\n"
           "  normnet-mnist train\n"
           "  normnet-mnist train --norm group --epochs 5 --json result.json\n"
           "  normnet-mnist train --save digits.ckpt\n"
           "  normnet-mnist train --resume digits.ckpt\n"
           "  normnet-mnist evaluate --model digits.ckpt\n"
           "  normnet-mnist predict --model digits.ckpt seven.pgm\n"
           "  normnet-mnist export --model digits.ckpt --onnx digits.onnx\n"
           "  normnet-mnist train --help\n");
    return 0;
}

/* What was printed into a full disk or a closed pipe was lost. */
static int check_output(int code)
{
    if ((fflush(stdout) != 0 || ferror(stdout)) && code == 0)
        return report_error("cannot write to standard output");
    return code;
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "";

    open_standard_streams();
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
        return check_output(print_program_help());
    if (strcmp(name, "--version") == 0) {
        printf("normnet-mnist %s\n", normnet_version());
        return check_output(0);
    }
    for (int i = 0; i < COMMANDS; ++i) {
        if (strcmp(name, commands[i].name) == 0)
            return check_output(commands[i].run(argc - 2, argv + 2));
    }
    if (argc > 1)
        return report_usage("there is no command '%s'", name);
    return report_usage("a command is missing, e.g. train");
}
