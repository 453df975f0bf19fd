/* SPDX-License-Identifier: MIT */
/* What came of one training, and what it was: results, settings and the command that repeats it. */
#include "report/html.h"
#include "report/missed.h"
#include "report/sections.h"
#include "report/training_material.h"
#include "support/file_system.h"
#include "support/machine.h"
#include "support/report.h"
#include "support/text.h"
#include "training/results.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- The result -------------------------------------------------------------------------------- */

/* The test accuracy of the weights that are described. */
static enum epoch_value material_accuracy(const struct material *material)
{
    return training_is_averaged(material->training) ? AVERAGE_TEST_ACCURACY : TEST_ACCURACY;
}

static void write_lead(FILE *page, const struct material *material)
{
    const struct run *run = material->rows[0].runs[0];
    const int64_t epochs = material->training->training->finished;

    if (*material->training->failure) {
        fputs("<p class=\"notice\">The training could not go on: ", page);
        html_text(page, material->training->failure);
        fputs("</p>\n", page);
    }
    if (epochs == 0) {
        fputs("<p class=\"lead\">No epoch was finished.</p>\n", page);
        return;
    }
    fprintf(page, "<p class=\"lead\">After %" PRId64 " epoch%s, %s a test accuracy of <strong>", epochs,
            epochs == 1 ? "" : "s",
            training_is_averaged(material->training) ? "the averaged weights have" : "the network has");
    html_number(page, run_value(run, run->epoch_count - 1, material_accuracy(material)), 2);
    fputs("&nbsp;%</strong>", page);
    if (!*material->training->failure)
        fprintf(page, ": %" PRId64 " of %" PRId64 " test images are misclassified", mistakes_of(run), run->test_images);
    fputs(".</p>\n", page);
}

/* The epoch with the highest accuracy, counted from 0. */
static size_t best_epoch(const struct run *run, enum epoch_value value)
{
    size_t best = 0;

    for (size_t i = 1; i < run->epoch_count; ++i) {
        if (!(run_value(run, best, value) >= run_value(run, i, value)))
            best = i;
    }
    return best;
}

static void write_figures(FILE *page, const struct run *run)
{
    static const struct {
        const char *name;
        enum epoch_value loss, accuracy;
    } kinds[] = {
        {"training", TRAIN_LOSS, TRAIN_ACCURACY},
        {"validation", VALIDATION_LOSS, VALIDATION_ACCURACY},
        {"test", TEST_LOSS, TEST_ACCURACY},
        {"validation, averaged weights", AVERAGE_VALIDATION_LOSS, AVERAGE_VALIDATION_ACCURACY},
        {"test, averaged weights", AVERAGE_TEST_LOSS, AVERAGE_TEST_ACCURACY},
    };
    const size_t last = run->epoch_count - 1;

    html_begin_table(page, "<th>images<th>last loss<th>last&nbsp;%<th>best&nbsp;%<th>in epoch");
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; ++i) {
        const size_t best = best_epoch(run, kinds[i].accuracy);

        if (!isfinite(run_value(run, last, kinds[i].accuracy)))
            continue;
        fputs("<tr>", page);
        html_text_cell(page, kinds[i].name);
        html_number_cell(page, run_value(run, last, kinds[i].loss), 4);
        html_number_cell(page, run_value(run, last, kinds[i].accuracy), 2);
        html_number_cell(page, run_value(run, best, kinds[i].accuracy), 2);
        fprintf(page, "<td>%zu</td></tr>\n", best + 1);
    }
    html_end_table(page);
    fputs("<p class=\"soft\">The best epoch by test accuracy looks better than it would on new images. Choose it by "
          "validation images.</p>\n",
          page);
}

/* ---- The training ------------------------------------------------------------------------------ */

/* Of --keep best. */
static void write_best(FILE *page, const struct training_facts *facts)
{
    const struct epoch_result *best = &facts->training->best;

    if (best->epoch == 0 || !facts->best)
        return;
    fprintf(page, "<li>Epoch %" PRId64 " was kept, for its validation accuracy of ", best->epoch);
    html_number(page, best->validation_accuracy, 2);
    fputs("&nbsp;%; its test accuracy is ", page);
    html_number(page, best->test_accuracy, 2);
    fputs("&nbsp;%. Its weights are in <code>", page);
    html_text(page, text_base_name(facts->best));
    fprintf(page, "</code>, SHA-256 <code>%s</code></li>\n", facts->training->best_weights);
}

static void write_time(FILE *page, const struct training_state *training)
{
    const int64_t known = training->finished - training->dropped;
    double seconds = 0;

    for (int64_t i = training->dropped; i < training->finished; ++i)
        seconds += training->history[i].seconds;
    if (known == 0)
        return;
    fprintf(page, "<li>%" PRId64 " epoch%s of training in ", known, known == 1 ? "" : "s");
    html_number(page, seconds, seconds < 10 ? 2 : 0);
    fputs("&nbsp;seconds: ", page);
    html_number(page, (double)training->images * (double)known / seconds, 0);
    fputs(" images per second, without the tests</li>\n", page);
}

static void write_data(FILE *page, const struct dataset *data)
{
    fprintf(page, "<li>%" PRId64 " training, %" PRId64 " validation and %" PRId64 " test images of <code>",
            data->train.count, data->validation.count, data->test.count);
    html_text(page, data->directory ? text_base_name(data->directory) : DATASET_GENERATED);
    fprintf(page, "</code>: %d classes, %d × %d × %d</li>\n", (int)data->classes, (int)data->channels,
            (int)data->height, (int)data->width);
}

