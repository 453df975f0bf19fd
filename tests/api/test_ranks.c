/* SPDX-License-Identifier: MIT */
/*
 * Several processes, played by threads with a model each: gradients are summed by the caller, batch norm is
 * synchronized by config.reduce, and all of them learn what one model learns from the whole batch.
 */
#include "harness/twins.h"

#include <pthread.h>

enum { RANKS = 2, STEPS = 4, IMAGES = 40 };

/* ---- A reduce over threads --------------------------------------------------------------------- */

struct barrier {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    int arrived, round, ranks;
    int64_t count;        /* of the values that are summed, the same on all ranks */
    double sums[2][4096]; /* of even and of odd rounds: a rank may begin the next before another has read this one */
    int calls, mistakes;
    int abandoned; /* a rank has failed and will not come any more */
};

static struct barrier *barrier_open(int ranks)
{
    struct barrier *self = check_allocate(1, sizeof *self);

    pthread_mutex_init(&self->mutex, NULL);
    pthread_cond_init(&self->changed, NULL);
    self->ranks = ranks;
    return self;
}

static void barrier_close(struct barrier *self)
{
    pthread_mutex_destroy(&self->mutex);
    pthread_cond_destroy(&self->changed);
    free(self);
}

/* The ranks add in the order in which they come; of two numbers the sum is the same either way. */
static int32_t meet(void *user, double *values, int64_t count)
{
    struct barrier *self = user;
    double *sums;
    int round;

    pthread_mutex_lock(&self->mutex);
    round = self->round;
    sums = self->sums[round % 2];
    ++self->calls;
    if (self->arrived == 0) {
        memset(sums, 0, sizeof self->sums[0]);
        self->count = count;
    }
    if (count != self->count || count > CHECK_COUNT(self->sums[0]))
        ++self->mistakes;
    for (int64_t i = 0; i < count && i < CHECK_COUNT(self->sums[0]); ++i)
        sums[i] += values[i];
    if (++self->arrived == self->ranks) {
        self->arrived = 0;
        ++self->round;
        pthread_cond_broadcast(&self->changed);
    }
    while (round == self->round && !self->abandoned)
        pthread_cond_wait(&self->changed, &self->mutex);
    memcpy(values, sums, (size_t)count * sizeof *values);
    round = self->abandoned;
    pthread_mutex_unlock(&self->mutex);
    return round;
}

static void abandon(struct barrier *self)
{
    pthread_mutex_lock(&self->mutex);
    self->abandoned = 1;
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->mutex);
}

/* ---- Ranks against the whole ------------------------------------------------------------------- */

struct rank {
    normnet_config config;
    normnet_model *model;
    const struct twins *data;
    struct barrier *of_gradients;
    int64_t first, count;
    normnet_status status;
    char message[256]; /* of its failure */
    normnet_metrics metrics;
    double *gradients; /* summed over the ranks, of the first step */
    pthread_t thread;
};

static const char rank_architecture[] =
    "conv3-4 norm relu dropout0.25 maxpool2 conv3-8p1 relu norm gap flatten fc-6 norm fc-10b";

/* A rank that sees `count` of the images from `first` on. */
static struct rank open_rank(const normnet_config *config, struct barrier *of_norms, const struct twins *data,
                             int64_t first, int64_t count)
{
    struct rank self = {.config = *config, .data = data, .first = first, .count = count};

    self.config.reduce = meet;
    self.config.reduce_user = of_norms;
    self.model = CHECK_CREATE(&self.config);
    return self;
}

static void start_ranks(struct rank *ranks, void *run(void *))
{
    for (int i = 0; i < RANKS; ++i)
        CHECK_EQUAL(pthread_create(&ranks[i].thread, NULL, run, &ranks[i]), 0);
}

/* At the end of a rank's thread: a failure is reported, and no rank waits for this one. */
static void *end_rank(struct rank *self)
{
    if (self->status != NORMNET_OK) {
        snprintf(self->message, sizeof self->message, "%s", normnet_error_message());
        abandon(self->config.reduce_user);
        if (self->of_gradients != NULL)
            abandon(self->of_gradients);
    }
    return NULL;
}

