/* SPDX-License-Identifier: MIT */
/*
 * normnet-mpi: trains one network with several processes, perhaps on several machines. Each rank computes the gradients
 * of its share of every batch; the library has no network code, MPI adds them. The final weights have the bits of
 * normnet-mnist train in one process if the number of ranks is a power of two.
 */
#include "commands/train_options.h"
#include "job.h"
#include "support/interrupt.h"
#include "support/machine.h"
#include "support/minmax.h"
#include "support/options.h"
#include "support/report.h"
#include "support/terminal.h"
#include "support/text.h"
#include "training/results.h"
#include "training/steps.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct help help = {
    .introduction = "Usage: mpirun -np RANKS normnet-mpi [OPTION]...\n"
                    "\n"
                    "Trains a small convolutional network on MNIST, or on another data set, with\n"
                    "several processes. Each rank takes a share of every batch. With 1, 2, 4, 8, ...\n"
                    "ranks, the final weights have the same bits as those of normnet-mnist train with\n"
                    "the same options. A checkpoint can be resumed with any number of ranks, and by\n"
                    "normnet-mnist train. Defaults are in [brackets].\n"
                    "\n"
                    "General\n",
    .examples = "Exit status of each rank\n"
                "  0    The training is complete.\n"
                "  1    The data, a file or the training failed on one of them, which says why.\n"
                "  2    The command line is wrong.\n"
                "  130  A signal stopped the training; a checkpoint was written if --save was\n"
                "       given.\n"
                "\n"
                "Examples:\n"
                "  mpirun -np 2 normnet-mpi --epochs 5\n"
                "  mpirun -np 4 normnet-mpi --norm group --batch 256 --lr 0.03 --save run.ckpt\n"
                "  mpirun -np 2 normnet-mpi --resume run.ckpt\n",
};

/* ---- The command line -------------------------------------------------------------------------- */

static int list_options(struct option *options, struct job *job)
{
    struct settings *settings = &job->settings;
    const struct option list[] = {
        {OPTION_INTEGER, "--epochs", "N", "Passes over the training images. [20]", .target.integer = &settings->epochs,
         .min = 1, .max = 1e6},
        {OPTION_REAL, "--lr", "X", "The peak of the learning rate, which follows the one-cycle schedule. [0.015]",
         .target.real = &settings->max_lr, .max = 1e9},
        {.kind = OPTION_HEADING, .name = "Ranks and files"},
        {OPTION_FLAG, "--local-statistics", NULL,
         "Batch norm normalizes the images of each rank by themselves, as PyTorch's DistributedDataParallel does, "
         "instead of the whole batch; the weights then depend on the number of ranks.",
         .target.flag = &job->local_statistics},
        {OPTION_TEXT, "--save", "FILE",
         "Rank 0 writes a checkpoint after every epoch. FILE must not exist yet, unless it is the file of --resume. "
         "[with --resume, the same file]",
         .target.text = &settings->save},
        {OPTION_INTEGER, "--save-every", "N",
         "Write the checkpoint after every N training steps, too. [0: only after epochs]",
         .target.integer = &settings->save_every, .max = 1e9},
        {OPTION_TEXT, "--resume", "FILE",
         "Continue the training of a checkpoint, which rank 0 reads. Options that change the training are an error.",
         .target.text = &settings->resume},
    };
    const int count = train_options_share(options, settings);

    memcpy(options + count, list, sizeof list);
    return count + (int)(sizeof list / sizeof *list);
}

/* The training of a checkpoint goes on as it began. */
static int check_resumed(const struct option *options, int count, const char *resume)
{
    static const char *const of_job[] = {"--data", "--threads",    "--cpu",   "--local-statistics",
                                         "--save", "--save-every", "--resume"};
    enum { OF_JOB = sizeof of_job / sizeof *of_job };

    for (int i = 0; i < count; ++i) {
        int k = 0;

        while (k < OF_JOB && options[i].name && strcmp(options[i].name, of_job[k]) != 0)
            ++k;
        if (options[i].given && k == OF_JOB)
            return report_usage("%s cannot be chosen for the training in %s, which goes on as it began; leave it out",
                                options[i].name, resume);
    }
    return 0;
}

static int parse(struct job *job, int argc, char **argv)
{
    struct option options[TRAIN_MAX_OPTIONS];
    struct settings *settings = &job->settings;
    int32_t preset;
    int code;

    settings_init(settings);
    code = options_parse(options, list_options(options, job), argc, argv);
    if (code != 0 && code != OPTIONS_HELP)
        return code;
    preset = settings->preset; /* whose settings the other options are applied to */
    settings_init(settings);
    settings_use_preset(settings, preset);
    settings->threads = int64_max(1, core_count() / job->ranks.beside);
    const int count = list_options(options, job);
    code = options_run(options, count, &help, argc, argv);
    if (code == 0 && settings->resume && !settings->save)
        settings->save = settings->resume;
    if (code == 0)
        code = train_options_check(options, count, settings);
    settings->lr = settings->max_lr;
    if (options_given(options, count, "--momentum"))
        settings->hold_momentum = true;
    return code == 0 && settings->resume ? check_resumed(options, count, settings->resume) : code;
}

