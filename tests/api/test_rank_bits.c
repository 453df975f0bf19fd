/* SPDX-License-Identifier: MIT */
/*
 * Ranks whose sums are added along the tree of the samples: their weights have the bits of one process. And a rank
 * whose batch cannot be used, for which the others must not wait in vain. Ranks are threads here.
 */
#include "harness/twins.h"

#include <pthread.h>

enum { MAX_RANKS = 8, MAX_VALUES = 4096, STEPS = 6 };

/* ---- A reduce along the tree ------------------------------------------------------------------- */

struct meeting {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    int ranks, arrived, round;
    double values[2][MAX_RANKS][MAX_VALUES]; /* of even and of odd rounds: a rank may begin the next one early */
};

struct member {
    struct meeting *meeting;
    int rank;
};

/* (0 + 1) + (2 + 3): into rank 0's. */
static void add_along_tree(struct meeting *self, double (*values)[MAX_VALUES], int64_t count)
{
    for (int distance = 1; distance < self->ranks; distance *= 2)
        for (int rank = 0; rank + distance < self->ranks; rank += 2 * distance)
            for (int64_t i = 0; i < count; ++i)
                values[rank][i] += values[rank + distance][i];
}

static int32_t meet(void *user, double *values, int64_t count)
{
    const struct member *member = user;
    struct meeting *self = member->meeting;
    double(*all)[MAX_VALUES];
    int round;

    pthread_mutex_lock(&self->mutex);
    round = self->round;
    all = self->values[round % 2];
    memcpy(all[member->rank], values, (size_t)count * sizeof *values);
    if (++self->arrived == self->ranks) {
        add_along_tree(self, all, count);
        self->arrived = 0;
        ++self->round;
        pthread_cond_broadcast(&self->changed);
    }
    while (round == self->round)
        pthread_cond_wait(&self->changed, &self->mutex);
    memcpy(values, all[0], (size_t)count * sizeof *values);
    pthread_mutex_unlock(&self->mutex);
    return 0;
}

static struct meeting *open_meeting(int ranks)
{
    struct meeting *self = check_allocate(1, sizeof *self);

    pthread_mutex_init(&self->mutex, NULL);
    pthread_cond_init(&self->changed, NULL);
    self->ranks = ranks;
    return self;
}

static void close_meeting(struct meeting *self)
{
    pthread_mutex_destroy(&self->mutex);
    pthread_cond_destroy(&self->changed);
    free(self);
}

/* ---- The same bits ----------------------------------------------------------------------------- */

/* Images of the whole batch of a step, short ones among them; with more ranks, so many that all have some. */
static int64_t batch_size(int ranks, int step)
{
    static const int64_t sizes[STEPS] = {40, 33, 40, 17, 24, 40};

    return ranks > 2 ? 32 : sizes[step];
}

static const char architecture[] =
    "conv3-4 norm relu dropout0.25 maxpool2 conv3-8p1 relu norm gap flatten fc-9b relu norm fc-10b";

struct bits_case {
    const char *name;
    int32_t norm, affine, ranks;
};

struct rank {
    struct member of_norms, of_gradients;
    const struct twins_inputs *in;
    normnet_config config;
    normnet_model *model;
    normnet_status status, next_status;
    char message[256];
    pthread_t thread;
};

/* The share of a batch; no images if there are too few. */
static normnet_status compute_share(const struct rank *self, int64_t images_in_all)
{
    normnet_tensor images, labels;
    normnet_batch batch;
    int64_t first, count;

    CHECK_OK(normnet_shard(images_in_all, self->of_norms.meeting->ranks, self->of_norms.rank, &first, &count));
    images =
        tensor_images(NORMNET_U8, (void *)(uintptr_t)(self->in->bytes + first * TWINS_PIXELS), count, &self->config);
    labels = tensor_1d(NORMNET_I64, (void *)(uintptr_t)(self->in->digits + first), count);
    normnet_batch_init(&batch);
    batch.first_sample = first;
    batch.images_in_all = images_in_all;
    return normnet_compute_gradients(self->model, &images, &labels, &batch, NULL);
}

static void *train_rank(void *argument)
{
    struct rank *self = argument;

    for (int step = 0; step < STEPS && self->status == NORMNET_OK; ++step) {
        const int64_t images_in_all = batch_size(self->of_norms.meeting->ranks, step);
        double *values;
        int64_t count;

        self->status = compute_share(self, images_in_all);
        if (self->status == NORMNET_OK)
            self->status = normnet_gradients(self->model, &values, &count);
        if (self->status != NORMNET_OK)
            break;
        meet(&self->of_gradients, values, count);
        self->status = normnet_apply_gradients(self->model, images_in_all);
    }
    if (self->status != NORMNET_OK)
        snprintf(self->message, sizeof self->message, "%s", normnet_error_message());
    return NULL;
}

static normnet_config bits_config(const struct bits_case *want)
{
    normnet_config config = twins_config(want->norm);

    config.architecture = architecture;
    config.affine = want->affine;
    config.groups = want->norm == NORMNET_NORM_GROUP ? 1 : 0;
    config.l2 = 1e-3;
    config.clip_norm = 1.0;
    return config;
}

static void open_ranks(struct rank *ranks, const struct bits_case *want, const struct twins_inputs *in,
                       struct meeting *of_norms, struct meeting *of_gradients)
{
    for (int i = 0; i < want->ranks; ++i) {
        memset(&ranks[i], 0, sizeof ranks[i]);
        ranks[i].of_norms = (struct member){of_norms, i};
        ranks[i].of_gradients = (struct member){of_gradients, i};
        ranks[i].in = in;
        ranks[i].config = bits_config(want);
        ranks[i].config.threads = 1 + i % 2;
        ranks[i].config.reduce = meet;
        ranks[i].config.reduce_user = &ranks[i].of_norms;
        ranks[i].model = CHECK_CREATE(&ranks[i].config);
    }
}

