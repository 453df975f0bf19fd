/* SPDX-License-Identifier: MIT */
#include "commands/report.h"

#include "report/write.h"
#include "support/options.h"
#include "support/report.h"

static const struct help report_help = {
    .introduction = "Usage: normnet-mnist report DIR [OPTION]...\n"
                    "\n"
                    "Writes a report on the runs of a study, which are in DIR/runs.jsonl: one page\n"
                    "of HTML that needs no network and no other file. It says which norm is best\n"
                    "and which differences are real, and shows tables with intervals, curves,\n"
                    "misclassified images, confusion matrices, weights, and why trainings failed.\n"
                    "Its numbers are written beside it, as CSV and JSON. A study that is not yet\n"
                    "finished can be reported, too.\n"
                    "\n"
                    "Defaults are in [brackets].\n",
    .examples = "Exit status\n"
                "  0  The report is written.\n"
                "  1  The runs or a file failed: no file is changed.\n"
                "  2  The command line or the file of experiments is wrong.\n"
                "\n"
                "Examples:\n"
                "  normnet-mnist report study\n"
                "  normnet-mnist report study --out norms.html\n"
                "  normnet-mnist report mine --experiments my.txt --data ~/fashion\n"
                "  normnet-mnist report mine --data ~/fashion --classes names.txt\n",
};

int report_command(int argc, char **argv)
{
    struct report_request request = {0};
    struct class_names names = {0};
    const char *classes = NULL;
    struct file_arguments files = {0};
    struct option options[] = {
        {.kind = OPTION_HEADING, .name = "Arguments"},
        {.kind = OPTION_FILES, .name = "DIR", .help = "The directory that study --out wrote.", .target.files = &files},
        {.kind = OPTION_HEADING, .name = "Options"},
        {OPTION_TEXT, "--out", "FILE", "The page to write; CSV and JSON get its name. [DIR/report.html]",
         .target.text = &request.out},
        {OPTION_TEXT, "--experiments", "FILE", "The experiments of the study. [those of the last study in DIR]",
         .target.text = &request.experiments},
        {OPTION_TEXT, "--data", "DIR", "The data set, for pictures of the test images. [as for train]",
         .target.text = &request.data},
        {OPTION_TEXT, "--classes", "FILE", "The names of the classes, one per line.", .target.text = &classes},
    };

    const int code = options_run(options, sizeof options / sizeof options[0], &report_help, argc, argv);
    if (code != 0)
        return code == OPTIONS_HELP ? 0 : code;
    if (files.count == 0)
        return report_usage("the directory of a study is missing, e.g. normnet-mnist report study");
    if (files.count > 1)
        return report_usage("%s and %s are two directories; expected one", files.names[0], files.names[1]);
    request.directory = files.names[0];
    request.classes = &names;
    int result = classes ? class_names_read(&names, classes) : 0;
    if (result == 0)
        result = report_write(&request);
    class_names_free(&names);
    return result;
}
