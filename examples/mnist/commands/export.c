/* SPDX-License-Identifier: MIT */
#include "commands/export.h"

#include "commands/network_options.h"
#include "support/atomic_file.h"
#include "support/file_claim.h"
#include "support/options.h"
#include "support/report.h"
#include "support/text.h"
#include "training/best_file.h"
#include "training/model_file.h"

#include <normnet.h>
#include <stdio.h>
#include <string.h>

static const struct help export_help = {
    .introduction = "Usage: normnet-mnist export --model FILE [OPTION]...\n"
                    "\n"
                    "Writes a model for other programs, or the weights of another program with their\n"
                    "network. Defaults are in [brackets].\n",
    .examples = "Examples:\n"
                "  normnet-mnist export --model digits.ckpt --onnx digits.onnx\n"
                "  normnet-mnist export --model digits.ckpt --weights digits.safetensors\n"
                "  normnet-mnist export --model torch.safetensors --norm group \\\n"
                "      --mean .1307 --std .3081 --weights digits.safetensors\n",
};

struct export_files {
    const char *model, *onnx, *weights;
    int32_t use; /* enum use */
    struct file_claim onnx_claim, weights_claim;
    struct network_options network_options;
    const normnet_config *network; /* NULL = the model's file says it */
};

static int parse_export(struct export_files *files, int argc, char **argv)
{
    const struct option list[] = {
        {.kind = OPTION_HEADING, .name = "Options"},
        {OPTION_TEXT, "--model", "FILE", "A checkpoint or a file of weights. Required.", .target.text = &files->model},
        {OPTION_CHOICE, "--use", "WHICH", model_file_use_help, .target.choice = &files->use,
         .choices = model_file_use_names},
        {OPTION_TEXT, "--onnx", "FILE", "Write the network as an ONNX graph from images to logits.",
         .target.text = &files->onnx},
        {OPTION_TEXT, "--weights", "FILE",
         "Write the weights and running statistics as safetensors, which PyTorch loads into the equivalent "
         "torch.nn.Sequential.",
         .target.text = &files->weights},
    };
    enum { OPTIONS = sizeof list / sizeof list[0] };
    struct option options[OPTIONS + NETWORK_OPTIONS];
    memcpy(options, list, sizeof list);
    const int count = OPTIONS + network_options_list(options + OPTIONS, &files->network_options, false);

    int code = options_run(options, count, &export_help, argc, argv);
    if (code == OPTIONS_HELP)
        return code;
    if (code == 0 && !files->model)
        return report_usage("--model FILE is missing");
    if (code == 0 && !files->onnx && !files->weights)
        return report_usage("--onnx FILE or --weights FILE is missing");
    if (code == 0)
        code = network_options_read(&files->network_options, options, count, &files->network);
    if (code == 0)
        code = options_check_distinct(options, count, "--model", "--onnx");
    if (code == 0)
        code = options_check_distinct(options, count, "--model", "--weights");
    return code == 0 ? options_check_distinct(options, count, "--onnx", "--weights") : code;
}

/* Before anything is written. Older files may be replaced if they are exports, but not checkpoints or other models. */
static int claim_exports(struct export_files *files)
{
    static const char onnx_mark[] = "\x12\x07normnet"; /* the field producer_name */
    static const char weights_mark[] = "\"normnet.kind\":\"weights\"";
    static const char writer[] = "normnet-mnist export";

    int code = files->onnx ? file_claim_take(&files->onnx_claim, files->onnx) : 0;
    if (code == 0 && files->weights)
        code = file_claim_take(&files->weights_claim, files->weights);
    if (code == 0 && files->onnx)
        code = atomic_file_check_older(files->onnx, onnx_mark, writer);
    if (code == 0 && files->weights)
        code = atomic_file_check_older(files->weights, weights_mark, writer);
    if (code == 0 && files->weights)
        code = best_file_check_older(files->weights);
    return code;
}

static int export_files(normnet_model *model, const struct export_files *files)
{
    const char *wrote = files->use == USE_AVERAGE ? " with the average of the weights\n" : "\n";
    int code = 0;

    if (files->onnx) {
        code = model_file_export_onnx(model, files->onnx);
        if (code == 0)
            print_name("Wrote ", files->onnx, wrote);
    }
    if (code == 0 && files->weights) {
        code = model_file_save(model, files->weights, NORMNET_FILE_WEIGHTS, NULL);
        if (code == 0)
            print_name("Wrote ", files->weights, wrote);
    }
    return code;
}

int export_command(int argc, char **argv)
{
    struct export_files files = {.model = NULL};
    normnet_model *model = NULL;

    int code = parse_export(&files, argc, argv);
    if (code == OPTIONS_HELP)
        return 0;
    if (code == 0)
        code = model_file_open(&model, files.model, MODEL_UNTRUSTED, 1, files.network, files.network_options.given);
    if (code == 0)
        code = model_file_use(&model, &files.use, files.model);
    if (code == 0)
        code = claim_exports(&files);
    if (code == 0)
        code = export_files(model, &files);
    file_claim_release(&files.weights_claim);
    file_claim_release(&files.onnx_claim);
    normnet_model_destroy(model);
    return code;
}