static void run_ranks(struct rank *ranks, int count, void *(*run)(void *rank))
{
    for (int i = 0; i < count; ++i)
        CHECK_EQUAL(pthread_create(&ranks[i].thread, NULL, run, &ranks[i]), 0);
    for (int i = 0; i < count; ++i)
        pthread_join(ranks[i].thread, NULL);
}

static void bits_of_one_process(const void *argument)
{
    const struct bits_case *want = argument;
    struct meeting *of_norms = open_meeting(want->ranks), *of_gradients = open_meeting(want->ranks);
    normnet_config config = bits_config(want);
    struct twins *pair = twins_open_config(&config); /* its model is the one process */
    struct rank ranks[MAX_RANKS];

    open_ranks(ranks, want, &pair->in, of_norms, of_gradients);
    run_ranks(ranks, want->ranks, train_rank);
    for (int step = 0; step < STEPS; ++step) {
        const int64_t count = batch_size(want->ranks, step);
        const normnet_tensor images = tensor_images(NORMNET_U8, pair->in.bytes, count, &config);
        const normnet_tensor labels = tensor_1d(NORMNET_I64, pair->in.digits, count);

        CHECK_OK(normnet_train_step(pair->model, &images, &labels, NULL));
    }
    for (int i = 0; i < want->ranks; ++i) {
        if (ranks[i].status != NORMNET_OK)
            CHECK_FAIL("rank %d failed with %s: %s", i, normnet_status_string((int32_t)ranks[i].status),
                       ranks[i].message);
        else if (hash_state(ranks[i].model) != hash_state(pair->model))
            CHECK_FAIL("rank %d has other bits than one process", i);
        normnet_model_destroy(ranks[i].model);
    }
    twins_close(pair);
    close_meeting(of_gradients);
    close_meeting(of_norms);
}

/* ---- A batch that cannot be used --------------------------------------------------------------- */

/* Rank 1 has a label beyond the classes in the first of two calls. */
static void *bad_then_good(void *argument)
{
    struct rank *self = argument;
    const int64_t label = self->of_norms.rank == 1 ? TWINS_CLASSES : 0;
    const normnet_tensor labels = tensor_1d(NORMNET_I64, (void *)(uintptr_t)&label, 1);
    const normnet_tensor images = tensor_images(NORMNET_U8, (void *)(uintptr_t)self->in->bytes, 1, &self->config);
    normnet_batch batch;

    normnet_batch_init(&batch);
    batch.first_sample = self->of_norms.rank;
    batch.images_in_all = 2;
    self->status = normnet_compute_gradients(self->model, &images, &labels, &batch, NULL);
    snprintf(self->message, sizeof self->message, "%s", normnet_error_message());
    self->next_status = compute_share(self, 40);
    return NULL;
}

static void bad_batch_of_one_rank(const void *argument)
{
    static const struct bits_case want = {"", NORMNET_NORM_BATCH, NORMNET_AFFINE_DEFAULT, 2};
    struct meeting *of_norms = open_meeting(want.ranks);
    normnet_config config = bits_config(&want);
    struct twins *pair = twins_open_config(&config);
    struct rank ranks[MAX_RANKS];

    (void)argument;
    open_ranks(ranks, &want, &pair->in, of_norms, of_norms);
    run_ranks(ranks, want.ranks, bad_then_good);
    for (int i = 0; i < want.ranks; ++i) {
        CHECK_STATUS(ranks[i].status, i == 1 ? NORMNET_ELABEL : NORMNET_EVALUE);
        CHECK_STATUS(ranks[i].next_status, NORMNET_OK);
        normnet_model_destroy(ranks[i].model);
    }
    CHECK(strstr(ranks[0].message, "another rank") != NULL);
    CHECK(strstr(ranks[1].message, "label") != NULL);
    twins_close(pair);
    close_meeting(of_norms);
}

int main(int argc, char **argv)
{
    static const struct bits_case cases[] = {
        {"none, 2 ranks", NORMNET_NORM_NONE, NORMNET_AFFINE_DEFAULT, 2},
        {"group, 2 ranks", NORMNET_NORM_GROUP, NORMNET_AFFINE_DEFAULT, 2},
        {"layer, 2 ranks", NORMNET_NORM_LAYER, NORMNET_AFFINE_DEFAULT, 2},
        {"batch, 1 rank", NORMNET_NORM_BATCH, NORMNET_AFFINE_DEFAULT, 1},
        {"batch, 2 ranks", NORMNET_NORM_BATCH, NORMNET_AFFINE_DEFAULT, 2},
        {"batch without affine, 2 ranks", NORMNET_NORM_BATCH, NORMNET_AFFINE_NONE, 2},
        {"group, 4 ranks", NORMNET_NORM_GROUP, NORMNET_AFFINE_DEFAULT, 4},
        {"batch, 4 ranks", NORMNET_NORM_BATCH, NORMNET_AFFINE_DEFAULT, 4},
    };

    if (!check_begin(argc, argv))
        return check_end();
    for (int i = 0; i < CHECK_COUNT(cases); ++i) {
        char name[128];

        snprintf(name, sizeof name, "ranks: the bits of one process, %s", cases[i].name);
        check_case(name, bits_of_one_process, &cases[i]);
    }
    check_case("ranks: a bad batch of one of them fails on all, and none hangs", bad_batch_of_one_rank, NULL);
    return check_end();
}
