/* SPDX-License-Identifier: MIT */
#include "commands/train.h"

#include "commands/train_options.h"
#include "report/training_page.h"
#include "support/interrupt.h"
#include "support/options.h"
#include "support/text.h"
#include "training/average.h"
#include "training/curves.h"
#include "training/prepare.h"
#include "training/results.h"
#include "training/run.h"

#include <inttypes.h>
#include <normnet.h>
#include <stdio.h>

static void print_weights(const struct run *run)
{
    const struct epoch_result *best = &run->training.best;
    char hexadecimal[65];

    results_hash_weights(run->model, hexadecimal);
    printf("\nSHA-256 of the weights: %s\n", hexadecimal);
    if (run->settings.average > 0) {
        results_hash_average(run->model, hexadecimal);
        printf("SHA-256 of their average: %s\n", hexadecimal);
    }
    if (best->epoch == 0)
        return;
    printf("Best epoch: %" PRId64
           ", with a validation accuracy of %.2f%%, loss %.4f, and a test accuracy of %.2f%%%s\n",
           best->epoch, best->validation_accuracy, best->validation_loss, best->test_accuracy,
           run->settings.average > 0 ? ", with its averaged weights" : "");
    print_name("Its weights are in ", run->best.path, "; ");
    printf("their SHA-256: %s\n", run->training.best_weights);
}

/*
 * If the checkpoint drops epochs, the command omits --json: the resumed run would replace the file with an incomplete
 * history.
 */
static void print_how_to_resume(const struct run *run)
{
    const struct settings *settings = &run->settings;
    const int64_t dropped = checkpoint_count_dropped(settings, &run->training);

    print_name("saved ", settings->save, ". Resume with: ");
    train_options_print_resume(settings, settings->save, dropped > 0 ? NULL : settings->json);
    printf("\n");
    if (dropped > 0)
        printf("The checkpoint has no room for the results of the first %" PRId64
               " epochs; choose a new file for --json.\n",
               dropped);
}

/* Saves the training after a signal and prints how to resume it. */
static int stop_training(struct run *run)
{
    const struct training_state *training = &run->training;

    /* So that other commands can test the average in the checkpoint; the next step of training replaces them. */
    int code = run->settings.save ? average_update(run->model, &run->data, &run->settings, training->finished + 1) : 0;
    if (code == 0)
        code = run_save(run);
    if (code != 0)
        return code;
    progress_clear(&run->progress);
    printf("\nStopped in epoch %" PRId64 " after %" PRId64 " of %" PRId64 " images; ", training->finished + 1,
           training->done, training->images);
    if (run->settings.save)
        print_how_to_resume(run);
    else
        printf("nothing is saved without --save FILE.\n");
    return interrupt_exit_code();
}

/* Writes the page of --report. */
static int write_report(struct run *run)
{
    const struct training_facts facts = {
        .settings = &run->settings,
        .data = &run->data,
        .model = run->model,
        .training = &run->training,
        .classes = &run->classes,
        .best = run->best.path,
        .failure = run->failure,
        .argument_count = run->argument_count,
        .arguments = run->arguments,
    };

    if (!run->settings.report)
        return 0;
    int code = file_claim_check(&run->report_claim);
    if (code == 0)
        code = training_page_write(&facts, run->settings.report);
    if (code != 0)
        return code;
    file_claim_update(&run->report_claim);
    print_name("The report is in ", run->settings.report, "\n");
    return 0;
}

/* What is printed last. The training is complete even if its curves cannot be drawn. */
static int print_end(struct run *run)
{
    const int code = run->settings.plot ? curves_print(&run->training, run->data.validation.count > 0) : 0;

    print_weights(run);
    const int written = write_report(run);
    return code ? code : written;
}

/* A training that could not go on has a report, too, on the epochs before, and says in its JSON file why it ended. */
static int end_failed(struct run *run, int code)
{
    if (run->failure[0]) {
        run_write_results(run);
        write_report(run);
    }
    return code;
}

static int train_epochs(struct run *run)
{
    struct training_state *training = &run->training;

    interrupt_catch();
    interrupt_ignore_pipe();
    run->progress = progress_start(run->settings.epochs, training->images, run->data.validation.count > 0,
                                   run->settings.average > 0, training->finished * training->images + training->done);
    while (training->finished < run->settings.epochs) {
        struct epoch_result *result = &training->history[training->finished];

        result->epoch = training->finished + 1;
        int code = run_train_epoch(run, result);
        if (code == 0 && training->done < training->images)
            return stop_training(run);
        if (code == 0)
            code = run_finish_epoch(run, result);
        if (code != 0)
            return end_failed(run, code);
    }
    return print_end(run); /* also after a signal during the last test: the training is complete */
}

/* For a checkpoint of a finished training run: tests it again and writes the files of this run. */
static int test_finished(struct run *run)
{
    struct epoch_result result = {.epoch = run->training.finished};

    run->progress = progress_open();
    int code = run_test(run, &result);
    if (code == 0 && (!run_saves_in_place(run) || run->settings.epochs != run->resumed.settings.epochs))
        code = run_save(run);
    if (code == 0)
        code = run_write_results(run);
    if (code != 0)
        return code;
    print_name("The run in ", run->settings.resume, " is complete: ");
    printf("%" PRId64 " epoch%s. Test loss %.4f, accuracy %.2f%%\n", run->training.finished,
           run->training.finished == 1 ? "" : "s", result.test_loss, result.test_accuracy);
    if (run->settings.average > 0)
        printf("With averaged weights: test loss %.4f, accuracy %.2f%%\n", result.average_test_loss,
               result.average_test_accuracy);
    return print_end(run);
}

static void print_resumed(const struct run *run)
{
    const struct training_state *training = &run->training;

    print_name("Resuming ", run->settings.resume, ": ");
    printf("%" PRId64 " of %" PRId64 " epochs and %" PRId64 " of %" PRId64 " images of the next are done\n\n",
           training->finished, run->settings.epochs, training->done, training->images);
}

static int run_training(struct run *run)
{
    const struct training_state *training = &run->training;

    if (training->finished == run->settings.epochs)
        return test_finished(run);
    if (run->settings.new_cycle)
        print_name("A new training with the weights of ", run->settings.resume,
                   run->settings.save ? "\n\n" : "; nothing is saved without --save FILE\n\n");
    else if (run->settings.resume)
        print_resumed(run);
    if (training->dropped > 0)
        printf("The checkpoint has no room for the results of the first %" PRId64 " epochs\n\n", training->dropped);
    return train_epochs(run);
}

int train_command(int argc, char **argv)
{
    struct run run = {.argument_count = argc, .arguments = argv};

    int code = train_options_parse(&run.settings, argc, argv);
    if (code == OPTIONS_HELP)
        return 0;
    if (code == 0)
        code = run_claim_files(&run);
    if (code == 0 && run.settings.resume) {
        code = checkpoint_open(&run.resumed, run.settings.resume);
        if (code == 0)
            code = train_options_resume(&run.settings, &run.resumed, argc, argv);
        if (code == 0 && run.settings.new_cycle)
            checkpoint_forget_training(&run.resumed);
    }
    if (code == 0)
        code = run_prepare(&run);
    if (code == 0)
        code = run_training(&run);
    run_close(&run);
    return code;
}
