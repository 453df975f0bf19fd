/* SPDX-License-Identifier: MIT */
/* normnet-mnist: trains and uses small networks on MNIST and other data sets in IDX files. */
#include "commands/compare.h"
#include "commands/evaluate.h"
#include "commands/export.h"
#include "commands/lr_find.h"
#include "commands/predict.h"
#include "commands/report.h"
#include "commands/study.h"
#include "commands/train.h"
#include "support/interrupt.h"
#include "support/nearest.h"
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
    {"train", train_command, "Train a network, or resume its training, with a test per epoch."},
    {"lr-find", lr_find_command, "Find a learning rate by a short test with rising rates."},
    {"compare", compare_command, "Compare training runs: results, settings and curves."},
    {"evaluate", evaluate_command, "Test a saved model and print its confusion matrix."},
    {"predict", predict_command, "Print the classes that a saved model finds in images."},
    {"study", study_command, "Train many experiments with several seeds, and compare them."},
    {"report", report_command, "Write what the runs of a study say as a page of HTML."},
    {"export", export_command, "Write a saved model for PyTorch or as ONNX."},
};
enum { COMMANDS = sizeof commands / sizeof commands[0] };

static int print_program_help(void)
{
    printf("Usage: normnet-mnist COMMAND [OPTION]...\n"
           "\n"
           "Trains and uses small image-classification networks with batch, group, layer,\n"
           "instance or RMS norm, or without. The data set is MNIST, any other in IDX, NumPy\n"
           "or CSV files, or generated digits.\n"
           "\n"
           "Commands:\n");
    for (int i = 0; i < COMMANDS; ++i)
        printf("  %-10s %s\n", commands[i].name, commands[i].help);
    printf("\n"
           "  --help     Print this text or, after a command, its options.\n"
           "  --version  Print the version of the library.\n"
           "\n"
           "Examples:\n"
           "  normnet-mnist train\n"
           "  normnet-mnist train --norm group --epochs 5 --json result.json\n"
           "  normnet-mnist train --save digits.ckpt\n"
           "  normnet-mnist train --resume digits.ckpt\n"
           "  normnet-mnist evaluate --model digits.ckpt\n"
           "  normnet-mnist predict --model digits.ckpt seven.pgm\n"
           "  normnet-mnist export --model digits.ckpt --onnx digits.onnx\n"
           "  normnet-mnist study --quick --out study\n"
           "  normnet-mnist report study\n"
           "  normnet-mnist train --help\n");
    return 0;
}

/* Fails if output was lost because the disk was full or the pipe was closed. */
static int check_output(int code)
{
    if ((fflush(stdout) != 0 || ferror(stdout)) && code == 0)
        return report_error("cannot write to standard output");
    return code;
}

static int reject_command(const char *name)
{
    struct nearest nearest = nearest_begin(name, strlen(name));
    char suggestion[NEAREST_ROOM];

    if (name[0] == '-' && name[1] && strcmp(name, "-help") != 0 && strcmp(name, "-version") != 0)
        return report_usage("a command is missing before %s, e.g. train", name);
    for (int i = 0; i < COMMANDS; ++i)
        nearest_try(&nearest, commands[i].name);
    nearest_try(&nearest, "--help");
    nearest_try(&nearest, "--version");
    return report_usage("there is no command '%s'%s", name, nearest_text(&nearest, suggestion));
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "";

    open_standard_streams();
    interrupt_ignore_size_limit();
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
    return argc > 1 ? reject_command(name) : report_usage("a command is missing, e.g. train");
}