static void write_facts(FILE *page, const struct training_facts *facts)
{
    char hexadecimal[65];

    fprintf(page, "<ul class=\"plain\">\n<li>%" PRId64 " parameters</li>\n", normnet_parameter_count(facts->model));
    write_time(page, facts->training);
    write_data(page, facts->data);
    results_hash_weights(facts->model, hexadecimal);
    fprintf(page, "<li>SHA-256 of the weights: <code>%s</code></li>\n", hexadecimal);
    if (training_is_averaged(facts)) {
        results_hash_average(facts->model, hexadecimal);
        fprintf(page, "<li>SHA-256 of their average: <code>%s</code></li>\n", hexadecimal);
    }
    write_best(page, facts);
    fprintf(page,
            "<li>Seed %" PRId64 ", version %d of the bits; %" PRId64
            " thread%s, %s, which do not change the result</li>\n",
            facts->settings->seed, (int)normnet_bits_version(), facts->settings->threads,
            facts->settings->threads == 1 ? "" : "s", normnet_cpu_name(facts->model));
    fputs("</ul>\n", page);
}

/* ---- What was asked for ------------------------------------------------------------------------ */

/*
 * A word of the command as it is shown; free() it. NULL without memory. Folders of the machine stay out of a page that
 * is passed on: an absolute path keeps its last part, in an archive the archive and what follows, after --name= too.
 */
static char *shown_word(const char *word)
{
    const char *equals = word[0] == '-' ? strchr(word, '=') : NULL;
    const char *path = equals ? equals + 1 : word;
    char *file = text_is_absolute(path) ? file_holder(path) : NULL;

    if (!text_is_absolute(path))
        return text_quote(word);
    char *shown = file ? text_of("%.*s%s", (int)(path - word), word, path + (text_base_name(file) - file)) : NULL;
    char *quoted = shown ? text_quote(shown) : NULL;
    free(shown);
    free(file);
    return quoted;
}

static int write_command(FILE *page, const struct training_facts *facts)
{
    fputs("<p>The command: <code>normnet-mnist train", page);
    for (int i = 0; i < facts->argument_count; ++i) {
        char *word = shown_word(facts->arguments[i]);

        if (!word)
            return report_error("not enough memory for the report");
        fputc(' ', page);
        html_text(page, word);
        free(word);
    }
    fputs("</code></p>\n", page);
    if (!facts->settings->resume)
        return 0;
    fprintf(page, "<p>It %s the checkpoint <code>",
            facts->settings->new_cycle ? "begins a new training with the weights of" : "continues the training of");
    html_text(page, text_base_name(facts->settings->resume));
    fputs("</code>, which has the settings that the command does not name.</p>\n", page);
    return 0;
}

/* The settings that one wants to see at once, and those that differ from the defaults of experiments. */
static bool is_told(const struct experiment *experiment, const struct experiment *defaults, const struct column *column)
{
    static const char *const always[] = {"norm", "batch", "epochs", "schedule", "lr"};
    char text[COLUMN_ROOM], usual[COLUMN_ROOM];

    for (size_t i = 0; i < sizeof always / sizeof always[0]; ++i) {
        if (strcmp(column->name, always[i]) == 0)
            return true;
    }
    return strcmp(column->name, "architecture") != 0 &&
           strcmp(experiment_text(experiment, column, text), experiment_text(defaults, column, usual)) != 0;
}

static void write_short(FILE *page, const struct experiment *experiment)
{
    struct experiment defaults;
    char text[COLUMN_ROOM];
    int told = 0;

    experiment_init(&defaults);
    fputs("<p>Configuration: ", page);
    for (int i = 0; i < experiment_column_count; ++i) {
        const struct column *column = &experiment_columns[i];

        if (!column->of_run || !is_told(experiment, &defaults, column))
            continue;
        fprintf(page, "%s%s&nbsp;", told++ > 0 ? ", " : "", column->name);
        html_text(page, experiment_text(experiment, column, text));
    }
    fputs(".</p>\n", page);
}

static void write_configuration(FILE *page, const struct experiment *experiment)
{
    char text[COLUMN_ROOM];

    fputs("<details><summary>All settings</summary>\n", page);
    html_begin_table(page, "<th>setting<th class=\"t\">value<th class=\"t\">meaning");
    for (int i = 0; i < experiment_column_count; ++i) {
        const struct column *column = &experiment_columns[i];

        if (!column->of_run || strcmp(column->name, "statistics") == 0)
            continue;
        fputs("<tr>", page);
        html_text_cell(page, column->name);
        html_text_cell(page, experiment_text(experiment, column, text));
        html_text_cell(page, column->help);
        fputs("</tr>\n", page);
    }
    html_end_table(page);
    fputs("</details>\n", page);
}

int section_result(FILE *page, const struct material *material)
{
    const struct training_facts *facts = material->training;

    html_begin_section(page, "result", "Result");
    write_lead(page, material);
    if (facts->training->dropped > 0)
        fprintf(page,
                "<p class=\"notice\">The checkpoint had no room for the results of the first %" PRId64
                " epochs, which are missing here.</p>\n",
                facts->training->dropped);
    if (facts->training->finished > 0)
        write_figures(page, material->rows[0].runs[0]);
    if (*facts->failure)
        fputs("<p>Mistakes, weights, outputs and sparsity below are those of the weights when it stopped.</p>\n", page);
    else if (training_is_averaged(facts))
        fputs("<p>Mistakes, weights, outputs and sparsity below are those of the averaged weights, which "
              "<code>evaluate</code> and <code>predict</code> take.</p>\n",
              page);
    write_facts(page, facts);
    const int code = write_command(page, facts);
    write_short(page, material->rows[0].experiment);
    write_configuration(page, material->rows[0].experiment);
    html_end_section(page);
    return code;
}