static void join_rank(struct rank *self, int number)
{
    pthread_join(self->thread, NULL);
    if (self->status != NORMNET_OK)
        CHECK_FAIL("rank %d failed with %s: %s", number, normnet_status_string((int32_t)self->status), self->message);
}

static void *run_rank(void *argument)
{
    struct rank *self = argument;
    const normnet_tensor images =
        tensor_images(NORMNET_U8, self->data->in.bytes + self->first * TWINS_PIXELS, self->count, &self->config);
    const normnet_tensor labels = tensor_1d(NORMNET_I64, self->data->in.digits + self->first, self->count);
    normnet_batch batch;

    normnet_batch_init(&batch);
    batch.first_sample = self->first;
    batch.images_in_all = IMAGES;
    for (int step = 0; step < STEPS && self->status == NORMNET_OK; ++step) {
        double *values;
        int64_t count;

        self->metrics = metrics_init();
        self->status = normnet_compute_gradients(self->model, &images, &labels, &batch, &self->metrics);
        if (self->status != NORMNET_OK || normnet_gradients(self->model, &values, &count) != NORMNET_OK)
            break;
        meet(self->of_gradients, values, count);
        if (step == 0)
            memcpy(self->gradients, values, (size_t)count * sizeof *values);
        self->status = normnet_apply_gradients(self->model, IMAGES);
    }
    return end_rank(self);
}

static double distance(const double *a, const double *b, int64_t count)
{
    double apart = 0.0, largest = 0.0;

    for (int64_t i = 0; i < count; ++i) {
        apart = fabs(a[i] - b[i]) > apart ? fabs(a[i] - b[i]) : apart;
        largest = fabs(b[i]) > largest ? fabs(b[i]) : largest;
    }
    return apart / largest;
}

/* Differences up to `noise` do not count. */
static void compare_states(const normnet_model *model, const normnet_model *whole, double tolerance, double noise)
{
    for (int32_t i = 0; i < normnet_state_count(whole); ++i) {
        const normnet_state_info a = state_info(model, i), b = state_info(whole, i);
        double apart = 0.0, largest = 1e-30;

        if (a.dtype == NORMNET_I64) {
            CHECK_EQUAL(*(const int64_t *)a.data, *(const int64_t *)b.data);
            continue;
        }
        for (int64_t j = 0; j < state_length(&b); ++j) {
            const double x = (double)((const float *)a.data)[j], y = (double)((const float *)b.data)[j];

            apart = fabs(x - y) > apart ? fabs(x - y) : apart;
            largest = fabs(y) > largest ? fabs(y) : largest;
        }
        if (apart > tolerance * largest && apart > noise)
            CHECK_FAIL("%s differs by %.3g of its largest value from that of the whole batch", a.name, apart / largest);
    }
}

/* What the ranks of one case have in common. */
struct rank_case {
    const char *name;
    int32_t norm, affine, threads;
    int64_t split; /* images of rank 0 */
};