/* All ranks have the same command line: rank 0 says what is wrong with it. */
static int parse_all(struct job *job, int argc, char **argv)
{
    char **copy = calloc((size_t)argc + 1, sizeof *copy); /* parsing moves them */
    int code = 0;

    if (!copy)
        return report_error("not enough memory");
    memcpy(copy, argv, (size_t)argc * sizeof *copy);
    if (job->ranks.rank == 0)
        code = parse(job, argc, copy);
    ranks_copy(&job->ranks, &code, sizeof code);
    if (code == 0) /* mpirun can give ranks different ones */
        code = ranks_agree(&job->ranks, job->ranks.rank > 0 ? parse(job, argc, copy) : 0);
    free(copy);
    return code;
}

/* ---- The training ------------------------------------------------------------------------------ */

static void print_how_to_resume(const struct job *job)
{
    printf("mpirun -np %" PRId32 " normnet-mpi --resume ", job->ranks.count);
    print_word(stdout, job->settings.save);
    if (job->settings.data) {
        printf(" --data ");
        print_word(stdout, job->settings.data);
    }
    printf("%s\n", job->local_statistics ? " --local-statistics" : "");
}

static void print_start(const struct job *job)
{
    const struct settings *settings = &job->settings;

    dataset_print(&job->data);
    printf("%" PRId32 " ranks with %" PRId64 " threads each share every batch of %" PRId64 " images\n",
           job->ranks.count, settings->threads, job->batches.batch);
    if (job->training.finished + job->training.done > 0)
        printf("%" PRId64 " of %" PRId64 " epochs and %" PRId64 " of %" PRId64 " images of the next are done\n",
               job->training.finished, settings->epochs, job->training.done, job->training.images);
    if (settings->save) {
        printf("After a failure, resume with: ");
        print_how_to_resume(job);
    }
    printf("\n");
    fflush(stdout);
}

/* After a signal on one of the ranks. */
static int stop(struct job *job)
{
    const struct training_state *training = &job->training;
    const int code = job_save(job);

    if (code != 0)
        return code;
    if (job->ranks.rank == 0) {
        progress_clear(&job->progress);
        printf("\nStopped in epoch %" PRId64 " after %" PRId64 " of %" PRId64 " images; ", training->finished + 1,
               training->done, training->images);
        printf(job->settings.save ? "saved. Resume with: " : "nothing is saved without --save FILE.\n");
        if (job->settings.save)
            print_how_to_resume(job);
    }
    return ranks_agree(&job->ranks, interrupt_exit_code());
}

/* The ranks have made the same steps; this is where a fault of a machine would show. */
static int print_weights(const struct job *job)
{
    char hexadecimal[65];

    results_hash_weights(job->model, hexadecimal);
    if (!job->local_statistics && !ranks_have_same(&job->ranks, hexadecimal))
        return report_error("the ranks end with different weights; those of this rank have the SHA-256 %s",
                            hexadecimal);
    if (job->ranks.rank == 0)
        printf("\nSHA-256 of the weights: %s\n", hexadecimal);
    return 0;
}

static int train_epochs(struct job *job)
{
    struct training_state *training = &job->training;

    if (job->ranks.rank == 0)
        job->progress = progress_start(job->settings.epochs, training->images, job->data.validation.count > 0, false,
                                       training->finished * training->images + training->done);
    while (training->finished < job->settings.epochs) {
        struct epoch_result *result = &training->history[training->finished];

        result->epoch = training->finished + 1;
        int code = job_train_epoch(job, result);
        if (code == 0 && training->done < training->images)
            return stop(job);
        if (code == 0)
            code = job_test(job, result);
        if (code != 0)
            return code;
        training_end_epoch(training, result);
        job->counted = 0;
        code = job_save(job);
        if (code != 0)
            return code;
        if (job->ranks.rank == 0)
            progress_epoch(&job->progress, result);
    }
    return print_weights(job);
}

static int run(struct job *job, int argc, char **argv)
{
    int code = parse_all(job, argc, argv);

    if (code == OPTIONS_HELP)
        return 0;
    if (code == 0)
        code = job_open(job);
    if (code != 0)
        return code;
    if (job->ranks.rank == 0)
        print_start(job);
    interrupt_catch();
    interrupt_ignore_pipe();
    return train_epochs(job);
}

int main(int argc, char **argv)
{
    struct job job = {.counted = 0};
    char name[40] = "normnet-mpi";
    int provided;

    open_standard_streams();
    interrupt_ignore_size_limit();
    MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &provided); /* the thread that prepares batches calls no MPI */
    int code = ranks_open(&job.ranks);
    if (job.ranks.rank > 0)
        snprintf(name, sizeof name, "normnet-mpi, rank %" PRId32, job.ranks.rank);
    report_as(name);
    if (code != 0)
        MPI_Abort(MPI_COMM_WORLD, code);
    code = run(&job, argc - 1, argv + 1);
    fflush(stdout);
    job_close(&job);
    ranks_close(&job.ranks);
    MPI_Finalize();
    return code;
}
