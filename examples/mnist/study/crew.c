/* SPDX-License-Identifier: MIT */
#include "study/crew.h"

#include "support/bar.h"
#include "support/interrupt.h"
#include "support/machine.h"
#include "support/minmax.h"
#include "support/report.h"
#include "training/progress.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>

struct crew {
    const struct plan *plan;
    const struct dataset *data;
    const char *data_key;

    pthread_mutex_t mutex; /* for the following */
    struct runs_file *file;
    size_t next, finished; /* runs of the plan */
    int code;              /* of the first failure */
    double cost, done;     /* of all runs, and of the images that have been trained */
    struct progress progress;
    double started, drawn;
};

/* ---- Progress ---------------------------------------------------------------------------------- */

static void left_text(const struct crew *crew, char *text, size_t size)
{
    const double elapsed = seconds_now() - crew->started;

    duration_text(text, size, crew->done > 0 ? elapsed * double_max(crew->cost - crew->done, 0) / crew->done : 0);
}

static void draw(struct crew *crew, const struct seed_run *run)
{
    char line[200], left[32];
    const double now = seconds_now();

    if (!crew->progress.terminal || now - crew->drawn < 0.1)
        return;
    crew->drawn = now;
    left_text(crew, left, sizeof left);
    snprintf(line, sizeof line, "%zu/%zu runs, %s left; %.40s, seed %" PRId64 ", epoch %" PRId64 "/%" PRId64,
             crew->finished, crew->plan->run_count, left, run->experiment->id, run->seed, run->epochs + 1,
             run->experiment->epochs);
    bar_draw(crew->progress.terminal, double_min(crew->done / crew->cost, 1), line);
}

static void clear(struct crew *crew)
{
    if (crew->progress.terminal && crew->drawn > 0)
        bar_erase(crew->progress.terminal);
    crew->drawn = 0;
}

static const struct planned_run *planned(const struct crew *crew, const struct seed_run *run)
{
    const struct planned_run *first = crew->plan->runs;

    while (first->experiment != run->experiment || first->seed != run->seed)
        ++first;
    return first;
}

static void count_images(void *user, const struct seed_run *run, int64_t images)
{
    struct crew *crew = user;
    const double all = (double)run->data.train.count * (double)run->experiment->epochs;

    pthread_mutex_lock(&crew->mutex);
    crew->done += planned(crew, run)->cost * (double)images / all;
    draw(crew, run);
    pthread_mutex_unlock(&crew->mutex);
}

static void print_run(struct crew *crew, const struct seed_run *run)
{
    char left[32];

    clear(crew);
    left_text(crew, left, sizeof left);
    printf("%4zu/%zu  %-24s seed %-3" PRId64, crew->finished, crew->plan->run_count, run->experiment->id, run->seed);
    if (run->epochs > 0)
        printf(" test %6.2f%%", run->history[run->epochs - 1].test.accuracy);
    if (run->epochs > 0 && run->experiment->validate > 0)
        printf(", validation %6.2f%%", run->history[run->epochs - 1].validation.accuracy);
    printf(" %5.0f s, %s left\n", run->seconds, left);
    if (run->failure[0])
        printf("           ended by: %s\n", run->failure);
    fflush(stdout);
}

/* ---- Work -------------------------------------------------------------------------------------- */

/* The next run, or NULL if there is none to begin. */
static const struct planned_run *begin_run(struct crew *crew)
{
    const struct planned_run *run = NULL;

    pthread_mutex_lock(&crew->mutex);
    if (crew->code == 0 && !interrupt_signal() && crew->next < crew->plan->run_count)
        run = &crew->plan->runs[crew->next++];
    pthread_mutex_unlock(&crew->mutex);
    return run;
}

/* A training that could not go on has done less than was planned. */
static void count_rest(struct crew *crew, const struct planned_run *job, const struct seed_run *run)
{
    if (run->failure[0])
        crew->cost -= job->cost * (double)(run->experiment->epochs - run->epochs) / (double)run->experiment->epochs;
}

static void end_run(struct crew *crew, const struct planned_run *job, const struct seed_run *run, int code)
{
    pthread_mutex_lock(&crew->mutex);
    if (code == 0 && !run->stopped && crew->code == 0) {
        ++crew->finished;
        count_rest(crew, job, run);
        clear(crew);
        code = runs_file_add(crew->file, run, job->key, crew->data_key);
        if (code == 0)
            print_run(crew, run);
    }
    if (crew->code == 0)
        crew->code = code;
    pthread_mutex_unlock(&crew->mutex);
}

static void *work(void *argument)
{
    struct crew *crew = argument;
    const struct run_watch watch = {count_images, crew};

    for (const struct planned_run *job = begin_run(crew); job; job = begin_run(crew)) {
        struct seed_run run;
        const int code = seed_run_train(&run, job->experiment, job->seed, crew->data, &watch);

        end_run(crew, job, &run, code);
        seed_run_close(&run);
    }
    return NULL;
}

int crew_work(const struct plan *plan, struct runs_file *file, const struct dataset *data, const char *data_key,
              int64_t jobs)
{
    const size_t most = (size_t)jobs < plan->run_count ? (size_t)jobs : plan->run_count;
    struct crew crew = {.plan = plan, .file = file, .data = data, .data_key = data_key};
    pthread_t *threads = calloc(most, sizeof *threads);
    size_t started = 0;

    if (!threads)
        return report_error("not enough memory for %zu threads", most);
    for (size_t i = 0; i < plan->run_count; ++i)
        crew.cost += plan->runs[i].cost;
    crew.progress = progress_open();
    crew.started = seconds_now();
    pthread_mutex_init(&crew.mutex, NULL);
    while (started < most && pthread_create(&threads[started], NULL, work, &crew) == 0)
        ++started;
    if (started == 0)
        work(&crew); /* the system has no threads to give */
    for (size_t i = 0; i < started; ++i)
        pthread_join(threads[i], NULL);
    clear(&crew);
    pthread_mutex_destroy(&crew.mutex);
    free(threads);
    return crew.code;
}