static void ranks_learn_as_one(const void *argument)
{
    const struct rank_case *want = argument;
    const int whole_leaves = want->split % 8 == 0;
    normnet_config config = twins_config(want->norm);
    struct barrier *of_norms = barrier_open(RANKS), *of_gradients = barrier_open(RANKS);
    struct rank ranks[RANKS];
    normnet_tensor images, labels;
    normnet_metrics metrics = metrics_init();
    double *gradients, *first_gradients, loss = 0.0;
    int64_t count, correct = 0;
    struct twins *pair;

    config.architecture = rank_architecture;
    config.affine = want->affine;
    config.groups = 2;
    config.l2 = 1e-3;
    config.threads = want->threads;
    pair = twins_open_config(&config); /* its model is the one of the whole batch */
    count = normnet_parameter_count(pair->model);
    first_gradients = check_allocate((size_t)count, sizeof *first_gradients);
    for (int i = 0; i < RANKS; ++i) {
        ranks[i] = i == 0 ? open_rank(&config, of_norms, pair, 0, want->split)
                          : open_rank(&config, of_norms, pair, want->split, IMAGES - want->split);
        ranks[i].of_gradients = of_gradients;
        ranks[i].gradients = check_allocate((size_t)count, sizeof *gradients);
    }
    start_ranks(ranks, run_rank);
    images = tensor_images(NORMNET_U8, pair->in.bytes, IMAGES, &config);
    labels = tensor_1d(NORMNET_I64, pair->in.digits, IMAGES);
    for (int step = 0; step < STEPS; ++step) {
        CHECK_OK(normnet_compute_gradients(pair->model, &images, &labels, NULL, &metrics));
        CHECK_OK(normnet_gradients(pair->model, &gradients, NULL));
        if (step == 0)
            memcpy(first_gradients, gradients, (size_t)count * sizeof *gradients);
        CHECK_OK(normnet_apply_gradients(pair->model, IMAGES));
    }
    for (int i = 0; i < RANKS; ++i) {
        join_rank(&ranks[i], i);
        loss += ranks[i].metrics.loss * (double)ranks[i].count / IMAGES;
        correct += ranks[i].metrics.correct;
        /* Sums are doubles, whose last bits may depend on the split, but for those of 8 samples in fully connected
           layers, which a split can cut. */
        if (!(distance(ranks[i].gradients, first_gradients, count) < (whole_leaves ? 1e-12 : 1e-7)))
            CHECK_FAIL("the gradients of rank %d are %.3g of the largest apart from those of the whole batch", i,
                       distance(ranks[i].gradients, first_gradients, count));
        /* A bias before batch norm has no gradient: it is made of rounding, and so is the mean that removes it. */
        compare_states(ranks[i].model, pair->model, 5e-7, whole_leaves ? 0.0 : 1e-8);
    }
    CHECK_CLOSE(loss, metrics.loss, 1e-6 * metrics.loss);
    CHECK_EQUAL(correct, metrics.correct);
    CHECK_EQUAL(of_norms->mistakes, 0);
    CHECK_EQUAL(of_gradients->mistakes, 0);
    CHECK(want->norm == NORMNET_NORM_BATCH ? of_norms->calls > 0 : of_norms->calls == 0);
    /* All ranks hold the same bits. */
    for (int i = 1; i < RANKS; ++i)
        CHECK(hash_state(ranks[i].model) == hash_state(ranks[0].model));
    for (int i = 0; i < RANKS; ++i) {
        normnet_model_destroy(ranks[i].model);
        free(ranks[i].gradients);
    }
    free(first_gradients);
    barrier_close(of_norms);
    barrier_close(of_gradients);
    twins_close(pair);
}

/* update_statistics sums over the ranks too: the statistics of the whole batch on every rank. */
static void *update_rank(void *argument)
{
    struct rank *self = argument;
    const normnet_tensor images =
        tensor_images(NORMNET_U8, self->data->in.bytes + self->first * TWINS_PIXELS, self->count, &self->config);

    self->status = normnet_update_statistics(self->model, &images, 1);
    return end_rank(self);
}

/* What the ranks are given, and how near the statistics have to be to those of a model that is given all of it. */
struct update_case {
    const char *architecture;
    int64_t first[RANKS], count[RANKS], images;
    double tolerance;
};

static void statistics_of_ranks(const void *argument)
{
    const struct update_case *want = argument;
    normnet_config config = twins_config(NORMNET_NORM_BATCH);
    struct barrier *of_norms = barrier_open(RANKS);
    struct rank ranks[RANKS];
    normnet_tensor images;
    struct twins *pair;

    config.architecture = want->architecture;
    pair = twins_open_config(&config);
    images = tensor_images(NORMNET_U8, pair->in.bytes, want->images, &config);
    CHECK_OK(normnet_update_statistics(pair->model, &images, 1));
    for (int i = 0; i < RANKS; ++i)
        ranks[i] = open_rank(&config, of_norms, pair, want->first[i], want->count[i]);
    start_ranks(ranks, update_rank);
    for (int i = 0; i < RANKS; ++i) {
        join_rank(&ranks[i], i);
        compare_states(ranks[i].model, pair->model, want->tolerance, 0.0);
    }
    for (int i = 0; i < RANKS; ++i)
        normnet_model_destroy(ranks[i].model);
    barrier_close(of_norms);
    twins_close(pair);
}

/* A rank may have a single image: together the ranks have enough for batch norm. */
static void *step_rank(void *argument)
{
    struct rank *self = argument;
    const normnet_tensor images =
        tensor_images(NORMNET_U8, self->data->in.bytes + self->first * TWINS_PIXELS, self->count, &self->config);
    const normnet_tensor labels = tensor_1d(NORMNET_I64, self->data->in.digits + self->first, self->count);

    self->status = normnet_compute_gradients(self->model, &images, &labels, NULL, NULL);
    return end_rank(self);
}

static void one_image_each(const void *argument)
{
    normnet_config config = twins_config(NORMNET_NORM_BATCH);
    struct barrier *of_norms = barrier_open(RANKS);
    struct rank ranks[RANKS];
    struct twins *pair;

    (void)argument;
    config.architecture = "conv3-4 relu gap norm conv1-10";
    pair = twins_open_config(&config);
    for (int i = 0; i < RANKS; ++i)
        ranks[i] = open_rank(&config, of_norms, pair, i, 1);
    start_ranks(ranks, step_rank);
    for (int i = 0; i < RANKS; ++i) {
        join_rank(&ranks[i], i);
        normnet_model_destroy(ranks[i].model);
    }
    barrier_close(of_norms);
    twins_close(pair);
}

static int32_t nobody_else(void *user, double *values, int64_t count)
{
    (void)user;
    (void)values;
    (void)count;
    return 0;
}

/* What one rank alone would reject before it computes, all together have to notice when they have. */
static void one_image_in_all(const void *argument)
{
    normnet_config config = twins_config(NORMNET_NORM_BATCH);
    struct twins *pair;
    normnet_tensor image, label;

    (void)argument;
    config.architecture = "conv3-4 relu gap norm conv1-10";
    config.reduce = nobody_else;
    pair = twins_open_config(&config);
    image = pair->images;
    label = pair->labels;
    image.shape[0] = label.shape[0] = 1;
    CHECK_REJECTED(pair, normnet_train_step(pair->model, &image, &label, &pair->out.metrics), NORMNET_EINVAL,
                   "layer 3 (norm)", "all ranks together have 1");
    CHECK_REJECTED(pair, normnet_update_statistics(pair->model, &image, 1), NORMNET_EINVAL, "more than one value");
    twins_close(pair);
}

int main(int argc, char **argv)
{
    static const struct rank_case cases[] = {
        {"none", NORMNET_NORM_NONE, NORMNET_AFFINE_DEFAULT, 1, 32},
        {"group", NORMNET_NORM_GROUP, NORMNET_AFFINE_DEFAULT, 1, 32},
        {"batch, 32 and 8 images", NORMNET_NORM_BATCH, NORMNET_AFFINE_DEFAULT, 1, 32},
        {"batch, 24 and 16 images", NORMNET_NORM_BATCH, NORMNET_AFFINE_DEFAULT, 1, 24},
        {"batch, 1 and 39 images", NORMNET_NORM_BATCH, NORMNET_AFFINE_DEFAULT, 1, 1},
        {"batch without affine", NORMNET_NORM_BATCH, NORMNET_AFFINE_NONE, 1, 16},
        {"batch, 2 threads per rank", NORMNET_NORM_BATCH, NORMNET_AFFINE_DEFAULT, 2, 32},
    };
    static const struct update_case parts = {
        "norm conv3-4 relu norm gap conv1-10", {0, 16}, {16, IMAGES - 16}, IMAGES, 5e-7};
    /* The same images twice: the unbiased variance of n = 4,000 values gets smaller by 1 / (2n - 1). */
    static const struct update_case copies = {
        "norm conv3-4 relu dropout0.25 norm gap conv1-10", {0, 0}, {IMAGES, IMAGES}, IMAGES, 2e-4};

    if (!check_begin(argc, argv))
        return check_end();
    for (int i = 0; i < CHECK_COUNT(cases); ++i) {
        check_case_named(ranks_learn_as_one, &cases[i], "ranks: two of them learn what one model learns, norm %s",
                         cases[i].name);
    }
    check_case("ranks: update_statistics sees the images of all", statistics_of_ranks, &parts);
    check_case("ranks: update_statistics has the same dropout on all", statistics_of_ranks, &copies);
    check_case("ranks: a single image each is enough together", one_image_each, NULL);
    check_case("ranks: a single image in all is rejected", one_image_in_all, NULL);
    return check_end();
}
